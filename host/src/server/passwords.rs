//! Checks of hashed passwords, and which of them were good.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use nervure_core::auth::{Answer, Secret};
use ring::hmac;

use super::workers::{Overloaded, Workers};

/// Most passwords that are remembered as good.
const REMEMBERED: usize = 1024;

/// Checks passwords in the background.
#[derive(Default)]
pub(super) struct Passwords {
    proven: OnceLock<Option<Arc<Proven>>>,
}

impl Passwords {
    /// Has it found out whether a password is the one behind a hash, which may be malformed.
    pub(super) fn check(
        &self,
        workers: &Workers,
        (password, hash): (Secret, Arc<str>),
        deadline: Instant,
        reply: impl FnOnce(Answer) + Send + 'static,
    ) -> Result<(), Overloaded> {
        let proven = self.proven.get_or_init(|| Proven::new().map(Arc::new)).clone();
        workers.run(deadline, move || reply(answer(password.expose(), &hash, proven.as_deref())))
    }
}

fn answer(password: &str, hash: &str, proven: Option<&Proven>) -> Answer {
    if proven.is_some_and(|proven| proven.knows(password, hash)) {
        return Answer::Fits;
    }
    // A malformed hash fits nothing.
    if !bcrypt::verify(password, hash).unwrap_or(false) {
        return Answer::DoesNotFit;
    }
    if let Some(proven) = proven {
        proven.remember(password, hash);
    }
    Answer::Fits
}

/// Passwords that were found good, as keyed digests together with their hashes: when a crowd of
/// one user reconnects, one of them is checked. Guesses cost what they always do.
struct Proven {
    key: hmac::Key,
    known: Mutex<HashSet<[u8; 32]>>,
}

impl Proven {
    /// `None` without entropy: then nothing is remembered.
    fn new() -> Option<Self> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &ring::rand::SystemRandom::new()).ok()?;
        Some(Self { key, known: Mutex::default() })
    }

    fn digest(&self, password: &str, hash: &str) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        // A hash has no NUL octet, so that the two cannot be cut differently.
        [hash.as_bytes(), b"\0", password.as_bytes()].iter().for_each(|part| context.update(part));
        let mut digest = [0; 32];
        digest.copy_from_slice(context.sign().as_ref());
        digest
    }

    fn knows(&self, password: &str, hash: &str) -> bool {
        let digest = self.digest(password, hash);
        self.known.lock().unwrap_or_else(PoisonError::into_inner).contains(&digest)
    }

    fn remember(&self, password: &str, hash: &str) {
        let digest = self.digest(password, hash);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of "b0b pass", made with cost 4.
    const HASH: &str = "$2a$04$abcdefghijklmnopqrstuu0IW6TsD.ltswA2qNb/gSLIg6DlPpsYq";

    fn fits(password: &str, hash: &str) -> bool {
        answer(password, hash, None) == Answer::Fits
    }

    #[test]
    fn all_four_letters_verify_alike_and_malformed_hashes_never() {
        for letter in ["a", "b", "x", "y"] {
            let hash = HASH.replacen("2a", &format!("2{letter}"), 1);
            assert!(fits("b0b pass", &hash), "{hash}");
            assert!(!fits("b0b pas", &hash) && !fits("", &hash), "{hash}");
        }
        for hash in ["$2a$04$", "$2a$04$short", "$2a$99$abcdefghijklmnopqrstuu", &HASH[..59]] {
            assert!(!fits("b0b pass", hash) && !fits(hash, hash) && !fits("", hash), "{hash}");
        }
    }

    #[test]
    fn seventy_two_octets_count() {
        let long = "x".repeat(72);
        let hash = bcrypt::hash(&long, 4).unwrap();
        assert!(fits(&long, &hash));
        assert!(fits(&format!("{long}y"), &hash) && fits(&"x".repeat(100), &hash));
        assert!(!fits(&long[..71], &hash));
    }

    #[test]
    fn good_passwords_are_remembered_with_their_hash_only() {
        let proven = Proven::new().unwrap();
        assert!(!proven.knows("b0b pass", HASH));
        assert_eq!(answer("b0b pass", HASH, Some(&proven)), Answer::Fits);
        assert!(proven.knows("b0b pass", HASH));
        assert_eq!(answer("x", HASH, Some(&proven)), Answer::DoesNotFit);
        assert!(!proven.knows("x", HASH) && !proven.knows("b0b pass", &HASH.replace("2a", "2b")));
        for number in 0..3 * REMEMBERED {
            proven.remember(&number.to_string(), HASH);
        }
        assert!(proven.known.lock().unwrap().len() <= REMEMBERED);
    }
}
