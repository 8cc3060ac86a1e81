//! Whether a request's headers mark it for tracing, in any of the ways that tracers have
//! (reference security 9.5; details observed on nats-server 2.15.1).

use std::collections::BTreeMap;

/// Headers that go together, by their names in canonical form.
pub(super) type Headers = BTreeMap<String, Vec<String>>;

const UBER: &str = "Uber-Trace-Id";
const UBER_CONTEXT: &str = "Uberctx-";
const B3: &str = "B3";
const B3_SAMPLED: &str = "X-B3-Sampled";
const B3_TRACE: &str = "X-B3-Traceid";
const B3_ALL: [&str; 4] = [B3_SAMPLED, B3_TRACE, "X-B3-Parentspanid", "X-B3-Spanid"];
const W3C: &str = "Traceparent";
const W3C_STATE: &str = "Tracestate";

/// The tracing headers of a block, if they want the request to be traced. The first kind that is
/// there decides and is what is returned.
pub(super) fn wanted(block: &[u8]) -> Option<Headers> {
    let mut headers = parse(block)?;
    let first =
        |name: &str| headers.get(name).and_then(|values| values.first()).map(String::as_str);
    let (wanted, kind): (bool, fn(&str) -> bool) = if let Some(value) = first(UBER) {
        let flags = fourth(value, ':').filter(|flags| (1..=2).contains(&flags.len()));
        (flags.is_some_and(is_odd), |name| name == UBER || name.starts_with(UBER_CONTEXT))
    } else if let Some(value @ ("0" | "1")) = first(B3_SAMPLED) {
        (value == "1", |name| B3_ALL.contains(&name))
    } else if first(B3_TRACE).is_some() {
        (true, |name| B3_ALL.contains(&name))
    } else if let Some(value) = first(B3) {
        (value != "0" && value.split('-').nth(2) != Some("0"), |name| name == B3)
    } else {
        let flags = fourth(first(W3C)?, '-').filter(|flags| flags.len() == 2);
        let flags = flags.filter(|flags| flags.bytes().all(|digit| digit.is_ascii_hexdigit()));
        (flags.is_some_and(is_odd), |name| name == W3C || name == W3C_STATE)
    };
    headers.retain(|name, _| kind(name));
    wanted.then_some(headers)
}

/// The headers of a block; `None` when one of them is malformed.
fn parse(block: &[u8]) -> Option<Headers> {
    let mut headers = Headers::new();
    let block = String::from_utf8_lossy(block);
    let lines = block.split("\r\n").skip(1).filter(|line| !line.is_empty());
    for line in lines {
        let (name, value) = line.split_once(':').filter(|(name, _)| name.trim() == *name)?;
        headers.entry(canonical(name)).or_default().push(value.trim().to_owned());
    }
    Some(headers)
}

/// A name in lower case, but for the beginnings of its words.
fn canonical(name: &str) -> String {
    let mut start = true;
    let letter = |letter: char| {
        let start = core::mem::replace(&mut start, letter == '-');
        if start { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() }
    };
    name.chars().map(letter).collect()
}

/// The last of exactly four fields.
fn fourth(value: &str, separator: char) -> Option<&str> {
    (value.split(separator).count() == 4).then(|| value.rsplit(separator).next()).flatten()
}

/// Whether the lowest bit of a hexadecimal number is set.
fn is_odd(number: &str) -> bool {
    let digit = number.chars().next_back().and_then(|digit| digit.to_digit(16));
    digit.is_some_and(|digit| digit & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wanted for these lines, as `name=value,value` in order.
    fn found(lines: &str) -> Option<String> {
        let headers = wanted(format!("NATS/1.0\r\n{lines}\r\n\r\n").as_bytes())?;
        let shown = headers.iter().map(|(name, values)| format!("{name}={}", values.join(",")));
        Some(shown.collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn the_first_kind_decides_and_brings_what_belongs_to_it() {
        for (lines, expected) in [
            ("", None),
            ("a: b", None),
            (
                "traceparent: 00-a-b-01\r\ntracestate: x\r\ntracestate: y\r\nTracestuff: z",
                Some("Traceparent=00-a-b-01 Tracestate=x,y"),
            ),
            ("TRACEPARENT:   00-a-b-7f  ", Some("Traceparent=00-a-b-7f")),
            ("traceparent: 00-a-b-g1", None),
            ("traceparent: 00-a-b-1", None),
            ("traceparent: 00-a-b-001", None),
            (
                "Uber-Trace-Id: a:b:c:01\r\nuberctx-x: 1\r\nOther: 1",
                Some("Uber-Trace-Id=a:b:c:01 Uberctx-X=1"),
            ),
            ("Uber-Trace-Id: a:b:c:g1", Some("Uber-Trace-Id=a:b:c:g1")),
            ("Uber-Trace-Id: a:b:c:1g", None),
            ("Uber-Trace-Id: a:b:c:001", None),
            ("Uber-Trace-Id: a:b:c:", None),
            ("Uber-Trace-Id: a:b:c:0\r\nUber-Trace-Id: a:b:c:1", None),
            ("Uber-Trace-Id:\r\ntraceparent: 00-a-b-01", None),
            ("X-B3-Sampled: x\r\nX-B3-TraceId: a", Some("X-B3-Sampled=x X-B3-Traceid=a")),
            ("X-B3-Sampled: x\r\nB3: 1", Some("B3=1")),
            ("X-B3-Sampled: x\r\ntraceparent: 00-a-b-01", Some("Traceparent=00-a-b-01")),
            (
                "X-B3-TraceId: a\r\nX-B3-SpanId: b\r\nX-B3-ParentSpanId: c\r\nX-B3-Flags: 1\r\nB3: z",
                Some("X-B3-Parentspanid=c X-B3-Spanid=b X-B3-Traceid=a"),
            ),
            ("B3:\r\ntraceparent: 00-a-b-01", Some("B3=")),
            ("B3: 0-b-1", Some("B3=0-b-1")),
            ("B3: a-b-00", Some("B3=a-b-00")),
            ("B3: a-b-0", None),
        ] {
            assert_eq!(found(lines).as_deref(), expected, "{lines:?}");
        }
    }

    #[test]
    fn a_malformed_line_makes_all_of_them_count_for_nothing() {
        for line in ["no colon", " more: x", "name : x"] {
            assert_eq!(found(&format!("traceparent: 00-a-b-01\r\n{line}")), None, "{line:?}");
            assert_eq!(found(&format!("{line}\r\ntraceparent: 00-a-b-01")), None, "{line:?}");
        }
        assert_eq!(wanted(b""), None);
    }
}
