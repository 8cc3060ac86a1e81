//! What a service answers, and what is wrong with it, in nats-server's order and words (reference
//! security 10.5 and 10.7).

use std::sync::Arc;
use std::time::Duration;

use nervure_core::account::Accounts;
use nervure_core::auth::callout::SUBJECT;
use nervure_core::auth::jwt::{
    AuthorizationResponseClaims, Class, DecodeError, Issue, Stay, UserClaims, blocker,
};
use nervure_core::auth::{ConnectionTypes, Login, Permissions, User, UserLimits, Vouched};

use super::AuthService;
use super::party::{Party, Placement};
use super::request::Request;
use crate::server::zones::SystemZones;

/// How every plain token begins.
const PLAIN: &[u8] = b"eyJ";

impl AuthService {
    /// The user claims of a response.
    pub(super) fn response(
        &self,
        request: &Request,
        payload: &[u8],
        now: i64,
    ) -> Result<UserClaims, String> {
        let party = &request.party;
        let account = &party.account;
        if payload.is_empty() {
            let why = "no reason supplied";
            return Err(format!("Auth callout violation: {why:?} on account {account:?}"));
        }
        let opened = match &party.xkey {
            Some(sender) if !payload.starts_with(PLAIN) => {
                let opened = self.keys.curve.open(payload, sender).map_err(|_| {
                    format!(
                        "Error decrypting auth callout response on account {account:?}: \
                         nkeys: could not decrypt input"
                    )
                })?;
                Some(opened)
            }
            _ => None,
        };
        let token = String::from_utf8_lossy(opened.as_deref().unwrap_or(payload));
        let claims = AuthorizationResponseClaims::decode(&token).map_err(|error| match error {
            DecodeError::Kind { .. } => "Not an authorization request claim".to_owned(),
            error => capitalized(&error.to_string()),
        })?;
        if let Some(Issue { text, .. }) = blocker(&claims.validate(now), Class::Warning) {
            return Err(format!("Authorization response had validation errors: {text}"));
        }
        let violation = |what: &str| {
            Err(format!("Auth callout violation: auth callout response is not for {what}"))
        };
        if claims.sub != request.user_nkey {
            return violation("expected user");
        }
        if claims.aud != self.server.id {
            return violation("server");
        }
        // Who can seal for this server is known to be the service.
        if opened.is_none() && !party.signs(&claims.iss) {
            return Err("Auth callout signing key is unknown".to_owned());
        }
        if !claims.nats.error.is_empty() {
            let error = &claims.nats.error;
            return Err(format!("Auth callout service returned an error: {error}"));
        }
        UserClaims::decode(&claims.nats.jwt).map_err(|error| capitalized(&error.to_string()))
    }

    /// The user that the claims make. Like nats-server it takes no notice of networks and limits
    /// in them, nor of which ways of connecting they allow.
    pub(super) fn user(
        &self,
        request: &Request,
        claims: &UserClaims,
        accounts: &Accounts,
        now: i64,
    ) -> Result<User, String> {
        let party = &request.party;
        let account = &party.account;
        if let Some(Issue { text, .. }) =
            blocker(&claims.validate(now, &SystemZones), Class::Warning)
        {
            return Err(format!("Error validating user JWT: {text}"));
        }
        if claims.sub != request.user_nkey {
            let (wanted, got) = (&request.user_nkey, &claims.sub);
            return Err(format!(
                "Expected authorized user of {wanted:?} but got {got:?} on account {account:?}"
            ));
        }
        let by_issuer = party.is_of_operator().then(|| party.by_issuer(claims, accounts, now));
        let by_issuer = by_issuer.transpose()?;
        let limits = by_issuer.as_ref().map_or(&claims.nats.limits, |place| &place.limits);
        if limits.connection_types().is_none() {
            return Err(format!(
                "Authorized user on account {account:?} using invalid connection type"
            ));
        }
        let outside =
            || format!("Authorized user on account {account:?} outside of valid connect times");
        let window = match limits.window(now, &SystemZones) {
            Ok(Stay::Always) => None,
            Ok(Stay::Until(end)) => Some(end),
            Ok(Stay::NotNow) | Err(_) => return Err(outside()),
        };
        let place = match by_issuer {
            Some(place) => place,
            None => party.by_audience(claims, accounts)?,
        };
        let proxy_required = place.limits.proxy_required;
        if proxy_required && !request.proxied {
            return Err("Proxy connection required".to_owned());
        }
        let expires = Some(claims.exp).filter(|exp| *exp > 0).into_iter().chain(window).min();
        let name = [&claims.name, &request.name, &claims.sub];
        let name = name.into_iter().find(|name| !name.is_empty());
        Ok(User {
            login: Login::Statement {
                key: claims.sub.as_str().into(),
                name: name.map_or("", String::as_str).into(),
                issued: claims.iat,
                vouched: place.claims.map(|claims| {
                    Box::new(Vouched {
                        issuer: None,
                        account_name: claims.claims().name.as_str().into(),
                        bearer: false,
                        by_default: place.limits.permissions.is_empty(),
                    })
                }),
            },
            types: ConnectionTypes::default(),
            proxy_required,
            permissions: permissions(party, &place)?,
            account: place.account.into(),
            limits: UserLimits::default(),
            expires: expires.map(|at| Duration::from_secs(u64::try_from(at).unwrap_or_default())),
        })
    }
}

fn permissions(party: &Party, place: &Placement<'_>) -> Result<Option<Arc<Permissions>>, String> {
    let given = &place.limits.permissions;
    let invalid = |error| format!("Error validating user JWT: {error}");
    if let Some(claims) = place.claims {
        let by_default = &claims.claims().nats.default_permissions;
        let given = if given.is_empty() { by_default } else { given };
        return claims.permissions(given).map_err(invalid);
    }
    let rules = Permissions::new(&given.rules()).map_err(invalid)?;
    // Nobody but the server may speak to the service in its name.
    if *place.account == *party.account {
        return Ok(Some(Arc::new(rules.without_publishing_to(SUBJECT))));
    }
    Ok((!given.is_empty()).then(|| Arc::new(rules)))
}

/// With its first letter in upper case.
fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}
