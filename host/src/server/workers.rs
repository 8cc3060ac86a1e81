//! Work that takes far too long for a shard: a few threads of their own behind a bounded queue.
//!
//! A flood of logins fills the queue and keeps these threads busy, nothing else. What waits past
//! its deadline is dropped undone, because nobody waits for it any more.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

/// Most jobs that wait. Each keeps a connection waiting, with up to one read chunk of what it has
/// sent already.
pub(super) const QUEUE: usize = 1024;

/// Most threads; more would only make the processors slower for everybody else.
const MAX_THREADS: usize = 4;

struct Job {
    work: Box<dyn FnOnce() + Send>,
    deadline: Instant,
}

/// The queue is full, or no thread could be started.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Overloaded;

/// The threads and their queue. The threads start with the first job, for most servers never have
/// one, and end with the last handle.
#[derive(Default)]
pub(super) struct Workers {
    queue: OnceLock<SyncSender<Job>>,
}

impl Workers {
    /// Has something done, unless `deadline` passes before its turn.
    pub(super) fn run(
        &self,
        deadline: Instant,
        work: impl FnOnce() + Send + 'static,
    ) -> Result<(), Overloaded> {
        let queue = self.queue.get_or_init(start);
        let job = Job { work: Box::new(work), deadline };
        queue.try_send(job).map_err(|refused| match refused {
            TrySendError::Full(_) | TrySendError::Disconnected(_) => Overloaded,
        })
    }
}

/// Half of the processors have other things to do.
pub(super) fn threads() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    (processors / 2).clamp(1, MAX_THREADS)
}

fn start() -> SyncSender<Job> {
    let (sender, receiver) = sync_channel(QUEUE);
    let receiver = Arc::new(Mutex::new(receiver));
    for number in 0..threads() {
        let receiver = receiver.clone();
        // Without any thread the queue is disconnected, and whoever asks is told.
        let _ = std::thread::Builder::new()
            .name(format!("worker-{number}"))
            .spawn(move || work(&receiver));
    }
    sender
}

fn work(queue: &Mutex<Receiver<Job>>) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { work, deadline }) = job else { return };
        if Instant::now() < deadline {
            work();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_full_queue_says_so_at_once_and_what_is_late_is_not_done() {
        let workers = Workers::default();
        let patient = Instant::now() + Duration::from_secs(600);
        // Every thread is held up.
        let (started, busy) = mpsc::channel();
        let (release, gate) = mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        for _ in 0..threads() {
            let (started, gate) = (started.clone(), gate.clone());
            let hold = move || {
                started.send(()).unwrap();
                let _ = gate.lock().unwrap().recv();
            };
            assert_eq!(workers.run(patient, hold), Ok(()));
        }
        for _ in 0..threads() {
            busy.recv().unwrap();
        }
        let (done, received) = mpsc::channel();
        let late = Instant::now();
        let refused = (0..QUEUE + 100).filter(|_| {
            let done = done.clone();
            workers.run(late, move || done.send(()).unwrap()) == Err(Overloaded)
        });
        assert_eq!(refused.count(), 100);
        drop((done, workers, release));
        assert_eq!(received.iter().count(), 0);
    }
}
