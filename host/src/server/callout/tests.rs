//! The vectors of the reference, and when what a service said is good without it.

use nervure_core::account::{Accounts, Declaration};
use nervure_core::auth::jwt::{AuthorizationRequestClaims, ClientInformation, ConnectOptions};
use nervure_core::auth::{Delegated, Login, PublicKey, Role, Seed, Signer, signature_text};
use nervure_core::shard::Shared;

use super::*;
use crate::auth::xkey::{CurveKey, CurvePublicKey};
use crate::options::CalloutCacheOptions;

/// Reference security 12.5.
const ISSUER_SEED: &str = "SAAJZ67G5HSQKLWJPXHRGK4FHCA3KBE7ZQCFFSGNQOK73PHYXWFHNV7K4E";
const ISSUER: &str = "ADWHNJLSCKNGUB6AQTMICQLTVJ3WQLYA3U3M4YXM7FBJOX4FUKLXDYJP";
const SERVICE_SEED: &str = "SXAEJFFDTQWGIVCVMY2RJLEYAGMFWU6JUJU3DZSKYOW6QAZJXVW3ZLJLKY";
const SERVER: &str = "NCNEB2F27AUMQ6KN52WTTCGW2ZQK6DC4QICHQZLNRA5VNMKSTZASUYEP";
const USER: &str = "UBBN4NR2AIZSM4EK7BOLNMXVWSIIPN2YFA7UELSPJABIYYWPSF44D7BO";
const NOW: Duration = Duration::from_secs(1_795_394_024);
const RESPONSE: &str = include_str!("tests/response.jwt");

fn accounts() -> Accounts {
    let declared = |name: &str| Declaration { name: name.to_owned(), ..Declaration::default() };
    Accounts::build(&Shared::new(1), &["$G", "AUTH", "APP"].map(declared), None).unwrap()
}

fn service(cache: bool) -> AuthService {
    with_xkey(cache, None)
}

fn with_xkey(cache: bool, xkey: Option<String>) -> AuthService {
    let callout = CalloutOptions {
        issuer: PublicKey::parse(ISSUER).unwrap(),
        account: Some("AUTH".to_owned()),
        auth_users: Vec::new(),
        xkey,
        allowed_accounts: Vec::new(),
        cache: None,
    };
    AuthService {
        configured: Some(Arc::new(Party::configured(&callout))),
        server: ServerId { name: "S1".to_owned(), id: SERVER.to_owned(), ..ServerId::default() },
        keys: Arc::new(Keys::generate().unwrap()),
        authorities: Vec::new(),
        timeout: Duration::from_secs(2),
        cache: cache.then(|| Arc::new(Cache::new(CalloutCacheOptions::default()).unwrap())),
        stats: Arc::default(),
        log: Logger::discard(),
    }
}

fn alice() -> Delegated {
    Delegated {
        account: "AUTH".into(),
        claims: None,
        client: ClientInformation {
            host: "127.0.0.1".to_owned(),
            id: 9,
            user: "alice".to_owned(),
            kind: "Client".to_owned(),
            ..ClientInformation::default()
        },
        connect: ConnectOptions {
            user: "alice".to_owned(),
            pass: "wonder".to_owned(),
            ..ConnectOptions::default()
        },
        nonce: *b"PXoWU7zWAMt75FY",
        proxied: false,
    }
}

/// The request that the reference's answer is for.
fn reference_request(service: &AuthService) -> Request {
    let mut request = service.request(alice(), None, NOW).unwrap();
    request.user_nkey = USER.to_owned();
    request
}

fn judged(
    service: &AuthService,
    request: &Request,
    payload: &[u8],
    now: Duration,
) -> Result<User, Refusal> {
    let place = Place { accounts: &accounts(), looked_up: false };
    service.judge(request, payload, place, now)
}

fn answered(service: &AuthService, request: &Request, token: &str) -> Answer {
    let place = Place { accounts: &accounts(), looked_up: false };
    match service.answer(request, token.as_bytes(), place, Instant::now()) {
        Judged::Answer(answer) => answer,
        Judged::Unknown(account) => panic!("{account}"),
    }
}

#[test]
fn the_reference_response_is_accepted() {
    let service = service(false);
    let request = reference_request(&service);
    let user = judged(&service, &request, RESPONSE.trim_end().as_bytes(), NOW).unwrap();
    assert_eq!((&*user.account, user.name()), ("APP", "alice"));
    assert_eq!(user.expires, Some(Duration::from_secs(1_795_397_626)));
    assert!(matches!(&user.login, Login::Statement { key, issued, .. }
        if **key == *USER && *issued == 1_795_394_024));
    let may = user.permissions.unwrap();
    assert!(may.may_publish(b"app.x") && !may.may_publish(b"x"));
    assert!(may.may_subscribe(b"_INBOX.>", None) && !may.may_subscribe(b"app.x", None));
    let late = judged(&service, &request, RESPONSE.trim_end().as_bytes(), NOW * 2);
    let why = "Error validating user JWT: claim is expired".to_owned();
    assert_eq!(late.unwrap_err(), Refusal::Because(why));
}

#[test]
fn a_request_is_sealed_for_the_service_and_opens_with_its_key() {
    let curve = CurveKey::new(&Seed::parse(SERVICE_SEED).unwrap()).unwrap();
    let service = with_xkey(false, Some(curve.public_key()));
    let request = service.request(alice(), None, NOW).unwrap();
    let key = &service.keys.curve.public_key();
    assert_eq!(request.header, format!("NATS/1.0\r\nNats-Server-Xkey: {key}\r\n\r\n").as_bytes());
    let token = curve.open(&request.payload, &CurvePublicKey::parse(key).unwrap()).unwrap();
    let claims = AuthorizationRequestClaims::decode(std::str::from_utf8(&token).unwrap()).unwrap();
    assert_eq!(
        (&claims.iss, claims.sub.as_str()),
        (&service.keys.signer.public().to_string(), ISSUER)
    );
    assert_eq!((claims.iat, claims.exp), (1_795_394_024, 1_795_394_026));
    assert_eq!((&claims.nats.server_id.xkey, &claims.nats.user_nkey), (key, &request.user_nkey));
    // The same answer, sealed as the reference says.
    let request = reference_request(&service);
    let sealed = curve.seal(RESPONSE.trim_end().as_bytes(), &CurvePublicKey::parse(key).unwrap());
    assert!(judged(&service, &request, &sealed.unwrap(), NOW).is_ok());
}

/// An answer for a request: the user, or an error.
fn answer(service: &AuthService, request: &Request, error: &str) -> String {
    use nervure_core::auth::jwt::{
        AuthorizationResponse, AuthorizationResponseClaims, User, UserClaims,
    };
    let issuer = Signer::parse(ISSUER_SEED).unwrap();
    let user = UserClaims {
        sub: request.user_nkey.clone(),
        aud: "APP".to_owned(),
        nats: User::default(),
        ..UserClaims::default()
    };
    let jwt = if error.is_empty() { user.encode(&issuer).unwrap() } else { String::new() };
    let nats = AuthorizationResponse { jwt, error: error.to_owned(), ..Default::default() };
    let claims = AuthorizationResponseClaims {
        sub: request.user_nkey.clone(),
        aud: service.server.id.clone(),
        nats,
        ..AuthorizationResponseClaims::default()
    };
    claims.encode(&issuer).unwrap()
}

/// Whether a client gets in when the service is down.
fn gets_in(service: &AuthService, delegated: Delegated) -> bool {
    let request = service.request(delegated, None, unix_now()).unwrap();
    matches!(service.without_answer(&request, Instant::now()), Answer::Admit(_))
}

/// Asks the service about a client, who is let in unless there is an error.
fn ask(service: &AuthService, delegated: Delegated, error: &str) {
    let request = service.request(delegated, None, unix_now()).unwrap();
    let answer = answer(service, &request, error);
    let answer = answered(service, &request, &answer);
    assert_eq!(matches!(answer, Answer::Admit(_)), error.is_empty());
}

fn changed(change: impl FnOnce(&mut Delegated)) -> Delegated {
    let mut delegated = alice();
    change(&mut delegated);
    delegated
}

#[test]
fn what_the_service_said_last_is_good_while_it_is_down() {
    let service = service(true);
    assert!(!gets_in(&service, alice()), "it has never been asked");
    ask(&service, alice(), "");
    assert!(gets_in(&service, changed(|it| it.client.id = 10)), "another connection");
    for other in [
        changed(|it| it.connect.pass = "x".to_owned()),
        changed(|it| it.connect.auth_token = "x".to_owned()),
        changed(|it| it.client.host = "127.0.0.2".to_owned()),
        changed(|it| it.client.client_type = "websocket".to_owned()),
        changed(|it| it.proxied = true),
    ] {
        assert!(!gets_in(&service, other.clone()), "{other:?}");
    }
    ask(&service, alice(), "no");
    assert!(!gets_in(&service, alice()), "it has said no since");
    let varz = service.stats.varz(service.cache.as_ref().unwrap().len());
    assert_eq!((varz.granted, varz.refused, varz.from_cache, varz.unanswered), (1, 1, 1, 7));
    assert_eq!(varz.cache_entries, 0);
}

#[test]
fn without_a_cache_nothing_is_remembered() {
    let service = service(false);
    ask(&service, alice(), "");
    assert!(!gets_in(&service, alice()));
}

#[test]
fn a_key_is_not_enough_without_its_signature() {
    let service = service(true);
    let signer = Signer::new(Seed::new(Role::User, [7; 32])).unwrap();
    let with_key = |nonce: &[u8; 15], sig: String| {
        changed(|it| {
            it.connect = ConnectOptions { sig, ..ConnectOptions::default() };
            it.connect.nkey = signer.public().to_string();
            it.nonce = *nonce;
        })
    };
    let sign = |nonce: &[u8; 15]| signature_text(&signer.sign(nonce));
    let (first, second) = (b"PXoWU7zWAMt75FY", b"v4lNjIBTepsixlA");
    ask(&service, with_key(first, sign(first)), "");
    assert!(gets_in(&service, with_key(second, sign(second))));
    assert!(!gets_in(&service, with_key(second, sign(first))), "somebody who has heard it");
    assert!(!gets_in(&service, with_key(second, String::new())));
    // A signature of nobody knows whom: only the service could tell.
    let unknown = |it: &mut Delegated| it.connect.sig = sign(first);
    ask(&service, changed(unknown), "");
    assert!(!gets_in(&service, changed(unknown)));
}

#[test]
fn certificates_are_part_of_what_a_client_shows() {
    let service = service(true);
    let facts = |octet: u8| {
        let info =
            crate::net::tls::TlsInfo { version: "1.3", cipher_suite: "TLS_AES_128_GCM_SHA256" };
        Some(TlsFacts::new(info, vec![vec![octet; 10]]))
    };
    let request = service.request(alice(), facts(1), NOW).unwrap();
    let answer = answer(&service, &request, "");
    answered(&service, &request, &answer);
    for (tls, good) in [(facts(1), true), (facts(2), false), (None, false)] {
        let request = service.request(alice(), tls, NOW).unwrap();
        let answer = service.without_answer(&request, Instant::now());
        assert_eq!(matches!(answer, Answer::Admit(_)), good);
    }
}
