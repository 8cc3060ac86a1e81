//! What would become of a client, a publication or a subscription, and why not: the answers of
//! `nervure auth explain`.
//!
//! Beside a message's way: the same steps, permissions, mappings and imports are asked, in the same
//! order, but nothing is delivered. Where chance decides, all outcomes are told.

use core::net::{IpAddr, Ipv4Addr};

use crate::account::{AccountId, Rules};
use crate::auth::operators::Ground;
use crate::auth::{Identity, Login, NONCE_LEN, Permissions, Shown, Verdict};
use crate::link::Transport;
use crate::settings::Settings;
use crate::subject;
use crate::wire::quote;

/// Accounts that a request is followed through.
const MAX_HOPS: usize = 32;

/// Who a client says that it is. That it can prove it is taken for granted. (Clients with tokens of
/// an operator are not asked about here: `nervure auth inspect` shows what their tokens say.)
#[derive(Clone, Copy, Debug, Default)]
pub struct Client<'a> {
    /// User name.
    pub user: &'a str,
    /// Public key.
    pub nkey: &'a str,
    /// It has the token.
    pub token: bool,
}

/// Who a client would be let in as.
///
/// # Errors
/// The step that refuses it, and why.
pub fn login(
    settings: &Settings,
    client: Client<'_>,
    transport: Transport,
) -> Result<Identity, String> {
    let auth = settings.auth_of(transport);
    let user = |name: &str| {
        let named = auth.users.nkey(name).or_else(|| auth.users.named(name));
        named.or_else(|| auth.single_user.clone().filter(|user| user.name() == name))
    };
    let mut shown = Shown {
        user: client.user,
        pass: "",
        token: if client.token { "token" } else { "" },
        nkey: client.nkey,
        jwt: "",
        sig: "",
        proxy_sig: "",
        nonce: &[b'0'; NONCE_LEN],
        certificate: None,
        kind: transport.connection_type(),
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        proven: None,
    };
    let stand_in = auth.stand_in(&shown);
    if let Some(user) = &stand_in {
        match user.login {
            Login::Nkey { .. } => shown.nkey = user.name(),
            _ => shown.user = user.name(),
        }
    }
    let proven = match (shown.user, shown.nkey) {
        ("", "") => auth.token.clone().map(Identity::Token),
        ("", name) | (name, _) => user(name).map(Identity::User),
    };
    shown.proven = proven.as_ref();
    let ground = Ground { accounts: &settings.accounts, now: 0, looked_up: true };
    match auth.decide(&shown, &ground) {
        Verdict::Grant(identity) => Ok(identity),
        Verdict::Deny(denial) => Err(denial.to_string()),
        Verdict::Delegate(_) => Err("the auth callout service decides".to_owned()),
        Verdict::Ask(..) | Verdict::NotMine => Err("nothing says yes".to_owned()),
    }
}

/// What becomes of a message that a client publishes to `subject`, line by line.
pub fn publication(settings: &Settings, identity: &Identity, subject: &str) -> Vec<String> {
    let mut told = Vec::new();
    let Some(rules) = rules_of(settings, identity) else {
        told.push(format!("there is no account {}", quote(identity.account().as_bytes())));
        return told;
    };
    if !subject::is_valid_literal(subject.as_bytes()) {
        told.push("the subject is not one to publish to: nobody can get the message".to_owned());
        return told;
    }
    for subject in mapped(rules, subject, &mut told) {
        match permissions(identity).and_then(|it| it.why_not_publish(subject.as_bytes())) {
            Some(why) => told.push(format!("{subject} is refused: {why}")),
            None => follow(settings, rules, &subject, 0, &mut told),
        }
    }
    told
}

/// What a client gets that subscribes to `subject`, line by line.
pub fn subscription(
    settings: &Settings,
    identity: &Identity,
    subject: &str,
    queue: Option<&str>,
) -> Vec<String> {
    let mut told = Vec::new();
    let Some(rules) = rules_of(settings, identity) else {
        told.push(format!("there is no account {}", quote(identity.account().as_bytes())));
        return told;
    };
    if !subject::is_valid_subscribe(subject.as_bytes()) {
        told.push("the subject is not valid: nothing could match it".to_owned());
        return told;
    }
    let why_not = permissions(identity)
        .and_then(|it| it.why_not_subscribe(subject.as_bytes(), queue.map(str::as_bytes)));
    if let Some(why) = why_not {
        told.push(format!("{subject} is refused: {why}"));
        return told;
    }
    told.push(format!("gets what is published to {subject} in account {}", rules.name));
    for import in &rules.streams {
        let mut there = Vec::new();
        if import.renaming.wanted(subject.as_bytes(), &mut there) {
            let exporter = name_of(settings, import.exporter);
            let there = String::from_utf8_lossy(&there);
            told.push(format!("... and to {there} in account {exporter} (stream import)"));
        }
    }
    told
}

/// Where a message goes that is published in an account.
fn follow(settings: &Settings, rules: &Rules, subject: &str, hops: usize, told: &mut Vec<String>) {
    told.push(format!("goes to who subscribes to {subject} in account {}", rules.name));
    if hops == 0 {
        streams(settings, rules.id, subject, told);
    }
    for import in &rules.services {
        if !subject::matches(import.renaming.local().as_bytes(), subject.as_bytes()) {
            continue;
        }
        let Some(exporter) = settings.accounts.rules(import.exporter) else { continue };
        let mut there = Vec::new();
        import.renaming.to_exporter(subject.as_bytes(), &mut there);
        let there = String::from_utf8_lossy(&there).into_owned();
        told.push(format!("goes on as {there} in account {} (service import)", exporter.name));
        if hops < MAX_HOPS {
            for subject in mapped(exporter, &there, told) {
                follow(settings, exporter, &subject, hops + 1, told);
            }
        }
    }
}

/// Which accounts hear what is published in this one.
fn streams(settings: &Settings, exporter: AccountId, subject: &str, told: &mut Vec<String>) {
    for importer in settings.accounts.iter() {
        let mine = importer.streams.iter().filter(|import| import.exporter == exporter);
        for import in mine {
            if !subject::matches(import.renaming.exporter().as_bytes(), subject.as_bytes()) {
                continue;
            }
            let mut here = Vec::new();
            match import.renaming.here() {
                Some(transform) => transform.rename(subject.as_bytes(), &mut here),
                None => here.extend_from_slice(subject.as_bytes()),
            }
            let here = String::from_utf8_lossy(&here);
            told.push(format!("is heard as {here} in account {} (stream import)", importer.name));
        }
    }
}

/// What the mappings of an account may make of a subject.
fn mapped(rules: &Rules, subject: &str, told: &mut Vec<String>) -> Vec<String> {
    let outcomes = rules.mappings.as_ref().map(|it| it.outcomes(subject.as_bytes()));
    let Some(outcomes) = outcomes.filter(|outcomes| !outcomes.is_empty()) else {
        return vec![subject.to_owned()];
    };
    let mut subjects = Vec::new();
    for (percent, outcome) in outcomes {
        match outcome {
            Some(mapped) => {
                let mapped = String::from_utf8_lossy(&mapped).into_owned();
                told.push(format!("{percent} % of {subject} become {mapped} (mapping)"));
                subjects.push(mapped);
            }
            None => told.push(format!("{percent} % of {subject} are lost (mapping)")),
        }
    }
    subjects
}

fn permissions(identity: &Identity) -> Option<&Permissions> {
    match identity {
        Identity::User(user) => user.permissions.as_deref(),
        Identity::Anonymous | Identity::Token(_) => None,
    }
}

fn rules_of<'s>(settings: &'s Settings, identity: &Identity) -> Option<&'s Rules> {
    let id = settings.accounts.named(identity.account())?;
    settings.accounts.rules(id).map(|rules| &**rules)
}

fn name_of(settings: &Settings, id: AccountId) -> &str {
    settings.accounts.rules(id).map_or("?", |rules| &rules.name)
}
