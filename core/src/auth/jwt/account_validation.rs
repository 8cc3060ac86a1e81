//! What may be wrong with an account's claims (reference security 4.9).

use super::super::nkey::{PublicKey, Role};
use super::account::{Account, AccountClaims, JetStreamLimits};
use super::activation::ActivationClaims;
use super::exports::{Export, ExportKind, Import, Sampling};
use super::scope::SigningKey;
use super::validation::{Class, Issue, blocker, overlap, subject_issue, times};
use crate::subject;

/// Octets of a description and of an address to read more at.
const MAX_TEXT: usize = 8 * 1024;

impl AccountClaims {
    /// What is wrong with them.
    pub fn validate(&self, now: i64) -> Vec<Issue> {
        let mut issues = times(self, now);
        let account = &self.nats;
        for import in &account.imports {
            validate_import(import, &self.sub, now, &mut issues);
        }
        for (at, import) in account.imports.iter().enumerate() {
            overlapping_imports(import, &account.imports[..at], &mut issues);
        }
        for (at, export) in account.exports.iter().enumerate() {
            validate_export(export, &mut issues);
            overlapping_exports(export, &account.exports[..at], &mut issues);
        }
        validate_limits(account, &mut issues);
        for key in &account.signing_keys {
            validate_signing_key(key, &mut issues);
        }
        account.default_permissions.validate(&mut issues);
        validate_mappings(account, &mut issues);
        validate_callout(account, &mut issues);
        validate_trace(account, &mut issues);
        texts(&account.description, &account.info_url, &mut issues);
        issues
    }
}

fn is_account(key: &str) -> bool {
    PublicKey::parse_as(key, Role::Account).is_ok()
}

fn texts(description: &str, url: &str, issues: &mut Vec<Issue>) {
    for (what, text) in [("description", description), ("info_url", url)] {
        if text.len() > MAX_TEXT {
            let length = text.len();
            issues.push(Issue::blocking(format!(
                "{what} has {length} octets; {MAX_TEXT} are allowed"
            )));
        }
    }
}

fn validate_import(import: &Import, importer: &str, now: i64, issues: &mut Vec<Issue>) {
    let Import { subject, account, to, local_subject, kind, .. } = import;
    let Some(kind) = *kind else {
        issues.push(Issue::blocking(format!("invalid import type: {subject:?} has none")));
        return;
    };
    if !is_account(account) {
        let text =
            format!("account {account:?} of import {subject:?} is not an account public key");
        issues.push(Issue::blocking(text));
    }
    issues.extend(subject_issue("import subject", subject));
    if !local_subject.is_empty() {
        issues.extend(subject_issue("local subject of an import", local_subject));
        if !to.is_empty() {
            let text = format!("import {subject:?} has both to and local_subject");
            issues.push(Issue::blocking(text));
        }
        local_wildcards(subject, local_subject, issues);
    }
    if !to.is_empty() {
        issues.extend(subject_issue("to of an import", to));
        issues.push(Issue::warning(format!("import {subject:?} has to, which is deprecated")));
    }
    if import.share && kind != ExportKind::Service {
        let text = format!("sharing information is for services only: import {subject:?}");
        issues.push(Issue::blocking(text));
    }
    if import.allow_trace && kind != ExportKind::Stream {
        let text = format!("allow_trace is for imported streams only: import {subject:?}");
        issues.push(Issue::blocking(text));
    }
    if !import.token.is_empty() {
        validate_activation(import, kind, importer, now, issues);
    }
}

/// A local subject has all wildcards of the exporter's, in any order, as `$1` and so on or as
/// they are.
fn local_wildcards(exported: &str, local: &str, issues: &mut Vec<Issue>) {
    let wanted = exported.split('.').filter(|token| *token == "*").count();
    let references: Vec<usize> =
        local.split('.').filter_map(|token| token.strip_prefix('$')?.parse().ok()).collect();
    let stars = local.split('.').filter(|token| *token == "*").count();
    let whole = |subject: &str| subject.split('.').next_back() == Some(">");
    let each_once = (1..=wanted).all(|number| references.contains(&number));
    let is_good = if references.is_empty() {
        stars == wanted
    } else {
        stars == 0 && each_once && references.iter().all(|number| (1..=wanted).contains(number))
    };
    if !is_good || whole(exported) != whole(local) {
        let text = format!("local subject {local:?} does not have all wildcards of {exported:?}");
        issues.push(Issue::blocking(text));
    }
}

fn validate_activation(
    import: &Import,
    kind: ExportKind,
    importer: &str,
    now: i64,
    issues: &mut Vec<Issue>,
) {
    let subject = &import.subject;
    let Ok(activation) = ActivationClaims::decode(&import.token) else {
        let text = format!("import {subject:?} contains an invalid activation token");
        issues.push(Issue::blocking(text));
        return;
    };
    if activation.exporter() != import.account {
        let text = format!("activation token doesn't match account for import {subject:?}");
        issues.push(Issue::blocking(text));
    }
    if activation.sub != importer {
        let text =
            format!("activation token doesn't match account it is being included in, {subject:?}");
        issues.push(Issue::blocking(text));
    }
    if activation.nats.kind.is_some_and(|activated| activated != kind) {
        let text = format!("activation token of import {subject:?} is not for a {}", kind.name());
        issues.push(Issue::blocking(text));
    }
    let found = activation.validate(now);
    issues.extend(found.iter().cloned());
    if blocker(&found, Class::Blocking).is_some() {
        return;
    }
    let (exported, activated) = (import.exported_subject(), &activation.nats.subject);
    if !subject::covers(activated.as_bytes(), exported.as_bytes()) {
        let text = format!(
            "activation token import subject {activated:?} doesn't match import {exported:?}"
        );
        issues.push(Issue::blocking(text));
    }
}

fn overlapping_imports(import: &Import, earlier: &[Import], issues: &mut Vec<Issue>) {
    let is_service = |import: &Import| import.kind == Some(ExportKind::Service);
    if !is_service(import) {
        return;
    }
    let here = import.service_subject();
    for other in earlier {
        let there = other.service_subject();
        let same = is_service(other) && other.account == import.account;
        if same && overlap(here, there) {
            let text = format!("overlapping subject namespace for {here:?} and {there:?}");
            issues.push(Issue::blocking(text));
        }
    }
}

fn validate_export(export: &Export, issues: &mut Vec<Issue>) {
    let subject = &export.subject;
    let Some(kind) = export.kind else {
        issues.push(Issue::blocking(format!("invalid export type: {subject:?} has none")));
        return;
    };
    issues.extend(subject_issue("export subject", subject));
    if kind == ExportKind::Stream {
        let only_services = [
            ("response_type", export.response_type != super::ResponseType::Singleton),
            ("response_threshold", export.response_threshold != 0),
            ("service_latency", export.service_latency.is_some()),
            ("allow_trace", export.allow_trace),
        ];
        for (name, _) in only_services.iter().filter(|(_, is_set)| *is_set) {
            let text = format!("{name} is for services only: export {subject:?}");
            issues.push(Issue::blocking(text));
        }
    }
    if export.response_threshold < 0 {
        let text = format!("response_threshold of export {subject:?} is negative");
        issues.push(Issue::blocking(text));
    }
    if let Some(latency) = &export.service_latency {
        if matches!(latency.sampling, Sampling::Percent(percent) if !(1..=100).contains(&percent)) {
            let text = format!("sampling of export {subject:?} is not between 1 and 100");
            issues.push(Issue::blocking(text));
        }
        let results = &latency.results;
        issues.extend(subject_issue("results of a service latency", results));
        if !subject::is_literal(results.as_bytes()) {
            let text = format!("results of a service latency, {results:?}, have a wildcard");
            issues.push(Issue::blocking(text));
        }
    }
    for key in export.revocations.0.keys().filter(|key| *key != "*" && !is_account(key)) {
        let text = format!("revocation {key:?} of export {subject:?} is not an account public key");
        issues.push(Issue::blocking(text));
    }
    if export.account_token_position > 0 {
        let at = export.account_token_position as usize - 1;
        if subject.split('.').nth(at) != Some("*") {
            let text = format!(
                "account token position {} of export {subject:?} is not a wildcard",
                export.account_token_position
            );
            issues.push(Issue::blocking(text));
        }
    }
    texts(&export.description, &export.info_url, issues);
}

fn overlapping_exports(export: &Export, earlier: &[Export], issues: &mut Vec<Issue>) {
    for other in earlier.iter().filter(|other| other.kind == export.kind) {
        if overlap(&export.subject, &other.subject) {
            let (one, two) = (&other.subject, &export.subject);
            let kind = export.kind.map_or("", ExportKind::name);
            let text = format!("{kind} export subject {two:?} already exports {one:?}");
            issues.push(Issue::blocking(text));
        }
    }
}

fn validate_limits(account: &Account, issues: &mut Vec<Issue>) {
    let limits = &account.limits;
    let counts = [
        ("imports", account.imports.len(), limits.imports),
        ("exports", account.exports.len(), limits.exports),
    ];
    for (what, count, limit) in counts {
        if u64::try_from(limit).is_ok_and(|limit| count as u64 > limit) {
            issues
                .push(Issue::blocking(format!("the account has {count} {what}; limit is {limit}")));
        }
    }
    if limits.exports >= 0 && !limits.wildcards {
        let is_wild = |export: &&Export| !subject::is_literal(export.subject.as_bytes());
        for export in account.exports.iter().filter(is_wild) {
            let text = format!("the account may not have wildcard exports: {:?}", export.subject);
            issues.push(Issue::blocking(text));
        }
    }
    if !limits.tiered_limits.is_empty() && limits.jetstream != JetStreamLimits::default() {
        issues.push(Issue::blocking("JetStream limits and tiered limits exclude each other"));
    }
}

fn validate_signing_key(key: &SigningKey, issues: &mut Vec<Issue>) {
    let text = key.key();
    if !is_account(text) {
        issues.push(Issue::blocking(format!("{text:?} is not an account public key")));
    }
}

fn validate_mappings(account: &Account, issues: &mut Vec<Issue>) {
    for (from, to) in &account.mappings {
        issues.extend(subject_issue("mapping subject", from));
        let mut totals: Vec<(&str, u32)> = Vec::new();
        for mapping in to {
            issues.extend(subject_issue("mapping destination", &mapping.subject));
            let weight = if mapping.weight == 0 { 100 } else { u32::from(mapping.weight) };
            if weight > 100 {
                let text = format!("mapping {from:?} has weight {weight}, more than 100");
                issues.push(Issue::blocking(text));
            }
            match totals.iter_mut().find(|(cluster, _)| *cluster == mapping.cluster) {
                Some((_, total)) => *total += weight,
                None => totals.push((&mapping.cluster, weight)),
            }
        }
        for (cluster, total) in totals.iter().filter(|(_, total)| *total > 100) {
            let text = format!("mapping {from:?} has weight {total} in all in cluster {cluster:?}");
            issues.push(Issue::blocking(text));
        }
    }
}

fn validate_callout(account: &Account, issues: &mut Vec<Issue>) {
    let callout = &account.authorization;
    for user in &callout.auth_users {
        if PublicKey::parse_as(user, Role::User).is_err() {
            let text = format!("auth user {user:?} is not a user public key");
            issues.push(Issue::blocking(text));
        }
    }
    if callout.auth_users.is_empty() && !callout.allowed_accounts.is_empty() {
        let text = "external authorization needs auth_users where there are allowed_accounts";
        issues.push(Issue::blocking(text));
    }
    for allowed in &callout.allowed_accounts {
        if allowed == "*" {
            if callout.allowed_accounts.len() > 1 {
                issues.push(Issue::blocking("allowed account \"*\" has to be the only one"));
            }
        } else if !is_account(allowed) {
            let text = format!("allowed account {allowed:?} is not an account public key");
            issues.push(Issue::blocking(text));
        }
    }
    let xkey = &callout.xkey;
    if !xkey.is_empty() && PublicKey::parse_as(xkey, Role::Curve).is_err() {
        issues.push(Issue::blocking(format!("xkey {xkey:?} is not a public curve key")));
    }
}

fn validate_trace(account: &Account, issues: &mut Vec<Issue>) {
    let Some(trace) = &account.trace else { return };
    issues.extend(subject_issue("trace destination", &trace.dest));
    if !subject::is_literal(trace.dest.as_bytes()) {
        issues.push(Issue::blocking(format!("trace destination {:?} has a wildcard", trace.dest)));
    }
    if !(0..=100).contains(&trace.sampling) {
        let text = format!("trace sampling {} is not between 1 and 100", trace.sampling);
        issues.push(Issue::blocking(text));
    }
}
