//! Two accounts that share nothing cannot tell that the other exists: random operations of clients
//! in both, and each account observes exactly what it observes alone. Item 131 of the security
//! checklist.

use harness::{Launch, Message, Session};

use crate::parties::{brief, until_pong, user};

const CONFIG: &str = r#"
accounts {
  X { users: [{ user: x, password: p }], mappings: { "a.mapped": "a.b" } }
  Y { users: [{ user: y, password: p }], mappings: { "a.mapped": "b.a" } }
}
"#;
const ACCOUNTS: [&str; 2] = ["x", "y"];
const CLIENTS: usize = 3;
const OPERATIONS: usize = 250;

/// Of these subjects are made in both accounts alike, so that everything would meet.
const TOKENS: [&str; 3] = ["a", "b", "mapped"];

/// What one client of one account does.
struct Operation {
    account: usize,
    client: usize,
    octets: String,
}

fn subject(random: &mut fastrand::Rng, wildcards: bool) -> String {
    let tokens = TOKENS.len() + if wildcards { 2 } else { 0 };
    let mut words = Vec::new();
    for _ in 0..random.usize(1..=3) {
        let word = random.usize(0..tokens);
        words.push(TOKENS.get(word).copied().unwrap_or("*"));
    }
    if wildcards && random.usize(0..4) == 0 {
        words.push(">");
    }
    words.join(".")
}

/// One operation; sids are few, so that they are taken, given back, and taken again.
fn operation(random: &mut fastrand::Rng, number: usize) -> Operation {
    let (account, client) = (random.usize(0..ACCOUNTS.len()), random.usize(0..CLIENTS));
    let sid = random.usize(0..6);
    let octets = match random.usize(0..10) {
        0..3 => format!("SUB {} {sid}\r\n", subject(random, true)),
        // A group of one: who of several is chosen is left to chance.
        3 => format!("SUB {} q{client}x{sid} {sid}\r\n", subject(random, true)),
        4 => format!("UNSUB {sid}\r\n"),
        5 => format!("UNSUB {sid} {}\r\n", random.usize(1..5)),
        kind => {
            let payload = format!("{}{number}", ACCOUNTS[account]);
            let reply = if kind < 8 { subject(random, false) } else { String::new() };
            let subject = subject(random, false);
            format!("PUB {subject} {reply} {}\r\n{payload}\r\n", payload.len())
        }
    };
    Operation { account, client, octets }
}

/// What one client has heard.
fn observe(session: &mut Session) -> Vec<String> {
    let told = |message: Message| {
        // Which of several subscriptions is told of nobody is not defined.
        let nobody = message.header.starts_with(b"NATS/1.0 503");
        let sid = if nobody { b"-".to_vec() } else { message.sid.clone() };
        brief(&Message { sid, ..message })
    };
    until_pong(session).into_iter().map(told).collect()
}

/// Plays the operations of the accounts that `act`; gives all that each client has heard.
fn play(operations: &[Operation], act: &[usize]) -> Vec<Vec<String>> {
    let server = Launch::new().config(CONFIG).start();
    let mut sessions: Vec<Vec<Session>> = ACCOUNTS
        .iter()
        .map(|name| (0..CLIENTS).map(|_| server.client(&user(name))).collect())
        .collect();
    let mut observed = vec![Vec::new(); ACCOUNTS.len() * CLIENTS];
    for operation in operations.iter().filter(|operation| act.contains(&operation.account)) {
        sessions[operation.account][operation.client].send(&operation.octets);
        // The one that acts comes first: what it does is dealt with when it has its PONG.
        let mut order: Vec<(usize, usize)> = (0..ACCOUNTS.len())
            .flat_map(|account| (0..CLIENTS).map(move |client| (account, client)))
            .collect();
        order.sort_by_key(|who| *who != (operation.account, operation.client));
        for (account, client) in order {
            observed[account * CLIENTS + client].extend(observe(&mut sessions[account][client]));
        }
    }
    for (place, session) in sessions.iter_mut().flatten().enumerate() {
        observed[place].extend(observe(session));
        observed[place].sort();
    }
    observed
}

/// Checks one sequence of operations.
fn check(seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let operations: Vec<Operation> =
        (0..OPERATIONS).map(|number| operation(&mut random, number)).collect();
    let both = play(&operations, &[0, 1]);
    let heard: usize = both.iter().map(Vec::len).sum();
    assert!(heard > 100, "seed {seed}: only {heard} messages, which proves nothing");
    let missing = both.iter().flatten().filter(|message| message.contains("503")).count();
    assert!(missing > 0, "seed {seed}: no request was without responders");
    for (account, name) in ACCOUNTS.iter().enumerate() {
        let alone = play(&operations, &[account]);
        for client in 0..CLIENTS {
            let place = account * CLIENTS + client;
            assert_eq!(both[place], alone[place], "seed {seed}: client {client} of {name}");
            let foreign = both[place].iter().find(|message| {
                message.split_once(" = ").is_some_and(|(_, payload)| !payload.starts_with(name))
            });
            assert_eq!(foreign, None, "seed {seed}: client {client} of {name}");
        }
        let silent = (0..both.len()).filter(|place| place / CLIENTS != account);
        let heard: Vec<&String> = silent.flat_map(|place| &alone[place]).collect();
        assert!(heard.is_empty(), "seed {seed}: {heard:?} although only {name} acts");
    }
}

#[test]
fn s131_neither_account_can_tell_that_there_is_another() {
    (0..4).for_each(check);
}

/// Both accounts at once, without waiting for each other.
#[test]
fn s131_nothing_crosses_while_all_are_busy() {
    let server = Launch::new().config(CONFIG).start();
    std::thread::scope(|scope| {
        for (account, name) in ACCOUNTS.iter().enumerate() {
            for client in 0..CLIENTS {
                let session = server.client(&user(name));
                scope.spawn(move || busy(session, account, (account * CLIENTS + client) as u64));
            }
        }
    });
}

/// Acts at random and checks that whatever is heard was said in the same account.
fn busy(mut session: Session, account: usize, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    for round in 0..40 {
        for number in 0..25 {
            let next = operation(&mut random, round * 25 + number);
            // The payload names the account that the client is really in.
            let octets = match next.octets.split_once("\r\n") {
                Some((line, payload)) if line.starts_with("PUB") => {
                    format!("{line}\r\n{}{}", ACCOUNTS[account], &payload[1..])
                }
                _ => next.octets,
            };
            session.send(octets);
        }
        for message in observe(&mut session) {
            let payload = message.split_once(" = ").map(|(_, payload)| payload);
            let own = payload.is_none_or(|payload| payload.starts_with(ACCOUNTS[account]));
            assert!(own, "seed {seed}: {message:?} in account {}", ACCOUNTS[account]);
        }
    }
}
