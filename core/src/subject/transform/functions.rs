//! The functions a destination may call: one table for the parser, its checks and the
//! documentation.

/// A function as a destination calls it: `{{name(arguments)}}`.
#[derive(Debug)]
pub struct Function {
    /// The usual spelling. The first letter of each of its words may be in either case.
    pub name: &'static str,
    /// What its arguments are called in the documentation.
    pub arguments: &'static str,
    /// What it gives.
    pub result: &'static str,
    pub(super) takes: Takes,
}

/// What arguments a function takes, and what it does where that is all that differs.
#[derive(Debug)]
pub(super) enum Takes {
    /// A wildcard's index.
    Index,
    /// A wildcard's index and a number of octets.
    IndexAndLength(Cut),
    /// A wildcard's index and a delimiter.
    IndexAndDelimiter,
    /// A number of buckets and any number of wildcard indices.
    Buckets,
    /// A bound.
    Bound,
}

/// Appends what becomes of a token that is longer than the length, which is not zero.
pub(super) type Cut = fn(token: &[u8], length: usize, out: &mut Vec<u8>);

/// All functions of nats-server 2.15 (client-protocol.md 6.3).
pub const FUNCTIONS: &[Function] = &[
    Function {
        name: "wildcard",
        arguments: "i",
        result: "the token; `$i` is the same",
        takes: Takes::Index,
    },
    Function {
        name: "partition",
        arguments: "n, i, …",
        result: "0 to n-1 by the hash of the tokens, of the whole subject if none is named",
        takes: Takes::Buckets,
    },
    Function {
        name: "splitFromLeft",
        arguments: "i, l",
        result: "the token in two, l octets in the first",
        takes: Takes::IndexAndLength(pair),
    },
    Function {
        name: "splitFromRight",
        arguments: "i, l",
        result: "the token in two, l octets in the second",
        takes: Takes::IndexAndLength(|token, length, out| pair(token, token.len() - length, out)),
    },
    Function {
        name: "sliceFromLeft",
        arguments: "i, l",
        result: "the token in pieces of l octets, what is left over last",
        takes: Takes::IndexAndLength(|token, length, out| dotted(token.chunks(length), out)),
    },
    Function {
        name: "sliceFromRight",
        arguments: "i, l",
        result: "the token in pieces of l octets, what is left over first",
        takes: Takes::IndexAndLength(|token, length, out| dotted(token.rchunks(length).rev(), out)),
    },
    Function {
        name: "split",
        arguments: "i, d",
        result: "the token in pieces at each delimiter d, between all letters if it is empty",
        takes: Takes::IndexAndDelimiter,
    },
    Function {
        name: "left",
        arguments: "i, l",
        result: "the first l octets of the token",
        takes: Takes::IndexAndLength(|token, length, out| {
            out.extend_from_slice(token.split_at(length).0);
        }),
    },
    Function {
        name: "right",
        arguments: "i, l",
        result: "the last l octets of the token",
        takes: Takes::IndexAndLength(|token, length, out| {
            out.extend_from_slice(token.split_at(token.len() - length).1);
        }),
    },
    Function { name: "random", arguments: "n", result: "0 to n-1 by chance", takes: Takes::Bound },
];

impl Function {
    /// The function of this name.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        FUNCTIONS.iter().find(|function| function.is_named(name))
    }

    fn is_named(&self, name: &str) -> bool {
        self.name.len() == name.len()
            && self.name.bytes().zip(name.bytes()).enumerate().all(|(at, (usual, given))| {
                let starts_word = at == 0 || usual.is_ascii_uppercase();
                usual == given || (starts_word && usual.eq_ignore_ascii_case(&given))
            })
    }
}

fn pair(token: &[u8], at: usize, out: &mut Vec<u8>) {
    let (first, second) = token.split_at(at);
    dotted([first, second].into_iter(), out);
}

fn dotted<'a>(pieces: impl Iterator<Item = &'a [u8]>, out: &mut Vec<u8>) {
    for (place, piece) in pieces.enumerate() {
        if place > 0 {
            out.push(b'.');
        }
        out.extend_from_slice(piece);
    }
}

/// Appends the pieces of `token` between delimiters. Empty ones are left out, but two delimiters
/// at the very beginning leave an empty token, so that nobody gets the message (observed on
/// nats-server 2.15.1).
pub(super) fn split(token: &[u8], delimiter: &[u8], out: &mut Vec<u8>) {
    if delimiter.is_empty() {
        return split_letters(token, out);
    }
    let (mut rest, mut place, mut opens_empty) = (token, 0, false);
    loop {
        let found = rest.windows(delimiter.len()).position(|window| window == delimiter);
        let (piece, behind) = rest.split_at(found.unwrap_or(rest.len()));
        if piece.is_empty() {
            opens_empty |= place == 0;
        } else {
            if place > 1 || (place == 1 && !opens_empty) {
                out.push(b'.');
            }
            out.extend_from_slice(piece);
        }
        place += 1;
        match behind.get(delimiter.len()..) {
            Some(next) => rest = next,
            None => return,
        }
    }
}

/// Appends each character of `token`, or octet where it is no UTF-8, as a token.
fn split_letters(token: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    for chunk in token.utf8_chunks() {
        let letters = chunk.valid().char_indices().map(|(at, letter)| {
            chunk.valid().as_bytes().get(at..at + letter.len_utf8()).unwrap_or_default()
        });
        for letter in letters.chain(chunk.invalid().chunks(1)) {
            if out.len() > start {
                out.push(b'.');
            }
            out.extend_from_slice(letter);
        }
    }
}

/// FNV-1a in 32 bits over all parts, with which nats-server partitions.
pub(super) fn hash<'a>(parts: impl Iterator<Item = &'a [u8]>) -> u32 {
    const BASIS: u32 = 0x811c_9dc5;
    const PRIME: u32 = 0x0100_0193;
    parts.flatten().fold(BASIS, |hash, &octet| (hash ^ u32::from(octet)).wrapping_mul(PRIME))
}
