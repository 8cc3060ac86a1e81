//! What `nervure auth` refuses, in one line each.

use thiserror::Error;

use crate::auth::creds::CredsError;
use crate::auth::secret_file::FileError;
use crate::auth::seed::NoEntropy;

/// Why a command was not obeyed. No text shows a secret.
#[derive(Debug, Error)]
pub enum AuthError {
    /// The words are no command line.
    #[error("{wrong}; {possible}")]
    Usage {
        /// What is wrong.
        wrong: String,
        /// What would be right.
        possible: String,
    },
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// What a file holds is not what the command needs.
    #[error("{source_name}: {cause}")]
    Content {
        /// The file, or "standard input".
        source_name: String,
        /// What is wrong.
        cause: CredsError,
    },
    /// No key was made.
    #[error(transparent)]
    NoEntropy(#[from] NoEntropy),
    /// A token that no server would take, or none at all.
    #[error("{0}")]
    Token(String),
    /// A password that no server would take.
    #[error("{0}")]
    Password(&'static str),
    /// The terminal, or the library that hashes, failed.
    #[error("{doing}: {why}")]
    Failed {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        why: String,
    },
}
