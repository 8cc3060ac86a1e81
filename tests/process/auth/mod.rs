//! `nervure auth`, whose keys, hashes and files both servers take: the tool is always ours, the
//! server the one under test.

mod logins;
mod operators;
mod readme;
mod terminal;

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use data_encoding::BASE64URL_NOPAD;
use harness::{Finished, Program, Session};
use nkeys::KeyPair;

const VIOLATION: &str = "-ERR 'Authorization Violation'\r\n";

/// `nervure auth` with these words and this standard input, to its end.
fn run<I: IntoIterator<Item: AsRef<OsStr>>>(words: I, input: &str) -> Finished {
    run_in(Path::new("."), words, input)
}

/// [`run`] in a directory.
fn run_in<I: IntoIterator<Item: AsRef<OsStr>>>(
    directory: &Path,
    words: I,
    input: &str,
) -> Finished {
    let mut command = Command::new(Program::Nervure.executable());
    command.current_dir(directory).arg("auth").args(words);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the tool can be executed");
    let mut stdin = child.stdin.take().expect("standard input is a pipe");
    // A tool that has said no without reading is gone already.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("the tool ends");
    let text = |octets| String::from_utf8(octets).expect("the tool writes text");
    Finished {
        code: output.status.code(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// What it prints when all is well, without the last line's end.
fn made<I: IntoIterator<Item: AsRef<OsStr>>>(words: I, input: &str) -> String {
    let ended = run(words, input);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    ended.stdout.trim_end().to_owned()
}

/// The server's nonce signed with a seed, as CONNECT has it.
fn signature(session: &Session, seed: &str) -> String {
    let nonce = session.info()["nonce"].as_str().unwrap_or_default();
    let pair = KeyPair::from_seed(seed).expect("the tool makes seeds");
    BASE64URL_NOPAD.encode(&pair.sign(nonce.as_bytes()).expect("a seed signs"))
}

#[test]
fn help_and_results_are_on_standard_output_and_refusals_on_standard_error() {
    let ended = run(["--help"], "");
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{ended:?}");
    assert!(ended.stdout.contains("Usage: nervure auth COMMAND\n"), "{ended:?}");

    let ended = run(["nkey", "admin"], "");
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{ended:?}");
    let line = "auth: there are no keys for \"admin\"; ROLE is operator, account, user, server, \
                cluster or curve\n";
    assert!(ended.stderr.ends_with(line) && ended.stderr.lines().count() == 1, "{ended:?}");

    let ended = run(["pubkey"], "SUhush");
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{ended:?}");
    assert!(!ended.stderr.contains("hush"), "{ended:?}");
}
