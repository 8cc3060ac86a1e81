//! Credentials files.

use nervure_core::auth::jwt::UserClaims;

use super::source::{Source, deliver};
use super::{AuthError, Given, Input, Text};
use crate::auth::creds::Credentials;
use crate::auth::seed::public_key;

/// Puts a token and a seed together, which have to belong together.
pub(super) fn make(given: &Given, input: &mut Input<'_>) -> Result<Text, AuthError> {
    let token = Source::read(Some(given.needed_path("jwt")?.as_os_str()), input)?;
    let jwt = token.jwt()?.to_owned();
    let claims = UserClaims::decode(&jwt).map_err(|error| token.wrong(&error.to_string()))?;
    let source = Source::read(Some(given.needed_path("seed")?.as_os_str()), input)?;
    let seed = source.seed()?;
    let public = public_key(&seed);
    if public != claims.sub {
        let subject = claims.sub;
        return Err(source.wrong(&format!("this seed is {public}'s, the token is about {subject}")));
    }
    deliver(Credentials { jwt, seed }.decorated(), given.path("out"))
}
