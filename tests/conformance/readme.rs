//! The session by hand that README shows, played as it is printed there.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::table::PLAIN;

/// The lines of README's session, without the command that opens the connection.
fn session_lines() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(path).expect("README can be read");
    let (_, session) = readme.split_once("```text\n$ nc ").expect("README shows a session");
    let (session, _) = session.split_once("```").expect("the block ends");
    session.lines().skip(1).map(str::to_owned).collect()
}

/// Whether a member of INFO is what README prints, where `…` stands for the rest of a text.
fn fits(shown: &Value, real: &Value) -> bool {
    match (shown.as_str(), real.as_str()) {
        (Some(shown), Some(real)) => match shown.strip_suffix('…') {
            Some(start) => real.starts_with(start),
            None => real == shown,
        },
        _ => shown == real,
    }
}

#[test]
fn the_readme_session_is_what_a_client_sees() {
    let server = PLAIN.lock();
    let mut client = server.session();
    let lines = session_lines();
    let mut lines = lines.iter();
    let (mut sent, mut answered) = (0, 0);
    while let Some(line) = lines.next() {
        let verb = line.split(' ').next().unwrap_or_default();
        let payload = if matches!(verb, "PUB" | "MSG") { lines.next() } else { None };
        let text = payload.map_or(format!("{line}\r\n"), |body| format!("{line}\r\n{body}\r\n"));
        match verb {
            "INFO" => {
                let json = line.trim_start_matches("INFO ").replace(",…}", "}");
                let shown: Value = serde_json::from_str(&json).expect("INFO as shown is JSON");
                for (key, value) in shown.as_object().expect("INFO is an object") {
                    let real = &client.info()[key];
                    assert!(fits(value, real), "README shows {key} as {value}, it is {real}");
                }
                answered += 1;
            }
            "CONNECT" | "SUB" | "PUB" | "PING" => {
                client.send(text);
                sent += 1;
            }
            "MSG" | "PONG" => {
                client.expect(text);
                answered += 1;
            }
            other => panic!("README's session has a line that nobody says: {other}"),
        }
    }
    assert!(sent >= 4 && answered >= 3, "README's session has become too short to show anything");
    client.finish();
}
