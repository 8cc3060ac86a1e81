//! What is waiting to be written to one link, in order.
//!
//! The last room a message passes: the router appends encoded bytes here, and the driver writes
//! them out with one vectored write per read chunk ([`Outbound::slices`], then
//! [`Shard::written`](crate::shard::Shard::written)).
//!
//! Small messages are copied into one growing buffer; large payloads are kept as a reference to
//! storage that all receivers share. Buffers come from a [`BufferPool`] of the shard and go back
//! to it when everything is written, so an idle link holds no buffer at all.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::Bytes;

/// A buffer that reached this many bytes is not grown further: the next message starts another,
/// so that a long queue is neither copied while it grows nor kept whole until its last byte.
const ROTATE_AT: usize = 256 << 10;

/// Buffers this shard keeps for reuse, in bytes altogether.
const POOL_BYTES: usize = 1 << 20;

/// Capacity of a fresh buffer.
const FRESH: usize = 4 << 10;

/// Empty buffers waiting to be used again.
#[derive(Debug, Default)]
pub struct BufferPool {
    free: Vec<Vec<u8>>,
    bytes: usize,
    /// Slots of links that have something to flush.
    pub(crate) dirty: Vec<u32>,
}

impl BufferPool {
    fn take(&mut self) -> Vec<u8> {
        match self.free.pop() {
            Some(buffer) => {
                self.bytes -= buffer.capacity();
                buffer
            }
            None => Vec::with_capacity(FRESH),
        }
    }

    fn give(&mut self, mut buffer: Vec<u8>) {
        let capacity = buffer.capacity();
        if capacity > 0 && self.bytes + capacity <= POOL_BYTES {
            buffer.clear();
            self.bytes += capacity;
            self.free.push(buffer);
        }
    }

    /// Puts the link in `slot` on the list of those to flush, unless it says that it is there.
    #[inline]
    pub(crate) fn mark(&mut self, dirty: &mut bool, slot: u32) {
        if !*dirty {
            *dirty = true;
            self.dirty.push(slot);
        }
    }

    /// Gives all kept memory back to the system; called when a shard has been idle.
    pub fn release(&mut self) {
        self.free = Vec::new();
        self.bytes = 0;
    }
}

#[derive(Debug)]
enum Chunk {
    Copied(Vec<u8>),
    Shared(Bytes),
}

impl Chunk {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Copied(buffer) => buffer,
            Self::Shared(bytes) => bytes,
        }
    }
}

/// The bytes waiting for one link.
#[derive(Debug, Default)]
pub struct Outbound {
    /// Full chunks, all of them before `tail`.
    chunks: VecDeque<Chunk>,
    /// Where small things are appended.
    tail: Vec<u8>,
    /// Bytes of the first chunk (or of `tail` when there is none) that are written already.
    written: usize,
    pending: usize,
}

impl Outbound {
    /// Bytes that wait to be written.
    pub fn pending(&self) -> usize {
        self.pending
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.pending == 0
    }

    /// Fills `into` with the first pending bytes, in order, and returns how many slices it set.
    /// With more chunks pending than slots the rest is for the next call.
    pub fn slices<'a>(&'a self, into: &mut [IoSlice<'a>]) -> usize {
        let mut skip = self.written;
        let mut filled = 0;
        let chunks = self.chunks.iter().map(Chunk::as_slice);
        for slice in chunks.chain(std::iter::once(self.tail.as_slice())) {
            let slice = &slice[skip.min(slice.len())..];
            skip = 0;
            if slice.is_empty() {
                continue;
            }
            let Some(slot) = into.get_mut(filled) else { break };
            *slot = IoSlice::new(slice);
            filled += 1;
        }
        filled
    }

    /// Appends whatever `write` writes. `write` must only append.
    #[inline]
    pub(crate) fn append(&mut self, pool: &mut BufferPool, write: impl FnOnce(&mut Vec<u8>)) {
        if self.tail.capacity() == 0 {
            self.tail = pool.take();
        } else if self.tail.len() >= ROTATE_AT {
            self.rotate(pool);
        }
        let before = self.tail.len();
        write(&mut self.tail);
        self.pending += self.tail.len() - before;
    }

    /// Appends a reference to shared storage.
    pub(crate) fn append_shared(&mut self, pool: &mut BufferPool, bytes: Bytes) {
        if !self.tail.is_empty() {
            self.rotate(pool);
        }
        self.pending += bytes.len();
        self.chunks.push_back(Chunk::Shared(bytes));
    }

    fn rotate(&mut self, pool: &mut BufferPool) {
        let full = std::mem::replace(&mut self.tail, pool.take());
        self.chunks.push_back(Chunk::Copied(full));
    }

    /// Forgets the first `count` pending bytes: they are written.
    pub(crate) fn advance(&mut self, mut count: usize, pool: &mut BufferPool) {
        count = count.min(self.pending);
        self.pending -= count;
        while let Some(front) = self.chunks.front() {
            let left = front.as_slice().len() - self.written;
            if count < left {
                self.written += count;
                return;
            }
            count -= left;
            self.written = 0;
            if let Some(Chunk::Copied(buffer)) = self.chunks.pop_front() {
                pool.give(buffer);
            }
        }
        self.written += count;
        if self.written == self.tail.len() {
            self.written = 0;
            pool.give(std::mem::take(&mut self.tail));
        }
    }

    /// Drops everything that waits.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn collect(out: &Outbound, slots: usize) -> Vec<u8> {
        let mut slices = vec![IoSlice::new(&[]); slots];
        let filled = out.slices(&mut slices);
        slices[..filled].iter().flat_map(|slice| slice.iter().copied()).collect()
    }

    #[test]
    fn bytes_come_out_in_the_order_they_went_in_whatever_the_write_sizes() {
        let mut pool = BufferPool::default();
        let mut rng = fastrand::Rng::with_seed(7);
        for _ in 0..200 {
            let mut out = Outbound::default();
            let (mut expected, mut got) = (Vec::new(), Vec::new());
            for step in 0..60u8 {
                match rng.u8(0..4) {
                    0 => {
                        let part = vec![step; rng.usize(1..40)];
                        expected.extend_from_slice(&part);
                        out.append(&mut pool, |to| to.extend_from_slice(&part));
                    }
                    1 => {
                        let part = Bytes::from(vec![step; rng.usize(1..40)]);
                        expected.extend_from_slice(&part);
                        out.append_shared(&mut pool, part);
                    }
                    _ => {
                        let head = collect(&out, 1 + rng.usize(0..3));
                        let count = rng.usize(0..=head.len());
                        got.extend_from_slice(&head[..count]);
                        out.advance(count, &mut pool);
                    }
                }
                assert_eq!(out.pending(), expected.len() - got.len());
            }
            got.extend_from_slice(&collect(&out, 100));
            assert_eq!(got, expected);
        }
    }

    #[test]
    fn a_drained_queue_holds_no_buffer_and_the_pool_is_bounded() {
        let mut pool = BufferPool::default();
        let mut queues: Vec<Outbound> = (0..100).map(|_| Outbound::default()).collect();
        for queue in &mut queues {
            queue.append(&mut pool, |to| to.resize(100 << 10, 1));
        }
        for queue in &mut queues {
            queue.advance(100 << 10, &mut pool);
            assert_eq!(queue.tail.capacity(), 0);
        }
        assert!(pool.bytes <= POOL_BYTES, "{}", pool.bytes);
    }

    #[test]
    fn a_long_queue_is_kept_in_chunks_that_are_freed_as_they_are_written() {
        let mut pool = BufferPool::default();
        let mut out = Outbound::default();
        for _ in 0..1000 {
            out.append(&mut pool, |to| to.resize(to.len() + 4096, 1));
        }
        let chunks = out.chunks.len();
        assert!(chunks >= 10, "{chunks}");
        out.advance(ROTATE_AT + 4096, &mut pool);
        assert!(out.chunks.len() < chunks);
    }
}
