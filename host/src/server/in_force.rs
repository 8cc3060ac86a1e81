//! What is in force on all shards, and how it is replaced while they run: whole by a reload, and
//! account by account in operator mode (reference security 5.7, 5.8).
//!
//! Beside a message's way. Every change is made under one lock and sent to the shards before the
//! lock is given back, so that all of them see all changes in one order.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use nervure_core::account::{
    AccountError, Accounts, Change, Declaration, Ledger, SenderIdentity, Update,
};
use nervure_core::auth::jwt::login::{AccountError as ClaimsError, Trust, TrustedAccount};
use nervure_core::auth::{Answer, Operators};
use nervure_core::settings::Settings;
use nervure_core::shard::Shared;
use tokio::sync::{mpsc, oneshot};

use super::callout::AuthService;
use super::shard_loop::Command;
use super::zones::SystemZones;
use crate::log::Logger;
use crate::net::tls::TlsServer;
use crate::options::Options;
use crate::resolver::{FetchError, Resolver, ResolverError};

/// The most accounts that one look-up brings into force: the one that is asked for, and those that
/// it imports from, and so on.
const MAX_CHAIN: usize = 1024;

/// Why an account is not in force.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccountRefusal {
    /// The server is not in operator mode.
    #[error("the server trusts no operator")]
    NoOperators,
    /// No token is found.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The token is not to be used. nats-server does not say why.
    #[error("account validation failed ({0})")]
    Claims(#[from] ClaimsError),
}

/// Why operator mode cannot begin. Displays nats-server's texts.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// The accounts cannot be had.
    #[error(transparent)]
    Resolver(#[from] ResolverError),
    /// The system account cannot be had.
    #[error("error resolving system account: {0}")]
    SystemAccount(AccountRefusal),
}

/// What became of an account's token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is in force: every shard obeys it.
    InForce,
    /// It is what was in force.
    Same,
    /// Nobody uses the account, so that its token is not needed yet.
    NotInUse,
}

/// A link waits for an account.
pub(super) struct LookUp {
    pub(super) account: Box<str>,
    pub(super) reply: Box<dyn FnOnce(Answer) + Send>,
}

/// Accounts whose operator vouches for them.
struct Vouching {
    trust: Trust,
    ledger: Ledger,
    resolver: Arc<Resolver>,
    /// The tokens that are in force.
    tokens: HashMap<String, String>,
    cluster: String,
    sender_identity: SenderIdentity,
}

struct State {
    settings: Arc<Settings>,
    vouching: Option<Vouching>,
}

/// See the module's documentation.
pub(super) struct InForce {
    shared: Arc<Shared>,
    shards: Mutex<Vec<mpsc::UnboundedSender<Command>>>,
    state: Mutex<State>,
    log: Logger,
}

/// What shards answer when they obey.
pub(super) type Obeyed = Vec<oneshot::Receiver<()>>;

/// Whose tokens count under these options; `None` outside of operator mode.
pub(super) fn operators(options: &Options) -> Option<Operators> {
    let mode = Some(&options.operators).filter(|mode| mode.is_active())?;
    let mut trust = match mode.operators.as_slice() {
        [] => Trust::in_keys(mode.trusted_keys.iter().cloned()),
        operators => Trust::in_operators(operators),
    };
    if !mode.pinned.is_empty() {
        let system = options.named_system_account().map(str::to_owned);
        trust = trust.pinned(mode.pinned.iter().cloned().chain(system));
    }
    let sentinel = mode.sentinel.as_deref().map(Into::into);
    Some(Operators { trust, sentinel, zones: Arc::new(SystemZones) })
}

fn unix_now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

impl InForce {
    /// Begins with `settings`; in operator mode with the system account in force.
    ///
    /// # Errors
    /// When there is no such account.
    pub(super) async fn begin(
        shared: Arc<Shared>,
        settings: Arc<Settings>,
        options: &Options,
        resolver: Option<Arc<Resolver>>,
        log: Logger,
    ) -> Result<Self, OperatorError> {
        shared.announce(&settings.accounts);
        let operators = settings.auth.operators.as_ref();
        let vouching = operators.zip(resolver).map(|(operators, resolver)| Vouching {
            trust: operators.trust.clone(),
            ledger: Ledger::new(Accounts::clone(&settings.accounts)),
            resolver,
            tokens: HashMap::new(),
            cluster: options.cluster_name.clone().unwrap_or_default(),
            sender_identity: options.sender_identity,
        });
        let is_active = vouching.is_some();
        let state = Mutex::new(State { settings, vouching });
        let in_force = Self { shared, shards: Mutex::default(), state, log };
        if let Some(system) = options.named_system_account().filter(|_| is_active) {
            match in_force.look_up(system).await {
                Err(_) if in_force.resolver().is_some_and(|it| it.may_be_pushed()) => {
                    let declared = declare(TrustedAccount::provisional(system), "");
                    let found = Found { declared, token: String::new() };
                    in_force
                        .put(
                            vec![(system.to_owned(), Fate::Found(Box::new(found)))],
                            &BTreeSet::new(),
                        )
                        .await;
                }
                looked_up => looked_up.map_err(OperatorError::SystemAccount)?,
            }
        }
        Ok(in_force)
    }

    /// Where the system account had no token at the start, looks for it until there is one, be it
    /// that somebody pushes it.
    pub(super) async fn await_system_account(self: Arc<Self>, system: String) {
        /// How often nats-server looks (observed on nats-server 2.15.1).
        const INTERVAL: Duration = Duration::from_secs(1);
        let is_provisional = || {
            let state = self.state();
            let tokens = state.vouching.as_ref().map(|vouching| &vouching.tokens);
            tokens.and_then(|tokens| tokens.get(&system)).is_some_and(String::is_empty)
        };
        if !is_provisional() {
            return;
        }
        while is_provisional() {
            tokio::time::sleep(INTERVAL).await;
            // It will be there another time.
            let _ = self.look_up(&system).await;
        }
        self.log.info(format_args!("System account fetched and updated"));
    }

    /// The shards to tell from now on.
    pub(super) fn serve(&self, shards: Vec<mpsc::UnboundedSender<Command>>) {
        *self.shards.lock().unwrap_or_else(PoisonError::into_inner) = shards;
    }

    /// What is in force.
    pub(super) fn settings(&self) -> Arc<Settings> {
        self.state().settings.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, command: impl Fn(oneshot::Sender<()>) -> Command) -> Obeyed {
        let shards = self.shards.lock().unwrap_or_else(PoisonError::into_inner);
        let tell = |shard: &mpsc::UnboundedSender<Command>| {
            let (done, obeyed) = oneshot::channel();
            // A shard that has ended obeys nothing.
            let _ = shard.send(command(done));
            obeyed
        };
        shards.iter().map(tell).collect()
    }

    /// Puts other settings into force, and in operator mode the accounts as the resolver has them
    /// now: it has been told of `options`. `pins` is what the certificates of open connections
    /// must be among; `service` is who is asked about clients under them.
    pub(super) async fn replace(
        &self,
        mut settings: Settings,
        options: &Options,
        pins: Option<Arc<TlsServer>>,
        service: Option<Arc<AuthService>>,
    ) {
        let fresh = self.fetch_again(options).await;
        let surplus = self.shared.trim_clients(settings.limits.max_connections);
        let obeyed = {
            let mut state = self.state();
            match &mut state.vouching {
                Some(vouching) => {
                    if let Some(operators) = &settings.auth.operators {
                        vouching.trust = operators.trust.clone();
                    }
                    let update = vouching.apply(&self.shared, fresh);
                    self.report(&update);
                    settings.accounts = update.accounts;
                }
                None => self.shared.announce(&settings.accounts),
            }
            let settings = Arc::new(settings);
            state.settings = settings.clone();
            self.tell(|done| {
                let (settings, service, pins) = (settings.clone(), service.clone(), pins.clone());
                Command::Reconfigure { settings, service, pins, done }
            })
        };
        if surplus > 0 {
            self.log
                .info(format_args!("Closed {surplus} connections to fall within max_connections"));
        }
        wait(obeyed).await;
    }

    /// What the resolver has of the accounts in force after a reload. What it does not have any
    /// more, or cannot be used, is gone: their clients are told that they may not be here (observed
    /// on nats-server 2.15.1). Where it may only be away for now, the account stays as it is.
    async fn fetch_again(&self, options: &Options) -> Vec<(String, Fate)> {
        let (resolver, names) = {
            let state = self.state();
            let Some(vouching) = &state.vouching else { return Vec::new() };
            let names: Vec<String> = vouching.tokens.keys().cloned().collect();
            (vouching.resolver.clone(), names)
        };
        resolver.reload(&options.operators, &self.log).await;
        let is_all = resolver.is_all_there_is();
        let mut fresh = Vec::new();
        for name in names {
            match resolver.fetch(&name).await {
                Err(why) => {
                    self.log.warn(format_args!("Account fetch failed: {why}"));
                    if is_all {
                        let text = format_args!("Reloaded: deleting account [removed]: {name:?}");
                        self.log.info(text);
                        fresh.push((name, Fate::Gone));
                    }
                }
                Ok(token) => match self.check(&name, token) {
                    Ok(Some(found)) => fresh.push((name, Fate::Found(Box::new(found)))),
                    Ok(None) => {}
                    Err(why) => {
                        self.log.error(format_args!("account {name}: {why}"));
                        if is_all {
                            fresh.push((name, Fate::Gone));
                        }
                    }
                },
            }
        }
        fresh
    }

    /// Takes the token of account `id` into force, if the account is in use. Returns when every
    /// shard obeys: a publication that comes after that meets the new exports, imports and limits.
    ///
    /// # Errors
    /// When the token is not to be used; what was in force stays.
    pub(super) async fn take(&self, id: &str, token: &str) -> Result<Taken, AccountRefusal> {
        if !self.state().vouching.as_ref().is_some_and(|it| it.tokens.contains_key(id)) {
            return Ok(Taken::NotInUse);
        }
        let Some(found) = self.check(id, token.to_owned())? else { return Ok(Taken::Same) };
        let (changes, missing) = self.with_exporters(id, found).await;
        if let Some(resolver) = self.resolver() {
            resolver.remember(id, token);
        }
        self.put(changes, &missing).await;
        Ok(Taken::InForce)
    }

    /// Takes an account out of force as if its time were over.
    pub(super) async fn drop_account(&self, id: &str) {
        self.put(vec![(id.to_owned(), Fate::Ended)], &BTreeSet::new()).await;
    }

    /// Brings an account into force that somebody asks for, and those that it imports from.
    ///
    /// # Errors
    /// When it is not found, or not to be used.
    pub(super) async fn look_up(&self, id: &str) -> Result<(), AccountRefusal> {
        let resolver = self.resolver().ok_or(AccountRefusal::NoOperators)?;
        let token = resolver.fetch(id).await?;
        let Some(found) = self.check(id, token)? else {
            return Ok(());
        };
        let (changes, missing) = self.with_exporters(id, found).await;
        self.put(changes, &missing).await;
        Ok(())
    }

    fn resolver(&self) -> Option<Arc<Resolver>> {
        self.state().vouching.as_ref().map(|vouching| vouching.resolver.clone())
    }

    /// Whether a token may be that of an account; `None` when it is the one in force and good.
    fn check(&self, id: &str, token: String) -> Result<Option<Found>, AccountRefusal> {
        let (trust, cluster, sender_identity) = {
            let state = self.state();
            let vouching = state.vouching.as_ref().ok_or(AccountRefusal::NoOperators)?;
            if vouching.tokens.get(id) == Some(&token) {
                return Ok(None);
            }
            (vouching.trust.clone(), vouching.cluster.clone(), vouching.sender_identity)
        };
        // Signatures take their time, and the lock is not for that.
        let account = trust.account(id, &token, unix_now())?;
        let declared = Declaration { sender_identity, ..declare(account, &cluster) };
        Ok(Some(Found { declared, token }))
    }

    /// An account together with those that it, or one of them, imports from and that are not in
    /// force. Those that are not found are named: they are done without.
    async fn with_exporters(
        &self,
        id: &str,
        found: Found,
    ) -> (Vec<(String, Fate)>, BTreeSet<String>) {
        let mut open = exporters(&found.declared);
        let mut missing = BTreeSet::new();
        let mut changes = vec![(id.to_owned(), Fate::Found(Box::new(found)))];
        let Some(resolver) = self.resolver() else { return (changes, missing) };
        while let Some(exporter) = open.pop() {
            let known = changes.iter().any(|(id, _)| *id == exporter)
                || missing.contains(&exporter)
                || self.is_in_force(&exporter);
            if known || changes.len() >= MAX_CHAIN {
                continue;
            }
            let found = match resolver.fetch(&exporter).await {
                Ok(token) => self.check(&exporter, token),
                Err(why) => Err(why.into()),
            };
            match found {
                Ok(Some(found)) => {
                    open.extend(exporters(&found.declared));
                    changes.push((exporter, Fate::Found(Box::new(found))));
                }
                Ok(None) => {}
                Err(why) => {
                    self.log.debug(format_args!("account {exporter}, imported from: {why}"));
                    missing.insert(exporter);
                }
            }
        }
        (changes, missing)
    }

    pub(super) fn is_in_force(&self, id: &str) -> bool {
        self.state().vouching.as_ref().is_some_and(|it| it.tokens.contains_key(id))
    }

    /// Makes changes and waits until every shard obeys.
    async fn put(&self, changes: Vec<(String, Fate)>, missing: &BTreeSet<String>) {
        let obeyed = {
            let mut state = self.state();
            let Some(vouching) = &mut state.vouching else { return };
            let update = vouching.apply(&self.shared, changes);
            self.report(&update);
            let accounts = update.accounts.clone();
            let settings = Arc::new(Settings { accounts, ..Settings::clone(&state.settings) });
            state.settings = settings.clone();
            self.tell(|done| {
                let (settings, changed) = (settings.clone(), update.changed.clone());
                Command::Accounts { settings, changed, done }
            })
        };
        if !missing.is_empty() {
            self.log.debug(format_args!("accounts imported from that are missing: {missing:?}"));
        }
        wait(obeyed).await;
    }

    /// Tells the log which imports an account has to do without.
    fn report(&self, update: &Update) {
        for skipped in &update.skipped {
            let AccountError { account, .. } = skipped;
            self.log.warn(format_args!("account {account} is incomplete: {skipped}"));
        }
    }

    /// Answers links that wait for accounts, until nobody can ask any more. Each account is
    /// looked up once, however many wait for it.
    pub(super) async fn answer(self: Arc<Self>, mut asked: mpsc::UnboundedReceiver<LookUp>) {
        let mut waiting: HashMap<Box<str>, Vec<LookUp>> = HashMap::new();
        let mut running = tokio::task::JoinSet::new();
        loop {
            tokio::select! {
                look_up = asked.recv() => {
                    let Some(look_up) = look_up else { return };
                    let all = waiting.entry(look_up.account.clone()).or_default();
                    if all.is_empty() {
                        let (in_force, account) = (self.clone(), look_up.account.clone());
                        running.spawn(async move {
                            let found = in_force.look_up(&account).await;
                            (account, found)
                        });
                    }
                    all.push(look_up);
                }
                Some(Ok((account, found))) = running.join_next(), if !running.is_empty() => {
                    for LookUp { reply, .. } in waiting.remove(&account).unwrap_or_default() {
                        reply(match &found {
                            Ok(()) => Answer::Found,
                            Err(why) => Answer::NotFound(why.to_string().into()),
                        });
                    }
                }
            }
        }
    }
}

/// What becomes of an account.
enum Fate {
    /// This is in force from now on.
    Found(Box<Found>),
    /// It is there no more.
    Gone,
    /// It has ended, as if its time were over.
    Ended,
}

/// A token that is good, and what it declares.
struct Found {
    declared: Declaration,
    token: String,
}

fn declare(account: TrustedAccount, cluster: &str) -> Declaration {
    Declaration::of_claims(Arc::new(account), cluster)
}

fn exporters(declared: &Declaration) -> Vec<String> {
    declared.imports.iter().map(|import| import.account.clone()).collect()
}

async fn wait(obeyed: Obeyed) {
    for shard in obeyed {
        // One that has ended has nothing to obey.
        let _ = shard.await;
    }
}

impl Vouching {
    fn apply(&mut self, shared: &Shared, changes: Vec<(String, Fate)>) -> Update {
        let changes = changes.into_iter().map(|(id, fate)| match fate {
            Fate::Found(found) => {
                let Found { declared, token } = *found;
                self.tokens.insert(id, token);
                Change::Put(declared)
            }
            Fate::Gone => {
                self.tokens.remove(&id);
                Change::Remove(id)
            }
            Fate::Ended => {
                self.tokens.remove(&id);
                match self.ledger.declared(&id) {
                    Some(declared) => {
                        let expires = Some(Duration::ZERO);
                        Change::Put(Declaration { expires, ..declared.clone() })
                    }
                    None => Change::Remove(id),
                }
            }
        });
        let changes = changes.collect();
        self.ledger.apply(shared, changes, unix_now())
    }
}
