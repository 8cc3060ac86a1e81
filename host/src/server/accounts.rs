//! The accounts that options ask for, as the core checks and uses them.

use std::sync::Arc;

use nervure_core::account::{AccountError, Accounts, Declaration, GLOBAL};
use nervure_core::shard::Shared;
use nervure_core::subject::mappings::{Mapping, Mappings};

use crate::options::Options;

/// The accounts of a server.
///
/// # Errors
/// When imports and exports do not fit together.
pub(super) fn accounts(shared: &Shared, options: &Options) -> Result<Accounts, AccountError> {
    let global = Declaration {
        name: GLOBAL.to_owned(),
        mappings: mappings(&options.mappings, options),
        ..Declaration::default()
    };
    Accounts::build(shared, &[global], None)
}

/// A table of mappings, if there are any.
fn mappings(mappings: &[Mapping], options: &Options) -> Option<Arc<Mappings>> {
    let cluster = options.cluster_name.as_deref().unwrap_or_default();
    (!mappings.is_empty()).then(|| Arc::new(Mappings::new(mappings, cluster)))
}
