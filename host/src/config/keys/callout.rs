//! The `auth_callout` block of `authorization` (reference security 10.1).
//!
//! One key is our own: `cache { max_age: "10m", max_entries: 10000 }` has what the service said
//! remembered for when it is down.

use std::time::Duration;

use nervure_core::auth::{PublicKey, Role};

use super::super::value::Value;
use super::{Block, Decoder, Entry, Kind, now};
use crate::auth::xkey::CurvePublicKey;
use crate::options::{CalloutCacheOptions, CalloutOptions, Options};

/// The block while it is read.
#[derive(Default)]
struct Draft {
    /// A value was wrong, so that it does not matter what is missing.
    wrong: bool,
    issuer: Option<PublicKey>,
    account: Option<String>,
    auth_users: Vec<String>,
    xkey: Option<String>,
    allowed_accounts: Vec<String>,
    cache: Option<CalloutCacheOptions>,
}

const BLOCK: Block<Draft> = Block {
    keys: &[
        now(
            &["issuer"],
            Kind::Custom(|decoder, draft, entry| {
                let Some(text) = decoder.callout_text(draft, entry) else { return };
                draft.issuer = PublicKey::parse_as(&text, Role::Account).ok();
                if draft.issuer.is_none() {
                    draft.wrong = true;
                    decoder.error(
                        entry.pos(),
                        format!(
                            "Expected callout user to be a valid public account nkey, got {text:?}"
                        ),
                    );
                }
            }),
        ),
        now(
            &["account", "acc"],
            Kind::String(|draft, text| draft.account = Some(text).filter(|it| !it.is_empty())),
        ),
        now(
            &["auth_users", "users"],
            Kind::Custom(|decoder, draft, entry| {
                draft.auth_users = decoder.callout_names(draft, entry, "auth_users");
            }),
        ),
        now(
            &["xkey", "key"],
            Kind::Custom(|decoder, draft, entry| {
                let Some(text) = decoder.callout_text(draft, entry) else { return };
                if CurvePublicKey::parse(&text).is_ok() {
                    draft.xkey = Some(text);
                } else {
                    draft.wrong = true;
                    decoder.error(
                        entry.pos(),
                        format!("Expected callout xkey to be a valid public xkey, got {text:?}"),
                    );
                }
            }),
        ),
        now(
            &["allowed_accounts"],
            Kind::Custom(|decoder, draft, entry| {
                let names = decoder.callout_names(draft, entry, "allowed accounts");
                draft.allowed_accounts = names;
            }),
        ),
        now(
            &["cache"],
            Kind::Custom(|decoder, draft, entry| {
                let mut cache = CalloutCacheOptions::default();
                if decoder.walk_node(&CACHE, &mut cache, entry.node) {
                    draft.cache = Some(cache);
                }
            }),
        ),
    ],
    unknown: |name| format!("Unknown field {name:?} parsing authorization callout"),
};

const CACHE: Block<CalloutCacheOptions> = Block {
    keys: &[
        now(
            &["max_age"],
            Kind::Custom(|decoder, cache, entry| {
                let Some(nanos) = decoder.duration(entry) else { return };
                match u64::try_from(nanos) {
                    Ok(nanos) if nanos > 0 => cache.max_age = Duration::from_nanos(nanos),
                    _ => decoder.error(entry.pos(), "auth_callout cache: max_age must be above 0"),
                }
            }),
        ),
        now(
            &["max_entries"],
            Kind::Custom(|decoder, cache, entry| {
                let Value::Int(count) = entry.value() else {
                    return decoder.wrong_type(entry.node, "int64");
                };
                match usize::try_from(*count) {
                    Ok(count) if count > 0 => cache.max_entries = count,
                    _ => decoder
                        .error(entry.pos(), "auth_callout cache: max_entries must be above 0"),
                }
            }),
        ),
    ],
    unknown: |name| format!("Unknown field {name:?} parsing authorization callout cache"),
};

impl Decoder<'_> {
    /// An `auth_callout` block.
    pub(super) fn callout(&mut self, entry: &Entry<'_>) -> Option<CalloutOptions> {
        let Value::Map(map) = entry.value() else {
            let value = entry.value();
            self.error(
                entry.pos(),
                format!("Expected authorization callout to be a map/struct, got {value}"),
            );
            return None;
        };
        let mut draft = Draft::default();
        self.walk(&BLOCK, &mut draft, map);
        // What is missing is reported at the last of what is there.
        let pos = map.iter().last().map_or(entry.pos(), |(_, node)| &node.pos);
        if draft.wrong {
            return None;
        }
        if draft.issuer.is_none() {
            self.error(pos, "Authorization callouts require an issuer to be specified");
        } else if draft.auth_users.is_empty() {
            self.error(pos, "Authorization callouts require authorized users to be specified");
        }
        Some(CalloutOptions {
            issuer: draft.issuer?,
            account: draft.account,
            auth_users: draft.auth_users,
            xkey: draft.xkey,
            allowed_accounts: draft.allowed_accounts,
            cache: draft.cache,
        })
    }

    fn callout_text(&mut self, draft: &mut Draft, entry: &Entry<'_>) -> Option<String> {
        let Value::String(text) = entry.value() else {
            draft.wrong = true;
            self.wrong_type(entry.node, "string");
            return None;
        };
        Some(text.clone())
    }

    /// A list of names.
    fn callout_names(&mut self, draft: &mut Draft, entry: &Entry<'_>, what: &str) -> Vec<String> {
        let before = self.errors.len();
        if matches!(entry.value(), Value::Array(_)) {
            let names = self.strings(entry.node).unwrap_or_default();
            draft.wrong |= self.errors.len() > before;
            return names;
        }
        draft.wrong = true;
        let kind = entry.value().type_name();
        self.error(entry.pos(), format!("Expected {what} field to be an array, got {kind}"));
        Vec::new()
    }

    /// Accounts that a callout is for have to be declared.
    pub(super) fn check_callout(&mut self, options: &Options) {
        let allowed = options.auth.callout.iter().flat_map(|callout| &callout.allowed_accounts);
        for name in allowed {
            if !options.accounts.iter().any(|account| account.name == *name) {
                self.bare_error(format!(
                    "auth_callout allowed account {name:?} not found in configured accounts"
                ));
            }
        }
    }
}
