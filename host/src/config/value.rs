//! The tree a configuration file is parsed into.
//!
//! Second station: [`super::parser`] builds it, [`super::digest`] and [`super::keys`] read it.
//! Values referenced as variables are shared, not copied, so a tree is never larger in memory than
//! its files; how large it would be written out is bounded by [`super::variables`].

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// Where a node was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pos {
    /// The file as it was named: the argument, or the joined include path.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: u32,
    /// Byte offset in the line: from 0 on line 1 and from 1 on later lines, as nats-server counts.
    pub column: u32,
}

impl fmt::Display for Pos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// A value with its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// The value; shared with every variable that refers to it.
    pub value: Arc<Value>,
    /// For a map entry the place of its key, for an array element its own.
    pub pos: Pos,
    /// Something refers to this entry as a variable, so its key need not mean anything.
    pub used_as_variable: bool,
    height: u32,
    weight: usize,
}

impl Node {
    /// Puts a value at a place.
    pub fn new(value: Value, pos: Pos) -> Self {
        let (height, weight) = value.measure();
        Self { value: Arc::new(value), pos, used_as_variable: false, height, weight }
    }

    /// The same value at another place; not a copy.
    pub fn moved_to(&self, pos: Pos) -> Self {
        Self { pos, used_as_variable: false, ..self.clone() }
    }

    /// Levels of maps and arrays below and including this one; 0 for a scalar.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// About how many bytes the value takes written out, shared parts counted each time.
    pub fn weight(&self) -> usize {
        self.weight
    }
}

/// A value of the configuration language. There is no null.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Keys and values.
    Map(Map),
    /// A list.
    Array(Vec<Node>),
    /// Text. Bytes that are not UTF-8 have become U+FFFD.
    String(String),
    /// A whole number, size suffix applied.
    Int(i64),
    /// A number with a decimal point.
    Float(f64),
    /// `true`, `yes`, `on` and their opposites.
    Bool(bool),
    /// A date, kept as it was written: full RFC 3339 in UTC. No option uses one.
    Date(String),
}

impl Value {
    /// The type's name in nats-server's error texts.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Map(_) => "map[string]interface {}",
            Self::Array(_) => "[]interface {}",
            Self::String(_) => "string",
            Self::Int(_) => "int64",
            Self::Float(_) => "float64",
            Self::Bool(_) => "bool",
            Self::Date(_) => "time.Time",
        }
    }

    fn measure(&self) -> (u32, usize) {
        match self {
            Self::Map(map) => map.iter().fold((1, 2), |(height, weight), (key, node)| {
                (height.max(node.height + 1), weight.saturating_add(key.len() + 4 + node.weight))
            }),
            Self::Array(nodes) => nodes.iter().fold((1, 2), |(height, weight), node| {
                (height.max(node.height + 1), weight.saturating_add(node.weight + 1))
            }),
            Self::String(text) | Self::Date(text) => (0, text.len() + 2),
            Self::Int(_) | Self::Float(_) | Self::Bool(_) => (0, 8),
        }
    }
}

impl fmt::Display for Value {
    /// As nats-server's error texts show a value; compound values are abbreviated.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Map(_) => f.write_str("map[...]"),
            Self::Array(_) => f.write_str("[...]"),
            Self::String(text) | Self::Date(text) => f.write_str(text),
            Self::Int(number) => write!(f, "{number}"),
            Self::Float(number) => write!(f, "{number}"),
            Self::Bool(value) => write!(f, "{value}"),
        }
    }
}

/// Entries in the order of their last assignment. Keys are case-sensitive.
#[derive(Clone, Debug, Default)]
pub struct Map {
    /// A replaced entry leaves a hole, so that order follows the last assignment at constant cost.
    entries: Vec<Option<(Arc<str>, Node)>>,
    index: HashMap<Arc<str>, usize>,
    end: Pos,
}

impl Map {
    /// Assigns; an earlier entry of this name is replaced as a whole.
    pub fn insert(&mut self, key: &str, node: Node) {
        let key: Arc<str> = key.into();
        if let Some(old) = self.index.insert(Arc::clone(&key), self.entries.len())
            && let Some(slot) = self.entries.get_mut(old)
        {
            *slot = None;
        }
        self.entries.push(Some((key, node)));
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        let at = *self.index.get(key)?;
        self.entries.get(at)?.as_ref().map(|(_, node)| node)
    }

    /// The value of a key, to be marked as used.
    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        let at = *self.index.get(key)?;
        self.entries.get_mut(at)?.as_mut().map(|(_, node)| node)
    }

    /// All entries, in the order of their last assignment.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.entries.iter().flatten().map(|(key, node)| (&**key, node))
    }

    /// Where the map ends, after its brace; nowhere for a whole file.
    pub fn end(&self) -> &Pos {
        &self.end
    }

    /// Says where the map ends.
    pub(super) fn end_at(&mut self, end: Pos) {
        self.end = end;
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }
}

impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}
