//! Items 165 to 185: subject mappings.

use std::collections::BTreeMap;

use harness::{Launch, Program, Session};

use crate::table::Opening::Hello;
use crate::table::{HEADERS, INVALID_PUBLISH, NO_RESPONDERS, Shared, VERBOSE, table};

/// Sources that do not overlap: nats-server looks at its mappings in no defined order.
static MAPPED: Shared = Shared::new(
    r#"mappings {
        plain: renamed
        "first.*": "one.$1"
        "second.*": "two.{{wildcard(1)}}"
        "swap.*.*": "swapped.$2.$1"
        "unused.*.*": "used.$2"
        "twice.*": "two.$1.$1"
        "rest.>": "tail.>"
        "mixed.*.>": "$1.mixed.>"
        "chain.a": "chain.b"
        "chain.b": "chain.c"
        "whole.*": "$1x.{wildcard(1)}.x{{wildcard(1)}}.$"
        "cut.1.*": "{{splitFromLeft(1,3)}}"
        "cut.2.*": "{{splitFromRight(1,3)}}"
        "cut.3.*": "{{sliceFromLeft(1,3)}}"
        "cut.4.*": "{{sliceFromRight(1,3)}}"
        "cut.5.*": "{{left(1,3)}}"
        "cut.6.*": "{{right(1,3)}}"
        "cut.7.*": "{{split(1,-)}}"
        "cut.8.*": "{{split(1,)}}"
        "cut.9.*": "{{sliceFromLeft(1,1)}}"
        "to.reserved": "$NRG.x"
        "_GR_.x": "safe"
        lost: { destination: lost, weight: 0 }
        empty: []
        other: [{ destination: elsewhere, weight: 100, cluster: C1 }]
        both: [{ dest: elsewhere, weight: 100, cluster: C1 }, { dest: here, weight: 100 }]
    }"#,
);

/// Subscribes to everything, publishes to all of these, and is answered with these.
fn all(subjects: &str) -> String {
    let publish = |subject: &str| format!("PUB {subject} 0\r\n\r\n");
    "SUB > 1\r\n".to_owned() + &subjects.split(' ').map(publish).collect::<String>()
}

fn heard(subjects: &str) -> String {
    subjects.split(' ').map(|subject| format!("MSG {subject} 1 0\r\n\r\n")).collect()
}

table!(MAPPED, Hello(HEADERS), {
    c165_a_literal_is_renamed: all("plain plain.x other.x") => heard("renamed plain.x other.x"), Open;
    c165_nobody_hears_the_old_subject:
        "SUB plain 1\r\nSUB renamed 2\r\nPUB plain 2\r\nhi\r\n" => "MSG renamed 2 2\r\nhi\r\n", Open;
    c165_headers_and_reply_stay:
        "SUB renamed 1\r\nHPUB plain re.ply 12 14\r\nNATS/1.0\r\n\r\nhi\r\npub  plain   r 02\r\nhi\r\n"
        => "HMSG renamed 1 re.ply 12 14\r\nNATS/1.0\r\n\r\nhi\r\nMSG renamed 1 r 02\r\nhi\r\n", Open;
    c166_wildcards:
        all("first.a second.a swap.a.b unused.a.b twice.a")
        => heard("one.a two.a swapped.b.a used.b two.a.a"), Open;
    c166_published_wildcards:
        all("first.* first.> rest.* rest.a.> rest.>.b mixed.>.a mixed.*.>")
        => heard("one.* first.> tail.* tail.a.> tail.>.b mixed.>.a *.mixed.>"), Open;
    c166_empty_tokens_are_not_mapped: all("first. first..a rest.a. rest. first") => heard("first"), Open;
    c167_the_rest: all("rest.a rest.a.b.c rest mixed.a.b.c") => heard("tail.a tail.a.b.c rest a.mixed.b.c"), Open;
    c169_cuts:
        all("cut.1.abcdefghij cut.2.abcdefghij cut.3.abcdefghij cut.4.abcdefghij cut.5.abcdefghij \
             cut.6.abcdefghij")
        => heard("abc.defghij abcdefg.hij abc.def.ghi.j a.bcd.efg.hij abc hij"), Open;
    c169_nothing_to_cut:
        all("cut.1.abc cut.2.ab cut.3.a cut.4.abc cut.5.ab cut.6.abc") => heard("abc ab a abc ab abc"), Open;
    c169_splits:
        all("cut.7.a-b-c cut.7.-a-b- cut.7.a--b cut.7.abc cut.7.--a--b-- cut.7.- cut.8.abc cut.8.é")
        => heard("a.b.c a.b a.b abc a.b.c é"), Open;
    c169_lengths_are_octets: all("cut.9.é") => b"MSG \xc3.\xa9 1 0\r\n\r\n", Open;
    c170_only_a_whole_token: all("whole.a") => heard("$1x.{wildcard(1)}.x{{wildcard(1)}}.$"), Open;
    c173_the_source_without_weight: all("lost") => "", Open;
    c175_destinations_of_another_cluster: all("other both") => heard("other here"), Open;
    c176_no_chain: all("chain.a chain.b") => heard("chain.b chain.c"), Open;
    c177_replies_and_subscriptions_stay:
        "SUB plain 1\r\nSUB renamed 2\r\nSUB rest.x 3\r\nPUB renamed plain 0\r\n\r\nPUB tail.x 0\r\n\r\n"
        => "MSG renamed 2 plain 0\r\n\r\n", Open;
    c178_the_new_subject_is_the_one_that_may_be_refused:
        "SUB > 1\r\nPUB to.reserved 0\r\n\r\nPUB _GR_.x 0\r\n\r\n"
        => "-ERR 'Permissions Violation for Publish to \"$NRG.x\"'\r\nMSG safe 1 0\r\n\r\n", Open;
});

table!(MAPPED, Hello(VERBOSE), {
    c174_a_lost_message_is_well: "PUB lost 2\r\nhi\r\n" => "+OK\r\n", Open;
});

table!(MAPPED, Hello(NO_RESPONDERS), {
    c174_the_503_of_a_lost_message_names_nothing:
        "SUB r 1\r\nPUB lost r 2\r\nhi\r\n"
        => "HMSG r 1 32 32\r\nNATS/1.0 503\r\nNats-Subject: \r\n\r\n\r\n", Open;
    c184_a_503_names_the_new_subject:
        "SUB r 1\r\nPUB first.nobody r 0\r\n\r\n"
        => "HMSG r 1 42 42\r\nNATS/1.0 503\r\nNats-Subject: one.nobody\r\n\r\n\r\n", Open;
    c184_none_when_somebody_hears_the_new_subject:
        "SUB r 1\r\nSUB renamed 2\r\nPUB plain r 0\r\n\r\n" => "MSG renamed 2 r 0\r\n\r\n", Open;
});

table!(MAPPED, Hello(r#""pedantic":true"#), {
    c176_pedantic_looks_at_the_old_subject:
        "SUB cut.7.* 1\r\nPUB cut.7.* 0\r\n\r\nPUB cut.7.- 0\r\n\r\n" => INVALID_PUBLISH, Open;
});

/// How many of `count` messages on `subject` arrive where.
fn shares(client: &mut Session, subject: &str, count: usize) -> BTreeMap<String, usize> {
    client.send(format!("PUB {subject} 0\r\n\r\n").repeat(count)).send("PUB end 0\r\n\r\n");
    let mut shares = BTreeMap::new();
    loop {
        let subject = String::from_utf8_lossy(&client.read_message().subject).into_owned();
        if subject == "end" {
            return shares;
        }
        *shares.entry(subject).or_default() += 1;
    }
}

/// Checks percentages of 2000 messages, give or take five.
fn check_shares(config: &str, expected: &[(&str, usize)]) {
    let server = Launch::new().config(config).start();
    let mut client = server.client("");
    client.send("SUB > 1\r\n");
    let found = shares(&mut client, "foo", 2000);
    assert!(found.keys().eq(expected.iter().map(|(subject, _)| subject)), "{config}: {found:?}");
    for (subject, percent) in expected {
        assert!(found[*subject].abs_diff(percent * 20) <= 100, "{config}: {found:?}");
    }
}

#[test]
fn c172_what_the_weights_leave_stays() {
    check_shares(
        "mappings {foo: [{dest: a, weight: 30%}, {dest: b, weight: 50}]}",
        &[("a", 30), ("b", 50), ("foo", 20)],
    );
    check_shares("mappings {foo: {dest: a, weight: 0}}", &[("foo", 100)]);
}

#[test]
fn c173_the_rest_of_a_listed_source_is_lost() {
    check_shares("mappings {foo: {dest: foo, weight: 50}}", &[("foo", 50)]);
    check_shares(
        "mappings {foo: [{dest: foo, weight: 40}, {dest: b, weight: 20}]}",
        &[("b", 20), ("foo", 40)],
    );
}

#[test]
fn c175_destinations_of_the_own_cluster_are_the_only_ones() {
    let cluster = "cluster {name: C1, listen: \"127.0.0.1:-1\"}\n";
    let entries = "mappings {foo: [{dest: a, weight: 50, cluster: C1}, {dest: b, weight: 100}]}";
    check_shares(&format!("{cluster}{entries}"), &[("a", 50), ("foo", 50)]);
    // The source is listed, if not for this cluster.
    let entries = "mappings {foo: [{dest: a, weight: 50, cluster: C1}, {dest: foo, weight: 100}]}";
    check_shares(&format!("{cluster}{entries}"), &[("a", 50)]);
}

#[test]
fn c168_partitions() {
    let calls = ["10,1", "10,2", "10,1,2", "10,2,1", "10", "1000,1,1", "3", "1000000,2"];
    let rows = [
        ("a.b", ["0", "7", "6", "8", "2", "327", "0", "335077"]),
        ("orders.42", ["0", "1", "6", "0", "0", "813", "1", "835011"]),
        ("foo.bar", ["3", "2", "0", "2", "8", "9", "0", "736602"]),
        ("customer-1.eu", ["3", "3", "5", "9", "3", "377", "0", "692303"]),
        ("é.0", ["7", "3", "7", "3", "5", "541", "2", "22063"]),
        ("ab.c", ["6", "8", "1", "5", "7", "913", "0", "557458"]),
        ("a.bc", ["0", "6", "1", "7", "7", "327", "0", "48946"]),
    ];
    let calls: Vec<String> =
        calls.iter().map(|call| format!("{{{{partition({call})}}}}")).collect();
    let config = format!("mappings {{\"t.*.*\": \"{}\"}}", calls.join("."));
    let server = Launch::new().config(config).start();
    let mut client = server.client("");
    client.send("SUB > 1\r\n");
    for (subject, expected) in rows {
        client.send(format!("PUB t.{subject} 0\r\n\r\n"));
        client.expect(heard(&expected.join(".")));
    }
}

#[test]
fn c171_a_wrong_mapping_refuses_start_and_reload() {
    let wrong = "mappings {\"foo.*\": \"bar.$2\"}\n";
    let text = "server.conf:1:11: Error adding mapping for \"foo.*\" to \"bar.$2\" : \
                invalid mapping destination: wildcard index out of range in $2: [2]";
    let ended = Launch::bare().flags(["-a", "127.0.0.1", "-p", "-1"]).config(wrong).run();
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains(text), "{ended:?}");

    let server = Launch::new().config("mappings {foo: bar}\n").start();
    let mut client = server.client("");
    std::fs::write(server.directory().join("server.conf"), wrong).expect("a file can be written");
    server.signal(libc::SIGHUP);
    server.expect_log("Failed to reload server configuration");
    client.send(all("foo")).expect(heard("bar"));
}

#[test]
fn c182_a_reload_takes_effect_on_open_connections() {
    let server = Launch::new().config("mappings {foo: bar}\n").start();
    let mut client = server.client("");
    client.send(all("foo")).expect(heard("bar"));
    for (config, expected) in [
        ("mappings {foo: other, baz: bar}\n", "other"),
        ("mappings {}\n", "foo"),
        ("mappings {foo: {dest: third, weight: 100}}\n", "third"),
    ] {
        server.reload(config);
        // Shards hear of it a moment later.
        harness::eventually(expected, || {
            client.send("PUB foo 0\r\n\r\n");
            let subject = client.read_message().subject;
            (subject == expected.as_bytes()).then_some(())
        });
    }
}

#[test]
fn c183_an_empty_destination_is_refused() {
    if Program::under_test() == Program::NatsServer {
        // It starts and dies with the first message.
        return;
    }
    for entry in ["\"\"", "{weight: 100}", "[{dest: \"\", weight: 5}]"] {
        let config = format!("mappings {{foo: {entry}}}\n");
        let ended = Launch::bare().flags(["-t"]).config(config).run();
        assert_eq!(ended.code, Some(1), "{ended:?}");
    }
}

#[test]
fn c185_random_numbers_stay_below_their_bound() {
    let server = Launch::new().config("mappings {foo: \"r.{{random(3)}}\"}\n").start();
    let mut client = server.client("");
    client.send("SUB > 1\r\n");
    let found = shares(&mut client, "foo", 300);
    assert!(found.keys().eq(["r.0", "r.1", "r.2"]), "{found:?}");
    assert!(found.values().all(|count| *count > 50), "{found:?}");
}

#[test]
fn c165_a_trace_shows_both_subjects() {
    let server = Launch::new().flags(["-DV"]).config("mappings {foo: bar}\n").start();
    server.client("").send("PUB foo 2\r\nhi\r\n").expect_open();
    server.expect_log("<<- [PUB foo 2]");
    server.expect_log("<<- [MAPPING foo -> bar]");
}
