//! Names inside the text of an error.

use core::fmt::Write;

/// Puts a subject, queue name or sid into double quotes, with the escapes of nats-server's errors
/// (client-protocol 1.9): printable text stays, everything else is escaped, so that no name can
/// end the line it is shown in.
#[cold]
pub fn quote(name: &[u8]) -> String {
    let mut quoted = String::with_capacity(name.len() + 2);
    quoted.push('"');
    for chunk in name.utf8_chunks() {
        for character in chunk.valid().chars() {
            push(&mut quoted, character);
        }
        for octet in chunk.invalid() {
            push_escaped(&mut quoted, format_args!("\\x{octet:02x}"));
        }
    }
    quoted.push('"');
    quoted
}

fn push(quoted: &mut String, character: char) {
    match character {
        '"' => quoted.push_str("\\\""),
        '\\' => quoted.push_str("\\\\"),
        '\x07' => quoted.push_str("\\a"),
        '\x08' => quoted.push_str("\\b"),
        '\x0c' => quoted.push_str("\\f"),
        '\n' => quoted.push_str("\\n"),
        '\r' => quoted.push_str("\\r"),
        '\t' => quoted.push_str("\\t"),
        '\x0b' => quoted.push_str("\\v"),
        ' '..='~' => quoted.push(character),
        '\0'..='\x7f' => push_escaped(quoted, format_args!("\\x{:02x}", u32::from(character))),
        _ if is_printable(character) => quoted.push(character),
        '\u{80}'..='\u{ffff}' => {
            push_escaped(quoted, format_args!("\\u{:04x}", u32::from(character)));
        }
        _ => push_escaped(quoted, format_args!("\\U{:08x}", u32::from(character))),
    }
}

fn push_escaped(quoted: &mut String, escape: core::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let written = quoted.write_fmt(escape);
    debug_assert!(written.is_ok(), "a string refused text");
}

/// Whether a character beyond ASCII shows as itself. The standard library knows, but says so only
/// through its debug escapes; those keep combining marks when they follow another character.
fn is_printable(character: char) -> bool {
    let mut buffer = [b'a'; 5];
    let len = character.len_utf8();
    character.encode_utf8(&mut buffer[1..]);
    let text = core::str::from_utf8(&buffer[..=len]).unwrap_or_default();
    text.escape_debug().nth(1) == Some(character)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_the_way_nats_server_does() {
        // Observed on nats-server 2.15.1 as `Permissions Violation for Publish to ...`.
        let cases: [(&[u8], &str); 21] = [
            (b"a\"b", r#""a\"b""#),
            (b"a\\b", r#""a\\b""#),
            (b"a\x7fb", r#""a\x7fb""#),
            (b"\xff", r#""\xff""#),
            (b"a\xe2\x80b\xed\xa0\x80", r#""a\xe2\x80b\xed\xa0\x80""#),
            (b"\x00x", r#""\x00x""#),
            (b"\x1b", r#""\x1b""#),
            (b"it's", "\"it's\""),
            ("\u{2028}".as_bytes(), r#""\u2028""#),
            ("\u{ad}".as_bytes(), r#""\u00ad""#),
            ("e\u{301}".as_bytes(), "\"e\u{301}\""),
            ("\u{301}".as_bytes(), "\"\u{301}\""),
            ("\u{a0}\u{3000}".as_bytes(), r#""\u00a0\u3000""#),
            ("\u{e000}".as_bytes(), r#""\ue000""#),
            ("\u{85}".as_bytes(), r#""\u0085""#),
            ("\u{378}".as_bytes(), r#""\u0378""#),
            ("\u{feff}\u{200b}".as_bytes(), r#""\ufeff\u200b""#),
            ("\u{e0001}".as_bytes(), r#""\U000e0001""#),
            ("\u{10ffff}".as_bytes(), r#""\U0010ffff""#),
            ("é\u{1f600}\u{fffd}".as_bytes(), "\"é\u{1f600}\u{fffd}\""),
            (b"", "\"\""),
        ];
        for (name, quoted) in cases {
            assert_eq!(quote(name), quoted);
        }
    }

    #[test]
    fn control_octets_have_their_short_names() {
        assert_eq!(quote(b"\x07\x08\x0c\n\r\t\x0b"), r#""\a\b\f\n\r\t\v""#);
    }
}
