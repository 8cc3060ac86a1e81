//! What a peer may do once it is let in.
//!
//! A link asks [`link_permissions`] before it hands a publication to the router, and the router
//! asks before it hands a message to a link. Links of users without permissions never come here.

pub(crate) mod link_permissions;
pub mod permissions;
mod response_grants;
#[cfg(test)]
mod tests;

pub use permissions::{InvalidRule, Lists, Permissions, Responses, Rules, parse_entry};
