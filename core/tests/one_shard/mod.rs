//! One shard, its time, and what it asks its driver to do.

use std::io::IoSlice;
use std::sync::Arc;
use std::time::Duration;

use nervure_core::auth::{Answer, Ask, CallId};
use nervure_core::link::{Endpoint, Transport};
use nervure_core::settings::Settings;
use nervure_core::shard::{Output, Shard, Shared};
use nervure_core::{CloseReason, LinkId, ShardId, Time};

/// What a shard asked its driver to do.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Asked {
    pub(crate) heard: Vec<(LinkId, String)>,
    pub(crate) asks: Vec<Ask>,
    pub(crate) resumed: Vec<LinkId>,
    pub(crate) responses: Vec<(u64, Option<Vec<u8>>)>,
    pub(crate) closed: Vec<(LinkId, CloseReason)>,
}

pub(crate) struct World {
    pub(crate) shard: Shard,
    pub(crate) now: Time,
}

impl World {
    pub(crate) fn new(settings: Settings) -> Self {
        let shard = Shard::new(ShardId(0), Shared::new(1), Arc::new(settings), 1);
        Self { shard, now: Time::ZERO }
    }

    pub(crate) fn open(&mut self) -> LinkId {
        let peer = ([127, 0, 0, 1], 1).into();
        let endpoint = Endpoint::new(peer, Transport::Tcp, Arc::default(), [b'0'; 15]);
        let link = self.shard.open(self.now, endpoint).unwrap();
        self.drain();
        link
    }

    /// Says something; how much of it is taken, and what comes of it.
    pub(crate) fn say(&mut self, link: LinkId, bytes: &[u8]) -> (usize, Asked) {
        let taken = self.shard.receive(self.now, link, bytes);
        (taken, self.drain())
    }

    pub(crate) fn answer(&mut self, call: CallId, answer: Answer) -> Asked {
        self.shard.resolve(self.now, call, answer);
        self.drain()
    }

    pub(crate) fn later(&mut self, by: Duration) -> Asked {
        self.now = self.now.after(by);
        self.shard.timeout(self.now);
        self.drain()
    }

    pub(crate) fn drain(&mut self) -> Asked {
        let mut asked = Asked::default();
        loop {
            match self.shard.poll() {
                Output::Flush(link) => {
                    let mut slices = [IoSlice::new(&[]); 64];
                    let filled = self.shard.outbound(link).unwrap().slices(&mut slices);
                    let bytes: Vec<u8> =
                        slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect();
                    self.shard.written(self.now, link, bytes.len());
                    asked.heard.push((link, String::from_utf8(bytes).unwrap()));
                }
                Output::Close(link, reason) => {
                    self.shard.closed(self.now, link, reason);
                    asked.closed.push((link, reason));
                }
                Output::Ask(ask) => asked.asks.push(*ask),
                Output::Resume(link) => asked.resumed.push(link),
                Output::Response(number, response) => {
                    let payload = response.map(|response| response.payload.into_vec());
                    asked.responses.push((number, payload));
                }
                Output::Idle(_) => return asked,
                _ => {}
            }
        }
    }
}
