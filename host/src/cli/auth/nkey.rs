//! Key pairs.

use nervure_core::auth::Role;
use zeroize::Zeroizing;

use super::source::Source;
use super::{AuthError, Given, Input, Text};
use crate::auth::{secret_file, seed};

/// Makes a pair: seed and public key, a line each.
pub(super) fn make(given: &Given, _input: &mut Input<'_>) -> Result<Text, AuthError> {
    let role = match given.word(0).and_then(|word| word.to_str()) {
        Some("operator") => Role::Operator,
        Some("account") => Role::Account,
        Some("user") => Role::User,
        Some("server") => Role::Server,
        Some("cluster") => Role::Cluster,
        Some("curve") => Role::Curve,
        _ => {
            let word = given.word(0).unwrap_or_default();
            return Err(AuthError::Usage {
                wrong: format!("there are no keys for {word:?}"),
                possible: "ROLE is operator, account, user, server, cluster or curve".to_owned(),
            });
        }
    };
    let seed = seed::generate(role)?;
    let public = seed::public_key(&seed);
    let line = Zeroizing::new(seed.expose() + "\n");
    match given.path("out") {
        Some(path) => {
            secret_file::write_new(path, &line)?;
            Ok(format!("{public}\n").into())
        }
        None => Ok(format!("{}{public}\n", *line).into()),
    }
}

/// The public key of a seed.
pub(super) fn public(given: &Given, input: &mut Input<'_>) -> Result<Text, AuthError> {
    let seed = Source::read(given.word(0), input)?.seed()?;
    Ok(format!("{}\n", seed::public_key(&seed)).into())
}
