//! Tokens of operators, accounts and users.

use std::time::{SystemTime, UNIX_EPOCH};

use nervure_core::auth::jwt::{
    Account, AccountLimits, Body, Claims, Class, Issue, Operator, SigningKey, SubjectLists, User,
    UserLimits, UserPermissions, Utc, blocker,
};
use nervure_core::auth::{PublicKey, Role, Signer};

use super::source::{Source, deliver, key_of};
use super::{AuthError, Given, Input, Text};
use crate::config::parse_duration;

const DAY_NANOS: i64 = 24 * 60 * 60 * 1_000_000_000;

/// The token of an operator.
pub(super) fn operator(given: &Given, input: &mut Input<'_>) -> Result<Text, AuthError> {
    let nats = Operator {
        signing_keys: keys(given, "signing-key", Role::Operator)?,
        system_account: keys(given, "system-account", Role::Account)?.pop().unwrap_or_default(),
        ..Operator::default()
    };
    sign(given, input, Role::Operator, nats, |claims, now| claims.validate(now))
}

/// The token of an account.
pub(super) fn account(given: &Given, input: &mut Input<'_>) -> Result<Text, AuthError> {
    let signing_keys = keys(given, "signing-key", Role::Account)?;
    let nats = Account {
        limits: AccountLimits::unlimited(),
        signing_keys: signing_keys.into_iter().map(SigningKey::Plain).collect(),
        default_permissions: permissions(given)?,
        ..Account::default()
    };
    sign(given, input, Role::Account, nats, |claims, now| claims.validate(now))
}

/// The token of a user.
pub(super) fn user(given: &Given, input: &mut Input<'_>) -> Result<Text, AuthError> {
    let limits = UserLimits {
        permissions: permissions(given)?,
        subs: -1,
        data: -1,
        payload: -1,
        bearer_token: given.has("bearer"),
        ..UserLimits::default()
    };
    let issuer_account = keys(given, "account", Role::Account)?.pop().unwrap_or_default();
    let nats = User { limits, issuer_account };
    sign(given, input, Role::User, nats, |claims, now| claims.validate(now, &Utc))
}

/// Makes the token, unless a server would refuse it.
fn sign<T: Body + Default>(
    given: &Given,
    input: &mut Input<'_>,
    role: Role,
    nats: T,
    validate: impl Fn(&Claims<T>, i64) -> Vec<Issue>,
) -> Result<Text, AuthError> {
    let key = Source::read(Some(given.needed_path("key")?.as_os_str()), input)?;
    let subject = key.public_key(role)?;
    let signer = match given.path("issuer") {
        Some(issuer) => Source::read(Some(issuer.as_os_str()), input)?.seed()?,
        None if role == Role::Operator => key.seed()?,
        None => return Err(given.usage("--issuer is missing")),
    };
    let signer = Signer::new(signer).map_err(|error| AuthError::Token(error.to_string()))?;
    let now = now();
    let claims = Claims {
        exp: expiry(given, now)?,
        iat: now,
        iss: signer.public().to_string(),
        name: given.text("name")?.unwrap_or_else(|| subject.clone()),
        sub: subject,
        tags: given.texts("tag")?,
        version: 2,
        nats,
        ..Claims::default()
    };
    let issues = validate(&claims, now);
    if let Some(issue) = blocker(&issues, Class::Warning) {
        return Err(AuthError::Token(issue.to_string()));
    }
    let token = claims.encode(&signer).map_err(|error| AuthError::Token(error.to_string()))?;
    deliver(format!("{token}\n").into(), given.path("out"))
}

fn permissions(given: &Given) -> Result<UserPermissions, AuthError> {
    let list = |flag| given.texts(flag).map(|list| (!list.is_empty()).then_some(list));
    Ok(UserPermissions {
        publish: SubjectLists { allow: list("allow-pub")?, deny: list("deny-pub")? },
        subscribe: SubjectLists { allow: list("allow-sub")?, deny: list("deny-sub")? },
        resp: None,
    })
}

/// The public keys of a flag.
fn keys(given: &Given, flag: &str, role: Role) -> Result<Vec<String>, AuthError> {
    let keys = given.texts(flag)?;
    match keys.iter().find(|key| PublicKey::parse_as(key, role).is_err()) {
        // Not shown, since it could be a seed.
        Some(_) => Err(AuthError::Usage {
            wrong: format!("what follows --{flag} is not {} public key", key_of(role)),
            possible: "\"nervure auth pubkey\" prints that of a seed".to_owned(),
        }),
        None => Ok(keys),
    }
}

/// When the token ends, in unix seconds; 0 is never.
fn expiry(given: &Given, now: i64) -> Result<i64, AuthError> {
    let Some(text) = given.text("expires")? else { return Ok(0) };
    let days = text.strip_suffix('d').and_then(|days| days.parse::<i64>().ok());
    let nanos = match days {
        Some(days) => days.checked_mul(DAY_NANOS),
        None => parse_duration(&text).ok(),
    };
    let seconds = nanos.map(|nanos| nanos / 1_000_000_000).filter(|seconds| *seconds > 0);
    let possible = "a time from now on is a number of days, as 90d, or hours and so on, as 1h30m";
    seconds
        .and_then(|seconds| now.checked_add(seconds))
        .ok_or_else(|| given.wrong_value("expires", possible))
}

/// Unix seconds.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
