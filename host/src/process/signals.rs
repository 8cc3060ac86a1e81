//! The signals a server obeys (reference 3.8).

use std::io;

use tokio::signal::unix::{self, SignalKind};

/// A signal that means something to the server. SIGQUIT is left to the system's default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGINT: shut down, also during lame duck mode.
    Interrupt,
    /// SIGTERM: shut down; ignored during lame duck mode.
    Terminate,
    /// SIGHUP: read the configuration file again.
    Reload,
    /// SIGUSR1: open the log file again.
    Reopen,
    /// SIGUSR2: enter lame duck mode.
    LameDuck,
}

impl Signal {
    /// The name in `Trapped "NAME" signal`, the line that is logged before it is acted upon.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "interrupt",
            Self::Terminate => "terminated",
            Self::Reload => "hangup",
            Self::Reopen => "user defined signal 1",
            Self::LameDuck => "user defined signal 2",
        }
    }
}

/// The signals sent to this process, one after the other.
#[derive(Debug)]
pub struct Signals {
    interrupt: unix::Signal,
    terminate: unix::Signal,
    reload: unix::Signal,
    reopen: unix::Signal,
    lame_duck: unix::Signal,
}

impl Signals {
    /// Starts to listen: from now on these signals no longer end the process. Several of one
    /// kind that come before [`Signals::next`] is called again are one.
    ///
    /// # Errors
    /// When the system refuses; must be called within a tokio runtime that has its I/O enabled.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: unix::signal(SignalKind::interrupt())?,
            terminate: unix::signal(SignalKind::terminate())?,
            reload: unix::signal(SignalKind::hangup())?,
            reopen: unix::signal(SignalKind::user_defined1())?,
            lame_duck: unix::signal(SignalKind::user_defined2())?,
        })
    }

    /// The next signal. Dropping the future loses none.
    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            biased;
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
            _ = self.reload.recv() => Signal::Reload,
            _ = self.reopen.recv() => Signal::Reopen,
            _ = self.lame_duck.recv() => Signal::LameDuck,
        }
    }
}
