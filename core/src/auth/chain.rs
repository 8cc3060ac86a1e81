//! The steps, each on its own, and the run through them.

use core::fmt;
use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use super::callout::Delegation;
use super::nkey::{Nonce, signature, url_signature};
use super::operators::Ground;
use super::secret::{Secret, same};
use super::users::{ConnectionType, Login, User};
use super::{Auth, Identity, PeerCertificate, Question};
use crate::reason::CloseReason;

/// One way of finding out who a peer is. A step whose way in is not configured has nothing to say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Users with tokens, in operator mode.
    Jwt,
    /// Users with keys, who sign the nonce.
    Nkeys,
    /// Users with passwords, and certificates that stand for them.
    Users,
    /// The token.
    Token,
    /// The one user of a server without a list.
    SingleUser,
    /// A service, whose word counts instead of that of the steps before it.
    Callout,
}

impl Step {
    /// nats-server's order of decision (reference security 1.5).
    pub const DEFAULT_ORDER: [Self; 6] =
        [Self::Jwt, Self::Nkeys, Self::Users, Self::Token, Self::SingleUser, Self::Callout];

    /// The name in configuration and log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jwt => "jwt",
            Self::Nkeys => "nkeys",
            Self::Users => "users",
            Self::Token => "token",
            Self::SingleUser => "user",
            Self::Callout => "callout",
        }
    }

    /// The step with this name, in any letter case.
    pub fn named(name: &str) -> Option<Self> {
        Self::DEFAULT_ORDER.into_iter().find(|step| step.name().eq_ignore_ascii_case(name))
    }
}

/// What a peer shows.
#[derive(Clone, Copy)]
pub(crate) struct Shown<'a> {
    pub(crate) user: &'a str,
    pub(crate) pass: &'a str,
    pub(crate) token: &'a str,
    pub(crate) nkey: &'a str,
    pub(crate) jwt: &'a str,
    pub(crate) sig: &'a str,
    pub(crate) proxy_sig: &'a str,
    /// What it was given to sign.
    pub(crate) nonce: &'a Nonce,
    pub(crate) certificate: Option<&'a PeerCertificate>,
    pub(crate) kind: ConnectionType,
    /// Where it comes from.
    pub(crate) address: IpAddr,
    /// Who it has proven to be by the very same: then a secret that has not changed is not
    /// checked again.
    pub(crate) proven: Option<&'a Identity>,
}

impl<'a> Shown<'a> {
    /// The key or name that it gives; empty if it gives none.
    fn id(&self) -> &'a str {
        if self.nkey.is_empty() { self.user } else { self.nkey }
    }

    /// Whether the peer shows nothing that it could have an identity by.
    fn is_nothing(&self) -> bool {
        [self.user, self.pass, self.token, self.nkey].iter().all(|it| it.is_empty())
    }

    /// Whether it is known already that the peer is this one.
    fn has_proven(&self, identity: &Identity) -> bool {
        self.proven.is_some_and(|proven| proven.same_login(identity))
    }
}

/// What a step says, and in the end the chain.
#[derive(PartialEq, Debug)]
pub(crate) enum Verdict {
    /// It is this one.
    Grant(Identity),
    /// It is refused, whatever other steps would say.
    Deny(Denial),
    /// It takes an answer from elsewhere.
    Ask(Question, Pending),
    /// A service has to say it.
    Delegate(Delegation),
    /// The peer shows nothing that is for this step.
    NotMine,
}

/// A verdict that waits for an answer.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Pending {
    /// A secret is checked.
    Proof {
        /// Who the peer is if it is the right one.
        identity: Identity,
        /// Who asks.
        by: Step,
        /// If it is not, a service has to say who the peer is.
        otherwise: Option<Delegation>,
    },
    /// The account is looked up that the peer's token names.
    Account,
}

/// A refusal, for the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Denial {
    /// The step that refused.
    by: &'static str,
    why: Cow<'static, str>,
    pub(crate) reason: CloseReason,
}

impl Denial {
    /// A client spoke that has to say CONNECT first.
    pub(crate) const BEFORE_CONNECT: Self = Self::new("protocol", "traffic before CONNECT");
    /// A client asked for an account of its own choice.
    pub(crate) const ACCOUNT_CHOSEN: Self = Self::new("protocol", "CONNECT names an account");

    const fn new(by: &'static str, why: &'static str) -> Self {
        Self { by, why: Cow::Borrowed(why), reason: CloseReason::AuthenticationFailure }
    }

    /// A refusal whose reason is made up for it.
    pub(crate) fn told(by: &'static str, why: String) -> Self {
        Self { why: Cow::Owned(why), ..Self::new(by, "") }
    }

    /// A service did not let somebody in.
    pub(crate) fn by_service(why: String) -> Self {
        Self::told(Step::Callout.name(), why)
    }

    /// The step that refused.
    pub(crate) fn step(&self) -> &str {
        self.by
    }

    /// Its reason.
    pub(crate) fn why(&self) -> &str {
        &self.why
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.by, self.why)
    }
}

impl Auth {
    /// Finds out who a peer is. Never [`Verdict::NotMine`].
    pub(crate) fn decide(&self, shown: &Shown<'_>, ground: &Ground<'_>) -> Verdict {
        let proxied = match self.behind_proxy(shown) {
            Ok(proxied) => proxied,
            Err(denial) => return Verdict::Deny(denial),
        };
        let Some(callout) = &self.callout else { return self.by_steps(shown, proxied, ground) };
        let certain = callout.allowed_accounts.is_empty() && !self.map_certificates;
        if certain && !callout.bypasses(shown.id()) {
            return Verdict::Delegate(Delegation::of_nobody(proxied));
        }
        let mut verdict = self.by_steps(shown, proxied, ground);
        if callout.takes_over(&verdict, shown.id()) {
            return Verdict::Delegate(Delegation::new(&verdict, proxied));
        }
        if let Verdict::Ask(_, Pending::Proof { identity, otherwise, .. }) = &mut verdict
            && !callout.bypasses(identity.name())
        {
            // With a wrong password he is nobody, and those are delegated.
            *otherwise = Some(Delegation::of_nobody(proxied));
        }
        verdict
    }

    /// What all steps but the last, the callout, come to.
    fn by_steps(&self, shown: &Shown<'_>, proxied: bool, ground: &Ground<'_>) -> Verdict {
        if !self.required {
            return Verdict::Grant(Identity::Anonymous);
        }
        for step in &self.order {
            let verdict = match step {
                Step::Jwt => match &self.operators {
                    Some(operators) => operators.decide(shown, proxied, ground),
                    None => Verdict::NotMine,
                },
                Step::Nkeys => self.by_nkey(shown, proxied),
                Step::Users => self.by_user(shown, proxied),
                Step::Token => self.by_token(shown, proxied),
                Step::SingleUser => self.by_single_user(shown, proxied),
                Step::Callout => Verdict::NotMine,
            };
            if verdict != Verdict::NotMine {
                return verdict;
            }
        }
        if self.anonymous && shown.is_nothing() {
            return Verdict::Grant(Identity::Anonymous);
        }
        Verdict::Deny(Denial::new("end of chain", "nothing that any way in asks for was shown"))
    }

    /// Who somebody without credentials becomes (reference security 1.5).
    pub(crate) fn stand_in(&self, shown: &Shown<'_>) -> Option<Arc<User>> {
        let name = self.no_auth_user.as_deref()?;
        let bare = [shown.user, shown.pass, shown.token].iter().all(|given| given.is_empty());
        if !self.required || !bare {
            return None;
        }
        let by_key = self.users.nkey(name).filter(|_| shown.nkey.is_empty());
        by_key.or_else(|| self.users.named(name).filter(|_| !self.map_certificates))
    }

    /// Whether the peer comes through a trusted proxy.
    fn behind_proxy(&self, shown: &Shown<'_>) -> Result<bool, Denial> {
        if shown.proxy_sig.is_empty() || self.trusted_proxies.is_empty() {
            return Ok(false);
        }
        let trusted = url_signature(shown.proxy_sig).is_some_and(|sig| {
            self.trusted_proxies.iter().any(|key| key.verifies(shown.nonce, &sig))
        });
        let reason = CloseReason::ProxyNotTrusted;
        let denial = Denial::new("proxies", "the signature is no trusted proxy's");
        if trusted { Ok(true) } else { Err(Denial { reason, ..denial }) }
    }

    fn by_nkey(&self, shown: &Shown<'_>, proxied: bool) -> Verdict {
        let deny = |why| Verdict::Deny(Denial::new(Step::Nkeys.name(), why));
        if !self.users.has_nkeys() || shown.nkey.is_empty() {
            return Verdict::NotMine;
        }
        let Some(user) = self.users.nkey(shown.nkey) else { return deny("no user has this key") };
        if !user.types.allow(shown.kind) {
            return deny("the user may not connect this way");
        }
        if user.proxy_required && !proxied {
            return Verdict::Deny(proxy_required(Step::Nkeys));
        }
        let Login::Nkey { key, .. } = user.login else { return Verdict::NotMine };
        let unsigned = self.no_auth_user.as_deref() == Some(shown.nkey);
        let identity = Identity::User(user);
        if unsigned || shown.has_proven(&identity) {
            return Verdict::Grant(identity);
        }
        match signature(shown.sig) {
            Some(sig) if key.verifies(shown.nonce, &sig) => Verdict::Grant(identity),
            Some(_) => deny("the signature does not fit the nonce"),
            None => deny("the signature is missing or not in base64"),
        }
    }

    fn by_user(&self, shown: &Shown<'_>, proxied: bool) -> Verdict {
        let step = Step::Users;
        let deny = |why| Verdict::Deny(Denial::new(step.name(), why));
        if !self.users.has_named() {
            return Verdict::NotMine;
        }
        let user = if self.map_certificates {
            match shown.certificate.and_then(|cert| cert.user(&self.users, shown.kind)) {
                Some(user) => user,
                None => return deny("the certificate stands for no user"),
            }
        } else if shown.user.is_empty() {
            return Verdict::NotMine;
        } else {
            match self.users.named(shown.user) {
                Some(user) if user.types.allow(shown.kind) => user,
                Some(_) => return deny("the user may not connect this way"),
                None => return deny("no user has this name"),
            }
        };
        if user.proxy_required && !proxied {
            return Verdict::Deny(proxy_required(step));
        }
        let Login::Password { password, .. } = &user.login else { return Verdict::NotMine };
        let meant_for_mapping = !self.map_certificates
            && self.no_auth_user.as_deref() != Some(user.name())
            && self.mapped_elsewhere.iter().any(|kind| user.types.allow(*kind));
        if password.expose().is_empty() && meant_for_mapping {
            return deny("a user without password may log in by certificate only");
        }
        let password = password.clone();
        prove(&password, shown.pass, Identity::User(user), shown, step)
    }

    fn by_token(&self, shown: &Shown<'_>, proxied: bool) -> Verdict {
        let Some(token) = &self.token else { return Verdict::NotMine };
        if self.proxy_required && !proxied {
            return Verdict::Deny(proxy_required(Step::Token));
        }
        let identity = Identity::Token(token.clone());
        prove(token, shown.token, identity, shown, Step::Token)
    }

    fn by_single_user(&self, shown: &Shown<'_>, proxied: bool) -> Verdict {
        let step = Step::SingleUser;
        let Some(user) = &self.single_user else { return Verdict::NotMine };
        if self.proxy_required && !proxied {
            return Verdict::Deny(proxy_required(step));
        }
        let Login::Password { name, password } = &user.login else { return Verdict::NotMine };
        if **name != *shown.user {
            return Verdict::Deny(Denial::new(step.name(), "not the one user's name"));
        }
        prove(password, shown.pass, Identity::User(Arc::clone(user)), shown, step)
    }
}

fn proxy_required(step: Step) -> Denial {
    let denial = Denial::new(step.name(), "the connection does not come through a trusted proxy");
    Denial { reason: CloseReason::ProxyRequired, ..denial }
}

/// Holds a given secret against the configured one; right, the peer is `identity`.
fn prove(secret: &Secret, given: &str, identity: Identity, shown: &Shown<'_>, by: Step) -> Verdict {
    match secret {
        _ if shown.has_proven(&identity) => Verdict::Grant(identity),
        Secret::Plain(expected) if same(expected, given) => Verdict::Grant(identity),
        // The text of the hash stands in for the password of a user that is logged in without
        // credentials; it is not the password.
        Secret::Bcrypt(hash) if !same(hash, given) => {
            let password = Secret::Plain(given.into());
            let question = Question::Bcrypt { password, hash: Arc::clone(hash) };
            Verdict::Ask(question, Pending::Proof { identity, by, otherwise: None })
        }
        Secret::Plain(_) | Secret::Bcrypt(_) => Verdict::Deny(Denial::new(by.name(), WRONG_SECRET)),
    }
}

/// Why a peer with another password or token is refused.
pub(super) const WRONG_SECRET: &str = "the secret is wrong";

impl Pending {
    /// What it comes to when the answer is no.
    pub(crate) fn denial(&self) -> Denial {
        match self {
            Self::Proof { by, .. } => Denial::new(by.name(), WRONG_SECRET),
            Self::Account => Denial::new(Step::Jwt.name(), "the account is not known"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::nkey::PublicKey;
    use super::super::users::{ConnectionTypes, Users};
    use super::*;

    /// The pair of reference security 12.2, and its signature of that nonce.
    const KEY: &str = "UAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3RLKK";
    const NONCE: &Nonce = b"PXoWU7zWAMt75FY";
    const SIGNATURE: &str =
        "bnxg5G8aOV2LQdSE_lcM9clxm_fbTTZxsqQ1EpTNgJXmH6z5ezesd49kXfuNhoAqw_DmEtsGcNsJdug9wMuRDQ";

    fn nothing() -> Shown<'static> {
        Shown {
            user: "",
            pass: "",
            token: "",
            nkey: "",
            jwt: "",
            sig: "",
            proxy_sig: "",
            nonce: NONCE,
            certificate: None,
            kind: ConnectionType::Standard,
            address: IpAddr::from([127, 0, 0, 1]),
            proven: None,
        }
    }

    fn decide(auth: &Auth, shown: &Shown<'_>) -> Verdict {
        let accounts = crate::account::Accounts::default();
        auth.decide(shown, &Ground { accounts: &accounts, now: 0, looked_up: false })
    }

    fn key() -> PublicKey {
        PublicKey::parse(KEY).unwrap()
    }

    /// Every way in at once.
    fn auth() -> Auth {
        let user = |name| User::with_password(name, Secret::new("p"));
        let elsewhere = ConnectionTypes::default().with(ConnectionType::WebSocket);
        Auth {
            required: true,
            users: Arc::new(Users::new([
                user("a"),
                User { types: elsewhere, ..user("elsewhere") },
                User { proxy_required: true, ..user("proxied") },
                User::with_nkey(key()),
            ])),
            single_user: Some(Arc::new(user("single"))),
            token: Some(Secret::new("t")),
            trusted_proxies: vec![key()],
            ..Auth::default()
        }
    }

    fn name(verdict: Verdict) -> Result<String, String> {
        match verdict {
            Verdict::Grant(Identity::User(user)) => Ok(user.name().to_owned()),
            Verdict::Grant(Identity::Token(_)) => Ok("token".to_owned()),
            Verdict::Grant(Identity::Anonymous) => Ok("anonymous".to_owned()),
            Verdict::Deny(denial) => Err(denial.to_string()),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn each_step_says_yes_no_or_not_mine_and_why() {
        let auth = auth();
        let nothing = nothing();
        let key = Shown { nkey: KEY, sig: SIGNATURE, ..nothing };
        let rows = [
            (key, Ok(KEY)),
            (Shown { sig: "AAAA", ..key }, Err("nkeys: the signature is missing or not in base64")),
            (
                Shown { nonce: &[b'x'; 15], ..key },
                Err("nkeys: the signature does not fit the nonce"),
            ),
            (Shown { nkey: "U", user: "a", pass: "p", ..key }, Err("nkeys: no user has this key")),
            (Shown { user: "a", pass: "p", ..nothing }, Ok("a")),
            (
                Shown { user: "a", pass: "x", token: "t", ..nothing },
                Err("users: the secret is wrong"),
            ),
            (Shown { user: "single", pass: "p", ..nothing }, Err("users: no user has this name")),
            (
                Shown { user: "elsewhere", pass: "p", ..nothing },
                Err("users: the user may not connect this way"),
            ),
            (
                Shown { user: "proxied", pass: "p", ..nothing },
                Err("users: the connection does not come through a trusted proxy"),
            ),
            (Shown { user: "proxied", pass: "p", proxy_sig: SIGNATURE, ..nothing }, Ok("proxied")),
            (
                Shown { user: "a", pass: "p", proxy_sig: "x", ..nothing },
                Err("proxies: the signature is no trusted proxy's"),
            ),
            (Shown { token: "t", ..nothing }, Ok("token")),
            (nothing, Err("token: the secret is wrong")),
        ];
        for (shown, expected) in rows {
            let expected = expected.map(str::to_owned).map_err(str::to_owned);
            assert_eq!(name(decide(&auth, &shown)), expected);
        }
        let empty = Auth { required: true, ..Auth::default() };
        let nobody = "end of chain: nothing that any way in asks for was shown";
        assert_eq!(name(decide(&empty, &key)), Err(nobody.to_owned()));
        assert_eq!(name(decide(&Auth::default(), &key)), Ok("anonymous".to_owned()));
    }

    #[test]
    fn the_order_decides_who_is_asked_first() {
        let shown =
            Shown { nkey: KEY, sig: SIGNATURE, user: "a", pass: "p", token: "t", ..nothing() };
        for (first, expected) in [(Step::Nkeys, KEY), (Step::Users, "a"), (Step::Token, "token")] {
            let auth = Auth { order: vec![first, Step::SingleUser], ..auth() };
            assert_eq!(name(decide(&auth, &shown)), Ok(expected.to_owned()));
        }
        let auth = Auth { order: vec![Step::SingleUser, Step::Nkeys], ..auth() };
        assert_eq!(name(decide(&auth, &shown)), Err("user: not the one user's name".to_owned()));
    }

    #[test]
    fn only_who_shows_nothing_becomes_the_one_that_stands_for_it() {
        let with = |name: &str| Auth { no_auth_user: Some(name.into()), ..auth() };
        let nothing = nothing();
        let stand_in =
            |auth: &Auth, shown| auth.stand_in(&shown).map(|user| user.name().to_owned());
        for stand in ["a", KEY] {
            let auth = with(stand);
            assert_eq!(stand_in(&auth, nothing).as_deref(), Some(stand));
            for shown in [
                Shown { user: "x", ..nothing },
                Shown { pass: "x", ..nothing },
                Shown { token: "x", ..nothing },
            ] {
                assert_eq!(stand_in(&auth, shown), None);
            }
        }
        let key = Shown { nkey: "U", ..nothing };
        assert_eq!(stand_in(&with(KEY), key), None);
        assert_eq!(stand_in(&with("a"), key).as_deref(), Some("a"));
        let mapping = Auth { map_certificates: true, ..with("a") };
        assert_eq!(stand_in(&mapping, nothing), None);
        assert_eq!(stand_in(&auth(), nothing), None);
    }

    #[test]
    fn a_hash_is_asked_about_unless_it_is_given_itself_or_proven() {
        let hash = "$2a$04$abcdefghijklmnopqrstuu0IW6TsD.ltswA2qNb/gSLIg6DlPpsYq";
        let users = Arc::new(Users::new([User::with_password("h", Secret::new(hash))]));
        let auth = Auth { required: true, users, ..Auth::default() };
        let shown = Shown { user: "h", pass: "p", ..nothing() };
        let Verdict::Ask(_, Pending::Proof { identity, .. }) = decide(&auth, &shown) else {
            panic!("nobody asks")
        };
        let again = Shown { proven: Some(&identity), ..shown };
        assert_eq!(decide(&auth, &again), Verdict::Grant(identity.clone()));
        let itself = Shown { pass: hash, ..shown };
        assert_eq!(name(decide(&auth, &itself)), Err("users: the secret is wrong".to_owned()));
    }
}
