//! Certificates that stand for users, and authentication over TLS (reference security 13, items 11
//! and 47 to 53).

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use harness::tls::{Certificates, ClientCertificate};
use harness::{Launch, Server};
use rcgen::{CertificateParams, DistinguishedName, DnType, SanType};

use crate::table::UNAUTHORIZED;

static CERTIFICATES: LazyLock<Certificates> = LazyLock::new(Certificates::new);

const SERIAL_NUMBER: &[u64] = &[2, 5, 4, 5];
const STREET: &[u64] = &[2, 5, 4, 9];
const POSTAL_CODE: &[u64] = &[2, 5, 4, 17];
const DOMAIN: &[u64] = &[0, 9, 2342, 19_200_300, 100, 1, 25];
const MAIL: &[u64] = &[1, 2, 840, 113_549, 1, 9, 1];

fn custom(oid: &[u64]) -> DnType {
    DnType::CustomDnType(oid.to_vec())
}

fn mail(text: &str) -> SanType {
    SanType::Rfc822Name(text.try_into().expect("an address"))
}

fn dns(text: &str) -> SanType {
    SanType::DnsName(text.try_into().expect("a host"))
}

fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().expect("a URI"))
}

/// A certificate with these alternative names and this subject, most general first.
fn certificate(names: &[SanType], subject: &[(DnType, &str)]) -> ClientCertificate {
    let mut params = CertificateParams::default();
    params.subject_alt_names = names.to_vec();
    params.distinguished_name = DistinguishedName::new();
    for (kind, value) in subject {
        params.distinguished_name.push(kind.clone(), *value);
    }
    CERTIFICATES.issue(&params)
}

/// A server whose users have these names and no passwords; `more` are further users.
fn mapping(names: &[&str], more: &str) -> Server {
    let users: String = names.iter().map(|name| format!("{{ user: '{name}' }}\n")).collect();
    let tls = CERTIFICATES.block("verify_and_map: true");
    Launch::new().config(format!("{tls}authorization {{ users [\n{users}{more}\n] }}\n")).start()
}

/// The user that a client with this certificate is, by the server's account of it.
fn user(server: &Server, client: &ClientCertificate, members: &str) -> Option<String> {
    let mut session = CERTIFICATES.upgrade_as(server.port(), client);
    session.send(format!("CONNECT {{\"verbose\":true{members}}}\r\n"));
    if session.read_line() != b"+OK" {
        session.expect_closed();
        return None;
    }
    // A second CONNECT with a wrong password is refused in the name of the mapped user.
    session.send("CONNECT {\"pass\":\"wrong\"}\r\n").expect(UNAUTHORIZED).expect_closed();
    let line = server.expect_log("authentication error - User");
    let name = line.split_once("User \"")?.1;
    Some(name.split_once('"')?.0.to_owned())
}

#[test]
fn s047_names_are_tried_by_kind() {
    let client = certificate(
        &[dns("a.example"), uri("spiffe://example/a"), mail("none@example"), mail("a@example")],
        &[(DnType::OrganizationName, "Acme"), (DnType::CommonName, "a")],
    );
    let names = ["a@example", "a.example", "spiffe://example/a", "CN=a,O=Acme"];
    for (at, expected) in names.iter().enumerate() {
        let server = mapping(&names[at..], "");
        assert_eq!(user(&server, &client, "").as_deref(), Some(*expected));
    }
    let server = mapping(&["a", "CN=a", "O=Acme"], "");
    assert_eq!(user(&server, &client, ""), None);
}

#[test]
fn s048_subjects_map_in_either_order_and_any_case_of_types() {
    let client = certificate(
        &[],
        &[
            (DnType::OrganizationName, "Acme Inc"),
            (DnType::OrganizationalUnitName, "Eng"),
            (DnType::CommonName, "dn user"),
        ],
    );
    for name in [
        "CN=dn user,OU=Eng,O=Acme Inc",
        "O=Acme Inc, OU=Eng, CN=dn user",
        "cn=dn user,ou=Eng,o=Acme Inc",
        "OU=Eng,CN=dn user,O=Acme Inc",
    ] {
        assert_eq!(user(&mapping(&[name], ""), &client, "").as_deref(), Some(name));
    }
    let both = ["O=Acme Inc, OU=Eng, CN=dn user", "CN=dn user,OU=Eng,O=Acme Inc"];
    assert_eq!(user(&mapping(&both, ""), &client, "").as_deref(), Some(both[1]));
    let others = ["CN=dn user", "dn user", "CN=dn user,OU=eng,O=Acme Inc", "CN=dn user,O=Acme Inc"];
    assert_eq!(user(&mapping(&others, ""), &client, ""), None);
}

#[test]
fn s048_all_types_count() {
    let client = certificate(
        &[],
        &[
            (DnType::CountryName, "XX"),
            (DnType::StateOrProvinceName, "S"),
            (DnType::LocalityName, "L, M"),
            (custom(POSTAL_CODE), "1"),
            (custom(STREET), "R"),
            (DnType::OrganizationName, "O"),
            (DnType::OrganizationalUnitName, "U"),
            (custom(SERIAL_NUMBER), "7"),
            (DnType::CommonName, "c"),
        ],
    );
    for name in [
        r"CN=c,SERIALNUMBER=7,OU=U,O=O,STREET=R,POSTALCODE=1,L=L\\, M,ST=S,C=XX",
        r"C=XX,CN=c,SERIALNUMBER=7,OU=U,O=O,STREET=R,POSTALCODE=1,L=L\\2c M,ST=S",
    ] {
        let server = quoted(name);
        assert!(user(&server, &client, "").is_some(), "{name}");
    }
}

/// A server with one user, whose name is in double quotes so that backslashes are escaped.
fn quoted(name: &str) -> Server {
    mapping(&[], &format!("{{ user: \"{name}\" }}"))
}

#[test]
fn s048_a_type_nobody_knows_leaves_only_the_literal_text() {
    let client = certificate(
        &[],
        &[
            (custom(MAIL), "x@example"),
            (DnType::OrganizationName, "Acme"),
            (DnType::OrganizationalUnitName, "Eng"),
            (custom(STREET), "R"),
            (DnType::CommonName, "a"),
            (custom(SERIAL_NUMBER), "7"),
            (DnType::LocalityName, "L"),
            (custom(POSTAL_CODE), "1"),
            (DnType::CountryName, "XX"),
            (DnType::StateOrProvinceName, "S"),
        ],
    );
    let text = "SERIALNUMBER=7,CN=a,OU=Eng,O=Acme,POSTALCODE=1,STREET=R,L=L,ST=S,C=XX";
    assert_eq!(user(&mapping(&[text], ""), &client, "").as_deref(), Some(text));
    let others = ["CN=a,SERIALNUMBER=7,OU=Eng,O=Acme,POSTALCODE=1,STREET=R,L=L,ST=S,C=XX", "CN=a"];
    assert_eq!(user(&mapping(&others, ""), &client, ""), None);
}

#[test]
fn s049_domain_components_may_be_left_out() {
    let client = certificate(
        &[],
        &[
            (custom(DOMAIN), "example"),
            (DnType::OrganizationalUnitName, "Eng"),
            (DnType::CommonName, "dc-user"),
        ],
    );
    for name in ["CN=dc-user,OU=Eng,DC=example", "CN=dc-user,OU=Eng"] {
        assert_eq!(user(&mapping(&[name], ""), &client, "").as_deref(), Some(name));
    }
    assert_eq!(user(&mapping(&["OU=Eng,CN=dc-user", "CN=dc-user"], ""), &client, ""), None);
}

#[test]
fn s050_a_certificate_without_any_name_is_nobody() {
    let server = mapping(&["a"], "");
    assert_eq!(user(&server, &certificate(&[], &[]), ""), None);
    assert_eq!(user(&server, &certificate(&[], &[]), r#","user":"a""#), None);
}

#[test]
fn s051_a_mapped_user_with_a_password_has_to_show_it() {
    let client = certificate(&[dns("a.example")], &[]);
    let server = mapping(&[], "{ user: a.example, password: secret }");
    assert_eq!(user(&server, &client, ""), None);
    assert_eq!(user(&server, &client, r#","pass":"x""#), None);
    assert_eq!(user(&server, &client, r#","pass":"secret""#).as_deref(), Some("a.example"));
}

#[test]
fn s052_the_certificate_counts_and_not_the_name() {
    let client = certificate(&[dns("a.example")], &[]);
    let server = mapping(&["a.example", "b"], "");
    let found = user(&server, &client, r#","user":"b""#);
    assert_eq!(found.as_deref(), Some("a.example"));
}

#[test]
fn s053_a_failed_mapping_is_final() {
    let tls = CERTIFICATES.block("verify_and_map: true");
    let server = Launch::new()
        .config(format!("{tls}authorization {{ users [ {{ user: a }} ] }}\nno_auth_user: a\n"))
        .start();
    assert_eq!(user(&server, &certificate(&[dns("b.example")], &[]), ""), None);
}

#[test]
fn a_certificate_of_another_kind_of_connection_is_passed_over() {
    let client = certificate(&[mail("a@example"), dns("a.example")], &[]);
    let elsewhere = "{ user: a@example, allowed_connection_types: [WEBSOCKET] }";
    let server = mapping(&["a.example"], elsewhere);
    assert_eq!(user(&server, &client, "").as_deref(), Some("a.example"));
}

#[test]
fn users_meant_for_certificates_are_shut_out_elsewhere_unless_they_have_a_password() {
    let tls = CERTIFICATES.block("verify_and_map: true");
    let websocket = format!("websocket {{ listen: '127.0.0.1:-1'\n{tls}}}\n");
    let users = "authorization { users: [ { user: mapped }, \
                 { user: here, allowed_connection_types: STANDARD }, \
                 { user: secret, password: b } ] }\n";
    let server = Launch::new().config(format!("{websocket}{users}")).start();
    server.client(r#""user":"here""#).finish();
    server.client(r#""user":"secret","pass":"b""#).finish();
    let mut mapped = server.session();
    mapped.send("CONNECT {\"user\":\"mapped\"}\r\n").expect(UNAUTHORIZED).expect_closed();
    let server = Launch::new().config(format!("{websocket}{users}no_auth_user: mapped\n")).start();
    server.client("").finish();
}

#[test]
fn s011_the_authentication_timer_begins_after_the_handshake() {
    let tls = CERTIFICATES.block("timeout: 0.5");
    let server =
        Launch::new().config(format!("{tls}authorization {{ user: a, password: b }}\n")).start();
    let mut session = CERTIFICATES.upgrade(server.port(), false);
    // The first write shakes hands; half a CONNECT does not stop the timer.
    session.send("CONNECT ");
    let began = Instant::now();
    session.expect("-ERR 'Authentication Timeout'\r\n").expect_closed();
    assert!(began.elapsed() >= Duration::from_millis(1400), "{:?}", began.elapsed());
}
