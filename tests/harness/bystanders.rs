//! Two innocent clients that talk to each other while something bad happens beside them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::Session;

/// A pause between two messages, so that the pair does not load the machine itself.
const PACE: Duration = Duration::from_millis(2);

/// They go on to at least this many, so that a short attack is witnessed too, and its aftermath.
const FEWEST: u64 = 50;

/// A publisher and a subscriber that exchange numbered messages until they are stopped.
#[derive(Debug)]
pub struct Bystanders {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Witness>,
}

/// What the pair has seen.
#[derive(Clone, Copy, Debug)]
pub struct Witness {
    /// Messages sent, all of which arrived, in order.
    pub exchanged: u64,
    /// The longest a message took.
    pub slowest: Duration,
}

impl Bystanders {
    /// Connects a pair that talks on a subject of its own.
    #[must_use]
    pub fn start(port: u16) -> Self {
        let mut publisher = Session::connect(port);
        publisher.hello("");
        let mut subscriber = Session::connect(port);
        subscriber.hello("");
        subscriber.send("SUB bystanders 1\r\n").expect_open();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let mut seen = Witness { exchanged: 0, slowest: Duration::ZERO };
            while !stopped.load(Ordering::Relaxed) || seen.exchanged < FEWEST {
                seen = exchange(&mut publisher, &mut subscriber, seen);
                if seen.exchanged.is_multiple_of(100) {
                    // Reads, and so answers, what the server has asked the publisher.
                    publisher.expect_open();
                }
                thread::sleep(PACE);
            }
            publisher.expect_open();
            subscriber.expect_open();
            seen
        });
        Self { stop, thread }
    }

    /// Stops the pair and tells what it has seen.
    ///
    /// # Panics
    /// When a message was lost or out of order.
    pub fn stop(self) -> Witness {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_else(|failure| std::panic::resume_unwind(failure))
    }
}

/// One message; the check of its number is what notices loss and disorder.
fn exchange(publisher: &mut Session, subscriber: &mut Session, seen: Witness) -> Witness {
    let number = seen.exchanged.to_string();
    let sent = Instant::now();
    publisher.send(format!("PUB bystanders {}\r\n{number}\r\n", number.len()));
    let message = subscriber.read_message();
    if message.payload != number.as_bytes() {
        subscriber.fail(&format!("expected message {number}"));
    }
    Witness { exchanged: seen.exchanged + 1, slowest: seen.slowest.max(sent.elapsed()) }
}
