//! CONNECT: what a client says about itself and asks for.
//!
//! The JSON rules are laxer than serde's usual ones, and clients in the wild rely on that
//! (client-protocol 2.4): keys match in any letter case, unknown ones are ignored, the last of
//! several wins, `null` leaves a value as it is, and strings may hold invalid UTF-8 or lone
//! surrogates (observed on nats-server 2.15.1).

use core::fmt;

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use thiserror::Error;

use crate::CloseReason;

/// The options of a connection: those of its CONNECTs, laid over the defaults that hold before.
///
/// Strings that were not given are empty, which means the same to the server.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectOptions {
    /// Answer `+OK`.
    pub verbose: bool,
    /// Check publish subjects.
    pub pedantic: bool,
    /// The client insists on TLS; informational.
    pub tls_required: bool,
    /// What it logs in with, if it has named any of it.
    pub credentials: Option<Box<Credentials>>,
    /// The client's name; monitoring only.
    pub name: Box<str>,
    /// The client's language; monitoring only.
    pub lang: Box<str>,
    /// The client library's version; monitoring only.
    pub version: Box<str>,
    /// Protocol level; 1 understands an INFO at any time. Values other than 0 and 1 are for the
    /// link to refuse.
    pub protocol: i64,
    /// Deliver the connection's own publications to it.
    pub echo: bool,
    /// The client understands headers.
    pub headers: bool,
    /// The client wants a 503 when nobody took its request.
    pub no_responders: bool,
    /// Historic; the link refuses it when true.
    pub new_account: bool,
}

/// What a client logs in with. In a box of its own, because the options are kept as long as the
/// connection lasts and many a client has no credentials.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    /// Token credential. Secret.
    pub auth_token: Box<str>,
    /// User name.
    pub user: Box<str>,
    /// Password. Secret.
    pub pass: Box<str>,
    /// User JWT. Secret.
    pub jwt: Box<str>,
    /// Public user nkey.
    pub nkey: Box<str>,
    /// Signature of the nonce, base64. Secret.
    pub sig: Box<str>,
    /// Signature of the nonce by a trusted proxy, base64. Secret.
    pub proxy_sig: Box<str>,
    /// Historic; the link refuses it unless it is empty.
    pub account: Box<str>,
}

/// What holds before the first CONNECT, and for what it leaves out (client-protocol 1.10).
impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            verbose: true,
            pedantic: true,
            tls_required: false,
            credentials: None,
            name: Box::default(),
            lang: Box::default(),
            version: Box::default(),
            protocol: 0,
            echo: true,
            headers: false,
            no_responders: false,
            new_account: false,
        }
    }
}

/// Why a CONNECT cannot be read. The peer is at fault; its link is closed without a word.
///
/// The offending text is left out, for it may be a credential.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum ConnectError {
    /// Not JSON, or more than one JSON value.
    #[error("CONNECT is not valid JSON (column {column})")]
    Syntax {
        /// Where, in bytes from 1.
        column: usize,
    },
    /// JSON, but no object, or a field of the wrong type.
    #[error("CONNECT holds a value of the wrong type (column {column})")]
    Type {
        /// Where, in bytes from 1.
        column: usize,
    },
}

impl ConnectError {
    /// What monitoring shows for a link that ended this way.
    pub const fn reason(&self) -> CloseReason {
        CloseReason::ProtocolViolation
    }
}

impl From<serde_json::Error> for ConnectError {
    fn from(error: serde_json::Error) -> Self {
        let column = error.column();
        if error.is_data() { Self::Type { column } } else { Self::Syntax { column } }
    }
}

impl ConnectOptions {
    /// One of the credentials; empty if it was not given.
    pub fn credential(&self, which: impl FnOnce(&Credentials) -> &str) -> &str {
        self.credentials.as_deref().map_or("", which)
    }

    /// Lays the values of a CONNECT over the present ones.
    ///
    /// # Errors
    ///
    /// [`ConnectError::Syntax`] leaves everything as it was. [`ConnectError::Type`] may leave
    /// values from before the bad one behind; the link has to be closed anyway.
    pub fn apply(&mut self, json: &[u8]) -> Result<(), ConnectError> {
        // Strings are read as raw octets below, which leaves control characters unnoticed. Passing
        // over the text as a value to be ignored checks the syntax of all of it.
        serde_json::from_slice::<IgnoredAny>(json)?;
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        Overlay(self).deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(())
    }
}

/// The keys that mean something.
#[derive(Clone, Copy)]
enum Key {
    Verbose,
    Pedantic,
    TlsRequired,
    AuthToken,
    User,
    Pass,
    Jwt,
    Nkey,
    Sig,
    ProxySig,
    Name,
    Lang,
    Version,
    Protocol,
    Echo,
    Headers,
    NoResponders,
    Account,
    NewAccount,
    RemoteAccount,
    Import,
    Export,
    Unknown,
}

const KEYS: [(&str, Key); 22] = [
    ("verbose", Key::Verbose),
    ("pedantic", Key::Pedantic),
    ("tls_required", Key::TlsRequired),
    ("auth_token", Key::AuthToken),
    ("user", Key::User),
    ("pass", Key::Pass),
    ("jwt", Key::Jwt),
    ("nkey", Key::Nkey),
    ("sig", Key::Sig),
    ("proxy_sig", Key::ProxySig),
    ("name", Key::Name),
    ("lang", Key::Lang),
    ("version", Key::Version),
    ("protocol", Key::Protocol),
    ("echo", Key::Echo),
    ("headers", Key::Headers),
    ("no_responders", Key::NoResponders),
    ("account", Key::Account),
    ("new_account", Key::NewAccount),
    ("remote_account", Key::RemoteAccount),
    ("import", Key::Import),
    ("export", Key::Export),
];

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl Visitor<'_> for KeyVisitor {
            type Value = Key;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_bytes<E: de::Error>(self, key: &[u8]) -> Result<Key, E> {
                let known = KEYS.iter().find(|(name, _)| key.eq_ignore_ascii_case(name.as_bytes()));
                Ok(known.map_or(Key::Unknown, |&(_, key)| key))
            }
        }
        deserializer.deserialize_bytes(KeyVisitor)
    }
}

/// A string; octets that are not UTF-8 become U+FFFD.
struct Text(Box<str>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl Visitor<'_> for TextVisitor {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_bytes<E: de::Error>(self, text: &[u8]) -> Result<Text, E> {
                Ok(Text(String::from_utf8_lossy(text).into()))
            }
        }
        deserializer.deserialize_bytes(TextVisitor)
    }
}

/// An object whose content means nothing to the core.
struct IgnoredObject;

impl<'de> Deserialize<'de> for IgnoredObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor;
        impl<'de> Visitor<'de> for ObjectVisitor {
            type Value = IgnoredObject;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<IgnoredObject, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(IgnoredObject)
            }
        }
        deserializer.deserialize_map(ObjectVisitor)
    }
}

/// Reads an object, or `null`, over existing options.
struct Overlay<'a>(&'a mut ConnectOptions);

impl<'de> DeserializeSeed<'de> for Overlay<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for Overlay<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_none<E: de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let options = self.0;
        while let Some(key) = map.next_key::<Key>()? {
            match key {
                Key::Verbose => flag(&mut map, &mut options.verbose)?,
                Key::Pedantic => flag(&mut map, &mut options.pedantic)?,
                Key::TlsRequired => flag(&mut map, &mut options.tls_required)?,
                Key::AuthToken => credential(&mut map, options, |all| &mut all.auth_token)?,
                Key::User => credential(&mut map, options, |all| &mut all.user)?,
                Key::Pass => credential(&mut map, options, |all| &mut all.pass)?,
                Key::Jwt => credential(&mut map, options, |all| &mut all.jwt)?,
                Key::Nkey => credential(&mut map, options, |all| &mut all.nkey)?,
                Key::Sig => credential(&mut map, options, |all| &mut all.sig)?,
                Key::ProxySig => credential(&mut map, options, |all| &mut all.proxy_sig)?,
                Key::Name => text(&mut map, &mut options.name)?,
                Key::Lang => text(&mut map, &mut options.lang)?,
                Key::Version => text(&mut map, &mut options.version)?,
                Key::Protocol => {
                    if let Some(level) = map.next_value::<Option<i64>>()? {
                        options.protocol = level;
                    }
                }
                Key::Echo => flag(&mut map, &mut options.echo)?,
                Key::Headers => flag(&mut map, &mut options.headers)?,
                Key::NoResponders => flag(&mut map, &mut options.no_responders)?,
                Key::Account => credential(&mut map, options, |all| &mut all.account)?,
                Key::NewAccount => flag(&mut map, &mut options.new_account)?,
                // Meant for peers; from a client only the type matters.
                Key::RemoteAccount => text(&mut map, &mut Box::default())?,
                Key::Import | Key::Export => {
                    map.next_value::<Option<IgnoredObject>>()?;
                }
                Key::Unknown => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

fn flag<'de, A: MapAccess<'de>>(map: &mut A, value: &mut bool) -> Result<(), A::Error> {
    if let Some(given) = map.next_value::<Option<bool>>()? {
        *value = given;
    }
    Ok(())
}

fn text<'de, A: MapAccess<'de>>(map: &mut A, value: &mut Box<str>) -> Result<(), A::Error> {
    if let Some(Text(given)) = map.next_value::<Option<Text>>()? {
        *value = given;
    }
    Ok(())
}

fn credential<'de, A: MapAccess<'de>>(
    map: &mut A,
    options: &mut ConnectOptions,
    which: fn(&mut Credentials) -> &mut Box<str>,
) -> Result<(), A::Error> {
    let Some(Text(given)) = map.next_value::<Option<Text>>()? else { return Ok(()) };
    // Clients name those that they do not have, too.
    if options.credentials.is_some() || !given.is_empty() {
        *which(options.credentials.get_or_insert_default()) = given;
    }
    Ok(())
}

/// A secret in debug output: whether it is there, not what it is.
struct Secret<'a>(&'a str);

impl fmt::Debug for Secret<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() { "\"\"" } else { "[REDACTED]" })
    }
}

impl fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectOptions")
            .field("verbose", &self.verbose)
            .field("pedantic", &self.pedantic)
            .field("tls_required", &self.tls_required)
            .field("credentials", &self.credentials)
            .field("name", &self.name)
            .field("lang", &self.lang)
            .field("version", &self.version)
            .field("protocol", &self.protocol)
            .field("echo", &self.echo)
            .field("headers", &self.headers)
            .field("no_responders", &self.no_responders)
            .field("new_account", &self.new_account)
            .finish()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("auth_token", &Secret(&self.auth_token))
            .field("user", &self.user)
            .field("pass", &Secret(&self.pass))
            .field("jwt", &Secret(&self.jwt))
            .field("nkey", &self.nkey)
            .field("sig", &Secret(&self.sig))
            .field("proxy_sig", &Secret(&self.proxy_sig))
            .field("account", &self.account)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &[u8]) -> Result<ConnectOptions, ConnectError> {
        let mut options = ConnectOptions::default();
        options.apply(json).map(|()| options)
    }

    #[test]
    fn every_field_is_read() {
        let json = br#"{"verbose":false,"pedantic":false,"tls_required":true,"auth_token":"t",
            "user":"u","pass":"p","jwt":"j","nkey":"N","sig":"s","proxy_sig":"x","name":"n",
            "lang":"l","version":"v","protocol":1,"echo":false,"headers":true,
            "no_responders":true,"account":"a","new_account":true,"remote_account":"r",
            "import":{"allow":["a"]},"export":{}}"#;
        let all = ConnectOptions {
            verbose: false,
            pedantic: false,
            tls_required: true,
            credentials: Some(Box::new(Credentials {
                auth_token: "t".into(),
                user: "u".into(),
                pass: "p".into(),
                jwt: "j".into(),
                nkey: "N".into(),
                sig: "s".into(),
                proxy_sig: "x".into(),
                account: "a".into(),
            })),
            name: "n".into(),
            lang: "l".into(),
            version: "v".into(),
            protocol: 1,
            echo: false,
            headers: true,
            no_responders: true,
            new_account: true,
        };
        assert_eq!(read(json), Ok(all));
    }

    #[test]
    fn what_nats_server_accepts_is_accepted() {
        let defaults = ConnectOptions::default();
        let quiet = ConnectOptions { verbose: false, ..defaults.clone() };
        let none: [&[u8]; 14] = [
            b"{}",
            b"null",
            br#"{"verbose":null,"name":null,"protocol":null,"import":null}"#,
            br#"{"foo":{"x":[1,2]},"verbose":true}"#,
            br#"{"verbose":false,"verbose":true}"#,
            br#"{"account":"","user":"","pass":null,"new_account":false}"#,
            br#"{"":1,"nonce":5}"#,
            b"{\"\xff\":1}",
            br#"{"x":1e999}"#,
            br#"{"x":"\ud800"}"#,
            br#"{"export":{}}"#,
            br#"{"import":{"allow":["a"]}}"#,
            b"{}\r\r",
            b"\r{ }\t \n",
        ];
        for json in none {
            assert_eq!(read(json), Ok(defaults.clone()), "{}", json.escape_ascii());
        }
        for json in [
            r#"{"verbose":false}  	 "#,
            r#"{"VERBOSE":false}"#,
            r#"{"Verbose":true,"verbose":false}"#,
            r#"{"v\u0065rbose":false}"#,
            r#"{"verbose":false,"verbose":null}"#,
        ] {
            assert_eq!(read(json.as_bytes()), Ok(quiet.clone()), "{json}");
        }
        let deep = format!(r#"{{"x":{}{}}}"#, "[".repeat(2000), "]".repeat(2000));
        assert_eq!(read(deep.as_bytes()), Ok(defaults));
    }

    #[test]
    fn what_nats_server_refuses_is_refused() {
        let syntax: [&[u8]; 18] = [
            b"",
            b"{bad",
            b"X{}",
            b"{\"verbose\":false} x",
            b"{\"verbose\":false}\0",
            b"{}{}",
            b"{}\x0c",
            b"\x0c{}",
            b"\xef\xbb\xbf{}",
            b"{\"a\":1,}",
            b"{\"x\":\xff}",
            b"{\"x\":01}",
            b"{\"x\":-}",
            b"{\"x\":.5}",
            b"{\"name\":\"a\tb\"}",
            b"{\"x\":\"a\tb\"}",
            b"{\"a\tb\":1}",
            br#"{"name":"\x"}"#,
        ];
        for json in syntax {
            let error = read(json).unwrap_err();
            assert!(matches!(error, ConnectError::Syntax { .. }), "{}", json.escape_ascii());
        }
        for json in [
            "[]",
            "true",
            "5",
            r#""x""#,
            r#"{"verbose":"x"}"#,
            r#"{"verbose":"x","verbose":false}"#,
            r#"{"protocol":"1"}"#,
            r#"{"protocol":1.0}"#,
            r#"{"protocol":1e0}"#,
            r#"{"protocol":true}"#,
            r#"{"protocol":99999999999999999999}"#,
            r#"{"jwt":{"a":1}}"#,
            r#"{"name":[104,105]}"#,
            r#"{"proxy_sig":5}"#,
            r#"{"remote_account":5}"#,
            r#"{"import":"x"}"#,
            r#"{"import":[]}"#,
        ] {
            let error = read(json.as_bytes()).unwrap_err();
            assert!(matches!(error, ConnectError::Type { .. }), "{json}");
        }
    }

    #[test]
    fn protocol_levels_that_do_not_exist_are_left_to_the_link() {
        assert_eq!(read(br#"{"protocol":2}"#).unwrap().protocol, 2);
        assert_eq!(read(br#"{"protocol":-1}"#).unwrap().protocol, -1);
    }

    #[test]
    fn invalid_unicode_becomes_replacement_characters() {
        let options = read(b"{\"name\":\"a\xff\xfeb\",\"user\":\"\\ud800 \\u00e9\"}").unwrap();
        assert_eq!(&*options.name, "a\u{fffd}\u{fffd}b");
        let user = options.credential(|all| &all.user);
        assert!(user.starts_with('\u{fffd}') && user.ends_with(" é"));
    }

    #[test]
    fn a_second_connect_keeps_what_it_does_not_name() {
        let mut options =
            read(br#"{"verbose":false,"name":"a","headers":true,"user":"u"}"#).unwrap();
        options.apply(br#"{"name":"b","headers":null,"user":""}"#).unwrap();
        assert_eq!((&*options.name, options.credential(|all| &all.user)), ("b", ""));
        assert!(options.headers && !options.verbose);
    }

    #[test]
    fn a_syntax_error_changes_nothing() {
        let mut options = ConnectOptions::default();
        options.apply(br#"{"verbose":false} x"#).unwrap_err();
        assert_eq!(options, ConnectOptions::default());
    }

    #[test]
    fn secrets_show_neither_in_debug_output_nor_in_errors() {
        let options =
            read(br#"{"pass":"hush1","auth_token":"hush2","jwt":"hush3","sig":"hush4"}"#).unwrap();
        assert!(!format!("{options:?}").contains("hush"));
        for json in [r#"{"pass":1234}"#, r#"{"verbose":"1234"}"#, r#"{"pass":"1234"x}"#] {
            let error = read(json.as_bytes()).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("1234"), "{json}");
        }
    }
}
