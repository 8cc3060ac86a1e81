//! Reading the header block of a message.
//!
//! The server looks at few headers, forwards the block as it came and checks nothing about it
//! (client-protocol 5.1), so a lookup has to make do with any octets.

/// The value of the first header of that name.
///
/// The name is matched exactly, letter case included, at the start of any line but the first (the
/// `NATS/1.0` line) and has to be followed directly by a colon. Spaces before the value are
/// skipped; it ends at CR LF, or at the end of a block that is cut short (client-protocol 5.3).
pub fn get<'a>(block: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut line = after_crlf(block)?;
    loop {
        if let Some(value) = line.strip_prefix(name).and_then(|rest| rest.strip_prefix(b":")) {
            let spaces = value.iter().take_while(|&&octet| octet == b' ').count();
            let value = &value[spaces..];
            return Some(&value[..crlf(value).unwrap_or(value.len())]);
        }
        line = after_crlf(line)?;
    }
}

/// Appends a block without its headers of these names, in any letter case, and without the empty
/// line at its end, so that more headers can follow.
///
/// Clients do not agree on where a line ends and whether a name may have blanks around it, so
/// that whatever one of them might take for such a header is left out: behind a single CR or LF,
/// too, and on a line that is meant to continue another one.
pub(crate) fn copy_without(block: &[u8], names: &[&[u8]], out: &mut Vec<u8>) {
    let is_named = |line: &[u8]| {
        let line = line.trim_ascii_start();
        names.iter().any(|name| {
            let (start, rest) = line.split_at_checked(name.len()).unwrap_or((line, b""));
            start.eq_ignore_ascii_case(name) && rest.trim_ascii_start().first() == Some(&b':')
        })
    };
    let mut rest = block;
    while !rest.is_empty() {
        let (line, after) = rest.split_at(line_length(rest));
        if !matches!(line, b"\r\n" | b"\r" | b"\n") && !is_named(line) {
            out.extend_from_slice(line);
        }
        rest = after;
    }
    if !out.is_empty() && !out.ends_with(b"\r\n") {
        out.pop_if(|last| matches!(last, b'\r' | b'\n'));
        out.extend_from_slice(b"\r\n");
    }
}

/// How long the first line is with its end, which may be CR, LF or both.
fn line_length(text: &[u8]) -> usize {
    match memchr::memchr2(b'\r', b'\n', text) {
        Some(at) if text.get(at..at + 2) == Some(b"\r\n") => at + 2,
        Some(at) => at + 1,
        None => text.len(),
    }
}

fn after_crlf(text: &[u8]) -> Option<&[u8]> {
    text.get(crlf(text)? + 2..)
}

/// Where the first CR LF of `text` is.
fn crlf(text: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'\r', text).find(|&at| text.get(at + 1) == Some(&b'\n'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_begins_with_name_and_colon_wins() {
        let block =
            b"NATS/1.0\r\nA: first\r\nAB: ab\r\nA: second\r\nE:\r\nC:   x y \r\nD:v\rw\r\n\r\n";
        for (name, value) in [
            ("A", Some("first")),
            ("AB", Some("ab")),
            ("E", Some("")),
            ("C", Some("x y ")),
            ("D", Some("v\rw")),
            ("a", None),
            ("B", None),
            ("first", None),
            ("NATS/1.0", None),
        ] {
            assert_eq!(get(block, name.as_bytes()), value.map(str::as_bytes), "{name}");
        }
    }

    #[test]
    fn a_name_is_left_out_however_it_is_written() {
        for (block, left) in [
            ("NATS/1.0\r\n\r\n", "NATS/1.0\r\n"),
            ("NATS/1.0\r\nA: 1\r\nX: 2\r\nB: 3\r\n\r\n", "NATS/1.0\r\nA: 1\r\nB: 3\r\n"),
            ("NATS/1.0\r\nx:2\r\nX : 2\r\nXX: 2\r\n\r\n", "NATS/1.0\r\nXX: 2\r\n"),
            ("NATS/1.0\r\nyoU: 1\r\nYo: 2\r\n\r\n", "NATS/1.0\r\nYo: 2\r\n"),
            // Where some clients see a header and others do not.
            ("NATS/1.0\r\nA: 1\nX: 2\r\n\r\n", "NATS/1.0\r\nA: 1\r\n"),
            ("NATS/1.0\r\nA: 1\rX: 2\rB: 3\r\n\r\n", "NATS/1.0\r\nA: 1\rB: 3\r\n"),
            ("NATS/1.0\r\nA: 1\r\n\t X: 2\r\n\r\n", "NATS/1.0\r\nA: 1\r\n"),
            ("NATS/1.0\nX: 2\n\nX: 3", "NATS/1.0\r\n"),
            ("NATS/1.0\r\n\r\nX: 2\r\n\r\n", "NATS/1.0\r\n"),
            ("NATS/1.0 503\r\nX", "NATS/1.0 503\r\nX\r\n"),
            ("", ""),
        ] {
            let mut out = Vec::new();
            copy_without(block.as_bytes(), &[b"X", b"You"], &mut out);
            assert_eq!(out.escape_ascii().to_string(), left.as_bytes().escape_ascii().to_string());
        }
    }

    #[test]
    fn the_first_line_is_never_searched() {
        assert_eq!(get(b"A: x\r\nB: y\r\n\r\n", b"A"), None);
        assert_eq!(get(b"A: x\r\nA: y\r\n\r\n", b"A"), Some(&b"y"[..]));
    }

    #[test]
    fn malformed_blocks_are_read_as_far_as_they_go() {
        for (block, value) in [
            ("", None),
            ("\r\n", None),
            ("xxxx", None),
            ("N\r\nA", None),
            ("N\nA: x\r\n", None),
            ("N\r\n A: x\r\n", None),
            ("N\r\nA : x\r\n", None),
            ("N\r\nA:", Some("")),
            ("N\r\nA: x", Some("x")),
            ("N\r\nA: x\r", Some("x\r")),
            ("N\r\n\r\nA: x\r\n", Some("x")),
        ] {
            assert_eq!(get(block.as_bytes(), b"A"), value.map(str::as_bytes), "{block:?}");
        }
    }
}
