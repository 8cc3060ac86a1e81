//! Where account JWTs come from (reference security 6.1).

use std::path::PathBuf;
use std::time::Duration;

/// How long fetching an account may take unless the configuration says otherwise (reference
/// security 6.3, 6.4).
pub const FETCH_TIMEOUT: Duration = Duration::from_millis(1900);

/// Accounts that a `cache` keeps unless the configuration says otherwise.
pub const CACHE_LIMIT: usize = 1000;

/// How often a `full` directory compares itself with others unless the configuration says
/// otherwise.
pub const SYNC_INTERVAL: Duration = Duration::from_secs(60);

/// The `resolver` of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResolverOptions {
    /// Those in `resolver_preload`, and no others.
    Memory,
    /// `URL(...)`: a web server has them, each under its public key behind this address, which
    /// ends in a slash.
    Url(String),
    /// `type: full` or `type: cache`: a directory has them.
    Directory(DirectoryOptions),
}

/// A directory of account JWTs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryOptions {
    /// The directory, as configured.
    pub dir: PathBuf,
    /// What it has.
    pub kind: DirectoryKind,
    /// Most accounts in it; `None` is any number.
    pub limit: Option<usize>,
    /// How long other servers may take to answer when it does not have an account.
    pub timeout: Duration,
}

/// What a directory of account JWTs has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DirectoryKind {
    /// All accounts.
    Full {
        /// How often it compares itself with those of other servers.
        interval: Duration,
        /// What happens to a deleted account.
        deletion: Deletion,
    },
    /// Those in use.
    Cache {
        /// How long after its last use one is forgotten; `None` is never.
        ttl: Option<Duration>,
    },
}

impl DirectoryOptions {
    /// What happens to a deleted account; a cache forgets it.
    pub fn deletion(&self) -> Deletion {
        match self.kind {
            DirectoryKind::Full { deletion, .. } => deletion,
            DirectoryKind::Cache { .. } => Deletion::Remove,
        }
    }
}

/// What happens to an account that somebody asks to delete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Deletion {
    /// Nothing; the request is refused.
    #[default]
    Refused,
    /// Its file gets another name.
    Rename,
    /// Its file is removed.
    Remove,
}
