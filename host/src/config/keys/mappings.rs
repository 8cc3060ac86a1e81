//! Subject mappings (reference section 2.4): the core's, checked by the core.

use nervure_core::subject::mappings::{Destination, Mapping};

use super::super::value::{Node, Pos, Value};
use super::permissions::valid_subject;
use super::{Block, Decoder, Entry, Kind, now};

#[derive(Default)]
struct Draft {
    subject: String,
    weight: Option<u8>,
    cluster: String,
}

const DESTINATION: Block<Draft> = Block {
    keys: &[
        now(&["destination", "dest"], Kind::String(|d, text| d.subject = text)),
        now(
            &["weight"],
            Kind::Custom(|decoder, draft, entry| match weight(entry.value()) {
                Ok(weight) => draft.weight = Some(weight),
                Err(text) => decoder.error(entry.pos(), text),
            }),
        ),
        now(&["cluster"], Kind::String(|d, text| d.cluster = text)),
    ],
    unknown: |name| format!("Unknown field {name:?} for mapping destination"),
};

/// Percent, with or without the sign.
fn weight(value: &Value) -> Result<u8, String> {
    let weight = match value {
        Value::Int(weight) => *weight,
        Value::String(text) => {
            let digits = text.strip_suffix('%').unwrap_or(text);
            let weight = digits.parse();
            weight.map_err(|_| format!("Invalid weight {digits:?} for mapping destination"))?
        }
        other => return Err(format!("Unknown entry type for weight of {other}")),
    };
    let percent = u8::try_from(weight).ok().filter(|weight| *weight <= 100);
    percent.ok_or_else(|| format!("Invalid weight {weight} for mapping destination"))
}

impl Decoder<'_> {
    /// A map from source subjects to destinations. Those that are right; errors are collected.
    pub(super) fn mappings(&mut self, block: &Node) -> Vec<Mapping> {
        let Value::Map(map) = &*block.value else {
            self.wrong_type(block, "map[string]interface {}");
            return Vec::new();
        };
        map.iter().filter_map(|(name, node)| self.mapping(block, &Entry { name, node })).collect()
    }

    fn mapping(&mut self, block: &Node, entry: &Entry<'_>) -> Option<Mapping> {
        let (source, pos) = (entry.name, entry.pos());
        if !valid_subject(source) {
            self.error(&block.pos, format!("Subject {source:?} is not a valid subject"));
            return None;
        }
        let mut shown = format!("Error adding mapping for {source:?}");
        let destinations = match entry.value() {
            Value::String(subject) => {
                shown = format!("{shown} to {subject:?}");
                let (subject, cluster) = (subject.clone(), String::new());
                vec![Destination { subject, weight: 100, cluster }]
            }
            Value::Map(_) => self.destination(entry.node, pos).into_iter().collect(),
            Value::Array(items) => {
                items.iter().filter_map(|item| self.destination(item, &item.pos)).collect()
            }
            _ => {
                self.error(pos, "Expected an entry for the mapping destination");
                return None;
            }
        };
        let mapping = Mapping::new(source, destinations);
        mapping.map_err(|error| self.error(pos, format!("{shown} : {error}"))).ok()
    }

    fn destination(&mut self, node: &Node, pos: &Pos) -> Option<Destination> {
        if !matches!(&*node.value, Value::Map(_)) {
            self.error(pos, "Expected an entry for the mapping destination");
            return None;
        }
        let before = self.errors.len();
        let mut draft = Draft::default();
        self.walk_node(&DESTINATION, &mut draft, node);
        if self.errors.len() > before {
            return None;
        }
        let Draft { subject, weight, cluster } = draft;
        if weight.is_none() {
            self.error(pos, format!("Missing weight for mapping destination {subject:?}"));
        }
        Some(Destination { subject, weight: weight?, cluster })
    }
}
