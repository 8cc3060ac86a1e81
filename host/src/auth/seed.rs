//! Secret seeds of key pairs, as text (reference security 3.1).

use std::fmt;

use nervure_core::auth::{PublicKey, Role};
use nkeys::{KeyPair, KeyPairType, XKey};
use ring::rand::{SecureRandom as _, SystemRandom};
use thiserror::Error;
use zeroize::Zeroizing;

use super::xkey::CurveKey;

/// Why there is no seed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum SeedError {
    /// Not 58 characters of base32, or not a seed's.
    #[error(
        "not a seed: 58 characters of A to Z and 2 to 7 are expected that begin with SO, SA, SU, \
         SN, SC or SX"
    )]
    Encoding,
    /// A public key where a seed belongs.
    #[error("this is a public key; the seed that belongs to it begins with S")]
    PublicKey,
    /// A character is wrong.
    #[error("the checksum of the seed is wrong: a character of it was changed")]
    Checksum,
    /// The system gives no random octets.
    #[error("the system has no random numbers to give")]
    NoEntropy,
    /// A curve key.
    #[error("a curve key (SX) cannot sign")]
    CannotSign,
}

/// The secret half of a key pair, and what can be made with it.
pub struct Seed {
    role: Role,
    text: Zeroizing<String>,
    key: Key,
}

enum Key {
    Signing(Box<KeyPair>),
    Curve(XKey),
}

impl Seed {
    /// A new one, out of the system's entropy.
    ///
    /// # Errors
    /// [`SeedError::NoEntropy`].
    pub fn generate(role: Role) -> Result<Self, SeedError> {
        let mut raw = Zeroizing::new([0; 32]);
        SystemRandom::new().fill(&mut *raw).map_err(|_| SeedError::NoEntropy)?;
        Self::of_raw(role, *raw)
    }

    fn of_raw(role: Role, raw: [u8; 32]) -> Result<Self, SeedError> {
        let unusable = |_| SeedError::Encoding;
        let signing =
            |kind| KeyPair::new_from_raw(kind, raw).map(|pair| Key::Signing(Box::new(pair)));
        let key = match role {
            Role::Account => signing(KeyPairType::Account),
            Role::Cluster => signing(KeyPairType::Cluster),
            Role::Server => signing(KeyPairType::Server),
            Role::Operator => signing(KeyPairType::Operator),
            Role::User => signing(KeyPairType::User),
            Role::Curve => Ok(Key::Curve(XKey::new_from_raw(raw))),
        };
        let key = key.map_err(unusable)?;
        let text = match &key {
            Key::Signing(pair) => pair.seed(),
            Key::Curve(pair) => pair.seed(),
        };
        Ok(Self { role, text: Zeroizing::new(text.map_err(unusable)?), key })
    }

    /// Reads the text form, surrounding white space left out.
    ///
    /// # Errors
    /// See [`SeedError`]; none tells anything of the text.
    pub fn parse(text: &str) -> Result<Self, SeedError> {
        let text = text.trim();
        if PublicKey::parse(text).is_ok() {
            return Err(SeedError::PublicKey);
        }
        let role = match text.as_bytes() {
            [b'S', b'A', ..] => Role::Account,
            [b'S', b'C', ..] => Role::Cluster,
            [b'S', b'N', ..] => Role::Server,
            [b'S', b'O', ..] => Role::Operator,
            [b'S', b'U', ..] => Role::User,
            [b'S', b'X', ..] => Role::Curve,
            _ => return Err(SeedError::Encoding),
        };
        let (_, raw) = nkeys::decode_seed(text).map_err(|error| match error.kind() {
            nkeys::error::ErrorKind::ChecksumFailure => SeedError::Checksum,
            _ => SeedError::Encoding,
        })?;
        let seed = Self::of_raw(role, *Zeroizing::new(raw))?;
        // The prefix has bits that the first two letters do not show.
        if *seed.text == text { Ok(seed) } else { Err(SeedError::Encoding) }
    }

    /// Whom the key stands for.
    pub const fn role(&self) -> Role {
        self.role
    }

    /// The text form: a secret.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// The public half, as text.
    pub fn public_key(&self) -> String {
        match &self.key {
            Key::Signing(pair) => pair.public_key(),
            Key::Curve(pair) => pair.public_key(),
        }
    }

    /// Signs a message (Ed25519).
    ///
    /// # Errors
    /// [`SeedError::CannotSign`] for a curve key.
    pub fn sign(&self, message: &[u8]) -> Result<[u8; 64], SeedError> {
        let Key::Signing(pair) = &self.key else { return Err(SeedError::CannotSign) };
        let signature = pair.sign(message).ok().and_then(|octets| octets.try_into().ok());
        signature.ok_or(SeedError::CannotSign)
    }

    /// The key to seal and open boxes with; `None` for one that signs.
    pub fn curve_key(&self) -> Option<CurveKey> {
        match &self.key {
            Key::Signing(_) => None,
            Key::Curve(pair) => Some(CurveKey::of_pair(pair.clone())),
        }
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seed").field("public_key", &self.public_key()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reference security 12.1: the octets 0 to 31 in every role.
    const KEYS: [(Role, &str, &str); 6] = [
        (
            Role::Operator,
            "SOAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4H2AJA",
            "OAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3QZVT",
        ),
        (
            Role::Account,
            "SAAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4HYMHI",
            "AAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3QPZV",
        ),
        (
            Role::Server,
            "SNAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4H2D5U",
            "NAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3RSWB",
        ),
        (
            Role::Cluster,
            "SCAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4HYO7Q",
            "CAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3R53J",
        ),
        (
            Role::User,
            "SUAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4H776Y",
            "UAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3RLKK",
        ),
        (
            Role::Curve,
            "SXAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4H74KM",
            "XCHUBRNNW2HSKYSK4WZBJ2TWPJXMSTMCTU6XWXQ22G5G6PRBHAUF76G7",
        ),
    ];

    #[test]
    fn the_reference_seeds_are_read_written_and_refused_when_changed() {
        let raw: [u8; 32] = std::array::from_fn(|at| u8::try_from(at).unwrap());
        for (role, text, public) in KEYS {
            let made = Seed::of_raw(role, raw).unwrap();
            assert_eq!((made.expose(), made.public_key().as_str()), (text, public));
            let read = Seed::parse(&format!(" {text}\r\n")).unwrap();
            assert_eq!((read.role(), read.expose()), (role, text));
            assert_eq!(read.public_key(), public);
            for at in 2..text.len() {
                let mut changed = text.to_owned();
                let other = if &text[at..=at] == "A" { "B" } else { "A" };
                changed.replace_range(at..=at, other);
                let error = Seed::parse(&changed).unwrap_err();
                assert!(matches!(error, SeedError::Checksum | SeedError::Encoding), "{changed}");
            }
            assert_eq!(Seed::parse(public).unwrap_err(), SeedError::PublicKey);
        }
    }

    #[test]
    fn what_is_no_seed_is_refused() {
        // Z is a marker of no role; the last has a role's prefix with a low bit set.
        let marker = nkeys_seed_with(25 << 3);
        let low_bit = nkeys_seed_with((20 << 3) | 1);
        assert!(low_bit.starts_with("SU"), "{low_bit}");
        for text in ["", "S", "SU", "SUé", "password", &KEYS[4].1[..57], &marker, &low_bit] {
            assert_eq!(Seed::parse(text).unwrap_err(), SeedError::Encoding, "{text:?}");
        }
    }

    /// A well-formed seed of any prefix.
    fn nkeys_seed_with(role: u8) -> String {
        let mut raw = vec![0x90 | (role >> 5), (role & 31) << 3];
        raw.extend([7; 32]);
        let crc = raw.iter().fold(0_u16, |crc, octet| {
            (0..8).fold(crc ^ (u16::from(*octet) << 8), |crc, _| {
                if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
            })
        });
        raw.extend(crc.to_le_bytes());
        data_encoding::BASE32_NOPAD.encode(&raw)
    }

    #[test]
    fn signatures_are_the_references_and_curve_keys_make_none() {
        let seed = Seed::parse(KEYS[4].1).unwrap();
        let signature = data_encoding::HEXLOWER.encode(&seed.sign(b"PXoWU7zWAMt75FY").unwrap());
        assert_eq!(
            signature,
            "6e7c60e46f1a395d8b41d484fe570cf5c9719bf7db4d3671b2a4351294cd8095\
             e61facf97b37ac778f645dfb8d86802ac3f0e612db0670db0976e83dc0cb910d"
        );
        assert!(seed.curve_key().is_none());
        let curve = Seed::parse(KEYS[5].1).unwrap();
        assert_eq!(curve.sign(b"x").unwrap_err(), SeedError::CannotSign);
        assert!(curve.curve_key().is_some_and(|key| key.public_key() == KEYS[5].2));
    }

    #[test]
    fn two_generated_seeds_differ_and_none_is_shown() {
        let (one, two) = (Seed::generate(Role::User).unwrap(), Seed::generate(Role::User).unwrap());
        assert_ne!(one.expose(), two.expose());
        assert_eq!(Seed::parse(one.expose()).unwrap().public_key(), one.public_key());
        let shown = format!("{one:?}");
        assert!(shown.contains(&one.public_key()) && !shown.contains(&one.expose()[2..]));
    }
}
