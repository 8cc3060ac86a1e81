//! Imports that would lead messages back to where they came from (reference security 7.5).

use std::collections::{HashMap, HashSet};

use super::build::{AccountError, Reason};
use super::{AccountId, Renaming, Rules};
use crate::subject::collide;

/// The imports of one kind that an account has: whose, and under which names.
pub(super) type Imports<'a> = dyn Fn(AccountId) -> Vec<(AccountId, &'a Renaming)> + 'a;

/// Refuses the first import that closes a circle.
pub(super) fn check(all: &[Rules]) -> Result<(), AccountError> {
    let by_id: HashMap<AccountId, &Rules> = all.iter().map(|rules| (rules.id, rules)).collect();
    for kind in ["service", "stream"] {
        let imports = |id| by_id.get(&id).map_or_else(Vec::new, |rules| rules.imports(kind));
        check_kind(all, kind, &imports)?;
    }
    Ok(())
}

fn check_kind<'a>(
    all: &'a [Rules],
    kind: &'static str,
    imports: &Imports<'a>,
) -> Result<(), AccountError> {
    for rules in all {
        for (exporter, renaming) in rules.imports(kind) {
            if comes_back(rules.id, exporter, renaming, imports) {
                let subject = renaming.exporter().to_owned();
                return Err(AccountError {
                    account: rules.name.to_string(),
                    import: None,
                    reason: Box::new(Reason::Cycle { kind, subject }),
                });
            }
        }
    }
    Ok(())
}

/// Whether what `importer` has of `exporter` leads, by imports of overlapping subjects, back to
/// the importer.
pub(super) fn comes_back<'a>(
    importer: AccountId,
    exporter: AccountId,
    renaming: &'a Renaming,
    imports: &Imports<'a>,
) -> bool {
    let mut seen = HashSet::new();
    let mut open = vec![(exporter, renaming.exporter())];
    while let Some((account, subject)) = open.pop() {
        if !seen.insert((account, subject)) {
            continue;
        }
        for (exporter, renaming) in imports(account) {
            if collide(renaming.local().as_bytes(), subject.as_bytes()) {
                if exporter == importer {
                    return true;
                }
                open.push((exporter, renaming.exporter()));
            }
        }
    }
    false
}
