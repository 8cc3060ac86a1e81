//! Tokens: no panic, whether they are read as they came or signed anew first so that the reader
//! gets to see what stands in them; and what is read is written and read again the same.
//!
//! The input is a token, or claims in JSON.

#![cfg_attr(fuzzing, no_main)]

use nervure_core::auth::jwt::login::Trust;
use nervure_core::auth::jwt::{
    AccountClaims, ActivationClaims, AuthorizationRequestClaims, AuthorizationResponseClaims, Body,
    Claims, GenericClaims, Names, OperatorClaims, UserClaims, Utc, expand,
};
use nervure_core::auth::{Role, Seed, Signer};

/// Someone who may sign such claims, and someone they may be about.
fn signer(role: Role) -> Signer {
    Signer::new(Seed::new(role, [7; 32])).expect("not a curve key")
}

/// Reads it, and what is written of it.
fn read<T: Body + PartialEq + std::fmt::Debug>(
    token: &str,
    by: Role,
    about: Role,
) -> Option<Claims<T>> {
    let mut claims = Claims::<T>::decode(token).ok()?;
    claims.sub = signer(about).public().to_string();
    // Unless what was short in the old form is too long in ours.
    let written = claims.encode(&signer(by)).ok()?;
    let again = Claims::<T>::decode(&written).expect("what is written can be read");
    assert_eq!(again.nats, claims.nats);
    assert_eq!((&again.tags, &again.name, again.exp), (&claims.tags, &claims.name, claims.exp));
    Some(claims)
}

fn use_user(user: &UserClaims, now: i64) {
    let _ = user.validate(now, &Utc);
    let _ = user.nats.limits.connection_types();
    let names = Names {
        user: &user.name,
        user_key: &user.sub,
        user_tags: &user.tags,
        account: "",
        account_key: user.account(),
        account_tags: &[],
    };
    let _ = expand(&user.nats.limits.permissions, &names);
}

pub(crate) fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Some(user) = read(text, Role::Account, Role::User) {
        use_user(&user, 0);
    }
    let operator = read(text, Role::Operator, Role::Operator);
    let _ = operator.map(|claims: OperatorClaims| claims.validate(0));
    let account = read(text, Role::Operator, Role::Account);
    let _ = account.map(|claims: AccountClaims| claims.validate(i64::MAX));
    let activation = read(text, Role::Account, Role::Account);
    let _ = activation.map(|claims: ActivationClaims| claims.validate(i64::MIN));
    let request = read(text, Role::Server, Role::Account);
    let _ = request.map(|claims: AuthorizationRequestClaims| claims.validate(0));
    let response = read(text, Role::Account, Role::User);
    let _ = response.map(|claims: AuthorizationResponseClaims| claims.validate(0));
    let _ = GenericClaims::decode(text);
    let _ = Trust::default().account("", text, 0);

    // As members of generic claims they get under a good signature; read as another kind they are
    // then refused for that alone, so the kind is the one they name.
    let Ok(serde_json::Value::Object(mut members)) = serde_json::from_str(text) else { return };
    let Some(kind) = members.remove("type").and_then(|kind| Some(kind.as_str()?.to_owned())) else {
        return;
    };
    let role = match kind.as_str() {
        "operator" | "account" => Role::Operator,
        "authorization_request" => Role::Server,
        _ => Role::Account,
    };
    let mut claims = GenericClaims { sub: "x".to_owned(), ..GenericClaims::default() };
    claims.nats.kind = kind;
    claims.nats.members = members;
    if let Ok(token) = claims.encode(&signer(role)) {
        run(token.as_bytes());
    }
}

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| run(data));
