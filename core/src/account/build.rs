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
        let builder = Builder {
            registry: &shared.accounts,
            names: declarations.iter().map(|declared| (&*declared.name, declared)).collect(),
        };
        let plain = |name: &str| Declaration { name: name.to_owned(), ..Declaration::default() };
        let undeclared: Vec<Declaration> = [Some(GLOBAL), system]
            .into_iter()
            .flatten()
            .filter(|name| !builder.names.contains_key(name))
            .map(plain)
            .collect();
        let all: Vec<&Declaration> = declarations.iter().chain(&undeclared).collect();
        for declared in &all {
            builder.check_exports(declared)?;
        }
        let rules: Result<Vec<Rules>, AccountError> =
            all.iter().map(|declared| builder.rules(declared)).collect();
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

struct Builder<'a> {
    registry: &'a Registry,
    names: HashMap<&'a str, &'a Declaration>,
}

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

    fn rules(&self, declared: &Declaration) -> Result<Rules, AccountError> {
        let mut rules = Rules {
            id: self.id(&declared.name),
            name: declared.name.as_str().into(),
            limits: declared.limits,
            mappings: declared.mappings.clone(),
            expires: declared.expires,
            ..Rules::default()
        };
        let mut streams = HashSet::new();
        let mut services: HashMap<(AccountId, String), &Import> = HashMap::new();
        // Streams first, as nats-server does.
        let (streams_first, services_then): (Vec<_>, Vec<_>) =
            declared.imports.iter().enumerate().partition(|(_, import)| import.is_stream());
        for (at, import) in streams_first.into_iter().chain(services_then) {
            let failed = |reason| AccountError::of_import(declared, at, reason);
            let (subject, kind) = (import.subject.clone(), import.kind.name());
            let exporter = self.names.get(import.account.as_str());
            let Some(exporter) = exporter.filter(|exporter| exporter.name != GLOBAL) else {
                let account = import.account.clone();
                return Err(failed(Reason::UnknownAccount { account, kind }));
            };
            let Some(export) = exporter.export_for(&declared.name, import) else {
                return Err(failed(Reason::NotAuthorized { kind, subject }));
            };
            let to = import.local_name().map_err(failed)?;
            let renaming = Renaming::new(&subject, &to);
            let renaming = renaming.map_err(|why| {
                // Streams come, requests go.
                let (from, to) = match import.kind {
                    ImportKind::Stream { .. } => (subject.clone(), to.clone()),
                    ImportKind::Service { .. } => (to.clone(), subject.clone()),
                };
                failed(Reason::Renaming { kind, subject: subject.clone(), from, to, why })
            })?;
            let exporter = self.id(&exporter.name);
            match (&import.kind, &export.kind) {
                (ImportKind::Service { share, .. }, ExportKind::Service(terms)) => {
                    let local = (exporter, renaming.local().to_owned());
                    if let Some(before) = services.insert(local, import) {
                        return Err(failed(Reason::DuplicateService {
                            local: renaming.local().to_owned(),
                            account: before.account.clone(),
                            subject: before.subject.clone(),
                        }));
                    }
                    rules.services.push(Arc::new(ServiceImport {
                        number: self.registry.number_import(),
                        exporter,
                        renaming,
                        share: *share,
                        terms: terms.clone(),
                    }));
                }
                _ => {
                    if !streams.insert((exporter, subject.clone())) {
                        return Err(failed(Reason::Twice(subject)));
                    }
                    rules.streams.push(Arc::new(StreamImport { exporter, renaming }));
                }
            }
        }
        Ok(rules)
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
