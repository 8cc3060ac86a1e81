//! Floods of wrong passwords, each of which costs the server a bcrypt.

use std::time::{Duration, Instant};

use harness::{Program, Server, Session};

use crate::beside::{beside, expect_relief};

/// Of "b0b pass", at a cost of some tens of milliseconds.
const COST: u32 = 10;
/// How long the flood goes on.
const FLOOD: Duration = Duration::from_secs(4);
/// Connections that guess at once.
const GUESSERS: usize = 60;

fn config() -> String {
    let hash = bcrypt::hash("b0b pass", COST).expect("a hash");
    format!(
        "authorization {{ users: [ {{ user: guest, password: guest }}, \
         {{ user: bob, password: '{hash}' }} ] }}\nno_auth_user: guest\n"
    )
}

/// One guess; whether it was let in.
fn guess(server: &Server, password: &str) -> Session {
    let mut session = server.session();
    let connect =
        format!("CONNECT {{\"user\":\"bob\",\"pass\":\"{password}\",\"verbose\":true}}\r\n");
    // What follows is kept until the password is checked, and then dropped.
    session.send(connect + "SUB a 1\r\nPUB a 2\r\nhi\r\n");
    session
}

#[test]
fn a_flood_of_wrong_passwords_is_noticed_by_nobody_else() {
    beside(&config(), |server| {
        let before = server.own_bytes();
        let began = Instant::now();
        let mut guesses = 0;
        let mut slowest = Duration::ZERO;
        while began.elapsed() < FLOOD {
            let mut crowd: Vec<Session> =
                (0..GUESSERS).map(|number| guess(server, &format!("guess {number}"))).collect();
            // Somebody with a plain password is let in at once.
            let login = Instant::now();
            server.client(r#""user":"guest","pass":"guest""#).finish();
            slowest = slowest.max(login.elapsed());
            for session in &mut crowd {
                let answer = session.read_until_closed();
                let refused = answer == b"-ERR 'Authorization Violation'\r\n"
                    || answer == b"-ERR 'Authentication Timeout'\r\n";
                assert!(refused, "{}", answer.escape_ascii());
                guesses += 1;
            }
        }
        println!("{guesses} guesses; the slowest plain login took {slowest:?}");
        if Program::under_test() == Program::Nervure {
            assert!(slowest < Duration::from_secs(1), "{slowest:?}");
        }
        // And the one who knows it gets in afterwards.
        let mut bob = guess(server, "b0b pass");
        bob.expect("+OK\r\n+OK\r\n+OK\r\nMSG a 1 2\r\nhi\r\n");
        bob.finish();
        expect_relief(server, before);
    });
}

#[test]
fn a_crowd_that_knows_its_password_gets_in_together() {
    beside(&config(), |server| {
        let mut crowd: Vec<Session> = (0..200).map(|_| guess(server, "b0b pass")).collect();
        if Program::under_test() == Program::Nervure {
            for session in &mut crowd {
                session.expect("+OK\r\n+OK\r\n+OK\r\nMSG a 1 2\r\nhi\r\n");
            }
        }
    });
}

#[test]
fn guessers_that_leave_before_the_answer_are_forgotten() {
    beside(&config(), |server| {
        let before = server.own_bytes();
        for _ in 0..10 {
            drop((0..GUESSERS).map(|_| guess(server, "wrong")).collect::<Vec<_>>());
        }
        expect_relief(server, before);
        server.client(r#""user":"bob","pass":"b0b pass""#).finish();
    });
}
