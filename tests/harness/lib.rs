//! What every test binary shares: a server process under test and raw conversations with it.
//!
//! The same tests run against two programs: `nervure`, built beside the test binary, and the real
//! `nats-server` (see [`program`]), which proves the tests themselves. Everything is blocking
//! sockets and threads, every wait has a deadline, and every failure shows what was said on the
//! wire, so that a red test can be understood without running it again.
//!
//! - [`program`]: which program is under test
//! - [`server`]: starting it, reading its log, stopping it
//! - [`session`]: one raw client connection
//! - [`tls`]: certificates and TLS sessions
//! - [`websocket`]: sessions over WebSocket
//! - [`operator`]: the configuration and the users of operator mode
//! - [`callout`]: an auth callout service that the test plays
//! - [`monitoring`]: a small HTTP client for `/varz`
//! - [`bystanders`]: innocent clients that must not notice what others do
#![allow(
    clippy::panic,
    clippy::expect_used,
    reason = "a test harness reports by failing the test that uses it"
)]

pub mod bystanders;
pub mod callout;
pub mod monitoring;
pub mod operator;
pub mod program;
pub mod scratch;
pub mod server;
pub mod session;
mod spawn;
pub mod tls;
pub mod websocket;

use std::time::{Duration, Instant};

pub use bystanders::Bystanders;
pub use operator::OperatorMode;
pub use program::Program;
pub use scratch::Scratch;
pub use server::{Finished, Launch, Server};
pub use session::{Message, Session};

/// How long anything may take that should happen at once. Generous, because test machines are
/// slow and shared; nothing waits this long unless the test is about to fail.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Asks again until `question` has an answer, for what becomes true a moment later (a counter in
/// monitoring, a file on disk).
///
/// # Panics
/// When there is no answer within [`PATIENCE`]; `what` names what was waited for.
pub fn eventually<T>(what: &str, question: impl FnMut() -> Option<T>) -> T {
    eventually_within(PATIENCE, what, question)
}

/// [`eventually`] with another patience.
///
/// # Panics
/// When there is no answer within `patience`.
pub fn eventually_within<T>(
    patience: Duration,
    what: &str,
    mut question: impl FnMut() -> Option<T>,
) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(answer) = question() {
            return answer;
        }
        assert!(Instant::now() < deadline, "{what}: not within {patience:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
