//! What a service of another account is told about a requester: the header `Nats-Request-Info`
//! (reference security 9.4).

use core::time::Duration;
use std::sync::Arc;

use serde::Serialize;

use crate::account::ServiceImport;
use crate::link::{Link, Transport};
use crate::settings::Settings;
use crate::time::rfc3339;
use crate::wire::headers;

/// The header's name.
const NAME: &[u8] = b"Nats-Request-Info";

/// A header block that has nothing else.
const EMPTY_BLOCK: &[u8] = b"NATS/1.0\r\n\r\n";

/// A requester, as the service sees it. The order of the fields is the order on the wire; what is
/// empty is left out.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct RequestInfo {
    #[serde(skip_serializing_if = "str::is_empty")]
    start: Box<str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    host: Box<str>,
    #[serde(skip_serializing_if = "is_zero")]
    id: u64,
    #[serde(rename = "acc", serialize_with = "text")]
    account: Arc<str>,
    /// The account that the request came through, when it went on from there.
    #[serde(rename = "svc", skip_serializing_if = "Option::is_none", serialize_with = "some_text")]
    through: Option<Arc<str>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    user: Box<str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: Box<str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    lang: Box<str>,
    #[serde(rename = "ver", skip_serializing_if = "str::is_empty")]
    version: Box<str>,
    /// Nanoseconds.
    #[serde(skip_serializing_if = "is_zero")]
    rtt: u64,
    #[serde(skip_serializing_if = "str::is_empty")]
    server: Box<str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    cluster: Box<str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    kind: &'static str,
    #[serde(rename = "client_type", skip_serializing_if = "str::is_empty")]
    client_type: &'static str,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn text<S: serde::Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}

fn some_text<S: serde::Serializer>(
    text: &Option<Arc<str>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text.as_deref().unwrap_or_default())
}

impl RequestInfo {
    /// Of a client of `account` whose request takes this way.
    pub(super) fn new(
        link: &Link,
        account: &Arc<str>,
        import: &ServiceImport,
        settings: &Settings,
    ) -> Self {
        let mut info = Self::short(link, account);
        if import.share {
            info.share(link, settings);
        }
        info.name_server(link, import, settings);
        info
    }

    /// Everything that is known of a client of `account`.
    pub(super) fn detailed(link: &Link, account: &Arc<str>, settings: &Settings) -> Self {
        let mut info = Self::short(link, account);
        info.share(link, settings);
        info.place(link, settings);
        info
    }

    fn short(link: &Link, account: &Arc<str>) -> Self {
        let rtt = u64::try_from(link.liveness.rtt().as_nanos()).unwrap_or(u64::MAX);
        Self { account: account.clone(), rtt, ..Self::default() }
    }

    /// Where the client is.
    fn place(&mut self, link: &Link, settings: &Settings) {
        self.server = link.endpoint.info.server_name.as_str().into();
        self.cluster = settings.cluster.clone();
    }

    /// Everything that is known of the client.
    fn share(&mut self, link: &Link, settings: &Settings) {
        self.start = rfc3339(settings.epoch, link.opened).into();
        self.host = link.client_ip().into();
        self.id = link.cid;
        self.user = link.user().into();
        if let Some(options) = link.options.as_deref() {
            self.name = options.name.clone();
            self.lang = options.lang.clone();
            self.version = options.version.clone();
        }
        self.kind = "Client";
        self.client_type = match link.endpoint.transport {
            Transport::Tcp => "nats",
            Transport::WebSocket => "websocket",
        };
    }

    /// The same requester, whose request goes on from `account`.
    pub(super) fn through(
        &self,
        link: &Link,
        account: &Arc<str>,
        import: &ServiceImport,
        settings: &Settings,
    ) -> Self {
        let mut info = Self { through: Some(account.clone()), ..self.clone() };
        info.name_server(link, import, settings);
        info
    }

    /// The server is told to who is told everything, and to the system account.
    fn name_server(&mut self, link: &Link, import: &ServiceImport, settings: &Settings) {
        let told = import.share || !self.kind.is_empty();
        if told || settings.accounts.system() == Some(import.exporter) {
            self.place(link, settings);
        }
    }

    /// The same requester, whichever way its request takes.
    pub(super) fn requestor(&self) -> Self {
        Self { through: None, ..self.clone() }
    }

    /// How far away it is; zero when that is not known.
    pub(super) fn rtt(&self) -> Duration {
        Duration::from_nanos(self.rtt)
    }

    /// Writes a header block with what is in `block` and this, in place of what a client may have
    /// put there itself.
    pub(super) fn write(&self, block: &[u8], out: &mut Vec<u8>) {
        let block = if block.is_empty() { EMPTY_BLOCK } else { block };
        headers::copy_without(block, &[NAME], out);
        out.extend_from_slice(NAME);
        out.extend_from_slice(b": ");
        // Writing to a vector cannot fail, and neither can these types.
        let _ = serde_json::to_writer(&mut *out, self);
        out.extend_from_slice(b"\r\n\r\n");
    }
}
