//! What a subject is: octets split into tokens at `.`, and what the wildcards in them mean.
//!
//! Every message passes here twice at most: its subject is validated when the link parses it
//! (pedantic clients only), and the wildcard rules below decide who gets it. Everything works on
//! octets, because subjects are octets: case-sensitive, without normalisation, not necessarily
//! UTF-8 (client protocol 3.1). Nothing here allocates.
//!
//! `*` and `>` are wildcards only as complete tokens and only in subscriptions: `foo*`, `>>` and
//! `**` are ordinary tokens, and so are `*` and `>` in a published subject.

pub mod mappings;
pub mod transform;

#[cfg(test)]
mod tests;

/// The token that matches exactly one token.
pub const ANY_ONE: &[u8] = b"*";

/// The token that matches one or more tokens; a wildcard in last place only.
pub const ANY_REST: &[u8] = b">";

/// What a subscription's subject is, as far as matching is concerned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// An empty token, or `>` before the last place: nothing can match it.
    Invalid,
    /// Valid and free of wildcard tokens: matches only itself.
    Literal,
    /// Valid with at least one wildcard token.
    Wildcard,
}

/// The tokens of `subject`, left to right. An empty subject is one empty token.
pub fn tokens(subject: &[u8]) -> Tokens<'_> {
    Tokens { rest: Some(subject) }
}

/// Iterator over a subject's tokens; see [`tokens`].
#[derive(Clone, Debug)]
pub struct Tokens<'a> {
    rest: Option<&'a [u8]>,
}

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        // Tokens are short: a plain loop beats a vectorised search.
        match rest.iter().position(|&octet| octet == b'.') {
            Some(dot) => {
                self.rest = rest.get(dot + 1..);
                rest.get(..dot)
            }
            None => {
                self.rest = None;
                Some(rest)
            }
        }
    }
}

impl Tokens<'_> {
    /// Whether none are left.
    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_none()
    }

    /// Whether the tokens that are left (possibly none) are all non-empty.
    fn all_filled(self) -> bool {
        self.rest.is_none_or(|rest| !has_empty_token(rest))
    }
}

/// How many tokens `subject` has; an empty subject has one (empty) token.
pub fn token_count(subject: &[u8]) -> usize {
    1 + subject.iter().filter(|&&octet| octet == b'.').count()
}

/// Whether any token of `subject` is empty (`""`, `.a`, `a.`, `a..b`). A published subject of this
/// kind matches nothing, not even `>` (client protocol 3.4).
pub fn has_empty_token(subject: &[u8]) -> bool {
    let mut previous = b'.';
    for &octet in subject {
        if octet == b'.' && previous == b'.' {
            return true;
        }
        previous = octet;
    }
    previous == b'.'
}

/// Sorts a subscription's subject into invalid, literal and wildcard in one pass.
pub fn kind(subject: &[u8]) -> Kind {
    let mut kind = Kind::Literal;
    let mut tokens = tokens(subject);
    while let Some(token) = tokens.next() {
        match token {
            b"" => return Kind::Invalid,
            b"*" => kind = Kind::Wildcard,
            b">" if tokens.rest.is_some() => return Kind::Invalid,
            b">" => kind = Kind::Wildcard,
            _ => {}
        }
    }
    kind
}

/// Whether SUB may name `subject`: no empty token, and a token exactly `>` only in last place
/// (client protocol 3.1).
pub fn is_valid_subscribe(subject: &[u8]) -> bool {
    kind(subject) != Kind::Invalid
}

/// Whether a pedantic client may publish to `subject`: no empty token, no token exactly `*` or `>`
/// (client protocol 3.1).
pub fn is_valid_literal(subject: &[u8]) -> bool {
    kind(subject) == Kind::Literal
}

/// Whether `pattern` has no wildcard token, so that it can match only itself. Says nothing about
/// validity.
pub fn is_literal(pattern: &[u8]) -> bool {
    tokens(pattern).all(|token| token != ANY_ONE && token != ANY_REST)
}

/// Whether a subscription on `pattern` gets a message published to `subject` (client protocol
/// 3.4). `*` and `>` in `subject` are ordinary tokens; a `pattern` that SUB would refuse matches
/// nothing.
pub fn matches(pattern: &[u8], subject: &[u8]) -> bool {
    let mut wanted = tokens(pattern);
    let mut given = tokens(subject);
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(_), Some(b"")) => return false,
            (Some(b">"), Some(_)) => return wanted.rest.is_none() && given.all_filled(),
            (Some(b"*"), Some(_)) => {}
            (Some(want), Some(token)) if want == token => {}
            _ => return false,
        }
    }
}

/// Whether `pattern` matches everything that `other` matches: its `*` takes any one token but `>`,
/// its `>` takes the rest, whatever that is (observed for queue names on nats-server 2.15.1).
pub fn covers(pattern: &[u8], other: &[u8]) -> bool {
    let mut wanted = tokens(pattern);
    let mut given = tokens(other);
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(b">"), Some(_)) => return true,
            (Some(b"*"), Some(token)) if !token.is_empty() && token != ANY_REST => {}
            (Some(want), Some(token)) if want == token && token != ANY_REST => {}
            _ => return false,
        }
    }
}

/// Whether some subject is matched by both patterns. Wildcards count on both sides; both patterns
/// must be valid for SUB, or the answer means nothing.
pub fn collide(a: &[u8], b: &[u8]) -> bool {
    let mut left = tokens(a);
    let mut right = tokens(b);
    loop {
        match (left.next(), right.next()) {
            (None, None) => return true,
            (Some(b">"), Some(_)) | (Some(_), Some(b">")) => return true,
            (Some(b"*"), Some(_)) | (Some(_), Some(b"*")) => {}
            (Some(x), Some(y)) if x == y => {}
            _ => return false,
        }
    }
}
