//! Credentials files.

use super::source::{Source, deliver};
use super::{AuthError, Given, Input, Text};
use crate::auth::creds::Credentials;

/// Puts a token and a seed together.
pub(super) fn make(given: &Given, input: &mut Input<'_>) -> Result<Text, AuthError> {
    let jwt = Source::read(Some(given.needed_path("jwt")?.as_os_str()), input)?;
    let jwt = jwt.jwt()?.to_owned();
    let seed = Source::read(Some(given.needed_path("seed")?.as_os_str()), input)?.seed()?;
    deliver(Credentials { jwt, seed }.decorated(), given.path("out"))
}
