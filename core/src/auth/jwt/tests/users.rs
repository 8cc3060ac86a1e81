//! What is wrong with users, activations and answers, and what their limits come to.

use super::*;
use crate::auth::users::{ConnectionType, ConnectionTypes};

fn user(nats: &Value) -> UserClaims {
    UserClaims::decode(&user_token(nats)).unwrap()
}

fn blocks(nats: &Value) -> bool {
    blocker(&user(nats).validate(0, &Utc), Class::Blocking).is_some()
}

#[test]
fn content_that_a_user_must_not_have_blocks() {
    for good in [
        json!({}),
        json!({ "pub": { "allow": ["a.*.>", "x"], "deny": [] }, "sub": { "allow": ["a q", "b"] } }),
        json!({ "src": ["10.0.0.0/8", "::/0"] }),
        json!({ "src": "10.0.0.0/8,::/0" }),
        json!({ "times": [ { "start": "08:00:00", "end": "17:00:00" } ], "times_location": "UTC" }),
        json!({ "issuer_account": key(Role::Account, 3) }),
        json!({ "allowed_connection_types": ["NEW"] }),
    ] {
        assert!(!blocks(&good), "{good}");
    }
    for bad in [
        json!({ "pub": { "allow": [""] } }),
        json!({ "pub": { "deny": [".a"] } }),
        json!({ "pub": { "allow": ["a q"] } }),
        json!({ "sub": { "allow": ["a."] } }),
        json!({ "sub": { "deny": ["a..b"] } }),
        json!({ "sub": { "allow": ["a b c"] } }),
        json!({ "sub": { "allow": ["a  c"] } }),
        json!({ "sub": { "allow": ["a "] } }),
        json!({ "src": ["127.0.0.1"] }),
        json!({ "times": [ { "start": "8", "end": "17:00:00" } ] }),
        json!({ "times_location": "Middle/Earth" }),
        json!({ "issuer_account": key(Role::User, 3) }),
    ] {
        assert!(blocks(&bad), "{bad}");
    }
}

#[test]
fn claims_hold_from_one_second_to_another() {
    let claims = UserClaims { nbf: 10, exp: 20, ..UserClaims::default() };
    for (now, expected) in [
        (9, Some("claim is not yet valid")),
        (10, None),
        (20, None),
        (21, Some("claim is expired")),
    ] {
        let issues = claims.validate(now, &Utc);
        let found = blocker(&issues, Class::Time).map(|issue| issue.text.as_str());
        assert_eq!(found, expected, "{now}");
        assert_eq!(blocker(&issues, Class::Blocking), None);
    }
    assert!(UserClaims::default().validate(i64::MAX, &Utc).is_empty());
}

#[test]
fn limits_answer_what_a_login_asks() {
    let at = |nats: &Value, address: &str| {
        user(nats).nats.limits.allows_address(address.parse().unwrap())
    };
    let near = json!({ "src": ["10.0.0.0/8", "::1/128"] });
    assert_eq!(at(&near, "10.1.1.1"), Ok(true));
    assert_eq!(at(&near, "::1"), Ok(true));
    assert_eq!(at(&near, "11.1.1.1"), Ok(false));
    assert_eq!(at(&json!({}), "11.1.1.1"), Ok(true));
    assert_eq!(at(&json!({ "src": [] }), "11.1.1.1"), Ok(true));

    let types = |names: Value| {
        user(&json!({ "allowed_connection_types": names })).nats.limits.connection_types()
    };
    let both = ConnectionTypes::default().with(ConnectionType::WebSocket);
    assert_eq!(types(json!([])), Some(ConnectionTypes::default()));
    assert_eq!(types(json!(["websocket", "NEW"])), Some(both));
    assert_eq!(types(json!(["NEW"])), None);

    let stay = |nats: &Value, now| user(nats).nats.limits.window(now, &Utc);
    let day = json!({ "times": [ { "start": "08:00:00", "end": "17:00:00" } ] });
    assert_eq!(stay(&day, 9 * 3600), Ok(Stay::Until(17 * 3600)));
    assert_eq!(stay(&day, 18 * 3600), Ok(Stay::NotNow));
    assert_eq!(stay(&json!({ "times": [] }), 0), Ok(Stay::Always));
}

#[test]
fn a_list_that_is_there_is_something_said() {
    for (nats, expected) in [
        (json!({}), true),
        (json!({ "pub": {}, "sub": {}, "subs": 0, "bearer_token": false, "src": null }), true),
        (json!({ "issuer_account": key(Role::Account, 3), "tags": ["a"] }), true),
        (json!({ "pub": { "allow": [] } }), false),
        (json!({ "sub": { "deny": [] } }), false),
        (json!({ "src": [] }), false),
        (json!({ "times": [] }), false),
        (json!({ "allowed_connection_types": [] }), false),
        (json!({ "resp": {} }), false),
        (json!({ "subs": -1 }), false),
        (json!({ "bearer_token": true }), false),
        (json!({ "proxy_required": true }), false),
    ] {
        assert_eq!(user(&nats).nats.limits.is_empty(), expected, "{nats}");
    }
    let empty = |nats: Value| user(&nats).nats.limits.permissions.is_empty();
    assert!(empty(json!({ "pub": { "allow": [] } })) && empty(json!({})));
    assert!(!empty(json!({ "sub": { "deny": ["x"] } })) && !empty(json!({ "resp": {} })));
}

#[test]
fn an_answer_is_an_error_or_a_user_for_a_server() {
    let good = AuthorizationResponseClaims {
        sub: key(Role::User, 2),
        aud: key(Role::Server, 3),
        nats: AuthorizationResponse { jwt: "x".to_owned(), ..AuthorizationResponse::default() },
        ..AuthorizationResponseClaims::default()
    };
    assert!(good.validate(0).is_empty());
    let changed = |change: fn(&mut AuthorizationResponseClaims)| {
        let mut claims = good.clone();
        change(&mut claims);
        let issues = claims.validate(100);
        let [issue] = issues.as_slice() else { panic!("one issue: {issues:?}") };
        (issue.class, issue.text.clone())
    };
    let blocking = |text: &str| (Class::Blocking, text.to_owned());
    assert_eq!(changed(|it| it.nats.error = "x".into()), blocking("Only Error or Jwt can be set"));
    assert_eq!(changed(|it| it.nats.jwt.clear()), blocking("Error or Jwt is required"));
    assert_eq!(changed(|it| it.aud.clear()), blocking("Audience must be a server public key"));
    assert_eq!(changed(|it| it.sub.clear()), blocking("Subject must be a user public key"));
    assert_eq!(changed(|it| it.exp = 99), (Class::Time, "claim is expired".to_owned()));
    assert_eq!(changed(|it| it.nats.issuer_account = "x".into()).0, Class::Blocking);
}

#[test]
fn operators_have_keys_and_versions() {
    let operator = |change: fn(&mut Operator)| {
        let mut claims = OperatorClaims::default();
        change(&mut claims.nats);
        (claims.validate(0).len(), claims.asserted_version())
    };
    assert_eq!(operator(|it| it.assert_server_version = "2.15.1".into()), (0, Some([2, 15, 1])));
    for bad in [
        operator(|it| it.assert_server_version = "2.15".into()),
        operator(|it| it.assert_server_version = "2.15.1.1".into()),
        operator(|it| it.signing_keys = vec![key(Role::Account, 1)]),
        operator(|it| it.system_account = key(Role::Operator, 1)),
        operator(|it| it.account_server_url = "localhost:9090".into()),
    ] {
        assert_eq!(bad, (1, None));
    }
}
