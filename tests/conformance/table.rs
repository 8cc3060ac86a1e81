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

/// What comes back and how the connection is afterwards.
pub(crate) type Answer = (Vec<u8>, End);

/// Plays one row. `ours` is what Nervure answers where it differs on purpose.
pub(crate) fn play(
    shared: &Shared,
    opening: Opening,
    sent: &[u8],
    reference: Answer,
    ours: Option<Answer>,
) {
    let real = Program::under_test() == Program::NatsServer;
    // How nats-server errs there depends on how its input is cut.
    let erring = real && ours.is_some();
    let (expected, end) = if real { reference } else { ours.unwrap_or(reference) };
    let server = shared.lock();
    once(&server, opening, &expected, end, |session| {
        session.send(sent);
    });
    // It also evaluates a control line a second time when its payload comes in another read, and
    // then repeats this error.
    let repeating = real && expected.windows(15).any(|octets| octets == b"Invalid Publish");
    if end == End::Open && sent.len() <= OCTETWISE_UP_TO && !erring && !repeating {
        once(&server, opening, &expected, end, |session| {
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
            use $crate::table::{Answer, End, octets, play};
            let reference: Answer = (octets($expected), End::$end);
            let ours: Option<Answer> = None;
            $(let ours = ours.or(Some((octets($ours), End::$our_end)));)?
            play(&$shared, $opening, &octets($sent), reference, ours);
        })+
    };
}
pub(crate) use table;
