//! What accounts give to each other (reference security 4.6).

use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::revocation::Revocations;
use super::token::is_zero;

/// What flows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExportKind {
    /// Messages, from the exporter to those who import.
    Stream,
    /// Requests, to the exporter, and their answers.
    Service,
}

impl ExportKind {
    /// The name in claims.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Service => "service",
        }
    }
}

/// A subject that other accounts may import.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Export {
    /// What it is called.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The subject.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// What flows. Claims without it are not valid.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<ExportKind>,
    /// Importers need an activation.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub token_req: bool,
    /// Activations taken back, by the importing account.
    #[serde(skip_serializing_if = "Revocations::is_empty")]
    pub revocations: Revocations,
    /// How a service answers.
    #[serde(skip_serializing_if = "ResponseType::is_singleton")]
    pub response_type: ResponseType,
    /// How long a service may take, in nanoseconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub response_threshold: i64,
    /// Whether and where the service's latency is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_latency: Option<ServiceLatency>,
    /// Which token of the subject, from 1 on, has to be the importing account's key; 0 is none.
    #[serde(skip_serializing_if = "is_no_position")]
    pub account_token_position: u32,
    /// For tools.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub advertise: bool,
    /// Traces of messages go on at the service.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub allow_trace: bool,
    /// For people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// More for people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub info_url: String,
}

fn is_no_position(position: &u32) -> bool {
    *position == 0
}

/// How a service answers one request.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum ResponseType {
    /// Once.
    #[default]
    #[serde(alias = "")]
    Singleton,
    /// As often as it likes.
    Stream,
    /// In pieces of one answer.
    Chunked,
}

impl ResponseType {
    fn is_singleton(&self) -> bool {
        *self == Self::Singleton
    }
}

/// Which requests to a service are measured, and where that is told.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceLatency {
    /// Which.
    pub sampling: Sampling,
    /// The subject.
    pub results: String,
}

/// Which requests are measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sampling {
    /// Those whose headers ask for it.
    Headers,
    /// So many of a hundred.
    Percent(i64),
}

impl Default for Sampling {
    fn default() -> Self {
        Self::Percent(0)
    }
}

impl Serialize for Sampling {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Headers => serializer.serialize_str("headers"),
            Self::Percent(percent) => serializer.serialize_i64(*percent),
        }
    }
}

impl<'de> Deserialize<'de> for Sampling {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Percent(i64),
            Word(String),
        }
        match Either::deserialize(deserializer)? {
            Either::Percent(percent) => Ok(Self::Percent(percent)),
            Either::Word(word) if word.eq_ignore_ascii_case("headers") => Ok(Self::Headers),
            Either::Word(word) => {
                Err(D::Error::invalid_value(Unexpected::Str(&word), &"a number or \"headers\""))
            }
        }
    }
}

/// A subject of another account.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Import {
    /// What it is called.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The exporter's subject; of a service with `to` the local one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// The public key of the exporting account.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub account: String,
    /// The activation, where the export wants one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub token: String,
    /// The old way to say where: of a stream the prefix of the local subject, of a service the
    /// exporter's subject.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub to: String,
    /// The local subject; `$1`, `$2` and so on are the wildcards of the exporter's.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub local_subject: String,
    /// What flows. Claims without it are not valid.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<ExportKind>,
    /// The service is told who asks.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub share: bool,
    /// Traces of messages go on here.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub allow_trace: bool,
}

impl Import {
    /// The subject as the exporter has it.
    pub fn exported_subject(&self) -> &str {
        if self.kind == Some(ExportKind::Service) && !self.to.is_empty() {
            &self.to
        } else {
            &self.subject
        }
    }

    /// The subject at which a service is asked here.
    pub fn service_subject(&self) -> &str {
        if self.local_subject.is_empty() { &self.subject } else { &self.local_subject }
    }
}
