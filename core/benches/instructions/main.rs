//! Instructions an operation of the hot path takes, counted by callgrind.
//!
//! Counts do not depend on what else the machine does, so that a loss of a few percent shows where
//! a clock would show noise. Each operation is run a few and many times in processes of their own
//! under valgrind; the difference, divided by the operations between them, leaves out the start of
//! the process and what the operation needs to be set up.
//!
//! ```sh
//! cargo bench -p nervure-core --bench instructions               # the table
//! cargo bench -p nervure-core --bench instructions -- --check    # fails 5 % above the budget
//! cargo bench -p nervure-core --bench instructions -- --write    # makes these counts the budget
//! cargo bench -p nervure-core --bench instructions -- receive    # only names that begin so
//! ```
//!
//! The budget is `budget.txt` beside this file. It belongs to the x86-64 of the compiler
//! that CI uses; a new compiler may need `--write`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a benchmark of our own input has nobody to report errors to"
)]

mod operations;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use operations::OPERATIONS;

/// The hidden argument of the processes under valgrind; the operation and a count follow.
const PROCESS: &str = "--process";

/// Operations of the short and the long run.
const COUNTS: [u64; 2] = [2_000, 12_000];

/// A count may be this many times its budget.
const TOLERANCE: f64 = 1.05;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    if let [process, name, count] = words.as_slice()
        && process == PROCESS
    {
        let (_, operation) = OPERATIONS.iter().find(|(known, _)| known == name).unwrap();
        operation(count.parse().unwrap());
        return ExitCode::SUCCESS;
    }
    let flags = ["--check", "--write"];
    if let Some(unknown) = words.iter().find(|it| it.starts_with('-') && !flags.contains(&&***it)) {
        eprintln!("no option {unknown}: there are --check, --write and names of operations");
        return ExitCode::FAILURE;
    }
    let given = |flag: &str| words.iter().any(|word| word == flag);
    let chosen: Vec<&String> = words.iter().filter(|word| !word.starts_with('-')).collect();
    let wanted =
        |name: &str| chosen.is_empty() || chosen.iter().any(|word| name.starts_with(word.as_str()));
    let names = OPERATIONS.iter().map(|(name, _)| *name).filter(|name| wanted(name));
    report(&names.collect::<Vec<&str>>(), given("--check"), given("--write"))
}

fn report(names: &[&str], check: bool, write: bool) -> ExitCode {
    let mut budget = read_budget();
    let mut over = 0;
    println!("{:<22}{:>14}{:>10}{:>9}", "operation", "instructions", "budget", "change");
    for (name, count) in names.iter().zip(measure_all(names)) {
        let Some(&allowed) = budget.get(*name) else {
            println!("{name:<22}{count:>14.1}{:>10}", "none");
            over += 1;
            budget.insert((*name).to_owned(), count);
            continue;
        };
        let change = (count / allowed - 1.0) * 100.0;
        let verdict = if count > allowed * TOLERANCE { "  over budget" } else { "" };
        over += usize::from(!verdict.is_empty());
        println!("{name:<22}{count:>14.1}{allowed:>10.1}{change:>+8.1}%{verdict}");
        budget.insert((*name).to_owned(), count);
    }
    if write {
        write_budget(&budget);
    }
    if check && over > 0 {
        eprintln!(
            "{over} operations are over their budget of core/benches/instructions/budget.txt by more than \
             5 %: make them cheaper, or accept the counts with --write and say why in the commit"
        );
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Measures on two threads: two processes at once do not disturb each other's counts.
fn measure_all(names: &[&str]) -> Vec<f64> {
    let mut counts = vec![0.0; names.len()];
    let half = names.len().div_ceil(2).max(1);
    std::thread::scope(|scope| {
        for (names, counts) in names.chunks(half).zip(counts.chunks_mut(half)) {
            scope.spawn(move || {
                for (name, count) in names.iter().zip(counts) {
                    *count = measure(name);
                }
            });
        }
    });
    counts
}

/// Instructions an operation takes.
fn measure(name: &str) -> f64 {
    let [few, many] = COUNTS.map(|count| total(name, count));
    many.saturating_sub(few) as f64 / (COUNTS[1] - COUNTS[0]) as f64
}

/// Instructions of a whole process.
fn total(name: &str, count: u64) -> u64 {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().expect("a process knows its program"))
        .args([PROCESS, name, &count.to_string()])
        .output();
    let output = output.unwrap_or_else(|error| {
        panic!("valgrind: {error}: install it, for instance with `apt-get install valgrind`")
    });
    let said = String::from_utf8_lossy(&output.stderr);
    let collected = said.lines().find_map(|line| line.split_once("Collected :"));
    let collected = collected.and_then(|(_, number)| number.trim().parse().ok());
    collected.filter(|_| output.status.success()).unwrap_or_else(|| panic!("{name}: {said}"))
}

fn budget_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/instructions/budget.txt")
}

fn read_budget() -> BTreeMap<String, f64> {
    let text = std::fs::read_to_string(budget_file()).unwrap_or_default();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pair = |line: &str| {
        let (name, count) = line.split_once(' ')?;
        Some((name.to_owned(), count.trim().parse().ok()?))
    };
    lines.map(|line| pair(line).unwrap_or_else(|| panic!("no budget: {line:?}"))).collect()
}

/// Writes in the order of the table.
fn write_budget(budget: &BTreeMap<String, f64>) {
    let known = OPERATIONS.iter().filter_map(|(name, _)| budget.get_key_value(*name));
    let lines = known.map(|(name, count)| format!("{name} {count:.1}\n"));
    let text: String = lines.collect();
    let text = format!("# Instructions an operation takes, written by `--write`.\n{text}");
    std::fs::write(budget_file(), text).expect("the budget can be written");
}
