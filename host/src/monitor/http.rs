//! As much of HTTP/1.1 as monitoring needs: requests whose bodies do not matter, responses that
//! are known in full. What is accepted, refused and answered was observed on nats-server 2.15.1
//! (reference 4.1 has the contract).

use std::io;
use std::time::{Duration, SystemTime};

use memchr::memchr_iter;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};

use crate::log::Civil;

/// A request's head must arrive within this time.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection may idle between requests. nats-server waits for ever, which would let
/// forgotten connections use up the places there are.
const IDLE_TIMEOUT: Duration = Duration::from_secs(180);

/// How long a response may take to be taken, for the same reason.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Largest head of a request, in bytes.
const MAX_HEAD: usize = 1 << 20;

/// Most header fields; far more than clients send.
const MAX_FIELDS: usize = 128;

/// A body up to this size is skipped to keep the connection, a larger one ends it.
const MAX_SKIPPED_BODY: u64 = 256 << 10;

/// How long, and how much, is read after the last response: closing with unread bytes would
/// reset the connection, and the peer might lose the response.
const LINGER: Duration = Duration::from_millis(500);
const MAX_LINGER: u64 = 4 << 20;

/// A request, as far as it matters.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    /// The path, percent-decoded; `*` for the server as a whole.
    pub(super) path: String,
    /// Arguments in order, decoded; broken ones left out.
    pub(super) query: Vec<(String, String)>,
    /// The response has no body.
    head_only: bool,
    /// The protocol is HTTP/1.0.
    old: bool,
    /// The connection serves another request after this one.
    pub(super) keep_open: bool,
    /// Size of the body to be skipped.
    body: u64,
}

impl Request {
    /// Asks about the server, not about a path (`OPTIONS *`).
    pub(super) fn is_server_wide(&self) -> bool {
        self.path == "*"
    }
}

/// A request that cannot be understood; the connection ends with the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Not HTTP.
    Bad,
    /// HTTP/1.1 without a Host header.
    NoHost,
    /// Another version of HTTP.
    Version,
    /// The head is too large.
    TooLarge,
}

impl Refusal {
    /// The whole response.
    pub(super) fn to_bytes(self) -> Vec<u8> {
        let status = match self {
            Self::Bad => "400 Bad Request",
            Self::NoHost => "400 Bad Request: missing required Host header",
            Self::Version => "505 HTTP Version Not Supported: unsupported protocol version",
            Self::TooLarge => "431 Request Header Fields Too Large",
        };
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Connection: close\r\n\r\n{status}"
        )
        .into_bytes()
    }
}

/// A response to a request that was understood.
#[derive(Debug)]
pub(super) struct Response {
    status: u16,
    /// Header lines beside those that every response has.
    fields: &'static str,
    body: Vec<u8>,
}

impl Response {
    pub(super) fn json(status: u16, body: Vec<u8>) -> Self {
        const FIELDS: &str = "Access-Control-Allow-Origin: *\r\nContent-Type: application/json\r\n";
        Self { status, fields: FIELDS, body }
    }

    pub(super) fn html(body: String) -> Self {
        const FIELDS: &str = "Content-Type: text/html; charset=utf-8\r\n";
        Self { status: 200, fields: FIELDS, body: body.into_bytes() }
    }

    pub(super) fn text(status: u16, body: String) -> Self {
        const FIELDS: &str = "Content-Type: text/plain; charset=utf-8\r\n";
        Self { status, fields: FIELDS, body: body.into_bytes() }
    }

    pub(super) fn not_found() -> Self {
        const FIELDS: &str =
            "Content-Type: text/plain; charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n";
        Self { status: 404, fields: FIELDS, body: b"404 page not found\n".to_vec() }
    }

    pub(super) fn nothing() -> Self {
        Self { status: 200, fields: "", body: Vec::new() }
    }

    /// The whole response to this request.
    pub(super) fn to_bytes(&self, request: &Request) -> Vec<u8> {
        let version = if request.old { "1.0" } else { "1.1" };
        let reason = match self.status {
            200 => "OK",
            400 => "Bad Request",
            404 => "Not Found",
            500 => "Internal Server Error",
            503 => "Service Unavailable",
            _ => "Status",
        };
        // What the version does not imply is said.
        let connection = match (request.keep_open, request.old) {
            (false, false) => "Connection: close\r\n",
            (true, true) => "Connection: keep-alive\r\n",
            _ => "",
        };
        let mut bytes = format!(
            "HTTP/{version} {} {reason}\r\n{}Date: {}\r\nContent-Length: {}\r\n{connection}\r\n",
            self.status,
            self.fields,
            Civil::utc(SystemTime::now()).http_date(),
            self.body.len(),
        )
        .into_bytes();
        if !request.head_only {
            bytes.extend_from_slice(&self.body);
        }
        bytes
    }
}

/// What a connection brings next.
#[derive(Debug)]
pub(super) enum Next {
    /// A request.
    Request(Request),
    /// Something else; answer and hang up.
    Refused(Refusal),
    /// Nothing more.
    End,
}

/// A connection and what was read from it beyond the requests served.
pub(super) struct Connection<S> {
    pub(super) stream: S,
    buffer: Vec<u8>,
    /// Bytes of the last request's body that are still to be skipped.
    skip: u64,
    /// Nothing was asked yet.
    fresh: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, buffer: Vec::new(), skip: 0, fresh: true }
    }

    /// Reads the next request.
    pub(super) async fn next_request(&mut self) -> io::Result<Next> {
        if self.skip > 0 && !self.skip_body().await? {
            return Ok(Next::End);
        }
        let wait = if self.fresh { HEAD_TIMEOUT } else { IDLE_TIMEOUT };
        let mut deadline = Instant::now() + wait;
        if self.buffer.is_empty() {
            match timeout_at(deadline, self.fill()).await {
                Ok(more) => {
                    if !more? {
                        return Ok(Next::End);
                    }
                }
                Err(_) => return Ok(Next::End),
            }
        }
        if !self.fresh {
            deadline = Instant::now() + HEAD_TIMEOUT;
        }
        self.fresh = false;
        // A head is parsed once, when its end is there; looking for the end goes on where it
        // stopped. So a peer that sends byte by byte costs no more than any other.
        let mut searched = 0;
        loop {
            if let Some(end) = head_end(&self.buffer, searched) {
                if end > MAX_HEAD {
                    return Ok(Next::Refused(Refusal::TooLarge));
                }
                let parsed = parse(&self.buffer[..end]);
                self.buffer.drain(..end);
                return Ok(match parsed {
                    Ok(request) => {
                        self.skip = request.body;
                        Next::Request(request)
                    }
                    Err(refusal) => Next::Refused(refusal),
                });
            }
            if self.buffer.len() > MAX_HEAD {
                return Ok(Next::Refused(Refusal::TooLarge));
            }
            searched = self.buffer.len().saturating_sub(3);
            match timeout_at(deadline, self.fill()).await {
                Ok(more) => {
                    if !more? {
                        return Ok(Next::End);
                    }
                }
                Err(_) => return Ok(Next::Refused(Refusal::Bad)),
            }
        }
    }

    /// Reads what there is; false at the end of the stream.
    async fn fill(&mut self) -> io::Result<bool> {
        if self.buffer.capacity() - self.buffer.len() < 1024 {
            self.buffer.reserve(4096);
        }
        Ok(self.stream.read_buf(&mut self.buffer).await? > 0)
    }

    /// Reads past the last request's body; false if it does not come.
    async fn skip_body(&mut self) -> io::Result<bool> {
        let deadline = Instant::now() + HEAD_TIMEOUT;
        loop {
            let here = usize::try_from(self.skip)
                .map_or(self.buffer.len(), |skip| skip.min(self.buffer.len()));
            self.buffer.drain(..here);
            self.skip -= here as u64;
            if self.skip == 0 {
                return Ok(true);
            }
            match timeout_at(deadline, self.fill()).await {
                Ok(Ok(true)) => {}
                Ok(Ok(false)) | Err(_) => return Ok(false),
                Ok(Err(err)) => return Err(err),
            }
        }
    }

    /// Writes a response.
    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let write = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        timeout(WRITE_TIMEOUT, write).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Ends the connection so that the last response arrives.
    pub(super) async fn hang_up(mut self) -> io::Result<()> {
        let linger = async {
            self.stream.shutdown().await?;
            let mut sink = tokio::io::sink();
            tokio::io::copy(&mut (&mut self.stream).take(MAX_LINGER), &mut sink).await?;
            Ok(())
        };
        timeout(LINGER, linger).await.unwrap_or(Ok(()))
    }
}

/// Where the head ends: behind the first empty line. Line ends may lack their CR. Looks from
/// `from` on.
fn head_end(buffer: &[u8], from: usize) -> Option<usize> {
    memchr_iter(b'\n', buffer.get(from..)?).find_map(|at| {
        let next = from + at + 1;
        match buffer.get(next..)? {
            [b'\n', ..] => Some(next + 1),
            [b'\r', b'\n', ..] => Some(next + 2),
            _ => None,
        }
    })
}

/// Understands a whole head.
fn parse(head: &[u8]) -> Result<Request, Refusal> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut parsed = httparse::Request::new(&mut fields);
    match parsed.parse(head) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Err(Refusal::Bad),
        Err(httparse::Error::Version) => return Err(version_or_bad(head)),
        Err(httparse::Error::TooManyHeaders) => return Err(Refusal::TooLarge),
        Err(_) => return Err(Refusal::Bad),
    }
    let method = parsed.method.unwrap_or_default();
    let target = parsed.path.unwrap_or_default();
    let old = parsed.version == Some(0);
    let (mut hosts, mut body, mut keep, mut close) = (0, 0, false, false);
    for field in parsed.headers.iter() {
        let is = |name: &str| field.name.eq_ignore_ascii_case(name);
        if is("host") {
            hosts += 1;
        } else if is("content-length") {
            let text = std::str::from_utf8(field.value).unwrap_or_default().trim();
            // Digits only: parsing would take a sign too.
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            body = digits.then(|| text.parse().ok()).flatten().ok_or(Refusal::Bad)?;
        } else if is("transfer-encoding") || is("expect") {
            // A body whose end is not known, or that is not sent before it is asked for.
            close = true;
        } else if is("connection") {
            let value = String::from_utf8_lossy(field.value).to_ascii_lowercase();
            for token in value.split(',') {
                close |= token.trim() == "close";
                keep |= token.trim() == "keep-alive";
            }
        }
    }
    match hosts {
        0 if !old => return Err(Refusal::NoHost),
        0 | 1 => {}
        _ => return Err(Refusal::Bad),
    }
    let (path, query) = match method {
        // Names a host, not a path. There is no tunnelling; that is found out as "not found".
        "CONNECT" => {
            close = true;
            (String::new(), Vec::new())
        }
        "OPTIONS" if target == "*" => ("*".to_owned(), Vec::new()),
        _ => split_target(target)?,
    };
    Ok(Request {
        path,
        query,
        head_only: method == "HEAD",
        old,
        keep_open: !close && (!old || keep) && body <= MAX_SKIPPED_BODY,
        body,
    })
}

/// A request line that ends in some version of HTTP is of a version that is not supported.
fn version_or_bad(head: &[u8]) -> Refusal {
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii_end();
    let version = line.rsplit(|byte| *byte == b' ').next().unwrap_or_default();
    match version {
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            Refusal::Version
        }
        _ => Refusal::Bad,
    }
}

/// Path and arguments of a request's target, which may be a whole URL.
fn split_target(target: &str) -> Result<(String, Vec<(String, String)>), Refusal> {
    let local = match target.split_once("://") {
        Some(("http" | "https", rest)) => rest.find(['/', '?']).map_or("/", |at| &rest[at..]),
        _ if target.starts_with('/') => target,
        _ => return Err(Refusal::Bad),
    };
    let (path, query) = local.split_once('?').unwrap_or((local, ""));
    let path = if path.is_empty() { "/" } else { path };
    let path = decode(path, false).ok_or(Refusal::Bad)?;
    let query = query
        .split('&')
        // Go's parser refuses a pair with a semicolon, and its caller ignores what is refused.
        .filter(|pair| !pair.is_empty() && !pair.contains(';'))
        .filter_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(key, true)?, decode(value, true)?))
        })
        .collect();
    Ok((path, query))
}

/// Undoes percent-encoding, and in arguments `+` for a space.
fn decode(text: &str, plus: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
                let (high, low) = (digit(rest.next())?, digit(rest.next())?);
                u8::try_from(high << 4 | low).ok()?
            }
            b'+' if plus => b' ',
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// `http_base_path` made a prefix: a leading slash, no trailing one, `.` and `..` resolved;
/// empty for the root.
pub(super) fn clean_base(configured: &str) -> String {
    let mut segments = Vec::new();
    for segment in configured.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            segment => segments.push(segment),
        }
    }
    segments.iter().map(|segment| format!("/{segment}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base_paths_become_prefixes() {
        let rows = [
            ("", ""),
            ("/", ""),
            ("nats/x/", "/nats/x"),
            ("/nats", "/nats"),
            ("/a//b/./c/..", "/a/b"),
            ("../..", ""),
        ];
        for (configured, prefix) in rows {
            assert_eq!(clean_base(configured), prefix, "{configured:?}");
        }
    }

    #[test]
    fn the_end_of_a_head_is_found_wherever_the_search_begins_before_it() {
        let head = b"GET / HTTP/1.1\r\nHost: x\r\n\r\nrest";
        let end = head.len() - 4;
        for split in 0..end {
            let searched = split.saturating_sub(3);
            assert_eq!(head_end(&head[..split], 0), None);
            assert_eq!(head_end(head, searched), Some(end), "{split}");
        }
        assert_eq!(head_end(b"a\n\nb", 0), Some(3));
    }

    #[test]
    fn targets_are_split_and_decoded() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        let rows = [
            ("/varz", "/varz", vec![]),
            ("http://x/varz?a=1", "/varz", vec![pair("a", "1")]),
            ("http://x?a", "/", vec![pair("a", "")]),
            ("/%76arz?x=a%20b+c&&y=%zz&c;d=1", "/varz", vec![pair("x", "a b c")]),
        ];
        for (target, path, query) in rows {
            assert_eq!(split_target(target), Ok((path.to_owned(), query)), "{target}");
        }
        for target in ["varz", "", "*", "/%zz", "/%4", "/%ff"] {
            assert_eq!(split_target(target), Err(Refusal::Bad), "{target}");
        }
    }
}
