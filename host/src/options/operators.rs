//! Operator mode as the configuration asks for it (reference security 5.1).

use nervure_core::auth::jwt::OperatorClaims;

use super::{Options, ResolverOptions, TlsOptions};

/// Whose accounts count, and where they come from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OperatorOptions {
    /// Operators that are trusted.
    pub operators: Vec<OperatorClaims>,
    /// Public keys of operators that are trusted, of whom nothing else is known.
    pub trusted_keys: Vec<String>,
    /// Where accounts are looked up.
    pub resolver: Option<ResolverOptions>,
    /// TLS towards a web server that has them.
    pub resolver_tls: Option<TlsOptions>,
    /// Accounts that the resolver has from the start: public key and token.
    pub preload: Vec<(String, String)>,
    /// The only accounts whose users come in, beside the system account; empty is any.
    pub pinned: Vec<String>,
    /// The token of clients that show none.
    pub sentinel: Option<String>,
}

impl OperatorOptions {
    /// Whether logins are by token.
    pub fn is_active(&self) -> bool {
        !self.operators.is_empty() || !self.trusted_keys.is_empty()
    }

    /// The web server that the only operator names.
    pub fn account_server(&self) -> Option<ResolverOptions> {
        let [operator] = self.operators.as_slice() else { return None };
        let url = Some(&operator.nats.account_server_url).filter(|url| !url.is_empty())?;
        let slash = if url.ends_with('/') { "" } else { "/" };
        Some(ResolverOptions::Url(format!("{url}{slash}accounts/")))
    }

    /// The system account that the only operator names.
    pub fn system_account(&self) -> Option<&str> {
        match self.operators.as_slice() {
            [operator] => {
                Some(&*operator.nats.system_account).filter(|account| !account.is_empty())
            }
            _ => None,
        }
    }
}

impl Options {
    /// The system account that the file names, or the only operator.
    pub fn named_system_account(&self) -> Option<&str> {
        self.system_account.as_deref().or_else(|| self.operators.system_account())
    }
}
