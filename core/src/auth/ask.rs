//! Questions that take longer than a shard may wait, and their answers.
//!
//! An [`Ask`] leaves the shard as an [`Output`](crate::shard::Output) and comes back through
//! [`Shard::resolve`](crate::shard::Shard::resolve). In operator mode it is accounts that are asked
//! for. Plugins will be further variants of [`Question`] and [`Answer`].

use std::sync::Arc;

use super::callout::Delegated;
use super::secret::Secret;
use super::users::User;
use crate::id::LinkId;
use crate::time::Time;

/// Names one question of a shard. One that is not open any more names nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CallId {
    /// The link that waits.
    pub link: LinkId,
    /// Which of the link's questions.
    pub(crate) serial: u32,
}

/// Something to find out elsewhere.
#[derive(Clone, PartialEq, Debug)]
pub struct Ask {
    /// To be given back with the answer.
    pub call: CallId,
    /// What is asked.
    pub question: Question,
    /// From then on nobody waits for the answer.
    pub deadline: Time,
}

/// What is asked.
#[derive(Clone, PartialEq, Debug)]
pub enum Question {
    /// Whether a password is the one behind a bcrypt hash.
    Bcrypt {
        /// What was given; [`Secret::Plain`] whatever it looks like.
        password: Secret,
        /// The hash, which may be malformed: then nothing fits it.
        hash: Arc<str>,
    },
    /// The account of this public key: to be brought into force
    /// ([`Shard::update`](crate::shard::Shard::update)) before the answer is given.
    Account(Box<str>),
    /// Who somebody is, by the word of an auth callout service.
    Callout(Box<Delegated>),
}

/// What was found out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The password is the one.
    Fits,
    /// It is not.
    DoesNotFit,
    /// It is this one.
    Admit(Arc<User>),
    /// Nobody who may come in; and why, for the log.
    Refuse(String),
    /// Too many questions are waiting already, or nobody is there to answer.
    Overloaded,
    /// The account is in force, if it is not expired.
    Found,
    /// There is no such account, or it is not to be used: why, for the log.
    NotFound(Box<str>),
}
