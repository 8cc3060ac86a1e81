//! The verbs of the grammar and how a unit's first octets name one of them.

/// What a unit of the stream asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verb {
    Connect,
    Info,
    Ping,
    Pong,
    Ok,
    Err,
    Pub,
    Hpub,
    Sub,
    Unsub,
}

/// What follows a verb.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Tail {
    /// Octets up to LF that mean nothing.
    Ignored,
    /// Arguments up to LF, with or without a blank before them.
    Arguments,
    /// Arguments up to LF; a blank directly after the verb is part of recognising it, which is
    /// why `PUB\r\n` is no operation at all while `PUB \r\n` merely lacks arguments.
    BlankThenArguments,
}

/// Every verb a client may send, and what follows it (client-protocol 1.3). No verb is the
/// beginning of another one.
const VERBS: [(&[u8], Verb, Tail); 10] = [
    (b"PUB", Verb::Pub, Tail::BlankThenArguments),
    (b"HPUB", Verb::Hpub, Tail::BlankThenArguments),
    (b"SUB", Verb::Sub, Tail::BlankThenArguments),
    (b"UNSUB", Verb::Unsub, Tail::BlankThenArguments),
    (b"PING", Verb::Ping, Tail::Ignored),
    (b"PONG", Verb::Pong, Tail::Ignored),
    (b"CONNECT", Verb::Connect, Tail::Arguments),
    (b"INFO", Verb::Info, Tail::Arguments),
    (b"+OK", Verb::Ok, Tail::Ignored),
    (b"-ERR", Verb::Err, Tail::BlankThenArguments),
];

/// Octets of the longest verb, with the blank that some verbs need.
pub(super) const LONGEST: usize = 7;

/// What a unit's first octets are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Recognised {
    /// The beginning of one or more verbs.
    Prefix,
    /// A whole verb, and the blank it needs.
    Verb(Verb, Tail),
    /// Nothing that can become a verb.
    Unknown,
}

/// Recognises the verb that `head`, a unit's first octets and no more than needed, spells.
pub(super) fn recognise(head: &[u8]) -> Recognised {
    for (name, verb, tail) in VERBS {
        let common = head.len().min(name.len());
        if !head[..common].eq_ignore_ascii_case(&name[..common]) {
            continue;
        }
        return match (head.get(name.len()), tail) {
            _ if head.len() < name.len() => Recognised::Prefix,
            (None, Tail::BlankThenArguments) => Recognised::Prefix,
            (Some(b' ' | b'\t'), _) | (_, Tail::Ignored | Tail::Arguments) => {
                Recognised::Verb(verb, tail)
            }
            (Some(_), Tail::BlankThenArguments) => continue,
        };
    }
    Recognised::Unknown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_is_recognised_at_its_last_octet_in_any_case() {
        for (name, verb, tail) in VERBS {
            for name in [name.to_vec(), name.to_ascii_lowercase()] {
                let mut head = name.clone();
                if tail == Tail::BlankThenArguments {
                    head.push(b'\t');
                }
                assert!(head.len() <= LONGEST);
                for shorter in 1..head.len() {
                    assert_eq!(recognise(&head[..shorter]), Recognised::Prefix, "{head:?}");
                }
                assert_eq!(recognise(&head), Recognised::Verb(verb, tail), "{head:?}");
            }
        }
    }

    #[test]
    fn the_first_wrong_octet_is_enough() {
        for head in ["\r", "\n", " ", "F", "G", "\x16", "A", "L", "M", "R", "HM", "PX", "PINX"] {
            assert_eq!(recognise(head.as_bytes()), Recognised::Unknown, "{head:?}");
        }
        for head in ["PUBX", "PUB\r", "SU\r", "SUB\n", "UNSUB\r", "-ERR\r", "COM", "+K", "HPUB\r"] {
            let (last, before) = head.as_bytes().split_last().unwrap();
            assert_eq!(recognise(before), Recognised::Prefix, "{head:?}");
            assert_eq!(recognise(head.as_bytes()), Recognised::Unknown, "{head:?} {last}");
        }
    }

    #[test]
    fn folding_the_case_bit_does_not_invent_verbs() {
        // These differ from '+', '-', ' ' and letters by 0x20 only.
        for head in ["\x0bOK", "\rERR ", "PUB\0", "+\x2fK"] {
            assert_eq!(recognise(head.as_bytes()), Recognised::Unknown, "{head:?}");
        }
    }
}
