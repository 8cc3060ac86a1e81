//! What the configuration in force says about accounts, ready for use.

use core::time::Duration;
use std::sync::Arc;

use super::{AccountId, Renaming, SenderIdentity, Service};
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
    pub(crate) streams: Vec<Arc<StreamImport>>,
    /// In ascending order of their numbers.
    pub(crate) services: Vec<Arc<ServiceImport>>,
}

impl Rules {
    /// Whether the stream imports are those of `other`.
    pub(crate) fn has_streams_of(&self, other: &Self) -> bool {
        let same = |(one, other): (&Arc<StreamImport>, &Arc<StreamImport>)| {
            one.exporter == other.exporter && one.renaming == other.renaming
        };
        self.streams.len() == other.streams.len()
            && self.streams.iter().zip(&other.streams).all(same)
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

/// All accounts of a configuration. The default is [`GLOBAL`](super::GLOBAL) alone.
#[derive(Debug)]
pub struct Accounts {
    /// By number, with gaps where an account is there no more.
    rules: Vec<Option<Arc<Rules>>>,
    names: std::collections::HashMap<Arc<str>, AccountId>,
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
            let at = rules.id.index();
            if accounts.rules.len() <= at {
                accounts.rules.resize(at + 1, None);
            }
            accounts.names.insert(rules.name.clone(), rules.id);
            if let Some(place) = accounts.rules.get_mut(at) {
                *place = Some(Arc::new(rules));
            }
        }
        accounts
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
