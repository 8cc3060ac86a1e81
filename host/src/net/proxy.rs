//! The PROXY protocol preamble, versions 1 and 2 (`proxy_protocol: true`).
//!
//! A load balancer tells who really connected. nats-server 2.15.1 sends its INFO at once (without
//! `client_ip`), then expects the preamble within five seconds; a connection that begins with
//! something else is taken as a plain one, with its own address (all observed). A broken preamble
//! ends the connection without a word, reason `Protocol Violation`.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use thiserror::Error;
use tokio::net::TcpStream;

/// How long the preamble may take (observed on nats-server 2.15.1).
pub const TIMEOUT: Duration = Duration::from_secs(5);

/// Longest version 1 line, its end included.
const MAX_V1: usize = 107;

/// What a version 2 preamble begins with.
const V2_SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// So much of the signature tells version 2 from NATS.
const V2_TELLTALE: usize = 6;

/// The fixed part of version 2.
const V2_FIXED: usize = 16;

/// Bytes looked at at once; more than preambles usually have.
const WINDOW: usize = 256;

/// Pause before looking again at so few bytes that they may be anything, doubled each time up to a
/// bound, so that peers who say no more cost little.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(128);

/// What stands at the front of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preamble {
    /// More bytes are needed to know.
    Incomplete,
    /// No preamble; these bytes are NATS (or TLS).
    Absent,
    /// A preamble of `len` bytes.
    Present {
        /// Its length.
        len: usize,
        /// Who connected to the proxy and where; `None` if the proxy does not say (UNKNOWN,
        /// LOCAL), so that the connection's own addresses count.
        addresses: Option<Addresses>,
    },
}

/// The addresses of the connection to the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// The client.
    pub source: SocketAddr,
    /// Where it connected to.
    pub destination: SocketAddr,
}

/// Why a preamble is not accepted. The texts stand in nats-server's log behind `Error reading
/// PROXY protocol header from PEER: `.
#[derive(Debug, Error)]
pub enum ProxyError {
    /// A version 1 line without end.
    #[error("invalid PROXY protocol header: v1 line too long")]
    LineTooLong,
    /// A version 1 line of another shape.
    #[error("invalid PROXY protocol header: invalid v1 format")]
    Format,
    /// A protocol that is neither TCP4, TCP6 nor UNKNOWN.
    #[error("invalid PROXY protocol header: invalid protocol {0}")]
    Protocol(String),
    /// An address that is none.
    #[error("invalid PROXY protocol header: invalid address")]
    Address,
    /// The address is of the other family.
    #[error("invalid PROXY protocol header: {0}")]
    Family(&'static str),
    /// A port that is none.
    #[error("invalid {0} port")]
    Port(&'static str),
    /// The version 2 signature is broken.
    #[error("invalid PROXY protocol header: invalid signature")]
    Signature,
    /// Another version than 2 behind the signature.
    #[error("invalid PROXY protocol header: invalid version {0:#04x}")]
    Version(u8),
    /// A command that is neither LOCAL nor PROXY.
    #[error("unknown PROXY protocol command: {0:#04x}")]
    Command(u8),
    /// Not a stream.
    #[error("unsupported PROXY protocol feature: only STREAM protocol supported")]
    NotStream,
    /// Neither IPv4 nor IPv6.
    #[error("unsupported PROXY protocol feature: unsupported address family {0:#04x}")]
    AddressFamily(u8),
    /// The addresses do not fit into the announced length.
    #[error("{0} address data too short: {1} bytes")]
    Short(&'static str, usize),
    /// This part of the preamble did not come in time.
    #[error("failed to read {0}: i/o timeout")]
    Timeout(&'static str),
    /// The peer closed first.
    #[error("failed to read {0}: EOF")]
    Closed(&'static str),
    /// The socket failed.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Looks at the front of a connection.
///
/// # Errors
///
/// It is a preamble, and a broken one.
pub fn parse(bytes: &[u8]) -> Result<Preamble, ProxyError> {
    const V1: &[u8] = b"PROXY ";
    let begins = |prefix: &[u8]| bytes.iter().zip(prefix).all(|(a, b)| a == b);
    if bytes.is_empty() {
        Ok(Preamble::Incomplete)
    } else if begins(V1) {
        if bytes.len() < V1.len() { Ok(Preamble::Incomplete) } else { parse_v1(bytes) }
    } else if begins(&V2_SIGNATURE[..V2_TELLTALE]) {
        if !begins(&V2_SIGNATURE) {
            Err(ProxyError::Signature)
        } else if bytes.len() < V2_FIXED {
            Ok(Preamble::Incomplete)
        } else {
            parse_v2(bytes)
        }
    } else {
        Ok(Preamble::Absent)
    }
}

fn parse_v1(bytes: &[u8]) -> Result<Preamble, ProxyError> {
    let window = &bytes[..bytes.len().min(MAX_V1)];
    let Some(end) = memchr::memchr(b'\n', window) else {
        return if window.len() < MAX_V1 {
            Ok(Preamble::Incomplete)
        } else {
            Err(ProxyError::LineTooLong)
        };
    };
    let line = window[..end].strip_suffix(b"\r").ok_or(ProxyError::Format)?;
    let line = std::str::from_utf8(line).map_err(|_binary| ProxyError::Format)?;
    let len = end + 1;
    let mut words = line.split(' ').skip(1);
    let protocol = words.next().unwrap_or_default();
    if protocol == "UNKNOWN" {
        return Ok(Preamble::Present { len, addresses: None });
    }
    if protocol != "TCP4" && protocol != "TCP6" {
        return Err(ProxyError::Protocol(protocol.to_owned()));
    }
    let mut word = || words.next().ok_or(ProxyError::Format);
    let (source, destination) = (word()?, word()?);
    let (source_port, destination_port) = (word()?, word()?);
    if words.next().is_some() {
        return Err(ProxyError::Format);
    }
    let address = |text: &str| -> Result<IpAddr, ProxyError> {
        let ip: IpAddr = text.parse().map_err(|_no_ip| ProxyError::Address)?;
        match (protocol, ip) {
            ("TCP4", IpAddr::V6(_)) => Err(ProxyError::Family("TCP4 with IPv6 address")),
            ("TCP6", IpAddr::V4(_)) => Err(ProxyError::Family("TCP6 with IPv4 address")),
            _ => Ok(ip),
        }
    };
    let port = |text: &str, name| text.parse().map_err(|_no_port| ProxyError::Port(name));
    let (source, destination) = (address(source)?, address(destination)?);
    let addresses = Addresses {
        source: SocketAddr::new(source, port(source_port, "source")?),
        destination: SocketAddr::new(destination, port(destination_port, "dest")?),
    };
    Ok(Preamble::Present { len, addresses: Some(addresses) })
}

fn parse_v2(bytes: &[u8]) -> Result<Preamble, ProxyError> {
    let (command, family) = (bytes[12], bytes[13]);
    if command & 0xf0 != 0x20 {
        return Err(ProxyError::Version(command & 0xf0));
    }
    let body_len = usize::from(u16::from_be_bytes([bytes[14], bytes[15]]));
    let len = V2_FIXED + body_len;
    let Some(body) = bytes.get(V2_FIXED..len) else { return Ok(Preamble::Incomplete) };
    let addresses = match command & 0x0f {
        0 => None,
        1 => Some(v2_addresses(family, body)?),
        other => return Err(ProxyError::Command(other)),
    };
    Ok(Preamble::Present { len, addresses })
}

fn v2_addresses(family: u8, body: &[u8]) -> Result<Addresses, ProxyError> {
    match family & 0xf0 {
        _ if family & 0x0f != 1 => Err(ProxyError::NotStream),
        0x10 => match body {
            [a, b, c, d, e, f, g, h, p, q, r, s, ..] => Ok(Addresses {
                source: (Ipv4Addr::new(*a, *b, *c, *d), u16::from_be_bytes([*p, *q])).into(),
                destination: (Ipv4Addr::new(*e, *f, *g, *h), u16::from_be_bytes([*r, *s])).into(),
            }),
            _ => Err(ProxyError::Short("IPv4", body.len())),
        },
        0x20 => {
            let short = || ProxyError::Short("IPv6", body.len());
            let (source, rest) = body.split_first_chunk::<16>().ok_or_else(short)?;
            let (destination, rest) = rest.split_first_chunk::<16>().ok_or_else(short)?;
            let [p, q, r, s, ..] = rest else { return Err(short()) };
            let port = |high, low| u16::from_be_bytes([high, low]);
            Ok(Addresses {
                source: (Ipv6Addr::from(*source), port(*p, *q)).into(),
                destination: (Ipv6Addr::from(*destination), port(*r, *s)).into(),
            })
        }
        other => Err(ProxyError::AddressFamily(other)),
    }
}

/// Reads the preamble of a connection and not a byte more. `None` means that there is none, or
/// that it names nobody: the connection's own address counts.
///
/// # Errors
///
/// The preamble is broken or does not come within `timeout`.
pub async fn read_preamble(
    stream: &TcpStream,
    timeout: Duration,
) -> Result<Option<Addresses>, ProxyError> {
    let mut taken = Vec::new();
    match tokio::time::timeout(timeout, take_preamble(stream, &mut taken)).await {
        Ok(done) => done,
        Err(_elapsed) => Err(ProxyError::Timeout(part(&taken))),
    }
}

/// Looks before it takes: what is no preamble must stay in the socket. `taken` is what was taken.
async fn take_preamble(
    stream: &TcpStream,
    taken: &mut Vec<u8>,
) -> Result<Option<Addresses>, ProxyError> {
    let mut pause = FIRST_PAUSE;
    loop {
        let before = taken.len();
        let mut window = [0; WINDOW];
        let n = stream.peek(&mut window).await?;
        if n == 0 {
            return Err(ProxyError::Closed(part(taken)));
        }
        taken.extend_from_slice(&window[..n]);
        match parse(taken)? {
            Preamble::Absent => return Ok(None),
            Preamble::Present { len, addresses } => {
                consume(stream, &mut window[..len - before]).await?;
                return Ok(addresses);
            }
            // All of it belongs to the preamble that has begun.
            Preamble::Incomplete if taken.len() >= V2_TELLTALE => {
                consume(stream, &mut window[..n]).await?;
            }
            // Too little to know. Peeking leaves the socket readable, so that more cannot be
            // awaited.
            Preamble::Incomplete => {
                taken.truncate(before);
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

/// What is being read when this much of a preamble was.
fn part(taken: &[u8]) -> &'static str {
    match taken.first() {
        None => "protocol version",
        Some(b'P') => "v1 line",
        Some(_) => "v2 header",
    }
}

/// Takes what was peeked at.
async fn consume(stream: &TcpStream, mut buf: &mut [u8]) -> Result<(), ProxyError> {
    while !buf.is_empty() {
        stream.readable().await?;
        match stream.try_read(buf) {
            Ok(0) => return Err(ProxyError::Closed("protocol version")),
            Ok(n) => buf = &mut buf[n..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    fn v2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let mut out = V2_SIGNATURE.to_vec();
        out.extend_from_slice(&[command, family]);
        out.extend_from_slice(&(body.len() as u16).to_be_bytes());
        out.extend_from_slice(body);
        out
    }

    const V4: [u8; 12] = [1, 2, 3, 4, 5, 6, 7, 8, 0x04, 0x57, 0x08, 0xae];

    /// The outcome as text: what the tables below compare.
    fn outcome(bytes: &[u8]) -> String {
        match parse(bytes) {
            Ok(Preamble::Incomplete) => "incomplete".to_owned(),
            Ok(Preamble::Absent) => "absent".to_owned(),
            Ok(Preamble::Present { len, addresses: None }) => format!("{len} unknown"),
            Ok(Preamble::Present { len, addresses: Some(a) }) => {
                format!("{len} {} {}", a.source, a.destination)
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn version_1_is_judged_as_nats_server_does() {
        let bad = "invalid PROXY protocol header: ";
        for (line, expected) in [
            ("PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\r\nPING", "38 1.2.3.4:1111 5.6.7.8:2222"),
            ("PROXY TCP6 2001:db8::1 ::1 1 2\r\n", "32 [2001:db8::1]:1 [::1]:2"),
            ("PROXY UNKNOWN\r\n", "15 unknown"),
            ("PROXY UNKNOWN ff ff 1 2\r\n", "25 unknown"),
            ("PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n", &format!("{bad}invalid address")),
            ("PROXY TCP4 ::1 ::1 1 2\r\n", &format!("{bad}TCP4 with IPv6 address")),
            ("PROXY TCP4 1.2.3.4 5.6.7.8 99999 2\r\n", "invalid source port"),
            ("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n", &format!("{bad}invalid v1 format")),
            ("PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n", &format!("{bad}invalid v1 format")),
            ("PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n", &format!("{bad}invalid protocol UDP4")),
            ("PROXY TCP4 1.2.3.4", "incomplete"),
            ("PROX", "incomplete"),
            ("", "incomplete"),
            ("PING\r\n", "absent"),
            ("proxy TCP4", "absent"),
            ("\r\nPING\r\n", "absent"),
            ("CONNECT {}\r\n", "absent"),
            ("\x16\x03\x01", "absent"),
        ] {
            assert_eq!(outcome(line.as_bytes()), expected, "{line:?}");
        }
        let long = format!("PROXY UNKNOWN {}", "x".repeat(120));
        assert_eq!(outcome(long.as_bytes()), format!("{bad}v1 line too long"));
    }

    #[test]
    fn version_2_is_judged_as_nats_server_does() {
        let bad = "invalid PROXY protocol header: ";
        let feature = "unsupported PROXY protocol feature: ";
        let mut tlv = V4.to_vec();
        tlv.extend_from_slice(b"\x04\0\x02ab");
        let mut broken = v2(0x21, 0x11, &V4);
        broken[10] = b'X';
        let mut v6 = [0; 36];
        (v6[15], v6[31], v6[33], v6[35]) = (1, 2, 3, 4);
        for (bytes, expected) in [
            (v2(0x21, 0x11, &V4), "28 1.2.3.4:1111 5.6.7.8:2222"),
            (v2(0x21, 0x11, &tlv), "33 1.2.3.4:1111 5.6.7.8:2222"),
            (v2(0x21, 0x21, &v6), "52 [::1]:3 [::2]:4"),
            (v2(0x20, 0x00, &[]), "16 unknown"),
            (v2(0x20, 0x11, &V4), "28 unknown"),
            (v2(0x21, 0x00, &[]), &format!("{feature}only STREAM protocol supported")),
            (v2(0x21, 0x12, &V4), &format!("{feature}only STREAM protocol supported")),
            (v2(0x21, 0x31, &[0; 216]), &format!("{feature}unsupported address family 0x30")),
            (v2(0x21, 0x11, &V4[..8]), "IPv4 address data too short: 8 bytes"),
            (v2(0x21, 0x21, &V4), "IPv6 address data too short: 12 bytes"),
            (v2(0x11, 0x11, &V4), &format!("{bad}invalid version 0x10")),
            (v2(0x22, 0x11, &V4), "unknown PROXY protocol command: 0x02"),
            (broken, &format!("{bad}invalid signature")),
            (v2(0x21, 0x11, &V4)[..20].to_vec(), "incomplete"),
            (V2_SIGNATURE[..5].to_vec(), "incomplete"),
        ] {
            assert_eq!(outcome(&bytes), expected, "{bytes:?}");
        }
    }

    #[tokio::test]
    async fn reading_takes_the_preamble_and_not_a_byte_more() {
        let mut long = V4.to_vec();
        long.resize(3000, 0);
        for (preamble, source) in [
            (b"PROXY TCP4 1.2.3.4 5.6.7.8 1111 2222\r\n".to_vec(), Some("1.2.3.4:1111")),
            (v2(0x21, 0x11, &long), Some("1.2.3.4:1111")),
            (Vec::new(), None),
        ] {
            for split in [0, 1, 5, 6, 20] {
                let (stream, mut peer) = pair().await;
                let bytes = [&preamble, &b"PING\r\n"[..]].concat();
                let (first, second) = bytes.split_at(split.min(bytes.len() - 1));
                let write = async {
                    peer.write_all(first).await.unwrap();
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    peer.write_all(second).await.unwrap();
                };
                let (found, ()) = tokio::join!(read_preamble(&stream, TIMEOUT), write);
                assert_eq!(found.unwrap().map(|a| a.source.to_string()).as_deref(), source);
                let mut rest = [0; 16];
                stream.readable().await.unwrap();
                let n = stream.try_read(&mut rest).unwrap();
                assert_eq!(&rest[..n], b"PING\r\n", "{split}");
            }
        }
    }

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (listener.accept().await.unwrap().0, peer)
    }

    #[tokio::test]
    async fn silence_and_the_end_say_what_is_missing() {
        for (said, missing) in [
            (&b""[..], "protocol version"),
            (b"PRO", "protocol version"),
            (b"PROXY TCP4", "v1 line"),
            (b"\r\n\r\n\0\r\nQUI", "v2 header"),
        ] {
            let (stream, mut peer) = pair().await;
            peer.write_all(said).await.unwrap();
            let found = read_preamble(&stream, Duration::from_millis(20)).await;
            let text = format!("failed to read {missing}: i/o timeout");
            assert_eq!(found.unwrap_err().to_string(), text);
        }
        let (stream, mut peer) = pair().await;
        peer.write_all(b"PROXY TCP4").await.unwrap();
        drop(peer);
        let found = read_preamble(&stream, TIMEOUT).await;
        assert_eq!(found.unwrap_err().to_string(), "failed to read v1 line: EOF");
    }
}
