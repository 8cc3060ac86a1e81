//! Public keys and signatures: no panic, a key that is read is written the same, and a signature
//! is read in the two accepted forms only.

#![cfg_attr(fuzzing, no_main)]

use nervure_core::auth::{PublicKey, signature, url_signature};

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (first, second) = text.split_once('\n').unwrap_or((text, ""));
    let signature = signature(second);
    if url_signature(second).is_some() {
        assert!(signature.is_some() && !second.contains(['+', '/', '=']));
    } else if signature.is_some() {
        assert!(second.ends_with("=="));
    }
    let Ok(key) = PublicKey::parse(first) else { return };
    assert_eq!(key.to_string(), first);
    assert!(key.role().is_some());
    if let Some(signature) = signature {
        // Nobody finds one by chance.
        assert!(first.starts_with("UAB2CB576PHB") || !key.verifies(b"PXoWU7zWAMt75FY", &signature));
    }
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| run(data));
