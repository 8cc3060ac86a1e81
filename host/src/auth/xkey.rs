//! Sealed messages between curve keys: what an auth callout is asked and answers with when it has
//! an `xkey` (reference security 3.3 and 10).
//!
//! `xkv1`, a nonce of 24 octets, and a NaCl box of what was to be said.

use std::fmt;

use nervure_core::auth::Seed;
use nkeys::XKey;
use ring::rand::{SecureRandom as _, SystemRandom};
use thiserror::Error;
use zeroize::Zeroizing;

/// Begins every sealed message.
const MAGIC: &[u8] = b"xkv1";

const NONCE_LEN: usize = 24;

/// Why a message cannot be sealed or opened, or something is no curve key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum XkeyError {
    /// Not a public curve key.
    #[error("not a public curve key: 56 characters that begin with X are expected")]
    PublicKey,
    /// Not the seed of a curve key.
    #[error("not the seed of a curve key, which begins with SX")]
    Seed,
    /// The system gives no random octets.
    #[error("the system has no random numbers to give")]
    NoEntropy,
    /// More than the cipher takes.
    #[error("the message is too long to be sealed")]
    TooLong,
    /// No room for a nonce and a box.
    #[error("a sealed message has more than 28 octets, this one has {0}")]
    TooShort(usize),
    /// Sealed by something else, or not at all.
    #[error("a sealed message begins with \"xkv1\"; is the sender encrypting?")]
    Version,
    /// Changed on its way, or meant for another, or from another.
    #[error("the message was not sealed by this sender for this receiver, or was changed")]
    Sealed,
}

/// Another's public curve key.
#[derive(Clone)]
pub struct CurvePublicKey(XKey);

impl CurvePublicKey {
    /// Reads the text form, `X…`.
    ///
    /// # Errors
    /// [`XkeyError::PublicKey`].
    pub fn parse(text: &str) -> Result<Self, XkeyError> {
        XKey::from_public_key(text).map(Self).map_err(|_| XkeyError::PublicKey)
    }
}

impl fmt::Display for CurvePublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.public_key())
    }
}

impl fmt::Debug for CurvePublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A curve key pair of one's own. Its secret is overwritten when it is dropped.
pub struct CurveKey(XKey);

impl CurveKey {
    /// The pair of a seed.
    ///
    /// # Errors
    /// [`XkeyError::Seed`].
    pub fn new(seed: &Seed) -> Result<Self, XkeyError> {
        XKey::from_seed(&Zeroizing::new(seed.expose())).map(Self).map_err(|_| XkeyError::Seed)
    }

    /// The public half, as text.
    pub fn public_key(&self) -> String {
        self.0.public_key()
    }

    /// Seals a message for `recipient`, under a nonce of the system's entropy; 44 octets longer.
    ///
    /// # Errors
    /// [`XkeyError::NoEntropy`], [`XkeyError::TooLong`].
    pub fn seal(&self, plain: &[u8], recipient: &CurvePublicKey) -> Result<Vec<u8>, XkeyError> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(|_| XkeyError::NoEntropy)?;
        self.seal_with(nonce, plain, recipient)
    }

    fn seal_with(
        &self,
        nonce: [u8; NONCE_LEN],
        plain: &[u8],
        recipient: &CurvePublicKey,
    ) -> Result<Vec<u8>, XkeyError> {
        let sealed = self.0.seal_with_nonce(plain, &recipient.0, nonce.into());
        sealed.map_err(|_| XkeyError::TooLong)
    }

    /// Opens a message that `sender` sealed for this key.
    ///
    /// # Errors
    /// [`XkeyError::TooShort`], [`XkeyError::Version`], [`XkeyError::Sealed`].
    pub fn open(&self, sealed: &[u8], sender: &CurvePublicKey) -> Result<Vec<u8>, XkeyError> {
        if sealed.len() <= MAGIC.len() + NONCE_LEN {
            return Err(XkeyError::TooShort(sealed.len()));
        }
        if !sealed.starts_with(MAGIC) {
            return Err(XkeyError::Version);
        }
        self.0.open(sealed, &sender.0).map_err(|_| XkeyError::Sealed)
    }
}

impl fmt::Debug for CurveKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CurveKey").field(&self.public_key()).finish()
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE64;
    use nervure_core::auth::Role;

    use super::*;

    /// Reference security 12.4.
    const SENDER: &str = "SXAPKQJQCLVCRYH7PYXWLGAXGIIHWIYGLJJN2YMAPV4HVDMYZOYGNKUHLI";
    const SENDER_PUBLIC: &str = "XAYWBBXP7JNKP7N57ORGTBWQVB4KRPCXAXWLXL6NCFERQ62ZK5MHAKG7";
    const RECIPIENT: &str = "SXAAK6XU5RVLIG545RAUXCOELFASGKDYZ452P5GB366XSNZQMVPJUWS42E";
    const RECIPIENT_PUBLIC: &str = "XAVQHJVXD7SGPW6VW6UYVTWKAT4BAPMAJSOVD7ZWHVTTAGDHJSPDH2EV";
    const PLAIN: &[u8] = b"hello nats";
    const SEALED: &str = "eGt2MQABAgMEBQYHCAkKCwwNDg8QERITFBUWF2SLJ8D0a1HXsJV69/iRfslHFjxDua7MU97S";

    /// Reference security 12.5: the service's seed, the server's key, and what it sent.
    const SERVICE: &str = "SXAEJFFDTQWGIVCVMY2RJLEYAGMFWU6JUJU3DZSKYOW6QAZJXVW3ZLJLKY";
    const SERVER_PUBLIC: &str = "XAMCZSTXWVUDRXSKMY4B2UIPGJ7E4HGNKU6XUMSA3FCLO5JSSTMCLCZD";
    const REQUEST: &str = include_str!("tests/callout-request.base64");

    fn key(seed: &str) -> CurveKey {
        CurveKey::new(&Seed::parse(seed).unwrap()).unwrap()
    }

    fn public(text: &str) -> CurvePublicKey {
        CurvePublicKey::parse(text).unwrap()
    }

    fn sealed() -> Vec<u8> {
        BASE64.decode(SEALED.as_bytes()).unwrap()
    }

    #[test]
    fn the_reference_box_is_made_and_opened() {
        assert_eq!(key(SENDER).public_key(), SENDER_PUBLIC);
        assert_eq!(public(RECIPIENT_PUBLIC).to_string(), RECIPIENT_PUBLIC);
        let nonce = std::array::from_fn(|at| u8::try_from(at).unwrap());
        let made = key(SENDER).seal_with(nonce, PLAIN, &public(RECIPIENT_PUBLIC)).unwrap();
        assert_eq!(BASE64.encode(&made), SEALED);
        assert_eq!(key(RECIPIENT).open(&made, &public(SENDER_PUBLIC)).unwrap(), PLAIN);
    }

    #[test]
    fn what_was_changed_or_belongs_to_others_stays_shut() {
        let open = |octets: &[u8]| key(RECIPIENT).open(octets, &public(SENDER_PUBLIC)).unwrap_err();
        for at in 0..sealed().len() {
            let mut changed = sealed();
            changed[at] ^= 1;
            let expected = if at < 4 { XkeyError::Version } else { XkeyError::Sealed };
            assert_eq!(open(&changed), expected, "octet {at}");
        }
        for length in 0..=28 {
            assert_eq!(open(&sealed()[..length]), XkeyError::TooShort(length));
        }
        for length in 29..sealed().len() {
            assert_eq!(open(&sealed()[..length]), XkeyError::Sealed, "{length} octets");
        }
        let other_sender = key(RECIPIENT).open(&sealed(), &public(SERVER_PUBLIC));
        assert_eq!(other_sender.unwrap_err(), XkeyError::Sealed);
        let other_receiver = key(SERVICE).open(&sealed(), &public(SENDER_PUBLIC));
        assert_eq!(other_receiver.unwrap_err(), XkeyError::Sealed);
    }

    #[test]
    fn a_request_of_the_real_server_is_opened() {
        let request = BASE64.decode(REQUEST.replace('\n', "").as_bytes()).unwrap();
        let token = key(SERVICE).open(&request, &public(SERVER_PUBLIC)).unwrap();
        let token = String::from_utf8(token).unwrap();
        assert!(token.starts_with("eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5LW5rZXkifQ.eyJhdWQi"));
        assert!(token.ends_with("H7CmeleRMHK1e-p3rZN1OzoXHy7cVBg"));
    }

    #[test]
    fn sealing_takes_a_new_nonce_each_time() {
        let seal = || key(SENDER).seal(b"", &public(RECIPIENT_PUBLIC)).unwrap();
        let (one, two) = (seal(), seal());
        assert_eq!(one.len(), 44);
        assert_ne!(one[4..28], two[4..28]);
        assert_eq!(key(RECIPIENT).open(&one, &public(SENDER_PUBLIC)).unwrap(), b"");
    }

    #[test]
    fn other_keys_are_no_curve_keys() {
        let user = Seed::new(Role::User, [7; 32]);
        assert_eq!(CurveKey::new(&user).unwrap_err(), XkeyError::Seed);
        let user = "UAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3RLKK";
        for text in ["", "X", user, SENDER, &SENDER_PUBLIC[..55], &SENDER_PUBLIC.to_lowercase()] {
            assert_eq!(CurvePublicKey::parse(text).unwrap_err(), XkeyError::PublicKey, "{text:?}");
        }
    }

    #[test]
    fn the_secret_is_not_shown() {
        let shown = format!("{:?}", key(SENDER));
        assert_eq!(shown, format!("CurveKey({SENDER_PUBLIC:?})"));
    }
}
