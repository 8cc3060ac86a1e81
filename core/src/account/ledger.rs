//! Accounts that come, change and go one by one while the server runs: operator mode (reference
//! security 5.7, 5.8).
//!
//! Beside a message's way. Whoever drives the shards keeps a [`Ledger`]; each change of it makes
//! the next [`Accounts`], which the shards are told with [`Shard::update`](crate::shard::Shard).
//! A change costs what it touches: the accounts that are new, and those that import from them.
//! The rules of all others are shared between the versions.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::build::{AccountError, Builder, Reason};
use super::rules::{Accounts, Rules, ServiceImport};
use super::{AccountId, Declaration, cycles};
use crate::shard::Shared;

/// What happens to an account.
#[derive(Debug)]
pub enum Change {
    /// It is declared like this, be it new or not.
    Put(Declaration),
    /// The account of this name is there no more.
    Remove(String),
}

/// What a change comes to.
#[derive(Debug)]
pub struct Update {
    /// The accounts from now on.
    pub accounts: Arc<Accounts>,
    /// Those that are not what they were.
    pub changed: Arc<[AccountId]>,
    /// Imports that the accounts have to do without, because there is no export for them.
    pub skipped: Vec<AccountError>,
}

/// The accounts of a server in operator mode, as they are declared. An import that does not fit is
/// left out, and tried again when its exporter changes.
#[derive(Debug)]
pub struct Ledger {
    declared: HashMap<Arc<str>, Declaration>,
    /// By exporter, who imports from it or would like to.
    importers: HashMap<Box<str>, BTreeSet<Arc<str>>>,
    accounts: Arc<Accounts>,
}

impl Ledger {
    /// Begins with accounts that never change.
    pub fn new(accounts: Accounts) -> Self {
        let (declared, importers) = (HashMap::new(), HashMap::new());
        Self { declared, importers, accounts: Arc::new(accounts) }
    }

    /// The accounts now.
    pub fn accounts(&self) -> &Arc<Accounts> {
        &self.accounts
    }

    /// What is declared under a name.
    pub fn declared(&self, name: &str) -> Option<&Declaration> {
        self.declared.get(name)
    }

    /// The names of all that are declared.
    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.declared.keys()
    }

    /// Makes changes, at unix second `now`, and has service imports answer accordingly. The shards
    /// are to be told after that.
    pub fn apply(&mut self, shared: &Shared, changes: Vec<Change>, now: i64) -> Update {
        let mut touched: BTreeSet<Arc<str>> = BTreeSet::new();
        for change in changes {
            touched.insert(match change {
                Change::Put(declared) => self.declare(declared),
                Change::Remove(name) => self.forget(&name),
            });
        }
        let given = touched.clone();
        for name in &given {
            touched.extend(self.importers.get(&**name).into_iter().flatten().cloned());
        }
        let mut skipped = Vec::new();
        let rules = self.rebuild(shared, &touched, now, &mut skipped);
        let mut accounts = Accounts::clone(&self.accounts);
        let mut changed = Vec::new();
        for name in touched {
            let Some(account) = shared.accounts.known(&name) else { continue };
            let id = account.id;
            let old = accounts.rules(id).cloned();
            match rules.get(&id) {
                Some(rules) => {
                    let same =
                        |old: &Arc<Rules>| old.has_services_of(rules) && old.has_streams_of(rules);
                    if !given.contains(&name) && old.as_ref().is_some_and(same) {
                        continue;
                    }
                    accounts.put(rules.clone());
                }
                None => accounts.remove(id),
            }
            shared.accounts.announce_change(old.as_deref(), rules.get(&id).map(|it| &**it));
            changed.push(id);
        }
        self.accounts = Arc::new(accounts);
        Update { accounts: self.accounts.clone(), changed: changed.into(), skipped }
    }

    fn declare(&mut self, declared: Declaration) -> Arc<str> {
        let name = self.forget(&declared.name);
        for import in &declared.imports {
            let importers = self.importers.entry(import.account.as_str().into()).or_default();
            importers.insert(name.clone());
        }
        self.declared.insert(name.clone(), declared);
        name
    }

    fn forget(&mut self, name: &str) -> Arc<str> {
        let Some((name, declared)) = self.declared.remove_entry(name) else { return name.into() };
        for import in &declared.imports {
            let exporter = import.account.as_str();
            if let Some(importers) = self.importers.get_mut(exporter) {
                importers.remove(&name);
                if importers.is_empty() {
                    self.importers.remove(exporter);
                }
            }
        }
        name
    }

    /// The rules of these accounts, but of those that are not declared.
    fn rebuild(
        &self,
        shared: &Shared,
        names: &BTreeSet<Arc<str>>,
        now: i64,
        skipped: &mut Vec<AccountError>,
    ) -> BTreeMap<AccountId, Arc<Rules>> {
        let find = |name: &str| self.declared.get(name);
        let builder = Builder { registry: &shared.accounts, declared: &find, now };
        let mut wanted = BTreeMap::new();
        for declared in names.iter().filter_map(|name| find(name)) {
            let mut unfit = |error| {
                skipped.push(error);
                Ok(())
            };
            if let Ok(rules) = builder.rules(declared, &mut unfit) {
                wanted.insert(rules.id, rules);
            }
        }
        self.break_cycles(wanted, skipped)
            .into_iter()
            .map(|(id, mut rules)| {
                if let Some(old) = self.accounts.rules(id) {
                    keep_numbers(&mut rules.services, old);
                }
                (id, Arc::new(rules))
            })
            .collect()
    }

    /// Leaves out the imports that would close a circle, whichever come last.
    fn break_cycles(
        &self,
        wanted: BTreeMap<AccountId, Rules>,
        skipped: &mut Vec<AccountError>,
    ) -> BTreeMap<AccountId, Rules> {
        let mut accepted: BTreeMap<AccountId, Rules> = BTreeMap::new();
        let mut open = Vec::new();
        for (id, mut rules) in wanted {
            let streams = std::mem::take(&mut rules.streams);
            open.push((id, streams, std::mem::take(&mut rules.services)));
            accepted.insert(id, rules);
        }
        for (id, streams, services) in open {
            for import in streams {
                if self.comes_back(id, import.exporter, &import.renaming, "stream", &accepted) {
                    skipped.push(cycle(&accepted, id, "stream", import.renaming.exporter()));
                } else if let Some(rules) = accepted.get_mut(&id) {
                    rules.streams.push(import);
                }
            }
            for import in services {
                if self.comes_back(id, import.exporter, &import.renaming, "service", &accepted) {
                    skipped.push(cycle(&accepted, id, "service", import.renaming.exporter()));
                } else if let Some(rules) = accepted.get_mut(&id) {
                    rules.services.push(import);
                }
            }
        }
        accepted
    }

    fn comes_back(
        &self,
        importer: AccountId,
        exporter: AccountId,
        renaming: &super::Renaming,
        kind: &str,
        accepted: &BTreeMap<AccountId, Rules>,
    ) -> bool {
        let imports = |id| match accepted.get(&id) {
            Some(rules) => rules.imports(kind),
            None => self.accounts.rules(id).map_or_else(Vec::new, |rules| rules.imports(kind)),
        };
        cycles::comes_back(importer, exporter, renaming, &imports)
    }
}

fn cycle(
    accepted: &BTreeMap<AccountId, Rules>,
    id: AccountId,
    kind: &'static str,
    subject: &str,
) -> AccountError {
    AccountError {
        account: accepted.get(&id).map_or_else(String::new, |rules| rules.name.to_string()),
        import: None,
        reason: Box::new(Reason::Cycle { kind, subject: subject.to_owned() }),
    }
}

/// Service imports that were there already stay the ones they were, so that what waits for their
/// responses goes on. In ascending order of the numbers.
fn keep_numbers(services: &mut [Arc<ServiceImport>], old: &Rules) {
    for service in services.iter_mut() {
        if let Some(same) = old.services.iter().find(|old| old.is_like(service)) {
            *service = same.clone();
        }
    }
    services.sort_by_key(|service| service.number);
}
