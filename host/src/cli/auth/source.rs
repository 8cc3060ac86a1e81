//! Where a command reads from: a file, or standard input for `-` or nothing.

use std::ffi::OsStr;
use std::path::Path;

use nervure_core::auth::{PublicKey, Role, Seed};
use zeroize::Zeroizing;

use super::{AuthError, Input, Text};
use crate::auth::creds::{self, CredsError};
use crate::auth::{secret_file, seed};

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
                if is_like_a_seed(file) && !path.exists() {
                    return Err(AuthError::Usage {
                        wrong: "a seed stands where a file is to be named".to_owned(),
                        possible: "put it into a file, or on standard input and name -; other \
                                   users of this machine see command lines"
                            .to_owned(),
                    });
                }
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

    /// The public key of `role` in it, or that of the seed in it.
    pub(super) fn public_key(&self, role: Role) -> Result<String, AuthError> {
        let text = self.text.trim();
        let key = if PublicKey::parse(text).is_ok() {
            text.to_owned()
        } else {
            seed::public_key(&self.seed()?)
        };
        match PublicKey::parse_as(&key, role) {
            Ok(_) => Ok(key),
            Err(_) => Err(self.wrong(&format!("the key {key} is not {}", key_of(role)))),
        }
    }

    /// The token in it, unchecked.
    pub(super) fn jwt(&self) -> Result<&str, AuthError> {
        creds::jwt(&self.text).map_err(|cause| self.error(cause))
    }

    /// The error that says what is wrong here.
    pub(super) fn wrong(&self, what: &str) -> AuthError {
        AuthError::Token(format!("{}: {what}", self.name))
    }

    fn error(&self, cause: CredsError) -> AuthError {
        AuthError::Content { source_name: self.name.clone(), cause }
    }
}

/// Whether this could be a seed, which no error may show.
fn is_like_a_seed(file: &OsStr) -> bool {
    let octets = file.as_encoded_bytes();
    octets.len() > 40 && octets[0] == b'S' && octets.iter().all(u8::is_ascii_alphanumeric)
}

/// Whose a key is, for people.
pub(super) const fn key_of(role: Role) -> &'static str {
    match role {
        Role::Account => "an account's",
        Role::Cluster => "a cluster's",
        Role::Server => "a server's",
        Role::Operator => "an operator's",
        Role::User => "a user's",
        Role::Curve => "a curve key",
    }
}

/// Writes a command's result to the file that it was told to, with nothing left to print; or
/// gives it back.
pub(super) fn deliver(text: Text, out: Option<&Path>) -> Result<Text, AuthError> {
    let Some(path) = out else { return Ok(text) };
    secret_file::write_new(path, &text)?;
    Ok(Zeroizing::new(String::new()))
}
