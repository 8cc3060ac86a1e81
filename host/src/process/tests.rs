//! Checklist items 52 to 54 and 60 of the reference's chapter 7, as far as they need no server.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;

use super::*;
use crate::cli::Program;

/// A directory of this test's own, gone afterwards.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let name = format!("nervure-process-{}-{name}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn system_errors_read_as_nats_server_words_them() {
    let rows = [
        (libc::ENOENT, "no such file or directory"),
        (libc::EACCES, "permission denied"),
        (libc::EADDRINUSE, "address already in use"),
        (libc::ESRCH, "no such process"),
    ];
    for (number, text) in rows {
        assert_eq!(os_error(&io::Error::from_raw_os_error(number)), text);
    }
    assert_eq!(os_error(&io::Error::other("As It Is")), "As It Is");
}

#[test]
fn the_pid_file_is_the_number_and_nothing_else() {
    let scratch = Scratch::new("pid");
    let path = scratch.0.join("x.pid");
    fs::write(&path, "an older and longer content").unwrap();
    fs::remove_file(&path).unwrap();
    write_pid_file(&path).unwrap();
    write_pid_file(&path).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), std::process::id().to_string());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let error = write_pid_file(&scratch.0.join("none/x")).unwrap_err();
    assert_eq!(os_error(&error), "no such file or directory");
}

#[test]
fn the_ports_file_lists_listeners_in_order_and_is_one_line() {
    let address = |scheme, addr: &str| Some(Address { scheme, addr: addr.parse().unwrap() });
    let ports = Ports {
        nats: address("nats", "127.0.0.1:14400"),
        monitoring: address("http", "127.0.0.1:14401"),
        cluster: address("nats", "127.0.0.1:14403"),
        profile: address("http", "127.0.0.1:14402"),
        websocket: address("ws", "127.0.0.1:14406"),
    };
    // The reference's sample.
    assert_eq!(
        ports.to_json(),
        concat!(
            r#"{"nats":["nats://127.0.0.1:14400"],"monitoring":["http://127.0.0.1:14401"],"#,
            r#""cluster":["nats://127.0.0.1:14403"],"profile":["http://127.0.0.1:14402"],"#,
            r#""websocket":["ws://127.0.0.1:14406"]}"#
        )
    );
    let ports = Ports { nats: address("tls", "[::1]:5"), ..Ports::default() };
    assert_eq!(ports.to_json(), r#"{"nats":["tls://[::1]:5"]}"#);
    assert_eq!(Ports::default().to_json(), "{}");
}

#[test]
fn a_wildcard_lists_local_addresses_loopback_first() {
    for addr in ["0.0.0.0:7", "[::]:7"] {
        let urls = Address { scheme: "nats", addr: addr.parse().unwrap() }.urls();
        assert_eq!(urls[0], "nats://127.0.0.1:7", "{addr}");
        assert!(urls.iter().all(|url| url.starts_with("nats://") && url.ends_with(":7")));
        assert_eq!(urls.len(), local_addresses().unwrap().len());
    }
    let mapped = Address { scheme: "nats", addr: "[::ffff:127.0.0.1]:7".parse().unwrap() };
    assert_eq!(mapped.urls(), ["nats://127.0.0.1:7"], "an IPv4 peer of a dual socket");
}

#[test]
fn the_ports_file_is_named_after_program_and_process_and_comes_and_goes() {
    let scratch = Scratch::new("ports");
    let path = PortsFile::path_in(&scratch.0, std::path::Path::new("/usr/bin/nats-server"));
    assert_eq!(path, scratch.0.join(format!("nats-server_{}.ports", std::process::id())));
    let file = PortsFile::write(path.clone(), &Ports::default()).unwrap();
    assert_eq!(fs::read_to_string(file.path()).unwrap(), "{}");
    assert_eq!(fs::read_dir(&scratch.0).unwrap().count(), 1, "nothing else is left");
    file.remove().unwrap();
    assert!(!path.exists());
    assert!(PortsFile::write(scratch.0.join("none/x"), &Ports::default()).is_err());
}

/// A process that waits, ended with the test.
struct Waiting(Child);

impl Waiting {
    fn start() -> Self {
        Self(Command::new("sleep").arg("60").spawn().unwrap())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_signal_goes_to_the_pid_or_to_the_pid_in_a_file() {
    use std::os::unix::process::ExitStatusExt;
    let scratch = Scratch::new("send");
    let path = scratch.0.join("pid");
    // Not "quit": its SIGINT is ignored where a shell started this in the background.
    for (command, signal) in [("term", libc::SIGTERM), ("ldm", libc::SIGUSR2)] {
        for by_file in [false, true] {
            let mut process = Waiting::start();
            let pid = process.0.id().to_string();
            let target = if by_file {
                fs::write(&path, &pid).unwrap();
                path.to_str().unwrap().to_owned()
            } else {
                pid
            };
            send_signal(Program::Nervure, command, &target).unwrap();
            assert_eq!(process.0.wait().unwrap().signal(), Some(signal));
        }
    }
}

#[test]
fn what_cannot_be_signalled_is_told_in_nats_servers_words() {
    let mut ended = Command::new("true").spawn().unwrap();
    let dead = ended.id();
    ended.wait().unwrap();
    let error = |command: &str, target: &str| {
        send_signal(Program::NatsServer, command, target).unwrap_err()
    };
    assert_eq!(error("reload", "abc").to_string(), "invalid pid: abc");
    assert_eq!(error("bogus", &dead.to_string()).to_string(), "unknown signal \"bogus\"");
    assert_eq!(
        error("reload", &dead.to_string()).to_string(),
        format!("\nsignal \"reload\" {dead}: no such process")
    );
    // Never a process group.
    for target in ["0", "-1", "-5"] {
        assert_eq!(error("stop", target).to_string(), format!("invalid pid: {target}"));
    }
    let scratch = Scratch::new("bad");
    let path = scratch.0.join("pid");
    for (content, shown) in [("abc", "abc"), ("", ""), (" \n", "")] {
        fs::write(&path, content).unwrap();
        let text = error("ldm", path.to_str().unwrap()).to_string();
        assert_eq!(text, format!("invalid pid: {shown}"));
    }
    assert_eq!(
        SignalError::Multiple { name: "nats-server", pids: vec![458, 459] }.to_string(),
        "multiple nats-server processes running:\n458\n459"
    );
    assert_eq!(
        SignalError::NotRunning("nats-server").to_string(),
        "no nats-server processes running"
    );
}

#[tokio::test]
async fn signals_arrive_one_by_one_and_are_named_as_nats_server_names_them() {
    let mut signals = Signals::new().unwrap();
    let own = std::process::id().to_string();
    let rows = [
        ("reopen", Signal::Reopen, "user defined signal 1"),
        ("reload", Signal::Reload, "hangup"),
        ("ldm", Signal::LameDuck, "user defined signal 2"),
        ("term", Signal::Terminate, "terminated"),
        ("quit", Signal::Interrupt, "interrupt"),
    ];
    for (command, signal, name) in rows {
        send_signal(Program::Nervure, command, &own).unwrap();
        let got = tokio::time::timeout(Duration::from_secs(5), signals.next()).await.unwrap();
        assert_eq!(got, signal);
        assert_eq!(got.name(), name);
    }
}
