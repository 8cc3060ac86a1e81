//! Protocol traces in nats-server's form: what a client said and was told, as log text (observed on
//! nats-server 2.15.1). Cold: only with tracing on.
//!
//! Not traced there nor here: INFO, what a client has no reason to send (`+OK`, `-ERR`, INFO), and
//! the 503 that answers a request nobody took.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::link::Link;
use crate::notice::{Event, Notice, Way};
use crate::router::deliver::head;
use crate::settings::TraceRules;
use crate::shard::{Output, Shard};
use crate::subscription::Subscription;
use crate::wire::{Op, Publish, quote, redacted};

impl Shard {
    /// Notes the subject that a mapping gave a publication.
    #[cold]
    pub(crate) fn trace_mapping(&mut self, slot: u32, from: &[u8], to: &[u8]) {
        let (from, to) = (String::from_utf8_lossy(from), String::from_utf8_lossy(to));
        self.notice(slot, || Event::Traced(Way::In, format!("[MAPPING {from} -> {to}]").into()));
    }

    /// Notes one inbound unit, and its payload.
    #[cold]
    pub(crate) fn trace_in(&mut self, slot: u32, op: &Op<'_>, rules: TraceRules) {
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        let args = |parts: &[Option<&[u8]>]| {
            parts.iter().flatten().map(|part| text(part)).collect::<Vec<_>>().join(" ")
        };
        let line = match op {
            Op::Info(_) | Op::Ok | Op::Err(_) => return,
            Op::Connect(json) => format!("CONNECT {}", redacted(json)),
            Op::Ping => "PING".to_owned(),
            Op::Pong => "PONG".to_owned(),
            Op::Sub { subject, queue, sid } => {
                format!("SUB {}", args(&[Some(subject), *queue, Some(sid)]))
            }
            Op::Unsub { sid, max } => {
                let max = max.map(|max| max.to_string());
                format!("UNSUB {}", args(&[Some(sid), max.as_deref().map(str::as_bytes)]))
            }
            Op::Pub(publish) => {
                let verb = if publish.header_size.is_some() { "HPUB" } else { "PUB" };
                let parts =
                    [Some(publish.subject), publish.reply, publish.header_size, Some(publish.size)];
                format!("{verb} {}", args(&parts))
            }
        };
        self.trace(slot, Way::In, &line);
        if let Op::Pub(publish) = op
            && let Some(payload) = payload(rules, publish.body.as_slice(), publish.header_len)
        {
            self.notice(slot, || Event::Traced(Way::In, payload));
        }
    }

    /// Notes one unit without a payload.
    #[cold]
    pub(crate) fn trace(&mut self, slot: u32, way: Way, line: &str) {
        self.notice(slot, || Event::Traced(way, bracketed(line)));
    }
}

/// Notes the deliveries of one message.
pub(crate) struct Tracer<'a> {
    rules: TraceRules,
    outputs: &'a mut VecDeque<Output>,
    /// The payload's text for receivers without headers and for those with them, once it is known.
    payload: [Option<Option<Arc<str>>>; 2],
}

impl<'a> Tracer<'a> {
    /// Notes go to `outputs`. In a box, so that deliveries without tracing carry nothing but a null.
    #[cold]
    pub(crate) fn new(rules: TraceRules, outputs: &'a mut VecDeque<Output>) -> Box<Self> {
        Box::new(Self { rules, outputs, payload: [None, None] })
    }

    /// Notes that the message was queued for this receiver.
    #[cold]
    pub(crate) fn delivered(&mut self, link: &Link, sub: &Subscription, message: &Publish<'_>) {
        let mut line = Vec::new();
        head(&mut line, sub, link.flags, message);
        let label = link.label();
        let mut note = |text| {
            let event = Event::Traced(Way::Out, text);
            self.outputs.push_back(Output::Notice(Notice { label: label.clone(), event }));
        };
        note(bracketed(String::from_utf8_lossy(&line).trim_ascii_end()));
        let headers = link.flags.headers;
        let rules = self.rules;
        let payload = self.payload[usize::from(headers)].get_or_insert_with(|| {
            let (body, header_len) = (message.body.as_slice(), message.header_len);
            if headers {
                payload(rules, body, header_len)
            } else {
                payload(rules, body.get(header_len..).unwrap_or_default(), 0)
            }
        });
        if let Some(text) = payload {
            note(text.clone());
        }
    }
}

fn bracketed(line: &str) -> Arc<str> {
    format!("[{line}]").into()
}

/// A payload whose first `header_len` bytes are its header, as far as it is to be shown.
fn payload(rules: TraceRules, body: &[u8], header_len: usize) -> Option<Arc<str>> {
    let shown = if rules.headers_only {
        let header = body.get(..header_len)?;
        header.strip_suffix(b"\r\n\r\n").unwrap_or(header)
    } else {
        body
    };
    if shown.is_empty() {
        return None;
    }
    let text = match shown.get(..rules.max_payload) {
        Some(cut) if rules.max_payload > 0 && cut.len() < shown.len() => {
            quote(&[cut, b"..."].concat())
        }
        _ => quote(shown),
    };
    Some(format!("MSG_PAYLOAD: [{text}]").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_quoted_cut_and_reduced_to_their_headers_as_nats_server_does() {
        let all = TraceRules::default();
        let cut = |max_payload| TraceRules { max_payload, ..all };
        let headers = |max_payload| TraceRules { headers_only: true, max_payload };
        for (rules, body, header_len, shown) in [
            (all, "hi", 0, Some(r#"["hi"]"#)),
            (all, "", 0, None),
            (all, "a\n\"", 0, Some(r#"["a\n\""]"#)),
            (all, "NATS/1.0\r\n\r\nab", 12, Some(r#"["NATS/1.0\r\n\r\nab"]"#)),
            (cut(4), "hell", 0, Some(r#"["hell"]"#)),
            (cut(4), "hello", 0, Some(r#"["hell..."]"#)),
            (cut(4), "h\u{e9}\u{e9}", 0, Some("[\"h\u{e9}\\xc3...\"]")),
            (headers(0), "hi", 0, None),
            (headers(0), "NATS/1.0\r\nA: b\r\n\r\nab", 18, Some(r#"["NATS/1.0\r\nA: b"]"#)),
            (headers(10), "NATS/1.0\r\n\r\nab", 12, Some(r#"["NATS/1.0"]"#)),
            (headers(10), "NATS/1.0\r\nA: b\r\n\r\n", 18, Some(r#"["NATS/1.0\r\n..."]"#)),
        ] {
            let found = payload(rules, body.as_bytes(), header_len);
            let shown = shown.map(|shown| format!("MSG_PAYLOAD: {shown}"));
            assert_eq!(found.as_deref(), shown.as_deref(), "{rules:?} {body:?}");
        }
    }
}
