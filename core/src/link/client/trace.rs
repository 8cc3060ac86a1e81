//! Protocol traces: what a client said, as log text. Cold: only with tracing on.

use crate::notice::Event;
use crate::shard::Shard;
use crate::wire::{Op, redacted};

impl Shard {
    /// Notes the subject that a mapping gave a publication.
    #[cold]
    pub(crate) fn trace_mapping(&mut self, slot: u32, from: &[u8], to: &[u8]) {
        let (from, to) = (String::from_utf8_lossy(from), String::from_utf8_lossy(to));
        self.notice(slot, || Event::Traced(true, format!("[MAPPING {from} -> {to}]")));
    }

    /// Notes one inbound unit.
    #[cold]
    pub(crate) fn trace_in(&mut self, slot: u32, op: &Op<'_>) {
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        let args = |parts: &[Option<&[u8]>]| {
            parts.iter().flatten().map(|part| text(part)).collect::<Vec<_>>().join(" ")
        };
        let line = match op {
            Op::Connect(json) => format!("CONNECT {}", redacted(json)),
            Op::Info(json) => format!("INFO {}", text(json)),
            Op::Ping => "PING".to_owned(),
            Op::Pong => "PONG".to_owned(),
            Op::Ok => "+OK".to_owned(),
            Op::Err(error) => format!("-ERR {}", text(error)),
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
        self.notice(slot, || Event::Traced(true, format!("[{line}]")));
    }
}
