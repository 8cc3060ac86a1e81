//! An auth callout service that a test plays itself, and a configuration that has it asked.
//!
//! Nothing runs by itself: the test sends a client's CONNECT, takes the request, answers it or
//! does not, and reads what the client is told.

use data_encoding::BASE64URL_NOPAD;
use nervure::auth::xkey::{CurveKey, CurvePublicKey};
use nervure_core::auth::jwt::{
    AuthorizationRequestClaims, AuthorizationResponse, AuthorizationResponseClaims, User,
    UserClaims, UserLimits,
};
use nervure_core::auth::{Role, Seed, Signer};
use serde_json::Value;

use crate::operator::{key_pair, unix_now};
use crate::{Message, Server, Session};

/// The service's curve key (reference security 12.5).
const SERVICE_SEED: &str = "SXAEJFFDTQWGIVCVMY2RJLEYAGMFWU6JUJU3DZSKYOW6QAZJXVW3ZLJLKY";

/// The key that the configuration names as the issuer.
#[must_use]
pub fn issuer() -> Signer {
    key_pair(Role::Account, 20)
}

/// The service's curve key.
///
/// # Panics
/// Never: the seed is good.
#[must_use]
pub fn service_curve() -> CurveKey {
    let seed = Seed::parse(SERVICE_SEED).expect("the seed of the reference");
    CurveKey::new(&seed).expect("the seed of a curve key")
}

/// A configuration with accounts `AUTH` (the service's), `APP`, `OTHER` and `SYS`, each with a
/// user of its name in lower case and the password `right`; `more` goes into `auth_callout`.
#[must_use]
pub fn config(timeout: u32, more: &str) -> String {
    let account = |name: &str| {
        let user = name.to_lowercase();
        format!("  {name} {{ users [ {{ user: {user}, password: right }} ] }}\n")
    };
    let accounts = ["AUTH", "APP", "OTHER", "SYS"].map(account).concat();
    let issuer = issuer().public();
    format!(
        "accounts {{\n{accounts}}}\nsystem_account: SYS\nauthorization {{ timeout: {timeout}, \
         auth_callout {{ issuer: {issuer}, account: AUTH, auth_users: [auth], {more} }} }}\n"
    )
}

/// The service: a client in its account that hears the requests.
pub struct Service {
    /// Its connection.
    pub session: Session,
}

/// A request as the service has it.
#[derive(Clone, Debug)]
pub struct Request {
    /// The claims, read as ours.
    pub claims: AuthorizationRequestClaims,
    /// All of them, as they stand in the token.
    pub json: Value,
    /// The message.
    pub message: Message,
}

/// An answer about to be given.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Claims of the response; the user's token is added when it is sent, unless there is one.
    pub response: AuthorizationResponseClaims,
    /// Who signs it.
    pub signer: Signer,
    /// Claims of the user.
    pub user: UserClaims,
    /// Who signs them.
    pub user_signer: Signer,
    /// Whether there is a user at all.
    pub has_user: bool,
}

impl Service {
    /// Logs in as an auth user and listens.
    #[must_use]
    pub fn start(server: &Server) -> Self {
        let mut session = server.client(r#""user":"auth","pass":"right","headers":true"#);
        session.send("SUB $SYS.REQ.USER.AUTH A\r\n").expect_open();
        Self { session }
    }

    /// The next request.
    ///
    /// # Panics
    /// When none comes, or one that is not signed as it should be.
    pub fn request(&mut self) -> Request {
        let message = self.session.read_message();
        let token = String::from_utf8(message.payload.clone()).expect("a token is text");
        Request::read(message, &token)
    }

    /// The next request, which is sealed.
    ///
    /// # Panics
    /// When none comes, or one that is not sealed for [`service_curve`].
    pub fn sealed_request(&mut self) -> Request {
        let message = self.session.read_message();
        let header = String::from_utf8_lossy(&message.header).into_owned();
        let key = header.strip_prefix("NATS/1.0\r\nNats-Server-Xkey: ").expect("a key in a header");
        let key = CurvePublicKey::parse(key.trim_end()).expect("a curve key");
        assert!(message.payload.starts_with(b"xkv1"), "it is not sealed");
        let token = service_curve().open(&message.payload, &key).expect("sealed for the service");
        Request::read(message, &String::from_utf8(token).expect("a token is text"))
    }

    /// Answers with these octets.
    ///
    /// # Panics
    /// When they cannot be sent.
    pub fn say(&mut self, request: &Request, octets: &[u8]) {
        let reply = request.message.reply.clone().expect("a request wants an answer");
        let reply = String::from_utf8(reply).expect("a subject is text");
        let head = format!("PUB {reply} {}\r\n", octets.len());
        self.session.send([head.as_bytes(), octets, b"\r\n"].concat());
    }

    /// Answers.
    ///
    /// # Panics
    /// When the claims cannot be signed.
    pub fn answer(&mut self, request: &Request, answer: &Answer) {
        self.say(request, answer.token().as_bytes());
    }

    /// Takes the next request and answers it with what `change` makes of a good answer.
    ///
    /// # Panics
    /// When there is no request.
    pub fn serve(&mut self, change: impl FnOnce(&mut Answer)) -> Request {
        let request = self.request();
        let mut answer = Answer::placing(&request, "APP");
        change(&mut answer);
        self.answer(&request, &answer);
        request
    }
}

impl Request {
    fn read(message: Message, token: &str) -> Self {
        let claims = AuthorizationRequestClaims::decode(token).expect("a signed request");
        let middle = token.split('.').nth(1).expect("a token has three parts");
        let json = BASE64URL_NOPAD.decode(middle.as_bytes()).expect("base64 of the claims");
        let json = serde_json::from_slice(&json).expect("claims are JSON");
        Self { claims, json, message }
    }
}

impl Answer {
    /// The client is let into an account, may do everything there, and keeps its name.
    #[must_use]
    pub fn placing(request: &Request, account: &str) -> Self {
        let nats = &request.claims.nats;
        let limits = UserLimits { subs: -1, data: -1, payload: -1, ..UserLimits::default() };
        Self {
            response: AuthorizationResponseClaims {
                sub: nats.user_nkey.clone(),
                aud: nats.server_id.id.clone(),
                iat: unix_now(),
                ..AuthorizationResponseClaims::default()
            },
            signer: issuer(),
            user: UserClaims {
                sub: nats.user_nkey.clone(),
                aud: account.to_owned(),
                iat: unix_now(),
                nats: User { limits, ..User::default() },
                ..UserClaims::default()
            },
            user_signer: issuer(),
            has_user: true,
        }
    }

    /// The token of the response.
    ///
    /// # Panics
    /// When the claims cannot be signed.
    #[must_use]
    pub fn token(&self) -> String {
        let mut response = self.response.clone();
        let AuthorizationResponse { jwt, .. } = &mut response.nats;
        if self.has_user && jwt.is_empty() {
            *jwt = self.user.encode(&self.user_signer).expect("claims of a user");
        }
        response.encode(&self.signer).expect("claims of a response")
    }
}
