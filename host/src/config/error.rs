//! What can be wrong with a configuration, in nats-server's words.

use std::fmt;
use std::path::Path;

use super::value::Pos;

/// Why a text is not in the configuration language. Reference sections 1.4 to 1.9.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SyntaxError {
    /// A character that does not belong there.
    #[error("Parse error on line {line}: '{message}'")]
    Lexical {
        /// Line of the character, from 1.
        line: u32,
        /// What was expected.
        message: String,
    },
    /// The text ends after a key.
    #[error("config is invalid ({0})")]
    Incomplete(Pos),
    /// An integer, with its size suffix applied, does not fit 64 bits.
    #[error("integer '{0}' is out of the range")]
    IntegerRange(String),
    /// A floating point number is too large.
    #[error("float '{0}' is out of the range")]
    FloatRange(String),
    /// A well-formed date that no calendar has.
    #[error("expected Zulu formatted DateTime, but got '{0}'")]
    Date(String),
    /// Neither a key nor the environment has this name.
    #[error("variable reference for '{name}' on line {line} can not be found")]
    UnknownVariable {
        /// The name, without `$`.
        name: String,
        /// Line of the reference.
        line: u32,
    },
    /// The environment's value of a variable is not in the language.
    #[error("variable reference for '{name}' on line {line} could not be parsed: {cause}")]
    Environment {
        /// The name, without `$`.
        name: String,
        /// Line of the reference.
        line: u32,
        /// What is wrong in the value.
        cause: Box<Self>,
    },
    /// An environment variable refers to itself.
    #[error("variable reference cycle for '{0}'")]
    VariableCycle(String),
    /// An included file cannot be read or parsed.
    #[error("error parsing include file '{path}', {reason}")]
    Include {
        /// The path as written.
        path: String,
        /// Why.
        reason: String,
    },
    /// Maps and arrays, variables and includes counted, are nested deeper than [`super::MAX_DEPTH`].
    #[error("{0}: configuration is nested too deeply")]
    TooDeep(Pos),
    /// Variables and includes blow the configuration up beyond [`super::MAX_EXPANSION`].
    #[error("{0}: configuration becomes too large by its variables and includes")]
    TooLarge(Pos),
}

/// Why a configuration was refused. Displays exactly what nats-server prints after
/// `nats-server: `, before the line's end.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{0}")]
    Read(String),
    /// The text is not in the language.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// Keys or values are wrong: all warnings, then all errors, each with its LF.
    #[error("{}", Lines(.warnings, .errors))]
    Invalid {
        /// What would not have prevented a start.
        warnings: Vec<String>,
        /// What did.
        errors: Vec<String>,
    },
}

struct Lines<'a>(&'a [String], &'a [String]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().chain(self.1).try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// An I/O error in the words the operating system interface of nats-server uses.
pub(super) fn io_text(path: &Path, error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    let path = path.display();
    match error.kind() {
        ErrorKind::NotFound => format!("open {path}: no such file or directory"),
        ErrorKind::PermissionDenied => format!("open {path}: permission denied"),
        ErrorKind::NotADirectory => format!("open {path}: not a directory"),
        ErrorKind::IsADirectory => format!("read {path}: is a directory"),
        _ => format!("open {path}: {error}"),
    }
}
