//! Log lines, byte for byte in nats-server's form, because tools parse them (reference,
//! config-and-operations.md 3.4, 3.5 and 6.3).
//!
//! A [`Logger`] is a handle that everything in the host clones; there is no global one, so that
//! several servers can live in one process, each with its own log. It stands beside a message's
//! way: only protocol tracing ever touches it there, behind [`Logger::trace_enabled`].
//!
//! Lines go to a file, written by whoever logs, or to standard error. That may be a pipe which
//! nobody reads any more; nats-server then stalls (full) or dies (closed). Here a thread of its
//! own writes to anything that can block, fed by a bounded queue: callers never wait, a full
//! queue drops lines and says how many, a closed pipe drops them all. Asking `poll` before each
//! write needs no thread, but would block all the same when several processes share the pipe,
//! and drop lines whenever a reader is merely slower than a burst.
//!
//! `tracing` is not used: the form of the lines is fixed, and its subscriber machinery would be
//! larger than this module.

mod file;
mod stamp;
mod stream;
#[cfg(test)]
mod tests;

use std::fmt::{self, Write as _};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use file::{LogFile, Rotated};
pub use stamp::Civil;
use stamp::Stamp;
use stream::{Admission, Stream};

use crate::options::LogOptions;
use crate::process::os_error;

/// How bad, or how detailed, a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// What an operator wants to know.
    Info,
    /// What a developer wants to know.
    Debug,
    /// Something looks wrong.
    Warn,
    /// Something went wrong.
    Error,
    /// The process cannot go on; it exits with status 1 after such a line.
    Fatal,
    /// Protocol.
    Trace,
}

impl Level {
    /// The three letters between the brackets.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Info => "INF",
            Self::Debug => "DBG",
            Self::Warn => "WRN",
            Self::Error => "ERR",
            Self::Fatal => "FTL",
            Self::Trace => "TRC",
        }
    }

    /// The terminal's colour code.
    const fn colour(self) -> &'static str {
        match self {
            Self::Info => "32",
            Self::Debug => "36",
            Self::Warn => "0;93",
            Self::Error | Self::Fatal => "31",
            Self::Trace => "33",
        }
    }
}

/// A log file that cannot be opened. The text is nats-server's.
#[derive(Debug, thiserror::Error)]
#[error("error opening file: open {}: {}", path.display(), os_error(source))]
pub struct OpenError {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

impl OpenError {
    /// The line nats-server prints on standard error before it exits with status 1:
    /// `YYYY/MM/DD hh:mm:ss error opening file: open PATH: …`.
    pub fn startup_line(&self) -> String {
        format!("{} {self}", Civil::local(SystemTime::now()).date_time())
    }
}

/// A handle to a log; clones write to the same one.
#[derive(Clone)]
pub struct Logger(Arc<Shared>);

struct Shared {
    // Read on hot paths, so beside the lock.
    debug: AtomicBool,
    trace: AtomicBool,
    state: Mutex<State>,
}

struct State {
    pid: u32,
    logtime: bool,
    colour: bool,
    stamp: Stamp,
    sink: Sink,
    /// The line being put together; kept for its allocation.
    line: Vec<u8>,
}

enum Sink {
    Discard,
    /// Anything that can block: pipe, socket, terminal.
    Stream(Stream),
    /// Standard error redirected to a file.
    Plain(File),
    File(LogFile),
}

impl Logger {
    /// A log as `options` describe it: to their file, else to standard error.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(options: &LogOptions) -> Result<Self, OpenError> {
        let (sink, colour) = match &options.file {
            Some(path) => (open_file(path, options)?, false),
            None => stderr_sink(),
        };
        Ok(Self::new(sink, colour, options))
    }

    /// A log to a file descriptor, as if it were standard error.
    pub fn to_fd(fd: OwnedFd, options: &LogOptions) -> Self {
        let (sink, colour) = fd_sink(fd);
        Self::new(sink, colour, options)
    }

    /// A log that keeps nothing, for embedding and tests.
    pub fn discard() -> Self {
        Self::new(Sink::Discard, false, &LogOptions::default())
    }

    fn new(sink: Sink, colour: bool, options: &LogOptions) -> Self {
        let state = State {
            pid: std::process::id(),
            logtime: options.logtime,
            colour,
            stamp: Stamp::new(options.logtime_utc),
            sink,
            line: Vec::new(),
        };
        Self(Arc::new(Shared {
            debug: AtomicBool::new(options.debug),
            trace: AtomicBool::new(options.trace),
            state: Mutex::new(state),
        }))
    }

    /// Takes on new options while running: levels, form and destination.
    ///
    /// # Errors
    /// When a new file cannot be opened; nothing is changed then.
    pub fn set_options(&self, options: &LogOptions) -> Result<(), OpenError> {
        self.prepare(options)?.commit();
        Ok(())
    }

    /// The first half of [`Logger::set_options`], all of it that can fail: a reload still has
    /// lines for the old destination.
    ///
    /// # Errors
    /// When a new file cannot be opened.
    pub fn prepare<'l>(&'l self, options: &'l LogOptions) -> Result<Prepared<'l>, OpenError> {
        let file_now = match &self.lock().sink {
            Sink::File(file) => Some(file.path().to_owned()),
            _ => None,
        };
        let sink = match &options.file {
            Some(path) if file_now.as_ref() == Some(path) => None,
            Some(path) => Some((open_file(path, options)?, false)),
            None => file_now.map(|_| stderr_sink()),
        };
        Ok(Prepared { logger: self, options, sink })
    }

    /// Closes and opens the log file again, for whoever renamed it (SIGUSR1, `--signal reopen`),
    /// and says so in it.
    pub fn reopen(&self) {
        let mut state = self.lock();
        let outcome = match &mut state.sink {
            Sink::File(file) => file.reopen().map(|()| "File log re-opened"),
            _ => Ok("File log re-open ignored, not a file logger"),
        };
        match outcome {
            Ok(text) => state.write(Level::Info, format_args!("{text}")),
            Err(err) => {
                let why = os_error(&err);
                state.write(Level::Error, format_args!("Unable to re-open log file: {why}"));
            }
        }
    }

    /// Waits until what was logged is written, `patience` at most. For the end of the process.
    pub fn flush(&self, patience: Duration) {
        let waiting = match &self.lock().sink {
            Sink::Stream(stream) => Some(stream.waiting()),
            _ => None,
        };
        // Outside the lock, so that others can go on logging.
        if let Some(waiting) = waiting {
            waiting.wait(patience);
        }
    }

    /// Whether DBG lines are wanted.
    pub fn debug_enabled(&self) -> bool {
        self.0.debug.load(Ordering::Relaxed)
    }

    /// Whether TRC lines are wanted. Ask before putting together what would be traced.
    pub fn trace_enabled(&self) -> bool {
        self.0.trace.load(Ordering::Relaxed)
    }

    /// Writes a line of any level, if that level is wanted.
    pub fn log(&self, level: Level, text: fmt::Arguments<'_>) {
        let wanted = match level {
            Level::Debug => self.debug_enabled(),
            Level::Trace => self.trace_enabled(),
            _ => true,
        };
        if !wanted {
            return;
        }
        match text.as_str() {
            Some(_) => self.lock().write(level, text),
            None => {
                // Put together outside the lock: a value's own formatting may log.
                let text = text.to_string();
                self.lock().write(level, format_args!("{text}"));
            }
        }
    }

    /// Writes an INF line.
    pub fn info(&self, text: fmt::Arguments<'_>) {
        self.log(Level::Info, text);
    }

    /// Writes a DBG line, if those are wanted.
    pub fn debug(&self, text: fmt::Arguments<'_>) {
        self.log(Level::Debug, text);
    }

    /// Writes a WRN line.
    pub fn warn(&self, text: fmt::Arguments<'_>) {
        self.log(Level::Warn, text);
    }

    /// Writes an ERR line.
    pub fn error(&self, text: fmt::Arguments<'_>) {
        self.log(Level::Error, text);
    }

    /// Writes an FTL line and waits a little for it to be out. Ending the process is the
    /// caller's.
    pub fn fatal(&self, text: fmt::Arguments<'_>) {
        self.log(Level::Fatal, text);
        self.flush(Duration::from_millis(200));
    }

    /// Writes a TRC line, if those are wanted.
    pub fn trace(&self, text: fmt::Arguments<'_>) {
        self.log(Level::Trace, text);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Options that a log is ready to take on.
#[must_use]
pub struct Prepared<'l> {
    logger: &'l Logger,
    options: &'l LogOptions,
    /// Another destination, and whether it takes colours.
    sink: Option<(Sink, bool)>,
}

impl Prepared<'_> {
    /// From now on the log follows them.
    pub fn commit(self) {
        let Self { logger: Logger(shared), options, sink } = self;
        let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        match (sink, &mut state.sink) {
            (Some(sink), _) => (state.sink, state.colour) = sink,
            (None, Sink::File(file)) => file.set_limits(options.size_limit, options.max_num),
            (None, _) => {}
        }
        state.logtime = options.logtime;
        state.stamp = Stamp::new(options.logtime_utc);
        drop(state);
        shared.debug.store(options.debug, Ordering::Relaxed);
        shared.trace.store(options.trace, Ordering::Relaxed);
    }
}

impl fmt::Debug for Prepared<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared").field("options", self.options).finish_non_exhaustive()
    }
}

impl fmt::Debug for Logger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logger").finish_non_exhaustive()
    }
}

impl State {
    fn write(&mut self, level: Level, text: fmt::Arguments<'_>) {
        self.assemble(level, text, "\n");
        match &mut self.sink {
            Sink::Discard => {}
            // A disk that is full is no reason to stop serving.
            Sink::Plain(file) => drop(io::Write::write_all(file, &self.line)),
            Sink::Stream(stream) => match stream.admit(self.line.len()) {
                Admission::Refused => {}
                Admission::Granted { lost: 0 } => stream.push(&self.line),
                Admission::Granted { lost } => {
                    let line = std::mem::take(&mut self.line);
                    self.assemble(Level::Warn, format_args!("Dropped {lost} log lines"), "\n");
                    if let Sink::Stream(stream) = &mut self.sink {
                        stream.push(&self.line);
                        stream.push(&line);
                    }
                }
            },
            Sink::File(file) => {
                if file.write(&self.line) {
                    self.rotate();
                }
            }
        }
    }

    fn rotate(&mut self) {
        let Sink::File(file) = &mut self.sink else { return };
        let Rotated { backup, purged, error } = file.rotate(SystemTime::now());
        // These lines end in CR LF in nats-server too.
        if let Some(backup) = backup {
            let text = format!("Rotated log, backup saved as \"{}\"", backup.display());
            self.note(Level::Info, &text);
        }
        for path in purged {
            self.note(Level::Info, &format!("Purged log file \"{}\"", path.display()));
        }
        if let Some(err) = error {
            self.note(Level::Error, &format!("Unable to rotate log file: {}", os_error(&err)));
        }
    }

    /// Writes a line about the file itself, which does not rotate it.
    fn note(&mut self, level: Level, text: &str) {
        self.assemble(level, format_args!("{text}"), "\r\n");
        if let Sink::File(file) = &mut self.sink {
            file.write(&self.line);
        }
    }

    /// Puts `[PID] YYYY/MM/DD hh:mm:ss.uuuuuu [LVL] text` into `self.line`.
    fn assemble(&mut self, level: Level, text: fmt::Arguments<'_>, end: &str) {
        struct Bytes<'a>(&'a mut Vec<u8>);
        impl fmt::Write for Bytes<'_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                self.0.extend_from_slice(text.as_bytes());
                Ok(())
            }
        }
        // Not to keep one huge traced payload's room for ever.
        if self.line.capacity() > 64 << 10 {
            self.line = Vec::new();
        }
        self.line.clear();
        let mut line = Bytes(&mut self.line);
        // Writing to memory does not fail; a value that refuses to be shown leaves a short line.
        let _ = write!(line, "[{}] ", self.pid);
        if self.logtime {
            let _ = self.stamp.write(&mut line, SystemTime::now());
        }
        let _ = if self.colour {
            write!(line, "[\x1b[{}m{}\x1b[0m] ", level.colour(), level.text())
        } else {
            write!(line, "[{}] ", level.text())
        };
        let _ = line.write_fmt(text);
        let _ = line.write_str(end);
    }
}

fn open_file(path: &Path, options: &LogOptions) -> Result<Sink, OpenError> {
    match LogFile::open(path, options.size_limit, options.max_num) {
        Ok(file) => Ok(Sink::File(file)),
        Err(source) => Err(OpenError { path: path.to_owned(), source }),
    }
}

/// Where standard error goes, and whether it is a terminal (or another character device, which
/// is what nats-server asks).
fn stderr_sink() -> (Sink, bool) {
    match io::stderr().as_fd().try_clone_to_owned() {
        Ok(fd) => fd_sink(fd),
        Err(_) => (Sink::Discard, false),
    }
}

fn fd_sink(fd: OwnedFd) -> (Sink, bool) {
    let file = File::from(fd);
    let kind = file.metadata().map(|metadata| metadata.file_type());
    let colour = kind.as_ref().is_ok_and(FileTypeExt::is_char_device);
    if kind.is_ok_and(|kind| kind.is_file()) {
        return (Sink::Plain(file), false);
    }
    match Stream::start(file) {
        Ok(stream) => (Sink::Stream(stream), colour),
        Err(_) => (Sink::Discard, false),
    }
}
