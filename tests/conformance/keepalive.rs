//! Items 114 to 120: PING, PONG, and what a PONG promises.

use std::thread;
use std::time::{Duration, Instant};

use harness::{Launch, Server, Session};

use crate::table::Opening::Hello;
use crate::table::{HEADERS, PLAIN, table};

const STALE: &str = "-ERR 'Stale Connection'\r\n";

/// One that pings every second and gives up when a third PING would be unanswered.
fn impatient() -> Server {
    Launch::new().monitoring().config("ping_interval: \"1s\"\nping_max: 2\n").start()
}

#[test]
fn c114_c115_the_first_ping_comes_early_only_after_connect() {
    let server = Launch::new().start();
    let mut mute = server.session();
    let start = Instant::now();
    let mut session = server.client("");
    let line = session.read_line_within(Duration::from_secs(4));
    let took = start.elapsed();
    assert_eq!(line.as_deref(), Some(b"PING".as_slice()), "after {took:?}");
    assert!((1950..3400).contains(&took.as_millis()), "{took:?}");
    session.send("PONG\r\n").expect_silence(Duration::from_millis(700));
    // The other one said no CONNECT, so its first PING is a whole interval away.
    mute.send("PING\r\n").expect("PONG\r\n");
}

#[test]
fn c116_unanswered_pings_end_in_stale_connection() {
    let server = impatient();
    let start = Instant::now();
    let mut session = server.client("");
    session.expect("PING\r\n").expect("PING\r\n").expect(STALE).expect_closed();
    let took = start.elapsed();
    assert!((2500..4500).contains(&took.as_millis()), "{took:?}");
    server.expect_varz("/stale_connections", 1);
    server.expect_varz("/stale_connection_stats/clients", 1);
}

#[test]
fn c116_a_client_without_connect_goes_stale_too() {
    let server = impatient();
    let mut session = server.session();
    session.expect("PING\r\n").expect("PING\r\n").expect(STALE).expect_closed();
}

#[test]
fn c117_an_answered_ping_is_forgotten() {
    let server = impatient();
    let mut session = server.client("");
    for _ in 0..2 {
        // Two unanswered are allowed; the PONG after them settles both.
        session.expect("PING\r\n").expect("PING\r\n").send("PONG\r\n");
    }
    session.expect("PING\r\n").send("PONG\r\n").expect_open();
}

/// PINGs that a client receives in 4.5 seconds while it does something every 300 ms; they are not
/// answered unless `doing` does.
fn pings_while(server: &Server, doing: impl Fn(&mut Session)) -> (usize, Duration) {
    let mut session = server.client("");
    session.send("SUB mine 1\r\n").expect_open();
    let end = Instant::now() + Duration::from_millis(4500);
    let (mut pings, mut pause) = (0, Duration::ZERO);
    let mut last = Instant::now();
    while Instant::now() < end {
        pause = pause.max(last.elapsed());
        last = Instant::now();
        doing(&mut session);
        let heard = session.read_until_silent(Duration::from_millis(300));
        pings += heard.split(|octet| *octet == b'\n').filter(|line| *line == b"PING\r").count();
    }
    (pings, pause)
}

#[test]
fn c118_activity_of_the_client_suppresses_pings_and_nothing_else_does() {
    let server = impatient();
    let port = server.port();
    let activities: [(&str, &str, bool); 6] = [
        ("publishing", "PUB other 1\r\nx\r\n", true),
        ("subscribing", "SUB other 2\r\n", true),
        ("unsubscribing", "UNSUB 2\r\n", true),
        ("pinging", "PING\r\n", true),
        ("sending PONG", "PONG\r\n", false),
        ("sending +OK and PONG", "+OK\r\nPONG\r\n", false),
    ];
    thread::scope(|scope| {
        for (what, octets, suppresses) in activities {
            let server = &server;
            scope.spawn(move || {
                let (pings, pause) = pings_while(server, |session| {
                    session.send(octets);
                });
                if suppresses && pause > Duration::from_millis(800) {
                    // This machine did not let the client be active all the time.
                    eprintln!("{what}: not judged, activity paused for {pause:?}");
                } else if suppresses {
                    // The first one is never suppressed: the server wants to know the distance.
                    assert_eq!(pings, 1, "{what}");
                } else {
                    assert!(pings >= 3, "{what}: {pings}");
                }
            });
        }
        scope.spawn(|| {
            let mut receiver = Session::connect(port);
            receiver.hello("");
            receiver.send("SUB flow 1\r\n").expect_open();
            let mut publisher = Session::connect(port);
            publisher.hello("");
            let end = Instant::now() + Duration::from_millis(4500);
            let mut pings = 0;
            while Instant::now() < end {
                if publisher.try_send("PUB flow 1\r\nx\r\nPONG\r\n").is_err() {
                    publisher.fail("the publisher was closed");
                }
                let heard = receiver.read_until_silent(Duration::from_millis(300));
                if heard.windows(6).any(|octets| octets == b"PING\r\n") {
                    pings += 1;
                    receiver.send("PONG\r\n");
                }
            }
            assert!(pings >= 3, "receiving: {pings}");
        });
    });
}

table!(PLAIN, Hello(HEADERS), {
    c119_pings_are_answered_in_order:
        "PING\r\nSUB foo 1\r\nPUB foo 1\r\na\r\nPING\r\nSUB x..y 2\r\nPING\r\n"
        => "PONG\r\nMSG foo 1 1\r\na\r\nPONG\r\n-ERR 'Invalid Subject'\r\nPONG\r\n", Open;
    c119_each_ping_has_its_pong: "PING\r\n".repeat(50) => "PONG\r\n".repeat(50), Open;
});

#[test]
fn c120_what_a_publishers_pong_covers_precedes_a_subscribers_next_pong() {
    let server = Launch::new().start();
    let mut publisher = server.client("");
    let mut subscribers: Vec<Session> = (0..4).map(|_| server.client("")).collect();
    for subscriber in &mut subscribers {
        subscriber.send("SUB foo 1\r\n").expect_open();
    }
    for _ in 0..60 {
        publisher.send("PUB foo 1\r\na\r\nPUB foo 1\r\nb\r\n").expect_open();
        for subscriber in &mut subscribers {
            subscriber.send("PING\r\n").expect("MSG foo 1 1\r\na\r\nMSG foo 1 1\r\nb\r\nPONG\r\n");
        }
    }
}

#[test]
fn c120_a_subscription_is_in_force_for_all_when_its_pong_is_there() {
    let server = Launch::new().start();
    let mut publishers: Vec<Session> = (0..4).map(|_| server.client("")).collect();
    for round in 0..50 {
        let mut subscriber = server.client("");
        subscriber.send(format!("SUB round.{round} 1\r\n")).expect_open();
        for publisher in &mut publishers {
            publisher.send(format!("PUB round.{round} 1\r\nx\r\n"));
        }
        for _ in &publishers {
            subscriber.expect(format!("MSG round.{round} 1 1\r\nx\r\n"));
        }
    }
}
