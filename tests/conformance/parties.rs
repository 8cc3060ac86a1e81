//! Clients of several accounts on one server, and short forms of what they hear.
//!
//! All users of these configurations have the password `p`. A message is written as it is spoken
//! of: `subject sid reply [headers] = payload`, each part only when it is there.

use harness::{Message, Server, Session};

/// CONNECT members of a user.
pub(crate) fn user(name: &str) -> String {
    format!(r#""user":"{name}","pass":"p","headers":true,"no_responders":true"#)
}

/// A client of this user that has sent `octets`, all of them dealt with.
pub(crate) fn join(server: &Server, name: &str, octets: impl AsRef<[u8]>) -> Session {
    let mut session = server.client(&user(name));
    session.send(octets).expect_open();
    session
}

/// SUB lines, each from `subject sid` or `subject queue sid`.
pub(crate) fn subscribe(subscriptions: &[&str]) -> String {
    subscriptions.iter().map(|arguments| format!("SUB {arguments}\r\n")).collect()
}

/// Empty messages, each from `subject` or `subject reply`.
pub(crate) fn publish(messages: &[&str]) -> String {
    messages.iter().map(|arguments| format!("PUB {arguments} 0\r\n\r\n")).collect()
}

/// The short form of a message.
pub(crate) fn brief(message: &Message) -> String {
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    let mut words = vec![text(&message.subject), text(&message.sid)];
    words.extend(message.reply.as_deref().map(text));
    let header = text(&message.header);
    if let Some(lines) = header.strip_prefix("NATS/1.0") {
        words.push(format!("[{}]", lines.trim().replace("\r\n", ", ")));
    }
    if !message.payload.is_empty() {
        words.push(format!("= {}", text(&message.payload)));
    }
    words.join(" ")
}

/// Everything that has come to a client until now.
pub(crate) fn until_pong(session: &mut Session) -> Vec<Message> {
    session.send("PING\r\n");
    std::iter::from_fn(|| session.read_message_or_pong()).collect()
}

/// The next `count` messages in the order they come, and that no other follows.
pub(crate) fn hear(session: &mut Session, count: usize) -> Vec<String> {
    let heard = (0..count).map(|_| brief(&session.read_message())).collect();
    session.expect_open();
    heard
}

/// Checks what a client hears where the order is free, and that it hears nothing else.
pub(crate) fn expect_heard(session: &mut Session, expected: &[&str]) {
    let mut heard = hear(session, expected.len());
    let mut expected = expected.to_vec();
    heard.sort();
    expected.sort_unstable();
    assert_eq!(heard, expected);
}

/// The 503 for a request on `subject` in the short form.
pub(crate) fn nobody(reply: &str, sid: &str, subject: &str) -> String {
    format!("{reply} {sid} [503, Nats-Subject: {subject}]")
}

/// The short form of a request that came through a service import, without what differs each
/// time: the two groups of the reply, and the round trip time.
pub(crate) fn plain_request(message: &str) -> String {
    let mut plain = String::new();
    for word in message.split_inclusive(' ') {
        let groups: Vec<&str> = word.trim_end().split('.').collect();
        match groups[..] {
            ["_R_", account, request]
                if [account, request].iter().all(|group| {
                    group.len() == 6 && group.bytes().all(|octet| octet.is_ascii_alphanumeric())
                }) =>
            {
                plain += "_R_ ";
            }
            _ => plain += word,
        }
    }
    without_number(&plain, "\"rtt\":").trim_end().to_owned()
}

/// Leaves out the JSON member of this name, whose value is a number above zero, and its comma.
fn without_number(text: &str, member: &str) -> String {
    let Some((before, after)) = text.split_once(member) else { return text.to_owned() };
    let digits = after.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = after.split_at(digits);
    assert!(number.parse::<u64>().is_ok_and(|number| number > 0), "{text}");
    match before.strip_suffix(',') {
        Some(before) => format!("{before}{rest}"),
        None => format!("{before}{}", rest.trim_start_matches(',')),
    }
}

/// Asks with `subject reply` and gives the subject on which the responder is to answer.
pub(crate) fn ask(importer: &mut Session, exporter: &mut Session, request: &str) -> String {
    importer.send(publish(&[request])).expect_open();
    let reply = exporter.read_message().reply.expect("a request with reply");
    String::from_utf8(reply).expect("a reply is text")
}
