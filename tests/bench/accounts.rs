//! Many accounts with users of their own: what they cost at the start, and what it costs to log in
//! to each of them.

use std::fmt::Write;
use std::time::{Duration, Instant};

use crate::error::{BenchError, Result};
use crate::peer::{Peer, Transport};
use crate::sample::{Metric, Sample, mib};
use crate::servers::{Contestant, World};

/// Users of an account.
const USERS: usize = 10;

/// Most clients: each has a socket here and one at the server.
const MOST_CLIENTS: usize = 10_000;

/// How long a server is left alone before its memory is read.
const REST: Duration = Duration::from_millis(500);

/// The accounts as a configuration has them. All have the same names for their subjects, and every
/// one exports and imports nothing.
fn declared(count: usize) -> String {
    let mut text = "accounts {\n".to_owned();
    for account in 0..count {
        // Writing to a String cannot fail.
        let _ = write!(text, "  A{account} {{ users: [");
        for user in 0..USERS {
            let _ = write!(text, "{{ user: u{account}x{user}, password: p{user} }}, ");
        }
        text.push_str("] }\n");
    }
    text + "}\n"
}

/// Starts a server with so many accounts and has a client log in to each of them, by one of its
/// users, that publishes a message to itself. All of them stay.
pub(crate) fn accounts(contestant: &Contestant, count: usize) -> Result<Sample> {
    let world = World { more: declared(count), ..World::of(Transport::Plain) };
    let mut sample = Sample::default();
    let began = Instant::now();
    let server = contestant.start(&world)?;
    let door = server.door(Transport::Plain);
    let clients = count.min(MOST_CLIENTS);
    let mut peers = Vec::with_capacity(clients);
    let mut login = |number: usize| -> Result<()> {
        let user = number % USERS;
        let mut peer = Peer::login(&door, &format!("u{number}x{user}"), &format!("p{user}"))?;
        let heard = peer.ask(b"SUB ping 1\r\nPUB ping 4\r\npong\r\n")?;
        if memchr::memmem::find(&heard, b"MSG ping 1 4\r\npong\r\n").is_none() {
            return Err(BenchError::Unexpected(heard.escape_ascii().to_string()));
        }
        peers.push(peer);
        Ok(())
    };
    login(0)?;
    sample.add(Metric::Start, began.elapsed().as_secs_f64() * 1e3);
    std::thread::sleep(REST);
    let before = server.resident();
    sample.add(Metric::ResidentAtStart, mib(before));
    let (cpu, began) = (server.cpu()?, Instant::now());
    for number in 1..clients {
        login(number)?;
    }
    let logins = clients.saturating_sub(1).max(1) as f64;
    let rate = logins / began.elapsed().as_secs_f64();
    sample.add(Metric::Rate, rate);
    let cpu = server.cpu()?.saturating_sub(cpu);
    sample.add(Metric::ServerCpu, cpu.as_nanos() as f64 / logins);
    std::thread::sleep(REST);
    let after = server.resident();
    sample.add(Metric::Resident, mib(after));
    sample.add(Metric::PerConnection, after.saturating_sub(before) as f64 / logins);
    Ok(sample)
}
