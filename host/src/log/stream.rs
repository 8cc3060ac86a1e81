//! A destination that can block, written by a thread of its own.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Most bytes that wait for the destination. Enough for a burst of tracing (a pipe holds 64 KiB
/// more), small enough for a small device.
const MAX_WAITING: usize = 1 << 20;

/// Room kept back for the line that tells how many lines were lost.
const NOTICE: usize = 128;

/// Buffers larger than this are given back when they are empty.
const KEEP: usize = 16 << 10;

/// The way to the writing thread.
pub(super) struct Stream(Arc<Queue>);

/// Whether a line may be pushed.
pub(super) enum Admission {
    /// The queue is full or the destination is gone.
    Refused,
    /// Push it; `lost` lines were refused since the last time.
    Granted { lost: u64 },
}

struct Queue {
    waiting: Mutex<Waiting>,
    /// There is something to write, or nobody left who would.
    filled: Condvar,
    /// Everything is written, or nothing ever will be.
    drained: Condvar,
}

#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    lost: u64,
    /// How many bytes the thread has taken and not yet written all of.
    writing: usize,
    /// The destination refused for good.
    broken: bool,
    /// The [`Stream`] is dropped.
    closed: bool,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stream {
    /// Starts the thread. It ends some time after the stream is dropped; it cannot be waited
    /// for, because the destination may block for ever.
    pub(super) fn start(destination: File) -> io::Result<Self> {
        let queue = Arc::new(Queue {
            waiting: Mutex::default(),
            filled: Condvar::new(),
            drained: Condvar::new(),
        });
        let stream = Self(Arc::clone(&queue));
        thread::Builder::new()
            .name("log".to_owned())
            .stack_size(64 << 10)
            .spawn(move || run(&queue, destination))?;
        Ok(stream)
    }

    /// Asks whether a line of `len` bytes may be pushed.
    pub(super) fn admit(&self, len: usize) -> Admission {
        let mut waiting = self.0.lock();
        if waiting.broken {
            return Admission::Refused;
        }
        // A line that is larger than the whole queue goes alone rather than never.
        let used = waiting.bytes.len() + waiting.writing;
        if used > 0 && used + len + NOTICE > MAX_WAITING {
            waiting.lost += 1;
            return Admission::Refused;
        }
        Admission::Granted { lost: std::mem::take(&mut waiting.lost) }
    }

    /// Hands an admitted line over.
    pub(super) fn push(&self, line: &[u8]) {
        self.0.lock().bytes.extend_from_slice(line);
        self.0.filled.notify_one();
    }

    /// Something to wait by, without keeping the stream.
    pub(super) fn waiting(&self) -> Flush {
        Flush(Arc::clone(&self.0))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.filled.notify_one();
    }
}

/// Waits for the thread to have written everything.
pub(super) struct Flush(Arc<Queue>);

impl Flush {
    pub(super) fn wait(&self, patience: Duration) {
        let until = Instant::now() + patience;
        let mut waiting = self.0.lock();
        while !waiting.broken && (waiting.writing > 0 || !waiting.bytes.is_empty()) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            waiting = self
                .0
                .drained
                .wait_timeout(waiting, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

fn run(queue: &Queue, mut destination: File) {
    let mut batch = Vec::new();
    loop {
        let mut waiting = queue.lock();
        while waiting.bytes.is_empty() {
            if waiting.closed {
                return;
            }
            waiting = queue.filled.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::swap(&mut waiting.bytes, &mut batch);
        waiting.writing = batch.len();
        drop(waiting);

        let result = write_all(&mut destination, &batch);
        batch.clear();
        if batch.capacity() > KEEP {
            batch = Vec::new();
        }

        let mut waiting = queue.lock();
        waiting.writing = 0;
        waiting.broken = result.is_err();
        let (done, over) = (waiting.broken || waiting.bytes.is_empty(), waiting.broken);
        if over {
            waiting.bytes = Vec::new();
        }
        drop(waiting);
        if done {
            queue.drained.notify_all();
        }
        if over {
            return;
        }
    }
}

/// Writes everything, with patience for a descriptor that somebody else made non-blocking: that
/// mode belongs to the pipe's open end, which other processes share.
fn write_all(destination: &mut File, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match destination.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(err) if err.kind() == ErrorKind::Interrupted => {}
            Err(err) if err.kind() == ErrorKind::WouldBlock => {
                thread::sleep(Duration::from_millis(5));
            }
            Err(err) => return Err(err),
        }
    }
    Ok(())
}
