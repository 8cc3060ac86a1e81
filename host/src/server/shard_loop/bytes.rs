//! Bytes between a connection's socket and the core, and the end of a connection.

use std::io::IoSlice;
use std::rc::Rc;
use std::task::{Context, Poll};

use nervure_core::{CloseReason, LinkId};

use super::connection::{Connection, Direction, State, find};
use super::{Driver, LAST_FLUSH, READS, SLICES};
use crate::net::Incoming;
use crate::net::ws::close_code;

impl Driver {
    /// Writes what waits for a link, as much as its socket takes now.
    pub(super) fn flush(&self, id: LinkId) {
        if let Some(connection) = find(&self.connections.borrow(), id)
            && let Err(reason) = self.write(id, connection)
        {
            connection.change(|state| state.closing = state.closing.or(Some(reason)));
        }
    }

    pub(super) fn write(&self, id: LinkId, connection: &Connection) -> Result<(), CloseReason> {
        let mut conn = connection.conn.borrow_mut();
        let Some(conn) = conn.as_mut() else { return Ok(()) };
        loop {
            let result = {
                let shard = self.shard.borrow();
                let mut slices = [IoSlice::new(&[]); SLICES];
                let filled = shard.outbound(id).map_or(0, |outbound| outbound.slices(&mut slices));
                if filled == 0 && !conn.wants_write() {
                    connection.set_blocked(false);
                    return Ok(());
                }
                conn.try_write(&slices[..filled])
            };
            let written = result.map_err(|_| CloseReason::WriteError)?;
            self.shard.borrow_mut().written(self.now(), id, written.consumed);
            if written.blocked {
                connection.set_blocked(true);
                connection.wake();
                return Ok(());
            }
        }
    }

    /// Does what a connection is ready for, until it is ready for nothing; returns why it is over
    /// once it is.
    pub(super) fn attend(
        &self,
        id: LinkId,
        connection: &Connection,
        cx: &mut Context<'_>,
    ) -> Poll<CloseReason> {
        loop {
            let State { blocked, paused, asking, closing } = connection.state.get();
            if let Some(reason) = closing {
                return Poll::Ready(reason);
            }
            let reads = !paused && !asking;
            let held = if reads { connection.held.take() } else { Box::default() };
            if !held.is_empty() {
                self.feed(id, connection, &held);
            } else if blocked && connection.poll_ready(Direction::Write, cx).is_ready() {
                self.flush(id);
            } else if reads && connection.poll_ready(Direction::Read, cx).is_ready() {
                let read = self.read(id, connection);
                if let Some(reason) = read {
                    self.drain();
                    return Poll::Ready(reason);
                }
            } else {
                return Poll::Pending;
            }
            self.drain();
        }
    }

    /// Reads what is there, within bounds; returns why the connection is over, if it is.
    pub(super) fn read(&self, id: LinkId, connection: &Connection) -> Option<CloseReason> {
        let mut scratch = self.scratch.borrow_mut();
        for _ in 0..READS {
            let room = scratch.len();
            let read = connection.conn.borrow_mut().as_mut()?.try_read(&mut scratch);
            match read {
                Ok(Incoming::Bytes(bytes)) => {
                    self.feed(id, connection, bytes);
                    let enough = self.shard.borrow().is_worth_writing();
                    if bytes.len() < room || enough || connection.state.get().asking {
                        return None;
                    }
                }
                Ok(Incoming::Nothing | Incoming::WouldBlock) => return None,
                Ok(Incoming::Closed) => return Some(CloseReason::ClientClosed),
                Err(error) => return Some(error.close_reason()),
            }
        }
        None
    }

    /// Gives bytes to the core, writing in between as often as it asks for that. What it does not
    /// take before an answer has come is held.
    pub(super) fn feed(&self, id: LinkId, connection: &Connection, bytes: &[u8]) {
        let mut rest = bytes;
        loop {
            let taken = self.shard.borrow_mut().receive(self.now(), id, rest);
            rest = &rest[taken..];
            if rest.is_empty() {
                return;
            }
            self.drain();
            if connection.state.get().asking {
                connection.held.set(rest.into());
                return;
            }
        }
    }

    /// The end: last bytes out where the reason allows, then the core forgets the link. Only what
    /// has to wait for the peer becomes a task: a crowd that leaves at once leaves none.
    pub(super) fn finish(
        self: &Rc<Self>,
        id: LinkId,
        connection: &Rc<Connection>,
        reason: CloseReason,
    ) {
        if reason.flushes() {
            if let Some(conn) = connection.conn.borrow_mut().as_mut() {
                conn.begin_close(close_code(reason));
            }
            if self.write(id, connection).is_ok() && connection.state.get().blocked {
                let (driver, connection) = (self.clone(), connection.clone());
                tokio::task::spawn_local(async move {
                    let last = driver.flush_last(id, &connection);
                    let _ = tokio::time::timeout(LAST_FLUSH, last).await;
                    driver.forget(id, &connection, reason);
                });
                return;
            }
        }
        self.forget(id, connection, reason);
    }

    pub(super) async fn flush_last(&self, id: LinkId, connection: &Connection) {
        while connection.state.get().blocked {
            connection.ready(Direction::Write).await;
            if self.write(id, connection).is_err() {
                return;
            }
        }
    }

    pub(super) fn forget(&self, id: LinkId, connection: &Connection, reason: CloseReason) {
        self.shard.borrow_mut().closed(self.now(), id, reason);
        if let Some(place) = self.connections.borrow_mut().get_mut(id.slot as usize) {
            *place = None;
        }
        self.drain();
        // The command loop may be waiting for the last link.
        self.timer.notify_one();
        let Some(conn) = connection.conn.borrow_mut().take() else { return };
        // A peer that has ended a bare stream sends nothing more that could be lost.
        let ended = reason == CloseReason::ClientClosed && conn.is_bare();
        if reason.flushes() && !ended && conn.shutdown_write().is_ok() {
            tokio::task::spawn_local(conn.linger(LAST_FLUSH));
        }
    }
}
