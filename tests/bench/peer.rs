//! One connection of the load generator, over plain TCP, TLS or WebSocket.
//!
//! Connecting is blocking; afterwards the socket is not, and whoever owns the peer waits with a
//! [`crate::epoll::Poller`]. Everything published is encoded before the clock runs
//! ([`Transport::frame`]).

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use crate::error::{BenchError, Doing, Result};
use crate::websocket::{self, Deframer};

/// What every client says first.
const CONNECT: &[u8] = b"CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\
    \"no_responders\":true,\"protocol\":1,\"lang\":\"bench\",\"version\":\"1\"}\r\n";

/// How long a server may take to answer a client that connects.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Room for one read.
pub(crate) const READ: usize = 256 << 10;

/// How the bytes travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    /// TCP.
    Plain,
    /// TLS after INFO.
    Tls,
    /// WebSocket without TLS.
    WebSocket,
}

impl Transport {
    /// What has to be written so that the server reads `bytes`.
    pub(crate) fn frame(self, bytes: Vec<u8>) -> Vec<u8> {
        if self == Self::WebSocket { websocket::masked(&bytes) } else { bytes }
    }
}

/// Where and how to connect.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    /// The port that the transport needs.
    pub(crate) port: u16,
    /// How the bytes travel.
    pub(crate) transport: Transport,
    /// For TLS.
    pub(crate) tls: Option<Arc<ClientConfig>>,
}

enum Wire {
    Plain,
    Tls(Box<ClientConnection>),
    WebSocket(Deframer),
}

/// One connection.
pub(crate) struct Peer {
    socket: TcpStream,
    wire: Wire,
    transport: Transport,
    /// Small things that found no room yet.
    waiting: Vec<u8>,
}

impl Peer {
    /// A client that has said CONNECT and has read its PONG.
    pub(crate) fn connect(door: &Door) -> Result<Self> {
        Self::say_first(door, CONNECT)
    }

    /// The same, as a user.
    pub(crate) fn login(door: &Door, user: &str, password: &str) -> Result<Self> {
        let connect = format!(
            "CONNECT {{\"verbose\":false,\"pedantic\":false,\"protocol\":1,\"user\":\"{user}\",\
             \"pass\":\"{password}\"}}\r\n"
        );
        Self::say_first(door, connect.as_bytes())
    }

    fn say_first(door: &Door, connect: &[u8]) -> Result<Self> {
        let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, door.port)).doing("connect")?;
        socket.set_nodelay(true).doing("switch off Nagle")?;
        socket.set_read_timeout(Some(PATIENCE)).doing("set a timeout")?;
        let wire = match door.transport {
            Transport::Plain => Wire::Plain,
            Transport::Tls => {
                until_line_end(&socket)?;
                let config = door.tls.clone();
                let config = config.ok_or(BenchError::Usage("no certificates".to_owned()))?;
                let name = ServerName::try_from("localhost")
                    .map_err(|error| BenchError::Usage(error.to_string()))?;
                let connection = ClientConnection::new(config, name)
                    .map_err(|error| BenchError::Unexpected(error.to_string()))?;
                Wire::Tls(Box::new(connection))
            }
            Transport::WebSocket => {
                websocket::upgrade(&socket)?;
                Wire::WebSocket(Deframer::default())
            }
        };
        let mut peer = Self { socket, wire, transport: door.transport, waiting: Vec::new() };
        peer.confirmed(connect)?;
        peer.socket.set_nonblocking(true).doing("make a socket non-blocking")?;
        Ok(peer)
    }

    /// Sends operations and waits until the server has done them.
    pub(crate) fn command(&mut self, operations: &[u8]) -> Result<()> {
        self.ask(operations).map(|_| ())
    }

    /// [`Peer::command`], and what the server said up to its PONG.
    pub(crate) fn ask(&mut self, operations: &[u8]) -> Result<Vec<u8>> {
        self.socket.set_nonblocking(false).doing("make a socket blocking")?;
        let heard = self.confirmed(operations)?;
        self.socket.set_nonblocking(true).doing("make a socket non-blocking")?;
        Ok(heard)
    }

    /// [`Peer::ask`] on a socket that blocks.
    fn confirmed(&mut self, operations: &[u8]) -> Result<Vec<u8>> {
        self.send(operations)?;
        self.send(b"PING\r\n")?;
        let (mut heard, mut buffer) = (Vec::new(), vec![0; 8 << 10]);
        // An INFO may follow the first PONG.
        while memchr::memmem::find(&heard, b"PONG\r\n").is_none() || !heard.ends_with(b"\r\n") {
            let read = self.read(&mut buffer, |bytes| {
                heard.extend_from_slice(bytes);
                Ok(())
            })?;
            if !read || memchr::memmem::find(&heard, b"-ERR").is_some() {
                return Err(BenchError::Unexpected(heard.escape_ascii().to_string()));
            }
        }
        Ok(heard)
    }

    /// For the poller.
    pub(crate) fn fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Has reads and writes wait, at most ten seconds, for loads with one message on its way.
    pub(crate) fn block(&self) -> Result<()> {
        self.socket.set_nonblocking(false).doing("make a socket blocking")
    }

    /// Writes what there is room for; `bytes` must be framed for the transport. Zero: no room.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        if !self.flush()? {
            return Ok(0);
        }
        self.put(bytes)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<usize> {
        let Wire::Tls(connection) = &mut self.wire else {
            return or_zero((&self.socket).write(bytes)).doing("write");
        };
        if !drained(connection, &mut self.socket)? {
            return Ok(0);
        }
        let count = connection.writer().write(bytes).doing("encrypt")?;
        drained(connection, &mut self.socket)?;
        Ok(count)
    }

    /// Sends a few bytes, framing them; they wait here when there is no room, which shows in
    /// [`Peer::flush`].
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let framed = self.transport.frame(bytes.to_vec());
        self.waiting.extend_from_slice(&framed);
        self.flush().map(|_| ())
    }

    /// Writes what waits; says whether everything is written.
    pub(crate) fn flush(&mut self) -> Result<bool> {
        while !self.waiting.is_empty() {
            let waiting = std::mem::take(&mut self.waiting);
            let count = self.put(&waiting);
            self.waiting = waiting;
            match count? {
                0 => return Ok(false),
                count => drop(self.waiting.drain(..count)),
            }
        }
        match &mut self.wire {
            Wire::Tls(connection) => drained(connection, &mut self.socket),
            _ => Ok(true),
        }
    }

    /// Reads once and shows what the server said. False when nothing was there.
    pub(crate) fn read(
        &mut self,
        buffer: &mut [u8],
        mut each: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<bool> {
        let gone = || BenchError::Unexpected("the end of the connection".to_owned());
        match &mut self.wire {
            Wire::Plain => {
                let Some(count) = or_none(self.socket.read(buffer)).doing("read")? else {
                    return Ok(false);
                };
                let bytes = buffer.get(..count).filter(|bytes| !bytes.is_empty());
                each(bytes.ok_or_else(gone)?)?;
            }
            Wire::WebSocket(deframer) => {
                let Some(count) = or_none(self.socket.read(buffer)).doing("read")? else {
                    return Ok(false);
                };
                let bytes = buffer.get(..count).filter(|bytes| !bytes.is_empty());
                deframer.take(bytes.ok_or_else(gone)?, each)?;
            }
            Wire::Tls(connection) => {
                while connection.is_handshaking() {
                    connection.complete_io(&mut self.socket).doing("shake hands over TLS")?;
                }
                match or_none(connection.read_tls(&mut self.socket)).doing("read")? {
                    None => return Ok(false),
                    Some(0) => return Err(gone()),
                    Some(_) => {}
                }
                let state = connection
                    .process_new_packets()
                    .map_err(|error| BenchError::Unexpected(error.to_string()))?;
                let mut left = state.plaintext_bytes_to_read();
                while left > 0 {
                    let count = connection.reader().read(buffer).doing("decrypt")?;
                    each(buffer.get(..count).unwrap_or_default())?;
                    left = left.saturating_sub(count.max(1));
                }
            }
        }
        Ok(true)
    }
}

fn or_none(read: io::Result<usize>) -> io::Result<Option<usize>> {
    match read {
        Ok(count) => Ok(Some(count)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

fn or_zero(written: io::Result<usize>) -> io::Result<usize> {
    Ok(or_none(written)?.unwrap_or(0))
}

/// Writes what is encrypted; says whether everything is written.
fn drained(connection: &mut ClientConnection, socket: &mut TcpStream) -> Result<bool> {
    if connection.is_handshaking() {
        connection.complete_io(socket).doing("shake hands over TLS")?;
    }
    while connection.wants_write() {
        if or_zero(connection.write_tls(socket)).doing("write")? == 0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Reads a line octet by octet, so that nothing behind it is taken.
fn until_line_end(mut socket: &TcpStream) -> Result<()> {
    let mut octet = [0];
    while octet != *b"\n" {
        socket.read_exact(&mut octet).doing("read INFO")?;
    }
    Ok(())
}
