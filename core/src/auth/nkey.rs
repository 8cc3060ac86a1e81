//! Public keys in NATS' text form, and the signatures they check (reference security 3).
//!
//! Verification needs no entropy, so that it works in a browser as well.

use core::fmt;

use data_encoding::{BASE32_NOPAD, BASE64_NOPAD, BASE64URL_NOPAD};
use ed25519_dalek::{Signature, VerifyingKey};
use thiserror::Error;

/// Characters of a public key.
const TEXT_LEN: usize = 56;

/// Octets behind them: a prefix, the key, a checksum.
const RAW_LEN: usize = 35;

/// Characters of a nonce: 11 random octets in unpadded base64url.
pub const NONCE_LEN: usize = 15;

/// What a client signs, as it stands in INFO.
pub type Nonce = [u8; NONCE_LEN];

/// A nonce from random octets.
pub fn nonce(random: [u8; 11]) -> Nonce {
    let mut nonce = [0; NONCE_LEN];
    BASE64URL_NOPAD.encode_mut(&random, &mut nonce);
    nonce
}

/// Whom a key stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// `A`
    Account,
    /// `C`
    Cluster,
    /// `N`
    Server,
    /// `O`
    Operator,
    /// `U`
    User,
    /// `X`: a curve key, which signs nothing.
    Curve,
}

impl Role {
    /// The octet that begins its public keys: five bits, left-aligned.
    pub(super) const fn prefix(self) -> u8 {
        let code = match self {
            Self::Account => 0,
            Self::Cluster => 2,
            Self::Server => 13,
            Self::Operator => 14,
            Self::User => 20,
            Self::Curve => 23,
        };
        code << 3
    }

    pub(super) fn of_prefix(prefix: u8) -> Option<Self> {
        Some(match prefix >> 3 {
            _ if prefix & 7 != 0 => return None,
            0 => Self::Account,
            2 => Self::Cluster,
            13 => Self::Server,
            14 => Self::Operator,
            20 => Self::User,
            23 => Self::Curve,
            _ => return None,
        })
    }
}

/// Why a text is no public key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum KeyError {
    /// Not 56 characters of base32.
    #[error("a public key has 56 characters of A to Z and 2 to 7")]
    Encoding,
    /// A character is wrong.
    #[error("the checksum of the public key is wrong")]
    Checksum,
    /// A seed, a private key, nothing known, or the key of somebody else.
    #[error("not a public key of this kind")]
    Role,
}

/// A public nkey.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey {
    prefix: u8,
    key: [u8; 32],
}

impl PublicKey {
    pub(super) const fn new(role: Role, key: [u8; 32]) -> Self {
        Self { prefix: role.prefix(), key }
    }

    /// Reads the text form.
    ///
    /// # Errors
    ///
    /// See [`KeyError`].
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let mut raw = [0; RAW_LEN];
        if text.len() != TEXT_LEN || BASE32_NOPAD.decode_mut(text.as_bytes(), &mut raw).is_err() {
            return Err(KeyError::Encoding);
        }
        let [body @ .., low, high] = raw;
        if crc16(&body) != u16::from_le_bytes([low, high]) {
            return Err(KeyError::Checksum);
        }
        let [prefix, key @ ..] = body;
        Role::of_prefix(prefix).map(|_| Self { prefix, key }).ok_or(KeyError::Role)
    }

    /// Reads the text form of a key that stands for `role`.
    ///
    /// # Errors
    ///
    /// See [`KeyError`]; [`KeyError::Role`] for the key of somebody else.
    pub fn parse_as(text: &str, role: Role) -> Result<Self, KeyError> {
        let key = Self::parse(text)?;
        if key.role() == Some(role) { Ok(key) } else { Err(KeyError::Role) }
    }

    /// Whom the key stands for.
    pub fn role(&self) -> Option<Role> {
        Role::of_prefix(self.prefix)
    }

    /// Whether `signature` is this key's over `message`.
    pub fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        VerifyingKey::from_bytes(&self.key)
            .and_then(|key| key.verify_strict(message, &Signature::from_bytes(signature)))
            .is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut raw = [0; RAW_LEN];
        raw[0] = self.prefix;
        raw[1..33].copy_from_slice(&self.key);
        let checksum = crc16(&raw[..33]).to_le_bytes();
        raw[33..].copy_from_slice(&checksum);
        f.write_str(&BASE32_NOPAD.encode(&raw))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The signature of a CONNECT: unpadded base64url, else padded standard base64. The two other
/// combinations are refused (observed on nats-server 2.15.1).
pub fn signature(text: &str) -> Option<[u8; 64]> {
    url_signature(text).or_else(|| {
        // The padding is taken off here, because the decoder would also take it in between.
        let decoded = BASE64_NOPAD.decode(text.strip_suffix("==")?.as_bytes()).ok()?;
        decoded.try_into().ok()
    })
}

/// The signature of a proxy: unpadded base64url only.
pub fn url_signature(text: &str) -> Option<[u8; 64]> {
    BASE64URL_NOPAD.decode(text.as_bytes()).ok()?.try_into().ok()
}

/// A signature as clients write it into CONNECT: unpadded base64url.
pub fn signature_text(signature: &[u8; 64]) -> String {
    BASE64URL_NOPAD.encode(signature)
}

/// CRC-16/XMODEM.
pub(super) fn crc16(octets: &[u8]) -> u16 {
    octets.iter().fold(0, |crc, octet| {
        (0..8).fold(crc ^ (u16::from(*octet) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reference security 12.1: one seed in every role.
    const KEYS: [(&str, Role); 6] = [
        ("OAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3QZVT", Role::Operator),
        ("AAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3QPZV", Role::Account),
        ("NAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3RSWB", Role::Server),
        ("CAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3R53J", Role::Cluster),
        ("UAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3RLKK", Role::User),
        ("XCHUBRNNW2HSKYSK4WZBJ2TWPJXMSTMCTU6XWXQ22G5G6PRBHAUF76G7", Role::Curve),
    ];
    const ED25519: &str = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8";

    /// Reference security 12.2.
    const NONCE: &[u8] = b"PXoWU7zWAMt75FY";
    const SIGNATURE: &str =
        "bnxg5G8aOV2LQdSE_lcM9clxm_fbTTZxsqQ1EpTNgJXmH6z5ezesd49kXfuNhoAqw_DmEtsGcNsJdug9wMuRDQ";

    #[test]
    fn the_checksum_is_xmodem() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
    }

    #[test]
    fn the_reference_keys_are_read_and_written() {
        let raw = data_encoding::HEXLOWER.decode(ED25519.as_bytes()).unwrap();
        for (text, role) in KEYS {
            let key = PublicKey::parse(text).unwrap();
            assert_eq!((key.role(), key.to_string().as_str()), (Some(role), text));
            assert_eq!(key.key == raw[..], role != Role::Curve, "{text}");
            let mut broken = text.to_owned();
            let last = broken.pop();
            broken.push(if last == Some('A') { 'B' } else { 'A' });
            let error = PublicKey::parse(&broken);
            assert!(matches!(error, Err(KeyError::Checksum | KeyError::Encoding)), "{broken}");
        }
    }

    #[test]
    fn seeds_and_other_texts_are_no_public_keys() {
        for (text, error) in [
            ("", KeyError::Encoding),
            ("SUAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4H776Y", KeyError::Encoding),
            ("uab2cb576phbbpq5odorrz2lycmwpzgwgcn2kdk7dxoimzaskuy3rlkk", KeyError::Encoding),
            ("UAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3RLK=", KeyError::Encoding),
            ("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB", KeyError::Checksum),
        ] {
            assert_eq!(PublicKey::parse(text), Err(error), "{text:?}");
        }
        let marker = PublicKey { prefix: 25 << 3, key: [0; 32] }.to_string();
        assert_eq!(PublicKey::parse(&marker), Err(KeyError::Role));
    }

    #[test]
    fn the_reference_signature_verifies_in_the_two_accepted_forms_only() {
        let key = PublicKey::parse(KEYS[4].0).unwrap();
        let standard = SIGNATURE.replace('_', "/").replace('-', "+");
        for accepted in [SIGNATURE.to_owned(), format!("{standard}==")] {
            assert!(key.verifies(NONCE, &signature(&accepted).unwrap()), "{accepted}");
        }
        let in_between = format!("{}={}=", &standard[..43], &standard[43..]);
        for refused in
            [format!("{SIGNATURE}=="), format!("{SIGNATURE}="), standard.clone(), in_between]
        {
            assert_eq!(signature(&refused), None, "{refused}");
        }
        assert_eq!(url_signature(&format!("{standard}==")), None);
        let mut wrong = signature(SIGNATURE).unwrap();
        wrong[7] ^= 1;
        assert!(!key.verifies(NONCE, &wrong));
        assert!(!key.verifies(b"another nonce..", &signature(SIGNATURE).unwrap()));
        let decoded = BASE64URL_NOPAD.decode(NONCE);
        assert!(decoded.is_ok_and(|d| !key.verifies(&d, &signature(SIGNATURE).unwrap())));
    }

    #[test]
    fn a_nonce_is_fifteen_characters_of_base64url() {
        assert_eq!(nonce([0xff; 11]), *b"______________8");
        assert_eq!(nonce([0; 11]), *b"AAAAAAAAAAAAAAA");
    }
}
