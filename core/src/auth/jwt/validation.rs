//! What may be wrong with claims whose signature is good, and how much that matters (reference
//! security 4.9).

use core::fmt;

use super::claims::Claims;
use crate::subject;

/// How bad it is. Places differ in where they draw the line: see [`blocker`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Class {
    /// Odd. Only the answer of an auth callout fails on it.
    Warning,
    /// Ended, or not begun.
    Time,
    /// Not to be used.
    Blocking,
}

/// Something wrong with claims, in nats-server's words where it is known to have some.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Issue {
    /// How bad it is.
    pub class: Class,
    /// What it is, and where.
    pub text: String,
}

impl Issue {
    pub(super) fn blocking(text: impl Into<String>) -> Self {
        Self { class: Class::Blocking, text: text.into() }
    }

    pub(super) fn warning(text: impl Into<String>) -> Self {
        Self { class: Class::Warning, text: text.into() }
    }
}

impl fmt::Display for Issue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The first issue that is at least this bad. The line is drawn at [`Class::Time`] for users at
/// login, for accounts a server loads and for activations; at [`Class::Blocking`] for accounts
/// pushed to a resolver; at [`Class::Warning`] for answers of an auth callout.
pub fn blocker(issues: &[Issue], line: Class) -> Option<&Issue> {
    issues.iter().find(|issue| issue.class >= line)
}

/// Whether the claims have ended, or not begun.
pub(super) fn times<T>(claims: &Claims<T>, now: i64) -> Vec<Issue> {
    let mut issues = Vec::new();
    if claims.is_expired(now) {
        issues.push(Issue { class: Class::Time, text: "claim is expired".to_owned() });
    }
    if claims.is_early(now) {
        issues.push(Issue { class: Class::Time, text: "claim is not yet valid".to_owned() });
    }
    issues
}

/// What is wrong with a subject, called `what`. Wildcards in odd places are not looked at: they
/// are ordinary text there.
pub(super) fn subject_issue(what: &str, text: &str) -> Option<Issue> {
    let wrong = if text.is_empty() {
        "is empty"
    } else if text.contains(char::is_whitespace) {
        "has blanks"
    } else if subject::has_empty_token(text.as_bytes()) {
        "has an empty token"
    } else {
        return None;
    };
    Some(Issue::blocking(format!("{what} {text:?} {wrong}")))
}

/// Whether one of the subjects covers the other.
pub(super) fn overlap(one: &str, other: &str) -> bool {
    let covers = |a: &str, b: &str| subject::covers(a.as_bytes(), b.as_bytes());
    covers(one, other) || covers(other, one)
}
