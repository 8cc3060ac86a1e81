//! Accounts: subject spaces of their own, and what they share by exports and imports (reference
//! security 7 to 9).
//!
//! A client belongs to one account from its login on; its subscriptions are in that account's
//! [`Interest`] and its publications are matched against no other. What crosses from one account
//! into another does so by two doors only:
//!
//! - a *stream import* gives a subscription of the importer a shadow in the exporter's index
//!   (`router::streams`), so that whoever publishes there pays nothing;
//! - a *service import* is an entry of the importer's own index that stands for the exporter
//!   (`router::services`): a request that meets it goes on there.
//!
//! [`Account`] is what is alive and shared by the shards; [`Rules`] is what the configuration says
//! about it, part of the [`Accounts`] in [`Settings`](crate::settings::Settings).

mod build;
mod claims;
mod cycles;
mod declare;
mod ledger;
mod renaming;
mod rules;

use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

pub use build::{AccountError, Reason};
pub use declare::{
    Declaration, Export, ExportKind, Import, ImportKind, Latency, ResponseKind, Sampling,
    SenderIdentity, Service,
};
pub use ledger::{Change, Ledger, Update};
pub(crate) use renaming::Renaming;
pub use rules::{AccountLimits, Accounts, Rules};
pub(crate) use rules::{ServiceImport, StreamImport};

use crate::counters::Counter;
use crate::id::{ShardId, Standing, SubId};
use crate::interest::Interest;
use crate::shard::Traffic;

/// The account of clients that are in no other.
pub const GLOBAL: &str = "$G";

/// The system account's name unless the configuration gives it another one.
pub const SYSTEM: &str = "$SYS";

/// An account of one server, numbered in the order in which they became known. A number is never
/// used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct AccountId(pub(crate) u32);

impl AccountId {
    /// [`GLOBAL`], which every server has.
    pub const GLOBAL: Self = Self(0);

    #[inline]
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// An account at work, shared by all shards.
#[derive(Debug)]
pub struct Account {
    /// Its number.
    pub id: AccountId,
    /// Its name, or its public key.
    pub name: Box<str>,
    pub(crate) interest: Interest,
    /// Clients that are logged in to it, by the numbers that they see. Asked at logins, ends of
    /// connections and changes of limits only.
    members: Mutex<BTreeSet<u64>>,
    /// Entries of its index that are services'.
    services: AtomicU64,
    /// What each shard that has had to do with it counts.
    tallies: Mutex<Vec<(ShardId, Arc<Tally>)>>,
}

/// What one shard's clients in an account have sent and been given. Only that shard writes it.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    received: [Counter; 2],
    sent: [Counter; 2],
}

impl Tally {
    pub(crate) fn received(&self, msgs: u64, bytes: u64) {
        count(&self.received, Traffic { msgs, bytes });
    }

    pub(crate) fn sent(&self, traffic: Traffic) {
        count(&self.sent, traffic);
    }
}

fn count([msgs, bytes]: &[Counter; 2], traffic: Traffic) {
    msgs.add(traffic.msgs);
    bytes.add(traffic.bytes);
}

impl PartialEq for Account {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Account {}

impl Account {
    fn new(id: AccountId, name: &str) -> Arc<Self> {
        Arc::new(Self {
            id,
            name: name.into(),
            interest: Interest::new(),
            members: Mutex::default(),
            services: AtomicU64::new(0),
            tallies: Mutex::default(),
        })
    }

    /// Puts the entry of a service into its index.
    fn put(&self, subject: &str, entry: SubId) {
        if self.interest.insert(subject.as_bytes(), None, entry, 1) {
            self.services.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// ... and takes it out.
    fn take(&self, subject: &str, entry: SubId) {
        if self.interest.remove(subject.as_bytes(), None, entry) {
            self.services.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// What its clients have sent, and what was delivered to them.
    pub fn traffic(&self) -> (Traffic, Traffic) {
        let tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = |of: fn(&Tally) -> &[Counter; 2]| {
            let mut sum = Traffic::default();
            for [msgs, bytes] in tallies.iter().map(|(_, tally)| of(tally)) {
                sum.add(msgs.get(), bytes.get());
            }
            sum
        };
        (sum(|tally| &tally.received), sum(|tally| &tally.sent))
    }

    /// A shard's tally.
    pub(crate) fn tally(&self, shard: ShardId) -> Arc<Tally> {
        let mut tallies = self.tallies.lock().unwrap_or_else(PoisonError::into_inner);
        let known = tallies.iter().find(|(of, _)| *of == shard);
        known.map(|(_, tally)| tally.clone()).unwrap_or_else(|| {
            let tally = Arc::<Tally>::default();
            tallies.push((shard, tally.clone()));
            tally
        })
    }

    /// Whether its index has anything but services: if not, nobody listens to anything.
    pub(crate) fn has_listeners(&self) -> bool {
        self.subscriptions() > self.services.load(Ordering::Relaxed)
    }

    /// Whether anybody in it listens to `subject`.
    pub fn hears(&self, subject: &[u8]) -> bool {
        self.interest.has_interest(subject)
    }

    /// Clients that are logged in to it.
    pub fn connections(&self) -> usize {
        self.members().len()
    }

    fn members(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of the oldest client of those that are more than `limit`: it and all younger
    /// ones have to leave, on whatever shard they are.
    pub(crate) fn surplus(&self, limit: usize) -> Option<u64> {
        let members = self.members();
        let surplus = members.len().checked_sub(limit)?.checked_sub(1)?;
        members.iter().nth_back(surplus).copied()
    }

    /// Its subscriptions, those that imports put there included.
    pub fn subscriptions(&self) -> u64 {
        self.interest.stats().num_subs
    }

    /// Client number `cid` comes; false, and it does not count, when that would be more than
    /// `limit`.
    pub(crate) fn enter(&self, cid: u64, limit: Option<usize>) -> bool {
        let mut members = self.members();
        limit.is_none_or(|limit| members.len() < limit) && members.insert(cid)
    }

    pub(crate) fn leave(&self, cid: u64) {
        self.members().remove(&cid);
    }
}

/// All accounts that a server has ever known. Asked at logins and reloads only.
#[derive(Debug)]
pub(crate) struct Registry {
    known: RwLock<Known>,
    /// The number of the next import.
    next_import: AtomicU32,
}

#[derive(Debug)]
struct Known {
    accounts: Vec<Arc<Account>>,
    names: HashMap<Box<str>, AccountId>,
    /// The account in which the server speaks for itself.
    system: Option<AccountId>,
    /// What the server itself answers.
    own: Vec<OwnService>,
    /// Accounts that have entries of those, and the system account when they got them.
    provided: HashMap<AccountId, AccountId>,
    /// Entries of service imports in the indexes, by number: account and subject.
    services: HashMap<u32, (AccountId, Box<str>)>,
}

/// A subject on which the server itself answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnService {
    /// The subject; may have wildcards.
    pub subject: Box<str>,
    /// In which accounts.
    pub reach: Reach,
    /// What the driver knows it by.
    pub number: u32,
}

/// In which accounts the server itself answers. Without a system account that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The system account and all others.
    Everywhere,
    /// All but the system account.
    OtherAccounts,
    /// The system account.
    SystemAccount,
}

impl OwnService {
    /// Whether it is to be in the index of an account.
    fn is_in(&self, account: AccountId, system: AccountId) -> bool {
        match self.reach {
            Reach::Everywhere => true,
            Reach::OtherAccounts => account != system,
            Reach::SystemAccount => account == system,
        }
    }
}

impl Default for Registry {
    fn default() -> Self {
        let known = Known {
            accounts: vec![Account::new(AccountId::GLOBAL, GLOBAL)],
            names: HashMap::from([(GLOBAL.into(), AccountId::GLOBAL)]),
            system: None,
            own: Vec::new(),
            provided: HashMap::new(),
            services: HashMap::new(),
        };
        Self { known: RwLock::new(known), next_import: AtomicU32::new(0) }
    }
}

impl Registry {
    /// The account with this number.
    pub(crate) fn get(&self, id: AccountId) -> Option<Arc<Account>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.accounts.get(id.index()).cloned()
    }

    /// All accounts.
    pub(crate) fn all(&self) -> Vec<Arc<Account>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).accounts.clone()
    }

    /// The account with this name.
    pub(crate) fn known(&self, name: &str) -> Option<Arc<Account>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.accounts.get(known.names.get(name)?.index()).cloned()
    }

    /// The account with this name, made known if it is not.
    pub(crate) fn named(&self, name: &str) -> Arc<Account> {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let id = known.names.get(name).copied();
        if let Some(account) = id.and_then(|id| known.accounts.get(id.index())) {
            return account.clone();
        }
        let id = AccountId(known.accounts.len() as u32);
        let account = Account::new(id, name);
        known.accounts.push(account.clone());
        known.names.insert(name.into(), id);
        account
    }

    /// A number for one more import.
    pub(crate) fn number_import(&self) -> u32 {
        self.next_import.fetch_add(1, Ordering::Relaxed)
    }

    /// The server itself answers this from the next [`Self::announce`] on.
    pub(crate) fn provide(&self, services: Vec<OwnService>) {
        self.known.write().unwrap_or_else(PoisonError::into_inner).own = services;
    }

    /// Puts the services of `accounts` into the indexes, their imports and the server's own, and
    /// takes those out that are there no more. The new ones come first, so that no request finds a
    /// gap.
    pub(crate) fn announce(&self, accounts: &Accounts) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.system = accounts.system();
        let mut old = std::mem::take(&mut known.services);
        for rules in accounts.iter() {
            known.enter_services(rules);
        }
        old.retain(|number, _| !known.services.contains_key(number));
        old.into_iter().for_each(|(number, entry)| known.withdraw(number, &entry));
        let gone = |id: &&AccountId| known.system.is_none() || accounts.rules(**id).is_none();
        let gone: Vec<_> = known.provided.keys().filter(gone).copied().collect();
        gone.into_iter().for_each(|id| known.withdraw_own(id));
    }

    /// As [`Registry::announce`] for one account, whose rules were `old`.
    pub(crate) fn announce_change(&self, old: Option<&Rules>, new: Option<&Rules>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        match (old, new) {
            (_, Some(new)) => known.enter_services(new),
            (Some(old), None) => known.withdraw_own(old.id),
            (None, None) => {}
        }
        for import in old.into_iter().flat_map(|old| &old.services) {
            if new.is_none_or(|new| new.service(import.number).is_none())
                && let Some(entry) = known.services.remove(&import.number)
            {
                known.withdraw(import.number, &entry);
            }
        }
    }
}

impl Known {
    fn enter_services(&mut self, rules: &Rules) {
        for import in &rules.services {
            let local = import.renaming.local();
            if let Some(account) = self.accounts.get(rules.id.index()) {
                let entry = SubId::standing(Standing::Import(import.number));
                account.put(local, entry);
            }
            self.services.insert(import.number, (rules.id, local.into()));
        }
        self.enter_own(rules.id);
    }

    /// Has the server itself answer in an account.
    fn enter_own(&mut self, id: AccountId) {
        let Some(system) = self.system else { return };
        match self.provided.insert(id, system) {
            Some(old) if old == system => {}
            Some(old) => {
                self.change_own(id, |it| it.is_in(id, system) && !it.is_in(id, old), true);
                self.change_own(id, |it| it.is_in(id, old) && !it.is_in(id, system), false);
            }
            None => self.change_own(id, |it| it.is_in(id, system), true),
        }
    }

    fn withdraw_own(&mut self, id: AccountId) {
        if let Some(system) = self.provided.remove(&id) {
            self.change_own(id, |it| it.is_in(id, system), false);
        }
    }

    /// Makes, or takes away, entries of the server's own services.
    fn change_own(&self, id: AccountId, which: impl Fn(&OwnService) -> bool, enter: bool) {
        let Some(account) = self.accounts.get(id.index()) else { return };
        for service in self.own.iter().filter(|service| which(service)) {
            let entry = SubId::standing(Standing::Own(service.number));
            if enter {
                account.put(&service.subject, entry);
            } else {
                account.take(&service.subject, entry);
            }
        }
    }

    fn withdraw(&self, number: u32, (id, local): &(AccountId, Box<str>)) {
        if let Some(account) = self.accounts.get(id.index()) {
            let entry = SubId::standing(Standing::Import(number));
            account.take(local, entry);
        }
    }
}
