//! The words, what they print, and what is said about wrong ones.

mod explain;
mod tokens;

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::auth::creds::Credentials;
use crate::auth::seed::public_key;
use nervure_core::auth::Seed;

const SEED: &str = "SUAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4H776Y";
const PUBLIC: &str = "UAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3RLKK";

/// What these words, one space between them, make of this input.
fn run_with(words: &str, input: &str) -> Result<String, String> {
    let words = words.split(' ').filter(|word| !word.is_empty()).map(OsString::from);
    let said = run(words, Input::of(input.as_bytes())).map_err(|error| error.to_string())?;
    Ok(said.to_string())
}

fn said(words: &str) -> String {
    run_with(words, "").unwrap()
}

fn refused(words: &str) -> String {
    run_with(words, "").unwrap_err()
}

/// A path to a file that is not there.
fn fresh() -> PathBuf {
    static SERIAL: AtomicU32 = AtomicU32::new(0);
    let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("nervure-auth-{}-{serial}", std::process::id()))
}

#[test]
fn keys_of_every_role_are_made() {
    for (role, letter) in [
        ("operator", 'O'),
        ("account", 'A'),
        ("user", 'U'),
        ("server", 'N'),
        ("cluster", 'C'),
        ("curve", 'X'),
    ] {
        let made = said(&format!("nkey {role}"));
        let lines: Vec<&str> = made.lines().collect();
        let [seed, public] = lines[..] else { panic!("{made}") };
        assert!(seed.starts_with(&format!("S{letter}")) && public.starts_with(letter), "{made}");
        assert_eq!(public_key(&Seed::parse(seed).unwrap()), public);
        assert_eq!(run_with("pubkey", seed).unwrap().trim_end(), public);
    }
}

#[test]
fn a_seed_goes_to_a_file_and_only_the_public_key_is_shown() {
    let file = fresh();
    let shown = said(&format!("nkey user --out {}", file.display()));
    assert!(shown.starts_with('U') && shown.lines().count() == 1, "{shown}");
    assert_eq!(said(&format!("pubkey {}", file.display())), shown);
    let again = refused(&format!("nkey user -out={}", file.display()));
    assert!(again.contains("is there already"), "{again}");
    fs::remove_file(file).unwrap();
}

#[test]
fn public_keys_are_told_of_seeds_wherever_they_are() {
    let creds = Credentials { jwt: "x.y.z".to_owned(), seed: Seed::parse(SEED).unwrap() };
    for input in [SEED, &format!("  {SEED}\r\n"), &creds.decorated()] {
        assert_eq!(run_with("pubkey -", input).unwrap(), format!("{PUBLIC}\n"), "{input}");
    }
}

#[test]
fn passwords_become_hashes_that_fit_them() {
    let hash = run_with("password --cost 4", "pâss word\r\nmore").unwrap();
    assert!(hash.starts_with("$2b$04$") && hash.ends_with('\n'), "{hash}");
    assert!(bcrypt::verify("pâss word", hash.trim_end()).unwrap());
    assert!(!bcrypt::verify("pâss word\r", hash.trim_end()).unwrap());
    let longest = "x".repeat(72);
    let hash = run_with("password -cost=4", &format!("{longest}\r\n")).unwrap();
    assert!(bcrypt::verify(&longest, hash.trim_end()).unwrap());
    for (input, part) in [
        ("", "empty"),
        ("\n", "empty"),
        (&*"x".repeat(73), "more than 72"),
        (&*"x".repeat(1000), "more than 72"),
    ] {
        let error = run_with("password --cost 4", input).unwrap_err();
        assert!(error.contains(part), "{error}");
    }
    for cost in ["3", "17", "x", "-1", ""] {
        let error = refused(&format!("password --cost={cost}"));
        assert_eq!(error, format!("--cost {cost:?}; a cost is a number from 4 to 16"));
    }
}

#[test]
fn what_is_wrong_is_named_with_what_is_possible() {
    for (words, error) in [
        ("nkeys", "there is no command \"nkeys\"; the commands are nkey, pubkey, password, "),
        ("nkey", "ROLE is missing; \"nervure auth nkey ROLE\" takes --out FILE"),
        ("nkey admin", "there are no keys for \"admin\"; ROLE is operator, account, user, "),
        ("nkey user more", "there is a word too many; \"nervure auth nkey ROLE\" takes "),
        ("nkey user --ouch x", "there is no flag --ouch; \"nervure auth nkey ROLE\" takes "),
        ("nkey user --out", "--out lacks its FILE; "),
        (
            "pubkey --cost=4",
            "there is no flag --cost; \"nervure auth pubkey [FILE]\" takes no flags",
        ),
        (
            "creds --seed -",
            "--jwt is missing; \"nervure auth creds\" takes --jwt FILE, --seed FILE",
        ),
        ("pubkey /nowhere/at-all", "cannot read /nowhere/at-all: No such file or directory"),
        ("pubkey", "standard input: nothing in it"),
        ("jwt", "there is no command \"jwt\"; the commands are "),
        ("jwt admin", "there is no command \"jwt admin\"; the commands are "),
        ("jwt user", "--key is missing; \"nervure auth jwt user\" takes --key FILE, --issuer FILE"),
        (
            "jwt operator --bearer",
            "there is no flag --bearer; \"nervure auth jwt operator\" takes ",
        ),
        ("jwt user --bearer=yes", "--bearer takes no value; "),
        ("inspect", "standard input: nothing in it"),
    ] {
        let found = refused(words);
        assert!(found.starts_with(error), "{words}: {found}");
    }
}

#[test]
fn errors_keep_secrets_to_themselves() {
    let wrong = format!("{}A", &SEED[..57]);
    for input in [&wrong, "hush hush"] {
        let error = run_with("pubkey", input).unwrap_err();
        assert!(!error.contains(&input[3..]), "{error}");
        for command in ["password", "pubkey -", "nkey user", "pubkey --cost 4"] {
            let error = refused(&format!("{command} {input}"));
            assert!(!error.contains(&input[3..]), "{command}: {error}");
        }
    }
    for words in [format!("pubkey {wrong}"), format!("creds --jwt - --seed {SEED}")] {
        let error = run_with(&words, tokens::ALICE).unwrap_err();
        assert!(error.starts_with("a seed stands where a file is to be named; "), "{error}");
    }
}

#[test]
fn help_shows_every_command_and_flag_of_the_table() {
    let all = said("--help");
    assert!(said("") == all && said("help") == all && said("-h") == all);
    for command in table::COMMANDS {
        let one = said(&format!("{} --help", command.name));
        for text in [&all, &one] {
            assert!(text.contains(&format!("\n{}\n", command.shown())), "{text}");
            for flag in command.flags {
                assert!(text.contains(&format!("    {} ", flag.shown())), "{text}");
            }
        }
        assert!(one.len() < all.len());
    }
    assert!(all.lines().all(|line| line.len() <= 100), "{all}");
}
