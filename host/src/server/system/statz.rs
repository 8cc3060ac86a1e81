//! Numbers of accounts and of the server: `STATZ`, `STATSZ` and the number of an account's
//! connections (reference config-and-operations 5.3 and 5.4).

use std::sync::Arc;
use std::time::SystemTime;

use nervure_core::account::Account;
use nervure_core::shard::Traffic;
use serde::{Deserialize, Serialize};

use super::Reply;
use super::envelope::{ServerCard, Speaker};
use crate::monitor::{StatusSource, Timestamp, json};

/// Messages and their bytes.
#[derive(Clone, Copy, Default, Serialize)]
pub(super) struct DataStats {
    msgs: u64,
    bytes: u64,
}

impl From<Traffic> for DataStats {
    fn from(Traffic { msgs, bytes }: Traffic) -> Self {
        Self { msgs, bytes }
    }
}

/// ... by what they came over. There are clients only so far.
#[derive(Default, Serialize)]
struct LinkStats {
    msgs: u64,
    bytes: u64,
    gateways: DataStats,
    routes: DataStats,
    leafs: DataStats,
}

impl From<Traffic> for LinkStats {
    fn from(Traffic { msgs, bytes }: Traffic) -> Self {
        Self { msgs, bytes, ..Self::default() }
    }
}

/// An account in numbers.
#[derive(Serialize)]
pub(super) struct AccountStat {
    acc: String,
    name: String,
    conns: usize,
    leafnodes: usize,
    total_conns: usize,
    num_subscriptions: u64,
    sent: LinkStats,
    received: LinkStats,
    slow_consumers: u64,
}

impl AccountStat {
    pub(super) fn new(account: &Account) -> Self {
        let (received, sent) = account.traffic();
        let conns = account.connections();
        Self {
            acc: account.name.to_string(),
            name: account.name.to_string(),
            conns,
            leafnodes: 0,
            total_conns: conns,
            num_subscriptions: account.subscriptions(),
            sent: sent.into(),
            received: received.into(),
            slow_consumers: 0,
        }
    }
}

/// Which accounts a `STATZ` request is about.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct StatzOptions {
    accounts: Vec<String>,
    include_unused: bool,
}

#[derive(Serialize)]
struct AccountStatz {
    server_id: String,
    now: Timestamp,
    account_statz: Vec<AccountStat>,
}

/// Answers with the numbers of those of `accounts` that are wanted. Says nothing when there are
/// none, so that one of several servers has to say something.
pub(super) fn answer_accounts(
    speaker: &Speaker,
    reply: Reply,
    accounts: &[Arc<Account>],
    options: &StatzOptions,
) {
    let named = |account: &&Arc<Account>| {
        options.accounts.is_empty() || options.accounts.iter().any(|it| **it == *account.name)
    };
    let used = |account: &&Arc<Account>| options.include_unused || account.connections() > 0;
    let wanted = accounts.iter().filter(named).filter(used);
    let account_statz: Vec<_> = wanted.map(|account| AccountStat::new(account)).collect();
    if account_statz.is_empty() {
        return;
    }
    let server_id = speaker.status.info().server_id.clone();
    let now = Timestamp(SystemTime::now());
    speaker.answer(reply, Ok(AccountStatz { server_id, now, account_statz }));
}

#[derive(Serialize)]
struct ServerStats {
    start: Timestamp,
    mem: u64,
    cores: usize,
    cpu: f64,
    connections: usize,
    total_connections: u64,
    active_accounts: usize,
    subscriptions: u64,
    sent: DataStats,
    sent_to_clients: DataStats,
    received: DataStats,
    received_from_clients: DataStats,
    slow_consumers: u64,
    active_servers: usize,
    gomaxprocs: usize,
}

#[derive(Serialize)]
struct ServerStatsMessage {
    server: ServerCard,
    statsz: ServerStats,
}

/// The server in numbers, as a whole message.
pub(super) fn server_stats(speaker: &Speaker) -> Vec<u8> {
    let varz = speaker.status.varz();
    let accounts = speaker.status.shared.all_accounts();
    let sent = DataStats { msgs: varz.out_msgs, bytes: varz.out_bytes };
    let received = DataStats { msgs: varz.in_msgs, bytes: varz.in_bytes };
    let statsz = ServerStats {
        start: varz.start,
        mem: varz.mem,
        cores: varz.cores,
        cpu: varz.cpu,
        connections: varz.connections,
        total_connections: varz.total_connections,
        active_accounts: accounts.iter().filter(|account| account.connections() > 0).count(),
        subscriptions: accounts.iter().map(|account| account.subscriptions()).sum(),
        sent,
        sent_to_clients: sent,
        received,
        received_from_clients: received,
        slow_consumers: varz.slow_consumers,
        active_servers: 1,
        gomaxprocs: varz.gomaxprocs,
    };
    json::compact(&ServerStatsMessage { server: speaker.card(), statsz })
}
