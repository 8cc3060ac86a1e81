//! x

/// An operating system's error as nats-server's language words it: lower case, without number.
pub fn os_error(err: &std::io::Error) -> String {
    let text = err.to_string();
    let text = match err.raw_os_error() {
        Some(_) => text.split(" (os error").next().unwrap_or_default(),
        None => &text,
    };
    let mut chars = text.chars();
    match chars.next() {
        // "No such file", but not "I/O error".
        Some(first) if !chars.as_str().starts_with(|next: char| !next.is_lowercase() && next != ' ') => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => text.to_owned(),
    }
}
