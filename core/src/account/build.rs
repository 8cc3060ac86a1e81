//! From what accounts declare to rules that fit together: every import has an export that allows
//! it, and nothing goes round in circles (reference security 7.3 to 7.5).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::renaming::RenamingError;
use super::rules::{Accounts, Rules, ServiceImport, StreamImport};
use super::{
    AccountId, Declaration, Export, ExportKind, GLOBAL, Import, ImportKind, Registry, Renaming,
    SenderIdentity, cycles,
};
use crate::shard::Shared;
use crate::subject::{self, Kind};

/// An import or export that cannot be, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountError {
    /// The account that declares it.
    pub account: String,
    /// Which of its imports, counted from zero; `None` when it is an export.
    pub import: Option<usize>,
    /// What is wrong with it.
    pub reason: Box<Reason>,
}

impl AccountError {
    fn of_import(declared: &Declaration, at: usize, reason: Reason) -> Self {
        let (account, reason) = (declared.name.clone(), Box::new(reason));
        Self { account, import: Some(at), reason }
    }
}

impl core::fmt::Display for AccountError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.reason.fmt(f)
    }
}

impl core::error::Error for AccountError {}

/// What is wrong with an import or export. Displays nats-server's texts (observed on 2.15.1).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The exporter does not exist.
    #[error("{account:?} account not defined for {kind} import")]
    UnknownAccount {
        /// Its name.
        account: String,
        /// `stream` or `service`.
        kind: &'static str,
    },
    /// An exported subject is not valid, or its account token is no wildcard.
    #[error("Error adding {kind} export {subject:?}: sublist: invalid subject")]
    InvalidExport {
        /// `stream` or `service`.
        kind: &'static str,
        /// The subject.
        subject: String,
    },
    /// No export allows it.
    #[error("Error adding {kind} import {subject:?}: {kind} import not authorized")]
    NotAuthorized {
        /// `stream` or `service`.
        kind: &'static str,
        /// The exporter's subject.
        subject: String,
    },
    /// The prefix has wildcards.
    #[error(
        "Error adding stream import {0:?}: stream import prefix can not contain wildcard tokens"
    )]
    WildcardPrefix(String),
    /// The same subject of the same account is imported twice.
    #[error("Error adding stream import {0:?}: stream import already exists")]
    Twice(String),
    /// Its messages would come back.
    #[error("Error adding {kind} import {subject:?}: import forms a cycle")]
    Cycle {
        /// `stream` or `service`.
        kind: &'static str,
        /// The exporter's subject.
        subject: String,
    },
    /// The local name does not fit the subject.
    #[error(
        "Error adding {kind} import {subject:?}: failed to create mapping transform for {kind} import subject from {from:?} to {to:?}: {why}"
    )]
    Renaming {
        /// `stream` or `service`.
        kind: &'static str,
        /// The exporter's subject.
        subject: String,
        /// What a message comes as.
        from: String,
        /// What it goes on as.
        to: String,
        /// Why.
        why: RenamingError,
    },
    /// Another service of the same account has the local name already.
    #[error(
        "Duplicate service import subject {local:?}, previously used in import for account {account:?}, subject {subject:?}"
    )]
    DuplicateService {
        /// The local name.
        local: String,
        /// The exporter of the one before.
        account: String,
        /// Its subject.
        subject: String,
    },
}

impl Accounts {
    /// The accounts that `declarations` make together. [`GLOBAL`] and the system account, which is
    /// called `system`, are there even if they are not declared.
    ///
    /// # Errors
    /// At the first import or export that cannot be.
    pub fn build(
        shared: &Shared,
        declarations: &[Declaration],
        system: Option<&str>,
    ) -> Result<Self, AccountError> {
        let names: HashMap<&str, &Declaration> =
            declarations.iter().map(|declared| (&*declared.name, declared)).collect();
        let find = |name: &str| names.get(name).copied();
        let builder = Builder { registry: &shared.accounts, declared: &find, now: 0 };
        let plain = |name: &str| Declaration { name: name.to_owned(), ..Declaration::default() };
        let undeclared: Vec<Declaration> = [Some(GLOBAL), system]
            .into_iter()
            .flatten()
            .filter(|name| !names.contains_key(name))
            .map(plain)
            .collect();
        let all: Vec<&Declaration> = declarations.iter().chain(&undeclared).collect();
        for declared in &all {
            builder.check_exports(declared)?;
        }
        let rules: Result<Vec<Rules>, AccountError> =
            all.iter().map(|declared| builder.rules(declared, &mut Err)).collect();
        let mut rules = rules?;
        // Messages cross accounts, and what one account believes no other may forge.
        if all.iter().any(|declared| declared.sender_identity != SenderIdentity::default()) {
            for (rules, declared) in rules.iter_mut().zip(&all) {
                rules.sender_identity = Some(declared.sender_identity);
            }
        }
        cycles::check(&rules)?;
        let system = system.map(|name| shared.accounts.named(name).id);
        Ok(Self::new(rules, system))
    }
}

/// Makes [`Rules`] of [`Declaration`]s.
pub(super) struct Builder<'a> {
    pub(super) registry: &'a Registry,
    /// What is declared under a name.
    pub(super) declared: &'a dyn Fn(&str) -> Option<&'a Declaration>,
    /// Activations have to be good at this unix second.
    pub(super) now: i64,
}

/// An import that fits.
enum Fitted {
    Stream(StreamImport),
    Service(ServiceImport),
}

/// What to do about an import that does not fit: go on without it, or give up.
pub(super) type Unfit<'a> = dyn FnMut(AccountError) -> Result<(), AccountError> + 'a;

impl Builder<'_> {
    fn id(&self, name: &str) -> AccountId {
        self.registry.named(name).id
    }

    fn check_exports(&self, declared: &Declaration) -> Result<(), AccountError> {
        for export in &declared.exports {
            let token = export.account_token_position.map(|position| {
                let at = (position as usize).wrapping_sub(1);
                subject::tokens(export.subject.as_bytes()).nth(at)
            });
            // As nats-server, which looks at the subject for the token's sake only.
            let valid = token.is_none()
                || subject::kind(export.subject.as_bytes()) != Kind::Invalid
                    && token.is_none_or(|token| token == Some(subject::ANY_ONE));
            if !valid {
                let (kind, subject) = (export.kind.name(), export.subject.clone());
                let reason = Reason::InvalidExport { kind, subject };
                let reason = Box::new(reason);
                return Err(AccountError { account: declared.name.clone(), import: None, reason });
            }
        }
        Ok(())
    }

    /// The rules of an account, with the imports that fit.
    pub(super) fn rules(
        &self,
        declared: &Declaration,
        unfit: &mut Unfit<'_>,
    ) -> Result<Rules, AccountError> {
        let mut rules = Rules {
            id: self.id(&declared.name),
            name: declared.name.as_str().into(),
            limits: declared.limits,
            mappings: declared.mappings.clone(),
            expires: declared.expires,
            default_permissions: declared.default_permissions.clone(),
            claims: declared.claims.clone(),
            sender_identity: Some(declared.sender_identity)
                .filter(|asked| *asked != SenderIdentity::default()),
            ..Rules::default()
        };
        let mut streams = HashSet::new();
        let mut services: HashMap<(AccountId, String), &Import> = HashMap::new();
        // Streams first, as nats-server does.
        let (streams_first, services_then): (Vec<_>, Vec<_>) =
            declared.imports.iter().enumerate().partition(|(_, import)| import.is_stream());
        for (at, import) in streams_first.into_iter().chain(services_then) {
            let fitted = self.fit(declared, import).and_then(|fitted| match fitted {
                Fitted::Service(service) => {
                    let local = service.renaming.local().to_owned();
                    if let Some(before) = services.insert((service.exporter, local.clone()), import)
                    {
                        let (account, subject) = (before.account.clone(), before.subject.clone());
                        return Err(Reason::DuplicateService { local, account, subject });
                    }
                    rules.services.push(Arc::new(service));
                    Ok(())
                }
                Fitted::Stream(stream) => {
                    if !streams.insert((stream.exporter, import.subject.clone())) {
                        return Err(Reason::Twice(import.subject.clone()));
                    }
                    rules.streams.push(Arc::new(stream));
                    Ok(())
                }
            });
            if let Err(reason) = fitted {
                unfit(AccountError::of_import(declared, at, reason))?;
            }
        }
        Ok(rules)
    }

    /// Holds an import against the export that it is of.
    fn fit(&self, declared: &Declaration, import: &Import) -> Result<Fitted, Reason> {
        let (subject, kind) = (import.subject.clone(), import.kind.name());
        let exporter = (self.declared)(&import.account);
        let Some(exporter) = exporter.filter(|exporter| exporter.name != GLOBAL) else {
            return Err(Reason::UnknownAccount { account: import.account.clone(), kind });
        };
        let export = exporter.export_for(&declared.name, import);
        let activated = |export: &&Export| self.is_activated(export, exporter, declared, import);
        let Some(export) = export.filter(activated) else {
            return Err(Reason::NotAuthorized { kind, subject });
        };
        let to = import.local_name()?;
        let renaming = Renaming::new(&subject, &to).map_err(|why| {
            // Streams come, requests go.
            let (from, to) = match import.kind {
                ImportKind::Stream { .. } => (subject.clone(), to.clone()),
                ImportKind::Service { .. } => (to.clone(), subject.clone()),
            };
            Reason::Renaming { kind, subject: subject.clone(), from, to, why }
        })?;
        let exporter = self.id(&exporter.name);
        Ok(match (&import.kind, &export.kind) {
            (ImportKind::Service { share, .. }, ExportKind::Service(terms)) => {
                let number = self.registry.number_import();
                let (share, terms) = (*share, terms.clone());
                Fitted::Service(ServiceImport { number, exporter, renaming, share, terms })
            }
            _ => Fitted::Stream(StreamImport { exporter, renaming }),
        })
    }

    /// Whether an import has the activation that its export may ask for (reference security 9.6).
    fn is_activated(
        &self,
        export: &Export,
        exporter: &Declaration,
        importer: &Declaration,
        import: &Import,
    ) -> bool {
        let Some(revocations) = &export.activation else { return true };
        let (Some(activation), Some(claims)) = (&import.activation, &exporter.claims) else {
            return false;
        };
        let signers = &claims.claims().nats.signing_keys;
        let kind = activation.nats.kind.map(|kind| kind.name());
        activation.exporter() == exporter.name
            && (activation.iss == exporter.name
                || signers.iter().any(|signer| signer.key() == activation.iss))
            && activation.sub == importer.name
            && kind == Some(import.kind.name())
            && subject::covers(activation.nats.subject.as_bytes(), import.subject.as_bytes())
            && !activation.is_expired(self.now)
            && !activation.is_early(self.now)
            && !revocations.revoke(&importer.name, activation.iat)
    }
}

impl Declaration {
    /// The export that lets `importer` have what `import` says. One of exactly that subject
    /// decides; without it, any that covers it.
    fn export_for(&self, importer: &str, import: &Import) -> Option<&Export> {
        let of_kind = |export: &&Export| export.kind.name() == import.kind.name();
        let allows = |export: &&Export| export.allows(importer, &import.subject);
        let mut exports = self.exports.iter().filter(of_kind);
        match exports.clone().find(|export| export.subject == import.subject) {
            Some(exact) => Some(exact).filter(allows),
            None => exports.find(|export| {
                subject::is_valid_subscribe(import.subject.as_bytes())
                    && subject::covers(export.subject.as_bytes(), import.subject.as_bytes())
                    && allows(export)
            }),
        }
    }
}

impl Export {
    fn allows(&self, importer: &str, subject: &str) -> bool {
        let listed = self.accounts.is_empty() || self.accounts.iter().any(|name| name == importer);
        let named = self.account_token_position.is_none_or(|position| {
            let at = (position as usize).wrapping_sub(1);
            subject::tokens(subject.as_bytes()).nth(at) == Some(importer.as_bytes())
        });
        listed && named
    }
}

impl ExportKind {
    /// `stream` or `service`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Service(_) => "service",
        }
    }
}

impl ImportKind {
    /// `stream` or `service`.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Stream { .. } => "stream",
            Self::Service { .. } => "service",
        }
    }
}

impl Import {
    fn is_stream(&self) -> bool {
        matches!(self.kind, ImportKind::Stream { .. })
    }

    /// The local name, with its placeholders.
    fn local_name(&self) -> Result<String, Reason> {
        let (prefix, to) = match &self.kind {
            ImportKind::Stream { prefix, to } => (prefix.as_deref(), to),
            ImportKind::Service { to, .. } => (None, to),
        };
        match (prefix, to) {
            (Some(prefix), _) if subject::kind(prefix.as_bytes()) != Kind::Literal => {
                Err(Reason::WildcardPrefix(self.subject.clone()))
            }
            (Some(prefix), _) => Ok(format!("{prefix}.{}", self.subject)),
            (None, Some(to)) => Ok(to.clone()),
            (None, None) => Ok(self.subject.clone()),
        }
    }
}
