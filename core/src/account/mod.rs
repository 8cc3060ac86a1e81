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
mod cycles;
mod declare;
mod renaming;
mod rules;

use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

pub use build::{AccountError, Reason};
pub use declare::{
    Declaration, Export, ExportKind, Import, ImportKind, Latency, ResponseKind, Sampling,
    SenderIdentity, Service,
};
pub(crate) use renaming::Renaming;
pub use rules::{AccountLimits, Accounts, Rules};
pub(crate) use rules::{ServiceImport, StreamImport};

use crate::id::{Standing, SubId};
use crate::interest::Interest;

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
    /// Clients that are logged in to it.
    connections: AtomicUsize,
}

impl Account {
    fn new(id: AccountId, name: &str) -> Arc<Self> {
        let (interest, connections) = (Interest::new(), AtomicUsize::new(0));
        Arc::new(Self { id, name: name.into(), interest, connections })
    }

    /// Clients that are logged in to it.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Its subscriptions, those that imports put there included.
    pub fn subscriptions(&self) -> u64 {
        self.interest.stats().num_subs
    }

    /// One more client; false, and it does not count, when that would be more than `limit`.
    pub(crate) fn enter(&self, limit: Option<usize>) -> bool {
        let more = |now: usize| limit.is_none_or(|limit| now < limit).then_some(now + 1);
        self.connections.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    pub(crate) fn leave(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
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
    /// Entries of service imports in the indexes: account, subject and number.
    services: Vec<(AccountId, Box<str>, u32)>,
}

impl Default for Registry {
    fn default() -> Self {
        let known = Known {
            accounts: vec![Account::new(AccountId::GLOBAL, GLOBAL)],
            names: HashMap::from([(GLOBAL.into(), AccountId::GLOBAL)]),
            services: Vec::new(),
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

    /// Puts the service imports of `accounts` into the indexes, and takes those out that are
    /// there no more. The new ones come first, so that no request finds a gap.
    pub(crate) fn announce(&self, accounts: &Accounts) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let wanted: Vec<(AccountId, Box<str>, u32)> = accounts
            .iter()
            .flat_map(|rules| rules.services.iter().map(|it| (rules.id, it)))
            .map(|(id, import)| (id, Box::from(import.renaming.local()), import.number))
            .collect();
        let interest = |known: &Known, id: AccountId, change: &dyn Fn(&Interest)| {
            if let Some(account) = known.accounts.get(id.index()) {
                change(&account.interest);
            }
        };
        for (id, local, number) in &wanted {
            let entry = SubId::standing(Standing::Import(*number));
            interest(&known, *id, &|index| index.insert(local.as_bytes(), None, entry, 1));
        }
        let kept: HashSet<u32> = wanted.iter().map(|(_, _, number)| *number).collect();
        let old = std::mem::replace(&mut known.services, wanted);
        for (id, local, number) in old {
            if !kept.contains(&number) {
                let entry = SubId::standing(Standing::Import(number));
                interest(&known, id, &|index| {
                    index.remove(local.as_bytes(), None, entry);
                });
            }
        }
    }
}
