//! Rows: what is sent, what must come back, and how it ends.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use harness::{Launch, Program, Server, Session};

/// A row whose input is at most this long is also played one octet at a time.
const OCTETWISE_UP_TO: usize = 400;

/// CONNECT members of a client with headers, the most usual one.
pub(crate) const HEADERS: &str = r#""headers":true"#;
/// ... that also asks for 503.
pub(crate) const NO_RESPONDERS: &str = r#""headers":true,"no_responders":true"#;
/// ... that wants `+OK`.
pub(crate) const VERBOSE: &str = r#""verbose":true,"headers":true"#;

/// The answer to what is no protocol.
pub(crate) const UNKNOWN: &str = "-ERR 'Unknown Protocol Operation'\r\n";
/// The answer to arguments that are too long.
pub(crate) const LINE_TOO_LONG: &str = "-ERR 'maximum control line exceeded'\r\n";
/// The answer to payloads that are too long.
pub(crate) const PAYLOAD_TOO_LONG: &str = "-ERR 'Maximum Payload Violation'\r\n";
/// The answer to a SUB with an impossible subject.
pub(crate) const INVALID_SUBJECT: &str = "-ERR 'Invalid Subject'\r\n";
/// The pedantic answer to a PUB with an impossible subject.
pub(crate) const INVALID_PUBLISH: &str = "-ERR 'Invalid Publish Subject'\r\n";
/// The answer to bad or missing credentials.
pub(crate) const UNAUTHORIZED: &str = "-ERR 'Authorization Violation'\r\n";

/// A server of default configuration for rows.
pub(crate) static PLAIN: Shared = Shared::new("");

/// A server that many tests use, one at a time: they all speak of the same few subjects.
pub(crate) struct Shared {
    config: &'static str,
    server: OnceLock<Mutex<Server>>,
}

impl Shared {
    /// One with this configuration, started when first used.
    pub(crate) const fn new(config: &'static str) -> Self {
        Self { config, server: OnceLock::new() }
    }

    /// Waits for a turn.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Server> {
        let start = || Mutex::new(Launch::new().config(self.config).start());
        // A test that failed while it had its turn has left only closed connections behind.
        self.server.get_or_init(start).lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What happens before the row's own octets.
#[derive(Clone, Copy)]
pub(crate) enum Opening {
    /// Nothing.
    Silent,
    /// CONNECT with these members, not verbose and not pedantic unless they say so, and a PING
    /// that is answered.
    Hello(&'static str),
}

/// How the connection is afterwards.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// A PING is answered by PONG, and nothing comes before it.
    Open,
    /// EOF, and nothing comes before it.
    Closed,
}

/// Text and octets alike.
pub(crate) fn octets(content: impl AsRef<[u8]>) -> Vec<u8> {
    content.as_ref().to_owned()
}

/// Plays one row.
pub(crate) fn play(shared: &Shared, opening: Opening, sent: &[u8], expected: &[u8], end: End) {
    let server = shared.lock();
    once(&server, opening, expected, end, |session| {
        session.send(sent);
    });
    // nats-server evaluates a control line a second time when its payload comes in another read,
    // and then repeats this error. Nervure does not.
    let repeats = expected.windows(15).any(|octets| octets == b"Invalid Publish")
        && Program::under_test() == Program::NatsServer;
    if end == End::Open && sent.len() <= OCTETWISE_UP_TO && !repeats {
        once(&server, opening, expected, end, |session| {
            session.send_octet_by_octet(sent);
        });
    }
}

fn once(
    server: &Server,
    opening: Opening,
    expected: &[u8],
    end: End,
    send: impl FnOnce(&mut Session),
) {
    let mut session = server.session();
    if let Opening::Hello(members) = opening {
        session.hello(members);
    }
    send(&mut session);
    session.expect(expected);
    match end {
        End::Open => {
            session.expect_open();
            session.finish();
        }
        End::Closed => session.expect_closed(),
    }
}

/// Rows, each a test of its own: `name: sent => expected, Open;`.
///
/// Where Nervure differs on purpose the row ends in `nervure expected, Open;`.
macro_rules! table {
    ($shared:expr, $opening:expr, {
        $($name:ident: $sent:expr => $expected:expr, $end:ident
            $(, nervure $ours:expr, $our_end:ident)?;)+
    }) => {
        $(#[test]
        fn $name() {
            use $crate::table::{End, octets, play};
            let (sent, expected, end) = (octets($sent), octets($expected), End::$end);
            $(let (expected, end) = match harness::Program::under_test() {
                harness::Program::Nervure => (octets($ours), End::$our_end),
                harness::Program::NatsServer => (expected, end),
            };)?
            play(&$shared, $opening, &sent, &expected, end);
        })+
    };
}
pub(crate) use table;
