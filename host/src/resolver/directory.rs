//! Account JWTs in a directory, one file an account (reference security 6.4, 6.7).
//!
//! A file is written under another name, made to last, and then given its own: after a crash it is
//! there as it was before or as it is after. What is in the directory is known from opening it on,
//! with a digest of each file. Files that somebody puts there by hand are found when their account
//! is asked for.
//!
//! Everything here waits for the disk, so nothing here is for a shard's thread.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use nervure_core::auth::jwt::{AccountClaims, DecodeError, MAX_LEN};
use nervure_core::auth::{PublicKey, Role};
use sha2::{Digest as _, Sha256};

use crate::net::errno;
use crate::options::{Deletion, DirectoryKind, DirectoryOptions};

/// How the file of an account is called, behind its public key.
const ENDING: &str = ".jwt";

/// ... while it is written.
const UNFINISHED: &str = ".jwt.new";

/// ... when the account was deleted.
const DELETED: &str = ".jwt.deleted";

/// A SHA-256 digest of a file, or of several (reference security 6.4).
pub type FileDigest = [u8; 32];

/// Why something could not be done with the directory.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// The system refused.
    #[error("{action} {}: {}", path.display(), errno::text(source))]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There are as many accounts as there may be (nats-server's text).
    #[error("jwt store is full")]
    Full,
    /// A file does not hold an account JWT.
    #[error("{} is not an account JWT and is left alone: {reason}; remove it, or push the account again", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: DecodeError,
    },
    /// A file holds the JWT of another account than it is named after.
    #[error("{} holds the JWT of account {found:?} and is left alone; rename or remove it", path.display())]
    Misplaced {
        /// The file.
        path: PathBuf,
        /// The account.
        found: String,
    },
}

/// What came of [`Directory::open`].
#[derive(Debug)]
pub struct Opened {
    /// The directory.
    pub directory: Directory,
    /// Files in it that are of no use.
    pub problems: Vec<DirectoryError>,
}

/// A directory of account JWTs. Times are since 1970.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    limit: Option<usize>,
    /// The account that was used least recently makes room for another.
    evicts: bool,
    ttl: Option<Duration>,
    deletion: Deletion,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    accounts: BTreeMap<String, Kept>,
    digest: FileDigest,
    /// Counts uses.
    uses: u64,
    /// Accounts that were deleted, and what they had then.
    deleted: BTreeMap<String, FileDigest>,
}

/// What is known of a file.
#[derive(Debug)]
struct Kept {
    digest: FileDigest,
    /// When its claims end, in unix seconds; 0 is never.
    exp: i64,
    used: Duration,
    /// The number of its last use.
    use_number: u64,
}

impl State {
    fn put(&mut self, account: String, digest: FileDigest, exp: i64, now: Duration) {
        self.remove(&account);
        self.uses += 1;
        fold(&mut self.digest, &digest);
        let kept = Kept { digest, exp, used: now, use_number: self.uses };
        self.accounts.insert(account, kept);
    }

    fn remove(&mut self, account: &str) {
        if let Some(kept) = self.accounts.remove(account) {
            fold(&mut self.digest, &kept.digest);
        }
    }
}

fn fold(all: &mut FileDigest, one: &FileDigest) {
    all.iter_mut().zip(one).for_each(|(all, one)| *all ^= one);
}

impl Directory {
    /// Opens the directory, makes it where it is missing, and looks at all files.
    ///
    /// # Errors
    ///
    /// When it cannot be made or read. A file of no use is no error but a problem.
    pub fn open(options: &DirectoryOptions, now: Duration) -> Result<Opened, DirectoryError> {
        let path = options.dir.clone();
        create(&path)?;
        let (evicts, ttl) = match options.kind {
            DirectoryKind::Full { .. } => (false, None),
            DirectoryKind::Cache { ttl } => (true, ttl),
        };
        let deletion = options.deletion();
        let state = Mutex::default();
        let directory = Self { path, limit: options.limit, evicts, ttl, deletion, state };
        let problems = directory.look_around(now)?;
        Ok(Opened { directory, problems })
    }

    /// Gets to know all files, those that were written first at first.
    fn look_around(&self, now: Duration) -> Result<Vec<DirectoryError>, DirectoryError> {
        let failed =
            |source| DirectoryError::Io { action: "open", path: self.path.clone(), source };
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.strip_suffix(UNFINISHED).is_some_and(|key| account(key).is_some()) {
                // Nobody knows whether it is whole, and nobody was told that it is there.
                let _ = fs::remove_file(entry.path());
            } else if let Some(account) = name.strip_suffix(ENDING).and_then(account) {
                let written = entry.metadata().and_then(|it| it.modified());
                found.push((written.unwrap_or(SystemTime::UNIX_EPOCH), account));
            }
        }
        found.sort_by_key(|(written, _)| *written);
        let mut state = self.state();
        let look = |(_, account)| self.read(&mut state, &account, now).err();
        Ok(found.into_iter().filter_map(look).collect())
    }

    /// The JWT of an account, if it is here.
    ///
    /// # Errors
    ///
    /// When its file cannot be read, or is of no use.
    pub fn load(
        &self,
        account: &PublicKey,
        now: Duration,
    ) -> Result<Option<String>, DirectoryError> {
        self.read(&mut self.state(), account, now)
    }

    fn read(
        &self,
        state: &mut State,
        account: &PublicKey,
        now: Duration,
    ) -> Result<Option<String>, DirectoryError> {
        let (key, path) = (account.to_string(), self.file(account, ENDING));
        let text = match read_text(&path) {
            Ok(text) => text,
            Err(DirectoryError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                state.remove(&key);
                return Ok(None);
            }
            Err(error) => {
                state.remove(&key);
                return Err(error);
            }
        };
        let digest = Sha256::digest(&text).into();
        let uses = state.uses + 1;
        match state.accounts.get_mut(&key).filter(|kept| kept.digest == digest) {
            Some(kept) => {
                (kept.used, kept.use_number) = (now, uses);
                state.uses = uses;
            }
            None => match claims_of(&key, &text, path) {
                Ok(claims) => state.put(key, digest, claims.exp, now),
                Err(error) => {
                    state.remove(&key);
                    return Err(error);
                }
            },
        }
        Ok(Some(text))
    }

    /// Keeps the JWT of an account, whose claims these are, in the place of what there is of it.
    ///
    /// # Errors
    ///
    /// When there is no room for it, or the disk has none. Then everything is as it was.
    pub fn save(
        &self,
        account: &PublicKey,
        token: &str,
        claims: &AccountClaims,
        now: Duration,
    ) -> Result<(), DirectoryError> {
        let mut state = self.state();
        self.write(&mut state, account, token, claims, now)
    }

    /// [`Self::save`], unless what there is has the same `jti` or was issued later (reference
    /// security 6.4). Tells whether it was saved.
    ///
    /// # Errors
    ///
    /// See [`Self::save`].
    pub fn save_newer(
        &self,
        account: &PublicKey,
        token: &str,
        claims: &AccountClaims,
        now: Duration,
    ) -> Result<bool, DirectoryError> {
        let mut state = self.state();
        // What cannot be read is replaced.
        let kept = self.read(&mut state, account, now).ok().flatten();
        let is_newer = kept
            .and_then(|kept| AccountClaims::decode(&kept).ok())
            .is_none_or(|kept| kept.jti != claims.jti && kept.iat <= claims.iat);
        if is_newer {
            self.write(&mut state, account, token, claims, now)?;
        }
        Ok(is_newer)
    }

    fn write(
        &self,
        state: &mut State,
        account: &PublicKey,
        token: &str,
        claims: &AccountClaims,
        now: Duration,
    ) -> Result<(), DirectoryError> {
        let key = account.to_string();
        let is_full = self.limit.is_some_and(|limit| state.accounts.len() >= limit);
        let evicted = if !is_full || state.accounts.contains_key(&key) {
            None
        } else if self.evicts {
            let all = state.accounts.iter();
            let oldest = all.min_by_key(|(_, kept)| kept.use_number).map(|(key, _)| key.clone());
            Some(oldest.ok_or(DirectoryError::Full)?)
        } else {
            return Err(DirectoryError::Full);
        };
        let (unfinished, path) = (self.file(account, UNFINISHED), self.file(account, ENDING));
        let written = write_lasting(&unfinished, token).and_then(|()| rename(&unfinished, &path));
        if let Err(error) = written {
            let _ = fs::remove_file(&unfinished);
            return Err(error);
        }
        let digest: FileDigest = Sha256::digest(token).into();
        if state.deleted.get(&key).is_some_and(|deleted| *deleted != digest) {
            state.deleted.remove(&key);
        }
        state.put(key, digest, claims.exp, now);
        if let Some(evicted) = evicted.as_deref().and_then(self::account) {
            self.forget(state, &evicted)?;
        }
        sync_directory(&self.path)
    }

    /// Deletes an account as the configuration says; without effect where there is none.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub fn delete(&self, account: &PublicKey) -> Result<(), DirectoryError> {
        let mut state = self.state();
        let key = account.to_string();
        let had = state.accounts.get(&key).map(|kept| kept.digest);
        match self.deletion {
            Deletion::Refused => return Ok(()),
            Deletion::Remove => self.forget(&mut state, account)?,
            Deletion::Rename => {
                let path = self.file(account, ENDING);
                match rename(&path, &self.file(account, DELETED)) {
                    Err(DirectoryError::Io { source, .. })
                        if source.kind() == io::ErrorKind::NotFound => {}
                    renamed => renamed?,
                }
                state.remove(&key);
            }
        }
        state.deleted.extend(had.map(|digest| (key, digest)));
        sync_directory(&self.path)
    }

    /// Whether an account was deleted since the start, and no other JWT of it has come.
    pub fn was_deleted(&self, account: &str) -> bool {
        self.state().deleted.contains_key(account)
    }

    /// Whether this is the JWT with which an account was deleted since the start. It is not to be
    /// obeyed, even if it has been pushed again (observed on nats-server 2.15.1).
    pub fn is_deleted(&self, account: &str, token: &str) -> bool {
        let digest: FileDigest = Sha256::digest(token).into();
        self.state().deleted.get(account) == Some(&digest)
    }

    /// Removes the file of an account, if there is one.
    fn forget(&self, state: &mut State, account: &PublicKey) -> Result<(), DirectoryError> {
        let path = self.file(account, ENDING);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(DirectoryError::Io { action: "remove", path, source: error })
            }
            _ => {
                state.remove(&account.to_string());
                Ok(())
            }
        }
    }

    /// Removes accounts whose claims have ended, or that nobody has used for as long as the
    /// configuration says. To be called every now and then.
    pub fn expire(&self, now: Duration) -> Vec<DirectoryError> {
        let mut state = self.state();
        let unused = |kept: &Kept| self.ttl.is_some_and(|ttl| now >= kept.used + ttl);
        let gone: Vec<PublicKey> = state
            .accounts
            .iter()
            .filter(|(_, kept)| kept.is_expired(now) || unused(kept))
            .filter_map(|(key, _)| account(key))
            .collect();
        gone.iter().filter_map(|account| self.forget(&mut state, account).err()).collect()
    }

    /// The accounts that are here, in order.
    pub fn list(&self) -> Vec<String> {
        self.state().accounts.keys().cloned().collect()
    }

    /// The exclusive or of all files' digests; zero where there is none (reference security 6.4).
    pub fn digest(&self) -> FileDigest {
        self.state().digest
    }

    /// Gives every account whose claims have not ended, and its JWT, to `take`. Files that are of
    /// no use are passed over.
    pub fn pack(&self, now: Duration, mut take: impl FnMut(&str, &str)) {
        let is_good = |(_, kept): &(&String, &Kept)| !kept.is_expired(now);
        let state = self.state();
        let keys: Vec<String> =
            state.accounts.iter().filter(is_good).map(|(key, _)| key.clone()).collect();
        drop(state);
        for key in keys {
            if let Some(Ok(token)) =
                account(&key).map(|account| read_text(&self.file(&account, ENDING)))
            {
                take(&key, &token);
            }
        }
    }

    fn file(&self, account: &PublicKey, ending: &str) -> PathBuf {
        self.path.join(format!("{account}{ending}"))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn is_expired(&self, now: Duration) -> bool {
        u64::try_from(self.exp).is_ok_and(|exp| exp > 0 && now.as_secs() > exp)
    }
}

/// The account of this public key.
fn account(key: &str) -> Option<PublicKey> {
    PublicKey::parse_as(key, Role::Account).ok()
}

fn claims_of(account: &str, token: &str, path: PathBuf) -> Result<AccountClaims, DirectoryError> {
    match AccountClaims::decode(token) {
        Ok(claims) if claims.sub == account => Ok(claims),
        Ok(claims) => Err(DirectoryError::Misplaced { path, found: claims.sub }),
        Err(reason) => Err(DirectoryError::Corrupt { path, reason }),
    }
}

/// Makes a directory for its owner only, and those above it, where they are missing.
///
/// # Errors
///
/// When the system refuses.
pub fn create(path: &Path) -> Result<(), DirectoryError> {
    let made = match DirBuilder::new().recursive(true).mode(0o700).create(path) {
        // Something else has the name.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(io::ErrorKind::NotADirectory.into())
        }
        made => made,
    };
    made.map_err(|source| DirectoryError::Io { action: "mkdir", path: path.to_owned(), source })
}

fn read_text(path: &Path) -> Result<String, DirectoryError> {
    let failed = |source| DirectoryError::Io { action: "read", path: path.to_owned(), source };
    let mut octets = Vec::new();
    // One more than a token may have, so that what is too long shows.
    let most = MAX_LEN as u64 + 1;
    File::open(path).and_then(|file| file.take(most).read_to_end(&mut octets)).map_err(failed)?;
    String::from_utf8(octets).map_err(|error| failed(io::Error::other(error)))
}

/// Writes a file for its owner only, onto the disk.
fn write_lasting(path: &Path, text: &str) -> Result<(), DirectoryError> {
    let write = || {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|source| DirectoryError::Io { action: "write", path: path.to_owned(), source })
}

fn rename(from: &Path, to: &Path) -> Result<(), DirectoryError> {
    fs::rename(from, to).map_err(|source| DirectoryError::Io {
        action: "rename to",
        path: to.to_owned(),
        source,
    })
}

/// Makes new names last.
fn sync_directory(path: &Path) -> Result<(), DirectoryError> {
    File::open(path)
        .and_then(|directory| directory.sync_all())
        .map_err(|source| DirectoryError::Io { action: "sync", path: path.to_owned(), source })
}
