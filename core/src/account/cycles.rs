//! Imports that would lead messages back to where they came from (reference security 7.5).

use std::collections::{HashMap, HashSet};

use super::build::{AccountError, Reason};
use super::{AccountId, Renaming, Rules};
use crate::subject::collide;

/// The imports of one kind, by importer: whose, and under which names.
type Imports<'a> = HashMap<AccountId, Vec<(AccountId, &'a Renaming)>>;

/// Refuses the first import that closes a circle.
pub(super) fn check(all: &[Rules]) -> Result<(), AccountError> {
    let (mut services, mut streams) = (Imports::new(), Imports::new());
    for rules in all {
        let of_services = rules.services.iter().map(|it| (it.exporter, &it.renaming));
        services.insert(rules.id, of_services.collect());
        let of_streams = rules.streams.iter().map(|it| (it.exporter, &it.renaming));
        streams.insert(rules.id, of_streams.collect());
    }
    check_kind(all, "service", &services)?;
    check_kind(all, "stream", &streams)
}

fn check_kind(
    all: &[Rules],
    kind: &'static str,
    imports: &Imports<'_>,
) -> Result<(), AccountError> {
    for rules in all {
        for (exporter, renaming) in imports.get(&rules.id).into_iter().flatten() {
            if comes_back(rules.id, *exporter, renaming, imports) {
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
fn comes_back(
    importer: AccountId,
    exporter: AccountId,
    renaming: &Renaming,
    imports: &Imports<'_>,
) -> bool {
    let mut seen = HashSet::new();
    let mut open = vec![(exporter, renaming.exporter())];
    while let Some((account, subject)) = open.pop() {
        if !seen.insert((account, subject)) {
            continue;
        }
        for (exporter, renaming) in imports.get(&account).into_iter().flatten() {
            if collide(renaming.local().as_bytes(), subject.as_bytes()) {
                if *exporter == importer {
                    return true;
                }
                open.push((*exporter, renaming.exporter()));
            }
        }
    }
    false
}
