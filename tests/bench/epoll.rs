//! Readiness of many sockets in one thread.
//!
//! Level-triggered, straight over the system's calls: the load generator must cost much less than
//! what it measures.
#![allow(unsafe_code, reason = "epoll has no safe wrapper in the standard library")]

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// Most sockets told of in one call.
const BATCH: usize = 512;

/// A socket that can go on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready {
    /// What the socket was registered with.
    pub(crate) token: usize,
    /// There is something to read, or the peer is gone.
    pub(crate) readable: bool,
    /// There is room to write.
    pub(crate) writable: bool,
}

/// An epoll instance.
pub(crate) struct Poller {
    epoll: OwnedFd,
    events: Vec<libc::epoll_event>,
}

impl Poller {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: takes a number and gives a new descriptor or -1.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new, so nobody else owns it.
        let epoll = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { epoll, events: vec![libc::epoll_event { events: 0, u64: 0 }; BATCH] })
    }

    /// Watches for reading.
    pub(crate) fn add(&self, fd: RawFd, token: usize) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, token, libc::EPOLLIN)
    }

    /// Watches for reading, and for room to write if `writing`.
    pub(crate) fn watch(&self, fd: RawFd, token: usize, writing: bool) -> io::Result<()> {
        let events = libc::EPOLLIN | if writing { libc::EPOLLOUT } else { 0 };
        self.control(libc::EPOLL_CTL_MOD, fd, token, events)
    }

    fn control(&self, operation: i32, fd: RawFd, token: usize, events: i32) -> io::Result<()> {
        let mut event = libc::epoll_event { events: events.cast_unsigned(), u64: token as u64 };
        // SAFETY: the event lives through the call, which does not keep it.
        let done =
            unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), operation, fd, &raw mut event) };
        if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Waits until a socket can go on or `patience` is over, and adds those that can to `ready`.
    pub(crate) fn wait(&mut self, patience: Duration, ready: &mut Vec<Ready>) -> io::Result<()> {
        ready.clear();
        let timeout = libc::timespec {
            tv_sec: i64::try_from(patience.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(patience.subsec_nanos()),
        };
        // SAFETY: the array has room for BATCH events; the time lives through the call; no signal
        // mask is given.
        let count = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.epoll.as_raw_fd(),
                self.events.as_mut_ptr(),
                BATCH,
                &raw const timeout,
                std::ptr::null::<libc::sigset_t>(),
                0usize,
            )
        };
        let Ok(count) = usize::try_from(count) else {
            let error = io::Error::last_os_error();
            return if error.kind() == io::ErrorKind::Interrupted { Ok(()) } else { Err(error) };
        };
        ready.extend(self.events.iter().take(count).map(|event| {
            let events = event.events.cast_signed();
            Ready {
                token: usize::try_from(event.u64).unwrap_or(usize::MAX),
                readable: events & (libc::EPOLLIN | libc::EPOLLHUP | libc::EPOLLERR) != 0,
                writable: events & libc::EPOLLOUT != 0,
            }
        }));
        Ok(())
    }
}
