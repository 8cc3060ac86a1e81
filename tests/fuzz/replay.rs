//! The checked-in seeds, replayed through the fuzz targets on the stable compiler: a seed that
//! fails, or that its target no longer reads, shows up without a fuzzer.
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test says no by panicking"
)]

#[path = "fuzz_targets/config.rs"]
mod config;
#[path = "fuzz_targets/connect.rs"]
mod connect;
#[path = "fuzz_targets/dn.rs"]
mod dn;
#[path = "fuzz_targets/headers.rs"]
mod headers;
#[path = "fuzz_targets/jwt.rs"]
mod jwt;
#[path = "fuzz_targets/nkey.rs"]
mod nkey;
#[path = "fuzz_targets/parser.rs"]
mod parser;
#[path = "fuzz_targets/transform.rs"]
mod transform;
#[path = "fuzz_targets/websocket.rs"]
mod websocket;

use std::fs;
use std::path::Path;

/// Runs every seed of a target. When one fails, its name is the last one printed.
fn replay(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let seeds = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{target}: {error}"));
    let mut count = 0;
    for seed in seeds {
        let seed = seed.expect("a folder can be listed").path();
        println!("{}", seed.display());
        run(&fs::read(&seed).expect("a seed can be read"));
        count += 1;
    }
    assert!(count > 3, "{target} has {count} seeds");
}

#[test]
fn config_seeds() {
    replay("config", config::run);
}

#[test]
fn connect_seeds() {
    replay("connect", connect::run);
}

#[test]
fn dn_seeds() {
    replay("dn", dn::run);
}

#[test]
fn jwt_seeds() {
    replay("jwt", jwt::run);
}

#[test]
fn nkey_seeds() {
    replay("nkey", nkey::run);
}

#[test]
fn headers_seeds() {
    replay("headers", headers::run);
}

#[test]
fn parser_seeds() {
    replay("parser", parser::run);
}

#[test]
fn transform_seeds() {
    replay("transform", transform::run);
}

#[test]
fn websocket_seeds() {
    replay("websocket", websocket::run);
}
