//! The tables of reference security 2.3, and the rules against an evaluator that knows no better.

use core::hash::BuildHasher as _;
use core::time::Duration;
use std::sync::Arc;

use foldhash::fast::FixedState;
use proptest::prelude::*;

use super::link_permissions::LinkPermissions;
use super::*;
use crate::time::Time;

fn lists(allow: &[&str], deny: &[&str]) -> Lists {
    let owned = |list: &[&str]| list.iter().map(|&entry| entry.to_owned()).collect();
    Lists { allow: owned(allow), deny: owned(deny) }
}

fn made(rules: &Rules) -> Permissions {
    Permissions::new(rules).unwrap_or_else(|error| unreachable!("{error}"))
}

fn subscribe(allow: &[&str], deny: &[&str]) -> Permissions {
    made(&Rules { subscribe: lists(allow, deny), ..Rules::default() })
}

fn publish(allow: &[&str], deny: &[&str]) -> Permissions {
    made(&Rules { publish: lists(allow, deny), ..Rules::default() })
}

/// A row: SUB of this subject, with this queue, is or is not allowed.
type Row<'a> = (&'a str, Option<&'a str>, bool);

fn check(permissions: &Permissions, rows: &[Row<'_>]) {
    for &(subject, queue, allowed) in rows {
        let octets = queue.map(str::as_bytes);
        let found = permissions.may_subscribe(subject.as_bytes(), octets);
        assert_eq!(found, allowed, "SUB {subject} {queue:?} under {permissions:?}");
    }
}

#[test]
fn an_empty_allow_list_allows_everything_unless_only_responses_are_left() {
    let open = publish(&[], &[]);
    assert!(open.may_publish(b"any.thing") && open.is_unrestricted());
    let denied = publish(&[], &["b"]);
    assert!(denied.may_publish(b"a") && !denied.may_publish(b"b") && !denied.is_unrestricted());
    let responses = Some(Responses::default());
    let only = made(&Rules { responses, ..Rules::default() });
    assert!(!only.may_publish(b"a") && !only.is_unrestricted());
    let both = made(&Rules { responses, publish: lists(&["a"], &[]), ..Rules::default() });
    assert!(both.may_publish(b"a") && !both.may_publish(b"b"));
}

#[test]
fn a_published_subject_is_plain_text_and_deny_wins() {
    let permissions = publish(&["foo", "a.*.c", "d.>"], &["d.x"]);
    for subject in ["foo", "a.b.c", "a.*.c", "d.y", "d.*", "d.>"] {
        assert!(permissions.may_publish(subject.as_bytes()), "{subject}");
    }
    for subject in ["bar", "a.>", "d.x", "d", "d..y", ".d", "d.", "fo", "foo.a"] {
        assert!(!permissions.may_publish(subject.as_bytes()), "{subject}");
    }
}

#[test]
fn allowed_queues() {
    let (v1, v2) = (Some("v1"), Some("v2"));
    check(&subscribe(&["b v1"], &[]), &[("b", None, false), ("b", v1, true), ("b", v2, false)]);
    let rows = [("c", None, true), ("c", v1, true), ("c", v2, false)];
    check(&subscribe(&["c", "c v1"], &[]), &rows);
    let rows = [("a.x", None, true), ("a.x", v1, true), ("a.x", v2, true), ("b", v1, false)];
    check(&subscribe(&["a.*"], &[]), &rows);
    let rows = [
        ("d", None, false),
        ("d", Some("x.prod"), true),
        ("d", Some("*.prod"), true),
        ("d", Some(">.prod"), false),
        ("d", Some(">"), false),
        ("d", Some("prod"), false),
        ("d", Some(".prod"), false),
        ("d", Some("a..prod"), false),
        ("d", Some("x.PROD"), false),
    ];
    check(&subscribe(&["d *.prod"], &[]), &rows);
    let rest = [("v.>", true), ("v.*", true), ("v..x", true), ("v.", true), ("v.>.x", true)];
    for (queue, allowed) in [("v", false), ("w.x", false)].into_iter().chain(rest) {
        check(&subscribe(&["q v.>"], &[]), &[("q", Some(queue), allowed)]);
    }
}

#[test]
fn wildcards_of_a_subscription_are_plain_text() {
    let rows = [("a.>", None, true), ("a.*", None, true), (">", None, false), ("*", None, false)];
    check(&subscribe(&["a.*"], &[]), &rows);
    check(&subscribe(&["b.*.c"], &[]), &[("b.>", None, false), ("b.*.*", None, false)]);
    check(&subscribe(&[], &["a.*"]), &[("a.>", None, false), (">", None, true)]);
    let rows = [
        ("b.c.*", None, false),
        ("b.c.>", None, false),
        ("b.>", None, true),
        ("b.*.*", None, true),
        ("b.c", None, true),
        (">", None, true),
    ];
    check(&subscribe(&[], &["b.c.>"]), &rows);
}

#[test]
fn denied_queues() {
    let permissions = subscribe(&[], &["x.1 qq", "p", "w.* *.z"]);
    let rows = [
        ("x.1", None, true),
        ("x.1", Some("qq"), false),
        ("x.1", Some("rr"), true),
        ("x.*", Some("qq"), true),
        ("p", None, false),
        ("p", Some("any"), false),
        ("w.1", Some("a.z"), false),
        ("w.>", Some("a.z"), false),
        ("w.1", Some("a.y"), true),
    ];
    check(&permissions, &rows);
    assert!(!permissions.may_receive(b"x.1", Some(b"qq")));
    assert!(permissions.may_receive(b"x.1", None) && permissions.may_receive(b"x.1", Some(b"rr")));
    assert!(!permissions.may_receive(b"p", None) && !permissions.may_receive(b"p", Some(b"q")));
    assert!(permissions.may_receive(b"x.2", Some(b"qq")));
}

#[test]
fn bad_entries_are_named() {
    let publish = |entry: &str| {
        let rules = Rules { publish: lists(&[entry], &[]), ..Rules::default() };
        Permissions::new(&rules).map_err(|error| error.to_string())
    };
    for entry in ["a b", "a..b", "", ".a", "a.", "a.>.b", " a", "a\tb"] {
        assert_eq!(publish(entry), Err(format!("subject {entry:?} is not a valid subject")));
    }
    let subscribe = |entry: &str| {
        let rules = Rules { subscribe: lists(&[], &[entry]), ..Rules::default() };
        Permissions::new(&rules).map_err(|error| error.to_string())
    };
    assert_eq!(subscribe("a x."), Err("queue \"x.\" is not a valid queue".to_owned()));
    assert_eq!(subscribe("a b c"), Err("subject \"a b c\" is not a valid subject".to_owned()));
    assert_eq!(subscribe("a..b q"), Err("subject \"a..b q\" is not a valid subject".to_owned()));
    assert!(subscribe("a >").is_ok());
}

#[test]
fn zero_stands_for_the_default_and_negative_for_no_limit() {
    assert_eq!(Responses::from_signed(0, 0), Responses::default());
    assert_eq!(Responses::from_signed(-1, -1), Responses { max: None, expires: None });
    let expires = Some(Duration::from_nanos(5));
    assert_eq!(Responses::from_signed(3, 5), Responses { max: Some(3), expires });
    assert_eq!(Responses::from_signed(i64::MAX, 1).max, Some(u32::MAX));
}

/// A link that is sent requests and answers them.
struct Responder {
    link: LinkPermissions,
    hasher: FixedState,
    now: u64,
}

impl Responder {
    fn new(max: i64, expires_millis: i64, publish: Lists) -> Self {
        let responses = Some(Responses::from_signed(max, expires_millis * 1_000_000));
        let rules = made(&Rules { publish, responses, ..Rules::default() });
        let link = LinkPermissions::new(Arc::new(rules));
        Self { link, hasher: FixedState::with_seed(1), now: 0 }
    }

    fn time(&self) -> Time {
        Time::from_nanos(self.now * 1_000_000)
    }

    fn request(&mut self, reply: &str) {
        self.link.request_delivered(reply.as_bytes(), self.time(), &self.hasher);
    }

    fn answer(&mut self, reply: &str) -> bool {
        self.link.may_publish(reply.as_bytes(), self.time(), &self.hasher)
    }

    fn answers(&mut self, reply: &str, times: usize) -> Vec<bool> {
        (0..times).map(|_| self.answer(reply)).collect()
    }
}

#[test]
fn as_many_replies_as_granted() {
    let mut one = Responder::new(0, 0, Lists::default());
    assert!(!one.answer("r"), "nothing was asked");
    one.request("r");
    assert_eq!(one.answers("r", 2), [true, false]);
    assert!(!one.answer("other"));
    let mut two = Responder::new(2, 0, Lists::default());
    two.request("r");
    assert_eq!(two.answers("r", 3), [true, true, false]);
    two.request("r");
    assert!(two.answer("r"));
    two.request("r");
    assert_eq!(two.answers("r", 3), [true, true, false], "asked again, counted anew");
    let mut unlimited = Responder::new(-1, -1, Lists::default());
    unlimited.request("r");
    unlimited.now = u64::MAX / 2_000_000;
    assert_eq!(unlimited.answers("r", 4), [true; 4]);
}

#[test]
fn replies_come_in_time_or_not_at_all() {
    let mut responder = Responder::new(3, 500, Lists::default());
    responder.request("r");
    responder.now = 500;
    assert!(responder.answer("r"));
    responder.now = 501;
    assert!(!responder.answer("r"));
    responder.now = 400;
    assert!(!responder.answer("r"), "the late attempt took the grant away");
}

#[test]
fn grants_beat_what_is_denied_and_are_not_needed_for_what_is_allowed() {
    let mut responder = Responder::new(1, 0, lists(&["ok", "in.>"], &["in.no"]));
    for reply in ["in.yes", "in.no", "else"] {
        responder.request(reply);
    }
    assert_eq!(responder.link.grants().len(), 2);
    assert_eq!(responder.answers("in.yes", 3), [true; 3]);
    assert_eq!(responder.answers("in.no", 2), [true, false]);
    assert_eq!(responder.answers("else", 2), [true, false]);
    assert!(responder.answer("ok") && !responder.answer("not.ok"));
}

#[test]
fn grants_expire_by_themselves_and_are_bounded() {
    let mut responder = Responder::new(1, 100, Lists::default());
    for request in 0..10_000 {
        responder.now += 1;
        responder.request(&format!("r.{request}"));
        assert!(responder.link.grants().len() <= 101);
    }
    assert!(responder.link.grants().places() <= 102, "places are used again");
    let mut unlimited = Responder::new(-1, -1, Lists::default());
    let long = "x".repeat(1000);
    for request in 0..20_000 {
        unlimited.request(&format!("{long}.{request}"));
    }
    assert!((6_000..9_000).contains(&unlimited.link.grants().len()));
    assert!(unlimited.answer(&format!("{long}.19999")), "the newest are kept");
    assert!(!unlimited.answer(&format!("{long}.0")), "the oldest go");
}

#[test]
fn a_crowd_of_grants_leaves_no_room_behind() {
    let mut responder = Responder::new(1, 0, Lists::default());
    for request in 0..1000 {
        responder.request(&format!("r.{request}"));
    }
    for request in 0..1000 {
        assert!(responder.answer(&format!("r.{request}")));
    }
    assert_eq!((responder.link.grants().len(), responder.link.grants().places()), (0, 0));
}

#[test]
fn subjects_that_share_a_place_do_not_share_a_decision() {
    let rules = made(&Rules { publish: lists(&["yes.>"], &[]), ..Rules::default() });
    let mut link = LinkPermissions::new(Arc::new(rules));
    let hasher = FixedState::with_seed(1);
    let place = |subject: &str| hasher.hash_one(subject.as_bytes()) % 128;
    let twin = (0..).map(|n| format!("no.{n}")).find(|twin| place(twin) == place("yes.1"));
    let twin = twin.unwrap_or_default();
    for _ in 0..3 {
        assert!(link.may_publish(b"yes.1", Time::ZERO, &hasher));
        assert!(!link.may_publish(twin.as_bytes(), Time::ZERO, &hasher));
    }
    let long = format!("yes.{}", "x".repeat(1000));
    assert!(link.may_publish(long.as_bytes(), Time::ZERO, &hasher));
}

/// Tokens apart, recursion, no index: what the rules say, word by word.
mod naive {
    use super::Lists;

    pub(super) fn matches(pattern: &[&str], subject: &[&str]) -> bool {
        match (pattern, subject) {
            ([], []) => true,
            ([">"], [_, ..]) => subject.iter().all(|token| !token.is_empty()),
            ([want, pattern @ ..], [token, subject @ ..]) => {
                !token.is_empty() && (*want == "*" || want == token) && matches(pattern, subject)
            }
            _ => false,
        }
    }

    fn covers(pattern: &[&str], queue: &[&str]) -> bool {
        match (pattern, queue) {
            ([], []) => true,
            ([">"], [_, ..]) => true,
            (["*", pattern @ ..], [token, queue @ ..]) => {
                *token != ">" && !token.is_empty() && covers(pattern, queue)
            }
            ([want, pattern @ ..], [token, queue @ ..]) => want == token && covers(pattern, queue),
            _ => false,
        }
    }

    fn tokens(text: &str) -> Vec<&str> {
        text.split('.').collect()
    }

    /// The queues of the entries that fit the subject; `None` is an entry without one.
    fn fitting<'l>(list: &'l [String], subject: &str) -> Vec<Option<&'l str>> {
        let entries = list.iter().map(|entry| match entry.split_once(' ') {
            Some((pattern, queue)) => (pattern, Some(queue)),
            None => (entry.as_str(), None),
        });
        let fits = entries.filter(|(pattern, _)| matches(&tokens(pattern), &tokens(subject)));
        fits.map(|(_, queue)| queue).collect()
    }

    fn takes(entry: &str, queue: &str) -> bool {
        entry == queue || covers(&tokens(entry), &tokens(queue))
    }

    pub(super) fn denied(lists: &Lists, subject: &str, queue: Option<&str>) -> bool {
        fitting(&lists.deny, subject).into_iter().any(|entry| match (entry, queue) {
            (None, _) => true,
            (Some(entry), Some(queue)) => takes(entry, queue),
            (Some(_), None) => false,
        })
    }

    pub(super) fn allowed(lists: &Lists, subject: &str, queue: Option<&str>) -> bool {
        if denied(lists, subject, queue) {
            return false;
        }
        if lists.allow.is_empty() {
            return true;
        }
        let fitting = fitting(&lists.allow, subject);
        let named: Vec<&str> = fitting.iter().flatten().copied().collect();
        match queue {
            Some(queue) if !named.is_empty() => named.iter().any(|entry| takes(entry, queue)),
            _ => fitting.contains(&None),
        }
    }
}

fn subject() -> impl Strategy<Value = String> {
    proptest::collection::vec(prop_oneof!["[ab]", "[ab]", Just("*".to_owned()), "[>*ab]?"], 1..4)
        .prop_map(|tokens| tokens.join("."))
}

fn entry(queues: bool) -> impl Strategy<Value = String> {
    let valid = || {
        subject().prop_filter("a valid subject", |subject| {
            crate::subject::is_valid_subscribe(subject.as_bytes())
        })
    };
    (valid(), valid(), 0..3).prop_map(move |(subject, queue, kind)| match kind {
        0 if queues => format!("{subject} {queue}"),
        _ => subject,
    })
}

fn any_lists(queues: bool) -> impl Strategy<Value = Lists> {
    let list = move || proptest::collection::vec(entry(queues), 0..4);
    (list(), list()).prop_map(|(allow, deny)| Lists { allow, deny })
}

proptest! {
    #[test]
    fn subscriptions_are_judged_as_the_rules_say(
        lists in any_lists(true),
        tries in proptest::collection::vec((subject(), proptest::option::of(subject())), 1..20),
    ) {
        let permissions = made(&Rules { subscribe: lists.clone(), ..Rules::default() });
        let mut link = LinkPermissions::new(Arc::new(permissions.clone()));
        let hasher = FixedState::with_seed(2);
        for (subject, queue) in tries {
            let octets = queue.as_deref().map(str::as_bytes);
            prop_assert_eq!(
                permissions.may_subscribe(subject.as_bytes(), octets),
                naive::allowed(&lists, &subject, queue.as_deref()),
                "SUB {} {:?}", subject, queue
            );
            prop_assert_eq!(
                link.may_receive(subject.as_bytes(), octets, &hasher),
                !naive::denied(&lists, &subject, queue.as_deref()),
                "MSG {} {:?}", subject, queue
            );
        }
    }

    #[test]
    fn publications_are_judged_as_the_rules_say_however_often_asked(
        lists in any_lists(false),
        tries in proptest::collection::vec(subject(), 1..40),
    ) {
        let rules = made(&Rules { publish: lists.clone(), ..Rules::default() });
        let mut link = LinkPermissions::new(Arc::new(rules));
        let hasher = FixedState::with_seed(3);
        for subject in tries {
            prop_assert_eq!(
                link.may_publish(subject.as_bytes(), Time::ZERO, &hasher),
                naive::allowed(&lists, &subject, None),
                "PUB {}", subject
            );
        }
    }
}
