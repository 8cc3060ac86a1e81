//! Account resolvers: where a server in operator mode finds the tokens of accounts (reference
//! security 6).
//!
//! Beside a message's way. The server asks a [`Resolver`] when somebody logs in to an account that
//! is not in force, when an account imports from one that is not, and for the system account at
//! the start; the system account pushes and asks ([`mod@claims`]). What is found is checked by
//! whoever asks; a resolver only keeps and fetches texts. Files and the network are waited for on
//! threads that exist for that, never on a shard's.

pub mod claims;
pub mod directory;
mod memory;
pub mod url;

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use nervure_core::auth::jwt::AccountClaims;
use nervure_core::auth::{PublicKey, Role};
use tokio::sync::oneshot;

use self::claims::Store;
use self::directory::{Directory, DirectoryError, Opened};
pub use self::memory::Memory;
use self::url::UrlResolver;
use crate::log::Logger;
use crate::net::tls::TlsConfigError;
use crate::options::{DirectoryKind, DirectoryOptions, OperatorOptions, ResolverOptions};

/// Why no token is found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// Nobody has one.
    #[error("account missing")]
    Missing,
    /// It is not asked for what is no account.
    #[error("will only fetch valid account keys")]
    NoKey,
    /// It cannot be had.
    #[error("{0}")]
    Failed(String),
}

/// Why there is no resolver. The texts are nats-server's where it has one.
#[derive(Debug, thiserror::Error)]
pub enum ResolverError {
    /// The directory cannot be used.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The files of `resolver_tls` cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsConfigError),
    /// The web server does not answer.
    #[error(transparent)]
    Url(#[from] url::FetchError),
}

/// Asks other servers for an account: its public key, how long they may take, and where the answer
/// goes.
pub type AskOthers = dyn Fn(&str, Duration, oneshot::Sender<Option<Box<[u8]>>>) + Send + Sync;

/// Where tokens come from.
pub enum Resolver {
    /// What is preloaded, and what is stored while the server runs.
    Memory(Memory),
    /// A web server.
    Url(Arc<UrlResolver>),
    /// A directory, and other servers.
    Directory(Shelf),
}

/// A directory, and who is asked for what it does not have.
pub struct Shelf {
    directory: Arc<Directory>,
    kind: DirectoryKind,
    timeout: Duration,
    others: OnceLock<Box<AskOthers>>,
}

/// Runs what waits for files or the network.
async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    // It neither panics nor is cancelled, but for the end of the server.
    tokio::task::spawn_blocking(work).await.ok()
}

/// The time since 1970.
pub(crate) fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

impl Resolver {
    /// The one that options ask for, with what they preload. Without any it is the web server that
    /// the only operator names, or has nothing.
    ///
    /// # Errors
    ///
    /// When a directory cannot be used, or a web server does not answer.
    pub async fn open(options: &OperatorOptions, log: &Logger) -> Result<Self, ResolverError> {
        let preload = options.preload.clone();
        match options.resolver.clone().or_else(|| options.account_server()) {
            None | Some(ResolverOptions::Memory) => Ok(Self::Memory(Memory::new(preload))),
            Some(ResolverOptions::Url(base)) => {
                let resolver = Arc::new(UrlResolver::new(&base, options.resolver_tls.as_ref())?);
                let asked = resolver.clone();
                apart(move || asked.check()).await.transpose()?;
                Ok(Self::Url(resolver))
            }
            Some(ResolverOptions::Directory(options)) => {
                let DirectoryOptions { kind, timeout, .. } = options;
                let what = if matches!(kind, DirectoryKind::Full { .. }) { "all" } else { "some" };
                let path = std::path::absolute(&options.dir).unwrap_or(options.dir.clone());
                let Opened { directory, problems } = Directory::open(&options, now())?;
                log.info(format_args!(
                    "Managing {what} jwt in exclusive directory {}",
                    path.display()
                ));
                problems.iter().for_each(|problem| log.warn(format_args!("{problem}")));
                let (directory, others) = (Arc::new(directory), OnceLock::new());
                let shelf = Shelf { directory, kind, timeout, others };
                shelf.preload(preload, log).await;
                Ok(Self::Directory(shelf))
            }
        }
    }

    /// The token of an account, as it is found. It may be anything.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub async fn fetch(&self, account: &str) -> Result<String, FetchError> {
        let key = PublicKey::parse_as(account, Role::Account).map_err(|_| FetchError::NoKey)?;
        match self {
            Self::Memory(memory) => memory.get(account),
            Self::Url(resolver) => {
                let resolver = resolver.clone();
                let fetched = apart(move || resolver.fetch(&key)).await;
                let fetched = fetched.ok_or(FetchError::Missing)?;
                fetched.map_err(|error| FetchError::Failed(error.to_string()))
            }
            Self::Directory(shelf) => shelf.fetch(account, key).await,
        }
    }

    /// Whether an account that it does not have is none any more. A web server may be away, and a
    /// directory may have made room.
    pub fn is_all_there_is(&self) -> bool {
        matches!(self, Self::Memory(_))
    }

    /// Whether the system account may push what is missing, even its own token.
    pub fn may_be_pushed(&self) -> bool {
        matches!(self, Self::Directory(_))
    }

    /// A token is in force from now on. What is kept in files has been kept before.
    pub fn remember(&self, account: &str, token: &str) {
        if let Self::Memory(memory) = self {
            memory.put(account, token);
        }
    }

    /// Where tokens that come are kept.
    pub fn store(&self) -> Store {
        match self {
            Self::Memory(_) | Self::Url(_) => Store::Nowhere,
            Self::Directory(shelf) => Store::Directory(shelf.directory.clone(), shelf.kind),
        }
    }

    /// Others can be asked from now on.
    pub fn meet(&self, others: Box<AskOthers>) {
        if let Self::Directory(shelf) = self {
            // They are met once.
            let _ = shelf.others.set(others);
        }
    }

    /// Other options are in force: forgets what they do not preload any more, or keeps what they
    /// preload newly.
    pub async fn reload(&self, options: &OperatorOptions, log: &Logger) {
        match self {
            Self::Memory(memory) => memory.replace(options.preload.iter().cloned()),
            Self::Url(_) => {}
            Self::Directory(shelf) => shelf.preload(options.preload.clone(), log).await,
        }
    }

    /// Removes from a directory what has ended or was not used for long, every now and then.
    pub async fn tidy(self: Arc<Self>, log: Logger) {
        /// How often nats-server looks (reference security 6.4).
        const INTERVAL: Duration = Duration::from_secs(60);
        /// ... but within a `ttl` several times.
        const WITHIN_TTL: u32 = 4;
        let Self::Directory(shelf) = &*self else { return };
        let interval = match shelf.kind {
            DirectoryKind::Cache { ttl: Some(ttl) } => {
                (ttl / WITHIN_TTL).clamp(Duration::from_millis(100), INTERVAL)
            }
            _ => INTERVAL,
        };
        loop {
            tokio::time::sleep(interval).await;
            let directory = shelf.directory.clone();
            let problems = apart(move || directory.expire(now())).await.unwrap_or_default();
            problems.iter().for_each(|problem| log.error(format_args!("{problem}")));
        }
    }
}

impl Shelf {
    /// Keeps tokens that are newer than what there is.
    async fn preload(&self, tokens: Vec<(String, String)>, log: &Logger) {
        let directory = self.directory.clone();
        let keep = move || {
            let keep = |(account, token): (String, String)| {
                let key = PublicKey::parse_as(&account, Role::Account);
                let (Ok(key), Ok(claims)) = (key, AccountClaims::decode(&token)) else {
                    return Some(format!("resolver_preload of {account}: not an account JWT"));
                };
                let kept = directory.save_newer(&key, &token, &claims, now());
                kept.err().map(|error| format!("resolver_preload of {account}: {error}"))
            };
            tokens.into_iter().filter_map(keep).collect::<Vec<_>>()
        };
        for problem in apart(keep).await.unwrap_or_default() {
            log.error(format_args!("{problem}"));
        }
    }

    async fn fetch(&self, account: &str, key: PublicKey) -> Result<String, FetchError> {
        let failed = |error: DirectoryError| FetchError::Failed(error.to_string());
        let directory = self.directory.clone();
        let loaded = apart(move || directory.load(&key, now())).await;
        let loaded = loaded.ok_or(FetchError::Missing)?.map_err(failed)?;
        if let Some(token) = loaded {
            let is_deleted = self.directory.is_deleted(account, &token);
            return if is_deleted { Err(FetchError::Missing) } else { Ok(token) };
        }
        let token = self.ask_others(account).await?;
        let claims = AccountClaims::decode(&token)
            .map_err(|error| FetchError::Failed(format!("another server's answer: {error}")))?;
        if claims.sub != account {
            let found = claims.sub;
            return Err(FetchError::Failed(format!("another server's answer is of {found:?}")));
        }
        let (directory, kept) = (self.directory.clone(), token.clone());
        let saved = apart(move || directory.save_newer(&key, &kept, &claims, now())).await;
        saved.transpose().map_err(failed)?;
        Ok(token)
    }

    /// What another server has (reference security 6.6). One that has everything asks nobody as
    /// long as it is in no cluster.
    async fn ask_others(&self, account: &str) -> Result<String, FetchError> {
        let (DirectoryKind::Cache { .. }, Some(others)) = (self.kind, self.others.get()) else {
            return Err(FetchError::Missing);
        };
        let (done, answer) = oneshot::channel();
        others(account, self.timeout, done);
        match answer.await {
            Ok(Some(token)) if token.is_empty() => Err(FetchError::Missing),
            Ok(Some(token)) => String::from_utf8(token.into_vec())
                .map_err(|_| FetchError::Failed("another server's answer is no text".to_owned())),
            _ => Err(FetchError::Failed("fetching jwt timed out".to_owned())),
        }
    }
}
