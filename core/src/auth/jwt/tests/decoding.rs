//! What is a token and what is not (reference security 4.1, 12.3, and 81 to 88 of 13).

use super::super::vectors::*;
use super::*;
use crate::auth::nkey::KeyError;

fn payload(token: &str) -> Value {
    let claims = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64URL_NOPAD.decode(claims.as_bytes()).unwrap()).unwrap()
}

/// The token of these claims again.
fn again<T: Body>(token: &str, seed: &str) -> String {
    let claims = Claims::<T>::decode(token).unwrap();
    claims.encode(&Signer::parse(seed).unwrap()).unwrap()
}

#[test]
fn the_reference_seeds_belong_to_the_reference_keys() {
    for (seed, public) in PAIRS {
        assert_eq!(Signer::parse(seed).unwrap().public().to_string(), public);
    }
}

#[test]
fn the_reference_tokens_come_out_octet_for_octet() {
    assert_eq!(again::<Operator>(OPERATOR, OPERATOR_SEED), OPERATOR);
    assert_eq!(again::<Account>(SYSTEM_ACCOUNT, OPERATOR_SIGNING_SEED), SYSTEM_ACCOUNT);
    assert_eq!(again::<Account>(ACCOUNT, OPERATOR_SIGNING_SEED), ACCOUNT);
    assert_eq!(again::<User>(ALICE, SIGNING_SEED), ALICE);
    assert_eq!(again::<User>(SYSTEM_USER, SYSTEM_ACCOUNT_SEED), SYSTEM_USER);
    // Zeroes, which this one leaves out, are written.
    let mut bob = payload(&again::<User>(BOB, SCOPED_SEED));
    for name in ["subs", "data", "payload"] {
        assert_eq!(bob["nats"].as_object_mut().unwrap().remove(name), Some(0.into()));
    }
    assert_eq!(bob, payload(BOB));
}

#[test]
fn the_reference_tokens_say_what_the_reference_says() {
    let operator = OperatorClaims::decode(OPERATOR).unwrap();
    assert_eq!(
        (operator.name.as_str(), operator.iat, operator.version),
        ("VectorOp", 1735689600, 2)
    );
    assert_eq!(operator.nats.signing_keys, [PAIRS[1].1]);
    assert_eq!(operator.nats.system_account, PAIRS[2].1);
    assert!(operator.validate(1735689600).is_empty());

    let account = AccountClaims::decode(ACCOUNT).unwrap();
    assert_eq!(account.nats.limits, AccountLimits::unlimited());
    let [SigningKey::Plain(plain), SigningKey::Scoped(scope)] = &account.nats.signing_keys[..]
    else {
        panic!("a plain key and one with a scope");
    };
    assert_eq!((plain.as_str(), scope.key.as_str()), (PAIRS[4].1, PAIRS[5].1));
    assert_eq!(
        (scope.role.as_str(), scope.template.subs, scope.template.payload),
        ("writer", 10, 1024)
    );
    assert!(account.validate(1735689600).is_empty());

    let alice = UserClaims::decode(ALICE).unwrap();
    assert_eq!(alice.jti, "ZGZWICHCPU2NQUNEPFKFB5AJ2OHVG3MHZPCVLID6IH7PB3IWEOOA");
    assert_eq!((alice.name.as_str(), alice.account()), ("alice", PAIRS[3].1));
    assert!(alice.validate(1735689600, &Utc).is_empty());
    assert!(UserClaims::decode(BOB).unwrap().nats.limits.is_empty());
    assert!(!alice.nats.limits.is_empty());
    assert_eq!(UserClaims::decode(SYSTEM_USER).unwrap().account(), PAIRS[2].1);

    let request = AuthorizationRequestClaims::decode(REQUEST).unwrap();
    assert_eq!((request.aud.as_str(), request.exp), (REQUEST_AUDIENCE, 1795394026));
    let AuthorizationRequest { user_nkey, client_info, connect_opts, .. } = &request.nats;
    assert_eq!(user_nkey, "UBBN4NR2AIZSM4EK7BOLNMXVWSIIPN2YFA7UELSPJABIYYWPSF44D7BO");
    assert_eq!((client_info.id, client_info.client_type.as_str()), (9, "nats"));
    assert_eq!((connect_opts.pass.as_str(), connect_opts.protocol), ("wonder", 1));
    assert!(!format!("{request:?}").contains("wonder"));
    assert!(request.validate(1795394026).is_empty());
    assert_eq!(texts(&request.validate(1795394027)), [(Class::Time, "claim is expired")]);
    assert_eq!(UserClaims::decode(CALLOUT_USER).unwrap().aud, "APP");
    let response = AuthorizationResponseClaims::decode(RESPONSE).unwrap();
    assert_eq!((&response.sub, &response.nats.jwt[..]), (user_nkey, CALLOUT_USER));
    assert!(response.validate(1795394024).is_empty());
}

#[test]
fn every_token_begins_with_the_same_header() {
    let header = BASE64URL_NOPAD.encode(HEADER.as_bytes());
    assert_eq!(header, "eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5LW5rZXkifQ");
    assert!(ALICE.starts_with(&header) && is_token(ALICE) && !is_token("xkv1"));
}

#[test]
fn an_octet_changed_anywhere_is_noticed() {
    for at in 0..ALICE.len() {
        for change in [1, 2, 4, 0x20] {
            let mut octets = ALICE.to_owned().into_bytes();
            octets[at] ^= change;
            let changed = String::from_utf8(octets).unwrap();
            assert!(UserClaims::decode(&changed).is_err(), "{at}: {changed}");
        }
    }
    let short = &ALICE[..ALICE.len() - 1];
    assert_eq!(UserClaims::decode(short), Err(DecodeError::Base64(Part::Signature)));
}

#[test]
fn headers_are_read_in_any_letter_case_and_nothing_else_is_one() {
    let by = signer(Role::Account, 1);
    let claims = json!({
        "iss": by.public().to_string(), "sub": key(Role::User, 2),
        "nats": { "type": "user", "version": 2 },
    });
    let read = |header: &str| UserClaims::decode(&token(header, &claims.to_string(), 2, &by));
    for good in [
        HEADER,
        r#"{"typ":"jwt","alg":"ED25519-NKey"}"#,
        r#"{"alg":"ed25519","typ":"Jwt"}"#,
        r#"{"Typ":"JWT","ALG":"ed25519-nkey","kid":null}"#,
    ] {
        assert!(read(good).is_ok(), "{good}");
    }
    let algorithm = |text: &str| Err(DecodeError::Algorithm(text.to_owned()));
    assert_eq!(read(r#"{"typ":"JWT","alg":"none"}"#), algorithm("none"));
    assert_eq!(read(r#"{"typ":"JWT"}"#), algorithm(""));
    assert_eq!(read(r#"{"alg":"ed25519"}"#), Err(DecodeError::HeaderType(String::new())));
    for bad in ["", "[]", "{", r#"{"typ":1}"#] {
        assert!(matches!(read(bad), Err(DecodeError::Json { part: Part::Header, .. })), "{bad}");
    }
}

#[test]
fn the_version_decides_what_is_signed() {
    let by = signer(Role::Account, 1);
    let old_header = r#"{"typ":"jwt","alg":"ed25519"}"#;
    let sub = key(Role::User, 2);
    let account = key(Role::Account, 3);
    let old = json!({
        "iss": by.public().to_string(), "sub": sub, "type": "user", "tags": ["a:b"],
        "issuer_account": account,
        "nats": { "pub": { "allow": ["x"] }, "src": "10.0.0.0/8, 1.2.3.4/32", "max": 3 },
    });
    let read = |claims: &Value, version| {
        UserClaims::decode(&token(old_header, &claims.to_string(), version, &by))
    };
    let user = read(&old, 1).unwrap();
    assert_eq!((user.version, user.tags.as_slice()), (1, &["a:b".to_owned()][..]));
    assert_eq!(user.nats.issuer_account, account);
    let UserLimits { subs, data, payload, src, .. } = &user.nats.limits;
    assert_eq!((*subs, *data, *payload), (-1, -1, -1));
    assert_eq!(src.as_deref(), Some(&["10.0.0.0/8".to_owned(), "1.2.3.4/32".to_owned()][..]));
    assert_eq!(read(&old, 2), Err(DecodeError::Signature));

    let mut new = json!({
        "iss": by.public().to_string(), "sub": sub, "nats": { "type": "user", "version": 2 },
    });
    assert!(read(&new, 2).is_ok());
    assert_eq!(read(&new, 1), Err(DecodeError::Signature));
    for (version, form) in [(3, 2), (0, 1), (-1, 1)] {
        new["nats"]["version"] = version.into();
        assert_eq!(read(&new, form), Err(DecodeError::Version(version)));
    }
    let generic = json!({ "iss": by.public().to_string(), "nats": { "type": "x", "k": [1] } });
    let generic = GenericClaims::decode(&token(old_header, &generic.to_string(), 1, &by)).unwrap();
    assert_eq!((generic.nats.kind.as_str(), &generic.nats.members["k"]), ("x", &json!([1])));

    let old = json!({
        "iss": by.public().to_string(), "sub": account, "type": "activation",
        "nats": { "subject": "a.>", "type": "service", "max": 1 },
    });
    let old = ActivationClaims::decode(&token(old_header, &old.to_string(), 1, &by)).unwrap();
    assert_eq!(old.nats.kind, Some(ExportKind::Service));
}

#[test]
fn issuers_have_the_role_that_the_kind_of_claims_wants() {
    const ROLES: [Role; 5] =
        [Role::Operator, Role::Account, Role::User, Role::Server, Role::Cluster];
    fn read<T: Body + core::fmt::Debug>(token: &str) -> Option<DecodeError> {
        Claims::<T>::decode(token).err()
    }
    type Read = fn(&str) -> Option<DecodeError>;
    for (kind, allowed, decode) in [
        (Kind::Operator, &[Role::Operator][..], read::<Operator> as Read),
        (Kind::Account, &[Role::Operator, Role::Account], read::<Account>),
        (Kind::User, &[Role::Account], read::<User>),
        (Kind::Activation, &[Role::Operator, Role::Account], read::<Activation>),
        (Kind::AuthorizationRequest, &[Role::Server], read::<AuthorizationRequest>),
        (Kind::AuthorizationResponse, &[Role::Account], read::<AuthorizationResponse>),
        (Kind::Generic, &ROLES, read::<Generic>),
    ] {
        for role in ROLES {
            let by = signer(role, 1);
            let claims = json!({
                "iss": by.public().to_string(), "nats": { "type": kind.name(), "version": 2 },
            });
            let expected = (!allowed.contains(&role))
                .then_some(DecodeError::IssuerRole { kind, role: Some(role) });
            assert_eq!(decode(&token(HEADER, &claims.to_string(), 2, &by)), expected, "{kind:?}");
        }
        let claims =
            json!({ "iss": key(Role::Curve, 0), "nats": { "type": kind.name(), "version": 2 } });
        let error = decode(&token(HEADER, &claims.to_string(), 2, &signer(Role::User, 1)));
        assert_eq!(error, Some(DecodeError::IssuerRole { kind, role: Some(Role::Curve) }));
    }
}

#[test]
fn other_texts_are_refused_for_what_is_wrong_with_them() {
    let by = signer(Role::Account, 1);
    let iss = by.public().to_string();
    let refused = |claims: Value| UserClaims::decode(&token(HEADER, &claims.to_string(), 2, &by));
    for (text, error) in [
        ("", DecodeError::Chunks),
        ("a.b", DecodeError::Chunks),
        ("a.b.c.d", DecodeError::Chunks),
        ("=.b.c", DecodeError::Base64(Part::Header)),
    ] {
        assert_eq!(UserClaims::decode(text), Err(error), "{text}");
    }
    let long = "x".repeat(MAX_LEN + 1);
    assert_eq!(UserClaims::decode(&long), Err(DecodeError::TooLong(MAX_LEN + 1)));
    let found = "account".to_owned();
    assert_eq!(UserClaims::decode(ACCOUNT), Err(DecodeError::Kind { expected: Kind::User, found }));
    for kind in ["cluster", "server"] {
        let claims = json!({ "iss": iss, "nats": { "type": kind, "version": 2 } });
        assert_eq!(refused(claims), Err(DecodeError::RefusedKind(kind.to_owned())));
    }
    assert_eq!(refused(json!({ "iss": iss })), Err(DecodeError::NoKind));
    let nats = json!({ "type": "user", "version": 2 });
    assert_eq!(refused(json!({ "nats": nats })), Err(DecodeError::Issuer(KeyError::Encoding)));
    let other = json!({ "iss": key(Role::Account, 9), "nats": nats });
    assert_eq!(refused(other), Err(DecodeError::Signature));
    for (part, claims) in [
        (Part::Nats, json!({ "iss": iss, "nats": 1 })),
        (Part::Nats, json!({ "iss": iss, "nats": { "type": "user", "version": 2, "subs": "1" } })),
        (Part::Nats, json!({ "iss": iss, "nats": { "type": "user", "version": 2, "tags": 1 } })),
        (Part::Claims, json!({ "iss": iss, "exp": "soon", "nats": nats })),
        (Part::Claims, json!([])),
    ] {
        let error = refused(claims).unwrap_err();
        assert!(
            matches!(&error, DecodeError::Json { part: found, .. } if *found == part),
            "{error}"
        );
    }
}

#[test]
fn names_fold_nothing_said_is_nothing_and_what_is_new_does_not_matter() {
    let by = signer(Role::Account, 1);
    let claims = json!({
        "ISS": by.public().to_string(), "Sub": key(Role::User, 2), "Exp": null, "jti": "wrong",
        "sometime": { "x": 1 },
        "Nats": {
            "Type": "user", "Version": 2, "Tags": null, "PUB": { "Allow": ["a"], "new": 1 },
            "resp": null, "Bearer_Token": true, "newer": [1],
        },
    });
    let user = UserClaims::decode(&token(HEADER, &claims.to_string(), 2, &by)).unwrap();
    assert_eq!((user.exp, user.iat, user.jti.as_str()), (0, 0, "wrong"));
    assert!(user.nats.limits.bearer_token && user.tags.is_empty());
    assert_eq!(user.nats.limits.permissions.publish.allow, Some(vec!["a".to_owned()]));
    assert_eq!(user.nats.limits.subs, 0);
}

#[test]
fn only_who_would_be_believed_can_sign() {
    let user = UserClaims { sub: key(Role::User, 2), ..UserClaims::default() };
    let operator = signer(Role::Operator, 1);
    let error = EncodeError::Issuer { kind: Kind::User, role: Some(Role::Operator) };
    assert_eq!(user.encode(&operator), Err(error));
    let subject = key(Role::Account, 2);
    let wrong = UserClaims { sub: subject.clone(), ..user.clone() };
    let error = EncodeError::Subject { kind: Kind::User, subject };
    assert_eq!(wrong.encode(&signer(Role::Account, 1)), Err(error));
    let long = UserClaims { name: "x".repeat(MAX_LEN), ..user };
    let error = long.encode(&signer(Role::Account, 1)).unwrap_err();
    assert!(matches!(error, EncodeError::TooLong(length) if length > MAX_LEN));
}

#[test]
fn an_identifier_is_computed_as_html_would_have_it() {
    let by = signer(Role::Account, 1);
    let user = UserClaims {
        name: "<&>\u{2028}\"é".to_owned(),
        sub: key(Role::User, 2),
        ..UserClaims::default()
    };
    let claims = UserClaims::decode(&user.encode(&by).unwrap()).unwrap();
    let digested = format!(
        r#"{{"iss":"{}","name":"\u003c\u0026\u003e\u2028\"é","sub":"{}"}}"#,
        by.public(),
        user.sub
    );
    let digest = <sha2::Sha512_256 as sha2::Digest>::digest(digested);
    assert_eq!(claims.jti, data_encoding::BASE32_NOPAD.encode(&digest));
    assert_eq!(claims.name, user.name);
}
