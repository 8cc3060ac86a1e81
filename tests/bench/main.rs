//! The side-by-side benchmark: Nervure and nats-server 2.15.1 on one machine, under one generator.
//!
//! `cargo run --release -p nervure-tests --bin bench -- --help` tells what can be chosen.
//!
//! For each load and round a fresh process of each server is started with equal settings on the
//! loopback interface, driven by one thread of this program, asked for its CPU time and memory,
//! and killed. Rounds alternate the order; medians over rounds count. CPU time a message is the
//! figure to trust on a machine with other work; the generator's own CPU a message stands beside
//! it, so that one can see that it is not what was measured.
//!
//! - [`loads`]: the table of loads, what each sends
//! - [`flow`], [`interest`], [`exchange`], [`paced`], [`footprint`], [`accounts`]: how they are driven and measured
//! - [`meter`]: the clocks of a run
//! - [`servers`], [`forwarder`]: what is compared
//! - [`peer`], [`websocket`], [`stream`], [`epoll`]: the generator's connections
//! - [`report`], [`goals`], [`json`], [`chart`]: medians, tables and files

mod accounts;
mod chart;
mod epoll;
mod error;
mod exchange;
mod flow;
mod footprint;
mod forwarder;
mod goals;
mod interest;
mod json;
mod loads;
mod meter;
mod options;
mod paced;
mod peer;
mod report;
mod sample;
mod servers;
mod stats;
mod stream;
mod websocket;

use std::path::Path;
use std::process::ExitCode;

use error::{BenchError, Doing, Result};
use loads::{LOADS, Load};
use options::{Options, USAGE};
use report::Report;
use servers::{Contestant, FORWARDER};

fn main() -> ExitCode {
    let outcome = match std::env::args().nth(1).as_deref() {
        Some(FORWARDER) => forwarder::run().doing("forward").map(|()| true),
        _ => Options::parse(std::env::args().skip(1)).and_then(|options| run(&options)),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// True when every run gave its figures.
fn run(options: &Options) -> Result<bool> {
    if options.help {
        print!("{USAGE}");
        return Ok(true);
    }
    if options.list {
        LOADS.iter().for_each(|load| println!("{}", load.name));
        return Ok(true);
    }
    let chosen: Vec<&Load> = LOADS.iter().filter(|load| options.wants(load.name)).collect();
    servers::prepare()?;
    let contestants = contestants(options)?;
    for contestant in &contestants {
        println!("{}: {}", contestant.name, contestant.program.display());
    }
    let maximum = if chosen.iter().any(|load| load.is_paced()) {
        let nats_server = contestants.iter().find(|it| it.name == servers::NATS_SERVER);
        let nats_server = nats_server.ok_or_else(|| {
            BenchError::Usage("latency loads need nats-server, whose maximum they share".to_owned())
        })?;
        loads::maximum(nats_server, options.times)?
    } else {
        0.0
    };
    warn_of_others();
    println!("{}", Report::heading());
    let mut report = Report::default();
    for load in &chosen {
        compare(load, &contestants, options, maximum, &mut report);
        if let Some(block) = report.blocks.last() {
            print!("{}", block.lines());
        }
    }
    publish(options, &contestants, &report)?;
    let failures = report.failures();
    if failures > 0 {
        eprintln!("bench: {failures} runs failed");
    }
    Ok(failures == 0)
}

/// Says that the machine does other work: then only CPU a message can be trusted.
fn warn_of_others() {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = text.split(' ').next().and_then(|load| load.parse::<f64>().ok());
    if let Some(load) = load.filter(|load| *load > 1.0) {
        println!("the machine is busy, load {load}: of the figures only CPU can be trusted");
    }
}

/// The README's table on standard output, and the files that were asked for.
fn publish(options: &Options, contestants: &[Contestant], report: &Report) -> Result<()> {
    for contestant in contestants.iter().filter(|it| it.name.starts_with(servers::NERVURE)) {
        println!("\n{}\n\n{}", contestant.name, goals::table(report, &contestant.name));
    }
    if let Some(path) = &options.json {
        json::write(path, options, contestants, report)?;
    }
    let write = |path: &Path, svg: String| {
        std::fs::write(path, svg).doing(&format!("write {}", path.display()))
    };
    if let Some(path) = &options.chart {
        write(path, chart::comparison(report))?;
    }
    if let Some(path) = &options.growth_chart {
        let none =
            || BenchError::Usage("no loads that grow were run: add subs or conns".to_owned());
        write(path, chart::growth(report).ok_or_else(none)?)?;
    }
    Ok(())
}

/// Runs a load in all rounds, turning the order of the contestants each time.
fn compare(
    load: &Load,
    contestants: &[Contestant],
    options: &Options,
    maximum: f64,
    report: &mut Report,
) {
    let able = |contestant: &&Contestant| load.by_limit || !contestant.is_limit();
    for round in 0..options.rounds {
        let mut order: Vec<&Contestant> = contestants.iter().filter(able).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        for contestant in order {
            let outcome = load.run(contestant, options.times, maximum);
            let outcome = outcome.map_err(|error| error.to_string());
            report.add(load.name, &contestant.name, outcome);
        }
    }
}

fn contestants(options: &Options) -> Result<Vec<Contestant>> {
    let mut contestants = Vec::new();
    if options.invites(servers::NATS_SERVER) {
        let program = servers::find_nats_server(options.nats_server.as_deref())?;
        contestants.push(Contestant::nats_server(program));
    }
    if options.invites(servers::NERVURE) {
        let program = servers::find_nervure(options.nervure.as_deref())?;
        for shards in &options.shards {
            contestants.push(Contestant::nervure(program.clone(), *shards));
        }
    }
    if options.invites(servers::LIMIT) {
        contestants.push(Contestant::forwarder()?);
    }
    Ok(contestants)
}
