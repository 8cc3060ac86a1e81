//! Where things are, how they are called, and that the one test command knows them.

use std::path::Path;

use crate::{entries, everything, read, report, root, with_extension};

#[test]
fn the_top_level_folders_are_those_of_the_design() {
    const FOLDERS: [&str; 6] = ["core", "host", "tests", "wasm-plugins", "web", "wit"];
    let top = entries(Path::new("")).into_iter().filter(|path| root().join(path).is_dir());
    let strangers = top.map(|path| path.display().to_string());
    let strangers: Vec<String> =
        strangers.filter(|name| !FOLDERS.contains(&name.as_str())).collect();
    report("no folder at the top but these", &strangers);
}

#[test]
fn nothing_is_named_after_having_no_subject() {
    const NAMES: [&str; 6] = ["common", "helper", "helpers", "misc", "util", "utils"];
    let all = everything(Path::new(""));
    let named = |path: &&std::path::PathBuf| {
        path.file_stem().and_then(|stem| stem.to_str()).is_some_and(|stem| NAMES.contains(&stem))
    };
    let mut findings: Vec<String> =
        all.iter().filter(named).map(|path| path.display().to_string()).collect();
    for path in with_extension(&all, &["rs"]) {
        for line in read(path).lines() {
            let mut words = line.split_whitespace().skip_while(|word| *word != "mod").skip(1);
            let name = words.next().unwrap_or_default().trim_end_matches(';');
            if NAMES.contains(&name) {
                findings.push(format!("{}: {line}", path.display()));
            }
        }
    }
    report("say what it is about", &findings);
}

/// Values of `key` in the tables `[[table]]` of a manifest.
fn named(manifest: &str, table: &str, key: &str) -> Vec<String> {
    let header = format!("[[{table}]]");
    let tables = manifest.split("\n[").filter(|part| format!("[{part}").starts_with(&header));
    let lines = tables.flat_map(str::lines);
    let values = lines.filter_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
    values.map(|value| value.trim_matches('"').to_owned()).collect()
}

#[test]
fn every_test_suite_and_fuzz_target_is_run() {
    let ci = read(".ci/run");
    assert!(ci.contains("exec tests/run"), ".ci/run does not run tests/run");
    let command = read("tests/run");
    let suites = named(&read("tests/Cargo.toml"), "test", "name");
    assert!(suites.len() > 4, "{suites:?}");
    let mut findings = Vec::new();
    for suite in suites {
        if !command.contains(&format!("--test {suite}")) {
            findings.push(format!("tests/run does not run the suite {suite}"));
        }
    }
    let listed = command.lines().find_map(|line| line.trim().strip_prefix("for target in "));
    let fuzzed: Vec<&str> = listed.expect("a loop over targets").split([' ', ';']).collect();
    let bins = named(&read("tests/fuzz/Cargo.toml"), "bin", "path");
    let replayed = read("tests/fuzz/replay.rs");
    for path in entries(Path::new("tests/fuzz/fuzz_targets")) {
        let target = path.file_stem().and_then(|stem| stem.to_str()).expect("a name");
        let places = [
            ("tests/run", fuzzed.contains(&target)),
            ("tests/fuzz/Cargo.toml", bins.contains(&format!("fuzz_targets/{target}.rs"))),
            ("tests/fuzz/replay.rs", replayed.contains(&format!("replay(\"{target}\""))),
        ];
        for (place, _) in places.iter().filter(|(_, known)| !known) {
            findings.push(format!("{place} does not know the fuzz target {target}"));
        }
    }
    report("what can run is run", &findings);
}
