//! Links that wait for an answer from elsewhere: what they read, what becomes of the rest, and
//! who is served meanwhile.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says no by panicking")]

mod one_shard;

use std::sync::Arc;
use std::time::Duration;

use nervure_core::auth::{Answer, Auth, CallId, Question, Secret, User, Users};
use nervure_core::settings::Settings;
use nervure_core::shard::Output;
use nervure_core::{CloseReason, LinkId, Time};

use one_shard::{Asked, World};

const HASH: &str = "$2a$04$abcdefghijklmnopqrstuu0IW6TsD.ltswA2qNb/gSLIg6DlPpsYq";
const HASHED: &[u8] = b"CONNECT {\"user\":\"hashed\",\"pass\":\"b\",\"verbose\":false}\r\n";
const PLAIN: &[u8] = b"CONNECT {\"user\":\"plain\",\"pass\":\"p\",\"verbose\":false}\r\n";

fn settings(hash: &str) -> Settings {
    let users = [("hashed", hash), ("plain", "p")];
    let users = users.map(|(name, password)| User::with_password(name, Secret::new(password)));
    let users = Arc::new(Users::new(users));
    Settings { auth: Auth { required: true, users, ..Auth::default() }, ..Settings::default() }
}

/// The password and the hash that the first question is about.
fn bcrypt(asked: &Asked) -> (&Secret, &Arc<str>) {
    match &asked.asks[0].question {
        Question::Bcrypt { password, hash } => (password, hash),
        other => panic!("{other:?}"),
    }
}

fn world() -> World {
    World::new(settings(HASH))
}

fn reload(world: &mut World, settings: Settings) -> Asked {
    world.shard.reconfigure(world.now, Arc::new(settings));
    world.drain()
}

/// A link that has asked, and its call.
fn waiting(world: &mut World) -> (LinkId, CallId) {
    let link = world.open();
    let (taken, asked) = world.say(link, HASHED);
    assert_eq!(taken, HASHED.len());
    (link, asked.asks[0].call)
}

fn violation(link: LinkId) -> Asked {
    Asked {
        heard: vec![(link, "-ERR 'Authorization Violation'\r\n".to_owned())],
        closed: vec![(link, CloseReason::AuthenticationFailure)],
        ..Asked::default()
    }
}

#[test]
fn what_follows_connect_is_left_to_the_driver_and_taken_after_the_answer() {
    let mut world = world();
    let link = world.open();
    let all = [HASHED, b"SUB x 1\r\nPUB x 2\r\nhi\r\nPING\r\n"].concat();
    let (taken, asked) = world.say(link, &all);
    assert_eq!(taken, HASHED.len());
    let (password, hash) = bcrypt(&asked);
    assert_eq!((password.expose(), &**hash), ("b", HASH));
    let call = asked.asks[0].call;
    assert_eq!(asked, Asked { asks: asked.asks.clone(), ..Asked::default() });
    let rest = &all[taken..];
    assert_eq!(world.say(link, rest), (0, Asked::default()), "nothing is read meanwhile");
    let asked = world.answer(call, Answer::Fits);
    assert_eq!(asked, Asked { resumed: vec![link], ..Asked::default() });
    let (taken, asked) = world.say(link, rest);
    assert_eq!(taken, rest.len());
    assert_eq!(asked.heard, [(link, "MSG x 1 2\r\nhi\r\nPONG\r\n".to_owned())]);
}

#[test]
fn others_are_served_meanwhile() {
    let mut world = world();
    let (_, call) = waiting(&mut world);
    let other = world.open();
    let (_, asked) = world.say(other, &[PLAIN, b"PING\r\n"].concat());
    assert_eq!(asked.heard, [(other, "PONG\r\n".to_owned())]);
    assert_eq!(world.answer(call, Answer::Fits).closed, []);
}

#[test]
fn a_wrong_password_is_refused_and_what_followed_is_dropped() {
    let mut world = world();
    let (link, call) = waiting(&mut world);
    let mut asked = world.answer(call, Answer::DoesNotFit);
    asked.resumed.clear();
    assert_eq!(asked, violation(link));
    assert_eq!(world.say(link, b"PING\r\n"), (6, Asked::default()));
}

#[test]
fn the_timer_runs_on_and_late_answers_find_nobody() {
    let mut world = world();
    let link = world.open();
    world.later(Duration::from_millis(1500));
    let (_, asked) = world.say(link, HASHED);
    assert_eq!(asked.asks[0].deadline, Time::ZERO.after(Duration::from_secs(2)));
    let call = asked.asks[0].call;
    assert_eq!(world.later(Duration::from_millis(400)), Asked::default());
    let asked = world.later(Duration::from_millis(100));
    assert_eq!(asked.heard, [(link, "-ERR 'Authentication Timeout'\r\n".to_owned())]);
    assert_eq!(asked.closed, [(link, CloseReason::AuthenticationTimeout)]);
    let stranger = world.open();
    assert_eq!(stranger.slot, link.slot, "or the test would show little");
    assert_eq!(world.answer(call, Answer::Fits), Asked::default());
    let (_, asked) = world.say(stranger, b"PING\r\n");
    assert_eq!(asked, violation(stranger));
}

#[test]
fn an_overloaded_driver_closes_in_good_order() {
    let mut world = world();
    let (link, call) = waiting(&mut world);
    let asked = world.answer(call, Answer::Overloaded);
    assert_eq!(asked.closed, [(link, CloseReason::AuthenticationTimeout)]);
}

#[test]
fn every_answer_is_good_once() {
    let mut world = world();
    let (link, first) = waiting(&mut world);
    world.answer(first, Answer::Fits);
    let (_, asked) = world.say(link, HASHED);
    let second = asked.asks[0].call;
    assert_ne!(first, second);
    assert_eq!(world.answer(first, Answer::Fits), Asked::default(), "it is for the first");
    let mut asked = world.answer(second, Answer::DoesNotFit);
    asked.resumed.clear();
    assert_eq!(asked, violation(link));
}

#[test]
fn a_repeated_connect_waits_with_what_it_had_gone() {
    let mut world = world();
    let (link, call) = waiting(&mut world);
    world.answer(call, Answer::Fits);
    world.say(link, b"SUB x 1\r\n");
    let (_, asked) = world.say(link, b"CONNECT {}\r\n");
    assert_eq!(world.shard.subscription_count(), 0);
    world.answer(asked.asks[0].call, Answer::Fits);
    let (_, asked) = world.say(link, b"PUB x 0\r\n\r\nPING\r\n");
    assert_eq!(asked.heard, [(link, "PONG\r\n".to_owned())]);
}

#[test]
fn a_reload_asks_again_only_where_the_hash_has_changed() {
    let mut world = world();
    let (link, call) = waiting(&mut world);
    world.answer(call, Answer::Fits);
    world.say(link, b"SUB x 1\r\n");
    let mut other = settings(HASH);
    other.limits.max_payload = 100;
    assert_eq!(reload(&mut world, other), Asked::default());
    let mut more = settings(HASH);
    more.auth.token = Some(Secret::new("t"));
    assert_eq!(reload(&mut world, more), Asked::default(), "the same password and hash as before");
    let changed = HASH.replace("abc", "abd");
    let asked = reload(&mut world, settings(&changed));
    let (password, hash) = bcrypt(&asked);
    assert_eq!((password.expose(), &**hash), ("b", &*changed));
    let publisher = world.open();
    let (_, published) = world.say(publisher, &[PLAIN, b"PUB x 0\r\n\r\n"].concat());
    assert_eq!(published.heard, [(link, "MSG x 1 0\r\n\r\n".to_owned())], "it still hears");
    world.answer(asked.asks[0].call, Answer::Fits);
    let (_, asked) = world.say(link, b"PING\r\n");
    assert_eq!(asked.heard, [(link, "PONG\r\n".to_owned())]);
}

#[test]
fn a_reload_while_a_link_waits_asks_by_the_new_hash() {
    let mut world = world();
    let (link, call) = waiting(&mut world);
    let asked = reload(&mut world, settings(&HASH.replace("abc", "abd")));
    let second = asked.asks[0].call;
    assert_eq!(world.answer(call, Answer::Fits), Asked::default(), "by the old hash");
    assert_eq!(world.answer(second, Answer::Fits).resumed, [link]);
    let (waiting, call) = waiting(&mut world);
    let mut asked = reload(&mut world, settings("plain now"));
    asked.closed.retain(|(closed, _)| *closed == waiting);
    assert_eq!(asked.closed, [(waiting, CloseReason::AuthenticationFailure)]);
    assert_eq!(world.answer(call, Answer::Fits), Asked::default());
}

#[test]
fn a_stall_that_ends_does_not_end_the_wait() {
    let mut world = world();
    let mut slow = settings(HASH);
    slow.limits.max_pending = 4096;
    reload(&mut world, slow);
    let consumer = world.open();
    world.say(consumer, &[PLAIN, b"SUB x 1\r\n"].concat());
    let producer = world.open();
    world.say(producer, PLAIN);
    // More than three quarters of what may wait for the consumer, who does not read.
    let most = [b"PUB x 3500\r\n".as_slice(), &[b'x'; 3500], b"\r\n"].concat();
    let again = [&most, b"PUB x 0\r\n\r\n".as_slice(), HASHED].concat();
    let mut call = None;
    let mut rest = &again[..];
    while !rest.is_empty() {
        rest = &rest[world.shard.receive(world.now, producer, rest)..];
    }
    let mut paused = false;
    loop {
        match world.shard.poll() {
            Output::Pause(link) => paused |= link == producer,
            Output::Ask(ask) => call = Some(ask.call),
            Output::Idle(_) => break,
            _ => {}
        }
    }
    assert!(paused, "or the test shows nothing");
    assert_eq!(world.later(Duration::from_millis(20)).resumed, []);
    assert_eq!(world.answer(call.unwrap(), Answer::Fits).resumed, [producer]);
}
