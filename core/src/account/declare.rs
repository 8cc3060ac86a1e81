//! What a configuration or a JWT says about an account, before it is held against the others.

use core::time::Duration;
use std::sync::Arc;

use super::AccountLimits;
use crate::auth::Permissions;
use crate::auth::jwt::login::TrustedAccount;
use crate::auth::jwt::{ActivationClaims, Revocations};
use crate::subject::mappings::Mappings;

/// One account as it is declared.
#[derive(Clone, Debug, Default)]
pub struct Declaration {
    /// Its name, or its public key.
    pub name: String,
    /// Its limits.
    pub limits: AccountLimits,
    /// What its clients' publications change their subjects by.
    pub mappings: Option<Arc<Mappings>>,
    /// What its clients' publications say of them.
    pub sender_identity: SenderIdentity,
    /// When it ends, since the start of 1970.
    pub expires: Option<Duration>,
    /// What others may import.
    pub exports: Vec<Export>,
    /// What it wants of others.
    pub imports: Vec<Import>,
    /// What users may do who have no permissions of their own; `None` is everything. Users of the
    /// configuration have theirs already.
    pub default_permissions: Option<Arc<Permissions>>,
    /// What its operator says of it, in operator mode.
    pub claims: Option<Arc<TrustedAccount>>,
}

/// What a publication says of its sender, in headers that only the server writes
/// (`Nats-Sender-Account` and so on). Nothing by default. nats-server has nothing like it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SenderIdentity {
    /// The account it is in.
    pub account: bool,
    /// The user, by name or public key, that it has logged in as.
    pub user: bool,
    /// What it calls itself.
    pub name: bool,
    /// What kind of peer it is.
    pub kind: bool,
}

impl SenderIdentity {
    /// Everything.
    pub const ALL: Self = Self { account: true, user: true, name: true, kind: true };
}

/// Something that other accounts may import.
#[derive(Clone, Debug, PartialEq)]
pub struct Export {
    /// The subjects, in the exporter's words; may have wildcards.
    pub subject: String,
    /// Stream or service.
    pub kind: ExportKind,
    /// The only accounts that may import it; empty is all.
    pub accounts: Vec<String>,
    /// The token, counted from 1, in which importers must have their own name.
    pub account_token_position: Option<u32>,
    /// Importers need an activation that is not among these; `None` lets them do without.
    pub activation: Option<Revocations>,
}

/// What is exported.
#[derive(Clone, Debug, PartialEq)]
pub enum ExportKind {
    /// Messages flow to the importers.
    Stream,
    /// Requests flow to the exporter, and responses back.
    Service(Service),
}

/// The terms of a service.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    /// How many responses a request may have.
    pub response: ResponseKind,
    /// How long a response may take.
    pub threshold: Duration,
    /// Where measurements are published, if they are made.
    pub latency: Option<Latency>,
}

impl Default for Service {
    fn default() -> Self {
        let threshold = Duration::from_secs(120);
        Self { response: ResponseKind::Singleton, threshold, latency: None }
    }
}

/// How many responses a request may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ResponseKind {
    /// One.
    Singleton,
    /// Any number, up to an empty message. Chunked responses are the same.
    Stream,
}

/// How a service is measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Latency {
    /// Where measurements are published, in the exporter's account.
    pub subject: String,
    /// Which requests are measured.
    pub sampling: Sampling,
}

/// Which requests are measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sampling {
    /// That many of a hundred.
    Percent(u8),
    /// Those that their headers mark for tracing.
    Headers,
}

/// Something of another account.
#[derive(Clone, Debug, PartialEq)]
pub struct Import {
    /// Whose.
    pub account: String,
    /// The subjects, in the exporter's words.
    pub subject: String,
    /// Stream or service, and under which name.
    pub kind: ImportKind,
    /// The exporter's word that this may be imported.
    pub activation: Option<Arc<ActivationClaims>>,
}

/// What is imported, and under which name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportKind {
    /// Messages.
    Stream {
        /// Comes before the subject, with a dot between.
        prefix: Option<String>,
        /// The local name.
        to: Option<String>,
    },
    /// Requests.
    Service {
        /// The local name.
        to: Option<String>,
        /// The exporter is told who the requester is.
        share: bool,
    },
}
