//! Clients of several shards while another configuration comes into force.

#![allow(clippy::unwrap_used, reason = "a test says no by panicking")]

use std::io::IoSlice;
use std::sync::Arc;

use nervure_core::auth::{Auth, Secret, User, Users};
use nervure_core::link::{Endpoint, Transport};
use nervure_core::settings::Settings;
use nervure_core::shard::{Output, Shard, Shared};
use nervure_core::{CloseReason, LinkId, ShardId, Time};

fn users(users: &[(&str, &str)]) -> Settings {
    let users = users.iter().map(|(user, pass)| User::with_password(user, Secret::new(pass)));
    let users = Arc::new(Users::new(users));
    Settings { auth: Auth { required: true, users, ..Auth::default() }, ..Settings::default() }
}

struct World {
    shared: Arc<Shared>,
    shards: Vec<Shard>,
}

impl World {
    fn new(shards: u16, settings: Settings) -> Self {
        let (shared, settings) = (Shared::new(usize::from(shards)), Arc::new(settings));
        let shard = |id| Shard::new(ShardId(id), shared.clone(), settings.clone(), 1);
        Self { shards: (0..shards).map(shard).collect(), shared }
    }

    /// A client of a shard; `connect` is what it says, if anything.
    fn client(&mut self, shard: usize, connect: &str) -> LinkId {
        let peer = ([127, 0, 0, 1], 1).into();
        let endpoint = Endpoint::new(peer, Transport::Tcp, Arc::default(), [b'0'; 15]);
        let link = self.shards[shard].open(Time::ZERO, endpoint).unwrap();
        self.shards[shard].receive(Time::ZERO, link, connect.as_bytes());
        self.drain(shard);
        link
    }

    /// Carries out what a shard asks for; tells who was closed, why, and what they heard last.
    fn drain(&mut self, shard: usize) -> Vec<(LinkId, CloseReason, String)> {
        let shard = &mut self.shards[shard];
        let (mut closed, mut heard) = (Vec::new(), std::collections::HashMap::new());
        loop {
            match shard.poll() {
                Output::Flush(link) => {
                    let mut slices = [IoSlice::new(&[]); 8];
                    let filled = shard.outbound(link).unwrap().slices(&mut slices);
                    let bytes: Vec<u8> =
                        slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect();
                    shard.written(Time::ZERO, link, bytes.len());
                    heard.insert(link, String::from_utf8(bytes).unwrap());
                }
                Output::Close(link, reason) => {
                    shard.closed(Time::ZERO, link, reason);
                    closed.push((link, reason, heard.remove(&link).unwrap_or_default()));
                }
                Output::Idle(_) => return closed,
                _ => {}
            }
        }
    }

    fn reload(&mut self, settings: Settings) -> Vec<Vec<(LinkId, CloseReason, String)>> {
        self.shared.trim_clients(settings.limits.max_connections);
        let settings = Arc::new(settings);
        self.shards.iter_mut().for_each(|shard| shard.reconfigure(Time::ZERO, settings.clone()));
        (0..self.shards.len()).map(|shard| self.drain(shard)).collect()
    }
}

const VIOLATION: &str = "-ERR 'Authorization Violation'\r\n";

#[test]
fn credentials_are_held_against_the_new_users() {
    let mut world = World::new(1, users(&[("stays", "1"), ("changed", "1"), ("gone", "1")]));
    let login = |user| format!("CONNECT {{\"user\":\"{user}\",\"pass\":\"1\"}}\r\n");
    world.client(0, &login("stays"));
    let changed = world.client(0, &login("changed"));
    let gone = world.client(0, &login("gone"));
    let silent = world.client(0, "");
    let closed = world.reload(users(&[("stays", "1"), ("changed", "2")])).remove(0);
    assert_eq!(
        closed,
        [
            (changed, CloseReason::AuthenticationFailure, VIOLATION.to_owned()),
            (gone, CloseReason::ClientClosed, String::new()),
        ]
    );
    world.shards[0].receive(Time::ZERO, silent, login("stays").as_bytes());
    assert!(world.drain(0).is_empty(), "who had not said CONNECT yet may still do so");
}

#[test]
fn authentication_can_come_and_go() {
    let mut world = World::new(1, Settings::default());
    let user = world.client(0, "CONNECT {\"user\":\"a\",\"pass\":\"1\"}\r\n");
    let nobody = world.client(0, "CONNECT {}\r\n");
    let silent = world.client(0, "PING\r\n");
    let violation = |id| (id, CloseReason::AuthenticationFailure, VIOLATION.to_owned());
    let closed = world.reload(users(&[("a", "1")])).remove(0);
    assert_eq!(closed, [violation(nobody), violation(silent)]);
    let waiting = world.client(0, "");
    let closed = world.reload(Settings::default()).remove(0);
    assert_eq!(closed, [(user, CloseReason::ClientClosed, String::new())], "there are no users");
    world.shards[0].receive(Time::ZERO, waiting, b"PUB x 0\r\n\r\n");
    assert!(world.drain(0).is_empty(), "CONNECT is not called for any more");
}

#[test]
fn the_surplus_is_closed_once_over_all_shards() {
    let mut world = World::new(3, Settings::default());
    for client in 0..9 {
        world.client(client % 3, "CONNECT {}\r\n");
    }
    let mut settings = Settings::default();
    settings.limits.max_connections = 4;
    let closed: Vec<_> = world.reload(settings.clone()).into_iter().flatten().collect();
    assert_eq!(closed.len(), 5);
    for (_, reason, heard) in closed {
        assert_eq!(reason, CloseReason::MaxConnectionsExceeded);
        assert_eq!(heard, "-ERR 'maximum connections exceeded'\r\n");
    }
    assert_eq!(world.shards.iter().map(Shard::link_count).sum::<usize>(), 4);
    settings.limits.max_connections = 100;
    assert!(world.reload(settings).iter().all(Vec::is_empty), "and not again");
}
