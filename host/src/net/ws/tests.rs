//! The frame layer against frames of all kinds, split and blocked everywhere.

use std::io::{self, IoSlice};

use flate2::{Compress, Compression, FlushCompress};
use proptest::prelude::*;

use super::frame::{put_header, unmask};
use super::*;

const PLAIN: ReadTerms = ReadTerms { masked: true, deflate: false, max_inflated: 1 << 20 };
const KEY: [u8; 4] = [0x12, 0x34, 0x56, 0x78];

/// A frame as a client sends it.
pub(in crate::net) fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut header = [0; 10];
    let n = put_header(&mut header, first, payload.len());
    header[1] |= 0x80;
    let mut out = header[..n].to_vec();
    out.extend_from_slice(&KEY);
    let mut payload = payload.to_vec();
    // Naive on purpose: it checks the fast one.
    for (i, byte) in payload.iter_mut().enumerate() {
        *byte ^= KEY[i % 4];
    }
    out.extend_from_slice(&payload);
    out
}

/// One compressed message, made without the code under test.
pub(in crate::net) fn packed(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(payload.len() + 1024);
    let mut z = Compress::new(Compression::best(), false);
    z.compress_vec(payload, &mut out, FlushCompress::Sync).unwrap();
    assert!(out.ends_with(&[0, 0, 0xff, 0xff]));
    out.truncate(out.len() - 4);
    out
}

fn codec(read: ReadTerms) -> WsCodec {
    WsCodec::new(read, WriteTerms::default())
}

/// Feeds `input` in pieces of `sizes` (repeated) through scratch buffers of `scratch` bytes.
fn feed(codec: &mut WsCodec, input: &[u8], sizes: &[usize], scratch: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = input;
    let mut sizes = sizes.iter().cycle();
    loop {
        let mut buf = vec![0xaa; scratch];
        let range = if codec.end().is_some() {
            return out;
        } else if codec.has_backlog() {
            codec.resume(&mut buf)
        } else if rest.is_empty() {
            return out;
        } else {
            let n = (*sizes.next().unwrap()).clamp(1, scratch).min(rest.len());
            buf[..n].copy_from_slice(&rest[..n]);
            rest = &rest[n..];
            codec.decode(&mut buf, 0..n)
        };
        out.extend_from_slice(&buf[range]);
    }
}

/// The NATS bytes in a server's frames.
pub(in crate::net) fn payloads(wire: &[u8]) -> Vec<u8> {
    let terms = ReadTerms { masked: false, deflate: true, max_inflated: 1 << 20 };
    let mut codec = codec(terms);
    let out = feed(&mut codec, wire, &[1 << 16], 1 << 16);
    if let Some(Err(error)) = codec.end() {
        panic!("{error} after {} bytes", out.len());
    }
    out
}

/// Takes everything, `step` bytes a call at most, and blocks in between.
#[derive(Debug)]
struct Pipe {
    taken: Vec<u8>,
    room: usize,
}

impl Sink for Pipe {
    fn put(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let all: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        let n = all.len().min(self.room);
        self.room -= n;
        self.taken.extend_from_slice(&all[..n]);
        Ok(n)
    }

    fn is_blocked(&self) -> bool {
        false
    }
}

/// Writes all of `pending` through a pipe that takes `step` bytes at a time.
fn drain(codec: &mut WsCodec, pending: &[&[u8]], step: usize, last: bool) -> Vec<u8> {
    let mut pipe = Pipe { taken: Vec::new(), room: 0 };
    let whole = pending.concat();
    let mut at = 0;
    loop {
        pipe.room = step;
        let mut skip = at;
        let mut slices = Vec::new();
        for part in pending {
            let n = skip.min(part.len());
            skip -= n;
            slices.push(IoSlice::new(&part[n..]));
        }
        let written = codec.write(&slices, last, &mut pipe).unwrap();
        at += written.consumed;
        if !written.blocked {
            assert_eq!(at, whole.len(), "not blocked must mean that everything is consumed");
            return pipe.taken;
        }
    }
}

/// Frames of a server as (first byte, payload).
pub(in crate::net) fn frames(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut out = Vec::new();
    while !bytes.is_empty() {
        let (len, at) = match bytes[1] {
            126 => (usize::from(u16::from_be_bytes([bytes[2], bytes[3]])), 4),
            127 => (u64::from_be_bytes(bytes[2..10].try_into().unwrap()) as usize, 10),
            n => (usize::from(n), 2),
        };
        out.push((bytes[0], bytes[at..at + len].to_vec()));
        bytes = &bytes[at + len..];
    }
    out
}

#[derive(Clone, Debug)]
enum Item {
    Data(Vec<Vec<u8>>),
    Packed(Vec<u8>, usize),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
}

fn item() -> impl Strategy<Value = Item> {
    let bytes = |max| proptest::collection::vec(any::<u8>(), 0..max);
    prop_oneof![
        proptest::collection::vec(bytes(400), 1..4).prop_map(Item::Data),
        (0usize..5000, 1usize..400)
            .prop_map(|(n, cut)| { Item::Packed((0..n).map(|i| (i / 7) as u8).collect(), cut) }),
        bytes(126).prop_map(Item::Ping),
        bytes(126).prop_map(Item::Pong),
    ]
}

/// The frames of one item, data and the payload of a ping.
fn encode(item: &Item, out: &mut Vec<u8>, data: &mut Vec<u8>, pings: &mut Vec<Vec<u8>>) {
    let mut message = |parts: &[&[u8]], rsv1: u8| {
        for (i, part) in parts.iter().enumerate() {
            let op = if i == 0 { 2 | rsv1 } else { 0 };
            let fin = if i + 1 == parts.len() { 0x80 } else { 0 };
            out.extend(masked(op | fin, part));
        }
    };
    match item {
        Item::Data(parts) => {
            message(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>(), 0);
            data.extend(parts.concat());
        }
        Item::Packed(plain, cut) => {
            message(&packed(plain).chunks(*cut).collect::<Vec<_>>(), 0x40);
            data.extend_from_slice(plain);
        }
        Item::Ping(payload) => {
            out.extend(masked(0x89, payload));
            pings.push(payload.clone());
        }
        Item::Pong(payload) => out.extend(masked(0x8a, payload)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn frames_decode_to_their_payloads_whatever_the_splits(
        items in proptest::collection::vec(item(), 0..12),
        sizes in proptest::collection::vec(1usize..3000, 1..6),
        scratch in 64usize..4096,
    ) {
        let (mut input, mut data, mut pings) = (Vec::new(), Vec::new(), Vec::new());
        for item in &items {
            encode(item, &mut input, &mut data, &mut pings);
        }
        let mut codec = codec(ReadTerms { deflate: true, ..PLAIN });
        let out = feed(&mut codec, &input, &sizes, scratch);
        prop_assert!(out == data, "{} bytes instead of {}", out.len(), data.len());
        let answers = frames(&drain(&mut codec, &[], 1 << 20, false));
        let expected: Vec<_> = pings.into_iter().map(|ping| (0x8a, ping)).collect();
        prop_assert_eq!(answers, expected);
    }

    #[test]
    fn arbitrary_bytes_end_in_data_or_an_error(
        input in proptest::collection::vec(any::<u8>(), 0..600),
        masked in any::<bool>(),
    ) {
        let mut codec = codec(ReadTerms { masked, deflate: true, max_inflated: 1000 });
        feed(&mut codec, &input, &[100, 1, 7], 128);
    }

    #[test]
    fn the_fast_unmasking_equals_the_naive_one(
        bytes in proptest::collection::vec(any::<u8>(), 0..100),
        key in any::<[u8; 4]>(),
    ) {
        let naive: Vec<_> = bytes.iter().enumerate().map(|(i, b)| b ^ key[i % 4]).collect();
        let mut fast = bytes;
        unmask(&mut fast, key);
        prop_assert_eq!(fast, naive);
    }

    #[test]
    fn what_is_written_in_pieces_reads_as_it_was(
        parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..9000), 1..8),
        step in 1usize..20_000,
        browser in any::<bool>(),
        deflate in any::<bool>(),
    ) {
        let write = WriteTerms { browser, deflate, whole_compressed: false };
        let mut sender = WsCodec::new(PLAIN, write);
        let parts: Vec<_> = parts.iter().map(Vec::as_slice).collect();
        let wire = drain(&mut sender, &parts, step.max(parts.concat().len() / 200), false);
        if browser {
            prop_assert!(frames(&wire).iter().all(|(_, payload)| payload.len() <= 4096));
        }
        let mut receiver = codec(ReadTerms { masked: false, deflate, max_inflated: 1 << 20 });
        prop_assert!(feed(&mut receiver, &wire, &[5000], 8192) == parts.concat());
    }
}

#[test]
fn every_split_of_a_header_is_understood() {
    let mut input = masked(0x82, &[7; 300]);
    input.extend(masked(0x89, b"hi"));
    input.extend(masked(0x82, &vec![9; 70_000]));
    for size in 1..20 {
        let out = feed(&mut codec(PLAIN), &input, &[size], 64);
        assert_eq!(out.len(), 70_300, "{size}");
    }
}

fn error_of(codec: &mut WsCodec, input: &[u8]) -> (Vec<u8>, String, Vec<u8>) {
    let out = feed(codec, input, &[1 << 20], 1 << 20);
    let error = match codec.end() {
        Some(Err(error)) => error.to_string(),
        other => panic!("{other:?}"),
    };
    let wire = drain(codec, &[], 1 << 20, true);
    (out, error, frames(&wire).pop().unwrap().1)
}

#[test]
fn every_protocol_error_ends_with_its_text_after_the_data_before_it() {
    let bad_length = [&[0x82, 0xff, 0x80][..], &[0; 11]].concat();
    for (frame, error) in [
        (masked(0xa2, b"x"), "RSV2 and RSV3 must be clear"),
        (masked(0xc2, b"x"), "compressed frame received without negotiated permessage-deflate"),
        (vec![0x82, 1, b'x'], "mask bit missing"),
        (masked(0x89, &[0; 126]), "control frame length bigger than maximum allowed of 125 bytes"),
        (masked(0x09, b"x"), "control frame does not have final bit set"),
        (masked(0x83, b"x"), "unknown opcode 3"),
        (masked(0x8b, b"x"), "unknown opcode 11"),
        (masked(0x80, b"x"), "invalid continuation frame"),
        (
            [masked(0x02, b""), masked(0x82, b"y")].concat(),
            "new message started before the final frame of the previous one",
        ),
        (bad_length, "invalid 64-bit payload length"),
        (masked(0x88, &[3]), "close frame payload cannot be 1 byte"),
        (masked(0x88, &1004u16.to_be_bytes()), "invalid close status code 1004"),
        (masked(0x88, &999u16.to_be_bytes()), "invalid close status code 999"),
        (masked(0x88, &2999u16.to_be_bytes()), "invalid close status code 2999"),
        (masked(0x88, &5000u16.to_be_bytes()), "invalid close status code 5000"),
    ] {
        let input = [masked(0x82, b"PING\r\n"), frame].concat();
        let (data, text, close) = error_of(&mut codec(PLAIN), &input);
        assert_eq!(data, b"PING\r\n", "{error}");
        assert_eq!(text, error);
        assert_eq!(close, [&1002u16.to_be_bytes(), error.as_bytes()].concat());
    }
}

#[test]
fn compressed_messages_are_bounded() {
    let terms = ReadTerms { masked: true, deflate: true, max_inflated: 1000 };
    let bomb = masked(0xc2, &packed(&[0; 1001]));
    let (_, text, close) = error_of(&mut codec(terms), &bomb);
    assert_eq!(text, "decompressed message exceeds the maximum of 1000 bytes");
    assert_eq!(close[..2], 1009u16.to_be_bytes());
    let fragment = masked(0x42, &[0x55; 8001]);
    let (_, text, _) = error_of(&mut codec(terms), &fragment);
    assert_eq!(text, "compressed message exceeds the maximum of 8000 bytes");
    let (_, text, close) = error_of(&mut codec(terms), &masked(0xc2, &[0xff; 9]));
    assert_eq!(text, "flate: corrupt input");
    assert_eq!(close[..2], 1007u16.to_be_bytes());
    let fits = masked(0xc2, &packed(&[0; 1000]));
    assert_eq!(feed(&mut codec(terms), &fits, &[1 << 20], 1 << 20), [0; 1000]);
}

#[test]
fn a_close_is_answered_with_the_same_code_and_reason() {
    let bye = [&1000u16.to_be_bytes()[..], b"bye"].concat();
    let utf8 = [&1007u16.to_be_bytes()[..], b"invalid utf8 body in close frame"].concat();
    for (sent, expected) in [
        (Vec::new(), Vec::new()),
        (bye.clone(), bye),
        (3999u16.to_be_bytes().to_vec(), 3999u16.to_be_bytes().to_vec()),
        (vec![3, 0xe8, 0xff, 0xfe], utf8),
    ] {
        let mut codec = codec(PLAIN);
        let input = [masked(0x82, b"last"), masked(0x88, &sent), masked(0x82, b"late")].concat();
        assert_eq!(feed(&mut codec, &input, &[1 << 16], 1 << 16), b"last");
        assert!(matches!(codec.end(), Some(Ok(()))));
        codec.close(1000, "Client Closed");
        let wire = drain(&mut codec, &[b"pending"], 3, true);
        assert_eq!(frames(&wire), [(0x82, b"pending".to_vec()), (0x88, expected)]);
    }
}

#[test]
fn a_flush_is_one_frame_and_pongs_wait_for_its_end() {
    let mut codec = codec(PLAIN);
    let mut pipe = Pipe { taken: Vec::new(), room: 5 };
    let pending = [IoSlice::new(b"hello "), IoSlice::new(b"world")];
    let written = codec.write(&pending, false, &mut pipe).unwrap();
    assert_eq!(written, Written { consumed: 3, blocked: true });
    feed(&mut codec, &masked(0x89, b"?"), &[100], 100);
    let rest = drain(&mut codec, &[b"lo ", b"world", b" and more"], 100, false);
    let wire = [pipe.taken, rest].concat();
    assert_eq!(
        frames(&wire),
        [(0x82, b"hello world".to_vec()), (0x8a, b"?".to_vec()), (0x82, b" and more".to_vec()),]
    );
}

#[test]
fn small_flushes_stay_uncompressed_and_browsers_get_fragments() {
    let deflate = WriteTerms { deflate: true, browser: true, whole_compressed: false };
    let mut seed = 1u32;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 24) as u8
    })
    .take(9000)
    .collect();
    let mut codec = WsCodec::new(PLAIN, deflate);
    let small = frames(&drain(&mut codec, &[&[b'a'; 64]], 1 << 20, false));
    assert_eq!(small, [(0x82, vec![b'a'; 64])]);
    let large = frames(&drain(&mut codec, &[&noise], 1 << 20, false));
    let firsts: Vec<_> = large.iter().map(|(first, _)| *first).collect();
    assert_eq!(firsts, [0x42, 0x00, 0x80]);
    let safari = WriteTerms { whole_compressed: true, ..deflate };
    let whole = frames(&drain(&mut WsCodec::new(PLAIN, safari), &[&noise], 1 << 20, false));
    assert_eq!(whole.len(), 1);
    assert_eq!(whole[0].0, 0xc2);
}

#[test]
fn a_flood_of_pings_does_not_grow_memory() {
    let mut codec = codec(PLAIN);
    let flood: Vec<u8> = (0..1000).flat_map(|i: u32| masked(0x89, &i.to_be_bytes())).collect();
    feed(&mut codec, &flood, &[1 << 16], 1 << 16);
    let answers = frames(&drain(&mut codec, &[], 1 << 20, false));
    assert!(answers.len() < 800, "{}", answers.len());
    assert_eq!(answers.last().unwrap().1, 999u32.to_be_bytes(), "the latest must be answered");
}

#[test]
fn close_codes_follow_the_table() {
    let code = |reason| close_code(reason).map(|(code, _)| code);
    assert_eq!(close_code(CloseReason::ClientClosed), Some((1000, "Client Closed")));
    assert_eq!(code(CloseReason::StaleConnection), Some(1001));
    assert_eq!(code(CloseReason::ProtocolViolation), Some(1002));
    assert_eq!(code(CloseReason::AuthenticationTimeout), Some(1008));
    assert_eq!(code(CloseReason::MaxPayloadExceeded), Some(1009));
    assert_eq!(code(CloseReason::NoRespondersRequiresHeaders), Some(1011));
    assert_eq!(code(CloseReason::ReadError), None);
    assert_eq!(code(CloseReason::SlowConsumerPendingBytes), None);
}

/// A sink that takes one write in while its door is shut, as TLS does, and no more.
#[derive(Default)]
struct Door {
    open: bool,
    held: Vec<u8>,
    out: Vec<u8>,
}

impl Sink for Door {
    fn put(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        if self.open {
            self.out.append(&mut self.held);
        }
        if !self.held.is_empty() {
            return Ok(0);
        }
        let taken = slices.iter().map(|slice| slice.len()).sum();
        let into = if self.open { &mut self.out } else { &mut self.held };
        slices.iter().for_each(|slice| into.extend_from_slice(slice));
        Ok(taken)
    }

    fn is_blocked(&self) -> bool {
        !self.held.is_empty()
    }
}

#[test]
fn what_waits_in_the_sink_goes_out_though_nothing_else_is_pending() {
    let mut writer = FrameWriter::new(WriteTerms::default());
    let mut door = Door::default();
    let pending = [IoSlice::new(b"PING\r\n")];
    let written = writer.write(&pending, false, &mut door).unwrap();
    assert_eq!(written, Written { consumed: 6, blocked: true });
    assert_eq!(
        writer.write(&[], false, &mut door).unwrap(),
        Written { consumed: 0, blocked: true }
    );
    door.open = true;
    assert_eq!(
        writer.write(&[], false, &mut door).unwrap(),
        Written { consumed: 0, blocked: false }
    );
    assert_eq!(door.out, b"\x82\x06PING\r\n");
}
