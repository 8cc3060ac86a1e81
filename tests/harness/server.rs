//! Starting the program under test, reading what it says, stopping it.
//!
//! [`Launch`] collects flags and configuration; [`Launch::start`] gives a running [`Server`] that
//! is killed by its process id when dropped, [`Launch::run`] gives what a program that ends by
//! itself has left.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::{PATIENCE, Program, Scratch, Session, monitoring, spawn};

/// How long a server may take from start to `Server is ready`. Many start at once when tests run
/// in parallel.
const START_PATIENCE: Duration = Duration::from_secs(20);

/// A server about to be started.
#[derive(Debug)]
pub struct Launch {
    program: PathBuf,
    flags: Vec<OsString>,
    config: Option<String>,
    scratch: Scratch,
}

impl Launch {
    /// The program under test on a free port of the loopback interface.
    #[must_use]
    pub fn new() -> Self {
        Self::bare().flags(["-a", "127.0.0.1", "-p", "-1"])
    }

    /// The program under test without any flag.
    #[must_use]
    pub fn bare() -> Self {
        Self::of(Program::under_test().executable())
    }

    /// This program without any flag, whichever is under test.
    #[must_use]
    pub fn of(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), flags: Vec::new(), config: None, scratch: Scratch::new() }
    }

    /// Starts `path` instead, which leads to the program under test by another name.
    #[must_use]
    pub fn executable(mut self, path: impl Into<PathBuf>) -> Self {
        self.program = path.into();
        self
    }

    /// Adds flags.
    #[must_use]
    pub fn flags<I: IntoIterator<Item: AsRef<OsStr>>>(mut self, flags: I) -> Self {
        self.flags.extend(flags.into_iter().map(|flag| flag.as_ref().to_owned()));
        self
    }

    /// Uses a configuration file with this text, `server.conf` in the scratch directory.
    #[must_use]
    pub fn config(mut self, text: impl Into<String>) -> Self {
        self.config = Some(text.into());
        self
    }

    /// Listens for monitoring on a free port.
    #[must_use]
    pub fn monitoring(self) -> Self {
        self.flags(["-m", "-1"])
    }

    /// The directory this server may use; it goes away with the server.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.scratch.path()
    }

    fn command(&mut self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.flags);
        if let Some(text) = &self.config {
            command.arg("-c").arg(self.scratch.write("server.conf", text));
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Starts the server and waits until it says that it is ready.
    ///
    /// # Panics
    /// When it ends or stays silent instead; the text shows its log.
    #[must_use]
    pub fn start(self) -> Server {
        let mut server = self.start_unready();
        server.await_ready();
        server
    }

    /// Starts the server without waiting for anything, for those whose log goes elsewhere.
    ///
    /// # Panics
    /// When the program cannot be executed.
    #[must_use]
    pub fn start_unready(mut self) -> Server {
        let command = self.command();
        let mut child = spawn::spawn(command).expect("the program under test can be executed");
        let log = Log::follow(child.stderr.take().expect("standard error is a pipe"));
        let mut stdout = child.stdout.take().expect("standard output is a pipe");
        let stdout = thread::spawn(move || {
            let mut octets = Vec::new();
            let _ = stdout.read_to_end(&mut octets);
            octets
        });
        Server {
            child,
            log,
            stdout: Some(stdout),
            port: 0,
            monitoring_port: 0,
            scratch: self.scratch,
        }
    }

    /// Runs the program to its end.
    ///
    /// # Panics
    /// When it has not ended within [`PATIENCE`].
    #[must_use]
    pub fn run(self) -> Finished {
        self.start_unready().finish(PATIENCE)
    }
}

impl Default for Launch {
    fn default() -> Self {
        Self::new()
    }
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    child: Child,
    log: Log,
    stdout: Option<thread::JoinHandle<Vec<u8>>>,
    port: u16,
    monitoring_port: u16,
    scratch: Scratch,
}

/// What a program has left when it ended.
#[derive(Debug)]
pub struct Finished {
    /// The exit code; `None` after a signal.
    pub code: Option<i32>,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Server {
    fn await_ready(&mut self) {
        let deadline = Instant::now() + START_PATIENCE;
        let ready = self.log.wait(0, deadline, |line| line.contains("Server is ready"));
        let Some((until, _)) = ready else {
            panic!(
                "the server has ended or is not ready after {START_PATIENCE:?}; its log:\n{}",
                self.log()
            );
        };
        let said = |text: &str| {
            let lines = self.log.lines();
            let line = lines.iter().take(until).find(|line| line.contains(text))?;
            line.rsplit_once(':')?.1.trim().parse().ok()
        };
        let monitoring =
            said("Starting http monitor on").or_else(|| said("Starting https monitor on"));
        self.monitoring_port = monitoring.unwrap_or_default();
        self.port = said("Listening for client connections on").unwrap_or_else(|| {
            panic!("no client listener before `Server is ready`; its log:\n{}", self.log())
        });
    }

    /// The client port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The monitoring port; 0 without [`Launch::monitoring`].
    #[must_use]
    pub fn monitoring_port(&self) -> u16 {
        self.monitoring_port
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The directory this server may use.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.scratch.path()
    }

    /// A client that has read INFO and said nothing yet.
    #[must_use]
    pub fn session(&self) -> Session {
        Session::connect(self.port)
    }

    /// A client that has said CONNECT with these JSON members and has read its PONG.
    #[must_use]
    pub fn client(&self, members: &str) -> Session {
        let mut session = self.session();
        session.hello(members);
        session
    }

    /// The `/varz` page.
    #[must_use]
    pub fn varz(&self) -> Value {
        monitoring::json(self.monitoring_port, "/varz")
    }

    /// One number of `/varz`, by JSON pointer.
    ///
    /// # Panics
    /// When there is no number of that name.
    #[must_use]
    pub fn varz_number(&self, pointer: &str) -> u64 {
        let varz = self.varz();
        let number = varz.pointer(pointer).and_then(Value::as_u64);
        number.unwrap_or_else(|| panic!("varz has no number {pointer}: {varz:#}"))
    }

    /// Waits until a number of `/varz` is `expected`: counters are added a moment after what they
    /// count.
    ///
    /// # Panics
    /// When it is something else after [`PATIENCE`].
    pub fn expect_varz(&self, pointer: &str, expected: u64) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = self.varz_number(pointer);
            if found == expected {
                return;
            }
            assert!(Instant::now() < deadline, "varz {pointer}: {found}, expected {expected}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Everything logged to standard error so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.lines().join("\n")
    }

    /// Reads the server's standard error no further than its next line; the pipe is then `closed`,
    /// or stays open until the test is over and fills.
    pub fn abandon_log(&self, closed: bool) {
        self.log
            .change(|said| said.listener = if closed { Listener::Gone } else { Listener::Deaf });
    }

    /// Waits for a log line that contains `text` and gives it back.
    ///
    /// # Panics
    /// When there is none within [`PATIENCE`].
    pub fn expect_log(&self, text: &str) -> String {
        self.expect_log_where(text, |line| line.contains(text))
    }

    /// Waits for a log line that `fits` and gives it back; `what` says what it would be.
    ///
    /// # Panics
    /// When there is none within [`PATIENCE`].
    pub fn expect_log_where(&self, what: &str, fits: impl Fn(&str) -> bool) -> String {
        let found = self.log.wait(0, Instant::now() + PATIENCE, fits);
        found.map(|(_, line)| line).unwrap_or_else(|| {
            panic!("no log line like {what:?}; the log:\n{}", self.log());
        })
    }

    /// Sends a signal (`libc::SIGTERM` and so on) to the process.
    ///
    /// # Panics
    /// When the process is gone.
    #[allow(unsafe_code, reason = "the standard library can only kill")]
    pub fn signal(&self, signal: i32) {
        let pid = i32::try_from(self.child.id()).expect("a process id fits");
        // SAFETY: takes two integers; the pid is that of a child not yet waited for, so it cannot
        // have been given to another process.
        let sent = unsafe { libc::kill(pid, signal) };
        assert_eq!(sent, 0, "signal {signal} to {pid}: {}", std::io::Error::last_os_error());
    }

    /// Rewrites the configuration file, signals a reload and waits until it is done.
    ///
    /// # Panics
    /// When the server does not confirm within [`PATIENCE`].
    pub fn reload(&self, config: &str) {
        let already = self.log.lines().len();
        self.scratch.write("server.conf", config);
        self.signal(libc::SIGHUP);
        let deadline = Instant::now() + PATIENCE;
        let done =
            self.log.wait(already, deadline, |line| line.contains("Reloaded server configuration"));
        assert!(done.is_some(), "no reload; the log:\n{}", self.log());
    }

    /// Resident memory of the process in bytes.
    ///
    /// # Panics
    /// Where there is no `/proc`.
    #[must_use]
    pub fn resident_bytes(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// What of it is the process's own, and not its program's text, of which there is the more the
    /// more of it has run.
    ///
    /// # Panics
    /// Where there is no `/proc`.
    #[must_use]
    pub fn own_bytes(&self) -> u64 {
        self.status("RssAnon:")
    }

    fn status(&self, what: &str) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).expect("a running process has a status");
        let line = status.lines().find_map(|line| line.strip_prefix(what));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kib.expect("the status of a process tells its memory") * 1024
    }

    /// Whether the process is still there.
    ///
    /// # Panics
    /// When the system cannot tell.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child can be asked about").is_none()
    }

    fn wait(&mut self, patience: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                return Some(status);
            }
            thread::sleep(Duration::from_millis(5));
        }
        None
    }

    /// Waits until the process has ended by itself.
    ///
    /// # Panics
    /// When it has not within `patience`.
    #[must_use]
    pub fn finish(mut self, patience: Duration) -> Finished {
        let Some(status) = self.wait(patience) else {
            panic!("still running after {patience:?}; its log:\n{}", self.log());
        };
        let stdout = self.stdout.take().and_then(|reader| reader.join().ok()).unwrap_or_default();
        self.log.await_end(Instant::now() + PATIENCE);
        Finished {
            code: status.code(),
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr: self.log.text(),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Either may fail only because the process is gone, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The lines of a server's standard error, as they come.
#[derive(Clone, Debug)]
struct Log {
    shared: Arc<(Mutex<Said>, Condvar)>,
}

#[derive(Debug, Default)]
struct Said {
    lines: Vec<String>,
    ended: bool,
    listener: Listener,
}

/// Who reads the log.
#[derive(Clone, Copy, Debug, Default)]
enum Listener {
    /// We do.
    #[default]
    Reading,
    /// Nobody; the pipe is closed.
    Gone,
    /// Nobody; the pipe is open.
    Deaf,
}

impl Log {
    fn follow(stderr: impl Read + Send + 'static) -> Self {
        let log = Self { shared: Arc::default() };
        let writer = log.clone();
        thread::spawn(move || {
            for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                let mut listener = Listener::Reading;
                writer.change(|said| {
                    listener = said.listener;
                    said.lines.push(line);
                });
                match listener {
                    Listener::Reading => {}
                    Listener::Gone => break,
                    Listener::Deaf => loop {
                        thread::park();
                    },
                }
            }
            writer.change(|said| said.ended = true);
        });
        log
    }

    fn change(&self, change: impl FnOnce(&mut Said)) {
        let (said, changed) = &*self.shared;
        change(&mut said.lock().unwrap_or_else(PoisonError::into_inner));
        changed.notify_all();
    }

    fn lines(&self) -> Vec<String> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner).lines.clone()
    }

    fn text(&self) -> String {
        self.lines().iter().flat_map(|line| [line, "\n"]).collect()
    }

    /// The first line from number `from` on that `fits`, with the count of lines up to it.
    fn wait(
        &self,
        from: usize,
        deadline: Instant,
        fits: impl Fn(&str) -> bool,
    ) -> Option<(usize, String)> {
        let (said, changed) = &*self.shared;
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = from;
        loop {
            while let Some(line) = said.lines.get(next) {
                next += 1;
                if fits(line) {
                    return Some((next, line.clone()));
                }
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            if said.ended {
                return None;
            }
            said = changed.wait_timeout(said, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn await_end(&self, deadline: Instant) {
        self.wait(0, deadline, |_| false);
    }
}
