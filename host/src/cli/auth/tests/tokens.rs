//! Tokens: made, refused, and looked at.

use nervure_core::auth::jwt::{AccountClaims, Operator, OperatorClaims, SigningKey, UserClaims};

use super::*;

const OPERATOR: &str = "SOAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4H2AJA";
const OPERATOR_PUBLIC: &str = "OAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3QZVT";
const ACCOUNT: &str = "SAAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4HYMHI";
const ACCOUNT_PUBLIC: &str = "AAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3QPZV";
const OTHER_ACCOUNT: &str = "AC5AFDPZTC276Z2ELVARV335XE5CK63AJFWZ2SG5QZAQ76FDF577H3J5";

/// Token of user alice of reference security 12.3.
pub(super) const ALICE: &str = include_str!("alice.jwt");

/// Writes a file for one test; it goes when dropped.
struct Kept(PathBuf);

impl Kept {
    fn new(text: &str) -> Self {
        let path = fresh();
        fs::write(&path, text).unwrap();
        Self(path)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        fs::remove_file(&self.0).unwrap();
    }
}

/// What `jwt` makes with these seeds in `--key` and, unless empty, `--issuer`.
fn jwt(kind: &str, key: &str, issuer: &str, flags: &str) -> Result<String, String> {
    let (key, issuer) = (Kept::new(key), Kept::new(issuer));
    let mut words = format!("jwt {kind} --key {} {flags}", key.0.display());
    if fs::metadata(&issuer.0).unwrap().len() > 0 {
        words += &format!(" --issuer {}", issuer.0.display());
    }
    run_with(&words, "").map(|token| token.trim_end().to_owned())
}

#[test]
fn an_operator_signs_himself() {
    let flags = format!(
        "--name ACME --system-account {ACCOUNT_PUBLIC} --signing-key \
                         {OPERATOR_PUBLIC} --tag a --tag b"
    );
    let claims = OperatorClaims::decode(&jwt("operator", OPERATOR, "", &flags).unwrap()).unwrap();
    assert_eq!((claims.iss.as_str(), claims.sub.as_str()), (OPERATOR_PUBLIC, OPERATOR_PUBLIC));
    assert_eq!(
        (claims.name.as_str(), claims.tags, claims.exp),
        ("ACME", vec!["a".into(), "b".into()], 0)
    );
    assert_eq!(
        claims.nats,
        Operator {
            signing_keys: vec![OPERATOR_PUBLIC.to_owned()],
            system_account: ACCOUNT_PUBLIC.to_owned(),
            ..Operator::default()
        }
    );
    assert!(claims.iat > 1_700_000_000 && !claims.jti.is_empty());
}

#[test]
fn an_account_is_signed_by_its_operator_and_has_no_limits() {
    let flags = format!("--signing-key {OTHER_ACCOUNT} --deny-pub a.>");
    let token = jwt("account", ACCOUNT_PUBLIC, OPERATOR, &flags).unwrap();
    let claims = AccountClaims::decode(&token).unwrap();
    assert_eq!((claims.iss.as_str(), claims.sub.as_str()), (OPERATOR_PUBLIC, ACCOUNT_PUBLIC));
    // Without a name it is called by its key.
    assert_eq!(claims.name, ACCOUNT_PUBLIC);
    let limits = &claims.nats.limits;
    assert_eq!((limits.conn, limits.leaf, limits.subs, limits.payload), (-1, -1, -1, -1));
    assert_eq!(claims.nats.signing_keys, [SigningKey::Plain(OTHER_ACCOUNT.to_owned())]);
    let permissions = claims.nats.default_permissions;
    assert_eq!(permissions.publish.deny, Some(vec!["a.>".to_owned()]));
    assert_eq!(permissions.publish.allow, None);
}

#[test]
fn a_user_is_signed_by_its_account_and_gets_what_was_said() {
    let flags = format!(
        "--account {OTHER_ACCOUNT} --allow-pub a --allow-pub b.* --deny-pub b.c \
                         --allow-sub c --deny-sub=d --bearer --expires 2d"
    );
    let claims = UserClaims::decode(&jwt("user", SEED, ACCOUNT, &flags).unwrap()).unwrap();
    assert_eq!((claims.iss.as_str(), claims.sub.as_str()), (ACCOUNT_PUBLIC, PUBLIC));
    assert_eq!((claims.account(), claims.exp - claims.iat), (OTHER_ACCOUNT, 2 * 24 * 3600));
    let limits = claims.nats.limits;
    assert_eq!((limits.subs, limits.data, limits.payload), (-1, -1, -1));
    assert!(limits.bearer_token);
    let list = |words: &str| Some(words.split(' ').map(str::to_owned).collect::<Vec<_>>());
    assert_eq!(limits.permissions.publish.allow, list("a b.*"));
    assert_eq!(limits.permissions.publish.deny, list("b.c"));
    assert_eq!(limits.permissions.subscribe.allow, list("c"));
    assert_eq!(limits.permissions.subscribe.deny, list("d"));
    let plain = UserClaims::decode(&jwt("user", PUBLIC, ACCOUNT, "").unwrap()).unwrap();
    assert!(
        !plain.nats.limits.bearer_token && plain.nats.limits.permissions.publish.allow.is_none()
    );
}

#[test]
fn what_a_server_would_refuse_is_not_made() {
    for (kind, key, issuer, flags, part) in [
        ("user", SEED, "", "", "--issuer is missing"),
        ("account", ACCOUNT, "", "", "--issuer is missing"),
        ("user", SEED, OPERATOR, "", "may not sign user claims"),
        ("user", ACCOUNT, ACCOUNT, "", "is not a user's"),
        ("operator", OPERATOR_PUBLIC, "", "", "a seed has 58 characters"),
        ("user", SEED, ACCOUNT, "--allow-pub a..b", "permission subject \"a..b\""),
        ("user", SEED, ACCOUNT, "--expires 5", "--expires \"5\"; a time from now on is "),
        ("user", SEED, ACCOUNT, "--expires=-5h", "--expires \"-5h\"; a time from now on is "),
        ("user", SEED, ACCOUNT, "--expires 999999999999d", "a time from now on is "),
        (
            "account",
            ACCOUNT,
            OPERATOR,
            "--signing-key SAAHUSH",
            "what follows --signing-key is not an account's public key; ",
        ),
    ] {
        let error = jwt(kind, key, issuer, flags).unwrap_err();
        assert!(error.contains(part) && !error.contains("HUSH"), "{kind} {flags}: {error}");
    }
}

#[test]
fn a_token_is_shown_with_its_state() {
    let shown = run_with("inspect -", ALICE).unwrap();
    for line in [
        "type       user",
        "name       \"alice\"",
        "subject    UD2DB5P6HU5SNATDYKECJJMX3BN44MJNHWOJ4M5TFCN3WCFTHP2JL3XI",
        "issuer     ADLTBHI6YLIGX2T26UFRD2F2ZRTYOYE3TFPYQ63AEXRLNAQCZS5IPCP6",
        "signature  good",
        "issued     2025-01-01T00:00:00Z",
        "ends       never",
        "issues     none",
        "    \"issuer_account\": \"AC5AFDPZTC276Z2ELVARV335XE5CK63AJFWZ2SG5QZAQ76FDF577H3J5\",",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "no {line:?} in\n{shown}");
    }
}

#[test]
fn what_is_wrong_with_a_token_is_shown_with_what_it_says() {
    let altered = ALICE.trim().rsplit_once('.').unwrap().0.to_owned() + "." + &"A".repeat(86);
    let shown = run_with("inspect", &altered).unwrap();
    assert!(shown.contains("signature  WRONG") && shown.contains("\"alice\""), "{shown}");
    assert!(!shown.contains("issues"), "{shown}");
    for text in ["eyJ", "a.b.c", SEED, "a.bnVsbA.c"] {
        let error = run_with("inspect", text).unwrap_err();
        assert!(error.starts_with("standard input: no token") && !error.contains(text), "{error}");
    }
}

#[test]
fn an_ended_token_is_said_to_have_ended() {
    use nervure_core::auth::Signer;
    let signer = Signer::parse(ACCOUNT).unwrap();
    let claims = UserClaims {
        exp: 1_700_000_000,
        nbf: i64::MAX,
        sub: PUBLIC.to_owned(),
        ..UserClaims::default()
    };
    let shown = run_with("inspect", &claims.encode(&signer).unwrap()).unwrap();
    assert!(shown.contains("\nended      2023-11-14T22:13:20Z\n"), "{shown}");
    assert!(shown.contains("\nissue      not now: claim is expired\n"), "{shown}");
    assert!(shown.contains("\nissue      not now: claim is not yet valid\n"), "{shown}");
}

#[test]
fn a_credentials_file_is_shown_without_its_seed() {
    let token = jwt("user", SEED, ACCOUNT, "").unwrap();
    let creds = |jwt: String| Credentials { jwt, seed: Seed::parse(SEED).unwrap() }.decorated();
    let shown = run_with("inspect", &creds(token)).unwrap();
    assert!(shown.contains(&format!("\nseed       that of the subject, {PUBLIC}\n")), "{shown}");
    assert!(!shown.contains(&SEED[2..20]), "{shown}");
    let shown = run_with("inspect", &creds(ALICE.trim().to_owned())).unwrap();
    assert!(shown.contains("\nseed       of another key than the subject's, "), "{shown}");
}

#[test]
fn a_credentials_file_is_put_together_of_what_belongs_together() {
    let token = jwt("user", SEED, ACCOUNT, "").unwrap();
    let (file, out) = (Kept::new(&token), fresh());
    let words = format!("creds --jwt {} --seed -", file.0.display());
    let printed = run_with(&words, SEED).unwrap();
    assert_eq!(Credentials::parse(&printed).unwrap().jwt, token);
    let written = run_with(&format!("{words} --out {}", out.display()), SEED).unwrap();
    assert_eq!((written.as_str(), fs::read_to_string(&out).unwrap()), ("", printed));
    fs::remove_file(out).unwrap();

    let error = run_with(&words, ACCOUNT).unwrap_err();
    let expected = format!("this seed is {ACCOUNT_PUBLIC}'s, the token is about {PUBLIC}");
    assert_eq!(error, format!("standard input: {expected}"));
    let operator = Kept::new(&jwt("operator", OPERATOR, "", "").unwrap());
    let words = format!("creds --jwt {} --seed -", operator.0.display());
    let error = run_with(&words, SEED).unwrap_err();
    assert!(error.ends_with("not user claims but operator"), "{error}");
}
