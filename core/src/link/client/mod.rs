//! Links to clients: what they say ([`ops`]), how they are let in ([`handshake`]) and what they
//! want ([`interest`]); [`violations`] is what permissions say to it, and [`identity`] what their
//! messages say of them.

pub(crate) mod handshake;
pub(crate) mod identity;
pub(crate) mod interest;
pub(crate) mod login;
pub(crate) mod ops;
pub(crate) mod trace;
mod violations;
