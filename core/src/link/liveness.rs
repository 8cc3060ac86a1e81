//! Is the peer still there? Judged only on what it sent, never on what was sent to it
//! (client-protocol.md 2.6).

use core::time::Duration;

use crate::time::Time;

/// Longest wait for the first ping after CONNECT.
const FIRST_PING: Duration = Duration::from_secs(2);

/// An active peer is pinged all the same when its round trip was last measured this long ago.
const MEASURE_AGAIN: Duration = Duration::from_secs(3600);

/// What to do when the ping timer fires.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verdict {
    /// It was active: nothing.
    Quiet,
    /// Ping it.
    Ping,
    /// It left too many pings unanswered.
    Stale,
}

/// Ping timer and unanswered pings of one peer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Liveness {
    due: Time,
    unanswered: u32,
    active: Time,
    /// When it was last pinged, if ever.
    pinged: Option<Time>,
    /// How long the last answer took; zero before there is one.
    rtt: Duration,
}

impl Liveness {
    pub(crate) fn new(now: Time, interval: Duration) -> Self {
        Self {
            due: now.after(interval),
            unanswered: 0,
            active: now,
            pinged: None,
            rtt: Duration::ZERO,
        }
    }

    /// When the ping timer fires.
    pub(crate) fn due(&self) -> Time {
        self.due
    }

    /// CONNECT arrived: the first ping comes soon, spread so that a crowd that reconnects is not
    /// pinged in one moment.
    pub(crate) fn connected(&mut self, now: Time, interval: Duration, rng: &mut fastrand::Rng) {
        let first = interval.min(FIRST_PING);
        self.due = now.after(first + first.mul_f64(rng.f64() * 0.2));
        self.active = now;
    }

    /// The peer published, subscribed, unsubscribed or pinged.
    pub(crate) fn active(&mut self, now: Time) {
        self.active = now;
    }

    /// A PONG, asked for or not.
    pub(crate) fn answered(&mut self, now: Time) {
        if let Some(pinged) = self.pinged.filter(|_| self.unanswered > 0) {
            self.rtt = now.since(pinged);
        }
        self.unanswered = 0;
    }

    /// CONNECT: what has come and gone since `opened` is taken for a round trip before there is a
    /// better measure, in whole microseconds (observed on nats-server 2.15.1).
    pub(crate) fn greeted(&mut self, opened: Time, now: Time) {
        if self.rtt.is_zero() {
            self.rtt = Duration::from_micros(now.since(opened).as_micros() as u64);
        }
    }

    /// When the peer last did something.
    pub(crate) fn last_activity(&self) -> Time {
        self.active
    }

    /// How long the last answer to a ping took; zero before there is one.
    pub(crate) fn rtt(&self) -> Duration {
        self.rtt
    }

    /// The timer fired.
    pub(crate) fn fire(&mut self, now: Time, interval: Duration, max: u32) -> Verdict {
        self.due = now.after(interval);
        let fresh = self.pinged.is_some_and(|at| now.since(at) < MEASURE_AGAIN);
        if fresh && now.since(self.active) < interval {
            return Verdict::Quiet;
        }
        if self.unanswered >= max {
            return Verdict::Stale;
        }
        self.unanswered += 1;
        self.pinged = Some(now);
        Verdict::Ping
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(millis: u64) -> Time {
        Time::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn a_silent_peer_is_stale_at_the_third_firing() {
        let mut liveness = Liveness::new(at(0), SECOND);
        assert_eq!(liveness.due(), at(1000));
        assert_eq!(liveness.fire(at(1000), SECOND, 2), Verdict::Ping);
        assert_eq!(liveness.fire(at(2000), SECOND, 2), Verdict::Ping);
        assert_eq!(liveness.fire(at(3000), SECOND, 2), Verdict::Stale);
    }

    #[test]
    fn a_pong_clears_the_count_but_is_no_activity() {
        let mut liveness = Liveness::new(at(0), SECOND);
        for second in 1..20 {
            assert_eq!(liveness.fire(at(second * 1000), SECOND, 2), Verdict::Ping);
            liveness.answered(at(second * 1000));
        }
    }

    #[test]
    fn activity_spares_every_ping_but_the_first() {
        let mut liveness = Liveness::new(at(0), SECOND);
        liveness.active(at(900));
        assert_eq!(liveness.fire(at(1000), SECOND, 2), Verdict::Ping);
        liveness.active(at(1900));
        assert_eq!(liveness.fire(at(2000), SECOND, 2), Verdict::Quiet);
        assert_eq!(liveness.fire(at(3000), SECOND, 2), Verdict::Ping);
    }

    #[test]
    fn the_first_ping_after_connect_is_two_seconds_plus_a_fifth_away_at_most() {
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..1000 {
            let mut liveness = Liveness::new(at(0), Duration::from_secs(120));
            liveness.connected(at(10), Duration::from_secs(120), &mut rng);
            assert!(liveness.due() >= at(2010) && liveness.due() <= at(2410));
        }
    }
}
