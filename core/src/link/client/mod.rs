//! Links to clients: what they say ([`ops`]), how they are let in ([`handshake`]) and what they
//! want ([`interest`]); [`violations`] is what permissions say to it.

pub(crate) mod handshake;
pub(crate) mod interest;
pub(crate) mod login;
pub(crate) mod ops;
pub(crate) mod trace;
mod violations;
