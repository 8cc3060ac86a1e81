//! A publication's way to its receivers: match, deliver to plain subscriptions, choose one member
//! of each queue group, answer with 503 when nobody took it (client-protocol.md 3.8, 4.2).
//!
//! Comes after a link's checks and ends in the outbound buffers of this shard's links, or in the
//! batch for another shard ([`mail`]).

pub(crate) mod deliver;
mod latency;
pub(crate) mod mail;
pub(crate) mod own;
mod request_info;
pub(crate) mod run;
pub(crate) mod services;
mod streams;
mod tracing_headers;

use std::sync::Arc;

use deliver::{Delivery, Effects, Means, NOBODY};
use mail::{Batch, Envelope, Origin, Pick};
use run::Run;
use services::Request;

use crate::account::AccountId;
use crate::id::{LinkId, ShardId, SubId};
use crate::interest::{Awaited, Member, Plan, QueueGroup};
use crate::link::Phase;
use crate::link::client::ops::Sender;
use crate::link::client::trace::Tracer;
use crate::shard::Shard;
use crate::wire::{Publish, encode};

impl Shard {
    /// Routes what a client with these flags published. Part of its callers down to the first
    /// delivery: a call costs twenty instructions a message.
    #[inline(always)]
    pub(crate) fn publish(&mut self, sender: Sender, message: &Publish<'_>) {
        let publisher = sender.link;
        let deaf = if sender.flags.echo { NOBODY } else { publisher.slot };
        let way = Way {
            account: sender.account,
            from: (self.id, publisher),
            deaf,
            crossed: false,
            patient: sender.flags.patient,
        };
        if self.route(way, message, None) == 0
            && let Some(reply) = message.reply
        {
            self.answer_no_responders(publisher.slot, message.subject, reply);
        }
        if !self.effects.is_quiet() {
            self.apply_effects(Some(publisher));
        }
    }

    /// Delivers to everybody who wants the message; returns how many took it, another shard
    /// counting as one. `request` is what is known of the requester when the message comes from
    /// another account.
    #[inline(always)]
    fn route(&mut self, way: Way, message: &Publish<'_>, request: Option<&Request>) -> usize {
        let own = self.id;
        let Some(found) = self.find(way.account, message, way.deaf) else { return 0 };
        let Match { plan, mut delivery, outboxes, picks, rng, run } = found;
        if way.crossed {
            delivery.keep_inside();
        }
        if plan.is_empty() {
            return 0;
        }
        if plan.local.len() >= run::RECEIVERS
            && run.begin(way, plan, &plan.shards, &delivery, message)
        {
            return plan.local.len();
        }
        let mut taken = delivery.hand_over_all(&plan.local);
        if plan.is_local_only() {
            return taken;
        }
        picks.clear();
        for (place, group) in plan.queues.iter().enumerate() {
            match choose(group, own, rng, &mut delivery) {
                Choice::Taken => taken += 1,
                Choice::Elsewhere(sub) => picks.push((sub, place)),
                Choice::Nobody => {}
            }
        }
        for (target, outbox) in (0..).map(ShardId).zip(outboxes.iter_mut()) {
            let plain = plan.shards.contains(&target);
            let picks = picks.iter().filter(|(sub, _)| sub.shard == target);
            let picks = picks.filter_map(|&(sub, place)| {
                plan.queues.get(place).map(|group| Pick { sub, group: &group.name })
            });
            taken += usize::from(outbox.push(way, 0, plain, picks, message));
        }
        if plan.is_left() {
            let (services, responses) = (plan.services.clone(), plan.responses);
            taken += self.cross(way, services.as_deref(), responses, message, request);
        }
        taken
    }

    /// [`Self::route`] in another account than the one that the message was published in.
    #[inline(never)]
    fn route_on(&mut self, way: Way, message: &Publish<'_>, request: Option<&Request>) -> usize {
        self.behold(way.account);
        self.route(way, message, request)
    }

    /// Who wants a message, and what it takes to give it to them. `deaf` as in [`Delivery::new`].
    #[inline(always)]
    fn find<'a>(
        &'a mut self,
        account: AccountId,
        message: &'a Publish<'a>,
        deaf: u32,
    ) -> Option<Match<'a>> {
        let Self {
            views,
            links,
            subs,
            pool,
            effects,
            outboxes,
            picks,
            rng,
            run,
            settings,
            now,
            hasher,
            outputs,
            ..
        } = self;
        let tracer = settings.trace.map(|rules| Tracer::new(rules, outputs));
        let limits = &settings.limits;
        let means = Means { links, subs, pool, effects, limits, now: *now, hasher, tracer };
        let view = views.get_mut(account)?;
        Some(Match {
            plan: view.cache.plan(&view.account.interest, message.subject),
            delivery: Delivery::new(means, deaf, message),
            outboxes,
            picks,
            rng,
            run,
        })
    }

    /// Ends the run under way, if there is one. To be called before anything else is said to any
    /// link.
    #[inline]
    pub(crate) fn end_run(&mut self) {
        if let Some(from) = self.run.from() {
            self.deliver_run(from);
        }
    }

    #[inline(never)]
    fn deliver_run(&mut self, (shard, link): Origin) {
        let Self { links, subs, pool, effects, settings, now, hasher, run, outboxes, .. } = self;
        let (limits, now) = (&settings.limits, *now);
        let mut means = Means { links, subs, pool, effects, limits, now, hasher, tracer: None };
        run.deliver(&mut means, outboxes);
        if shard != self.id {
            self.apply_relayed_effects((shard, link));
        } else if !self.effects.is_quiet() {
            self.apply_effects(Some(link));
        }
    }

    /// Carries out what the delivery of a message from another shard left to be done, and has
    /// its publisher slowed down there if a consumer lags behind.
    fn apply_relayed_effects(&mut self, (shard, link): Origin) {
        let lagging = std::mem::take(&mut self.effects.stall_millis) > 0;
        self.apply_effects(None);
        if lagging && let Some(outbox) = self.outboxes.get_mut(usize::from(shard.0)) {
            outbox.push_stall(link);
        }
    }

    /// Delivers what other shards handed over, until there is no more or `limit` bytes wait to be
    /// written, and `each` for every link with some; what is left stays in the inbox.
    pub(crate) fn deliver_inbox(&mut self, limit: u64, each: u64) {
        let mut inbox = std::mem::take(&mut self.inbox);
        while let Some(batch) = inbox.get_mut(self.inbox_next) {
            while let Some(envelope) = batch.next() {
                self.deliver_envelope(&envelope);
                if self.is_full(limit, each) {
                    self.inbox = inbox;
                    return;
                }
            }
            self.inbox_next += 1;
        }
        self.end_run();
        self.inbox_next = 0;
        self.shared.mailboxes[usize::from(self.id.0)].give_back(&mut inbox);
        self.inbox = inbox;
    }

    fn deliver_envelope(&mut self, envelope: &Envelope<'_>) {
        match envelope {
            Envelope::Stall(link) => {
                self.end_run();
                self.stall_link(*link);
            }
            Envelope::Responder(responder) => self.meet_responder(Arc::clone(responder)),
            Envelope::Message(routed) => {
                let message = &routed.message();
                if !(routed.is_plain() && self.run.join(routed.from, message)) {
                    self.end_run();
                    self.deliver_routed(routed, message);
                }
            }
        }
    }

    /// Delivers one message from another shard.
    fn deliver_routed(&mut self, routed: &mail::Routed<'_>, message: &Publish<'_>) {
        let own = self.id;
        // A queue message that was handed on may come back to its publisher's shard.
        let deaf = match routed.from {
            (shard, from) if shard == own => self
                .links
                .at(from.slot)
                .filter(|link| link.id == from && !link.flags.echo)
                .map_or(NOBODY, |_| from.slot),
            _ => NOBODY,
        };
        self.behold(routed.account);
        let Some(found) = self.find(routed.account, message, deaf) else { return };
        let Match { plan, mut delivery, outboxes, rng, run, .. } = found;
        let way = routed.way(deaf);
        if plan.local.len() >= run::RECEIVERS && run.begin(way, plan, &[], &delivery, message) {
            return;
        }
        if routed.crossed {
            delivery.keep_inside();
        }
        if routed.plain {
            delivery.hand_over_all(&plan.local);
        }
        for pick in routed.picks() {
            if delivery.hand_over(pick.sub) {
                delivery.count(1);
                continue;
            }
            // The member left, or may not have it: somebody else of its group gets it. All of this
            // shard are tried, then the next shard is, so that whoever may have it is found.
            let Some(group) = plan.queues.iter().find(|group| *group.name == *pick.group) else {
                continue;
            };
            let mut here = ring(group, rng).filter(|member| member.id.shard == own);
            if here.any(|member| delivery.hand_over(member.id)) {
                delivery.count(1);
            } else if usize::from(routed.handovers) + 1 < outboxes.len()
                && let Some(sub) = next_shard(group, own)
                && let Some(outbox) = outboxes.get_mut(usize::from(sub.shard.0))
            {
                let again = std::iter::once(Pick { sub, group: &group.name });
                outbox.push(routed.way(NOBODY), routed.handovers + 1, false, again, message);
            }
        }
        if routed.plain && plan.responses.here {
            let responses = Awaited { here: true, elsewhere: false };
            self.cross(routed.way(NOBODY), None, responses, message, None);
        }
        self.apply_relayed_effects(routed.from);
    }

    /// Tells the publisher that nobody is there, if it asked to be told.
    fn answer_no_responders(&mut self, slot: u32, subject: &[u8], reply: &[u8]) {
        if !self.links.at(slot).is_some_and(|link| link.flags.no_responders) {
            return;
        }
        let Some(link) = self.links.at(slot) else { return };
        let Some(view) = self.views.get(link.account) else { return };
        view.account.interest.find(reply, &mut self.found);
        let own = self.found.plain.iter().filter(|id| id.shard == self.id).find_map(|&id| {
            self.subs.get_mut(id).filter(|sub| sub.link == slot).map(|sub| sub.sid.clone())
        });
        if let Some(sid) = own {
            self.send(slot, |out| encode::no_responders(out, reply, sid.as_slice(), subject));
        }
    }

    /// Carries out what deliveries left to be done: subscriptions at their limit, links over
    /// theirs, a producer to slow down.
    pub(crate) fn apply_effects(&mut self, publisher: Option<LinkId>) {
        let Effects { mut ended, mut overfull, mut lagging, stall_millis, out_msgs, out_bytes } =
            std::mem::take(&mut self.effects);
        self.pass.out_msgs += out_msgs;
        self.pass.out_bytes += out_bytes;
        for sub in ended.drain(..) {
            self.end_subscription(sub);
        }
        for slot in overfull.drain(..) {
            self.overfull(slot);
        }
        for slot in lagging.drain(..) {
            if let (Some(producer), Some(link)) = (publisher, self.links.at_mut(slot))
                && !link.waiting.contains(&producer)
            {
                link.waiting.push(producer);
            }
        }
        self.pass.stall_millis += stall_millis;
        self.effects.ended = ended;
        self.effects.overfull = overfull;
        self.effects.lagging = lagging;
    }
}

/// How a message comes to the router.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Way {
    /// The account in which it is published.
    account: AccountId,
    from: Origin,
    /// The slot of a publisher that is not to hear itself, or [`NOBODY`].
    deaf: u32,
    /// It comes from another account, and is no stream for a third one.
    crossed: bool,
    /// It may wait for the next one of its publisher.
    patient: bool,
}

/// The parts of a shard that one message's routing uses side by side.
struct Match<'a> {
    plan: &'a Plan,
    delivery: Delivery<'a>,
    outboxes: &'a mut [Batch],
    picks: &'a mut Vec<(SubId, usize)>,
    rng: &'a mut fastrand::Rng,
    run: &'a mut Run,
}

enum Choice {
    /// A member of this shard has the message.
    Taken,
    /// This member, of another shard, is to get it.
    Elsewhere(SubId),
    /// No member could take it.
    Nobody,
}

/// The members of a group that may be chosen, from a random one on.
#[inline]
fn ring<'g>(
    group: &'g QueueGroup,
    rng: &mut fastrand::Rng,
) -> impl Iterator<Item = &'g Member> + use<'g> {
    let (start, count) = (group.start(rng), group.members.len());
    let members = (0..count).filter_map(move |step| group.members.get((start + step) % count));
    members.filter(|member| member.weight > 0)
}

/// A member of the next shard that has any, in a round that comes by all of them.
fn next_shard(group: &QueueGroup, own: ShardId) -> Option<SubId> {
    let others = group.members.iter().filter(|it| it.weight > 0 && it.id.shard != own);
    others.map(|member| member.id).min_by_key(|id| id.shard.0.wrapping_sub(own.0))
}

/// Walks a group's ring from a random start until somebody takes the message. Members of other
/// shards always do.
fn choose(
    group: &QueueGroup,
    own: ShardId,
    rng: &mut fastrand::Rng,
    delivery: &mut Delivery<'_>,
) -> Choice {
    for member in ring(group, rng) {
        if member.id.shard != own {
            return Choice::Elsewhere(member.id);
        }
        if delivery.hand_over(member.id) {
            delivery.count(1);
            return Choice::Taken;
        }
    }
    Choice::Nobody
}

/// Whether a link in this phase is read and gets messages.
pub(crate) fn takes_part(phase: Phase) -> bool {
    matches!(phase, Phase::Open | Phase::AwaitConnect(_) | Phase::Deciding(_))
}
