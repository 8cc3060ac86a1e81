//! What operator mode goes together with, and what not (reference security 5.1). Texts and order
//! are nats-server's (observed on 2.15.1).

use nervure_core::auth::jwt::UserClaims;
use nervure_core::auth::{PublicKey, Role};

use crate::cli::NATS_VERSION;
use crate::options::{OperatorOptions, Options, ResolverOptions};

/// Operator mode that cannot be. Displays nats-server's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OperatorError {
    /// Accounts are the operators'.
    #[error("operators do not allow Accounts to be configured directly")]
    Accounts,
    /// Users are the accounts'.
    #[error("operators do not allow users to be configured directly")]
    Users,
    /// Auth callout is the accounts'.
    #[error("operators do not allow authorization callouts to be configured directly")]
    Callout,
    /// One or the other.
    #[error("conflicting options for 'TrustedKeys' and 'TrustedOperators'")]
    TrustedKeys,
    /// There is nowhere to look accounts up.
    #[error("operators require an account resolver to be configured")]
    NoResolver,
    /// The only operator does not say where, either.
    #[error(
        "could not fetch <\"/accounts/\">: Get \"/accounts/\": unsupported protocol scheme \"\""
    )]
    NoAccountServer,
    /// A web server keeps nothing for us.
    #[error("resolver preloads only available for writeable resolver types MEM/DIR/CACHE_DIR")]
    Preload,
    /// The operator says something else than the file.
    #[error("system_account in config and operator JWT must be identical")]
    SystemAccount,
    /// Servers ask each other through the system account.
    #[error(
        "using nats based account resolver - the system account needs to be specified in \
         configuration or the operator jwt"
    )]
    NoSystemAccount,
    /// The operator wants a newer server.
    #[error("operator {key} expected {part} version {wanted} > server {part} version {ours}")]
    Version {
        /// Its key.
        key: String,
        /// `major`, `minor` or `update`.
        part: &'static str,
        /// What it wants.
        wanted: u32,
        /// What this server is.
        ours: u32,
    },
    /// Not a user's token.
    #[error("default sentinel JWT not valid")]
    Sentinel,
    /// Who shows nothing signs nothing.
    #[error("default sentinel must be a bearer token")]
    SentinelSigns,
    /// There is nobody to vouch for it.
    #[error("default sentinel requires operators and accounts")]
    SentinelAlone,
    /// Not an account's key.
    #[error("pinned account key {0:?} is not a valid public account nkey")]
    Pinned(String),
    /// There are no users one of whom it could be.
    #[error("no_auth_user not compatible with Trusted Operator")]
    NoAuthUser,
}

/// Checks what concerns operator mode.
pub(super) fn check(options: &Options) -> Result<(), OperatorError> {
    let mode = &options.operators;
    if mode.operators.is_empty() {
        return match mode.sentinel {
            Some(_) => Err(OperatorError::SentinelAlone),
            None => Ok(()),
        };
    }
    resolver(mode)?;
    if !options.accounts.is_empty() {
        return Err(OperatorError::Accounts);
    }
    let auth = &options.auth;
    if !auth.nkeys.is_empty() || !auth.single_user && !auth.users.is_empty() {
        return Err(OperatorError::Users);
    }
    if auth.callout.is_some() {
        return Err(OperatorError::Callout);
    }
    if !mode.trusted_keys.is_empty() {
        return Err(OperatorError::TrustedKeys);
    }
    let named = mode.system_account().zip(options.system_account.as_deref());
    if named.is_some_and(|(operator, file)| operator != file) {
        return Err(OperatorError::SystemAccount);
    }
    if let Some(ResolverOptions::Directory(_)) = &mode.resolver
        && options.named_system_account().is_none()
    {
        return Err(OperatorError::NoSystemAccount);
    }
    sentinel(mode)?;
    versions(mode)?;
    let is_account = |key: &&String| PublicKey::parse_as(key, Role::Account).is_ok();
    if let Some(key) = mode.pinned.iter().find(|key| !is_account(key)) {
        return Err(OperatorError::Pinned(key.clone()));
    }
    match auth.no_auth_user {
        Some(_) => Err(OperatorError::NoAuthUser),
        None => Ok(()),
    }
}

/// The only operator may name a server that has the accounts.
fn resolver(mode: &OperatorOptions) -> Result<(), OperatorError> {
    match (&mode.resolver, mode.operators.as_slice()) {
        (Some(ResolverOptions::Url(_)), _) if !mode.preload.is_empty() => {
            Err(OperatorError::Preload)
        }
        (Some(_), _) => Ok(()),
        (None, [operator]) if operator.nats.account_server_url.is_empty() => {
            Err(OperatorError::NoAccountServer)
        }
        (None, [_]) => Ok(()),
        (None, _) => Err(OperatorError::NoResolver),
    }
}

fn sentinel(mode: &OperatorOptions) -> Result<(), OperatorError> {
    let Some(sentinel) = &mode.sentinel else { return Ok(()) };
    let Ok(user) = UserClaims::decode(sentinel) else { return Err(OperatorError::Sentinel) };
    let scoped = !user.nats.issuer_account.is_empty() && user.nats.limits.is_empty();
    if user.nats.limits.bearer_token || scoped { Ok(()) } else { Err(OperatorError::SentinelSigns) }
}

fn versions(mode: &OperatorOptions) -> Result<(), OperatorError> {
    let mut ours = NATS_VERSION.split('.').map(|number| number.parse().unwrap_or(0));
    let ours: [u32; 3] = std::array::from_fn(|_| ours.next().unwrap_or(0));
    for operator in &mode.operators {
        let Some(wanted) = operator.asserted_version() else { continue };
        let parts = ["major", "minor", "update"].into_iter().zip(wanted.into_iter().zip(ours));
        // The first part that differs decides.
        let first = parts.into_iter().find(|(_, (wanted, ours))| wanted != ours);
        if let Some((part, (wanted, ours))) = first
            && wanted > ours
        {
            let key = operator.sub.clone();
            return Err(OperatorError::Version { key, part, wanted, ours });
        }
    }
    Ok(())
}
