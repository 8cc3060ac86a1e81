//! One connection as the tasks of its shard see it, and its own task while it is served.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use nervure_core::{CloseReason, LinkId};

use super::Driver;
use crate::net::Conn;

/// One connection as its tasks and the flushing tasks see it.
pub(super) struct Connection {
    /// The transport; absent while its own task shakes hands or says goodbye.
    pub(super) conn: RefCell<Option<Conn>>,
    pub(super) state: Cell<State>,
    /// Whom a change of `state` concerns: the connection's task, while it waits.
    pub(super) waiter: Cell<Option<Waker>>,
    /// What was read and not taken, because the link waits for an answer.
    pub(super) held: Cell<Box<[u8]>>,
}

/// What the connection's task goes by.
#[derive(Clone, Copy, Default)]
pub(super) struct State {
    /// There is something to write that did not fit.
    pub(super) blocked: bool,
    pub(super) paused: bool,
    /// The link waits for an answer.
    pub(super) asking: bool,
    pub(super) closing: Option<CloseReason>,
}

/// A slot for a link, and who has it.
pub(super) type Place = Option<(LinkId, Rc<Connection>)>;

/// The connection of a link, unless its slot has another one by now.
pub(super) fn find(connections: &[Place], id: LinkId) -> Option<&Rc<Connection>> {
    let (of, connection) = connections.get(id.slot as usize)?.as_ref()?;
    (*of == id).then_some(connection)
}

/// A connection's task while nothing special happens to it: two pointers and a number, so that the
/// whole task is one cache line pair (a test says so). An `async fn` in its place kept room for
/// whatever a connection may ever wait for, two kilobytes.
pub(super) struct Service {
    pub(super) driver: Rc<Driver>,
    pub(super) connection: Rc<Connection>,
    pub(super) id: LinkId,
}

impl Future for Service {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { driver, connection, id } = &*self;
        // While it runs it sees every change by itself.
        let waiter = connection.waiter.take();
        match driver.attend(*id, connection, cx) {
            Poll::Pending => {
                connection.wait(waiter, cx);
                Poll::Pending
            }
            Poll::Ready(reason) => {
                driver.finish(*id, connection, reason);
                Poll::Ready(())
            }
        }
    }
}

#[derive(Clone, Copy)]
pub(super) enum Direction {
    Read,
    Write,
}

impl Connection {
    /// Changes what the connection's task goes by, and tells it.
    pub(super) fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.get();
        change(&mut state);
        self.state.set(state);
        self.wake();
    }

    pub(super) fn set_blocked(&self, blocked: bool) {
        self.state.set(State { blocked, ..self.state.get() });
    }

    pub(super) fn wake(&self) {
        if let Some(waiter) = self.waiter.take() {
            waiter.wake();
        }
    }

    /// From now on the task of `cx`, which was `last` to wait, is to be told of changes.
    pub(super) fn wait(&self, last: Option<Waker>, cx: &Context<'_>) {
        let same = last.filter(|last| last.will_wake(cx.waker()));
        self.waiter.set(Some(same.unwrap_or_else(|| cx.waker().clone())));
    }

    /// Waits until the core wants this connection closed.
    pub(super) async fn told_to_close(&self) -> CloseReason {
        std::future::poll_fn(|cx| match self.state.get().closing {
            Some(reason) => Poll::Ready(reason),
            None => {
                self.wait(self.waiter.take(), cx);
                Poll::Pending
            }
        })
        .await
    }

    /// Waits until the socket can be read or written.
    pub(super) async fn ready(&self, direction: Direction) {
        std::future::poll_fn(|cx| self.poll_ready(direction, cx)).await;
    }

    /// Whether the socket can be read or written. The transport is borrowed only while asking,
    /// because other tasks write to it meanwhile.
    pub(super) fn poll_ready(&self, direction: Direction, cx: &mut Context<'_>) -> Poll<()> {
        match self.conn.borrow().as_ref() {
            None => Poll::Pending,
            Some(conn) => {
                let polled = match direction {
                    Direction::Read => conn.socket().poll_read_ready(cx),
                    Direction::Write => conn.socket().poll_write_ready(cx),
                };
                // A socket that failed is ready: the next call says how.
                polled.map(|_| ())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// tokio's own part of a task is 104 bytes; the rest of its 128 is ours.
    #[test]
    fn an_idle_connection_is_small() {
        assert_eq!(size_of::<Service>(), 24);
        assert!(size_of::<Connection>() <= 88, "{}", size_of::<Connection>());
    }
}
