//! What is in a directory, and what is left of it when something goes wrong.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicU32, Ordering};

use nervure_core::auth::jwt::{Account, AccountLimits};
use nervure_core::auth::{Seed, Signer};

use super::*;
use crate::options::{FETCH_TIMEOUT, SYNC_INTERVAL};

const NOW: Duration = Duration::from_secs(1_000_000);

/// A directory that goes away.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("nervure-resolver-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn full(&self, limit: Option<usize>, deletion: Deletion) -> DirectoryOptions {
        let kind = DirectoryKind::Full { interval: SYNC_INTERVAL, deletion };
        DirectoryOptions { dir: self.0.join("jwt"), kind, limit, timeout: FETCH_TIMEOUT }
    }

    fn cache(&self, limit: usize, ttl: Option<Duration>) -> DirectoryOptions {
        let kind = DirectoryKind::Cache { ttl };
        DirectoryOptions { kind, ..self.full(Some(limit), Deletion::Refused) }
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.join("jwt")).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn path(&self, account: &PublicKey, ending: &str) -> PathBuf {
        self.0.join("jwt").join(format!("{account}{ending}"))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// An account, and a token of it.
struct Token {
    account: PublicKey,
    claims: AccountClaims,
    text: String,
}

fn issued(number: u8, iat: i64, change: impl FnOnce(&mut AccountClaims)) -> Token {
    let signer = |role, number| Signer::new(Seed::new(role, [number; 32])).unwrap();
    let account = signer(Role::Account, number).public();
    let mut claims = AccountClaims {
        sub: account.to_string(),
        name: format!("A{number}"),
        iat,
        nats: Account { limits: AccountLimits::unlimited(), ..Account::default() },
        ..AccountClaims::default()
    };
    change(&mut claims);
    let text = claims.encode(&signer(Role::Operator, 1)).unwrap();
    let claims = AccountClaims::decode(&text).unwrap();
    Token { account, claims, text }
}

fn token(number: u8) -> Token {
    issued(number, 1000, |_| {})
}

fn open(options: &DirectoryOptions) -> Directory {
    let Opened { directory, problems } = Directory::open(options, NOW).unwrap();
    assert!(problems.is_empty(), "{problems:?}");
    directory
}

fn save(directory: &Directory, token: &Token, now: Duration) -> Result<(), DirectoryError> {
    directory.save(&token.account, &token.text, &token.claims, now)
}

fn names(tokens: &[&Token]) -> Vec<String> {
    let mut names: Vec<_> = tokens.iter().map(|token| token.account.to_string()).collect();
    names.sort();
    names
}

fn digest_of(tokens: &[&Token]) -> FileDigest {
    let mut all = FileDigest::default();
    tokens.iter().for_each(|token| fold(&mut all, &Sha256::digest(&token.text).into()));
    all
}

#[test]
fn what_is_saved_is_there_again_after_a_restart() {
    let scratch = Scratch::new();
    let options = scratch.full(None, Deletion::Refused);
    let (one, two) = (token(1), token(2));
    let directory = open(&options);
    assert_eq!(directory.digest(), [0; 32]);
    save(&directory, &one, NOW).unwrap();
    save(&directory, &two, NOW).unwrap();
    save(&directory, &one, NOW).unwrap();
    for directory in [directory, open(&options)] {
        assert_eq!(directory.load(&one.account, NOW).unwrap().as_ref(), Some(&one.text));
        assert_eq!(directory.load(&token(3).account, NOW).unwrap(), None);
        assert_eq!(directory.list(), names(&[&one, &two]));
        assert_eq!(directory.digest(), digest_of(&[&one, &two]));
    }
    let file = scratch.path(&one.account, ".jwt");
    assert_eq!(fs::read_to_string(&file).unwrap(), one.text);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(options.dir).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_crash_before_the_new_name_leaves_what_was_there() {
    let scratch = Scratch::new();
    let options = scratch.full(None, Deletion::Refused);
    let (old, never) = (token(1), token(2));
    save(&open(&options), &old, NOW).unwrap();
    // As far as the write came.
    fs::write(scratch.path(&old.account, UNFINISHED), "eyJ").unwrap();
    fs::write(scratch.path(&never.account, UNFINISHED), &never.text).unwrap();
    let directory = open(&options);
    assert_eq!(directory.load(&old.account, NOW).unwrap(), Some(old.text.clone()));
    assert_eq!(directory.load(&never.account, NOW).unwrap(), None);
    assert_eq!(directory.digest(), digest_of(&[&old]));
    assert_eq!(scratch.files(), [format!("{}.jwt", old.account)]);
}

#[test]
fn a_write_that_fails_leaves_what_was_there() {
    let scratch = Scratch::new();
    let directory = open(&scratch.full(None, Deletion::Refused));
    let (good, bad) = (token(1), token(2));
    save(&directory, &good, NOW).unwrap();
    // Nothing can be renamed to a directory that is not empty.
    let in_the_way = scratch.path(&bad.account, ".jwt");
    fs::create_dir_all(in_the_way.join("x")).unwrap();
    let error = save(&directory, &bad, NOW).unwrap_err().to_string();
    assert!(error.starts_with(&format!("rename to {}: ", in_the_way.display())), "{error}");
    assert_eq!(directory.list(), names(&[&good]));
    assert_eq!(directory.digest(), digest_of(&[&good]));
    assert!(!scratch.path(&bad.account, UNFINISHED).exists());
}

#[test]
fn files_of_no_use_are_named_and_passed_over() {
    let scratch = Scratch::new();
    let options = scratch.full(None, Deletion::Refused);
    let (good, garbage, other) = (token(1), token(2), token(3));
    save(&open(&options), &good, NOW).unwrap();
    let garbage_file = scratch.path(&garbage.account, ".jwt");
    let other_file = scratch.path(&other.account, ".jwt");
    let unreadable = scratch.path(&token(4).account, ".jwt");
    fs::write(&garbage_file, "garbage").unwrap();
    fs::write(&other_file, &good.text).unwrap();
    fs::create_dir(&unreadable).unwrap();
    fs::write(options.dir.join("readme.jwt"), "not of an account").unwrap();
    fs::write(options.dir.join("huge"), "not of an account").unwrap();
    let Opened { directory, problems } = Directory::open(&options, NOW).unwrap();
    let mut problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
    problems.sort();
    let mut wanted = [
        format!(
            "{} is not an account JWT and is left alone: expected 3 chunks; remove it, or push the \
             account again",
            garbage_file.display()
        ),
        format!(
            "{} holds the JWT of account {:?} and is left alone; rename or remove it",
            other_file.display(),
            good.account.to_string()
        ),
        format!("read {}: is a directory", unreadable.display()),
    ];
    wanted.sort();
    assert_eq!(problems, wanted);
    assert_eq!(directory.list(), names(&[&good]));
    assert_eq!(directory.digest(), digest_of(&[&good]));
    assert!(directory.load(&garbage.account, NOW).is_err());
    // Pushing the account again mends it.
    save(&directory, &garbage, NOW).unwrap();
    assert_eq!(directory.load(&garbage.account, NOW).unwrap(), Some(garbage.text.clone()));
    assert_eq!(directory.list(), names(&[&good, &garbage]));
}

#[test]
fn a_file_that_is_too_long_is_not_read_whole() {
    let scratch = Scratch::new();
    let directory = open(&scratch.full(None, Deletion::Refused));
    let account = token(1).account;
    let file = File::create(scratch.path(&account, ".jwt")).unwrap();
    file.set_len(1 << 40).unwrap();
    let error = directory.load(&account, NOW).unwrap_err().to_string();
    assert!(error.contains("octets; 1048576 are allowed"), "{error}");
}

#[test]
fn files_changed_by_hand_are_found_when_they_are_asked_for() {
    let scratch = Scratch::new();
    let directory = open(&scratch.full(None, Deletion::Refused));
    let (one, two, newer) = (token(1), token(2), issued(1, 2000, |_| {}));
    save(&directory, &one, NOW).unwrap();
    fs::write(scratch.path(&two.account, ".jwt"), &two.text).unwrap();
    fs::write(scratch.path(&one.account, ".jwt"), &newer.text).unwrap();
    assert_eq!(directory.load(&one.account, NOW).unwrap().as_ref(), Some(&newer.text));
    assert_eq!(directory.load(&two.account, NOW).unwrap().as_ref(), Some(&two.text));
    assert_eq!(directory.digest(), digest_of(&[&newer, &two]));
    fs::remove_file(scratch.path(&one.account, ".jwt")).unwrap();
    assert_eq!(directory.load(&one.account, NOW).unwrap(), None);
    assert_eq!(directory.list(), names(&[&two]));
}

#[test]
fn a_full_directory_takes_no_more_accounts() {
    let scratch = Scratch::new();
    let directory = open(&scratch.full(Some(2), Deletion::Remove));
    save(&directory, &token(1), NOW).unwrap();
    save(&directory, &token(2), NOW).unwrap();
    let error = save(&directory, &token(3), NOW).unwrap_err();
    assert_eq!(error.to_string(), "jwt store is full");
    assert_eq!(scratch.files().len(), 2);
    // One that is there can be replaced, and one that leaves makes room.
    save(&directory, &issued(2, 2000, |_| {}), NOW).unwrap();
    directory.delete(&token(1).account).unwrap();
    save(&directory, &token(3), NOW).unwrap();
    assert_eq!(directory.list(), names(&[&token(2), &token(3)]));
}

#[test]
fn a_cache_forgets_what_was_used_least_recently() {
    let scratch = Scratch::new();
    let options = scratch.cache(2, None);
    let directory = open(&options);
    save(&directory, &token(1), NOW).unwrap();
    save(&directory, &token(2), NOW).unwrap();
    directory.load(&token(1).account, NOW).unwrap();
    save(&directory, &token(3), NOW).unwrap();
    assert_eq!(directory.list(), names(&[&token(1), &token(3)]));
    assert_eq!(directory.digest(), digest_of(&[&token(1), &token(3)]));
    assert_eq!(scratch.files().len(), 2);
}

#[test]
fn a_cache_forgets_what_nobody_used_for_its_ttl() {
    let scratch = Scratch::new();
    let directory = open(&scratch.cache(10, Some(Duration::from_secs(60))));
    let after = |seconds| NOW + Duration::from_secs(seconds);
    save(&directory, &token(1), NOW).unwrap();
    save(&directory, &token(2), NOW).unwrap();
    directory.load(&token(1).account, after(30)).unwrap();
    assert!(directory.expire(after(59)).is_empty());
    assert_eq!(directory.list(), names(&[&token(1), &token(2)]));
    assert!(directory.expire(after(60)).is_empty());
    assert_eq!(directory.list(), names(&[&token(1)]));
    assert!(directory.expire(after(90)).is_empty());
    assert_eq!(scratch.files(), [] as [String; 0]);
}

#[test]
fn ended_claims_are_neither_packed_nor_kept() {
    let scratch = Scratch::new();
    let directory = open(&scratch.full(None, Deletion::Refused));
    let end = NOW.as_secs() as i64;
    let (ends, stays) = (issued(1, 1000, |claims| claims.exp = end), token(2));
    save(&directory, &ends, NOW).unwrap();
    save(&directory, &stays, NOW).unwrap();
    let packed = |now| {
        let mut packed = Vec::new();
        directory.pack(now, |account, token| packed.push((account.to_owned(), token.to_owned())));
        packed
    };
    let pair = |token: &Token| (token.account.to_string(), token.text.clone());
    let mut both = [pair(&ends), pair(&stays)];
    both.sort();
    assert_eq!(packed(NOW), both);
    let later = NOW + Duration::from_secs(1);
    assert_eq!(packed(later), [pair(&stays)]);
    assert!(directory.expire(NOW).is_empty());
    assert_eq!(directory.list().len(), 2);
    assert!(directory.expire(later).is_empty());
    assert_eq!(directory.list(), names(&[&stays]));
    assert_eq!(directory.digest(), digest_of(&[&stays]));
}

#[test]
fn only_what_is_newer_replaces() {
    let scratch = Scratch::new();
    let directory = open(&scratch.full(None, Deletion::Refused));
    let newer = |token: &Token| {
        directory.save_newer(&token.account, &token.text, &token.claims, NOW).unwrap()
    };
    let other = issued(1, 2000, |claims| claims.name = "same second".to_owned());
    assert!(newer(&issued(1, 2000, |_| {})));
    assert!(!newer(&issued(1, 2000, |_| {})), "the same jti");
    assert!(!newer(&issued(1, 1999, |_| {})));
    assert!(newer(&other));
    assert_eq!(directory.load(&other.account, NOW).unwrap(), Some(other.text));
    fs::write(scratch.path(&other.account, ".jwt"), "garbage").unwrap();
    assert!(newer(&issued(1, 1, |_| {})), "garbage is older than everything");
}

#[test]
fn a_deleted_account_leaves_what_the_configuration_says() {
    let rows = [
        (Deletion::Refused, Some(".jwt")),
        (Deletion::Rename, Some(".jwt.deleted")),
        (Deletion::Remove, None),
    ];
    for (deletion, left) in rows {
        let scratch = Scratch::new();
        let directory = open(&scratch.full(None, deletion));
        let token = token(1);
        save(&directory, &token, NOW).unwrap();
        // The second time there is nothing to delete.
        directory.delete(&token.account).unwrap();
        directory.delete(&token.account).unwrap();
        let name = token.account.to_string();
        assert_eq!(directory.is_deleted(&name, &token.text), deletion != Deletion::Refused);
        let left: Vec<_> = left.iter().map(|ending| format!("{}{ending}", token.account)).collect();
        assert_eq!(scratch.files(), left, "{deletion:?}");
        assert_eq!(directory.list().is_empty(), deletion != Deletion::Refused);
        assert_eq!(directory.digest() == [0; 32], deletion != Deletion::Refused);
        // It stays deleted until another token comes.
        save(&directory, &token, NOW).unwrap();
        assert_eq!(directory.was_deleted(&name), deletion != Deletion::Refused);
        let other = issued(1, 2000, |_| {});
        assert!(!directory.is_deleted(&name, &other.text));
        save(&directory, &other, NOW).unwrap();
        assert!(!directory.was_deleted(&name));
    }
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let scratch = Scratch::new();
    fs::write(scratch.0.join("file"), "").unwrap();
    let mut options = scratch.full(None, Deletion::Refused);
    options.dir = scratch.0.join("file").join("jwt");
    let error = Directory::open(&options, NOW).unwrap_err().to_string();
    assert_eq!(error, format!("mkdir {}: not a directory", options.dir.display()));
    options.dir = scratch.0.join("file");
    let error = Directory::open(&options, NOW).unwrap_err().to_string();
    assert_eq!(error, format!("mkdir {}: not a directory", options.dir.display()));
}
