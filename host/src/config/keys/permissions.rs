//! Permission maps (reference section 2.3, security 2.1).

use std::sync::Arc;

use nervure_core::auth::{Lists, Permissions, Responses, Rules, parse_entry};

use super::super::duration::parse_duration;
use super::super::value::{Node, Value};
use super::{Block, Decoder, Entry, Kind, now};

const BLOCK: Block<Rules> = Block {
    keys: &[
        now(
            &["pub", "publish", "import"],
            Kind::Custom(|decoder, rules, entry| {
                rules.publish = side(decoder, entry.node, false);
            }),
        ),
        now(
            &["sub", "subscribe", "export"],
            Kind::Custom(|decoder, rules, entry| {
                rules.subscribe = side(decoder, entry.node, true);
            }),
        ),
        now(&["allow_responses", "publish_allow_responses"], Kind::Custom(responses)),
    ],
    unknown: |name| format!("Unknown field {name:?} parsing permissions"),
};

const SIDE: Block<Side> = Block {
    keys: &[
        now(
            &["allow"],
            Kind::Custom(|decoder, side, entry| {
                side.lists.allow = decoder.subjects(entry.node, side.queues, None);
            }),
        ),
        now(
            &["deny"],
            Kind::Custom(|decoder, side, entry| {
                side.lists.deny = decoder.subjects(entry.node, side.queues, None);
            }),
        ),
    ],
    unknown: |name| {
        format!(
            "Unknown field name {name:?} parsing subject permissions, only 'allow' or 'deny' \
             are permitted"
        )
    },
};

const RESPONSES: Block<SignedResponses> = Block {
    keys: &[
        now(
            &["max", "max_msgs", "max_messages", "max_responses"],
            Kind::Int(|responses, max| responses.max = max),
        ),
        now(&["expires", "expiration", "ttl"], Kind::Custom(expires)),
    ],
    unknown: |name| format!("Unknown field {name:?} parsing permissions"),
};

/// One direction while it is read.
#[derive(Default)]
struct Side {
    queues: bool,
    lists: Lists,
}

/// As written: zero and negative numbers have a meaning of their own.
#[derive(Default)]
struct SignedResponses {
    max: i64,
    expires_nanos: i64,
}

/// Whether a subject is well-formed; wildcards are allowed.
pub(super) fn valid_subject(subject: &str) -> bool {
    parse_entry(subject, false).is_ok()
}

/// Bare subjects are those that are allowed.
fn side(decoder: &mut Decoder<'_>, node: &Node, queues: bool) -> Lists {
    let Value::Map(map) = &*node.value else {
        return Lists { allow: decoder.subjects(node, queues, None), deny: Vec::new() };
    };
    let mut side = Side { queues, ..Side::default() };
    decoder.walk(&SIDE, &mut side, map);
    side.lists
}

fn responses(decoder: &mut Decoder<'_>, rules: &mut Rules, entry: &Entry<'_>) {
    match entry.value() {
        Value::Bool(on) => rules.responses = on.then(Responses::default),
        Value::Map(map) => {
            let mut found = SignedResponses::default();
            decoder.walk(&RESPONSES, &mut found, map);
            rules.responses = Some(Responses::from_signed(found.max, found.expires_nanos));
        }
        _ => decoder
            .error(entry.pos(), "error parsing response permissions, expected a boolean or a map"),
    }
}

fn expires(decoder: &mut Decoder<'_>, responses: &mut SignedResponses, entry: &Entry<'_>) {
    match entry.value() {
        Value::String(text) => match parse_duration(text) {
            Ok(nanos) => responses.expires_nanos = nanos,
            Err(reason) => decoder.error(entry.pos(), format!("error parsing expires: {reason}")),
        },
        _ => decoder.error(entry.pos(), "error parsing expires, not a duration string"),
    }
}

impl Decoder<'_> {
    /// A permission map.
    pub(super) fn permissions(&mut self, node: &Node) -> Rules {
        let mut out = Rules::default();
        match &*node.value {
            Value::Map(map) => self.walk(&BLOCK, &mut out, map),
            other => {
                self.error(
                    &node.pos,
                    format!("Expected permissions to be a map/struct, got {other}"),
                );
            }
        }
        out
    }

    /// Permissions ready to be asked.
    pub(super) fn compiled(&mut self, rules: &Rules) -> Option<Arc<Permissions>> {
        // Entries with errors have been reported and left out.
        let compiled = Permissions::new(rules).map_err(|error| self.bare_error(error.to_string()));
        compiled.ok().map(Arc::new)
    }

    /// A subject or a list of subjects, each with a queue behind it if `queues`. Errors stand at
    /// `at`, or without a place as nats-server reports them. Returns those without errors.
    pub(super) fn subjects(
        &mut self,
        node: &Node,
        queues: bool,
        at: Option<&Entry<'_>>,
    ) -> Vec<String> {
        let refuse = |this: &mut Self, text: String| match at {
            Some(entry) => this.error(entry.pos(), text),
            None => this.bare_error(text),
        };
        let mut list = Vec::new();
        match &*node.value {
            Value::String(text) => list.push(text.as_str()),
            Value::Array(items) => {
                for item in items {
                    match &*item.value {
                        Value::String(text) => list.push(text),
                        _ => self.error(
                            &item.pos,
                            "Subject in permissions array cannot be cast to string",
                        ),
                    }
                }
            }
            other => {
                let kind = other.type_name();
                refuse(
                    self,
                    format!(
                        "Expected subject permissions to be a subject, or array of subjects, got \
                         {kind}"
                    ),
                );
            }
        }
        list.retain(|text| {
            let checked = parse_entry(text, queues);
            if let Err(invalid) = &checked {
                refuse(self, invalid.to_string());
            }
            checked.is_ok()
        });
        list.into_iter().map(str::to_owned).collect()
    }
}

/// Routes have no replies to count.
pub(super) const NO_CLUSTER_RESPONSES: &str =
    "Cluster permissions do not support dynamic responses";
