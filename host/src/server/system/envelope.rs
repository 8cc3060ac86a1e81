//! What the server says of itself in everything it says in the system account (reference
//! config-and-operations 5.2).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::Reply;
use super::events::EventIds;
use crate::monitor::{Timestamp, json};
use crate::server::status::Status;

/// A server that speaks: what it is, and how much it has said.
pub(in crate::server) struct Speaker {
    pub(super) status: Arc<Status>,
    said: AtomicU64,
    silent: AtomicBool,
    ids: EventIds,
}

/// The server, as each of its messages begins.
#[derive(Serialize)]
pub(super) struct ServerCard {
    name: String,
    host: String,
    id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    cluster: String,
    ver: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    feature_flags: BTreeMap<String, bool>,
    jetstream: bool,
    flags: u64,
    seq: u64,
    time: Timestamp,
}

/// Which servers a request is for; the default is all.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Filter {
    server_name: String,
    cluster: String,
    host: String,
    exact_match: bool,
    tags: Vec<String>,
    domain: String,
}

/// Why a request has no good answer.
#[derive(Serialize)]
pub(super) struct Failure {
    code: u16,
    description: String,
}

impl Failure {
    /// The request is not understood.
    fn bad(error: &serde_json::Error) -> Self {
        Self { code: 400, description: format!("the request is not valid: {error}") }
    }

    /// The request is understood, but cannot be fulfilled.
    pub(super) fn failed(description: impl Into<String>) -> Self {
        Self { code: 500, description: description.into() }
    }
}

impl Speaker {
    /// `chance` is fresh from the system's entropy.
    pub(in crate::server) fn new(status: &Arc<Status>, chance: &[u8; 22]) -> Arc<Self> {
        let (said, silent) = (AtomicU64::new(0), AtomicBool::new(false));
        Arc::new(Self { status: status.clone(), said, silent, ids: EventIds::new(chance) })
    }

    /// The id of one more event.
    pub(super) fn event_id(&self) -> String {
        self.ids.next()
    }

    /// From now on it says nothing more.
    pub(in crate::server) fn fall_silent(&self) {
        self.silent.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_silent(&self) -> bool {
        self.silent.load(Ordering::Relaxed)
    }

    /// The server, for one more message.
    pub(super) fn card(&self) -> ServerCard {
        let (options, info) = (self.status.options(), self.status.info());
        ServerCard {
            name: info.server_name.clone(),
            host: info.host.clone(),
            id: info.server_id.clone(),
            cluster: options.cluster_name.unwrap_or_default(),
            ver: info.version.clone(),
            tags: options.tags,
            metadata: options.metadata,
            feature_flags: options.feature_flags,
            jetstream: false,
            flags: 0,
            seq: self.said.fetch_add(1, Ordering::Relaxed) + 1,
            time: Timestamp(SystemTime::now()),
        }
    }

    /// The options of a request for this server; `None` when it is for others, or when it has been
    /// answered with what is wrong with it.
    pub(super) fn options<O>(&self, payload: &[u8], reply: Reply) -> Option<(O, Reply)>
    where
        O: Default + for<'a> Deserialize<'a>,
    {
        if payload.is_empty() {
            return Some((O::default(), reply));
        }
        let read = serde_json::from_slice::<Filter>(payload)
            .and_then(|filter| Ok((filter, serde_json::from_slice::<O>(payload)?)));
        match read {
            Ok((filter, options)) => self.is_meant(&filter).then_some((options, reply)),
            Err(error) => {
                #[derive(Serialize)]
                struct Refusal {
                    server: ServerCard,
                    error: Failure,
                }
                let refusal = Refusal { server: self.card(), error: Failure::bad(&error) };
                reply.send(json::compact(&refusal));
                None
            }
        }
    }

    fn is_meant(&self, filter: &Filter) -> bool {
        let (options, info) = (self.status.options(), self.status.info());
        let cluster = options.cluster_name.as_deref().unwrap_or_default();
        let fits = |wanted: &str, is: &str| {
            wanted.is_empty() || if filter.exact_match { wanted == is } else { is.contains(wanted) }
        };
        let tagged = |tag: &String| options.tags.iter().any(|own| own.eq_ignore_ascii_case(tag));
        fits(&filter.server_name, &info.server_name)
            && fits(&filter.cluster, cluster)
            && fits(&filter.host, &info.host)
            && filter.tags.iter().all(tagged)
            && filter.domain.is_empty()
    }

    /// Answers with data, or with why there is none.
    pub(super) fn answer<T: Serialize>(&self, reply: Reply, data: Result<T, Failure>) {
        #[derive(Serialize)]
        struct Answer<T> {
            server: ServerCard,
            data: Option<T>,
            #[serde(skip_serializing_if = "Option::is_none")]
            error: Option<Failure>,
        }
        let (data, error) = match data {
            Ok(data) => (Some(data), None),
            Err(error) => (None, Some(error)),
        };
        reply.send(json::compact(&Answer { server: self.card(), data, error }));
    }
}
