//! What nats-server checks when it starts or reloads, but not with `-t` (reference section 2.15).

mod operators;

use std::time::Duration;

pub use self::operators::OperatorError as OperatorConfigError;

use super::duration::format_duration;
use crate::options::{AuthOptions, Options, WebsocketOptions};

/// Headers the upgrade itself sets.
const RESERVED_HEADERS: [&str; 5] =
    ["host", "content-length", "connection", "upgrade", "nats-no-masking"];

/// Options that cannot work together. Displays nats-server's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValidateError {
    /// The largest message would not fit what may wait for a link.
    #[error("max_payload ({payload}) cannot be higher than max_pending ({pending})")]
    PayloadAbovePending {
        /// Bytes.
        payload: usize,
        /// Bytes.
        pending: usize,
    },
    /// Lame duck mode would end before it closes anything.
    #[error(
        "lame duck grace period ({}) should be strictly lower than lame duck duration ({})",
        shown(.grace), shown(.duration)
    )]
    LameDuck {
        /// `lame_duck_grace_period`.
        grace: Duration,
        /// `lame_duck_duration`.
        duration: Duration,
    },
    /// `server_name` has a space.
    #[error("server name cannot contain spaces")]
    ServerNameSpaces,
    /// Neither `tls` nor `no_tls`.
    #[error("websocket requires TLS configuration")]
    WebsocketTls,
    /// An allowed origin is no URL.
    #[error("unable to parse allowed origin: parse {origin:?}: {reason}")]
    Origin {
        /// As configured.
        origin: String,
        /// What is wrong in it.
        reason: String,
    },
    /// An allowed origin is a URL that no browser sends.
    #[error(
        "unable to parse allowed origin {0:?}: allowed origins must be absolute URLs with http or \
         https scheme"
    )]
    OriginScheme(String),
    /// The listener has a single user or token, the server a list of users.
    #[error("websocket authentication {0} not compatible with presence of users/nkeys")]
    WebsocketAuth(&'static str),
    /// JWTs cannot be checked without an operator.
    #[error(
        "trusted operators or trusted keys configuration is required for JWT authentication via \
         cookie {0:?}"
    )]
    JwtCookie(String),
    /// A header the server sets itself.
    #[error("websocket: invalid header {0:?} not allowed")]
    Header(String),
    /// A header of a kind the server sets itself.
    #[error("websocket: invalid header {0:?}, \"Sec-WebSocket-\" prefix not allowed")]
    HeaderPrefix(String),
    /// There are no users one of whom it could be.
    #[error("no_auth_user: {0:?} present, but users/nkeys are not defined")]
    NoAuthUserWithoutUsers(String),
    /// It is none of the users.
    #[error(
        "no_auth_user: {0:?} not present as user or nkey in authorization block or account \
         configuration"
    )]
    NoAuthUserUnknown(String),
    /// Operator mode that cannot be.
    #[error(transparent)]
    Operators(#[from] OperatorConfigError),
    /// `system_account` names an account that is not declared.
    #[error("error resolving system account: account missing")]
    SystemAccount,
}

fn shown(duration: &Duration) -> String {
    format_duration(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX))
}

/// Checks options as a whole, after flags have been laid over the file.
///
/// # Errors
/// The first thing that is wrong.
pub fn validate(options: &Options) -> Result<(), ValidateError> {
    if options.lame_duck_duration <= options.lame_duck_grace_period {
        return Err(ValidateError::LameDuck {
            grace: options.lame_duck_grace_period,
            duration: options.lame_duck_duration,
        });
    }
    let (payload, pending) = (options.limits.max_payload, options.limits.max_pending);
    if payload > pending {
        return Err(ValidateError::PayloadAbovePending { payload, pending });
    }
    if options.server_name.as_ref().is_some_and(|name| name.contains(' ')) {
        return Err(ValidateError::ServerNameSpaces);
    }
    operators::check(options)?;
    no_auth_user(&options.auth)?;
    if let Some(websocket) = &options.websocket {
        validate_websocket(websocket, options)?;
    }
    match &options.system_account {
        // It is looked up at the start.
        Some(_) if options.operators.is_active() => Ok(()),
        // The global account need not be declared to be there.
        Some(name) if name != "$G" && !options.accounts.iter().any(|it| it.name == *name) => {
            Err(ValidateError::SystemAccount)
        }
        _ => Ok(()),
    }
}

fn no_auth_user(auth: &AuthOptions) -> Result<(), ValidateError> {
    let Some(name) = &auth.no_auth_user else { return Ok(()) };
    if (auth.users.is_empty() && auth.nkeys.is_empty()) || auth.single_user {
        return Err(ValidateError::NoAuthUserWithoutUsers(name.clone()));
    }
    let known = auth.users.iter().any(|user| user.name == *name)
        || auth.nkeys.iter().any(|nkey| nkey.key.to_string() == *name);
    if !known {
        return Err(ValidateError::NoAuthUserUnknown(name.clone()));
    }
    Ok(())
}

fn validate_websocket(
    websocket: &WebsocketOptions,
    options: &Options,
) -> Result<(), ValidateError> {
    let server = &options.auth;
    if websocket.tls.as_ref().is_some_and(|tls| tls.certs.is_empty()) {
        return Err(ValidateError::WebsocketTls);
    }
    for origin in &websocket.allowed_origins {
        validate_origin(origin)?;
    }
    if let Some(auth) = &websocket.auth {
        let server_has_list =
            !server.single_user && (!server.users.is_empty() || !server.nkeys.is_empty());
        if server_has_list && auth.single_user {
            return Err(ValidateError::WebsocketAuth("username"));
        }
        if server_has_list && auth.token.is_some() {
            return Err(ValidateError::WebsocketAuth("token"));
        }
        if auth.single_user || auth.token.is_some() {
            // nats-server looks among the users of the server, of which there are none.
            if let Some(name) = &auth.no_auth_user {
                return Err(ValidateError::NoAuthUserWithoutUsers(name.clone()));
            }
        } else {
            no_auth_user(auth)?;
        }
    }
    if let Some(cookie) = &websocket.cookies.jwt
        && !options.operators.is_active()
    {
        return Err(ValidateError::JwtCookie(cookie.clone()));
    }
    for (name, _) in &websocket.headers {
        let lower = name.to_ascii_lowercase();
        if RESERVED_HEADERS.contains(&lower.as_str()) {
            return Err(ValidateError::Header(name.clone()));
        }
        if lower.starts_with("sec-websocket-") {
            return Err(ValidateError::HeaderPrefix(name.clone()));
        }
    }
    Ok(())
}

/// Checks that an origin is an absolute URL a browser may name.
fn validate_origin(origin: &str) -> Result<(), ValidateError> {
    let bad = |reason: &str| {
        Err(ValidateError::Origin { origin: origin.to_owned(), reason: reason.to_owned() })
    };
    if origin.is_empty() {
        return bad("empty url");
    }
    if origin.contains(|c: char| c.is_ascii_control()) {
        return bad("net/url: invalid control character in URL");
    }
    let Some((scheme, rest)) = origin.split_once(':') else {
        return bad("invalid URI for request");
    };
    if scheme.is_empty() {
        return bad("missing protocol scheme");
    }
    let http = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    let Some(rest) = rest.strip_prefix("//").filter(|_| http) else {
        return Err(ValidateError::OriginScheme(origin.to_owned()));
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.contains(' ') {
        return bad("invalid character \" \" in host name");
    }
    let port = match authority.rsplit_once(':') {
        Some((host, port)) if !host.starts_with('[') || host.ends_with(']') => port,
        _ => "",
    };
    if port.bytes().all(|b| b.is_ascii_digit()) {
        Ok(())
    } else {
        bad(&format!("invalid port \":{port}\" after host"))
    }
}
