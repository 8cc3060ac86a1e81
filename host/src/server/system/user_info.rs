//! `$SYS.REQ.USER.INFO`: a user asks who he is (reference security 7.7).

use std::time::Duration;

use nervure_core::auth::{Lists, Responses};
use nervure_core::shard::{Client, Rights};
use serde::Serialize;

use super::Call;
use super::envelope::Speaker;

#[derive(Serialize)]
struct UserInfo<'a> {
    user: &'a str,
    account: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    account_name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    user_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    permissions: Option<PermissionMap<'a>>,
    #[serde(skip_serializing_if = "is_zero")]
    expires: u64,
}

#[derive(Serialize)]
struct PermissionMap<'a> {
    publish: ListMap<'a>,
    subscribe: ListMap<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    responses: Option<ResponseMap>,
}

#[derive(Serialize)]
struct ListMap<'a> {
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    allow: &'a [String],
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    deny: &'a [String],
}

#[derive(Serialize)]
struct ResponseMap {
    max: i64,
    ttl: i64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl<'a> From<&'a Lists> for ListMap<'a> {
    fn from(lists: &'a Lists) -> Self {
        Self { allow: &lists.allow, deny: &lists.deny }
    }
}

impl From<Responses> for ResponseMap {
    /// What has no limit is negative.
    fn from(responses: Responses) -> Self {
        let ttl = |ttl: Duration| i64::try_from(ttl.as_nanos()).unwrap_or(i64::MAX);
        Self { max: responses.max.map_or(-1, i64::from), ttl: responses.expires.map_or(-1, ttl) }
    }
}

impl<'a> UserInfo<'a> {
    fn new(client: &'a Client, rights: &'a Rights) -> Self {
        let permissions = rights.permissions.as_deref().map(|permissions| {
            let written = permissions.written();
            PermissionMap {
                publish: (&written.publish).into(),
                subscribe: (&written.subscribe).into(),
                responses: written.responses.map(Into::into),
            }
        });
        Self {
            user: &client.user,
            account: &client.account,
            account_name: &client.account,
            user_name: rights.user_name.as_deref().unwrap_or_default(),
            permissions,
            expires: rights.expires.map_or(0, |left| left.as_secs() * 1_000_000_000),
        }
    }
}

/// Answers. Only a client can ask.
pub(super) fn answer(call: Call<'_>, speaker: &Speaker) {
    let Call { message, shard, reply: Some(reply), .. } = call else { return };
    let Some(caller) = message.caller else { return };
    if let (Some(client), Some(rights)) = (shard.client(caller), shard.rights(caller)) {
        speaker.answer(reply, Ok(UserInfo::new(&client, &rights)));
    }
}
