//! The accounts that options ask for, as the core checks and uses them.

use std::sync::Arc;

use nervure_core::account::{
    AccountError, AccountLimits, Accounts, Declaration, Export, ExportKind, GLOBAL, Import,
    ImportKind, Latency, ResponseKind, SYSTEM, Sampling, Service,
};
use nervure_core::shard::Shared;
use nervure_core::subject::mappings::{Mapping, Mappings};

use super::{Options, accounts as declared};

impl Options {
    /// The accounts of a server.
    ///
    /// # Errors
    /// When imports and exports do not fit together.
    pub(crate) fn build_accounts(&self, shared: &Shared) -> Result<Accounts, AccountError> {
        let mut all = vec![Declaration {
            name: GLOBAL.to_owned(),
            mappings: mappings(&self.mappings, self),
            sender_identity: self.sender_identity,
            ..Declaration::default()
        }];
        all.extend(self.accounts.iter().map(|account| declaration(account, self)));
        Accounts::build(shared, &all, self.system_account_name())
    }

    /// The name of the system account (reference security 7.2).
    pub(crate) fn system_account_name(&self) -> Option<&str> {
        let default = (!self.no_system_account).then_some(SYSTEM);
        self.named_system_account().or(default)
    }

    /// Whether clients that show nothing are let into the global account all the same: there is no
    /// other but the system account, which alone has users (reference security 7.2).
    pub(crate) fn lets_anonymous_in(&self) -> bool {
        let system = self.system_account_name();
        let auth = &self.auth;
        let of_system =
            |account: &Option<String>| account.is_some() && account.as_deref() == system;
        system.is_some()
            && !self.operators.is_active()
            && self.accounts.iter().all(|account| Some(&*account.name) == system)
            && auth.no_auth_user.is_none()
            && !auth.block
            && auth.users.iter().all(|user| of_system(&user.account))
            && auth.nkeys.iter().all(|nkey| of_system(&nkey.account))
    }
}

fn declaration(account: &declared::AccountOptions, options: &Options) -> Declaration {
    let limits = &account.limits;
    Declaration {
        name: account.name.clone(),
        limits: AccountLimits {
            connections: limits.max_connections,
            subscriptions: limits.max_subscriptions,
            payload: limits.max_payload,
            leafnodes: limits.max_leafnodes,
        },
        mappings: mappings(&account.mappings, options),
        sender_identity: account.sender_identity.unwrap_or(options.sender_identity),
        expires: None,
        exports: account.exports.iter().map(export).collect(),
        imports: account.imports.iter().map(import).collect(),
        default_permissions: None,
        claims: None,
    }
}

fn export(export: &declared::ExportOptions) -> Export {
    Export {
        subject: export.subject.clone(),
        kind: match &export.kind {
            declared::ExportKind::Stream => ExportKind::Stream,
            declared::ExportKind::Service(terms) => ExportKind::Service(service(terms)),
        },
        accounts: export.accounts.clone(),
        account_token_position: export.account_token_position,
        activation: None,
    }
}

fn service(terms: &declared::ServiceOptions) -> Service {
    let latency = terms.latency.as_ref().map(|latency| Latency {
        subject: latency.subject.clone(),
        sampling: match latency.sampling {
            declared::Sampling::Percent(percent) => Sampling::Percent(percent),
            declared::Sampling::Headers => Sampling::Headers,
        },
    });
    Service {
        response: match terms.response {
            declared::Response::Singleton => ResponseKind::Singleton,
            declared::Response::Stream | declared::Response::Chunked => ResponseKind::Stream,
        },
        threshold: terms.threshold.unwrap_or(Service::default().threshold),
        latency,
    }
}

fn import(import: &declared::ImportOptions) -> Import {
    Import {
        account: import.account.clone(),
        subject: import.subject.clone(),
        kind: match &import.kind {
            declared::ImportKind::Stream { prefix, to, .. } => {
                ImportKind::Stream { prefix: prefix.clone(), to: to.clone() }
            }
            declared::ImportKind::Service { to, share } => {
                ImportKind::Service { to: to.clone(), share: *share }
            }
        },
        activation: None,
    }
}

/// A table of mappings, if there are any.
fn mappings(mappings: &[Mapping], options: &Options) -> Option<Arc<Mappings>> {
    let cluster = options.cluster_name.as_deref().unwrap_or_default();
    (!mappings.is_empty()).then(|| Arc::new(Mappings::new(mappings, cluster)))
}
