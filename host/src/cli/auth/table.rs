//! The one table of `nervure auth`: it drives the parser and is what `--help` prints.

use super::given::Given;
use super::{AuthError, Input, Text, creds, explain, inspect, jwt, nkey, password};

/// One command.
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

/// Whether commands of two words begin with this one.
pub(super) fn is_first_of_two(word: &str) -> bool {
    COMMANDS.iter().any(|command| command.name.split_once(' ').is_some_and(|(one, _)| one == word))
}

const OUT: &str = "Write to FILE, which must be new and gets mode 0600";

const KEY: Flag =
    flag("key", "FILE", "The seed or public key of the subject, whom the token is about");
const NAME: Flag = flag("name", "NAME", "The subject's name (default: its public key)");
const ALLOW_PUB: Flag =
    flag("allow-pub", "SUBJECT", "May publish to this and nothing else; may be repeated");
const DENY_PUB: Flag = flag("deny-pub", "SUBJECT", "May not publish to this; may be repeated");
const ALLOW_SUB: Flag =
    flag("allow-sub", "SUBJECT", "May subscribe to this and nothing else; may be repeated");
const DENY_SUB: Flag = flag("deny-sub", "SUBJECT", "May not subscribe to this; may be repeated");
const TAG: Flag = flag("tag", "TAG", "A tag, as team:a; may be repeated");
const EXPIRES: Flag =
    flag("expires", "DURATION", "When the token ends, as 90d or 12h (default: never)");

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
        name: "inspect",
        words: &["FILE"],
        needed: 0,
        about: "Print what a token says, and whether its signature, times and content are\n\
                good; of a credentials file also whether the seed is the subject's, but\n\
                not the seed; without FILE, or for -, of standard input",
        flags: &[],
        run: inspect::inspect,
    },
    Command {
        name: "jwt operator",
        words: &[],
        needed: 0,
        about: "Print an operator's token, signed by its own seed, which --key names",
        flags: &[
            KEY,
            NAME,
            flag("signing-key", "KEY", "Public key that may sign accounts too; may be repeated"),
            flag("system-account", "KEY", "Public key of the system account"),
            TAG,
            EXPIRES,
            flag("out", "FILE", OUT),
        ],
        run: jwt::operator,
    },
    Command {
        name: "jwt account",
        words: &[],
        needed: 0,
        about: "Print an account's token, without limits but for JetStream, which it has not;\n\
                permissions are for its users that have none of their own",
        flags: &[
            KEY,
            flag(
                "issuer",
                "FILE",
                "The seed that signs: the operator's, or of a signing key of it",
            ),
            NAME,
            flag("signing-key", "KEY", "Public key that may sign users too; may be repeated"),
            ALLOW_PUB,
            DENY_PUB,
            ALLOW_SUB,
            DENY_SUB,
            TAG,
            EXPIRES,
            flag("out", "FILE", OUT),
        ],
        run: jwt::account,
    },
    Command {
        name: "jwt user",
        words: &[],
        needed: 0,
        about: "Print a user's token, without limits but for the permissions given",
        flags: &[
            KEY,
            flag("issuer", "FILE", "The seed that signs: the account's, or of a signing key of it"),
            flag("account", "KEY", "Public key of the account, if --issuer is a signing key"),
            NAME,
            ALLOW_PUB,
            DENY_PUB,
            ALLOW_SUB,
            DENY_SUB,
            flag("bearer", "", "The token lets in whoever has it, without the seed"),
            TAG,
            EXPIRES,
            flag("out", "FILE", OUT),
        ],
        run: jwt::user,
    },
    Command {
        name: "creds",
        words: &[],
        needed: 0,
        about: "Put a user's token and the seed that belongs to it together as a credentials\n\
                file; print it",
        flags: &[
            flag("jwt", "FILE", "The user's token"),
            flag("seed", "FILE", "The seed of the user's key; - is standard input"),
            flag("out", "FILE", OUT),
        ],
        run: creds::make,
    },
    Command {
        name: "explain",
        words: &[],
        needed: 0,
        about: "Print who a server with this configuration would take a client for, where\n\
                its messages would go, and why not; that the client has the password or\n\
                the seed is taken for granted",
        flags: &[
            flag("config", "FILE", "The server's configuration"),
            flag("user", "NAME", "The client shows this user name"),
            flag("nkey", "KEY", "The client shows this public key"),
            flag("token", "", "The client has the token"),
            flag("websocket", "", "The client comes over WebSocket"),
            flag("pub", "SUBJECT", "It publishes to this; may be repeated"),
            flag("sub", "SUBJECT", "It subscribes to this; may be repeated"),
            flag("queue", "NAME", "It subscribes as a member of this queue"),
        ],
        run: explain::explain,
    },
];
