//! A client: what it asked for, what the server has carried out of that, and what it heard.

use std::collections::VecDeque;

use nervure_core::{CloseReason, LinkId};

/// How a client fared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    Alive,
    /// It left on its own.
    Vanished,
    /// The server closed it.
    CutOff(CloseReason),
}

/// When the server carried something out; `None` is not yet.
pub(crate) type When = Option<u64>;

pub(crate) struct Subscription {
    pub(crate) subject: &'static str,
    pub(crate) queue: Option<&'static str>,
    /// What UNSUB, sent right behind SUB, allows.
    pub(crate) max: Option<usize>,
    /// Whether the server read both at once, so that nothing came in between.
    pub(crate) limited: bool,
    pub(crate) since: When,
    /// Whether UNSUB was sent.
    pub(crate) left: bool,
    /// Whether the server took it; `None` is not known.
    pub(crate) taken: Option<bool>,
}

pub(crate) struct Publication {
    pub(crate) subject: String,
    pub(crate) len: usize,
    pub(crate) header: bool,
    pub(crate) at: When,
    /// The server closed the client while it read this: it may have been carried out or not.
    pub(crate) doubtful: bool,
}

/// One message or 503 that was heard.
pub(crate) struct Heard {
    pub(crate) subject: String,
    pub(crate) sid: usize,
    pub(crate) reply: Option<String>,
    pub(crate) header: Vec<u8>,
    pub(crate) body: Vec<u8>,
}

enum Said {
    Sub(usize),
    Limit(usize),
    Publish(usize),
    Request,
    Other,
}

pub(crate) struct Client {
    pub(crate) number: usize,
    pub(crate) shard: usize,
    pub(crate) link: LinkId,
    /// Neither reads slowly nor vanishes.
    pub(crate) steady: bool,
    /// Its user may not do everything.
    pub(crate) restricted: bool,
    pub(crate) slow: bool,
    pub(crate) was_slow: bool,
    pub(crate) paused: bool,
    pub(crate) fate: Fate,
    pub(crate) headers: bool,
    pub(crate) echo: bool,
    /// On its way to the server.
    pub(crate) to_server: VecDeque<u8>,
    /// What was said, each with the number of octets it ends at.
    said: VecDeque<(usize, Said)>,
    said_octets: usize,
    read_octets: usize,
    last_read: u64,
    /// By sid, which is its place here.
    pub(crate) subs: Vec<Subscription>,
    /// By number, which is its place here.
    pub(crate) published: Vec<Publication>,
    /// Requests that nobody answers which the server has read.
    pub(crate) requests: usize,
    pub(crate) heard: Vec<Heard>,
    /// Octets of a unit that is not complete.
    partial: Vec<u8>,
    /// Subscriptions in the order of the PINGs that followed them.
    asked: VecDeque<usize>,
    refused: bool,
}

/// Splits `CRLF` off the front of `bytes`; the line and how long it is with its end.
fn line(bytes: &[u8]) -> Option<(&str, usize)> {
    let end = bytes.windows(2).position(|two| two == b"\r\n")?;
    Some((std::str::from_utf8(&bytes[..end]).unwrap(), end + 2))
}

impl Client {
    pub(crate) fn new(
        number: usize,
        (shard, link): (usize, LinkId),
        steady: bool,
        (headers, echo): (bool, bool),
        user: &str,
    ) -> Self {
        let mut client = Self {
            number,
            shard,
            link,
            steady,
            restricted: false,
            slow: false,
            was_slow: false,
            paused: false,
            fate: Fate::Alive,
            headers,
            echo,
            to_server: VecDeque::new(),
            said: VecDeque::new(),
            said_octets: 0,
            read_octets: 0,
            last_read: u64::MAX,
            subs: Vec::new(),
            published: Vec::new(),
            requests: 0,
            heard: Vec::new(),
            partial: Vec::new(),
            asked: VecDeque::new(),
            refused: false,
        };
        let text = format!(
            "CONNECT {{\"verbose\":false,\"pedantic\":false,\"headers\":{headers},\
             \"no_responders\":{headers},\"echo\":{echo},\"user\":\"{user}\"}}\r\n"
        );
        client.say(text.as_bytes(), Said::Other);
        client
    }

    fn say(&mut self, text: &[u8], what: Said) {
        self.to_server.extend(text);
        self.said_octets += text.len();
        self.said.push_back((self.said_octets, what));
    }

    /// Subscribes, and asks with a PING whether that went well.
    pub(crate) fn subscribe(
        &mut self,
        subject: &'static str,
        queue: Option<&'static str>,
        max: Option<usize>,
    ) {
        let sid = self.subs.len();
        let text = format!("SUB {subject} {} {sid}\r\n", queue.unwrap_or_default());
        self.subs.push(Subscription {
            subject,
            queue,
            max,
            limited: false,
            since: None,
            left: false,
            taken: None,
        });
        self.say(text.as_bytes(), Said::Sub(sid));
        if let Some(max) = max {
            self.say(format!("UNSUB {sid} {max}\r\n").as_bytes(), Said::Limit(sid));
        }
        self.asked.push_back(sid);
        self.say(b"PING\r\n", Said::Other);
    }

    pub(crate) fn unsubscribe(&mut self, sid: usize) {
        self.subs[sid].left = true;
        self.say(format!("UNSUB {sid}\r\n").as_bytes(), Said::Other);
    }

    pub(crate) fn publish(&mut self, subject: String, reply: Option<&str>, len: usize) {
        let number = self.published.len();
        let body = body(self.number, number, len);
        let reply = reply.unwrap_or_default();
        let header = self.headers && number.is_multiple_of(3);
        let mut text = if header {
            let size = HEADER.len();
            format!("HPUB {subject} {reply} {size} {}\r\n{HEADER}", size + body.len())
        } else {
            format!("PUB {subject} {reply} {}\r\n", body.len())
        };
        text.push_str(&body);
        text.push_str("\r\n");
        self.published.push(Publication { subject, len, header, at: None, doubtful: false });
        self.say(text.as_bytes(), Said::Publish(number));
    }

    /// Asks where nobody is.
    pub(crate) fn request_nobody(&mut self, inbox: &str) {
        self.say(format!("PUB nobody.{inbox} {inbox} 0\r\n\r\n").as_bytes(), Said::Request);
    }

    /// The server has read `count` octets more.
    pub(crate) fn carried_out(&mut self, count: usize, order: &mut u64) {
        self.last_read = *order;
        self.read_octets += count;
        while let Some((_, what)) = self.said.pop_front_if(|(end, _)| *end <= self.read_octets) {
            *order += 1;
            match what {
                Said::Sub(sid) => self.subs[sid].since = Some(*order),
                Said::Limit(sid) => {
                    self.subs[sid].limited = self.subs[sid].since > Some(self.last_read);
                }
                Said::Publish(number) => self.published[number].at = Some(*order),
                Said::Request => self.requests += 1,
                Said::Other => {}
            }
        }
    }

    pub(crate) fn doubt_last_read(&mut self) {
        for publication in self.published.iter_mut().rev() {
            if publication.at.is_some_and(|at| at <= self.last_read) {
                break;
            }
            publication.doubtful = true;
        }
    }

    /// Octets from the server; what is complete in them is taken apart.
    pub(crate) fn hear(&mut self, bytes: &[u8]) {
        self.partial.extend_from_slice(bytes);
        let partial = std::mem::take(&mut self.partial);
        let mut rest = partial.as_slice();
        while let Some(used) = self.hear_one(rest) {
            rest = &rest[used..];
        }
        self.partial = rest.to_vec();
    }

    /// Takes one unit off the front; how long it was, if it is complete.
    fn hear_one(&mut self, bytes: &[u8]) -> Option<usize> {
        let (line, mut used) = line(bytes)?;
        let words: Vec<&str> = line.split(' ').collect();
        match words[0] {
            "MSG" | "HMSG" => {
                let count = |word: &str| word.parse::<usize>().unwrap();
                let total = count(words[words.len() - 1]);
                let sizes = if words[0] == "HMSG" { 2 } else { 1 };
                let head = if sizes == 2 { count(words[words.len() - 2]) } else { 0 };
                let content = bytes.get(used..used + total + 2)?;
                assert!(content.ends_with(b"\r\n"), "{line}");
                used += content.len();
                self.heard.push(Heard {
                    subject: words[1].to_owned(),
                    sid: count(words[2]),
                    reply: words[3..words.len() - sizes].first().map(|&reply| reply.to_owned()),
                    header: content[..head].to_vec(),
                    body: content[head..total].to_vec(),
                });
            }
            "PING" => self.say(b"PONG\r\n", Said::Other),
            "PONG" => {
                let sid = self.asked.pop_front().expect("nobody asked");
                self.subs[sid].taken = Some(!std::mem::take(&mut self.refused));
            }
            "-ERR" if self.restricted && line.contains("'Permissions Violation for ") => {
                self.refused |= line.contains("for Subscription");
            }
            "-ERR" => {
                let fatal = ["'Stale Connection'"].iter().any(|text| line.ends_with(text));
                assert!(fatal || line.ends_with("'maximum subscriptions exceeded'"), "{line}");
                self.refused = true;
            }
            "INFO" => {}
            _ => panic!("the server says {line}"),
        }
        Some(used)
    }
}

/// The header of messages that have one.
pub(crate) const HEADER: &str = "NATS/1.0\r\nA: b\r\n\r\n";

/// The body of a client's message: who, which, and as much filling as it takes.
pub(crate) fn body(client: usize, number: usize, len: usize) -> String {
    let mut body = format!("{client}:{number}:");
    let filling = char::from(b'a' + (number % 26) as u8);
    body.extend(std::iter::repeat_n(filling, len));
    body
}
