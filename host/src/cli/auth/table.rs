//! The one table of `nervure auth`: it drives the parser and is what `--help` prints.

use super::given::Given;
use super::{AuthError, Input, Text, creds, nkey, password};

/// One command.
#[derive(Debug)]
pub(super) struct Command {
    /// Its word.
    pub(super) name: &'static str,
    /// The words that follow it, as help shows them; the first `needed` must be there.
    pub(super) words: &'static [&'static str],
    /// How many of them.
    pub(super) needed: usize,
    /// What help says about it; a line feed begins a second line.
    pub(super) about: &'static str,
    /// Its flags.
    pub(super) flags: &'static [Flag],
    /// Does it.
    pub(super) run: fn(&Given, &mut Input<'_>) -> Result<Text, AuthError>,
}

/// One flag.
#[derive(Debug)]
pub(super) struct Flag {
    /// Its name, without dashes.
    pub(super) name: &'static str,
    /// What follows it, as help shows it; empty for one that stands alone.
    pub(super) value: &'static str,
    /// What help says about it; a line feed begins a second line.
    pub(super) about: &'static str,
}

const fn flag(name: &'static str, value: &'static str, about: &'static str) -> Flag {
    Flag { name, value, about }
}

/// The command of this name.
pub(super) fn find(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.name == name)
}

const OUT: &str = "Write to FILE, which must be new and gets mode 0600";

/// All commands, in the order of help.
pub(super) static COMMANDS: &[Command] = &[
    Command {
        name: "nkey",
        words: &["ROLE"],
        needed: 1,
        about: "Make a key pair; print its seed, which is secret, and its public key\n\
                ROLE is operator, account, user, server, cluster or curve",
        flags: &[flag(
            "out",
            "FILE",
            "Write the seed to FILE, which must be new and gets mode 0600;\n\
             print the public key only",
        )],
        run: nkey::make,
    },
    Command {
        name: "pubkey",
        words: &["FILE"],
        needed: 0,
        about: "Print the public key of the seed in FILE, bare or decorated, or in a\n\
                credentials file; without FILE, or for -, of standard input",
        flags: &[],
        run: nkey::public,
    },
    Command {
        name: "password",
        words: &[],
        needed: 0,
        about: "Print the bcrypt hash of a password, to stand in the configuration\n\
                instead of it; asks for it twice on a terminal, else reads one line of\n\
                standard input; 1 to 72 octets, and the more the better: nats-server's\n\
                own tool wants 22 characters",
        flags: &[flag(
            "cost",
            "NUMBER",
            "Doublings of the work, for the server at each login as for\n\
             whoever guesses; 4 to 16 (default: 11)",
        )],
        run: password::hash,
    },
    Command {
        name: "creds",
        words: &[],
        needed: 0,
        about: "Put a user's token and seed together as a credentials file; print it",
        flags: &[
            flag("jwt", "FILE", "The user's token"),
            flag("seed", "FILE", "The seed of the user's key; - is standard input"),
            flag("out", "FILE", OUT),
        ],
        run: creds::make,
    },
];
