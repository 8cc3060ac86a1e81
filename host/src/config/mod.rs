//! The configuration file: NATS's own language, and what its keys mean.
//!
//! A file's way: `lexer` (characters) → `parser` (tree of [`Value`]s, with includes and
//! variables resolved) → [`digest`] (what `-t` prints) → `keys` (tree to [`Options`]) →
//! [`validate`] (what `-t` does not check). Reference: config-and-operations sections 1 and 2.
//!
//! Files are not trusted: depth ([`MAX_DEPTH`], [`MAX_INCLUDES`]) and growth by variables and
//! includes ([`MAX_EXPANSION`]) are bounded, and nothing in a file makes this module panic.

mod digest;
mod duration;
mod error;
mod include;
mod keys;
mod lexer;
mod number;
mod parser;
mod validate;
mod value;
mod variables;

#[cfg(test)]
mod tests;

use std::path::Path;

pub use digest::{canonical_json, digest};
pub use duration::{format_duration, parse_duration};
pub use error::{ConfigError, SyntaxError};
pub use validate::{OperatorConfigError, ValidateError, validate};
pub use value::{Map, Node, Pos, Value};

use crate::options::Options;
use crate::process::memory;

/// Most levels of maps and arrays, those that come by variables and includes counted.
pub const MAX_DEPTH: u32 = 256;

/// Most files between the main file and an included one.
pub const MAX_INCLUDES: usize = 32;

/// Most bytes that variables and includes may add to a configuration, counted at every use.
pub const MAX_EXPANSION: usize = 64 << 20;

/// Bytes of a file from which on the memory that reading it took is worth handing back.
const LARGE: usize = 256 << 10;

/// Where files and variables come from.
pub trait Source {
    /// Contents of a file, which may be an included one or one that a key names.
    ///
    /// # Errors
    /// As the file system says; the kind decides the text shown.
    fn read(&self, path: &Path) -> std::io::Result<Vec<u8>>;

    /// Value of an environment variable.
    fn env(&self, name: &str) -> Option<String>;
}

/// The real file system and environment.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemSource;

impl Source for SystemSource {
    fn read(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        std::fs::read(path)
    }

    fn env(&self, name: &str) -> Option<String> {
        // Names that no environment can have would make some systems panic.
        if name.is_empty() || name.contains(['=', '\0']) {
            return None;
        }
        std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
    }
}

/// A configuration that may be used.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What the file says, over the defaults.
    pub options: Options,
    /// Lines that make `-t` fail but not a start, without LF.
    pub warnings: Vec<String>,
}

/// Reads a configuration file.
///
/// # Errors
/// If a file cannot be read, is not in the language, or has unknown keys or wrong values.
pub fn load(path: &Path) -> Result<Loaded, ConfigError> {
    load_with(path, &SystemSource)
}

/// [`load`], with files and environment from `source`.
///
/// # Errors
/// As [`load`].
pub fn load_with(path: &Path, source: &dyn Source) -> Result<Loaded, ConfigError> {
    let text =
        source.read(path).map_err(|error| ConfigError::Read(error::io_text(path, &error)))?;
    let mut session = parser::Session::new(source);
    session.files.push(path.components().collect());
    let root = parser::parse(&mut session, &text, path, 0)?;
    let mut loaded = keys::decode(&root, source)?;
    if root.is_empty() {
        loaded.warnings.push(format!("{}: config has no values or is empty", path.display()));
    }
    loaded.options.config_file = Some(path.to_path_buf());
    loaded.options.config_digest = digest(&root);
    drop(root);
    if text.len() > LARGE {
        memory::give_back();
    }
    Ok(loaded)
}

/// Parses a text that stands alone: no file can be included and the environment is empty.
///
/// # Errors
/// If it is not in the language.
pub fn parse_str(text: &str) -> Result<Value, SyntaxError> {
    parse_bytes(text.as_bytes())
}

/// [`parse_str`] for text that need not be UTF-8.
///
/// # Errors
/// If it is not in the language.
pub fn parse_bytes(text: &[u8]) -> Result<Value, SyntaxError> {
    let mut session = parser::Session::new(&Nothing);
    parser::parse(&mut session, text, Path::new("config"), 0).map(Value::Map)
}

struct Nothing;

impl Source for Nothing {
    fn read(&self, _: &Path) -> std::io::Result<Vec<u8>> {
        Err(std::io::ErrorKind::NotFound.into())
    }

    fn env(&self, _: &str) -> Option<String> {
        None
    }
}
