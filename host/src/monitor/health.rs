//! `/healthz` (reference 4.10).

use serde::Serialize;

use super::http::Response;
use super::{StatusSource, json};
use crate::log::Logger;

/// Whether the server does what it is configured to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// It does.
    Ok,
    /// These configured listeners do not accept connections: `server` (clients), `route`,
    /// `gateway`, `leafnode`, `websocket`, `mqtt`. Lame duck mode closes listeners too.
    NotReady(Vec<&'static str>),
}

#[derive(Serialize)]
struct Body<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<[Detail<'a>; 1]>,
}

#[derive(Serialize)]
struct Detail<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    error: &'a str,
}

/// A failed check: HTTP status, type of the error, text.
type Failure = (u16, &'static str, String);

/// Answers a request with these arguments. Failures are logged, as nats-server does.
pub(super) fn answer(
    source: &dyn StatusSource,
    query: &[(String, String)],
    logger: &Logger,
) -> Response {
    let argument = |name: &str| {
        let found = query.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    };
    let flag = |name| boolean(name, argument(name));
    // The ones about JetStream change nothing as long as there is none, but must be booleans.
    for name in ["js-enabled", "js-enabled-only", "js-server-only", "js-meta-only"] {
        match flag(name) {
            Err(text) => return Response::text(400, text),
            Ok(true) if name == "js-enabled" => logger.warn(format_args!(
                "Healthcheck: js-enabled deprecated, use js-enabled-only instead"
            )),
            Ok(_) => {}
        }
    }
    let details = match flag("details") {
        Ok(details) => details,
        Err(text) => return Response::text(400, text),
    };
    let arguments = (argument("account"), argument("stream"), argument("consumer"));
    match check(source, arguments) {
        Ok(()) => {
            let body = Body { status: "ok", error: None, errors: None };
            Response::json(200, json::compact(&body))
        }
        Err((status, kind, text)) => {
            let mut body = Body { status: "error", error: None, errors: None };
            if details {
                logger.warn(format_args!("Healthcheck failed: 1 errors"));
                body.errors = Some([Detail { kind, error: &text }]);
            } else {
                logger.warn(format_args!("Healthcheck failed: {text:?}"));
                body.error = Some(&text);
            }
            Response::json(status, json::compact(&body))
        }
    }
}

fn check(
    source: &dyn StatusSource,
    (account, stream, consumer): (&str, &str, &str),
) -> Result<(), Failure> {
    let bad_request = |text: &str| Err((400, "BAD_REQUEST", text.to_owned()));
    if account.is_empty() && !stream.is_empty() {
        return bad_request("\"account\" must not be empty when checking stream health");
    }
    if stream.is_empty() && !consumer.is_empty() {
        return bad_request("\"stream\" must not be empty when checking consumer health");
    }
    match source.health() {
        Health::Ok => Ok(()),
        Health::NotReady(listeners) => {
            let listeners = listeners.join(", ");
            let text = format!("failed to be ready for connections after 1ms: {listeners}");
            Err((500, "CONNECTION", text))
        }
    }
}

/// A boolean argument; absent or empty is false. The error is the body of a 400.
fn boolean(name: &str, value: &str) -> Result<bool, String> {
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "" | "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(format!(
            "Error decoding boolean for '{name}': strconv.ParseBool: parsing {value:?}: invalid syntax"
        )),
    }
}
