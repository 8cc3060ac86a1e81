//! What the configuration in force says about accounts, ready for use.

use core::time::Duration;
use std::collections::HashMap;
use std::sync::Arc;

use super::{AccountId, Renaming, SenderIdentity, Service};
use crate::auth::Permissions;
use crate::auth::jwt::login::TrustedAccount;
use crate::subject::mappings::Mappings;

/// What an account may have. `None` is any number.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct AccountLimits {
    /// Clients at once.
    pub connections: Option<usize>,
    /// Subscriptions at once.
    pub subscriptions: Option<usize>,
    /// Bytes of a payload.
    pub payload: Option<usize>,
    /// Leaf connections at once.
    pub leafnodes: Option<usize>,
}

/// One account's part of the configuration.
#[derive(Debug, Default)]
pub struct Rules {
    /// Whose.
    pub id: AccountId,
    /// Its name.
    pub name: Arc<str>,
    /// Its limits.
    pub limits: AccountLimits,
    /// What its clients' publications change their subjects by.
    pub mappings: Option<Arc<Mappings>>,
    /// What its clients' publications say of them. `None` is whatever they like; one that asks for
    /// nothing has them say nothing.
    pub sender_identity: Option<SenderIdentity>,
    /// When it ends, since the start of 1970.
    pub expires: Option<Duration>,
    /// What users may do who have no permissions of their own; `None` is everything.
    pub default_permissions: Option<Arc<Permissions>>,
    /// What its operator says of it, in operator mode.
    pub claims: Option<Arc<TrustedAccount>>,
    pub(crate) streams: Vec<Arc<StreamImport>>,
    /// In ascending order of their numbers.
    pub(crate) services: Vec<Arc<ServiceImport>>,
}

impl Rules {
    /// Whether it has ended at this unix second. At the very second that it ends at it has not, as
    /// with claims.
    pub fn is_expired(&self, now: i64) -> bool {
        let now = Duration::from_secs(u64::try_from(now).unwrap_or(0));
        self.expires.is_some_and(|at| now > at)
    }

    /// Whether the stream imports are those of `other`.
    pub(crate) fn has_streams_of(&self, other: &Self) -> bool {
        let same = |(one, other): (&Arc<StreamImport>, &Arc<StreamImport>)| {
            one.exporter == other.exporter && one.renaming == other.renaming
        };
        self.streams.len() == other.streams.len()
            && self.streams.iter().zip(&other.streams).all(same)
    }

    /// Whether the service imports are those of `other`.
    pub(super) fn has_services_of(&self, other: &Self) -> bool {
        let same =
            |(one, other): (&Arc<ServiceImport>, &Arc<ServiceImport>)| one.number == other.number;
        self.services.len() == other.services.len()
            && self.services.iter().zip(&other.services).all(same)
    }

    /// What it imports, of either kind: whose, and under which names.
    pub(super) fn imports(&self, kind: &str) -> Vec<(AccountId, &Renaming)> {
        match kind {
            "service" => self.services.iter().map(|it| (it.exporter, &it.renaming)).collect(),
            _ => self.streams.iter().map(|it| (it.exporter, &it.renaming)).collect(),
        }
    }

    /// Whether there is such a service import, whatever its number.
    pub(crate) fn imports_service(&self, import: &ServiceImport) -> bool {
        let same = |it: &Arc<ServiceImport>| {
            it.exporter == import.exporter && it.renaming == import.renaming
        };
        self.services.iter().any(same)
    }

    /// The service import with this number.
    pub(crate) fn service(&self, number: u32) -> Option<&Arc<ServiceImport>> {
        let at = self.services.binary_search_by_key(&number, |import| import.number).ok()?;
        self.services.get(at)
    }
}

/// Messages of another account.
#[derive(Debug)]
pub(crate) struct StreamImport {
    pub(crate) exporter: AccountId,
    pub(crate) renaming: Renaming,
}

/// Requests to another account.
#[derive(Debug)]
pub(crate) struct ServiceImport {
    /// The name in the importer's index.
    pub(crate) number: u32,
    pub(crate) exporter: AccountId,
    pub(crate) renaming: Renaming,
    /// The exporter is told who the requester is.
    pub(crate) share: bool,
    /// The exporter's terms.
    pub(crate) terms: Service,
}

impl ServiceImport {
    /// Whether it is the same but for its number.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.exporter == other.exporter
            && self.renaming == other.renaming
            && self.share == other.share
            && self.terms == other.terms
    }
}

/// All accounts of a configuration. The default is [`GLOBAL`](super::GLOBAL) alone.
#[derive(Clone, Debug)]
pub struct Accounts {
    /// By number, with gaps where an account is there no more.
    rules: Vec<Option<Arc<Rules>>>,
    /// Shared by all versions between which no account came or went.
    names: Arc<HashMap<Arc<str>, AccountId>>,
    /// Which one is the system account.
    system: Option<AccountId>,
}

impl Default for Accounts {
    fn default() -> Self {
        Self::new([Rules { name: super::GLOBAL.into(), ..Rules::default() }], None)
    }
}

impl Accounts {
    pub(super) fn new(all: impl IntoIterator<Item = Rules>, system: Option<AccountId>) -> Self {
        let mut accounts = Self { rules: Vec::new(), names: Default::default(), system };
        for rules in all {
            accounts.put(Arc::new(rules));
        }
        accounts
    }

    /// Has these rules hold for their account.
    pub(super) fn put(&mut self, rules: Arc<Rules>) {
        let at = rules.id.index();
        if self.rules.len() <= at {
            self.rules.resize(at + 1, None);
        }
        if !self.names.contains_key(&rules.name) {
            Arc::make_mut(&mut self.names).insert(rules.name.clone(), rules.id);
        }
        if let Some(place) = self.rules.get_mut(at) {
            *place = Some(rules);
        }
    }

    /// An account is there no more.
    pub(super) fn remove(&mut self, id: AccountId) {
        if let Some(rules) = self.rules.get_mut(id.index()).and_then(Option::take) {
            Arc::make_mut(&mut self.names).remove(&rules.name);
        }
    }

    /// What holds for an account; `None` for one that is there no more.
    pub fn rules(&self, id: AccountId) -> Option<&Arc<Rules>> {
        self.rules.get(id.index())?.as_ref()
    }

    /// The account with this name.
    pub fn named(&self, name: &str) -> Option<AccountId> {
        self.names.get(name).copied()
    }

    /// The system account, if there is one.
    pub fn system(&self) -> Option<AccountId> {
        self.system
    }

    /// All of them, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Rules>> {
        self.rules.iter().flatten()
    }
}
