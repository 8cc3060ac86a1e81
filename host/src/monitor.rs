//! The monitoring port: `/healthz` and the part of `/varz` that this version can fill
//! (config-and-operations.md section 4). Other pages answer 404 until they exist.
//!
//! One request a connection is enough for what reads these pages, so this is httparse and a
//! socket rather than an HTTP server in the binary.

use std::sync::Arc;
use std::time::{Duration, Instant};

use nervure_core::counters::Totals;
use nervure_core::shard::Shared;
use nervure_core::wire::ServerInfo;
use serde::Serialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::options::Options;

/// Largest request head.
const MAX_HEAD: usize = 16 << 10;

/// How long a request may take to arrive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// What the pages are made from.
#[derive(Debug)]
pub struct Status {
    shared: Arc<Shared>,
    info: ServerInfo,
    options: Options,
    http_port: u16,
    start: Instant,
}

/// `/varz`, as far as it goes. Names, types and order are nats-server's.
#[derive(Serialize)]
struct Varz<'a> {
    server_id: &'a str,
    server_name: &'a str,
    version: &'a str,
    proto: u8,
    go: &'a str,
    host: &'a str,
    port: u16,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    auth_required: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    tls_required: bool,
    max_connections: usize,
    #[serde(skip_serializing_if = "is_zero")]
    max_subscriptions: usize,
    ping_interval: u128,
    ping_max: u32,
    http_port: u16,
    auth_timeout: f64,
    max_control_line: usize,
    max_payload: usize,
    max_pending: usize,
    write_deadline: u128,
    uptime: String,
    mem: u64,
    cores: usize,
    connections: u64,
    total_connections: u64,
    routes: u64,
    remotes: u64,
    leafnodes: u64,
    in_msgs: u64,
    in_bytes: u64,
    in_client_msgs: u64,
    in_client_bytes: u64,
    out_msgs: u64,
    out_bytes: u64,
    out_client_msgs: u64,
    out_client_bytes: u64,
    slow_consumers: u64,
    stale_connections: u64,
    stalled_clients: u64,
    subscriptions: u64,
    slow_consumer_stats: ByKind,
    stale_connection_stats: ByKind,
}

#[derive(Serialize)]
struct ByKind {
    clients: u64,
    routes: u64,
    gateways: u64,
    leafs: u64,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

fn clients(clients: u64) -> ByKind {
    ByKind { clients, routes: 0, gateways: 0, leafs: 0 }
}

impl Status {
    pub(crate) fn new(
        shared: Arc<Shared>,
        info: ServerInfo,
        options: Options,
        http_port: u16,
    ) -> Self {
        Self { shared, info, options, http_port, start: Instant::now() }
    }

    fn varz(&self) -> Varz<'_> {
        let (info, limits) = (&self.info, &self.options.limits);
        let totals: Totals = self.shared.totals();
        Varz {
            server_id: &info.server_id,
            server_name: &info.server_name,
            version: &info.version,
            proto: nervure_core::wire::PROTO,
            go: &info.go,
            host: &info.host,
            port: info.port,
            auth_required: info.auth_required,
            tls_required: self.options.tls.is_some(),
            max_connections: limits.max_connections,
            max_subscriptions: limits.max_subscriptions,
            ping_interval: limits.ping_interval.as_nanos(),
            ping_max: limits.ping_max,
            http_port: self.http_port,
            auth_timeout: limits.auth_timeout.as_secs_f64(),
            max_control_line: limits.max_control_line,
            max_payload: limits.max_payload,
            max_pending: limits.max_pending,
            write_deadline: limits.write_deadline.as_nanos(),
            uptime: uptime(self.start.elapsed().as_secs()),
            mem: resident_bytes(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            connections: totals.connections,
            total_connections: totals.total_connections,
            routes: 0,
            remotes: 0,
            leafnodes: 0,
            in_msgs: totals.in_msgs,
            in_bytes: totals.in_bytes,
            in_client_msgs: totals.in_msgs,
            in_client_bytes: totals.in_bytes,
            out_msgs: totals.out_msgs,
            out_bytes: totals.out_bytes,
            out_client_msgs: totals.out_msgs,
            out_client_bytes: totals.out_bytes,
            slow_consumers: totals.slow_consumers,
            stale_connections: totals.stale_connections,
            stalled_clients: totals.stalled_clients,
            subscriptions: totals.subscriptions,
            slow_consumer_stats: clients(totals.slow_consumers),
            stale_connection_stats: clients(totals.stale_connections),
        }
    }

    /// Status line, content type and body of a path.
    fn page(&self, path: &str) -> (&'static str, &'static str, String) {
        const JSON: &str = "application/json";
        let base = self.options.http_base_path.trim_matches('/');
        let path = path.split('?').next().unwrap_or_default();
        let prefix = if base.is_empty() { String::new() } else { format!("/{base}") };
        match path.strip_prefix(prefix.as_str()) {
            Some("/varz") => match serde_json::to_string_pretty(&self.varz()) {
                Ok(body) => ("200 OK", JSON, body),
                Err(error) => ("500 Internal Server Error", "text/plain", error.to_string()),
            },
            Some("/healthz") => ("200 OK", JSON, "{\"status\":\"ok\"}".to_owned()),
            _ => ("404 Not Found", "text/plain; charset=utf-8", "404 page not found\n".to_owned()),
        }
    }
}

/// Uptime as nats-server writes it: `1d2h3m4s`, leading zero units left out.
fn uptime(seconds: u64) -> String {
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let (minutes, rest) = (seconds / 60 % 60, seconds % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{rest}s"),
        (0, 0, _) => format!("{minutes}m{rest}s"),
        (0, ..) => format!("{hours}h{minutes}m{rest}s"),
        _ => format!("{days}d{hours}h{minutes}m{rest}s"),
    }
}

/// Resident memory of this process; zero where the system does not say.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1024
}

/// Answers requests until it is aborted.
pub(crate) async fn serve(listener: TcpListener, status: Arc<Status>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let status = status.clone();
                tokio::spawn(async move {
                    let _ = tokio::time::timeout(2 * HEAD_TIMEOUT, answer(stream, &status)).await;
                });
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn answer(mut stream: TcpStream, status: &Status) -> std::io::Result<()> {
    let mut head = Vec::new();
    let path = loop {
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut headers);
        match request.parse(&head) {
            Ok(httparse::Status::Complete(_)) => {
                break request.path.unwrap_or_default().to_owned();
            }
            Ok(httparse::Status::Partial) if head.len() < MAX_HEAD => {}
            _ => return Ok(()),
        }
        let read = tokio::time::timeout(HEAD_TIMEOUT, stream.read_buf(&mut head)).await;
        if !matches!(read, Ok(Ok(count)) if count > 0) {
            return Ok(());
        }
    };
    let (line, kind, body) = status.page(&path);
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {line}\r\nContent-Type: {kind}\r\nAccess-Control-Allow-Origin: *\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    stream.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::uptime;

    #[test]
    fn uptime_drops_leading_units_only() {
        assert_eq!(uptime(3), "3s");
        assert_eq!(uptime(120), "2m0s");
        assert_eq!(uptime(3600), "1h0m0s");
        assert_eq!(uptime(86_400), "1d0h0m0s");
    }
}
