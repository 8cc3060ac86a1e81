//! Starting child processes that cannot outlive the test run.
//!
//! A child is told to die with the thread that started it. Tests come and go on threads of their
//! own while servers may be shared between tests, so one thread that lives as long as the process
//! starts them all. That covers what a drop cannot: servers held in statics, and a test run that
//! is killed.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

type Order = (Command, Sender<io::Result<Child>>);

/// Starts `command` so that it is killed when this process ends, however it ends.
pub(crate) fn spawn(command: Command) -> io::Result<Child> {
    static SPAWNER: OnceLock<Sender<Order>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (orders, inbox) = channel();
        thread::spawn(move || work(&inbox));
        orders
    });
    let (reply, answer) = channel();
    spawner.send((command, reply)).map_err(io::Error::other)?;
    answer.recv().map_err(io::Error::other)?
}

fn work(inbox: &Receiver<Order>) {
    for (mut command, reply) in inbox {
        die_with_this_thread(&mut command);
        let _ = reply.send(command.spawn());
    }
}

#[cfg(target_os = "linux")]
#[allow(unsafe_code, reason = "the standard library has no word for a parent-death signal")]
fn die_with_this_thread(command: &mut Command) {
    // SAFETY: the closure runs between fork and exec and makes one system call that takes no
    // pointers; it neither allocates nor locks.
    unsafe {
        command.pre_exec(|| {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) == -1 {
                return Err(io::Error::last_os_error());
            }
            Ok(())
        });
    }
}

#[cfg(not(target_os = "linux"))]
fn die_with_this_thread(_command: &mut Command) {}
