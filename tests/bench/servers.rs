//! The programs that are compared: finding them, starting them with equal settings, and asking the
//! system what they cost.
//!
//! - CPU: the process' CPU clock, which counts nanoseconds over all its threads, read before and
//!   after what is measured.
//! - Resident memory: `VmRSS` of `/proc/PID/status`.
//!
//! A server is killed by its process id when its [`Running`] is dropped, and by the kernel when
//! the benchmark ends in any other way.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use harness::tls::Certificates;
use harness::{Launch, Server};
use rustls::ClientConfig;

use crate::error::{BenchError, Doing, Result};
use crate::peer::{Door, Transport};

/// The hidden argument with which the benchmark becomes the forwarder.
pub(crate) const FORWARDER: &str = "forwarder-process";

/// The name under which nats-server's figures are kept.
pub(crate) const NATS_SERVER: &str = "nats-server";

/// The name under which ours are kept.
pub(crate) const NERVURE: &str = "nervure";

/// The name under which the forwarder's figures are kept.
pub(crate) const LIMIT: &str = "forwarder";

/// A program that is compared.
#[derive(Clone, Debug)]
pub(crate) struct Contestant {
    /// Its name in tables.
    pub(crate) name: String,
    /// Where it is.
    pub(crate) program: PathBuf,
    /// Lines of configuration that only this one understands.
    more: String,
}

impl Contestant {
    /// The reference.
    pub(crate) fn nats_server(program: PathBuf) -> Self {
        Self { name: NATS_SERVER.to_owned(), program, more: String::new() }
    }

    /// Ours with so many shards; 0 leaves the number to the program.
    pub(crate) fn nervure(program: PathBuf, shards: usize) -> Self {
        let (name, more) = match shards {
            0 => (NERVURE.to_owned(), String::new()),
            count => (format!("{NERVURE}/{count}"), format!("shards: {count}\n")),
        };
        Self { name, program, more }
    }

    /// The machine's limit.
    pub(crate) fn forwarder() -> Result<Self> {
        let program = std::env::current_exe().doing("find the benchmark's own program")?;
        Ok(Self { name: LIMIT.to_owned(), program, more: String::new() })
    }

    /// Configuration that only this one is given.
    pub(crate) fn more(&self) -> &str {
        self.more.trim()
    }

    /// Whether it is the forwarder, which serves a few loads only.
    pub(crate) fn is_limit(&self) -> bool {
        self.name == LIMIT
    }

    /// Starts it on free ports of the loopback interface.
    pub(crate) fn start(&self, world: &World) -> Result<Running> {
        let launch = Launch::of(&self.program);
        let server = if self.is_limit() {
            launch.flags([FORWARDER]).start()
        } else {
            launch.config(world.config(&self.more)).start()
        };
        let mut ports = [server.port(), 0];
        if world.websocket && !self.is_limit() {
            let line = server.expect_log("Listening for websocket clients on");
            let port = line.rsplit_once(':').and_then(|(_, port)| port.trim().parse().ok());
            ports[1] = port.ok_or(BenchError::Unexpected(line))?;
        }
        let clock = clock_of(server.pid())?;
        Ok(Running { server, clock, ports, tls: world.tls_config() })
    }
}

/// What servers are started with.
#[derive(Debug, Default)]
pub(crate) struct World {
    /// TLS on the client port.
    pub(crate) certificates: Option<Arc<Certificates>>,
    /// A WebSocket listener.
    pub(crate) websocket: bool,
    /// More lines of configuration.
    pub(crate) more: String,
}

impl World {
    /// For a load that needs this transport.
    pub(crate) fn of(transport: Transport) -> Self {
        Self {
            certificates: (transport == Transport::Tls).then(|| Arc::new(Certificates::new())),
            websocket: transport == Transport::WebSocket,
            more: String::new(),
        }
    }

    fn config(&self, more: &str) -> String {
        let tls = self.certificates.as_ref().map(|it| it.block("")).unwrap_or_default();
        let websocket = if self.websocket {
            "websocket { listen: \"127.0.0.1:-1\", no_tls: true }\n"
        } else {
            ""
        };
        let own = &self.more;
        format!("listen: \"127.0.0.1:-1\"\nmax_connections: 64000\n{tls}{websocket}{own}{more}")
    }

    fn tls_config(&self) -> Option<Arc<ClientConfig>> {
        self.certificates.as_ref().map(|it| it.client_config(false))
    }
}

/// A started server.
pub(crate) struct Running {
    server: Server,
    clock: libc::clockid_t,
    ports: [u16; 2],
    tls: Option<Arc<ClientConfig>>,
}

impl Running {
    /// How to connect over this transport.
    pub(crate) fn door(&self, transport: Transport) -> Door {
        let port = self.ports[usize::from(transport == Transport::WebSocket)];
        Door { port, transport, tls: self.tls.clone() }
    }

    /// CPU time of the server so far.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        read_clock(self.clock)
    }

    /// Resident memory in bytes.
    pub(crate) fn resident(&self) -> u64 {
        self.server.resident_bytes()
    }
}

/// CPU time of this process, which is the load generator's.
pub(crate) fn own_cpu() -> Result<Duration> {
    read_clock(libc::CLOCK_PROCESS_CPUTIME_ID)
}

#[allow(unsafe_code, reason = "the standard library does not know CPU clocks")]
fn clock_of(pid: u32) -> Result<libc::clockid_t> {
    let mut clock = 0;
    let pid = pid.cast_signed();
    // SAFETY: the pid is that of a child not yet waited for; the result lives through the call.
    match unsafe { libc::clock_getcpuclockid(pid, &raw mut clock) } {
        0 => Ok(clock),
        error => Err(std::io::Error::from_raw_os_error(error)).doing("find a CPU clock"),
    }
}

#[allow(unsafe_code, reason = "the standard library does not know CPU clocks")]
fn read_clock(clock: libc::clockid_t) -> Result<Duration> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the result lives through the call.
    if unsafe { libc::clock_gettime(clock, &raw mut time) } != 0 {
        return Err(std::io::Error::last_os_error()).doing("read a CPU clock");
    }
    Ok(Duration::new(time.tv_sec.cast_unsigned(), u32::try_from(time.tv_nsec).unwrap_or(0)))
}

/// Lets this process, and the servers it starts, have as many sockets as the system allows, and
/// has its short waits end in time.
#[allow(unsafe_code, reason = "the standard library does not know resource limits")]
pub(crate) fn prepare() -> Result<()> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the structure lives through both calls; the third takes numbers.
    let done = unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) == 0
            && {
                limit.rlim_cur = limit.rlim_max;
                libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) == 0
            }
            && libc::prctl(libc::PR_SET_TIMERSLACK, 1000) == 0
    };
    if done { Ok(()) } else { Err(std::io::Error::last_os_error()).doing("raise limits") }
}

/// The nats-server to compare with: the one given, or what `tests/fetch-nats-server` brings.
pub(crate) fn find_nats_server(given: Option<&Path>) -> Result<PathBuf> {
    if let Some(path) = given {
        return existing(path, "give the path of a nats-server 2.15.1");
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("fetch-nats-server");
    let output = Command::new(script).output().doing("run tests/fetch-nats-server")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let text = format!("tests/fetch-nats-server failed; or give --nats-server PATH\n{said}");
        return Err(BenchError::Usage(text));
    }
    let path = String::from_utf8_lossy(&output.stdout);
    existing(Path::new(path.trim()), "run tests/fetch-nats-server")
}

/// The nervure to measure: the one given, or a release build that is made, or made anew, here, so
/// that the figures belong to the sources.
pub(crate) fn find_nervure(given: Option<&Path>) -> Result<PathBuf> {
    if let Some(path) = given {
        return existing(path, "run `cargo build --release`");
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--release", "--quiet", "-p", "nervure"])
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .status()
        .doing("run cargo build --release")?;
    if !built.success() {
        return Err(BenchError::Usage("cargo build --release failed".to_owned()));
    }
    let own = std::env::current_exe().doing("find the benchmark's own program")?;
    let target = own.parent().and_then(Path::parent).unwrap_or(Path::new("target"));
    existing(&target.join("release/nervure"), "run `cargo build --release`")
}

fn existing(path: &Path, remedy: &str) -> Result<PathBuf> {
    if path.is_file() {
        return std::path::absolute(path).doing("find a program");
    }
    Err(BenchError::Usage(format!("no program at {}: {remedy}", path.display())))
}
