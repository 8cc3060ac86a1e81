//! What one user may publish and subscribe to (reference security 2.1 to 2.4).
//!
//! Immutable once made, and shared by all links of the user.

use core::time::Duration;

use crate::subject;
use crate::wire::quote;

/// Replies to one request when the configuration says only that there may be some.
const DEFAULT_MAX_RESPONSES: u32 = 1;

/// How long a reply may take when the configuration does not say.
const DEFAULT_RESPONSE_EXPIRY: Duration = Duration::from_secs(120);

/// A permission map as it is written down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Subjects to publish to.
    pub publish: Lists,
    /// Subjects to subscribe to. An entry may be a subject and a queue with a blank between them.
    pub subscribe: Lists,
    /// Replies to received requests may be published whatever the lists say.
    pub responses: Option<Responses>,
}

/// Allowed and denied subjects. An empty `allow` allows everything, and what is denied stays
/// denied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lists {
    /// What is allowed.
    pub allow: Vec<String>,
    /// What is taken away from it.
    pub deny: Vec<String>,
}

/// How much may be published to the reply subject of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Responses {
    /// Messages to one reply subject; `None` is any number. Zero allows none.
    pub max: Option<u32>,
    /// How long after the request; `None` is for ever.
    pub expires: Option<Duration>,
}

impl Default for Responses {
    fn default() -> Self {
        Self { max: Some(DEFAULT_MAX_RESPONSES), expires: Some(DEFAULT_RESPONSE_EXPIRY) }
    }
}

impl Responses {
    /// As nats-server counts: zero stands for the default (1 message, 2 minutes), a negative
    /// number lifts the limit. `expires` is in nanoseconds.
    pub fn from_signed(max: i64, expires: i64) -> Self {
        let defaults = Self::default();
        Self {
            max: match max {
                0 => defaults.max,
                1.. => Some(u32::try_from(max).unwrap_or(u32::MAX)),
                _ => None,
            },
            expires: match expires {
                0 => defaults.expires,
                1.. => Some(Duration::from_nanos(expires.unsigned_abs())),
                _ => None,
            },
        }
    }
}

/// An entry that no subject or no queue could ever fit. The texts are nats-server's (observed on
/// nats-server 2.15.1).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRule {
    /// The subject, or an entry that is not a subject and a queue.
    #[error("subject {0:?} is not a valid subject")]
    Subject(String),
    /// The queue behind a good subject.
    #[error("queue {0:?} is not a valid queue")]
    Queue(String),
}

/// A permission map, ready to be asked; by default everything is allowed. See the module's documentation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permissions {
    publish: Side,
    subscribe: Side,
    responses: Option<Responses>,
    /// As it was written down.
    written: Rules,
}

/// One direction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Side {
    /// `None` allows everything.
    allow: Option<List>,
    deny: List,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct List {
    /// Subjects without wildcards, sorted.
    literals: Vec<Box<[u8]>>,
    patterns: Vec<Box<[u8]>>,
    queued: Vec<Queued>,
}

/// An entry for members of some queues only.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Queued {
    subject: Box<[u8]>,
    queue: Box<[u8]>,
}

impl Permissions {
    /// Makes a permission map ready.
    ///
    /// # Errors
    /// The first entry that is not a valid subject, or not a valid subject and queue.
    pub fn new(rules: &Rules) -> Result<Self, InvalidRule> {
        let mut publish = Side::new(&rules.publish, false)?;
        if rules.responses.is_some() {
            // Only responses, then.
            publish.allow.get_or_insert_default();
        }
        let subscribe = Side::new(&rules.subscribe, true)?;
        Ok(Self { publish, subscribe, responses: rules.responses, written: rules.clone() })
    }

    /// The map as it was written down.
    pub fn written(&self) -> &Rules {
        &self.written
    }

    /// Whether the lists allow publishing to `subject`, whose wildcards are ordinary text.
    pub fn may_publish(&self, subject: &[u8]) -> bool {
        self.publish.permits(subject, None)
    }

    /// Whether SUB is allowed. Wildcards of `subject` are ordinary text, so a subscription may
    /// well be broader than what is denied: [`Permissions::may_receive`] takes care of that.
    pub fn may_subscribe(&self, subject: &[u8], queue: Option<&[u8]>) -> bool {
        self.subscribe.permits(subject, queue)
    }

    /// Whether a message to `subject` may be delivered to a subscription that was allowed, as a
    /// member of `queue` if it is one.
    pub fn may_receive(&self, subject: &[u8], queue: Option<&[u8]>) -> bool {
        !self.subscribe.deny.denies(subject, queue)
    }

    /// Why publishing to `subject` is not allowed, if it is not.
    pub fn why_not_publish(&self, subject: &[u8]) -> Option<String> {
        let why = self.publish.why_not(subject, None)?;
        Some(match self.responses {
            Some(_) => format!("{why} (but replies to requests are allowed)"),
            None => why,
        })
    }

    /// Why a SUB is not allowed, if it is not.
    pub fn why_not_subscribe(&self, subject: &[u8], queue: Option<&[u8]>) -> Option<String> {
        self.subscribe.why_not(subject, queue)
    }

    /// Whether any message could be denied to a subscription that was allowed.
    pub(super) fn filters_deliveries(&self) -> bool {
        self.subscribe.deny != List::default()
    }

    /// Whether that depends on the queue.
    pub(super) fn filters_queues(&self) -> bool {
        !self.subscribe.deny.queued.is_empty()
    }

    /// What may be published in reply to requests, beyond what the lists allow.
    pub fn responses(&self) -> Option<Responses> {
        self.responses
    }

    /// The same, but nothing may be published to `subject`, which has no wildcards.
    #[must_use]
    pub fn without_publishing_to(mut self, subject: &str) -> Self {
        let denied = &mut self.publish.deny.literals;
        if let Err(place) = denied.binary_search_by(|it| (**it).cmp(subject.as_bytes())) {
            denied.insert(place, subject.as_bytes().into());
        }
        self
    }

    /// Whether nothing is forbidden, so that nobody needs to ask.
    pub fn is_unrestricted(&self) -> bool {
        let open = |side: &Side| side.allow.is_none() && side.deny == List::default();
        open(&self.publish) && open(&self.subscribe)
    }
}

impl Side {
    fn new(lists: &Lists, queues: bool) -> Result<Self, InvalidRule> {
        let allow = List::new(&lists.allow, queues)?;
        let deny = List::new(&lists.deny, queues)?;
        Ok(Self { allow: (!lists.allow.is_empty()).then_some(allow), deny })
    }

    fn why_not(&self, subject: &[u8], queue: Option<&[u8]>) -> Option<String> {
        if self.allow.as_ref().is_some_and(|list| !list.allows(subject, queue)) {
            return Some("no entry of the allow list fits it".to_owned());
        }
        let denied = || match self.deny.entry(subject) {
            Some(entry) => format!("the deny list has {}", quote(entry)),
            None => "the deny list has an entry for its queue".to_owned(),
        };
        self.deny.denies(subject, queue).then(denied)
    }

    fn permits(&self, subject: &[u8], queue: Option<&[u8]>) -> bool {
        self.allow.as_ref().is_none_or(|list| list.allows(subject, queue))
            && !self.deny.denies(subject, queue)
    }
}

impl List {
    fn new(entries: &[String], queues: bool) -> Result<Self, InvalidRule> {
        let mut list = Self::default();
        for entry in entries {
            match parse_entry(entry, queues)? {
                (subject, Some(queue)) => list.queued.push(Queued {
                    subject: subject.as_bytes().into(),
                    queue: queue.as_bytes().into(),
                }),
                (subject, None) if subject::is_literal(subject.as_bytes()) => {
                    list.literals.push(subject.as_bytes().into());
                }
                (subject, None) => list.patterns.push(subject.as_bytes().into()),
            }
        }
        list.literals.sort_unstable();
        Ok(list)
    }

    /// The entry for all that fits.
    fn entry(&self, subject: &[u8]) -> Option<&[u8]> {
        let mut entries = self.literals.iter().chain(&self.patterns).map(|entry| &**entry);
        entries.find(|entry| subject::matches(entry, subject))
    }

    fn has(&self, subject: &[u8]) -> bool {
        self.literals.binary_search_by(|literal| (**literal).cmp(subject)).is_ok()
            || self.patterns.iter().any(|pattern| subject::matches(pattern, subject))
    }

    /// Where entries with a queue fit the subject, they alone decide about queue members.
    fn allows(&self, subject: &[u8], queue: Option<&[u8]>) -> bool {
        if let Some(queue) = queue {
            let mut fitting = self.queued.iter().filter(|entry| entry.is_about(subject)).peekable();
            if fitting.peek().is_some() {
                return fitting.any(|entry| entry.has_queue(queue));
            }
        }
        self.has(subject)
    }

    fn denies(&self, subject: &[u8], queue: Option<&[u8]>) -> bool {
        let about =
            |entry: &Queued, queue: &[u8]| entry.is_about(subject) && entry.has_queue(queue);
        self.has(subject)
            || queue.is_some_and(|queue| self.queued.iter().any(|entry| about(entry, queue)))
    }
}

impl Queued {
    fn is_about(&self, subject: &[u8]) -> bool {
        subject::matches(&self.subject, subject)
    }

    fn has_queue(&self, queue: &[u8]) -> bool {
        *self.queue == *queue || subject::covers(&self.queue, queue)
    }
}

/// Takes an entry of a list apart: a subject and, where `queues` allows one, a queue.
///
/// # Errors
/// It is not that.
pub fn parse_entry(entry: &str, queues: bool) -> Result<(&str, Option<&str>), InvalidRule> {
    let is_valid = |text: &str| subject::is_valid_subscribe(text.as_bytes());
    let mut words = entry.split_whitespace();
    match (words.next(), words.next(), words.next()) {
        (Some(subject), None, None) if subject == entry && is_valid(subject) => Ok((subject, None)),
        (Some(subject), Some(queue), None) if queues && is_valid(subject) => {
            if is_valid(queue) {
                Ok((subject, Some(queue)))
            } else {
                Err(InvalidRule::Queue(queue.to_owned()))
            }
        }
        _ => Err(InvalidRule::Subject(entry.to_owned())),
    }
}
