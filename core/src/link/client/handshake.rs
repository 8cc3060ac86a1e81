//! How a client is let in: CONNECT, credentials, and the INFO that answers.

use crate::link::Phase;
use crate::link::client::ops::Flow;
use crate::link::ping_interval;
use crate::reason::CloseReason;
use crate::settings::Identity;
use crate::shard::Shard;
use crate::wire::{ClientInfo, ConnectOptions, encode};

impl Shard {
    /// CONNECT, the first or a repeated one (client-protocol.md 2.4).
    pub(crate) fn connect(&mut self, slot: u32, json: &[u8]) -> Flow {
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
        if again {
            link.permissions = None;
            self.unsubscribe_all(slot);
        }
        if self.login(slot, &options).is_none() {
            self.refused(slot, &options);
            return self.refuse(
                slot,
                CloseReason::AuthenticationFailure,
                "Authorization Violation",
            );
        }
        if !options.account.is_empty() || options.new_account {
            return self.refuse(
                slot,
                CloseReason::AuthenticationFailure,
                "Authorization Violation",
            );
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
        if !link.flags.connected {
            link.flags.connected = true;
            let interval = ping_interval(&self.settings, link.endpoint.transport);
            link.liveness.connected(now, interval, &mut self.rng);
        }
        let verbose = link.flags.verbose;
        let mut options = options;
        options.forget_signatures();
        link.options = Some(options);
        self.schedule(slot);
        if verbose {
            self.send_word(slot, encode::OK);
        }
    }

    /// Finds out who the client is, at CONNECT and at a reload; `None` is a refusal.
    pub(crate) fn login(&mut self, slot: u32, options: &ConnectOptions) -> Option<()> {
        let link = self.links.at_mut(slot)?;
        let auth = link.auth(&self.settings);
        let cookies = link.endpoint.cookies.as_deref();
        let or_cookie = |given: &str, cookie: Option<&Option<String>>| match given {
            "" => cookie.cloned().flatten(),
            given => Some(given.to_owned()),
        };
        let user = or_cookie(&options.user, cookies.map(|c| &c.user));
        let pass = or_cookie(&options.pass, cookies.map(|c| &c.pass));
        let token = or_cookie(&options.auth_token, cookies.map(|c| &c.token));
        link.identity = auth.check(user.as_deref(), pass.as_deref(), token.as_deref())?;
        if link.authorize(&self.settings) {
            self.drop_forbidden(slot);
        }
        Some(())
    }

    /// Before CONNECT: traffic is fine without authentication, or logs in the `no_auth_user`.
    /// Returns whether the client may go on.
    pub(crate) fn admit_by_traffic(&mut self, slot: u32) -> bool {
        let Some(link) = self.links.at_mut(slot) else { return false };
        match link.phase {
            Phase::Open => true,
            Phase::AwaitConnect(_) => match link.auth(&self.settings).no_auth_user.clone() {
                Some(user) => {
                    link.identity = Identity::User(user);
                    link.authorize(&self.settings);
                    link.phase = Phase::Open;
                    true
                }
                None => {
                    let reason = CloseReason::AuthenticationFailure;
                    let _ = self.refuse(slot, reason, "Authorization Violation");
                    false
                }
            },
            Phase::Entering | Phase::Closing => false,
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
        let (info, ip, cid) = (link.endpoint.info.clone(), link.client_ip(), link.cid);
        let per_link = ClientInfo { client_id: cid, client_ip: &ip, ..self.client_info() };
        self.send(slot, |out| info.encode_into(&per_link, out));
    }

    /// The INFO that follows the first PONG after CONNECT.
    pub(crate) fn send_connect_info(&mut self, slot: u32) {
        let Some(link) = self.links.at(slot) else { return };
        let (info, ip, cid) = (link.endpoint.info.clone(), link.client_ip(), link.cid);
        let per_link = ClientInfo {
            client_id: cid,
            client_ip: &ip,
            connect_info: true,
            remote_account: "$G",
            ..self.client_info()
        };
        self.send(slot, |out| info.encode_into(&per_link, out));
    }

    /// Tells a client that understands it that this server is about to leave.
    pub(crate) fn send_lame_duck_info(&mut self, slot: u32) {
        let Some(link) = self.links.at(slot) else { return };
        if !(link.flags.async_info && link.flags.first_pong) {
            return;
        }
        let (info, ip, cid) = (link.endpoint.info.clone(), link.client_ip(), link.cid);
        let per_link =
            ClientInfo { client_id: cid, client_ip: &ip, ldm: true, ..self.client_info() };
        self.send(slot, |out| info.encode_into(&per_link, out));
    }

    fn client_info<'a>(&self) -> ClientInfo<'a> {
        ClientInfo {
            max_payload: i32::try_from(self.settings.limits.max_payload).unwrap_or(i32::MAX),
            ..ClientInfo::default()
        }
    }
}
