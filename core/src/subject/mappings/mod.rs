//! Subject mappings: the table by which an account's publications change their subjects
//! (client-protocol.md 6).
//!
//! A client's publication passes here once, after the parser and before what permissions and
//! router see. A [`Mapping`] is an entry of the configuration; [`Mappings`] is the table that is
//! looked up, part of [`Settings`](crate::settings::Settings), which all shards share. A look-up
//! costs a binary search a token and allocates nothing.

mod index;

#[cfg(test)]
mod tests;

use core::fmt;
use std::collections::HashMap;

use index::Index;

use super::transform::{Transform, TransformError};

/// Where messages on a subject may go instead, as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    source: Box<str>,
    destinations: Vec<Weighted>,
}

/// A destination, as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The subject with its placeholders.
    pub subject: String,
    /// Share of the messages, in percent.
    pub weight: u8,
    /// The only cluster that it is for; empty is those that have none of their own.
    pub cluster: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Weighted {
    transform: Transform,
    weight: u8,
    cluster: Box<str>,
}

/// Why a mapping cannot be used. Displays nats-server's texts (observed on 2.15.1).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// Two destinations are the same, be it for different clusters.
    #[error("duplicate entry for {0:?}")]
    Duplicate(String),
    /// The weights for one cluster sum up to more than 100.
    #[error("total weight needs to be <= 100")]
    Weight,
    /// Source or destination cannot be used.
    #[error(transparent)]
    Transform(#[from] TransformError),
}

impl Mapping {
    /// Messages on `source` go to `destinations`, in order. What their weights leave of 100 stays
    /// on its subject, or is lost when `source` is listed as a destination as well.
    ///
    /// # Errors
    /// If destinations are no good, alone or together.
    pub fn new(
        source: &str,
        destinations: impl IntoIterator<Item = Destination>,
    ) -> Result<Self, MappingError> {
        let mut totals = HashMap::new();
        let mut accepted: Vec<Weighted> = Vec::new();
        for Destination { subject, weight, cluster } in destinations {
            if accepted.iter().any(|known| known.transform.destination() == subject) {
                return Err(MappingError::Duplicate(subject));
            }
            let total = totals.entry(cluster.clone()).or_insert(0_u32);
            *total += u32::from(weight);
            if *total > 100 {
                return Err(MappingError::Weight);
            }
            let transform = Transform::new(source, &subject)?;
            accepted.push(Weighted { transform, weight, cluster: cluster.into() });
        }
        Ok(Self { source: source.into(), destinations: accepted })
    }

    /// The subject that is mapped.
    pub fn source(&self) -> &str {
        &self.source
    }
}

/// What happens to messages of one source.
struct Rule {
    /// Destinations with the weights up to and including theirs.
    destinations: Vec<(u8, Transform)>,
    /// What none of the destinations gets is lost and not left alone.
    lossy: bool,
}

impl Rule {
    /// In a cluster that a mapping has destinations for, only these count.
    fn new(mapping: &Mapping, cluster: &str) -> Self {
        let of = |cluster: &str| {
            let mut total = 0;
            let own = mapping.destinations.iter().filter(move |it| *it.cluster == *cluster);
            let rising = own.map(move |it| {
                total += it.weight;
                (total, it.transform.clone())
            });
            rising.collect::<Vec<_>>()
        };
        let own = of(cluster);
        let destinations = if own.is_empty() { of("") } else { own };
        let listed = |it: &Weighted| it.transform.destination() == &*mapping.source;
        Self { destinations, lossy: mapping.destinations.iter().any(listed) }
    }
}

/// A table of mappings.
pub struct Mappings {
    index: Index,
    rules: Vec<Rule>,
}

impl Mappings {
    /// The table of a server in this cluster; an empty name is none. The last of several mappings
    /// of one source counts.
    pub fn new<'a>(mappings: impl IntoIterator<Item = &'a Mapping>, cluster: &str) -> Self {
        let (mut index, mut rules) = (Index::default(), Vec::new());
        for mapping in mappings {
            index.insert(mapping.source.as_bytes(), rules.len());
            rules.push(Rule::new(mapping, cluster));
        }
        Self { index, rules }
    }

    /// Everything that may become of a message on `subject`, with percentages; `None` is that it is
    /// lost. Empty when no mapping is about it. Placeholders that leave it to chance are drawn once.
    pub fn outcomes(&self, subject: &[u8]) -> Vec<(u8, Option<Vec<u8>>)> {
        let Some(rule) = self.index.find(subject).and_then(|rule| self.rules.get(rule)) else {
            return Vec::new();
        };
        let mut below = 0;
        let mut outcomes = Vec::new();
        for (up_to, transform) in &rule.destinations {
            let mut mapped = Vec::new();
            transform.rename(subject, &mut mapped);
            outcomes.push((up_to - below, Some(mapped)));
            below = *up_to;
        }
        if below < 100 {
            outcomes.push((100 - below, (!rule.lossy).then(|| subject.to_vec())));
        }
        outcomes
    }

    /// Appends the new subject of a message on `subject` to `out`; nothing for one that is lost,
    /// which goes on with an empty subject. False when the subject stays.
    ///
    /// Of several sources that match, the most specific counts: token by token from the left, a
    /// literal before `*` before `>`. (nats-server takes them in no defined order.)
    pub fn apply(&self, subject: &[u8], out: &mut Vec<u8>, rng: &mut fastrand::Rng) -> bool {
        let Some(rule) = self.index.find(subject).and_then(|rule| self.rules.get(rule)) else {
            return false;
        };
        let chosen = match &*rule.destinations {
            [(100, only)] => Some(only),
            destinations => {
                let draw = rng.u8(..100);
                destinations.iter().find(|(below, _)| draw < *below).map(|(_, it)| it)
            }
        };
        match chosen {
            Some(transform) => transform.write(subject, out, rng),
            None if rule.lossy => {}
            None => return false,
        }
        true
    }
}

impl fmt::Debug for Mappings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mappings").field("rules", &self.rules.len()).finish_non_exhaustive()
    }
}
