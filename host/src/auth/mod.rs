//! Seeds, curve keys and the files that hold them: what needs entropy, a file system, or a secret
//! that is the server's or its operator's own.
//!
//! Checking what clients bring is [`nervure_core::auth`]'s; this module makes keys and reads those
//! that belong to this side. `nervure auth` (see [`crate::cli`]) is a thin face over it.
//!
//! Secrets show in no error and no debug output. Seeds, and texts that hold them, are overwritten
//! when they are dropped.

pub mod creds;
pub mod secret_file;
pub mod seed;
pub mod xkey;
