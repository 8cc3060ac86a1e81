//! Listening sockets.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};

use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;
use tokio::net::TcpStream;

use super::errno;
use crate::options::Listen;

/// Connections that may wait to be accepted; the system lowers it to its own bound.
const BACKLOG: i32 = 65_535;

/// Why listening failed. The texts are nats-server's (observed on nats-server 2.15.1).
#[derive(Debug, Error)]
pub enum ListenError {
    /// The host name has no address.
    #[error("listen tcp: lookup {host}: no such host")]
    NoSuchHost {
        /// The configured host.
        host: String,
    },
    /// The system refused.
    #[error("listen tcp {addr}: bind: {}", errno::text(source))]
    Bind {
        /// Address and port as nats-server prints them.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// Opens a non-blocking listening socket.
///
/// `0.0.0.0`, `::` and an empty host listen on all addresses of both families, as with
/// nats-server; names are resolved, IPv4 first. Port 0 takes a free one.
///
/// # Errors
///
/// See [`ListenError`].
pub fn bind(listen: &Listen) -> Result<TcpListener, ListenError> {
    let addr = resolve(listen)?;
    let fail = |source| ListenError::Bind { addr, source };
    if !addr.ip().is_unspecified() {
        return open(addr, addr.is_ipv6()).map_err(fail);
    }
    let both = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), addr.port());
    match open(both, false) {
        // A system without IPv6.
        Err(error)
            if matches!(error.raw_os_error(), Some(libc::EAFNOSUPPORT | libc::EADDRNOTAVAIL)) =>
        {
            open(SocketAddr::new(IpAddr::from([0, 0, 0, 0]), addr.port()), false).map_err(fail)
        }
        other => other.map_err(fail),
    }
}

fn resolve(listen: &Listen) -> Result<SocketAddr, ListenError> {
    let host = listen.host.trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() {
        return Ok(SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), listen.port));
    }
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(SocketAddr::new(ip, listen.port));
    }
    let fail = || ListenError::NoSuchHost { host: host.to_owned() };
    let mut found: Vec<_> =
        (host, listen.port).to_socket_addrs().map_err(|_lookup| fail())?.collect();
    found.sort_by_key(SocketAddr::is_ipv6);
    found.first().copied().ok_or_else(fail)
}

fn open(addr: SocketAddr, only_v6: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    if addr.is_ipv6() {
        socket.set_only_v6(only_v6)?;
    }
    // A restart must not wait for old connections to be forgotten.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Prepares an accepted socket: small writes go out at once.
///
/// # Errors
///
/// The peer is gone already.
pub fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)
}

/// The peer's address; an IPv4 peer of a socket for both families is shown as IPv4.
pub fn canonical(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream as StdStream;

    fn listen(host: &str, port: u16) -> Listen {
        Listen { host: host.to_owned(), port }
    }

    #[test]
    fn the_unspecified_hosts_listen_on_both_families() {
        for host in ["0.0.0.0", "::", "[::]", ""] {
            let listener = bind(&listen(host, 0)).unwrap();
            let port = listener.local_addr().unwrap().port();
            assert!(StdStream::connect(("127.0.0.1", port)).is_ok(), "{host}");
            if TcpListener::bind("[::1]:0").is_ok() {
                assert!(StdStream::connect(("::1", port)).is_ok(), "{host}");
            }
        }
    }

    #[test]
    fn names_are_resolved_and_single_addresses_kept() {
        let listener = bind(&listen("localhost", 0)).unwrap();
        assert!(listener.local_addr().unwrap().ip().is_loopback());
    }

    #[test]
    fn a_port_in_use_is_named_like_nats_server_does() {
        let holder = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = holder.local_addr().unwrap().port();
        let error = bind(&listen("127.0.0.1", port)).unwrap_err();
        let text = format!("listen tcp 127.0.0.1:{port}: bind: address already in use");
        assert_eq!(error.to_string(), text);
        let error = bind(&listen("0.0.0.0", port)).unwrap_err();
        let text = format!("listen tcp 0.0.0.0:{port}: bind: address already in use");
        assert_eq!(error.to_string(), text);
    }

    #[test]
    fn an_unknown_host_is_an_error() {
        let error = bind(&listen("no.such.host.invalid", 0)).unwrap_err();
        assert!(error.to_string().starts_with("listen tcp: lookup no.such.host.invalid"));
    }

    #[test]
    fn mapped_addresses_are_shown_as_ipv4() {
        let mapped = "[::ffff:1.2.3.4]:5".parse().unwrap();
        assert_eq!(canonical(mapped).to_string(), "1.2.3.4:5");
    }
}
