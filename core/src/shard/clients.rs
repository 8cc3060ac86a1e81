//! Clients as monitoring and events show them. Nothing of this is asked for by a message's way.

use core::time::Duration;
use std::sync::Arc;

use super::Shard;
use crate::account::AccountId;
use crate::auth::{Identity, Login, Permissions};
use crate::id::LinkId;
use crate::link::{Link, Origin, Transport};
use crate::settings::Settings;
use crate::time::Time;
use crate::wire::{ConnectOptions, Credentials};

/// Messages, and the bytes of their headers and payloads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Messages.
    pub msgs: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Traffic {
    /// Adds this much.
    #[inline]
    pub(crate) fn add(&mut self, msgs: u64, bytes: u64) {
        self.msgs += msgs;
        self.bytes += bytes;
    }
}

impl core::ops::Sub for Traffic {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            msgs: self.msgs.wrapping_sub(earlier.msgs),
            bytes: self.bytes.wrapping_sub(earlier.bytes),
        }
    }
}

/// A client. Points in time are counted from the start of 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its number.
    pub cid: u64,
    /// The name of the account it is in.
    pub account: Arc<str>,
    /// Its user: a name, a key, or `[REDACTED]` for a token. Empty if it has shown none.
    pub user: Box<str>,
    /// What it calls itself.
    pub name: Box<str>,
    /// Its language.
    pub lang: Box<str>,
    /// Its version.
    pub version: Box<str>,
    /// Its IP address; empty before it is known.
    pub ip: String,
    /// ... and port.
    pub port: u16,
    /// How its bytes travel.
    pub transport: Transport,
    /// When it connected.
    pub opened: Duration,
    /// When it last did something.
    pub active: Duration,
    /// How long the last answer to a ping took; zero before there is one.
    pub rtt: Duration,
    /// Bytes that wait to be written.
    pub pending: usize,
    /// Its subscriptions.
    pub subscriptions: usize,
    /// What it has sent.
    pub received: Traffic,
    /// What was delivered to it.
    pub sent: Traffic,
}

/// A client's subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientSubscription {
    /// The subject.
    pub subject: Box<[u8]>,
    /// The queue, if it is a member of one.
    pub queue: Option<Box<[u8]>>,
    /// The client's name for it.
    pub sid: Box<[u8]>,
    /// Messages delivered.
    pub delivered: u64,
    /// Deliveries after which it ends; 0 is never.
    pub max: u32,
}

/// What a client may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rights {
    /// What the statement about its user calls it.
    pub user_name: Option<Box<str>>,
    /// Its permissions, if it may not do everything.
    pub permissions: Option<Arc<Permissions>>,
    /// How long it may stay, if not for ever.
    pub expires: Option<Duration>,
}

impl Link {
    /// The user, as others are told of it.
    pub(crate) fn user(&self) -> &str {
        match &self.identity {
            Identity::User(user) => match &user.login {
                Login::Statement { key, .. } => key,
                _ => user.name(),
            },
            Identity::Token(_) => "[REDACTED]",
            Identity::Anonymous => {
                let shown = |which: fn(&Credentials) -> &str| {
                    self.options.as_deref().map_or("", |it| it.credential(which))
                };
                match [shown(|it| &it.nkey), shown(|it| &it.user), shown(|it| &it.auth_token)] {
                    ["", "", ""] => "",
                    ["", "", _] => "[REDACTED]",
                    ["", user, _] => user,
                    [nkey, ..] => nkey,
                }
            }
        }
    }
}

impl Shard {
    /// What it obeys.
    pub fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    /// One of this shard's clients.
    pub fn client(&self, id: LinkId) -> Option<Client> {
        self.links.at(id.slot).filter(|link| link.id == id).map(|link| self.describe(link))
    }

    /// All of them that are in an account, or in any, with their names.
    pub fn clients(&self, account: Option<AccountId>) -> Vec<(LinkId, Client)> {
        let links = self.links.slots().filter_map(|slot| self.links.at(slot));
        let wanted =
            |link: &&Link| link.member && account.is_none_or(|account| link.account == account);
        links.filter(wanted).map(|link| (link.id, self.describe(link))).collect()
    }

    /// A client's subscriptions, in the order of their slots.
    pub fn subscriptions_of(&self, id: LinkId) -> Vec<ClientSubscription> {
        let link = self.links.at(id.slot).filter(|link| link.id == id);
        let mut slots: Vec<u32> = link.into_iter().flat_map(|link| &link.sids).copied().collect();
        slots.sort_unstable();
        let subs = slots.into_iter().filter_map(|slot| self.subs.at(slot));
        subs.map(|sub| ClientSubscription {
            subject: sub.subject().into(),
            queue: sub.queue().map(Into::into),
            sid: sub.sid.as_slice().into(),
            delivered: sub.delivered,
            max: sub.max,
        })
        .collect()
    }

    /// What one of this shard's clients may do.
    pub fn rights(&self, id: LinkId) -> Option<Rights> {
        let link = self.links.at(id.slot).filter(|link| link.id == id)?;
        let user_name = match &link.identity {
            Identity::User(user) => match &user.login {
                Login::Statement { name, .. } => Some(name.clone()),
                _ => None,
            },
            _ => None,
        };
        Some(Rights {
            user_name,
            permissions: link.permissions.as_deref().map(|held| held.rules().clone()),
            expires: link.expires.map(|(at, _)| at.since(self.now)),
        })
    }

    /// The name of an account, be it there no more.
    pub(super) fn account_name(&self, id: AccountId) -> Arc<str> {
        match self.settings.accounts.rules(id) {
            Some(rules) => rules.name.clone(),
            None => self.shared.accounts.get(id).map_or("".into(), |it| (*it.name).into()),
        }
    }

    /// A point in time, from the start of 1970 on.
    pub(super) fn since_1970(&self, at: Time) -> Duration {
        self.settings.epoch + Duration::from_nanos(at.as_nanos())
    }

    pub(crate) fn describe(&self, link: &Link) -> Client {
        let options = link.options.as_deref();
        let said = |which: fn(&ConnectOptions) -> &Box<str>| {
            options.map(which).cloned().unwrap_or_default()
        };
        Client {
            cid: link.cid,
            account: self.account_name(link.account),
            user: link.user().into(),
            name: said(|it| &it.name),
            lang: said(|it| &it.lang),
            version: said(|it| &it.version),
            ip: link.client_ip(),
            port: match link.endpoint.origin {
                Origin::Behind(client) => client.port(),
                Origin::Peer | Origin::Untold => link.endpoint.peer.port(),
            },
            transport: link.endpoint.transport,
            opened: self.since_1970(link.opened),
            active: self.since_1970(link.liveness.last_activity()),
            rtt: link.liveness.rtt(),
            pending: link.outbound.pending(),
            subscriptions: link.sids.len(),
            received: link.received,
            sent: link.sent,
        }
    }
}
