//! A password typed at a terminal is asked for twice and never shown.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::FromRawFd as _;
use std::process::{Child, Command, Stdio};
use std::ptr::null_mut;

use harness::Program;

/// Both ends of a new terminal: the screen and keyboard, and what programs see.
#[allow(unsafe_code, reason = "the standard library cannot make terminals")]
fn terminal() -> (File, File) {
    let (mut outside, mut inside) = (-1, -1);
    // SAFETY: the two integers outlive the call, the three others may be null; when it succeeds,
    // both descriptors are open and nobody else's.
    unsafe {
        let made = libc::openpty(&mut outside, &mut inside, null_mut(), null_mut(), null_mut());
        assert_eq!(made, 0, "{}", std::io::Error::last_os_error());
        (File::from_raw_fd(outside), File::from_raw_fd(inside))
    }
}

/// `nervure auth password` on a terminal, and the one who types.
struct Typist {
    child: Child,
    outside: File,
    seen: String,
}

impl Typist {
    fn new() -> Self {
        let (outside, inside) = terminal();
        let prompts = inside.try_clone().expect("a descriptor can be cloned");
        let mut command = Command::new(Program::Nervure.executable());
        command.args(["auth", "password", "--cost", "4"]);
        command.stdin(inside).stderr(prompts).stdout(Stdio::piped());
        let child = command.spawn().expect("the tool can be executed");
        Self { child, outside, seen: String::new() }
    }

    /// Types a line once the screen shows `prompt`.
    fn answer(&mut self, prompt: &str, line: &str) {
        while !self.seen.ends_with(prompt) {
            let mut octet = [0];
            self.outside.read_exact(&mut octet).expect("the tool asks before it ends");
            self.seen.push(char::from(octet[0]));
        }
        self.outside.write_all(line.as_bytes()).expect("a terminal can be typed on");
    }

    /// What the tool printed, whether it was content, and what the screen showed.
    fn finish(mut self) -> (String, bool, String) {
        let mut printed = String::new();
        let mut stdout = self.child.stdout.take().expect("standard output is a pipe");
        stdout.read_to_string(&mut printed).expect("the tool prints text");
        let ended = self.child.wait().expect("the tool ends");
        // A terminal without programs is an error to read from.
        let mut rest = Vec::new();
        let _ = self.outside.read_to_end(&mut rest);
        self.seen += &String::from_utf8_lossy(&rest);
        (printed, ended.success(), self.seen)
    }
}

#[test]
fn what_is_typed_is_hashed_and_not_shown() {
    let mut typist = Typist::new();
    typist.answer("Password: ", "hush hush\n");
    typist.answer("The same again: ", "hush hush\n");
    let (hash, content, seen) = typist.finish();
    assert!(content, "{seen}");
    assert!(bcrypt::verify("hush hush", hash.trim_end()).expect("a hash"), "{hash}");
    assert_eq!(seen, "Password: \r\nThe same again: \r\n");
}

#[test]
fn two_that_differ_are_refused() {
    let mut typist = Typist::new();
    typist.answer("Password: ", "hush hush\n");
    typist.answer("The same again: ", "hush hash\n");
    let (hash, content, seen) = typist.finish();
    assert!(!content && hash.is_empty(), "{hash}{seen}");
    assert!(seen.contains("the two are not the same") && !seen.contains("hush"), "{seen}");
}
