//! All figures for programs: medians, every round, and what they were measured on.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Map, Value, json};

use crate::error::{Doing, Result};
use crate::options::Options;
use crate::report::{Entry, Report};
use crate::servers::Contestant;

/// Writes everything.
pub(crate) fn write(
    path: &Path,
    options: &Options,
    contestants: &[Contestant],
    report: &Report,
) -> Result<()> {
    let programs: Vec<Value> = contestants
        .iter()
        .map(|it| json!({ "name": it.name, "version": version(it), "settings": it.more() }))
        .collect();
    let loads: Vec<Value> = report
        .blocks
        .iter()
        .map(|block| {
            let entries = block.entries.iter().map(|(name, entry)| (name.clone(), of(entry)));
            json!({ "load": block.load, "servers": entries.collect::<Map<String, Value>>() })
        })
        .collect();
    let value = json!({
        "machine": machine(),
        "servers": programs,
        "settings": {
            "rounds": options.rounds,
            "warm_seconds": options.times.warm.as_secs_f64(),
            "seconds": options.times.measure.as_secs_f64(),
        },
        "loads": loads,
    });
    fs::write(path, format!("{value:#}\n")).doing(&format!("write {}", path.display()))
}

fn of(entry: &Entry) -> Value {
    let figures = entry.figures().iter().map(|(metric, rounds)| {
        let figure = json!({ "median": entry.median(*metric), "rounds": rounds });
        (metric.name().to_owned(), figure)
    });
    json!({ "figures": figures.collect::<Map<String, Value>>(), "failures": entry.failures })
}

/// What the program says when it is asked for its version.
fn version(contestant: &Contestant) -> Option<String> {
    if contestant.is_limit() {
        return None;
    }
    let output = Command::new(&contestant.program).arg("--version").output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Processors, memory and kernel, and what else the machine does at the end.
fn machine() -> Value {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let after = |text: &str, key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key));
        line.map(|rest| rest.trim_start_matches([' ', '\t', ':']).trim().to_owned())
    };
    json!({
        "processors": std::thread::available_parallelism().map_or(0, usize::from),
        "processor": after(&read("/proc/cpuinfo"), "model name"),
        "memory": after(&read("/proc/meminfo"), "MemTotal"),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
        "load_average": read("/proc/loadavg").trim(),
        "architecture": std::env::consts::ARCH,
    })
}
