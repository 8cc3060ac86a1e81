//! What a server costs when nothing is sent: start, size, memory at rest, idle connections.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use harness::Launch;

use crate::error::{BenchError, Doing, Result};
use crate::peer::{Door, PATIENCE, Peer};
use crate::sample::{Metric, Sample, mib};
use crate::servers::{Contestant, Running};

/// Starts of one round; their median counts.
const STARTS: usize = 11;

/// How long a server is left alone before its memory is read.
const REST: Duration = Duration::from_millis(500);

/// From the start of the process until a client has read INFO, and the memory at rest afterwards.
/// The port is known beforehand and tried without pause.
pub(crate) fn start(contestant: &Contestant) -> Result<Sample> {
    let mut times = Vec::new();
    let mut resident = Vec::new();
    for attempt in 0..STARTS {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).doing("find a free port")?;
        let port = free.local_addr().doing("find a free port")?.port();
        drop(free);
        let config = format!("listen: \"127.0.0.1:{port}\"\n{}", contestant.more());
        let launch = Launch::of(&contestant.program).config(config);
        let began = Instant::now();
        let server = launch.start_unready();
        let socket = loop {
            match TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
                Ok(socket) => break socket,
                Err(error) if began.elapsed() > PATIENCE => return Err(error).doing("connect"),
                Err(_) => std::thread::sleep(Duration::from_micros(50)),
            }
        };
        let mut line = String::new();
        BufReader::new(socket).read_line(&mut line).doing("read INFO")?;
        if !line.starts_with("INFO ") {
            return Err(BenchError::Unexpected(line));
        }
        times.push(began.elapsed().as_secs_f64() * 1e3);
        // Once is enough for the memory: it waits.
        if attempt == 0 {
            std::thread::sleep(REST);
            resident.push(mib(server.resident_bytes()));
        }
    }
    let mut sample = Sample::default();
    let median = |values: &[f64]| crate::stats::median(values).unwrap_or_default();
    sample.add(Metric::Start, median(&times));
    sample.add(Metric::Resident, median(&resident));
    Ok(sample)
}

/// The size of the program file.
pub(crate) fn program(contestant: &Contestant) -> Result<Sample> {
    let file = std::fs::metadata(&contestant.program).doing("look at the program")?;
    let mut sample = Sample::default();
    sample.add(Metric::Program, mib(file.len()));
    Ok(sample)
}

/// Memory of connections that have said CONNECT and nothing else.
pub(crate) fn idle(server: &Running, door: &Door, connections: usize) -> Result<Sample> {
    std::thread::sleep(REST);
    let before = server.resident();
    let peers: Vec<Peer> =
        (0..connections).map(|_| Peer::connect(door)).collect::<Result<Vec<Peer>>>()?;
    std::thread::sleep(REST);
    let after = server.resident();
    let each = after.saturating_sub(before) as f64 / peers.len().max(1) as f64;
    let mut sample = Sample::default();
    sample.add(Metric::PerConnection, each);
    sample.add(Metric::Resident, mib(after));
    Ok(sample)
}
