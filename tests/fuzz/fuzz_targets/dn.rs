//! Distinguished names: no panic, and a name equals itself in every way of comparing.
//!
//! Input: two names, a line each.

#![cfg_attr(fuzzing, no_main)]

use nervure_core::auth::DistinguishedName;

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (first, second) = text.split_once('\n').unwrap_or((text, ""));
    let Some(name) = DistinguishedName::parse(first) else { return };
    assert!(name.equals(&name) && name.equals_unordered(&name) && name.is_known());
    // What is written can be read, unless it is empty.
    let written = name.text();
    assert!(written.is_empty() || DistinguishedName::parse(&written).is_some(), "{written:?}");
    let _ = name.domain_text();
    let Some(other) = DistinguishedName::parse(second) else { return };
    assert_eq!(name.equals_unordered(&other), other.equals_unordered(&name));
    assert!(!name.equals(&other) || name.equals_unordered(&other));
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| run(data));
