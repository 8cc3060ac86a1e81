//! Pid file, ports file, log file (sections 3.5 and 3.6).

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use harness::{Launch, PATIENCE, Program, Session, eventually};

fn content(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok().filter(|text| !text.is_empty())
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[test]
fn the_pid_file_holds_the_pid_and_nothing_else() {
    let launch = Launch::new();
    let file = launch.directory().join("pid");
    let server = launch.flags(["-P", &text(&file)]).start();
    assert_eq!(content(&file), Some(server.pid().to_string()));
}

#[test]
fn a_pid_file_that_cannot_be_written_is_fatal() {
    let ended = Launch::new().flags(["-P", "/nope/pid"]).run();
    let expected = "[FTL] Could not write pidfile: open /nope/pid: no such file or directory";
    assert!(ended.stderr.contains(expected), "{ended:?}");
    assert_eq!(ended.code, Some(1));
}

/// Where a server of this name writes its ports.
fn ports_file(directory: &Path, name: &str, pid: u32) -> PathBuf {
    directory.join(format!("{name}_{pid}.ports"))
}

/// What the program under test is run as.
fn own_name() -> String {
    let program = Program::under_test().executable();
    text(Path::new(program.file_name().unwrap_or_default()))
}

#[test]
fn the_ports_file_lists_listeners_and_goes_with_an_orderly_end() {
    for (signal, remains) in [(libc::SIGTERM, false), (libc::SIGINT, false), (libc::SIGKILL, true)]
    {
        let launch = Launch::new().monitoring();
        let directory = harness::Scratch::new();
        let server = launch.flags(["--ports_file_dir", &text(directory.path())]).start();
        let file = ports_file(directory.path(), &own_name(), server.pid());
        let found = eventually("the ports file is whole", || {
            content(&file).filter(|text| text.ends_with('}'))
        });
        let (port, monitoring) = (server.port(), server.monitoring_port());
        let nats = format!("\"nats\":[\"nats://127.0.0.1:{port}\"]");
        let expected = format!("{{{nats},\"monitoring\":[\"http://127.0.0.1:{monitoring}\"]}}");
        assert_eq!(found, expected);
        server.signal(signal);
        let _ = server.finish(PATIENCE);
        assert_eq!(file.exists(), remains, "after signal {signal}");
    }
}

#[test]
fn a_wildcard_listener_lists_an_ipv4_address_first() {
    let directory = harness::Scratch::new();
    let flags = ["-p", "-1", "--ports_file_dir", &text(directory.path())];
    let server = Launch::bare().flags(flags).start();
    let file = ports_file(directory.path(), &own_name(), server.pid());
    let found =
        eventually("the ports file is whole", || content(&file).filter(|text| text.ends_with('}')));
    let expected = format!("{{\"nats\":[\"nats://127.0.0.1:{}\"", server.port());
    assert!(found.starts_with(&expected), "{found}");
}

#[test]
fn with_tls_the_ports_file_says_so() {
    let certificates = harness::tls::Certificates::new();
    let directory = harness::Scratch::new();
    let flags = ["--ports_file_dir", &text(directory.path())];
    let server = Launch::new().flags(flags).config(certificates.block("")).start();
    let file = ports_file(directory.path(), &own_name(), server.pid());
    let found =
        eventually("the ports file is whole", || content(&file).filter(|text| text.ends_with('}')));
    assert_eq!(found, format!("{{\"nats\":[\"tls://127.0.0.1:{}\"]}}", server.port()));
}

#[test]
fn a_server_called_nats_server_names_its_ports_file_so() {
    let launch = Launch::new();
    let link = launch.directory().join("nats-server");
    symlink(Program::under_test().executable(), &link).expect("a link can be made");
    let directory = text(launch.directory());
    let server = launch.executable(&link).flags(["--ports_file_dir", &directory]).start();
    let file = ports_file(server.directory(), "nats-server", server.pid());
    eventually("the ports file is there", || content(&file));
    server.client("").expect_open();
    let ended = Launch::bare().executable(&link).flags(["--version"]).run();
    assert!(ended.stdout.starts_with("nats-server: v"), "{ended:?}");
}

#[test]
fn a_log_file_takes_every_line_and_tells_the_port() {
    let launch = Launch::new();
    let file = launch.directory().join("log");
    let server = launch.flags(["-l", &text(&file)]).start_unready();
    let port = eventually("the log tells the port", || {
        let log = content(&file)?;
        log.contains("Server is ready\n").then_some(())?;
        let line = log.lines().find(|line| line.contains(" client connections on "))?;
        line.rsplit_once(':')?.1.parse().ok()
    });
    Session::connect(port).expect_open();
    assert_eq!(server.log(), "", "standard error stays empty");
}

#[test]
fn a_log_file_that_cannot_be_opened_ends_the_start() {
    let ended = Launch::new().flags(["-l", "/nope/log"]).run();
    let expected = "error opening file: open /nope/log: no such file or directory";
    assert!(ended.stderr.contains(expected), "{ended:?}");
    assert_eq!(ended.code, Some(1));
}

#[test]
fn a_renamed_log_file_is_opened_anew_by_sigusr1() {
    let launch = Launch::new();
    let (file, old) = (launch.directory().join("log"), launch.directory().join("log.1"));
    let server = launch.flags(["-l", &text(&file)]).start_unready();
    eventually("the server is ready", || content(&file)?.contains("Server is ready").then_some(()));
    fs::rename(&file, &old).expect("a log file can be renamed");
    server.signal(libc::SIGUSR1);
    let fresh = eventually("there is a new log file", || content(&file));
    let first = fresh.lines().next().unwrap_or_default();
    assert!(first.ends_with("[INF] File log re-opened"), "{fresh}");
    let old = content(&old).unwrap_or_default();
    assert!(old.contains("Trapped \"user defined signal 1\" signal"), "{old}");
}

#[test]
fn without_a_log_file_sigusr1_is_explained() {
    let server = Launch::new().start();
    server.signal(libc::SIGUSR1);
    server.expect_log("Trapped \"user defined signal 1\" signal");
    server.expect_log("File log re-open ignored, not a file logger");
    server.client("").expect_open();
}
