//! From the text of a destination to the pieces that its subject is put together from.

use super::Piece;
use super::error::{PlaceholderError, TransformError};
use super::functions::{Function, Takes};
use crate::subject::is_valid_subscribe;

/// What a destination needs to know about its source.
struct Source {
    /// Places of the `*` among the tokens.
    wildcards: Vec<usize>,
    /// The place of the `>`.
    rest: Option<usize>,
}

impl Source {
    fn parse(source: &str) -> Result<Self, TransformError> {
        if source.contains(char::is_whitespace) || !is_valid_subscribe(source.as_bytes()) {
            return Err(TransformError::Subject);
        }
        let places = |wanted| {
            source.split('.').enumerate().filter(move |(_, it)| *it == wanted).map(|(at, _)| at)
        };
        Ok(Self { wildcards: places("*").collect(), rest: places(">").next() })
    }

    fn is_literal(&self) -> bool {
        self.wildcards.is_empty() && self.rest.is_none()
    }

    /// The place of the token that a placeholder names. Without such a wildcard it is the first
    /// one: so do zero and negative numbers on nats-server.
    fn place(&self, index: i64) -> usize {
        let at = usize::try_from(index).ok().and_then(|index| index.checked_sub(1));
        at.and_then(|at| self.wildcards.get(at)).copied().unwrap_or(0)
    }
}

/// A token that stands for something else.
enum Placeholder<'a> {
    /// `$index`
    Numbered(i64),
    /// `{{function(arguments)}}`
    Call(&'static Function, &'a str),
    /// Braces without a function that exists.
    Unknown,
}

impl<'a> Placeholder<'a> {
    /// Only a whole token is a placeholder; the others mean themselves.
    fn of(token: &'a str) -> Option<Self> {
        if let Some(index) = token.strip_prefix('$') {
            return index.parse().ok().map(Self::Numbered);
        }
        let inside = token.strip_prefix("{{")?.strip_suffix("}}").filter(|it| !it.is_empty())?;
        let call = inside.trim().strip_suffix(')').and_then(|call| call.split_once('('));
        let found = call.and_then(|(name, arguments)| {
            Some(Self::Call(Function::named(name.trim_end())?, arguments))
        });
        Some(found.unwrap_or(Self::Unknown))
    }
}

/// The pieces of a destination, checked in nats-server's order.
pub(super) fn pieces(source: &str, destination: &str) -> Result<Box<[Piece]>, TransformError> {
    let source = Source::parse(source)?;
    check(destination)?;
    let ends_in_rest = destination.split('.').next_back() == Some(">");
    if ends_in_rest != source.rest.is_some() || destination.split('.').any(|token| token == "*") {
        return Err(TransformError::Subject);
    }
    let mut pieces = Vec::new();
    let mut text = Vec::new();
    for (place, token) in destination.split('.').enumerate() {
        if place > 0 {
            text.push(b'.');
        }
        let piece = match (Placeholder::of(token), source.rest) {
            (None, Some(rest)) if token == ">" => Piece::Rest(rest),
            (None, _) => {
                text.extend_from_slice(token.as_bytes());
                continue;
            }
            (Some(placeholder), _) => piece(&source, token, &placeholder)?,
        };
        if !text.is_empty() {
            pieces.push(Piece::Text(core::mem::take(&mut text).into()));
        }
        pieces.push(piece);
    }
    if !text.is_empty() {
        pieces.push(Piece::Text(text.into()));
    }
    Ok(pieces.into())
}

/// Whether the tokens are well-formed and call functions that exist.
fn check(destination: &str) -> Result<(), TransformError> {
    let mut rest = false;
    for token in destination.split('.') {
        if token.is_empty() {
            return Err(TransformError::Destination);
        }
        if rest {
            return Err(TransformError::BehindRest(token.to_owned()));
        }
        rest = token == ">";
        match Placeholder::of(token) {
            Some(Placeholder::Unknown) => {
                return Err(TransformError::Placeholder {
                    reason: PlaceholderError::UnknownFunction,
                    token: token.to_owned(),
                });
            }
            None if token.contains(char::is_whitespace) => return Err(TransformError::Destination),
            _ => {}
        }
    }
    Ok(())
}

fn piece(
    source: &Source,
    token: &str,
    placeholder: &Placeholder<'_>,
) -> Result<Piece, TransformError> {
    let wrong = |reason| TransformError::Placeholder { reason, token: token.to_owned() };
    let (piece, indices) = match placeholder {
        Placeholder::Numbered(index) => (Piece::Token(source.place(*index)), vec![*index]),
        Placeholder::Call(function, arguments) => {
            call(source, function, arguments).map_err(wrong)?
        }
        Placeholder::Unknown => return Err(wrong(PlaceholderError::UnknownFunction)),
    };
    if source.is_literal() {
        return match piece {
            Piece::Partition { .. } | Piece::Random(_) => Ok(piece),
            _ => Err(wrong(PlaceholderError::NoWildcards)),
        };
    }
    let known = i64::try_from(source.wildcards.len()).unwrap_or(i64::MAX);
    match indices.into_iter().find(|index| *index > known) {
        Some(index) => Err(TransformError::Index { token: token.to_owned(), index }),
        None => Ok(piece),
    }
}

/// A call, and the wildcards that it asks for.
fn call<'a>(
    source: &Source,
    function: &Function,
    arguments: &'a str,
) -> Result<(Piece, Vec<i64>), PlaceholderError> {
    use PlaceholderError::{Argument, NotEnough, TooMany};
    // Blanks belong to the comma before them: one blank alone is an argument, if a bad one.
    let trimmed =
        |(at, argument): (usize, &'a str)| if at > 0 { argument.trim_start() } else { argument };
    let arguments: Vec<&str> = arguments.split(',').enumerate().map(trimmed).collect();
    Ok(match (&function.takes, &*arguments) {
        (Takes::Index, [""]) => return Err(NotEnough),
        (Takes::Index, [index]) => {
            let index = number(index)?;
            (Piece::Token(source.place(index)), vec![index])
        }
        (Takes::Bound, [bound]) => {
            let bound = below_2_31(bound)?.unsigned_abs();
            (Piece::Random(u32::try_from(bound).unwrap_or(u32::MAX)), Vec::new())
        }
        (Takes::Bound, _) => return Err(NotEnough),
        (Takes::Buckets, [buckets, indices @ ..]) => {
            // A negative number of buckets counts from the other end of 32 bits.
            let buckets = below_2_31(buckets)? as u32;
            let indices = indices.iter().map(|it| number(it)).collect::<Result<Vec<i64>, _>>()?;
            let tokens = indices.iter().map(|index| source.place(*index)).collect();
            (Piece::Partition { buckets, tokens }, indices)
        }
        (Takes::IndexAndLength(cut), [index, length]) => {
            let index = number(index)?;
            let length = i32::try_from(number(length)?).map_err(|_| Argument)?;
            let (token, length) = (source.place(index), usize::try_from(length).unwrap_or(0));
            (Piece::Cut { token, length, cut: *cut }, vec![index])
        }
        (Takes::IndexAndDelimiter, [index, delimiter]) => {
            let index = number(index)?;
            if delimiter.contains(' ') {
                return Err(Argument);
            }
            let (token, delimiter) = (source.place(index), delimiter.as_bytes().into());
            (Piece::Split { token, delimiter }, vec![index])
        }
        (Takes::IndexAndLength(_) | Takes::IndexAndDelimiter, [_]) => return Err(NotEnough),
        (Takes::Buckets, []) => return Err(Argument),
        _ => return Err(TooMany),
    })
}

fn number(argument: &str) -> Result<i64, PlaceholderError> {
    argument.trim().parse().map_err(|_| PlaceholderError::Argument)
}

fn below_2_31(argument: &str) -> Result<i64, PlaceholderError> {
    let number = number(argument)?;
    if number > i64::from(i32::MAX) {
        return Err(PlaceholderError::Argument);
    }
    Ok(number)
}
