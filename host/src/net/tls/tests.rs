//! Handshakes over loopback, and the texts for bad configurations.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, SupportedProtocolVersion, version};
use tokio::net::TcpListener;

use super::*;
use crate::options::TlsOptions;

/// An authority, and files of what it issued, in a directory of their own.
pub(in crate::net) struct Pki {
    dir: PathBuf,
    ca: CertifiedIssuer<'static, KeyPair>,
}

impl Pki {
    pub(in crate::net) fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("nervure-tls-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        std::fs::write(dir.join("ca.pem"), ca.pem()).unwrap();
        Self { dir, ca }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Issues a certificate for `host` and returns the files' paths.
    fn issue(&self, host: &str, usage: ExtendedKeyUsagePurpose) -> (PathBuf, PathBuf, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        params.extended_key_usages = vec![usage];
        let cert = params.signed_by(&key, &self.ca).unwrap();
        let (cert_path, key_path) =
            (self.path(&format!("{host}.pem")), self.path(&format!("{host}.key")));
        std::fs::write(&cert_path, cert.pem()).unwrap();
        std::fs::write(&key_path, key.serialize_pem()).unwrap();
        (cert_path, key_path, key)
    }

    pub(in crate::net) fn server(&self, host: &str) -> (PathBuf, PathBuf) {
        let (cert, key, _) = self.issue(host, ExtendedKeyUsagePurpose::ServerAuth);
        (cert, key)
    }

    pub(in crate::net) fn client_config(
        &self,
        identity: Option<&(PathBuf, PathBuf)>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Arc<ClientConfig> {
        use rustls::pki_types::pem::PemObject;
        let mut roots = RootCertStore::empty();
        roots.add(self.ca.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        Arc::new(match identity {
            None => builder.with_no_client_auth(),
            Some((cert, key)) => builder
                .with_client_auth_cert(
                    vec![CertificateDer::from_pem_file(cert).unwrap()],
                    PrivateKeyDer::from_pem_file(key).unwrap(),
                )
                .unwrap(),
        })
    }
}

impl Drop for Pki {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.dir);
    }
}

/// A blocking client that shakes hands and then waits for the server's end; returns what it saw
/// of the server's certificate.
fn client(addr: SocketAddr, config: Arc<ClientConfig>, name: &str) -> io::Result<Vec<u8>> {
    let mut socket = std::net::TcpStream::connect(addr)?;
    socket.set_read_timeout(Some(Duration::from_secs(10)))?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut session = ClientConnection::new(config, name).unwrap();
    while session.is_handshaking() {
        session.complete_io(&mut socket)?;
    }
    let cert = session.peer_certificates().unwrap()[0].to_vec();
    let mut rest = Vec::new();
    let _reset = io::Read::read_to_end(&mut socket, &mut rest);
    Ok(cert)
}

/// One handshake between `server` and a client.
async fn shake(
    server: &TlsServer,
    config: Arc<ClientConfig>,
    name: &'static str,
) -> (Result<TlsInfo, TlsAcceptError>, io::Result<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let client = std::thread::spawn(move || client(addr, config, name));
    let (stream, _) = listener.accept().await.unwrap();
    let accepted = accept_tls(stream, server, Some(Duration::from_secs(10))).await;
    let info = accepted.map(|(_stream, session)| TlsInfo::of(&session));
    (info, client.join().unwrap())
}

pub(in crate::net) fn options(certs: Vec<(PathBuf, PathBuf)>) -> TlsOptions {
    TlsOptions { certs, ..TlsOptions::default() }
}

pub(in crate::net) const BOTH: &[&SupportedProtocolVersion] = &[&version::TLS12, &version::TLS13];

#[tokio::test]
async fn versions_and_suites_are_named_like_nats_servers() {
    let pki = Pki::new("names");
    let mut options = options(vec![pki.server("localhost")]);
    let server = TlsServer::from_options(&options).unwrap();
    for (offered, version, suite) in [
        (&version::TLS12, "1.2", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
        (&version::TLS13, "1.3", "TLS_AES_256_GCM_SHA384"),
    ] {
        let (info, _) = shake(&server, pki.client_config(None, &[offered]), "localhost").await;
        assert_eq!(info.unwrap(), TlsInfo { version, cipher_suite: suite });
    }
    options.cipher_suites = vec![
        "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA".to_owned(),
        "TLS_AES_128_GCM_SHA256".to_owned(),
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256".to_owned(),
    ];
    let server = TlsServer::from_options(&options).unwrap();
    for (offered, suite) in [
        (&version::TLS12, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"),
        (&version::TLS13, "TLS_AES_128_GCM_SHA256"),
    ] {
        let (info, _) = shake(&server, pki.client_config(None, &[offered]), "localhost").await;
        assert_eq!(info.unwrap().cipher_suite, suite);
    }
}

#[tokio::test]
async fn a_minimum_of_1_3_refuses_1_2() {
    let pki = Pki::new("min");
    let options = TlsOptions { min_tls13: true, ..options(vec![pki.server("localhost")]) };
    let server = TlsServer::from_options(&options).unwrap();
    let old = pki.client_config(None, &[&version::TLS12]);
    let (info, seen) = shake(&server, old, "localhost").await;
    assert!(matches!(info, Err(TlsAcceptError::Tls(_))), "{info:?}");
    assert!(seen.is_err());
}

#[tokio::test]
async fn the_certificate_is_chosen_by_name_else_the_first() {
    let pki = Pki::new("sni");
    let server =
        TlsServer::from_options(&options(vec![pki.server("one.test"), pki.server("two.test")]))
            .unwrap();
    let mut seen = Vec::new();
    for name in ["one.test", "two.test"] {
        let (info, cert) = shake(&server, pki.client_config(None, BOTH), name).await;
        info.unwrap();
        seen.push(cert.unwrap());
    }
    assert_ne!(seen[0], seen[1]);
    let (_, other) = shake(&server, pki.client_config(None, BOTH), "three.test").await;
    let error = other.unwrap_err().to_string();
    assert!(error.contains("not valid for name"), "the first is offered and refused: {error}");
}

#[tokio::test]
async fn verify_demands_a_certificate_of_the_authority() {
    let (pki, stranger) = (Pki::new("verify"), Pki::new("stranger"));
    let options = TlsOptions {
        verify: true,
        ca_file: Some(pki.path("ca.pem")),
        ..options(vec![pki.server("localhost")])
    };
    let server = TlsServer::from_options(&options).unwrap();
    let (cert, key, _) = pki.issue("client", ExtendedKeyUsagePurpose::ClientAuth);
    let good = pki.client_config(Some(&(cert, key)), BOTH);
    assert!(shake(&server, good, "localhost").await.0.is_ok());
    let none = pki.client_config(None, BOTH);
    assert!(matches!(shake(&server, none, "localhost").await.0, Err(TlsAcceptError::Tls(_))));
    let (cert, key, _) = stranger.issue("client", ExtendedKeyUsagePurpose::ClientAuth);
    let foreign = pki.client_config(Some(&(cert, key)), BOTH);
    assert!(matches!(shake(&server, foreign, "localhost").await.0, Err(TlsAcceptError::Tls(_))));
}

#[tokio::test]
async fn only_pinned_certificates_pass() {
    let pki = Pki::new("pins");
    let (cert, key, pair) = pki.issue("client", ExtendedKeyUsagePurpose::ClientAuth);
    let (other_cert, other_key, _) = pki.issue("other", ExtendedKeyUsagePurpose::ClientAuth);
    let spki = rcgen::PublicKeyData::subject_public_key_info(&pair);
    let pin = data_encoding::HEXUPPER.encode(&Sha256::digest(spki));
    let mut options = TlsOptions {
        verify: true,
        ca_file: Some(pki.path("ca.pem")),
        pinned_certs: vec!["00".repeat(32), pin],
        ..options(vec![pki.server("localhost")])
    };
    let server = TlsServer::from_options(&options).unwrap();
    let hit = pki.client_config(Some(&(cert, key)), BOTH);
    assert!(shake(&server, hit, "localhost").await.0.is_ok());
    let miss = pki.client_config(Some(&(other_cert, other_key)), BOTH);
    let (info, _) = shake(&server, miss, "localhost").await;
    assert!(matches!(info, Err(TlsAcceptError::NotPinned)), "{info:?}");

    options.verify = false;
    let server = TlsServer::from_options(&options).unwrap();
    let (info, _) = shake(&server, pki.client_config(None, BOTH), "localhost").await;
    assert!(matches!(info, Err(TlsAcceptError::NotPinned)), "nobody has a certificate: {info:?}");
}

#[tokio::test]
async fn a_block_without_certificates_loads_and_fails_every_handshake() {
    let pki = Pki::new("empty");
    let server = TlsServer::from_options(&TlsOptions::default()).unwrap();
    let (info, _) = shake(&server, pki.client_config(None, BOTH), "localhost").await;
    assert!(matches!(info, Err(TlsAcceptError::Tls(_))), "{info:?}");
}

#[tokio::test]
async fn plain_text_and_silence_are_closed_without_an_octet() {
    let pki = Pki::new("plain");
    let server = TlsServer::from_options(&options(vec![pki.server("localhost")])).unwrap();
    for (said, first, wanted) in [
        (&b"CONNECT {}\r\n"[..], Some(First::Other(b'C')), "tls: first record does not look like"),
        (b"\x16\x03", Some(First::Tls), "i/o timeout"),
        (b"", None, "i/o timeout"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut peer, said).await.unwrap();
        let spoke = speaks_first(&stream, Duration::from_millis(30)).await.unwrap();
        assert_eq!(spoke, !said.is_empty());
        if let Some(first) = first {
            assert_eq!(peek_first(&stream).await.unwrap(), first);
            assert_eq!(peek_is_tls(&stream).await.unwrap(), first == First::Tls);
        }
        let limit = Duration::from_millis(50);
        let error = accept_tls(stream, &server, Some(limit)).await.unwrap_err();
        assert!(error.to_string().starts_with(wanted), "{error}");
        let mut rest = Vec::new();
        let _reset = tokio::io::AsyncReadExt::read_to_end(&mut peer, &mut rest).await;
        assert_eq!(rest, b"");
    }
}

#[test]
fn bad_blocks_fail_with_nats_servers_texts() {
    let pki = Pki::new("texts");
    let (cert, key) = pki.server("a.test");
    let (cert2, key2) = pki.server("b.test");
    std::fs::write(pki.path("garbage"), "garbage").unwrap();
    let garbage = || pki.path("garbage");
    let nope = || Path::new("/nope").to_owned();
    let pair = "error parsing X509 certificate/key pair: ";
    let missing = "open /nope: no such file or directory";
    let switched = "tls: failed to find certificate PEM data in certificate input, but did find a \
                    private key; PEM inputs may have been switched";
    for (certs, text) in [
        (vec![(nope(), key.clone())], format!("{pair}{missing}")),
        (vec![(cert.clone(), nope())], format!("{pair}{missing}")),
        (
            vec![(garbage(), key.clone())],
            format!("{pair}tls: failed to find any PEM data in certificate input"),
        ),
        (
            vec![(cert.clone(), garbage())],
            format!("{pair}tls: failed to find any PEM data in key input"),
        ),
        (vec![(key.clone(), cert.clone())], format!("{pair}{switched}")),
        (
            vec![(cert.clone(), key2.clone())],
            format!("{pair}tls: private key does not match public key"),
        ),
        (
            vec![(cert2, key2), (nope(), key.clone())],
            format!("error parsing X509 certificate/key pair 2/2: {missing}"),
        ),
    ] {
        let error = TlsServer::from_options(&options(certs)).unwrap_err();
        assert_eq!(error.to_string(), text);
    }
    let base = options(vec![(cert, key)]);
    let one = |text: &str| vec![text.to_owned()];
    for (options, text) in [
        (TlsOptions { ca_file: Some(nope()), ..base.clone() }, missing),
        (
            TlsOptions { ca_file: Some(garbage()), verify: true, ..base.clone() },
            "failed to parse root ca certificate",
        ),
        (TlsOptions { cipher_suites: one("FOO"), ..base.clone() }, "unrecognized cipher FOO"),
        (
            TlsOptions { curve_preferences: one("FOO"), ..base.clone() },
            "unrecognized curve preference FOO",
        ),
        (
            TlsOptions { curve_preferences: one("CurveP521"), ..base.clone() },
            "none of the configured curve preferences is supported",
        ),
        (
            TlsOptions { pinned_certs: one("abc"), ..base.clone() },
            "error parsing tls config, 'pinned_certs' key abc does not look like hex-encoded \
             sha256 of DER encoded SubjectPublicKeyInfo",
        ),
    ] {
        assert_eq!(TlsServer::from_options(&options).unwrap_err().to_string(), text);
    }
    let curves = vec!["X25519MLKEM768".to_owned(), "CurveP256".to_owned()];
    assert!(TlsServer::from_options(&TlsOptions { curve_preferences: curves, ..base }).is_ok());
}

#[test]
fn the_handshake_rate_is_a_bucket_of_one_second() {
    let start = Instant::now();
    let mut rate = HandshakeRate::new(2, start);
    let admitted = |rate: &mut HandshakeRate, ms| rate.admit(start + Duration::from_millis(ms));
    assert_eq!(
        [0, 0, 0, 499, 500, 501].map(|ms| admitted(&mut rate, ms)),
        [true, true, false, false, true, false]
    );
    let mut free = HandshakeRate::new(0, start);
    assert!((0..100).all(|_| admitted(&mut free, 0)));
}
