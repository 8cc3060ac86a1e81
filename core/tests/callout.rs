//! Clients about whom a service decides: how long they wait, what becomes of them, and who is
//! served meanwhile.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says no by panicking")]

mod one_shard;

use std::sync::Arc;
use std::time::Duration;

use nervure_core::account::GLOBAL;
use nervure_core::auth::{
    Answer, Ask, Auth, Callout, Delegated, PublicKey, Question, Secret, User, Users,
};
use nervure_core::settings::Settings;
use nervure_core::shard::OwnMessage;
use nervure_core::{CloseReason, LinkId, Time};

use one_shard::{Asked, World};

const KEY: &str = "UAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3RLKK";
const AUTH: &[u8] = b"CONNECT {\"user\":\"auth\",\"pass\":\"p\",\"verbose\":false}\r\n";
const ALICE: &[u8] =
    b"CONNECT {\"user\":\"alice\",\"pass\":\"w\",\"name\":\"cli\",\"verbose\":false}\r\n";
const VIOLATION: &str = "-ERR 'Authorization Violation'\r\n";

fn settings() -> Settings {
    let users = ["auth", "bob"].map(|name| User::with_password(name, Secret::new("p")));
    let callout = Callout {
        account: GLOBAL.into(),
        auth_users: vec!["auth".into(), KEY.into()],
        allowed_accounts: Vec::new(),
    };
    let auth = Auth {
        required: true,
        users: Arc::new(Users::new(users)),
        callout: Some(Arc::new(callout)),
        ..Auth::default()
    };
    Settings { auth, ..Settings::default() }
}

/// A client that waits, and the question about it.
fn waiting(world: &mut World) -> (LinkId, Ask) {
    let link = world.open();
    let mut asked = say(world, link, ALICE);
    (link, asked.asks.remove(0))
}

/// Says something, as far as it is taken; what comes of it.
fn say(world: &mut World, link: LinkId, bytes: &[u8]) -> Asked {
    world.say(link, bytes).1
}

fn alice() -> Answer {
    Answer::Admit(Arc::new(User::with_password("alice", Secret::default())))
}

fn delegated(ask: &Ask) -> &Delegated {
    match &ask.question {
        Question::Callout(delegated) => delegated,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_question_has_what_the_client_shows() {
    let mut world = World::new(settings());
    let (link, ask) = waiting(&mut world);
    let Delegated { client, connect, account, proxied, .. } = delegated(&ask);
    assert!(client.id > 0);
    assert_eq!((&*client.host, &*client.user), ("127.0.0.1", "alice"));
    assert_eq!((&*client.kind, &*client.client_type, &*client.nonce), ("Client", "nats", ""));
    assert_eq!((&*connect.user, &*connect.pass, &*connect.name), ("alice", "w", "cli"));
    assert_eq!((&**account, *proxied), (GLOBAL, false));
    let resumed = Asked { resumed: vec![link], ..Asked::default() };
    assert_eq!(world.answer(ask.call, alice()), resumed);
    assert_eq!(say(&mut world, link, b"PING\r\n").heard, [(link, "PONG\r\n".to_owned())]);
}

#[test]
fn who_is_delegated() {
    let connect = |user: &str, pass: &str| {
        format!("CONNECT {{\"user\":\"{user}\",\"pass\":\"{pass}\",\"verbose\":false}}\r\n")
    };
    for (user, pass, is_delegated) in
        [("auth", "p", false), ("auth", "x", false), ("bob", "p", true), ("bob", "x", true)]
    {
        let mut world = World::new(settings());
        let link = world.open();
        let asked = say(&mut world, link, connect(user, pass).as_bytes());
        assert_eq!(asked.asks.len(), usize::from(is_delegated), "{user} {pass}");
        let refused = user == "auth" && pass == "x";
        assert_eq!(asked.closed.len(), usize::from(refused), "{user} {pass}");
    }
    // An auth user by key: his signature is what counts.
    let mut settings = settings();
    let key = User::with_nkey(PublicKey::parse(KEY).unwrap());
    settings.auth.users = Arc::new(Users::new([key]));
    let mut world = World::new(settings);
    let link = world.open();
    let asked = say(&mut world, link, format!("CONNECT {{\"nkey\":\"{KEY}\"}}\r\n").as_bytes());
    assert_eq!((asked.asks.len(), asked.closed.len()), (0, 1));
}

#[test]
fn before_connect_nobody_is_delegated() {
    let mut settings = settings();
    settings.auth.no_auth_user = Some("bob".into());
    let mut world = World::new(settings);
    let link = world.open();
    let asked = say(&mut world, link, b"SUB x 1\r\n");
    assert_eq!((asked.asks.len(), asked.closed.len()), (0, 1));
    let link = world.open();
    let asked = say(&mut world, link, b"CONNECT {\"verbose\":false}\r\n");
    assert_eq!(delegated(&asked.asks[0]).client.user, "bob");
}

/// The service's time begins with the question, and its end is told to the driver first.
#[test]
fn the_service_has_its_own_time() {
    let mut world = World::new(settings());
    let link = world.open();
    world.later(Duration::from_millis(1900));
    let asked = say(&mut world, link, ALICE);
    let ask = &asked.asks[0];
    assert_eq!(ask.deadline, Time::ZERO.after(Duration::from_millis(3900)));
    assert_eq!(world.later(Duration::from_millis(2300)), Asked::default());
    assert_eq!(world.answer(ask.call, alice()).closed, [], "the driver may find one elsewhere");
    assert_eq!(say(&mut world, link, b"PING\r\n").heard, [(link, "PONG\r\n".to_owned())]);
    let (link, ask) = waiting(&mut world);
    let asked = world.later(Duration::from_millis(2500));
    assert!(asked.heard.contains(&(link, VIOLATION.to_owned())), "{asked:?}");
    assert_eq!(asked.closed, [(link, CloseReason::AuthenticationFailure)]);
    assert_eq!(world.answer(ask.call, alice()), Asked::default(), "it is too late");
}

#[test]
fn a_refused_client_is_told_nothing_more() {
    let mut world = World::new(settings());
    let refuse = Answer::Refuse("because".to_owned());
    for answer in [refuse, Answer::Overloaded, Answer::Fits, Answer::DoesNotFit] {
        let (link, ask) = waiting(&mut world);
        let asked = world.answer(ask.call, answer);
        assert_eq!(asked.heard, [(link, VIOLATION.to_owned())]);
        assert_eq!(asked.closed, [(link, CloseReason::AuthenticationFailure)]);
    }
}

#[test]
fn a_user_of_an_account_that_is_gone_is_refused() {
    let mut world = World::new(settings());
    let (link, ask) = waiting(&mut world);
    let user = User { account: "GONE".into(), ..User::with_password("a", Secret::default()) };
    let asked = world.answer(ask.call, Answer::Admit(Arc::new(user)));
    assert_eq!(asked.heard, [(link, VIOLATION.to_owned())]);
}

/// A thousand logins wait; those who are in notice nothing, the service included.
#[test]
fn many_waiting_logins_do_not_disturb_traffic() {
    let mut world = World::new(settings());
    let service = world.open();
    say(&mut world, service, &[AUTH, b"SUB ask 1\r\n"].concat());
    let receiver = world.open();
    say(&mut world, receiver, &[AUTH, b"SUB x 1\r\n"].concat());
    let mut crowd = Vec::new();
    for number in 0..1000 {
        let (link, ask) = waiting(&mut world);
        let message = OwnMessage {
            account: nervure_core::account::AccountId::GLOBAL,
            subject: b"ask",
            header: b"",
            payload: b"?",
        };
        world.shard.request(world.now, number, message, Duration::from_secs(2));
        let heard = world.drain().heard.remove(0).1;
        let reply = heard.split(' ').nth(3).unwrap().to_owned();
        crowd.push((link, ask, reply));
        let asked = say(&mut world, receiver, b"PUB x 2\r\nhi\r\n");
        assert_eq!(asked.heard, [(receiver, "MSG x 1 2\r\nhi\r\n".to_owned())]);
    }
    // The last one first, and half of them not at all.
    for (number, (link, ask, reply)) in crowd.iter().enumerate().rev().filter(|it| it.0 % 2 == 0) {
        let asked = say(&mut world, service, format!("PUB {reply} 1\r\n!\r\n").as_bytes());
        assert_eq!(asked.responses, [(number as u64, Some(b"!".to_vec()))]);
        world.answer(ask.call, alice());
        assert_eq!(say(&mut world, *link, b"PING\r\n").heard, [(*link, "PONG\r\n".to_owned())]);
    }
    let asked = world.later(Duration::from_secs(2));
    assert_eq!(asked.responses.len(), 500);
    let asked = world.later(Duration::from_millis(500));
    assert_eq!(asked.closed.len(), 500);
    assert_eq!(world.shard.link_count(), 502);
}

#[test]
fn a_reload_asks_anew_about_who_waits_and_who_is_in() {
    let mut world = World::new(settings());
    let token = b"CONNECT {\"auth_token\":\"t\",\"verbose\":false}\r\n";
    let inside = world.open();
    let asked = say(&mut world, inside, token);
    world.answer(asked.asks[0].call, alice());
    let (waiting, ask) = waiting(&mut world);
    let mut other = settings();
    other.auth.users = Arc::new(Users::new([User::with_password("auth", Secret::new("p"))]));
    world.shard.reconfigure(world.now, Arc::new(other));
    let asked = world.drain();
    let mut about: Vec<LinkId> = asked.asks.iter().map(|ask| ask.call.link).collect();
    about.sort_unstable_by_key(|link| link.slot);
    assert_eq!(about, [inside, waiting]);
    assert_eq!(world.answer(ask.call, alice()), Asked::default(), "by the old question");
    for ask in &asked.asks {
        assert_eq!(world.answer(ask.call, alice()).closed, []);
    }
}
