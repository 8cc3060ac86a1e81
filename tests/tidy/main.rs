//! Rules of the house that no compiler checks: what files and functions look like, what the core
//! may touch, where things are and that everything that can run is run.
#![allow(clippy::panic, clippy::expect_used, reason = "a test says no by panicking")]

mod layout;
mod purity;
mod sizes;

use std::fs;
use std::path::{Path, PathBuf};

/// The repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests lie in the repository")
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What lies in a folder, by name, without what tools have left there.
fn entries(folder: &Path) -> Vec<PathBuf> {
    const LEFT_BY_TOOLS: [&str; 5] =
        ["target", "node_modules", "corpus", "artifacts", "__pycache__"];
    let listed = fs::read_dir(root().join(folder)).expect("a folder of the repository");
    let names = listed.map(|entry| entry.expect("an entry").file_name());
    let kept = names.filter(|name| {
        name.to_str().is_some_and(|name| !name.starts_with('.') && !LEFT_BY_TOOLS.contains(&name))
    });
    let mut paths: Vec<PathBuf> = kept.map(|name| folder.join(name)).collect();
    paths.sort();
    paths
}

/// Every file and folder below `folder`, itself left out; paths are relative to the repository.
fn everything(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in entries(folder) {
        if root().join(&path).is_dir() {
            found.extend(everything(&path));
        }
        found.push(path);
    }
    found
}

fn with_extension<'a>(
    paths: &'a [PathBuf],
    extensions: &'a [&str],
) -> impl Iterator<Item = &'a Path> {
    paths.iter().map(PathBuf::as_path).filter(|path| {
        path.extension().and_then(|end| end.to_str()).is_some_and(|end| extensions.contains(&end))
    })
}

/// Fails with all findings at once.
fn report(rule: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{rule}:\n  {}", findings.join("\n  "));
}
