//! CONNECT as protocol traces show it: without its secrets.

/// What stands in a secret's place.
const REDACTED: &str = "[REDACTED]";

/// Keys whose values are hidden. nats-server hides these but `jwt`; we hide that too, because it
/// is a credential as well on servers that accept bearer tokens.
const SECRETS: [&str; 6] = ["pass", "auth_token", "jwt", "nkey", "sig", "proxy_sig"];

/// The text of a CONNECT's argument with its secrets replaced by `[REDACTED]`, for trace lines.
///
/// Everything else stays as the client wrote it, but octets that are not UTF-8 become U+FFFD. The
/// text may be broken JSON: then rather too much is hidden than too little.
pub fn redacted(json: &[u8]) -> String {
    let mut shown = Vec::with_capacity(json.len());
    let mut rest = json;
    while let Some((&octet, after)) = rest.split_first() {
        if octet != b'"' {
            shown.push(octet);
            rest = after;
            continue;
        }
        let (string, after) = rest.split_at(string_len(rest));
        shown.extend_from_slice(string);
        rest = after;
        let colon = blanks_len(rest);
        if rest.get(colon) != Some(&b':') || !is_secret(string) {
            continue;
        }
        let value = colon + 1 + blanks_len(&rest[colon + 1..]);
        shown.extend_from_slice(&rest[..value]);
        rest = &rest[value..];
        let quote = if rest.first() == Some(&b'"') { "\"" } else { "" };
        for part in [quote, REDACTED, quote] {
            shown.extend_from_slice(part.as_bytes());
        }
        rest = &rest[value_len(rest)..];
    }
    String::from_utf8_lossy(&shown).into_owned()
}

/// Whether the string, quotes included, names a secret. Escapes count as what they stand for.
fn is_secret(string: &[u8]) -> bool {
    let lossy = String::from_utf8_lossy(string);
    let name: String = match serde_json::from_str(&lossy) {
        Ok(name) => name,
        // Not a string after all. Whatever it is, what follows it is not worth the risk.
        Err(_) => return true,
    };
    SECRETS.iter().any(|secret| name.eq_ignore_ascii_case(secret))
}

/// Length of the string that `text` begins with, quotes included; all of it when it has no end.
fn string_len(text: &[u8]) -> usize {
    let mut at = 1;
    while let Some(&octet) = text.get(at) {
        match octet {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

fn blanks_len(text: &[u8]) -> usize {
    text.iter().take_while(|octet| matches!(octet, b' ' | b'\t' | b'\r' | b'\n')).count()
}

/// Length of the value that `text` begins with: up to the comma or bracket that ends it. All of
/// the text when there is none.
fn value_len(text: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(&octet) = text.get(at) {
        match octet {
            b'"' => {
                at += string_len(&text[at..]);
                continue;
            }
            b'{' | b'[' => depth += 1,
            b',' | b'}' | b']' if depth == 0 => return at,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_and_the_rest_is_left_alone() {
        for (json, shown) in [
            ("{}", "{}"),
            (r#"{"user":"u","pass" : "p","a":1}"#, r#"{"user":"u","pass" : "[REDACTED]","a":1}"#),
            (r#"{"PASS":"p"}"#, r#"{"PASS":"[REDACTED]"}"#),
            (r#"{"p\u0061ss":"p"}"#, r#"{"p\u0061ss":"[REDACTED]"}"#),
            (r#"{"sig":"a\"b,c","x":"y"}"#, r#"{"sig":"[REDACTED]","x":"y"}"#),
            (r#"{"pass":12,"x":0}"#, r#"{"pass":[REDACTED],"x":0}"#),
            (r#"{"jwt":{"a":["b"]},"x":0}"#, r#"{"jwt":[REDACTED],"x":0}"#),
            (
                r#"{"auth_token":"t","proxy_sig":"s"}"#,
                r#"{"auth_token":"[REDACTED]","proxy_sig":"[REDACTED]"}"#,
            ),
            (r#"{"name":"pass","lang":"sig"}"#, r#"{"name":"pass","lang":"sig"}"#),
        ] {
            assert_eq!(redacted(json.as_bytes()), shown);
        }
    }

    #[test]
    fn broken_json_hides_its_secrets_too() {
        for json in [
            r#"{"pass":"hush"#,
            r#"{"pass":hush"#,
            r#"{"pass":"a"hush}"#,
            r#"{"pass":"a" "hush"}"#,
            r#"{"pa\xss":"hush"}"#,
            r#"{"pass":[hush"#,
            r#"{"x":{"pass":"hush"}}"#,
        ] {
            let shown = redacted(json.as_bytes());
            assert!(!shown.contains("hush"), "{json} shows as {shown}");
        }
        assert_eq!(redacted(b"{\"name\":\"\xff\""), "{\"name\":\"\u{fffd}\"");
    }
}
