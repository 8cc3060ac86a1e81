//! The texts of `--help` and `--help_tls`.

use super::{Program, table};

/// Column at which the explanations start.
const COLUMN: usize = 37;

/// The usage, in nats-server's sections and layout (reference 3.2).
pub(super) fn usage(program: Program) -> String {
    let name = program.name();
    let mut text = format!("\nUsage: {name} [options]\n");
    let mut section = "";
    for flag in table::FLAGS {
        if flag.section != section {
            section = flag.section;
            text.push_str(&format!("\n{section}:\n"));
        }
        let about = flag.about.replace("{program}", name);
        let shown: Vec<&str> = flag.shown.lines().collect();
        let about: Vec<&str> = about.lines().collect();
        // The explanation starts beside the last line of names and goes on below it.
        let lines = shown.len() - 1 + about.len();
        for at in 0..lines {
            let left = shown.get(at).copied().unwrap_or_default();
            let right =
                at.checked_sub(shown.len() - 1).and_then(|at| about.get(at)).copied().unwrap_or("");
            let line = format!("    {left:<width$}{right}", width = COLUMN - 4);
            text.push_str(line.trim_end());
            text.push('\n');
        }
    }
    text.push_str(&format!(
        "\nCommands:\n    {:<width$}Keys, passwords, tokens: see \"{name} auth --help\"\n\n",
        "auth",
        width = COLUMN - 4
    ));
    text
}

/// What a `tls` block looks like, and the suites and curves that this build really has.
pub(super) fn tls_help() -> String {
    let mut text = "
TLS is set up by the tls block of the configuration file, for instance:

    tls {
        cert_file: \"./certs/server.pem\"
        key_file:  \"./certs/server.key\"
        ca_file:   \"./certs/ca.pem\"
        verify:    true

        cipher_suites: [
            \"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256\"
        ]
        curve_preferences: [
            \"X25519\"
        ]
    }

Available cipher suites include:
"
    .to_owned();
    let provider = rustls::crypto::ring::default_provider();
    for suite in &provider.cipher_suites {
        // The library marks suites of TLS 1.3 by its own prefix; IANA's names do not.
        let name = suite.suite().as_str().unwrap_or_default().replace("TLS13_", "TLS_");
        text.push_str(&format!("    {name}\n"));
    }
    text.push_str("\nAvailable curve preferences include:\n");
    for group in &provider.kx_groups {
        let name = match group.name() {
            rustls::NamedGroup::secp256r1 => "CurveP256",
            rustls::NamedGroup::secp384r1 => "CurveP384",
            rustls::NamedGroup::secp521r1 => "CurveP521",
            rustls::NamedGroup::X25519 => "X25519",
            _ => continue,
        };
        text.push_str(&format!("    {name}\n"));
    }
    text.push('\n');
    text
}
