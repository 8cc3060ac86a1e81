//! Which pages may connect (reference leafnode-websocket B.4).

use std::fmt;

/// Scheme, host and port of a page or listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    https: bool,
    host: String,
    port: u16,
}

impl Origin {
    /// Parses `http(s)://host[:port]`; a path behind it is ignored. `None` for everything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let https = scheme.eq_ignore_ascii_case("https");
        if !https && !scheme.eq_ignore_ascii_case("http") {
            return None;
        }
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let authority = authority.rsplit_once('@').map_or(authority, |(_user, host)| host);
        Self::from_host(authority, https)
    }

    /// The origin that a `Host` header names.
    pub fn from_host(authority: &str, https: bool) -> Option<Self> {
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']')?;
                (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
            }
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        let implied = if https { 443 } else { 80 };
        let port = match port {
            None | Some("") => implied,
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok()?,
            Some(_) => return None,
        };
        (!host.is_empty()).then(|| Self { https, host: host.to_ascii_lowercase(), port })
    }
}

/// Why an origin is not welcome; the text stands in nats-server's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OriginError {
    /// `same_origin` is on and it differs from the `Host` header.
    NotSame,
    /// It is none of `allowed_origins`.
    NotListed,
    /// It is no absolute http(s) URL.
    Unparsable(String),
}

impl fmt::Display for OriginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSame => f.write_str("not same origin"),
            Self::NotListed => f.write_str("not in the allowed list"),
            Self::Unparsable(text) => write!(f, "parse {text:?}: invalid URI for request"),
        }
    }
}

/// The configured origin checks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OriginRules {
    /// The origin must equal the `Host` header.
    pub same: bool,
    /// The origin must be one of these, if there are any.
    pub allowed: Vec<Origin>,
}

impl OriginRules {
    /// Checks the `Origin` header of a request; `host` is its `Host` header.
    ///
    /// # Errors
    ///
    /// The origin is refused.
    pub fn check(&self, origin: Option<&str>, host: &str, tls: bool) -> Result<(), OriginError> {
        let Some(origin) = origin.filter(|_| self.same || !self.allowed.is_empty()) else {
            return Ok(());
        };
        let parsed =
            Origin::parse(origin).ok_or_else(|| OriginError::Unparsable(origin.to_owned()))?;
        if self.same && Origin::from_host(host, tls).as_ref() != Some(&parsed) {
            return Err(OriginError::NotSame);
        }
        if !self.allowed.is_empty() && !self.allowed.contains(&parsed) {
            return Err(OriginError::NotListed);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_match_as_the_matrix_says() {
        let rules = |same, list: &[&str]| OriginRules {
            same,
            allowed: list.iter().map(|text| Origin::parse(text).unwrap()).collect(),
        };
        let app = &["https://app.example.com", "http://dev:8080"];
        let parse_null = Err(OriginError::Unparsable("null".to_owned()));
        let cases = [
            (rules(false, &[]), Some("null"), "h", false, Ok(())),
            (rules(true, &[]), None, "h", false, Ok(())),
            (rules(true, app), None, "h", false, Ok(())),
            (rules(true, &[]), Some("http://H:80"), "h", false, Ok(())),
            (rules(true, &[]), Some("https://h"), "h", true, Ok(())),
            (rules(true, &[]), Some("https://h"), "h:443", true, Ok(())),
            (rules(true, &[]), Some("https://h"), "h", false, Err(OriginError::NotSame)),
            (rules(true, &[]), Some("http://h:81"), "h", false, Err(OriginError::NotSame)),
            (rules(true, &[]), Some("http://[::1]:9"), "[::1]:9", false, Ok(())),
            (rules(true, &[]), Some("null"), "h", false, parse_null.clone()),
            (rules(false, app), Some("null"), "h", false, parse_null),
            (rules(false, app), Some("https://APP.example.com:443"), "h", false, Ok(())),
            (rules(false, app), Some("http://dev:8080"), "h", false, Ok(())),
            (rules(false, app), Some("http://dev"), "h", false, Err(OriginError::NotListed)),
            (
                rules(false, app),
                Some("https://app.example.com.evil"),
                "h",
                false,
                Err(OriginError::NotListed),
            ),
            (rules(true, app), Some("http://dev:8080"), "dev:8080", false, Ok(())),
            (rules(true, app), Some("http://dev:8080"), "x", false, Err(OriginError::NotSame)),
        ];
        for (rules, origin, host, tls, expected) in cases {
            assert_eq!(rules.check(origin, host, tls), expected, "{rules:?} {origin:?} {host}");
        }
        let file = rules(true, &[]).check(Some("file://"), "h", false);
        assert!(matches!(file, Err(OriginError::Unparsable(_))));
    }
}
