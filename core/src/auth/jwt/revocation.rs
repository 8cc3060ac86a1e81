//! Whose claims an issuer has taken back (reference security 5.6).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Public keys, or `*` for all of them, and until when claims about them have been taken back.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revocations(pub BTreeMap<String, i64>);

impl Revocations {
    const ALL: &'static str = "*";

    /// Whether claims about `key` that were made at unix second `iat` have been taken back. 0
    /// stands for claims that do not say when.
    pub fn revoke(&self, key: &str, iat: i64) -> bool {
        [key, Self::ALL].iter().any(|key| self.0.get(*key).is_some_and(|until| iat <= *until))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_made_by_then_are_revoked_by_key_or_all_together() {
        let revocations = |entries: &[(&str, i64)]| {
            Revocations(entries.iter().map(|(key, at)| ((*key).to_owned(), *at)).collect())
        };
        for (entries, iat, expected) in [
            (&[][..], 0, false),
            (&[("U", 10)], 9, true),
            (&[("U", 10)], 10, true),
            (&[("U", 10)], 11, false),
            (&[("U", 10)], 0, true),
            (&[("V", 10)], 9, false),
            (&[("*", 10)], 10, true),
            (&[("*", 10)], 11, false),
            (&[("*", 5), ("U", 10)], 7, true),
            (&[("*", 10), ("U", 5)], 7, true),
        ] {
            assert_eq!(revocations(entries).revoke("U", iat), expected, "{entries:?} {iat}");
        }
    }
}
