//! The HTTP request that becomes a WebSocket (reference leafnode-websocket B.2 to B.5).
//!
//! [`parse`] is a pure function of the bytes received so far and the listener's rules: it either
//! wants more, or refuses, or grants. [`super::accept()`] reads and writes around it.

use std::net::IpAddr;

use thiserror::Error;

use super::origin::{Origin, OriginError, OriginRules};
use crate::options::{Cookies, WebsocketOptions};

/// Longest request head. nats-server takes a megabyte; browsers stay far below this.
pub const MAX_HEAD: usize = 16 << 10;

/// Most header lines of a request.
const MAX_HEADERS: usize = 96;

/// Appended to the key before hashing (RFC 6455 section 1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// The only extension there is.
const DEFLATE: &str = "permessage-deflate";

/// What a WebSocket listener grants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WsRules {
    /// The listener is TLS (decides the scheme of its own origin).
    pub tls: bool,
    /// A leaf listener exists, so that leafs are welcome here too.
    pub leaf_listener: bool,
    /// Origin checks.
    pub origin: OriginRules,
    /// permessage-deflate is granted.
    pub compression: bool,
    /// Headers added to the 101 response.
    pub headers: Vec<(String, String)>,
    /// Cookies that carry credentials.
    pub cookies: Cookies,
    /// Bound on one inflated message, in bytes.
    pub max_payload: usize,
}

/// An entry of `allowed_origins` that is no origin.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "unable to parse allowed origin {0:?}: allowed origins must be absolute URLs with http or \
     https scheme"
)]
pub struct BadOrigin(pub String);

impl WsRules {
    /// The rules that a `websocket` block asks for.
    ///
    /// # Errors
    ///
    /// An allowed origin cannot be parsed.
    pub fn from_options(
        options: &WebsocketOptions,
        leaf_listener: bool,
        max_payload: usize,
    ) -> Result<Self, BadOrigin> {
        let parse = |text: &String| Origin::parse(text).ok_or_else(|| BadOrigin(text.clone()));
        Ok(Self {
            tls: options.tls.is_some(),
            leaf_listener,
            origin: OriginRules {
                same: options.same_origin,
                allowed: options.allowed_origins.iter().map(parse).collect::<Result<_, _>>()?,
            },
            compression: options.compression,
            headers: options.headers.clone(),
            cookies: options.cookies.clone(),
            max_payload,
        })
    }
}

/// What speaks on the connection after the upgrade, by the end of the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathKind {
    /// A NATS client.
    Client,
    /// A leaf node.
    Leaf,
}

/// Credentials found in cookies. They count where CONNECT leaves the field empty.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    /// User JWT.
    pub jwt: Option<String>,
    /// User name.
    pub user: Option<String>,
    /// Password.
    pub pass: Option<String>,
    /// Token.
    pub token: Option<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// What an upgrade agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpgradeInfo {
    /// Client or leaf.
    pub kind: PathKind,
    /// From cookies; always empty for leafs.
    pub credentials: Credentials,
    /// `X-Forwarded-For`, if it is one address. For logs only.
    pub forwarded_for: Option<IpAddr>,
    /// The user agent calls itself a browser.
    pub browser: bool,
    /// ... and Safari.
    pub safari: bool,
    /// Frames from the peer are not masked.
    pub no_masking: bool,
    /// permessage-deflate is in force.
    pub compression: bool,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// More bytes are needed.
    Incomplete,
    /// The first `consumed` bytes are a request that is refused.
    Refused {
        /// Length of the request.
        consumed: usize,
        /// What to answer.
        refusal: Refusal,
    },
    /// The first `consumed` bytes are a good request.
    Accepted {
        /// Length of the request.
        consumed: usize,
        /// What was agreed on.
        info: UpgradeInfo,
        /// The 101 response.
        response: Vec<u8>,
    },
}

/// Why a request is refused; the texts stand in nats-server's log behind `websocket handshake
/// error: ` (B.3).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RefusalReason {
    /// Not HTTP.
    #[error("malformed HTTP request")]
    Malformed,
    /// No HTTP/1.
    #[error("unsupported protocol version")]
    Version,
    /// Longer than [`MAX_HEAD`], or too many lines.
    #[error("request header fields too large")]
    TooLarge,
    /// HTTP/1.1 without `Host`.
    #[error("missing required Host header")]
    NoHost,
    /// Several `Host` headers.
    #[error("too many Host headers")]
    ManyHosts,
    /// An empty `Host`, or none in HTTP/1.0.
    #[error("'Host' missing in request")]
    EmptyHost,
    /// MQTT's path.
    #[error("mqtt websocket endpoint not enabled")]
    Mqtt,
    /// Not GET.
    #[error("request method must be GET")]
    Method,
    /// No `websocket` in `Upgrade`.
    #[error("invalid value for header 'Upgrade'")]
    Upgrade,
    /// No `upgrade` in `Connection`.
    #[error("invalid value for header 'Connection'")]
    Connection,
    /// No key.
    #[error("key missing")]
    NoKey,
    /// The key is not 16 bytes of base64.
    #[error("invalid websocket key")]
    BadKey,
    /// Another version than 13.
    #[error("invalid version")]
    BadVersion,
    /// The page may not connect.
    #[error("origin not allowed: {0}")]
    Origin(OriginError),
    /// The request has a body, or frames came along with it. The connection is closed without an
    /// answer.
    #[error("client sent data before handshake is complete")]
    EarlyData,
}

/// A refusal and how to word it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: RefusalReason,
    /// The connection ends with the answer; otherwise another request may follow.
    pub close: bool,
    http10: bool,
    head: bool,
}

impl Refusal {
    /// One of the HTTP layer, after which nothing can follow.
    fn fatal(reason: RefusalReason) -> Self {
        Self { reason, close: true, http10: false, head: false }
    }

    /// The answer, byte for byte like nats-server's; empty if there is none. `date` is the value
    /// of the `Date` header.
    pub fn response(&self, date: &str) -> Vec<u8> {
        let status = match &self.reason {
            RefusalReason::EarlyData => return Vec::new(),
            RefusalReason::Malformed | RefusalReason::ManyHosts => "400 Bad Request",
            RefusalReason::NoHost => "400 Bad Request: missing required Host header",
            RefusalReason::Version => {
                "505 HTTP Version Not Supported: unsupported protocol version"
            }
            RefusalReason::TooLarge => "431 Request Header Fields Too Large",
            reason => return self.polite(reason, date),
        };
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Connection: close\r\n\r\n{status}"
        )
        .into_bytes()
    }

    fn polite(&self, reason: &RefusalReason, date: &str) -> Vec<u8> {
        let (code, text) = match reason {
            RefusalReason::Mqtt => (404, "Not Found"),
            RefusalReason::Method => (405, "Method Not Allowed"),
            RefusalReason::Origin(_) => (403, "Forbidden"),
            _ => (400, "Bad Request"),
        };
        let version = if self.http10 { "1.0" } else { "1.1" };
        let close = if self.close && !self.http10 { "Connection: close\r\n" } else { "" };
        let body = if self.head { String::new() } else { format!("{text}\n") };
        format!(
            "HTTP/{version} {code} {text}\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Sec-Websocket-Version: 13\r\nX-Content-Type-Options: nosniff\r\nDate: {date}\r\n\
             Content-Length: {}\r\n{close}\r\n{body}",
            text.len() + 1
        )
        .into_bytes()
    }
}

/// Decides about the request at the front of `bytes`.
///
/// Checks are made in nats-server's order (B.3). A request that has a body is answered and then
/// closed, where nats-server would skip the body.
pub fn parse(bytes: &[u8], rules: &WsRules) -> Parsed {
    let mut storage = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut storage);
    let window = &bytes[..bytes.len().min(MAX_HEAD)];
    let fatal = |reason| Parsed::Refused { consumed: bytes.len(), refusal: Refusal::fatal(reason) };
    let consumed = match request.parse(window) {
        Ok(httparse::Status::Complete(consumed)) => consumed,
        Ok(httparse::Status::Partial) if window.len() < MAX_HEAD => return Parsed::Incomplete,
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            return fatal(RefusalReason::TooLarge);
        }
        Err(httparse::Error::Version) => return fatal(RefusalReason::Version),
        Err(_malformed) => return fatal(RefusalReason::Malformed),
    };
    let headers = Headers(request.headers);
    let http10 = request.version == Some(0);
    let method = request.method.unwrap_or_default();
    let target = request.path.unwrap_or_default();
    if let Err(reason) = check_http(&headers, target, http10) {
        return fatal(reason);
    }
    let has_body = headers.has_body();
    match check(&headers, method, target, rules) {
        Ok(_) if has_body || bytes.len() > consumed => fatal(RefusalReason::EarlyData),
        Ok((info, accept)) => {
            let response = grant(&info, &accept, rules);
            Parsed::Accepted { consumed, info, response }
        }
        Err(reason) => {
            let close = http10 || has_body || headers.has_token("Connection", "close");
            let refusal = Refusal { reason, close, http10, head: method == "HEAD" };
            Parsed::Refused { consumed, refusal }
        }
    }
}

/// What any HTTP server would refuse.
fn check_http(headers: &Headers<'_>, target: &str, http10: bool) -> Result<(), RefusalReason> {
    match headers.all("Host").count() {
        0 if !http10 => return Err(RefusalReason::NoHost),
        0 | 1 => {}
        _ => return Err(RefusalReason::ManyHosts),
    }
    if !target.starts_with('/') && !target.contains("://") && target != "*" {
        return Err(RefusalReason::Malformed);
    }
    Ok(())
}

/// The checks of B.3. Returns what is agreed on and the value of `Sec-WebSocket-Accept`.
fn check(
    headers: &Headers<'_>,
    method: &str,
    target: &str,
    rules: &WsRules,
) -> Result<(UpgradeInfo, String), RefusalReason> {
    let path = target.split(['?', '#']).next().unwrap_or_default();
    if path.ends_with("/mqtt") {
        return Err(RefusalReason::Mqtt);
    }
    if method != "GET" {
        return Err(RefusalReason::Method);
    }
    let host = headers.first("Host").filter(|host| !host.is_empty());
    let host = host.ok_or(RefusalReason::EmptyHost)?;
    if !headers.has_token("Upgrade", "websocket") {
        return Err(RefusalReason::Upgrade);
    }
    if !headers.has_token("Connection", "upgrade") {
        return Err(RefusalReason::Connection);
    }
    let key = headers.first("Sec-WebSocket-Key").filter(|key| !key.is_empty());
    let key = key.ok_or(RefusalReason::NoKey)?;
    match data_encoding::BASE64.decode(key.as_bytes()) {
        Ok(nonce) if nonce.len() == 16 => {}
        _ => return Err(RefusalReason::BadKey),
    }
    if !headers.has_token("Sec-WebSocket-Version", "13") {
        return Err(RefusalReason::BadVersion);
    }
    let origin = headers.first("Origin").filter(|origin| !origin.is_empty());
    let origin = origin.or_else(|| headers.first("Sec-WebSocket-Origin"));
    rules.origin.check(origin, host, rules.tls).map_err(RefusalReason::Origin)?;

    let kind = if path.ends_with("/leafnode") { PathKind::Leaf } else { PathKind::Client };
    let agent = headers.first("User-Agent").unwrap_or_default();
    let browser = agent.starts_with("Mozilla/");
    let info = UpgradeInfo {
        kind,
        credentials: match kind {
            PathKind::Client => headers.credentials(&rules.cookies),
            PathKind::Leaf => Credentials::default(),
        },
        forwarded_for: headers.first("X-Forwarded-For").and_then(|ip| ip.trim().parse().ok()),
        browser,
        safari: browser && agent.contains("Version/") && agent.contains("Safari/"),
        no_masking: headers.first("Nats-No-Masking") == Some("true"),
        compression: rules.compression && headers.offers_deflate(),
    };
    Ok((info, accept_value(key)))
}

/// `Sec-WebSocket-Accept` for a key.
fn accept_value(key: &str) -> String {
    let mut hash = ring::digest::Context::new(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY);
    hash.update(key.as_bytes());
    hash.update(GUID);
    data_encoding::BASE64.encode(hash.finish().as_ref())
}

/// The 101 response, in nats-server's order of headers.
fn grant(info: &UpgradeInfo, accept: &str, rules: &WsRules) -> Vec<u8> {
    let mut out = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n"
    );
    if info.compression {
        out += "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; \
                client_no_context_takeover\r\n";
    }
    if info.no_masking {
        out += "Nats-No-Masking: true\r\n";
    }
    for (name, value) in &rules.headers {
        out += name;
        out += ": ";
        out += value;
        out += "\r\n";
    }
    out += "\r\n";
    out.into_bytes()
}

/// Header lines of a request. Values that are not UTF-8 count as absent.
struct Headers<'a>(&'a [httparse::Header<'a>]);

impl<'a> Headers<'a> {
    fn all(&self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |header| header.name.eq_ignore_ascii_case(name))
            .filter_map(|header| std::str::from_utf8(header.value).ok())
    }

    fn first(&self, name: &'a str) -> Option<&'a str> {
        self.all(name).next().map(str::trim)
    }

    /// Whether one of the comma-separated values is `token`, in any case.
    fn has_token(&self, name: &'a str, token: &str) -> bool {
        let mut tokens = self.all(name).flat_map(|value| value.split(','));
        tokens.any(|value| value.trim().eq_ignore_ascii_case(token))
    }

    fn has_body(&self) -> bool {
        self.all("Transfer-Encoding").next().is_some()
            || self.all("Content-Length").any(|length| length.trim() != "0")
    }

    fn offers_deflate(&self) -> bool {
        let offers = self.all("Sec-WebSocket-Extensions").flat_map(|value| value.split(','));
        offers
            .filter_map(|offer| offer.split(';').next())
            .any(|name| name.trim().eq_ignore_ascii_case(DEFLATE))
    }

    fn credentials(&self, names: &Cookies) -> Credentials {
        let cookie = |name: &Option<String>| {
            let name = name.as_deref()?;
            let pairs = self.all("Cookie").flat_map(|value| value.split(';'));
            let mut values = pairs.filter_map(|pair| {
                let (key, value) = pair.trim().split_once('=')?;
                (key.trim() == name).then_some(value)
            });
            let value = values.next()?;
            let bare = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
            Some(bare.unwrap_or(value).to_owned())
        };
        Credentials {
            jwt: cookie(&names.jwt),
            user: cookie(&names.user),
            pass: cookie(&names.pass),
            token: cookie(&names.token),
        }
    }
}
