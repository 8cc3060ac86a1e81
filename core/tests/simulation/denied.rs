//! Users who may not have everything, in queue groups over several shards: nothing denied leaks, and
//! whoever may have a message is found.

use std::sync::Arc;

use nervure_core::auth::{Auth, Lists, Permissions, Rules, Secret, User, Users};
use nervure_core::settings::Settings;

use crate::Replay;
use crate::world::World;

/// Users without passwords, and the subjects, with or without a queue, that each may not have.
fn denied(users: &[(&str, &[&str])]) -> Settings {
    let users = users.iter().map(|(user, deny)| {
        let deny = deny.iter().map(|&entry| entry.to_owned()).collect();
        let subscribe = Lists { deny, ..Lists::default() };
        let permissions = Permissions::new(&Rules { subscribe, ..Rules::default() }).unwrap();
        let permissions = Some(Arc::new(permissions));
        User { permissions, ..User::with_password(user, Secret::default()) }
    });
    let users = Arc::new(Users::new(users));
    let auth = Auth { required: true, users, ..Auth::default() };
    Settings { auth, ..Settings::default() }
}

/// Many members that may not have some of a group's messages and one that may, anywhere on the
/// shards. Half way through a reload denies other messages.
fn play_denied(shards: u16, seed: u64) {
    let _replay = Replay(seed);
    let forbidden = ["s.no", "s.new"];
    let before = denied(&[("free", &[]), ("plain", &["s.no"]), ("queued", &["s.no q"])]);
    let after = denied(&[("free", &[]), ("plain", &["s.new"]), ("queued", &["s.new q"])]);
    let mut world = World::with(before, shards, seed);
    let any_shard = |world: &mut World| world.rng.usize(0..usize::from(shards));
    let mut users = Vec::new();
    for number in 0..12 {
        let user = match number {
            0 => "free",
            1..=6 => "plain",
            _ => "queued",
        };
        let shard = any_shard(&mut world);
        let client = world.connect_user(shard, true, (true, true), user);
        world.clients[client].subscribe("s.*", Some("q"), None);
        world.clients[client].subscribe("s.>", None, None);
        users.push(user);
    }
    world.settle();
    let publishers: Vec<usize> = (0..usize::from(shards))
        .map(|shard| world.connect_user(shard, true, (true, true), "free"))
        .collect();
    let mut reloaded_at = Vec::new();
    for round in 0..2 {
        for _ in 0..40 {
            let subject = ["s.no", "s.new", "s.yes"][world.rng.usize(0..3)];
            let publisher = publishers[any_shard(&mut world)];
            world.clients[publisher].publish(subject.to_owned(), None, 1);
            world.read(publisher);
            if world.rng.bool() {
                world.wake_one();
            }
        }
        world.settle();
        if round == 0 {
            let sent = publishers.iter().map(|&publisher| world.clients[publisher].published.len());
            reloaded_at = sent.collect();
            world.reconfigure(after.clone());
        }
    }
    let is_denied = |publisher: usize, number: usize, subject: &str| {
        let which = publisher - publishers[0];
        subject == forbidden[usize::from(number >= reloaded_at[which])]
    };
    let (mut sent, mut open) = (0, 0);
    for &publisher in &publishers {
        for (number, publication) in world.clients[publisher].published.iter().enumerate() {
            sent += 1;
            open += usize::from(!is_denied(publisher, number, &publication.subject));
        }
    }
    let mut taken = 0;
    for (client, user) in world.clients.iter().zip(users) {
        let expected = if user == "plain" { open } else { sent };
        let copies = client.heard.iter().filter(|heard| heard.sid == 1).count();
        assert_eq!(copies, expected, "{shards} shards: copies for {user}");
        for heard in &client.heard {
            let body = String::from_utf8_lossy(&heard.body);
            let mut parts = body.split(':').map(|part| part.parse::<usize>().unwrap_or_default());
            let (publisher, number) = (parts.next().unwrap(), parts.next().unwrap());
            let may = user == "free"
                || (user == "queued" && heard.sid == 1)
                || !is_denied(publisher, number, &heard.subject);
            assert!(may, "{shards} shards: {user} has {} by {}", heard.subject, heard.sid);
            taken += usize::from(heard.sid == 0);
        }
    }
    assert_eq!(taken, sent, "{shards} shards: each message to one member that may have it");
}

#[test]
fn what_is_denied_leaks_nowhere_and_groups_find_the_member_that_may_have_it() {
    for seed in 0..20 {
        for shards in 1..=5 {
            play_denied(shards, seed);
        }
    }
}
