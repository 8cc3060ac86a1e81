//! Header look-up against a plain implementation of the same rule.
//!
//! Input: one octet for the length of the name, the name, then the block.

#![cfg_attr(fuzzing, no_main)]

use nervure_core::wire::headers;

fn plain<'a>(block: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let key = [b"\r\n", name, b":"].concat();
    let at = block.windows(key.len()).position(|window| window == key)?;
    let mut value = &block[at + key.len()..];
    while let [b' ', rest @ ..] = value {
        value = rest;
    }
    let end = value.windows(2).position(|window| window == b"\r\n").unwrap_or(value.len());
    Some(&value[..end])
}

pub(crate) fn run(data: &[u8]) {
    let [len, data @ ..] = data else { return };
    let Some((name, block)) = data.split_at_checked(usize::from(*len % 16)) else { return };
    if name.contains(&b'\r') || name.contains(&b'\n') {
        // No name of a header; where its line begins would be a matter of taste.
        let _ = headers::get(block, name);
        return;
    }
    assert_eq!(headers::get(block, name), plain(block, name));
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| run(data));
