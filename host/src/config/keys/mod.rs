//! From tree to [`Options`]: every key nats-server knows, its aliases, type and fate.
//!
//! Third station of a configuration. Each block of the file is a [`Block`]: a table of [`Key`]s
//! over the value it fills. The tables are the single list of what is accepted, what is obeyed
//! ([`Effect::Now`]) and what is only understood so far ([`Effect::Later`]); [`Decoder::walk`]
//! applies them. All errors of a file are collected; entries are applied in file order, so that
//! the last one wins (nats-server applies them in no defined order).

mod accounts;
mod authorization;
mod callout;
mod cluster;
mod jetstream;
mod leafnodes;
mod mappings;
mod mqtt;
mod permissions;
mod resolver;
mod scalar;
mod sender_identity;
mod tls;
mod top;
mod websocket;

use std::path::Path;

use super::duration::parse_duration;
use super::error::ConfigError;
use super::value::{Map, Node, Pos, Value};
use super::{Loaded, Source};

/// Most errors, warnings or notes that are kept of one configuration. A map that is wrong and used
/// as a variable many times would make many more than its file has lines.
const MAX_REPORTS: usize = 10_000;

/// Decodes a configuration tree; files that keys name are looked at through `source`.
pub(super) fn decode(root: &Map, source: &dyn Source) -> Result<Loaded, ConfigError> {
    let mut decoder =
        Decoder { source, warnings: Vec::new(), errors: Vec::new(), not_yet: Vec::new() };
    let mut draft = top::Draft::default();
    decoder.walk(&top::BLOCK, &mut draft, root);
    let mut options = draft.finish(&mut decoder);
    let Decoder { warnings, errors, not_yet, .. } = decoder;
    if !errors.is_empty() {
        return Err(ConfigError::Invalid { warnings, errors });
    }
    options.not_yet = not_yet;
    Ok(Loaded { options, warnings })
}

/// A structure of the file, filling a `T`.
struct Block<T: 'static> {
    keys: &'static [Key<T>],
    /// The text for a key that is not in the table.
    unknown: fn(&str) -> String,
}

impl<T> Block<T> {
    /// With nats-server's usual text for unknown keys.
    const fn new(keys: &'static [Key<T>]) -> Self {
        Self { keys, unknown: |name| format!("unknown field {name:?}") }
    }
}

/// A key of a structure.
struct Key<T: 'static> {
    /// Lower case, the usual name first.
    names: &'static [&'static str],
    kind: Kind<T>,
    effect: Effect,
}

/// What becomes of a well-formed value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// It is obeyed, or rightly without effect.
    Now,
    /// It is not obeyed yet, and says so unless the value means "off".
    Later,
    /// As `Later`, and an empty map means "on".
    LaterEvenEmpty,
}

/// Type of a value and where it goes.
enum Kind<T: 'static> {
    /// A string.
    String(fn(&mut T, String)),
    /// A boolean.
    Bool(fn(&mut T, bool)),
    /// An integer.
    Int(fn(&mut T, i64)),
    /// A duration string; nanoseconds.
    Duration(fn(&mut T, i64)),
    /// A duration string, or integer seconds with a warning; nanoseconds.
    Interval(fn(&mut T, i64)),
    /// `host:port` or a port; port -1 is "any free one".
    HostPort(fn(&mut T, Option<String>, i64)),
    /// A string, with a text of its own for other types.
    StringElse(&'static str, fn(&mut T, String)),
    /// A boolean, with a text of its own for other types.
    BoolElse(&'static str, fn(&mut T, bool)),
    /// Everything else.
    Custom(fn(&mut Decoder<'_>, &mut T, &Entry<'_>)),
}

/// A key that is obeyed.
const fn now<T>(names: &'static [&'static str], kind: Kind<T>) -> Key<T> {
    Key { names, kind, effect: Effect::Now }
}

/// A key that is not obeyed yet.
const fn later<T>(names: &'static [&'static str], kind: Kind<T>) -> Key<T> {
    Key { names, kind, effect: Effect::Later }
}

/// Takes a value that is only checked.
fn skip<T, V>(_: &mut T, _: V) {}

/// Takes an address that is only checked.
fn skip_address<T>(_: &mut T, _: Option<String>, _: i64) {}

/// An entry of a map being decoded.
struct Entry<'a> {
    /// As written.
    name: &'a str,
    node: &'a Node,
}

impl Entry<'_> {
    fn pos(&self) -> &Pos {
        &self.node.pos
    }

    fn value(&self) -> &Value {
        &self.node.value
    }
}

/// Collects what is wrong while the tree is walked.
struct Decoder<'s> {
    source: &'s dyn Source,
    warnings: Vec<String>,
    errors: Vec<String>,
    not_yet: Vec<String>,
}

/// nats-server's text for a value of another type.
fn conversion(value: &Value, wanted: &str) -> String {
    format!("interface conversion: interface {{}} is {}, not {wanted}", value.type_name())
}

impl Decoder<'_> {
    fn error(&mut self, pos: &Pos, text: impl std::fmt::Display) {
        self.bare_error(format!("{pos}: {text}"));
    }

    /// An error that nats-server reports without its place.
    fn bare_error(&mut self, text: impl Into<String>) {
        if self.errors.len() < MAX_REPORTS {
            self.errors.push(text.into());
        }
    }

    fn warn(&mut self, entry: &Entry<'_>, reason: impl std::fmt::Display) {
        if self.warnings.len() >= MAX_REPORTS {
            return;
        }
        let (pos, name) = (entry.pos(), entry.name);
        self.warnings.push(format!("{pos}: invalid use of field {name:?}: {reason}"));
    }

    fn wrong_type(&mut self, node: &Node, wanted: &str) {
        self.error(&node.pos, conversion(&node.value, wanted));
    }

    /// Applies a table to a map.
    fn walk<T>(&mut self, block: &Block<T>, target: &mut T, map: &Map) {
        for (name, node) in map.iter() {
            let entry = Entry { name, node };
            let found = block
                .keys
                .iter()
                .find(|key| key.names.iter().any(|known| known.eq_ignore_ascii_case(name)));
            match found {
                Some(key) => self.apply(key, target, &entry),
                None => self.unknown(&entry, block.unknown),
            }
        }
    }

    /// [`Decoder::walk`] on a value that must be a map.
    fn walk_node<T>(&mut self, block: &Block<T>, target: &mut T, node: &Node) -> bool {
        match &*node.value {
            Value::Map(map) => {
                self.walk(block, target, map);
                true
            }
            _ => {
                self.wrong_type(node, "map[string]interface {}");
                false
            }
        }
    }

    /// Refuses a key, unless it only defines a variable.
    fn unknown(&mut self, entry: &Entry<'_>, text: fn(&str) -> String) {
        if !entry.node.used_as_variable {
            self.error(entry.pos(), text(entry.name));
        }
    }

    fn apply<T>(&mut self, key: &Key<T>, target: &mut T, entry: &Entry<'_>) {
        let (node, value) = (entry.node, entry.value());
        match (&key.kind, value) {
            (Kind::String(set) | Kind::StringElse(_, set), Value::String(text)) => {
                set(target, text.clone());
            }
            (Kind::Bool(set) | Kind::BoolElse(_, set), Value::Bool(on)) => set(target, *on),
            (Kind::Int(set), Value::Int(number)) => set(target, *number),
            (Kind::String(_), _) => self.wrong_type(node, "string"),
            (Kind::Bool(_), _) => self.wrong_type(node, "bool"),
            (Kind::Int(_), _) => self.wrong_type(node, "int64"),
            (Kind::StringElse(text, _) | Kind::BoolElse(text, _), _) => {
                self.error(&node.pos, text);
            }
            (Kind::Duration(set), _) => {
                if let Some(nanos) = self.duration(entry) {
                    set(target, nanos);
                }
            }
            (Kind::Interval(set), _) => {
                if let Some(nanos) = self.interval(entry) {
                    set(target, nanos);
                }
            }
            (Kind::HostPort(set), _) => match scalar::host_port(value) {
                Ok((host, port)) => set(target, host, port),
                Err(text) => self.error(&node.pos, text),
            },
            (Kind::Custom(take), _) => take(self, target, entry),
        }
        let warn = match key.effect {
            Effect::Now => false,
            Effect::Later => !scalar::is_off(value),
            Effect::LaterEvenEmpty => {
                !scalar::is_off(value) || matches!(value, Value::Map(map) if map.is_empty())
            }
        };
        if warn {
            self.later(entry);
        }
    }

    /// Notes that a key is not acted upon yet.
    fn later(&mut self, entry: &Entry<'_>) {
        if self.not_yet.len() >= MAX_REPORTS {
            return;
        }
        let (pos, name) = (entry.pos(), entry.name);
        self.not_yet.push(format!("{pos}: \"{name}\" is accepted but not yet acted upon"));
    }

    /// Decodes something whose block already says that it is not acted upon.
    fn quietly<R>(&mut self, work: impl FnOnce(&mut Self) -> R) -> R {
        let told = self.not_yet.len();
        let result = work(self);
        self.not_yet.truncate(told);
        result
    }

    /// Nanoseconds of a duration string.
    fn duration(&mut self, entry: &Entry<'_>) -> Option<i64> {
        let Value::String(text) = entry.value() else {
            self.wrong_type(entry.node, "string");
            return None;
        };
        match parse_duration(text) {
            Ok(nanos) => Some(nanos),
            Err(reason) => {
                self.error(entry.pos(), format!("error parsing {}: {reason}", entry.name));
                None
            }
        }
    }

    /// Nanoseconds of a duration string or of integer seconds.
    fn interval(&mut self, entry: &Entry<'_>) -> Option<i64> {
        if matches!(entry.value(), Value::String(_)) {
            return self.duration(entry);
        }
        self.warn(entry, format!("{} should be converted to a duration", entry.name));
        if let Value::Int(seconds) = entry.value() {
            return Some(seconds.saturating_mul(1_000_000_000));
        }
        self.wrong_type(entry.node, "int64");
        None
    }

    /// The strings of a list.
    fn strings(&mut self, node: &Node) -> Option<Vec<String>> {
        let Value::Array(items) = &*node.value else {
            self.wrong_type(node, "[]interface {}");
            return None;
        };
        let mut out = Vec::with_capacity(items.len());
        for item in items {
            match &*item.value {
                Value::String(text) => out.push(text.clone()),
                _ => self.wrong_type(item, "string"),
            }
        }
        Some(out)
    }

    /// A file a key names: its contents, or nats-server's text why not.
    fn file(&self, path: &Path) -> Result<Vec<u8>, String> {
        self.source.read(path).map_err(|error| super::error::io_text(path, &error))
    }
}
