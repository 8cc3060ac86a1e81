//! permessage-deflate (RFC 7692) without context takeover (reference leafnode-websocket B.8).
//!
//! Both directions start afresh with every message. So a connection needs no window of its own:
//! one compressor and one decompressor per thread serve all of them, and compression costs an
//! idle connection nothing. (nats-server keeps one a connection, which made its users' memory
//! grow tenfold.)

use std::cell::RefCell;
use std::io::IoSlice;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::frame::WsError;

/// Flushes up to this many bytes go out uncompressed (B.8).
pub(super) const MIN_COMPRESSED: usize = 64;

/// What the sender removed from the end of every message.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// Output grows in steps of this size.
const STEP: usize = 16 << 10;

thread_local! {
    static DEFLATE: RefCell<Option<Compress>> = const { RefCell::new(None) };
    static INFLATE: RefCell<Option<Decompress>> = const { RefCell::new(None) };
}

/// Compresses `input` as one message and appends it to `out`, without the four bytes that the
/// extension leaves away.
///
/// # Errors
///
/// The library failed; `out` is as it was.
pub(super) fn deflate(input: &[IoSlice<'_>], out: &mut Vec<u8>) -> Result<(), WsError> {
    let start = out.len();
    let done = DEFLATE.with_borrow_mut(|slot| {
        let z = slot.get_or_insert_with(|| Compress::new(Compression::fast(), false));
        z.reset();
        for part in input {
            compress_all(z, part, FlushCompress::None, out)?;
        }
        compress_all(z, &[], FlushCompress::Sync, out)
    });
    if done.is_some() && out[start..].ends_with(&TAIL) {
        out.truncate(out.len() - TAIL.len());
        return Ok(());
    }
    out.truncate(start);
    Err(WsError::CorruptDeflate)
}

/// Feeds all of `input`; with a flush, until everything is out.
fn compress_all(
    z: &mut Compress,
    mut input: &[u8],
    flush: FlushCompress,
    out: &mut Vec<u8>,
) -> Option<()> {
    loop {
        if out.capacity() - out.len() < 64 {
            out.reserve(STEP);
        }
        let before = z.total_in();
        z.compress_vec(input, out, flush).ok()?;
        input = &input[(z.total_in() - before) as usize..];
        // Room left over means that nothing is left to come.
        if input.is_empty() && out.len() < out.capacity() {
            return Some(());
        }
    }
}

/// Inflates one message.
///
/// # Errors
///
/// The data is corrupt, or the message would be longer than `max`.
pub(super) fn inflate(input: &[u8], max: usize) -> Result<Vec<u8>, WsError> {
    INFLATE.with_borrow_mut(|slot| {
        let z = slot.get_or_insert_with(|| Decompress::new(false));
        z.reset(false);
        let mut out = Vec::new();
        for mut part in [input, &TAIL] {
            loop {
                if out.len() == out.capacity() {
                    out.reserve(STEP.min(part.len().saturating_mul(4)).max(512));
                }
                let (read, room) = (z.total_in(), out.capacity() - out.len());
                let before = out.len();
                let status = z
                    .decompress_vec(part, &mut out, FlushDecompress::Sync)
                    .map_err(|_corrupt| WsError::CorruptDeflate)?;
                part = &part[(z.total_in() - read) as usize..];
                if out.len() > max {
                    return Err(WsError::InflatedTooLong(max));
                }
                if status == Status::StreamEnd {
                    // A final block ends the message early; what follows is ignored.
                    return Ok(out);
                }
                let filled = out.len() - before == room;
                if !filled && part.is_empty() {
                    break;
                }
                if z.total_in() == read && out.len() == before {
                    return Err(WsError::CorruptDeflate);
                }
            }
        }
        Ok(out)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn round_trip(parts: &[Vec<u8>]) -> Vec<u8> {
        let slices: Vec<_> = parts.iter().map(|part| IoSlice::new(part)).collect();
        let mut packed = Vec::new();
        deflate(&slices, &mut packed).unwrap();
        inflate(&packed, usize::MAX).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn what_is_deflated_inflates_to_itself(
            parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..3000), 0..5),
        ) {
            prop_assert_eq!(round_trip(&parts), parts.concat());
        }

        #[test]
        fn arbitrary_bytes_never_inflate_beyond_the_bound(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            if let Ok(out) = inflate(&bytes, 100) {
                prop_assert!(out.len() <= 100);
            }
        }
    }

    #[test]
    fn large_messages_survive_and_shrink() {
        let text = b"PUB some.subject 5\r\nhello\r\n".repeat(40_000);
        let mut packed = Vec::new();
        deflate(&[IoSlice::new(&text)], &mut packed).unwrap();
        assert!(packed.len() * 20 < text.len(), "{} of {}", packed.len(), text.len());
        assert_eq!(inflate(&packed, text.len()).unwrap(), text);
    }

    #[test]
    fn messages_of_every_ratio_survive_one_after_another() {
        for variety in [1, 3, 17, 101, 1009, 10_007] {
            let text: Vec<u8> = (0..80_000u32)
                .flat_map(|i| format!("{} ", i * 7919 % variety).into_bytes())
                .collect();
            assert!(round_trip(&[text[..40_000].to_vec(), text[40_000..].to_vec()]) == text);
        }
    }

    #[test]
    fn a_bomb_is_stopped_at_the_bound() {
        let mut packed = Vec::new();
        deflate(&[IoSlice::new(&vec![0; 10 << 20])], &mut packed).unwrap();
        assert_eq!(inflate(&packed, 1 << 20), Err(WsError::InflatedTooLong(1 << 20)));
    }

    #[test]
    fn a_broken_message_does_not_spoil_the_next_one() {
        assert_eq!(inflate(&[0xff; 8], 1000), Err(WsError::CorruptDeflate));
        assert_eq!(round_trip(&[b"hello hello hello".to_vec()]), b"hello hello hello");
    }

    #[test]
    fn the_sample_of_rfc_7692_inflates() {
        let hello = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        assert_eq!(inflate(&hello, 10).unwrap(), b"Hello");
    }
}
