//! The digest of a configuration tree (reference section 1.7).
//!
//! Two files with the same digest mean the same: white space, comments, quoting and includes do not
//! count, values of variables do.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::value::{Map, Value};

/// `sha256:` and the lower-case hex digest of the canonical JSON text and one LF.
pub fn digest(root: &Map) -> String {
    let mut text = String::new();
    write_map(&mut text, root);
    text.push('\n');
    let mut out = String::from("sha256:");
    for byte in Sha256::digest(text.as_bytes()) {
        // Writing to a string cannot fail.
        let _ = write!(out, "{byte:02x}");
    }
    out
}

/// The tree as the compact JSON text the digest is taken of, without the LF.
pub fn canonical_json(root: &Map) -> String {
    let mut text = String::new();
    write_map(&mut text, root);
    text
}

fn write_map(out: &mut String, map: &Map) {
    let mut entries: Vec<_> = map.iter().collect();
    entries.sort_unstable_by_key(|(key, _)| *key);
    out.push('{');
    for (number, (key, node)) in entries.into_iter().enumerate() {
        if number > 0 {
            out.push(',');
        }
        write_string(out, key);
        out.push(':');
        write_value(out, &node.value);
    }
    out.push('}');
}

fn write_value(out: &mut String, value: &Value) {
    match value {
        Value::Map(map) => write_map(out, map),
        Value::Array(nodes) => {
            out.push('[');
            for (number, node) in nodes.iter().enumerate() {
                if number > 0 {
                    out.push(',');
                }
                write_value(out, &node.value);
            }
            out.push(']');
        }
        Value::String(text) | Value::Date(text) => write_string(out, text),
        Value::Int(number) => {
            let _ = write!(out, "{number}");
        }
        Value::Float(number) => write_float(out, *number),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
    }
}

/// Plain decimals in the middle range, an exponent with explicit sign outside of it.
fn write_float(out: &mut String, number: f64) {
    let size = number.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{number:e}");
        match text.split_once('e') {
            Some((digits, power)) if !power.starts_with('-') => {
                let _ = write!(out, "{digits}e+{power}");
            }
            _ => out.push_str(&text),
        }
    } else {
        let _ = write!(out, "{number}");
    }
}

fn write_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            _ => out.push(c),
        }
    }
    out.push('"');
}
