//! What the system account asks about account JWTs, and what it is answered (reference security
//! 6.5). Texts observed on nats-server 2.15.1.
//!
//! A request comes as its payload and goes as the members of its response; subjects, the envelope
//! and the way of both are the server's. Everything here may wait for the disk, so nothing here is
//! for a shard's thread.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use nervure_core::auth::jwt::{AccountClaims, Class, DecodeError, GenericClaims, Kind};
use nervure_core::auth::{PublicKey, Role};
use serde::Serialize;
use serde_json::Value;

use super::directory::Directory;
use crate::monitor::json;
use crate::options::{Deletion, DirectoryKind};

/// The accounts that are in force, as far as requests concern them.
pub trait Accounts: Send + Sync {
    /// Whether an account is in use, so that its JWT was looked up.
    fn is_in_use(&self, account: &str) -> bool;

    /// Puts a JWT into force in the place of another, as far as it is good for that: signed by an
    /// operator, valid now.
    ///
    /// # Errors
    ///
    /// Why it is not good.
    fn replace(&self, token: &str, claims: &AccountClaims) -> Result<(), String>;

    /// Closes an account that was deleted. It stays closed until another JWT of it comes.
    fn close(&self, account: &str);

    /// Whether this is the system account.
    fn is_system(&self, account: &str) -> bool;

    /// Whether the key is one that signs accounts: an operator's own, unless he is strict, or a
    /// signing key of his.
    fn is_trusted(&self, key: &str) -> bool;

    /// Whether the key is that of a strict operator himself (reference security 5.4).
    fn is_strict_operator(&self, key: &str) -> bool;
}

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Take the JWT of an account.
    Update,
    /// Take the JWT of the account that the subject names.
    UpdateAccount,
    /// Give the JWT of the account that the subject names.
    Lookup,
    /// Which accounts are there?
    List,
    /// Delete accounts.
    Delete,
    /// Give all JWTs, unless they are the same.
    Pack,
}

/// Where JWTs that come are kept.
#[derive(Debug)]
pub enum Store {
    /// Nowhere: `MEMORY`, `URL(...)`.
    Nowhere,
    /// In a directory of this kind.
    Directory(Arc<Directory>, DirectoryKind),
}

impl Store {
    /// Subjects in the system account and what is asked there.
    pub fn subjects(&self) -> Vec<(&'static str, Request)> {
        let mut subjects = vec![
            ("$SYS.REQ.ACCOUNT.*.CLAIMS.UPDATE", Request::UpdateAccount),
            ("$SYS.ACCOUNT.*.CLAIMS.UPDATE", Request::UpdateAccount),
        ];
        if let Self::Directory(_, kind) = self {
            subjects.push(("$SYS.REQ.CLAIMS.UPDATE", Request::Update));
            subjects.push(("$SYS.REQ.CLAIMS.LIST", Request::List));
            subjects.push(("$SYS.REQ.CLAIMS.DELETE", Request::Delete));
            if let DirectoryKind::Full { .. } = kind {
                subjects.push(("$SYS.REQ.ACCOUNT.*.CLAIMS.LOOKUP", Request::Lookup));
                subjects.push(("$SYS.REQ.CLAIMS.PACK", Request::Pack));
            }
        }
        subjects
    }
}

/// What is answered.
#[derive(Debug, PartialEq, Eq)]
pub enum Response {
    /// Nothing; why, for the log.
    Silence(String),
    /// These payloads as they are, a message each.
    Plain(Vec<Vec<u8>>),
    /// The accounts that are there.
    List(Vec<String>),
    /// What came of an update or a deletion.
    Outcome(Outcome),
}

/// What came of an update or a deletion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The account it was about, or `n/a`; `None` for deletions.
    pub account: Option<String>,
    /// What happened.
    pub what: String,
    /// What went wrong, if anything did.
    pub error: Option<String>,
}

impl Outcome {
    /// As it stands in nats-server's log.
    pub fn log_line(&self) -> String {
        let parts = [Some(&self.what), self.account.as_ref(), self.error.as_ref()];
        parts.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" - ")
    }
}

impl Response {
    /// The payloads of the messages to answer with, JSON with `server` as the one who answers.
    pub fn payloads(self, server: &impl Serialize) -> Vec<Vec<u8>> {
        #[derive(Serialize)]
        struct Status<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            account: Option<&'a str>,
            code: u16,
            #[serde(skip_serializing_if = "Option::is_none")]
            message: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            description: Option<String>,
        }
        #[derive(Serialize)]
        struct Ended<'a, S> {
            server: &'a S,
            #[serde(skip_serializing_if = "Option::is_none")]
            data: Option<Status<'a>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            error: Option<Status<'a>>,
        }
        #[derive(Serialize)]
        struct List<'a, S> {
            data: Vec<String>,
            server: &'a S,
        }
        match self {
            Self::Silence(_) => Vec::new(),
            Self::Plain(payloads) => payloads,
            Self::List(data) => vec![json::compact(&List { data, server })],
            Self::Outcome(Outcome { account, what, error }) => {
                let account = account.as_deref();
                let (data, error) = match error {
                    None => {
                        let message = Some(what.as_str());
                        (Some(Status { account, code: 200, message, description: None }), None)
                    }
                    Some(error) => {
                        let description = Some(format!("{what} - {error}"));
                        (None, Some(Status { account, code: 500, message: None, description }))
                    }
                };
                vec![json::compact(&Ended { server, data, error })]
            }
        }
    }
}

/// The words of one kind of resolver.
struct Words {
    updated: &'static str,
    failed: &'static str,
    invalid: &'static str,
    skipped: &'static str,
}

const WORDS: Words = Words {
    updated: "jwt updated",
    failed: "jwt update resulted in error",
    invalid: "jwt validation failed",
    skipped: "jwt update skipped",
};

const CACHE_WORDS: Words = Words {
    updated: "jwt updated cache",
    failed: "jwt update cache resulted in error",
    invalid: "jwt update cache validation failed",
    skipped: "jwt update cache skipped",
};

/// What answers the requests.
pub struct Claims {
    store: Store,
    accounts: Arc<dyn Accounts>,
}

impl Claims {
    /// With these JWTs and these accounts.
    pub fn new(store: Store, accounts: Arc<dyn Accounts>) -> Self {
        Self { store, accounts }
    }

    /// Answers what was asked on `subject`. `now` is since 1970.
    pub fn answer(
        &self,
        request: Request,
        subject: &str,
        payload: &[u8],
        now: Duration,
    ) -> Response {
        let named = subject.split_once("ACCOUNT.").and_then(|(_, rest)| rest.split('.').next());
        let named = named.unwrap_or_default();
        match (request, &self.store) {
            (Request::Update, _) => Response::Outcome(self.update(None, payload, now)),
            (Request::UpdateAccount, _) => {
                Response::Outcome(self.update(Some(named), payload, now))
            }
            (Request::Lookup, Store::Directory(directory, _)) => lookup(directory, named, now),
            (Request::List, Store::Directory(directory, _)) => Response::List(directory.list()),
            (Request::Delete, Store::Directory(directory, kind)) => {
                Response::Outcome(self.delete(directory, *kind, payload))
            }
            (Request::Pack, Store::Directory(directory, _)) => pack(directory, payload, now),
            (request, Store::Nowhere) => Response::Silence(format!("{request:?}: no directory")),
        }
    }

    /// Takes a JWT, of the account `named` where it is.
    fn update(&self, named: Option<&str>, payload: &[u8], now: Duration) -> Outcome {
        let (words, unnamed) = match &self.store {
            Store::Directory(_, DirectoryKind::Cache { .. }) => (&CACHE_WORDS, named),
            Store::Directory(..) => (&WORDS, None),
            Store::Nowhere => (&WORDS, named),
        };
        let outcome = |account: &str, what: &str, error: Option<String>| Outcome {
            account: Some(account.to_owned()),
            what: what.to_owned(),
            error,
        };
        let unnamed = unnamed.unwrap_or("n/a");
        if payload.is_empty() && matches!(self.store, Store::Nowhere) {
            let error = Some("request body is empty".to_owned());
            return outcome(unnamed, "jwt update error", error);
        }
        let token = String::from_utf8_lossy(payload);
        let claims = match AccountClaims::decode(&token) {
            Ok(claims) => claims,
            Err(error) => return outcome(unnamed, words.failed, Some(decode_text(&error))),
        };
        if let Some(named) = named.filter(|named| *named != claims.sub) {
            let error = "subject does not match jwt content".to_owned();
            return outcome(named, words.failed, Some(error));
        }
        let done = |what, error| outcome(&claims.sub, what, error);
        match self.take(words, &token, &claims, now) {
            Ok(what) => done(what, None),
            Err((what, error)) => done(what, Some(error)),
        }
    }

    /// Takes a JWT that was understood.
    fn take(
        &self,
        words: &Words,
        token: &str,
        claims: &AccountClaims,
        now: Duration,
    ) -> Result<&'static str, (&'static str, String)> {
        let failed = |error: String| (words.failed, error);
        let is_in_use = self.accounts.is_in_use(&claims.sub);
        let Store::Directory(directory, kind) = &self.store else {
            if !is_in_use {
                return Ok(words.skipped);
            }
            return self.accounts.replace(token, claims).map(|()| words.updated).map_err(failed);
        };
        // A deleted account still counts as one in use (observed).
        let is_known = is_in_use || directory.was_deleted(&claims.sub);
        if !is_known && matches!(kind, DirectoryKind::Cache { .. }) {
            return Ok(words.skipped);
        }
        if self.accounts.is_strict_operator(&claims.iss) {
            return Err(failed("operator requires issuer to be a signing key".to_owned()));
        }
        // Whether the claims have begun or ended is not looked at (observed).
        let issues = claims.validate(i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
        let blocking: Vec<_> =
            issues.into_iter().filter(|it| it.class >= Class::Blocking).collect();
        if !blocking.is_empty() {
            let texts: Vec<_> = blocking.into_iter().map(|issue| issue.text).collect();
            return Err((words.invalid, format!("validation errors: [{}]", texts.join(" "))));
        }
        let account = PublicKey::parse_as(&claims.sub, Role::Account)
            .map_err(|error| failed(error.to_string()))?;
        directory.save(&account, token, claims, now).map_err(|error| failed(error.to_string()))?;
        if is_in_use {
            // Nobody is told if it is not good enough for that (observed).
            let _ = self.accounts.replace(token, claims);
        }
        Ok(words.updated)
    }

    /// Deletes accounts that generic claims name.
    fn delete(&self, directory: &Directory, kind: DirectoryKind, payload: &[u8]) -> Outcome {
        let refused = |who: &str, error: String| Outcome {
            account: None,
            what: format!("delete accounts request by {who} failed"),
            error: Some(error),
        };
        let token = String::from_utf8_lossy(payload);
        let claims = match GenericClaims::decode(&token) {
            Ok(claims) => claims,
            Err(error) => return refused("", decode_text(&error)),
        };
        let accounts = match self.to_delete(kind, &claims) {
            Ok(accounts) => accounts,
            Err(error) => return refused(&claims.sub, error.to_owned()),
        };
        let mut errors = Vec::new();
        for account in &accounts {
            match directory.delete(account) {
                Ok(()) => self.accounts.close(&account.to_string()),
                Err(error) => errors.push(error.to_string()),
            }
        }
        let deleted = accounts.len() - errors.len();
        let mut what = format!("deleted {deleted} accounts");
        if !errors.is_empty() {
            what = format!("{what}, failed for {}", errors.len());
        }
        let error = (!errors.is_empty()).then(|| errors.join("; "));
        Outcome { account: None, what, error }
    }

    /// The accounts to delete, if whoever asks may.
    fn to_delete(
        &self,
        kind: DirectoryKind,
        claims: &GenericClaims,
    ) -> Result<Vec<PublicKey>, &'static str> {
        const MALFORMED: &str = "malformed request";
        if let DirectoryKind::Full { deletion: Deletion::Refused, .. } = kind {
            return Err("delete must be enabled in server config");
        }
        if claims.sub != claims.iss {
            return Err("not self signed");
        }
        if !self.accounts.is_trusted(&claims.iss) {
            return Err("not trusted");
        }
        let named = claims.nats.members.get("accounts").and_then(Value::as_array);
        let account = |value: &Value| {
            let text = value.as_str().ok_or(MALFORMED)?;
            if self.accounts.is_system(text) {
                return Err("not allowed to delete system account");
            }
            PublicKey::parse_as(text, Role::Account).map_err(|_| MALFORMED)
        };
        named.ok_or(MALFORMED)?.iter().map(account).collect()
    }
}

fn lookup(directory: &Directory, named: &str, now: Duration) -> Response {
    let failed = |error: String| {
        Response::Silence(format!("DirResolver - Error looking up account {named:?}: {error}"))
    };
    match PublicKey::parse_as(named, Role::Account) {
        Err(error) => failed(error.to_string()),
        Ok(account) => match directory.load(&account, now) {
            Ok(token) => Response::Plain(vec![token.unwrap_or_default().into_bytes()]),
            Err(error) => failed(error.to_string()),
        },
    }
}

/// Every account in a message, and an empty one at the end; only that where the other has the same.
fn pack(directory: &Directory, payload: &[u8], now: Duration) -> Response {
    let mut payloads = Vec::new();
    if payload != directory.digest() {
        directory.pack(now, |account, token| {
            payloads.push(format!("{account}|{token}").into_bytes());
        });
    }
    payloads.push(Vec::new());
    Response::Plain(payloads)
}

/// nats-server's words for what is wrong with a token, where it has words for the same.
fn decode_text(error: &DecodeError) -> String {
    match error {
        DecodeError::Kind { expected: Kind::Account, .. } => "not account claim".to_owned(),
        DecodeError::Signature => "claim failed V2 signature verification".to_owned(),
        other => other.to_string(),
    }
}
