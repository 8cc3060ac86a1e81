//! Characters and positions, and the pieces that need no context: white space, comments, keys,
//! quoted strings, blocks. Numbers are in [`super::number`].
//!
//! First station of a configuration: [`super::parser`] asks for the piece that may come next.
//! Works on bytes, because a file need not be UTF-8; what is kept becomes UTF-8.

use std::sync::Arc;

use super::error::SyntaxError;
use super::value::Pos;

/// Result of reading a piece.
pub(super) type Lexed<T> = Result<T, SyntaxError>;

/// A cursor over one text.
pub(super) struct Lexer<'a> {
    text: &'a [u8],
    at: usize,
    line: u32,
    /// Offset of the last LF passed; 0 on the first line.
    last_newline: usize,
    file: Arc<str>,
}

/// A bare word and whether an escape made it a string for good.
pub(super) struct Word {
    pub(super) text: String,
    pub(super) escaped: bool,
}

/// LF or CR.
pub(super) fn is_newline(c: char) -> bool {
    c == '\n' || c == '\r'
}

/// Space or tab.
pub(super) fn is_blank(c: char) -> bool {
    c == ' ' || c == '\t'
}

/// A character as error texts show it; the end of the text is a NUL.
pub(super) fn shown(c: Option<char>) -> String {
    match c {
        None => "\0".to_owned(),
        Some('\n') => "\\n".to_owned(),
        Some(c) => c.to_string(),
    }
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a [u8], file: Arc<str>) -> Self {
        Self { text, at: 0, line: 1, last_newline: 0, file }
    }

    /// The next character; a byte that is not UTF-8 reads as U+FFFD.
    pub(super) fn peek(&self) -> Option<char> {
        self.decode(self.at).map(|(c, _)| c)
    }

    /// The character after the next.
    pub(super) fn peek_second(&self) -> Option<char> {
        let (_, width) = self.decode(self.at)?;
        self.decode(self.at + width).map(|(c, _)| c)
    }

    /// Takes the next character.
    pub(super) fn bump(&mut self) -> Option<char> {
        let (c, width) = self.decode(self.at)?;
        if c == '\n' {
            self.line += 1;
            self.last_newline = self.at;
        }
        self.at += width;
        Some(c)
    }

    fn decode(&self, at: usize) -> Option<(char, usize)> {
        let first = *self.text.get(at)?;
        let width = match first {
            0..=0x7f => return Some((char::from(first), 1)),
            0xc2..=0xdf => 2,
            0xe0..=0xef => 3,
            0xf0..=0xf4 => 4,
            _ => return Some((char::REPLACEMENT_CHARACTER, 1)),
        };
        let c = self
            .text
            .get(at..at + width)
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .and_then(|text| text.chars().next());
        Some(c.map_or((char::REPLACEMENT_CHARACTER, 1), |c| (c, width)))
    }

    /// Takes characters as long as they fit.
    pub(super) fn bump_while(&mut self, fits: impl Fn(char) -> bool) {
        while self.peek().is_some_and(&fits) {
            self.bump();
        }
    }

    /// Offset of the next character.
    pub(super) fn offset(&self) -> usize {
        self.at
    }

    /// Text from an offset to here.
    pub(super) fn since(&self, offset: usize) -> String {
        String::from_utf8_lossy(self.text.get(offset..self.at).unwrap_or_default()).into_owned()
    }

    /// Where the next character is.
    pub(super) fn pos(&self) -> Pos {
        let column = u32::try_from(self.at - self.last_newline).unwrap_or(u32::MAX);
        Pos { file: Arc::clone(&self.file), line: self.line, column }
    }

    /// An error at the last character taken.
    pub(super) fn error(&self, message: impl Into<String>) -> SyntaxError {
        SyntaxError::Lexical { line: self.line, message: message.into() }
    }

    /// An error about the next character, which counts as read; `describe` gets it ready to show.
    pub(super) fn unexpected(&mut self, describe: impl Fn(&str) -> String) -> SyntaxError {
        let c = self.bump();
        self.error(describe(&shown(c)))
    }

    /// Passes a comment, if one starts here.
    pub(super) fn comment(&mut self) -> bool {
        let starts = match self.peek() {
            Some('#') => true,
            Some('/') => self.peek_second() == Some('/'),
            _ => false,
        };
        if starts {
            self.bump_while(|c| !is_newline(c));
        }
        starts
    }

    /// Passes white space of every kind and comments.
    pub(super) fn space_and_comments(&mut self) {
        loop {
            self.bump_while(char::is_whitespace);
            if !self.comment() {
                return;
            }
        }
    }

    /// A key that is not quoted: everything up to white space or a separator.
    pub(super) fn bare_key(&mut self) -> String {
        let start = self.at;
        self.bump_while(|c| !c.is_whitespace() && c != '=' && c != ':');
        self.since(start)
    }

    /// Text up to the closing quote, the opening one being passed; nothing is special in it.
    /// `None` if it is not closed.
    pub(super) fn raw_quoted(&mut self, quote: char) -> Option<String> {
        let start = self.at;
        self.bump_while(|c| c != quote);
        let text = self.since(start);
        self.bump().map(|_| text)
    }

    /// The rest of a double-quoted string, escapes replaced.
    pub(super) fn double_quoted(&mut self) -> Lexed<String> {
        let mut out = Vec::new();
        loop {
            let start = self.at;
            self.bump_while(|c| c != '"' && c != '\\');
            out.extend_from_slice(self.text.get(start..self.at).unwrap_or_default());
            match self.bump() {
                None => return Err(self.error("Unexpected EOF.")),
                Some('"') => return Ok(String::from_utf8_lossy(&out).into_owned()),
                Some(_) => self.escape(&mut out)?,
            }
        }
    }

    /// A bare word up to where one ends: a terminator, a blank, the end, or a `'`, which is
    /// swallowed.
    pub(super) fn bare_word(&mut self) -> Lexed<Word> {
        let mut out = Vec::new();
        let mut escaped = false;
        loop {
            let start = self.at;
            self.bump_while(|c| {
                !is_newline(c) && !is_blank(c) && !matches!(c, ';' | ',' | ']' | '}' | '\'' | '\\')
            });
            out.extend_from_slice(self.text.get(start..self.at).unwrap_or_default());
            match self.peek() {
                Some('\\') => {
                    self.bump();
                    self.escape(&mut out)?;
                    escaped = true;
                }
                other => {
                    if other == Some('\'') {
                        self.bump();
                    }
                    return Ok(Word { text: String::from_utf8_lossy(&out).into_owned(), escaped });
                }
            }
        }
    }

    /// What follows a backslash.
    fn escape(&mut self, out: &mut Vec<u8>) -> Lexed<()> {
        let byte = match self.bump() {
            Some('t') => b'\t',
            Some('n') => b'\n',
            Some('r') => b'\r',
            Some('"') => b'"',
            Some('\\') => b'\\',
            Some('x') => self.hex_escape()?,
            other => {
                return Err(self.error(format!(
                    "Invalid escape character '{}'. Only the following escape characters are \
                     allowed: \\xXX, \\t, \\n, \\r, \\\", \\\\.",
                    shown(other)
                )));
            }
        };
        out.push(byte);
        Ok(())
    }

    fn hex_escape(&mut self) -> Lexed<u8> {
        let start = self.at;
        for _ in 0..2 {
            if self.peek().is_none_or(is_newline) {
                return Err(
                    self.error("Expected two hexadecimal digits after '\\x', but hit end of line")
                );
            }
            self.bump();
        }
        let digits = self.since(start);
        let valid = digits.len() == 2 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        match u8::from_str_radix(&digits, 16) {
            Ok(byte) if valid => Ok(byte),
            _ => Err(self
                .error(format!("Expected two hexadecimal digits after '\\x', but got '{digits}'"))),
        }
    }

    /// The rest of a block: up to a `)` that is the first on its line and the last.
    pub(super) fn block(&mut self) -> Lexed<String> {
        let start = self.at;
        let mut line_start = false;
        loop {
            match self.peek() {
                None => return Err(self.error("Unexpected EOF processing block.")),
                Some(')') if line_start && self.peek_second().is_none_or(is_newline) => {
                    let text = self.since(start);
                    self.bump();
                    return Ok(text);
                }
                Some(c) => {
                    line_start = is_newline(c);
                    self.bump();
                }
            }
        }
    }
}
