//! Lame duck mode as operators use it (section 3.9); what clients see of it is in conformance.

use std::time::Duration;

use harness::{Launch, PATIENCE, Server, monitoring};

const LONG_GRACE: &str = "lame_duck_duration: \"60s\"\nlame_duck_grace_period: \"30s\"\n";

fn lame(config: &str) -> (Server, harness::Session) {
    let server = Launch::new().monitoring().config(config).start();
    let mut session = server.session();
    session.hello(r#""protocol":1"#);
    server.signal(libc::SIGUSR2);
    assert_eq!(session.read_info()["ldm"], true);
    (server, session)
}

#[test]
fn lame_duck_is_announced_and_closes_clients_after_the_grace_period() {
    let config = "lame_duck_duration: \"30s\"\nlame_duck_grace_period: \"1s\"\n";
    let (server, mut session) = lame(config);
    server.expect_log("Trapped \"user defined signal 2\" signal");
    server.expect_log("Entering lame duck mode, stop accepting new clients");
    session.expect_closed();
    server.expect_log("Closing existing clients");
    assert_eq!(server.finish(PATIENCE).code, Some(0));
}

#[test]
fn monitoring_stays_up_in_lame_duck() {
    let (server, mut session) = lame(LONG_GRACE);
    assert_eq!(server.varz()["connections"], 1);
    assert_eq!(monitoring::get(server.monitoring_port(), "/healthz").0, 500);
    session.expect_open();
}

#[test]
fn in_lame_duck_sigterm_and_a_second_sigusr2_are_ignored_and_sigint_is_obeyed() {
    let (mut server, mut session) = lame(LONG_GRACE);
    server.signal(libc::SIGTERM);
    server.signal(libc::SIGUSR2);
    session.expect_silence(Duration::from_millis(300)).expect_open();
    assert!(server.is_running());
    server.signal(libc::SIGINT);
    session.expect_closed();
    assert_eq!(server.finish(PATIENCE).code, Some(0));
}
