//! Very many peers.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use harness::tls::dial;
use harness::{PATIENCE, Program, Session};

use crate::beside::{BYSTANDERS, beside, expect_relief};

const IDLE: usize = 10_000;
/// Descriptors for the crowd and for everything else.
const DESCRIPTORS: u64 = IDLE as u64 + 1_000;
/// What one idle client may cost our server; the goal is a quarter of it, and measured elsewhere.
const COST: u64 = 4 << 10;

/// Lets this process, and so the servers it starts, open [`DESCRIPTORS`] files.
#[allow(unsafe_code, reason = "the standard library knows no resource limits")]
fn raise_descriptor_limit() -> bool {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls get a valid pointer to a live `rlimit`.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) != 0 {
            return false;
        }
        if limit.rlim_cur >= DESCRIPTORS {
            return true;
        }
        limit.rlim_cur = DESCRIPTORS;
        limit.rlim_max = limit.rlim_max.max(DESCRIPTORS);
        libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) == 0
    }
}

/// A client that has had its PONG and then only sits there.
fn idle(port: u16) -> TcpStream {
    let mut stream = dial(port);
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket takes a timeout");
    stream.write_all(b"CONNECT {\"verbose\":false}\r\nPING\r\n").expect("the server reads");
    let mut said = Vec::new();
    let mut chunk = [0; 1024];
    while !said.ends_with(b"PONG\r\n") {
        let count = stream.read(&mut chunk).expect("the server answers");
        assert_ne!(count, 0, "closed after {}", said.escape_ascii());
        said.extend(chunk.iter().take(count));
    }
    stream
}

#[test]
fn ten_thousand_idle_clients_cost_little_and_leave_nothing_behind() {
    if !raise_descriptor_limit() {
        // Written past the capture of test output, so that it is seen.
        let skipped = format!("SKIPPED: {IDLE} idle clients need {DESCRIPTORS} descriptors\n");
        io::stderr().write_all(skipped.as_bytes()).expect("standard error takes text");
        return;
    }
    beside("max_closed_clients: 10\n", |server| {
        let before = server.own_bytes();
        let mut crowd: Vec<TcpStream> = (0..IDLE).map(|_| idle(server.port())).collect();
        server.expect_varz("/connections", IDLE as u64 + BYSTANDERS);
        let grown = server.own_bytes().saturating_sub(before);
        println!("{IDLE} idle clients: {grown} bytes, {} each", grown / IDLE as u64);
        if Program::under_test() == Program::Nervure {
            assert!(grown <= COST * IDLE as u64, "{} bytes a client", grown / IDLE as u64);
        }
        for stream in crowd.iter_mut().step_by(97) {
            stream.write_all(b"PING\r\n").expect("an idle client may speak up");
            let mut said = Vec::new();
            while !said.ends_with(b"PONG\r\n") {
                let mut octet = [0; 1];
                stream.read_exact(&mut octet).expect("and is answered");
                said.extend(octet);
            }
        }
        drop(crowd);
        expect_relief(server, before);
    });
}

#[test]
fn a_flood_of_connections_above_the_limit_is_turned_away() {
    const LIMIT: u64 = 20;
    const FLOOD: u64 = 2_000;
    beside(&format!("max_connections: {LIMIT}\n"), |server| {
        let guests: Vec<Session> = (BYSTANDERS..LIMIT).map(|_| server.client("")).collect();
        for _ in 0..FLOOD {
            let mut refused = server.session();
            refused.expect("-ERR 'maximum connections exceeded'\r\n").expect_closed();
        }
        server.expect_varz("/connections", LIMIT);
        server.expect_varz("/total_connections", LIMIT + FLOOD);
        guests.into_iter().for_each(Session::finish);
        server.expect_varz("/connections", BYSTANDERS);
        server.client("").finish();
    });
}

#[test]
fn connections_that_close_without_a_word_are_harmless() {
    beside("", |server| {
        let before = server.own_bytes();
        for _ in 0..2_000 {
            drop(dial(server.port()));
        }
        server.client("").finish();
        expect_relief(server, before);
    });
}
