//! The addresses that an owner says his node has for others, where it cannot see them itself: a router forwards a port.

use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;

use super::{MAX_ADDRESSES, ip, is_link_local};

/// Why an address cannot be advertised.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AdvertiseError {
    /// It is none.
    #[error("{text:?} is no address ({why}): say one like /ip4/203.0.113.7/tcp/7118")]
    Malformed {
        /// What was said.
        text: String,
        /// What is wrong with it.
        why: String,
    },
    /// It does not begin with an IP address; names are not looked up by those who dial.
    #[error("{0}: an address that others are told begins with /ip4/ or /ip6/")]
    NoIp(Multiaddr),
    /// It means every machine, or another one for each who reads it.
    #[error("{0}: others cannot dial that: say the address that your machine or your router has on the net")]
    NotForOthers(Multiaddr),
    /// It does not go on with a transport that nodes speak.
    #[error("{0}: others dial /tcp/PORT or /udp/PORT/quic-v1 and nothing after it, with a port from 1 on")]
    Transport(Multiaddr),
    /// A card has no room for so many.
    #[error("{0} addresses to be told others, and the most are {MAX_ADDRESSES}")]
    TooMany(usize),
}

/// Reads an address that others are to be told.
///
/// # Errors
/// [`AdvertiseError`] if nobody could dial it.
pub(crate) fn parse(text: &str) -> Result<Multiaddr, AdvertiseError> {
    let malformed =
        |why: libp2p::multiaddr::Error| AdvertiseError::Malformed { text: text.into(), why: why.to_string() };
    let address = text.parse().map_err(malformed)?;
    check(&address)?;
    Ok(address)
}

/// Whether others could dial all of them.
///
/// # Errors
/// [`AdvertiseError`] if not.
pub(super) fn check_all(addresses: &[Multiaddr]) -> Result<(), AdvertiseError> {
    if addresses.len() > MAX_ADDRESSES {
        return Err(AdvertiseError::TooMany(addresses.len()));
    }
    addresses.iter().try_for_each(check)
}

fn check(address: &Multiaddr) -> Result<(), AdvertiseError> {
    let Some(ip) = ip(address) else { return Err(AdvertiseError::NoIp(address.clone())) };
    if ip.is_unspecified() || ip.is_multicast() || is_link_local(address) {
        return Err(AdvertiseError::NotForOthers(address.clone()));
    }
    let mut rest = address.iter().skip(1);
    let spoken = match (rest.next(), rest.next(), rest.next()) {
        (Some(Protocol::Tcp(port)), None, _) => port > 0,
        (Some(Protocol::Udp(port)), Some(Protocol::QuicV1), None) => port > 0,
        _ => false,
    };
    if spoken { Ok(()) } else { Err(AdvertiseError::Transport(address.clone())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_can_dial_is_taken() {
        let good = ["/ip4/203.0.113.7/tcp/7118", "/ip4/203.0.113.7/udp/7118/quic-v1", "/ip6/2001:db8::7/tcp/1"];
        // Loopback, too: a whole grid may be on one machine.
        for text in good.into_iter().chain(["/ip4/127.0.0.1/tcp/65535"]) {
            assert_eq!(parse(text).map(|address| address.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn more_than_a_card_has_room_for_is_refused() {
        let address = parse("/ip4/203.0.113.7/tcp/7118").unwrap();
        assert_eq!(check_all(&vec![address.clone(); 16]), Ok(()));
        assert_eq!(check_all(&vec![address; 17]), Err(AdvertiseError::TooMany(17)));
    }

    #[test]
    fn what_nobody_can_dial_is_refused_with_the_reason() {
        let refused = [
            ("203.0.113.7:7118", "/ip4/203.0.113.7/tcp/7118"),
            ("", "begins with"),
            ("/dns4/example.org/tcp/7118", "begins with"),
            ("/tcp/7118", "begins with"),
            ("/ip4/0.0.0.0/tcp/7118", "cannot dial"),
            ("/ip6/::/udp/7118/quic-v1", "cannot dial"),
            ("/ip6/fe80::1/tcp/7118", "cannot dial"),
            ("/ip4/169.254.1.1/tcp/7118", "cannot dial"),
            ("/ip4/224.0.0.1/udp/7118/quic-v1", "cannot dial"),
            ("/ip4/203.0.113.7", "quic-v1"),
            ("/ip4/203.0.113.7/tcp/0", "from 1 on"),
            ("/ip4/203.0.113.7/udp/0/quic-v1", "from 1 on"),
            ("/ip4/203.0.113.7/udp/7118", "quic-v1"),
            ("/ip4/203.0.113.7/tcp/7118/ws", "nothing after"),
        ];
        for (text, word) in refused {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(word), "{text}: {error}");
        }
    }
}
