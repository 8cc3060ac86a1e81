//! Configuration files: the language ([`parse`](mod@parse)) and what its keys mean (`keys`).
//!
//! Only keys that this version obeys are taken. Keys that nats-server knows and this version does
//! not obey yet refuse the start when leaving them out would let somebody in or lose something,
//! and give a warning otherwise; keys that nobody knows are errors.

mod blocks;
mod keys;
pub mod parse;
pub mod value;

use std::path::Path;

use self::parse::Source;
use self::value::{Kind, Position, Value};
use crate::options::Options;

/// Files and environment of this process.
#[derive(Clone, Copy, Debug)]
pub struct System;

impl Source for System {
    fn read(&self, path: &str) -> std::io::Result<String> {
        std::fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

/// Why a configuration was refused. The text is what follows the program's name on standard
/// error.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("open {path}: {}", crate::process::os_error(error))]
    Open {
        /// The path as given.
        path: String,
        /// The system's reason.
        error: std::io::Error,
    },
    /// The text breaks the language's rules.
    #[error(transparent)]
    Parse(#[from] parse::ParseError),
    /// Keys or values are wrong: all of them, one per line.
    #[error("{}", .0.iter().map(|(at, text)| format!("{at}: {text}\n")).collect::<String>())]
    Keys(Vec<(Position, String)>),
    /// Values do not go together.
    #[error("{0}")]
    Conflict(String),
}

/// Reads a file over defaults.
///
/// # Errors
///
/// When the file cannot be read, its text is no configuration, a key is unknown or a value has
/// the wrong type.
pub fn load(path: &Path) -> Result<Options, ConfigError> {
    load_from(&path.to_string_lossy(), &System)
}

/// [`load`] with files and environment from elsewhere.
///
/// # Errors
///
/// As [`load`].
pub fn load_from(path: &str, source: &dyn Source) -> Result<Options, ConfigError> {
    let text =
        source.read(path).map_err(|error| ConfigError::Open { path: path.to_owned(), error })?;
    let tree = parse::parse(&text, path, source)?;
    let mut options = Options {
        config_file: Some(path.into()),
        config_digest: digest(&tree),
        ..Options::default()
    };
    keys::apply(&tree, &mut options).map_err(ConfigError::Keys)?;
    Ok(options)
}

/// `sha256:` of the meaning of a file: its tree as compact JSON with sorted keys and a line feed
/// (config-and-operations.md 1.7).
fn digest(tree: &Value) -> String {
    use sha2::Digest as _;
    use std::fmt::Write as _;
    let mut json = String::new();
    for character in json_of(tree).to_string().chars() {
        match character {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                // Writing to a String cannot fail.
                let _ = write!(json, "\\u{:04x}", u32::from(character));
            }
            other => json.push(other),
        }
    }
    json.push('\n');
    let hash = sha2::Sha256::digest(json.as_bytes());
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

fn json_of(value: &Value) -> serde_json::Value {
    match &value.kind {
        Kind::Map(entries) => entries.iter().map(|(key, v)| (key.clone(), json_of(v))).collect(),
        Kind::Array(elements) => elements.iter().map(json_of).collect(),
        Kind::String(text) => text.as_str().into(),
        Kind::Integer(number) => (*number).into(),
        Kind::Float(number) => (*number).into(),
        Kind::Boolean(on) => (*on).into(),
    }
}

/// Checks what only the whole can tell, flags included.
///
/// # Errors
///
/// With nats-server's text.
pub fn validate(options: &Options) -> Result<(), ConfigError> {
    let limits = &options.limits;
    let conflict = |text: String| Err(ConfigError::Conflict(text));
    if limits.max_payload > limits.max_pending {
        return conflict(format!(
            "max_payload ({}) cannot be higher than max_pending ({})",
            limits.max_payload, limits.max_pending
        ));
    }
    if options.lame_duck_grace_period >= options.lame_duck_duration {
        return conflict(format!(
            "lame duck grace period ({:?}) should be strictly lower than lame duck duration ({:?})",
            options.lame_duck_grace_period, options.lame_duck_duration
        ));
    }
    if options.server_name.as_deref().is_some_and(|name| name.contains(' ')) {
        return conflict("server name cannot contain spaces".to_owned());
    }
    if let Some(user) = &options.auth.no_auth_user
        && !options.auth.users.iter().any(|known| known.name == *user)
    {
        return conflict(format!(
            "no_auth_user: {user:?} not present as user or nkey in authorization block or account configuration"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
