//! Subject transforms against a plain implementation.
//!
//! Input: source, destination and subject, one a line; the subject may be any octets.

#![cfg_attr(fuzzing, no_main)]

use nervure_core::subject::matches;
use nervure_core::subject::transform::Transform;

#[path = "../../../core/tests/naive/transform.rs"]
mod naive;

pub(crate) fn run(data: &[u8]) {
    let mut lines = data.splitn(3, |octet| *octet == b'\n');
    let mut line = || lines.next().unwrap_or_default();
    let (source, destination, subject) = (line(), line(), line());
    let (Ok(source), Ok(destination)) =
        (std::str::from_utf8(source), std::str::from_utf8(destination))
    else {
        return;
    };
    let transform = match Transform::new(source, destination) {
        Ok(transform) => transform,
        Err(error) => return drop(error.to_string()),
    };
    let (mut out, mut rng) = (b"kept".to_vec(), fastrand::Rng::with_seed(1));
    let applied = transform.apply(subject, &mut out, &mut rng);
    assert!(!applied || matches(source.as_bytes(), subject));
    let out = out.strip_prefix(b"kept").unwrap();
    if !applied {
        assert!(out.is_empty());
    } else if !destination.to_lowercase().contains("random") {
        assert_eq!(out, naive::transformed(source, destination, subject));
    }
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| run(data));
