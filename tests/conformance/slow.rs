//! Items 121 to 127: readers that do not read.

use std::time::{Duration, Instant};

use harness::{Launch, Server, Session, eventually_within};

/// 1 MiB may wait for a client; one message is a sixteenth of it.
const SMALL_QUEUE: &str = "max_pending: 1048576\nmax_payload: 65536\n";
const MESSAGE: usize = 65_536;
/// Enough for the queue and whatever the kernel's buffers take.
const MESSAGES: usize = 400;

/// Subscribes to `flow` and never reads.
fn victim(server: &Server) -> Session {
    let mut session = Session::connect_narrow(server.port(), 4096);
    session.hello("");
    session.send("SUB flow 1\r\n").expect_open();
    session
}

/// Publishes [`MESSAGES`] messages, waiting each time for a subscriber that does read: it gets
/// every one, however the victim does.
fn flow(server: &Server) {
    let mut reader = server.client("");
    reader.send("SUB flow 1\r\n").expect_open();
    let mut publisher = server.client("");
    let payload = vec![b'x'; MESSAGE];
    for _ in 0..MESSAGES {
        publisher.send(format!("PUB flow {MESSAGE}\r\n")).send(&payload).send("\r\n");
        assert_eq!(reader.read_message().payload.len(), MESSAGE);
    }
    publisher.expect_open();
    reader.expect_open();
}

/// The victim finds a close, cut off in the middle of things, and no word about it.
fn assert_cut_off(mut victim: Session) {
    let rest = victim.read_until_closed();
    assert!(rest.starts_with(b"MSG flow 1 65536\r\n"), "{}", rest.len());
    assert!(!rest.windows(4).any(|octets| octets == b"-ERR"), "an -ERR among {}", rest.len());
}

#[test]
fn c121_c123_c124_c125_c127_a_full_queue_closes_the_victim_only() {
    let server = Launch::new().monitoring().flags(["-D"]).config(SMALL_QUEUE).start();
    let victim = victim(&server);
    let start = Instant::now();
    flow(&server);
    // The producer is held up for milliseconds at a time, never for good.
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    server.expect_log("Slow Consumer (Pending Bytes)");
    server.expect_log("MaxPending of 1048576 Exceeded");
    server.expect_varz("/slow_consumers", 1);
    server.expect_varz("/slow_consumer_stats/clients", 1);
    assert!(server.varz_number("/stalled_clients") > 0, "the producer was not slowed");
    assert_cut_off(victim);
}

#[test]
fn c122_c123_c127_a_blocked_write_closes_the_victim_only() {
    let config = "write_deadline: \"1s\"\nmax_payload: 65536\n";
    let server = Launch::new().monitoring().flags(["-D"]).config(config).start();
    let victim = victim(&server);
    flow(&server);
    eventually_within(Duration::from_secs(5), "the victim is counted", || {
        (server.varz_number("/slow_consumers") == 1).then_some(())
    });
    server.expect_log("Slow Consumer (Write Deadline)");
    server.expect_varz("/slow_consumer_stats/clients", 1);
    assert_cut_off(victim);
}

#[test]
fn c126_c127_without_stalls_the_victim_misses_messages_and_stays() {
    let config = format!("{SMALL_QUEUE}no_fast_producer_stall: true\n");
    let server = Launch::new().monitoring().config(config).start();
    let mut victim = victim(&server);
    flow(&server);
    victim.send("PING\r\n");
    let said = victim.read_until_silent(Duration::from_millis(500));
    assert!(said.ends_with(b"\r\nPONG\r\n"), "{} octets", said.len());
    let count = |what: &[u8]| said.windows(what.len()).filter(|octets| *octets == what).count();
    let (messages, pings) = (count(b"MSG flow 1 65536\r\n"), count(b"PING\r\n"));
    let frame = b"MSG flow 1 65536\r\n".len() + MESSAGE + 2;
    assert_eq!(said.len(), messages * frame + (pings + 1) * 6, "only whole messages");
    assert!((1..MESSAGES).contains(&messages), "{messages} of {MESSAGES} messages");
    victim.expect_open();
    assert_eq!(server.varz_number("/slow_consumers"), 0);
    assert_eq!(server.varz_number("/stalled_clients"), 0);
}
