//! What a configuration file says, before anybody knows what it means.

/// A place in a file, for messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The file as it was named.
    pub file: String,
    /// Line, counted from 1.
    pub line: usize,
    /// Byte in the line, counted from 0 in the first line and from 1 in the others, as
    /// nats-server does.
    pub column: usize,
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// A value and where it stands: a map entry's place is that of its key.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// What it is.
    pub kind: Kind,
    /// Where it is.
    pub at: Position,
    /// It was referred to as a variable, so that its key need not be a known one.
    pub referenced: bool,
}

/// The types of the language. There is no null; dates are kept as text.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Entries in the order of the file; a repeated key has replaced the earlier one.
    Map(Vec<(String, Value)>),
    /// Elements in order.
    Array(Vec<Value>),
    /// Text.
    String(String),
    /// A number, its size suffix applied.
    Integer(i64),
    /// A number with a fraction.
    Float(f64),
    /// `true`, `yes`, `on` and their opposites.
    Boolean(bool),
}

impl Kind {
    /// nats-server's word for the type, as its messages have it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Map(_) => "map[string]interface {}",
            Self::Array(_) => "[]interface {}",
            Self::String(_) => "string",
            Self::Integer(_) => "int64",
            Self::Float(_) => "float64",
            Self::Boolean(_) => "bool",
        }
    }
}
