//! Subject transforms once more, in the plainest way: from the texts each time.

/// What becomes of `subject`, which the source matches. The texts must be a valid transform
/// without `random`.
pub(crate) fn transformed(source: &str, destination: &str, subject: &[u8]) -> Vec<u8> {
    let given: Vec<&[u8]> = subject.split(|octet| *octet == b'.').collect();
    let sources: Vec<&str> = source.split('.').collect();
    let stars: Vec<usize> = (0..sources.len()).filter(|at| sources[*at] == "*").collect();
    let token = |index: &str| {
        let index: i64 = index.trim().parse().unwrap();
        let at = if index < 1 { 0 } else { stars.get(index as usize - 1).copied().unwrap_or(0) };
        given[at].to_vec()
    };
    let one = |text: &str| -> Vec<u8> {
        if text == ">" {
            return given[sources.len() - 1..].join(&b'.');
        }
        if let Some(index) = text.strip_prefix('$').filter(|it| it.parse::<i64>().is_ok()) {
            return token(index);
        }
        if text.len() < 5 || !text.starts_with("{{") || !text.ends_with("}}") {
            return text.as_bytes().to_vec();
        }
        let open = text.find('(').unwrap();
        let name = text[2..open].trim().to_lowercase();
        let close = text.rfind(')').unwrap();
        let arguments: Vec<&str> = text[open + 1..close].split(',').collect();
        if name == "partition" {
            let key: Vec<u8> = match &arguments[1..] {
                [] => subject.to_vec(),
                indices => indices.iter().flat_map(|index| token(index)).collect(),
            };
            return bucket(&key, arguments[0].trim().parse().unwrap()).into_bytes();
        }
        let token = token(arguments[0]);
        match name.as_str() {
            "wildcard" => token,
            "split" => split(&token, arguments[1].trim_start()),
            _ => cut(&name, token, arguments[1].trim().parse().unwrap()),
        }
    };
    destination.split('.').map(one).collect::<Vec<_>>().join(&b'.')
}

fn bucket(key: &[u8], buckets: i64) -> String {
    let mut hash: u64 = 2_166_136_261;
    for octet in key {
        hash = (hash ^ u64::from(*octet)) * 16_777_619 % (1 << 32);
    }
    let buckets = buckets.rem_euclid(1 << 32) as u64;
    if buckets == 0 { "0".to_owned() } else { (hash % buckets).to_string() }
}

/// Puts dots where the function wants them, or takes octets away.
fn cut(name: &str, token: Vec<u8>, length: i64) -> Vec<u8> {
    let len = token.len() as i64;
    if length <= 0 || length >= len {
        return token;
    }
    let dotted = |wanted: &dyn Fn(i64) -> bool| {
        let mut out = Vec::new();
        for (at, octet) in token.iter().enumerate() {
            if at > 0 && wanted(at as i64) {
                out.push(b'.');
            }
            out.push(*octet);
        }
        out
    };
    match name {
        "splitfromleft" => dotted(&|at| at == length),
        "splitfromright" => dotted(&|at| len - at == length),
        "slicefromleft" => dotted(&|at| at % length == 0),
        "slicefromright" => dotted(&|at| (len - at) % length == 0),
        "left" => token[..length as usize].to_vec(),
        "right" => token[(len - length) as usize..].to_vec(),
        other => panic!("{other} is no function"),
    }
}

fn split(token: &[u8], delimiter: &str) -> Vec<u8> {
    let mut pieces: Vec<Vec<u8>> = vec![Vec::new()];
    let mut rest = token;
    while let Some(first) = rest.first() {
        let len = if delimiter.is_empty() {
            let letter = (1..=4).find(|len| {
                rest.get(..*len).is_some_and(|octets| std::str::from_utf8(octets).is_ok())
            });
            let len = letter.unwrap_or(1);
            pieces.push(rest[..len].to_vec());
            len
        } else if rest.starts_with(delimiter.as_bytes()) {
            pieces.push(Vec::new());
            delimiter.len()
        } else {
            pieces.last_mut().unwrap().push(*first);
            1
        };
        rest = &rest[len..];
    }
    let mut out = Vec::new();
    for (at, piece) in pieces.iter().enumerate().filter(|(_, piece)| !piece.is_empty()) {
        if at > 0 && !(at == 1 && pieces[0].is_empty()) {
            out.push(b'.');
        }
        out.extend_from_slice(piece);
    }
    out
}
