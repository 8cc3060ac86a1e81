//! What must be true of a world that has come to rest.

use std::collections::{BTreeMap, BTreeSet};

use nervure_core::CloseReason;

use crate::client::{Client, Fate, HEADER, Heard, Publication, body};
use crate::play::{ANCHORED, INBOX};
use crate::world::{MAX_SUBSCRIPTIONS, World};

/// A message by who sent it and its number there.
pub(crate) type Message = (usize, usize);

/// Whether a subscription's subject covers a literal one: the plainest matcher there is.
pub(crate) fn matches(pattern: &str, subject: &str) -> bool {
    match (pattern.split_once('.'), subject.split_once('.')) {
        _ if pattern == ">" => true,
        (Some((first, pattern)), Some((token, subject))) => {
            (first == "*" || first == token) && matches(pattern, subject)
        }
        (None, None) => pattern == "*" || pattern == subject,
        _ => false,
    }
}

pub(crate) fn message(heard: &Heard) -> Message {
    let text = std::str::from_utf8(&heard.body).unwrap();
    let mut words = text.split(':');
    let mut number = || words.next().unwrap().parse().unwrap();
    (number(), number())
}

/// Checks everything that needs no more than the world's end.
pub(crate) fn check(world: &World) {
    let mut groups: BTreeMap<&str, BTreeMap<Message, usize>> = BTreeMap::new();
    for client in &world.clients {
        arrived_whole_and_in_order(world, client, &mut groups);
        nothing_is_lost(world, client);
        limits_hold(client);
        nobody_is_reported_where_somebody_is_and_the_other_way_round(client);
        cut_off_for_a_reason(client);
    }
    for (queue, taken) in &groups {
        let twice = taken.iter().find(|(_, count)| **count > 1);
        assert_eq!(twice, None, "two members of {queue} got one message");
    }
    // One group has members that come and go, but none that is lost with what it got.
    let taken = groups.remove(ANCHORED).unwrap_or_default();
    for (sent, publication) in published(world) {
        let own = sent.0 == 0 && !world.clients[0].echo;
        if publication.at.is_some() && !publication.doubtful && !own {
            assert!(taken.contains_key(&sent), "no member of {ANCHORED} got {sent:?}");
        }
    }
}

/// Every publication of the subjects that are subscribed to.
fn published(world: &World) -> impl Iterator<Item = (Message, &Publication)> {
    world.clients.iter().flat_map(|client| {
        client.published.iter().enumerate().map(|(number, it)| ((client.number, number), it))
    })
}

fn arrived_whole_and_in_order<'w>(
    world: &'w World,
    client: &'w Client,
    groups: &mut BTreeMap<&'w str, BTreeMap<Message, usize>>,
) {
    let mut last: BTreeMap<(usize, usize, &str), usize> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for heard in client.heard.iter().filter(|heard| heard.subject != inbox(client)) {
        let (from, number) = message(heard);
        let name = format!("{from}:{number} to {}, sid {}", client.number, heard.sid);
        let publication = &world.clients[from].published[number];
        let sub = &client.subs[heard.sid];
        assert!(publication.at.is_some() || publication.doubtful, "{name} before it was read");
        assert_eq!(publication.subject, heard.subject, "{name}");
        assert!(matches(sub.subject, &heard.subject), "{name}: {}", sub.subject);
        assert!(heard.body == body(from, number, publication.len).as_bytes(), "{name}: body");
        let header = if client.headers && publication.header { HEADER } else { "" };
        assert_eq!(heard.header, header.as_bytes(), "{name}: header");
        assert!(client.echo || from != client.number, "{name}: echo, queue {:?}", sub.queue);
        assert_ne!(sub.taken, Some(false), "{name}: the subscription was refused");
        assert!(seen.insert((heard.sid, from, number)), "{name}: twice");
        let before = last.insert((heard.sid, from, &publication.subject), number);
        // A member that leaves hands on what was on its way to it, and that comes late.
        let in_order = before < Some(number) || (sub.queue.is_some() && !world.calm);
        assert!(in_order, "{name}: after {before:?}, queue {:?}", sub.queue);
        if let Some(queue) = sub.queue {
            *groups.entry(queue).or_default().entry((from, number)).or_default() += 1;
        }
    }
}

/// A plain subscription of a client that reads to the end gets all that was published after it.
fn nothing_is_lost(world: &World, client: &Client) {
    if client.fate != Fate::Alive {
        return;
    }
    let got: BTreeSet<(usize, Message)> = client
        .heard
        .iter()
        .filter(|heard| heard.subject != inbox(client))
        .map(|heard| (heard.sid, message(heard)))
        .collect();
    for (sid, sub) in client.subs.iter().enumerate() {
        let name = format!("client {} sid {sid} on {}", client.number, sub.subject);
        assert!(sub.taken.is_some(), "{name}: the PING behind it has no PONG");
        if sub.queue.is_some() || sub.left || sub.taken == Some(false) {
            continue;
        }
        let due = published(world).filter(|(sent, publication)| {
            publication.at > sub.since
                && !publication.doubtful
                && matches(sub.subject, &publication.subject)
                && (client.echo || sent.0 != client.number)
        });
        let due: Vec<Message> = due.map(|(sent, _)| sent).collect();
        match sub.max {
            Some(_) if !sub.limited => {}
            None => {
                let lost = due.iter().find(|sent| !got.contains(&(sid, **sent)));
                assert_eq!(lost, None, "{name}: lost");
            }
            Some(max) => {
                let count = got.iter().filter(|(of, _)| *of == sid).count();
                assert!(count <= max, "{name}: {count} of at most {max}");
                assert!(count >= max.min(due.len()), "{name}: {count} of {max}");
            }
        }
    }
}

/// SUB is refused when, and only when, the limit is reached. How many live, auto-unsubscribed ones
/// leave open.
fn limits_hold(client: &Client) {
    for (sid, sub) in client.subs.iter().enumerate() {
        // What was unsubscribed may have been so before or after this one.
        let before = || client.subs[..sid].iter().filter(|other| other.taken != Some(false));
        let certain = before().filter(|other| !other.left && other.max.is_none()).count();
        match sub.taken {
            Some(true) => assert!(certain < MAX_SUBSCRIPTIONS, "sid {sid}: above the limit"),
            Some(false) => assert!(before().count() >= MAX_SUBSCRIPTIONS, "sid {sid}: refused"),
            None => {}
        }
    }
}

fn inbox(client: &Client) -> String {
    format!("{INBOX}.{}", client.number)
}

fn nobody_is_reported_where_somebody_is_and_the_other_way_round(client: &Client) {
    let own = inbox(client);
    let told = client.heard.iter().filter(|heard| heard.subject == own);
    let mut count = 0;
    for heard in told {
        let expected = format!("NATS/1.0 503\r\nNats-Subject: nobody.{own}\r\n\r\n");
        assert_eq!(String::from_utf8_lossy(&heard.header), expected);
        assert!(heard.body.is_empty());
        count += 1;
    }
    if client.fate == Fate::Alive && client.headers {
        assert_eq!(count, client.requests, "client {}: 503", client.number);
    } else {
        assert!(count <= client.requests);
    }
}

/// Whoever reads is never cut off, and whoever does not only for that.
fn cut_off_for_a_reason(client: &Client) {
    if let Fate::CutOff(reason) = client.fate {
        assert!(client.was_slow, "client {} read all the time: {reason:?}", client.number);
        let slow = [
            CloseReason::SlowConsumerPendingBytes,
            CloseReason::SlowConsumerWriteDeadline,
            CloseReason::StaleConnection,
        ];
        assert!(slow.contains(&reason), "client {}: {reason:?}", client.number);
    }
}
