//! The numbered checklist of the client protocol, as conversations on the wire.
//!
//! Every test name begins with the numbers it covers (`c010_unknown_verb`), which is what
//! [`coverage`] counts; numbers behind an `s` are those of the security checklist. Most are rows of a table: octets sent, octets expected, open or closed
//! afterwards. The same tests pass against nats-server 2.15.1, which is what proves them:
//! `NERVURE_TEST_SERVER=nats-server cargo test -p nervure-tests --test conformance`.
#![allow(
    clippy::panic,
    clippy::expect_used,
    reason = "what is shared between tests fails them when it cannot do its part"
)]

mod account_config;
mod accounts;
mod auth;
mod auth_callout;
mod authentication;
mod certificates;
mod connect;
mod control_line;
mod counters;
mod coverage;
mod errors;
mod events;
mod framing;
mod headers;
mod info;
mod isolation;
mod keepalive;
mod lame_duck;
mod limits;
mod mappings;
mod matching;
mod modes;
mod operator;
mod operator_callout;
mod operator_imports;
mod operator_starts;
mod operator_updates;
mod parties;
mod permissions;
mod publish;
mod queues;
mod readme;
mod request_info;
mod resolvers;
mod responders;
mod sender_identity;
mod service_imports;
mod service_latency;
mod service_replies;
mod slow;
mod stream_imports;
mod subscribe;
mod system_services;
mod table;
mod tls;
mod unsubscribe;
