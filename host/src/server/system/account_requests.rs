//! What accounts may ask about themselves, and the system account about any: connections and
//! numbers (reference security 7.7, config-and-operations 5.4).

use std::sync::Arc;

use nervure_core::account::Reach;

use super::envelope::Speaker;
use super::{Call, Services, connz, events, statz, user_info};

/// The token of an account that a request of the system account is about.
const ACCOUNT_TOKEN: usize = 3;

/// In its place: all of them.
const ALL: &str = "PING";

/// Adds these services.
pub(super) fn add_to(services: &mut Services, speaker: &Arc<Speaker>) {
    let mut add = |subject: &str, reach, handler: fn(Call<'_>, &Arc<Speaker>)| {
        let speaker = speaker.clone();
        services.add(subject, reach, move |call| handler(call, &speaker));
    };
    add("$SYS.REQ.USER.INFO", Reach::Everywhere, |call, speaker| user_info::answer(call, speaker));
    add("$SYS.REQ.ACCOUNT.PING.STATZ", Reach::OtherAccounts, own_statz);
    add("$SYS.REQ.ACCOUNT.PING.CONNZ", Reach::OtherAccounts, own_connz);
    add("$SYS.REQ.SERVER.PING.CONNZ", Reach::OtherAccounts, own_connz);
    add("$SYS.REQ.ACCOUNT.*.STATZ", Reach::SystemAccount, statz_of);
    add("$SYS.REQ.ACCOUNT.*.CONNZ", Reach::SystemAccount, connz_of);
    add("$SYS.REQ.ACCOUNT.*.CONNS", Reach::SystemAccount, conns_of);
}

/// The account that a request of the system account is about.
fn account_of(call: &Call<'_>) -> String {
    let token = call.message.subject.split(|octet| *octet == b'.').nth(ACCOUNT_TOKEN);
    String::from_utf8_lossy(token.unwrap_or_default()).into_owned()
}

fn own_statz(call: Call<'_>, speaker: &Arc<Speaker>) {
    let Call { message, reply: Some(reply), .. } = call else { return };
    let account = speaker.status.shared.all_accounts();
    let account = account.into_iter().find(|account| account.id == message.account);
    let options = speaker.options::<statz::StatzOptions>(&message.payload, reply);
    if let (Some((_, reply)), Some(account)) = (options, account) {
        statz::answer_accounts(speaker, reply, &[account], &statz::StatzOptions::default());
    }
}

fn own_connz(mut call: Call<'_>, speaker: &Arc<Speaker>) {
    let account = call.shard.settings().accounts.rules(call.message.account);
    let Some(account) = account.map(|rules| rules.name.to_string()) else { return };
    let Some(reply) = call.reply.take() else { return };
    let options = speaker.options::<connz::ConnzOptions>(&call.message.payload, reply);
    if let Some((mut options, reply)) = options {
        options.acc = account;
        connz::answer(speaker, reply, call.shards, options);
    }
}

fn statz_of(mut call: Call<'_>, speaker: &Arc<Speaker>) {
    let account = account_of(&call);
    let Some(reply) = call.reply.take() else { return };
    let options = speaker.options::<statz::StatzOptions>(&call.message.payload, reply);
    let Some((options, reply)) = options else { return };
    if account == ALL {
        // Accounts that are there no more have nobody in them.
        let mut accounts = speaker.status.shared.all_accounts();
        let in_force = &call.shard.settings().accounts;
        accounts.retain(|account| in_force.rules(account.id).is_some());
        return statz::answer_accounts(speaker, reply, &accounts, &options);
    }
    if let Some(account) = speaker.status.shared.known_account(&account) {
        statz::answer_accounts(speaker, reply, &[account], &statz::StatzOptions::default());
    }
}

fn connz_of(mut call: Call<'_>, speaker: &Arc<Speaker>) {
    let account = account_of(&call);
    let Some(reply) = call.reply.take() else { return };
    let options = speaker.options::<connz::ConnzOptions>(&call.message.payload, reply);
    if let Some((mut options, reply)) = options {
        options.acc = account;
        connz::answer(speaker, reply, call.shards, options);
    }
}

/// Answered only if there are connections.
fn conns_of(mut call: Call<'_>, speaker: &Arc<Speaker>) {
    let account = account_of(&call);
    let Some(reply) = call.reply.take() else { return };
    let account = speaker.status.shared.known_account(&account);
    if let Some(account) = account.filter(|account| account.connections() > 0) {
        reply.send(events::account_connections(speaker, &account));
    }
}
