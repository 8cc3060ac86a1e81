//! Who a client is: what it shows against the ways in that are open, at CONNECT, before it, and
//! at a reload. Where the answer takes time the link waits in [`Phase::Deciding`].

use core::time::Duration;

use crate::auth::jwt::{ClientInformation, ConnectOptions as Credentials};
use crate::auth::{
    Answer, Ask, Auth, CallId, Delegated, Delegation, Denial, Ground, Identity, Login, Pending,
    Question, Shown, Step, User, Verdict,
};
use crate::id::LinkId;
use crate::link::client::ops::Flow;
use crate::link::{Link, Origin, Phase, Transport};
use crate::notice::Event;
use crate::reason::CloseReason;
use crate::shard::{Output, Shard};
use crate::time::Time;
use crate::wire::{ConnectOptions, quote};

/// What a link in [`Phase::Deciding`] waits for.
#[derive(Debug)]
pub(crate) struct Waiting {
    /// What the answer is for; `None` if a service says who the client is.
    pending: Option<Pending>,
    moment: Moment,
}

impl Waiting {
    /// Whether it is a service's word that is waited for.
    pub(crate) fn is_for_service(&self) -> bool {
        self.pending.is_none()
    }
}

/// How much longer a client may wait than the service may take: the driver has to hear that there
/// was no answer, and to say what follows from it.
const AFTER_SERVICE: Duration = Duration::from_millis(500);

/// When it is found out who a client is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Moment {
    /// At its CONNECT.
    Connect,
    /// At a reload, with what it has shown before.
    Reload,
}

/// Why a client that is known cannot be in its account.
enum NoRoom {
    /// There are too many in it.
    Full,
    /// It is not there.
    NoAccount,
    /// A reload puts the user into another one (reference security 1.6).
    Moved,
}

impl Link {
    /// What the client shows. What CONNECT leaves out may be in its cookies.
    fn shown<'a>(&'a self, options: &'a ConnectOptions, proven: Option<&'a Identity>) -> Shown<'a> {
        let cookies = self.endpoint.cookies.as_deref();
        let or_cookie = |given: &'a str, cookie: Option<&'a Option<String>>| match given {
            "" => cookie.and_then(Option::as_deref).unwrap_or_default(),
            given => given,
        };
        Shown {
            user: or_cookie(options.credential(|all| &all.user), cookies.map(|c| &c.user)),
            pass: or_cookie(options.credential(|all| &all.pass), cookies.map(|c| &c.pass)),
            token: or_cookie(options.credential(|all| &all.auth_token), cookies.map(|c| &c.token)),
            nkey: options.credential(|all| &all.nkey),
            jwt: or_cookie(options.credential(|all| &all.jwt), cookies.map(|c| &c.jwt)),
            sig: options.credential(|all| &all.sig),
            proxy_sig: options.credential(|all| &all.proxy_sig),
            nonce: &self.endpoint.nonce,
            certificate: self.endpoint.certificate.as_deref(),
            kind: self.endpoint.transport.connection_type(),
            address: match self.endpoint.origin {
                Origin::Behind(client) => client.ip(),
                Origin::Peer | Origin::Untold => self.endpoint.peer.ip(),
            },
            proven,
        }
    }

    /// What a service is told of the client.
    fn delegated(
        &self,
        options: &ConnectOptions,
        auth: &Auth,
        delegation: &Delegation,
    ) -> Option<Delegated> {
        let shown = self.shown(options, None);
        let text = |text: &str| text.to_owned();
        let sentinel = delegation.sentinel.as_deref();
        let account = match (sentinel, &auth.callout) {
            (Some(sentinel), _) => sentinel.account.claims().sub.as_str().into(),
            (None, Some(callout)) => callout.account.clone(),
            (None, None) => return None,
        };
        let user = match (shown.nkey, shown.user, sentinel) {
            ("", "", Some(sentinel)) => &sentinel.key,
            ("", "", None) if shown.token.is_empty() => "",
            ("", "", None) => "[REDACTED]",
            ("", user, _) => user,
            (nkey, ..) => nkey,
        };
        let client_type = match self.endpoint.transport {
            Transport::Tcp => "nats",
            Transport::WebSocket => "websocket",
        };
        let signed = auth.wants_nonce() && !shown.sig.is_empty();
        let nonce = if signed { shown.nonce.as_slice() } else { &[] };
        Some(Delegated {
            account,
            claims: sentinel.map(|sentinel| sentinel.account.clone()),
            client: ClientInformation {
                host: self.client_ip(),
                id: self.cid,
                user: text(user),
                name: text(&options.name),
                tags: sentinel.map(|sentinel| sentinel.tags.clone()).unwrap_or_default(),
                name_tag: sentinel.map(|sentinel| sentinel.name.clone()).unwrap_or_default(),
                kind: text("Client"),
                client_type: text(client_type),
                nonce: String::from_utf8_lossy(nonce).into_owned(),
                ..ClientInformation::default()
            },
            connect: Credentials {
                jwt: sentinel.map(|sentinel| text(&sentinel.jwt)).unwrap_or_default(),
                nkey: text(shown.nkey),
                sig: text(shown.sig),
                auth_token: text(shown.token),
                user: text(shown.user),
                pass: text(shown.pass),
                name: text(&options.name),
                lang: text(&options.lang),
                version: text(&options.version),
                protocol: options.protocol,
            },
            nonce: *shown.nonce,
            proxied: delegation.proxied,
        })
    }

    /// Whether a client has logged in as, or named, a user that is not there (any more). Such a one
    /// is closed by a reload without a word, as is a single user that has changed at all (observed
    /// on nats-server 2.15.1).
    pub(crate) fn user_is_gone(&self, auth: &Auth) -> bool {
        let Some(options) = self.options.as_deref() else { return false };
        if auth.operators.is_some() {
            // Tokens are in nobody's list.
            return false;
        }
        let shown = self.shown(options, None);
        match (shown.nkey, shown.user) {
            ("", "") => false,
            ("", user) => {
                let single = auth.single_user.clone().map(Identity::User);
                auth.users.named(user).is_none()
                    && !single.is_some_and(|single| single.same_login(&self.identity))
            }
            (nkey, _) => auth.users.nkey(nkey).is_none(),
        }
    }
}

impl Shard {
    /// Finds out who a client is. Who shows nothing becomes the user that stands for that, as if
    /// it had sent that user's credentials.
    fn decide(
        &self,
        slot: u32,
        options: &mut ConnectOptions,
        proven: Option<&Identity>,
        looked_up: bool,
    ) -> Verdict {
        let Some(link) = self.links.at(slot) else { return Verdict::NotMine };
        let auth = link.auth(&self.settings);
        if let Some(user) = auth.stand_in(&link.shown(options, None)) {
            stand_for(options, &user);
        }
        let verdict = auth.decide(
            &link.shown(options, proven),
            &Ground {
                accounts: &self.settings.accounts,
                now: Ground::unix(self.settings.epoch, self.now),
                looked_up,
            },
        );
        if let Verdict::Grant(Identity::User(user)) = &verdict
            && let Login::Password { name, .. } = &user.login
        {
            // A certificate may have named another one.
            options.credentials.get_or_insert_default().user.clone_from(name);
        }
        if let Verdict::Delegate(Delegation { mapped: Some(name), .. }) = &verdict {
            options.credentials.get_or_insert_default().user.clone_from(name);
        }
        verdict
    }

    /// What comes of a CONNECT or, with `moment`, of a reload.
    pub(crate) fn judge(
        &mut self,
        slot: u32,
        options: Box<ConnectOptions>,
        moment: Moment,
    ) -> Flow {
        self.judge_knowing(slot, options, moment, false)
    }

    /// [`Shard::judge`], its account having been looked up or not.
    fn judge_knowing(
        &mut self,
        slot: u32,
        mut options: Box<ConnectOptions>,
        moment: Moment,
        looked_up: bool,
    ) -> Flow {
        let proven = match (moment, self.links.at(slot)) {
            (Moment::Reload, Some(link)) => Some(link.identity.clone()),
            _ => None,
        };
        match self.decide(slot, &mut options, proven.as_ref(), looked_up) {
            Verdict::Grant(identity) => self.granted(slot, options, identity, moment),
            Verdict::Deny(denial) => self.denied(slot, options, denial),
            Verdict::Ask(question, pending) => {
                self.ask(slot, options, question, Waiting { pending: Some(pending), moment });
                Flow::Break(())
            }
            Verdict::Delegate(delegation) => self.delegate(slot, options, &delegation, moment),
            Verdict::NotMine => Flow::Break(()),
        }
    }

    /// Has a service say who a client is.
    fn delegate(
        &mut self,
        slot: u32,
        options: Box<ConnectOptions>,
        delegation: &Delegation,
        moment: Moment,
    ) -> Flow {
        let settings = self.settings.clone();
        if let Some(link) = self.links.at(slot)
            && let auth = link.auth(&settings)
            && let Some(delegated) = link.delegated(&options, auth, delegation)
        {
            let question = Question::Callout(Box::new(delegated));
            self.ask(slot, options, question, Waiting { pending: None, moment });
        }
        Flow::Break(())
    }

    fn granted(
        &mut self,
        slot: u32,
        options: Box<ConnectOptions>,
        identity: Identity,
        moment: Moment,
    ) -> Flow {
        if let Err(refused) = self.settle_in(slot, identity, moment) {
            let Some(link) = self.links.at_mut(slot) else { return Flow::Break(()) };
            link.options = Some(options);
            return self.turn_away(slot, refused);
        }
        let Some(link) = self.links.at_mut(slot) else { return Flow::Break(()) };
        match moment {
            Moment::Connect => self.welcome(slot, options),
            Moment::Reload => {
                link.phase = Phase::Open;
                link.options = Some(options);
                self.identify(slot);
                self.advise_connected(slot);
                Flow::Continue(())
            }
        }
    }

    /// Gives a client that is known its identity, its account and its permissions.
    fn settle_in(&mut self, slot: u32, identity: Identity, moment: Moment) -> Result<(), NoRoom> {
        let account = self.settings.accounts.named(identity.account());
        let Some(link) = self.links.at_mut(slot) else { return Err(NoRoom::Moved) };
        let Some(account) = account else { return Err(NoRoom::NoAccount) };
        let moved = link.member && link.account != account;
        if moved && moment == Moment::Reload {
            return Err(NoRoom::Moved);
        }
        link.identity = identity;
        if (!link.member || link.account != account) && !self.join(slot, account) {
            return Err(NoRoom::Full);
        }
        if self.links.at_mut(slot).is_some_and(Link::authorize) {
            self.drop_forbidden(slot);
        }
        self.limit_subscriptions(slot);
        Ok(())
    }

    /// Ends a client that is known but has no place.
    fn turn_away(&mut self, slot: u32, why: NoRoom) -> Flow {
        match why {
            NoRoom::Full => {
                let reason = CloseReason::MaxAccountConnectionsExceeded;
                self.refuse(slot, reason, "maximum account active connections exceeded")
            }
            NoRoom::NoAccount => {
                let reason = CloseReason::AuthenticationFailure;
                self.refuse(slot, reason, "Authorization Violation")
            }
            NoRoom::Moved => {
                self.close(slot, CloseReason::ClientClosed);
                Flow::Break(())
            }
        }
    }

    /// Turns a client away. It is told nothing; the log is told all but the secrets.
    pub(crate) fn denied(
        &mut self,
        slot: u32,
        options: Box<ConnectOptions>,
        denial: Denial,
    ) -> Flow {
        if let Some(link) = self.links.at_mut(slot) {
            let who = who(&link.shown(&options, None));
            link.options = Some(options);
            self.notice(slot, || Event::Refused { who, why: denial.to_string() });
            self.advise_refused(slot, &denial);
        }
        self.refuse(slot, denial.reason, "Authorization Violation")
    }

    /// Puts a question to the driver. The authentication timer, where it runs, runs on.
    fn ask(
        &mut self,
        slot: u32,
        options: Box<ConnectOptions>,
        question: Question,
        waiting: Waiting,
    ) {
        let now = self.now;
        let Some(link) = self.links.at_mut(slot) else { return };
        let (deadline, until) = match link.phase {
            // A service has its own time (reference security 10.3).
            _ if waiting.is_for_service() => {
                let deadline = now.after(self.settings.limits.auth_timeout);
                (deadline, deadline.after(AFTER_SERVICE))
            }
            Phase::AwaitConnect(until) | Phase::Deciding(until) => (until, until),
            _ => {
                let deadline = now.after(link.auth_timeout(&self.settings));
                (deadline, deadline)
            }
        };
        link.calls = link.calls.wrapping_add(1);
        link.phase = Phase::Deciding(until);
        link.options = Some(options);
        link.awaited = Some(Box::new(waiting));
        let call = CallId { link: link.id, serial: link.calls };
        self.outputs.push_back(Output::Ask(Box::new(Ask { call, question, deadline })));
        self.schedule(slot);
    }

    /// The answer to an [`Output::Ask`]. One that nobody waits for any more is ignored.
    pub fn resolve(&mut self, now: Time, call: CallId, answer: Answer) {
        self.now = now;
        let LinkId { slot, .. } = call.link;
        let asked = |link: &&mut Link| link.id == call.link && link.calls == call.serial;
        let Some(link) = self.links.at_mut(slot).filter(asked) else { return };
        if !matches!(link.phase, Phase::Deciding(_)) {
            return;
        }
        let (Some(waiting), Some(options)) = (link.awaited.take(), link.options.take()) else {
            return;
        };
        let Waiting { pending, moment } = *waiting;
        let _ = match (answer, pending) {
            (Answer::Fits, Some(Pending::Proof { identity, .. })) => {
                self.granted(slot, options, identity, moment)
            }
            (Answer::DoesNotFit, Some(Pending::Proof { otherwise: Some(delegation), .. })) => {
                self.delegate(slot, options, &delegation, moment)
            }
            (Answer::Found, Some(Pending::Account)) => {
                self.judge_knowing(slot, options, moment, true)
            }
            (Answer::NotFound(why), _) => {
                let denial = Denial::told(Step::Jwt.name(), format!("no account: {why}"));
                self.denied(slot, options, denial)
            }
            (Answer::Admit(user), None) => {
                self.granted(slot, options, Identity::User(user), moment)
            }
            (Answer::Refuse(why), _) => self.denied(slot, options, Denial::by_service(why)),
            (Answer::Fits | Answer::DoesNotFit | Answer::Found | Answer::Admit(_), pending) => {
                let why = "the answer is to another question".to_owned();
                let denial = pending.map(|pending| pending.denial());
                self.denied(slot, options, denial.unwrap_or_else(|| Denial::by_service(why)))
            }
            (Answer::Overloaded, None) => {
                let why = "too many logins wait to be checked".to_owned();
                self.denied(slot, options, Denial::by_service(why))
            }
            (Answer::Overloaded, Some(_)) => {
                self.misbehaved(slot, || {
                    "Authentication is overloaded: too many logins wait to be checked".to_owned()
                });
                self.refuse(slot, CloseReason::AuthenticationTimeout, "Authentication Timeout")
            }
        };
        self.read_again(slot);
        self.schedule(slot);
        self.settle();
    }

    /// Asks anew about a client that waits for an answer: what is right may have changed.
    pub(crate) fn judge_again(&mut self, slot: u32) {
        let Some(link) = self.links.at_mut(slot) else { return };
        let (Some(waiting), Some(options)) = (link.awaited.take(), link.options.take()) else {
            return;
        };
        let _ = self.judge(slot, options, waiting.moment);
        self.read_again(slot);
    }

    /// Before CONNECT: traffic is fine without authentication, or logs in the user that stands for
    /// missing credentials. Returns whether the client may go on.
    pub(crate) fn admit_by_traffic(&mut self, slot: u32) -> bool {
        let Some(link) = self.links.at_mut(slot) else { return false };
        match link.phase {
            Phase::Open => return true,
            Phase::Entering | Phase::Deciding(_) | Phase::Closing => return false,
            Phase::AwaitConnect(_) => {}
        }
        let mut options = link.options.take().unwrap_or_default();
        let kind = link.endpoint.transport.connection_type();
        let allowed = link.auth(&self.settings).lets_silence_in(kind);
        let verdict =
            if allowed { self.decide(slot, &mut options, None, false) } else { Verdict::NotMine };
        match verdict {
            Verdict::Grant(identity) => {
                if let Err(refused) = self.settle_in(slot, identity, Moment::Connect) {
                    return self.turn_away(slot, refused).is_continue();
                }
                let Some(link) = self.links.at_mut(slot) else { return false };
                link.options = Some(options);
                link.phase = Phase::Open;
                self.identify(slot);
                self.advise_connected(slot);
                true
            }
            Verdict::Deny(denial) => self.denied(slot, options, denial).is_continue(),
            Verdict::Ask(..) | Verdict::Delegate(_) | Verdict::NotMine => {
                self.denied(slot, options, Denial::BEFORE_CONNECT).is_continue()
            }
        }
    }
}

/// Puts a user's credentials in the place of missing ones. A hash is no password: it then fits
/// nothing (observed on nats-server 2.15.1).
fn stand_for(options: &mut ConnectOptions, user: &User) {
    let credentials = options.credentials.get_or_insert_default();
    match &user.login {
        Login::Password { name, password } => {
            credentials.user.clone_from(name);
            credentials.pass = password.expose().into();
        }
        Login::Nkey { text, .. } => credentials.nkey.clone_from(text),
        Login::Statement { .. } => {}
    }
}

/// Who somebody claims to be, in nats-server's log form.
fn who(shown: &Shown<'_>) -> Option<String> {
    let named = |kind: &str, name: &str| Some(format!("{kind} {}", quote(name.as_bytes())));
    match shown {
        Shown { nkey: "", user: "", token: "", .. } => None,
        Shown { nkey: "", user: "", .. } => named("Token", "[REDACTED]"),
        Shown { nkey: "", user, .. } => named("User", user),
        Shown { nkey, .. } => named("Nkey", nkey),
    }
}
