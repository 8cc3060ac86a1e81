//! Which program is under test.
//!
//! `NERVURE_TEST_SERVER` chooses: unset is the `nervure` built beside the test binary,
//! `nats-server` is the real one, anything else is the path of a build of nervure. The real one is
//! found through `NATS_SERVER`, or where `tests/fetch-nats-server` puts it.

use std::env;
use std::path::{Path, PathBuf};

/// Chooses the program under test.
const CHOICE: &str = "NERVURE_TEST_SERVER";
/// Path of the real nats-server.
const REAL_PATH: &str = "NATS_SERVER";

/// A server program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// Ours.
    Nervure,
    /// The reference: nats-server 2.15.1.
    NatsServer,
}

impl Program {
    /// The program this run tests.
    #[must_use]
    pub fn under_test() -> Self {
        match env::var(CHOICE) {
            Ok(name) if name == "nats-server" => Self::NatsServer,
            _ => Self::Nervure,
        }
    }

    /// Where its executable is.
    ///
    /// # Panics
    /// When it is not there; the text says how to get it.
    #[must_use]
    pub fn executable(self) -> PathBuf {
        let (path, remedy) = match self {
            Self::Nervure => (nervure(), "cargo build -p nervure"),
            Self::NatsServer => (nats_server(), "tests/fetch-nats-server"),
        };
        assert!(path.is_file(), "no server to test at {}: run `{remedy}`", path.display());
        path
    }
}

/// `target/<profile>/nervure`, seen from the test binary in `target/<profile>/deps`.
fn nervure() -> PathBuf {
    if let Some(path) = env::var_os(CHOICE).filter(|_| Program::under_test() == Program::Nervure) {
        return PathBuf::from(path);
    }
    let test = env::current_exe().expect("a test binary knows its own path");
    let profile = test.ancestors().nth(2).expect("a test binary lies in <profile>/deps");
    profile.join("nervure")
}

fn nats_server() -> PathBuf {
    env::var_os(REAL_PATH).map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join(".cache/nats-server"),
        PathBuf::from,
    )
}
