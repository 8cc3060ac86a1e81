//! Who is let in: passwords, tokens, nkeys, permissions and certificates.

use std::{error::Error, path::PathBuf};

use async_nats::{ConnectErrorKind, ConnectOptions, Event, ServerError};
use harness::operator::{OperatorMode, key_pair};
use nervure_core::auth::{Role, Signer};
use nkeys::{KeyPair, KeyPairType};

use crate::{
    broker::{Broker, certificates},
    peers::{Transport, connect_watched, options, take, try_connect},
};

const TOKEN: &str = "a token with spaces";

over!(
    [tcp, tls, ws, wss],
    [
        users_are_let_in_by_password_and_others_are_refused,
        only_the_token_is_let_in_where_a_token_is_wanted,
        nkey_user_who_signs_the_nonce_is_let_in_and_a_stranger_is_not,
        user_with_credentials_of_an_operators_account_is_let_in_and_a_stranger_is_not,
        denied_publish_and_subscribe_are_reported_and_nothing_flows,
    ]
);

/// Alice's and Dave's passwords are in clear text, Bob's is the bcrypt hash of "b0b pass" (cost 4).
const USERS: &str = r#"
authorization {
  users: [
    { user: alice, password: "al1ce pass" }
    { user: bob, password: "$2a$04$abcdefghijklmnopqrstuu0IW6TsD.ltswA2qNb/gSLIg6DlPpsYq" }
    { user: dave, password: "d4ve pass"
      permissions {
        publish: "open.>"
        subscribe: ["open.>", "_INBOX.>"]
      }
    }
  ]
}
"#;

fn password(user: &str, pass: &str) -> ConnectOptions {
    options().user_and_password(user.to_owned(), pass.to_owned())
}

fn token(token: &str) -> ConnectOptions {
    options().token(token.to_owned())
}

async fn assert_let_in(broker: &Broker, transport: Transport, options: ConnectOptions) {
    let client = try_connect(broker, transport, options).await.unwrap();
    let mut subscription = client.subscribe("open.door").await.unwrap();
    client.publish("open.door", "in".into()).await.unwrap();
    assert_eq!(take(&mut subscription, 1).await, [b"in".to_vec()]);
}

async fn assert_refused(broker: &Broker, transport: Transport, options: ConnectOptions) {
    let error = try_connect(broker, transport, options).await.expect_err("was let in");
    assert_eq!(error.kind(), ConnectErrorKind::AuthorizationViolation, "{error:?}");
}

async fn users_are_let_in_by_password_and_others_are_refused(transport: Transport) {
    let broker = Broker::start(transport, USERS).await;
    assert_let_in(&broker, transport, password("alice", "al1ce pass")).await;
    assert_let_in(&broker, transport, password("bob", "b0b pass")).await;
    for (user, pass) in [("alice", "b0b pass"), ("bob", "al1ce pass"), ("carol", "al1ce pass")] {
        assert_refused(&broker, transport, password(user, pass)).await;
    }
    assert_refused(&broker, transport, token(TOKEN)).await;
    assert_refused(&broker, transport, options()).await;
}

async fn only_the_token_is_let_in_where_a_token_is_wanted(transport: Transport) {
    let settings = format!("authorization {{ token: \"{TOKEN}\" }}");
    let broker = Broker::start(transport, &settings).await;
    assert_let_in(&broker, transport, token(TOKEN)).await;
    assert_refused(&broker, transport, token("a token with space")).await;
    assert_refused(&broker, transport, password("alice", "al1ce pass")).await;
    assert_refused(&broker, transport, options()).await;
}

async fn nkey_user_who_signs_the_nonce_is_let_in_and_a_stranger_is_not(transport: Transport) {
    let (known, stranger) = (KeyPair::new_user(), KeyPair::new_user());
    let settings = format!("authorization {{ users: [ {{ nkey: {} }} ] }}", known.public_key());
    let broker = Broker::start(transport, &settings).await;
    assert_let_in(&broker, transport, options().nkey(known.seed().unwrap())).await;
    assert_refused(&broker, transport, options().nkey(stranger.seed().unwrap())).await;
    assert_refused(&broker, transport, options()).await;
}

/// The content of a credentials file of the user with this number, whose account signs with `key`.
fn credentials(mode: &OperatorMode, user: u8, key: &Signer) -> ConnectOptions {
    let token = mode.user(user).encode(key).unwrap();
    let pair = KeyPair::new_from_raw(KeyPairType::User, [user; 32]).unwrap();
    let seed = pair.seed().unwrap();
    let file = format!(
        "-----BEGIN NATS USER JWT-----\n{token}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
    );
    options().credentials(&file).unwrap()
}

async fn user_with_credentials_of_an_operators_account_is_let_in_and_a_stranger_is_not(
    transport: Transport,
) {
    let mode = OperatorMode::new();
    let broker = Broker::start(transport, &mode.config()).await;
    assert_let_in(&broker, transport, credentials(&mode, 7, &mode.account_key)).await;
    let stranger = key_pair(Role::Account, 9);
    assert_refused(&broker, transport, credentials(&mode, 7, &stranger)).await;
    assert_refused(&broker, transport, options()).await;
}

async fn denied_publish_and_subscribe_are_reported_and_nothing_flows(transport: Transport) {
    let broker = Broker::start(transport, USERS).await;
    let dave = password("dave", "d4ve pass");
    let (dave, mut events) = connect_watched(&broker, transport, dave).await;
    let mut open = dave.subscribe("open.room").await.unwrap();
    let _eavesdrop = dave.subscribe("closed.room").await.unwrap();
    dave.publish("closed.room", "forbidden".into()).await.unwrap();
    dave.publish("open.room", "allowed".into()).await.unwrap();
    assert_eq!(take(&mut open, 1).await, [b"allowed".to_vec()]);
    for verb in ["subscription", "publish"] {
        let event = events.until(|event| matches!(event, Event::ServerError(_))).await;
        let Event::ServerError(ServerError::Other(text)) = event else { panic!("{event:?}") };
        let expected = format!("permissions violation for {verb} to \"closed.room\"");
        assert_eq!(text.to_lowercase(), expected);
    }
}

/// Options that trust `authority` and show the certificate `identity`, if any.
fn with_certificates(authority: &str, identity: Option<&str>) -> ConnectOptions {
    let file =
        |name: &str, kind: &str| -> PathBuf { certificates().join(format!("{name}.{kind}")) };
    let options = ConnectOptions::new().add_root_certificates(file(authority, "pem"));
    match identity {
        Some(name) => options.add_client_certificate(file(name, "pem"), file(name, "key")),
        None => options,
    }
}

mod mutual {
    over!(
        [tls, wss],
        [
            client_with_a_trusted_certificate_is_let_in,
            client_certificate_is_demanded,
            client_refuses_a_server_of_another_authority,
        ]
    );

    use super::{Broker, Error, Transport, assert_let_in, try_connect, with_certificates};

    async fn client_with_a_trusted_certificate_is_let_in(transport: Transport) {
        let broker = Broker::start_mutual().await;
        assert_let_in(&broker, transport, with_certificates("ca", Some("client"))).await;
    }

    async fn client_certificate_is_demanded(transport: Transport) {
        let broker = Broker::start_mutual().await;
        for identity in [None, Some("intruder")] {
            let options = with_certificates("ca", identity);
            let error = try_connect(&broker, transport, options).await.expect_err("was let in");
            // Under TLS 1.3 the client learns of it as an alert, or as a closed connection.
            let reasons = reasons(&error).to_lowercase();
            let signs = ["fatal alert", "reset", "broken pipe", "eof", "closed"];
            assert!(signs.iter().any(|sign| reasons.contains(sign)), "{error:?}");
        }
    }

    async fn client_refuses_a_server_of_another_authority(transport: Transport) {
        let broker = Broker::start_mutual().await;
        let options = with_certificates("stranger", Some("client"));
        let error = try_connect(&broker, transport, options).await.expect_err("was let in");
        assert!(reasons(&error).contains("invalid peer certificate"), "{error:?}");
    }

    /// The error and its sources as one text.
    fn reasons(error: &(dyn Error + 'static)) -> String {
        let sources = std::iter::successors(Some(error), |&error| error.source());
        sources.map(|error| format!("{error}; ")).collect()
    }
}
