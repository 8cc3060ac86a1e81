//! Logins, step by step.

use super::super::vectors::*;
use super::super::*;
use super::*;
use crate::auth::nkey::signature_text;
use crate::auth::permissions::Lists;
use crate::auth::signer::{Seed, Signer};

const NONCE: &[u8] = b"PXoWU7zWAMt75FY";
const NOW: i64 = 1_735_700_000;

fn pair(role: Role, seed: u8) -> Signer {
    Signer::new(Seed::new(role, [seed; 32])).unwrap()
}

fn public(role: Role, seed: u8) -> String {
    pair(role, seed).public().to_string()
}

/// Operator 1 with signing key 2; account 3 with signing key 4 and scoped key 5; user 6.
#[derive(Clone)]
struct World {
    operator: OperatorClaims,
    account: AccountClaims,
    account_by: Signer,
    user: UserClaims,
    user_by: Signer,
    sign: bool,
    address: &'static str,
    proxied: bool,
}

impl World {
    fn new() -> Self {
        let operator = OperatorClaims {
            sub: public(Role::Operator, 1),
            nats: Operator { signing_keys: vec![public(Role::Operator, 2)], ..Operator::default() },
            ..OperatorClaims::default()
        };
        let scope = Scope {
            key: public(Role::Account, 5),
            template: UserLimits {
                permissions: UserPermissions {
                    publish: SubjectLists {
                        allow: Some(vec!["app.{{name()}}.>".to_owned()]),
                        deny: None,
                    },
                    ..UserPermissions::default()
                },
                subs: 10,
                data: -1,
                payload: 1024,
                ..UserLimits::default()
            },
            ..Scope::default()
        };
        let account = AccountClaims {
            sub: public(Role::Account, 3),
            nats: Account {
                limits: AccountLimits::unlimited(),
                signing_keys: vec![
                    SigningKey::Plain(public(Role::Account, 4)),
                    SigningKey::Scoped(Box::new(scope)),
                ],
                ..Account::default()
            },
            ..AccountClaims::default()
        };
        let limits = UserLimits { subs: -1, data: -1, payload: -1, ..UserLimits::default() };
        let user = UserClaims {
            sub: public(Role::User, 6),
            iat: NOW - 100,
            name: "bob".to_owned(),
            tags: vec!["a:b".to_owned()],
            nats: User { limits, issuer_account: public(Role::Account, 3) },
            ..UserClaims::default()
        };
        Self {
            operator,
            account,
            account_by: pair(Role::Operator, 2),
            user,
            user_by: pair(Role::Account, 4),
            sign: true,
            address: "10.1.2.3",
            proxied: false,
        }
    }

    /// With the user's key the one that has a scope.
    fn scoped() -> Self {
        let mut world = Self::new();
        world.user_by = pair(Role::Account, 5);
        world.user.nats.limits = UserLimits::default();
        world
    }

    fn trusted(&self) -> Result<TrustedAccount, AccountError> {
        let trust = Trust::in_operators([&self.operator]);
        trust.account(
            &public(Role::Account, 3),
            &self.account.encode(&self.account_by).unwrap(),
            NOW,
        )
    }

    fn login(&self) -> Result<Grant, Denial> {
        let jwt = self.user.encode(&self.user_by).unwrap();
        let sig = signature_text(&pair(Role::User, 6).sign(NONCE));
        let shown = Shown {
            jwt: &jwt,
            sig: if self.sign { &sig } else { "" },
            nonce: NONCE,
            kind: ConnectionType::Standard,
            address: self.address.parse().unwrap(),
            proxied: self.proxied,
        };
        let candidate = Candidate::read(&shown, NOW, &Utc)?;
        candidate.admit(&shown, &self.trusted().unwrap(), NOW, &Utc)
    }
}

/// What comes of the world after a change.
fn after(change: fn(&mut World)) -> Result<Grant, Denial> {
    let mut world = World::new();
    change(&mut world);
    world.login()
}

fn after_scoped(change: fn(&mut World)) -> Result<Grant, Denial> {
    let mut world = World::scoped();
    change(&mut world);
    world.login()
}

fn template(world: &mut World) -> &mut UserLimits {
    let Some(SigningKey::Scoped(scope)) = world.account.nats.signing_keys.last_mut() else {
        panic!("a scope");
    };
    &mut scope.template
}

#[test]
fn a_user_gets_what_he_has_of_his_own() {
    let grant = after(|_| {}).unwrap();
    let expected = Grant {
        account: public(Role::Account, 3),
        issuer: public(Role::Account, 4),
        user: public(Role::User, 6),
        name: "bob".to_owned(),
        tags: vec!["a:b".to_owned()],
        issued_at: NOW - 100,
        expires_at: None,
        bearer: false,
        proxy_required: false,
        rules: Rules::default(),
        permissions: None,
        by_default: true,
        max_subscriptions: None,
        max_payload: None,
    };
    assert_eq!(grant, expected);
    let limits = |change| after(change).map(|it| (it.max_subscriptions, it.max_payload)).unwrap();
    assert_eq!(limits(|it| it.user.nats.limits.subs = 0), (Some(0), None));
    // The account's limits are its own matter: they may change while he is connected.
    assert_eq!(
        limits(|it| {
            it.user.nats.limits.payload = 10;
            it.account.nats.limits.payload = 5;
            it.account.nats.limits.subs = 3;
        }),
        (None, Some(10))
    );
}

#[test]
fn permissions_are_the_users_or_the_accounts() {
    let default = |it: &mut World| {
        it.account.nats.default_permissions.publish.allow = Some(vec!["dflt".to_owned()]);
    };
    let mut world = World::new();
    default(&mut world);
    let grant = world.login().unwrap();
    assert_eq!(grant.rules.publish.allow, ["dflt"]);
    assert!(grant.by_default && !grant.permissions.unwrap().may_publish(b"x"));
    world.user.nats.limits.permissions.subscribe.deny = Some(vec!["no".to_owned()]);
    let grant = world.login().unwrap();
    assert_eq!(grant.rules.publish, Lists::default());
    let permissions = grant.permissions.unwrap();
    assert!(!grant.by_default && permissions.may_publish(b"x"));
    assert!(!permissions.may_subscribe(b"no", None));
    // What nothing fits does not count, but that there was something does.
    for (allow, left) in [(&["a.>.b", "c"][..], &["c"][..]), (&["a.>.b"], &[])] {
        let allow = allow.iter().map(|entry| (*entry).to_owned()).collect();
        world.user.nats.limits.permissions.publish.allow = Some(allow);
        let grant = world.login().unwrap();
        assert_eq!(grant.rules.publish.allow, left);
        let permissions = grant.permissions.unwrap();
        assert_eq!(permissions.may_publish(b"c"), !left.is_empty());
        assert!(!permissions.may_publish(b"x"));
    }
}

#[test]
fn each_step_refuses() {
    let empty: fn(&mut World) = |it| it.sign = false;
    assert_eq!(after(empty), Err(Denial::NoSignature));
    for (change, expected) in [
        ((|it| it.user.sub = public(Role::User, 7)) as fn(&mut World), Denial::Signature),
        (|it| it.user.exp = NOW - 1, Denial::Claims("claim is expired".to_owned())),
        (|it| it.user.nbf = NOW + 1, Denial::Claims("claim is not yet valid".to_owned())),
        (|it| it.user.nats.limits.proxy_required = true, Denial::ProxyRequired),
        (|it| it.account.nats.signing_keys.clear(), Denial::Issuer(public(Role::Account, 4))),
        (
            |it| it.user.nats.issuer_account = public(Role::Account, 9),
            Denial::OtherAccount {
                named: public(Role::Account, 9),
                given: public(Role::Account, 3),
            },
        ),
        (
            |it| it.user.nats.issuer_account.clear(),
            Denial::OtherAccount {
                named: public(Role::Account, 4),
                given: public(Role::Account, 3),
            },
        ),
        (
            |it| {
                it.user.nats.limits.bearer_token = true;
                it.account.nats.limits.disallow_bearer = true;
            },
            Denial::BearerDisallowed,
        ),
        (
            |it| it.user.nats.limits.allowed_connection_types = Some(vec!["WEBSOCKET".into()]),
            Denial::ConnectionType,
        ),
        (
            |it| it.user.nats.limits.allowed_connection_types = Some(vec!["NEW".into()]),
            Denial::ConnectionType,
        ),
        (
            |it| it.account.nats.revocations = Revocations([("*".to_owned(), NOW)].into()),
            Denial::Revoked,
        ),
        (
            |it| it.user.nats.limits.src = Some(vec!["11.0.0.0/8".into()]),
            Denial::Address([10, 1, 2, 3].into()),
        ),
        (
            |it| {
                let range = TimeRange { start: "01:00:00".into(), end: "01:00:01".into() };
                it.user.nats.limits.times = Some(vec![range]);
            },
            Denial::Time,
        ),
    ] {
        assert_eq!(after(change), Err(expected));
    }
    let shown = Shown {
        jwt: "x",
        sig: "",
        nonce: NONCE,
        kind: ConnectionType::Standard,
        address: [127, 0, 0, 1].into(),
        proxied: false,
    };
    let error = Candidate::read(&shown, NOW, &Utc).unwrap_err();
    assert_eq!(error, Denial::Token(DecodeError::Chunks));
}

#[test]
fn what_is_just_right_gets_in() {
    for change in [
        (|it| it.user.exp = NOW) as fn(&mut World),
        (|it| it.user.nbf = NOW),
        |it| {
            it.proxied = true;
            it.user.nats.limits.proxy_required = true;
        },
        |it| {
            it.user_by = pair(Role::Account, 3);
            it.user.nats.issuer_account.clear();
        },
        |it| it.user_by = pair(Role::Account, 3),
        |it| it.account_by = pair(Role::Operator, 1),
        |it| {
            it.sign = false;
            it.user.nats.limits.bearer_token = true;
        },
        |it| {
            it.user.nats.limits.allowed_connection_types =
                Some(vec!["standard".into(), "NEW".into()])
        },
        |it| it.account.nats.revocations = Revocations([("*".to_owned(), NOW - 101)].into()),
        |it| it.user.nats.limits.src = Some(vec!["11.0.0.0/8".into(), "10.0.0.0/8".into()]),
    ] {
        let grant = after(change);
        assert!(grant.is_ok(), "{grant:?}");
    }
}

#[test]
fn a_connection_ends_with_the_claims_or_the_time_of_day() {
    let end = |change| after(change).unwrap().expires_at;
    assert_eq!(end(|it| it.user.exp = NOW + 5), Some(NOW + 5));
    let day = |it: &mut World| {
        let range = TimeRange { start: "00:00:00".into(), end: "23:59:59".into() };
        it.user.nats.limits.times = Some(vec![range]);
    };
    let midnight = NOW - NOW.rem_euclid(86400) + 86400;
    let mut world = World::new();
    day(&mut world);
    assert_eq!(world.login().unwrap().expires_at, Some(midnight - 1));
    world.user.exp = midnight + 5;
    assert_eq!(world.login().unwrap().expires_at, Some(midnight - 1));
    world.user.exp = NOW + 5;
    assert_eq!(world.login().unwrap().expires_at, Some(NOW + 5));
}

#[test]
fn a_scope_says_everything() {
    let grant = after_scoped(|_| {}).unwrap();
    assert_eq!(grant.rules.publish.allow, ["app.bob.>"]);
    assert_eq!((grant.max_subscriptions, grant.max_payload), (Some(10), Some(1024)));
    assert_eq!(after_scoped(|it| it.user.nats.limits.subs = -1), Err(Denial::NotScoped));
    let own: fn(&mut World) = |it| it.user.nats.limits.permissions.publish.allow = Some(Vec::new());
    assert_eq!(after_scoped(own), Err(Denial::NotScoped));
    let types: fn(&mut World) =
        |it| template(it).allowed_connection_types = Some(vec!["MQTT".into()]);
    assert_eq!(after_scoped(types), Err(Denial::ConnectionType));
    assert_eq!(after_scoped(|it| template(it).proxy_required = true), Err(Denial::ProxyRequired));
    let bearer: fn(&mut World) = |it| {
        it.sign = false;
        template(it).bearer_token = true;
    };
    assert!(after_scoped(bearer).unwrap().bearer);
    let networks: fn(&mut World) = |it| template(it).src = Some(vec!["127.0.0.1".into()]);
    assert!(matches!(after_scoped(networks), Err(Denial::Networks(_))));
    let unknown: fn(&mut World) =
        |it| template(it).permissions.publish.allow = Some(vec!["{{what()}}".into()]);
    assert!(matches!(after_scoped(unknown), Err(Denial::Template(_))));
    let tags: fn(&mut World) = |it| {
        it.account.name = "acc".into();
        it.account.tags = vec!["env:prod".into()];
        let allow = "{{account-name()}}.{{account-tag(env)}}.{{tag(a)}}.{{account-subject()}}";
        template(it).permissions.publish.allow = Some(vec![allow.into()]);
    };
    let account = public(Role::Account, 3);
    let expected = [format!("acc.prod.b.{account}")];
    assert_eq!(after_scoped(tags).unwrap().rules.publish.allow, expected);
}

#[test]
fn strict_operators_sign_with_signing_keys_and_so_do_their_accounts() {
    let mut world = World::new();
    world.operator.nats.strict_signing_key_usage = true;
    assert!(world.login().is_ok());
    let mut by_account = world.clone();
    by_account.user_by = pair(Role::Account, 3);
    assert_eq!(by_account.login(), Err(Denial::Issuer(public(Role::Account, 3))));
    world.account_by = pair(Role::Operator, 1);
    let untrusted = AccountError::Untrusted(public(Role::Operator, 1));
    assert_eq!(world.trusted().err(), Some(untrusted));
}

#[test]
fn an_account_is_the_one_looked_for_and_valid_and_trusted() {
    let error = |change: fn(&mut World)| {
        let mut world = World::new();
        change(&mut world);
        world.trusted().unwrap_err()
    };
    let expected = public(Role::Account, 3);
    let found = public(Role::Account, 8);
    assert_eq!(
        error(|it| it.account.sub = public(Role::Account, 8)),
        AccountError::Subject { expected, found }
    );
    assert_eq!(
        error(|it| it.account.exp = NOW - 1),
        AccountError::Claims("claim is expired".to_owned())
    );
    let invalid = error(|it| it.account.nats.signing_keys = vec![SigningKey::Plain("x".into())]);
    assert!(matches!(invalid, AccountError::Claims(_)));
    assert_eq!(
        error(|it| it.account_by = pair(Role::Operator, 9)),
        AccountError::Untrusted(public(Role::Operator, 9))
    );
    let trust = Trust::in_keys([public(Role::Operator, 9)]);
    let token = World::new().account.encode(&pair(Role::Operator, 9)).unwrap();
    assert!(trust.account(&public(Role::Account, 3), &token, NOW).is_ok());
    assert_eq!(trust.account("x", "y", NOW).unwrap_err(), AccountError::Token(DecodeError::Chunks));
}

#[test]
fn an_account_that_ended_since_it_was_loaded_lets_nobody_in() {
    let mut world = World::new();
    world.account.exp = NOW + 5;
    let account = world.trusted().unwrap();
    let jwt = world.user.encode(&world.user_by).unwrap();
    let sig = signature_text(&pair(Role::User, 6).sign(NONCE));
    let address = [127, 0, 0, 1].into();
    let kind = ConnectionType::Standard;
    let shown = Shown { jwt: &jwt, sig: &sig, nonce: NONCE, kind, address, proxied: false };
    let admit =
        |now| Candidate::read(&shown, now, &Utc).unwrap().admit(&shown, &account, now, &Utc);
    assert!(admit(NOW + 5).is_ok());
    assert_eq!(admit(NOW + 6), Err(Denial::AccountExpired));
}

#[test]
fn pinned_accounts_are_the_only_ones() {
    let account = public(Role::Account, 3);
    assert_eq!(Trust::default().admits(&account), Ok(()));
    let trust = Trust::default().pinned([public(Role::Account, 8)]);
    assert_eq!(trust.admits(&account), Err(Denial::NotPinned(account)));
    assert_eq!(trust.admits(&public(Role::Account, 8)), Ok(()));
}

#[test]
fn the_reference_users_get_in() {
    let operator = OperatorClaims::decode(OPERATOR).unwrap();
    let trust = Trust::in_operators([&operator]);
    for (user, seed, account_token) in [
        (ALICE, ALICE_SEED, ACCOUNT),
        (BOB, BOB_SEED, ACCOUNT),
        (SYSTEM_USER, SYSTEM_USER_SEED, SYSTEM_ACCOUNT),
    ] {
        let sig = signature_text(&Signer::parse(seed).unwrap().sign(NONCE));
        let kind = ConnectionType::Standard;
        let address = [127, 0, 0, 1].into();
        let shown = Shown { jwt: user, sig: &sig, nonce: NONCE, kind, address, proxied: false };
        let candidate = Candidate::read(&shown, NOW, &Utc).unwrap();
        let account = trust.account(candidate.account(), account_token, NOW).unwrap();
        let grant = candidate.admit(&shown, &account, NOW, &Utc).unwrap();
        match &*grant.name {
            "alice" => assert_eq!(grant.rules.publish.allow, ["foo.>"]),
            "bob" => {
                assert_eq!(grant.rules.publish.allow, ["app.bob.>"]);
                assert_eq!((grant.max_subscriptions, grant.max_payload), (Some(10), Some(1024)));
            }
            other => assert_eq!(other, "sysuser"),
        }
    }
}
