//! Later validation; texts observed at the start of nats-server 2.15.1.

use super::super::validate;
use super::loaded;

const TEXTS: &[(&str, &str)] = &[
    ("max_pending: 1000", "max_payload (1048576) cannot be higher than max_pending (1000)"),
    (
        "lame_duck_duration: 30s, lame_duck_grace_period: 40s",
        "lame duck grace period (40s) should be strictly lower than lame duck duration (30s)",
    ),
    (
        "lame_duck_duration: 90s, lame_duck_grace_period: 90s",
        "lame duck grace period (1m30s) should be strictly lower than lame duck duration (1m30s)",
    ),
    ("no_auth_user: x", "no_auth_user: \"x\" present, but users/nkeys are not defined"),
    (
        "authorization {user: a, password: b}\nno_auth_user: a",
        "no_auth_user: \"a\" present, but users/nkeys are not defined",
    ),
    (
        "authorization {users: [{user: a}]}\nno_auth_user: b",
        "no_auth_user: \"b\" not present as user or nkey in authorization block or account \
         configuration",
    ),
    (
        "accounts {A: {users: [{user: a}]}}\nno_auth_user: b",
        "no_auth_user: \"b\" not present as user or nkey in authorization block or account \
         configuration",
    ),
    (
        "accounts {A: {users: []}}\nno_auth_user: b",
        "no_auth_user: \"b\" present, but users/nkeys are not defined",
    ),
    ("accounts: [A]\nsystem_account: B", "error resolving system account: account missing"),
    ("system_account: \"$SYS\"", "error resolving system account: account missing"),
    ("no_sys_acc: true\nsystem_account: A", "error resolving system account: account missing"),
    ("websocket {port: -1}", "websocket requires TLS configuration"),
    (
        "websocket {port: -1, no_tls: true, allowed_origins: a}",
        "unable to parse allowed origin: parse \"a\": invalid URI for request",
    ),
    (
        "websocket {port: -1, no_tls: true, allowed_origins: ['http://a:x']}",
        "unable to parse allowed origin: parse \"http://a:x\": invalid port \":x\" after host",
    ),
    (
        "websocket {port: -1, no_tls: true, allowed_origins: 'a:80'}",
        "unable to parse allowed origin \"a:80\": allowed origins must be absolute URLs with http \
         or https scheme",
    ),
    (
        "websocket {port: -1, no_tls: true, authorization {user: x}}\n\
         authorization {users: [{user: a}]}",
        "websocket authentication username not compatible with presence of users/nkeys",
    ),
    (
        "websocket {port: -1, no_tls: true, authorization {token: x}}\n\
         authorization {users: [{user: a}]}",
        "websocket authentication token not compatible with presence of users/nkeys",
    ),
    (
        "websocket {port: -1, no_tls: true, jwt_cookie: x}",
        "trusted operators or trusted keys configuration is required for JWT authentication via \
         cookie \"x\"",
    ),
    (
        "websocket {port: -1, no_tls: true, headers {Host: x}}",
        "websocket: invalid header \"Host\" not allowed",
    ),
    (
        "websocket {port: -1, no_tls: true, headers {Sec-WebSocket-Foo: x}}",
        "websocket: invalid header \"Sec-WebSocket-Foo\", \"Sec-WebSocket-\" prefix not allowed",
    ),
    (
        "websocket {port: -1, no_tls: true, no_auth_user: x, authorization {user: x}}",
        "no_auth_user: \"x\" present, but users/nkeys are not defined",
    ),
];

#[test]
fn options_that_cannot_work_together_are_named() {
    for (text, expected) in TEXTS {
        let error = validate(&loaded(text).options).map_err(|error| error.to_string());
        assert_eq!(error, Err((*expected).to_owned()), "{text:?}");
    }
}

#[test]
fn options_that_work_together_pass() {
    for text in [
        "",
        "max_payload: -1, max_pending: 100",
        "authorization {users: [{user: a}, {user: b}]}\nno_auth_user: b",
        "accounts {A: {users: [{user: b}]}}\nno_auth_user: b",
        "accounts: [A, B]\nsystem_account: B",
        "system_account: A\nno_system_account: true\naccounts {A: {}}",
        "system_account: \"$G\"",
        "system_account: \"\"",
        "websocket {no_tls: true}",
        "websocket {port: -1, no_tls: true, no_auth_user: a, \
         allowed_origins: ['https://a.b:443', 'http://[::1]:80']}\n\
         authorization {users: [{user: a}]}",
        "websocket {port: -1, no_tls: true, authorization {user: x}}\n\
         authorization {user: a, password: b}",
    ] {
        assert_eq!(validate(&loaded(text).options), Ok(()), "{text:?}");
    }
}
