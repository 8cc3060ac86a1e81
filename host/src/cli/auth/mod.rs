//! `nervure auth`: makes and reads the keys, hashes, tokens and files that the ways in ask for.
//!
//! Nothing here talks to a server. What a command prints goes to standard output, so that it can
//! be piped; every refusal is one line that says what was wrong and what is possible. Secrets are
//! printed only where printing them is the command.

mod creds;
mod error;
mod explain;
mod given;
mod help;
mod inspect;
mod jwt;
mod nkey;
mod password;
mod source;
mod table;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::io::{self, IsTerminal as _, Read};

use zeroize::Zeroizing;

pub use error::AuthError;
use given::{Given, Request};

/// What a command prints.
type Text = Zeroizing<String>;

/// What standard input is.
pub struct Input<'a> {
    reader: Box<dyn Read + 'a>,
    is_terminal: bool,
}

impl<'a> Input<'a> {
    /// The process's own.
    pub fn standard() -> Self {
        Self { is_terminal: io::stdin().is_terminal(), ..Self::of(io::stdin()) }
    }

    /// Something to read instead.
    pub fn of(reader: impl Read + 'a) -> Self {
        Self { reader: Box::new(reader), is_terminal: false }
    }
}

/// Obeys the words that follow `nervure auth`; gives back what belongs on standard output.
///
/// # Errors
/// See [`AuthError`].
pub fn run(
    words: impl IntoIterator<Item = OsString>,
    mut input: Input<'_>,
) -> Result<Text, AuthError> {
    match Given::read(words)? {
        Request::HelpOnAll => Ok(help::all().into()),
        Request::HelpOn(command) => Ok(help::one(command).into()),
        Request::Run(command, given) => (command.run)(&given, &mut input),
    }
}
