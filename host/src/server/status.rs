//! What monitoring shows of a running server.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use nervure_core::account::{Account, SYSTEM};
use nervure_core::shard::Shared;
use nervure_core::wire::ServerInfo;

use super::callout::{Cache, Stats};
use super::ways::is_required;
use crate::monitor::{
    DiskIoWaitStats, Empty, Health, PerLinkKind, StatusSource, Timestamp, Varz, WebsocketVarz,
    uptime_text,
};
use crate::options::Options;
use crate::process::{CpuMeter, cpu_time, resident_bytes};

/// A TLS handshake may take this long when nothing else is configured.
const TLS_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) struct Status {
    pub(super) shared: Arc<Shared>,
    /// Port of the monitoring listener, plain or TLS; 0 without one.
    pub(super) monitoring_port: u16,
    pub(super) shards: usize,
    pub(super) started: (Instant, SystemTime),
    pub(super) callout_stats: Arc<Stats>,
    pub(super) changing: Mutex<Changing>,
}

/// What a reload, lame duck mode or a look changes.
pub(super) struct Changing {
    /// The options in force, with the ports that the system chose for client listeners.
    pub(super) options: Options,
    pub(super) info: Arc<ServerInfo>,
    pub(super) loaded: SystemTime,
    pub(super) leaving: bool,
    pub(super) cpu: CpuMeter,
    pub(super) callout_cache: Option<Arc<Cache>>,
}

impl Status {
    pub(super) fn change(&self, change: impl FnOnce(&mut Changing)) {
        change(&mut self.lock());
    }

    pub(super) fn options(&self) -> Options {
        self.lock().options.clone()
    }

    pub(super) fn callout_cache(&self) -> Option<Arc<Cache>> {
        self.lock().callout_cache.clone()
    }

    pub(super) fn info(&self) -> Arc<ServerInfo> {
        self.lock().info.clone()
    }

    /// The system account in force.
    pub(super) fn system_account(&self) -> Option<Arc<Account>> {
        self.system_account_in(&self.lock().options)
    }

    fn system_account_in(&self, options: &Options) -> Option<Arc<Account>> {
        self.shared.known_account(options.system_account.as_deref().unwrap_or(SYSTEM))
    }

    fn lock(&self) -> MutexGuard<'_, Changing> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn clients(clients: u64) -> PerLinkKind {
    PerLinkKind { clients, routes: 0, gateways: 0, leafs: 0 }
}

impl StatusSource for Status {
    fn varz(&self) -> Varz {
        let mut changing = self.lock();
        let cpu = changing.cpu.sample(Instant::now(), cpu_time());
        let (options, info) = (&changing.options, &changing.info);
        let limits = &options.limits;
        let monitoring = options.http.as_ref().or(options.https.as_ref());
        let totals = self.shared.totals();
        let (started, start) = self.started;
        Varz {
            server_id: info.server_id.clone(),
            server_name: info.server_name.clone(),
            version: info.version.clone(),
            proto: u32::from(nervure_core::wire::PROTO),
            git_commit: String::new(),
            go: info.go.clone(),
            host: info.host.clone(),
            port: info.port,
            auth_required: is_required(&options.auth) && options.auth.no_auth_user.is_none(),
            tls_required: options.tls.is_some() && !options.allow_non_tls,
            tls_verify: options.tls.as_ref().is_some_and(|tls| tls.verify),
            tls_ocsp_peer_verify: false,
            ip: String::new(),
            connect_urls: Vec::new(),
            ws_connect_urls: Vec::new(),
            max_connections: limits.max_connections,
            max_subscriptions: limits.max_subscriptions,
            ping_interval: limits.ping_interval,
            ping_max: limits.ping_max,
            http_host: monitoring.map(|listen| listen.host.clone()).unwrap_or_default(),
            http_port: if options.http.is_some() { self.monitoring_port } else { 0 },
            http_base_path: options.http_base_path.clone(),
            https_port: if options.https.is_some() { self.monitoring_port } else { 0 },
            auth_timeout: limits.auth_timeout,
            max_control_line: limits.max_control_line,
            max_payload: limits.max_payload,
            max_pending: limits.max_pending,
            cluster: Empty::default(),
            gateway: Empty::default(),
            leaf: Empty::default(),
            mqtt: Empty::default(),
            websocket: websocket(options),
            jetstream: Empty::default(),
            tls_timeout: options.tls.as_ref().and_then(|tls| tls.timeout).unwrap_or(TLS_TIMEOUT),
            write_deadline: limits.write_deadline,
            write_timeout: String::new(),
            start: Timestamp(start),
            now: Timestamp(SystemTime::now()),
            uptime: uptime_text(started.elapsed()),
            mem: resident_bytes(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            gomaxprocs: self.shards,
            gomemlimit: 0,
            cpu,
            connections: usize::try_from(totals.connections).unwrap_or(usize::MAX),
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
            http_req_stats: std::collections::BTreeMap::new(),
            config_load_time: Timestamp(changing.loaded),
            config_digest: options.config_digest.clone(),
            tags: options.tags.clone(),
            metadata: options.metadata.clone(),
            feature_flags: options.feature_flags.clone(),
            system_account: self
                .system_account_in(options)
                .map_or_else(String::new, |it| it.name.to_string()),
            pinned_account_fails: 0,
            slow_consumer_stats: clients(totals.slow_consumers),
            stale_connection_stats: Some(clients(totals.stale_connections)),
            disk_io_wait_stats: DiskIoWaitStats::default(),
            tls_cert_not_after: None,
            nervure_auth_callout: options.auth.callout.as_ref().map(|_| {
                let cache = changing.callout_cache.as_deref();
                self.callout_stats.varz(cache.map_or(0, Cache::len))
            }),
        }
    }

    fn health(&self) -> Health {
        let changing = self.lock();
        if changing.leaving { Health::NotReady(vec!["server"]) } else { Health::Ok }
    }
}

fn websocket(options: &Options) -> WebsocketVarz {
    let Some(ws) = &options.websocket else { return WebsocketVarz::default() };
    WebsocketVarz {
        host: ws.listen.host.clone(),
        port: ws.listen.port,
        handshake_timeout: ws.handshake_timeout.unwrap_or_default(),
        no_tls: ws.tls.is_none(),
        same_origin: ws.same_origin,
        allowed_origins: ws.allowed_origins.clone(),
        compression: ws.compression,
        ..WebsocketVarz::default()
    }
}
