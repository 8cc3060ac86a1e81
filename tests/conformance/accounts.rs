//! Accounts that share nothing: numbers behind `s` are those of the security checklist (131 to
//! 134), the others those of the client protocol's.

use harness::Launch;

use crate::parties::{expect_heard, join, nobody, publish, subscribe, user};
use crate::table::{PAYLOAD_TOO_LONG, Shared, UNAUTHORIZED};

const TOO_MANY_CONNECTIONS: &str = "-ERR 'maximum account active connections exceeded'\r\n";
const TOO_MANY_SUBSCRIPTIONS: &str = "-ERR 'maximum subscriptions exceeded'\r\n";

static TENANTS: Shared = Shared::new(
    r#"
accounts {
  A {
    users: [
      { user: a, password: p }
      { user: ap, password: p, permissions: { publish: "ok.>", subscribe: ["ok.>", "_INBOX.>"] } }
    ]
    mappings: { old: new, "cut.*": "$1.cut" }
  }
  B {
    users: [
      { user: b, password: p }
      { user: bp, password: p, permissions: { publish: own } }
    ]
    default_permissions: { publish: common }
    mappings: { old: other }
  }
  SYS { users: [{ user: s, password: p }] }
}
system_account: SYS
authorization { users: [{ user: g, password: p }] }
mappings: { old: global }
"#,
);

fn refused_publish(subject: &str) -> String {
    format!("-ERR 'Permissions Violation for Publish to \"{subject}\"'\r\n")
}

fn refused_subscription(subject: &str) -> String {
    format!("-ERR 'Permissions Violation for Subscription to \"{subject}\"'\r\n")
}

#[test]
fn s131_the_same_subject_in_two_accounts_does_not_cross() {
    let server = TENANTS.lock();
    let wanted = subscribe(&["foo 1", "foo.* 2", "> 3", "foo q 4"]);
    let mut sessions = ["a", "g"].map(|name| join(&server, name, &wanted));
    let silent = join(&server, "b", &wanted);
    for session in &mut sessions {
        session.send("PUB foo r 2\r\nhi\r\n");
        expect_heard(session, &["foo 1 r = hi", "foo 3 r = hi", "foo 4 r = hi"]);
    }
    for mut session in sessions.into_iter().chain([silent]) {
        session.expect_open();
        session.finish();
    }
}

#[test]
fn s131_interest_in_another_account_is_none() {
    let server = TENANTS.lock();
    let _b = join(&server, "b", subscribe(&["foo 1", "> 2", "r 3"]));
    let mut a = join(&server, "a", subscribe(&["r 1"]));
    a.send(publish(&["foo r", "old r"]));
    expect_heard(&mut a, &[&nobody("r", "1", "foo"), &nobody("r", "1", "new")]);
}

#[test]
fn s131_queue_groups_of_two_accounts_are_two() {
    let server = TENANTS.lock();
    let mut a = join(&server, "a", subscribe(&["foo q 1"]));
    let mut g = join(&server, "g", subscribe(&["foo q 1"]));
    for session in [&mut a, &mut g] {
        session.send(publish(&["foo"; 20]));
        expect_heard(session, &["foo 1"; 20]);
    }
    expect_heard(&mut a, &[]);
}

#[test]
fn s131_a_second_connect_changes_the_account() {
    let server = TENANTS.lock();
    let mut other = join(&server, "a", subscribe(&["foo 1"]));
    let mut session = join(&server, "a", subscribe(&["foo 1"]));
    session.hello(&user("g"));
    session.send(publish(&["foo"])).expect_open();
    other.send(publish(&["foo"]));
    expect_heard(&mut other, &["foo 1"]);
    session.send(subscribe(&["foo 2"]) + &publish(&["foo"]));
    expect_heard(&mut session, &["foo 2"]);
    expect_heard(&mut other, &[]);
}

/// `remote_account` and `acc_is_sys` of the second INFO.
fn account_of(members: &str) -> (String, Option<bool>) {
    let server = TENANTS.lock();
    let info = server.session().hello(&format!("{members},\"protocol\":1"));
    let account = info["remote_account"].as_str().unwrap_or_default().to_owned();
    (account, info.get("acc_is_sys").and_then(serde_json::Value::as_bool))
}

#[test]
fn s132_a_user_without_an_account_is_in_the_global_one() {
    assert_eq!(account_of(&user("g")), ("$G".to_owned(), None));
    assert_eq!(account_of(&user("a")), ("A".to_owned(), None));
}

#[test]
fn c094_s006_the_system_account_says_so() {
    assert_eq!(account_of(&user("s")), ("SYS".to_owned(), Some(true)));
}

#[test]
fn c041_s059_subjects_of_servers_are_free_in_the_system_account() {
    let server = TENANTS.lock();
    let mut system = join(&server, "s", subscribe(&["$NRG.x 1"]));
    system.send(publish(&["$NRG.x"]));
    expect_heard(&mut system, &["$NRG.x 1"]);
    let mut a = server.client(&user("a"));
    a.send(publish(&["$NRG.x"])).expect(refused_publish("$NRG.x")).expect_open();
}

#[test]
fn s132_system_subjects_of_other_accounts_are_ordinary() {
    let server = TENANTS.lock();
    let mut system = join(&server, "s", subscribe(&["$SYS.ordinary 1"]));
    let mut a = join(&server, "a", subscribe(&["$SYS.> 1"]));
    a.send(publish(&["$SYS.ordinary"]));
    expect_heard(&mut a, &["$SYS.ordinary 1"]);
    system.expect_open();
}

#[test]
fn s008_connect_cannot_choose_an_account() {
    let server = TENANTS.lock();
    for members in [
        r#""account":"A""#,
        r#""account":"B""#,
        r#""account":"$G""#,
        r#""new_account":true"#,
        r#""account":"A","new_account":true"#,
    ] {
        let connect = format!("CONNECT {{{},{members},\"verbose\":false}}\r\n", user("a"));
        server.session().send(connect).expect(UNAUTHORIZED).expect_closed();
    }
    server.client(&format!(r#"{},"account":"","new_account":false"#, user("a"))).expect_open();
}

#[test]
fn s054_s061_permissions_of_a_user_in_an_account() {
    let server = TENANTS.lock();
    let mut session = server.client(&user("ap"));
    session
        .send("PUB foo 0\r\n\r\nSUB foo 1\r\nSUB ok.> 2\r\n")
        .expect(refused_publish("foo") + &refused_subscription("foo"));
    session.send(publish(&["ok.1"]));
    expect_heard(&mut session, &["ok.1 2"]);
}

#[test]
fn c178_s057_permissions_apply_to_the_mapped_subject() {
    let server = TENANTS.lock();
    let mut session = server.client(&user("ap"));
    session.send(publish(&["old"])).expect(refused_publish("new"));
    session.send(subscribe(&["ok.cut 1"]) + &publish(&["cut.ok"]));
    expect_heard(&mut session, &["ok.cut 1"]);
}

#[test]
fn s075_default_permissions_of_an_account() {
    let server = TENANTS.lock();
    let mut session = server.client(&user("b"));
    session.send(publish(&["common", "own"])).expect(refused_publish("own")).expect_open();
    let mut session = server.client(&user("bp"));
    session.send(publish(&["common", "own"])).expect(refused_publish("common")).expect_open();
    let mut session = server.client(&user("a"));
    session.send(publish(&["common", "own"])).expect_open();
}

#[test]
fn c165_each_account_has_its_own_mappings() {
    let server = TENANTS.lock();
    for (name, mapped) in [("a", "new 1"), ("g", "global 2"), ("s", "old 3")] {
        let mut session = join(&server, name, subscribe(&["new 1", "global 2", "old 3"]));
        session.send(publish(&["old"]));
        expect_heard(&mut session, &[mapped]);
    }
    let mut session = server.client(&user("b"));
    session.send(publish(&["old"])).expect(refused_publish("other"));
}

static LIMITED: Shared = Shared::new(
    r"
accounts {
  A {
    users: [{ user: a, password: p }, { user: a2, password: p }]
    limits { max_connections: 2, max_subscriptions: 3, max_payload: 10 }
  }
  NOBODY { users: [{ user: nobody, password: p }], limits { max_conn: 0 } }
  DEAF { users: [{ user: deaf, password: p }], limits { max_subs: 0 } }
  EMPTY { users: [{ user: empty, password: p }], limits { max_pay: 0 } }
  FREE {
    users: [{ user: free, password: p }]
    limits { max_connections: -1, max_subscriptions: -1, max_payload: -1, max_leafnodes: -1 }
  }
  LARGE { users: [{ user: large, password: p }], limits { max_payload: 5000 } }
}
max_payload: 1000
",
);

#[test]
fn c109_s134_a_connection_too_many_for_the_account() {
    let server = LIMITED.lock();
    let (a, mut a2) = (server.client(&user("a")), server.client(&user("a2")));
    let mut third = server.session();
    third.send(format!("CONNECT {{{}}}\r\n", user("a"))).expect(TOO_MANY_CONNECTIONS);
    third.expect_closed();
    server.client(&user("free")).expect_open();
    a.finish();
    a2.expect_open();
    harness::eventually("a place is free again", || {
        let mut session = server.session();
        let connect = format!("CONNECT {{{},\"verbose\":false}}\r\nPING\r\n", user("a"));
        session.try_send(connect).ok()?;
        (session.read_line() == b"PONG").then_some(())
    });
}

#[test]
fn c109_s134_an_account_for_nobody() {
    let server = LIMITED.lock();
    let mut session = server.session();
    session.send(format!("CONNECT {{{}}}\r\n", user("nobody"))).expect(TOO_MANY_CONNECTIONS);
    session.expect_closed();
}

#[test]
fn s134_the_limit_of_subscriptions_is_one_of_each_connection() {
    let server = LIMITED.lock();
    let mut a = join(&server, "a", subscribe(&["x.1 1", "x.2 q 2", "x.3 3"]));
    a.send(subscribe(&["x.4 4"])).expect(TOO_MANY_SUBSCRIPTIONS);
    // The limit comes before the look whether the sid is taken anyway.
    a.send(subscribe(&["x.1 1"])).expect(TOO_MANY_SUBSCRIPTIONS);
    a.send(publish(&["x.4", "x.3"]));
    expect_heard(&mut a, &["x.3 3"]);
    let a2 = join(&server, "a2", subscribe(&["x.1 1", "x.2 2", "x.3 3"]));
    a.send("UNSUB 3\r\n".to_owned() + &subscribe(&["x.4 4"]) + &publish(&["x.4"]));
    expect_heard(&mut a, &["x.4 4"]);
    a.finish();
    a2.finish();
}

#[test]
fn s134_an_account_without_subscriptions_closes_at_once() {
    let server = LIMITED.lock();
    let mut session = server.client(&user("deaf"));
    session.expect(TOO_MANY_SUBSCRIPTIONS).expect_closed();
}

#[test]
fn c095_s007_s134_the_payload_of_an_account() {
    let server = LIMITED.lock();
    let mut session = server.session();
    let info = session.hello(&format!("{},\"protocol\":1", user("a")));
    assert_eq!(info["max_payload"], 10);
    session.send("SUB x 1\r\nPUB x 10\r\n0123456789\r\n");
    expect_heard(&mut session, &["x 1 = 0123456789"]);
    session.send("PUB x 11\r\n0123456789x\r\n").expect(PAYLOAD_TOO_LONG).expect_closed();
    let headers = "NATS/1.0\r\n\r\n";
    let mut session = server.client(&user("a"));
    session.send(format!("HPUB x 12 12\r\n{headers}\r\n")).expect(PAYLOAD_TOO_LONG);
    session.expect_closed();
}

#[test]
fn s134_an_account_of_empty_messages() {
    let server = LIMITED.lock();
    let mut session = server.session();
    let info = session.hello(&format!("{},\"protocol\":1", user("empty")));
    assert_eq!(info["max_payload"], 0);
    session.send("SUB x 1\r\nPUB x 0\r\n\r\n");
    expect_heard(&mut session, &["x 1"]);
    session.send("PUB x 1\r\na\r\n").expect(PAYLOAD_TOO_LONG).expect_closed();
}

#[test]
fn c095_s007_the_limit_of_the_server_holds_for_every_account() {
    let server = LIMITED.lock();
    for name in ["free", "large"] {
        let mut session = server.session();
        let info = session.hello(&format!("{},\"protocol\":1", user(name)));
        assert_eq!(info["max_payload"], 1000, "{name}");
        let payload = "x".repeat(1001);
        session.send(format!("PUB x 1001\r\n{payload}\r\n")).expect(PAYLOAD_TOO_LONG);
    }
}

#[test]
fn s134_a_reload_may_lower_the_limits() {
    let config = |limits: &str| {
        format!(
            "accounts {{ A {{ users: [{{ user: a, password: p }}], limits {{ {limits} }} }} }}\n"
        )
    };
    let server = Launch::new().config(config("")).start();
    let mut many = join(&server, "a", subscribe(&["x 1", "y 2", "z 3"]));
    let mut few = join(&server, "a", subscribe(&["x 1"]));
    server.reload(&config("max_subs: 2"));
    many.expect(TOO_MANY_SUBSCRIPTIONS).expect_closed();
    few.expect_open();
    few.send(subscribe(&["y 2", "z 3"])).expect(TOO_MANY_SUBSCRIPTIONS).expect_open();
    server.reload(&config("max_payload: 5"));
    few.send("PUB x 6\r\n123456\r\n").expect(PAYLOAD_TOO_LONG).expect_closed();
    let mut three = [(); 3].map(|()| join(&server, "a", ""));
    server.reload(&config("max_connections: 2"));
    let mut refused = 0;
    for session in &mut three {
        session.send("PING\r\n");
        if session.read_line_answering() != b"PONG" {
            refused += 1;
            session.expect_closed();
        }
    }
    assert_eq!(refused, 1);
}

#[test]
fn violations_name_the_account() {
    let config =
        "accounts { A { users: [{ user: a, password: p, permissions: { publish: x } }] } }\n";
    let server = Launch::new().config(config).start();
    join(&server, "a", subscribe(&["x 1"])).send(publish(&["y"])).expect(refused_publish("y"));
    let line = server.expect_log("Publish Violation - Subject \"y\"");
    assert!(line.contains("[ERR] ") && line.contains(" - \"A/user:a\" - "), "{line}");
}

/// An account of the system with a user, and nothing else but `more`.
fn system_only(more: &str) -> String {
    format!(
        "accounts {{ SYS {{ users: [{{ user: s, password: p }}] }}{more} }}\nsystem_account: SYS\n"
    )
}

#[test]
fn s133_without_other_accounts_anybody_is_in_the_global_one() {
    let declared = "accounts { $SYS { users: [{ user: s, password: p }] } }\n".to_owned();
    for config in [system_only(""), declared] {
        let server = Launch::new().config(config).start();
        let mut early = server.session();
        assert_eq!(early.info()["auth_required"], true);
        early.send("SUB foo 1\r\nPING\r\n").expect("+OK\r\nPONG\r\n");
        let mut anonymous = server.session();
        let info = anonymous.hello(r#""protocol":1"#);
        assert_eq!((&info["remote_account"], &info["auth_required"]), (&"$G".into(), &true.into()));
        anonymous.send(publish(&["foo"])).expect_open();
        expect_heard(&mut early, &["foo 1"]);
        let mut system = server.session();
        let info = system.hello(&format!("{},\"protocol\":1", user("s")));
        assert_eq!(info["acc_is_sys"], true);
        system.send(publish(&["foo"])).expect_open();
        early.expect_open();
        for members in [user("x"), r#""user":"s","pass":"x""#.to_owned()] {
            let connect = format!("CONNECT {{{members}}}\r\n");
            server.session().send(connect).expect(UNAUTHORIZED).expect_closed();
        }
    }
}

#[test]
fn s133_not_with_a_third_account_or_an_authorization_block() {
    for config in [system_only(", X {}"), system_only("") + "authorization { timeout: 1 }\n"] {
        let server = Launch::new().config(config).start();
        for opening in ["PING\r\n", "CONNECT {}\r\n"] {
            server.session().send(opening).expect(UNAUTHORIZED).expect_closed();
        }
        server.client(&user("s")).expect_open();
    }
}

#[test]
fn s132_accounts_without_users_change_nothing_for_anybody() {
    for config in ["accounts { X {} }\n", "accounts: [X, Y]\n"] {
        let server = Launch::new().config(config).start();
        let mut session = server.session();
        assert!(session.info().get("auth_required").is_none(), "{config}");
        let info = session.hello(r#""protocol":1,"user":"x","pass":"y""#);
        assert_eq!(info["remote_account"], "$G", "{config}");
    }
}

#[test]
fn s026_no_auth_user_may_be_one_of_an_account() {
    let config = "accounts { A { users: [{ user: a, password: p }] }\n\
                  B { users: [{ user: b, password: p }] } }\nno_auth_user: a\n";
    let server = Launch::new().config(config).start();
    let mut silent = server.session();
    silent.send("SUB foo 1\r\nPING\r\n").expect("+OK\r\nPONG\r\n");
    join(&server, "b", publish(&["foo"])).finish();
    join(&server, "a", publish(&["foo"])).finish();
    expect_heard(&mut silent, &["foo 1"]);
}

#[test]
fn s079_a_reload_that_moves_a_user_closes_without_a_word() {
    let config = |first: &str, second: &str| {
        format!(
            "accounts {{ A {{ users: [{{ user: stays, password: p }}{first}] }}\n\
             B {{ users: [{{ user: other, password: p }}{second}] }} }}\n"
        )
    };
    let moving = ", { user: moves, password: p }";
    let server = Launch::new().config(config(moving, "")).start();
    let mut stays = join(&server, "stays", subscribe(&["foo 1"]));
    let mut moves = join(&server, "moves", subscribe(&["foo 1"]));
    server.reload(&config("", moving));
    moves.expect_closed();
    stays.expect_open();
    let mut moves = join(&server, "moves", publish(&["foo"]));
    expect_heard(&mut stays, &[]);
    server.reload(&config("", ""));
    moves.expect_closed();
    stays.send(publish(&["foo"]));
    expect_heard(&mut stays, &["foo 1"]);
}
