//! One raw client connection: octets out, octets in, nothing helpful in between.
//!
//! Every read has a deadline. A failed expectation shows the conversation so far.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};

use crate::PATIENCE;

/// How much of the conversation a failure shows: this many turns, of each this many octets.
const TURNS_SHOWN: usize = 24;
const OCTETS_SHOWN: usize = 400;

/// A byte stream whose reads can be given a deadline.
pub trait Wire: Read + Write + Send {
    /// The socket below.
    fn socket(&self) -> &TcpStream;
}

impl Wire for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }
}

/// One MSG or HMSG.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The subject.
    pub subject: Vec<u8>,
    /// The subscription id.
    pub sid: Vec<u8>,
    /// The reply subject, if any.
    pub reply: Option<Vec<u8>>,
    /// The header block with its blank line; empty in a MSG.
    pub header: Vec<u8>,
    /// The payload.
    pub payload: Vec<u8>,
}

/// A connection to the server under test.
pub struct Session {
    wire: Box<dyn Wire>,
    /// Received and not yet looked at.
    inbox: Vec<u8>,
    info: Value,
    turns: VecDeque<(Speaker, Vec<u8>)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Speaker {
    Client,
    Server,
}

/// How an attempt to read ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Heard {
    Octets,
    Closed,
    Silence,
}

impl Session {
    /// Connects and reads the INFO line.
    ///
    /// # Panics
    /// When nothing listens or the first line is not INFO.
    #[must_use]
    pub fn connect(port: u16) -> Self {
        let mut session = Self::open(port);
        session.read_first_info();
        session
    }

    /// Connects and reads nothing.
    ///
    /// # Panics
    /// When nothing listens.
    #[must_use]
    pub fn open(port: u16) -> Self {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port));
        Self::over(stream.unwrap_or_else(|error| panic!("connect to port {port}: {error}")))
    }

    /// Like [`Session::connect`] with a receive buffer of about `octets` in the kernel, so that a
    /// client that does not read soon makes the server's writes wait.
    ///
    /// # Panics
    /// When nothing listens.
    #[must_use]
    pub fn connect_narrow(port: u16, octets: usize) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket can be made");
        socket.set_recv_buffer_size(octets).expect("a socket takes a buffer size");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        socket.connect(&address.into()).unwrap_or_else(|error| panic!("connect: {error}"));
        let mut session = Self::over(TcpStream::from(socket));
        session.info = session.read_info();
        session
    }

    /// A session over an existing stream.
    ///
    /// # Panics
    /// When the socket refuses its options.
    #[must_use]
    pub fn over(wire: impl Wire + 'static) -> Self {
        let socket = wire.socket();
        socket.set_nodelay(true).expect("a socket can be told not to delay");
        socket.set_write_timeout(Some(PATIENCE)).expect("a socket takes a timeout");
        let (inbox, turns) = (Vec::new(), VecDeque::new());
        Self { wire: Box::new(wire), inbox, info: Value::Null, turns }
    }

    /// Reads the INFO that [`Session::info`] gives.
    ///
    /// # Panics
    /// When something else comes.
    pub fn read_first_info(&mut self) {
        self.info = self.read_info();
    }

    /// The INFO read on connecting.
    #[must_use]
    pub fn info(&self) -> &Value {
        &self.info
    }

    /// Sends CONNECT with these JSON members and PING, and reads up to the PONG; with
    /// `"protocol":1` also the INFO behind it, which is returned.
    ///
    /// `verbose` and `pedantic` are false unless the members say otherwise.
    ///
    /// # Panics
    /// When the server answers otherwise.
    pub fn hello(&mut self, members: &str) -> Value {
        let mut options = json!({ "verbose": false, "pedantic": false });
        let members: Value =
            serde_json::from_str(&format!("{{{members}}}")).expect("a test sends proper JSON");
        for (key, value) in members.as_object().into_iter().flatten() {
            options[key] = value.clone();
        }
        self.send(format!("CONNECT {options}\r\nPING\r\n"));
        if options["verbose"] == true {
            self.expect("+OK\r\n");
        }
        self.expect("PONG\r\n");
        if options["protocol"] == 1 { self.read_info() } else { Value::Null }
    }

    /// Sends octets.
    ///
    /// # Panics
    /// When they cannot be written within [`PATIENCE`].
    pub fn send(&mut self, octets: impl AsRef<[u8]>) -> &mut Self {
        if let Err(error) = self.try_send(octets) {
            self.fail(&format!("cannot send: {error}"));
        }
        self
    }

    /// Sends octets to a server that may have closed.
    ///
    /// # Errors
    /// When the connection is closed or takes nothing for [`PATIENCE`].
    pub fn try_send(&mut self, octets: impl AsRef<[u8]>) -> io::Result<()> {
        self.note(Speaker::Client, octets.as_ref());
        self.wire.write_all(octets.as_ref())?;
        self.wire.flush()
    }

    /// Sends octets one at a time, each in a packet of its own.
    ///
    /// # Panics
    /// When they cannot be written.
    pub fn send_octet_by_octet(&mut self, octets: impl AsRef<[u8]>) -> &mut Self {
        for octet in octets.as_ref() {
            self.send([*octet]);
        }
        self
    }

    /// Expects exactly these octets next.
    ///
    /// # Panics
    /// When others come, or too few.
    pub fn expect(&mut self, expected: impl AsRef<[u8]>) -> &mut Self {
        let expected = expected.as_ref();
        let deadline = Instant::now() + PATIENCE;
        while self.inbox.len() < expected.len() && expected.starts_with(&self.inbox) {
            match self.hear(deadline) {
                Heard::Octets => {}
                Heard::Closed => self.fail_expecting(expected, "the connection is closed"),
                Heard::Silence => self.fail_expecting(expected, "nothing more came"),
            }
        }
        if !self.inbox.starts_with(expected) {
            self.fail_expecting(expected, "something else came");
        }
        self.inbox.drain(..expected.len());
        self
    }

    /// Expects that nothing was sent and the connection works: a PING is answered by PONG at once.
    /// A PING of the server's own is answered and passed over: one comes to every client that is
    /// two seconds old.
    ///
    /// # Panics
    /// When it does not.
    pub fn expect_open(&mut self) -> &mut Self {
        self.send("PING\r\n");
        let line = self.read_line_answering();
        if line != b"PONG" {
            let line = line.escape_ascii();
            self.fail(&format!("expected PONG as the connection is open, got \"{line}\""));
        }
        self
    }

    /// Reads one line that is no PING; PINGs are answered.
    ///
    /// # Panics
    /// When no line comes.
    pub fn read_line_answering(&mut self) -> Vec<u8> {
        loop {
            let line = self.read_line();
            if line != b"PING" {
                return line;
            }
            self.send("PONG\r\n");
        }
    }

    /// Expects that the connection is closed by the server, nothing more being said.
    ///
    /// # Panics
    /// When octets come, or it stays open.
    pub fn expect_closed(&mut self) {
        self.expect_closed_within(PATIENCE);
    }

    /// [`Session::expect_closed`] with another patience.
    ///
    /// # Panics
    /// When octets come, or it stays open.
    pub fn expect_closed_within(&mut self, patience: Duration) {
        let deadline = Instant::now() + patience;
        while self.inbox.is_empty() {
            match self.hear(deadline) {
                Heard::Octets => {}
                Heard::Closed => return,
                Heard::Silence => self.fail("expected a close, the connection stays open"),
            }
        }
        self.fail_expecting(b"", "expected a silent close, octets came");
    }

    /// Expects that for this long nothing comes and the connection stays open.
    ///
    /// # Panics
    /// When something comes or it is closed.
    pub fn expect_silence(&mut self, length: Duration) -> &mut Self {
        let heard =
            if self.inbox.is_empty() { self.hear(Instant::now() + length) } else { Heard::Octets };
        match heard {
            Heard::Silence => {}
            Heard::Closed => self.fail("expected silence, the connection is closed"),
            Heard::Octets => self.fail_expecting(b"", "expected silence, octets came"),
        }
        self
    }

    /// Reads one line, without its CRLF.
    ///
    /// # Panics
    /// When no line comes, or one that does not end in CRLF.
    pub fn read_line(&mut self) -> Vec<u8> {
        self.read_line_within(PATIENCE)
            .unwrap_or_else(|| self.fail("expected a line, nothing more came"))
    }

    /// Reads one line, without its CRLF; `None` when there is none within `patience`.
    ///
    /// # Panics
    /// When the connection is closed, or the line does not end in CRLF.
    pub fn read_line_within(&mut self, patience: Duration) -> Option<Vec<u8>> {
        let deadline = Instant::now() + patience;
        let end = loop {
            if let Some(end) = self.inbox.iter().position(|octet| *octet == b'\n') {
                break end;
            }
            match self.hear(deadline) {
                Heard::Octets => {}
                Heard::Closed => self.fail("expected a line, the connection is closed"),
                Heard::Silence => return None,
            }
        };
        let line: Vec<u8> = self.inbox.drain(..=end).collect();
        match line.strip_suffix(b"\r\n") {
            Some(text) => Some(text.to_owned()),
            None => self.fail("a line ends without CR"),
        }
    }

    /// Reads an INFO line.
    ///
    /// # Panics
    /// When something else comes, or its argument is not one JSON object.
    pub fn read_info(&mut self) -> Value {
        let line = self.read_line();
        let json = line.strip_prefix(b"INFO ").unwrap_or_else(|| self.fail("expected INFO"));
        match serde_json::from_slice::<Value>(json) {
            Ok(info) if info.is_object() => info,
            _ => self.fail("the argument of INFO is not a JSON object"),
        }
    }

    /// Reads a MSG or HMSG, answering a PING before it.
    ///
    /// # Panics
    /// When something else comes.
    pub fn read_message(&mut self) -> Message {
        let line = self.read_line_answering();
        self.read_message_after(&line)
    }

    /// Reads a MSG or HMSG; `None` when a PONG comes instead.
    ///
    /// # Panics
    /// When something else comes.
    pub fn read_message_or_pong(&mut self) -> Option<Message> {
        let line = self.read_line_answering();
        (line != b"PONG").then(|| self.read_message_after(&line))
    }

    /// Reads the rest of the message that begins with this line.
    fn read_message_after(&mut self, line: &[u8]) -> Message {
        let words: Vec<&[u8]> = line.split(|octet| *octet == b' ').collect();
        let size = |word: &[u8]| std::str::from_utf8(word).ok()?.parse::<usize>().ok();
        let (subject, sid, reply, header, total) = match words[..] {
            [b"MSG", subject, sid, total] => (subject, sid, None, b"0".as_slice(), total),
            [b"MSG", subject, sid, reply, total] => {
                (subject, sid, Some(reply), b"0".as_slice(), total)
            }
            [b"HMSG", subject, sid, header, total] => (subject, sid, None, header, total),
            [b"HMSG", subject, sid, reply, header, total] => {
                (subject, sid, Some(reply), header, total)
            }
            _ => self.fail("expected MSG or HMSG"),
        };
        let (Some(header), Some(total)) = (size(header), size(total)) else {
            self.fail("a message has a size that is no number");
        };
        let mut body = self.read_octets(total + 2);
        if body.split_off(total) != b"\r\n" || header > total {
            self.fail("a message does not end where its size says");
        }
        let payload = body.split_off(header);
        Message {
            subject: subject.to_owned(),
            sid: sid.to_owned(),
            reply: reply.map(<[u8]>::to_owned),
            header: body,
            payload,
        }
    }

    fn read_octets(&mut self, count: usize) -> Vec<u8> {
        let mut deadline = Instant::now() + PATIENCE;
        while self.inbox.len() < count {
            match self.hear(deadline) {
                Heard::Octets => deadline = Instant::now() + PATIENCE,
                Heard::Closed => self.fail("the connection is closed within a message"),
                Heard::Silence => self.fail("a message stops in the middle"),
            }
        }
        self.inbox.drain(..count).collect()
    }

    /// Reads everything up to the close.
    ///
    /// # Panics
    /// When there is no close; octets extend the patience.
    pub fn read_until_closed(&mut self) -> Vec<u8> {
        loop {
            match self.hear(Instant::now() + PATIENCE) {
                Heard::Octets => {}
                Heard::Closed => return std::mem::take(&mut self.inbox),
                Heard::Silence => self.fail("expected a close, the connection stays open"),
            }
        }
    }

    /// Takes what has come and what still comes until it is silent for `pause`.
    pub fn read_until_silent(&mut self, pause: Duration) -> Vec<u8> {
        while self.hear(Instant::now() + pause) == Heard::Octets {}
        std::mem::take(&mut self.inbox)
    }

    /// Says that nothing more will be sent, and waits for the server to close too: then it has
    /// dealt with everything.
    ///
    /// # Panics
    /// When the server does not close.
    pub fn finish(mut self) {
        // Fails only when the server has closed first, which is as good.
        let _ = self.wire.socket().shutdown(Shutdown::Write);
        self.read_until_closed();
    }

    /// Reads once into the inbox.
    fn hear(&mut self, deadline: Instant) -> Heard {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = left.max(Duration::from_millis(1));
        self.wire.socket().set_read_timeout(Some(timeout)).expect("a socket takes a timeout");
        let mut chunk = [0; 64 * 1024];
        loop {
            match self.wire.read(&mut chunk) {
                Ok(0) => return Heard::Closed,
                Ok(count) => {
                    let octets = chunk.get(..count).unwrap_or_default();
                    self.inbox.extend_from_slice(octets);
                    self.note(Speaker::Server, octets);
                    return Heard::Octets;
                }
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => {}
                    ErrorKind::WouldBlock | ErrorKind::TimedOut => return Heard::Silence,
                    // A reset is how a socket closes that had unread input.
                    _ => return Heard::Closed,
                },
            }
        }
    }

    fn note(&mut self, speaker: Speaker, octets: &[u8]) {
        match self.turns.back_mut() {
            Some((last, said)) if *last == speaker => {
                said.extend(octets.iter().take(OCTETS_SHOWN.saturating_sub(said.len())));
            }
            _ => {
                let shown = octets.iter().take(OCTETS_SHOWN).copied().collect();
                self.turns.push_back((speaker, shown));
            }
        }
        if self.turns.len() > TURNS_SHOWN {
            self.turns.pop_front();
        }
    }

    fn fail_expecting(&self, expected: &[u8], why: &str) -> ! {
        let (expected, got) = (show(expected), show(&self.inbox));
        self.fail(&format!("{why}\n  expected {expected}\n  got      {got}"))
    }

    /// Fails the test, showing the conversation so far.
    ///
    /// # Panics
    /// Always.
    pub fn fail(&self, why: &str) -> ! {
        let mut text = format!("{why}\n  conversation:");
        for (speaker, said) in &self.turns {
            let arrow = if *speaker == Speaker::Client { "->" } else { "<-" };
            let _ = write!(text, "\n  {arrow} {}", show(said));
        }
        panic!("{text}")
    }
}

fn show(octets: &[u8]) -> String {
    let rest = octets.len().saturating_sub(OCTETS_SHOWN);
    let shown = octets.get(..OCTETS_SHOWN).unwrap_or(octets).escape_ascii();
    if rest > 0 { format!("\"{shown}\" and {rest} more") } else { format!("\"{shown}\"") }
}
