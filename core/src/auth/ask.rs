//! Questions that take longer than a shard may wait, and their answers.
//!
//! An [`Ask`] leaves the shard as an [`Output`](crate::shard::Output) and comes back through
//! [`Shard::resolve`](crate::shard::Shard::resolve). Plugins will be further variants of
//! [`Question`] and [`Answer`].

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
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ask {
    /// To be given back with the answer.
    pub call: CallId,
    /// What is asked.
    pub question: Question,
    /// From then on nobody waits for the answer.
    pub deadline: Time,
}

/// What is asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Question {
    /// Whether a password is the one behind a bcrypt hash.
    Bcrypt {
        /// What was given; [`Secret::Plain`] whatever it looks like.
        password: Secret,
        /// The hash, which may be malformed: then nothing fits it.
        hash: Arc<str>,
    },
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
}
