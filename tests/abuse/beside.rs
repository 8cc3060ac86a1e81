//! A server with bystanders, and whatever happens beside them.

use std::time::Duration;

use harness::{Bystanders, Launch, Program, Server};

/// Longer than any message of a bystander may take, on a machine that is itself under load.
const NOTICEABLE: Duration = Duration::from_secs(2);

/// What a server may keep of memory after an attack is over: allocators round, and statistics
/// remember.
const KEPT: u64 = 8 << 20;

/// Starts a server, lets `attack` happen to it, and asks the bystanders.
pub(crate) fn beside(config: &str, attack: impl FnOnce(&Server)) {
    let mut server = Launch::new().monitoring().config(config).start();
    let bystanders = Bystanders::start(server.port());
    attack(&server);
    let seen = bystanders.stop();
    assert!(seen.slowest < NOTICEABLE, "the bystanders noticed: {seen:?}");
    assert!(server.is_running(), "the server is gone");
}

/// The connections of the bystanders.
pub(crate) const BYSTANDERS: u64 = 2;

/// Waits until everybody but the bystanders is gone, and then until memory is back to about
/// `before`. The reference server keeps what it had, so that only ours is asked.
pub(crate) fn expect_relief(server: &Server, before: u64) {
    server.expect_varz("/connections", BYSTANDERS);
    if Program::under_test() == Program::NatsServer {
        return;
    }
    harness::eventually("memory is given back", || {
        (server.own_bytes() <= before + KEPT).then_some(())
    });
}
