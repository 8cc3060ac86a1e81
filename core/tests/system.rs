//! The system account: where the server itself answers, and what it tells of clients.
#![allow(clippy::unwrap_used, reason = "a test says no by panicking")]

use std::sync::Arc;

use nervure_core::account::{Accounts, Declaration, OwnService, Reach};
use nervure_core::auth::{Auth, Secret, User, Users};
use nervure_core::link::{Endpoint, Transport};
use nervure_core::settings::Settings;
use nervure_core::shard::{Advisory, ClientEvent, Output, Shard, Shared, Traffic};
use nervure_core::wire::ServerInfo;
use nervure_core::{CloseReason, LinkId, ShardId, Time};

fn settings(shared: &Shared, names: &[&str], system: Option<&str>) -> Arc<Settings> {
    let declared = |name: &&str| Declaration { name: (*name).to_owned(), ..Default::default() };
    let declarations: Vec<_> = names.iter().map(declared).collect();
    let user = |name: &&str| User {
        account: (*name).into(),
        ..User::with_password(&name.to_lowercase(), Secret::new("p"))
    };
    let users = Arc::new(Users::new(names.iter().map(user)));
    let accounts = Arc::new(Accounts::build(shared, &declarations, system).unwrap());
    let auth = Auth { required: true, users, ..Auth::default() };
    Arc::new(Settings { accounts, auth, ..Settings::default() })
}

#[test]
fn the_server_answers_in_the_accounts_that_there_are() {
    let shared = Shared::new(1);
    let service =
        |subject: &str, reach, number| OwnService { subject: subject.into(), reach, number };
    shared.provide(vec![
        service("every.*", Reach::Everywhere, 0),
        service("others", Reach::OtherAccounts, 1),
        service("system", Reach::SystemAccount, 2),
    ]);
    let answers = |account: &str| {
        let account = shared.account(account);
        ["every.one", "others", "system"].map(|subject| account.hears(subject.as_bytes()))
    };
    let announce = |names: &[&str], system| {
        shared.announce(&settings(&shared, names, system).accounts);
        ["$G", "A", "B", "SYS"].map(answers)
    };
    let (no, other, system) = ([false; 3], [true, true, false], [true, false, true]);
    assert_eq!(announce(&["A", "SYS"], Some("SYS")), [other, other, no, system]);
    assert_eq!(shared.account("A").subscriptions(), 2);
    assert_eq!(announce(&["B", "SYS"], Some("SYS")), [other, no, other, system]);
    assert_eq!(announce(&["A", "SYS"], Some("A")), [other, system, no, other]);
    assert_eq!(announce(&["A"], None), [no; 4]);
    assert_eq!(shared.account("A").subscriptions(), 0);
}

/// A server of one shard, and what it tells.
struct World {
    shared: Arc<Shared>,
    shard: Shard,
    told: Vec<Advisory>,
}

impl World {
    fn new() -> Self {
        let shared = Shared::new(1);
        let settings = settings(&shared, &["A", "SYS"], Some("SYS"));
        let shard = Shard::new(ShardId(0), shared.clone(), settings, 1);
        Self { shared, shard, told: Vec::new() }
    }

    fn client(&mut self, text: &str) -> LinkId {
        let peer = ([127, 0, 0, 1], 7).into();
        let info = ServerInfo { server_id: "N".to_owned(), ..ServerInfo::default() };
        let endpoint = Endpoint::new(peer, Transport::Tcp, Arc::new(info), [b'0'; 15]);
        let link = self.shard.open(Time::ZERO, endpoint).unwrap();
        self.say(link, text);
        link
    }

    fn say(&mut self, link: LinkId, text: &str) {
        self.shard.receive(Time::from_nanos(1), link, text.as_bytes());
        self.run();
    }

    fn close(&mut self, link: LinkId) {
        self.shard.closed(Time::from_nanos(2), link, CloseReason::ClientClosed);
        self.run();
    }

    fn run(&mut self) {
        loop {
            match self.shard.poll() {
                Output::Advisory(advisory) => self.told.push(*advisory),
                Output::Close(link, reason) => self.shard.closed(Time::from_nanos(2), link, reason),
                Output::Flush(link) => {
                    let pending = self.shard.outbound(link).map_or(0, |out| out.pending());
                    self.shard.written(Time::ZERO, link, pending);
                }
                Output::Idle(_) => return,
                _ => {}
            }
        }
    }

    /// What was told, in short.
    fn told(&mut self) -> Vec<String> {
        let brief = |advisory: Advisory| match advisory.event {
            ClientEvent::Connected(client) => format!("+{}", client.user),
            ClientEvent::Disconnected(client, reason) => {
                let (received, sent) = (client.received, client.sent);
                let traffic = [received.msgs, received.bytes, sent.msgs, sent.bytes];
                format!("-{} {traffic:?} {}", client.user, reason.text())
            }
            ClientEvent::Refused { client, step, why, account, system, .. } => {
                format!("!{} {step}: {why} {} {system}", client.user, account.is_some())
            }
            ClientEvent::Count(account) => {
                format!("{} {}", account.name, account.connections())
            }
        };
        self.told.drain(..).map(brief).collect()
    }
}

fn connect(user: &str) -> String {
    format!("CONNECT {{\"verbose\":false,\"user\":\"{user}\",\"pass\":\"p\"}}\r\n")
}

#[test]
fn nothing_is_told_to_nobody() {
    let mut world = World::new();
    let client = world.client(&connect("a"));
    world.close(client);
    world.client(&connect("x"));
    assert!(world.told().is_empty());
}

#[test]
fn the_system_account_is_told_what_it_listens_to() {
    let mut world = World::new();
    let system = world.client(&connect("sys"));
    world.say(system, "SUB $SYS.ACCOUNT.A.> 1\r\n");
    let client = world.client(&connect("a"));
    assert_eq!(world.told(), ["A 1", "+a"]);
    world.say(client, "SUB x 1\r\nSUB x 2\r\nPUB x 3\r\nabc\r\n");
    let account = world.shard.clients(None);
    assert_eq!(account.len(), 2);
    world.close(client);
    assert_eq!(world.told(), ["A 0", "-a [1, 3, 2, 6] Client Closed"]);

    world.client(&connect("x"));
    assert!(world.told().is_empty());
    world.say(system, "SUB $SYS.SERVER.> 2\r\n");
    world.client(&connect("x"));
    assert_eq!(world.told(), ["!x users: no user has this name false true"]);
}

#[test]
fn an_accounts_traffic_is_that_of_its_clients() {
    let mut world = World::new();
    let client = world.client(&connect("a"));
    let other = world.client(&connect("a"));
    world.say(other, "SUB x 1\r\n");
    world.say(client, "PUB x 3\r\nabc\r\nPUB y 1\r\nd\r\n");
    world.close(client);
    let traffic = world.shared.account("A").traffic();
    let of = |msgs, bytes| Traffic { msgs, bytes };
    assert_eq!(traffic, (of(2, 4), of(1, 3)));
    world.close(other);
    let client = world.client(&connect("a"));
    assert_eq!(world.shard.client(client).unwrap().received, of(0, 0));
    assert_eq!(world.shared.account("A").traffic(), traffic);
}
