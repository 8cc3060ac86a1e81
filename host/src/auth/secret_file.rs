//! Small text files that hold secrets: read whole and bounded, written for their owner only.

use std::fs::OpenOptions;
use std::io::{self, Read, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use thiserror::Error;
use zeroize::Zeroizing;

/// Most octets read. Seeds have 58, tokens of accounts with very many exports some 100,000.
pub const MAX_LEN: u64 = 1 << 20;

/// Why a file cannot be read or written.
#[derive(Debug, Error)]
pub enum FileError {
    /// The system cannot read it.
    #[error("cannot read {}: {cause}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// Longer than [`MAX_LEN`].
    #[error(
        "{} is longer than {MAX_LEN} octets; this is no key, token or credentials file",
        .0.display()
    )]
    TooLong(PathBuf),
    /// Not UTF-8.
    #[error("{} is no text; this is no key, token or credentials file", .0.display())]
    NotText(PathBuf),
    /// There is such a file already, whose secret would be lost.
    #[error("{} is there already: name another file, or remove it first", .0.display())]
    Exists(PathBuf),
    /// The system cannot write it.
    #[error("cannot write {}: {cause}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
}

/// The text of a file.
///
/// # Errors
/// [`FileError::Read`], and those of [`read_from`].
pub fn read(path: &Path) -> Result<Zeroizing<String>, FileError> {
    let file = std::fs::File::open(path)
        .map_err(|cause| FileError::Read { path: path.to_owned(), cause })?;
    read_from(file, path)
}

/// The text of what is already open, which errors call `path`.
///
/// # Errors
/// [`FileError::Read`], [`FileError::TooLong`], [`FileError::NotText`].
pub fn read_from(source: impl Read, path: &Path) -> Result<Zeroizing<String>, FileError> {
    let path = || path.to_owned();
    // Enough from the start for what is usual, so that no outgrown copies stay behind.
    let mut octets = Zeroizing::new(Vec::with_capacity(16 << 10));
    let read = source.take(MAX_LEN + 1).read_to_end(&mut octets);
    read.map_err(|cause| FileError::Read { path: path(), cause })?;
    if octets.len() as u64 > MAX_LEN {
        return Err(FileError::TooLong(path()));
    }
    let text = std::str::from_utf8(&octets).map_err(|_| FileError::NotText(path()))?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// Writes a file that was not there, readable by its owner only (mode 0600).
///
/// # Errors
/// [`FileError::Exists`], [`FileError::Write`].
pub fn write_new(path: &Path, text: &str) -> Result<(), FileError> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    written.map_err(|cause| match cause.kind() {
        io::ErrorKind::AlreadyExists => FileError::Exists(path.to_owned()),
        _ => FileError::Write { path: path.to_owned(), cause },
    })
}
