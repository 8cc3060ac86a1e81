//! The system's words for an error, as nats-server spells them.

use std::io;

/// `No such file or directory (os error 2)` as `no such file or directory`. Errors that are not
/// the system's keep their text.
pub(crate) fn text(error: &io::Error) -> String {
    let text = error.to_string();
    let Some((words, _number)) = text.split_once(" (os error ") else { return text };
    let mut chars = words.chars();
    match chars.next() {
        Some(first) => first.to_ascii_lowercase().to_string() + chars.as_str(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn system_errors_read_like_nats_servers() {
        let missing = std::fs::read("/does/not/exist").unwrap_err();
        assert_eq!(text(&missing), "no such file or directory");
        assert_eq!(text(&io::Error::other("Own words")), "Own words");
    }
}
