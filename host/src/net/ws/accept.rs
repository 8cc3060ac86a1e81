//! From an accepted socket to an upgraded connection.

use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use thiserror::Error;
use tokio::net::TcpStream;

use super::upgrade::{self, Parsed, PathKind, RefusalReason, UpgradeInfo, WsRules};
use super::{ReadError, WsCodec};
use crate::net::conn::{Conn, Incoming, MIN_TLS_SCRATCH};
use crate::net::https::{self, HttpsError, finish, write_all};
use crate::net::tls::TlsServer;

/// Why a connection did not become a WebSocket. The socket is closed in all cases.
#[derive(Debug, Error)]
pub enum WsAcceptError {
    /// `handshake_timeout` is over.
    #[error("i/o timeout")]
    Timeout,
    /// TLS failed; nats-server logs `websocket: TLS handshake error from PEER: ...`.
    #[error("{0}")]
    Tls(#[from] HttpsError),
    /// The last request was refused; nats-server logs `websocket handshake error: ...`.
    #[error("{0}")]
    Refused(RefusalReason),
    /// A leaf came, was upgraded and closed, because no leaf listener is configured.
    #[error("Not configured to accept leaf node connections")]
    LeafNotConfigured,
    /// The peer went away.
    #[error("EOF")]
    Closed,
    /// Reading failed.
    #[error("{0}")]
    Read(#[from] ReadError),
    /// Writing failed.
    #[error("{0}")]
    Write(#[from] io::Error),
}

/// Does TLS (if `tls` is given) and the upgrade on an accepted socket, all within `timeout`.
///
/// Refused requests are answered, and another one may follow on the same connection; `refused` is
/// called for each, for the log.
///
/// # Errors
///
/// See [`WsAcceptError`].
pub async fn accept(
    stream: TcpStream,
    tls: Option<&TlsServer>,
    rules: &WsRules,
    timeout: Option<Duration>,
    refused: impl FnMut(&RefusalReason),
) -> Result<(Conn, UpgradeInfo), WsAcceptError> {
    let work = async {
        let conn = match tls {
            None => Conn::tcp(stream),
            Some(server) => https::accept(stream, server).await?,
        };
        upgrade(conn, rules, refused).await
    };
    match timeout {
        None => work.await,
        Some(limit) => match tokio::time::timeout(limit, work).await {
            Ok(done) => done,
            Err(_elapsed) => Err(WsAcceptError::Timeout),
        },
    }
}

async fn upgrade(
    mut conn: Conn,
    rules: &WsRules,
    mut refused: impl FnMut(&RefusalReason),
) -> Result<(Conn, UpgradeInfo), WsAcceptError> {
    let mut head = Vec::new();
    loop {
        let (consumed, refusal) = match upgrade::parse(&head, rules) {
            Parsed::Incomplete => {
                read_more(&mut conn, &mut head).await?;
                continue;
            }
            Parsed::Accepted { info, response, .. } => {
                write_all(&mut conn, &response).await?;
                if info.kind == PathKind::Leaf && !rules.leaf_listener {
                    finish(conn).await;
                    return Err(WsAcceptError::LeafNotConfigured);
                }
                let codec = WsCodec::agreed(&info, rules.max_payload);
                return Ok((conn.into_ws(codec), info));
            }
            Parsed::Refused { consumed, refusal } => (consumed, refusal),
        };
        refused(&refusal.reason);
        head.drain(..consumed);
        write_all(&mut conn, &refusal.response(&http_date(SystemTime::now()))).await?;
        if refusal.close {
            finish(conn).await;
            return Err(WsAcceptError::Refused(refusal.reason));
        }
    }
}

/// Waits for bytes and appends them. The buffer exists only while there is something to read, so
/// that peers who say nothing cost nothing.
async fn read_more(conn: &mut Conn, head: &mut Vec<u8>) -> Result<(), WsAcceptError> {
    loop {
        conn.socket().readable().await?;
        let size = if conn.tls_session().is_some() { MIN_TLS_SCRATCH } else { 4096 };
        let mut scratch = vec![0; size];
        match conn.try_read(&mut scratch)? {
            Incoming::Bytes(bytes) => {
                head.extend_from_slice(bytes);
                return Ok(());
            }
            Incoming::Closed => return Err(WsAcceptError::Closed),
            Incoming::Nothing | Incoming::WouldBlock => {}
        }
    }
}

/// The time in the form of HTTP's `Date` header.
fn http_date(time: SystemTime) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (days, second) = (seconds / 86400, seconds % 86400);
    // Years begin in March here, so that the leap day is the last of its year.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12;
    let year = year_of_era + era * 400 + u64::from(month < 2);
    format!(
        "{}, {day:02} {} {year} {:02}:{:02}:{:02} GMT",
        DAYS[(days % 7) as usize],
        MONTHS[month as usize],
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_read_as_http_wants_them() {
        for (seconds, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (1_795_596_701, "Wed, 25 Nov 2026 08:51:41 GMT"),
        ] {
            assert_eq!(http_date(UNIX_EPOCH + Duration::from_secs(seconds)), text);
        }
    }
}
