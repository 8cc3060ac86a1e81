//! Accounts as the configuration declares them (reference security 7).
//!
//! Their users are in [`AuthOptions`](super::AuthOptions) and name their account. Whether imports
//! fit the exports of other accounts has not been looked at here.

use std::time::Duration;

use nervure_core::account::SenderIdentity;
use nervure_core::auth::PublicKey;
use nervure_core::subject::mappings::Mapping;

use crate::config::Pos;

/// An account.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AccountOptions {
    /// Its name.
    pub name: String,
    /// The `accounts` key that declares it: where nats-server reports imports and exports that do
    /// not fit those of other accounts.
    pub pos: Pos,
    /// Its public key; informational.
    pub nkey: Option<PublicKey>,
    /// What it may have.
    pub limits: AccountLimitOptions,
    /// Its subject mappings; the last one of a source counts.
    pub mappings: Vec<Mapping>,
    /// What its clients' messages say of them; `None` is what the server has.
    pub sender_identity: Option<SenderIdentity>,
    /// What others may import, in file order.
    pub exports: Vec<ExportOptions>,
    /// What it wants of others, in file order.
    pub imports: Vec<ImportOptions>,
    /// Where traces of messages go that other servers or accounts have begun.
    pub msg_trace: Option<TraceOptions>,
}

/// What an account may have. `None` is any number (absent or -1), 0 is none at all; other negative
/// numbers are 0 too, as observed on nats-server 2.15.1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccountLimitOptions {
    /// Clients at once.
    pub max_connections: Option<usize>,
    /// Subscriptions at once.
    pub max_subscriptions: Option<usize>,
    /// Bytes of a payload; the server's limit holds as well.
    pub max_payload: Option<usize>,
    /// Leaf connections at once.
    pub max_leafnodes: Option<usize>,
}

/// Subjects that other accounts may import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExportOptions {
    /// Stream or service.
    pub kind: ExportKind,
    /// The subjects, in the exporter's words; may have wildcards. Not checked, as in nats-server.
    pub subject: String,
    /// The only accounts that may import; empty is all.
    pub accounts: Vec<String>,
    /// The token, from 1, in which importers must have their own name. It may lie outside of the
    /// subject.
    pub account_token_position: Option<u32>,
}

/// What is exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExportKind {
    /// Messages flow to the importers.
    Stream,
    /// Requests flow to the exporter, and responses back.
    Service(ServiceOptions),
}

impl ExportKind {
    /// `stream` or `service`, as in the file.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Service(_) => "service",
        }
    }
}

/// The terms of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceOptions {
    /// How many responses a request has.
    pub response: Response,
    /// How long a response may take; `None` is nats-server's two minutes.
    pub threshold: Option<Duration>,
    /// Where measurements are published, if they are made.
    pub latency: Option<LatencyOptions>,
    /// Traces of messages may cross into the exporter.
    pub allow_trace: bool,
}

/// How many responses a request has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Response {
    /// One.
    #[default]
    Singleton,
    /// Any number.
    Stream,
    /// One, in several messages.
    Chunked,
}

/// How a service is measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LatencyOptions {
    /// Where measurements are published, in the exporter's account; a literal subject.
    pub subject: String,
    /// Which requests are measured.
    pub sampling: Sampling,
}

/// Which requests are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampling {
    /// That many of a hundred, 1 to 100.
    Percent(u8),
    /// Those that their headers mark.
    Headers,
}

/// Subjects of another account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImportOptions {
    /// Stream or service, and under which name.
    pub kind: ImportKind,
    /// Whose; it need not exist.
    pub account: String,
    /// The subjects, in the exporter's words. Not checked, as in nats-server.
    pub subject: String,
    /// The import's own place; nats-server reports at [`AccountOptions::pos`].
    pub pos: Pos,
}

/// What is imported, and under which name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportKind {
    /// Messages. Never both a prefix and a name.
    Stream {
        /// Comes before the subject, with a dot between. May be wrong.
        prefix: Option<String>,
        /// The local name. May be wrong.
        to: Option<String>,
        /// Traces of messages may cross into the importer.
        allow_trace: bool,
    },
    /// Requests.
    Service {
        /// The local name. May be wrong.
        to: Option<String>,
        /// The exporter is told who the requester is.
        share: bool,
    },
}

/// Where traces go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceOptions {
    /// A literal subject.
    pub destination: String,
    /// Percent of the messages, 1 to 100.
    pub sampling: u8,
}
