//! Accounts that change while their users are connected (reference security 5.7 and 13, items 112
//! to 117): the token under `resolver_preload` is another one, and the configuration is reloaded.

use std::time::Duration;

use harness::operator::{key_pair, unix_now};
use harness::{OperatorMode, Session};
use nervure_core::auth::Role;
use nervure_core::auth::jwt::{
    AccountClaims, Revocations, Scope, SigningKey, SubjectLists, UserLimits, UserPermissions,
};

use crate::operator::{Credentials, start};
use crate::table::UNAUTHORIZED;

const REVOKED: &str = "-ERR 'User Authentication Revoked'\r\n";
const ACCOUNT_EXPIRED: &str = "-ERR 'Account Authentication Expired'\r\n";

/// User `number` of the account, signed by the account itself.
fn user(mode: &OperatorMode, number: u8) -> Credentials {
    Credentials::new(number, &mode.user(number), &mode.account_key)
}

fn revocations(entries: &[(&str, i64)]) -> Revocations {
    Revocations(entries.iter().map(|(key, at)| ((*key).to_owned(), *at)).collect())
}

#[test]
fn s112_revoked_users_are_told_and_closed() {
    let mut mode = OperatorMode::new();
    let server = start(&mode);
    let (old, mut young) = (mode.user(10), mode.user(11));
    young.iat = old.iat + 100;
    let (mut first, _) = user(&mode, 10).log_in(&server);
    let (mut second, _) = Credentials::new(11, &young, &mode.account_key).log_in(&server);
    mode.account.nats.revocations = revocations(&[(&old.sub, old.iat)]);
    server.reload(&mode.config());
    first.expect(REVOKED).expect_closed();
    second.expect_open();
    user(&mode, 10).is_refused(&server);
    let (mut third, _) = user(&mode, 12).log_in(&server);
    mode.account.nats.revocations = revocations(&[("*", old.iat + 50)]);
    server.reload(&mode.config());
    third.expect(REVOKED).expect_closed();
    second.expect_open();
}

#[test]
fn s113_without_their_key_or_scope_users_are_closed_without_a_word() {
    let mut mode = OperatorMode::new();
    let (plain, scoped) = (key_pair(Role::Account, 5), key_pair(Role::Account, 6));
    let signing_keys = |role: &str| {
        let limits = UserLimits { subs: -1, data: -1, payload: -1, ..UserLimits::default() };
        let scope = Scope {
            key: scoped.public().to_string(),
            role: role.to_owned(),
            template: limits,
            ..Scope::default()
        };
        vec![SigningKey::Plain(plain.public().to_string()), SigningKey::Scoped(Box::new(scope))]
    };
    mode.account.nats.signing_keys = signing_keys("one");
    let server = start(&mode);
    let (mut own, _) = user(&mode, 10).log_in(&server);
    let mut claims = mode.user(11);
    claims.nats.issuer_account = mode.account.sub.clone();
    let (mut of_plain, _) = Credentials::new(11, &claims, &plain).log_in(&server);
    claims.nats.limits = UserLimits::default();
    let (mut of_scoped, _) = Credentials::new(11, &claims, &scoped).log_in(&server);
    mode.account.nats.signing_keys = signing_keys("other");
    server.reload(&mode.config());
    of_scoped.expect_closed();
    of_plain.expect_open();
    mode.account.nats.signing_keys.remove(0);
    server.reload(&mode.config());
    of_plain.expect_closed();
    own.expect_open();
}

#[test]
fn s114_lower_limits_hold_for_those_who_are_there() {
    let mut mode = OperatorMode::new();
    let server = start(&mode);
    let mut sessions: Vec<Session> =
        (10..14).map(|number| user(&mode, number).log_in(&server).0).collect();
    mode.account.nats.limits.conn = 2;
    server.reload(&mode.config());
    for session in sessions.split_off(2).iter_mut() {
        session.expect("-ERR 'maximum account active connections exceeded'\r\n").expect_closed();
    }
    for session in &mut sessions {
        session.expect_open();
    }
    sessions[0].send("SUB a 1\r\nSUB b 2\r\nSUB c 3\r\n").expect_open();
    // nats-server closes those, too, who have just as many as they may have.
    sessions[1].send("SUB a 1\r\n").expect_open();
    mode.account.nats.limits.subs = 2;
    server.reload(&mode.config());
    // nats-server may say it twice.
    let last = sessions[0].read_until_closed();
    assert!(last.starts_with(b"-ERR 'maximum subscriptions exceeded'\r\n"), "{last:?}");
    sessions[1].expect_open();
    mode.account.nats.limits.payload = 5;
    server.reload(&mode.config());
    sessions[1].send("PUB x 5\r\nabcde\r\n").expect_open();
    sessions[1].send("PUB x 6\r\n").expect("-ERR 'Maximum Payload Violation'\r\n").expect_closed();
}

#[test]
fn s115_bearers_may_come_to_be_disallowed() {
    let mut mode = OperatorMode::new();
    let server = start(&mode);
    let mut bearer = mode.user(10);
    bearer.nats.limits.bearer_token = true;
    let bearer = Credentials::new(10, &bearer, &mode.account_key);
    let (mut bearer, _) = bearer.log_in(&server);
    let (mut signer, _) = user(&mode, 11).log_in(&server);
    mode.account.nats.limits.disallow_bearer = true;
    server.reload(&mode.config());
    bearer.expect(UNAUTHORIZED).expect_closed();
    signer.expect_open();
}

#[test]
fn s116_default_permissions_are_for_those_who_have_none() {
    let allow = |subject: &str| UserPermissions {
        publish: SubjectLists { allow: Some(vec![subject.to_owned()]), deny: None },
        subscribe: SubjectLists { allow: Some(vec![subject.to_owned()]), deny: None },
        ..UserPermissions::default()
    };
    let mut mode = OperatorMode::new();
    let server = start(&mode);
    let mut own = mode.user(11);
    own.nats.limits.permissions = allow(">");
    let (mut with, _) = Credentials::new(11, &own, &mode.account_key).log_in(&server);
    let (mut without, _) = user(&mode, 10).log_in(&server);
    with.send("SUB b 1\r\n").expect_open();
    without.send("SUB a 1\r\nSUB b 2\r\n").expect_open();
    mode.account.nats.default_permissions = allow("a");
    server.reload(&mode.config());
    without.expect("-ERR 'Permissions Violation for Subscription to \"b\" (sid \"2\")'\r\n");
    without.send("PUB b 1\r\nx\r\n");
    without.expect("-ERR 'Permissions Violation for Publish to \"b\"'\r\n");
    with.send("PUB a 1\r\nx\r\nPUB b 1\r\nx\r\n").expect("MSG b 1 1\r\nx\r\n");
    without.expect("MSG a 1 1\r\nx\r\n").expect_open();
}

#[test]
fn s117_an_account_ends_and_begins_again() {
    let mut mode = OperatorMode::new();
    let server = start(&mode);
    let (mut session, _) = user(&mode, 10).log_in(&server);
    mode.account.exp = unix_now() + 2;
    server.reload(&mode.config());
    session.expect_open();
    session.expect(ACCOUNT_EXPIRED).expect_closed();
    std::thread::sleep(Duration::from_millis(1100));
    user(&mode, 10).is_refused(&server);
    mode.account.exp = unix_now() + 3600;
    server.reload(&mode.config());
    user(&mode, 10).log_in(&server).0.expect_open();
}

#[test]
fn s112_an_account_that_is_not_preloaded_any_more_is_gone() {
    let mut mode = OperatorMode::new();
    let key = key_pair(Role::Account, 7);
    mode.others = vec![OperatorMode::account("OTHER", &key)];
    let server = start(&mode);
    let (mut stays, _) = user(&mode, 10).log_in(&server);
    let other = Credentials::new(11, &mode.user(11), &key);
    let (mut goes, _) = other.log_in(&server);
    let others: Vec<AccountClaims> = std::mem::take(&mut mode.others);
    server.reload(&mode.config());
    goes.expect(UNAUTHORIZED).expect_closed();
    stays.expect_open();
    other.is_refused(&server);
    mode.others = others;
    server.reload(&mode.config());
    other.log_in(&server).0.expect_open();
}

#[test]
fn an_account_with_a_token_that_is_not_good_is_gone_after_a_reload() {
    let mut mode = OperatorMode::new();
    let server = start(&mode);
    let (mut session, _) = user(&mode, 10).log_in(&server);
    let good = mode.clone();
    mode.account.exp = unix_now() - 10;
    server.reload(&mode.config());
    session.expect(UNAUTHORIZED).expect_closed();
    user(&mode, 10).is_refused(&server);
    server.reload(&good.config());
    user(&mode, 10).log_in(&server).0.expect_open();
}
