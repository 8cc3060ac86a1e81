//! Secrets of the configuration: passwords and tokens, plain or as bcrypt hashes.

use core::fmt;
use std::sync::Arc;

use subtle::ConstantTimeEq as _;

/// A configured password or token. Its debug output never shows it.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// The text itself.
    Plain(Arc<str>),
    /// A bcrypt hash of it, well-formed or not. One that is not fits nothing.
    Bcrypt(Arc<str>),
}

impl Secret {
    /// What a configured text is: a hash exactly if it matches `^\$2[abxy]\$\d{2}\$.*`
    /// (reference security 1.7).
    pub fn new(text: &str) -> Self {
        match text.as_bytes() {
            [b'$', b'2', b'a' | b'b' | b'x' | b'y', b'$', tens, ones, b'$', ..]
                if tens.is_ascii_digit() && ones.is_ascii_digit() =>
            {
                Self::Bcrypt(text.into())
            }
            _ => Self::Plain(text.into()),
        }
    }

    /// The configured text.
    pub fn expose(&self) -> &str {
        match self {
            Self::Plain(text) | Self::Bcrypt(text) => text,
        }
    }
}

impl Default for Secret {
    fn default() -> Self {
        Self::new("")
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}

/// Compares octets in a time that depends on their lengths only.
pub(super) fn same(expected: &str, given: &str) -> bool {
    expected.as_bytes().ct_eq(given.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_told_by_their_beginning() {
        for hash in ["$2a$04$", "$2b$10$abc", "$2x$99$x", "$2y$00$\n"] {
            assert!(matches!(Secret::new(hash), Secret::Bcrypt(_)), "{hash}");
        }
        for text in ["", "$2$10$abc", "$2c$10$a", "$2a$1$aaa", "$2a$1x$a", "x$2a$10$a", "$2a$10"] {
            assert!(matches!(Secret::new(text), Secret::Plain(_)), "{text}");
        }
    }

    #[test]
    fn secrets_are_equal_whole_or_not_at_all_and_never_shown() {
        assert!(same("secret", "secret") && same("", ""));
        for wrong in ["", "secre", "secret1", "Secret", "secreT"] {
            assert!(!same("secret", wrong), "{wrong}");
        }
        assert_eq!(format!("{:?}", Secret::new("hush")), "[REDACTED]");
    }
}
