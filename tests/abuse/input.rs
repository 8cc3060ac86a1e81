//! Peers that send what they should not.

use std::thread;

use harness::{Server, Session};

use crate::beside::{beside, expect_relief};

/// Sends `start` and then up to `total` octets more, for as long as the server takes them.
fn pour(session: &mut Session, start: &str, total: usize) {
    let chunk = [b'x'; 64 * 1024];
    let mut poured = 0;
    let mut open = session.try_send(start).is_ok();
    while open && poured < total {
        open = session.try_send(chunk).is_ok();
        poured += chunk.len();
    }
}

#[test]
fn a_control_line_without_end_is_cut_off_early() {
    beside("", |server| {
        let before = server.own_bytes();
        for verb in ["SUB", "PUB", "UNSUB", "CONNECT", "INFO", "-ERR"] {
            let mut session = server.client("");
            pour(&mut session, &format!("{verb} "), 16 << 20);
            session.expect("-ERR 'maximum control line exceeded'\r\n").expect_closed();
        }
        expect_relief(server, before);
    });
}

#[test]
fn a_payload_over_the_limit_is_refused_before_it_is_read() {
    beside("", |server| {
        let before = server.own_bytes();
        for _ in 0..10 {
            let mut session = server.client("");
            pour(&mut session, "PUB foo 999999999\r\n", 16 << 20);
            session.expect("-ERR 'Maximum Payload Violation'\r\n").expect_closed();
        }
        expect_relief(server, before);
    });
}

#[test]
fn a_flood_of_subscriptions_stops_at_the_limit() {
    const LIMIT: usize = 1_000;
    const FLOOD: usize = 50_000;
    beside(&format!("max_subscriptions: {LIMIT}\n"), |server| {
        let before = server.own_bytes();
        let already = server.varz_number("/subscriptions");
        let mut session = server.client("");
        let flood: Vec<String> = (0..FLOOD).map(|n| format!("SUB s.{n} {n}\r\n")).collect();
        for part in flood.chunks(1_000) {
            session.send(part.concat());
        }
        session.send("PING\r\n");
        for _ in LIMIT..FLOOD {
            assert_eq!(session.read_line_answering(), b"-ERR 'maximum subscriptions exceeded'");
        }
        session.expect("PONG\r\n");
        assert_eq!(server.varz_number("/subscriptions"), already + LIMIT as u64);
        session.send("PUB s.999 0\r\n\r\nPUB s.1000 0\r\n\r\n").expect("MSG s.999 999 0\r\n\r\n");
        session.expect_open();
        session.finish();
        server.expect_varz("/subscriptions", already);
        expect_relief(server, before);
    });
}

#[test]
fn many_who_write_octet_by_octet_are_served() {
    beside("", |server| {
        let port = server.port();
        thread::scope(|scope| {
            for member in 0..16 {
                scope.spawn(move || {
                    let mut session = Session::connect(port);
                    session.hello("");
                    for round in 0..5 {
                        let subject = format!("slow.{member}.{round}");
                        session.send_octet_by_octet(format!(
                            "SUB {subject} {round}\r\nPUB {subject} 5\r\nhello\r\nUNSUB {round}\r\n"
                        ));
                        session.expect(format!("MSG {subject} {round} 5\r\nhello\r\n"));
                    }
                    session.expect_open();
                });
            }
        });
    });
}

/// A stream of octets that is the same in every run.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..length).map(|_| next()).collect()
}

/// Sends octets and reads to the close, which must come.
fn send_to_the_end(server: &Server, octets: &[u8]) {
    let mut session = server.client("");
    let _ = session.try_send(octets);
    session.finish();
}

#[test]
fn garbage_after_connect_harms_nobody() {
    beside("", |server| {
        let before = server.own_bytes();
        for seed in 0..300 {
            send_to_the_end(server, &noise(seed, 2_000));
        }
        expect_relief(server, before);
    });
}

#[test]
fn proper_units_with_noise_in_them_harm_nobody() {
    let unit =
        b"SUB noise.> q 1\r\nHPUB noise.x r 12 14\r\nNATS/1.0\r\n\r\nhi\r\nUNSUB 1 5\r\nPING\r\n";
    beside("", |server| {
        let before = server.own_bytes();
        for seed in 0..300 {
            let mut octets = unit.repeat(4);
            for pair in noise(seed, 8).chunks_exact(2) {
                let at = usize::from(pair[0]) % octets.len();
                octets[at] = pair[1];
            }
            send_to_the_end(server, &octets);
        }
        expect_relief(server, before);
    });
}

#[test]
fn headers_that_lie_about_themselves_harm_nobody() {
    beside("", |server| {
        let mut receiver = server.client("");
        receiver.send("SUB lies 1\r\n").expect_open();
        let mut sender = server.client(r#""headers":true"#);
        for size in 1..64 {
            let header: Vec<u8> = noise(size, size as usize);
            sender.send(format!("HPUB lies {size} {size}\r\n")).send(&header).send("\r\n");
            receiver.expect("MSG lies 1 0\r\n\r\n");
        }
        sender.expect_open();
    });
}
