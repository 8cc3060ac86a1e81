//! Tokens and claims: the reference's vectors, what is refused, and round trips.

mod accounts;
mod decoding;
mod round_trips;
mod users;

use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use super::super::signer::{Seed, Signer};
use super::*;
use crate::auth::nkey::Role;

const HEADER: &str = r#"{"typ":"JWT","alg":"ed25519-nkey"}"#;

/// A pair that is the same each time.
fn signer(role: Role, seed: u8) -> Signer {
    Signer::new(Seed::new(role, [seed; 32])).unwrap()
}

fn key(role: Role, seed: u8) -> String {
    match role {
        Role::Curve => "XCHUBRNNW2HSKYSK4WZBJ2TWPJXMSTMCTU6XWXQ22G5G6PRBHAUF76G7".to_owned(),
        _ => signer(role, seed).public().to_string(),
    }
}

/// Any JSON as a token with a good signature, in the form of version 1 or 2.
fn token(header: &str, claims: &str, version: u8, by: &Signer) -> String {
    let (header, claims) =
        (BASE64URL_NOPAD.encode(header.as_bytes()), BASE64URL_NOPAD.encode(claims.as_bytes()));
    let both = format!("{header}.{claims}");
    let signed = if version == 1 { &claims } else { &both };
    let signature = BASE64URL_NOPAD.encode(&by.sign(signed.as_bytes()));
    format!("{both}.{signature}")
}

/// Claims with these members of `nats`, signed by an account that is their issuer.
fn user_token(nats: &Value) -> String {
    let account = signer(Role::Account, 1);
    let mut claims = json!({
        "iss": account.public().to_string(), "sub": key(Role::User, 2),
        "nats": { "type": "user", "version": 2 },
    });
    for (name, value) in nats.as_object().unwrap() {
        claims["nats"][name] = value.clone();
    }
    token(HEADER, &claims.to_string(), 2, &account)
}

fn texts(issues: &[Issue]) -> Vec<(Class, &str)> {
    issues.iter().map(|issue| (issue.class, issue.text.as_str())).collect()
}
