//! The machine's limit: one thread that finds line ends, copies and writes.
//!
//! It understands CONNECT, PING, SUB without wildcards and queues, and PUB, and trusts its clients.
//! It looks subjects up in a short list, allocates nothing in the steady state and does nothing
//! that a broker is for, so a broker with one thread cannot be much cheaper. It runs as a process
//! of its own: the benchmark's program with a hidden argument.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::time::Duration;

use memchr::memchr;

use crate::epoll::{Poller, Ready};

const INFO: &[u8] = b"INFO {\"server_id\":\"F\",\"version\":\"0\",\"proto\":1,\"headers\":false,\
    \"max_payload\":1048576}\r\n";

/// Token of the listener.
const LISTENER: usize = usize::MAX;

struct Connection {
    socket: TcpStream,
    /// Part of an operation.
    kept: Vec<u8>,
    out: Vec<u8>,
    written: usize,
    dirty: bool,
    watched: bool,
}

struct Subject {
    name: Vec<u8>,
    /// Connection and sid.
    receivers: Vec<(usize, Vec<u8>)>,
}

#[derive(Default)]
struct Forwarder {
    connections: Vec<Option<Connection>>,
    subjects: Vec<Subject>,
    /// Where the last subject was found.
    last: usize,
    dirty: Vec<usize>,
}

/// Serves until it is killed.
pub(crate) fn run() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    let mut poller = Poller::new()?;
    poller.add(listener.as_raw_fd(), LISTENER)?;
    // What the harness waits for.
    eprintln!("Listening for client connections on {}", listener.local_addr()?);
    eprintln!("Server is ready");
    let mut forwarder = Forwarder::default();
    let mut ready: Vec<Ready> = Vec::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        poller.wait(Duration::from_secs(3600), &mut ready)?;
        for event in &ready {
            if event.token == LISTENER {
                forwarder.accept(&listener, &poller)?;
                continue;
            }
            if event.writable {
                forwarder.dirty.push(event.token);
            }
            if event.readable && forwarder.read(event.token, &mut buffer).is_err() {
                forwarder.leave(event.token);
            }
            forwarder.flush(&poller)?;
        }
    }
}

impl Forwarder {
    fn accept(&mut self, listener: &TcpListener, poller: &Poller) -> io::Result<()> {
        let Ok((socket, _)) = listener.accept() else { return Ok(()) };
        socket.set_nodelay(true)?;
        socket.set_nonblocking(true)?;
        (&socket).write_all(INFO)?;
        poller.add(socket.as_raw_fd(), self.connections.len())?;
        let (kept, out) = (Vec::new(), Vec::new());
        let (written, dirty, watched) = (0, false, false);
        self.connections.push(Some(Connection { socket, kept, out, written, dirty, watched }));
        Ok(())
    }

    fn leave(&mut self, token: usize) {
        if let Some(slot) = self.connections.get_mut(token) {
            *slot = None;
        }
        for subject in &mut self.subjects {
            subject.receivers.retain(|(receiver, _)| *receiver != token);
        }
    }

    fn read(&mut self, token: usize, buffer: &mut Vec<u8>) -> io::Result<()> {
        let Some(Some(connection)) = self.connections.get_mut(token) else { return Ok(()) };
        let kept = connection.kept.len();
        if buffer.len() < kept * 2 {
            buffer.resize(kept * 2, 0);
        }
        let (head, rest) = buffer.split_at_mut(kept);
        head.copy_from_slice(&connection.kept);
        connection.kept.clear();
        let count = connection.socket.read(rest)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let bytes = buffer.get(..kept + count).unwrap_or_default();
        let mut used = 0;
        while let Some(length) = self.operate(token, bytes.get(used..).unwrap_or_default()) {
            used += length;
        }
        if let Some(Some(connection)) = self.connections.get_mut(token) {
            connection.kept.extend_from_slice(bytes.get(used..).unwrap_or_default());
        }
        Ok(())
    }

    /// Does the first operation and tells its length; `None` when it is not complete.
    fn operate(&mut self, token: usize, bytes: &[u8]) -> Option<usize> {
        let end = memchr(b'\n', bytes)?;
        let (line, rest) = bytes.split_at(end + 1);
        let arguments = line.trim_ascii_end();
        if let Some(arguments) = arguments.strip_prefix(b"PUB ") {
            let (subject, to) = word(arguments);
            let size = to.rsplit(|octet| *octet == b' ').next().and_then(number)?;
            let payload = rest.get(..size + 2)?;
            self.publish(subject, to, payload);
            return Some(line.len() + payload.len());
        }
        if let Some(arguments) = arguments.strip_prefix(b"SUB ") {
            let (subject, sid) = word(arguments);
            self.subscribe(token, subject, sid);
        } else if arguments == b"PING" {
            self.append(token, &[b"PONG\r\n"]);
        }
        Some(line.len())
    }

    fn find(&mut self, name: &[u8]) -> Option<usize> {
        if self.subjects.get(self.last).is_none_or(|subject| subject.name != name) {
            self.last = self.subjects.iter().position(|subject| subject.name == name)?;
        }
        Some(self.last)
    }

    fn subscribe(&mut self, token: usize, name: &[u8], sid: &[u8]) {
        let receiver = (token, sid.to_vec());
        match self.find(name).and_then(|at| self.subjects.get_mut(at)) {
            Some(subject) => subject.receivers.push(receiver),
            None => {
                self.subjects.push(Subject { name: name.to_vec(), receivers: vec![receiver] });
            }
        }
    }

    /// `to` is the reply subject, if there is one, and the size.
    fn publish(&mut self, name: &[u8], to: &[u8], payload: &[u8]) {
        let Some(at) = self.find(name) else { return };
        let Some(subject) = self.subjects.get_mut(at) else { return };
        let receivers = std::mem::take(&mut subject.receivers);
        for (token, sid) in &receivers {
            self.append(*token, &[b"MSG ", name, b" ", sid, b" ", to, b"\r\n", payload]);
        }
        if let Some(subject) = self.subjects.get_mut(at) {
            subject.receivers = receivers;
        }
    }

    fn append(&mut self, token: usize, pieces: &[&[u8]]) {
        let Some(Some(connection)) = self.connections.get_mut(token) else { return };
        pieces.iter().for_each(|piece| connection.out.extend_from_slice(piece));
        if !connection.dirty {
            connection.dirty = true;
            self.dirty.push(token);
        }
    }

    fn flush(&mut self, poller: &Poller) -> io::Result<()> {
        while let Some(token) = self.dirty.pop() {
            let Some(Some(connection)) = self.connections.get_mut(token) else { continue };
            connection.dirty = false;
            let rest = connection.out.get(connection.written..).unwrap_or_default();
            match connection.socket.write(rest) {
                Ok(count) => connection.written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => {
                    self.leave(token);
                    continue;
                }
            }
            let done = connection.written == connection.out.len();
            if done {
                connection.out.clear();
                connection.written = 0;
            }
            if connection.watched == done {
                connection.watched = !done;
                poller.watch(connection.socket.as_raw_fd(), token, !done)?;
            }
        }
        Ok(())
    }
}

/// The first word, and what is behind the blank after it.
fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = memchr(b' ', text).unwrap_or(text.len());
    (text.get(..end).unwrap_or_default(), text.get(end + 1..).unwrap_or_default())
}

fn number(text: &[u8]) -> Option<usize> {
    str::from_utf8(text).ok()?.parse().ok()
}
