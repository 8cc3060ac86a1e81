//! The security checklist on authentication, INFO and simple modes (reference security 13, items
//! 1 to 37 but those of JWT). Test names begin with its numbers (`s018_token`).

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use data_encoding::{BASE64, BASE64_NOPAD, BASE64URL, BASE64URL_NOPAD};
use harness::{Launch, Server, Session, websocket};
use nkeys::KeyPair;

use crate::table::Opening::Silent;
use crate::table::{Shared, UNAUTHORIZED, table};

/// The key pair of reference security 12.1, and one that no server knows.
const SEED: &str = "SUAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4H776Y";
const KEY: &str = "UAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3RLKK";
const STRANGER: &str = "UD2DB5P6HU5SNATDYKECJJMX3BN44MJNHWOJ4M5TFCN3WCFTHP2JL3XI";

/// Of "b0b pass", cost 4, but for its beginning.
const HASH: &str = "$04$abcdefghijklmnopqrstuu0IW6TsD.ltswA2qNb/gSLIg6DlPpsYq";

static USERS: Shared = Shared::new(
    "authorization { users: [ { user: a, password: b }, { user: empty }, \
     { nkey: UAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3RLKK }, \
     { user: elsewhere, password: b, allowed_connection_types: [websocket, MQTT] }, \
     { user: here, password: b, allowed_connection_types: standard }, \
     { user: proxied, password: b, proxy_required: true }, \
     { user: literal, password: '$2$10$abc' }, { user: broken, password: '$2a$10$abc' } ] }\n",
);
static SINGLE: Shared = Shared::new("authorization { user: a, password: b }\n");
static TOKEN: Shared = Shared::new("authorization { token: secret }\n");
static GUEST: Shared = Shared::new(
    "authorization { users: [ { user: a, password: b }, { user: c, password: d } ] }\n\
     no_auth_user: a\n",
);
static OPEN: Shared = Shared::new("");

static HASHED: LazyLock<String> = LazyLock::new(|| {
    let user = |letter| format!("{{ user: {letter}, password: '$2{letter}{HASH}' }}");
    let users = ["a", "b", "x", "y"].map(user).join(", ");
    format!("authorization {{ users: [ {users} ] }}\n")
});

fn connect(members: &str) -> String {
    format!("CONNECT {{\"verbose\":true,{members}}}\r\n")
}

table!(OPEN, Silent, {
    s001_wrong_credentials_are_ignored_without_authentication:
        connect(r#""user":"x","pass":"y""#) => "+OK\r\n", Open;
    s008_an_account_may_not_be_chosen:
        connect(r#""account":"X""#) => UNAUTHORIZED, Closed;
    s008_nor_a_new_one: connect(r#""new_account":true"#) => UNAUTHORIZED, Closed;
});

table!(TOKEN, Silent, {
    s018_token: connect(r#""auth_token":"secret""#) => "+OK\r\n", Open;
    s018_wrong_token: connect(r#""auth_token":"secre""#) => UNAUTHORIZED, Closed;
    s018_no_token: connect(r#""name":"x""#) => UNAUTHORIZED, Closed;
    s018_token_as_user: connect(r#""user":"secret""#) => UNAUTHORIZED, Closed;
});

table!(SINGLE, Silent, {
    s019_single_user: connect(r#""user":"a","pass":"b""#) => "+OK\r\n", Open;
    s019_member_names_in_any_case: connect(r#""USER":"a","Pass":"b""#) => "+OK\r\n", Open;
    s019_wrong_password: connect(r#""user":"a","pass":"c""#) => UNAUTHORIZED, Closed;
    s019_wrong_user: connect(r#""user":"A","pass":"b""#) => UNAUTHORIZED, Closed;
    s009_ping_before_connect: "PING\r\n" => UNAUTHORIZED, Closed;
    s016_a_second_connect_without_credentials:
        format!("{}{}", connect(r#""user":"a","pass":"b""#), connect(r#""name":"x""#))
        => "+OK\r\n+OK\r\n", Open;
    s017_a_second_connect_with_a_wrong_password:
        format!("{}{}", connect(r#""user":"a","pass":"b""#), connect(r#""pass":"c""#))
        => format!("+OK\r\n{UNAUTHORIZED}"), Closed;
    s015_a_second_connect_drops_subscriptions:
        format!("{0}SUB x 1\r\n{0}PUB x 0\r\n\r\n", connect(r#""user":"a","pass":"b""#))
        => "+OK\r\n+OK\r\n+OK\r\n+OK\r\n", Open;
});

table!(USERS, Silent, {
    s021_what_only_looks_like_a_hash_is_compared_literally:
        connect(r#""user":"literal","pass":"$2$10$abc""#) => "+OK\r\n", Open;
    s021_a_malformed_hash_fits_nothing:
        connect(r#""user":"broken","pass":"$2a$10$abc""#) => UNAUTHORIZED, Closed;
    s021_not_even_nothing: connect(r#""user":"broken","pass":"""#) => UNAUTHORIZED, Closed;
    s024_no_password: connect(r#""user":"empty""#) => "+OK\r\n", Open;
    s024_an_empty_password: connect(r#""user":"empty","pass":"""#) => "+OK\r\n", Open;
    s024_any_other_password: connect(r#""user":"empty","pass":"x""#) => UNAUTHORIZED, Closed;
    s025_a_token_is_no_user: connect(r#""auth_token":"b""#) => UNAUTHORIZED, Closed;
    s025_a_password_is_no_user: connect(r#""pass":"b""#) => UNAUTHORIZED, Closed;
    s031_an_unknown_key_is_not_made_good_by_a_password:
        connect(&format!(r#""nkey":"{STRANGER}","user":"a","pass":"b""#)) => UNAUTHORIZED, Closed;
    s031_nor_is_a_bad_signature:
        connect(&format!(r#""nkey":"{KEY}","sig":"AAAA","user":"a","pass":"b""#))
        => UNAUTHORIZED, Closed;
    s030_a_key_without_signature: connect(&format!(r#""nkey":"{KEY}""#)) => UNAUTHORIZED, Closed;
    s030_a_signature_without_a_key_does_not_matter:
        connect(r#""sig":"x","user":"a","pass":"b""#) => "+OK\r\n", Open;
    s030_a_jwt_does_not_matter: connect(r#""jwt":"x","user":"a","pass":"b""#) => "+OK\r\n", Open;
    s032_a_user_of_another_kind_of_connection:
        connect(r#""user":"elsewhere","pass":"b""#) => UNAUTHORIZED, Closed;
    s033_connection_types_in_lower_case: connect(r#""user":"here","pass":"b""#) => "+OK\r\n", Open;
    s033_a_user_of_proxies: connect(r#""user":"proxied","pass":"b""#) => UNAUTHORIZED, Closed;
});

table!(GUEST, Silent, {
    s025_a_token_is_nobody: connect(r#""auth_token":"x""#) => UNAUTHORIZED, Closed;
    s025_nor_is_a_password: connect(r#""pass":"b""#) => UNAUTHORIZED, Closed;
    s026_nothing_is_the_guest: connect(r#""name":"x""#) => "+OK\r\n", Open;
    s028_a_ping_is_the_guest: "PING\r\n" => "PONG\r\n", Open;
    s028_who_is_a_guest_may_become_somebody:
        format!("PING\r\n{}", connect(r#""user":"c","pass":"d""#)) => "PONG\r\n+OK\r\n", Open;
});

fn start(config: impl Into<String>) -> Server {
    Launch::new().config(config).start()
}

/// Whether somebody gets in.
fn gets_in(mut session: Session, members: &str) -> bool {
    session.send(format!("{}PING\r\n", connect(members)));
    match session.read_line().as_slice() {
        b"+OK" => {
            session.expect("PONG\r\n");
            true
        }
        b"-ERR 'Authorization Violation'" => {
            session.expect_closed();
            false
        }
        other => session.fail(&format!("neither yes nor no: {}", other.escape_ascii())),
    }
}

fn nonce(session: &Session) -> String {
    session.info()["nonce"].as_str().unwrap_or_default().to_owned()
}

fn signed(text: &[u8]) -> Vec<u8> {
    let pair = KeyPair::from_seed(SEED).expect("a seed");
    pair.sign(text).expect("a pair with a seed signs")
}

#[test]
fn s001_without_authentication_info_says_nothing_of_it() {
    let server = OPEN.lock();
    let mut session = server.session();
    let info = session.info();
    assert!(info.get("auth_required").is_none() && info.get("nonce").is_none(), "{info:#}");
    session.send("PING\r\n").expect("PONG\r\n");
}

#[test]
fn s002_s003_keys_make_info_ask_for_signatures() {
    for (shared, has_nonce) in [(&USERS, true), (&SINGLE, false), (&TOKEN, false), (&GUEST, false)]
    {
        let server = shared.lock();
        let session = server.session();
        assert_eq!(session.info().get("nonce").is_some(), has_nonce, "{:#}", session.info());
    }
    let server = USERS.lock();
    let (one, two) = (nonce(&server.session()), nonce(&server.session()));
    assert_ne!(one, two);
    assert_eq!(BASE64URL_NOPAD.decode(one.as_bytes()).expect("base64url").len(), 11);
    assert_eq!(server.session().info()["auth_required"], true);
}

#[test]
fn s003_trusted_proxies_make_info_ask_for_signatures() {
    let server = start(format!("proxies {{ trusted: [ {{ key: {KEY} }} ] }}\n"));
    assert_eq!(nonce(&server.session()).len(), 15);
    assert!(!gets_in(server.session(), r#""proxy_sig":"x""#), "though nothing is required");
    assert!(gets_in(server.session(), r#""name":"x""#));
}

#[test]
fn s004_a_guest_is_told_of_authentication_later() {
    let server = GUEST.lock();
    let mut session = server.session();
    assert!(session.info().get("auth_required").is_none());
    let later = session.hello(r#""protocol":1"#);
    assert_eq!(later["auth_required"], true, "{later:#}");
    assert!(later.get("nonce").is_none(), "{later:#}");
}

#[test]
fn s005_the_curve_key_is_new_at_each_start() {
    let xkey = |server: &Server| server.session().info()["xkey"].as_str().map(str::to_owned);
    let (one, two) = (xkey(&start("")), xkey(&start("")));
    assert!(one.as_deref().is_some_and(|key| key.starts_with('X')), "{one:?}");
    assert_ne!(one, two);
}

#[test]
fn s010_s012_s014_silence_times_out_even_where_guests_are_welcome() {
    let server = start(
        "authorization { timeout: 0.5, users: [ { user: a, password: b } ] }\nno_auth_user: a\n",
    );
    let began = Instant::now();
    server.session().expect("-ERR 'Authentication Timeout'\r\n").expect_closed();
    assert!(began.elapsed() >= Duration::from_millis(400), "{:?}", began.elapsed());
}

#[test]
fn s013_silence_is_fine_without_authentication() {
    let server = OPEN.lock();
    let mut silent = server.session();
    silent.expect_silence(Duration::from_millis(1500));
}

#[test]
fn s020_all_letters_of_bcrypt_verify() {
    let server = start(HASHED.as_str());
    for letter in ["a", "b", "x", "y"] {
        let login = |pass: &str| format!(r#""user":"{letter}","pass":"{pass}""#);
        assert!(gets_in(server.session(), &login("b0b pass")), "{letter}");
        assert!(!gets_in(server.session(), &login("b0b pas")), "{letter}");
        assert!(!gets_in(server.session(), &login(&format!("$2{letter}{HASH}"))), "{letter}");
        assert!(!gets_in(server.session(), &login("")), "{letter}");
    }
}

#[test]
fn s020_what_follows_a_hashed_password_is_carried_out_in_order() {
    let server = start(HASHED.as_str());
    let mut session = server.session();
    let login = connect(r#""user":"a","pass":"b0b pass""#);
    session.send(format!("{login}SUB x 1\r\nPUB x 2\r\nhi\r\nPING\r\n"));
    session.expect("+OK\r\n+OK\r\n+OK\r\nMSG x 1 2\r\nhi\r\nPONG\r\n");
    session.send(format!("{login}PUB x 2\r\nhi\r\nPING\r\n")).expect("+OK\r\n+OK\r\nPONG\r\n");
    session.send(connect(r#""pass":"x""#)).expect(UNAUTHORIZED).expect_closed();
}

#[test]
fn s022_seventy_two_octets_of_a_password_count() {
    // Of 72 times "x", cost 4.
    let hash = bcrypt(&"x".repeat(72));
    let server = start(format!("authorization {{ user: a, password: '{hash}' }}\n"));
    let login = |length| format!(r#""user":"a","pass":"{}""#, "x".repeat(length));
    assert!(gets_in(server.session(), &login(72)));
    assert!(gets_in(server.session(), &login(90)));
    assert!(!gets_in(server.session(), &login(71)));
}

fn bcrypt(password: &str) -> String {
    bcrypt::hash(password, 4).expect("a hash")
}

#[test]
fn s023_a_token_may_be_hashed() {
    let hash = bcrypt("secret");
    let server = start(format!("authorization {{ token: '{hash}' }}\n"));
    assert!(gets_in(server.session(), r#""auth_token":"secret""#));
    assert!(!gets_in(server.session(), &format!(r#""auth_token":"{hash}""#)));
}

#[test]
fn s027_a_hashed_guest_gets_in_by_password_only() {
    let server = start(format!(
        "authorization {{ users: [ {{ user: a, password: '$2a{HASH}' }} ] }}\nno_auth_user: a\n"
    ));
    assert!(!gets_in(server.session(), r#""name":"x""#));
    server.session().send("PING\r\n").expect(UNAUTHORIZED).expect_closed();
    assert!(gets_in(server.session(), r#""user":"a","pass":"b0b pass""#));
}

#[test]
fn s029_a_guest_may_be_a_key() {
    let server = start(format!(
        "authorization {{ users: [ {{ nkey: {KEY} }}, {{ user: c, password: d }} ] }}\nno_auth_user: {KEY}\n"
    ));
    for members in [
        r#""name":"x""#.to_owned(),
        format!(r#""nkey":"{KEY}""#),
        format!(r#""nkey":"{KEY}","sig":"bad""#),
        r#""user":"c","pass":"d""#.to_owned(),
    ] {
        assert!(gets_in(server.session(), &members), "{members}");
    }
    assert!(!gets_in(server.session(), r#""user":"c""#));
    assert!(!gets_in(server.session(), &format!(r#""nkey":"{STRANGER}""#)));
    server.session().send("PING\r\n").expect(UNAUTHORIZED).expect_closed();
}

#[test]
fn s030_signatures_are_taken_in_two_forms_over_the_text_of_the_nonce() {
    let server = USERS.lock();
    let login = |sign: &dyn Fn(&str) -> String| {
        let session = server.session();
        let sig = sign(&nonce(&session));
        gets_in(session, &format!(r#""nkey":"{KEY}","sig":"{sig}""#))
    };
    assert!(login(&|nonce| BASE64URL_NOPAD.encode(&signed(nonce.as_bytes()))));
    assert!(login(&|nonce| BASE64.encode(&signed(nonce.as_bytes()))));
    // The two alphabets differ in two characters only, which not every signature has.
    let refused = |encode: &dyn Fn(&[u8]) -> String, marks: [char; 2]| {
        let attempt = || {
            let session = server.session();
            let sig = encode(&signed(nonce(&session).as_bytes()));
            sig.contains(marks).then_some((session, sig))
        };
        let (session, sig) = (0..20).find_map(|_| attempt()).expect("most signatures have them");
        !gets_in(session, &format!(r#""nkey":"{KEY}","sig":"{sig}""#))
    };
    assert!(refused(&|sig| BASE64URL.encode(sig), ['-', '_']));
    assert!(refused(&|sig| BASE64_NOPAD.encode(sig), ['+', '/']));
    let decoded = |nonce: &str| BASE64URL_NOPAD.decode(nonce.as_bytes()).expect("base64url");
    assert!(!login(&|nonce| BASE64URL_NOPAD.encode(&signed(&decoded(nonce)))));
    assert!(!login(&|_| BASE64URL_NOPAD.encode(&signed(b"PXoWU7zWAMt75FY"))));
}

#[test]
fn s030_a_second_connect_by_key_needs_no_second_signature() {
    let server = USERS.lock();
    let mut session = server.session();
    let sig = BASE64URL_NOPAD.encode(&signed(nonce(&session).as_bytes()));
    session.hello(&format!(r#""nkey":"{KEY}","sig":"{sig}""#));
    session.hello(r#""name":"again""#);
    session.send(connect(r#""sig":"x""#)).expect(UNAUTHORIZED).expect_closed();
}

#[test]
fn s033_proxies_sign_too() {
    let server = start(format!(
        "proxies {{ trusted: [ {{ key: {KEY} }} ] }}\n\
         authorization {{ users: [ {{ user: a, password: b, proxy_required: true }} ] }}\n"
    ));
    let login = |sign: &dyn Fn(&str) -> String| {
        let session = server.session();
        let sig = sign(&nonce(&session));
        gets_in(session, &format!(r#""user":"a","pass":"b","proxy_sig":"{sig}""#))
    };
    assert!(login(&|nonce| BASE64URL_NOPAD.encode(&signed(nonce.as_bytes()))));
    assert!(!login(&|nonce| BASE64.encode(&signed(nonce.as_bytes()))));
    assert!(!login(&|_| String::new()));
}

pub(crate) fn websocket_port(server: &Server) -> u16 {
    let line = server.expect_log("Listening for websocket clients on");
    let port = line.rsplit(':').next().and_then(|port| port.trim().parse().ok());
    port.expect("the line ends in a port")
}

#[test]
fn s032_users_of_websockets_get_in_there() {
    let server = start(
        "websocket { listen: '127.0.0.1:-1', no_tls: true }\n\
         authorization { users: [ \
         { user: w, password: b, allowed_connection_types: [websocket] }, \
         { user: s, password: b, allowed_connection_types: [STANDARD] } ] }\n",
    );
    let port = websocket_port(&server);
    let (w, s) = (r#""user":"w","pass":"b""#, r#""user":"s","pass":"b""#);
    assert!(gets_in(websocket::connect(port, ""), w) && !gets_in(server.session(), w));
    assert!(!gets_in(websocket::connect(port, ""), s) && gets_in(server.session(), s));
}

#[test]
fn s034_a_websocket_listener_may_have_a_way_in_of_its_own() {
    let server = start(
        "websocket { listen: '127.0.0.1:-1', no_tls: true, \
         authorization { user: w, password: x, timeout: 0.5 } }\n\
         authorization { user: a, password: b }\n",
    );
    let port = websocket_port(&server);
    let (own, main) = (r#""user":"w","pass":"x""#, r#""user":"a","pass":"b""#);
    assert!(gets_in(websocket::connect(port, ""), own) && !gets_in(server.session(), own));
    assert!(!gets_in(websocket::connect(port, ""), main) && gets_in(server.session(), main));
    websocket::connect(port, "").expect("-ERR 'Authentication Timeout'\r\n").expect_closed();
}

#[test]
fn s035_cookies_stand_in_for_what_connect_leaves_out() {
    let server = start(
        "websocket { listen: '127.0.0.1:-1', no_tls: true, user_cookie: u, pass_cookie: p }\n\
         authorization { users: [ { user: a, password: b }, { user: c, password: d } ] }\n",
    );
    let port = websocket_port(&server);
    let with = |cookie: &str| websocket::connect(port, &format!("Cookie: {cookie}\r\n"));
    assert!(gets_in(with("u=a; p=b"), r#""name":"x""#));
    assert!(gets_in(with("u=a"), r#""pass":"b""#));
    assert!(gets_in(with("u=a; p=b"), r#""user":"c","pass":"d""#));
    assert!(!gets_in(with("u=a; p=b"), r#""user":"c""#));
    assert!(!gets_in(with("u=a; p=x"), r#""name":"x""#));
    assert!(!gets_in(with("x=a"), r#""name":"x""#));

    let server = start(
        "websocket { listen: '127.0.0.1:-1', no_tls: true, token_cookie: t }\n\
         authorization { token: secret }\n",
    );
    let port = websocket_port(&server);
    assert!(gets_in(websocket::connect(port, "Cookie: t=secret\r\n"), r#""name":"x""#));
}

#[test]
fn refusals_are_logged_with_who_was_refused_and_no_secret() {
    let server = start(format!(
        "authorization {{ users: [ {{ user: a, password: b }}, {{ nkey: {KEY} }} ] }}\n"
    ));
    server.expect_log("[WRN] Plaintext passwords detected, use nkeys or bcrypt");
    for (members, line) in [
        (r#""user":"a","pass":"hush""#.to_owned(), r#"authentication error - User "a""#.to_owned()),
        (
            r#""auth_token":"hush""#.to_owned(),
            r#"authentication error - Token "[REDACTED]""#.to_owned(),
        ),
        (
            format!(r#""nkey":"{KEY}","sig":"hush","user":"a""#),
            format!(r#"authentication error - Nkey "{KEY}""#),
        ),
        (r#""pass":"hush""#.to_owned(), " - authentication error".to_owned()),
    ] {
        assert!(!gets_in(server.session(), &members));
        let line = server.expect_log(&line);
        assert!(line.contains("[ERR] 127.0.0.1:"), "{line}");
    }
    assert!(!server.log().contains("hush"));
}

/// A reload holds what clients have shown against the new users (item 79).
#[test]
fn s079_a_reload_turns_out_whose_credentials_have_changed() {
    let users = |of_a: &str, more: &str| {
        format!(
            "authorization {{ users: [ {{ user: a, password: {of_a} }}, \
             {{ user: stays, password: b }}{more} ] }}\n"
        )
    };
    let more = format!(
        ", {{ user: gone, password: b }}, {{ nkey: {KEY} }}, {{ user: hashed, password: '$2a{HASH}' }}"
    );
    let server = start(users("b", &more));
    let mut changed = server.client(r#""user":"a","pass":"b""#);
    let mut stays = server.client(r#""user":"stays","pass":"b""#);
    let mut gone = server.client(r#""user":"gone","pass":"b""#);
    let mut hashed = server.client(r#""user":"hashed","pass":"b0b pass""#);
    let mut key = server.session();
    let sig = BASE64URL_NOPAD.encode(&signed(nonce(&key).as_bytes()));
    key.hello(&format!(r#""nkey":"{KEY}","sig":"{sig}""#));
    stays.send("SUB x 1\r\n").expect_open();

    server.reload(&users("c", &more));
    changed.expect(UNAUTHORIZED).expect_closed();
    for session in [&mut stays, &mut gone, &mut hashed, &mut key] {
        session.expect_open();
    }

    let other = bcrypt("another");
    server.reload(&users("c", &format!(", {{ user: hashed, password: '{other}' }}")));
    gone.expect_closed();
    key.expect_closed();
    hashed.expect(UNAUTHORIZED).expect_closed();
    stays.send("PUB x 2\r\nhi\r\n").expect("MSG x 1 2\r\nhi\r\n").expect_open();
}

#[test]
fn s079_who_named_a_user_that_no_list_has_leaves_without_a_word() {
    let server = start("");
    let mut named = server.client(r#""user":"nobody""#);
    let mut silent = server.session();
    silent.send("PING\r\n").expect("PONG\r\n");
    let mut listed = server.client(r#""user":"a","pass":"b""#);
    server.reload("authorization { users: [ { user: a, password: b } ] }\n");
    named.expect_closed();
    silent.expect(UNAUTHORIZED).expect_closed();
    listed.expect_open();
}
