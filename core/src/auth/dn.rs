//! Distinguished names: as user names in RFC 4514 form, and as certificates hold them.

/// Most components that are looked at; no real name has more than a few.
const MAX_COMPONENTS: usize = 64;

/// The attribute types that mapping knows. Any other in a certificate rules out comparison by
/// name (reference security 1.10).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs, reason = "the names are those of RFC 4514")]
pub enum AttributeType {
    Cn,
    SerialNumber,
    C,
    L,
    St,
    Street,
    O,
    Ou,
    PostalCode,
    Dc,
}

/// Each type's name, in the order of nats-server's text for a subject (observed on nats-server
/// 2.15.1).
const TYPES: [(&str, AttributeType); 10] = [
    ("SERIALNUMBER", AttributeType::SerialNumber),
    ("CN", AttributeType::Cn),
    ("OU", AttributeType::Ou),
    ("O", AttributeType::O),
    ("POSTALCODE", AttributeType::PostalCode),
    ("STREET", AttributeType::Street),
    ("L", AttributeType::L),
    ("ST", AttributeType::St),
    ("C", AttributeType::C),
    ("DC", AttributeType::Dc),
];

/// One attribute; the type is `None` when it is not one of those known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attribute {
    /// Its type.
    pub kind: Option<AttributeType>,
    /// Its value, decoded.
    pub value: Box<str>,
}

/// One component: usually one attribute, several when they are joined by `+`.
pub type Component = Vec<Attribute>;

/// A name, its components most specific first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DistinguishedName(Vec<Component>);

impl DistinguishedName {
    /// A name of components, most specific first.
    pub fn new(components: Vec<Component>) -> Self {
        Self(components)
    }

    /// Reads RFC 4514 text. `None` if it is none, or has an attribute that no certificate maps by.
    ///
    /// Blanks around types and values are dropped unless they are escaped.
    pub fn parse(text: &str) -> Option<Self> {
        let mut components = vec![Component::new()];
        let mut rest = text;
        loop {
            let (kind, after) = rest.split_once('=')?;
            let kind = attribute_type(kind.trim_matches(' '))?;
            let (value, end) = value(after)?;
            components.last_mut()?.push(Attribute { kind: Some(kind), value });
            rest = match end.as_bytes().first() {
                None => return Some(Self(components)),
                Some(b'+') => &end[1..],
                Some(_) => {
                    if components.len() == MAX_COMPONENTS {
                        return None;
                    }
                    components.push(Component::new());
                    &end[1..]
                }
            };
        }
    }

    /// No attribute at all.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Vec::is_empty)
    }

    /// All attributes are of known types.
    pub fn is_known(&self) -> bool {
        self.0.iter().flatten().all(|attribute| attribute.kind.is_some())
    }

    /// The same components in the same order.
    pub fn equals(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.0.iter().zip(&other.0).all(|(a, b)| same(a, b))
    }

    /// The same components in any order.
    pub fn equals_unordered(&self, other: &Self) -> bool {
        let mut left: Vec<&Component> = other.0.iter().collect();
        self.0.len() == other.0.len()
            && self.0.iter().all(|component| {
                let found = left.iter().position(|candidate| same(component, candidate));
                found.map(|at| left.swap_remove(at)).is_some()
            })
    }

    /// nats-server's text for a subject: known types but DC in one fixed order, values of one type
    /// joined by `+`.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for (name, kind) in TYPES.iter().filter(|(_, kind)| *kind != AttributeType::Dc) {
            let values = self.values(*kind);
            // Of these the last one counts.
            let single = matches!(kind, AttributeType::Cn | AttributeType::SerialNumber);
            let skipped = if single { values.len().saturating_sub(1) } else { 0 };
            for (at, value) in values.iter().skip(skipped).enumerate() {
                text.push_str(if at > 0 {
                    "+"
                } else if text.is_empty() {
                    ""
                } else {
                    ","
                });
                text.push_str(name);
                text.push('=');
                escape(value, &mut text);
            }
        }
        text
    }

    /// The domain components as text, in the certificate's order; empty without any.
    pub fn domain_text(&self) -> String {
        let parts: Vec<String> =
            self.values(AttributeType::Dc).iter().map(|value| format!("DC={value}")).collect();
        parts.join(",")
    }

    /// The values of one type, in the certificate's order.
    fn values(&self, kind: AttributeType) -> Vec<&str> {
        let attributes = self.0.iter().rev().flatten();
        attributes.filter(|a| a.kind == Some(kind)).map(|a| &*a.value).collect()
    }
}

/// The type of this name, in any letter case.
pub fn attribute_type(name: &str) -> Option<AttributeType> {
    TYPES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, kind)| *kind)
}

/// The same attributes, each as often.
fn same(a: &Component, b: &Component) -> bool {
    let count = |of: &Component, wanted| of.iter().filter(|found| *found == wanted).count();
    a.len() == b.len() && a.iter().all(|attribute| count(a, attribute) == count(b, attribute))
}

/// Takes a value off the front of `text`: up to an unescaped `,` or `+`, which is left.
fn value(text: &str) -> Option<(Box<str>, &str)> {
    let octets = text.as_bytes();
    let (mut value, mut kept) = (Vec::new(), 0);
    let mut at = 0;
    while let Some(&octet) = octets.get(at) {
        match octet {
            b',' | b'+' => break,
            b'\\' => {
                let (escaped, length) = escaped(&octets[at + 1..])?;
                value.push(escaped);
                kept = value.len();
                at += 1 + length;
                continue;
            }
            b' ' if value.is_empty() => {}
            _ => {
                value.push(octet);
                if octet != b' ' {
                    kept = value.len();
                }
            }
        }
        at += 1;
    }
    value.truncate(kept);
    Some((String::from_utf8(value).ok()?.into(), &text[at..]))
}

/// What stands behind a backslash: a special character, or an octet as two hexadecimal digits.
fn escaped(octets: &[u8]) -> Option<(u8, usize)> {
    match octets {
        [special, ..] if b" \"#+,;<=>\\".contains(special) => Some((*special, 1)),
        [high, low, ..] => {
            let digit = |octet: &u8| char::from(*octet).to_digit(16);
            let octet = digit(high)? << 4 | digit(low)?;
            Some((u8::try_from(octet).ok()?, 2))
        }
        _ => None,
    }
}

/// Writes a value by RFC 2253.
fn escape(value: &str, out: &mut String) {
    let last = value.chars().count().saturating_sub(1);
    for (at, character) in value.chars().enumerate() {
        let special = match character {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' => true,
            ' ' => at == 0 || at == last,
            '#' => at == 0,
            _ => false,
        };
        if special {
            out.push('\\');
        }
        out.push(character);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> DistinguishedName {
        DistinguishedName::parse(text).unwrap_or_else(|| panic!("{text:?} is a name"))
    }

    #[test]
    fn types_are_caseless_values_are_not_and_blanks_around_are_dropped() {
        let reference = name("CN=dn user,OU=Eng,O=Acme Inc");
        for same in ["cn=dn user,ou=Eng,o=Acme Inc", " CN = dn user , OU=Eng,O= Acme Inc "] {
            assert!(name(same).equals(&reference), "{same:?}");
        }
        for other in
            ["CN=DN user,OU=Eng,O=Acme Inc", "CN=dn user,OU=Eng", "CN=dn  user,OU=Eng,O=Acme Inc"]
        {
            assert!(!name(other).equals_unordered(&reference), "{other:?}");
        }
        let turned = name("O=Acme Inc, OU=Eng, CN=dn user");
        assert!(!turned.equals(&reference) && turned.equals_unordered(&reference));
        assert!(!name("OU=a+OU=a+OU=b").equals(&name("OU=a+OU=b+OU=b")));
        let twice = name("OU=a,OU=a,OU=b");
        assert!(!twice.equals_unordered(&name("OU=a,OU=b,OU=b")));
    }

    #[test]
    fn escapes_are_honoured() {
        for (text, value) in [
            (r"CN=a\,b", "a,b"),
            (r"CN=a\2cb", "a,b"),
            (r"CN=\ a\ ", " a "),
            (r"CN=\c3\a9", "\u{e9}"),
            (r"CN=a\\", r"a\"),
            ("CN=", ""),
            ("CN=a=b", "a=b"),
        ] {
            let attribute = Attribute { kind: Some(AttributeType::Cn), value: value.into() };
            assert_eq!(name(text).0, [[attribute]], "{text:?}");
        }
        assert!(name("CN=a+OU=b,O=c").equals(&name("OU=b+CN=a,O=c")));
        for text in
            ["", "a", "CN", "CN=a,", "CN=a,b", "FOO=x", r"CN=a\", r"CN=a\x", r"CN=\ff", "=a"]
        {
            assert_eq!(DistinguishedName::parse(text), None, "{text:?}");
        }
        assert_eq!(DistinguishedName::parse(&"CN=a,".repeat(100)), None);
    }

    #[test]
    fn texts_are_those_of_nats_server() {
        let text = |text: &str| name(text).text();
        assert_eq!(text("CN=a,OU=x,O=b,DC=d,DC=e"), "CN=a,OU=x,O=b");
        assert_eq!(text("O=b,CN=a"), "CN=a,O=b");
        let all = "SERIALNUMBER=7,CN=a,OU=Eng,O=Acme,POSTALCODE=1,STREET=R,L=L,ST=S,C=XX";
        assert_eq!(
            text("ST=S,C=XX,POSTALCODE=1,L=L,SERIALNUMBER=7,CN=a,STREET=R,OU=Eng,O=Acme"),
            all
        );
        assert_eq!(text("CN=b,CN=a,OU=two,OU=one,O=Acme"), "CN=b,OU=one+OU=two,O=Acme");
        assert_eq!(text(r"CN=\#a\, b\ "), r"CN=\#a\, b\ ");
        assert_eq!(name("CN=a,DC=d,DC=e").domain_text(), "DC=e,DC=d");
        assert_eq!(name("CN=a").domain_text(), "");
    }
}
