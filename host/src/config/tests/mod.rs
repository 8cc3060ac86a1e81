//! Tests of the configuration. Expected trees and texts were observed on nats-server 2.15.1.

mod accounts;
mod bounds;
mod keys;
mod language;
mod options;
mod validation;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::{ConfigError, Loaded, Source, load_with};

/// Files and environment in memory.
#[derive(Default)]
struct Memory {
    files: HashMap<PathBuf, Vec<u8>>,
    env: HashMap<String, String>,
}

impl Memory {
    fn file(mut self, path: &str, text: impl Into<Vec<u8>>) -> Self {
        self.files.insert(path.into(), text.into());
        self
    }

    fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    fn load(&self, path: &str) -> Result<Loaded, ConfigError> {
        load_with(Path::new(path), self)
    }
}

impl Source for Memory {
    fn read(&self, path: &Path) -> std::io::Result<Vec<u8>> {
        self.files.get(path).cloned().ok_or_else(|| std::io::ErrorKind::NotFound.into())
    }

    fn env(&self, name: &str) -> Option<String> {
        self.env.get(name).cloned()
    }
}

/// Loads a text as `s.conf`.
fn load(text: &str) -> Result<Loaded, ConfigError> {
    Memory::default().file("s.conf", text).load("s.conf")
}

/// Loads a text that must be right.
fn loaded(text: &str) -> Loaded {
    match load(text) {
        Ok(loaded) => loaded,
        Err(error) => panic!("{text:?} is refused: {error}"),
    }
}

/// Loads a text that must be wrong; what is printed.
fn refused(text: &str) -> String {
    match load(text) {
        Ok(_) => panic!("{text:?} is accepted"),
        Err(error) => error.to_string(),
    }
}
