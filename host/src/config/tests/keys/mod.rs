//! Texts for wrong keys and values, as printed by `nats-server -t` 2.15.1.

mod accounts;
mod links;
mod mappings;
mod security;
mod tls;
mod top;

use super::refused;

/// Configuration and all that is printed about it, without the last LF.
type Table = &'static [(&'static str, &'static str)];

fn check(table: Table) {
    for (text, expected) in table {
        assert_eq!(refused_or_warned(text), *expected, "{text:?}");
    }
}

/// What `-t` prints: of a refused file everything, of a good one the warnings.
fn refused_or_warned(text: &str) -> String {
    match super::load(text) {
        Ok(loaded) => loaded.warnings.join("\n"),
        Err(error) => error.to_string().trim_end_matches('\n').to_owned(),
    }
}

#[test]
fn wrong_keys_and_values_at_the_top_are_named() {
    check(top::TEXTS);
}

#[test]
fn wrong_keys_and_values_of_authentication_are_named() {
    check(security::TEXTS);
}

#[test]
fn wrong_keys_and_values_of_accounts_are_named() {
    check(accounts::TEXTS);
}

#[test]
fn wrong_subject_mappings_are_named() {
    check(mappings::TEXTS);
}

#[test]
fn wrong_keys_and_values_of_tls_and_websocket_are_named() {
    check(tls::TEXTS);
}

#[test]
fn wrong_keys_and_values_of_links_and_storage_are_named() {
    check(links::TEXTS);
}

#[test]
fn all_warnings_come_before_all_errors() {
    assert_eq!(
        refused("bogus: 1\nping_interval: 5\nport: x"),
        "s.conf:2:1: invalid use of field \"ping_interval\": ping_interval should be converted to \
         a duration\n\
         s.conf:1:0: unknown field \"bogus\"\n\
         s.conf:3:1: interface conversion: interface {} is string, not int64\n"
    );
}

#[test]
fn a_constant_is_no_unknown_key_if_it_is_used() {
    assert_eq!(refused("p: 1\nq: 2\nport: $p"), "s.conf:2:1: unknown field \"q\"\n");
}

#[test]
fn a_missing_file_is_named() {
    let error = super::Memory::default().load("x.conf").unwrap_err().to_string();
    assert_eq!(error, "open x.conf: no such file or directory");
}
