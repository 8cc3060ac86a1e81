//! Ending, and `--signal` (sections 3.7 and 3.8).

use harness::{Finished, Launch, PATIENCE, Server};

fn signal(argument: &str) -> Finished {
    Launch::bare().flags(["--signal", argument]).run()
}

#[test]
fn a_shutdown_says_what_it_does_in_order_and_ends_with_status_0() {
    for (signal, name) in [(libc::SIGTERM, "terminated"), (libc::SIGINT, "interrupt")] {
        let server = Launch::new().start();
        let mut session = server.client("");
        server.signal(signal);
        session.expect_closed();
        let ended = server.finish(PATIENCE);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let mut rest = &*ended.stderr;
        let trapped = format!("Trapped \"{name}\" signal");
        for text in [&*trapped, "Initiating Shutdown...", "Server Exiting.."] {
            let Some((_, after)) = rest.split_once(text) else {
                panic!("no {text:?} in its place: {}", ended.stderr);
            };
            rest = after;
        }
    }
}

/// Sends a word to a server by a second process, which must end well.
fn send(word: &str, server: &Server) {
    let ended = signal(&format!("{word}={}", server.pid()));
    assert_eq!((ended.code, &*ended.stderr, &*ended.stdout), (Some(0), "", ""), "{word}");
}

#[test]
fn each_word_of_signal_does_what_its_signal_does() {
    let server = Launch::new().start();
    send("reopen", &server);
    server.expect_log("Trapped \"user defined signal 1\" signal");
    send("reload", &server);
    server.expect_log("Trapped \"hangup\" signal");
    send("term", &server);
    assert_eq!(server.finish(PATIENCE).code, Some(0));

    let server = Launch::new().start();
    send("quit", &server);
    let ended = server.finish(PATIENCE);
    assert!(ended.stderr.contains("Trapped \"interrupt\" signal"), "{ended:?}");

    let server = Launch::new().start();
    send("ldm", &server);
    let ended = server.finish(PATIENCE);
    assert!(ended.stderr.contains("Trapped \"user defined signal 2\" signal"), "{ended:?}");
    assert_eq!(ended.code, Some(0));

    let server = Launch::new().start();
    send("stop", &server);
    assert_eq!(server.finish(PATIENCE).code, None, "killed");
}

#[test]
fn signal_takes_a_pid_file_too() {
    let launch = Launch::new();
    let file = launch.directory().join("pid").to_string_lossy().into_owned();
    let server = launch.flags(["-P", &file]).start();
    let ended = signal(&format!("term={file}"));
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""));
    assert_eq!(server.finish(PATIENCE).code, Some(0));
}

#[test]
fn signal_explains_what_it_cannot_do() {
    let gone = Launch::bare().flags(["--version"]).start_unready();
    let pid = gone.pid();
    assert_eq!(gone.finish(PATIENCE).code, Some(0));
    for (argument, message) in [
        ("bogus=1".to_owned(), "nats-server: unknown signal \"bogus\"".to_owned()),
        ("reload=abc".to_owned(), "nats-server: invalid pid: abc".to_owned()),
        (
            format!("reload={pid}"),
            format!("nats-server: \nsignal \"reload\" {pid}: no such process"),
        ),
    ] {
        let ended = signal(&argument);
        assert_eq!((ended.code, ended.stderr.trim_end()), (Some(1), &*message), "{argument}");
    }
}
