//! Items 134 and 197: what is said in errors, and that it arrives.

use crate::table::{PAYLOAD_TOO_LONG, PLAIN, UNKNOWN};

/// What clients know as not fatal; anything else makes some of them close for good.
const KNOWN: [&str; 5] = [
    "Permissions Violation for Publish to \"",
    "Permissions Violation for Publish with Reply of \"",
    "Permissions Violation for Subscription to \"",
    "Invalid Subject'",
    "Invalid Publish Subject'",
];

#[test]
fn c134_a_closing_error_arrives_although_much_is_still_unread() {
    let server = PLAIN.lock();
    for (bad, error) in [("FOO\r\n", UNKNOWN), ("PUB foo 1048577\r\n", PAYLOAD_TOO_LONG)] {
        for _ in 0..20 {
            let mut session = server.client("");
            // More input behind the bad unit than the server reads at once: a close that does not
            // wait for the peer would be a reset, and a reset destroys what is under way.
            let rest = "PUB foo 4\r\nabcd\r\n".repeat(20_000);
            let _ = session.try_send(format!("{bad}{rest}"));
            session.expect(error).expect_closed();
        }
    }
}

#[test]
fn c197_every_error_that_does_not_close_is_one_that_clients_know() {
    let server = PLAIN.lock();
    let mut session = server.client(r#""pedantic":true,"headers":true"#);
    let units = [
        "SUB a..b 1",
        "SUB foo _sys_ 2",
        "PUB foo.* 0\r\n",
        "PUB _GR_.x 0\r\n",
        "PUB $NRG.x 0\r\n",
        "PUB foo _R_.x 0\r\n",
        "PUB foo $JS.ACK.x 0\r\n",
    ];
    for unit in units {
        session.send(format!("{unit}\r\n"));
        let line = String::from_utf8_lossy(&session.read_line()).into_owned();
        let text = line.strip_prefix("-ERR '").unwrap_or_else(|| session.fail("not an -ERR"));
        assert!(KNOWN.iter().any(|known| text.starts_with(known)), "{unit:?}: {line}");
        session.expect_open();
    }
}
