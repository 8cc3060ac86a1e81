//! What is wrong with a transform. Displays nats-server's texts (observed on 2.15.1).

/// Why a transform cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransformError {
    /// The source is no valid subject, the destination has a `*`, or only one of them ends in `>`.
    #[error("invalid subject")]
    Subject,
    /// A token of the destination is empty or has a blank, or there is no destination.
    #[error("invalid mapping destination: invalid transform")]
    Destination,
    /// This token comes after `>`.
    #[error("invalid mapping destination: invalid transform in {0}")]
    BehindRest(String),
    /// A placeholder is not understood.
    #[error("invalid mapping destination: {reason} in {token}")]
    Placeholder {
        /// What is wrong.
        reason: PlaceholderError,
        /// The placeholder.
        token: String,
    },
    /// The source has fewer wildcards.
    #[error("invalid mapping destination: wildcard index out of range in {token}: [{index}]")]
    Index {
        /// The placeholder.
        token: String,
        /// The wildcard it asks for, counted from one.
        index: i64,
    },
}

/// What is wrong with a placeholder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceholderError {
    /// No function is called, or none of that name exists.
    #[error("unknown function")]
    UnknownFunction,
    /// Arguments are missing; for `random`, also when there are too many.
    #[error("not enough arguments passed to the function")]
    NotEnough,
    /// There are too many arguments.
    #[error("too many arguments passed to the function")]
    TooMany,
    /// An argument is no number, too large a number, or a delimiter with a blank.
    #[error("function argument is invalid or in the wrong format")]
    Argument,
    /// The source has no wildcard at all.
    #[error("wildcard index out of range")]
    NoWildcards,
}
