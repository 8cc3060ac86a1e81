//! Operator mode on two shards: logins that wait for their account, and accounts that change under
//! traffic. What a change takes away is not delivered once every shard has obeyed it.

#![allow(clippy::unwrap_used, reason = "a test says no by panicking")]

use std::io::IoSlice;
use std::sync::Arc;
use std::time::Duration;

use nervure_core::account::{Accounts, Change, Declaration, Ledger};
use nervure_core::auth::jwt::login::Trust;
use nervure_core::auth::jwt::{
    Account, AccountClaims, AccountLimits, Export, ExportKind, Import, Revocations, User,
    UserClaims, UserLimits,
};
use nervure_core::auth::{Answer, Ask, Auth, Operators, Question, Role, Seed, Signer};
use nervure_core::link::{Endpoint, Transport};
use nervure_core::settings::Settings;
use nervure_core::shard::{Output, Shard, Shared};
use nervure_core::{CloseReason, LinkId, ShardId, Time};

/// Unix seconds at which the shards' time begins.
const BEGINNING: i64 = 1_700_000_000;

fn key(role: Role, number: u8) -> Signer {
    Signer::new(Seed::new(role, [number; 32])).unwrap()
}

fn operator() -> Signer {
    key(Role::Operator, 1)
}

fn id(number: u8) -> String {
    key(Role::Account, number).public().to_string()
}

fn claims(number: u8) -> AccountClaims {
    AccountClaims {
        sub: id(number),
        nats: Account { limits: AccountLimits::unlimited(), ..Account::default() },
        ..AccountClaims::default()
    }
}

fn declaration(claims: &AccountClaims) -> Declaration {
    let trust = Trust::in_keys([operator().public().to_string()]);
    let token = claims.encode(&operator()).unwrap();
    let account = trust.account(&claims.sub, &token, BEGINNING).unwrap();
    Declaration::of_claims(Arc::new(account), "")
}

/// CONNECT of a bearer `number` of an account.
fn connect(account: u8, number: u8) -> String {
    let limits =
        UserLimits { subs: -1, data: -1, payload: -1, bearer_token: true, ..UserLimits::default() };
    let claims = UserClaims {
        sub: key(Role::User, number).public().to_string(),
        iat: BEGINNING - 100,
        nats: User { limits, ..User::default() },
        ..UserClaims::default()
    };
    let token = claims.encode(&key(Role::Account, account)).unwrap();
    format!("CONNECT {{\"verbose\":false,\"pedantic\":false,\"jwt\":\"{token}\"}}\r\n")
}

struct World {
    shared: Arc<Shared>,
    ledger: Ledger,
    settings: Arc<Settings>,
    shards: Vec<Shard>,
    clients: Vec<(usize, LinkId, String, Option<CloseReason>)>,
    asks: Vec<(usize, Ask)>,
}

impl World {
    fn new() -> Self {
        let shared = Shared::new(2);
        let trust = Trust::in_keys([operator().public().to_string()]);
        let operators = Some(Arc::new(Operators::new(trust)));
        let auth = Auth { required: true, operators, ..Auth::default() };
        let epoch = Duration::from_secs(BEGINNING as u64);
        let settings = Arc::new(Settings { auth, epoch, ..Settings::default() });
        let shard = |id| Shard::new(ShardId(id), shared.clone(), settings.clone(), u64::from(id));
        let shards = vec![shard(0), shard(1)];
        let ledger = Ledger::new(Accounts::default());
        Self { shared, ledger, settings, shards, clients: Vec::new(), asks: Vec::new() }
    }

    /// Takes accounts into force; every shard has obeyed when it returns.
    fn put(&mut self, all: &[&AccountClaims]) {
        let changes = all.iter().map(|claims| Change::Put(declaration(claims))).collect();
        let update = self.ledger.apply(&self.shared, changes, BEGINNING);
        let accounts = update.accounts.clone();
        self.settings = Arc::new(Settings { accounts, ..Settings::clone(&self.settings) });
        for shard in &mut self.shards {
            shard.update(Time::ZERO, self.settings.clone(), &update.changed);
        }
    }

    /// A client on a shard that says this.
    fn client(&mut self, shard: usize, text: &str) -> usize {
        let peer = ([127, 0, 0, 1], 1).into();
        let endpoint = Endpoint::new(peer, Transport::Tcp, Arc::default(), [b'0'; 15]);
        let link = self.shards[shard].open(Time::ZERO, endpoint).unwrap();
        self.clients.push((shard, link, String::new(), None));
        let client = self.clients.len() - 1;
        self.run();
        self.heard(client);
        self.say(client, text);
        client
    }

    fn say(&mut self, client: usize, text: &str) {
        let (shard, link, ..) = self.clients[client];
        self.shards[shard].receive(Time::ZERO, link, text.as_bytes());
    }

    fn heard(&mut self, client: usize) -> String {
        std::mem::take(&mut self.clients[client].2)
    }

    /// Does what the shards ask for until they ask for nothing.
    fn run(&mut self) {
        let mut idle = 0;
        while idle < self.shards.len() {
            idle = 0;
            for number in 0..self.shards.len() {
                let shard = &mut self.shards[number];
                let client = |clients: &mut [(usize, LinkId, String, Option<CloseReason>)],
                              link| {
                    clients.iter().position(|(on, id, ..)| (*on, *id) == (number, link)).unwrap()
                };
                match shard.poll() {
                    Output::Flush(link) => {
                        let mut slices = [IoSlice::new(&[]); 64];
                        let filled = shard.outbound(link).unwrap().slices(&mut slices);
                        let bytes: Vec<u8> =
                            slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect();
                        shard.written(Time::ZERO, link, bytes.len());
                        if let Some(at) = self
                            .clients
                            .iter()
                            .position(|(on, id, ..)| (*on, *id) == (number, link))
                        {
                            self.clients[at].2.push_str(std::str::from_utf8(&bytes).unwrap());
                        }
                    }
                    Output::Close(link, reason) => {
                        shard.closed(Time::ZERO, link, reason);
                        let at = client(&mut self.clients, link);
                        self.clients[at].3 = Some(reason);
                    }
                    Output::Ask(ask) => self.asks.push((number, *ask)),
                    Output::Wake(ShardId(sibling)) => {
                        self.shards[usize::from(sibling)].wake(Time::ZERO);
                    }
                    Output::Idle(_) => idle += 1,
                    _ => {}
                }
            }
        }
    }

    fn reason(&self, client: usize) -> Option<CloseReason> {
        self.clients[client].3
    }

    fn answer(&mut self, answer: Answer) {
        let (shard, ask) = self.asks.remove(0);
        self.shards[shard].resolve(Time::ZERO, ask.call, answer);
        self.run();
    }
}

#[test]
fn a_login_waits_for_its_account_once() {
    let mut world = World::new();
    let first = world.client(0, &connect(4, 10));
    world.run();
    assert_eq!(world.asks.len(), 1);
    assert_eq!(world.asks[0].1.question, Question::Account(id(4).into()));
    world.put(&[&claims(4)]);
    world.answer(Answer::Found);
    world.say(first, "PING\r\n");
    world.run();
    assert!(world.heard(first).starts_with("PONG\r\n"));
    // It is known now.
    let second = world.client(1, &connect(4, 11));
    world.say(second, "PING\r\n");
    world.run();
    assert!(world.asks.is_empty() && world.heard(second).starts_with("PONG\r\n"));
    // What is not found, and what is said to be found and is not, are refused.
    for answer in [Answer::NotFound("account missing".into()), Answer::Found] {
        let client = world.client(1, &connect(5, 10));
        world.run();
        world.answer(answer);
        assert_eq!(world.heard(client), "-ERR 'Authorization Violation'\r\n");
        assert_eq!(world.reason(client), Some(CloseReason::AuthenticationFailure));
        assert!(world.asks.is_empty());
    }
}

#[test]
fn what_is_taken_away_is_not_delivered_once_all_shards_obey() {
    let export = |kind, subject: &str| Export {
        subject: subject.to_owned(),
        kind: Some(kind),
        ..Export::default()
    };
    let mut exporter = claims(4);
    exporter.nats.exports = vec![export(ExportKind::Stream, "s.>")];
    let mut importer = claims(5);
    importer.nats.imports = vec![Import {
        subject: "s.>".to_owned(),
        account: id(4),
        kind: Some(ExportKind::Stream),
        ..Import::default()
    }];
    let mut world = World::new();
    world.put(&[&exporter, &importer]);
    let publisher = world.client(0, &connect(4, 10));
    let near = world.client(0, &format!("{}SUB s.> 1\r\n", connect(5, 11)));
    let far = world.client(1, &format!("{}SUB s.> 1\r\n", connect(5, 12)));
    let colleague = world.client(1, &format!("{}SUB s.> 1\r\n", connect(4, 13)));
    world.run();
    let mut without = exporter.clone();
    without.nats.exports.clear();
    for round in 0..50 {
        world.put(&[&exporter]);
        // Some of it is on its way between the shards when the change comes.
        world.say(publisher, &format!("PUB s.before.{round} 0\r\n\r\n"));
        if round % 2 == 0 {
            world.run();
        }
        world.put(&[&without]);
        world.say(publisher, &format!("PUB s.after.{round} 0\r\n\r\n"));
        world.run();
        for client in [near, far] {
            let heard = world.heard(client);
            assert!(!heard.contains("s.after."), "round {round}: {heard}");
            if round % 2 == 0 || client == near {
                assert!(heard.contains("s.before."), "round {round}: {heard}");
            }
        }
        assert!(world.heard(colleague).contains(&format!("s.after.{round} ")), "round {round}");
    }
    // And whoever is revoked hears nothing more.
    let sub = key(Role::User, 13).public().to_string();
    without.nats.revocations = Revocations([(sub, BEGINNING)].into());
    world.say(publisher, "PUB s.before 0\r\n\r\n");
    world.put(&[&without]);
    world.say(publisher, "PUB s.after 0\r\n\r\n");
    world.run();
    let heard = world.heard(colleague);
    assert!(heard.ends_with("-ERR 'User Authentication Revoked'\r\n"), "{heard}");
    assert_eq!(world.reason(colleague), Some(CloseReason::CredentialsRevoked));
    assert_eq!(world.reason(publisher), None);
}

#[test]
fn the_youngest_leave_whichever_shard_they_are_on() {
    let mut world = World::new();
    world.put(&[&claims(4)]);
    let clients: Vec<usize> = [0, 1, 1, 0, 1, 1, 0]
        .into_iter()
        .zip(10..)
        .map(|(shard, number)| world.client(shard, &connect(4, number)))
        .collect();
    world.run();
    let mut fewer = claims(4);
    fewer.nats.limits.conn = 3;
    world.put(&[&fewer]);
    world.run();
    let left: Vec<bool> = clients.iter().map(|client| world.reason(*client).is_none()).collect();
    assert_eq!(left, [true, true, true, false, false, false, false]);
    let reason = Some(CloseReason::MaxAccountConnectionsExceeded);
    assert!(clients[3..].iter().all(|client| world.reason(*client) == reason));
}

#[test]
fn an_update_touches_the_account_and_its_importers_only() {
    const ACCOUNTS: usize = 10_000;
    let shared = Shared::new(1);
    let mut ledger = Ledger::new(Accounts::default());
    let name = |number: usize| format!("A{number}");
    let plain = |number| Declaration { name: name(number), ..Declaration::default() };
    let importer = |account: usize, exporter: usize| {
        let kind = nervure_core::account::ImportKind::Service { to: None, share: false };
        let (subject, account_name) = ("ask".to_owned(), name(exporter));
        let import = nervure_core::account::Import {
            account: account_name,
            subject,
            kind,
            activation: None,
        };
        Declaration { imports: vec![import], ..plain(account) }
    };
    let all = (0..ACCOUNTS).map(|number| match number {
        1 => importer(1, 0),
        number => plain(number),
    });
    let first = ledger.apply(&shared, all.map(Change::Put).collect(), 0);
    assert_eq!((first.changed.len(), first.skipped.len()), (ACCOUNTS, 1));
    let exporting = Declaration {
        exports: vec![nervure_core::account::Export {
            subject: "ask".to_owned(),
            kind: nervure_core::account::ExportKind::Service(Default::default()),
            accounts: Vec::new(),
            account_token_position: None,
            activation: None,
        }],
        ..plain(0)
    };
    let second = ledger.apply(&shared, vec![Change::Put(exporting)], 0);
    assert_eq!((second.changed.len(), second.skipped.len()), (2, 0));
    let shares = |one: &Accounts, other: &Accounts| {
        let same = |name: String| {
            let rules = |accounts: &Accounts| {
                accounts.rules(accounts.named(&name).unwrap()).cloned().unwrap()
            };
            Arc::ptr_eq(&rules(one), &rules(other))
        };
        (0..ACCOUNTS).filter(|number| same(name(*number))).count()
    };
    assert_eq!(shares(&first.accounts, &second.accounts), ACCOUNTS - 2);
    // What does not change for an importer is not a change.
    let third = ledger.apply(&shared, vec![Change::Put(importer(2, 3))], 0);
    assert_eq!(third.changed.len(), 1);
    let fourth = ledger.apply(&shared, vec![Change::Put(plain(3))], 0);
    assert_eq!((fourth.changed.len(), fourth.skipped.len()), (1, 1));
    let gone = ledger.apply(&shared, vec![Change::Remove(name(0))], 0);
    assert_eq!((gone.changed.len(), gone.skipped.len()), (2, 1));
    assert_eq!(gone.accounts.named(&name(0)), None);
}
