//! What the system account is told about clients (reference security 11). Nothing is put together
//! unless somebody listens.

use core::time::Duration;
use std::sync::Arc;

use super::{Client, Output, Shard};
use crate::account::{Account, AccountId};
use crate::auth::Denial;
use crate::link::Link;
use crate::reason::CloseReason;

/// An event that somebody listens to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advisory {
    /// When it happened, since the start of 1970.
    pub at: Duration,
    /// What happened.
    pub event: ClientEvent,
}

/// What happened to a client or to an account's clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientEvent {
    /// A client logged in.
    Connected(Client),
    /// A client is gone.
    Disconnected(Client, CloseReason),
    /// A client's credentials were refused.
    Refused {
        /// Which.
        client: Client,
        /// Why, as all others are told.
        reason: CloseReason,
        /// The step of the chain that refused.
        step: Box<str>,
        /// ... and its reason.
        why: Box<str>,
        /// The account that the client is in so far, if that listens.
        account: Option<AccountId>,
        /// The system account listens.
        system: bool,
    },
    /// An account has more or fewer clients.
    Count(Arc<Account>),
}

impl Shard {
    /// A client has logged in.
    pub(crate) fn advise_connected(&mut self, slot: u32) {
        let about = self.about(slot, |account| format!("$SYS.ACCOUNT.{account}.CONNECT"));
        if let Some(client) = about {
            self.advise(ClientEvent::Connected(client));
        }
    }

    /// A client has gone.
    pub(super) fn advise_disconnected(&mut self, slot: u32, reason: CloseReason) {
        let about = self.about(slot, |account| format!("$SYS.ACCOUNT.{account}.DISCONNECT"));
        if let Some(client) = about {
            self.advise(ClientEvent::Disconnected(client, reason));
        }
    }

    /// A client was refused.
    pub(crate) fn advise_refused(&mut self, slot: u32, denial: &Denial) {
        let Some(link) = self.links.at(slot) else { return };
        let server = &link.endpoint.info.server_id;
        let subject = || format!("$SYS.SERVER.{server}.CLIENT.AUTH.ERR");
        let system = self.listener().is_some_and(|system| system.hears(subject().as_bytes()));
        let account = self.shared.accounts.get(link.account);
        let account = account.filter(|account| account.hears(b"$SYS.ACCOUNT.CLIENT.AUTH.ERR"));
        if !system && account.is_none() {
            return;
        }
        let event = ClientEvent::Refused {
            client: self.describe(link),
            reason: denial.reason,
            step: denial.step().into(),
            why: denial.why().into(),
            account: account.map(|account| account.id),
            system,
        };
        self.advise(event);
    }

    /// An account's number of clients has changed.
    pub(super) fn advise_count(&mut self, account: AccountId) {
        // Of the global account nobody is told (observed on nats-server 2.15.1).
        let Some(system) = self.listener().filter(|_| account != AccountId::GLOBAL) else { return };
        let Some(account) = self.shared.accounts.get(account) else { return };
        let name = &account.name;
        if system.hears(format!("$SYS.SERVER.ACCOUNT.{name}.CONNS").as_bytes())
            || system.hears(format!("$SYS.ACCOUNT.{name}.SERVER.CONNS").as_bytes())
        {
            self.advise(ClientEvent::Count(account));
        }
    }

    /// The client in `slot`, if the system account listens to the subject made of the name of its
    /// account.
    fn about(&self, slot: u32, subject: impl FnOnce(&str) -> String) -> Option<Client> {
        let system = self.listener()?;
        let link: &Link = self.links.at(slot)?;
        let name = self.account_name(link.account);
        system.hears(subject(&name).as_bytes()).then(|| self.describe(link))
    }

    /// The system account, if anybody in it listens to anything.
    fn listener(&self) -> Option<Arc<Account>> {
        let system = self.shared.accounts.get(self.settings.accounts.system()?)?;
        system.has_listeners().then_some(system)
    }

    fn advise(&mut self, event: ClientEvent) {
        let at = self.since_1970(self.now);
        self.outputs.push_back(Output::Advisory(Box::new(Advisory { at, event })));
    }
}
