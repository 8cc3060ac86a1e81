//! The server's own key pairs, made anew at each start.

use std::io;

use nervure_core::auth::{Role, Seed, Signer};
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::auth::xkey::CurveKey;

/// What a server signs and seals with.
pub(super) struct Keys {
    /// The pair whose public key is the server's id.
    pub(super) signer: Signer,
    /// The curve pair, whose public key is `xkey` in INFO.
    pub(super) curve: CurveKey,
}

impl Keys {
    /// New ones.
    ///
    /// # Errors
    /// The system gives no random octets.
    pub(super) fn generate() -> io::Result<Self> {
        Ok(Self {
            signer: fresh(Role::Server)?,
            curve: CurveKey::new(&seed(Role::Curve)?).map_err(io::Error::other)?,
        })
    }
}

/// A new pair that signs.
pub(super) fn fresh(role: Role) -> io::Result<Signer> {
    Signer::new(seed(role)?).map_err(io::Error::other)
}

fn seed(role: Role) -> io::Result<Seed> {
    let mut raw = [0; 32];
    let entropy = SystemRandom::new().fill(&mut raw);
    entropy.map_err(|_| io::Error::other("no entropy"))?;
    Ok(Seed::new(role, raw))
}
