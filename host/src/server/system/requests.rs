//! What the server itself asks others.

use std::collections::HashMap;
use std::time::Duration;

use nervure_core::shard::OwnResponse;
use tokio::sync::oneshot;

use super::Publication;

/// Where the payload of the first answer goes; nothing where none came in time.
type Done = oneshot::Sender<Option<Box<[u8]>>>;

/// A request of the server's own, on its way to the shard that makes it.
#[derive(Debug)]
pub(in crate::server) struct OwnRequest {
    /// What is asked.
    pub(in crate::server) publication: Publication,
    /// How long an answer is waited for.
    pub(in crate::server) timeout: Duration,
    /// Where the answer goes.
    pub(in crate::server) done: Done,
}

/// The requests of a shard that wait for their answers.
#[derive(Debug, Default)]
pub(in crate::server) struct OwnRequests {
    last: u64,
    waiting: HashMap<u64, Done>,
}

impl OwnRequests {
    /// One more waits; gives its number.
    pub(in crate::server) fn begin(&mut self, done: Done) -> u64 {
        self.last += 1;
        self.waiting.insert(self.last, done);
        self.last
    }

    /// It waits no longer.
    pub(in crate::server) fn end(&mut self, number: u64, response: Option<Box<OwnResponse>>) {
        if let Some(done) = self.waiting.remove(&number) {
            // Whoever asked may be gone.
            let _ = done.send(response.map(|response| response.payload));
        }
    }
}
