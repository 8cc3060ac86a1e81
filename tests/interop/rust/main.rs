//! Interop with the official Rust client, async-nats.
//!
//! Every scenario runs against a server process of its own, over each transport: `tcp`, `tls`, `ws`
//! and `wss` are part of the test's name, so that one can be picked (`cargo test --test
//! interop_rust wss::headers`).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "the whole target is a test; clippy knows only functions marked as one"
)]

/// Runs each named `async fn(Transport)` of this module as a test over every given transport.
macro_rules! over {
    ([$($transport:ident),+], $scenarios:tt) => {
        $(over!(@one $transport, $scenarios);)+
    };
    (@one $transport:ident, [$($scenario:ident),+ $(,)?]) => {
        mod $transport {
            $(
                #[tokio::test]
                async fn $scenario() {
                    let transport = crate::peers::Transport::$transport;
                    crate::peers::within(20, super::$scenario(transport)).await;
                }
            )+
        }
    };
}

mod access;
mod broker;
mod lifecycle;
mod messaging;
mod peers;
