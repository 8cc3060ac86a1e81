//! Checklist items 64, 85 to 88 and 99 of the reference's chapter 7, over loopback sockets.

use std::io::{Read, pipe};
use std::sync::Mutex;
use std::time::UNIX_EPOCH;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use super::*;
use crate::options::LogOptions;

struct Fixed(Mutex<Health>);

impl StatusSource for Fixed {
    fn varz(&self) -> Varz {
        varz()
    }

    fn health(&self) -> Health {
        self.0.lock().unwrap().clone()
    }
}

/// The idle server that `IDLE` was captured from.
fn varz() -> Varz {
    let start = Timestamp(UNIX_EPOCH + Duration::new(1_795_593_692, 638_781_551));
    let id = "NBX2IXBRDI3K3IQUTR5ZVEOQXCQHDYINIUZV2KSJ4OZ5MEHES6VOZTK2";
    Varz {
        server_id: id.to_owned(),
        server_name: id.to_owned(),
        version: NATS_VERSION.to_owned(),
        proto: 1,
        git_commit: "b2fd3ef".to_owned(),
        go: "go1.27.2".to_owned(),
        host: "127.0.0.1".to_owned(),
        port: 23422,
        auth_required: false,
        tls_required: false,
        tls_verify: false,
        tls_ocsp_peer_verify: false,
        ip: String::new(),
        connect_urls: Vec::new(),
        ws_connect_urls: Vec::new(),
        max_connections: 65536,
        max_subscriptions: 0,
        ping_interval: Duration::from_secs(120),
        ping_max: 2,
        http_host: "127.0.0.1".to_owned(),
        http_port: 23822,
        http_base_path: String::new(),
        https_port: 0,
        auth_timeout: Duration::from_secs(2),
        max_control_line: 4096,
        max_payload: 1 << 20,
        max_pending: 64 << 20,
        cluster: Empty {},
        gateway: Empty {},
        leaf: Empty {},
        mqtt: Empty {},
        websocket: WebsocketVarz::default(),
        jetstream: Empty {},
        tls_timeout: Duration::from_secs(2),
        write_deadline: Duration::from_secs(10),
        write_timeout: String::new(),
        start,
        now: Timestamp(UNIX_EPOCH + Duration::new(1_795_593_710, 536_960_909)),
        uptime: "17s".to_owned(),
        mem: 20_017_152,
        cores: 2,
        gomaxprocs: 2,
        gomemlimit: 0,
        cpu: 0.0,
        connections: 0,
        total_connections: 0,
        routes: 0,
        remotes: 0,
        leafnodes: 0,
        in_msgs: 0,
        in_bytes: 0,
        in_client_msgs: 0,
        in_client_bytes: 0,
        out_msgs: 0,
        out_bytes: 0,
        out_client_msgs: 0,
        out_client_bytes: 0,
        slow_consumers: 0,
        stale_connections: 0,
        stalled_clients: 0,
        subscriptions: 60,
        http_req_stats: BTreeMap::new(),
        config_load_time: start,
        config_digest: String::new(),
        tags: Vec::new(),
        metadata: BTreeMap::new(),
        feature_flags: [
            ("js_ack_fc_v2", false),
            ("js_api_reply_v2", false),
            ("js_raft_delete_range", true),
            ("js_snapshot_sources", false),
        ]
        .map(|(name, on)| (name.to_owned(), on))
        .into(),
        system_account: "$SYS".to_owned(),
        pinned_account_fails: 0,
        slow_consumer_stats: PerLinkKind::default(),
        stale_connection_stats: Some(PerLinkKind::default()),
        disk_io_wait_stats: DiskIoWaitStats::default(),
        tls_cert_not_after: None,
        nervure_auth_callout: None,
    }
}

/// Captured from an idle nats-server 2.15.1.
const IDLE: &str = include_str!("tests/varz-idle.json");
/// Captured from nats-server 2.15.1 with TLS, WebSocket, users, tags and metadata.
const BUSY: &str = include_str!("tests/varz-configured.json");

/// What a fresh monitor with this base answers to these bytes; whether the connection stayed
/// open is the last word.
struct Site {
    address: SocketAddr,
    source: Arc<Fixed>,
    log: io::PipeReader,
    logger: Logger,
}

impl Site {
    async fn new(base: &str) -> Self {
        let (log, writer) = pipe().unwrap();
        let options = LogOptions { logtime: false, ..LogOptions::default() };
        let logger = Logger::to_fd(writer.into(), &options);
        let source = Arc::new(Fixed(Mutex::new(Health::Ok)));
        let monitor = Monitor::new(Arc::clone(&source) as _, base, logger.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(Arc::new(monitor).serve(listener, None));
        Self { address, source, log, logger }
    }

    /// Everything that comes until the peer closes; dates are replaced by `DATE`.
    async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8(answer).unwrap();
        let lines = answer.split("\r\n");
        let lines = lines.map(|line| if line.starts_with("Date: ") { "Date: DATE" } else { line });
        lines.collect::<Vec<_>>().join("\r\n")
    }

    /// Status and body of a GET.
    async fn get(&self, target: &str) -> (u16, String) {
        let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = self.raw(request.as_bytes()).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }
}

#[tokio::test]
async fn varz_of_an_idle_server_is_the_captured_one_byte_for_byte() {
    let site = Site::new("").await;
    site.get("/").await;
    for _ in 0..22 {
        site.get("/healthz").await;
    }
    site.get("/varz?callback=x").await;
    let (status, body) = site.get("/varz").await;
    assert_eq!(status, 200);
    assert_eq!(body, IDLE.trim_end());
}

#[test]
fn varz_shows_what_is_configured_in_nats_servers_order() {
    let captured: serde_json::Value = serde_json::from_str(BUSY).unwrap();
    let text = |name: &str| captured[name].as_str().unwrap().to_owned();
    let time = |seconds, nanos| Timestamp(UNIX_EPOCH + Duration::new(seconds, nanos));
    let varz = Varz {
        server_id: text("server_id"),
        server_name: text("server_name"),
        host: "q".to_owned(),
        port: 1,
        auth_required: true,
        tls_required: true,
        max_subscriptions: 5,
        http_port: 23834,
        http_base_path: "nats/x/".to_owned(),
        auth_timeout: Duration::from_secs(3),
        websocket: WebsocketVarz {
            host: "127.0.0.1".to_owned(),
            port: 23435,
            no_auth_user: "a".to_owned(),
            handshake_timeout: Duration::from_secs(2),
            no_tls: true,
            same_origin: true,
            allowed_origins: vec!["http://x".to_owned()],
            compression: true,
            ..WebsocketVarz::default()
        },
        write_timeout: "retry".to_owned(),
        start: time(1_795_597_295, 28_560_476),
        now: time(1_795_597_295, 636_418_267),
        uptime: uptime_text(Duration::from_millis(608)),
        mem: 14_376_960,
        http_req_stats: [("/varz".to_owned(), 1)].into(),
        config_load_time: time(1_795_597_295, 28_560_476),
        config_digest: text("config_digest"),
        tags: vec!["a<b".to_owned()],
        metadata: [("b", "1&"), ("a", "2")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        tls_cert_not_after: Some(time(1_795_856_473, 0)),
        ..varz()
    };
    assert_eq!(String::from_utf8(json::pretty(&varz)).unwrap(), BUSY.trim_end());
}

#[tokio::test]
async fn responses_carry_exactly_nats_servers_headers() {
    let site = Site::new("").await;
    let ok = "Access-Control-Allow-Origin: *\r\nContent-Type: application/json\r\n\
              Date: DATE\r\nContent-Length: 15\r\n";
    let body = "{\"status\":\"ok\"}";
    let rows = [
        (
            "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            format!("HTTP/1.1 200 OK\r\n{ok}Connection: close\r\n\r\n{body}"),
        ),
        ("GET /healthz HTTP/1.0\r\n\r\n", format!("HTTP/1.0 200 OK\r\n{ok}\r\n{body}")),
        (
            "HEAD /healthz HTTP/1.1\r\nHost: x\r\nConnection: Close\r\n\r\n",
            format!("HTTP/1.1 200 OK\r\n{ok}Connection: close\r\n\r\n"),
        ),
        ("DELETE /healthz HTTP/1.0\r\n\r\n", format!("HTTP/1.0 200 OK\r\n{ok}\r\n{body}")),
        (
            "GET /nope HTTP/1.0\r\n\r\n",
            "HTTP/1.0 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\n\
             X-Content-Type-Options: nosniff\r\nDate: DATE\r\nContent-Length: 19\r\n\r\n\
             404 page not found\n"
                .to_owned(),
        ),
        (
            "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
            "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\n\
             X-Content-Type-Options: nosniff\r\nDate: DATE\r\nContent-Length: 19\r\n\
             Connection: close\r\n\r\n404 page not found\n"
                .to_owned(),
        ),
        (
            "GET /healthz?details=maybe HTTP/1.0\r\n\r\n",
            "HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Date: DATE\r\nContent-Length: 88\r\n\r\n\
             Error decoding boolean for 'details': strconv.ParseBool: parsing \"maybe\": \
             invalid syntax"
                .to_owned(),
        ),
        (
            "OPTIONS * HTTP/1.0\r\n\r\n",
            "HTTP/1.0 200 OK\r\nDate: DATE\r\nContent-Length: 0\r\n\r\n".to_owned(),
        ),
    ];
    for (request, response) in rows {
        assert_eq!(site.raw(request.as_bytes()).await, response, "{request}");
    }
}

#[tokio::test]
async fn what_is_not_http_is_refused_and_hung_up_on() {
    let site = Site::new("").await;
    let refusal = |status: &str| {
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Connection: close\r\n\r\n{status}"
        )
    };
    let large = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "y".repeat(1_200_000));
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(200));
    let rows = [
        ("garbage\r\n\r\n", "400 Bad Request"),
        ("GET healthz HTTP/1.1\r\nHost: x\r\n\r\n", "400 Bad Request"),
        ("GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", "400 Bad Request"),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400 Bad Request"),
        ("GET / HTTP/1.1\r\nHost: a\r\nFoo bar\r\n\r\n", "400 Bad Request"),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", "400 Bad Request"),
        ("GET / HTTP/1.1\r\n\r\n", "400 Bad Request: missing required Host header"),
        (
            "GET / HTTP/2.0\r\nHost: x\r\n\r\n",
            "505 HTTP Version Not Supported: unsupported protocol version",
        ),
        (large.as_str(), "431 Request Header Fields Too Large"),
        (many.as_str(), "431 Request Header Fields Too Large"),
    ];
    for (request, status) in rows {
        let shown = &request[..request.len().min(60)];
        assert_eq!(site.raw(request.as_bytes()).await, refusal(status), "{shown:?}");
    }
}

#[tokio::test]
async fn a_connection_serves_request_after_request_and_skips_bodies() {
    let site = Site::new("").await;
    let requests = "POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc\
                    GET /nope HTTP/1.1\r\nHost: x\r\n\r\n\
                    GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n\
                    GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n\
                    GET /never HTTP/1.1\r\nHost: x\r\n\r\n";
    let answer = site.raw(requests.as_bytes()).await;
    let statuses: Vec<&str> = answer.matches("HTTP/1.1 200 OK").collect();
    assert_eq!(statuses.len(), 2, "{answer}");
    assert_eq!(answer.matches("404 Not Found").count(), 1);
    assert_eq!(answer.matches("HTTP/1.0 200 OK").count(), 1);
    assert_eq!(answer.matches("Connection: keep-alive").count(), 1);
    assert_eq!(answer.matches("Connection: close").count(), 1);
    for closing in ["Transfer-Encoding: chunked", "Expect: 100-continue", "Content-Length: 999999"]
    {
        let request = format!("POST /healthz HTTP/1.1\r\nHost: x\r\n{closing}\r\n\r\n3\r\nabc\r\n");
        let answer = site.raw(request.as_bytes()).await;
        assert!(answer.contains("\r\nConnection: close\r\n"), "{closing}: {answer}");
        assert!(answer.ends_with("{\"status\":\"ok\"}"), "{closing}: {answer}");
    }
}

#[tokio::test]
async fn a_request_may_come_byte_by_byte() {
    let site = Site::new("").await;
    let mut stream = TcpStream::connect(site.address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for byte in b"GET /healthz HTTP/1.0\r\n\r\n" {
        stream.write_all(&[*byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.0 200 OK\r\n"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn a_head_has_five_seconds() {
    let source = Arc::new(Fixed(Mutex::new(Health::Ok)));
    let monitor = Monitor::new(source, "", Logger::discard());
    for (sent, expected) in [("GET /healthz HTT", "HTTP/1.1 400 Bad Request\r\n"), ("", "")] {
        let (mut near, far) = tokio::io::duplex(1 << 16);
        near.write_all(sent.as_bytes()).await.unwrap();
        let start = tokio::time::Instant::now();
        let client = async {
            let mut answer = String::new();
            near.read_to_string(&mut answer).await.unwrap();
            (answer, start.elapsed())
        };
        let (served, (answer, took)) = tokio::join!(monitor.serve_connection(far), client);
        served.unwrap();
        assert!(answer.starts_with(expected), "{answer}");
        assert_eq!(answer.is_empty(), expected.is_empty());
        assert!((5.0..5.1).contains(&took.as_secs_f64()), "{took:?}");
    }
}

#[tokio::test]
async fn a_base_path_moves_every_endpoint_and_leaves_nothing_behind() {
    let site = Site::new("nats/x/").await;
    for path in ["/nats/x", "/nats/x/varz", "/nats/x/healthz", "/nats/x/%76arz"] {
        assert_eq!(site.get(path).await.0, 200, "{path}");
    }
    for path in ["/", "/varz", "/nats/x/", "/nats/x/varz/", "/nats/xvarz", "/nats/x/VARZ"] {
        assert_eq!(site.get(path).await, (404, "404 page not found\n".to_owned()), "{path}");
    }
    let (_, varz) = site.get("/nats/x/varz").await;
    let varz: serde_json::Value = serde_json::from_str(&varz).unwrap();
    let counted = serde_json::json!({"/": 1, "/healthz": 1, "/varz": 3});
    assert_eq!(varz["http_req_stats"], counted);
    let plain = Site::new("").await;
    for path in ["/varz/", "/VARZ", "/connz", "//varz", "/healthz/x"] {
        assert_eq!(plain.get(path).await.0, 404, "{path}");
    }
}

#[tokio::test]
async fn the_index_links_to_what_exists() {
    for (base, page) in [("", "http://h/"), ("/a/b", "http://h/a/b")] {
        let site = Site::new(base).await;
        let (status, body) = site.get(&page["http://h".len()..]).await;
        assert_eq!(status, 200);
        assert!(body.contains("v2.15.1"), "{body}");
        let links: Vec<&str> =
            body.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        assert_eq!(links.len(), 2, "{links:?}");
        for link in links {
            // As a browser resolves it.
            let folder = page.rsplit_once('/').unwrap().0;
            let url = format!("{folder}/{}", link.strip_prefix("./").unwrap());
            assert_eq!(site.get(&url).await.0, 200, "{page} {link} {url}");
        }
    }
}

#[tokio::test]
async fn health_is_told_and_its_failures_are_logged() {
    let mut site = Site::new("").await;
    let not_ready = "failed to be ready for connections after 1ms: websocket, server";
    let account = r#""account\" must not be empty when checking stream health""#;
    let stream = r#""stream\" must not be empty when checking consumer health""#;
    let ok = r#"{"status":"ok"}"#.to_owned();
    let simple = |text: &str| format!(r#"{{"status":"error","error":"{text}"}}"#);
    let detailed = |kind: &str, text: &str| {
        format!(r#"{{"status":"error","errors":[{{"type":"{kind}","error":"{text}"}}]}}"#)
    };
    let account = format!("\\{}", account.trim_end_matches('"'));
    let stream = format!("\\{}", stream.trim_end_matches('"'));
    let ready = Health::Ok;
    let closed = Health::NotReady(vec!["websocket", "server"]);
    let rows = [
        (&ready, "/healthz", 200, ok.clone()),
        (&ready, "/healthz?js-server-only=1&js-enabled-only=t&account=zz", 200, ok.clone()),
        (&ready, "/healthz?details=true", 200, ok.clone()),
        (&ready, "/healthz?stream=S", 400, simple(&account)),
        (&ready, "/healthz?consumer=C&account=A", 400, simple(&stream)),
        (&closed, "/healthz?stream=S&details=1", 400, detailed("BAD_REQUEST", &account)),
        (&closed, "/healthz", 500, simple(not_ready)),
        (&closed, "/healthz?details=T", 500, detailed("CONNECTION", not_ready)),
        (&ready, "/healthz?js-enabled=1", 200, ok.clone()),
    ];
    for (health, target, status, body) in rows {
        site.source.0.lock().unwrap().clone_from(health);
        assert_eq!(site.get(target).await, (status, body), "{target}");
    }
    for name in ["js-enabled", "js-enabled-only", "js-server-only", "js-meta-only", "details"] {
        let (status, body) = site.get(&format!("/healthz?{name}=yes")).await;
        assert_eq!(status, 400);
        assert_eq!(
            body,
            format!(
                "Error decoding boolean for '{name}': strconv.ParseBool: parsing \"yes\": invalid syntax"
            )
        );
    }
    site.logger.flush(Duration::from_secs(5));
    let mut logged = vec![0; 4096];
    let read = site.log.read(&mut logged).unwrap();
    let logged = String::from_utf8_lossy(&logged[..read]);
    let lines: Vec<&str> = logged.lines().map(|line| line.split_once("] ").unwrap().1).collect();
    assert_eq!(
        lines,
        [
            r#"[WRN] Healthcheck failed: "\"account\" must not be empty when checking stream health""#,
            r#"[WRN] Healthcheck failed: "\"stream\" must not be empty when checking consumer health""#,
            "[WRN] Healthcheck failed: 1 errors",
            r#"[WRN] Healthcheck failed: "failed to be ready for connections after 1ms: websocket, server""#,
            "[WRN] Healthcheck failed: 1 errors",
            "[WRN] Healthcheck: js-enabled deprecated, use js-enabled-only instead",
        ]
    );
}
