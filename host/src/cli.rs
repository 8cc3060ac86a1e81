//! The command line, in nats-server's manner: one or two dashes are equal, `-p 4222` and
//! `-p=4222` too, a boolean takes a value only after `=`, the last of two equal flags wins
//! (config-and-operations.md 3.1).
//!
//! Flags that are not served yet are refused like unknown ones, so that nobody believes in them.

use std::path::PathBuf;

use crate::config::{self, ConfigError};
use crate::options::{Listen, Options, User};

/// What the command line asks for.
#[derive(Debug)]
pub enum Command {
    /// Run a server.
    Run(Box<Options>),
    /// Check the configuration and say so (`-t`).
    Check(Box<Options>),
    /// Print the version.
    Version,
    /// Print the usage.
    Help,
}

/// What is wrong with a command line. The texts are nats-server's.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// No such flag.
    #[error("flag provided but not defined: {0}")]
    Unknown(String),
    /// The flag's value does not fit.
    #[error("invalid value {value:?} for flag {flag}: parse error")]
    Value {
        /// The flag as given.
        flag: String,
        /// Its value as given.
        value: String,
    },
    /// A boolean flag's value does not fit.
    #[error("invalid boolean value {value:?} for {flag}: parse error")]
    Boolean {
        /// The flag as given.
        flag: String,
        /// Its value as given.
        value: String,
    },
    /// The flag is the last word, but takes a value.
    #[error("flag needs an argument: {0}")]
    Missing(String),
    /// The configuration file is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// `-t` without a file.
    #[error("must specify [-c, --config] option to check configuration file syntax")]
    NothingToCheck,
    /// A word that is no flag and no command.
    #[error("unrecognized command: {0:?}")]
    Word(String),
}

/// What a flag does with its value.
#[derive(Clone, Copy)]
enum Kind {
    Switch(fn(&mut Draft, bool)),
    Text(fn(&mut Draft, String)),
    /// Returns whether the value fits.
    Number(fn(&mut Draft, i64) -> bool),
    Version,
    Help,
}

/// Options in the making.
#[derive(Default)]
struct Draft {
    options: Options,
    user: Option<String>,
    pass: Option<String>,
    advertise: Option<String>,
    http_port: Option<u16>,
    config: Option<String>,
    check: bool,
}

struct Flag {
    names: &'static [&'static str],
    placeholder: &'static str,
    help: &'static str,
    kind: Kind,
}

const FLAGS: &[Flag] = &[
    Flag {
        names: &["c", "config"],
        placeholder: "FILE",
        help: "configuration file; flags win over it",
        kind: Kind::Text(|draft, file| draft.config = Some(file)),
    },
    Flag {
        names: &["t"],
        placeholder: "",
        help: "check the configuration file and exit",
        kind: Kind::Switch(|draft, on| draft.check = on),
    },
    Flag {
        names: &["a", "addr", "net"],
        placeholder: "HOST",
        help: "address to listen on (default: all)",
        kind: Kind::Text(|draft, host| draft.options.listen.host = host),
    },
    Flag {
        names: &["p", "port"],
        placeholder: "PORT",
        help: "port for clients, -1 for any free one (default: 4222)",
        kind: Kind::Number(|draft, port| {
            let wanted = match port {
                -1 => Ok(0),
                0 => Ok(4222),
                port => u16::try_from(port),
            };
            wanted.map(|port| draft.options.listen.port = port).is_ok()
        }),
    },
    Flag {
        names: &["n", "name", "server_name"],
        placeholder: "NAME",
        help: "name of the server (default: its id)",
        kind: Kind::Text(|draft, name| draft.options.server_name = Some(name)),
    },
    Flag {
        names: &["client_advertise"],
        placeholder: "HOST[:PORT]",
        help: "address told to clients instead of the listener's",
        kind: Kind::Text(|draft, text| draft.advertise = Some(text)),
    },
    Flag {
        names: &["P", "pid"],
        placeholder: "FILE",
        help: "file to write the process id to",
        kind: Kind::Text(|draft, file| draft.options.pid_file = Some(PathBuf::from(file))),
    },
    Flag {
        names: &["m", "http_port"],
        placeholder: "PORT",
        help: "port for monitoring, -1 for any free one (default: none)",
        kind: Kind::Number(|draft, port| {
            let wanted = if port == -1 { Ok(0) } else { u16::try_from(port) };
            wanted.map(|port| draft.http_port = Some(port)).is_ok()
        }),
    },
    Flag {
        names: &["D", "debug"],
        placeholder: "",
        help: "log what helps debugging",
        kind: Kind::Switch(|draft, on| draft.options.log.debug = on),
    },
    Flag {
        names: &["V", "trace"],
        placeholder: "",
        help: "log the protocol of clients",
        kind: Kind::Switch(|draft, on| draft.options.log.trace = on),
    },
    Flag {
        names: &["DV"],
        placeholder: "",
        help: "log both",
        kind: Kind::Switch(|draft, on| {
            (draft.options.log.debug, draft.options.log.trace) = (on, on);
        }),
    },
    Flag {
        names: &["T", "logtime"],
        placeholder: "",
        help: "log lines carry date and time (default: true)",
        kind: Kind::Switch(|draft, on| draft.options.log.logtime = on),
    },
    Flag {
        names: &["user"],
        placeholder: "USER",
        help: "user that clients must name",
        kind: Kind::Text(|draft, user| draft.user = Some(user)),
    },
    Flag {
        names: &["pass"],
        placeholder: "PASSWORD",
        help: "password of that user",
        kind: Kind::Text(|draft, pass| draft.pass = Some(pass)),
    },
    Flag {
        names: &["auth"],
        placeholder: "TOKEN",
        help: "token that clients must bring",
        kind: Kind::Text(|draft, token| draft.options.auth.token = Some(token)),
    },
    Flag {
        names: &["v", "version"],
        placeholder: "",
        help: "print the version",
        kind: Kind::Version,
    },
    Flag { names: &["h", "help"], placeholder: "", help: "print this text", kind: Kind::Help },
];

/// Reads a command line, without the program's name.
///
/// # Errors
///
/// With nats-server's text when a flag is unknown, lacks its value or has one that does not fit.
pub fn parse(args: impl IntoIterator<Item = String>) -> Result<Command, CliError> {
    let args: Vec<String> = args.into_iter().collect();
    // Once to find the file, once more over what it says: flags win.
    let mut draft = Draft::default();
    if let Some(command) = overlay(&args, &mut draft)? {
        return Ok(command);
    }
    if let Some(file) = &draft.config {
        let options = config::load(std::path::Path::new(file))?;
        draft = Draft { options, ..Draft::default() };
        overlay(&args, &mut draft)?;
    } else if draft.check {
        return Err(CliError::NothingToCheck);
    }
    if let Some(name) = draft.user {
        let password = draft.pass.unwrap_or_default();
        draft.options.auth.users = vec![User { name, password, unenforceable: false }];
    }
    if let Some(text) = draft.advertise {
        let advertise = config::advertise(&text).map_err(ConfigError::Conflict)?;
        draft.options.client_advertise = Some(advertise);
    }
    if let Some(port) = draft.http_port {
        let host = draft.options.listen.host.clone();
        draft.options.http = Some(Listen { host, port });
    }
    let options = Box::new(draft.options);
    if draft.check {
        return Ok(Command::Check(options));
    }
    config::validate(&options)?;
    Ok(Command::Run(options))
}

/// Puts what the flags say over `draft`; some flags are whole commands.
fn overlay(args: &[String], draft: &mut Draft) -> Result<Option<Command>, CliError> {
    let mut args = args.iter().cloned();
    while let Some(word) = args.next() {
        let Some(name) = word.strip_prefix('-') else {
            return match word.to_ascii_lowercase().as_str() {
                "version" => Ok(Some(Command::Version)),
                "help" => Ok(Some(Command::Help)),
                _ => Err(CliError::Word(word)),
            };
        };
        let name = name.strip_prefix('-').unwrap_or(name);
        let (name, value) = match name.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (name, None),
        };
        let shown = format!("-{name}");
        let Some(flag) = FLAGS.iter().find(|flag| flag.names.contains(&name)) else {
            return Err(CliError::Unknown(shown));
        };
        match flag.kind {
            Kind::Version => return Ok(Some(Command::Version)),
            Kind::Help => return Ok(Some(Command::Help)),
            Kind::Switch(set) => set(draft, switch(value, shown)?),
            Kind::Text(set) => {
                let value = value.or_else(|| args.next()).ok_or(CliError::Missing(shown))?;
                set(draft, value);
            }
            Kind::Number(set) => {
                let value =
                    value.or_else(|| args.next()).ok_or(CliError::Missing(shown.clone()))?;
                let fits = value.parse().is_ok_and(|number| set(draft, number));
                if !fits {
                    return Err(CliError::Value { flag: shown, value });
                }
            }
        }
    }
    Ok(None)
}

fn switch(value: Option<String>, flag: String) -> Result<bool, CliError> {
    match value.as_deref() {
        None | Some("1" | "t" | "T" | "true" | "TRUE" | "True") => Ok(true),
        Some("0" | "f" | "F" | "false" | "FALSE" | "False") => Ok(false),
        Some(other) => Err(CliError::Boolean { flag, value: other.to_owned() }),
    }
}

/// The text of `--help`.
pub fn usage(program: &str) -> String {
    let mut text = format!("\nUsage: {program} [options]\n\n");
    for flag in FLAGS {
        let names: Vec<String> = flag
            .names
            .iter()
            .map(|name| if name.len() == 1 { format!("-{name}") } else { format!("--{name}") })
            .collect();
        let left = format!("{} {}", names.join(", "), flag.placeholder);
        text.push_str(&format!("    {left:<34} {}\n", flag.help));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(line: &str) -> Options {
        match parse(line.split_whitespace().map(str::to_owned)) {
            Ok(Command::Run(options)) => *options,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn error(line: &str) -> String {
        match parse(line.split_whitespace().map(str::to_owned)) {
            Err(error) => error.to_string(),
            Ok(command) => panic!("{line}: {command:?}"),
        }
    }

    #[test]
    fn spellings_of_a_flag_are_equal_and_the_last_one_wins() {
        for line in ["-p 5000", "--port=5000", "-port 5000", "-p=1 -p 5000"] {
            assert_eq!(run(line).listen.port, 5000, "{line}");
        }
        assert_eq!(run("-p -1").listen.port, 0);
        assert_eq!(run("").listen.port, 4222);
        assert_eq!(run("-a 127.0.0.1").listen.host, "127.0.0.1");
    }

    #[test]
    fn switches_take_a_value_only_after_an_equals_sign() {
        assert!(run("-D").log.debug && !run("-D=false").log.debug);
        assert!(!run("-T=f").log.logtime);
        assert_eq!(error("-D true"), "unrecognized command: \"true\"");
    }

    #[test]
    fn mistakes_get_the_texts_that_tools_know() {
        assert_eq!(error("--bogus"), "flag provided but not defined: -bogus");
        assert_eq!(error("-p abc"), "invalid value \"abc\" for flag -p: parse error");
        assert_eq!(error("-p 70000"), "invalid value \"70000\" for flag -p: parse error");
        assert_eq!(error("-p"), "flag needs an argument: -p");
        assert_eq!(error("-T=maybe"), "invalid boolean value \"maybe\" for -T: parse error");
    }

    #[test]
    fn the_usage_names_every_flag() {
        let usage = usage("nervure");
        for flag in FLAGS {
            assert!(flag.names.iter().all(|name| usage.contains(name)), "{:?}", flag.names);
        }
    }
}
