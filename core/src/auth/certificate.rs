//! From a client's certificate to the user it stands for (`verify_and_map`, reference security
//! 1.10). Reading certificates is the driver's; here are the facts that it found.

use std::sync::Arc;

use super::dn::DistinguishedName;
use super::users::{ConnectionType, User, Users};

/// What a verified certificate says of its owner.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PeerCertificate {
    /// Alternative names that are mail addresses, in the certificate's order.
    pub emails: Vec<Box<str>>,
    /// Alternative names that are host names.
    pub dns_names: Vec<Box<str>>,
    /// Alternative names that are URIs.
    pub uris: Vec<Box<str>>,
    /// The subject.
    pub subject: DistinguishedName,
}

impl PeerCertificate {
    /// The user it stands for: the first name, in nats-server's order of names, that a user has
    /// who may connect this way.
    pub(super) fn user(&self, users: &Users, kind: ConnectionType) -> Option<Arc<User>> {
        let named = |name: &str| users.named(name).filter(|user| user.types.allow(kind));
        let alternatives = self.emails.iter().chain(&self.dns_names).chain(&self.uris);
        if let Some(user) = alternatives.into_iter().find_map(|name| named(name)) {
            return Some(user);
        }
        if self.subject.is_empty() {
            return None;
        }
        if self.subject.is_known() {
            let by = |fits: fn(&DistinguishedName, &DistinguishedName) -> bool| {
                let mut names = users.distinguished().filter(|(_, user)| user.types.allow(kind));
                names.find(|(name, _)| fits(name, &self.subject)).map(|(_, user)| user.clone())
            };
            let user =
                by(DistinguishedName::equals).or_else(|| by(DistinguishedName::equals_unordered));
            if user.is_some() {
                return user;
            }
        }
        let text = self.subject.text();
        let domain = self.subject.domain_text();
        let with_domain = (!domain.is_empty()).then(|| named(&format!("{text},{domain}")));
        with_domain.flatten().or_else(|| named(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::super::users::ConnectionTypes;
    use super::super::{Secret, User, Users};
    use super::*;

    fn users(names: &[&str]) -> Users {
        let user = |name: &&str| User::with_password(name, Secret::default());
        Users::new(names.iter().map(user))
    }

    fn mapped(certificate: &PeerCertificate, names: &[&str]) -> Option<String> {
        let user = certificate.user(&users(names), ConnectionType::Standard)?;
        Some(user.name().to_owned())
    }

    fn subject(text: &str) -> PeerCertificate {
        let subject = DistinguishedName::parse(text).unwrap_or_default();
        PeerCertificate { subject, ..PeerCertificate::default() }
    }

    #[test]
    fn names_are_tried_in_the_order_of_the_reference() {
        let certificate = PeerCertificate {
            emails: vec!["no@x".into(), "a@x".into()],
            dns_names: vec!["a.x".into()],
            uris: vec!["spiffe://a".into()],
            ..subject("CN=a,O=x")
        };
        let mut names = vec!["a@x", "a.x", "spiffe://a", "CN=a,O=x"];
        names.reverse();
        while let Some(expected) = names.last().map(|name| (*name).to_owned()) {
            assert_eq!(mapped(&certificate, &names), Some(expected));
            names.pop();
        }
        assert_eq!(mapped(&certificate, &["a", "CN=a"]), None);
        assert_eq!(mapped(&PeerCertificate::default(), &["", "a"]), None);
    }

    #[test]
    fn subjects_map_in_order_before_any_order_and_without_their_domain() {
        let a = subject("CN=a,OU=b,DC=d,DC=e");
        for (names, expected) in [
            (&["DC=e,DC=d,OU=b,CN=a", "CN=a,OU=b,DC=d,DC=e"][..], Some("CN=a,OU=b,DC=d,DC=e")),
            (&["DC=e,DC=d,OU=b,CN=a"], Some("DC=e,DC=d,OU=b,CN=a")),
            (&["CN=a,OU=b"], Some("CN=a,OU=b")),
            (&["OU=b,CN=a"], None),
            (&["CN=a,OU=b", "CN=a,OU=b,DC=e,DC=d"], Some("CN=a,OU=b,DC=e,DC=d")),
        ] {
            assert_eq!(mapped(&a, names).as_deref(), expected, "{names:?}");
        }
    }

    #[test]
    fn who_may_not_connect_this_way_is_passed_over() {
        let certificate = PeerCertificate {
            emails: vec!["a@x".into()],
            dns_names: vec!["a.x".into()],
            ..PeerCertificate::default()
        };
        let elsewhere = ConnectionTypes::default().with(ConnectionType::WebSocket);
        let users = Users::new([
            User { types: elsewhere, ..User::with_password("a@x", Secret::default()) },
            User::with_password("a.x", Secret::default()),
        ]);
        let user = certificate.user(&users, ConnectionType::Standard);
        assert_eq!(user.as_deref().map(User::name), Some("a.x"));
    }
}
