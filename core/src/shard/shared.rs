//! What the shards of one server share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize};

use crate::account::{Account, Accounts, OwnService, Registry};
use crate::counters::{Counters, Totals};
use crate::id::ShardId;
use crate::router::mail::Mailbox;

/// Connection ids start above those that nats-server uses for itself.
const FIRST_CID: u64 = 5;

/// What the shards of one server have in common.
pub struct Shared {
    pub(crate) accounts: Registry,
    pub(crate) mailboxes: Box<[Mailbox]>,
    pub(super) counters: Box<[Counters]>,
    pub(super) last_cid: AtomicU64,
    /// Clients that are open.
    pub(crate) clients: AtomicUsize,
    /// Clients that have to leave because a reload allows fewer.
    pub(crate) surplus: AtomicUsize,
}

impl core::fmt::Debug for Shared {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Shared").field("shards", &self.mailboxes.len()).finish_non_exhaustive()
    }
}

impl Shared {
    /// For a server of `shards` shards (at least one).
    pub fn new(shards: usize) -> Arc<Self> {
        let shards = shards.max(1);
        Arc::new(Self {
            accounts: Registry::default(),
            mailboxes: (0..shards).map(|_| Mailbox::default()).collect(),
            counters: (0..shards).map(|_| Counters::default()).collect(),
            last_cid: AtomicU64::new(FIRST_CID),
            clients: AtomicUsize::new(0),
            surplus: AtomicUsize::new(0),
        })
    }

    /// The account with this name, made known if it is not.
    pub fn account(&self, name: &str) -> Arc<Account> {
        self.accounts.named(name)
    }

    /// The account with this name, if it is known.
    pub fn known_account(&self, name: &str) -> Option<Arc<Account>> {
        self.accounts.known(name)
    }

    /// All accounts that were ever known, in the order of their numbers.
    pub fn all_accounts(&self) -> Vec<Arc<Account>> {
        self.accounts.all()
    }

    /// Has the server itself answer these in the accounts that [`Self::announce`] is told of from
    /// now on: messages there become [`Output::Called`](crate::shard::Output::Called) of the shard
    /// that they come to.
    pub fn provide(&self, services: Vec<OwnService>) {
        self.accounts.provide(services);
    }

    /// Has the accounts' service imports answer, and what the server provides; to be called before
    /// the shards are told of `accounts`.
    pub fn announce(&self, accounts: &Accounts) {
        self.accounts.announce(accounts);
    }

    /// Client connections that a shard serves now; zero for one that does not exist.
    pub fn connections(&self, shard: ShardId) -> u64 {
        self.counters.get(usize::from(shard.0)).map_or(0, |counters| counters.connections.get())
    }

    /// Counters of all shards added up.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        self.counters.iter().for_each(|shard| totals.add(shard));
        totals
    }
}
