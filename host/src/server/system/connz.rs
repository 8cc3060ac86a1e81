//! `CONNZ`: the connections of the server or of one account (reference config-and-operations 4.3).
//! Connections that are closed are not remembered so far: asked for, they are none.

use std::cmp::Ordering;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use nervure_core::link::Transport;
use nervure_core::shard::{Client, ClientSubscription, Shard};
use nervure_core::subject;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use super::Reply;
use super::envelope::{Failure, Speaker};
use super::survey::survey;
use crate::monitor::{Timestamp, uptime_text};
use crate::server::shard_loop::Command;

/// Connections in one answer unless the request says otherwise.
const DEFAULT_LIMIT: usize = 1024;

/// `state` of a request that is about closed connections only.
const CLOSED: i64 = 1;

/// What a request wants.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct ConnzOptions {
    sort: String,
    auth: bool,
    subscriptions: bool,
    subscriptions_detail: bool,
    offset: i64,
    limit: i64,
    cid: u64,
    mqtt_client: String,
    state: i64,
    user: String,
    /// The only account that is wanted; empty for all.
    pub(super) acc: String,
    filter_subject: String,
}

#[derive(Serialize)]
struct Connz {
    server_id: String,
    now: Timestamp,
    num_connections: usize,
    total: usize,
    offset: usize,
    limit: usize,
    connections: Option<Vec<ConnInfo>>,
}

#[derive(Serialize)]
struct ConnInfo {
    cid: u64,
    kind: &'static str,
    #[serde(rename = "type")]
    transport: &'static str,
    ip: String,
    port: u16,
    start: Timestamp,
    last_activity: Timestamp,
    #[serde(skip_serializing_if = "String::is_empty")]
    rtt: String,
    uptime: String,
    idle: String,
    pending_bytes: usize,
    in_msgs: u64,
    out_msgs: u64,
    in_bytes: u64,
    out_bytes: u64,
    subscriptions: usize,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: Box<str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    lang: Box<str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    version: Box<str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    authorized_user: Box<str>,
    #[serde(skip_serializing_if = "String::is_empty")]
    account: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subscriptions_list: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    subscriptions_list_detail: Vec<SubDetail>,
    #[serde(skip_serializing_if = "String::is_empty")]
    name_tag: String,
}

#[derive(Serialize)]
struct SubDetail {
    subject: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    qgroup: String,
    sid: String,
    msgs: u64,
    #[serde(skip_serializing_if = "is_zero")]
    max: u32,
    cid: u64,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// A connection, and its subscriptions if they are wanted.
type Found = (Client, Vec<ClientSubscription>);

/// Answers once every shard has been looked at.
pub(super) fn answer(
    speaker: &Arc<Speaker>,
    reply: Reply,
    shards: &[mpsc::UnboundedSender<Command>],
    options: ConnzOptions,
) {
    let Some(order) = order(&options.sort) else {
        let text = format!("invalid sorting option: {}", options.sort);
        return speaker.answer::<()>(reply, Err(Failure::failed(text)));
    };
    if !options.filter_subject.is_empty() && options.acc.is_empty() {
        let text = "filter by subject only valid with account filtering";
        return speaker.answer::<()>(reply, Err(Failure::failed(text)));
    }
    let account = speaker.status.shared.known_account(&options.acc);
    if account.is_none() && !options.acc.is_empty() {
        return speaker.answer(reply, Ok(Connz::of_nobody(&options)));
    }
    let (speaker, wanted) = (speaker.clone(), options.clone());
    let account = account.map(|account| account.id);
    let look = move |shard: &Shard| -> Vec<Found> {
        let detailed = wanted.subscriptions || wanted.subscriptions_detail;
        let clients = shard.clients(account).into_iter().filter(|_| wanted.state != CLOSED);
        let subscribed = !wanted.filter_subject.is_empty();
        let found = clients.map(|(id, client)| {
            let subscriptions = match detailed || subscribed {
                true => shard.subscriptions_of(id),
                false => Vec::new(),
            };
            (client, subscriptions)
        });
        let filter = wanted.filter_subject.as_bytes();
        let overlaps = |sub: &ClientSubscription| subject::collide(&sub.subject, filter);
        found.filter(|(_, subs)| !subscribed || subs.iter().any(overlaps)).collect()
    };
    survey(shards, look, move |seen| {
        let found = seen.into_iter().flatten().collect();
        speaker.answer(reply, Ok(Connz::new(&speaker, &options, found, order)));
    });
}

type Order = fn(&Client, &Client) -> Ordering;

/// How a list is sorted; `None` for an option that does not exist. Equal ones are in the order of
/// their numbers.
fn order(sort: &str) -> Option<Order> {
    let order: Order = match sort {
        "" | "cid" | "start" => |a, b| a.cid.cmp(&b.cid),
        "subs" => |a, b| b.subscriptions.cmp(&a.subscriptions),
        "pending" => |a, b| b.pending.cmp(&a.pending),
        "msgs_to" => |a, b| b.sent.msgs.cmp(&a.sent.msgs),
        "msgs_from" => |a, b| b.received.msgs.cmp(&a.received.msgs),
        "bytes_to" => |a, b| b.sent.bytes.cmp(&a.sent.bytes),
        "bytes_from" => |a, b| b.received.bytes.cmp(&a.received.bytes),
        "last" => |a, b| b.active.cmp(&a.active),
        "idle" => |a, b| a.active.cmp(&b.active),
        "uptime" => |a, b| b.opened.cmp(&a.opened),
        "rtt" => |a, b| b.rtt.cmp(&a.rtt),
        _ => return None,
    };
    Some(order)
}

impl ConnzOptions {
    fn offset(&self) -> usize {
        usize::try_from(self.offset).unwrap_or(0)
    }

    fn limit(&self) -> usize {
        match usize::try_from(self.limit) {
            Ok(0) | Err(_) => DEFAULT_LIMIT,
            Ok(limit) => limit,
        }
    }

    fn wants(&self, client: &Client) -> bool {
        (self.cid == 0 || client.cid == self.cid)
            && (self.user.is_empty() || *client.user == *self.user)
            && self.mqtt_client.is_empty()
    }
}

impl Connz {
    /// An account that does not exist.
    fn of_nobody(options: &ConnzOptions) -> Self {
        Self {
            server_id: String::new(),
            now: Timestamp(SystemTime::now()),
            num_connections: 0,
            total: 0,
            offset: options.offset(),
            limit: options.limit(),
            connections: None,
        }
    }

    fn new(speaker: &Speaker, options: &ConnzOptions, mut found: Vec<Found>, order: Order) -> Self {
        found.sort_by(|(a, _), (b, _)| order(a, b).then(a.cid.cmp(&b.cid)));
        let now = SystemTime::now();
        let total = found.len();
        let (offset, limit) = (options.offset(), if options.cid > 0 { 1 } else { options.limit() });
        let wanted = found.into_iter().filter(|(client, _)| options.wants(client));
        let shown = wanted.skip(offset).take(limit);
        let connections: Vec<_> =
            shown.map(|(client, subs)| ConnInfo::new(client, subs, options, now)).collect();
        Self {
            server_id: speaker.status.info().server_id.clone(),
            now: Timestamp(now),
            num_connections: connections.len(),
            total,
            offset,
            limit,
            connections: Some(connections),
        }
    }
}

impl ConnInfo {
    fn new(
        client: Client,
        subscriptions: Vec<ClientSubscription>,
        options: &ConnzOptions,
        now: SystemTime,
    ) -> Self {
        let at = |since_1970: Duration| SystemTime::UNIX_EPOCH + since_1970;
        let ago = |since_1970| uptime_text(now.duration_since(at(since_1970)).unwrap_or_default());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let cid = client.cid;
        let details = subscriptions.iter().filter(|_| options.subscriptions_detail);
        let details = details.map(|sub| SubDetail {
            subject: text(&sub.subject),
            qgroup: sub.queue.as_deref().map(text).unwrap_or_default(),
            sid: text(&sub.sid),
            msgs: sub.delivered,
            max: sub.max,
            cid,
        });
        let listed = options.subscriptions && !options.subscriptions_detail;
        let names = subscriptions.iter().filter(|_| listed);
        let account = if options.auth { client.account.to_string() } else { String::new() };
        Self {
            cid,
            kind: "Client",
            transport: transport(client.transport),
            start: Timestamp(at(client.opened)),
            last_activity: Timestamp(at(client.active)),
            rtt: if client.rtt.is_zero() { String::new() } else { duration_text(client.rtt) },
            uptime: ago(client.opened),
            idle: ago(client.active),
            ip: client.ip,
            port: client.port,
            pending_bytes: client.pending,
            in_msgs: client.received.msgs,
            out_msgs: client.sent.msgs,
            in_bytes: client.received.bytes,
            out_bytes: client.sent.bytes,
            subscriptions: client.subscriptions,
            name: client.name,
            lang: client.lang,
            version: client.version,
            authorized_user: if options.auth { client.user } else { Box::default() },
            account: if account == nervure_core::account::GLOBAL {
                String::new()
            } else {
                account.clone()
            },
            subscriptions_list: names.map(|sub| text(&sub.subject)).collect(),
            subscriptions_list_detail: details.collect(),
            name_tag: account,
        }
    }
}

/// nats-server's name for a kind of client.
pub(super) const fn transport(transport: Transport) -> &'static str {
    match transport {
        Transport::Tcp => "nats",
        Transport::WebSocket => "websocket",
    }
}

/// A duration as nats-server writes it: `653µs`, `1.2ms`, `2.5s`, `1m30s`.
fn duration_text(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    let scaled = |unit: u128, name: &str| {
        let (whole, rest) = (nanos / unit, nanos % unit);
        let width = unit.ilog10() as usize;
        let digits = format!("{rest:0width$}");
        match digits.trim_end_matches('0') {
            "" => format!("{whole}{name}"),
            digits => format!("{whole}.{digits}{name}"),
        }
    };
    match nanos {
        0..1_000 => format!("{nanos}ns"),
        1_000..1_000_000 => scaled(1_000, "µs"),
        1_000_000..1_000_000_000 => scaled(1_000_000, "ms"),
        1_000_000_000..60_000_000_000 => scaled(1_000_000_000, "s"),
        _ => {
            let minutes = duration.as_secs() / 60;
            let rest = duration_text(duration - Duration::from_secs(minutes * 60));
            match (minutes / 60, minutes % 60) {
                (0, minutes) => format!("{minutes}m{rest}"),
                (hours, minutes) => format!("{hours}h{minutes}m{rest}"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_in_their_largest_unit() {
        for (nanos, text) in [
            (999, "999ns"),
            (653_000, "653µs"),
            (1_234, "1.234µs"),
            (11_905_737, "11.905737ms"),
            (1_187_699_638, "1.187699638s"),
            (2_000_000_000, "2s"),
            (90_500_000_000, "1m30.5s"),
            (3_661_000_000_000, "1h1m1s"),
        ] {
            assert_eq!(duration_text(Duration::from_nanos(nanos)), text);
        }
    }
}
