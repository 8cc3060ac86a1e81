//! What a token or credentials file says, and whether it holds.

use std::fmt::Write as _;
use std::time::{Duration, UNIX_EPOCH};

use data_encoding::BASE64URL_NOPAD;
use nervure_core::auth::jwt::{
    Account, Activation, AuthorizationRequest, AuthorizationResponse, Body, Claims, Class,
    DecodeError, Generic, Issue, Operator, User, Zones,
};
use serde_json::Value;

use super::jwt::now;
use super::source::Source;
use super::{AuthError, Given, Input, Text};
use crate::auth::creds::Credentials;
use crate::auth::seed;
use crate::log::Civil;

/// Prints it.
pub(super) fn inspect(given: &Given, input: &mut Input<'_>) -> Result<Text, AuthError> {
    let source = Source::read(given.word(0), input)?;
    let token = source.jwt()?;
    // Whatever else is wrong, what can be read is shown.
    let Some(claims) = readable(token) else {
        let wrong = "no token, which is three chunks of base64url with JSON in the second";
        return Err(source.wrong(wrong));
    };
    let now = now();
    let mut text = summary(token, &claims, now);
    if let Ok(credentials) = Credentials::parse(&source.text) {
        let public = seed::public_key(&credentials.seed);
        let fits = claims["sub"].as_str() == Some(&public);
        let said = if fits { "that of the subject" } else { "of another key than the subject's" };
        line(&mut text, "seed", format_args!("{said}, {public}"));
    }
    let json = serde_json::to_string_pretty(&claims).unwrap_or_default();
    Ok(format!("{text}\n{json}\n").into())
}

/// The claims as they stand there, without a check.
fn readable(token: &str) -> Option<Value> {
    let octets = BASE64URL_NOPAD.decode(token.split('.').nth(1)?.as_bytes()).ok()?;
    serde_json::from_slice(&octets).ok().filter(Value::is_object)
}

fn summary(token: &str, claims: &Value, now: i64) -> String {
    let mut text = String::new();
    let said = |member: &str| claims[member].as_str().unwrap_or("nobody").to_owned();
    let seconds = |member: &str| claims[member].as_i64().unwrap_or_default();
    let verdict = verdict(token, now);
    line(&mut text, "type", format_args!("{}", verdict.kind));
    if let Some(name) = claims["name"].as_str() {
        line(&mut text, "name", format_args!("{name:?}"));
    }
    line(&mut text, "subject", format_args!("{}", said("sub")));
    line(&mut text, "issuer", format_args!("{}", said("iss")));
    line(&mut text, "signature", format_args!("{}", verdict.signature));
    line(&mut text, "issued", format_args!("{}", time(seconds("iat")).as_deref().unwrap_or("-")));
    if let Some(begins) = time(seconds("nbf")) {
        line(&mut text, "begins", format_args!("{begins}"));
    }
    match time(seconds("exp")) {
        Some(ends) if now > seconds("exp") => line(&mut text, "ended", format_args!("{ends}")),
        Some(ends) => line(&mut text, "ends", format_args!("{ends}")),
        None => line(&mut text, "ends", format_args!("never")),
    }
    if let Some(issues) = verdict.issues {
        for issue in &issues {
            let class = match issue.class {
                Class::Warning => "warning",
                Class::Time => "not now",
                Class::Blocking => "blocking",
            };
            line(&mut text, "issue", format_args!("{class}: {issue}"));
        }
        if issues.is_empty() {
            line(&mut text, "issues", format_args!("none"));
        }
    }
    text
}

fn line(text: &mut String, name: &str, said: std::fmt::Arguments<'_>) {
    // A String takes everything.
    let _ = writeln!(text, "{name:<11}{said}");
}

/// A time of claims; `None` for 0 and for what no calendar shows.
fn time(seconds: i64) -> Option<String> {
    let since = u64::try_from(seconds).ok().filter(|seconds| *seconds > 0)?;
    let time = UNIX_EPOCH.checked_add(Duration::from_secs(since))?;
    Some(Civil::utc(time).rfc3339())
}

/// What the check of a token found.
struct Verdict {
    kind: String,
    signature: String,
    /// `None` where a wrong signature leaves nothing to be looked at.
    issues: Option<Vec<Issue>>,
}

fn verdict(token: &str, now: i64) -> Verdict {
    // Of this type only a token of an unknown type is; all others name theirs.
    let found = match Claims::<Generic>::decode(token) {
        Err(DecodeError::Kind { found, .. }) => found,
        Ok(claims) => {
            let kind = claims.nats.kind().to_owned();
            return Verdict { kind, signature: GOOD.to_owned(), issues: Some(Vec::new()) };
        }
        Err(error) => return Verdict::unreadable("unknown", &error),
    };
    match found.as_str() {
        "operator" => of::<Operator>(token, &found, |claims| claims.validate(now)),
        "account" => of::<Account>(token, &found, |claims| claims.validate(now)),
        "user" => of::<User>(token, &found, |claims| claims.validate(now, &AnyZone)),
        "activation" => of::<Activation>(token, &found, |claims| claims.validate(now)),
        "authorization_request" => {
            of::<AuthorizationRequest>(token, &found, |claims| claims.validate(now))
        }
        _ => of::<AuthorizationResponse>(token, &found, |claims| claims.validate(now)),
    }
}

const GOOD: &str = "good";

fn of<T: Body>(token: &str, kind: &str, validate: impl Fn(&Claims<T>) -> Vec<Issue>) -> Verdict {
    match Claims::<T>::decode(token) {
        Ok(claims) => Verdict {
            kind: kind.to_owned(),
            signature: GOOD.to_owned(),
            issues: Some(validate(&claims)),
        },
        Err(error) => Verdict::unreadable(kind, &error),
    }
}

impl Verdict {
    fn unreadable(kind: &str, error: &DecodeError) -> Self {
        let signature = match error {
            DecodeError::Signature => {
                "WRONG: not made by the issuer, or something was changed".to_owned()
            }
            error => format!("not checked: {error}"),
        };
        Self { kind: kind.to_owned(), signature, issues: None }
    }
}

/// Takes any zone for known: it is the server's files that count, not those of this machine.
struct AnyZone;

impl Zones for AnyZone {
    fn offset(&self, _location: &str, _at: i64) -> Option<i32> {
        Some(0)
    }
}
