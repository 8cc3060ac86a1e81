//! What a server with a configuration would do about a client, a publication or a subscription.

use std::fmt::Write as _;
use std::time::Duration;

use nervure_core::auth::Identity;
use nervure_core::explain::{self, Client};
use nervure_core::link::Transport;
use nervure_core::shard::Shared;
use nervure_core::wire::ServerInfo;

use super::{AuthError, Given, Input, Text};
use crate::config;
use crate::server;

/// Tells who a client would be, and where what it publishes would go.
pub(super) fn explain(given: &Given, _: &mut Input<'_>) -> Result<Text, AuthError> {
    let failed = |why: String| AuthError::Failed { doing: "reading the configuration", why };
    let file = given.needed_path("config")?;
    let options = config::load(file).map_err(|error| failed(error.to_string()))?.options;
    config::validate(&options).map_err(|error| failed(error.to_string()))?;
    let (shared, info) = (Shared::new(1), ServerInfo::default());
    let settings = server::settings(&shared, &options, &info, Duration::ZERO)
        .map_err(|error| failed(error.to_string()))?;
    let text = |flag: &str| given.text(flag).map(Option::unwrap_or_default);
    let (user, nkey, queue) = (text("user")?, text("nkey")?, given.text("queue")?);
    let client = Client { user: &user, nkey: &nkey, token: given.has("token") };
    let transport = if given.has("websocket") { Transport::WebSocket } else { Transport::Tcp };
    let mut out = String::new();
    let identity = match explain::login(&settings, client, transport) {
        Ok(identity) => identity,
        Err(why) => return Ok(format!("refused by {why}\n").into()),
    };
    // Writing to a String cannot fail.
    let _ = writeln!(out, "let in as {}", named(&identity));
    for subject in given.texts("pub")? {
        let _ = writeln!(out, "PUB {subject}");
        tell(&mut out, &explain::publication(&settings, &identity, &subject));
    }
    for subject in given.texts("sub")? {
        let of_queue = queue.as_ref().map_or_else(String::new, |queue| format!(" {queue}"));
        let _ = writeln!(out, "SUB {subject}{of_queue}");
        let told = explain::subscription(&settings, &identity, &subject, queue.as_deref());
        tell(&mut out, &told);
    }
    Ok(out.into())
}

fn named(identity: &Identity) -> String {
    let account = identity.account();
    match identity {
        Identity::User(user) => {
            let rules = if user.permissions.is_some() { "with" } else { "without" };
            format!("{} of account {account}, {rules} permissions", user.name())
        }
        Identity::Token(_) => format!("who has the token, of account {account}"),
        Identity::Anonymous => format!("nobody in particular, of account {account}"),
    }
}

fn tell(out: &mut String, lines: &[String]) {
    for line in lines {
        let _ = writeln!(out, "  {line}");
    }
}
