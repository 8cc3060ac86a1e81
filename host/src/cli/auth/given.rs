//! The words of a command line, sorted by the table.
//!
//! As with the server's own flags, one dash or two are equal and a value follows as the next word
//! or after `=`. Unlike there, flags and words may come in any order.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::Path;

use super::AuthError;
use super::table::{self, COMMANDS, Command, Flag};

/// What is asked for.
pub(super) enum Request {
    /// The help on all commands.
    HelpOnAll,
    /// The help on one.
    HelpOn(&'static Command),
    /// One is to run.
    Run(&'static Command, Given),
}

/// The words and flags of one command.
pub(super) struct Given {
    command: &'static Command,
    words: Vec<OsString>,
    flags: Vec<(&'static str, OsString)>,
}

impl Given {
    /// Sorts what follows `nervure auth`.
    pub(super) fn read(words: impl IntoIterator<Item = OsString>) -> Result<Request, AuthError> {
        let mut words = words.into_iter();
        let Some(name) = words.next() else { return Ok(Request::HelpOnAll) };
        let mut name = name.to_string_lossy().into_owned();
        if matches!(name.as_str(), "help" | "-h" | "-help" | "--help") {
            return Ok(Request::HelpOnAll);
        }
        if table::is_first_of_two(&name)
            && let Some(second) = words.next()
        {
            name = format!("{name} {}", second.to_string_lossy());
        }
        let Some(command) = table::find(&name) else {
            let names: Vec<&str> = COMMANDS.iter().map(|command| command.name).collect();
            return Err(AuthError::Usage {
                wrong: format!("there is no command {name:?}"),
                possible: format!("the commands are {}", names.join(", ")),
            });
        };
        let mut given = Self { command, words: Vec::new(), flags: Vec::new() };
        while let Some(word) = words.next() {
            match word.as_bytes() {
                b"-h" | b"-help" | b"--help" => return Ok(Request::HelpOn(command)),
                [b'-', _, ..] => given.flag(&word, &mut words)?,
                _ => given.words.push(word),
            }
        }
        given.check_words()?;
        Ok(Request::Run(command, given))
    }

    fn flag(
        &mut self,
        word: &OsStr,
        rest: &mut impl Iterator<Item = OsString>,
    ) -> Result<(), AuthError> {
        let octets = word.as_bytes();
        let octets = octets.strip_prefix(b"--").unwrap_or(&octets[1..]);
        let equals = octets.iter().position(|octet| *octet == b'=');
        let name = String::from_utf8_lossy(&octets[..equals.unwrap_or(octets.len())]);
        let Some(flag) = self.command.flags.iter().find(|flag| flag.name == name) else {
            return Err(self.usage(format!("there is no flag --{name}")));
        };
        let value = match (flag.value, equals) {
            ("", None) => OsString::new(),
            ("", Some(_)) => return Err(self.usage(format!("--{name} takes no value"))),
            (_, Some(at)) => OsString::from_vec(octets[at + 1..].to_vec()),
            (value, None) => {
                let next = rest.next();
                next.ok_or_else(|| self.usage(format!("--{name} lacks its {value}")))?
            }
        };
        self.flags.push((flag.name, value));
        Ok(())
    }

    fn check_words(&self) -> Result<(), AuthError> {
        let (words, needed) = (self.command.words, self.command.needed);
        if self.words.len() > words.len() {
            // Not shown, since it could be a password.
            return Err(self.usage("there is a word too many"));
        }
        match words.get(self.words.len()).filter(|_| self.words.len() < needed) {
            Some(missing) => Err(self.usage(format!("{missing} is missing"))),
            None => Ok(()),
        }
    }

    /// The error that says `wrong` and what the command takes.
    pub(super) fn usage(&self, wrong: impl Into<String>) -> AuthError {
        let flags: Vec<String> = self.command.flags.iter().map(Flag::shown).collect();
        let takes = if flags.is_empty() { "no flags".to_owned() } else { flags.join(", ") };
        AuthError::Usage {
            wrong: wrong.into(),
            possible: format!("\"nervure auth {}\" takes {takes}", self.command.shown()),
        }
    }

    /// The error that says what a value must be.
    pub(super) fn wrong_value(&self, flag: &str, possible: &str) -> AuthError {
        let value = self.value(flag).unwrap_or_default();
        AuthError::Usage { wrong: format!("--{flag} {value:?}"), possible: possible.to_owned() }
    }

    /// Whether a flag was given.
    pub(super) fn has(&self, flag: &str) -> bool {
        self.value(flag).is_some()
    }

    /// The word at a place.
    pub(super) fn word(&self, at: usize) -> Option<&OsStr> {
        self.words.get(at).map(OsString::as_os_str)
    }

    /// A flag's value; of several the last.
    fn value(&self, flag: &str) -> Option<&OsStr> {
        let mut given = self.flags.iter().rev();
        given.find(|(name, _)| *name == flag).map(|(_, value)| value.as_os_str())
    }

    /// A flag's value as a path.
    pub(super) fn path(&self, flag: &str) -> Option<&Path> {
        self.value(flag).map(Path::new)
    }

    /// A flag's value as a path; an error without it.
    pub(super) fn needed_path(&self, flag: &str) -> Result<&Path, AuthError> {
        self.path(flag).ok_or_else(|| self.usage(format!("--{flag} is missing")))
    }

    /// A flag's value as text.
    pub(super) fn text(&self, flag: &str) -> Result<Option<String>, AuthError> {
        Ok(self.texts(flag)?.pop())
    }

    /// All values of a flag as text.
    pub(super) fn texts(&self, flag: &str) -> Result<Vec<String>, AuthError> {
        let given = self.flags.iter().filter(|(name, _)| *name == flag);
        let texts = given.map(|(_, value)| value.to_str().map(str::to_owned));
        texts.collect::<Option<_>>().ok_or_else(|| self.wrong_value(flag, "it must be UTF-8"))
    }
}

impl Command {
    /// The command and its words as help shows them.
    pub(super) fn shown(&self) -> String {
        let mut shown = self.name.to_owned();
        for (at, word) in self.words.iter().enumerate() {
            shown += &if at < self.needed { format!(" {word}") } else { format!(" [{word}]") };
        }
        shown
    }
}

impl Flag {
    /// The flag and its value as help shows them.
    pub(super) fn shown(&self) -> String {
        let gap = if self.value.is_empty() { "" } else { " " };
        format!("--{}{gap}{}", self.name, self.value)
    }
}
