//! Subject mappings (reference section 2.4): checked as far as their form goes; the transforms in
//! them are the core's.

use std::collections::HashMap;

use super::super::value::{Node, Pos, Value};
use super::permissions::valid_subject;
use super::{Block, Decoder, Entry, Kind, now, skip};

#[derive(Default)]
struct Destination {
    subject: String,
    weight: Option<i64>,
    wrong: bool,
    cluster: String,
}

const DESTINATION: Block<Destination> = Block {
    keys: &[
        now(&["destination", "dest"], Kind::String(|d, text| d.subject = text)),
        now(
            &["weight"],
            Kind::Custom(|decoder, destination, entry| {
                let weight = match entry.value() {
                    Value::Int(weight) => Some(*weight),
                    Value::String(text) => {
                        text.strip_suffix('%').unwrap_or(text).trim().parse().ok()
                    }
                    _ => None,
                };
                match weight {
                    Some(weight) if (0..=100).contains(&weight) => {
                        destination.weight = Some(weight);
                    }
                    _ => {
                        destination.wrong = true;
                        let shown = match entry.value() {
                            Value::String(text) => format!("{text:?}"),
                            other => other.to_string(),
                        };
                        decoder.error(
                            entry.pos(),
                            format!("Invalid weight {shown} for mapping destination"),
                        );
                    }
                }
            }),
        ),
        now(&["cluster"], Kind::String(|d, text| d.cluster = text)),
    ],
    unknown: |name| format!("Unknown field {name:?} for mapping destination"),
};

impl Decoder<'_> {
    /// A map from source subjects to destinations.
    pub(super) fn mappings(&mut self, block: &Node) {
        let Value::Map(map) = &*block.value else {
            return self.wrong_type(block, "map[string]interface {}");
        };
        for (name, node) in map.iter() {
            let entry = Entry { name, node };
            if !valid_subject(name) {
                self.error(&block.pos, format!("Subject {name:?} is not a valid subject"));
                continue;
            }
            match entry.value() {
                Value::String(to) => {
                    if !valid_subject(to) {
                        self.error(
                            &node.pos,
                            format!(
                                "Error adding mapping for {name:?} to {to:?} : invalid mapping \
                                 destination: invalid transform"
                            ),
                        );
                    }
                }
                Value::Map(_) => {
                    self.destination(node, &node.pos);
                }
                Value::Array(items) => self.destinations(&entry, items),
                _ => self.error(&node.pos, "Expected an entry for the mapping destination"),
            }
        }
    }

    fn destinations(&mut self, entry: &Entry<'_>, items: &[Node]) {
        let mut totals: HashMap<String, i64> = HashMap::new();
        for item in items {
            if !matches!(&*item.value, Value::Map(_)) {
                self.error(&item.pos, "Expected an entry for the mapping destination");
                continue;
            }
            let Some((cluster, weight)) = self.destination(item, &item.pos) else { continue };
            let total = totals.entry(cluster).or_default();
            *total = total.saturating_add(weight);
        }
        if totals.values().any(|total| *total > 100) {
            let source = entry.name;
            self.error(
                entry.pos(),
                format!("Error adding mapping for {source:?} : total weight needs to be <= 100"),
            );
        }
    }

    /// A destination map: its cluster and weight.
    fn destination(&mut self, node: &Node, pos: &Pos) -> Option<(String, i64)> {
        let before = self.errors.len();
        let mut out = Destination::default();
        self.walk_node(&DESTINATION, &mut out, node);
        if out.wrong || self.errors.len() > before {
            return None;
        }
        if out.weight.is_none() {
            let to = &out.subject;
            self.error(pos, format!("Missing weight for mapping destination {to:?}"));
        }
        Some((out.cluster, out.weight?))
    }
}

/// A destination of traces: a subject or a map.
pub(super) fn trace_destination<T>(decoder: &mut Decoder<'_>, _: &mut T, entry: &Entry<'_>) {
    let name = entry.name;
    let map = match entry.value() {
        Value::String(_) => return,
        Value::Map(map) => map,
        other => {
            let kind = other.type_name();
            return decoder.error(
                entry.pos(),
                format!(
                    "Expected account message trace {name:?} to be a string or a map/struct, got \
                     {kind}"
                ),
            );
        }
    };
    let (mut destination, mut sampling) = (false, false);
    for (key, node) in map.iter() {
        if key.eq_ignore_ascii_case("dest") {
            destination = true;
            decoder.apply(&now(&["dest"], Kind::String(skip)), &mut (), &Entry { name: key, node });
        } else if key.eq_ignore_ascii_case("sampling") {
            sampling = true;
            let value = match &*node.value {
                Value::Int(value) => Some(*value),
                Value::String(text) => text.strip_suffix('%').unwrap_or(text).trim().parse().ok(),
                _ => None,
            };
            if !value.is_some_and(|value| (1..=100).contains(&value)) {
                let shown = &node.value;
                decoder.error(
                    &node.pos,
                    format!(
                        "Ttrace destination sampling value {shown} is invalid, needs to be [1..100]"
                    ),
                );
            }
        } else if !node.used_as_variable {
            decoder.error(
                &node.pos,
                format!("Unknown field {key:?} parsing account message trace map/struct {name:?}"),
            );
        }
    }
    if sampling && !destination {
        let pos = entry.pos();
        decoder.warnings.push(format!(
            "{pos}: Trace destination sampling ignored since no destination was set"
        ));
    }
}
