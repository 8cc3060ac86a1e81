//! Seeds in NATS' text form, and what signs with them (reference security 3.1, 3.2).
//!
//! Not in a message's way: tokens of tests and tools and the requests to an auth callout are
//! signed with this. Seeds come from the caller; the core makes none.

use core::fmt;

use data_encoding::BASE32_NOPAD;
use ed25519_dalek::{Signer as _, SigningKey};
use thiserror::Error;
use zeroize::Zeroize as _;

use super::nkey::{PublicKey, Role, crc16};

/// Characters of a seed.
const TEXT_LEN: usize = 58;

/// Octets behind them: two that name seed and role, the seed, a checksum.
const RAW_LEN: usize = 36;

/// What the upper five bits of the first octet say: a seed.
const SEED_PREFIX: u8 = 18 << 3;

/// Why a text is no seed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum SeedError {
    /// Not 58 characters of base32.
    #[error("a seed has 58 characters of A to Z and 2 to 7")]
    Encoding,
    /// A character is wrong.
    #[error("the checksum of the seed is wrong")]
    Checksum,
    /// A public key, or the seed of nobody known.
    #[error("not a seed")]
    Role,
    /// The seed of a curve key.
    #[error("a curve key signs nothing")]
    Curve,
}

/// A seed and whom its key stands for. Its debug output does not show it, and it is overwritten
/// when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Seed {
    role: Role,
    raw: [u8; 32],
}

impl Seed {
    /// A seed from 32 octets.
    pub const fn new(role: Role, raw: [u8; 32]) -> Self {
        Self { role, raw }
    }

    /// Reads the text form.
    ///
    /// # Errors
    ///
    /// See [`SeedError`].
    pub fn parse(text: &str) -> Result<Self, SeedError> {
        let mut octets = [0; RAW_LEN];
        let is_base32 = text.len() == TEXT_LEN
            && BASE32_NOPAD.decode_len(text.len()) == Ok(RAW_LEN)
            && BASE32_NOPAD.decode_mut(text.as_bytes(), &mut octets).is_ok();
        if !is_base32 {
            return Err(SeedError::Encoding);
        }
        let [body @ .., low, high] = octets;
        if crc16(&body) != u16::from_le_bytes([low, high]) {
            return Err(SeedError::Checksum);
        }
        let [first, second, raw @ ..] = body;
        let role = Role::of_prefix((first & 7) << 5 | second >> 3);
        match role {
            Some(role) if first & 0xf8 == SEED_PREFIX => Ok(Self { role, raw }),
            _ => Err(SeedError::Role),
        }
    }

    /// Whom the key stands for.
    pub const fn role(&self) -> Role {
        self.role
    }

    /// The text form: a secret.
    pub fn expose(&self) -> String {
        let mut octets = [0; RAW_LEN];
        let prefix = self.role.prefix();
        octets[0] = SEED_PREFIX | prefix >> 5;
        octets[1] = prefix << 3;
        octets[2..34].copy_from_slice(&self.raw);
        let checksum = crc16(&octets[..34]).to_le_bytes();
        octets[34..].copy_from_slice(&checksum);
        BASE32_NOPAD.encode(&octets)
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} [REDACTED]", self.role)
    }
}

impl Drop for Seed {
    fn drop(&mut self) {
        self.raw.zeroize();
    }
}

/// A key pair that signs. Its debug output shows the public key only.
#[derive(Clone)]
pub struct Signer {
    key: SigningKey,
    seed: Seed,
}

impl Signer {
    /// The pair of a seed.
    ///
    /// # Errors
    ///
    /// [`SeedError::Curve`].
    pub fn new(seed: Seed) -> Result<Self, SeedError> {
        if seed.role == Role::Curve {
            return Err(SeedError::Curve);
        }
        Ok(Self { key: SigningKey::from_bytes(&seed.raw), seed })
    }

    /// The pair of a seed in its text form.
    ///
    /// # Errors
    ///
    /// See [`SeedError`].
    pub fn parse(text: &str) -> Result<Self, SeedError> {
        Self::new(Seed::parse(text)?)
    }

    /// The public key.
    pub fn public(&self) -> PublicKey {
        PublicKey::new(self.seed.role, self.key.verifying_key().to_bytes())
    }

    /// The seed.
    pub const fn seed(&self) -> &Seed {
        &self.seed
    }

    /// The signature of `message`. See [`signature_text`](super::signature_text).
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.key.sign(message).to_bytes()
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.public(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::super::nkey::{signature, signature_text};
    use super::*;

    /// Reference security 12.1: one seed in every role.
    const SEEDS: [(Role, &str, &str); 6] = [
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
    fn the_reference_seeds_are_read_and_written() {
        let raw: [u8; 32] = core::array::from_fn(|at| at as u8);
        for (role, text, public) in SEEDS {
            let seed = Seed::parse(text).unwrap();
            assert_eq!(seed, Seed::new(role, raw), "{text}");
            assert_eq!(seed.expose(), text);
            match Signer::new(seed) {
                Ok(signer) => assert_eq!(signer.public().to_string(), public),
                Err(error) => assert_eq!((error, role), (SeedError::Curve, Role::Curve)),
            }
        }
    }

    #[test]
    fn other_texts_are_no_seeds() {
        let seed = SEEDS[4].1;
        for at in 0..seed.len() {
            let mut broken = seed.to_owned().into_bytes();
            broken[at] = if broken[at] == b'B' { b'C' } else { b'B' };
            let broken = String::from_utf8(broken).unwrap();
            let error = Seed::parse(&broken).unwrap_err();
            assert!(matches!(error, SeedError::Checksum | SeedError::Encoding), "{broken}");
        }
        let long = format!("{seed}A");
        for (text, error) in [
            ("", SeedError::Encoding),
            (SEEDS[4].2, SeedError::Encoding),
            (&seed[..57], SeedError::Encoding),
            (&long, SeedError::Encoding),
        ] {
            assert_eq!(Seed::parse(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn the_reference_nonce_is_signed_as_the_reference_has_it() {
        let signer = Signer::parse(SEEDS[4].1).unwrap();
        let signature_of_nonce = signer.sign(b"PXoWU7zWAMt75FY");
        let text = signature_text(&signature_of_nonce);
        assert_eq!(
            text,
            "bnxg5G8aOV2LQdSE_lcM9clxm_fbTTZxsqQ1EpTNgJXmH6z5ezesd49kXfuNhoAqw_DmEtsGcNsJdug9wMuRDQ"
        );
        assert_eq!(signature(&text), Some(signature_of_nonce));
        assert!(signer.public().verifies(b"PXoWU7zWAMt75FY", &signature_of_nonce));
    }

    #[test]
    fn nothing_shows_a_seed_by_chance() {
        let signer = Signer::parse(SEEDS[4].1).unwrap();
        assert_eq!(format!("{:?}", signer.seed()), "User [REDACTED]");
        assert_eq!(format!("{signer:?}"), SEEDS[4].2);
    }
}
