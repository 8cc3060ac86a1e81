//! The pid file and the ports file.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::interfaces::local_addresses;

/// Writes this process's id in decimal, without a line feed, to a file of mode 0600 (a harness
/// reads the whole content as a number). It is left behind at exit, as nats-server's is.
///
/// # Errors
/// Those of opening and writing; nats-server says `Could not write pidfile: open PATH: …`.
pub fn write_pid_file(path: &Path) -> io::Result<()> {
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(std::process::id().to_string().as_bytes())
}

/// A listener: how to speak to it and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// `nats`, `tls`, `http`, `https`, `ws` or `wss`.
    pub scheme: &'static str,
    /// What the listener is bound to, the port resolved.
    pub addr: SocketAddr,
}

impl Address {
    /// URLs by which the listener can be reached: itself, or for a wildcard one for each local
    /// address, IPv4 loopback first because harnesses take the first and split it at `:`.
    ///
    /// An IPv4 wildcard lists IPv6 addresses too: nats-server's `0.0.0.0` listens on both.
    pub fn urls(&self) -> Vec<String> {
        let Self { scheme, addr } = self;
        let ips = if addr.ip().is_unspecified() {
            local_addresses()
                .ok()
                .filter(|found| !found.is_empty())
                .unwrap_or_else(|| vec![IpAddr::V4(Ipv4Addr::LOCALHOST)])
        } else {
            vec![addr.ip().to_canonical()]
        };
        ips.into_iter()
            .map(|ip| format!("{scheme}://{}", SocketAddr::new(ip, addr.port())))
            .collect()
    }
}

/// The listeners that a ports file tells of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ports {
    /// Clients.
    pub nats: Option<Address>,
    /// Monitoring.
    pub monitoring: Option<Address>,
    /// Routes.
    pub cluster: Option<Address>,
    /// Profiling.
    pub profile: Option<Address>,
    /// WebSocket clients.
    pub websocket: Option<Address>,
}

impl Ports {
    /// The file's content: one JSON object on one line, without a line feed.
    pub fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct Content {
            #[serde(skip_serializing_if = "Vec::is_empty")]
            nats: Vec<String>,
            #[serde(skip_serializing_if = "Vec::is_empty")]
            monitoring: Vec<String>,
            #[serde(skip_serializing_if = "Vec::is_empty")]
            cluster: Vec<String>,
            #[serde(skip_serializing_if = "Vec::is_empty")]
            profile: Vec<String>,
            #[serde(skip_serializing_if = "Vec::is_empty")]
            websocket: Vec<String>,
        }
        let urls = |address: &Option<Address>| address.as_ref().map(Address::urls);
        let content = Content {
            nats: urls(&self.nats).unwrap_or_default(),
            monitoring: urls(&self.monitoring).unwrap_or_default(),
            cluster: urls(&self.cluster).unwrap_or_default(),
            profile: urls(&self.profile).unwrap_or_default(),
            websocket: urls(&self.websocket).unwrap_or_default(),
        };
        // Plain strings do not fail to serialize.
        serde_json::to_string(&content).unwrap_or_default()
    }
}

/// A ports file on disk.
#[derive(Debug)]
pub struct PortsFile {
    path: PathBuf,
}

impl PortsFile {
    /// Where the file of this process is: `DIR/EXE_PID.ports`, `EXE` being the base name of
    /// `argv0`.
    pub fn path_in(dir: &Path, argv0: &Path) -> PathBuf {
        let exe = argv0.file_name().unwrap_or(argv0.as_os_str());
        let mut name = exe.to_owned();
        name.push(format!("_{}.ports", std::process::id()));
        dir.join(name)
    }

    /// Writes the file whole or not at all: readers poll for it, and shall not see half of it.
    ///
    /// # Errors
    /// Those of creating, writing and renaming; nats-server says
    /// `Error writing ports file (PATH): open PATH: …` and goes on.
    pub fn write(path: PathBuf, ports: &Ports) -> io::Result<Self> {
        let mut scratch = path.clone().into_os_string();
        scratch.push(".new");
        let result =
            fs::write(&scratch, ports.to_json()).and_then(|()| fs::rename(&scratch, &path));
        match result {
            Ok(()) => Ok(Self { path }),
            Err(err) => {
                let _ = fs::remove_file(&scratch);
                Err(err)
            }
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the file, at an orderly shutdown or when a reload moves it.
    ///
    /// # Errors
    /// That of removing it; nats-server says
    /// `Error cleaning up ports file PATH: remove PATH: …`.
    pub fn remove(self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}
