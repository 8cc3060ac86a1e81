//! The core's three rules: no I/O, no clock, no hidden randomness.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use wasmparser::{Parser, Payload};

use crate::{everything, read, report, root, with_extension};

/// Everything the core may depend on.
const DEPENDENCIES: [&str; 13] = [
    "bytes",
    "data-encoding",
    "ed25519-dalek",
    "fastrand",
    "foldhash",
    "hashbrown",
    "memchr",
    "serde",
    "serde_json",
    "sha2",
    "subtle",
    "thiserror",
    "zeroize",
];

/// What the core may use of the standard library. What is not here is refused, so that nothing
/// that reads a clock, opens something or asks for entropy can come in under a name nobody
/// thought of.
const ALLOWED: [&str; 22] = [
    "array",
    "borrow::Cow",
    "cell",
    "cmp",
    "collections",
    "error",
    "fmt",
    "hash",
    "hint",
    "io::IoSlice",
    "iter",
    "mem",
    "net::IpAddr",
    "net::Ipv4Addr",
    "net::Ipv6Addr",
    "net::SocketAddr",
    "ops",
    "slice",
    "str",
    "sync",
    "time::Duration",
    "num",
];

/// Ways to chance that no seed decides. (Hash tables are seeded by the process, and nothing walks
/// them in their order.)
const CHANCE: [&str; 3] = ["RandomState", "Rng::new()", "Rng::default()"];

fn cargo() -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root());
    cargo
}

#[test]
fn the_core_depends_on_a_closed_list() {
    let output = cargo().args(["metadata", "--no-deps", "--format-version", "1"]).output();
    let output = output.expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("metadata is JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let core = packages.iter().find(|package| package["name"] == "nervure-core");
    let all = core.expect("the core is a package")["dependencies"].as_array();
    let normal = all.expect("dependencies").iter().filter(|dep| dep["kind"] != "dev");
    let mut names: Vec<&str> = normal.filter_map(|dep| dep["name"].as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, DEPENDENCIES, "the core's dependencies are a decision of the design");
}

/// A source without comment lines and without its inline tests, which come last.
fn code(path: &Path) -> String {
    let text = read(path);
    let text = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Paths into the standard library, without its name; lists in braces taken apart.
fn library_paths(code: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for library in ["std::", "core::"] {
        for (at, _) in code.match_indices(library) {
            if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            let rest = &code[at + library.len()..];
            let name = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
            let (path, rest) = rest.split_at(rest.find(|c| !name(c)).unwrap_or(rest.len()));
            match rest.strip_prefix('{') {
                Some(list) if path.is_empty() || path.ends_with("::") => {
                    let list = list.split('}').next().unwrap_or_default();
                    let entries = list.split(',').map(str::trim).filter(|entry| !entry.is_empty());
                    paths.extend(entries.map(|entry| format!("{path}{entry}")));
                }
                _ => paths.push(path.trim_end_matches(':').to_owned()),
            }
        }
    }
    paths
}

#[test]
fn the_core_uses_no_clock_no_socket_no_entropy_and_no_thread() {
    let all = everything(Path::new("core/src"));
    let (mut findings, mut seen) = (Vec::new(), 0);
    for path in with_extension(&all, &["rs"]) {
        if path.file_stem().and_then(|stem| stem.to_str()).is_some_and(|s| s.ends_with("tests")) {
            continue;
        }
        let code = code(path);
        for used in library_paths(&code) {
            seen += 1;
            let fits = |allowed: &str| {
                used.strip_prefix(allowed)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
            };
            if !ALLOWED.iter().any(|allowed| fits(allowed)) {
                findings.push(format!("{}: {used}", path.display()));
            }
        }
        let chance = CHANCE.iter().filter(|name| code.contains(**name));
        findings.extend(chance.map(|name| format!("{}: {name}", path.display())));
    }
    assert!(seen > 30, "only {seen} uses found: they are looked for in the wrong way");
    report("bytes and facts come into the core as calls", &findings);
}

#[test]
fn the_core_in_wasm_imports_nothing() {
    let built = cargo()
        .args(["build", "--package", "nervure-core-wasm", "--target", "wasm32-unknown-unknown"])
        .args(["--message-format", "json"])
        .output()
        .expect("cargo runs");
    assert!(
        built.status.success(),
        "no build (is the target there? rustup target add wasm32-unknown-unknown):\n{}",
        String::from_utf8_lossy(&built.stderr)
    );
    let messages = String::from_utf8_lossy(&built.stdout);
    let mut files = messages.lines().filter_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        message["filenames"].as_array()?.first()?.as_str().map(str::to_owned)
    });
    let module = files.find(|file| file.ends_with("nervure_core_wasm.wasm")).expect("a module");
    let module = std::fs::read(module).expect("the module can be read");
    let (mut imports, mut exports, mut code) = (Vec::new(), 0, 0);
    for payload in Parser::new(0).parse_all(&module) {
        match payload.expect("a valid module") {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import.expect("an import");
                    imports.push(format!("{}.{}", import.module, import.name));
                }
            }
            Payload::ExportSection(section) => exports += section.count(),
            Payload::CodeSectionStart { count, .. } => code += count,
            _ => {}
        }
    }
    assert!(exports > 0 && code > 100, "{code} functions: the core is not in it");
    report("the core asks its surroundings for nothing", &imports);
}
