//! Accounts of the configuration, and those that were told since (reference security 6.2).

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use nervure_core::auth::{PublicKey, Role};

use super::FetchError;

/// Tokens by the public keys of their accounts. Whether a token is that of its key is found out
/// when it is used (observed on nats-server 2.15.1).
#[derive(Debug, Default)]
pub struct Memory {
    tokens: Mutex<HashMap<String, String>>,
}

impl Memory {
    /// Has these.
    pub fn new(tokens: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { tokens: Mutex::new(tokens.into_iter().collect()) }
    }

    /// An account's token.
    ///
    /// # Errors
    /// If there is none, or `account` is no account's key.
    pub fn get(&self, account: &str) -> Result<String, FetchError> {
        if PublicKey::parse_as(account, Role::Account).is_err() {
            return Err(FetchError::NoKey);
        }
        self.tokens().get(account).cloned().ok_or(FetchError::Missing)
    }

    /// Keeps a token, in the place of the one before.
    pub fn put(&self, account: &str, token: &str) {
        self.tokens().insert(account.to_owned(), token.to_owned());
    }

    /// Has these and no others.
    pub fn replace(&self, tokens: impl IntoIterator<Item = (String, String)>) {
        *self.tokens() = tokens.into_iter().collect();
    }

    fn tokens(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
