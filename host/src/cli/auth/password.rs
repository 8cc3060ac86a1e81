//! Hashes of passwords.

use std::io::{self, BufRead as _, BufReader, Read};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use super::{AuthError, Given, Input, Text};

/// What nats-server's own tool takes.
const DEFAULT_COST: u32 = 11;

/// bcrypt has none below, and above the check takes longer than clients may take to log in.
const COSTS: std::ops::RangeInclusive<u32> = 4..=16;

/// Octets that bcrypt looks at.
const MAX_LEN: u64 = 72;

/// Hashes a password.
pub(super) fn hash(given: &Given, input: &mut Input<'_>) -> Result<Text, AuthError> {
    let cost = match given.text("cost")? {
        None => DEFAULT_COST,
        Some(text) => text
            .parse()
            .ok()
            .filter(|cost| COSTS.contains(cost))
            .ok_or_else(|| given.wrong_value("cost", "a cost is a number from 4 to 16"))?,
    };
    let password =
        if input.is_terminal { ask(&mut input.reader)? } else { line(&mut input.reader)? };
    if password.is_empty() {
        return Err(AuthError::Password("the password is empty; nothing was hashed"));
    }
    let hash = bcrypt::hash(&*password, cost);
    let failed = |why: bcrypt::BcryptError| AuthError::Failed {
        doing: "the password was not hashed",
        why: why.to_string(),
    };
    Ok(format!("{}\n", hash.map_err(failed)?).into())
}

/// One line, without its end.
fn line(input: &mut dyn Read) -> Result<Zeroizing<String>, AuthError> {
    let failed = |why: io::Error| AuthError::Failed {
        doing: "the password cannot be read",
        why: why.to_string(),
    };
    // Room for one octet too many and a line's end.
    let limit = MAX_LEN + 3;
    let mut octets = Zeroizing::new(Vec::with_capacity(128));
    BufReader::with_capacity(1, input.take(limit))
        .read_until(b'\n', &mut octets)
        .map_err(failed)?;
    let line = octets.strip_suffix(b"\n").unwrap_or(&octets);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.len() as u64 > MAX_LEN {
        return Err(AuthError::Password(
            "the password has more than 72 octets, and bcrypt looks at no more; choose a shorter \
             one",
        ));
    }
    let text = std::str::from_utf8(line).map_err(|_| {
        AuthError::Password("the password is not UTF-8, which clients send; choose another")
    })?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// Asks on the terminal, twice.
fn ask(input: &mut dyn Read) -> Result<Zeroizing<String>, AuthError> {
    let silent = Silent::new()?;
    let mut ask = |prompt: &str| {
        eprint!("{prompt}");
        let answer = line(input);
        eprintln!();
        answer
    };
    let (once, again) = (ask("Password: ")?, ask("The same again: ")?);
    drop(silent);
    if once == again {
        Ok(once)
    } else {
        Err(AuthError::Password("the two are not the same; nothing was hashed"))
    }
}

/// A terminal that does not show what is typed; as before when dropped.
struct Silent(Termios);

impl Silent {
    fn new() -> Result<Self, AuthError> {
        let failed = |why: rustix::io::Errno| AuthError::Failed {
            doing: "the terminal would show the password",
            why: why.to_string(),
        };
        let before = tcgetattr(io::stdin()).map_err(failed)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(io::stdin(), OptionalActions::Flush, &silent).map_err(failed)?;
        Ok(Self(before))
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        // Nothing is left to be done about a terminal that is gone.
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.0);
    }
}
