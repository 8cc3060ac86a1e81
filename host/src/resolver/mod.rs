//! Where the tokens of accounts come from in operator mode (reference security 6).
//!
//! Beside a message's way. The server asks a [`Resolver`] when somebody logs in to an account that
//! is not in force, when an account imports from one that is not, and for the system account at
//! the start. What it finds is checked by whoever asks; a resolver only keeps and fetches texts.

mod memory;

pub use self::memory::Memory;

use crate::options::{OperatorOptions, ResolverOptions};

/// Why no token is found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// Nobody has one.
    #[error("account missing")]
    Missing,
    /// It is not asked for what is no account.
    #[error("will only fetch valid account keys")]
    NoKey,
}

/// A resolver of a kind that this version does not know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("account resolver {0} is not supported yet; use MEMORY")]
pub struct UnknownResolver(String);

/// Where tokens come from.
#[derive(Debug)]
pub enum Resolver {
    /// What is preloaded, and what is stored while the server runs.
    Memory(Memory),
}

impl Resolver {
    /// The one that options ask for, with what they preload. Without any it has nothing.
    ///
    /// # Errors
    /// For a kind that this version does not know.
    pub fn new(options: &OperatorOptions) -> Result<Self, UnknownResolver> {
        let server = matches!(options.operators.as_slice(),
            [operator] if !operator.nats.account_server_url.is_empty());
        match &options.resolver {
            None if server => Err(UnknownResolver("URL".to_owned())),
            None | Some(ResolverOptions::Memory) => {
                Ok(Self::Memory(Memory::new(options.preload.iter().cloned())))
            }
            Some(ResolverOptions::Other(kind)) => Err(UnknownResolver(kind.clone())),
        }
    }

    /// The token of an account, as it is found. It may be anything.
    ///
    /// # Errors
    /// If there is none.
    pub async fn fetch(&self, account: &str) -> Result<String, FetchError> {
        match self {
            Self::Memory(memory) => memory.get(account),
        }
    }

    /// Keeps a token that is in force from now on.
    pub fn store(&self, account: &str, token: &str) {
        match self {
            Self::Memory(memory) => memory.put(account, token),
        }
    }

    /// Other options are in force: forgets what they do not preload any more.
    pub fn reload(&self, options: &OperatorOptions) {
        match self {
            Self::Memory(memory) => memory.replace(options.preload.iter().cloned()),
        }
    }
}
