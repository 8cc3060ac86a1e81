//! What the server tells the system account of its own accord (reference security 11,
//! config-and-operations 5.5 and 5.6).
//!
//! Shards leave what happened to clients in a queue, and only if somebody listens; a task of its
//! own puts the messages together and has the first shard publish them. It waits for that shard
//! now and then, so that a storm of logins fills the queue and not the memory: what finds the
//! queue full is counted and dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use nervure_core::account::{Account, AccountId, GLOBAL};
use nervure_core::shard::{Advisory, Client, ClientEvent};
use serde::Serialize;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::Publication;
use super::connz::transport;
use super::envelope::{ServerCard, Speaker};
use super::statz::{AccountStat, DataStats, server_stats};
use crate::log::Logger;
use crate::monitor::{Timestamp, json};
use crate::server::shard_loop::Command;

/// Events that may wait.
const QUEUE: usize = 1 << 14;

/// Messages after which the first shard has to have published all before.
const BATCH: usize = 256;

/// How often an account with connections is told of (reference security 11.6).
const HEARTBEAT: Duration = Duration::from_secs(30);

/// When the server's own numbers are told for the first time, and most rarely.
const FIRST_STATSZ: Duration = Duration::from_millis(250);
const STATSZ: Duration = Duration::from_secs(10);

/// Digits of an event's id, and how many of them count.
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ID: usize = 22;
const COUNTING: usize = 10;

/// Where shards leave events.
#[derive(Clone)]
pub(in crate::server) struct EventQueue {
    sender: mpsc::Sender<Advisory>,
    dropped: Arc<AtomicU64>,
}

impl EventQueue {
    /// Leaves one more.
    pub(in crate::server) fn push(&self, advisory: Advisory) {
        if self.sender.try_send(advisory).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Puts events together.
pub(in crate::server) struct Reporter {
    speaker: Arc<Speaker>,
    events: mpsc::Receiver<Advisory>,
    dropped: Arc<AtomicU64>,
    log: Logger,
}

/// A new queue, and who empties it.
pub(in crate::server) fn queue(speaker: &Arc<Speaker>, log: &Logger) -> (EventQueue, Reporter) {
    let (sender, events) = mpsc::channel(QUEUE);
    let dropped = Arc::<AtomicU64>::default();
    let queue = EventQueue { sender, dropped: dropped.clone() };
    (queue, Reporter { speaker: speaker.clone(), events, dropped, log: log.clone() })
}

impl Reporter {
    /// Publishes events on `shard` until the shards have ended.
    pub(in crate::server) async fn run(mut self, shard: mpsc::UnboundedSender<Command>) {
        let mut heartbeat = tokio::time::interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        let (mut pause, mut statsz) = (FIRST_STATSZ, Instant::now() + FIRST_STATSZ);
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                count = self.events.recv_many(&mut batch, BATCH) => {
                    if count == 0 {
                        return;
                    }
                    for advisory in batch.drain(..) {
                        self.report(&shard, &advisory);
                    }
                    published(&shard).await;
                }
                _ = heartbeat.tick() => self.report_all_counts(&shard),
                () = tokio::time::sleep_until(statsz) => {
                    // nats-server's intervals: 0.25 s, then 1, 2, 4, 8 and from there on 10.
                    pause = (pause * 2).clamp(Duration::from_secs(1), STATSZ);
                    statsz += pause;
                    let id = self.speaker.status.info().server_id.clone();
                    let subject = format!("$SYS.SERVER.{id}.STATSZ");
                    self.say(&shard, &subject, || server_stats(&self.speaker));
                }
            }
            let dropped = self.dropped.swap(0, Ordering::Relaxed);
            if dropped > 0 {
                self.log.warn(format_args!(
                    "{dropped} system events were dropped: more happened than could be published"
                ));
            }
        }
    }

    fn report(&self, shard: &mpsc::UnboundedSender<Command>, advisory: &Advisory) {
        let at = advisory.at;
        match &advisory.event {
            ClientEvent::Connected(client) => {
                let subject = format!("$SYS.ACCOUNT.{}.CONNECT", client.account);
                self.say(shard, &subject, || self.connect(client, at));
            }
            ClientEvent::Disconnected(client, reason) => {
                let subject = format!("$SYS.ACCOUNT.{}.DISCONNECT", client.account);
                self.say(shard, &subject, || self.disconnect(client, at, reason.text(), None));
            }
            ClientEvent::Refused { client, reason, step, why, account, system } => {
                if let Some(account) = account {
                    let subject = "$SYS.ACCOUNT.CLIENT.AUTH.ERR";
                    let payload = self.disconnect(client, at, reason.text(), None);
                    self.publish(shard, *account, subject, payload);
                }
                if *system {
                    let id = self.speaker.status.info().server_id.clone();
                    let subject = format!("$SYS.SERVER.{id}.CLIENT.AUTH.ERR");
                    let denial = Some(Denial { step, why });
                    self.say(shard, &subject, || {
                        self.disconnect(client, at, reason.text(), denial)
                    });
                }
            }
            ClientEvent::Count(account) => self.report_count(shard, account),
        }
    }

    fn report_all_counts(&self, shard: &mpsc::UnboundedSender<Command>) {
        for account in self.speaker.status.shared.all_accounts() {
            if account.connections() > 0 && *account.name != *GLOBAL {
                self.report_count(shard, &account);
            }
        }
    }

    /// Both subjects get the same message.
    fn report_count(&self, shard: &mpsc::UnboundedSender<Command>, account: &Account) {
        let name = &account.name;
        let subjects = [
            format!("$SYS.SERVER.ACCOUNT.{name}.CONNS"),
            format!("$SYS.ACCOUNT.{name}.SERVER.CONNS"),
        ];
        let Some(system) = self.speaker.status.system_account() else { return };
        let heard = subjects.iter().filter(|subject| system.hears(subject.as_bytes()));
        let mut message = None;
        for subject in heard {
            let message =
                message.get_or_insert_with(|| account_connections(&self.speaker, account));
            self.publish(shard, system.id, subject, message.clone());
        }
    }

    /// Publishes in the system account, if anybody listens there.
    fn say(
        &self,
        shard: &mpsc::UnboundedSender<Command>,
        subject: &str,
        message: impl FnOnce() -> Vec<u8>,
    ) {
        let listens = |system: &Arc<Account>| system.hears(subject.as_bytes());
        if let Some(system) = self.speaker.status.system_account().filter(listens) {
            self.publish(shard, system.id, subject, message());
        }
    }

    fn publish(
        &self,
        shard: &mpsc::UnboundedSender<Command>,
        account: AccountId,
        subject: &str,
        payload: Vec<u8>,
    ) {
        if self.speaker.is_silent() {
            return;
        }
        let subject = subject.as_bytes().into();
        let message = Publication { account, subject, header: Vec::new(), payload };
        // A shard that has ended publishes nothing.
        let _ = shard.send(Command::Publish(message));
    }

    fn connect(&self, client: &Client, at: Duration) -> Vec<u8> {
        let head = Head::new("client_connect", &self.speaker, at);
        json::compact(&ConnectEvent { head, client: ClientInfo::new(client, None) })
    }

    fn disconnect(
        &self,
        client: &Client,
        at: Duration,
        reason: &str,
        nervure: Option<Denial<'_>>,
    ) -> Vec<u8> {
        json::compact(&DisconnectEvent {
            head: Head::new("client_disconnect", &self.speaker, at),
            client: ClientInfo::new(client, Some(at)),
            sent: client.received.into(),
            received: client.sent.into(),
            reason,
            nervure,
        })
    }
}

/// Tells the system account, if that listens, that the server is about to leave or to end, and
/// returns when that is published.
pub(in crate::server) async fn say_goodbye(
    speaker: &Speaker,
    shard: Option<mpsc::UnboundedSender<Command>>,
    what: &str,
) {
    let subject = format!("$SYS.SERVER.{}.{what}", speaker.status.info().server_id);
    let listens = |system: &Arc<Account>| system.hears(subject.as_bytes());
    let system = speaker.status.system_account().filter(listens);
    if let (Some(system), Some(shard), false) = (system, shard, speaker.is_silent()) {
        let (account, payload) = (system.id, json::compact(&speaker.card()));
        let subject = subject.as_bytes().into();
        let message = Publication { account, subject, header: Vec::new(), payload };
        let _ = shard.send(Command::Publish(message));
        published(&shard).await;
    }
    speaker.fall_silent();
}

/// Waits until a shard has published what it was told to.
async fn published(shard: &mpsc::UnboundedSender<Command>) {
    let (done, reached) = oneshot::channel();
    let look = Box::new(move |_: &_| {
        // Nobody waits when the server ends.
        let _ = done.send(());
    });
    if shard.send(Command::Look(look)).is_ok() {
        let _ = reached.await;
    }
}

/// What an account's number of connections is told as.
pub(super) fn account_connections(speaker: &Speaker, account: &Account) -> Vec<u8> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let head = Head::new("account_connections", speaker, now);
    json::compact(&ConnectionsEvent { head, stat: AccountStat::new(account) })
}

/// How every event begins.
#[derive(Serialize)]
struct Head {
    #[serde(rename = "type")]
    kind: String,
    id: String,
    timestamp: Timestamp,
    server: ServerCard,
}

impl Head {
    fn new(kind: &str, speaker: &Speaker, at: Duration) -> Self {
        Self {
            kind: format!("io.nats.server.advisory.v1.{kind}"),
            id: speaker.event_id(),
            timestamp: Timestamp(SystemTime::UNIX_EPOCH + at),
            server: speaker.card(),
        }
    }
}

#[derive(Serialize)]
struct ConnectEvent<'a> {
    #[serde(flatten)]
    head: Head,
    client: ClientInfo<'a>,
}

#[derive(Serialize)]
struct DisconnectEvent<'a> {
    #[serde(flatten)]
    head: Head,
    client: ClientInfo<'a>,
    sent: DataStats,
    received: DataStats,
    reason: &'a str,
    /// nats-server does not tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    nervure: Option<Denial<'a>>,
}

#[derive(Serialize)]
struct ConnectionsEvent {
    #[serde(flatten)]
    head: Head,
    #[serde(flatten)]
    stat: AccountStat,
}

/// Which link of the chain refused, and why.
#[derive(Serialize)]
struct Denial<'a> {
    step: &'a str,
    why: &'a str,
}

#[derive(Serialize)]
struct ClientInfo<'a> {
    start: Timestamp,
    #[serde(skip_serializing_if = "str::is_empty")]
    host: &'a str,
    id: u64,
    acc: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    user: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    lang: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    ver: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    rtt: u128,
    #[serde(skip_serializing_if = "Option::is_none")]
    stop: Option<Timestamp>,
    name_tag: &'a str,
    kind: &'static str,
    client_type: &'static str,
}

fn is_zero(number: &u128) -> bool {
    *number == 0
}

impl<'a> ClientInfo<'a> {
    /// A client, gone at `stop` if it is.
    fn new(client: &'a Client, stop: Option<Duration>) -> Self {
        let at = |since_1970| Timestamp(SystemTime::UNIX_EPOCH + since_1970);
        Self {
            start: at(client.opened),
            host: &client.ip,
            id: client.cid,
            acc: &client.account,
            user: &client.user,
            name: &client.name,
            lang: &client.lang,
            ver: &client.version,
            rtt: if stop.is_some() { client.rtt.as_nanos() } else { 0 },
            stop: stop.map(at),
            name_tag: &client.account,
            kind: "Client",
            client_type: transport(client.transport),
        }
    }
}

/// The ids of one server's events: letters by chance, then a number.
pub(super) struct EventIds {
    start: String,
    next: AtomicU64,
}

impl EventIds {
    /// Starts from these octets, which are by chance.
    pub(super) fn new(chance: &[u8; ID]) -> Self {
        let digit = |octet: &u8| char::from(ALPHABET[usize::from(*octet) % ALPHABET.len()]);
        Self { start: chance.iter().take(ID - COUNTING).map(digit).collect(), next: 0.into() }
    }

    /// One more.
    pub(super) fn next(&self) -> String {
        let mut number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut digits = [b'0'; COUNTING];
        for digit in digits.iter_mut().rev() {
            *digit = ALPHABET[(number % ALPHABET.len() as u64) as usize];
            number /= ALPHABET.len() as u64;
        }
        format!("{}{}", self.start, String::from_utf8_lossy(&digits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_22_letters_and_digits_that_never_come_again() {
        let ids = EventIds::new(&[255; ID]);
        let made: std::collections::HashSet<String> = (0..10_000).map(|_| ids.next()).collect();
        assert_eq!(made.len(), 10_000);
        let good = |id: &String| id.len() == 22 && id.bytes().all(|it| it.is_ascii_alphanumeric());
        assert!(made.iter().all(good));
    }
}
