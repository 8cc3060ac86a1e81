//! Whatever a configuration file holds: no panic, the same answer twice, and only what is in the
//! language is ever acted upon.
//!
//! Input: the file.

#![cfg_attr(fuzzing, no_main)]

use std::io;
use std::path::Path;

use nervure::config::Value;
use nervure::config::{Source, canonical_json, digest, load_with, parse_bytes, validate};

/// A machine with this one file on it and nothing in its environment.
struct Only<'a>(&'a [u8]);

impl Source for Only<'_> {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        if path == Path::new("server.conf") {
            return Ok(self.0.to_vec());
        }
        Err(io::ErrorKind::NotFound.into())
    }

    fn env(&self, _: &str) -> Option<String> {
        None
    }
}

pub(crate) fn run(data: &[u8]) {
    let tree = parse_bytes(data);
    if let Ok(Value::Map(root)) = &tree {
        assert_eq!(digest(root), digest(root));
        assert!(!canonical_json(root).is_empty());
    }
    let load = || load_with(Path::new("server.conf"), &Only(data));
    match (load(), load()) {
        (Ok(first), Ok(second)) => {
            assert!(tree.is_ok(), "keys were read from what is not in the language");
            assert_eq!(first.options.config_digest, second.options.config_digest);
            let _ = validate(&first.options);
        }
        (Err(first), Err(second)) => assert_eq!(first.to_string(), second.to_string()),
        _ => panic!("the same file is good once and bad once"),
    }
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| run(data));
