//! Account resolvers and what the system account asks of them (reference security 6, items 118 to
//! 130). The same rows are put to every kind of resolver.

mod web;

use std::fs;
use std::path::Path;

use harness::operator::{credentials, key_pair, unix_now};
use harness::{Launch, OperatorMode, Scratch, Server, Session, eventually};
use nervure_core::auth::jwt::{
    AccountClaims, Export, ExportKind, Generic, GenericClaims, Import, SigningKey, UserClaims,
};
use nervure_core::auth::{Role, Signer};
use serde_json::{Value, json};

use crate::table::UNAUTHORIZED;

const UPDATE: &str = "$SYS.REQ.CLAIMS.UPDATE";
const DELETE: &str = "$SYS.REQ.CLAIMS.DELETE";
const LIST: &str = "$SYS.REQ.CLAIMS.LIST";
const PACK: &str = "$SYS.REQ.CLAIMS.PACK";
const NO_RESPONDERS: &[u8] = b"NATS/1.0 503\r\n";

/// A server in operator mode with a resolver, and what may speak to it.
struct Operators {
    mode: OperatorMode,
    server: Server,
}

impl Operators {
    /// The accounts of the mode are preloaded.
    fn start(resolver: &str) -> Self {
        Self::of(OperatorMode::new(), resolver)
    }

    fn of(mode: OperatorMode, resolver: &str) -> Self {
        let config = mode.config().replace("resolver: MEMORY", &format!("resolver: {resolver}"));
        let server = Launch::new().config(config).start();
        Self { mode, server }
    }

    /// The token of an account of the operator's.
    fn token(&self, claims: &AccountClaims) -> String {
        claims.encode(&self.mode.signing_key).expect("an account's claims")
    }

    /// Claims of account `number`, which is in no configuration.
    fn account(&self, number: u8) -> AccountClaims {
        let sub = key_pair(Role::Account, number).public().to_string();
        AccountClaims { sub, name: format!("A{number}"), ..self.mode.account.clone() }
    }

    /// A user of the account with this key: connected, nothing said yet but CONNECT and PING.
    fn knock(&self, key: &Signer) -> Session {
        let user: UserClaims = self.mode.user(10);
        let token = user.encode(key).expect("a user's claims");
        let mut session = self.server.session();
        let members = credentials(&session, &token, &key_pair(Role::User, 10));
        let members = format!("{members},\"headers\":true,\"no_responders\":true");
        session.send(format!("CONNECT {{\"verbose\":false,{members}}}\r\nPING\r\n"));
        session
    }

    fn log_in(&self, key: &Signer) -> Session {
        let mut session = self.knock(key);
        // With "protocol":1 there is an INFO behind the PONG.
        session.expect("PONG\r\n");
        session.read_info();
        session
    }

    fn is_refused(&self, key: &Signer) {
        self.knock(key).expect(UNAUTHORIZED).expect_closed();
    }

    /// Somebody who asks.
    fn system(&self) -> Asker {
        let mut session = self.log_in(&self.mode.system_key);
        session.send("SUB answers 1\r\n");
        Asker(session)
    }
}

/// A user of the system account.
struct Asker(Session);

impl Asker {
    fn send(&mut self, subject: &str, header: &str, payload: &[u8]) {
        let total = header.len() + payload.len();
        let line = if header.is_empty() {
            format!("PUB {subject} answers {total}\r\n")
        } else {
            format!("HPUB {subject} answers {} {total}\r\n", header.len())
        };
        self.0.send([line.as_bytes(), header.as_bytes(), payload, b"\r\n"].concat());
    }

    /// The payload of the first answer; of a 503 the header.
    fn ask(&mut self, subject: &str, payload: impl AsRef<[u8]>) -> Vec<u8> {
        self.send(subject, "", payload.as_ref());
        self.answer()
    }

    fn answer(&mut self) -> Vec<u8> {
        let message = self.0.read_message();
        if message.header.is_empty() { message.payload } else { message.header }
    }

    /// The answer without who gave it.
    fn ask_json(&mut self, subject: &str, payload: impl AsRef<[u8]>) -> Value {
        without_server(&self.ask(subject, payload))
    }

    /// All answers to [`PACK`], up to the empty one.
    fn pack(&mut self, payload: &[u8]) -> Vec<String> {
        let mut lines = vec![self.ask(PACK, payload)];
        while lines.last().is_some_and(|line| !line.is_empty()) {
            lines.push(self.answer());
        }
        lines.pop();
        lines.into_iter().map(|line| String::from_utf8(line).expect("a text")).collect()
    }

    fn has_no_responders(&mut self, subject: &str) {
        let answer = self.ask(subject, "");
        assert!(answer.starts_with(NO_RESPONDERS), "{subject}: {}", answer.escape_ascii());
    }
}

fn without_server(answer: &[u8]) -> Value {
    let parsed: Result<Value, _> = serde_json::from_slice(answer);
    let mut answer = parsed.unwrap_or_else(|_| panic!("no JSON: {}", answer.escape_ascii()));
    let server = answer.as_object_mut().expect("an object").remove("server");
    let id = &server.expect("it says who answers")["id"];
    assert!(id.as_str().is_some_and(|id| id.starts_with('N')), "{id}");
    answer
}

fn update_of(account: &str) -> String {
    format!("$SYS.REQ.ACCOUNT.{account}.CLAIMS.UPDATE")
}

fn lookup_of(account: &str) -> String {
    format!("$SYS.REQ.ACCOUNT.{account}.CLAIMS.LOOKUP")
}

fn done(account: &str, message: &str) -> Value {
    json!({ "data": { "account": account, "code": 200, "message": message } })
}

fn failed(account: &str, description: &str) -> Value {
    json!({ "error": { "account": account, "code": 500, "description": description } })
}

/// A directory resolver of this type in `scratch`.
fn directory(scratch: &Scratch, members: &str) -> String {
    format!("{{ dir: \"{}\", {members} }}", scratch.path().join("jwt").display())
}

fn file(scratch: &Scratch, account: &str) -> String {
    let path = scratch.path().join("jwt").join(format!("{account}.jwt"));
    fs::read_to_string(path).unwrap_or_default()
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("a directory");
    let name = |entry: std::io::Result<fs::DirEntry>| {
        entry.expect("an entry").file_name().into_string().expect("a text")
    };
    let mut names: Vec<_> = entries.map(name).collect();
    names.sort();
    names
}

#[test]
fn s118_an_account_that_is_pushed_is_there_at_once_and_after_a_restart() {
    let scratch = Scratch::new();
    let resolver = directory(&scratch, "type: full");
    let operators = Operators::start(&resolver);
    let key = key_pair(Role::Account, 50);
    let claims = operators.account(50);
    let token = operators.token(&claims);
    let mut asker = operators.system();
    assert_eq!(asker.ask_json(UPDATE, &token), done(&claims.sub, "jwt updated"));
    assert_eq!(file(&scratch, &claims.sub), token);
    operators.log_in(&key).expect_open();
    drop(operators);
    Operators::start(&resolver).log_in(&key).expect_open();
}

/// What is pushed: on the subject of account `named` or on that of all.
struct Push {
    what: &'static str,
    named: Option<String>,
    payload: String,
    /// What `full`, `cache` and the others answer; `None` is that nobody does.
    answers: [Option<Value>; 3],
}

fn pushes(operators: &Operators) -> Vec<Push> {
    let (used, unused) = (operators.mode.account.sub.clone(), operators.account(51));
    let other = unused.sub.clone();
    let good = operators.token(&operators.mode.account);
    let user =
        operators.mode.user(10).encode(&operators.mode.account_key).expect("a user's claims");
    let mut forged = good.clone();
    forged.replace_range(forged.len() - 6.., "AAAAAA");
    let mismatch = "subject does not match jwt content";
    let error = |who: &str, cache: &str, text: &str| {
        Some(failed(who, &format!("jwt update {cache}resulted in error - {text}")))
    };
    let each = |named: Option<&str>, fallback: Option<&str>, text: &str| {
        let cache = named.or(fallback).unwrap_or("n/a");
        let nobody = named.is_none();
        [
            error(fallback.unwrap_or("n/a"), "", text),
            error(cache, "cache ", text),
            (!nobody).then(|| error(cache, "", text)).flatten(),
        ]
    };
    let push = |what, named: Option<&str>, payload: &str, answers| Push {
        what,
        named: named.map(str::to_owned),
        payload: payload.to_owned(),
        answers,
    };
    vec![
        push(
            "good",
            Some(&used),
            &good,
            [
                Some(done(&used, "jwt updated")),
                Some(done(&used, "jwt updated cache")),
                Some(done(&used, "jwt updated")),
            ],
        ),
        push(
            "good, unnamed",
            None,
            &good,
            [Some(done(&used, "jwt updated")), Some(done(&used, "jwt updated cache")), None],
        ),
        push(
            "of an account that nobody uses",
            Some(&other),
            &operators.token(&unused),
            [
                Some(done(&other, "jwt updated")),
                Some(done(&other, "jwt update cache skipped")),
                Some(done(&other, "jwt update skipped")),
            ],
        ),
        push("another's", Some(&other), &good, each(Some(&other), Some(&other), mismatch)),
        push("garbage", Some(&used), "garbage", each(Some(&used), None, "expected 3 chunks")),
        push("garbage, unnamed", None, "garbage", each(None, None, "expected 3 chunks")),
        push("a user's", Some(&used), &user, each(Some(&used), None, "not account claim")),
        push(
            "forged",
            Some(&used),
            &forged,
            each(Some(&used), None, "claim failed V2 signature verification"),
        ),
        push(
            "empty",
            Some(&used),
            "",
            [
                error("n/a", "", "expected 3 chunks"),
                error(&used, "cache ", "expected 3 chunks"),
                Some(failed(&used, "jwt update error - request body is empty")),
            ],
        ),
    ]
}

#[test]
fn s119_s121_s125_s127_what_is_answered_to_what_is_pushed() {
    let scratches = [Scratch::new(), Scratch::new()];
    let resolvers = [
        directory(&scratches[0], "type: full"),
        directory(&scratches[1], "type: cache"),
        "MEMORY".to_owned(),
    ];
    for (kind, resolver) in resolvers.iter().enumerate() {
        let operators = Operators::start(resolver);
        // The account is in use.
        let _user = operators.log_in(&operators.mode.account_key);
        let mut asker = operators.system();
        for Push { what, named, payload, answers } in pushes(&operators) {
            let subject = named.as_deref().map_or(UPDATE.to_owned(), update_of);
            match &answers[kind] {
                Some(answer) => {
                    assert_eq!(asker.ask_json(&subject, &payload), *answer, "{what}, {resolver}");
                }
                None => asker.has_no_responders(&subject),
            }
            if let (Some(named), Some(answer)) = (named, &answers[kind]) {
                let old = format!("$SYS.ACCOUNT.{named}.CLAIMS.UPDATE");
                assert_eq!(asker.ask_json(&old, &payload), *answer, "{what}, {resolver}");
            }
        }
        asker.0.expect_open();
    }
}

#[test]
fn s119_claims_that_are_invalid_are_refused_and_those_that_have_ended_are_kept() {
    let scratch = Scratch::new();
    let operators = Operators::start(&directory(&scratch, "type: full"));
    let mut asker = operators.system();
    let mut claims = operators.account(50);
    claims.exp = unix_now() - 100;
    let ended = operators.token(&claims);
    assert_eq!(asker.ask_json(UPDATE, &ended), done(&claims.sub, "jwt updated"));
    assert_eq!(file(&scratch, &claims.sub), ended);
    operators.is_refused(&key_pair(Role::Account, 50));
    claims.nats.imports.push(Import::default());
    let answer = asker.ask_json(UPDATE, operators.token(&claims));
    let description = answer["error"]["description"].as_str().unwrap_or_default();
    assert!(description.starts_with("jwt validation failed - validation errors: ["), "{answer}");
    assert_eq!(answer["error"]["account"], claims.sub, "{answer}");
    assert_eq!(file(&scratch, &claims.sub), ended);
}

#[test]
fn s120_a_token_that_no_operator_signed_is_kept_and_not_obeyed() {
    let scratch = Scratch::new();
    let operators = Operators::start(&directory(&scratch, "type: full"));
    let account = operators.mode.account.clone();
    let mut user = operators.log_in(&operators.mode.account_key);
    let mut asker = operators.system();
    let mut claims = account.clone();
    claims.nats.limits.conn = 0;
    let foreign = claims.encode(&key_pair(Role::Operator, 90)).expect("an account's claims");
    assert_eq!(asker.ask_json(UPDATE, &foreign), done(&account.sub, "jwt updated"));
    assert_eq!(file(&scratch, &account.sub), foreign);
    user.expect_open();
    operators.log_in(&operators.mode.account_key).expect_open();
}

#[test]
fn s122_headers_are_passed_over() {
    let scratch = Scratch::new();
    let operators = Operators::start(&directory(&scratch, "type: full"));
    let claims = operators.account(50);
    let mut asker = operators.system();
    let header = "NATS/1.0\r\nA: b\r\n\r\n";
    asker.send(UPDATE, header, operators.token(&claims).as_bytes());
    let answer = asker.answer();
    assert_eq!(without_server(&answer), done(&claims.sub, "jwt updated"));
}

#[test]
fn s113_s118_an_update_reaches_those_who_are_connected() {
    let scratch = Scratch::new();
    let resolvers = [
        directory(&scratch, "type: full"),
        directory(&Scratch::new(), "type: cache"),
        "MEMORY".to_owned(),
    ];
    for resolver in resolvers {
        let mut mode = OperatorMode::new();
        let key = key_pair(Role::Account, 5);
        let signing_key = SigningKey::Plain(key.public().to_string());
        mode.account.nats.signing_keys = vec![signing_key];
        let operators = Operators::of(mode, &resolver);
        let account = &operators.mode.account;
        let mut user = operators.log_in(&operators.mode.account_key);
        let mut asker = operators.system();
        let mut claims = account.clone();
        claims.nats.revocations.0.insert("*".to_owned(), unix_now() + 100);
        let answer = asker.ask_json(&update_of(&account.sub), operators.token(&claims));
        assert_eq!(answer["data"]["code"], 200, "{answer}");
        user.expect("-ERR 'User Authentication Revoked'\r\n").expect_closed();
        operators.is_refused(&operators.mode.account_key);
    }
}

#[test]
fn s123_list_lookup_and_pack() {
    let scratch = Scratch::new();
    let operators = Operators::start(&directory(&scratch, "type: full"));
    let mut asker = operators.system();
    let OperatorMode { system, account, .. } = &operators.mode;
    let mut all = [&system.sub, &account.sub];
    all.sort();
    for payload in ["", "anything"] {
        assert_eq!(asker.ask_json(LIST, payload), json!({ "data": all }));
    }
    assert_eq!(asker.ask(&lookup_of(&account.sub), ""), file(&scratch, &account.sub).as_bytes());
    let unknown = operators.account(77).sub;
    assert_eq!(asker.ask(&lookup_of(&unknown), ""), b"");
    let mut lines = asker.pack(b"");
    lines.sort();
    let line = |sub: &String| format!("{sub}|{}", file(&scratch, sub));
    assert_eq!(lines, all.map(line));
    let mut digest = [0_u8; 32];
    for sub in all {
        let one = sha256(file(&scratch, sub).as_bytes());
        digest.iter_mut().zip(one).for_each(|(all, one)| *all ^= one);
    }
    assert_eq!(asker.pack(&digest), [] as [&str; 0]);
    digest[0] ^= 1;
    assert_eq!(asker.pack(&digest).len(), 2);
}

fn sha256(octets: &[u8]) -> [u8; 32] {
    use sha2::Digest as _;
    sha2::Sha256::digest(octets).into()
}

#[test]
fn s123_s125_s127_what_others_do_not_answer() {
    let scratch = Scratch::new();
    let cache = directory(&scratch, "type: cache");
    for (resolver, silent) in [
        (cache.as_str(), vec![PACK, "LOOKUP"]),
        ("MEMORY", vec![UPDATE, LIST, DELETE, PACK, "LOOKUP"]),
    ] {
        let operators = Operators::start(resolver);
        let mut asker = operators.system();
        for subject in silent {
            let lookup = lookup_of(&operators.mode.account.sub);
            asker.has_no_responders(if subject == "LOOKUP" { &lookup } else { subject });
        }
    }
}

/// A request to delete accounts, by `by` in the name of `sub`.
fn deletion(accounts: &Value, sub: &Signer, by: &Signer) -> String {
    let members = json!({ "accounts": accounts });
    let members = members.as_object().cloned().unwrap_or_default();
    let nats = Generic { members, ..Generic::default() };
    let claims = GenericClaims {
        sub: sub.public().to_string(),
        iat: unix_now(),
        nats,
        ..GenericClaims::default()
    };
    claims.encode(by).expect("generic claims")
}

#[test]
fn s124_who_may_delete_and_who_may_not() {
    let scratch = Scratch::new();
    let operators = Operators::start(&directory(&scratch, "type: full, allow_delete: true"));
    let mut asker = operators.system();
    let OperatorMode { operator_key, signing_key, system, account, .. } = &operators.mode;
    let stranger = key_pair(Role::Operator, 90);
    let one = json!([account.sub]);
    let refused = |by: &Signer, text: &str| {
        let description = format!("delete accounts request by {} failed - {text}", by.public());
        json!({ "error": { "code": 500, "description": description } })
    };
    let rows = [
        (deletion(&one, operator_key, signing_key), refused(operator_key, "not self signed")),
        (deletion(&one, &stranger, &stranger), refused(&stranger, "not trusted")),
        (
            deletion(&Value::Null, signing_key, signing_key),
            refused(signing_key, "malformed request"),
        ),
        (
            deletion(&json!(["../x"]), signing_key, signing_key),
            refused(signing_key, "malformed request"),
        ),
        (
            deletion(&json!([account.sub, system.sub]), signing_key, signing_key),
            refused(signing_key, "not allowed to delete system account"),
        ),
        (
            "garbage".to_owned(),
            json!({ "error": {
            "code": 500, "description": "delete accounts request by  failed - expected 3 chunks",
        } }),
        ),
        (
            deletion(&json!([]), operator_key, operator_key),
            json!({ "data": { "code": 200, "message": "deleted 0 accounts" } }),
        ),
    ];
    for (payload, wanted) in rows {
        assert_eq!(asker.ask_json(DELETE, &payload), wanted);
    }
    operators.log_in(&operators.mode.account_key).expect_open();
    let scratch = Scratch::new();
    let operators = Operators::start(&directory(&scratch, "type: full"));
    let answer = operators.system().ask_json(DELETE, deletion(&one, signing_key, signing_key));
    assert_eq!(answer, refused(signing_key, "delete must be enabled in server config"));
}

#[test]
fn s124_a_deleted_account_and_what_revives_it() {
    for (members, left) in [
        ("type: full, allow_delete: true", Some(".jwt.deleted")),
        ("type: full, allow_delete: true, hard_delete: true", None),
        ("type: cache", None),
    ] {
        let scratch = Scratch::new();
        let operators = Operators::start(&directory(&scratch, members));
        let mut user = operators.log_in(&operators.mode.account_key);
        let mut asker = operators.system();
        let account = &operators.mode.account;
        let old = file(&scratch, &account.sub);
        let accounts = json!([account.sub]);
        let (by, deleted) = (&operators.mode.operator_key, "deleted 1 accounts");
        let answer = asker.ask_json(DELETE, deletion(&accounts, by, by));
        assert_eq!(answer, json!({ "data": { "code": 200, "message": deleted } }), "{members}");
        user.expect("-ERR 'Account Authentication Expired'\r\n").expect_closed();
        operators.is_refused(&operators.mode.account_key);
        let mut files = vec![format!("{}.jwt", operators.mode.system.sub)];
        files.extend(left.map(|ending| format!("{}{ending}", account.sub)));
        files.sort();
        assert_eq!(names(&scratch.path().join("jwt")), files, "{members}");
        // The same token does not bring it back, another does.
        asker.ask(UPDATE, &old);
        operators.is_refused(&operators.mode.account_key);
        let newer = AccountClaims { iat: account.iat + 1, ..account.clone() };
        asker.ask(UPDATE, operators.token(&newer));
        operators.log_in(&operators.mode.account_key).expect_open();
    }
}

#[test]
fn s118_a_full_directory() {
    let scratch = Scratch::new();
    let operators = Operators::start(&directory(&scratch, "type: full, limit: 2"));
    let mut asker = operators.system();
    let claims = operators.account(50);
    let text = "jwt update resulted in error - jwt store is full";
    assert_eq!(asker.ask_json(UPDATE, operators.token(&claims)), failed(&claims.sub, text));
    let account = operators.mode.account.clone();
    assert_eq!(
        asker.ask_json(UPDATE, operators.token(&account)),
        done(&account.sub, "jwt updated")
    );
}

#[test]
fn s125_s126_a_cache_asks_others() {
    let scratch = Scratch::new();
    let operators = Operators::start(&directory(&scratch, "type: cache, timeout: \"500ms\""));
    let mut asker = operators.system();
    let claims = operators.account(50);
    let key = key_pair(Role::Account, 50);
    // Nobody answers.
    operators.is_refused(&key);
    asker.0.send("SUB $SYS.REQ.ACCOUNT.*.CLAIMS.LOOKUP 2\r\n").expect_open();
    let mut user = operators.knock(&key);
    let request = asker.0.read_message();
    assert_eq!(request.subject, lookup_of(&claims.sub).as_bytes());
    assert_eq!(request.payload, b"");
    let reply = String::from_utf8(request.reply.expect("an answer is wanted")).expect("a text");
    let token = operators.token(&claims);
    asker.0.send(format!("PUB {reply} {}\r\n{token}\r\n", token.len()));
    user.expect("PONG\r\n");
    eventually("it is kept", || (file(&scratch, &claims.sub) == token).then_some(()));
    let newer = operators.token(&AccountClaims { iat: claims.iat + 1, ..claims.clone() });
    let answer = asker.ask_json(UPDATE, &newer);
    assert_eq!(answer, done(&claims.sub, "jwt updated cache"));
    assert_eq!(file(&scratch, &claims.sub), newer);
}

#[test]
fn s118_a_directory_that_is_relative_is_made_and_one_that_is_no_directory_is_refused() {
    let scratch = Scratch::new();
    fs::write(scratch.path().join("jwt"), "").expect("a file");
    let mode = OperatorMode::new();
    let config = mode
        .config()
        .replace("resolver: MEMORY", &format!("resolver: {}", directory(&scratch, "type: full")));
    let ended = Launch::new().config(config).run();
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let path = scratch.path().join("jwt");
    let said = format!("{}: not a directory", path.display());
    assert!(ended.stderr.contains(&said), "{}", ended.stderr);
}

#[test]
fn s130_an_import_starts_to_work_when_its_exporter_is_loaded() {
    let scratch = Scratch::new();
    let mut mode = OperatorMode::new();
    let exporter = key_pair(Role::Account, 50);
    mode.account.nats.imports.push(Import {
        name: "news".to_owned(),
        subject: "news.>".to_owned(),
        account: exporter.public().to_string(),
        kind: Some(ExportKind::Stream),
        ..Import::default()
    });
    let operators = Operators::of(mode, &directory(&scratch, "type: full, timeout: \"500ms\""));
    let mut reader = operators.log_in(&operators.mode.account_key);
    reader.send("SUB news.> 1\r\n").expect_open();
    let mut claims = operators.account(50);
    claims.nats.imports.clear();
    claims.nats.exports.push(Export {
        name: "news".to_owned(),
        subject: "news.>".to_owned(),
        kind: Some(ExportKind::Stream),
        ..Export::default()
    });
    let answer = operators.system().ask_json(UPDATE, operators.token(&claims));
    assert_eq!(answer, done(&claims.sub, "jwt updated"));
    let mut writer = operators.log_in(&exporter);
    writer.send("PUB news.a 2\r\nhi\r\n").expect_open();
    let message = reader.read_message();
    assert_eq!((&*message.subject, &*message.payload), (&b"news.a"[..], &b"hi"[..]));
}

/// The configuration of a mode without any account.
fn bare_config(mode: &OperatorMode, resolver: &str) -> String {
    let config = mode.config();
    let operator = config.lines().next().expect("a line with the operator");
    format!("{operator}\nresolver: {resolver}\n")
}

#[test]
fn s129_the_system_account_can_be_pushed_to_a_server_that_does_not_have_it() {
    for members in ["type: full", "type: cache"] {
        let (scratch, mode) = (Scratch::new(), OperatorMode::new());
        let resolver = directory(&scratch, members);
        let server = Launch::new().config(bare_config(&mode, &resolver)).start();
        let operators = Operators { mode, server };
        let mut asker = operators.system();
        let token = operators.token(&operators.mode.system);
        let answer = asker.ask_json(UPDATE, &token);
        assert_eq!(answer["data"]["code"], 200, "{answer}");
        assert_eq!(file(&scratch, &operators.mode.system.sub), token);
        asker.0.expect_open();
        operators.system().0.expect_open();
        eventually("it is fetched", || {
            operators.server.log().contains("System account fetched").then_some(())
        });
        asker.0.expect_open();
    }
}
