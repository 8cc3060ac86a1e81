//! Networks that users may come from (reference security 4.7: `src`).

use core::str::FromStr;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Deserializer};

/// Addresses that share their first bits: `10.0.0.0/8`, `2001:db8::/32`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// A text that is no network. A bare address is none (observed on nats-server 2.15.1).
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0:?} is not a network in CIDR notation (address/bits)")]
pub struct InvalidNetwork(pub String);

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let invalid = || InvalidNetwork(text.to_owned());
        let (address, bits) = text.split_once('/').ok_or_else(invalid)?;
        let address: IpAddr = address.parse().map_err(|_| invalid())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        if bits.is_empty() || !bits.bytes().all(|octet| octet.is_ascii_digit()) {
            return Err(invalid());
        }
        let bits: u8 = bits.parse().map_err(|_| invalid())?;
        if bits > most {
            return Err(invalid());
        }
        // IPv4 in IPv6's clothes is IPv4, as it is among the addresses that are looked for.
        let inner = bits.checked_sub(96).filter(|_| address.is_ipv6());
        let (address, bits) = match (address.to_canonical(), inner) {
            (plain @ IpAddr::V4(_), Some(inner)) => (plain, inner),
            _ => (address, bits),
        };
        Ok(Self { address, bits })
    }
}

impl Network {
    /// Whether this address is one of them.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                (v4(network) ^ v4(address)) & mask == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                (v6(network) ^ v6(address)) & mask == 0
            }
            _ => false,
        }
    }
}

fn v4(address: Ipv4Addr) -> u32 {
    address.to_bits()
}

fn v6(address: Ipv6Addr) -> u128 {
    address.to_bits()
}

/// A list of networks, which may be written as one text with commas between them.
pub(super) fn list_or_text<'de, D>(deserializer: D) -> Result<Option<Vec<String>>, D::Error>
where
    D: Deserializer<'de>,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        List(Vec<String>),
        Text(String),
    }
    let list = match Either::deserialize(deserializer)? {
        Either::List(list) => list,
        Either::Text(text) => {
            let entries = text.split(',').map(|entry| entry.trim().to_ascii_lowercase());
            entries.filter(|entry| !entry.is_empty()).collect()
        }
    };
    Ok(Some(list))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_have_the_addresses_with_their_first_bits() {
        for (network, address, expected) in [
            ("10.0.0.0/8", "10.200.1.1", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.99.0.0/8", "10.0.0.1", true),
            ("192.168.1.128/25", "192.168.1.127", false),
            ("192.168.1.128/25", "192.168.1.255", true),
            ("127.0.0.1/32", "127.0.0.1", true),
            ("127.0.0.1/32", "127.0.0.2", false),
            ("0.0.0.0/0", "255.255.255.255", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "::1", true),
            ("::/0", "1.2.3.4", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::1/128", "::1", true),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("::ffff:10.0.0.0/104", "10.1.2.3", true),
            ("::ffff:10.0.0.0/104", "11.1.2.3", false),
        ] {
            let network: Network = network.parse().unwrap();
            assert_eq!(network.contains(address.parse().unwrap()), expected, "{network:?}");
        }
    }

    #[test]
    fn other_texts_are_no_networks() {
        for text in [
            "",
            "127.0.0.1",
            "/8",
            "10.0.0.0/",
            "10.0.0.0/33",
            "10.0.0/8",
            "::/129",
            "10.0.0.0/+8",
            "10.0.0.0/8 ",
            " 10.0.0.0/8",
            "fe80::1%eth0/64",
            "10.0.0.0/8/8",
            "x/8",
            "10.0.0.0/256",
        ] {
            let parsed: Result<Network, _> = text.parse();
            assert_eq!(parsed, Err(InvalidNetwork(text.to_owned())), "{text:?}");
        }
    }
}
