//! Clients about whom a service decides: how long they wait, what becomes of them, and who is
//! served meanwhile.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says no by panicking")]

use std::io::IoSlice;
use std::sync::Arc;
use std::time::Duration;

use nervure_core::account::GLOBAL;
use nervure_core::auth::{
    Answer, Ask, Auth, Callout, Delegated, PublicKey, Question, Secret, User, Users,
};
use nervure_core::link::{Endpoint, Transport};
use nervure_core::settings::Settings;
use nervure_core::shard::{Output, OwnMessage, Shard, Shared};
use nervure_core::{CloseReason, LinkId, ShardId, Time};

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

/// What a shard asked its driver to do.
#[derive(Debug, Default, PartialEq)]
struct Asked {
    heard: Vec<(LinkId, String)>,
    asks: Vec<Ask>,
    responses: Vec<(u64, Option<Vec<u8>>)>,
    closed: Vec<(LinkId, CloseReason)>,
}

struct World {
    shard: Shard,
    now: Time,
}

impl World {
    fn new(settings: Settings) -> Self {
        let shard = Shard::new(ShardId(0), Shared::new(1), Arc::new(settings), 1);
        Self { shard, now: Time::ZERO }
    }

    fn open(&mut self) -> LinkId {
        let peer = ([127, 0, 0, 1], 1).into();
        let endpoint = Endpoint::new(peer, Transport::Tcp, Arc::default(), [b'0'; 15]);
        let link = self.shard.open(self.now, endpoint).unwrap();
        self.drain();
        link
    }

    fn say(&mut self, link: LinkId, bytes: &[u8]) -> Asked {
        let mut rest = bytes;
        while !rest.is_empty() {
            let taken = self.shard.receive(self.now, link, rest);
            if taken == 0 {
                break;
            }
            rest = &rest[taken..];
        }
        self.drain()
    }

    fn later(&mut self, by: Duration) -> Asked {
        self.now = self.now.after(by);
        self.shard.timeout(self.now);
        self.drain()
    }

    fn answer(&mut self, ask: &Ask, answer: Answer) -> Asked {
        self.shard.resolve(self.now, ask.call, answer);
        self.drain()
    }

    fn drain(&mut self) -> Asked {
        let mut asked = Asked::default();
        loop {
            match self.shard.poll() {
                Output::Flush(link) => {
                    let mut slices = [IoSlice::new(&[]); 64];
                    let filled = self.shard.outbound(link).unwrap().slices(&mut slices);
                    let bytes: Vec<u8> =
                        slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect();
                    self.shard.written(self.now, link, bytes.len());
                    asked.heard.push((link, String::from_utf8(bytes).unwrap()));
                }
                Output::Close(link, reason) => {
                    self.shard.closed(self.now, link, reason);
                    asked.closed.push((link, reason));
                }
                Output::Ask(ask) => asked.asks.push(*ask),
                Output::Response(number, response) => {
                    let payload = response.map(|response| response.payload.into_vec());
                    asked.responses.push((number, payload));
                }
                Output::Idle(_) => return asked,
                _ => {}
            }
        }
    }

    /// A client that waits, and the question about it.
    fn waiting(&mut self) -> (LinkId, Ask) {
        let link = self.open();
        let mut asked = self.say(link, ALICE);
        (link, asked.asks.remove(0))
    }
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
    let (link, ask) = world.waiting();
    let Delegated { client, connect, account, proxied, .. } = delegated(&ask);
    assert!(client.id > 0);
    assert_eq!((&*client.host, &*client.user), ("127.0.0.1", "alice"));
    assert_eq!((&*client.kind, &*client.client_type, &*client.nonce), ("Client", "nats", ""));
    assert_eq!((&*connect.user, &*connect.pass, &*connect.name), ("alice", "w", "cli"));
    assert_eq!((&**account, *proxied), (GLOBAL, false));
    assert_eq!(world.answer(&ask, alice()), Asked::default());
    assert_eq!(world.say(link, b"PING\r\n").heard, [(link, "PONG\r\n".to_owned())]);
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
        let asked = world.say(link, connect(user, pass).as_bytes());
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
    let asked = world.say(link, format!("CONNECT {{\"nkey\":\"{KEY}\"}}\r\n").as_bytes());
    assert_eq!((asked.asks.len(), asked.closed.len()), (0, 1));
}

#[test]
fn before_connect_nobody_is_delegated() {
    let mut settings = settings();
    settings.auth.no_auth_user = Some("bob".into());
    let mut world = World::new(settings);
    let link = world.open();
    let asked = world.say(link, b"SUB x 1\r\n");
    assert_eq!((asked.asks.len(), asked.closed.len()), (0, 1));
    let link = world.open();
    let asked = world.say(link, b"CONNECT {\"verbose\":false}\r\n");
    assert_eq!(delegated(&asked.asks[0]).client.user, "bob");
}

/// The service's time begins with the question, and its end is told to the driver first.
#[test]
fn the_service_has_its_own_time() {
    let mut world = World::new(settings());
    let link = world.open();
    world.later(Duration::from_millis(1900));
    let asked = world.say(link, ALICE);
    let ask = &asked.asks[0];
    assert_eq!(ask.deadline, Time::ZERO.after(Duration::from_millis(3900)));
    assert_eq!(world.later(Duration::from_millis(2300)), Asked::default());
    assert_eq!(world.answer(ask, alice()).closed, [], "the driver may find one elsewhere");
    assert_eq!(world.say(link, b"PING\r\n").heard, [(link, "PONG\r\n".to_owned())]);
    let (link, ask) = world.waiting();
    let asked = world.later(Duration::from_millis(2500));
    assert!(asked.heard.contains(&(link, VIOLATION.to_owned())), "{asked:?}");
    assert_eq!(asked.closed, [(link, CloseReason::AuthenticationFailure)]);
    assert_eq!(world.answer(&ask, alice()), Asked::default(), "it is too late");
}

#[test]
fn a_refused_client_is_told_nothing_more() {
    let mut world = World::new(settings());
    let refuse = Answer::Refuse("because".to_owned());
    for answer in [refuse, Answer::Overloaded, Answer::Fits, Answer::DoesNotFit] {
        let (link, ask) = world.waiting();
        let asked = world.answer(&ask, answer);
        assert_eq!(asked.heard, [(link, VIOLATION.to_owned())]);
        assert_eq!(asked.closed, [(link, CloseReason::AuthenticationFailure)]);
    }
}

#[test]
fn a_user_of_an_account_that_is_gone_is_refused() {
    let mut world = World::new(settings());
    let (link, ask) = world.waiting();
    let user = User { account: "GONE".into(), ..User::with_password("a", Secret::default()) };
    let asked = world.answer(&ask, Answer::Admit(Arc::new(user)));
    assert_eq!(asked.heard, [(link, VIOLATION.to_owned())]);
}

/// A thousand logins wait; those who are in notice nothing, the service included.
#[test]
fn many_waiting_logins_do_not_disturb_traffic() {
    let mut world = World::new(settings());
    let service = world.open();
    world.say(service, &[AUTH, b"SUB ask 1\r\n"].concat());
    let receiver = world.open();
    world.say(receiver, &[AUTH, b"SUB x 1\r\n"].concat());
    let mut waiting = Vec::new();
    for number in 0..1000 {
        let (link, ask) = world.waiting();
        let message = OwnMessage {
            account: nervure_core::account::AccountId::GLOBAL,
            subject: b"ask",
            header: b"",
            payload: b"?",
        };
        world.shard.request(world.now, number, message, Duration::from_secs(2));
        let heard = world.drain().heard.remove(0).1;
        let reply = heard.split(' ').nth(3).unwrap().to_owned();
        waiting.push((link, ask, reply));
        let asked = world.say(receiver, b"PUB x 2\r\nhi\r\n");
        assert_eq!(asked.heard, [(receiver, "MSG x 1 2\r\nhi\r\n".to_owned())]);
    }
    // The last one first, and half of them not at all.
    for (number, (link, ask, reply)) in waiting.iter().enumerate().rev().filter(|it| it.0 % 2 == 0)
    {
        let asked = world.say(service, format!("PUB {reply} 1\r\n!\r\n").as_bytes());
        assert_eq!(asked.responses, [(number as u64, Some(b"!".to_vec()))]);
        world.answer(ask, alice());
        assert_eq!(world.say(*link, b"PING\r\n").heard, [(*link, "PONG\r\n".to_owned())]);
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
    let asked = world.say(inside, token);
    world.answer(&asked.asks[0], alice());
    let (waiting, ask) = world.waiting();
    let mut other = settings();
    other.auth.users = Arc::new(Users::new([User::with_password("auth", Secret::new("p"))]));
    world.shard.reconfigure(world.now, Arc::new(other));
    let asked = world.drain();
    let mut about: Vec<LinkId> = asked.asks.iter().map(|ask| ask.call.link).collect();
    about.sort_unstable_by_key(|link| link.slot);
    assert_eq!(about, [inside, waiting]);
    assert_eq!(world.answer(&ask, alice()), Asked::default(), "by the old question");
    for ask in &asked.asks {
        assert_eq!(world.answer(ask, alice()).closed, []);
    }
}
