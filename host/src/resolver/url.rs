//! Account JWTs from a web server: GET base + public key (reference security 6.3).
//!
//! Everything here waits for the network, so nothing here is for a shard's thread.

use std::path::Path;
use std::sync::Arc;

use nervure_core::auth::PublicKey;
use nervure_core::auth::jwt::MAX_LEN;
use ureq::http::StatusCode;
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};

use crate::net::tls::{self, PairError, TlsConfigError};
use crate::options::{FETCH_TIMEOUT, TlsOptions};

/// Redirections that are followed, as many as nats-server's HTTP client follows. None leads to
/// anything but http and https.
const REDIRECTS: u32 = 10;

/// Why something could not be fetched (nats-server's text as far as it is not the system's or the
/// HTTP client's).
#[derive(Debug, thiserror::Error)]
#[error("could not fetch <{url:?}>: {reason}")]
pub struct FetchError {
    url: String,
    reason: Reason,
}

#[derive(Debug, thiserror::Error)]
enum Reason {
    #[error("{0}")]
    Status(StatusCode),
    #[error("Get {url:?}: unsupported protocol scheme {scheme:?}")]
    Scheme { url: String, scheme: String },
    #[error("Get {url:?}: {error}")]
    Client { url: String, error: Box<ureq::Error> },
}

/// A web server with account JWTs.
#[derive(Debug)]
pub struct UrlResolver {
    /// Ends in a slash.
    base: String,
    agent: ureq::Agent,
}

impl UrlResolver {
    /// One behind this address. Of a `resolver_tls` block certificate, key and authorities count.
    ///
    /// # Errors
    ///
    /// When files of the block cannot be used.
    pub fn new(base: &str, options: Option<&TlsOptions>) -> Result<Self, TlsConfigError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let ca_file = options.and_then(|options| options.ca_file.as_deref());
        let roots = match tls::authorities(ca_file) {
            // A server that is not asked over TLS needs none.
            Err(_) if ca_file.is_none() => Vec::new(),
            roots => roots?,
        };
        let roots = roots.iter().map(|der| Certificate::from_der(der).to_owned());
        let pair = options.and_then(|options| options.certs.first());
        let client = pair.map(|(cert, key)| client_certificate(cert, key)).transpose()?;
        let tls = TlsConfig::builder()
            .unversioned_rustls_crypto_provider(provider)
            .root_certs(RootCerts::from(roots))
            .client_cert(client)
            .build();
        let config = ureq::Agent::config_builder()
            .tls_config(tls)
            .proxy(None)
            .http_status_as_error(false)
            .max_redirects(REDIRECTS)
            .timeout_global(Some(FETCH_TIMEOUT))
            .user_agent(concat!("nervure/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self { base: base.to_owned(), agent: config.new_agent() })
    }

    /// Whether the server answers at all. A server whose resolver does not is not to start.
    ///
    /// # Errors
    ///
    /// When it does not answer in time, or not with 200.
    pub fn check(&self) -> Result<(), FetchError> {
        self.get(self.base.clone()).map(drop)
    }

    /// The JWT of an account.
    ///
    /// # Errors
    ///
    /// When it does not come in time, is no text or too long, or the server answers otherwise than
    /// with 200.
    pub fn fetch(&self, account: &PublicKey) -> Result<String, FetchError> {
        self.get(format!("{}{account}", self.base))
    }

    fn get(&self, url: String) -> Result<String, FetchError> {
        let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
        if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
            let reason = Reason::Scheme { scheme: scheme.to_owned(), url: url.clone() };
            return Err(FetchError { url, reason });
        }
        let client = |error| Reason::Client { url: url.clone(), error: Box::new(error) };
        let asked = self.agent.get(&url).call().map_err(client).and_then(|mut response| {
            match response.status() {
                StatusCode::OK => {
                    let body = response.body_mut().with_config();
                    body.limit(MAX_LEN as u64).read_to_string().map_err(client)
                }
                other => Err(Reason::Status(other)),
            }
        });
        asked.map_err(|reason| FetchError { url, reason })
    }
}

/// The certificate to show, from its files (PEM).
fn client_certificate(cert: &Path, key: &Path) -> Result<ClientCert, TlsConfigError> {
    let (chain, _key) = tls::pair(cert, key).map_err(TlsConfigError::Pair)?;
    let chain: Vec<_> = chain.iter().map(|der| Certificate::from_der(der).to_owned()).collect();
    // The client takes keys in text form only.
    let text = std::fs::read(key).unwrap_or_default();
    let key = PrivateKey::from_pem(&text).map_err(|_| TlsConfigError::Pair(PairError::NoKey))?;
    Ok(ClientCert::new_with_certs(&chain, key))
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::thread::JoinHandle;

    use nervure_core::auth::{Role, Seed, Signer};

    use super::*;

    fn account() -> PublicKey {
        Signer::new(Seed::new(Role::Account, [4; 32])).unwrap().public()
    }

    /// A web server that gives these answers, one a connection; it ends with the requests.
    fn server(answers: Vec<Vec<u8>>) -> (String, JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}/accounts/", listener.local_addr().unwrap());
        let serve = move || {
            let mut requests = Vec::new();
            for answer in answers {
                let (mut socket, _) = listener.accept().unwrap();
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    let mut octet = [0];
                    socket.read_exact(&mut octet).unwrap();
                    request.push(octet[0]);
                }
                requests.push(String::from_utf8(request).unwrap());
                // A client that has heard enough may have closed.
                let _ = socket.write_all(&answer);
            }
            requests
        };
        (base, std::thread::spawn(serve))
    }

    fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
        let length = body.len();
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}")
            .into_bytes()
    }

    fn texts(result: Result<String, FetchError>) -> String {
        result.unwrap_or_else(|error| format!("ERROR {error}"))
    }

    #[test]
    fn an_account_is_asked_for_under_its_key() {
        let (base, requests) =
            server(vec![answer("200 OK", "", "hello"), answer("200 OK", "", "eyJ")]);
        let resolver = UrlResolver::new(&base, None).unwrap();
        resolver.check().unwrap();
        assert_eq!(resolver.fetch(&account()).unwrap(), "eyJ");
        let requests = requests.join().unwrap();
        assert!(requests[0].starts_with("GET /accounts/ HTTP/1.1\r\n"), "{requests:?}");
        let line = format!("GET /accounts/{} HTTP/1.1\r\n", account());
        assert!(requests[1].starts_with(&line), "{requests:?}");
    }

    #[test]
    fn chunked_bodies_are_read() {
        let body =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\ney\r\n1\r\nJ\r\n0\r\n\r\n";
        let (base, _) = server(vec![body.into()]);
        assert_eq!(texts(UrlResolver::new(&base, None).unwrap().fetch(&account())), "eyJ");
    }

    #[test]
    fn other_answers_than_200_are_errors_that_say_what_was_asked() {
        for status in ["404 Not Found", "500 Internal Server Error", "204 No Content"] {
            let (base, _) = server(vec![answer(status, "", "")]);
            let resolver = UrlResolver::new(&base, None).unwrap();
            let wanted = format!("ERROR could not fetch <\"{base}{}\">: {status}", account());
            assert_eq!(texts(resolver.fetch(&account())), wanted);
        }
    }

    #[test]
    fn redirections_lead_to_web_servers_only() {
        let (elsewhere, _) = server(vec![answer("200 OK", "", "eyJ")]);
        let (base, _) =
            server(vec![answer("302 Found", &format!("Location: {elsewhere}\r\n"), "")]);
        assert_eq!(texts(UrlResolver::new(&base, None).unwrap().fetch(&account())), "eyJ");
        for place in ["file:///etc/hostname", "ftp://127.0.0.1/"] {
            let (base, _) =
                server(vec![answer("302 Found", &format!("Location: {place}\r\n"), "")]);
            let got = texts(UrlResolver::new(&base, None).unwrap().fetch(&account()));
            assert!(got.starts_with("ERROR could not fetch"), "{place}: {got}");
        }
    }

    #[test]
    fn bodies_are_bounded() {
        let (base, _) = server(vec![answer("200 OK", "", &"x".repeat(MAX_LEN + 1))]);
        let got = texts(UrlResolver::new(&base, None).unwrap().fetch(&account()));
        assert!(got.contains("larger than"), "{}", &got[..got.len().min(200)]);
    }

    #[test]
    fn a_silent_server_is_not_waited_for_long() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}/", listener.local_addr().unwrap());
        let got = texts(UrlResolver::new(&base, None).unwrap().fetch(&account()));
        assert!(got.contains("timeout"), "{got}");
    }

    #[test]
    fn only_web_addresses_are_asked() {
        let rows = [
            ("/", "could not fetch <\"/\">: Get \"/\": unsupported protocol scheme \"\""),
            ("foo/", "could not fetch <\"foo/\">: Get \"foo/\": unsupported protocol scheme \"\""),
            (
                "ftp://x/",
                "could not fetch <\"ftp://x/\">: Get \"ftp://x/\": unsupported protocol scheme \"ftp\"",
            ),
            (
                "file:///etc/passwd/",
                "could not fetch <\"file:///etc/passwd/\">: Get \"file:///etc/passwd/\": unsupported \
                 protocol scheme \"file\"",
            ),
        ];
        for (base, wanted) in rows {
            let error = UrlResolver::new(base, None).unwrap().check().unwrap_err();
            assert_eq!(error.to_string(), wanted);
        }
    }
}
