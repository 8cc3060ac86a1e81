//! A log file: opened to append, rotated by size, opened again on request (reference 3.5).

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::stamp::Civil;

/// A log file and how large it may become.
pub(super) struct LogFile {
    path: PathBuf,
    file: File,
    size: u64,
    /// Rotate above this size; `u64::MAX` is never.
    rotate_above: u64,
    limit: u64,
    /// Files kept, the current one included; 0 is all.
    keep: usize,
}

/// What a rotation did.
pub(super) struct Rotated {
    /// What the file is called now.
    pub(super) backup: Option<PathBuf>,
    /// Old backups that were deleted.
    pub(super) purged: Vec<PathBuf>,
    /// What went wrong; logging goes on in the file that is open.
    pub(super) error: Option<io::Error>,
}

fn open(path: &Path) -> io::Result<(File, u64)> {
    let file = OpenOptions::new().append(true).create(true).mode(0o640).open(path)?;
    let size = file.metadata()?.len();
    Ok((file, size))
}

impl LogFile {
    pub(super) fn open(path: &Path, limit: u64, keep: usize) -> io::Result<Self> {
        let (file, size) = open(path)?;
        let mut log =
            Self { path: path.to_owned(), file, size, rotate_above: u64::MAX, limit, keep };
        log.set_limits(limit, keep);
        Ok(log)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn set_limits(&mut self, limit: u64, keep: usize) {
        self.limit = limit;
        self.keep = keep;
        self.rotate_above = if limit == 0 { u64::MAX } else { limit };
    }

    /// Appends a line; true when the file has outgrown its limit by it.
    pub(super) fn write(&mut self, line: &[u8]) -> bool {
        // A disk that is full is no reason to stop serving: the line is lost.
        if self.file.write_all(line).is_ok() {
            self.size += line.len() as u64;
        }
        self.size > self.rotate_above
    }

    /// Opens the path again: another file, when somebody renamed this one.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        (self.file, self.size) = open(&self.path)?;
        Ok(())
    }

    /// Renames the file, starts a new one, and deletes the oldest backups beyond the number kept.
    pub(super) fn rotate(&mut self, now: SystemTime) -> Rotated {
        let mut backup = self.path.clone().into_os_string();
        backup.push(".");
        backup.push(Civil::local(now).backup_suffix());
        let backup = PathBuf::from(backup);
        if let Err(err) = fs::rename(&self.path, &backup).and_then(|()| self.reopen()) {
            // Not at every line again.
            self.rotate_above = self.size.saturating_add(self.limit);
            return Rotated { backup: None, purged: Vec::new(), error: Some(err) };
        }
        self.set_limits(self.limit, self.keep);
        let (purged, error) = match self.purge() {
            Ok(purged) => (purged, None),
            Err(err) => (Vec::new(), Some(err)),
        };
        Rotated { backup: Some(backup), purged, error }
    }

    fn purge(&self) -> io::Result<Vec<PathBuf>> {
        if self.keep == 0 {
            return Ok(Vec::new());
        }
        let parent = match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let mut prefix = self.path.file_name().map(OsString::from).unwrap_or_default();
        prefix.push(".");
        let mut backups = Vec::new();
        for entry in fs::read_dir(parent)? {
            let name = entry?.file_name();
            let suffix = name.as_encoded_bytes().strip_prefix(prefix.as_encoded_bytes());
            if suffix.is_some_and(is_backup_suffix) {
                // Beside the path as it was configured, which is how messages name it.
                backups.push(self.path.with_file_name(name));
            }
        }
        // The ending sorts by time.
        backups.sort();
        let surplus = backups.len().saturating_sub(self.keep - 1);
        backups.truncate(surplus);
        for path in &backups {
            fs::remove_file(path)?;
        }
        Ok(backups)
    }
}

/// Whether this is the ending that [`Civil::backup_suffix`] gives, so that no stranger's file is
/// deleted.
fn is_backup_suffix(suffix: &[u8]) -> bool {
    const FORM: &[u8] = b"dddd.dd.dd.dd.dd.dd.ddddddddd";
    suffix.len() == FORM.len()
        && suffix.iter().zip(FORM).all(|(byte, form)| match form {
            b'd' => byte.is_ascii_digit(),
            _ => byte == form,
        })
}
