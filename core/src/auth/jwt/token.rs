//! Tokens: claims as text with a signature, read and written (reference security 4.1, 4.2).

use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use serde::Deserialize;
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha512_256};

use super::super::nkey::{PublicKey, url_signature};
use super::super::signer::Signer;
use super::claims::{Body, Claims, Kind};
use super::error::{DecodeError, EncodeError, Part};
use super::member_names::folded_here;

/// Octets a token may have.
pub const MAX_LEN: usize = 1 << 20;

/// The header of every token that is written: `{"typ":"JWT","alg":"ed25519-nkey"}`.
const HEADER: &str = "eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5LW5rZXkifQ";

/// Types that there once were.
const REFUSED: [&str; 2] = ["cluster", "server"];

/// Whether this text could be a token, so that it is worth decoding: it begins as JSON in base64
/// does.
pub fn is_token(text: &str) -> bool {
    text.starts_with("eyJ")
}

impl<T: Body> Claims<T> {
    /// Reads a token and checks its signature and that its issuer is one for such claims. What
    /// the claims say, and whether they have ended, is for `validate` to look at.
    ///
    /// # Errors
    ///
    /// See [`DecodeError`].
    pub fn decode(token: &str) -> Result<Self, DecodeError> {
        if token.len() > MAX_LEN {
            return Err(DecodeError::TooLong(token.len()));
        }
        let mut chunks = token.split('.');
        let (Some(header), Some(claims), Some(signature), None) =
            (chunks.next(), chunks.next(), chunks.next(), chunks.next())
        else {
            return Err(DecodeError::Chunks);
        };
        check_header(header)?;
        let mut top = folded_here(object(claims)?);
        let mut nats = match top.remove("nats") {
            Some(Value::Object(nats)) => nats,
            None | Some(Value::Null) => Map::new(),
            Some(_) => {
                let reason = "expected an object".to_owned();
                return Err(DecodeError::Json { part: Part::Nats, reason });
            }
        };
        let Type { name, version } = Type::of(&top, &nats)?;
        if Kind::named(&name) != T::KIND {
            return Err(DecodeError::Kind { expected: T::KIND, found: name });
        }
        let signed = if version > 1 { &token[..=header.len() + claims.len()] } else { claims };
        let issuer = issuer(&top, T::KIND)?;
        let signature = url_signature(signature).ok_or(DecodeError::Base64(Part::Signature))?;
        if !issuer.verifies(signed.as_bytes(), &signature) {
            return Err(DecodeError::Signature);
        }
        let tags = tags(&top, &mut nats, version)?;
        if version == 1 {
            T::upgrade(&top, &mut nats);
        }
        let nats =
            T::from_members(nats, &name).map_err(|error| DecodeError::json(Part::Nats, &error))?;
        let top: Top = super::claims::known_members(top)
            .map_err(|error| DecodeError::json(Part::Claims, &error))?;
        let Top { aud, exp, jti, iat, iss, name, nbf, sub } = top;
        Ok(Self { aud, exp, jti, iat, iss, name, nbf, sub, tags, version, nats })
    }

    /// Writes a token of version 2. The signer's key becomes `iss`, and `jti` is computed.
    ///
    /// # Errors
    ///
    /// See [`EncodeError`].
    pub fn encode(&self, signer: &Signer) -> Result<String, EncodeError> {
        let key = signer.public();
        if !T::KIND.may_be_signed_by(key.role()) {
            return Err(EncodeError::Issuer { kind: T::KIND, role: key.role() });
        }
        if !T::KIND.may_be_about(&self.sub) {
            let subject = self.sub.clone();
            return Err(EncodeError::Subject { kind: T::KIND, subject });
        }
        let mut written = Written {
            aud: &self.aud,
            exp: self.exp,
            jti: String::new(),
            iat: self.iat,
            iss: key.to_string(),
            name: &self.name,
            nbf: self.nbf,
            sub: &self.sub,
            nats: None,
        };
        written.jti = identifier(&written)?;
        let (kind, tags) = (self.nats.kind(), &self.tags);
        written.nats = Some(Nats { body: &self.nats, tags, kind, version: 2 });
        let claims = BASE64URL_NOPAD.encode(json(&written)?.as_bytes());
        let signed = format!("{HEADER}.{claims}");
        let signature = BASE64URL_NOPAD.encode(&signer.sign(signed.as_bytes()));
        let token = format!("{signed}.{signature}");
        if token.len() > MAX_LEN { Err(EncodeError::TooLong(token.len())) } else { Ok(token) }
    }
}

/// The common claims as they are read; `nats` has been taken out.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Top {
    aud: String,
    exp: i64,
    jti: String,
    iat: i64,
    iss: String,
    name: String,
    nbf: i64,
    sub: String,
}

/// All claims as they are written, in the order in which everybody writes them.
#[derive(Serialize)]
struct Written<'a, T> {
    #[serde(skip_serializing_if = "str::is_empty")]
    aud: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    exp: i64,
    #[serde(skip_serializing_if = "String::is_empty")]
    jti: String,
    #[serde(skip_serializing_if = "is_zero")]
    iat: i64,
    iss: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    nbf: i64,
    sub: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    nats: Option<Nats<'a, T>>,
}

#[derive(Serialize)]
struct Nats<'a, T> {
    #[serde(flatten)]
    body: &'a T,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    tags: &'a [String],
    #[serde(rename = "type")]
    kind: &'a str,
    version: u8,
}

pub(super) fn is_zero(number: &i64) -> bool {
    *number == 0
}

fn json<T: Serialize>(written: &Written<'_, T>) -> Result<String, EncodeError> {
    serde_json::to_string(written).map_err(|error| EncodeError::Json(error.to_string()))
}

/// `jti`: a digest of the common claims in JSON as Go writes it, which escapes what HTML would
/// take for its own. These characters stand nowhere in JSON but in strings.
fn identifier<T: Serialize>(written: &Written<'_, T>) -> Result<String, EncodeError> {
    let mut json = json(written)?;
    for (plain, escaped) in [
        ("<", "\\u003c"),
        (">", "\\u003e"),
        ("&", "\\u0026"),
        ("\u{2028}", "\\u2028"),
        ("\u{2029}", "\\u2029"),
    ] {
        if json.contains(plain) {
            json = json.replace(plain, escaped);
        }
    }
    Ok(BASE32_NOPAD.encode(&Sha512_256::digest(json)))
}

fn octets(chunk: &str, part: Part) -> Result<Vec<u8>, DecodeError> {
    BASE64URL_NOPAD.decode(chunk.as_bytes()).map_err(|_| DecodeError::Base64(part))
}

fn check_header(chunk: &str) -> Result<(), DecodeError> {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Header {
        typ: String,
        alg: String,
    }
    if chunk == HEADER {
        return Ok(());
    }
    let Header { typ, alg } = serde_json::from_slice(&octets(chunk, Part::Header)?)
        .map(super::member_names::folded)
        .and_then(|members| serde_json::from_value(Value::Object(members)))
        .map_err(|error| DecodeError::json(Part::Header, &error))?;
    if !typ.eq_ignore_ascii_case("jwt") {
        return Err(DecodeError::HeaderType(typ));
    }
    if !["ed25519-nkey", "ed25519"].iter().any(|known| alg.eq_ignore_ascii_case(known)) {
        return Err(DecodeError::Algorithm(alg));
    }
    Ok(())
}

fn object(chunk: &str) -> Result<Map<String, Value>, DecodeError> {
    serde_json::from_slice(&octets(chunk, Part::Claims)?)
        .map_err(|error| DecodeError::json(Part::Claims, &error))
}

/// What kind of claims these are, by what they say themselves.
struct Type {
    name: String,
    version: i64,
}

impl Type {
    fn of(top: &Map<String, Value>, nats: &Map<String, Value>) -> Result<Self, DecodeError> {
        let of_version_1 = top.get("type").and_then(Value::as_str);
        let (name, version) = match of_version_1 {
            Some(name) => (name, 1),
            None => {
                let name = member(nats, "type").and_then(Value::as_str);
                let version = member(nats, "version").and_then(Value::as_i64);
                (name.ok_or(DecodeError::NoKind)?, version.unwrap_or_default())
            }
        };
        if REFUSED.contains(&name) {
            return Err(DecodeError::RefusedKind(name.to_owned()));
        }
        let known = Kind::named(name).is_versioned();
        if version > 2 || (known && !(1..=2).contains(&version)) {
            return Err(DecodeError::Version(version));
        }
        Ok(Self { name: name.to_owned(), version })
    }
}

/// A member by its name in any letter case.
fn member<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let mut any = members.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
    members.get(name).or_else(|| any.next().map(|(_, value)| value))
}

fn issuer(top: &Map<String, Value>, kind: Kind) -> Result<PublicKey, DecodeError> {
    let text = top.get("iss").and_then(Value::as_str).unwrap_or_default();
    let key = PublicKey::parse(text).map_err(DecodeError::Issuer)?;
    let role = key.role();
    if kind.may_be_signed_by(role) { Ok(key) } else { Err(DecodeError::IssuerRole { kind, role }) }
}

/// Takes the tags, and what [`Type`] has looked at, out of the members of `nats`.
fn tags(
    top: &Map<String, Value>,
    nats: &mut Map<String, Value>,
    version: i64,
) -> Result<Vec<String>, DecodeError> {
    let found = if version == 1 { top.get("tags") } else { member(nats, "tags") }.cloned();
    if version != 1 {
        let elsewhere = ["tags", "type", "version"];
        nats.retain(|name, _| !elsewhere.iter().any(|known| name.eq_ignore_ascii_case(known)));
    }
    match found {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(tags) => {
            serde_json::from_value(tags).map_err(|error| DecodeError::json(Part::Nats, &error))
        }
    }
}
