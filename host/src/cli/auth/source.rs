//! Where a command reads from: a file, or standard input for `-` or nothing.

use std::ffi::OsStr;
use std::path::Path;

use zeroize::Zeroizing;

use super::{AuthError, Input, Text};
use crate::auth::creds::{self, CredsError};
use crate::auth::secret_file;
use crate::auth::seed::Seed;

/// What was read, and what errors call the place.
pub(super) struct Source {
    /// The text.
    pub(super) text: Text,
    name: String,
}

impl Source {
    /// Reads a file, or `input`.
    pub(super) fn read(file: Option<&OsStr>, input: &mut Input<'_>) -> Result<Self, AuthError> {
        match file.filter(|file| *file != "-") {
            Some(file) => {
                let path = Path::new(file);
                let text = secret_file::read(path)?;
                Ok(Self { text, name: path.display().to_string() })
            }
            None => {
                let name = "standard input";
                let text = secret_file::read_from(&mut input.reader, Path::new(name))?;
                Ok(Self { text, name: name.to_owned() })
            }
        }
    }

    /// The seed in it.
    pub(super) fn seed(&self) -> Result<Seed, AuthError> {
        creds::seed(&self.text).map_err(|cause| self.error(cause))
    }

    /// The token in it, unchecked.
    pub(super) fn jwt(&self) -> Result<&str, AuthError> {
        creds::jwt(&self.text).map_err(|cause| self.error(cause))
    }

    fn error(&self, cause: CredsError) -> AuthError {
        AuthError::Content { source_name: self.name.clone(), cause }
    }
}

/// Writes a command's result to the file that it was told to, with nothing left to print; or
/// gives it back.
pub(super) fn deliver(text: Text, out: Option<&Path>) -> Result<Text, AuthError> {
    let Some(path) = out else { return Ok(text) };
    secret_file::write_new(path, &text)?;
    Ok(Zeroizing::new(String::new()))
}
