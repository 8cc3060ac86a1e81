//! Operators, accounts and users whose tokens the tool makes, on a server that trusts the operator.

use harness::{Launch, Scratch, Server};

use super::{VIOLATION, made, signature};

/// An operator, his account, a signing key of it, and the server that knows them.
struct World {
    scratch: Scratch,
    account_key: String,
    server: Server,
}

impl World {
    fn new() -> Self {
        let scratch = Scratch::new();
        let path = |name: &str| scratch.path().join(name).to_string_lossy().into_owned();
        let pair = |role: &str, name: &str| made(["nkey", role, "--out", &path(name)], "");
        pair("operator", "operator");
        let (account_key, signing_key) = (pair("account", "account"), pair("account", "signing"));
        let operator = made(["jwt", "operator", "--key", &path("operator"), "--name", "ACME"], "");
        let (account, issuer) = (path("account"), path("operator"));
        let account = ["jwt", "account", "--key", &account, "--issuer", &issuer, "--name", "APP"];
        let account = made(account.into_iter().chain(["--signing-key", &signing_key]), "");
        let config = format!(
            "operator: {operator}\nresolver: MEMORY\nresolver_preload: {{ {account_key}: {account} }}\n"
        );
        let server = Launch::new().config(config).start();
        Self { scratch, account_key, server }
    }

    fn path(&self, name: &str) -> String {
        self.scratch.path().join(name).to_string_lossy().into_owned()
    }

    /// Seed and token of a new user whom this key signed.
    fn user(&self, issuer: &str, flags: &[&str]) -> (String, String) {
        let pair = made(["nkey", "user"], "");
        let (seed, public) = pair.split_once('\n').expect("two lines");
        // Who signs needs no more than the public key.
        let words = ["jwt", "user", "--key", "-", "--issuer", &self.path(issuer)];
        let token = made(words.iter().chain(flags), public);
        (seed.to_owned(), token)
    }

    /// Whether somebody with this token and seed gets in; and what he is told of PUB to `b`.
    fn publishes(&self, seed: &str, token: &str) -> Result<(), String> {
        let mut session = self.server.session();
        let signature = signature(&session, seed);
        let connect = format!(
            "CONNECT {{\"verbose\":false,\"jwt\":\"{token}\",\"sig\":\"{signature}\"}}\r\n"
        );
        session.send(connect + "PUB b 0\r\n\r\nPING\r\n");
        let mut line = session.read_line();
        // A second INFO says what the account allows.
        while line.starts_with(b"INFO") {
            line = session.read_line();
        }
        if line == b"PONG" { Ok(()) } else { Err(String::from_utf8_lossy(&line).into_owned()) }
    }
}

#[test]
fn a_user_of_an_account_of_the_operator_gets_in() {
    let world = World::new();
    let (seed, token) = world.user("account", &[]);
    assert_eq!(world.publishes(&seed, &token), Ok(()));
    // Another's seed does not fit the token, and another's account is not known.
    let (other_seed, _) = world.user("account", &[]);
    let violation = Err(VIOLATION.trim_end().to_owned());
    assert_eq!(world.publishes(&other_seed, &token), violation);
    made(["nkey", "account", "--out", &world.path("stranger")], "");
    let (seed, token) = world.user("stranger", &[]);
    assert_eq!(world.publishes(&seed, &token), violation);
}

#[test]
fn permissions_of_the_token_are_those_of_its_flags() {
    let world = World::new();
    let denied = Err("-ERR 'Permissions Violation for Publish to \"b\"'".to_owned());
    for (flags, expected) in [
        (&["--allow-pub", "a"][..], denied.clone()),
        (&["--allow-pub", "a", "--allow-pub", "b"], Ok(())),
        (&["--deny-pub", "b"], denied),
        (&["--deny-sub", "b", "--tag", "team:a", "--expires", "1h"], Ok(())),
    ] {
        let (seed, token) = world.user("account", flags);
        assert_eq!(world.publishes(&seed, &token), expected, "{flags:?}");
    }
}

#[test]
fn a_signing_key_signs_for_its_account() {
    let world = World::new();
    let (seed, token) = world.user("signing", &["--account", &world.account_key]);
    assert_eq!(world.publishes(&seed, &token), Ok(()));
    let (seed, token) = world.user("signing", &[]);
    assert_eq!(world.publishes(&seed, &token), Err(VIOLATION.trim_end().to_owned()));
}

#[test]
fn a_bearer_needs_no_seed() {
    let world = World::new();
    let (_, token) = world.user("account", &["--bearer"]);
    world.server.client(&format!("\"jwt\":\"{token}\"")).expect_open();
    let (_, token) = world.user("account", &[]);
    let mut session = world.server.session();
    session.send(format!("CONNECT {{\"jwt\":\"{token}\"}}\r\n")).expect(VIOLATION);
}
