//! The addresses of this machine.

use std::ffi::CStr;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ptr;

/// The addresses of all interfaces, loopback interfaces first; within an interface IPv4 first.
/// An IPv6 link-local address comes without its zone.
///
/// # Errors
/// When the system does not tell.
pub fn local_addresses() -> io::Result<Vec<IpAddr>> {
    let mut list: *mut libc::ifaddrs = ptr::null_mut();
    // SAFETY: the pointer is to a live local that the call fills.
    if unsafe { libc::getifaddrs(&mut list) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut found: Vec<Found> = Vec::new();
    let mut at = list;
    while !at.is_null() {
        // SAFETY: `at` is an entry of the list that getifaddrs made, which is not freed before
        // the end of this function; its name is a NUL-terminated string.
        let entry = unsafe { &*at };
        at = entry.ifa_next;
        let Some(ip) = address(entry.ifa_addr) else { continue };
        // SAFETY: see above.
        let interface = unsafe { CStr::from_ptr(entry.ifa_name) };
        found.push(Found { interface: interface.to_bytes().to_vec(), ip });
    }
    // SAFETY: the list is the one getifaddrs made, freed once, and nothing borrowed from it is
    // left: names and addresses were copied.
    unsafe { libc::freeifaddrs(list) };
    Ok(ordered(found))
}

struct Found {
    interface: Vec<u8>,
    ip: IpAddr,
}

/// The IP address in a socket address, if it is one.
fn address(addr: *const libc::sockaddr) -> Option<IpAddr> {
    if addr.is_null() {
        return None;
    }
    // SAFETY: a non-null ifa_addr points to a sockaddr of the size that its family has, so its
    // family may be read, and after that it may be read as that family's type. It may not be
    // aligned for that type, hence the unaligned reads.
    unsafe {
        match i32::from((*addr).sa_family) {
            libc::AF_INET => {
                let addr = ptr::read_unaligned(addr.cast::<libc::sockaddr_in>());
                Some(IpAddr::V4(Ipv4Addr::from(u32::from_be(addr.sin_addr.s_addr))))
            }
            libc::AF_INET6 => {
                let addr = ptr::read_unaligned(addr.cast::<libc::sockaddr_in6>());
                Some(IpAddr::V6(Ipv6Addr::from(addr.sin6_addr.s6_addr)))
            }
            _ => None,
        }
    }
}

/// Interfaces in the system's order, those that have a loopback address before the others. The
/// system lists all IPv4 addresses before all IPv6 ones.
fn ordered(found: Vec<Found>) -> Vec<IpAddr> {
    let mut interfaces: Vec<(Vec<u8>, Vec<IpAddr>)> = Vec::new();
    for Found { interface, ip } in found {
        match interfaces.iter_mut().find(|(name, _)| *name == interface) {
            Some((_, ips)) => ips.push(ip),
            None => interfaces.push((interface, vec![ip])),
        }
    }
    interfaces.sort_by_key(|(_, ips)| !ips.iter().any(IpAddr::is_loopback));
    for (_, ips) in &mut interfaces {
        ips.sort_by_key(IpAddr::is_ipv6);
    }
    interfaces.into_iter().flat_map(|(_, ips)| ips).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_comes_first_and_ipv4_before_ipv6() {
        let rows = [
            ("eth0", "192.0.2.2"),
            ("lo", "127.0.0.1"),
            ("eth0", "fd00::2"),
            ("lo", "::1"),
            ("eth0", "192.0.2.3"),
        ];
        let found = rows
            .iter()
            .map(|(name, ip)| Found {
                interface: name.as_bytes().to_vec(),
                ip: ip.parse().unwrap(),
            })
            .collect();
        let got: Vec<String> = ordered(found).iter().map(IpAddr::to_string).collect();
        assert_eq!(got, ["127.0.0.1", "::1", "192.0.2.2", "192.0.2.3", "fd00::2"]);
    }

    #[test]
    fn this_machine_has_a_loopback_address() {
        assert_eq!(local_addresses().unwrap().first(), Some(&IpAddr::V4(Ipv4Addr::LOCALHOST)));
    }
}
