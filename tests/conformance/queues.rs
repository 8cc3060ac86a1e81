//! Items 141 to 144 and 149: queue groups.

use std::collections::BTreeMap;

use harness::{Launch, Session};

use crate::table::PLAIN;

/// Reads messages up to the PONG of a PING sent now: how many each sid got.
fn copies(session: &mut Session) -> BTreeMap<String, usize> {
    session.send("PING\r\n");
    let mut counts = BTreeMap::new();
    loop {
        let line = String::from_utf8_lossy(&session.read_line_answering()).into_owned();
        if line == "PONG" {
            return counts;
        }
        session.expect("\r\n");
        let sid = line.split(' ').nth(2).unwrap_or_default();
        *counts.entry(sid.to_owned()).or_default() += 1;
    }
}

#[test]
fn c141_c143_each_group_gets_one_copy_and_each_plain_subscription_one() {
    let server = PLAIN.lock();
    let mut session = server.client("");
    session.send("SUB g q1 a1\r\nSUB g q1 a2\r\nSUB g q2 b1\r\nSUB g q2 b2\r\nSUB g q2 b3\r\n");
    session.send("SUB g p1\r\nSUB g p2\r\n").send("PUB g 0\r\n\r\n".repeat(60));
    let counts = copies(&mut session);
    let of = |sids: &[&str]| sids.iter().filter_map(|sid| counts.get(*sid)).sum::<usize>();
    assert_eq!((of(&["a1", "a2"]), of(&["b1", "b2", "b3"])), (60, 60), "{counts:?}");
    assert_eq!((of(&["p1"]), of(&["p2"])), (60, 60), "{counts:?}");
}

#[test]
fn c142_one_name_on_overlapping_subjects_is_one_group() {
    let server = PLAIN.lock();
    let mut session = server.client("");
    session.send("SUB o.* over 1\r\nSUB o.bar over 2\r\nSUB > over 3\r\n");
    session.send("PUB o.bar 0\r\n\r\n".repeat(900));
    let counts = copies(&mut session);
    assert_eq!(counts.values().sum::<usize>(), 900, "{counts:?}");
    for sid in ["1", "2", "3"] {
        let count = counts.get(sid).copied().unwrap_or_default();
        // A fair share is 300; ten standard deviations are about 140.
        assert!((160..440).contains(&count), "{counts:?}");
    }
}

#[test]
fn c144_members_on_several_connections_get_even_shares() {
    let server = Launch::new().start();
    let mut members: Vec<Session> = (0..3).map(|_| server.client("")).collect();
    for member in &mut members {
        member.send("SUB even q 1\r\n").expect_open();
    }
    let mut publisher = server.client("");
    for _ in 0..30 {
        publisher.send("PUB even 0\r\n\r\n".repeat(100)).expect_open();
    }
    let shares: Vec<usize> =
        members.iter_mut().map(|member| copies(member).values().sum()).collect();
    assert_eq!(shares.iter().sum::<usize>(), 3000, "{shares:?}");
    for share in &shares {
        // A fair share is 1000; seven standard deviations are about 180.
        assert!((820..1180).contains(share), "{shares:?}");
    }
}

#[test]
fn c144_a_member_that_is_gone_gets_nothing_and_the_rest_get_all() {
    let server = PLAIN.lock();
    let mut staying = server.client("");
    staying.send("SUB gone q-gone 1\r\n").expect_open();
    let mut leaving = server.client("");
    leaving.send("SUB gone q-gone 1\r\n").expect_open();
    leaving.send("UNSUB 1\r\n").expect_open();
    staying.send("PUB gone 0\r\n\r\n".repeat(50));
    assert_eq!(copies(&mut staying).values().sum::<usize>(), 50);
    leaving.expect_open();
}

#[test]
fn c149_queue_names_are_plain_names() {
    let server = PLAIN.lock();
    let mut session = server.client("");
    session.send("SUB n * 1\r\nSUB n q.> 2\r\nSUB n a..b 3\r\nSUB n q.x 4\r\n");
    session.send("PUB n 0\r\n\r\n");
    assert_eq!(copies(&mut session).len(), 4, "four names, four groups");
}
