//! What the core has to say to whoever keeps the log.

use std::sync::Arc;

use crate::reason::CloseReason;

/// Something worth a log line. The driver decides whether it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Who it is about, in nats-server's form: `IP:PORT - cid:N - "vVERSION:LANG:NAME"`. Empty when
    /// the text says it.
    pub label: String,
    /// What happened.
    pub event: Event,
}

/// What happened to a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A client was accepted.
    Opened,
    /// A client is gone.
    Closed(CloseReason),
    /// The peer broke a rule; the text says which.
    Misbehaved(String),
    /// Credentials were refused.
    Refused {
        /// Whose, in nats-server's form; nobody's if none were shown.
        who: Option<String>,
        /// Which step refused, and its reason.
        why: String,
    },
    /// A subscription has gone because of new permissions; the text says which.
    Unsubscribed(String),
    /// The link did not take what was sent to it.
    SlowConsumer(SlowConsumer),
    /// One unit of the protocol, or its payload. The text of a payload is shared by all receivers.
    Traced(Way, Arc<str>),
}

/// Which way a traced unit went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the peer.
    In,
    /// To the peer.
    Out,
    /// Neither: what the server did of its own about the peer.
    Within,
}

/// How a slow consumer was noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlowConsumer {
    /// More than this many bytes would have waited.
    MaxPending(usize),
    /// Nothing could be written for this many milliseconds while this many bytes waited.
    WriteDeadline(u64, usize),
}

impl core::fmt::Display for Event {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Opened => f.write_str("Client connection created"),
            Self::Closed(reason) => write!(f, "Client connection closed: {}", reason.text()),
            Self::Misbehaved(text) | Self::Unsubscribed(text) => f.write_str(text),
            Self::Refused { who: Some(who), why } => {
                write!(f, "authentication error - {who} ({why})")
            }
            Self::Refused { who: None, why } => write!(f, "authentication error ({why})"),
            Self::SlowConsumer(SlowConsumer::MaxPending(bytes)) => {
                write!(f, "Slow Consumer Detected: MaxPending of {bytes} Exceeded")
            }
            Self::SlowConsumer(SlowConsumer::WriteDeadline(millis, bytes)) => write!(
                f,
                "Slow Consumer Detected: WriteDeadline of {}s exceeded with {bytes} total bytes.",
                *millis as f64 / 1000.0
            ),
            Self::Traced(Way::In, text) => write!(f, "<<- {text}"),
            Self::Traced(Way::Out, text) => write!(f, "->> {text}"),
            Self::Traced(Way::Within, text) => write!(f, "<-> {text}"),
        }
    }
}
