//! How a client is let in: CONNECT, credentials, and the INFO that answers.

use crate::auth::{Denial, Identity};
use crate::link::Phase;
use crate::link::client::login::Moment;
use crate::link::client::ops::Flow;
use crate::link::ping_interval;
use crate::reason::CloseReason;
use crate::shard::Shard;
use crate::wire::{ClientInfo, ConnectOptions, encode};

impl Shard {
    /// CONNECT, the first or a repeated one (client-protocol.md 2.4).
    pub(crate) fn connect(&mut self, slot: u32, json: &[u8]) -> Flow {
        let now = self.now;
        let Some(link) = self.links.at_mut(slot) else { return Flow::Break(()) };
        // Traffic has logged in whoever has an identity but has not said CONNECT.
        let again = link.flags.connected || link.identity != Identity::Anonymous;
        let mut options = link.options.take().unwrap_or_default();
        if let Err(error) = options.apply(json) {
            link.options = Some(options);
            self.misbehaved(slot, || error.to_string());
            self.close(slot, CloseReason::ProtocolViolation);
            return Flow::Break(());
        }
        link.liveness.greeted(link.opened, now);
        if again {
            link.permissions = None;
            self.unsubscribe_all(slot);
        }
        self.judge(slot, options, Moment::Connect)
    }

    /// The client is known; the rest of its CONNECT has to be fine, too.
    pub(crate) fn welcome(&mut self, slot: u32, options: Box<ConnectOptions>) -> Flow {
        if !options.credential(|all| &all.account).is_empty() || options.new_account {
            return self.denied(slot, options, Denial::ACCOUNT_CHOSEN);
        }
        if !(0..=1).contains(&options.protocol) {
            return self.refuse(
                slot,
                CloseReason::BadClientProtocolVersion,
                "invalid client protocol",
            );
        }
        let headers = options.headers && !self.settings.no_headers;
        if options.no_responders && !headers {
            return self.refuse(
                slot,
                CloseReason::NoRespondersRequiresHeaders,
                "no responders requires headers support",
            );
        }
        self.connected(slot, options, headers);
        Flow::Continue(())
    }

    /// Everything about the CONNECT is fine: it takes effect.
    fn connected(&mut self, slot: u32, options: Box<ConnectOptions>, headers: bool) {
        let now = self.now;
        let Some(link) = self.links.at_mut(slot) else { return };
        link.phase = Phase::Open;
        link.flags.verbose = options.verbose;
        link.flags.pedantic = options.pedantic;
        link.flags.echo = options.echo;
        link.flags.headers = headers;
        link.flags.no_responders = options.no_responders;
        link.flags.async_info = options.protocol >= 1;
        link.judge_patience();
        if !link.flags.connected {
            link.flags.connected = true;
            let interval = ping_interval(&self.settings, link.endpoint.transport);
            link.liveness.connected(now, interval, &mut self.rng);
        }
        let verbose = link.flags.verbose;
        link.options = Some(options);
        self.advise_connected(slot);
        self.schedule(slot);
        if verbose {
            self.send_word(slot, encode::OK);
        }
    }

    /// Says why and closes.
    pub(crate) fn refuse(&mut self, slot: u32, reason: CloseReason, text: &str) -> Flow {
        self.send_error(slot, text);
        self.close(slot, reason);
        Flow::Break(())
    }

    /// The INFO every link starts with.
    pub(crate) fn send_first_info(&mut self, slot: u32) {
        let Some(link) = self.links.at(slot) else { return };
        let auth = link.auth(&self.settings);
        // Who may do without credentials is not told that there are some.
        let auth_required = auth.required && auth.no_auth_user.is_none();
        let nonce = link.endpoint.nonce;
        let nonce =
            if auth.wants_nonce() { str::from_utf8(&nonce).unwrap_or_default() } else { "" };
        self.send_info(slot, ClientInfo { auth_required, nonce, ..ClientInfo::default() });
    }

    /// The INFO that follows the first PONG after CONNECT.
    pub(crate) fn send_connect_info(&mut self, slot: u32) {
        let Some(account) = self.links.at(slot).map(|link| link.account) else { return };
        let settings = self.settings.clone();
        let info = ClientInfo {
            connect_info: true,
            remote_account: settings.accounts.rules(account).map_or("", |rules| &rules.name),
            acc_is_sys: settings.accounts.system() == Some(account),
            ..self.later_info(slot)
        };
        self.send_info(slot, info);
    }

    /// Tells a client that understands it that this server is about to leave.
    pub(crate) fn send_lame_duck_info(&mut self, slot: u32) {
        let Some(link) = self.links.at(slot) else { return };
        if link.flags.async_info && link.flags.first_pong {
            let info = ClientInfo { ldm: true, ..self.later_info(slot) };
            self.send_info(slot, info);
        }
    }

    /// What every INFO but the first says of authentication.
    fn later_info(&self, slot: u32) -> ClientInfo<'static> {
        let link = self.links.at(slot);
        let auth_required = link.is_some_and(|link| link.auth(&self.settings).required);
        ClientInfo { auth_required, ..ClientInfo::default() }
    }

    /// Sends an INFO, with what all of one client have in common.
    fn send_info(&mut self, slot: u32, info: ClientInfo<'_>) {
        let Some(link) = self.links.at(slot) else { return };
        let (server, ip) = (link.endpoint.info.clone(), link.client_ip());
        let max_payload = i32::try_from(link.max_payload(&self.settings)).unwrap_or(i32::MAX);
        let info = ClientInfo { client_id: link.cid, client_ip: &ip, max_payload, ..info };
        self.send(slot, |out| server.encode_into(&info, out));
    }
}
