//! Where a sink may send to: the rules for addresses, and the only place that resolves host names.
//!
//! The rules keep a mistyped or malicious target from reaching what only this machine can reach: its own services, the
//! local link, the metadata service of a cloud. A connection goes to an address that was checked, never to a name that is
//! resolved a second time.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use url::{Host, Url};

/// Time to get a connection.
pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Time for a whole delivery.
pub const DEFAULT_DELIVERY_TIMEOUT: Duration = Duration::from_secs(30);

/// What a target may be beside an address that anybody can reach. By default nothing more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TargetPolicy {
    /// This machine itself, also by plain http.
    pub allow_loopback: bool,
    /// The local link, and the metadata services of clouds, most of which are on it.
    pub allow_link_local: bool,
}

/// Why an address is no target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressClass {
    /// This machine.
    Loopback,
    /// The local link.
    LinkLocal,
    /// The metadata service of a cloud.
    Metadata,
    /// No address at all.
    Unspecified,
    /// More than one receiver, or reserved.
    NotUnicast,
}

impl fmt::Display for AddressClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Loopback => "a loopback address",
            Self::LinkLocal => "a link-local address",
            Self::Metadata => "the address of a metadata service",
            Self::Unspecified => "an unspecified address",
            Self::NotUnicast => "a multicast, broadcast or reserved address",
        })
    }
}

/// A target that may not be sent to, or that cannot be found.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Another scheme than https.
    #[error("the target {host} has the scheme {scheme}; it must be https")]
    Scheme {
        /// The host.
        host: String,
        /// The scheme.
        scheme: String,
    },
    /// No encryption towards another machine.
    #[error("the target {host} is not encrypted; only this machine may be sent to that way, where loopback is allowed")]
    Plain {
        /// The host.
        host: String,
    },
    /// A user name or password inside the address.
    #[error("the target {host} must not hold a user name or password")]
    UserInfo {
        /// The host.
        host: String,
    },
    /// No host.
    #[error("the target has no host")]
    NoHost,
    /// Neither a name nor an address.
    #[error("{host:?} is neither a host name nor an IP address")]
    HostName {
        /// The text.
        host: String,
    },
    /// An address that the policy forbids.
    #[error("the target {host} is {address}, {class}, which is not allowed")]
    Forbidden {
        /// The host.
        host: String,
        /// The address that it stands for.
        address: IpAddr,
        /// What is wrong with it.
        class: AddressClass,
    },
    /// The name has no address.
    #[error("cannot resolve the target {host}")]
    Resolve {
        /// The host.
        host: String,
        /// What the resolver says.
        #[source]
        source: io::Error,
    },
}

impl TargetError {
    /// What to do about it, where that is not in the message itself.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Forbidden {
                class: AddressClass::Loopback | AddressClass::LinkLocal | AddressClass::Metadata,
                ..
            } => Some("allow it for this sink if this is intended"),
            Self::UserInfo { .. } => Some("put credentials where secrets of the sink are configured"),
            Self::Resolve { .. } => Some("check the host name and the resolver of this machine"),
            _ => None,
        }
    }
}

/// Resolves a name to addresses.
pub trait Lookup: Send + Sync {
    /// The addresses of a host, with that port.
    fn lookup(&self, host: String, port: u16) -> Addresses;
}

/// A lookup that is under way.
pub type Addresses = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// Asks the resolver of the system.
struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, host: String, port: u16) -> Addresses {
        Box::pin(async move { Ok(tokio::net::lookup_host((host, port)).await?.collect()) })
    }
}

/// The network as sinks see it: how names are resolved and how long is waited.
#[derive(Clone)]
pub struct Network {
    /// Resolves names.
    pub lookup: Arc<dyn Lookup>,
    /// Time to get a connection.
    pub connect_timeout: Duration,
    /// Time for a whole delivery.
    pub delivery_timeout: Duration,
}

impl Network {
    /// The resolver of the system and the default time-outs.
    pub fn system() -> Self {
        Self {
            lookup: Arc::new(SystemLookup),
            connect_timeout: DEFAULT_CONNECT_TIMEOUT,
            delivery_timeout: DEFAULT_DELIVERY_TIMEOUT,
        }
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network")
            .field("connect_timeout", &self.connect_timeout)
            .field("delivery_timeout", &self.delivery_timeout)
            .finish_non_exhaustive()
    }
}

/// A policy, and whether the connection is encrypted: without that only this machine may be reached.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) policy: TargetPolicy,
    pub(super) is_plain: bool,
}

impl Rules {
    /// Whether an address may be connected to on behalf of a host.
    fn check(self, host: &str, address: IpAddr) -> Result<(), TargetError> {
        let class = classify(address);
        let is_allowed = match class {
            None => true,
            Some(AddressClass::Loopback) => self.policy.allow_loopback,
            Some(AddressClass::LinkLocal | AddressClass::Metadata) => self.policy.allow_link_local,
            Some(_) => false,
        };
        match class {
            Some(class) if !is_allowed => Err(TargetError::Forbidden { host: host.to_owned(), address, class }),
            Some(AddressClass::Loopback) => Ok(()),
            _ if self.is_plain => Err(TargetError::Plain { host: host.to_owned() }),
            _ => Ok(()),
        }
    }

    /// What can be known about a host before it is resolved.
    pub(super) fn check_host(self, host: &str) -> Result<(), TargetError> {
        if host.is_empty() {
            return Err(TargetError::NoHost);
        }
        match literal(host)? {
            Some(address) => self.check(host, address),
            None if self.is_plain && !self.policy.allow_loopback => Err(TargetError::Plain { host: host.to_owned() }),
            None => Ok(()),
        }
    }

    /// The addresses of a host that may be connected to: at least one.
    pub(super) async fn resolve(
        self,
        lookup: &dyn Lookup,
        host: &str,
        port: u16,
    ) -> Result<Vec<SocketAddr>, TargetError> {
        if let Some(address) = literal(host)? {
            self.check(host, address)?;
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let unresolved = |source| TargetError::Resolve { host: host.to_owned(), source };
        let found = lookup.lookup(host.to_owned(), port).await.map_err(unresolved)?;
        let mut refusal = None;
        let mut allowed = Vec::new();
        for address in found {
            match self.check(host, address.ip()) {
                Ok(()) => allowed.push(address),
                Err(error) => refusal = refusal.or(Some(error)),
            }
        }
        match refusal {
            _ if !allowed.is_empty() => Ok(allowed),
            Some(error) => Err(error),
            None => Err(unresolved(io::Error::new(io::ErrorKind::NotFound, "the name has no address"))),
        }
    }
}

/// Checks a URL as far as that is possible without the network; the rules for its connections.
pub(super) fn check_url(url: &Url, policy: TargetPolicy) -> Result<Rules, TargetError> {
    let host = host_of(url).ok_or(TargetError::NoHost)?;
    let is_plain = match url.scheme() {
        "https" => false,
        "http" => true,
        scheme => return Err(TargetError::Scheme { host, scheme: scheme.to_owned() }),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return Err(TargetError::UserInfo { host });
    }
    let rules = Rules { policy, is_plain };
    rules.check_host(&host)?;
    Ok(rules)
}

/// The host of a URL, an IPv6 address without its brackets.
pub(super) fn host_of(url: &Url) -> Option<String> {
    Some(match url.host()? {
        Host::Domain(name) => name.to_owned(),
        Host::Ipv4(address) => address.to_string(),
        Host::Ipv6(address) => address.to_string(),
    })
}

/// The address that a host is, in any spelling of IPv4; nothing for a name.
fn literal(host: &str) -> Result<Option<IpAddr>, TargetError> {
    if let Ok(address) = host.parse() {
        return Ok(Some(address));
    }
    match Host::parse(host) {
        Ok(Host::Ipv4(address)) => Ok(Some(address.into())),
        Ok(Host::Domain(_)) => Ok(None),
        Ok(Host::Ipv6(_)) | Err(_) => Err(TargetError::HostName { host: host.to_owned() }),
    }
}

/// What is special about an address; nothing for one that anybody can be reached by, private networks included.
fn classify(address: IpAddr) -> Option<AddressClass> {
    match address {
        IpAddr::V4(address) => classify_v4(address),
        IpAddr::V6(address) => embedded(address).map_or_else(|| classify_v6(address), classify_v4),
    }
}

/// Metadata services outside the local link: Alibaba, Oracle, Azure.
const METADATA_V4: [Ipv4Addr; 4] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(192, 0, 0, 192),
    Ipv4Addr::new(168, 63, 129, 16),
];

/// The metadata services of Amazon and Google.
const METADATA_V6: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)];

fn classify_v4(address: Ipv4Addr) -> Option<AddressClass> {
    if METADATA_V4.contains(&address) {
        Some(AddressClass::Metadata)
    } else if address.is_loopback() {
        Some(AddressClass::Loopback)
    } else if address.is_link_local() {
        Some(AddressClass::LinkLocal)
    } else if address.octets()[0] == 0 {
        Some(AddressClass::Unspecified)
    } else if address.octets()[0] >= 224 {
        Some(AddressClass::NotUnicast)
    } else {
        None
    }
}

fn classify_v6(address: Ipv6Addr) -> Option<AddressClass> {
    if METADATA_V6.contains(&address) {
        Some(AddressClass::Metadata)
    } else if address.is_loopback() {
        Some(AddressClass::Loopback)
    } else if address.is_unspecified() {
        Some(AddressClass::Unspecified)
    } else if address.is_unicast_link_local() {
        Some(AddressClass::LinkLocal)
    } else if address.is_multicast() {
        Some(AddressClass::NotUnicast)
    } else {
        None
    }
}

/// The IPv4 address that an IPv6 address leads to: mapped, compatible, NAT64 and 6to4.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let last = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        // `::` and `::1` are addresses of their own.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            Some(last(high, low))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_class(address: &str, expected: Option<AddressClass>) {
        assert_eq!(classify(address.parse().unwrap()), expected, "{address}");
    }

    #[test]
    fn addresses_of_this_machine_and_link_are_classified() {
        for address in
            ["127.0.0.1", "127.255.0.1", "::1", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"]
        {
            check_class(address, Some(AddressClass::Loopback));
        }
        for address in ["169.254.1.1", "fe80::1", "::ffff:169.254.1.1"] {
            check_class(address, Some(AddressClass::LinkLocal));
        }
    }

    #[test]
    fn metadata_services_are_classified() {
        for address in [
            "169.254.169.254",
            "100.100.100.200",
            "192.0.0.192",
            "168.63.129.16",
            "fd00:ec2::254",
            "fd20:ce::254",
            "::ffff:169.254.169.254",
        ] {
            check_class(address, Some(AddressClass::Metadata));
        }
    }

    #[test]
    fn addresses_of_no_single_receiver_are_classified() {
        for address in ["0.0.0.0", "0.1.2.3", "::", "::ffff:0.0.0.0"] {
            check_class(address, Some(AddressClass::Unspecified));
        }
        for address in ["224.0.0.1", "255.255.255.255", "240.0.0.1", "ff02::1"] {
            check_class(address, Some(AddressClass::NotUnicast));
        }
    }

    #[test]
    fn public_and_private_addresses_are_targets() {
        for address in
            ["192.0.2.1", "10.0.0.1", "192.168.1.1", "100.64.0.1", "2001:db8::1", "fd00::1", "64:ff9b::c000:201"]
        {
            check_class(address, None);
        }
    }

    #[track_caller]
    fn check_host(host: &str, expected: &str) {
        let error = Rules { policy: TargetPolicy::default(), is_plain: false }.check_host(host).unwrap_err();
        assert!(error.to_string().contains(expected), "{host}: {error}");
    }

    #[test]
    fn other_spellings_of_an_address_are_no_way_around() {
        for host in ["127.1", "2130706433", "0x7f.1", "0177.0.0.1"] {
            check_host(host, "a loopback address");
        }
        check_host("a b", "neither a host name nor an IP address");
        check_host("[::1]", "neither a host name nor an IP address");
        check_host("", "has no host");
    }
}
