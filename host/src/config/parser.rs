//! From text to tree: the grammar of reference section 1.2.
//!
//! Second station of a configuration, between [`super::lexer`] and [`super::keys`]. Includes and
//! variables are resolved while parsing, by [`super::include`] and [`super::variables`].
//!
//! Recursive, with the depth bounded by [`super::MAX_DEPTH`]; every character is read at most twice.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::SyntaxError;
use super::lexer::{Lexed, Lexer, is_blank, is_newline, shown};
use super::number::{self, Number};
use super::value::{Map, Node, Pos, Value};
use super::variables;
use super::{MAX_DEPTH, MAX_EXPANSION, Source, include};

/// What all files and environment values of one configuration share.
pub(super) struct Session<'s> {
    pub(super) source: &'s dyn Source,
    /// Bytes that variables and includes may still add.
    pub(super) allowance: usize,
    /// Files being parsed, the outermost first.
    pub(super) files: Vec<PathBuf>,
    /// Environment variables being parsed.
    pub(super) environment: Vec<String>,
}

impl<'s> Session<'s> {
    pub(super) fn new(source: &'s dyn Source) -> Self {
        Self { source, allowance: MAX_EXPANSION, files: Vec::new(), environment: Vec::new() }
    }

    /// Takes bytes from the allowance.
    pub(super) fn spend(&mut self, bytes: usize, pos: &Pos) -> Lexed<()> {
        match self.allowance.checked_sub(bytes.max(1)) {
            Some(rest) => {
                self.allowance = rest;
                Ok(())
            }
            None => Err(SyntaxError::TooLarge(pos.clone())),
        }
    }
}

/// Which construct an entry stands in; they differ in what may follow key and value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Context {
    /// The file itself.
    Top,
    /// Braces around the whole file.
    Wrapper,
    /// A map.
    Map,
    /// An array.
    Array,
}

pub(super) struct Parser<'a, 's> {
    pub(super) lexer: Lexer<'a>,
    pub(super) session: &'a mut Session<'s>,
    /// Where relative includes start.
    pub(super) directory: PathBuf,
    /// Maps being filled, the file's root first.
    pub(super) scopes: Vec<Map>,
    /// Maps and arrays around the next value, those of including files counted.
    pub(super) depth: u32,
}

/// Parses one text into its root map. `depth` is how deep in other texts it stands.
pub(super) fn parse(session: &mut Session<'_>, text: &[u8], path: &Path, depth: u32) -> Lexed<Map> {
    let file: Arc<str> = path.to_string_lossy().into();
    let directory = path.parent().map(Path::to_path_buf).unwrap_or_default();
    let lexer = Lexer::new(text, file);
    let mut parser = Parser { lexer, session, directory, scopes: vec![Map::default()], depth };
    parser.file()?;
    Ok(parser.scopes.pop().unwrap_or_default())
}

impl Parser<'_, '_> {
    fn file(&mut self) -> Lexed<()> {
        loop {
            self.lexer.space_and_comments();
            match self.lexer.peek() {
                None => return Ok(()),
                Some('{') => {
                    self.lexer.bump();
                    self.wrapper()?;
                }
                Some('/') => {
                    self.lexer.bump();
                    return Err(self.lexer.error("Unexpected EOF."));
                }
                Some(_) => self.entry(Context::Top)?,
            }
        }
    }

    /// Entries up to a brace; they land in the map that is being filled.
    fn wrapper(&mut self) -> Lexed<()> {
        loop {
            self.lexer.space_and_comments();
            match self.lexer.peek() {
                None => return Err(self.lexer.error("Unexpected EOF processing map.")),
                Some('}') => {
                    self.lexer.bump();
                    return Ok(());
                }
                Some(_) => self.entry(Context::Wrapper)?,
            }
        }
    }

    /// Enters a map or array that starts at `pos`.
    fn descend(&mut self, pos: &Pos) -> Lexed<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(SyntaxError::TooDeep(pos.clone())) } else { Ok(()) }
    }

    /// The rest of a map, its brace being passed.
    fn map(&mut self) -> Lexed<Value> {
        self.descend(&self.lexer.pos())?;
        self.scopes.push(Map::default());
        loop {
            self.lexer.space_and_comments();
            match self.lexer.peek() {
                None => return Err(self.lexer.error("Unexpected EOF processing map.")),
                Some('}') => break,
                Some(']') => {
                    self.lexer.bump();
                    return Err(self.lexer.error("Unexpected array end ']' processing map."));
                }
                Some(_) => self.entry(Context::Map)?,
            }
        }
        self.lexer.bump();
        self.depth -= 1;
        let mut map = self.scopes.pop().unwrap_or_default();
        map.end_at(self.lexer.pos());
        Ok(Value::Map(map))
    }

    /// The rest of an array, its bracket being passed.
    fn array(&mut self) -> Lexed<Value> {
        self.descend(&self.lexer.pos())?;
        let mut nodes = Vec::new();
        loop {
            self.lexer.space_and_comments();
            match self.lexer.peek() {
                Some(']') => break,
                Some(',') => {
                    self.lexer.bump();
                    return Err(self.lexer.error("Unexpected array value terminator ','."));
                }
                None => return Err(self.unfinished(Context::Array)),
                Some(_) => {}
            }
            nodes.push(self.value(Context::Array, None)?);
            self.end(Context::Array)?;
        }
        self.lexer.bump();
        self.depth -= 1;
        Ok(Value::Array(nodes))
    }

    /// A key with its value, or an include, and what ends it.
    fn entry(&mut self, context: Context) -> Lexed<()> {
        let quote = match self.lexer.peek() {
            Some(c @ ('=' | ':')) => {
                self.lexer.bump();
                let stop = if context == Context::Top { "" } else { "." };
                return Err(self.lexer.error(format!("Unexpected key separator '{c}'{stop}")));
            }
            Some(quote @ ('"' | '\'')) => {
                self.lexer.bump();
                Some(quote)
            }
            _ => None,
        };
        let pos = self.lexer.pos();
        let key = match quote {
            None => self.lexer.bare_key(),
            Some(quote) => {
                let Some(key) = self.lexer.raw_quoted(quote) else {
                    if context == Context::Top {
                        return Err(self.lexer.error("Unexpected EOF."));
                    }
                    let kind = if quote == '"' { "double quoted" } else { "quoted" };
                    return Err(self
                        .lexer
                        .error(format!("Unexpected EOF processing {kind} map key.")));
                };
                key
            }
        };
        if quote.is_none()
            && key.eq_ignore_ascii_case("include")
            && self.lexer.peek().is_some_and(char::is_whitespace)
        {
            include::include(self)?;
        } else {
            self.before_value(context, quote.is_some())?;
            let node = self.value(context, Some(pos))?;
            self.assign(&key, node);
        }
        self.end(context)
    }

    /// Puts a value into the innermost map being filled.
    pub(super) fn assign(&mut self, key: &str, node: Node) {
        if let Some(map) = self.scopes.last_mut() {
            map.insert(key, node);
        }
    }

    /// From the key's end to the value's start.
    fn before_value(&mut self, context: Context, quoted: bool) -> Lexed<()> {
        if context == Context::Map && !quoted && self.lexer.peek().is_none() {
            return Err(self.lexer.error("Unexpected EOF processing map key."));
        }
        self.lexer.bump_while(char::is_whitespace);
        match self.lexer.peek() {
            Some('=' | ':') => {
                self.lexer.bump();
                if context == Context::Map {
                    self.lexer.bump_while(char::is_whitespace);
                } else {
                    self.lexer.bump_while(is_blank);
                    if self.lexer.peek().is_some_and(is_newline) {
                        self.lexer.bump();
                        return Err(self.lexer.error("Expected value but found new line"));
                    }
                }
                Ok(())
            }
            None if context != Context::Map => Err(SyntaxError::Incomplete(self.lexer.pos())),
            _ => Ok(()),
        }
    }

    /// A value. It is placed at its key if it has one.
    fn value(&mut self, context: Context, key: Option<Pos>) -> Lexed<Node> {
        let start = self.lexer.pos();
        let next = self.lexer.peek();
        if matches!(next, Some('{' | '[' | '(' | '"' | '\'')) {
            self.lexer.bump();
        }
        // An element's place is after its opening character, an array's after its closing one.
        let closed = key.is_none() && next == Some('[');
        let pos = key.unwrap_or_else(|| self.lexer.pos());
        let value = match next {
            Some('{') => self.map()?,
            Some('[') => self.array()?,
            Some('(') => Value::String(self.lexer.block()?),
            Some('"') => Value::String(self.lexer.double_quoted()?),
            Some('\'') => match self.lexer.raw_quoted('\'') {
                Some(text) => Value::String(text),
                None => return Err(self.lexer.error("Unexpected EOF.")),
            },
            Some('.') => {
                self.lexer.bump();
                return Err(self.lexer.error("Floats must start with a digit"));
            }
            Some(',') if context == Context::Map => {
                self.lexer.bump();
                return Err(self.lexer.error("Unexpected map value terminator \",\"."));
            }
            Some(c) if c.is_ascii_digit() || c == '-' => {
                match number::number(&mut self.lexer, context == Context::Array)? {
                    Number::Value(value) => value,
                    Number::Word(begun) => {
                        let rest = self.lexer.bare_word()?;
                        Value::String(begun + &rest.text)
                    }
                }
            }
            _ => return self.word(context, &start, pos),
        };
        Ok(Node::new(value, if closed { self.lexer.pos() } else { pos }))
    }

    /// A bare word: string, boolean or variable. It starts at `start`, its value belongs to `pos`.
    fn word(&mut self, context: Context, start: &Pos, pos: Pos) -> Lexed<Node> {
        let word = self.lexer.bare_word()?;
        if !word.escaped {
            for (text, value) in [
                ("true", true),
                ("yes", true),
                ("on", true),
                ("false", false),
                ("no", false),
                ("off", false),
            ] {
                if word.text.eq_ignore_ascii_case(text) {
                    return Ok(Node::new(Value::Bool(value), pos));
                }
            }
            // An unquoted bcrypt hash is not a variable.
            if let Some(name) = word.text.strip_prefix('$')
                && !name.starts_with("2a$")
            {
                let pos = match context {
                    // An element's place is after its opening character, here the `$`.
                    Context::Array => Pos { column: pos.column.saturating_add(1), ..pos },
                    _ => pos,
                };
                return variables::resolve(self, name, start.line, pos);
            }
        }
        Ok(Node::new(Value::String(word.text), pos))
    }

    /// What must follow a value.
    fn end(&mut self, context: Context) -> Lexed<()> {
        self.lexer.bump_while(is_blank);
        if self.lexer.comment() {
            // It ends at a newline, which ends the entry, too.
        }
        let next = self.lexer.peek();
        let fits = match next {
            Some('\n' | '\r') => true,
            Some(',') => {
                self.lexer.bump();
                return Ok(());
            }
            Some(';') if context != Context::Array => {
                self.lexer.bump();
                return Ok(());
            }
            Some('}') if context == Context::Top => {
                self.lexer.bump();
                return Ok(());
            }
            Some('}') => context != Context::Array,
            Some(']') => context == Context::Array,
            None => context == Context::Top,
            Some(_) => false,
        };
        if !fits {
            return Err(self.unfinished(context));
        }
        if context == Context::Array {
            // A newline ends an element; what follows must be another one, not a separator.
            self.lexer.space_and_comments();
        }
        Ok(())
    }

    fn unfinished(&mut self, context: Context) -> SyntaxError {
        let c = self.lexer.bump();
        let got = shown(c);
        self.lexer.error(match context {
            Context::Top => format!(
                "Expected a top-level value to end with a new line, comment or EOF, but got \
                 '{got}' instead."
            ),
            Context::Wrapper => format!(
                "Expected a block-level value to end with a new line, comment or EOF, but got \
                 '{got}' instead."
            ),
            Context::Map => format!(
                "Expected a map value terminator \",\" or a map terminator \"}}\", but got \
                 '{got}' instead."
            ),
            Context::Array => format!(
                "Expected an array value terminator \",\" or an array terminator \"]\", but got \
                 '{got}' instead."
            ),
        })
    }
}
