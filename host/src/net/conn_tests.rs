//! Connections over loopback sockets: every transport, slow readers, and orderly ends.

use std::io::{self, IoSlice, Read, Write};
use std::net::TcpStream as StdStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use tokio::io::Interest;
use tokio::net::{TcpListener, TcpStream};

use super::conn::MIN_TLS_SCRATCH;
use super::tls::tests::{BOTH, Pki, options};
use super::tls::{TlsServer, accept_tls};
use super::ws::tests::{frames, masked, packed, payloads};
use super::ws::{PathKind, WsAcceptError, WsRules, accept};
use super::*;

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n";

const LIMIT: Option<Duration> = Some(Duration::from_secs(20));

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// A blocking client's stream, in TLS if there is a configuration for it.
fn dial(port: u16, tls: Option<Arc<rustls::ClientConfig>>) -> Box<dyn Stream> {
    let socket = StdStream::connect(("127.0.0.1", port)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    socket2::SockRef::from(&socket).set_recv_buffer_size(32 << 10).unwrap();
    match tls {
        None => Box::new(socket),
        Some(config) => {
            let name = ServerName::try_from("localhost").unwrap();
            Box::new(StreamOwned::new(ClientConnection::new(config, name).unwrap(), socket))
        }
    }
}

/// Does the upgrade and returns the response.
fn upgrade(stream: &mut dyn Stream, extra: &str) -> String {
    write!(stream, "{REQUEST}{extra}\r\n").unwrap();
    read_head(stream)
}

fn read_head(stream: &mut dyn Stream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

/// Sends back all that arrives, as a driver would, until the peer closes; then ends in order.
/// Returns how much that was and whether the socket was ever full.
async fn echo(mut conn: Conn, scratch: usize) -> (usize, bool) {
    socket2::SockRef::from(conn.socket()).set_send_buffer_size(32 << 10).unwrap();
    let mut scratch = vec![0; scratch];
    let mut pending = Vec::new();
    let mut total = 0;
    let mut blocked = false;
    let mut ever_blocked = false;
    loop {
        let interest =
            if blocked { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
        conn.socket().ready(interest).await.unwrap();
        let incoming = conn.try_read(&mut scratch).unwrap();
        let closed = incoming == Incoming::Closed;
        if let Incoming::Bytes(bytes) = incoming {
            assert!(!bytes.is_empty());
            total += bytes.len();
            // Several slices, so that their seams are met.
            pending.extend(bytes.chunks(1000).map(<[u8]>::to_vec));
        }
        if closed {
            conn.begin_close(Some((1000, "Client Closed")));
        }
        loop {
            let slices: Vec<_> = pending.iter().map(|part| IoSlice::new(part)).collect();
            let written = conn.try_write(&slices).unwrap();
            let mut n = written.consumed;
            let whole = pending.iter().take_while(|part| {
                let fits = part.len() <= n;
                n -= if fits { part.len() } else { 0 };
                fits
            });
            let whole = whole.count();
            pending.drain(..whole);
            if let Some(first) = pending.first_mut() {
                first.drain(..n);
            }
            blocked = written.blocked;
            ever_blocked |= blocked;
            assert!(blocked || pending.is_empty());
            if !blocked || !closed {
                break;
            }
            conn.socket().writable().await.unwrap();
        }
        if closed {
            // Clients that have all they wanted may be gone altogether.
            let _gone = conn.shutdown_write();
            conn.linger(Duration::from_secs(20)).await;
            return (total, ever_blocked);
        }
    }
}

/// What NATS bytes look like: compressible, and different everywhere.
fn sample(len: usize) -> Vec<u8> {
    (0..).flat_map(|i: u32| format!("PUB a.{i} 5\r\nhello\r\n").into_bytes()).take(len).collect()
}

#[derive(Clone, Copy, Debug)]
struct Transport {
    tls: bool,
    ws: bool,
    deflate: bool,
    scratch: usize,
}

/// Sends far more than sockets hold before it reads, so that the server blocks.
async fn echoes(transport: Transport, pki: &Pki, server: &TlsServer) {
    const LEN: usize = 3 << 20;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = transport.tls.then(|| pki.client_config(None, BOTH));
    let client = std::thread::spawn(move || {
        let mut stream = dial(port, config);
        let sent = sample(LEN);
        if transport.ws {
            let offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n";
            upgrade(&mut *stream, if transport.deflate { offer } else { "" });
        }
        for chunk in sent.chunks(100_001) {
            let frame = match (transport.ws, transport.deflate) {
                (false, _) => chunk.to_vec(),
                (true, false) => masked(0x82, chunk),
                (true, true) => masked(0xc2, &packed(chunk)),
            };
            stream.write_all(&frame).unwrap();
        }
        if !transport.ws {
            let mut got = vec![0; LEN];
            stream.read_exact(&mut got).unwrap();
            assert!(got == sent);
            return;
        }
        stream.write_all(&masked(0x89, b"ping")).unwrap();
        stream.write_all(&masked(0x88, &[0x03, 0xe8])).unwrap();
        let mut wire = Vec::new();
        // Over TLS this fails unless close_notify came.
        stream.read_to_end(&mut wire).unwrap();
        let got = payloads(&wire);
        let same = got.iter().zip(&sent).take_while(|(a, b)| a == b).count();
        assert_eq!((same, got.len()), (LEN, LEN), "{transport:?}");
        let frames = frames(&wire);
        assert!(frames.iter().any(|frame| *frame == (0x8a, b"ping".to_vec())));
        assert_eq!(frames.last().unwrap(), &(0x88, vec![0x03, 0xe8]));
        if transport.deflate {
            assert!(wire.len() < LEN / 4, "{}", wire.len());
        }
    });
    let (stream, _) = listener.accept().await.unwrap();
    let rules =
        WsRules { compression: transport.deflate, max_payload: 1 << 20, ..WsRules::default() };
    let tls = transport.tls.then_some(server);
    let conn = match (transport.ws, tls) {
        (true, tls) => accept(stream, tls, &rules, LIMIT, |_| {}).await.unwrap().0,
        (false, None) => Conn::tcp(stream),
        (false, Some(server)) => {
            let (stream, session) = accept_tls(stream, server, LIMIT).await.unwrap();
            Conn::tls(stream, session)
        }
    };
    assert_eq!(conn.is_websocket(), transport.ws);
    assert_eq!(conn.tls_info().is_some(), transport.tls);
    assert_eq!(echo(conn, transport.scratch).await, (LEN, true), "{transport:?}");
    tokio::task::spawn_blocking(move || client.join()).await.unwrap().unwrap();
}

#[tokio::test]
async fn every_transport_carries_megabytes_both_ways() {
    let pki = Pki::new("echo");
    let server = TlsServer::from_options(&options(vec![pki.server("localhost")])).unwrap();
    for (tls, ws, deflate) in [
        (false, false, false),
        (true, false, false),
        (false, true, false),
        (false, true, true),
        (true, true, false),
        (true, true, true),
    ] {
        for scratch in [MIN_TLS_SCRATCH, 128 << 10] {
            echoes(Transport { tls, ws, deflate, scratch }, &pki, &server).await;
        }
    }
}

/// A connected pair: the server's side and a blocking client.
async fn pair() -> (TcpStream, StdStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = StdStream::connect(listener.local_addr().unwrap()).unwrap();
    client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    (listener.accept().await.unwrap().0, client)
}

/// Reads until there are bytes; `None` is the orderly end.
async fn next(conn: &mut Conn, scratch: &mut [u8]) -> Option<Vec<u8>> {
    loop {
        conn.socket().readable().await.unwrap();
        match conn.try_read(scratch).unwrap() {
            Incoming::WouldBlock | Incoming::Nothing => {}
            Incoming::Closed => return None,
            Incoming::Bytes(bytes) => return Some(bytes.to_vec()),
        }
    }
}

#[tokio::test]
async fn waiting_nothing_and_closing_are_told_apart() {
    let (stream, mut client) = pair().await;
    let mut conn = Conn::tcp(stream);
    let mut scratch = [0; 100];
    assert_eq!(conn.try_read(&mut scratch).unwrap(), Incoming::WouldBlock);
    client.write_all(b"PING\r\n").unwrap();
    assert_eq!(next(&mut conn, &mut scratch).await.unwrap(), b"PING\r\n");
    drop(client);
    assert_eq!(next(&mut conn, &mut scratch).await, None);
}

#[tokio::test]
async fn a_full_socket_says_blocked_and_takes_the_rest_later() {
    let (stream, mut client) = pair().await;
    let mut conn = Conn::tcp(stream);
    let data = sample(32 << 20);
    let first = conn.try_write(&[IoSlice::new(&data)]).unwrap();
    assert!(first.blocked && first.consumed < data.len());
    let reader = std::thread::spawn(move || {
        let mut got = Vec::new();
        client.read_to_end(&mut got).unwrap();
        got
    });
    let mut at = first.consumed;
    while at < data.len() {
        conn.socket().writable().await.unwrap();
        at += conn.try_write(&[IoSlice::new(&data[at..])]).unwrap().consumed;
    }
    conn.shutdown_write().unwrap();
    assert!(reader.join().unwrap() == data);
}

#[tokio::test]
async fn more_slices_than_a_system_call_takes_are_written() {
    let (stream, mut client) = pair().await;
    let mut conn = Conn::tcp(stream);
    let slices = vec![IoSlice::new(b"x"); 5000];
    assert_eq!(conn.try_write(&slices).unwrap(), Written { consumed: 5000, blocked: false });
    let mut got = vec![0; 5000];
    client.read_exact(&mut got).unwrap();
}

#[tokio::test]
async fn an_error_line_survives_unread_input() {
    let (stream, mut client) = pair().await;
    let mut conn = Conn::tcp(stream);
    client.write_all(&[b'x'; 200_000]).unwrap();
    conn.socket().readable().await.unwrap();
    conn.try_read(&mut [0; 100]).unwrap();
    conn.begin_close(None);
    assert!(!conn.try_write(&[IoSlice::new(b"-ERR 'no'\r\n")]).unwrap().blocked);
    conn.shutdown_write().unwrap();
    let reader = std::thread::spawn(move || {
        let mut got = String::new();
        client.read_to_string(&mut got).map(|_| got)
    });
    conn.linger(Duration::from_secs(20)).await;
    assert_eq!(reader.join().unwrap().unwrap(), "-ERR 'no'\r\n");
}

#[tokio::test]
async fn lingering_ends_with_its_limit() {
    let (stream, client) = pair().await;
    let start = std::time::Instant::now();
    Conn::tcp(stream).linger(Duration::from_millis(30)).await;
    assert!(start.elapsed() < Duration::from_secs(10));
    drop(client);
}

#[tokio::test]
async fn tls_records_in_crumbs_arrive_whole_and_broken_ones_are_errors() {
    let pki = Pki::new("crumbs");
    let server = TlsServer::from_options(&options(vec![pki.server("localhost")])).unwrap();
    let (stream, mut socket) = pair().await;
    socket.set_nodelay(true).unwrap();
    let config = pki.client_config(None, BOTH);
    let client = std::thread::spawn(move || {
        let name = ServerName::try_from("localhost").unwrap();
        let mut session = ClientConnection::new(config, name).unwrap();
        while session.is_handshaking() {
            session.complete_io(&mut socket).unwrap();
        }
        session.writer().write_all(&sample(20_000)).unwrap();
        let mut wire = Vec::new();
        while session.wants_write() {
            session.write_tls(&mut wire).unwrap();
        }
        for crumb in wire.chunks(701) {
            socket.write_all(crumb).unwrap();
            std::thread::sleep(Duration::from_millis(1));
        }
        socket.write_all(&[0x17, 3, 3, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).unwrap();
        socket.write_all(&[0; 20]).unwrap();
        let mut rest = Vec::new();
        let _alert = socket.read_to_end(&mut rest);
    });
    let (stream, session) = accept_tls(stream, &server, LIMIT).await.unwrap();
    let mut conn = Conn::tls(stream, session);
    let small = &mut [0; 1000][..];
    conn.socket().readable().await.unwrap();
    let refused = conn.try_read(small).unwrap_err();
    assert!(matches!(&refused, ReadError::Io(e) if e.kind() == io::ErrorKind::InvalidInput));
    let mut scratch = vec![0; MIN_TLS_SCRATCH];
    let (mut got, mut nothing) = (Vec::new(), 0);
    let error = loop {
        conn.socket().readable().await.unwrap();
        match conn.try_read(&mut scratch) {
            Ok(Incoming::Bytes(bytes)) => got.extend_from_slice(bytes),
            Ok(Incoming::Nothing) => nothing += 1,
            Ok(Incoming::WouldBlock) => {}
            Ok(Incoming::Closed) => panic!("closed after {}", got.len()),
            Err(error) => break error,
        }
    };
    assert!(got == sample(20_000));
    assert!(nothing > 5, "crumbs are progress without data: {nothing}");
    assert!(matches!(error, ReadError::Tls(_)), "{error}");
    drop(conn);
    client.join().unwrap();
}

#[tokio::test]
async fn a_refused_request_may_be_followed_by_a_good_one() {
    let (stream, mut client) = pair().await;
    let peer = std::thread::spawn(move || {
        client.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
        let refusal = read_head(&mut client);
        let mut body = [0; 12];
        client.read_exact(&mut body).unwrap();
        let granted = upgrade(&mut client, "");
        client.write_all(&masked(0x82, b"PING\r\n")).unwrap();
        (refusal, granted, client)
    });
    let mut log = Vec::new();
    let (mut conn, info) = accept(stream, None, &WsRules::default(), LIMIT, |reason| {
        log.push(reason.to_string());
    })
    .await
    .unwrap();
    assert_eq!(info.kind, PathKind::Client);
    let (refusal, granted, _client) = peer.join().unwrap();
    assert!(refusal.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{refusal}");
    assert!(granted.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{granted}");
    assert_eq!(log, ["invalid value for header 'Upgrade'"]);
    assert_eq!(next(&mut conn, &mut [0; 100]).await.unwrap(), b"PING\r\n");
}

#[tokio::test]
async fn connections_that_cannot_become_websockets_end_as_nats_server_ends_them() {
    let pki = Pki::new("refused");
    let server = TlsServer::from_options(&options(vec![pki.server("localhost")])).unwrap();
    let leaf = REQUEST.replace("GET /", "GET /leafnode") + "\r\n";
    let early = REQUEST.to_owned() + "\r\n\u{1}";
    let plain = "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
    for (tls, said, error, answer) in [
        (false, leaf.as_str(), "Not configured to accept leaf node connections", "HTTP/1.1 101"),
        (false, &early, "client sent data before handshake is complete", ""),
        (false, "GET / HT", "i/o timeout", ""),
        (false, "nonsense\r\n\r\n", "malformed HTTP request", "HTTP/1.1 400"),
        (true, "GET / HTTP/1.1\r\n\r\n", "client sent an HTTP request to an HTTPS server", plain),
        (true, "hello there", "tls: first record does not look like a TLS handshake", ""),
    ] {
        let (stream, mut client) = pair().await;
        client.write_all(said.as_bytes()).unwrap();
        let peer = std::thread::spawn(move || {
            let mut got = Vec::new();
            let _reset = client.read_to_end(&mut got);
            String::from_utf8(got).unwrap()
        });
        let limit = Some(Duration::from_millis(300));
        let tls = tls.then_some(&*server);
        let outcome = accept(stream, tls, &WsRules::default(), limit, |_| {}).await;
        let failure: WsAcceptError = outcome.map(|_| ()).unwrap_err();
        assert_eq!(failure.to_string(), error);
        let got = peer.join().unwrap();
        assert!(got.starts_with(answer) && got.is_empty() == answer.is_empty(), "{got}");
    }
}

#[tokio::test]
async fn a_broken_frame_is_an_error_after_its_predecessors_and_closes_with_1002() {
    let (stream, mut client) = pair().await;
    let peer = std::thread::spawn(move || {
        upgrade(&mut client, "");
        let input = [masked(0x82, b"PING\r\n"), masked(0x83, b"x")].concat();
        client.write_all(&input).unwrap();
        let mut wire = Vec::new();
        client.read_to_end(&mut wire).unwrap();
        wire
    });
    let (mut conn, _) = accept(stream, None, &WsRules::default(), LIMIT, |_| {}).await.unwrap();
    let mut scratch = [0; 100];
    assert_eq!(next(&mut conn, &mut scratch).await.unwrap(), b"PING\r\n");
    let error = conn.try_read(&mut scratch).unwrap_err();
    assert_eq!(error.to_string(), "unknown opcode 3");
    conn.begin_close(ws::close_code(error.close_reason()));
    assert!(!conn.try_write(&[IoSlice::new(b"PONG\r\n")]).unwrap().blocked);
    conn.shutdown_write().unwrap();
    conn.linger(Duration::from_secs(20)).await;
    let reason = [&1002u16.to_be_bytes()[..], b"unknown opcode 3"].concat();
    let wire = peer.join().unwrap();
    assert_eq!(frames(&wire), [(0x82, b"PONG\r\n".to_vec()), (0x88, reason)]);
}

#[test]
fn an_idle_plain_connection_is_a_socket_and_a_pointer() {
    assert_eq!(size_of::<Conn>(), size_of::<TcpStream>() + size_of::<usize>());
}
