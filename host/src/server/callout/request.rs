//! What a service is asked (reference security 10.3 and 10.4).

use std::sync::Arc;
use std::time::Duration;

use data_encoding::BASE64;
use nervure_core::auth::jwt::{
    AuthorizationRequest, AuthorizationRequestClaims, ClientInformation, ClientTls, ConnectOptions,
    REQUEST_AUDIENCE,
};
use nervure_core::auth::{Delegated, PublicKey, Role, signature};
use rustls::ServerConnection;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use super::cache::Key;
use super::party::Party;
use super::{AuthService, seconds};
use crate::net::tls::TlsInfo;
use crate::options::Options;
use crate::server::keys::fresh;

/// A request that is ready to be published, and what its answer is held against.
pub(in super::super) struct Request {
    pub(in super::super) header: Vec<u8>,
    pub(in super::super) payload: Vec<u8>,
    /// Whose service it is for.
    pub(super) party: Arc<Party>,
    /// Made for it: who the answer has to be about.
    pub(super) user_nkey: String,
    /// Who the client is if the service gives it no name.
    pub(super) name: String,
    pub(super) proxied: bool,
    key: Option<Key>,
}

/// What is known of a client's TLS connection.
pub(in super::super) struct TlsFacts {
    info: TlsInfo,
    /// Verified, the client's own first, in DER.
    certificates: Vec<Vec<u8>>,
}

impl TlsFacts {
    pub(in super::super) fn of(session: &ServerConnection) -> Self {
        let certificates = session.peer_certificates().unwrap_or_default();
        let certificates = certificates.iter().map(|der| der.to_vec()).collect();
        Self::new(TlsInfo::of(session), certificates)
    }

    pub(super) fn new(info: TlsInfo, certificates: Vec<Vec<u8>>) -> Self {
        Self { info, certificates }
    }
}

impl Request {
    /// The account to publish it in.
    pub(in super::super) fn account(&self) -> &str {
        &self.party.account
    }

    /// Under which its answer is remembered.
    pub(super) fn key(&self) -> Option<&Key> {
        self.key.as_ref()
    }
}

impl AuthService {
    /// The request about a client. `now` is since the start of 1970.
    ///
    /// # Errors
    /// Why there is none, in words for the log.
    pub(in super::super) fn request(
        &self,
        delegated: Delegated,
        tls: Option<TlsFacts>,
        now: Duration,
    ) -> Result<Request, String> {
        let account = &delegated.account;
        let party = match (&delegated.claims, &self.configured) {
            (Some(claims), _) => Arc::new(Party::of_account(claims.clone())?),
            (None, Some(configured)) => configured.clone(),
            (None, None) => return Err("no auth callout is configured any more".to_owned()),
        };
        let failed = |error: &dyn std::fmt::Display| {
            format!("Auth callout request on account {account:?} cannot be made: {error}")
        };
        let user_nkey = fresh(Role::User).map_err(|error| failed(&error))?.public().to_string();
        let client_tls = tls.map(|tls| self.client_tls(&tls));
        let key = self.key(&delegated, client_tls.as_ref());
        let name = delegated.client.user.clone();
        let mut server_id = self.server.clone();
        if party.xkey.is_some() {
            server_id.xkey = self.keys.curve.public_key();
        }
        let claims = AuthorizationRequestClaims {
            aud: REQUEST_AUDIENCE.to_owned(),
            exp: seconds(now + self.timeout),
            iat: seconds(now),
            sub: party.issuer.clone(),
            nats: AuthorizationRequest {
                server_id,
                user_nkey: user_nkey.clone(),
                client_info: delegated.client,
                connect_opts: delegated.connect,
                client_tls,
                request_nonce: String::new(),
            },
            ..AuthorizationRequestClaims::default()
        };
        let token = claims.encode(&self.keys.signer).map_err(|error| failed(&error))?;
        let (mut header, mut payload) = (Vec::new(), token.into_bytes());
        if let Some(xkey) = &party.xkey {
            let public = self.keys.curve.public_key();
            header = format!("NATS/1.0\r\nNats-Server-Xkey: {public}\r\n\r\n").into_bytes();
            payload = self.keys.curve.seal(&payload, xkey).map_err(|error| failed(&error))?;
        }
        let proxied = delegated.proxied;
        Ok(Request { header, payload, party, user_nkey, name, proxied, key })
    }

    /// A digest of all that the service is shown and that is the same when the client comes again.
    /// `None` if nothing is to be remembered. A signature is never the same: one of the key that
    /// the client gives is checked here, for without the service nobody else does; about any other
    /// the service alone can know.
    fn key(&self, delegated: &Delegated, tls: Option<&ClientTls>) -> Option<Key> {
        let cache = self.cache.as_deref()?;
        let connect = &delegated.connect;
        if !(connect.nkey.is_empty() && connect.sig.is_empty()) {
            let key = PublicKey::parse_as(&connect.nkey, Role::User).ok()?;
            let signed = signature(&connect.sig)?;
            key.verifies(&delegated.nonce, &signed).then_some(())?;
        }
        let connect = ConnectOptions { sig: String::new(), ..connect.clone() };
        let client = ClientInformation { id: 0, nonce: String::new(), ..delegated.client.clone() };
        let shown = serde_json::to_vec(&(client, connect, tls, delegated.proxied)).ok()?;
        Some(cache.key(&shown))
    }

    fn client_tls(&self, facts: &TlsFacts) -> ClientTls {
        let mut chain: Vec<String> = facts.certificates.iter().map(|der| pem(der)).collect();
        let root = facts.certificates.last().and_then(|der| issuer(der, &self.authorities));
        chain.extend(root.map(|der| pem(der)));
        ClientTls {
            version: facts.info.version.to_owned(),
            cipher: facts.info.cipher_suite.to_owned(),
            certs: Vec::new(),
            verified_chains: if chain.is_empty() { Vec::new() } else { vec![chain] },
        }
    }
}

/// The authority that issued a certificate, unless it is one itself.
fn issuer<'a>(certificate: &[u8], authorities: &'a [Vec<u8>]) -> Option<&'a Vec<u8>> {
    if authorities.iter().any(|der| der == certificate) {
        return None;
    }
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let wanted = certificate.issuer().as_raw();
    authorities.iter().find(|der| {
        let authority = X509Certificate::from_der(der);
        authority.is_ok_and(|(_, authority)| authority.subject().as_raw() == wanted)
    })
}

/// The authorities of the listeners, as far as they are configured: those of the system are not
/// told. What cannot be read has been refused before.
pub(super) fn authorities(options: &Options) -> Vec<Vec<u8>> {
    let websocket = options.websocket.as_ref().and_then(|websocket| websocket.tls.as_ref());
    let blocks = options.tls.iter().chain(websocket).filter(|tls| tls.verify);
    let files = blocks.filter_map(|tls| std::fs::read(tls.ca_file.as_ref()?).ok());
    let certificates = |text: Vec<u8>| -> Vec<Vec<u8>> {
        let certificates = CertificateDer::pem_slice_iter(&text).filter_map(Result::ok);
        certificates.map(|der| der.to_vec()).collect()
    };
    files.flat_map(certificates).collect()
}

/// A certificate in PEM, as Go writes it.
fn pem(der: &[u8]) -> String {
    let text = BASE64.encode(der);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in text.as_bytes().chunks(64) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem + "-----END CERTIFICATE-----\n"
}
