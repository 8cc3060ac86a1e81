//! Peers that do not read, or are not there any more.

use std::time::Duration;

use harness::Session;

use crate::beside::{beside, expect_relief};

const MESSAGE: usize = 65_536;

#[test]
fn a_reader_that_does_not_read_is_cut_off_without_a_word() {
    beside("max_pending: 1048576\nmax_payload: 65536\n", |server| {
        let before = server.own_bytes();
        let mut victims: Vec<Session> = (0..4)
            .map(|_| {
                let mut victim = Session::connect_narrow(server.port(), 4096);
                victim.hello("");
                victim.send("SUB flood 1\r\n").expect_open();
                victim
            })
            .collect();
        let mut publisher = server.client("");
        let unit = format!("PUB flood {MESSAGE}\r\n{}\r\n", "x".repeat(MESSAGE));
        for _ in 0..300 {
            publisher.send(&unit).expect_open();
        }
        server.expect_varz("/slow_consumers", 4);
        for victim in &mut victims {
            let rest = victim.read_until_closed();
            assert!(rest.starts_with(b"MSG flood 1 "), "{}", rest.len());
            assert!(!rest.windows(4).any(|octets| octets == b"-ERR"), "an -ERR was sent");
        }
        publisher.finish();
        expect_relief(server, before);
    });
}

#[test]
fn a_peer_that_answers_no_ping_is_given_up() {
    beside("ping_interval: \"1s\"\nping_max: 1\n", |server| {
        let mut silent: Vec<Session> = (0..50).map(|_| server.client("")).collect();
        for session in &mut silent {
            session.expect("PING\r\n-ERR 'Stale Connection'\r\n").expect_closed();
        }
        server.expect_varz("/stale_connections", 50);
        server.expect_varz("/connections", crate::beside::BYSTANDERS);
    });
}

#[test]
fn peers_that_vanish_within_a_message_leave_nothing_behind() {
    beside("", |server| {
        let before = server.own_bytes();
        for _ in 0..5 {
            let mut half: Vec<Session> = (0..20).map(|_| server.client("")).collect();
            for session in &mut half {
                session.send("SUB never 1\r\nPUB never 1000000\r\n").send([b'x'; 300_000]);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        expect_relief(server, before);
    });
}
