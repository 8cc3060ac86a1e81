//! The NATS configuration language: text to [`Value`] (config-and-operations.md section 1).

use super::value::{Kind, Position, Value};

/// Deepest nesting of maps and arrays.
const MAX_DEPTH: usize = 128;

/// Deepest nesting of includes; a file that includes itself ends here.
const MAX_INCLUDES: usize = 16;

/// Where files and the environment come from, so that tests need neither.
pub trait Source {
    /// The text of a file.
    ///
    /// # Errors
    ///
    /// The system's reason.
    fn read(&self, path: &str) -> std::io::Result<String>;
    /// An environment variable.
    fn variable(&self, name: &str) -> Option<String>;
}

/// What is wrong with the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Parse error on line {line}: '{message}'")]
pub struct ParseError {
    /// Line, counted from 1.
    pub line: usize,
    /// What, in nats-server's words where it has some.
    pub message: String,
}

type Entries = Vec<(String, Value)>;

/// Parses a whole file.
///
/// # Errors
///
/// The first thing that is wrong, with its line.
pub fn parse(text: &str, file: &str, source: &dyn Source) -> Result<Value, ParseError> {
    parse_nested(text, file, source, 0)
}

fn parse_nested(
    text: &str,
    file: &str,
    source: &dyn Source,
    includes: usize,
) -> Result<Value, ParseError> {
    let mut parser = Parser {
        text: text.as_bytes(),
        at: 0,
        line: 1,
        line_start: 0,
        file,
        source,
        scopes: vec![Vec::new()],
        includes,
    };
    parser.entries(Ending::File)?;
    let entries = parser.scopes.pop().unwrap_or_default();
    Ok(Value { kind: Kind::Map(entries), at: Position::default(), referenced: false })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    File,
    /// A closing brace: of a map, or of the braces around a whole file.
    Brace,
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    line: usize,
    line_start: usize,
    file: &'a str,
    source: &'a dyn Source,
    /// The maps being read, the root first.
    scopes: Vec<Entries>,
    includes: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn bump(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        if byte == b'\n' {
            self.line += 1;
            self.line_start = self.at;
        }
        Some(byte)
    }

    fn error<T>(&self, message: impl Into<String>) -> Result<T, ParseError> {
        Err(ParseError { line: self.line, message: message.into() })
    }

    fn position(&self) -> Position {
        let column = self.at - self.line_start + usize::from(self.line > 1);
        Position { file: self.file.to_owned(), line: self.line, column }
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.bump();
        }
    }

    /// White space and comments.
    fn skip_space(&mut self) {
        loop {
            match self.peek() {
                Some(byte) if byte.is_ascii_whitespace() || byte == 0x0b => {
                    self.bump();
                }
                Some(b'#') => self.skip_line(),
                Some(b'/') if self.text.get(self.at + 1) == Some(&b'/') => self.skip_line(),
                _ => return,
            }
        }
    }

    fn skip_line(&mut self) {
        while self.peek().is_some_and(|byte| byte != b'\n') {
            self.bump();
        }
    }

    fn entries(&mut self, ending: Ending) -> Result<(), ParseError> {
        loop {
            self.skip_space();
            match self.peek() {
                None if ending == Ending::File => return Ok(()),
                None => return self.error("Unexpected EOF processing map."),
                Some(b'}') if ending == Ending::Brace => {
                    self.bump();
                    return Ok(());
                }
                Some(b'{') if ending == Ending::File => {
                    // Braces around the whole file make no map of their own.
                    self.bump();
                    self.entries(Ending::Brace)?;
                    continue;
                }
                Some(_) => {}
            }
            let at = self.position();
            let key = self.key()?;
            if key.eq_ignore_ascii_case("include") && matches!(self.peek(), Some(b' ' | b'\t')) {
                self.include()?;
            } else {
                let mut value = self.entry_value(ending)?;
                value.at = at;
                self.put(key, value);
            }
            self.end_of_entry(ending)?;
        }
    }

    fn put(&mut self, key: String, value: Value) {
        if let Some(entries) = self.scopes.last_mut() {
            entries.retain(|(other, _)| *other != key);
            entries.push((key, value));
        }
    }

    fn key(&mut self) -> Result<String, ParseError> {
        if let Some(quote @ (b'"' | b'\'')) = self.peek() {
            self.bump();
            let start = self.at;
            while self.peek().is_some_and(|byte| byte != quote) {
                self.bump();
            }
            let key = self.slice(start);
            if self.bump().is_none() {
                return self.error("Unexpected EOF processing quoted map key.");
            }
            return Ok(key);
        }
        let start = self.at;
        while self.peek().is_some_and(|b| !b.is_ascii_whitespace() && b != b'=' && b != b':') {
            self.bump();
        }
        if self.at == start {
            let found = self.peek().map_or('\0', char::from);
            return self.error(format!("Unexpected key separator '{found}'"));
        }
        Ok(self.slice(start))
    }

    fn slice(&self, start: usize) -> String {
        String::from_utf8_lossy(&self.text[start..self.at]).into_owned()
    }

    fn entry_value(&mut self, ending: Ending) -> Result<Value, ParseError> {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.bump();
        }
        let separated = matches!(self.peek(), Some(b'=' | b':'));
        if separated {
            self.bump();
            self.skip_blanks();
            if matches!(self.peek(), Some(b'\n' | b'\r')) {
                if ending == Ending::File && self.scopes.len() == 1 {
                    return self.error("Expected value but found new line");
                }
                self.skip_space();
            }
        } else if self.peek().is_none() {
            return self.error("config is invalid: a key without a value at the end of the file");
        }
        self.value()
    }

    fn end_of_entry(&mut self, ending: Ending) -> Result<(), ParseError> {
        self.skip_blanks();
        match self.peek() {
            None | Some(b'\n' | b'\r' | b'#') => Ok(()),
            Some(b';' | b',') => {
                self.bump();
                Ok(())
            }
            Some(b'/') if self.text.get(self.at + 1) == Some(&b'/') => Ok(()),
            Some(b'}') if ending == Ending::Brace => Ok(()),
            Some(b'}') => {
                // A single stray brace after a top-level value is tolerated.
                self.bump();
                Ok(())
            }
            Some(other) => {
                let found = char::from(other);
                self.error(match ending {
                    Ending::File => format!(
                        "Expected a top-level value to end with a new line, comment or EOF, but got '{found}' instead."
                    ),
                    Ending::Brace => format!(
                        "Expected a map value terminator \",\" or a map terminator \"}}\", but got '{found}' instead."
                    ),
                })
            }
        }
    }

    fn value(&mut self) -> Result<Value, ParseError> {
        let at = self.position();
        let kind = match self.peek() {
            Some(b'{') => {
                self.bump();
                self.deeper()?;
                self.scopes.push(Vec::new());
                self.entries(Ending::Brace)?;
                Kind::Map(self.scopes.pop().unwrap_or_default())
            }
            Some(b'[') => {
                self.bump();
                self.deeper()?;
                self.array()?
            }
            Some(b'"') => Kind::String(self.double_quoted()?),
            Some(b'\'') => {
                self.bump();
                let start = self.at;
                while self.peek().is_some_and(|byte| byte != b'\'') {
                    self.bump();
                }
                let text = self.slice(start);
                if self.bump().is_none() {
                    return self.error("Unexpected EOF.");
                }
                Kind::String(text)
            }
            Some(b'(') => self.block()?,
            Some(b'.') => return self.error("Floats must start with a digit, not '.'."),
            _ => return self.bare(at),
        };
        Ok(Value { kind, at, referenced: false })
    }

    fn deeper(&self) -> Result<(), ParseError> {
        if self.scopes.len() >= MAX_DEPTH {
            return self.error(format!("nested deeper than {MAX_DEPTH} levels"));
        }
        Ok(())
    }

    fn array(&mut self) -> Result<Kind, ParseError> {
        // An array is a scope without names, so that depth counts it and look-ups pass through.
        self.scopes.push(Vec::new());
        let mut elements = Vec::new();
        loop {
            self.skip_space();
            match self.peek() {
                None => return self.error("Unexpected EOF."),
                Some(b']') => break,
                Some(b',') => return self.error("Unexpected array value terminator ','."),
                Some(_) => elements.push(self.value()?),
            }
            self.skip_blanks();
            match self.peek() {
                Some(b',') => {
                    self.bump();
                }
                Some(b'\n' | b'\r' | b'#' | b']') => {}
                Some(b'/') if self.text.get(self.at + 1) == Some(&b'/') => {}
                other => {
                    let found = other.map_or('\0', char::from);
                    return self.error(format!(
                        "Expected an array value terminator \",\" or an array terminator \"]\", but got '{found}' instead."
                    ));
                }
            }
        }
        self.bump();
        self.scopes.pop();
        Ok(Kind::Array(elements))
    }

    fn double_quoted(&mut self) -> Result<String, ParseError> {
        self.bump();
        let mut text = Vec::new();
        loop {
            match self.bump() {
                None => return self.error("Unexpected EOF."),
                Some(b'"') => return Ok(String::from_utf8_lossy(&text).into_owned()),
                Some(b'\\') => text.push(self.escape()?),
                Some(byte) => text.push(byte),
            }
        }
    }

    fn escape(&mut self) -> Result<u8, ParseError> {
        match self.bump() {
            Some(b't') => Ok(b'\t'),
            Some(b'n') => Ok(b'\n'),
            Some(b'r') => Ok(b'\r'),
            Some(byte @ (b'"' | b'\\')) => Ok(byte),
            Some(b'x') => {
                let digits = self.text.get(self.at..self.at + 2).unwrap_or_default();
                let digits = String::from_utf8_lossy(digits).into_owned();
                match u8::from_str_radix(&digits, 16) {
                    Ok(byte) if digits.len() == 2 => {
                        self.at += 2;
                        Ok(byte)
                    }
                    _ => self.error(format!(
                        "Expected two hexadecimal digits after '\\x', but got '{digits}'"
                    )),
                }
            }
            other => {
                let found = other.map_or('\0', char::from);
                self.error(format!(
                    "Invalid escape character '{found}'. Only the following escape characters are allowed: \\xXX, \\t, \\n, \\r, \\\", \\\\."
                ))
            }
        }
    }

    /// `(` to a `)` alone on its line.
    fn block(&mut self) -> Result<Kind, ParseError> {
        self.bump();
        let start = self.at;
        loop {
            match self.bump() {
                None => return self.error("Unexpected EOF processing block."),
                Some(b'\n') if self.peek() == Some(b')') => {
                    let after = self.text.get(self.at + 1);
                    if matches!(after, None | Some(b'\n' | b'\r')) {
                        let text = self.slice(start);
                        self.bump();
                        return Ok(Kind::String(text));
                    }
                }
                Some(_) => {}
            }
        }
    }

    /// Bare words: booleans, numbers, variables, text.
    fn bare(&mut self, at: Position) -> Result<Value, ParseError> {
        let mut word = Vec::new();
        let mut escaped = false;
        let line = self.line;
        while let Some(byte) = self.peek() {
            match byte {
                b'\n' | b'\r' | b';' | b',' | b']' | b'}' | b' ' | b'\t' => break,
                b'\'' => {
                    self.bump();
                    break;
                }
                b'\\' => {
                    self.bump();
                    word.push(self.escape()?);
                    escaped = true;
                }
                byte => {
                    self.bump();
                    word.push(byte);
                }
            }
        }
        let word = String::from_utf8_lossy(&word).into_owned();
        let kind = match word.to_ascii_lowercase().as_str() {
            _ if escaped => Kind::String(word),
            "true" | "yes" | "on" => Kind::Boolean(true),
            "false" | "no" | "off" => Kind::Boolean(false),
            lower if lower.starts_with('$') && !lower.starts_with("$2a$") => {
                let kind = self.variable(&word[1..], line)?;
                return Ok(Value { kind, at, referenced: false });
            }
            _ => self.number(&word)?.unwrap_or(Kind::String(word)),
        };
        Ok(Value { kind, at, referenced: false })
    }

    /// Integers with or without a size suffix, and floats; `None` is text.
    fn number(&self, word: &str) -> Result<Option<Kind>, ParseError> {
        let digits_from = usize::from(word.starts_with('-'));
        let rest = &word[digits_from..];
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return Ok(None);
        }
        let (number, suffix) = word.split_at(digits_from + digits);
        if let Some(fraction) = suffix.strip_prefix('.') {
            if fraction.is_empty() {
                return self.error(
                    "Floats must have a digit after the '.', but got '\\n' instead.".to_owned(),
                );
            }
            let float = fraction.bytes().all(|byte| byte.is_ascii_digit());
            return Ok(float.then(|| word.parse().ok()).flatten().map(Kind::Float));
        }
        let Some(factor) = size_factor(suffix) else { return Ok(None) };
        let value: Result<i64, _> = number.parse();
        match value.ok().and_then(|value| value.checked_mul(factor)) {
            Some(value) => Ok(Some(Kind::Integer(value))),
            None => self.error(format!("integer '{word}' is out of the range")),
        }
    }

    fn variable(&mut self, name: &str, line: usize) -> Result<Kind, ParseError> {
        for scope in self.scopes.iter_mut().rev() {
            if let Some((_, value)) = scope.iter_mut().find(|(key, _)| key == name) {
                value.referenced = true;
                return Ok(value.kind.clone());
            }
        }
        let Some(text) = self.source.variable(name) else {
            let message =
                format!("variable reference for '{name}' on line {line} can not be found");
            return self.error(message);
        };
        if self.includes >= MAX_INCLUDES {
            return self.error(format!("variable reference cycle for '{name}'"));
        }
        let text = format!("pk={text}");
        let parsed = parse_nested(&text, self.file, self.source, self.includes + 1);
        match parsed.map(|value| value.kind) {
            Ok(Kind::Map(entries)) => match entries.into_iter().next() {
                Some((_, value)) => Ok(value.kind),
                None => Ok(Kind::String(String::new())),
            },
            Ok(kind) => Ok(kind),
            Err(inner) => self.error(format!(
                "variable reference for '{name}' on line {line} could not be parsed: {inner}"
            )),
        }
    }

    fn include(&mut self) -> Result<(), ParseError> {
        self.skip_blanks();
        let path = match self.value()?.kind {
            Kind::String(path) => path,
            other => {
                return self.error(format!("Expected include value but found {}", other.name()));
            }
        };
        if self.includes >= MAX_INCLUDES {
            return self.error(format!(
                "error parsing include file '{path}', included more than {MAX_INCLUDES} levels deep (does a file include itself?)"
            ));
        }
        let directory = self.file.rfind('/').map_or("", |slash| &self.file[..=slash]);
        let joined = format!("{directory}{}", path.trim_start_matches('/'));
        let text = match self.source.read(&joined) {
            Ok(text) => text,
            Err(error) => {
                return self.error(format!("error parsing include file '{path}', {error}"));
            }
        };
        match parse_nested(&text, &joined, self.source, self.includes + 1) {
            Ok(Value { kind: Kind::Map(entries), .. }) => {
                entries.into_iter().for_each(|(key, value)| self.put(key, value));
                Ok(())
            }
            Ok(_) => Ok(()),
            Err(error) => self.error(format!("error parsing include file '{path}', {error}")),
        }
    }
}

/// What a size suffix multiplies by: `k` is 1000, `kb`, `ki` and `kib` are 1024.
fn size_factor(suffix: &str) -> Option<i64> {
    let mut letters = suffix.chars();
    let Some(letter) = letters.next() else { return Some(1) };
    let power = "kmgtpe".find(letter.to_ascii_lowercase())? as u32 + 1;
    match letters.as_str().to_ascii_lowercase().as_str() {
        "" => 1000i64.checked_pow(power),
        "b" | "i" | "ib" => 1024i64.checked_pow(power),
        _ => None,
    }
}
