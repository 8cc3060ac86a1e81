//! JSON as nats-server's encoder writes it: `<`, `>` and `&` escaped so that a browser cannot
//! take a name for markup, and whole floats without a decimal point.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter};

/// Indented by two spaces, without a trailing line feed.
pub(crate) fn pretty(value: &impl Serialize) -> Vec<u8> {
    write(value, Go(PrettyFormatter::new()))
}

/// On one line.
pub(crate) fn compact(value: &impl Serialize) -> Vec<u8> {
    write(value, Go(CompactFormatter))
}

fn write(value: &impl Serialize, formatter: impl Formatter) -> Vec<u8> {
    let mut out = Vec::with_capacity(2048);
    // Fails for maps whose keys are not text only, of which there are none here.
    let _ = value.serialize(&mut Serializer::with_formatter(&mut out, formatter));
    out
}

/// A formatter with the two differences on top.
struct Go<F>(F);

impl<F: Formatter> Formatter for Go<F> {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(['<', '>', '&', '\u{2028}', '\u{2029}']) {
            let (plain, special) = rest.split_at(at);
            writer.write_all(plain.as_bytes())?;
            let mut chars = special.chars();
            if let Some(char) = chars.next() {
                write!(writer, "\\u{:04x}", u32::from(char))?;
            }
            rest = chars.as_str();
        }
        writer.write_all(rest.as_bytes())
    }

    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        if value.fract() == 0.0 && value.abs() < 1e15 {
            write!(writer, "{value:.0}")
        } else {
            self.0.write_f64(writer, value)
        }
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_escaped_and_whole_floats_are_short() {
        let value = ("<a href='x'>&\u{2028}é\"\n", 2.0, 0.5, -3.0, [0u8; 0]);
        assert_eq!(
            String::from_utf8(compact(&value)).unwrap(),
            r#"["\u003ca href='x'\u003e\u0026\u2028é\"\n",2,0.5,-3,[]]"#
        );
    }

    #[test]
    fn pretty_is_two_spaces_and_empty_things_are_closed_at_once() {
        let value = serde_json::json!({"a": {"b": [1, 2]}, "c": {}});
        assert_eq!(
            String::from_utf8(pretty(&value)).unwrap(),
            "{\n  \"a\": {\n    \"b\": [\n      1,\n      2\n    ]\n  },\n  \"c\": {}\n}"
        );
    }
}
