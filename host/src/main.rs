//! The `nervure` binary.
fn main() {}
