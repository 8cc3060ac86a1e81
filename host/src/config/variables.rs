//! `$NAME`: an earlier key, or the environment (reference section 1.5).

use std::path::Path;

use super::MAX_DEPTH;
use super::error::SyntaxError;
use super::lexer::Lexed;
use super::parser::{Parser, parse};
use super::value::{Node, Pos};

/// The key an environment value is parsed under.
const ENVIRONMENT_KEY: &str = "pk";

/// The value of a variable that is referred to on `line`, for use at `pos`.
///
/// Keys already parsed are looked up from the innermost map outwards and marked as used; then the
/// environment is asked.
pub(super) fn resolve(parser: &mut Parser<'_, '_>, name: &str, line: u32, pos: Pos) -> Lexed<Node> {
    let node = match parser.scopes.iter_mut().rev().find_map(|map| map.get_mut(name)) {
        Some(node) => {
            node.used_as_variable = true;
            node.moved_to(pos)
        }
        None => environment(parser, name, line, &pos)?.moved_to(pos),
    };
    if parser.depth + node.height() > MAX_DEPTH {
        return Err(SyntaxError::TooDeep(node.pos));
    }
    parser.session.spend(node.weight(), &node.pos)?;
    Ok(node)
}

fn environment(parser: &mut Parser<'_, '_>, name: &str, line: u32, pos: &Pos) -> Lexed<Node> {
    let wrap =
        |cause| SyntaxError::Environment { name: name.to_owned(), line, cause: Box::new(cause) };
    let session = &mut *parser.session;
    if session.environment.iter().any(|outer| outer == name) {
        return Err(SyntaxError::VariableCycle(name.to_owned()));
    }
    let not_found = || SyntaxError::UnknownVariable { name: name.to_owned(), line };
    let value = session.source.env(name).ok_or_else(not_found)?;
    session.spend(value.len(), pos)?;
    // A chain of variables is nesting as well: it uses the stack.
    let depth = parser.depth + 1;
    if depth > MAX_DEPTH {
        return Err(SyntaxError::TooDeep(pos.clone()));
    }
    session.environment.push(name.to_owned());
    let text = format!("{ENVIRONMENT_KEY}={value}");
    let parsed = parse(session, text.as_bytes(), Path::new(""), depth);
    session.environment.pop();
    parsed.map_err(wrap)?.get(ENVIRONMENT_KEY).cloned().ok_or_else(not_found)
}
