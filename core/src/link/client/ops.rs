//! Dispatch of a client's operations.

use core::ops::ControlFlow;

use crate::account::AccountId;
use crate::id::LinkId;
use crate::link::{Flags, Phase};
use crate::reason::CloseReason;
use crate::shard::Shard;
use crate::subject;
use crate::wire::{Op, Publish, encode, headers};

/// Whether the rest of the read chunk is still wanted.
pub(crate) type Flow = ControlFlow<()>;

/// Who publishes, and what its link says about that.
#[derive(Clone, Copy)]
pub(crate) struct Sender {
    pub(crate) link: LinkId,
    pub(crate) account: AccountId,
    pub(crate) flags: Flags,
    /// It has permissions.
    restricted: bool,
}

impl Shard {
    /// Carries out one operation of the client in `slot`.
    #[inline]
    pub(crate) fn operate(&mut self, slot: u32, op: &Op<'_>) -> Flow {
        if let Some(rules) = self.settings.trace {
            self.trace_in(slot, op, rules);
        }
        if let Op::Pub(publish) = op {
            return self.publish_from_client(slot, publish);
        }
        self.operate_other(slot, op)
    }

    fn operate_other(&mut self, slot: u32, op: &Op<'_>) -> Flow {
        if !matches!(op, Op::Connect(_)) && !self.admit_by_traffic(slot) {
            return Flow::Break(());
        }
        match op {
            Op::Pub(_) | Op::Ok => Flow::Continue(()),
            Op::Info(json) => {
                if is_object_or_null(json) {
                    return Flow::Continue(());
                }
                self.misbehaved(slot, || "INFO is not a JSON object".to_owned());
                self.close(slot, CloseReason::ProtocolViolation);
                Flow::Break(())
            }
            Op::Connect(json) => self.connect(slot, json),
            Op::Ping => {
                self.active = true;
                self.pong(slot);
                Flow::Continue(())
            }
            Op::Pong => {
                let now = self.now;
                if let Some(link) = self.links.at_mut(slot) {
                    link.liveness.answered(now);
                }
                Flow::Continue(())
            }
            Op::Err(text) => {
                let text = String::from_utf8_lossy(text);
                self.misbehaved(slot, || format!("Client error: {text}"));
                self.close(slot, CloseReason::ParseError);
                Flow::Break(())
            }
            Op::Sub { subject, queue, sid } => {
                self.active = true;
                self.subscribe(slot, subject, *queue, sid);
                Flow::Continue(())
            }
            Op::Unsub { sid, max } => {
                self.active = true;
                self.unsubscribe(slot, sid, *max);
                Flow::Continue(())
            }
        }
    }

    /// Checks of a client's publication in nats-server's order (client-protocol.md 1.6), with
    /// its mapping among them, then routing.
    #[inline]
    pub(crate) fn publish_from_client(&mut self, slot: u32, publish: &Publish<'_>) -> Flow {
        self.active = true;
        let Some(link) = self.links.at(slot) else { return Flow::Break(()) };
        if !matches!(link.phase, Phase::Open) && !self.admit_by_traffic(slot) {
            return Flow::Break(());
        }
        let Some(link) = self.links.at(slot) else { return Flow::Break(()) };
        let sender = Sender {
            link: link.id,
            account: link.account,
            flags: link.flags,
            restricted: link.permissions.is_some(),
        };
        let size = publish.body.as_slice().len() as u64;
        self.pass.in_msgs += 1;
        self.pass.in_bytes += size;
        if sender.flags.pedantic && !subject::is_valid_literal(publish.subject) {
            self.send_error(slot, "Invalid Publish Subject");
        }
        if sender.flags.stamped {
            self.publish_stamped(sender, publish);
        } else if sender.flags.mapped {
            self.publish_mapped(sender, publish);
        } else {
            self.publish_permitted(sender, publish);
        }
        Flow::Continue(())
    }

    /// What becomes of a publication that says of its sender what it shall.
    pub(super) fn publish_identified(&mut self, sender: Sender, publish: &Publish<'_>) {
        if sender.flags.mapped {
            self.publish_mapped(sender, publish);
        } else {
            self.publish_permitted(sender, publish);
        }
    }

    /// [`Self::publish_permitted`] on the subject that the mappings make of the message's.
    #[inline(never)]
    fn publish_mapped(&mut self, sender: Sender, publish: &Publish<'_>) {
        let verb: &[u8] = if publish.header_len > 0 { b"HPUB " } else { b"PUB " };
        let mut line = std::mem::take(&mut self.renamed);
        line.clear();
        line.extend_from_slice(verb);
        let Self { views, rng, .. } = self;
        let mappings = views.get(sender.account).and_then(|view| view.rules.mappings.as_deref());
        let renamed;
        let mut publish = publish;
        if mappings.is_some_and(|it| it.apply(publish.subject, &mut line, rng)) {
            line.push(b' ');
            let subject = line.get(verb.len()..line.len() - 1).unwrap_or_default();
            if self.settings.trace.is_some() {
                self.trace_mapping(sender.link.slot, publish.subject, subject);
            }
            renamed = publish.renamed(subject, &line);
            publish = &renamed;
        }
        self.publish_permitted(sender, publish);
        self.renamed = line;
    }

    /// What is left to check of a publication when its subject is settled, then routing. Part of
    /// both callers, so that without mappings there is no call.
    #[inline(always)]
    fn publish_permitted(&mut self, sender: Sender, publish: &Publish<'_>) {
        let slot = sender.link.slot;
        if (is_reserved_subject(publish.subject) && !self.is_free(sender, publish.subject))
            || (sender.restricted && !self.may_publish(slot, publish.subject))
        {
            self.publish_violation(slot, publish.subject);
            return;
        }
        if let Some(reply) = publish.reply.filter(|reply| is_reserved_reply(reply)) {
            self.reply_violation(slot, reply);
            return;
        }
        if sender.flags.verbose {
            self.send_word(slot, encode::OK);
        }
        if publish.header_len > 0 && is_trace_only(publish.header()) {
            return;
        }
        self.publish(sender, publish);
    }

    /// Whether a subject of servers is open to a client all the same: it is in the system account.
    #[cold]
    fn is_free(&self, sender: Sender, subject: &[u8]) -> bool {
        subject.starts_with(b"$NRG.") && self.settings.accounts.system() == Some(sender.account)
    }

    /// Tells a client what it did wrong, and goes on.
    pub(crate) fn send_err(&mut self, slot: u32, text: &str) {
        self.send_error(slot, text);
        self.misbehaved(slot, || text.to_owned());
    }

    /// Answers a PING, and the first one after CONNECT with an INFO as well.
    fn pong(&mut self, slot: u32) {
        self.send_word(slot, encode::PONG);
        let Some(link) = self.links.at_mut(slot) else { return };
        if link.flags.connected && !link.flags.first_pong {
            link.flags.first_pong = true;
            link.liveness.greeted(link.opened, self.now);
            if link.flags.async_info {
                self.send_connect_info(slot);
            }
        }
    }
}

/// Clients have no reason to send INFO; nats-server looks at its shape all the same.
fn is_object_or_null(json: &[u8]) -> bool {
    let parsed: Result<serde_json::Value, _> = serde_json::from_slice(json);
    parsed.is_ok_and(|value| value.is_object() || value.is_null())
}

/// Messages that are only traced are not for subscribers (client-protocol.md 5.4). Tracing itself
/// is not there yet.
fn is_trace_only(header: &[u8]) -> bool {
    let only = headers::get(header, b"Nats-Trace-Only").unwrap_or_default();
    let wanted = [&b"1"[..], b"true", b"on"].iter().any(|word| only.eq_ignore_ascii_case(word));
    wanted && headers::get(header, b"Nats-Trace-Dest").is_some()
}

/// Subjects that only servers may publish to (client-protocol.md 3.3).
#[inline]
fn is_reserved_subject(subject: &[u8]) -> bool {
    match subject.first() {
        Some(b'_') => subject.len() > 5 && subject.starts_with(b"_GR_."),
        Some(b'$') => {
            (subject.len() > 4 && subject.starts_with(b"$GR.")) || subject.starts_with(b"$NRG.")
        }
        _ => false,
    }
}

/// Replies that carry a server's routing state (client-protocol.md 4.3).
#[inline]
fn is_reserved_reply(reply: &[u8]) -> bool {
    match reply.first() {
        Some(b'_') => {
            reply.starts_with(b"_R_.") || (reply.len() > 5 && reply.starts_with(b"_GR_."))
        }
        Some(b'$') => {
            (reply.len() > 8 && reply.starts_with(b"$JS.ACK."))
                || (reply.len() > 4 && reply.starts_with(b"$GR."))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_names_are_refused_at_exactly_the_observed_boundaries() {
        for subject in ["_GR_.x", "$GR.x", "$NRG.", "$NRG.x"] {
            assert!(is_reserved_subject(subject.as_bytes()), "{subject}");
        }
        for subject in ["_GR_.", "_GR_", "$GR.", "_INBOX.x", "$SYS.x", "$NRG", "foo", ""] {
            assert!(!is_reserved_subject(subject.as_bytes()), "{subject}");
        }
        for reply in ["_R_.", "_R_.x", "$JS.ACK.x", "_GR_.x", "$GR.x"] {
            assert!(is_reserved_reply(reply.as_bytes()), "{reply}");
        }
        for reply in ["_R_", "_R_x", "$JS.ACK", "$JS.ACK.", "_GR_.", "$GR.", "_INBOX.x"] {
            assert!(!is_reserved_reply(reply.as_bytes()), "{reply}");
        }
    }
}
