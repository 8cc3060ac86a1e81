//! Loads whose cost is in finding who wants a message.
//!
//! [`subscriptions`]: one client with very many subscriptions, one of ten a wildcard (half of them
//! `*` within, half `>` at the end), and random publishes that each meet exactly one of them. The
//! memory of a subscription is what the server's resident memory grew by while they were made,
//! divided by their number; the rate of subscribing is that of the same time. With churn, another
//! client subscribes and unsubscribes all the while, and the rate of subscribing is that client's.
//!
//! [`connections`]: very many clients with one subscription each, and random publishes that each
//! meet one of them, so that the work is spread over all sockets.

use std::fmt::Write;
use std::time::Instant;

use crate::error::Result;
use crate::flow::{BATCH, Batch, Flow, Publisher, Subscriber};
use crate::loads;
use crate::meter::Times;
use crate::peer::{Door, Peer, Transport};
use crate::sample::{Metric, Sample};
use crate::servers::Running;
use crate::stream::{Counter, Messages, Repeating};

/// Messages that are encoded beforehand; they go round and round.
const MESSAGES: usize = 200_000;

/// SUBs that are sent between two PINGs.
const SUBS: u32 = 2_000;

/// The payload of every message.
const PAYLOAD: &str = "0123456789abcdef";

/// What subscription `number` asks for. No subject meets two of them: the third token is the
/// subscription's own.
fn pattern(number: u32, into: &mut String) {
    // Writing to a string cannot fail.
    let _ = match number % 20 {
        3 => write!(into, "plant.*.{number}.temperature"),
        13 => write!(into, "plant.{}.{number}.>", number % 1000),
        _ => write!(into, "plant.{}.{number}.temperature", number % 1000),
    };
}

/// The subject that meets subscription `number`.
fn subject(number: u32) -> String {
    format!("plant.{}.{number}.temperature", number % 1000)
}

/// Many subscriptions of one client.
pub(crate) fn subscriptions(
    server: &Running,
    door: &Door,
    times: Times,
    count: u32,
    churn: bool,
) -> Result<Sample> {
    let mut peer = Peer::connect(door)?;
    let (before, began) = (server.resident(), Instant::now());
    let mut text = String::new();
    for first in (0..count).step_by(SUBS as usize) {
        text.clear();
        for number in first..count.min(first + SUBS) {
            text.push_str("SUB ");
            pattern(number, &mut text);
            let _ = write!(text, " {number}\r\n");
        }
        peer.command(text.as_bytes())?;
    }
    let seconds = began.elapsed().as_secs_f64();
    let grown = server.resident().saturating_sub(before);
    let subscriber = Subscriber { peer, counter: Counter::Any(Messages::default()) };
    let batches = random_batches(door.transport, count, subject);
    let mut publishers = vec![Publisher::new(Peer::connect(door)?, batches)];
    if churn {
        publishers.push(loads::churn(door)?);
    }
    let mut sample = Flow::new(publishers, vec![subscriber])?.run(server, times)?;
    if !churn {
        sample.add(Metric::Subscribing, f64::from(count) / seconds);
    }
    sample.add(Metric::PerSubscription, grown as f64 / f64::from(count));
    Ok(sample)
}

/// Many clients with one subscription each.
pub(crate) fn connections(
    server: &Running,
    door: &Door,
    times: Times,
    count: u32,
) -> Result<Sample> {
    let mut subscribers = Vec::new();
    for number in 0..count {
        let mut peer = Peer::connect(door)?;
        let subject = subject(number);
        peer.command(format!("SUB {subject} 1\r\n").as_bytes())?;
        let message = format!("MSG {subject} 1 {}\r\n{PAYLOAD}\r\n", PAYLOAD.len());
        let counter = Counter::Repeating(Repeating::short(message.as_bytes()));
        subscribers.push(Subscriber { peer, counter });
    }
    let batches = random_batches(door.transport, count, subject);
    let publisher = Publisher::new(Peer::connect(door)?, batches);
    Flow::new(vec![publisher], subscribers)?.run(server, times)
}

/// Batches of messages to random ones of `count` subjects, the same in every run.
fn random_batches(transport: Transport, count: u32, subject: fn(u32) -> String) -> Vec<Batch> {
    let mut rng = fastrand::Rng::with_seed(1);
    let (mut batches, mut text, mut messages) = (Vec::new(), String::new(), 0);
    for sent in 1..=MESSAGES {
        let subject = subject(rng.u32(..count));
        let _ = write!(text, "PUB {subject} {}\r\n{PAYLOAD}\r\n", PAYLOAD.len());
        messages += 1;
        if text.len() >= BATCH || sent == MESSAGES {
            let bytes = transport.frame(std::mem::take(&mut text).into_bytes());
            batches.push(Batch { bytes, messages, deliveries: messages });
            messages = 0;
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_subject_meets_its_own_pattern_and_no_other() {
        let tokens = |text: &str| text.split('.').map(str::to_owned).collect::<Vec<String>>();
        let patterns: Vec<Vec<String>> = (0..200)
            .map(|number| {
                let mut text = String::new();
                pattern(number, &mut text);
                tokens(&text)
            })
            .collect();
        for number in 0..200 {
            let subject = tokens(&subject(number));
            let meets = |pattern: &Vec<String>| {
                pattern.iter().enumerate().all(|(at, token)| {
                    token == "*" || token == ">" || subject.get(at) == Some(token)
                })
            };
            let met: Vec<usize> = (0..200).filter(|other| meets(&patterns[*other])).collect();
            assert_eq!(met, [number as usize]);
        }
    }

    #[test]
    fn batches_count_what_they_hold() {
        let batches = random_batches(Transport::Plain, 1000, subject);
        let held = |batch: &Batch| memchr::memmem::find_iter(&batch.bytes, "PUB ").count() as u64;
        assert!(batches.len() > 10 && batches.iter().all(|batch| held(batch) == batch.messages));
        assert_eq!(batches.iter().map(|it| it.deliveries).sum::<u64>(), MESSAGES as u64);
    }
}
