//! What people and programs of this machine and its network say: names, requests, rules.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use futures::FutureExt;

use super::parsed;
use crate::datasets::name::{Name, Reference};
use crate::datasets::store::Location;
use crate::gateway::address::Address;
use crate::gateway::lenient::Follower;
use crate::gateway::ranges::{self, Wanted};
use crate::pointer::PointerText;
use crate::tunnels::exit::{leads_to, note};
use crate::tunnels::socks::{Target, greet};
use crate::tunnels::{ExitPolicy, ServiceHost, ServiceKey, ServiceName};

/// What things are called: the first octet says what.
pub fn names(bytes: &[u8]) -> bool {
    let Some((kind, text)) = bytes.split_first() else { return false };
    let Ok(text) = std::str::from_utf8(text) else { return false };
    match kind % 8 {
        0 => parsed::<ServiceName>(text),
        1 => parsed::<ServiceHost>(text),
        2 => parsed::<ServiceKey>(text),
        3 => parsed::<Name>(text),
        4 => parsed::<Reference>(text),
        5 => parsed::<PointerText>(text),
        6 => parsed::<Location>(text),
        _ => crate::own::advertised_address(text).is_ok(),
    }
}

/// What a client of the proxy says.
pub fn socks(bytes: &[u8]) -> bool {
    let mut client = tokio::io::join(bytes, Vec::new());
    let greeted = greet(&mut client).now_or_never().expect("all that is said is there");
    let said = client.writer().clone();
    match greeted {
        Ok(asked) => {
            assert_eq!(said, [5, 0]);
            match asked {
                Ok(Target::Service(host)) => assert!(parsed::<ServiceHost>(&host.to_string())),
                Ok(Target::Outside { host, .. }) => {
                    assert!((1..=255).contains(&host.len()) && host.bytes().all(|byte| byte.is_ascii_graphic()));
                }
                Err((_, why)) => assert!(!why.is_empty()),
            }
            true
        }
        Err(_) => {
            assert!(said.is_empty() || said == [5, 0] || said == [5, 0xff]);
            false
        }
    }
}

/// Requests of a connection to the gateway: what comes out is what came in, but for four octets, and does not depend on where reads
/// end.
pub fn requests(bytes: &[u8]) -> bool {
    let whole = Follower::default().encode(bytes).unwrap_or_else(|| bytes.to_vec());
    let (mut follower, mut pieces) = (Follower::default(), Vec::new());
    for piece in bytes.chunks(1 + bytes.len() % 11) {
        pieces.extend(follower.encode(piece).unwrap_or_else(|| piece.to_vec()));
    }
    assert_eq!(pieces, whole);
    let (mut out, mut changed) = (&whole[..], 0);
    for octet in bytes {
        match out.split_first() {
            Some((same, rest)) if same == octet => out = rest,
            Some(_) | None => {
                assert!(b"\"<>`".contains(octet));
                out = out.strip_prefix(format!("%{octet:02X}").as_bytes()).expect("an octet stays or is encoded");
                changed += 1;
            }
        }
    }
    assert!(out.is_empty() && whole.len() == bytes.len() + 2 * changed);
    changed > 0
}

/// A path and a range of bytes that a client of the gateway asks for, one line each.
pub fn addresses(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let (path, range) = text.split_once('\n').unwrap_or((text, ""));
    for length in [0, 1, 1000, u64::MAX] {
        match ranges::parse(range, length) {
            Some(Wanted::Bytes(wanted)) => assert!(wanted.start < wanted.end && wanted.end <= length),
            Some(Wanted::Nothing | Wanted::All) | None => {}
        }
    }
    let Some(address) = Address::parse(path) else { return false };
    assert!(!address.name.is_empty() && !address.name.contains('/'));
    true
}

/// The rules of an exit, one a line, behind an octet that says whether private networks may be opened.
pub fn exit_policy(bytes: &[u8]) -> bool {
    let Some((private, text)) = bytes.split_first() else { return false };
    // Somebody else's note.
    _ = leads_to(text, 80);
    let Ok(text) = std::str::from_utf8(text) else { return false };
    let (private, rules) = (private % 2 == 1, text.lines().collect::<Vec<_>>());
    let Ok(policy) = ExitPolicy::new(&rules, private) else { return false };
    let again =
        ExitPolicy::new(&policy.rules().collect::<Vec<_>>(), private).expect("rules are read as they are shown");
    assert!(policy.rules().eq(again.rules()) && policy.rules().count() == rules.len());
    let inside: [IpAddr; 4] = [
        Ipv4Addr::LOCALHOST.into(),
        Ipv4Addr::new(192, 168, 1, 1).into(),
        Ipv6Addr::LOCALHOST.into(),
        Ipv4Addr::LOCALHOST.to_ipv6_mapped().into(),
    ];
    let outside: [IpAddr; 2] = [Ipv4Addr::new(9, 9, 9, 9).into(), Ipv6Addr::new(0x2620, 0xfe, 0, 0, 0, 0, 0, 9).into()];
    for port in [1, 22, 80, u16::MAX] {
        assert!(
            private || !inside.iter().any(|address| policy.allows(*address, port)),
            "a stranger is let into the house"
        );
        for address in inside.iter().chain(&outside) {
            assert_eq!(policy.allows(*address, port), again.allows(*address, port));
            assert!(!policy.is_closed() || !policy.allows(*address, port));
        }
    }
    // To look at all ports takes a while.
    if rules.len() <= 3 {
        let (ports, note) = (policy.ports(), note(&policy.ports()));
        assert!(note.len() <= grid::provider::MAX_NOTE);
        for port in [0, 1, 22, 80, u16::MAX] {
            assert_eq!(leads_to(&note, port), ports.iter().any(|range| range.contains(&port)));
            assert!(
                ports.iter().any(|range| range.contains(&port)) || !outside.iter().any(|one| policy.allows(*one, port))
            );
        }
    }
    true
}
