//! Checks of hashed passwords, which take far too long for a shard: a few threads of their own
//! behind a bounded queue.
//!
//! A flood of wrong passwords fills the queue and keeps these threads busy, nothing else. What
//! waits past its deadline is dropped unchecked, because nobody waits for it any more.

use std::collections::HashSet;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use nervure_core::auth::{Answer, Question};
use ring::hmac;

/// Most questions that wait. Each keeps a connection waiting, with up to one read chunk of what it
/// has sent already.
const QUEUE: usize = 1024;

/// Most passwords that are remembered as good.
const REMEMBERED: usize = 1024;

/// Most threads; more would only make the processors slower for everybody else.
const MAX_THREADS: usize = 4;

/// Takes the answer to its shard.
type Reply = Box<dyn FnOnce(Answer) + Send>;

struct Job {
    question: Question,
    deadline: Instant,
    reply: Reply,
}

/// The threads and their queue. The threads start with the first question, for most servers never
/// hear one, and end with the last handle.
#[derive(Default)]
pub(super) struct Passwords {
    queue: OnceLock<SyncSender<Job>>,
}

impl Passwords {
    /// Has a question answered; at once if the queue is full.
    pub(super) fn ask(&self, question: Question, deadline: Instant, reply: Reply) {
        let queue = self.queue.get_or_init(start);
        match queue.try_send(Job { question, deadline, reply }) {
            Ok(()) => {}
            Err(TrySendError::Full(job) | TrySendError::Disconnected(job)) => {
                (job.reply)(Answer::Overloaded);
            }
        }
    }
}

/// Half of the processors have other things to do.
fn threads() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    (processors / 2).clamp(1, MAX_THREADS)
}

fn start() -> SyncSender<Job> {
    let (sender, receiver) = sync_channel(QUEUE);
    let shared = Arc::new((Mutex::new(receiver), Proven::new()));
    for number in 0..threads() {
        let shared = shared.clone();
        // Without any thread the queue is disconnected, and whoever asks is told.
        let _ = std::thread::Builder::new()
            .name(format!("password-{number}"))
            .spawn(move || work(&shared.0, shared.1.as_ref()));
    }
    sender
}

fn work(queue: &Mutex<Receiver<Job>>, proven: Option<&Proven>) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { question, deadline, reply }) = job else { return };
        if Instant::now() < deadline {
            reply(answer(&question, proven));
        }
    }
}

fn answer(question: &Question, proven: Option<&Proven>) -> Answer {
    let Question::Bcrypt { password, hash } = question else { return Answer::DoesNotFit };
    let password = password.expose();
    if proven.is_some_and(|proven| proven.knows(password, hash)) {
        return Answer::Fits;
    }
    // A malformed hash fits nothing.
    if !bcrypt::verify(password, hash).unwrap_or(false) {
        return Answer::DoesNotFit;
    }
    if let Some(proven) = proven {
        proven.remember(password, hash);
    }
    Answer::Fits
}

/// Passwords that were found good, as keyed digests together with their hashes: when a crowd of
/// one user reconnects, one of them is checked. Guesses cost what they always do.
struct Proven {
    key: hmac::Key,
    known: Mutex<HashSet<[u8; 32]>>,
}

impl Proven {
    /// `None` without entropy: then nothing is remembered.
    fn new() -> Option<Self> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &ring::rand::SystemRandom::new()).ok()?;
        Some(Self { key, known: Mutex::default() })
    }

    fn digest(&self, password: &str, hash: &str) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.key);
        // A hash has no NUL octet, so that the two cannot be cut differently.
        [hash.as_bytes(), b"\0", password.as_bytes()].iter().for_each(|part| context.update(part));
        let mut digest = [0; 32];
        digest.copy_from_slice(context.sign().as_ref());
        digest
    }

    fn knows(&self, password: &str, hash: &str) -> bool {
        let digest = self.digest(password, hash);
        self.known.lock().unwrap_or_else(PoisonError::into_inner).contains(&digest)
    }

    fn remember(&self, password: &str, hash: &str) {
        let digest = self.digest(password, hash);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(digest);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use nervure_core::auth::Secret;

    use super::*;

    /// Of "b0b pass", made with cost 4.
    const HASH: &str = "$2a$04$abcdefghijklmnopqrstuu0IW6TsD.ltswA2qNb/gSLIg6DlPpsYq";

    fn question(password: &str, hash: &str) -> Question {
        Question::Bcrypt { password: Secret::Plain(password.into()), hash: hash.into() }
    }

    fn fits(password: &str, hash: &str) -> bool {
        answer(&question(password, hash), None) == Answer::Fits
    }

    #[test]
    fn all_four_letters_verify_alike_and_malformed_hashes_never() {
        for letter in ["a", "b", "x", "y"] {
            let hash = HASH.replacen("2a", &format!("2{letter}"), 1);
            assert!(fits("b0b pass", &hash), "{hash}");
            assert!(!fits("b0b pas", &hash) && !fits("", &hash), "{hash}");
        }
        for hash in ["$2a$04$", "$2a$04$short", "$2a$99$abcdefghijklmnopqrstuu", &HASH[..59]] {
            assert!(!fits("b0b pass", hash) && !fits(hash, hash) && !fits("", hash), "{hash}");
        }
    }

    #[test]
    fn seventy_two_octets_count() {
        let long = "x".repeat(72);
        let hash = bcrypt::hash(&long, 4).unwrap();
        assert!(fits(&long, &hash));
        assert!(fits(&format!("{long}y"), &hash) && fits(&"x".repeat(100), &hash));
        assert!(!fits(&long[..71], &hash));
    }

    #[test]
    fn good_passwords_are_remembered_with_their_hash_only() {
        let proven = Proven::new().unwrap();
        assert!(!proven.knows("b0b pass", HASH));
        assert_eq!(answer(&question("b0b pass", HASH), Some(&proven)), Answer::Fits);
        assert!(proven.knows("b0b pass", HASH));
        assert_eq!(answer(&question("x", HASH), Some(&proven)), Answer::DoesNotFit);
        assert!(!proven.knows("x", HASH) && !proven.knows("b0b pass", &HASH.replace("2a", "2b")));
        for number in 0..3 * REMEMBERED {
            proven.remember(&number.to_string(), HASH);
        }
        assert!(proven.known.lock().unwrap().len() <= REMEMBERED);
    }

    #[test]
    fn a_full_queue_says_so_at_once_and_what_is_late_is_not_checked() {
        let passwords = Passwords::default();
        let patient = Instant::now() + Duration::from_secs(600);
        // Every thread is held up by the answer it delivers.
        let (started, busy) = mpsc::channel();
        let (release, gate) = mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        for _ in 0..threads() {
            let (started, gate) = (started.clone(), gate.clone());
            let hold = Box::new(move |_| {
                started.send(()).unwrap();
                let _ = gate.lock().unwrap().recv();
            });
            passwords.ask(question("y", "malformed"), patient, hold);
        }
        for _ in 0..threads() {
            busy.recv().unwrap();
        }
        let (answers, received) = mpsc::channel();
        let late = Instant::now();
        for _ in 0..QUEUE + 100 {
            let answers = answers.clone();
            passwords.ask(
                question("b0b pass", HASH),
                late,
                Box::new(move |answer| answers.send(answer).unwrap()),
            );
        }
        drop((answers, passwords, release));
        let all: Vec<Answer> = received.iter().collect();
        assert_eq!(all, vec![Answer::Overloaded; 100]);
    }
}
