//! What can go wrong with a run, each with what to do or where to look.

use std::io;

/// Why a run gave no figure.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    /// The system refused something.
    #[error("{doing}: {error}")]
    System {
        /// What was tried.
        doing: String,
        /// What the system said.
        error: io::Error,
    },
    /// The server said something the load does not expect: an error, a wrong message.
    #[error("the server said what this load does not expect: {0}")]
    Unexpected(String),
    /// Messages are missing or too many.
    #[error("{expected} messages should have arrived, {received} did")]
    Lost {
        /// What the publishers have sent, times the receivers of each.
        expected: u64,
        /// What the subscribers have counted.
        received: u64,
    },
    /// Nothing moved for too long.
    #[error("{0}: nothing came for 10 s")]
    Silent(&'static str),
    /// The command line, a program or a file is not as it must be.
    #[error("{0}")]
    Usage(String),
}

/// What a part of the benchmark gives.
pub(crate) type Result<T> = std::result::Result<T, BenchError>;

/// Says what was tried when the system refuses.
pub(crate) trait Doing<T> {
    /// Adds what was tried to the error.
    fn doing(self, what: &str) -> Result<T>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, what: &str) -> Result<T> {
        self.map_err(|error| BenchError::System { doing: what.to_owned(), error })
    }
}
