//! Files and functions that are short enough to be read.

use std::path::Path;

use crate::{everything, read, report, with_extension};

const MAX_FILE: usize = 800;
const MAX_FUNCTION: usize = 100;

#[test]
fn files_have_fewer_than_800_lines() {
    let all = everything(Path::new(""));
    let mut findings = Vec::new();
    for path in with_extension(&all, &["rs", "py", "mjs", "ts", "sh", "md", "toml", "wit", "html"])
    {
        let lines = read(path).lines().count();
        if lines >= MAX_FILE {
            findings.push(format!("{}: {lines} lines", path.display()));
        }
    }
    report("a file has one subject; split it", &findings);
}

/// Length of the function that begins on the first of `lines`, if one does. Sources are formatted,
/// so it ends with a brace at its own indentation.
fn function_length(lines: &[&str]) -> Option<usize> {
    let first = lines.first()?;
    let code = first.trim_start();
    let indent = &first[..first.len() - code.len()];
    // `fn name(` has its parenthesis in the word after `fn`.
    let mut words = code.split_whitespace().take_while(|word| !word.contains(['(', '/']));
    words.find(|word| *word == "fn")?;
    if code.ends_with(['}', ';']) {
        return Some(1);
    }
    let ends = |line: &&str| {
        let rest = line.strip_prefix(indent).unwrap_or_default();
        rest.starts_with('}') || (rest.starts_with(')') && rest.ends_with(';'))
    };
    lines[1..].iter().position(ends).map(|more| more + 2)
}

#[test]
fn functions_have_fewer_than_100_lines() {
    let all = everything(Path::new(""));
    let (mut findings, mut seen) = (Vec::new(), 0);
    for path in with_extension(&all, &["rs"]) {
        let text = read(path);
        let lines: Vec<&str> = text.lines().collect();
        for at in 0..lines.len() {
            let Some(length) = function_length(&lines[at..]) else { continue };
            seen += 1;
            if length >= MAX_FUNCTION {
                findings.push(format!("{}:{}: {length} lines", path.display(), at + 1));
            }
        }
    }
    assert!(seen > 1000, "only {seen} functions found: they are looked for in the wrong way");
    report("a function does one thing; split it", &findings);
}
