//! What a client's certificate says, for the core to map to a user (reference security 1.10).

use nervure_core::auth::{
    Attribute, AttributeType, Component, DistinguishedName, PeerCertificate, attribute_type,
};
use rustls::ServerConnection;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::{AttributeTypeAndValue, RelativeDistinguishedName};

/// Object identifiers of the attribute types that count, and their names.
const TYPES: [(&str, &str); 10] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.5", "SERIALNUMBER"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "STREET"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.17", "POSTALCODE"),
    ("0.9.2342.19200300.100.1.25", "DC"),
];

/// The facts of the first certificate the peer has shown, which is verified by then. `None`
/// without one, or if it cannot be read.
pub fn peer_certificate(session: &ServerConnection) -> Option<Box<PeerCertificate>> {
    read(session.peer_certificates()?.first()?).map(Box::new)
}

fn read(der: &[u8]) -> Option<PeerCertificate> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let mut facts = PeerCertificate::default();
    let alternatives = certificate.subject_alternative_name().ok().flatten();
    for name in alternatives.iter().flat_map(|extension| &extension.value.general_names) {
        match name {
            GeneralName::RFC822Name(text) => facts.emails.push((*text).into()),
            GeneralName::DNSName(text) => facts.dns_names.push((*text).into()),
            GeneralName::URI(text) => facts.uris.push((*text).into()),
            _ => {}
        }
    }
    // Encoded most general first.
    let mut components: Vec<Component> = certificate.subject().iter().map(component).collect();
    components.reverse();
    facts.subject = DistinguishedName::new(components);
    Some(facts)
}

fn component(encoded: &RelativeDistinguishedName<'_>) -> Component {
    encoded.iter().map(attribute).collect()
}

fn attribute(encoded: &AttributeTypeAndValue<'_>) -> Attribute {
    let oid = encoded.attr_type().to_id_string();
    let kind: Option<AttributeType> =
        TYPES.iter().find(|(known, _)| *known == oid).and_then(|(_, name)| attribute_type(name));
    match encoded.as_str() {
        Ok(value) => Attribute { kind, value: value.into() },
        // A value that is no text cannot be compared with any.
        Err(_) => Attribute { kind: None, value: "".into() },
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair, SanType};

    use super::*;

    #[test]
    fn names_come_in_order_and_subjects_most_specific_first() {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.subject_alt_names = vec![
            SanType::DnsName("a.example".try_into().unwrap()),
            SanType::Rfc822Name("a@example".try_into().unwrap()),
            SanType::URI("spiffe://example/a".try_into().unwrap()),
            SanType::Rfc822Name("b@example".try_into().unwrap()),
        ];
        let subject = &mut params.distinguished_name;
        *subject = rcgen::DistinguishedName::new();
        subject.push(DnType::OrganizationName, "Acme Inc");
        subject.push(DnType::CustomDnType(vec![0, 9, 2342, 19_200_300, 100, 1, 25]), "example");
        subject.push(DnType::CommonName, "a, b");
        let key = KeyPair::generate().unwrap();
        let facts = read(params.self_signed(&key).unwrap().der()).unwrap();
        assert_eq!(facts.emails, ["a@example".into(), "b@example".into()]);
        assert_eq!(facts.dns_names, ["a.example".into()]);
        assert_eq!(facts.uris, ["spiffe://example/a".into()]);
        let expected = DistinguishedName::parse(r"CN=a\, b,DC=example,O=Acme Inc").unwrap();
        assert_eq!(facts.subject, expected);
    }

    #[test]
    fn attributes_nobody_maps_by_are_marked_and_junk_is_no_certificate() {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params
            .distinguished_name
            .push(DnType::CustomDnType(vec![1, 2, 840, 113_549, 1, 9, 1]), "x");
        let key = KeyPair::generate().unwrap();
        let der = params.self_signed(&key).unwrap().der().to_vec();
        assert!(!read(&der).unwrap().subject.is_known());
        for cut in 0..der.len() {
            let _nothing_panics = read(&der[..cut]);
        }
        assert_eq!(read(b"junk"), None);
    }
}
