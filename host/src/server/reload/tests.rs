#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says no by panicking")]

use std::path::PathBuf;

use super::{ReloadError, Server, table};
use crate::options::{AuthOptions, Cookies, Listen, Options, TlsOptions, User, WebsocketOptions};

fn loopback() -> Listen {
    Listen { host: "127.0.0.1".to_owned(), port: 0 }
}

fn websocket() -> WebsocketOptions {
    WebsocketOptions {
        listen: loopback(),
        advertise: None,
        tls: None,
        same_origin: false,
        allowed_origins: Vec::new(),
        compression: false,
        handshake_timeout: None,
        headers: Vec::new(),
        cookies: Cookies::default(),
        auth: None,
        auth_timeout: None,
        ping_interval: None,
    }
}

fn single_user(password: &str) -> AuthOptions {
    let (name, password) = ("a".to_owned(), password.to_owned());
    let user = User { name, password, ..User::default() };
    AuthOptions { users: vec![user], single_user: true, ..AuthOptions::default() }
}

#[tokio::test]
async fn an_embedded_server_takes_options_whole_or_not_at_all() {
    let options = Options {
        listen: loopback(),
        websocket: Some(websocket()),
        shards: 1,
        ..Options::default()
    };
    let mut server = Server::builder().options(options.clone()).start().await.unwrap();
    let before = (server.address(), server.websocket_address(), server.info());

    let mut refused = options.clone();
    refused.auth = single_user("secret");
    refused.limits.max_pending = 1 << 20;
    match server.reconfigure(&refused).await {
        Err(ReloadError::Fixed { name: "MaxPending", old, new }) => {
            assert_eq!((old.as_str(), new.as_str()), ("67108864", "1048576"));
        }
        other => panic!("{other:?}"),
    }
    let missing = Some(PathBuf::from("/nonexistent/file"));
    refused.limits.max_pending = options.limits.max_pending;
    refused.log.file.clone_from(&missing);
    assert!(matches!(server.reconfigure(&refused).await, Err(ReloadError::Log(_))));
    refused.log.file = None;
    refused.tls = Some(TlsOptions { ca_file: missing, ..TlsOptions::default() });
    assert!(matches!(server.reconfigure(&refused).await, Err(ReloadError::Listener(_))));
    assert_eq!(server.info(), before.2);

    refused.tls = None;
    refused.client_advertise = Some(Listen { host: "advertised".to_owned(), port: 1 });
    server.reconfigure(&refused).await.unwrap();
    assert_eq!(server.info().host, "advertised");
    assert_eq!((server.address(), server.websocket_address()), (before.0, before.1));
    assert_eq!(server.info().server_id, before.2.server_id);
    server.shutdown().await;
}

#[test]
fn a_websocket_password_may_neither_change_nor_be_shown() {
    let with = |password: &str| {
        let auth = Some(single_user(password));
        Options { websocket: Some(WebsocketOptions { auth, ..websocket() }), ..Options::default() }
    };
    assert!(table::refusal(&with("one"), &with("one")).is_none());
    let refusal = table::refusal(&with("one"), &with("two")).unwrap().to_string();
    assert!(refusal.contains("Websocket: old={127.0.0.1 0       a [REDACTED]  0"), "{refusal}");
    assert!(!refusal.contains("one") && !refusal.contains("two"), "{refusal}");
}

#[test]
fn ways_in_that_websocket_takes_over_from_the_server_may_change_with_them() {
    let with = |password: &str| {
        let auth = single_user(password);
        let own = AuthOptions { no_auth_user: Some("a".to_owned()), ..auth.clone() };
        let websocket = WebsocketOptions { auth: Some(own), ..websocket() };
        Options { auth, websocket: Some(websocket), ..Options::default() }
    };
    assert!(table::refusal(&with("one"), &with("two")).is_none());
    assert!(
        table::lines(&with("one"), &with("two"))
            .any(|line| line == "Reloaded: authorization password")
    );
}

#[test]
fn the_system_account_stays_what_it_is() {
    let system =
        |name: &str| Options { system_account: Some(name.to_owned()), ..Options::default() };
    let refusal = |old: &Options, new: &Options| {
        table::refusal(old, new).map(|error| error.to_string()).unwrap_or_default()
    };
    assert_eq!(
        refusal(&Options::default(), &system("A")),
        "config reload not supported for SystemAccount: old=, new=A"
    );
    let without = Options { no_system_account: true, ..system("A") };
    assert_eq!(
        refusal(&system("A"), &without),
        "config reload not supported for NoSystemAccount: old=false, new=true"
    );
    // The first option that changed is named, in nats-server's order.
    let mut other = Options { no_system_account: true, ..system("B") };
    other.proxy_protocol = true;
    assert_eq!(
        refusal(&system("A"), &other),
        "config reload not supported for SystemAccount: old=A, new=B"
    );
}
