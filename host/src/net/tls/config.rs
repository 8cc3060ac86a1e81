//! From a `tls` block to a rustls configuration.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use rustls::client::verify_server_name;
use rustls::crypto::{CryptoProvider, SupportedKxGroup, ring};
use rustls::pki_types::pem::{self, PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{
    ClientHello, NoServerSessionStorage, ParsedCertificate, ResolvesServerCert,
    WebPkiClientVerifier,
};
use rustls::sign::CertifiedKey;
use rustls::{CipherSuite, RootCertStore, ServerConfig, SupportedCipherSuite, version};
use thiserror::Error;

use super::{DEFAULT_TIMEOUT, HandshakeRate, TlsServer};
use crate::net::errno;
use crate::options::TlsOptions;

/// Where systems keep their authorities, tried in this order.
const SYSTEM_ROOTS: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/ssl/cert.pem",
];

/// Cipher suites that nats-server knows and our TLS library does not have: CBC and RSA key
/// exchange. They are left out of the list as long as others remain.
const FOREIGN_SUITES: [&str; 13] = [
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA256",
    "TLS_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
];

/// Curves that nats-server knows and our TLS library does not have.
const FOREIGN_CURVES: [&str; 4] =
    ["X25519MLKEM768", "SecP384r1MLKEM1024", "SecP256r1MLKEM768", "CurveP521"];

/// Why a `tls` block cannot be used. The texts are nats-server's where it has one (observed on
/// nats-server 2.15.1).
#[derive(Debug, Error)]
pub enum TlsConfigError {
    /// The only certificate and key.
    #[error("error parsing X509 certificate/key pair: {0}")]
    Pair(PairError),
    /// One of several certificates and keys: number and count.
    #[error("error parsing X509 certificate/key pair {1}/{2}: {0}")]
    OneOfPairs(PairError, usize, usize),
    /// The authorities' file cannot be read.
    #[error("{0}")]
    Open(#[from] OpenError),
    /// There is no authority in the file.
    #[error("failed to parse root ca certificate")]
    RootCa,
    /// Client certificates cannot be verified with these authorities.
    #[error("client certificate verification: {0}")]
    Verifier(String),
    /// No such cipher suite.
    #[error("unrecognized cipher {0}")]
    Cipher(String),
    /// None of the configured cipher suites exists in our TLS library.
    #[error("none of the configured cipher suites is supported")]
    NoCipher,
    /// No such curve.
    #[error("unrecognized curve preference {0}")]
    Curve(String),
    /// None of the configured curves exists in our TLS library.
    #[error("none of the configured curve preferences is supported")]
    NoCurve,
    /// Not 64 hexadecimal digits.
    #[error(
        "error parsing tls config, 'pinned_certs' key {0} does not look like hex-encoded sha256 \
         of DER encoded SubjectPublicKeyInfo"
    )]
    Pinned(String),
    /// The TLS library refuses the combination.
    #[error("tls: {0}")]
    Library(#[from] rustls::Error),
}

/// A file that cannot be read.
#[derive(Debug, Error)]
#[error("open {}: {}", path.display(), errno::text(source))]
pub struct OpenError {
    path: PathBuf,
    source: io::Error,
}

/// What is wrong with a certificate and its key.
#[derive(Debug, Error)]
pub enum PairError {
    /// A file cannot be read.
    #[error("{0}")]
    Open(#[from] OpenError),
    /// The certificate file is not PEM.
    #[error("tls: failed to find any PEM data in certificate input")]
    NoPemInCert,
    /// The key file is not PEM.
    #[error("tls: failed to find any PEM data in key input")]
    NoPemInKey,
    /// The certificate file holds a key.
    #[error(
        "tls: failed to find certificate PEM data in certificate input, but did find a private \
         key; PEM inputs may have been switched"
    )]
    Switched,
    /// The certificate file holds neither.
    #[error("tls: failed to find \"CERTIFICATE\" PEM block in certificate input")]
    NoCert,
    /// The key file holds no key.
    #[error("tls: failed to find PEM block with type ending in \"PRIVATE KEY\" in key input")]
    NoKey,
    /// They do not belong together.
    #[error("tls: private key does not match public key")]
    Mismatch,
    /// The TLS library cannot use them.
    #[error("tls: {0}")]
    Unusable(rustls::Error),
}

impl TlsServer {
    /// Reads the files of a `tls` block and checks all of it.
    ///
    /// A block without certificates is valid; every handshake fails then, as with nats-server.
    /// Sessions are not resumed: neither tickets nor a cache, so that an idle connection costs no
    /// memory beyond its keys.
    ///
    /// # Errors
    ///
    /// See [`TlsConfigError`].
    pub fn from_options(options: &TlsOptions) -> Result<Arc<Self>, TlsConfigError> {
        let mut provider = ring::default_provider();
        provider.cipher_suites = cipher_suites(&options.cipher_suites)?;
        provider.kx_groups = curves(&options.curve_preferences)?;
        let provider = Arc::new(provider);
        let certs = load_pairs(&options.certs, &provider)?;
        let versions: &[_] = if options.min_tls13 {
            &[&version::TLS13]
        } else {
            &[&version::TLS13, &version::TLS12]
        };
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)?;
        let builder = if options.verify {
            let roots = Arc::new(load_roots(options.ca_file.as_deref())?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider)
                .build()
                .map_err(|error| TlsConfigError::Verifier(error.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        } else {
            if let Some(path) = options.ca_file.as_deref() {
                load_roots(Some(path))?;
            }
            builder.with_no_client_auth()
        };
        let mut config = builder.with_cert_resolver(Arc::new(Certs(certs)));
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        // An order that somebody wrote down is meant to count.
        config.ignore_client_order = !options.cipher_suites.is_empty();
        Ok(Arc::new(Self {
            config: Arc::new(config),
            pinned: pins(&options.pinned_certs)?,
            timeout: options.timeout.unwrap_or(DEFAULT_TIMEOUT),
            rate: Mutex::new(HandshakeRate::new(options.connection_rate_limit, Instant::now())),
        }))
    }
}

/// The IANA name of a cipher suite, which rustls spells differently for TLS 1.3.
pub(super) fn iana_name(suite: CipherSuite) -> &'static str {
    match suite {
        CipherSuite::TLS13_AES_128_GCM_SHA256 => "TLS_AES_128_GCM_SHA256",
        CipherSuite::TLS13_AES_256_GCM_SHA384 => "TLS_AES_256_GCM_SHA384",
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => "TLS_CHACHA20_POLY1305_SHA256",
        other => other.as_str().unwrap_or(""),
    }
}

/// The configured suites in their order. As with nats-server, the list does not switch off TLS
/// 1.3: its suites follow if they are not named.
fn cipher_suites(names: &[String]) -> Result<Vec<SupportedCipherSuite>, TlsConfigError> {
    let all = ring::ALL_CIPHER_SUITES;
    if names.is_empty() {
        return Ok(all.to_vec());
    }
    let mut out: Vec<SupportedCipherSuite> = Vec::new();
    for name in names {
        match all.iter().find(|suite| iana_name(suite.suite()) == name) {
            Some(suite) => out.push(*suite),
            // The old names of the two ChaCha20 suites.
            None if name.ends_with("_WITH_CHACHA20_POLY1305") => {
                let full = format!("{name}_SHA256");
                let suite = all.iter().find(|suite| iana_name(suite.suite()) == full);
                out.push(*suite.ok_or_else(|| TlsConfigError::Cipher(name.clone()))?);
            }
            None if FOREIGN_SUITES.contains(&name.as_str()) => {}
            None => return Err(TlsConfigError::Cipher(name.clone())),
        }
    }
    if out.is_empty() {
        return Err(TlsConfigError::NoCipher);
    }
    for suite in all {
        if suite.tls13().is_some() && !out.contains(suite) {
            out.push(*suite);
        }
    }
    Ok(out)
}

/// The configured curves in their order, without those that our library lacks.
fn curves(names: &[String]) -> Result<Vec<&'static dyn SupportedKxGroup>, TlsConfigError> {
    if names.is_empty() {
        return Ok(ring::ALL_KX_GROUPS.to_vec());
    }
    let mut out: Vec<&'static dyn SupportedKxGroup> = Vec::new();
    for name in names {
        match name.as_str() {
            "X25519" => out.push(ring::kx_group::X25519),
            "CurveP256" => out.push(ring::kx_group::SECP256R1),
            "CurveP384" => out.push(ring::kx_group::SECP384R1),
            other if FOREIGN_CURVES.contains(&other) => {}
            _ => return Err(TlsConfigError::Curve(name.clone())),
        }
    }
    if out.is_empty() { Err(TlsConfigError::NoCurve) } else { Ok(out) }
}

fn pins(pinned: &[String]) -> Result<Box<[[u8; 32]]>, TlsConfigError> {
    let parse = |text: &String| {
        let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok();
        bytes
            .and_then(|bytes| bytes.try_into().ok())
            .ok_or_else(|| TlsConfigError::Pinned(text.clone()))
    };
    pinned.iter().map(parse).collect()
}

fn read(path: &Path) -> Result<Vec<u8>, OpenError> {
    std::fs::read(path).map_err(|source| OpenError { path: path.to_owned(), source })
}

/// The authorities in a file (PEM), or the system's.
///
/// # Errors
///
/// When the file cannot be read, or the system has none.
pub(crate) fn authorities(
    path: Option<&Path>,
) -> Result<Vec<CertificateDer<'static>>, TlsConfigError> {
    let pem = match path {
        Some(path) => read(path)?,
        None => SYSTEM_ROOTS
            .iter()
            .find_map(|path| std::fs::read(path).ok())
            .ok_or(TlsConfigError::RootCa)?,
    };
    Ok(CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok).collect())
}

fn load_roots(path: Option<&Path>) -> Result<RootCertStore, TlsConfigError> {
    let mut roots = RootCertStore::empty();
    let (added, _unusable) = roots.add_parsable_certificates(authorities(path)?);
    if added == 0 { Err(TlsConfigError::RootCa) } else { Ok(roots) }
}

fn load_pairs(
    pairs: &[(PathBuf, PathBuf)],
    provider: &CryptoProvider,
) -> Result<Vec<Arc<CertifiedKey>>, TlsConfigError> {
    let count = pairs.len();
    let load = |(i, (cert, key)): (usize, &(PathBuf, PathBuf))| {
        load_pair(cert, key, provider).map(Arc::new).map_err(|error| match count {
            1 => TlsConfigError::Pair(error),
            _ => TlsConfigError::OneOfPairs(error, i + 1, count),
        })
    };
    pairs.iter().enumerate().map(load).collect()
}

/// A certificate with those it is signed by, and its key (PEM).
///
/// # Errors
///
/// When a file cannot be read or holds something else.
pub(crate) fn pair(
    cert: &Path,
    key: &Path,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), PairError> {
    let (cert_pem, key_pem) = (read(cert)?, read(key)?);
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&cert_pem).filter_map(Result::ok).collect();
    if chain.is_empty() {
        let holds_key = PrivateKeyDer::from_pem_slice(&cert_pem).is_ok();
        return Err(match (holds_key, holds_pem(&cert_pem)) {
            (true, _) => PairError::Switched,
            (false, true) => PairError::NoCert,
            (false, false) => PairError::NoPemInCert,
        });
    }
    let key = PrivateKeyDer::from_pem_slice(&key_pem).map_err(|_none| {
        if holds_pem(&key_pem) { PairError::NoKey } else { PairError::NoPemInKey }
    })?;
    Ok((chain, key))
}

fn load_pair(
    cert: &Path,
    key: &Path,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, PairError> {
    let (chain, key) = pair(cert, key)?;
    CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => PairError::Mismatch,
        other => PairError::Unusable(other),
    })
}

fn holds_pem(text: &[u8]) -> bool {
    let mut sections = text;
    matches!(pem::from_buf(&mut sections), Ok(Some(_)))
        || <(SectionKind, Vec<u8>)>::pem_slice_iter(text).next().is_some()
}

/// Chooses the first certificate that the client can use under the name it asks for, else the
/// first.
#[derive(Debug)]
struct Certs(Vec<Arc<CertifiedKey>>);

impl ResolvesServerCert for Certs {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let [_, _, ..] = self.0.as_slice() else { return self.0.first().cloned() };
        let usable =
            |key: &&Arc<CertifiedKey>| key.key.choose_scheme(hello.signature_schemes()).is_some();
        let name = hello.server_name().and_then(|name| ServerName::try_from(name).ok());
        let named = name.and_then(|name| {
            self.0.iter().filter(usable).find(|key| {
                key.cert
                    .first()
                    .and_then(|cert| ParsedCertificate::try_from(cert).ok())
                    .is_some_and(|cert| verify_server_name(&cert, &name).is_ok())
            })
        });
        named.or_else(|| self.0.iter().find(usable)).or(self.0.first()).cloned()
    }
}
