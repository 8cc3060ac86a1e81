//! The server under test as a process: its config, its ports, its life.
//!
//! The program is named by `NERVURE_TEST_SERVER` (any executable that takes nats-server's flags
//! and config); without it, the newest `nervure` built in this repository is used. Readiness and
//! ports are read from the log file, as some client suites do it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crate::peers::Transport;

const START: Duration = Duration::from_secs(10);
const STOP: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(5);

/// The path of the server executable under test.
fn program() -> PathBuf {
    if let Some(named) = env::var_os("NERVURE_TEST_SERVER") {
        return PathBuf::from(named).canonicalize().expect("NERVURE_TEST_SERVER names no file");
    }
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    let built = ["release", "debug"].map(|profile| target.join(profile).join("nervure"));
    built
        .into_iter()
        .filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, path)))
        .max()
        .map(|(_, path)| path)
        .expect("set NERVURE_TEST_SERVER, or build the server first")
}

/// A directory below `target` that is this process's own; `name` must be used once only.
fn scratch(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(format!("interop-{}-{name}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    directory
}

/// The directory of certificates that `make-certs.sh` describes, made on first use.
pub(crate) fn certificates() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        // One place for all runs: a static is never dropped, so nobody would clean it up.
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("interop-certificates");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/make-certs.sh");
        assert!(Command::new(script).arg(&directory).status().unwrap().success());
        directory
    })
}

/// The ports of a server's two listeners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ports {
    client: u16,
    websocket: u16,
}

/// One server process with a client and a WebSocket listener on 127.0.0.1. Killed when dropped.
pub(crate) struct Broker {
    directory: PathBuf,
    settings: String,
    tls: Option<String>,
    ports: Option<Ports>,
    process: Option<Child>,
}

impl Broker {
    /// Starts a server on random ports; `settings` is config text added as it is.
    pub(crate) async fn start(transport: Transport, settings: &str) -> Self {
        Self::start_with(transport.is_encrypted(), false, settings).await
    }

    /// Starts a server that demands a client certificate of the test CA.
    pub(crate) async fn start_mutual() -> Self {
        Self::start_with(true, true, "").await
    }

    async fn start_with(encrypted: bool, verify: bool, settings: &str) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let mut broker = Self {
            directory: scratch(&COUNT.fetch_add(1, Ordering::Relaxed).to_string()),
            settings: settings.to_owned(),
            tls: encrypted.then(|| tls_block(verify)),
            ports: None,
            process: None,
        };
        broker.spawn().await;
        broker
    }

    /// Starts the process and waits until it listens; a later start keeps the ports.
    async fn spawn(&mut self) {
        let config = self.directory.join("server.conf");
        let log = self.directory.join("server.log");
        let _ = fs::remove_file(&log);
        fs::write(&config, self.config()).unwrap();
        let process = Command::new(program())
            .args(["-a", "127.0.0.1", "-c"])
            .arg(config)
            .arg("-l")
            .arg(&log)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let process = self.process.insert(process);
        let deadline = Instant::now() + START;
        loop {
            let text = fs::read_to_string(&log).unwrap_or_default();
            if let Some(ports) = listening(&text) {
                assert!(self.ports.is_none_or(|before| before == ports), "{ports:?}");
                self.ports = Some(ports);
                return;
            }
            let ended = process.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < deadline, "{ended:?}, log: {text}");
            tokio::time::sleep(POLL).await;
        }
    }

    fn config(&self) -> String {
        let port = |of: fn(Ports) -> u16| self.ports.map_or(-1, |ports| i32::from(of(ports)));
        format!(
            "{{ \"port\": {}, {}\n \"websocket\": {{ \"host\": \"127.0.0.1\", \"port\": {}, {} }}\n {} }}",
            port(|ports| ports.client),
            self.tls.as_deref().unwrap_or(""),
            port(|ports| ports.websocket),
            self.tls.as_deref().unwrap_or("\"no_tls\": true"),
            self.settings,
        )
    }

    /// The URL for a client of this transport.
    pub(crate) fn url(&self, transport: Transport) -> String {
        let ports = self.ports.unwrap();
        match transport {
            Transport::tcp => format!("nats://127.0.0.1:{}", ports.client),
            Transport::tls => format!("tls://127.0.0.1:{}", ports.client),
            Transport::ws => format!("ws://127.0.0.1:{}", ports.websocket),
            Transport::wss => format!("wss://127.0.0.1:{}", ports.websocket),
        }
    }

    /// Where the client listener is, or was.
    pub(crate) fn client_address(&self) -> (&'static str, u16) {
        ("127.0.0.1", self.ports.unwrap().client)
    }

    /// Sends a signal by its name without `SIG`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.process.as_ref().unwrap().id().to_string();
        // The standard library sends SIGKILL only, and a system call by hand would be unsafe.
        let script = "kill -s \"$1\" \"$2\"";
        let sent = Command::new("sh").args(["-c", script, "sh", name, &pid]).status().unwrap();
        assert!(sent.success(), "signal {name}");
    }

    /// Waits for the process to end by itself.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let process = self.process.as_mut().unwrap();
        let deadline = Instant::now() + STOP;
        loop {
            if let Some(status) = process.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "server still runs");
            thread::sleep(POLL);
        }
    }

    /// Ends the process with this signal and starts it again on the same ports.
    pub(crate) async fn restart(&mut self, signal: &str) {
        self.signal(signal);
        self.wait();
        self.spawn().await;
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        }
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// The ports that the log names, once it names the client listener (which comes last).
fn listening(log: &str) -> Option<Ports> {
    let port = |marker: &str| {
        let (_, rest) = log.split_once(marker)?;
        let (address, _) = rest.split_once('\n')?;
        address.rsplit(':').next()?.parse().ok()
    };
    Some(Ports {
        client: port(" client connections on ")?,
        websocket: port(" websocket clients on ")?,
    })
}

/// A `tls` config block; with `verify` the server demands a client certificate.
fn tls_block(verify: bool) -> String {
    let directory = certificates().display();
    let demand = if verify {
        format!(", \"ca_file\": \"{directory}/ca.pem\", \"verify\": true")
    } else {
        String::new()
    };
    format!(
        "\"tls\": {{ \"cert_file\": \"{directory}/server.pem\", \
         \"key_file\": \"{directory}/server.key\"{demand} }},"
    )
}
