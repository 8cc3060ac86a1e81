//! The content of `/varz` (reference 4.2).

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::{Serialize, Serializer};

use crate::log::Civil;

/// A point in time, shown in RFC 3339 with up to nine fractional digits, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timestamp(pub SystemTime);

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Civil::utc(self.0).rfc3339())
    }
}

/// Uptime the way nats-server shows it: `1y2d3h4m5s`, leading units that are zero left out.
pub fn uptime_text(uptime: Duration) -> String {
    let seconds = uptime.as_secs();
    let minutes = seconds / 60;
    let hours = minutes / 60;
    let days = hours / 24;
    let years = days / 365;
    let parts = [(years, 'y'), (days % 365, 'd'), (hours % 24, 'h'), (minutes % 60, 'm')];
    let mut text = String::new();
    for (value, unit) in parts {
        if value > 0 || !text.is_empty() {
            text.push_str(&format!("{value}{unit}"));
        }
    }
    text.push_str(&format!("{}s", seconds % 60));
    text
}

fn nanos<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
}

fn nanos_or_null<S: Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match duration {
        Some(duration) => nanos(duration, serializer),
        None => serializer.serialize_none(),
    }
}

fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}

fn is_zero<N: Default + PartialEq>(number: &N) -> bool {
    *number == N::default()
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// A part of the server that a later version brings; nats-server shows such parts as `{}` too
/// when they are off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Empty {}

/// The WebSocket listener.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[allow(missing_docs, reason = "the names are the configuration's, see WebsocketOptions")]
pub struct WebsocketVarz {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub host: String,
    #[serde(skip_serializing_if = "is_zero")]
    pub port: u16,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub advertise: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub no_auth_user: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub jwt_cookie: String,
    #[serde(skip_serializing_if = "is_zero", serialize_with = "nanos")]
    pub handshake_timeout: Duration,
    #[serde(skip_serializing_if = "is_zero", serialize_with = "seconds")]
    pub auth_timeout: Duration,
    #[serde(skip_serializing_if = "is_false")]
    pub no_tls: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub tls_map: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tls_pinned_certs: Vec<String>,
    #[serde(skip_serializing_if = "is_false")]
    pub same_origin: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed_origins: Vec<String>,
    #[serde(skip_serializing_if = "is_false")]
    pub compression: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub tls_ocsp_peer_verify: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_cert_not_after: Option<Timestamp>,
}

/// A number for each kind of link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct PerLinkKind {
    pub clients: u64,
    pub routes: u64,
    pub gateways: u64,
    pub leafs: u64,
}

/// Waiting for the disk; all zero without JetStream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "nats-server's names, for something that is not there yet")]
pub struct DiskIoWaitStats {
    pub waiters: u64,
    pub waits: u64,
    pub wait_time: u64,
    pub max_wait_time: u64,
}

/// What came of asking a service who may come in, and how long it took. Times are in nanoseconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CalloutVarz {
    /// Callouts that have ended.
    pub count: u64,
    /// ... with a client that was let in.
    pub granted: u64,
    /// ... with one that was not, or with an answer that was not good.
    pub refused: u64,
    /// ... without an answer.
    pub unanswered: u64,
    /// ... without an answer, but with one remembered that let the client in.
    pub from_cache: u64,
    /// Clients turned away because too much was waiting.
    pub overloaded: u64,
    /// Clients whose answers are remembered now.
    pub cache_entries: usize,
    /// How long all callouts took together.
    #[serde(serialize_with = "nanos")]
    pub time_sum: Duration,
    /// How long the longest took.
    #[serde(serialize_with = "nanos")]
    pub time_max: Duration,
    /// How many took how long.
    pub histogram: Vec<CalloutBucket>,
}

/// Callouts that took longer than the bucket before says, up to this.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CalloutBucket {
    /// The bound, which belongs to it; `null` in the last.
    #[serde(serialize_with = "nanos_or_null")]
    pub up_to: Option<Duration>,
    /// How many.
    pub count: u64,
}

/// The server in numbers. Field names, order and omissions are those of the JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Varz {
    /// The server's public nkey.
    pub server_id: String,
    /// The configured name, else the id.
    pub server_name: String,
    /// The level of compatibility, [`crate::cli::NATS_VERSION`].
    pub version: String,
    /// Of the client protocol: 1.
    pub proto: u32,
    /// Short hash of the source this was built from.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub git_commit: String,
    /// The compiler; nats-server's Go version.
    pub go: String,
    /// Client host: the advertised one, else the listener's (as nats-server does).
    pub host: String,
    /// Client port, likewise.
    pub port: u16,
    /// Clients must authenticate.
    #[serde(skip_serializing_if = "is_false")]
    pub auth_required: bool,
    /// Clients must use TLS.
    #[serde(skip_serializing_if = "is_false")]
    pub tls_required: bool,
    /// Clients must show a certificate.
    #[serde(skip_serializing_if = "is_false")]
    pub tls_verify: bool,
    /// ... that OCSP vouches for.
    #[serde(skip_serializing_if = "is_false")]
    pub tls_ocsp_peer_verify: bool,
    /// Address of this server, when it is told to clients.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub ip: String,
    /// `host:port` of the cluster's client listeners.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub connect_urls: Vec<String>,
    /// ... and of its WebSocket listeners.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ws_connect_urls: Vec<String>,
    /// Most client connections at once.
    pub max_connections: usize,
    /// Most subscriptions of one connection.
    #[serde(skip_serializing_if = "is_zero")]
    pub max_subscriptions: usize,
    /// How often an idle client is pinged.
    #[serde(serialize_with = "nanos")]
    pub ping_interval: Duration,
    /// Unanswered pings that are tolerated.
    pub ping_max: u32,
    /// Host of the monitoring listener.
    pub http_host: String,
    /// Port of the plain monitoring listener, 0 without one.
    pub http_port: u16,
    /// As configured.
    pub http_base_path: String,
    /// Port of the TLS monitoring listener, 0 without one.
    pub https_port: u16,
    /// How long a client may take to authenticate.
    #[serde(serialize_with = "seconds")]
    pub auth_timeout: Duration,
    /// Longest control line.
    pub max_control_line: usize,
    /// Largest payload.
    pub max_payload: usize,
    /// Most bytes waiting for one client.
    pub max_pending: usize,
    /// The cluster.
    pub cluster: Empty,
    /// The gateway.
    pub gateway: Empty,
    /// Leaf nodes.
    pub leaf: Empty,
    /// MQTT.
    pub mqtt: Empty,
    /// The WebSocket listener; default when there is none.
    pub websocket: WebsocketVarz,
    /// JetStream.
    pub jetstream: Empty,
    /// How long a TLS handshake may take.
    #[serde(serialize_with = "seconds")]
    pub tls_timeout: Duration,
    /// How long a write may stay blocked.
    #[serde(serialize_with = "nanos")]
    pub write_deadline: Duration,
    /// What happens then, when configured.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub write_timeout: String,
    /// When the server started.
    pub start: Timestamp,
    /// When this was put together.
    pub now: Timestamp,
    /// The time between, by [`uptime_text`].
    pub uptime: String,
    /// Resident memory in bytes.
    pub mem: u64,
    /// Processors of the machine.
    pub cores: usize,
    /// Processors used: shards.
    pub gomaxprocs: usize,
    /// Memory limit in bytes, when there is one.
    #[serde(skip_serializing_if = "is_zero")]
    pub gomemlimit: u64,
    /// Processor use in percent of one.
    pub cpu: f64,
    /// Client connections now.
    pub connections: usize,
    /// ... and ever.
    pub total_connections: u64,
    /// Route connections.
    pub routes: usize,
    /// Servers at the other ends of routes.
    pub remotes: usize,
    /// Leaf node connections.
    pub leafnodes: usize,
    /// Messages received on connections of all kinds.
    pub in_msgs: u64,
    /// ... and their bytes: payload and headers.
    pub in_bytes: u64,
    /// Messages received from clients.
    pub in_client_msgs: u64,
    /// ... and their bytes.
    pub in_client_bytes: u64,
    /// Messages sent on connections of all kinds.
    pub out_msgs: u64,
    /// ... and their bytes.
    pub out_bytes: u64,
    /// Messages sent to clients.
    pub out_client_msgs: u64,
    /// ... and their bytes.
    pub out_client_bytes: u64,
    /// Connections closed for being slow.
    pub slow_consumers: u64,
    /// Connections closed for not answering pings.
    pub stale_connections: u64,
    /// Times a producer was slowed down.
    pub stalled_clients: u64,
    /// Subscriptions of all accounts.
    pub subscriptions: u64,
    /// Monitoring requests by path; filled in by the monitor.
    pub http_req_stats: BTreeMap<String, u64>,
    /// When the configuration in force was loaded.
    pub config_load_time: Timestamp,
    /// `sha256:…` of it; empty without a file.
    pub config_digest: String,
    /// Configured tags.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Configured metadata.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// Feature flags in force.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub feature_flags: BTreeMap<String, bool>,
    /// The account of `$SYS`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub system_account: String,
    /// Connections refused by pinned accounts.
    #[serde(skip_serializing_if = "is_zero")]
    pub pinned_account_fails: u64,
    /// Slow consumers by kind.
    pub slow_consumer_stats: PerLinkKind,
    /// Stale connections by kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale_connection_stats: Option<PerLinkKind>,
    /// Waiting for the disk.
    pub disk_io_wait_stats: DiskIoWaitStats,
    /// When the client listener's certificate ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_cert_not_after: Option<Timestamp>,
    /// Auth callouts, where there is a service. nats-server shows nothing of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nervure_auth_callout: Option<CalloutVarz>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uptime_leaves_leading_zero_units_out() {
        const DAY: u64 = 86_400;
        let rows = [
            (0, "0s"),
            (3, "3s"),
            (120, "2m0s"),
            (3600, "1h0m0s"),
            (DAY, "1d0h0m0s"),
            (365 * DAY + 2 * DAY + 3 * 3600 + 4 * 60 + 5, "1y2d3h4m5s"),
            (365 * DAY, "1y0d0h0m0s"),
        ];
        for (seconds, text) in rows {
            assert_eq!(uptime_text(Duration::from_millis(seconds * 1000 + 999)), text);
        }
    }
}
