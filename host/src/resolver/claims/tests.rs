//! Requests and their responses, without a server around them. The texts are those of nats-server
//! 2.15.1; tests/conformance asks both servers.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard};

use nervure_core::auth::jwt::{Account, AccountLimits, Export, ExportKind, Generic, UserClaims};
use nervure_core::auth::{Seed, Signer};
use serde_json::json;

use super::*;
use crate::options::{DirectoryOptions, FETCH_TIMEOUT, SYNC_INTERVAL};

const NOW: Duration = Duration::from_secs(1_000_000);

const OPERATOR: u8 = 1;
const SYSTEM: u8 = 3;
const USED: u8 = 4;
const OTHER: u8 = 5;

fn signer(role: Role, number: u8) -> Signer {
    Signer::new(Seed::new(role, [number; 32])).unwrap()
}

fn account(number: u8) -> String {
    signer(Role::Account, number).public().to_string()
}

fn claims(number: u8) -> AccountClaims {
    AccountClaims {
        sub: account(number),
        iat: 1000,
        nats: Account { limits: AccountLimits::unlimited(), ..Account::default() },
        ..AccountClaims::default()
    }
}

fn token(number: u8) -> String {
    claims(number).encode(&signer(Role::Operator, OPERATOR)).unwrap()
}

/// Accounts `SYSTEM` and `USED` are in use; operator `OPERATOR` signs them.
#[derive(Default)]
struct InForce {
    strict: bool,
    closed: Mutex<BTreeSet<String>>,
    replaced: Mutex<Vec<String>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

impl Accounts for InForce {
    fn is_in_use(&self, name: &str) -> bool {
        [account(SYSTEM), account(USED)].contains(&name.to_owned())
    }

    fn replace(&self, token: &str, claims: &AccountClaims) -> Result<(), String> {
        if !self.is_trusted(&claims.iss) {
            return Err("account validation failed".to_owned());
        }
        lock(&self.replaced).push(token.to_owned());
        Ok(())
    }

    fn close(&self, account: &str) {
        lock(&self.closed).insert(account.to_owned());
    }

    fn is_system(&self, name: &str) -> bool {
        name == account(SYSTEM)
    }

    fn is_trusted(&self, key: &str) -> bool {
        key == signer(Role::Operator, OPERATOR).public().to_string()
    }

    fn is_strict_operator(&self, key: &str) -> bool {
        self.strict && self.is_trusted(key)
    }
}

/// What answers, and the directory below it.
struct Bench {
    claims: Claims,
    in_force: Arc<InForce>,
    dir: PathBuf,
}

impl Bench {
    fn new(kind: Option<DirectoryKind>) -> Self {
        Self::of(kind, InForce::default())
    }

    fn of(kind: Option<DirectoryKind>, in_force: InForce) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = format!("nervure-claims-{}-{number}", std::process::id());
        let dir = std::env::temp_dir().join(dir);
        let store = match kind {
            None => Store::Nowhere,
            Some(kind) => {
                let dir = dir.clone();
                let options =
                    DirectoryOptions { dir, kind, limit: Some(3), timeout: FETCH_TIMEOUT };
                let directory = Directory::open(&options, NOW).unwrap().directory;
                Store::Directory(Arc::new(directory), kind)
            }
        };
        let in_force = Arc::new(in_force);
        Self { claims: Claims::new(store, in_force.clone()), in_force, dir }
    }

    fn full(deletion: Deletion) -> Self {
        Self::new(Some(DirectoryKind::Full { interval: SYNC_INTERVAL, deletion }))
    }

    fn cache() -> Self {
        Self::new(Some(DirectoryKind::Cache { ttl: None }))
    }

    /// Asks on the subject as the server would.
    fn ask(&self, subject: &str, payload: impl AsRef<[u8]>) -> Vec<String> {
        let matches =
            |pattern: &str| nervure_core::subject::covers(pattern.as_bytes(), subject.as_bytes());
        let found = self.claims.store.subjects().into_iter().find(|(pattern, _)| matches(pattern));
        let Some((_, request)) = found else { return vec!["503".to_owned()] };
        let response = self.claims.answer(request, subject, payload.as_ref(), NOW);
        let texts = response.payloads(&"S").into_iter().map(|it| String::from_utf8(it).unwrap());
        texts.collect()
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

const UPDATE: &str = "$SYS.REQ.CLAIMS.UPDATE";
const DELETE: &str = "$SYS.REQ.CLAIMS.DELETE";

fn update_of(number: u8) -> String {
    format!("$SYS.REQ.ACCOUNT.{}.CLAIMS.UPDATE", account(number))
}

fn done(account: &str, message: &str) -> String {
    format!(r#"{{"server":"S","data":{{"account":"{account}","code":200,"message":"{message}"}}}}"#)
}

fn failed(account: &str, description: &str) -> String {
    format!(
        r#"{{"server":"S","error":{{"account":"{account}","code":500,"description":"{description}"}}}}"#
    )
}

/// Claims with an export whose subject is impossible.
fn impossible(number: u8) -> String {
    let mut claims = claims(number);
    let subject = "a..b".to_owned();
    let kind = Some(ExportKind::Stream);
    claims.nats.exports.push(Export { subject, kind, ..Export::default() });
    claims.encode(&signer(Role::Operator, OPERATOR)).unwrap()
}

/// Pushes a token, on the subject of account `number` or on that of all, to a full directory, a
/// cache and the others.
fn check_update(name: &str, number: Option<u8>, payload: &str, wanted: [String; 3]) {
    let subject = number.map_or(UPDATE.to_owned(), update_of);
    let benches = [Bench::full(Deletion::Refused), Bench::cache(), Bench::new(None)];
    for (bench, wanted) in benches.iter().zip(wanted) {
        assert_eq!(bench.ask(&subject, payload), [wanted], "{name}: {:?}", bench.claims.store);
    }
}

#[test]
fn what_is_taken_is_answered_by_each_resolver_in_its_words() {
    let messages = |who: u8, [full, cache, memory]: [&str; 3]| {
        let memory = match memory {
            "503" => "503".to_owned(),
            message => done(&account(who), message),
        };
        [done(&account(who), full), done(&account(who), cache), memory]
    };
    let taken = ["jwt updated", "jwt updated cache", "jwt updated"];
    check_update("good", Some(USED), &token(USED), messages(USED, taken));
    let [full, cache, _] = taken;
    check_update("good, unnamed", None, &token(USED), messages(USED, [full, cache, "503"]));
    let unused = ["jwt updated", "jwt update cache skipped", "jwt update skipped"];
    check_update("not in use", Some(OTHER), &token(OTHER), messages(OTHER, unused));
    let foreign = claims(USED).encode(&signer(Role::Operator, 99)).unwrap();
    let error = "jwt update resulted in error - account validation failed";
    let [full, cache, _] = messages(USED, taken);
    let wanted = [full, cache, failed(&account(USED), error)];
    check_update("foreign", Some(USED), &foreign, wanted);
}

#[test]
fn what_is_refused_is_answered_by_each_resolver_in_its_words() {
    let user = {
        let sub = signer(Role::User, 9).public().to_string();
        let claims = UserClaims { sub, ..UserClaims::default() };
        claims.encode(&signer(Role::Account, USED)).unwrap()
    };
    let mut forged = token(USED);
    forged.replace_range(forged.len() - 6.., "AAAAAA");
    let (used, other) = (account(USED), account(OTHER));
    let (used, other) = (used.as_str(), other.as_str());
    let error = |who: &str, cache: &str, text: &str| {
        failed(who, &format!("jwt update {cache}resulted in error - {text}"))
    };
    let errors = |[full, cache, memory]: [&str; 3], text| {
        let memory = if memory == "503" { "503".to_owned() } else { error(memory, "", text) };
        [error(full, "", text), error(cache, "cache ", text), memory]
    };
    let mismatch = "subject does not match jwt content";
    check_update("another's", Some(OTHER), &token(USED), errors([other; 3], mismatch));
    let chunks = "expected 3 chunks";
    check_update("garbage", Some(USED), "garbage", errors(["n/a", used, used], chunks));
    check_update("garbage, unnamed", None, "garbage", errors(["n/a", "n/a", "503"], chunks));
    let [full, cache, _] = errors(["n/a", used, used], chunks);
    let memory = failed(used, "jwt update error - request body is empty");
    check_update("empty", Some(USED), "", [full, cache, memory]);
    check_update("a user's", Some(USED), &user, errors(["n/a", used, used], "not account claim"));
    let signature = "claim failed V2 signature verification";
    check_update("forged", None, &forged, errors(["n/a", "n/a", "503"], signature));
    let invalid = |words: &str| {
        let what = "validation errors: [export subject \\\"a..b\\\" has an empty token]";
        failed(used, &format!("{words} validation failed - {what}"))
    };
    let wanted = [invalid("jwt"), invalid("jwt update cache"), "503".to_owned()];
    check_update("invalid", None, &impossible(USED), wanted);
}

#[test]
fn what_was_taken_is_kept_and_put_into_force() {
    let bench = Bench::full(Deletion::Refused);
    bench.ask(UPDATE, token(OTHER));
    assert!(lock(&bench.in_force.replaced).is_empty(), "nobody uses it");
    let old = format!("$SYS.ACCOUNT.{}.CLAIMS.UPDATE", account(USED));
    assert_eq!(bench.ask(&old, token(USED)), [done(&account(USED), "jwt updated")]);
    assert_eq!(*lock(&bench.in_force.replaced), [token(USED)]);
    let mut names = [account(OTHER), account(USED)];
    names.sort();
    let list = format!(r#"{{"data":["{}","{}"],"server":"S"}}"#, names[0], names[1]);
    assert_eq!(bench.ask("$SYS.REQ.CLAIMS.LIST", "anything"), [list]);
    let lookup = |id: &str| bench.ask(&format!("$SYS.REQ.ACCOUNT.{id}.CLAIMS.LOOKUP"), "");
    assert_eq!(lookup(&account(USED)), [token(USED)]);
    assert_eq!(lookup(&account(77)), [""]);
    assert_eq!(lookup("xyz"), [] as [&str; 0]);
    // Foreign claims replace the file and nothing else.
    let foreign = claims(USED).encode(&signer(Role::Operator, 99)).unwrap();
    bench.ask(UPDATE, &foreign);
    assert_eq!(lookup(&account(USED)), [foreign]);
    assert_eq!(lock(&bench.in_force.replaced).len(), 1);
}

#[test]
fn a_full_directory_and_a_strict_operator_refuse() {
    let bench = Bench::full(Deletion::Refused);
    (10..13).for_each(|number| drop(bench.ask(UPDATE, token(number))));
    let error = "jwt update resulted in error - jwt store is full";
    assert_eq!(bench.ask(UPDATE, token(13)), [failed(&account(13), error)]);
    let strict = InForce { strict: true, ..InForce::default() };
    let kind = DirectoryKind::Full { interval: SYNC_INTERVAL, deletion: Deletion::Refused };
    let bench = Bench::of(Some(kind), strict);
    let error = "jwt update resulted in error - operator requires issuer to be a signing key";
    assert_eq!(bench.ask(UPDATE, token(USED)), [failed(&account(USED), error)]);
}

#[test]
fn pack_gives_what_the_other_does_not_have() {
    let bench = Bench::full(Deletion::Refused);
    assert_eq!(bench.ask("$SYS.REQ.CLAIMS.PACK", [0; 32]), [""]);
    bench.ask(UPDATE, token(USED));
    let line = format!("{}|{}", account(USED), token(USED));
    for payload in [b"".as_slice(), b"short", &[0; 32]] {
        assert_eq!(bench.ask("$SYS.REQ.CLAIMS.PACK", payload), [line.as_str(), ""]);
    }
    let Store::Directory(directory, _) = &bench.claims.store else { unreachable!() };
    assert_eq!(bench.ask("$SYS.REQ.CLAIMS.PACK", directory.digest()), [""]);
    let cache = Bench::cache();
    assert_eq!(cache.ask("$SYS.REQ.CLAIMS.PACK", ""), ["503"]);
}

/// A request to delete, by `by` in the name of `sub`.
fn deletion(accounts: &Value, sub: &Signer, by: &Signer) -> String {
    let mut members = serde_json::Map::new();
    if !accounts.is_null() {
        members.insert("accounts".to_owned(), accounts.clone());
    }
    let nats = Generic { members, ..Generic::default() };
    let sub = sub.public().to_string();
    GenericClaims { sub, nats, ..GenericClaims::default() }.encode(by).unwrap()
}

#[test]
fn who_may_delete_what() {
    let (operator, stranger) = (signer(Role::Operator, OPERATOR), signer(Role::Operator, 99));
    let answer =
        |text: &str| format!(r#"{{"server":"S","error":{{"code":500,"description":"{text}"}}}}"#);
    let refused = |by: &Signer, text: &str| {
        answer(&format!("delete accounts request by {} failed - {text}", by.public()))
    };
    let deleted = |count| {
        format!(r#"{{"server":"S","data":{{"code":200,"message":"deleted {count} accounts"}}}}"#)
    };
    let used = json!([account(USED)]);
    let rows = [
        (
            "garbage",
            "garbage".to_owned(),
            answer("delete accounts request by  failed - expected 3 chunks"),
        ),
        (
            "another's name",
            deletion(&used, &stranger, &operator),
            refused(&stranger, "not self signed"),
        ),
        ("a stranger", deletion(&used, &stranger, &stranger), refused(&stranger, "not trusted")),
        (
            "no list",
            deletion(&Value::Null, &operator, &operator),
            refused(&operator, "malformed request"),
        ),
        (
            "a text",
            deletion(&json!("A"), &operator, &operator),
            refused(&operator, "malformed request"),
        ),
        (
            "numbers",
            deletion(&json!([5]), &operator, &operator),
            refused(&operator, "malformed request"),
        ),
        (
            "a path",
            deletion(&json!(["../x"]), &operator, &operator),
            refused(&operator, "malformed request"),
        ),
        (
            "the system account",
            deletion(&json!([account(USED), account(SYSTEM)]), &operator, &operator),
            refused(&operator, "not allowed to delete system account"),
        ),
        ("nothing", deletion(&json!([]), &operator, &operator), deleted(0)),
        ("unknown", deletion(&json!([account(77)]), &operator, &operator), deleted(1)),
        ("used", deletion(&used, &operator, &operator), deleted(1)),
    ];
    for (name, payload, wanted) in rows {
        for bench in [Bench::full(Deletion::Rename), Bench::full(Deletion::Remove), Bench::cache()]
        {
            bench.ask(UPDATE, token(USED));
            assert_eq!(bench.ask(DELETE, &payload).concat(), wanted, "{name}");
            let is_gone = name == "used";
            assert_eq!(lock(&bench.in_force.closed).contains(&account(USED)), is_gone, "{name}");
            let list = bench.ask("$SYS.REQ.CLAIMS.LIST", "");
            assert_eq!(list[0].contains(&account(USED)), !is_gone, "{name}: {list:?}");
        }
        if name != "garbage" {
            let bench = Bench::full(Deletion::Refused);
            let text = bench.ask(DELETE, &payload).concat();
            assert!(text.contains("failed - delete must be enabled in server config"), "{text}");
        }
    }
}
