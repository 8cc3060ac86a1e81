//! `--signal`: telling a running server what to do (reference 3.8).

use std::fs;
use std::io;
use std::path::Path;

use super::os_error;
use crate::cli::Program;

/// Why no signal was sent. The texts are nats-server's; the caller puts the program's name and
/// `: ` before them and exits with status 1.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignalError {
    /// No such command.
    #[error("unknown signal {0:?}")]
    UnknownSignal(String),
    /// Neither a pid nor a file that holds one.
    #[error("invalid pid: {0}")]
    InvalidPid(String),
    /// Nobody to signal.
    #[error("no {0} processes running")]
    NotRunning(&'static str),
    /// Too many to choose from.
    #[error("multiple {name} processes running:{}", listed(pids))]
    Multiple {
        /// The name they share.
        name: &'static str,
        /// Which they are.
        pids: Vec<i32>,
    },
    /// The system does not tell which processes there are.
    #[error("unable to resolve pid, try providing one")]
    Unresolved,
    /// The system did not deliver, one line for each process.
    #[error("{0}")]
    Failed(String),
}

fn listed(pids: &[i32]) -> String {
    pids.iter().map(|pid| format!("\n{pid}")).collect()
}

/// The system's signal for a command of `--signal`.
fn number(command: &str) -> Option<i32> {
    Some(match command {
        "stop" => libc::SIGKILL,
        "quit" => libc::SIGINT,
        "term" => libc::SIGTERM,
        "reopen" => libc::SIGUSR1,
        "reload" => libc::SIGHUP,
        "ldm" => libc::SIGUSR2,
        _ => return None,
    })
}

/// Sends the signal of `command` to `target`: a pid, a file that holds one, a prefix of pids
/// ending in `*` (which means all that match), or empty for the one process that runs under
/// `program`'s name.
///
/// # Errors
/// See [`SignalError`]. Where nats-server would signal a whole process group (pid 0 or below)
/// the pid is refused, and a prefix that matches nobody is an error instead of a success.
pub fn send_signal(program: Program, command: &str, target: &str) -> Result<(), SignalError> {
    let target = read_target(target)?;
    let name = program.name();
    let (prefix, all) = match target.strip_suffix('*') {
        Some(prefix) => (prefix, true),
        None => (target.as_str(), false),
    };
    if !prefix.is_empty() && prefix.parse::<i32>().map_or(true, |pid| pid <= 0) {
        return Err(SignalError::InvalidPid(prefix.to_owned()));
    }
    let pids = if all || prefix.is_empty() {
        let mut pids = running(name).map_err(|_| SignalError::Unresolved)?;
        if pids.len() > 1 && !all {
            return Err(SignalError::Multiple { name, pids });
        }
        pids.retain(|pid| pid.to_string().starts_with(prefix));
        pids
    } else {
        prefix.parse().ok().into_iter().collect()
    };
    if pids.is_empty() {
        return Err(SignalError::NotRunning(name));
    }
    let signal = number(command).ok_or_else(|| SignalError::UnknownSignal(command.to_owned()))?;
    let mut failures = String::new();
    for pid in pids {
        if let Err(err) = kill(pid, signal) {
            failures.push_str(&format!("\nsignal {command:?} {pid}: {}", os_error(&err)));
        }
    }
    if failures.is_empty() { Ok(()) } else { Err(SignalError::Failed(failures)) }
}

/// The content of the file that `target` names, or `target` itself. White space around the
/// number, which nats-server refuses, is what a text editor leaves.
fn read_target(target: &str) -> Result<String, SignalError> {
    if target.is_empty() || !Path::new(target).is_file() {
        return Ok(target.to_owned());
    }
    match fs::read_to_string(target) {
        Ok(content) if content.trim().is_empty() => Err(SignalError::InvalidPid(String::new())),
        Ok(content) => Ok(content.trim().to_owned()),
        Err(_) => Ok(target.to_owned()),
    }
}

/// Pids of the processes of this name, this one left out, in ascending order.
fn running(name: &str) -> io::Result<Vec<i32>> {
    let own = std::process::id();
    let mut pids = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let file_name = entry?.file_name();
        let Some(pid) = file_name.to_str().and_then(|name| name.parse::<i32>().ok()) else {
            continue;
        };
        if u32::try_from(pid) == Ok(own) {
            continue;
        }
        // The process may be gone by now.
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        if runs_as(&stat, name) {
            pids.push(pid);
        }
    }
    pids.sort_unstable();
    Ok(pids)
}

/// Whether a line of `/proc/PID/stat` is of a living process of this name.
fn runs_as(stat: &str, name: &str) -> bool {
    // "PID (NAME) STATE ...", and NAME may hold parentheses.
    let Some((_, rest)) = stat.split_once('(') else { return false };
    let Some((comm, rest)) = rest.rsplit_once(')') else { return false };
    comm == name && !rest.trim_start().starts_with(['Z', 'X'])
}

fn kill(pid: i32, signal: i32) -> io::Result<()> {
    // SAFETY: takes and returns plain numbers.
    if unsafe { libc::kill(pid, signal) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_are_known_by_their_exact_name() {
        assert!(runs_as("12 (nats-server) S 1 12", "nats-server"));
        assert!(!runs_as("12 (nats-server) Z 1 12", "nats-server"));
        assert!(!runs_as("12 (nats-server2) S 1 12", "nats-server"));
        assert!(runs_as("12 (a) b) R 1", "a) b"));
        assert!(!runs_as("", ""));
    }

    #[test]
    fn commands_are_the_signals_of_the_reference() {
        let names = ["stop", "quit", "term", "reopen", "reload", "ldm", "bogus", ""];
        let numbers: Vec<Option<i32>> = names.iter().map(|name| number(name)).collect();
        assert_eq!(
            numbers,
            [
                Some(libc::SIGKILL),
                Some(libc::SIGINT),
                Some(libc::SIGTERM),
                Some(libc::SIGUSR1),
                Some(libc::SIGHUP),
                Some(libc::SIGUSR2),
                None,
                None
            ]
        );
    }
}
