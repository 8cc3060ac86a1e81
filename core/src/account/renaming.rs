//! The two names of what is imported: the exporter's and the importer's own.

use std::sync::Arc;

use crate::subject::transform::Transform;
use crate::subject::{self, ANY_ONE, ANY_REST};

/// Why two names do not fit each other. Displays nats-server's texts (observed on 2.15.1).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenamingError {
    /// A placeholder names a wildcard that is not there.
    #[error("invalid mapping destination: wildcard index out of range in {0}: [{1}]")]
    NoSuchWildcard(String, usize),
    /// The local name leaves wildcards out.
    #[error("invalid mapping destination: not using all of the token wildcard(s) in {0}")]
    Unused(String),
    /// Something else than wildcards is asked for.
    #[error(
        "invalid mapping destination: the only mapping function allowed for import transforms is \
         {{{{Wildcard()}}}} in {0}"
    )]
    Function(String),
    /// A wildcard is used twice.
    #[error("invalid mapping destination: a wildcard is used twice in {0}")]
    Twice(String),
    /// One of the names is no subject, or only one of them ends in `>`.
    #[error("invalid subject")]
    Subject,
}

/// What to call a subject of the exporter here, and the other way round.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Renaming {
    exporter: Box<str>,
    local: Box<str>,
    /// From the exporter's name to the local one; `None` is no change.
    here: Option<Arc<Transform>>,
    /// ... and back.
    back: Option<Arc<Transform>>,
}

impl Renaming {
    /// `exporter` is called `to` here: `*` in order, `$n` or `{{wildcard(n)}}` for its wildcards,
    /// each once, and `>` on both sides or none.
    pub(crate) fn new(exporter: &str, to: &str) -> Result<Self, RenamingError> {
        let wildcards = exporter.split('.').filter(|token| *token == "*").count();
        let ends = |subject: &str| subject.split('.').next_back() == Some(">");
        // For each wildcard of the local name, which one of the exporter's it is.
        let mut order = Vec::new();
        let mut local = Vec::new();
        for token in to.split('.') {
            let number = match token {
                "*" => Some(order.len() + 1),
                _ => placeholder(token),
            };
            match number {
                None if token.starts_with("{{") => {
                    return Err(RenamingError::Function(token.to_owned()));
                }
                None => local.push(token),
                Some(number) if (1..=wildcards).contains(&number) => {
                    if order.contains(&number) {
                        return Err(RenamingError::Twice(to.to_owned()));
                    }
                    order.push(number);
                    local.push("*");
                }
                Some(number) => {
                    return Err(RenamingError::NoSuchWildcard(token.to_owned(), number));
                }
            }
        }
        if order.len() < wildcards {
            return Err(RenamingError::Unused(to.to_owned()));
        }
        if ends(exporter) != ends(to) {
            return Err(RenamingError::Subject);
        }
        let local = local.join(".");
        if local == exporter && order.is_sorted() {
            let (exporter, local) = (exporter.into(), local.into());
            return Ok(Self { exporter, local, here: None, back: None });
        }
        let unfit = |_| RenamingError::Subject;
        let mut numbers = order.iter();
        let here = with_placeholders(&local, || numbers.next().copied());
        let mut place = 0;
        let back = with_placeholders(exporter, || {
            place += 1;
            order.iter().position(|number| *number == place).map(|at| at + 1)
        });
        Ok(Self {
            here: Some(Arc::new(Transform::new(exporter, &here).map_err(unfit)?)),
            back: Some(Arc::new(Transform::new(&local, &back).map_err(unfit)?)),
            exporter: exporter.into(),
            local: local.into(),
        })
    }

    /// The local name as a pattern.
    pub(crate) fn local(&self) -> &str {
        &self.local
    }

    /// The exporter's name.
    pub(crate) fn exporter(&self) -> &str {
        &self.exporter
    }

    /// From the exporter's name to the local one; `None` is no change.
    pub(crate) fn here(&self) -> Option<&Arc<Transform>> {
        self.here.as_ref()
    }

    /// What a subject of here, or a pattern of such, is called by the exporter.
    pub(crate) fn to_exporter(&self, local: &[u8], out: &mut Vec<u8>) {
        match &self.back {
            None => out.extend_from_slice(local),
            Some(back) => back.rename(local, out),
        }
    }

    /// The exporter's name for what a subscription to `wanted` gets of this import; false for
    /// nothing.
    pub(crate) fn wanted(&self, wanted: &[u8], out: &mut Vec<u8>) -> bool {
        let Some(common) = intersection(self.local.as_bytes(), wanted) else { return false };
        self.to_exporter(&common, out);
        true
    }
}

/// The wildcard that a token stands for, counted from 1.
fn placeholder(token: &str) -> Option<usize> {
    if let Some(number) = token.strip_prefix('$') {
        return number.parse().ok();
    }
    let call = token.strip_prefix("{{")?.strip_suffix("}}")?.trim();
    let (name, number) = call.strip_suffix(')')?.split_once('(')?;
    name.trim().eq_ignore_ascii_case("wildcard").then(|| number.trim().parse().ok())?
}

/// A pattern as a transform's destination: each `*` becomes the placeholder that `number` gives.
fn with_placeholders(pattern: &str, mut number: impl FnMut() -> Option<usize>) -> String {
    let tokens = pattern.split('.').map(|token| match token {
        "*" => number().map_or_else(|| token.to_owned(), |number| format!("${number}")),
        _ => token.to_owned(),
    });
    tokens.collect::<Vec<_>>().join(".")
}

/// The pattern that matches what both patterns match, if anything does. Both must be valid for SUB.
fn intersection(a: &[u8], b: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(a.len().max(b.len()));
    let (mut left, mut right) = (subject::tokens(a), subject::tokens(b));
    loop {
        let token = match (left.next(), right.next()) {
            (None, None) => return Some(out),
            (Some(ANY_REST), Some(token)) => return Some(join(out, token, right)),
            (Some(token), Some(ANY_REST)) => return Some(join(out, token, left)),
            (Some(ANY_ONE), Some(token)) | (Some(token), Some(ANY_ONE)) => token,
            (Some(one), Some(other)) if one == other => one,
            _ => return None,
        };
        out.extend_from_slice(token);
        out.push(b'.');
        if left.is_empty() && right.is_empty() {
            out.pop();
        }
    }
}

fn join(mut out: Vec<u8>, first: &[u8], rest: subject::Tokens<'_>) -> Vec<u8> {
    out.extend_from_slice(first);
    for token in rest {
        out.push(b'.');
        out.extend_from_slice(token);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intersections_match_what_both_match() {
        for (a, b, common) in [
            ("a.b", "a.b", Some("a.b")),
            ("a.b", "a.*", Some("a.b")),
            ("a.*", "*.b", Some("a.b")),
            ("a.>", "a.b.c", Some("a.b.c")),
            ("a.>", "*.b.>", Some("a.b.>")),
            ("a.*.c", "a.>", Some("a.*.c")),
            (">", "a.*", Some("a.*")),
            (">", ">", Some(">")),
            ("a", "a.>", None),
            ("a.b", "a", None),
            ("a.b", "a.c", None),
        ] {
            for (a, b) in [(a, b), (b, a)] {
                let found = intersection(a.as_bytes(), b.as_bytes());
                assert_eq!(found.as_deref(), common.map(str::as_bytes), "{a} and {b}");
            }
        }
    }

    #[test]
    fn names_lead_there_and_back() {
        for (exporter, to, wanted, there, subject, here) in [
            ("p.>", "p.>", "p.x", "p.x", "p.x", "p.x"),
            ("p.>", "from.p.>", ">", "p.>", "p.a.b", "from.p.a.b"),
            ("p.>", "from.p.>", "from.*.a", "p.a", "p.a", "from.p.a"),
            ("w.*.*.x", "m.$2.$1", "m.b.a", "w.a.b.x", "w.a.b.x", "m.b.a"),
            ("w.*.*.x", "m.$2.$1", "m.b.*", "w.*.b.x", "w.a.b.x", "m.b.a"),
            ("t.*.*.*", "$2.$3.$1", "b.c.a", "t.a.b.c", "t.a.b.c", "b.c.a"),
            ("q.*", "my.{{wildcard(1)}}", "my.*", "q.*", "q.7", "my.7"),
            ("q.*", "my.*", ">", "q.*", "q.7", "my.7"),
            ("q", "x.y", "x.*", "q", "q", "x.y"),
        ] {
            let renaming = Renaming::new(exporter, to).unwrap();
            let mut out = Vec::new();
            assert!(renaming.wanted(wanted.as_bytes(), &mut out), "{exporter} as {to}: {wanted}");
            assert_eq!(out.escape_ascii().to_string(), there, "{exporter} as {to}: {wanted}");
            let mut out = Vec::new();
            match renaming.here() {
                Some(transform) => transform.rename(subject.as_bytes(), &mut out),
                None => out.extend_from_slice(subject.as_bytes()),
            }
            assert_eq!(out.escape_ascii().to_string(), here, "{exporter} as {to}: {subject}");
            let mut back = Vec::new();
            renaming.to_exporter(&out, &mut back);
            assert_eq!(back.escape_ascii().to_string(), subject, "{exporter} as {to}: {here}");
        }
        assert!(!Renaming::new("p.>", "from.p.>").unwrap().wanted(b"p.x", &mut Vec::new()));
    }

    #[test]
    fn names_that_do_not_fit_are_refused() {
        for (exporter, to) in [
            ("a.*", "b"),
            ("a.*", "b.$2"),
            ("a.*.*", "b.$1.$1"),
            ("a.*", "b.{{partition(3,1)}}"),
            ("a", "b.*"),
            ("a.>", "b"),
            ("a", "b.>"),
        ] {
            assert!(Renaming::new(exporter, to).is_err(), "{exporter} as {to}");
        }
    }
}
