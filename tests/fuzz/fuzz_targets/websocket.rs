//! Whatever arrives on a WebSocket listener: no panic, no answer that a peer could have written,
//! bounded output, and the same bytes, answers and end however the frames are cut into reads.
//!
//! Input: one octet of rules. If its lowest bit is clear, a request follows. Otherwise one octet
//! for the size of the scratch buffer, one that says how many reads follow, an octet for the length
//! of each, then frames.

#![cfg_attr(fuzzing, no_main)]

use nervure::net::ws::decode::{Control, End, FrameReader, ReadTerms};
use nervure::net::ws::upgrade::{Parsed, WsRules, parse};
use nervure::options::Cookies;

/// Everything that frames turned into.
#[derive(Debug, Default, PartialEq, Eq)]
struct Heard {
    octets: Vec<u8>,
    answers: Vec<(bool, Vec<u8>)>,
    end: Option<End>,
}

/// Decodes as a connection does: what the reader kept back first, then the next read.
fn decode(terms: ReadTerms, room: usize, reads: &mut dyn Iterator<Item = &[u8]>) -> Heard {
    let mut reader = FrameReader::new(terms);
    let mut heard = Heard::default();
    let mut scratch = vec![0; room];
    for read in reads.flat_map(|read| read.chunks(room)) {
        scratch[..read.len()].copy_from_slice(read);
        let mut fresh = true;
        while std::mem::take(&mut fresh) || reader.has_backlog() {
            let answer = |control: Control<'_>| {
                heard.answers.push(match control {
                    Control::Ping(payload) => (true, payload.to_vec()),
                    Control::Close(payload) => (false, payload.to_vec()),
                });
            };
            let out = if reader.has_backlog() {
                reader.resume(&mut scratch, answer)
            } else {
                reader.decode(&mut scratch, 0..read.len(), answer)
            };
            heard.octets.extend_from_slice(&scratch[out]);
        }
        if let Some(end) = reader.end() {
            heard.end = Some(end.clone());
            break;
        }
    }
    heard
}

fn frames(rules: u8, data: &[u8]) {
    let [room, count, data @ ..] = data else { return };
    let Some((lengths, stream)) = data.split_at_checked(usize::from(*count % 16)) else { return };
    let terms = ReadTerms {
        masked: rules & 2 == 0,
        deflate: rules & 4 == 0,
        max_inflated: if rules & 8 == 0 { 1 << 20 } else { 64 },
    };
    let whole = decode(terms, stream.len().max(1), &mut [stream].into_iter());
    if !terms.deflate {
        assert!(whole.octets.len() <= stream.len(), "more comes out than went in");
    }
    let mut rest = stream;
    let cut = lengths.iter().map(|&length| {
        let (read, after) = rest.split_at(usize::from(length).min(rest.len()));
        rest = after;
        read
    });
    let mut reads: Vec<&[u8]> = cut.collect();
    reads.push(rest);
    let room = usize::from(*room) + 1;
    assert_eq!(decode(terms, room, &mut reads.into_iter()), whole, "the reads change the outcome");
    let single = decode(terms, room, &mut stream.chunks(1));
    assert_eq!(single, whole, "single octets change the outcome");
}

fn request(rules: u8, data: &[u8]) {
    let name = |text: &str| Some(text.to_owned());
    let rules = WsRules {
        compression: rules & 2 == 0,
        tls: rules & 4 != 0,
        cookies: Cookies { jwt: name("j"), user: name("u"), pass: name("p"), token: name("t") },
        max_payload: 1 << 20,
        ..WsRules::default()
    };
    match parse(data, &rules) {
        Parsed::Incomplete => {}
        Parsed::Refused { consumed, refusal } => {
            assert!(0 < consumed && consumed <= data.len());
            let response = refusal.response("Wed, 25 Nov 2026 08:51:41 GMT");
            assert!(response.is_empty() || response.starts_with(b"HTTP/1."));
            assert!(response.len() < 400, "a refusal repeats what the peer said");
        }
        Parsed::Accepted { consumed, response, .. } => {
            assert_eq!(consumed, data.len(), "octets behind the request are lost");
            let response = String::from_utf8(response).expect("the answer is text");
            assert!(response.starts_with("HTTP/1.1 101 "));
            assert_eq!(response.find("\r\n\r\n"), Some(response.len() - 4), "{response:?}");
            assert!(response.lines().count() <= 7, "{response:?}");
            for end in 0..data.len() {
                let before = parse(&data[..end], &rules);
                assert_eq!(before, Parsed::Incomplete, "granted at {end} already");
            }
        }
    }
}

pub(crate) fn run(data: &[u8]) {
    match data {
        [rules, data @ ..] if rules & 1 == 0 => request(*rules, data),
        [rules, data @ ..] => frames(*rules, data),
        [] => {}
    }
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| run(data));
