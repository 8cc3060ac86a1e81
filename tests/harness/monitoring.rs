//! Just enough HTTP to read a monitoring page.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use crate::PATIENCE;

/// GETs `path` from the monitoring listener on `port`: the status and the body.
///
/// # Panics
/// When there is no answer that looks like HTTP within [`PATIENCE`].
#[must_use]
pub fn get(port: u16, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("monitoring accepts");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket takes a timeout");
    let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("monitoring takes a request");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("monitoring answers and closes");
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").expect("an HTTP answer has a head");
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    (status.expect("an HTTP answer has a status"), body.to_owned())
}

/// The JSON under `path`.
///
/// # Panics
/// When the status is not 200 or the body is not JSON.
#[must_use]
pub fn json(port: u16, path: &str) -> Value {
    let (status, body) = get(port, path);
    assert_eq!(status, 200, "GET {path}: {body}");
    serde_json::from_str(&body).unwrap_or_else(|error| panic!("GET {path}: {error} in {body}"))
}
