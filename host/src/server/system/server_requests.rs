//! What the system account may ask of a server: `$SYS.REQ.SERVER.PING.X` for every server, and
//! `$SYS.REQ.SERVER.<id>.X` for one (reference config-and-operations 5.3).

use std::sync::Arc;

use nervure_core::account::Reach;
use serde::Serialize;

use super::{Call, Services};
use crate::monitor::json;
use crate::server::status::Status;

/// Adds these services.
pub(super) fn add_to(services: &mut Services, status: &Arc<Status>) {
    let id = status.info().server_id.clone();
    let mut add = |name: &str, handler: fn(Call<'_>, &Status)| {
        for who in ["PING", &id] {
            let status = status.clone();
            let subject = format!("$SYS.REQ.SERVER.{who}.{name}");
            services.add(&subject, Reach::SystemAccount, move |call| handler(call, &status));
        }
    };
    add("IDZ", idz);
}

#[derive(Serialize)]
struct Id<'a> {
    name: &'a str,
    host: &'a str,
    id: &'a str,
}

fn idz(call: Call<'_>, status: &Status) {
    let Some(reply) = call.reply else { return };
    let info = status.info();
    let id = Id { name: &info.server_name, host: &info.host, id: &info.server_id };
    reply.send(json::compact(&id));
}
