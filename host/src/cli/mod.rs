//! The command line: nats-server's flags, spelled as its Go flag parser spells them.
//!
//! One dash or two are equal, a value follows as the next word or after `=`, a boolean takes one
//! only after `=`, the first word that is no flag ends the flags, and of a flag given twice the
//! last one counts (reference, config-and-operations.md 3.1). General command line libraries
//! cannot express `-DV` beside `-D` and `-ms` beside `-m`, so this is written by hand over one
//! table, `table::FLAGS`, which also yields the usage text.
//!
//! The way of a start: [`Program::of`] the invoked name, [`parse`] the words, then
//! [`crate::config`] reads the file that [`Flags::config`] names, and [`Flags::apply`] lays the
//! flags over it. A reload reads the file again and applies the same flags again.

mod apply;
pub mod auth;
mod table;
#[cfg(test)]
mod tests;
mod usage;
mod value;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{self, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use table::Slot;

/// The level of compatibility, told in INFO, varz and by `--version`.
pub const NATS_VERSION: &str = "2.15.1";

/// What a start with these words is meant to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Serve.
    Run(Flags),
    /// `-t`: check the configuration file (its presence is assured) and exit.
    CheckConfig(Flags),
    /// `--signal`: send a signal to a running server and exit.
    Signal {
        /// What to do: `stop`, `quit`, `term`, `reopen`, `reload`, `ldm`; not checked yet.
        command: String,
        /// Whom: a pid, a pid file, a prefix of pids ending in `*`, or empty for "the only one".
        target: String,
    },
    /// `auth`: obey these words, see [`auth::run`].
    Auth(Vec<OsString>),
    /// Print the usage.
    Help,
    /// Print what there is to say about TLS.
    HelpTls,
    /// Print the version line.
    Version,
}

/// A text that must not be seen in logs or diagnostics.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}

/// The flags that were given; `None` is "not given", which leaves file and defaults alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Flags {
    /// `-c`: the configuration file.
    pub config: Option<PathBuf>,
    /// `-a`: client host.
    pub addr: Option<String>,
    /// `-p`: client port, -1 for any free one.
    pub port: Option<i64>,
    /// `-n`: server name.
    pub name: Option<String>,
    /// `-P`: pid file.
    pub pid_file: Option<PathBuf>,
    /// `-m`: monitoring port, plain.
    pub http_port: Option<i64>,
    /// `-ms`: monitoring port, TLS.
    pub https_port: Option<i64>,
    /// `--client_advertise`: `host[:port]` told to clients.
    pub client_advertise: Option<String>,
    /// `--ports_file_dir`.
    pub ports_file_dir: Option<PathBuf>,
    /// `--shards`: threads that carry messages, 0 for one per processor. nats-server has none of
    /// that name.
    pub shards: Option<i64>,
    /// `-l`: log file.
    pub log_file: Option<PathBuf>,
    /// `--log_size_limit`, in bytes.
    pub log_size_limit: Option<i64>,
    /// `-T`: lines carry date and time.
    pub logtime: Option<bool>,
    /// `--logtime_utc`.
    pub logtime_utc: Option<bool>,
    /// `-s`.
    pub syslog: Option<bool>,
    /// `-r`.
    pub remote_syslog: Option<String>,
    /// `-D`.
    pub debug: Option<bool>,
    /// `-V`.
    pub trace: Option<bool>,
    /// `-VV`: trace and trace_verbose.
    pub verbose_trace: Option<bool>,
    /// `-DV`: debug and trace.
    pub debug_trace: Option<bool>,
    /// `-DVV`: debug, trace and trace_verbose.
    pub debug_verbose_trace: Option<bool>,
    /// `--max_traced_msg_len`, in bytes.
    pub max_traced_msg_len: Option<i64>,
    /// `-js`.
    pub jetstream: Option<bool>,
    /// `-sd`.
    pub store_dir: Option<PathBuf>,
    /// `--user`.
    pub user: Option<String>,
    /// `--pass`.
    pub pass: Option<Secret>,
    /// `--auth`: the token.
    pub auth: Option<Secret>,
    /// `--tls`.
    pub tls: Option<bool>,
    /// `--tlscert`.
    pub tlscert: Option<PathBuf>,
    /// `--tlskey`.
    pub tlskey: Option<PathBuf>,
    /// `--tlsverify`.
    pub tlsverify: Option<bool>,
    /// `--tlscacert`.
    pub tlscacert: Option<PathBuf>,
    /// `--routes`; URLs may carry passwords.
    pub routes: Option<Secret>,
    /// `--cluster`, `--cluster_listen`; the URL may carry a password.
    pub cluster: Option<Secret>,
    /// `--cluster_name`.
    pub cluster_name: Option<String>,
    /// `--cluster_advertise`.
    pub cluster_advertise: Option<String>,
    /// `--no_advertise`.
    pub no_advertise: Option<bool>,
    /// `--connect_retries`.
    pub connect_retries: Option<i64>,
    /// `--profile`: port of the profiler.
    pub profile: Option<i64>,
}

/// Everything the words said, the flags that pick a [`Command`] included.
#[derive(Default)]
struct Line {
    flags: Flags,
    check: Option<bool>,
    signal: Option<String>,
    version: Option<bool>,
    help: Option<bool>,
    help_tls: Option<bool>,
}

/// Why a start is refused. Exit status 1 in every case: where nats-server exits 0 on a bad flag
/// (observed on nats-server 2.15.1), whoever started it cannot tell that nothing runs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CliError {
    /// The words are no command line; the usage is shown beside the message.
    #[error("{0}")]
    Usage(String),
    /// The words are understood and refused.
    #[error("{0}")]
    Refused(String),
}

impl CliError {
    /// Tells the person in front of the terminal, the way nats-server does (reference 3.2): a
    /// wrong flag as it is on `err` with the usage on `out`, everything else on `err` behind the
    /// program's name.
    ///
    /// # Errors
    /// Those of the writers.
    pub fn report(
        &self,
        program: Program,
        out: &mut impl Write,
        err: &mut impl Write,
    ) -> io::Result<()> {
        match self {
            Self::Usage(text) => {
                writeln!(err, "{text}")?;
                out.write_all(program.usage().as_bytes())
            }
            Self::Refused(text) => writeln!(err, "{}: {text}", program.name()),
        }
    }
}

/// The name the binary was started by. Under nats-server's own name it answers to that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// Any name but nats-server's.
    Nervure,
    /// `nats-server`.
    NatsServer,
}

impl Program {
    /// Tells by the base name of `argv[0]`.
    pub fn of(argv0: &OsStr) -> Self {
        let base = Path::new(argv0).file_name().unwrap_or(argv0);
        if base == "nats-server" { Self::NatsServer } else { Self::Nervure }
    }

    /// What messages are prefixed with, and what `--signal` looks for.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nervure => "nervure",
            Self::NatsServer => "nats-server",
        }
    }

    /// The line `--version` prints, with its line feed. The first ` vMAJOR.MINOR.PATCH` on it is
    /// what test harnesses take for nats-server's version (reference 6.1).
    pub fn version_line(self) -> String {
        match self {
            Self::NatsServer => format!("nats-server: v{NATS_VERSION}\n"),
            Self::Nervure => {
                format!("nervure: v{NATS_VERSION} (nervure {})\n", env!("CARGO_PKG_VERSION"))
            }
        }
    }

    /// The usage text that `--help` prints.
    pub fn usage(self) -> String {
        usage::usage(self)
    }

    /// The text that `--help_tls` prints.
    pub fn tls_help(self) -> String {
        usage::tls_help()
    }
}

/// Reads a command line, the program's name left out.
///
/// # Errors
/// [`CliError::Usage`] for what is no flag or no value of it; [`CliError::Refused`] for an
/// unknown word and for flags that contradict each other.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, CliError> {
    let mut args = args.into_iter();
    let mut line = Line::default();
    let word = read_flags(&mut args, &mut line)?;

    if line.version == Some(true) {
        return Ok(Command::Version);
    }
    if line.help == Some(true) {
        return Ok(Command::Help);
    }
    if line.help_tls == Some(true) {
        return Ok(Command::HelpTls);
    }
    if let Some(word) = word {
        let word = word.to_string_lossy();
        return match word.to_lowercase().as_str() {
            "version" => Ok(Command::Version),
            "help" => Ok(Command::Help),
            "auth" => Ok(Command::Auth(args.collect())),
            _ => Err(CliError::Refused(format!("unrecognized command: {word:?}"))),
        };
    }
    if let Some(signal) = line.signal.filter(|signal| !signal.is_empty()) {
        return signal_command(&signal);
    }
    line.flags.check()?;
    if line.check == Some(true) {
        if line.flags.config.as_ref().is_none_or(|path| path.as_os_str().is_empty()) {
            return Err(CliError::Refused(
                "must specify [-c, --config] option to check configuration file syntax".to_owned(),
            ));
        }
        return Ok(Command::CheckConfig(line.flags));
    }
    Ok(Command::Run(line.flags))
}

/// Takes flags until they end; returns the word that ended them.
fn read_flags(
    args: &mut impl Iterator<Item = OsString>,
    line: &mut Line,
) -> Result<Option<OsString>, CliError> {
    while let Some(arg) = args.next() {
        let bytes = arg.as_bytes();
        if bytes.len() < 2 || bytes[0] != b'-' {
            return Ok(Some(arg));
        }
        if bytes == b"--" {
            return Ok(args.next());
        }
        let flag = bytes.strip_prefix(b"--").unwrap_or(&bytes[1..]);
        if flag.starts_with(b"-") || flag.starts_with(b"=") {
            return Err(CliError::Usage(format!("bad flag syntax: {}", arg.to_string_lossy())));
        }
        let equals = flag.iter().position(|byte| *byte == b'=');
        let name = &flag[..equals.unwrap_or(flag.len())];
        let value = equals.map(|at| &flag[at + 1..]);
        let Some(spec) = table::find(name) else {
            let name = String::from_utf8_lossy(name);
            return Err(CliError::Usage(format!("flag provided but not defined: -{name}")));
        };
        let name = String::from_utf8_lossy(name);
        if let Slot::Bool(slot) = spec.slot {
            *slot(line) = Some(match value {
                None => true,
                Some(value) => value::boolean(value).ok_or_else(|| {
                    let value = String::from_utf8_lossy(value);
                    CliError::Usage(format!(
                        "invalid boolean value {value:?} for -{name}: parse error"
                    ))
                })?,
            });
            continue;
        }
        let value = match value {
            Some(value) => value.to_vec(),
            None => match args.next() {
                Some(next) => next.into_vec(),
                None => {
                    return Err(CliError::Usage(format!("flag needs an argument: -{name}")));
                }
            },
        };
        store(spec.slot, line, value).map_err(|(value, why)| {
            let value = String::from_utf8_lossy(&value);
            CliError::Usage(format!("invalid value {value:?} for flag -{name}: {why}"))
        })?;
    }
    Ok(None)
}

/// Puts a value where its flag belongs, or gives it back with the reason why it cannot be one.
fn store(slot: Slot, line: &mut Line, value: Vec<u8>) -> Result<(), (Vec<u8>, &'static str)> {
    let text = |value| String::from_utf8(value).map_err(|err| (err.into_bytes(), "parse error"));
    match slot {
        Slot::Bool(_) => {}
        Slot::Int(slot) => {
            let number = value::integer(&value).map_err(|why| (value, why))?;
            *slot(line) = Some(number);
        }
        Slot::Text(slot) => *slot(line) = Some(text(value)?),
        Slot::Secret(slot) => *slot(line) = Some(Secret(text(value)?)),
        Slot::Path(slot) => *slot(line) = Some(PathBuf::from(OsString::from_vec(value))),
    }
    Ok(())
}

/// Splits `CMD[=TARGET]`.
fn signal_command(signal: &str) -> Result<Command, CliError> {
    let mut parts = signal.split('=');
    let command = parts.next().unwrap_or_default().to_owned();
    let target = parts.next().unwrap_or_default().to_owned();
    let surplus: Vec<&str> = parts.collect();
    if !surplus.is_empty() {
        let surplus = surplus.join(" ");
        return Err(CliError::Refused(format!("invalid signal parameters: [{surplus}]")));
    }
    Ok(Command::Signal { command, target })
}
