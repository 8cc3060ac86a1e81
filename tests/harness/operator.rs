//! A server in operator mode: an operator, a system account and an account, made anew for each
//! test, and users of theirs.
//!
//! Keys are made from fixed octets, so that a failing conversation can be read and repeated.

use std::time::{SystemTime, UNIX_EPOCH};

use nervure_core::auth::jwt::{
    Account, AccountClaims, AccountLimits, Operator, OperatorClaims, User, UserClaims, UserLimits,
};
use nervure_core::auth::{Role, Seed, Signer, signature_text};
use serde_json::json;

use crate::Session;

/// Who signs what. Change the claims before the configuration is asked for.
#[derive(Clone, Debug)]
pub struct OperatorMode {
    /// The operator, who signs himself.
    pub operator: OperatorClaims,
    /// The operator's own key.
    pub operator_key: Signer,
    /// His signing key, which signs the accounts.
    pub signing_key: Signer,
    /// The system account.
    pub system: AccountClaims,
    /// Its own key.
    pub system_key: Signer,
    /// The account.
    pub account: AccountClaims,
    /// Its own key.
    pub account_key: Signer,
    /// Further accounts.
    pub others: Vec<AccountClaims>,
}

/// The key pair of `role` that belongs to `number`.
///
/// # Panics
/// For a curve key, which signs nothing.
#[must_use]
pub fn key_pair(role: Role, number: u8) -> Signer {
    Signer::new(Seed::new(role, [number; 32])).expect("a key that signs")
}

/// Seconds since 1970.
///
/// # Panics
/// Before that.
#[must_use]
pub fn unix_now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    since.as_secs().try_into().expect("seconds fit")
}

impl OperatorMode {
    /// An operator with a signing key, and two accounts that may have everything.
    #[must_use]
    pub fn new() -> Self {
        let (operator_key, signing_key) =
            (key_pair(Role::Operator, 1), key_pair(Role::Operator, 2));
        let (system_key, account_key) = (key_pair(Role::Account, 3), key_pair(Role::Account, 4));
        let operator = OperatorClaims {
            sub: operator_key.public().to_string(),
            name: "OP".to_owned(),
            iat: unix_now(),
            nats: Operator {
                signing_keys: vec![signing_key.public().to_string()],
                system_account: system_key.public().to_string(),
                ..Operator::default()
            },
            ..OperatorClaims::default()
        };
        let (system, account) =
            (Self::account("SYS", &system_key), Self::account("ACC", &account_key));
        Self {
            operator,
            operator_key,
            signing_key,
            system,
            system_key,
            account,
            account_key,
            others: Vec::new(),
        }
    }

    /// An account that may have everything.
    #[must_use]
    pub fn account(name: &str, key: &Signer) -> AccountClaims {
        AccountClaims {
            sub: key.public().to_string(),
            name: name.to_owned(),
            iat: unix_now(),
            nats: Account { limits: AccountLimits::unlimited(), ..Account::default() },
            ..AccountClaims::default()
        }
    }

    /// The configuration: the operator inline, and all accounts preloaded.
    ///
    /// # Panics
    /// When claims cannot be signed.
    #[must_use]
    pub fn config(&self) -> String {
        let operator = self.operator.encode(&self.operator_key).expect("an operator's claims");
        let accounts = [&self.system, &self.account].into_iter().chain(&self.others);
        let accounts = accounts.map(|claims| {
            let token = claims.encode(&self.signing_key).expect("an account's claims");
            format!("  {}: {token}\n", claims.sub)
        });
        let accounts: String = accounts.collect();
        format!("operator: {operator}\nresolver: MEMORY\nresolver_preload: {{\n{accounts}}}\n")
    }

    /// User `number` of the account, without limits.
    #[must_use]
    pub fn user(&self, number: u8) -> UserClaims {
        let limits = UserLimits { subs: -1, data: -1, payload: -1, ..UserLimits::default() };
        UserClaims {
            sub: key_pair(Role::User, number).public().to_string(),
            name: format!("user{number}"),
            iat: unix_now(),
            nats: User { limits, ..User::default() },
            ..UserClaims::default()
        }
    }
}

impl Default for OperatorMode {
    fn default() -> Self {
        Self::new()
    }
}

/// Members of a CONNECT: the token, and this connection's nonce signed with `key`.
///
/// # Panics
/// When INFO has no nonce.
#[must_use]
pub fn credentials(session: &Session, token: &str, key: &Signer) -> String {
    let nonce = session.info()["nonce"].as_str().expect("INFO asks for a signature");
    let sig = signature_text(&key.sign(nonce.as_bytes()));
    let members = json!({ "jwt": token, "sig": sig, "protocol": 1 }).to_string();
    members.trim_matches(['{', '}']).to_owned()
}
