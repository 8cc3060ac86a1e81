//! Accounts that a web server has (reference security 6.3).

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use harness::{Launch, OperatorMode, eventually};
use nervure_core::auth::jwt::AccountClaims;

use super::{Operators, UPDATE, bare_config, done, update_of};

/// A web server with texts by path; everything else is not there. It ends with the test.
struct Web {
    base: String,
    pages: Arc<Mutex<BTreeMap<String, String>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Web {
    fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let base = format!("http://{}/jwt", listener.local_addr().expect("an address"));
        let (pages, asked) = (Arc::default(), Arc::default());
        let web = Self { base, pages, asked };
        let (pages, asked) = (web.pages.clone(), web.asked.clone());
        thread::spawn(move || {
            for socket in listener.incoming().map_while(Result::ok) {
                let (pages, asked) = (pages.clone(), asked.clone());
                // A client may keep a connection open without asking.
                thread::spawn(move || answer(socket, &pages, &asked));
            }
        });
        web
    }

    fn put(&self, name: &str, text: &str) {
        lock(&self.pages).insert(format!("/jwt/{name}"), text.to_owned());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers one request; a failing connection is the client's business.
fn answer(socket: TcpStream, pages: &Mutex<BTreeMap<String, String>>, asked: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(&socket).lines().map_while(Result::ok);
    let first = lines.next().unwrap_or_default();
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let _headers = lines.take_while(|line| !line.is_empty()).count();
    let (status, body) = match lock(pages).get(&path) {
        Some(page) => ("200 OK", page.clone()),
        None => ("404 Not Found", String::new()),
    };
    lock(asked).push(path);
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    let _ = (&socket).write_all((head + &body).as_bytes());
}

/// The configuration of a mode whose accounts a web server has.
fn url_config(mode: &OperatorMode, web: &Web) -> String {
    bare_config(mode, &format!("URL({})", web.base))
}

#[test]
fn s128_a_web_server_has_the_accounts() {
    let (mode, web) = (OperatorMode::new(), Web::start());
    let token = |claims: &AccountClaims| claims.encode(&mode.signing_key).expect("claims");
    web.put("", "hello");
    web.put(&mode.system.sub, &token(&mode.system));
    let server = Launch::new().config(url_config(&mode, &web)).start();
    assert_eq!(lock(&web.asked).first().map(String::as_str), Some("/jwt/"));
    let operators = Operators { mode, server };
    let account = &operators.mode.account;
    let mut asker = operators.system();
    operators.is_refused(&operators.mode.account_key);
    let skipped = done(&account.sub, "jwt update skipped");
    let first = operators.token(account);
    assert_eq!(asker.ask_json(&update_of(&account.sub), &first), skipped);
    web.put(&account.sub, &first);
    // An account that was not found is not looked for at once again (nats-server).
    let mut user = eventually("the account is found", || {
        let mut user = operators.knock(&operators.mode.account_key);
        (user.read_line() == b"PONG").then_some(user)
    });
    user.read_info();
    user.expect_open();
    let newer = operators.token(&AccountClaims { iat: account.iat + 1, ..account.clone() });
    let answer = asker.ask_json(&update_of(&account.sub), &newer);
    assert_eq!(answer, done(&account.sub, "jwt updated"));
    asker.has_no_responders(UPDATE);
}

#[test]
fn s128_without_its_web_server_a_server_does_not_start() {
    let (mode, web) = (OperatorMode::new(), Web::start());
    let ended = Launch::new().config(url_config(&mode, &web)).run();
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let text = format!("could not fetch <\"{}/\">: 404 Not Found", web.base);
    assert!(ended.stderr.contains(&text), "{}", ended.stderr);
    let config = mode.config().replace("resolver: MEMORY", "resolver: URL(http://127.0.0.1:1/)");
    let ended = Launch::new().config(config).run();
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let text = "resolver preloads only available for writeable resolver types MEM/DIR/CACHE_DIR";
    assert!(ended.stderr.contains(text), "{}", ended.stderr);
}
