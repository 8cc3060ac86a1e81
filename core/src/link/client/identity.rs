//! What a client's publications say of it: headers that the server writes, in place of what the
//! client may have put there itself. nats-server has nothing like it.
//!
//! Between a link's first checks and its mappings. What is written is put together at login and
//! at a reload; a publication only gets it behind its own headers.

use bytes::Bytes;

use crate::account::{Rules, SenderIdentity};
use crate::auth::{Identity, Login};
use crate::limits::SHARED_PAYLOAD;
use crate::link::Link;
use crate::link::client::ops::Sender;
use crate::shard::Shard;
use crate::wire::number::Decimal;
use crate::wire::{Body, Publish, Verbatim, encode, headers};

/// The first line of a header block.
const STATUS: &[u8] = b"NATS/1.0\r\n";

const ACCOUNT: &[u8] = b"Nats-Sender-Account";
const USER: &[u8] = b"Nats-Sender-User";
const NAME: &[u8] = b"Nats-Sender-Name";
const KIND: &[u8] = b"Nats-Sender-Kind";

/// What no client may write itself.
const NAMES: [&[u8]; 4] = [ACCOUNT, USER, NAME, KIND];

/// Octets of what a client calls itself that others are told. It chooses the name, and with every
/// message all receivers get it.
const MAX_NAME: usize = 256;

/// Room for a message that says who sent it.
#[derive(Debug, Default)]
pub(crate) struct Identified {
    header: Vec<u8>,
    /// The message as it would lie in the input.
    text: Vec<u8>,
}

impl Link {
    /// Puts together what its publications say of it. To be called when the account, the identity
    /// or the name changes.
    pub(crate) fn identify(&mut self, rules: &Rules) {
        self.flags.stamped = rules.sender_identity.is_some();
        self.stamp = rules.sender_identity.map(|told| self.stamp(told, rules)).unwrap_or_default();
        self.judge_patience();
    }

    fn stamp(&self, told: SenderIdentity, rules: &Rules) -> Box<[u8]> {
        let user = match &self.identity {
            Identity::User(user) => match &user.login {
                // What he is called is not what has been proven.
                Login::Statement { key, .. } => key,
                Login::Password { .. } | Login::Nkey { .. } => user.name(),
            },
            Identity::Token(_) | Identity::Anonymous => "",
        };
        let name = self.options.as_deref().map_or("", |options| &options.name);
        let name = name.get(..name.floor_char_boundary(MAX_NAME)).unwrap_or_default();
        let mut stamp = STATUS.to_vec();
        for (told, header, value) in [
            (told.account, ACCOUNT, &*rules.name),
            (told.user, USER, user),
            (told.name, NAME, name),
            // As in Nats-Request-Info.
            (told.kind, KIND, "Client"),
        ] {
            if told && !value.is_empty() {
                stamp.extend_from_slice(header);
                stamp.extend_from_slice(b": ");
                write_value(value, &mut stamp);
                stamp.extend_from_slice(encode::CRLF);
            }
        }
        stamp.extend_from_slice(encode::CRLF);
        if stamp.len() == STATUS.len() + encode::CRLF.len() { Box::default() } else { stamp.into() }
    }
}

/// Writes a header's value so that every client reads the same and no two values are read alike:
/// what ends a line and what is taken off at the ends is written as `%0D`, and so is `%` itself.
fn write_value(value: &str, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let last = value.len().saturating_sub(1);
    for (at, char) in value.char_indices() {
        let plain = match char {
            ' ' => at > 0 && at < last,
            '%' => false,
            _ => !char.is_control() && !char.is_whitespace(),
        };
        for octet in char.encode_utf8(&mut [0; 4]).bytes() {
            if plain {
                out.push(octet);
            } else {
                let digit = |of: u8| HEX[usize::from(of & 15)];
                out.extend_from_slice(&[b'%', digit(octet >> 4), digit(octet)]);
            }
        }
    }
}

impl Shard {
    /// [`Link::identify`], with what holds for its account.
    pub(crate) fn identify(&mut self, slot: u32) {
        if let Some(link) = self.links.at_mut(slot)
            && let Some(view) = self.views.get(link.account)
        {
            link.identify(&view.rules);
        }
    }

    /// Has a publication say who sent it, and nothing else about that.
    #[cold]
    #[inline(never)]
    pub(super) fn publish_stamped(&mut self, sender: Sender, publish: &Publish<'_>) {
        let Some(link) = self.links.at(sender.link.slot) else { return };
        if link.stamp.is_empty() && publish.header_len == 0 {
            return self.publish_identified(sender, publish);
        }
        let Identified { mut header, mut text } = std::mem::take(&mut self.identified);
        header.clear();
        if publish.header_len == 0 {
            header.extend_from_slice(&link.stamp);
        } else {
            headers::copy_without(publish.header(), &NAMES, &mut header);
            let stamp = link.stamp.strip_prefix(STATUS);
            header.extend_from_slice(stamp.unwrap_or(encode::CRLF));
        }
        let (payload, header_len) = (publish.payload(), header.len());
        let total = header_len + payload.len();
        let (header_size, size) = (Decimal::from(header_len), Decimal::from(total));
        let sizes = [header_size.as_bytes(), size.as_bytes()];
        let (body, verbatim) = if total < SHARED_PAYLOAD {
            let (line, start) = write_whole(publish, sizes, [&header, payload], &mut text);
            let (line, rest) = text.split_at(line);
            let body = rest.get(start..start + total).unwrap_or_default();
            (Body::Slice(body), Some(Verbatim { line, rest }))
        } else {
            (Body::Shared(Bytes::from([&header, payload].concat())), None)
        };
        let (subject, reply) = (publish.subject, publish.reply);
        let (size, header_size) = (size.as_bytes(), Some(header_size.as_bytes()));
        let stamped = Publish { subject, reply, size, header_size, header_len, body, verbatim };
        self.publish_identified(sender, &stamped);
        header.shrink_to(SHARED_PAYLOAD);
        self.identified = Identified { header, text };
    }
}

/// Writes a message as it would lie in the input. Returns the length of its [`Verbatim::line`],
/// and where in [`Verbatim::rest`] the body begins.
fn write_whole(
    publish: &Publish<'_>,
    [header_size, size]: [&[u8]; 2],
    [header, payload]: [&[u8]; 2],
    text: &mut Vec<u8>,
) -> (usize, usize) {
    text.clear();
    text.extend_from_slice(b"HPUB ");
    text.extend_from_slice(publish.subject);
    text.push(b' ');
    let line = text.len();
    if let Some(reply) = publish.reply {
        text.extend_from_slice(reply);
        text.push(b' ');
    }
    text.extend_from_slice(header_size);
    text.push(b' ');
    text.extend_from_slice(size);
    text.extend_from_slice(encode::CRLF);
    let start = text.len() - line;
    text.extend_from_slice(header);
    text.extend_from_slice(payload);
    text.extend_from_slice(encode::CRLF);
    (line, start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_one_line_without_blanks_at_the_ends_and_never_alike() {
        for (value, written) in [
            ("plain", "plain"),
            ("CN=a b, OU=c", "CN=a b, OU=c"),
            ("josé", "josé"),
            ("a\r\nNats-Sender-User: b", "a%0D%0ANats-Sender-User: b"),
            ("a%0D", "a%250D"),
            (" a  ", "%20a %20"),
            (" ", "%20"),
            ("\u{a0}a\u{85}\0", "%C2%A0a%C2%85%00"),
        ] {
            let mut out = Vec::new();
            write_value(value, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), written);
        }
    }
}
