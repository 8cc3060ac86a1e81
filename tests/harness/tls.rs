//! Certificates for one test run, and sessions over TLS.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::session::Wire;
use crate::{PATIENCE, Scratch, Session};

/// An authority with a server certificate for `localhost` and a client certificate, as files that
/// a configuration can name.
#[derive(Debug)]
pub struct Certificates {
    _scratch: Scratch,
    /// The authority's certificate.
    pub authority: PathBuf,
    /// The server's certificate.
    pub server_cert: PathBuf,
    /// The server's key.
    pub server_key: PathBuf,
    root: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
    client: ClientCertificate,
}

/// What a client shows.
#[derive(Debug)]
pub struct ClientCertificate {
    cert: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
}

impl Certificates {
    /// Puts the certificate and key of `new` where these are.
    pub fn replace(&self, new: &Self) {
        for (from, to) in
            [(&new.server_cert, &self.server_cert), (&new.server_key, &self.server_key)]
        {
            std::fs::copy(from, to).expect("files can be copied");
        }
    }

    /// Makes new ones.
    ///
    /// # Panics
    /// When they cannot be made or written.
    #[must_use]
    pub fn new() -> Self {
        let scratch = Scratch::new();
        let key = KeyPair::generate().expect("a key can be made");
        let mut params = parameters(&["Nervure test authority"]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = params.self_signed(&key).expect("an authority can sign itself");
        let issuer = Issuer::new(params, key);
        let sign = |names: &[&str]| {
            let key = KeyPair::generate().expect("a key can be made");
            let cert = parameters(names).signed_by(&key, &issuer).expect("an authority can sign");
            (cert, key)
        };
        let (server, server_key) = sign(&["localhost", "127.0.0.1"]);
        Self {
            authority: scratch.write("ca.pem", authority.pem()),
            server_cert: scratch.write("server.pem", server.pem()),
            server_key: scratch.write("server-key.pem", server_key.serialize_pem()),
            root: authority.der().clone(),
            client: ClientCertificate::new(&parameters(&["client"]), &issuer),
            issuer,
            _scratch: scratch,
        }
    }

    /// A `tls` block of the configuration language with this server certificate and `more` lines.
    #[must_use]
    pub fn block(&self, more: &str) -> String {
        let (cert, key) = (self.server_cert.display(), self.server_key.display());
        let ca = self.authority.display();
        format!("tls {{\n cert_file: '{cert}'\n key_file: '{key}'\n ca_file: '{ca}'\n {more}\n}}\n")
    }

    /// Starts TLS on a connected socket. The handshake itself happens with the first read or
    /// write.
    ///
    /// # Panics
    /// When the library refuses the certificates.
    #[must_use]
    pub fn secure(&self, stream: TcpStream, with_client_cert: bool) -> Session {
        over(stream, self.client_config(with_client_cert))
    }

    /// A client certificate of this authority that says what `params` say.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn issue(&self, params: &CertificateParams) -> ClientCertificate {
        ClientCertificate::new(params, &self.issuer)
    }

    /// Like [`Certificates::upgrade`], showing `client`.
    ///
    /// # Panics
    /// When there is no INFO line.
    #[must_use]
    pub fn upgrade_as(&self, port: u16, client: &ClientCertificate) -> Session {
        over(greeted(port), self.config(Some(client)))
    }

    /// What a client that trusts these certificates needs to know.
    ///
    /// # Panics
    /// When the library refuses the certificates.
    #[must_use]
    pub fn client_config(&self, with_client_cert: bool) -> Arc<ClientConfig> {
        self.config(with_client_cert.then_some(&self.client))
    }

    fn config(&self, client: Option<&ClientCertificate>) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).expect("the authority can be trusted");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("the provider knows TLS 1.2 and 1.3")
            .with_root_certificates(roots);
        let config = match client {
            Some(client) => {
                let chain = vec![client.cert.clone()];
                builder.with_client_auth_cert(chain, client.key.clone_key())
            }
            None => Ok(builder.with_no_client_auth()),
        };
        Arc::new(config.expect("the client certificate fits its key"))
    }

    /// Connects, reads the plain INFO line octet by octet so that nothing behind it is taken, and
    /// starts TLS.
    ///
    /// # Panics
    /// When there is no INFO line.
    #[must_use]
    pub fn upgrade(&self, port: u16, with_client_cert: bool) -> Session {
        self.secure(greeted(port), with_client_cert)
    }

    /// Like [`Certificates::upgrade`], saying `preamble` between INFO and TLS.
    ///
    /// # Panics
    /// When there is no INFO line.
    #[must_use]
    pub fn upgrade_after(&self, port: u16, preamble: &[u8]) -> Session {
        let mut stream = greeted(port);
        stream.write_all(preamble).expect("a fresh socket takes a few bytes");
        self.secure(stream, false)
    }
}

impl ClientCertificate {
    fn new(params: &CertificateParams, issuer: &Issuer<'static, KeyPair>) -> Self {
        let key = KeyPair::generate().expect("a key can be made");
        let cert = params.signed_by(&key, issuer).expect("an authority can sign");
        Self { cert: cert.der().clone(), key: PrivateKeyDer::from(key) }
    }
}

fn over(stream: TcpStream, config: Arc<ClientConfig>) -> Session {
    let name = ServerName::try_from("localhost").expect("localhost is a name");
    let connection = ClientConnection::new(config, name).expect("a TLS client can be made");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket takes a timeout");
    Session::over(StreamOwned::new(connection, stream))
}

/// A connected socket whose INFO line was read octet by octet, so that nothing behind it is taken.
fn greeted(port: u16) -> TcpStream {
    let mut stream = dial(port);
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket takes a timeout");
    let mut octet = [0; 1];
    while octet != *b"\n" {
        let read = stream.read_exact(&mut octet);
        read.unwrap_or_else(|error| panic!("no INFO before TLS: {error}"));
    }
    stream
}

impl Default for Certificates {
    fn default() -> Self {
        Self::new()
    }
}

impl Wire for StreamOwned<ClientConnection, TcpStream> {
    fn socket(&self) -> &TcpStream {
        &self.sock
    }
}

/// A connected socket that has said and read nothing.
///
/// # Panics
/// When nothing listens.
#[must_use]
pub fn dial(port: u16) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port));
    stream.unwrap_or_else(|error| panic!("connect to port {port}: {error}"))
}

fn parameters(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    CertificateParams::new(names).expect("the names are proper")
}
