//! `include "file"` (reference section 1.6).

use std::path::{Component, Path, PathBuf};

use super::MAX_INCLUDES;
use super::error::{SyntaxError, io_text};
use super::lexer::{Lexed, is_blank, is_newline};
use super::parser::{Parser, parse};

/// Reads the path after the keyword and assigns the file's entries to the map being filled.
pub(super) fn include(parser: &mut Parser<'_, '_>) -> Lexed<()> {
    let pos = parser.lexer.pos();
    let written = path(parser)?;
    let joined = join(&parser.directory, &written);
    let wrap = |reason: String| SyntaxError::Include { path: written.clone(), reason };
    let session = &mut *parser.session;
    if session.files.contains(&joined) {
        return Err(wrap(format!("{} includes itself", joined.display())));
    }
    if session.files.len() > MAX_INCLUDES {
        return Err(wrap("includes are nested too deeply".to_owned()));
    }
    let text = session.source.read(&joined).map_err(|error| wrap(io_text(&joined, &error)))?;
    session.spend(text.len(), &pos)?;
    session.files.push(joined.clone());
    let root = parse(session, &text, &joined, parser.depth);
    session.files.pop();
    for (key, node) in root.map_err(|error| wrap(error.to_string()))?.iter() {
        parser.assign(key, node.clone());
    }
    Ok(())
}

fn path(parser: &mut Parser<'_, '_>) -> Lexed<String> {
    let lexer = &mut parser.lexer;
    lexer.bump_while(is_blank);
    let refused = match lexer.peek() {
        Some(quote @ ('"' | '\'')) => {
            lexer.bump();
            let kind = if quote == '"' { "double quoted" } else { "quoted" };
            return lexer
                .raw_quoted(quote)
                .ok_or_else(|| lexer.error(format!("Unexpected EOF in {kind} include")));
        }
        Some('[') => "start of an array",
        Some('{') => "start of a map",
        Some('(') => "start of a block",
        Some('-' | '0'..='9') => "start of a number",
        Some('\\') => "escape sequence",
        Some('\n' | '\r') => "new line",
        _ => {
            let start = lexer.offset();
            lexer.bump_while(|c| !is_newline(c) && !is_blank(c) && !matches!(c, ';' | '}' | '\''));
            return Ok(lexer.since(start));
        }
    };
    lexer.bump();
    Err(lexer.error(format!("Expected include value but found {refused}")))
}

/// The path below the including file's directory, even if it is absolute, without `.` and `..` as
/// far as they can be resolved by name.
fn join(directory: &Path, written: &str) -> PathBuf {
    let mut out = PathBuf::new();
    let below = written.trim_start_matches('/');
    for component in directory.components().chain(Path::new(below).components()) {
        match component {
            Component::CurDir => {}
            Component::ParentDir => match out.components().next_back() {
                Some(Component::Normal(_)) => {
                    out.pop();
                }
                Some(Component::RootDir) => {}
                _ => out.push(".."),
            },
            other => out.push(other),
        }
    }
    out
}
