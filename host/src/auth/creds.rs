//! Credentials files, and the decoration around tokens and seeds (reference security 4.11).
//!
//! A decorated text is found between two lines of dashes with any words in them; whatever else
//! stands around is left out. A credentials file is a decorated user token and the seed of that
//! user's key.

use std::fmt;
use std::path::{Path, PathBuf};

use nervure_core::auth::{Role, Seed, SeedError};
use thiserror::Error;
use zeroize::Zeroizing;

use super::secret_file::{self, FileError};

/// What stands between token and seed, with the empty lines around it.
const WARNING: &str = "
************************* IMPORTANT *************************
NKEY Seed printed below can be used to sign and prove identity.
NKEYs are sensitive and should be treated as secrets.

";

/// What stands below the seed.
const END: &str = "\n*************************************************************\n";

/// Why a text holds no token, no seed, or not both.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum CredsError {
    /// Empty.
    #[error("nothing in it")]
    Empty,
    /// Only a token, or only a seed.
    #[error(
        "not a credentials file, which has a token between lines of dashes and then a seed between \
         such lines"
    )]
    Incomplete,
    /// What stands in the place of the seed.
    #[error("{0}")]
    Seed(#[from] SeedError),
}

/// Why a credentials file cannot be used.
#[derive(Debug, Error)]
pub enum CredsFileError {
    /// It cannot be read.
    #[error("{0}")]
    File(#[from] FileError),
    /// Its content is wrong.
    #[error("{}: {cause}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        cause: CredsError,
    },
}

/// A token and the seed that proves that it is one's own. The debug output shows neither: some
/// tokens let in whoever has them.
pub struct Credentials {
    /// The token as it stands there, unchecked.
    pub jwt: String,
    /// The seed.
    pub seed: Seed,
}

impl Credentials {
    /// Reads the text of a credentials file.
    ///
    /// # Errors
    /// [`CredsError::Incomplete`], [`CredsError::Seed`].
    pub fn parse(text: &str) -> Result<Self, CredsError> {
        let mut blocks = blocks(text);
        match (blocks.next(), blocks.next()) {
            (Some(jwt), Some(seed)) => Ok(Self { jwt: jwt.to_owned(), seed: Seed::parse(seed)? }),
            _ => Err(CredsError::Incomplete),
        }
    }

    /// Reads a credentials file.
    ///
    /// # Errors
    /// See [`CredsFileError`]; none tells anything of the secret.
    pub fn read(path: &Path) -> Result<Self, CredsFileError> {
        let text = secret_file::read(path)?;
        let content = |cause| CredsFileError::Content { path: path.to_owned(), cause };
        Self::parse(&text).map_err(content)
    }

    /// The text of a credentials file, as nats-server's tools write it.
    pub fn decorated(&self) -> Zeroizing<String> {
        let role = self.seed.role();
        let jwt = decorated_jwt(role, &self.jwt);
        let seed = decorated_seed(&self.seed);
        // In one piece, so that no outgrown copy of the seed stays behind.
        let mut text = String::with_capacity(jwt.len() + WARNING.len() + seed.len() + END.len());
        [&jwt, WARNING, &seed, END].iter().for_each(|part| text.push_str(part));
        Zeroizing::new(text)
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[REDACTED]")
    }
}

/// The token of a text: its first decorated block, or all of it.
///
/// # Errors
/// [`CredsError::Empty`].
pub fn jwt(text: &str) -> Result<&str, CredsError> {
    let jwt = blocks(text).next().unwrap_or(text.trim());
    if jwt.is_empty() { Err(CredsError::Empty) } else { Ok(jwt) }
}

/// The seed of a text: its second decorated block, or else the first line that begins as one.
///
/// # Errors
/// [`CredsError::Seed`]; of a text without a seed, that of its first line.
pub fn seed(text: &str) -> Result<Seed, CredsError> {
    let begins = |line: &&str| {
        matches!(line.as_bytes(), [b'S', b'A' | b'C' | b'N' | b'O' | b'U' | b'X', ..])
    };
    let line = || text.lines().map(str::trim).find(begins);
    let seed = blocks(text).nth(1).or_else(line).unwrap_or(text.trim());
    if seed.is_empty() { Err(CredsError::Empty) } else { Ok(Seed::parse(seed)?) }
}

/// A token with its decoration.
pub fn decorated_jwt(role: Role, jwt: &str) -> String {
    let label = label(role);
    format!("-----BEGIN NATS {label} JWT-----\n{jwt}\n------END NATS {label} JWT------\n")
}

/// A seed with its decoration.
pub fn decorated_seed(seed: &Seed) -> Zeroizing<String> {
    let (label, text) = (label(seed.role()), Zeroizing::new(seed.expose()));
    let text = text.as_str();
    Zeroizing::new(format!(
        "-----BEGIN {label} NKEY SEED-----\n{text}\n------END {label} NKEY SEED------\n"
    ))
}

const fn label(role: Role) -> &'static str {
    match role {
        Role::Account => "ACCOUNT",
        Role::Cluster => "CLUSTER",
        Role::Server => "SERVER",
        Role::Operator => "OPERATOR",
        Role::User => "USER",
        Role::Curve => "CURVE",
    }
}

/// What stands between two lines of dashes, one after the other.
fn blocks(text: &str) -> impl Iterator<Item = &str> {
    let mut lines = text.lines().map(str::trim_end).peekable();
    std::iter::from_fn(move || {
        loop {
            if !opens(lines.next()?) {
                continue;
            }
            let Some(content) = lines.next_if(|line| is_content(line)) else { continue };
            if lines.next_if(|line| closes(line)).is_some() {
                return Some(content);
            }
        }
    })
}

fn is_content(line: &str) -> bool {
    let allowed = |octet: u8| octet.is_ascii_alphanumeric() || b"_-.=".contains(&octet);
    !line.is_empty() && line.bytes().all(allowed)
}

/// Three dashes, anything, three dashes at the end.
fn opens(line: &str) -> bool {
    line.strip_suffix("---").is_some_and(|rest| rest.contains("---"))
}

/// The same, and three dashes at the beginning.
fn closes(line: &str) -> bool {
    opens(line) && line.starts_with("---")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const JWT: &str = "eyJ0eXAi.eyJq-_0.c2ln";
    const SEED: &str = "SUAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4H776Y";
    const ACCOUNT: &str = "SAAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4HYMHI";
    const PUBLIC: &str = "UAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3RLKK";

    /// As nats-server's tools write it (reference security 4.11).
    const FILE: &str = "-----BEGIN NATS USER JWT-----
eyJ0eXAi.eyJq-_0.c2ln
------END NATS USER JWT------

************************* IMPORTANT *************************
NKEY Seed printed below can be used to sign and prove identity.
NKEYs are sensitive and should be treated as secrets.

-----BEGIN USER NKEY SEED-----
SUAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4H776Y
------END USER NKEY SEED------

*************************************************************
";

    fn both(text: &str) -> Option<(String, String)> {
        let credentials = Credentials::parse(text).ok()?;
        Some((credentials.jwt, credentials.seed.expose()))
    }

    #[test]
    fn a_file_is_written_as_others_write_it_and_read_back() {
        let credentials = Credentials { jwt: JWT.to_owned(), seed: Seed::parse(SEED).unwrap() };
        assert_eq!(*credentials.decorated(), FILE);
        assert_eq!(format!("{credentials:?}"), "[REDACTED]");
        assert_eq!(both(FILE), Some((JWT.to_owned(), SEED.to_owned())));
    }

    #[test]
    fn decoration_is_read_as_people_leave_it() {
        let same = |text: &str| assert_eq!(both(text), both(FILE), "{text}");
        same(&FILE.replace('\n', "\r\n"));
        same(&FILE.replace("-----\n", "----- \t\n"));
        same(&format!("a comment\n\n{FILE}\nanother"));
        same(&format!("---a---\n{JWT}\n---b---\n---\n---c---\n{SEED}\n------"));
        same(&format!("------\n{JWT}\n------\n> ---c---\n{SEED}\n---d---"));
        // A block that does not close is none.
        same(&format!("---a---\nx\ny\n{FILE}"));
    }

    #[test]
    fn what_lacks_a_part_is_no_credentials_file() {
        let wrong_line = format!("---a---\n{JWT} x\n---b---\n---c---\n{SEED}\n---d---");
        let one_block = decorated_jwt(Role::User, JWT);
        for text in ["", JWT, SEED, &one_block, &wrong_line, "---a---", "---a---\nx", "---\nx\n---"]
        {
            assert_eq!(Credentials::parse(text).unwrap_err(), CredsError::Incomplete, "{text}");
        }
        let error = Credentials::parse(&FILE.replace(SEED, PUBLIC)).unwrap_err();
        assert_eq!(error, CredsError::Seed(SeedError::Encoding));
    }

    #[test]
    fn tokens_and_seeds_are_found_with_and_without_decoration() {
        for text in [FILE, &decorated_jwt(Role::Account, JWT), JWT, &format!(" {JWT}\r\n")] {
            assert_eq!(jwt(text), Ok(JWT), "{text}");
        }
        let account = Seed::parse(ACCOUNT).unwrap();
        for (text, expected) in [
            (FILE, SEED),
            (&decorated_seed(&account), ACCOUNT),
            (SEED, SEED),
            (&format!("# user\n  {SEED}  \r\n{ACCOUNT}\n"), SEED),
        ] {
            assert_eq!(seed(text).unwrap().expose(), expected, "{text}");
        }
        assert_eq!(jwt(" \n"), Err(CredsError::Empty));
        assert_eq!(seed("").unwrap_err(), CredsError::Empty);
        assert_eq!(seed(PUBLIC).unwrap_err(), CredsError::Seed(SeedError::Encoding));
        assert_eq!(seed("hush").unwrap_err(), CredsError::Seed(SeedError::Encoding));
    }

    #[test]
    fn files_are_their_owners_alone_and_never_overwritten() {
        let directory = std::env::temp_dir().join(format!("nervure-creds-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("user.creds");
        secret_file::write_new(&path, FILE).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(
            Credentials::read(&path).unwrap().seed.expose(),
            Seed::parse(SEED).unwrap().expose()
        );
        let error = secret_file::write_new(&path, "").unwrap_err().to_string();
        assert_eq!(
            error,
            format!("{} is there already: name another file, or remove it first", path.display())
        );
        assert_eq!(Credentials::read(&path).unwrap().jwt, JWT);

        let broken = directory.join("broken.creds");
        secret_file::write_new(&broken, &FILE.replace("6Y\n", "6A\n")).unwrap();
        let error = Credentials::read(&broken).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{}: ", broken.display())), "{error}");
        assert!(error.contains("checksum") && !error.contains("SUAAA"), "{error}");
        let error = Credentials::read(&directory.join("none")).unwrap_err().to_string();
        assert!(error.contains("none: No such file"), "{error}");
        std::fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn what_cannot_be_a_secret_is_not_swallowed_whole() {
        let path = Path::new("it");
        let long = std::io::repeat(b'x');
        assert!(matches!(secret_file::read_from(long, path), Err(FileError::TooLong(_))));
        let octets: &[u8] = b"\xff";
        assert!(matches!(secret_file::read_from(octets, path), Err(FileError::NotText(_))));
    }
}
