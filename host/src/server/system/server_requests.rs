//! What the system account may ask of a server: `$SYS.REQ.SERVER.PING.X` of every server, and
//! `$SYS.REQ.SERVER.<id>.X` of one (reference config-and-operations 5.3).

use std::sync::Arc;
use std::time::SystemTime;

use nervure_core::account::Reach;
use serde::{Deserialize, Serialize};

use super::envelope::Speaker;
use super::{Call, Services, connz, statz};
use crate::monitor::{Health, StatusSource, Timestamp, json};

/// Adds these services.
pub(super) fn add_to(services: &mut Services, speaker: &Arc<Speaker>) {
    let id = speaker.status.info().server_id.clone();
    let mut add = |subject: &str, handler: Answer| {
        let speaker = speaker.clone();
        services.add(subject, Reach::SystemAccount, move |call| handler(call, &speaker));
    };
    add("$SYS.REQ.SERVER.PING", statsz);
    let named: [(&str, Answer); 6] = [
        ("IDZ", idz),
        ("STATSZ", statsz),
        ("VARZ", varz),
        ("CONNZ", connections),
        ("ACCOUNTZ", accounts),
        ("HEALTHZ", health),
    ];
    for (name, handler) in named {
        for who in ["PING", &id] {
            add(&format!("$SYS.REQ.SERVER.{who}.{name}"), handler);
        }
    }
}

/// How one of them is answered.
type Answer = fn(Call<'_>, &Arc<Speaker>);

/// Options of requests that have none of their own.
#[derive(Default, Deserialize)]
struct NoOptions {}

#[derive(Serialize)]
struct Id<'a> {
    name: &'a str,
    host: &'a str,
    id: &'a str,
}

fn idz(call: Call<'_>, speaker: &Arc<Speaker>) {
    let Some(reply) = call.reply else { return };
    let info = speaker.status.info();
    let id = Id { name: &info.server_name, host: &info.host, id: &info.server_id };
    reply.send(json::compact(&id));
}

fn statsz(call: Call<'_>, speaker: &Arc<Speaker>) {
    let Some(reply) = call.reply else { return };
    let options = speaker.options::<NoOptions>(&call.message.payload, reply);
    if let Some((_, reply)) = options {
        reply.send(statz::server_stats(speaker));
    }
}

fn varz(call: Call<'_>, speaker: &Arc<Speaker>) {
    let Some(reply) = call.reply else { return };
    let options = speaker.options::<NoOptions>(&call.message.payload, reply);
    if let Some((_, reply)) = options {
        speaker.answer(reply, Ok(speaker.status.varz()));
    }
}

fn connections(call: Call<'_>, speaker: &Arc<Speaker>) {
    let Some(reply) = call.reply else { return };
    let options = speaker.options::<connz::ConnzOptions>(&call.message.payload, reply);
    if let Some((options, reply)) = options {
        connz::answer(speaker, reply, call.shards, options);
    }
}

#[derive(Serialize)]
struct Accountz {
    server_id: String,
    now: Timestamp,
    system_account: String,
    accounts: Vec<String>,
}

#[derive(Serialize)]
struct Healthz {
    status: &'static str,
    status_code: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

fn accounts(call: Call<'_>, speaker: &Arc<Speaker>) {
    let Some(reply) = call.reply else { return };
    let options = speaker.options::<NoOptions>(&call.message.payload, reply);
    let Some((_, reply)) = options else { return };
    let accounts = &call.shard.settings().accounts;
    let name = |id| accounts.rules(id).map(|rules| rules.name.to_string());
    let accountz = Accountz {
        server_id: speaker.status.info().server_id.clone(),
        now: Timestamp(SystemTime::now()),
        system_account: accounts.system().and_then(name).unwrap_or_default(),
        accounts: accounts.iter().map(|rules| rules.name.to_string()).collect(),
    };
    speaker.answer(reply, Ok(accountz));
}

fn health(call: Call<'_>, speaker: &Arc<Speaker>) {
    let Some(reply) = call.reply else { return };
    let options = speaker.options::<NoOptions>(&call.message.payload, reply);
    let Some((_, reply)) = options else { return };
    let healthz = match speaker.status.health() {
        Health::Ok => Healthz { status: "ok", status_code: 200, error: None },
        Health::NotReady(listeners) => Healthz {
            status: "error",
            status_code: 503,
            error: Some(format!("not accepting connections: {}", listeners.join(", "))),
        },
    };
    speaker.answer(reply, Ok(healthz));
}
