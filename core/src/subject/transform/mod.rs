//! Subject transforms: from a subject that a pattern matches to another one (client-protocol.md
//! 6.2, 6.3).
//!
//! They are parsed with the configuration and applied on a message's way between the parser and
//! the router ([`mappings`](super::mappings)). A token of a destination is a placeholder when it
//! is `$i` or a call in double braces as a whole; all others mean themselves. `i` counts the
//! source's `*` from 1, lengths are octets, and a length that is not below that of the token
//! leaves it as it is:
//!
//! | call | gives |
//! |---|---|
//! | `{{wildcard(i)}}` | the token; `$i` is the same |
//! | `{{partition(n, i, …)}}` | 0 to n-1 by the hash of the tokens, of the whole subject if none is named |
//! | `{{splitFromLeft(i, l)}}` | the token in two, l octets in the first |
//! | `{{splitFromRight(i, l)}}` | the token in two, l octets in the second |
//! | `{{sliceFromLeft(i, l)}}` | the token in pieces of l octets, what is left over last |
//! | `{{sliceFromRight(i, l)}}` | the token in pieces of l octets, what is left over first |
//! | `{{split(i, d)}}` | the token in pieces at each delimiter d, between all letters if it is empty |
//! | `{{left(i, l)}}` | the first l octets of the token |
//! | `{{right(i, l)}}` | the last l octets of the token |
//! | `{{random(n)}}` | 0 to n-1 by chance |
//!
//! The table is that of [`FUNCTIONS`], which the parser works from.

mod error;
mod functions;
mod parse;

#[cfg(test)]
mod tests;

use core::fmt;

pub use error::{PlaceholderError, TransformError};
pub use functions::{FUNCTIONS, Function};

use functions::Cut;

use super::{matches, tokens};
use crate::wire::number::Decimal;

/// A source pattern and what becomes of subjects that it matches. Equal when their texts are.
#[derive(Clone)]
pub struct Transform {
    source: Box<str>,
    destination: Box<str>,
    pieces: Box<[Piece]>,
}

/// Part of a transformed subject. Tokens are named by their place in the subject, from zero.
#[derive(Clone)]
enum Piece {
    /// Itself.
    Text(Box<[u8]>),
    /// A token.
    Token(usize),
    /// A token cut somehow; length zero leaves it whole.
    Cut { token: usize, length: usize, cut: Cut },
    /// A token in pieces.
    Split { token: usize, delimiter: Box<[u8]> },
    /// A bucket by the hash of tokens, or of the subject.
    Partition { buckets: u32, tokens: Box<[usize]> },
    /// A number below this one.
    Random(u32),
    /// All tokens from this one on.
    Rest(usize),
}

impl Transform {
    /// Subjects that `source` matches become `destination`.
    ///
    /// # Errors
    /// If one of them cannot be used, or they do not fit each other.
    pub fn new(source: &str, destination: &str) -> Result<Self, TransformError> {
        let pieces = parse::pieces(source, destination)?;
        Ok(Self { source: source.into(), destination: destination.into(), pieces })
    }

    /// The pattern, as configured.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The destination, as configured.
    pub fn destination(&self) -> &str {
        &self.destination
    }

    /// Appends what becomes of `subject` to `out`; false, and nothing is done, when the source
    /// does not match it. A token `>` of the subject is matched by no `*`, unlike a subscription's
    /// (observed on nats-server 2.15.1). What comes out need not be a valid subject.
    pub fn apply(&self, subject: &[u8], out: &mut Vec<u8>, rng: &mut fastrand::Rng) -> bool {
        let source = self.source.as_bytes();
        let mut pairs = tokens(source).zip(tokens(subject));
        if !matches(source, subject) || pairs.any(|pair| pair == (b"*", b">")) {
            return false;
        }
        self.write(subject, out, rng);
        true
    }

    /// [`Transform::apply`] to a subject that is known to match, for a destination without chance.
    pub(crate) fn rename(&self, subject: &[u8], out: &mut Vec<u8>) {
        self.write(subject, out, &mut fastrand::Rng::with_seed(0));
    }

    /// [`Transform::apply`] to a subject that is known to match.
    pub(super) fn write(&self, subject: &[u8], out: &mut Vec<u8>, rng: &mut fastrand::Rng) {
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text),
                Piece::Token(place) => out.extend_from_slice(token(subject, *place)),
                Piece::Cut { token: place, length, cut } => {
                    let token = token(subject, *place);
                    if *length == 0 || *length >= token.len() {
                        out.extend_from_slice(token);
                    } else {
                        cut(token, *length, out);
                    }
                }
                Piece::Split { token: place, delimiter } => {
                    functions::split(token(subject, *place), delimiter, out);
                }
                Piece::Partition { buckets, tokens } => {
                    let hash = if tokens.is_empty() {
                        functions::hash(core::iter::once(subject))
                    } else {
                        functions::hash(tokens.iter().map(|place| token(subject, *place)))
                    };
                    number(hash.checked_rem(*buckets).unwrap_or(0), out);
                }
                Piece::Random(bound) => number(rng.u32(..(*bound).max(1)), out),
                Piece::Rest(place) => {
                    let mut rest = tokens(subject);
                    for _ in 0..*place {
                        rest.next();
                    }
                    out.extend_from_slice(rest.rest.unwrap_or_default());
                }
            }
        }
    }
}

fn token(subject: &[u8], place: usize) -> &[u8] {
    tokens(subject).nth(place).unwrap_or_default()
}

fn number(number: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(Decimal::new(number.into()).as_bytes());
}

impl PartialEq for Transform {
    fn eq(&self, other: &Self) -> bool {
        (&self.source, &self.destination) == (&other.source, &other.destination)
    }
}

impl Eq for Transform {}

impl fmt::Debug for Transform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transform({:?} -> {:?})", self.source, self.destination)
    }
}
