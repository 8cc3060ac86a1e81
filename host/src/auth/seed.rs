//! New seeds, out of the system's entropy, and the public keys of curve seeds: what the core, which
//! has no entropy and seals nothing, leaves to the host.

use nervure_core::auth::{Role, Seed, Signer};
use ring::rand::{SecureRandom as _, SystemRandom};
use thiserror::Error;
use zeroize::Zeroizing;

use super::xkey::CurveKey;

/// The system gives no random octets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("the system has no random numbers to give")]
pub struct NoEntropy;

/// A new seed.
///
/// # Errors
/// [`NoEntropy`].
pub fn generate(role: Role) -> Result<Seed, NoEntropy> {
    let mut raw = Zeroizing::new([0; 32]);
    SystemRandom::new().fill(&mut *raw).map_err(|_| NoEntropy)?;
    Ok(Seed::new(role, *raw))
}

/// The public key of a seed, as text.
pub fn public_key(seed: &Seed) -> String {
    match Signer::new(seed.clone()) {
        Ok(signer) => signer.public().to_string(),
        // The one kind that does not sign.
        Err(_) => CurveKey::new(seed).map(|key| key.public_key()).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reference security 12.1: the octets 0 to 31.
    const PUBLIC: [(Role, &str); 6] = [
        (Role::Operator, "OAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3QZVT"),
        (Role::Account, "AAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3QPZV"),
        (Role::Server, "NAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3RSWB"),
        (Role::Cluster, "CAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3R53J"),
        (Role::User, "UAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3RLKK"),
        (Role::Curve, "XCHUBRNNW2HSKYSK4WZBJ2TWPJXMSTMCTU6XWXQ22G5G6PRBHAUF76G7"),
    ];

    #[test]
    fn seeds_of_every_role_have_the_references_public_keys() {
        let raw: [u8; 32] = std::array::from_fn(|at| u8::try_from(at).unwrap());
        for (role, public) in PUBLIC {
            assert_eq!(public_key(&Seed::new(role, raw)), public);
        }
    }

    #[test]
    fn no_seed_is_made_twice() {
        let (one, two) = (generate(Role::User).unwrap(), generate(Role::User).unwrap());
        assert_ne!(one, two);
        assert_eq!(one.role(), Role::User);
    }
}
