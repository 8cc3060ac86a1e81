//! Permission maps (reference section 2.3). Checked in full; enforced by a later version, so all
//! that is kept is whether they restrict anything.

use super::super::duration::parse_duration;
use super::super::value::{Node, Value};
use super::{Block, Decoder, Entry, Key, Kind, now, skip};

/// What a permission map asks for.
#[derive(Default)]
pub(super) struct Permissions {
    /// It takes something away from, or changes something for, its user.
    pub(super) restricts: bool,
    /// `allow_responses` is there and not false.
    pub(super) responses: bool,
}

const BLOCK: Block<Permissions> = Block {
    keys: &[
        now(&["pub", "publish", "import"], Kind::Custom(publish)),
        now(&["sub", "subscribe", "export"], Kind::Custom(subscribe)),
        now(&["allow_responses", "publish_allow_responses"], Kind::Custom(responses)),
    ],
    unknown: |name| format!("Unknown field {name:?} parsing permissions"),
};

const SIDE: Block<Side> = Block {
    keys: &[now(&["allow"], Kind::Custom(subjects)), now(&["deny"], Kind::Custom(subjects))],
    unknown: |name| {
        format!(
            "Unknown field name {name:?} parsing subject permissions, only 'allow' or 'deny' \
             are permitted"
        )
    },
};

const RESPONSES: Block<()> = Block {
    keys: &[
        now(&["max", "max_msgs", "max_messages", "max_responses"], Kind::Int(skip)),
        now(&["expires", "expiration", "ttl"], Kind::Custom(expires)),
    ],
    unknown: |name| format!("Unknown field {name:?} parsing permissions"),
};

#[derive(Default)]
struct Side {
    queues: bool,
    restricts: bool,
}

/// Whether a subject is well-formed; wildcards are allowed.
pub(super) fn valid_subject(subject: &str) -> bool {
    if subject.is_empty() || subject.contains(char::is_whitespace) {
        return false;
    }
    let mut tokens = subject.split('.').peekable();
    while let Some(token) = tokens.next() {
        if token.is_empty() || (token == ">" && tokens.peek().is_some()) {
            return false;
        }
    }
    true
}

fn publish(decoder: &mut Decoder<'_>, out: &mut Permissions, entry: &Entry<'_>) {
    side(decoder, out, entry.node, false);
}

fn subscribe(decoder: &mut Decoder<'_>, out: &mut Permissions, entry: &Entry<'_>) {
    side(decoder, out, entry.node, true);
}

fn side(decoder: &mut Decoder<'_>, out: &mut Permissions, node: &Node, queues: bool) {
    let mut side = Side { queues, restricts: false };
    match &*node.value {
        Value::Map(map) => decoder.walk(&SIDE, &mut side, map),
        _ => side.restricts = decoder.subjects(node, queues, None),
    }
    out.restricts |= side.restricts;
}

fn subjects(decoder: &mut Decoder<'_>, out: &mut Side, entry: &Entry<'_>) {
    out.restricts |= decoder.subjects(entry.node, out.queues, None);
}

fn responses(decoder: &mut Decoder<'_>, out: &mut Permissions, entry: &Entry<'_>) {
    match entry.value() {
        Value::Bool(on) => out.responses |= on,
        Value::Map(map) => {
            decoder.walk(&RESPONSES, &mut (), map);
            out.responses = true;
        }
        _ => decoder
            .error(entry.pos(), "error parsing response permissions, expected a boolean or a map"),
    }
    out.restricts |= out.responses;
}

fn expires(decoder: &mut Decoder<'_>, (): &mut (), entry: &Entry<'_>) {
    match entry.value() {
        Value::String(text) => {
            if let Err(reason) = parse_duration(text) {
                decoder.error(entry.pos(), format!("error parsing expires: {reason}"));
            }
        }
        _ => decoder.error(entry.pos(), "error parsing expires, not a duration string"),
    }
}

impl Decoder<'_> {
    /// A permission map.
    pub(super) fn permissions(&mut self, node: &Node) -> Permissions {
        let mut out = Permissions::default();
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

    /// A subject or a list of subjects, each with a queue behind it if `queues`. Errors stand at
    /// `at`, or without a place as nats-server reports them. Says whether there are any.
    pub(super) fn subjects(&mut self, node: &Node, queues: bool, at: Option<&Entry<'_>>) -> bool {
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
        for text in &list {
            let parts: Vec<&str> = text.split_whitespace().collect();
            match parts.as_slice() {
                [subject, queue] if queues && valid_subject(subject) => {
                    if !valid_subject(queue) {
                        refuse(self, format!("queue {queue:?} is not a valid queue"));
                    }
                }
                [subject] if subject == text && valid_subject(subject) => {}
                _ => refuse(self, format!("subject {text:?} is not a valid subject")),
            }
        }
        !list.is_empty()
    }
}

/// A key that holds a permission map which is checked only.
pub(super) const fn checked<T>(names: &'static [&'static str]) -> Key<T> {
    now(
        names,
        Kind::Custom(|decoder, _, entry| {
            decoder.permissions(entry.node);
        }),
    )
}

/// Routes have no replies to count.
pub(super) const NO_CLUSTER_RESPONSES: &str =
    "Cluster permissions do not support dynamic responses";
