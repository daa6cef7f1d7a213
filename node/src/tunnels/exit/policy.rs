//! Whereto a node lets strangers out: nowhere, unless its owner says so.
//!
//! A policy is a list of rules as in Tor's `ExitPolicy` (torrc; dir-spec 2.1.1), of which the first that fits decides; where none
//! fits, and without a rule, nothing is let out. Whatever the rules say, no address is let out that is not a public one of the
//! internet: a stranger would be in the owner's house.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::str::FromStr;

/// The most rules of a policy.
const MOST: usize = 256;
/// Ranges of ports that a policy is told by at most.
pub(crate) const MOST_RANGES: usize = 64;

/// Why something is no rule, or no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// It is not written like one.
    #[error(
        "{0:?} is no rule of an exit policy: say accept or reject, then ADDRESS:PORTS, like accept *:443, reject 192.0.2.0/24:* or accept [2001:db8::]/32:1000-2000"
    )]
    Malformed(String),
    /// It would let strangers into a network that is not the internet.
    #[error("{rule:?} would let strangers reach {what} of this machine's owner, so it is refused")]
    Private {
        /// The rule.
        rule: String,
        /// What lies there.
        what: &'static str,
    },
    /// There are too many.
    #[error("an exit policy has at most {MOST} rules, not {0}")]
    TooMany(usize),
}

/// Addresses of one kind that begin alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hosts {
    All,
    Net { first: IpAddr, prefix: u8 },
}

impl Hosts {
    /// Whether these are some and not all of a kind.
    fn is_named(self) -> bool {
        match self {
            Self::All => false,
            Self::Net { prefix, .. } => prefix > 0,
        }
    }

    fn contains(self, address: IpAddr) -> bool {
        match self {
            Self::All => true,
            Self::Net { first, prefix } => match (first, address) {
                (IpAddr::V4(first), IpAddr::V4(address)) => {
                    alike(first.to_bits().into(), address.to_bits().into(), 32, prefix)
                }
                (IpAddr::V6(first), IpAddr::V6(address)) => alike(first.to_bits(), address.to_bits(), 128, prefix),
                (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
            },
        }
    }
}

/// Whether the first `prefix` of `length` bits are the same.
fn alike(a: u128, b: u128, length: u8, prefix: u8) -> bool {
    (a ^ b).checked_shr((length - prefix).into()).unwrap_or(0) == 0
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    accepts: bool,
    hosts: Hosts,
    ports: RangeInclusive<u16>,
}

impl Rule {
    fn fits(&self, address: IpAddr, port: u16) -> bool {
        self.hosts.contains(address) && self.ports.contains(&port)
    }
}

impl FromStr for Rule {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let malformed = || PolicyError::Malformed(text.to_owned());
        let (verb, to) = text.trim().split_once(char::is_whitespace).ok_or_else(malformed)?;
        let accepts = match verb {
            "accept" => true,
            "reject" => false,
            _ => return Err(malformed()),
        };
        let (hosts, ports) = to.trim().rsplit_once(':').ok_or_else(malformed)?;
        Ok(Self {
            accepts,
            hosts: hosts_of(hosts).ok_or_else(malformed)?,
            ports: ports_of(ports).ok_or_else(malformed)?,
        })
    }
}

fn hosts_of(text: &str) -> Option<Hosts> {
    if text == "*" {
        return Some(Hosts::All);
    }
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(number::<u8>(prefix)?)),
        None => (text, None),
    };
    let (first, length) = match address.strip_prefix('[').and_then(|address| address.strip_suffix(']')) {
        Some(v6) => (IpAddr::V6(v6.parse().ok()?), 128),
        None => (IpAddr::V4(address.parse().ok()?), 32),
    };
    let prefix = prefix.unwrap_or(length);
    (prefix <= length).then_some(Hosts::Net { first, prefix })
}

fn ports_of(text: &str) -> Option<RangeInclusive<u16>> {
    if text == "*" {
        return Some(1..=u16::MAX);
    }
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let (from, to) = (number::<u16>(from)?, number::<u16>(to)?);
    (0 < from && from <= to).then_some(from..=to)
}

/// Digits alone, without a sign.
fn number<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.accepts { "accept " } else { "reject " })?;
        match self.hosts {
            Hosts::All => f.write_str("*")?,
            Hosts::Net { first: IpAddr::V4(first), prefix } => write!(f, "{first}/{prefix}")?,
            Hosts::Net { first: IpAddr::V6(first), prefix } => write!(f, "[{first}]/{prefix}")?,
        }
        match (*self.ports.start(), *self.ports.end()) {
            (1, u16::MAX) => f.write_str(":*"),
            (from, to) if from == to => write!(f, ":{from}"),
            (from, to) => write!(f, ":{from}-{to}"),
        }
    }
}

/// Whereto strangers are let out. The default is nowhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExitPolicy {
    rules: Vec<Rule>,
    private: bool,
}

impl ExitPolicy {
    /// Reads rules, in order. With `private` networks that are not the internet may be opened by rules that name them: for a
    /// grid in a network of its own, and for tests.
    ///
    /// # Errors
    /// [`PolicyError`] for the first rule that is none, or that would open such a network without that.
    pub fn new<S: AsRef<str>>(rules: &[S], private: bool) -> Result<Self, PolicyError> {
        if rules.len() > MOST {
            return Err(PolicyError::TooMany(rules.len()));
        }
        let rules = rules.iter().map(|rule| rule.as_ref().parse()).collect::<Result<Vec<Rule>, _>>()?;
        let opened = |rule: &Rule| match rule.hosts {
            Hosts::Net { first, .. } if rule.accepts && rule.hosts.is_named() => special(first),
            Hosts::Net { .. } | Hosts::All => None,
        };
        match rules.iter().filter(|_| !private).find_map(|rule| Some((rule, opened(rule)?))) {
            Some((rule, what)) => Err(PolicyError::Private { rule: rule.to_string(), what }),
            None => Ok(Self { rules, private }),
        }
    }

    /// Whether nobody is let out.
    pub fn is_closed(&self) -> bool {
        !self.rules.iter().any(|rule| rule.accepts)
    }

    /// Whether a stranger may reach an address. Those that are not public ones only where that was allowed and the rule that
    /// decides names them.
    pub fn allows(&self, address: IpAddr, port: u16) -> bool {
        let deciding = self.rules.iter().find(|rule| rule.fits(address, port));
        deciding
            .is_some_and(|rule| rule.accepts && (special(address).is_none() || self.private && rule.hosts.is_named()))
    }

    /// The ports at which some address may be reached, as ranges, at most [`MOST_RANGES`] of them: what others are told, so
    /// that they do not ask in vain.
    pub(crate) fn ports(&self) -> Vec<RangeInclusive<u16>> {
        let mut ranges: Vec<RangeInclusive<u16>> = Vec::new();
        for port in 1..=u16::MAX {
            let mut rules = self.rules.iter().filter(|rule| rule.ports.contains(&port));
            let is_open = rules.find(|rule| rule.accepts || rule.hosts == Hosts::All).is_some_and(|rule| rule.accepts);
            match ranges.last_mut() {
                Some(last) if is_open && last.end().checked_add(1) == Some(port) => *last = *last.start()..=port,
                Some(_) | None if is_open => ranges.push(port..=port),
                Some(_) | None => {}
            }
        }
        ranges.truncate(MOST_RANGES);
        ranges
    }

    /// The rules, as they are written.
    pub fn rules(&self) -> impl Iterator<Item = String> {
        self.rules.iter().map(ToString::to_string)
    }
}

/// What lies at an address that is not a public one (IANA's registries of special-purpose addresses, RFC 6890), forms in
/// which one kind of address stands in another included.
fn special(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => special_v4(address),
        IpAddr::V6(address) => special_v6(address),
    }
}

fn special_v4(address: Ipv4Addr) -> Option<&'static str> {
    let [a, b, c, _] = address.octets();
    Some(match (a, b, c) {
        (127, ..) => "programs",
        (10, ..) | (172, 16..=31, _) | (192, 168, _) => "the private network",
        (169, 254, _) => "the local link",
        (100, 64..=127, _) => "the provider's network",
        (0, ..) => "this network",
        (224..=239, ..) => "groups of machines",
        (192, 0, 0 | 2) | (198, 51, 100) | (203, 0, 113) | (198, 18..=19, _) | (192, 88, 99) | (240..=255, ..) => {
            "addresses that nobody has"
        }
        _ => return None,
    })
}

fn special_v6(address: Ipv6Addr) -> Option<&'static str> {
    if address == Ipv6Addr::LOCALHOST {
        return Some("programs");
    }
    // IPv4 within IPv6: mapped, translated (RFC 6052), 6to4 and Teredo. Nobody needs these to reach somebody.
    let [first, second, ..] = address.segments();
    Some(match (first, second) {
        (0xfc00..=0xfdff, _) => "the private network",
        (0xfe80..=0xfebf, _) => "the local link",
        (0xff00..=0xffff, _) => "groups of machines",
        (0x2001, 0..=0x01ff) | (0x2002, _) => "IPv4 addresses in another form",
        (0x2001, 0x0db8) | (0x3fff, 0..=0x0fff) => "addresses that nobody has",
        (0x2000..=0x3fff, _) => return None,
        _ => "addresses that are not the internet's",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn policy(rules: &[&str]) -> ExitPolicy {
        ExitPolicy::new(rules, false).unwrap()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_first_rule_that_fits_decides_and_silence_is_no() {
        let policy = policy(&["reject 8.8.0.0/16:*", "accept *:443", "accept [2a00::]/16:1000-2000", "reject *:*"]);
        assert!(policy.allows(ip("9.9.9.9"), 443) && !policy.allows(ip("9.9.9.9"), 444));
        assert!(!policy.allows(ip("8.8.4.4"), 443) && policy.allows(ip("8.9.4.4"), 443));
        assert!(policy.allows(ip("2a00::5"), 1000) && policy.allows(ip("2a00::5"), 2000));
        assert!(!policy.allows(ip("2a00::5"), 2001) && !policy.allows(ip("2a01::5"), 1500));
        assert_eq!(policy.ports(), [443..=443, 1000..=2000]);
        assert!(!policy.is_closed() && ExitPolicy::default().is_closed());
        assert!(!ExitPolicy::default().allows(ip("9.9.9.9"), 443) && ExitPolicy::default().ports().is_empty());
    }

    #[test]
    fn whatever_the_rules_say_only_the_internet_is_reached() {
        let open = policy(&["accept *:*", "accept 0.0.0.0/0:*", "accept [::]/0:*"]);
        for inside in [
            "127.0.0.1",
            "127.255.1.1",
            "0.0.0.0",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.9.9",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "198.18.0.1",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "fec0::1",
            "5f00::1",
        ] {
            assert!(!open.allows(ip(inside), 80), "{inside}");
        }
        for outside in
            ["8.8.8.8", "172.32.0.1", "172.15.0.1", "100.128.0.1", "192.0.1.1", "2a00:1450::1", "2001:4860:4860::8888"]
        {
            assert!(open.allows(ip(outside), 80), "{outside}");
        }
    }

    #[test]
    fn a_rule_that_would_open_the_house_is_refused_unless_that_is_meant() {
        for (rule, what) in [
            ("accept 127.0.0.1:*", "programs"),
            ("accept [::1]:80", "programs"),
            ("accept 192.168.0.0/16:22", "the private network"),
        ] {
            let error = ExitPolicy::new(&[rule], false).unwrap_err().to_string();
            assert!(error.contains(what) && error.contains("refused"), "{error}");
            assert!(ExitPolicy::new(&[rule], true).is_ok());
        }
        assert!(ExitPolicy::new(&["reject 127.0.0.1:*"], false).is_ok());
        let meant = ExitPolicy::new(&["accept 127.0.0.1:80", "accept *:81"], true).unwrap();
        assert!(
            meant.allows(ip("127.0.0.1"), 80)
                && !meant.allows(ip("127.0.0.1"), 81)
                && !meant.allows(ip("127.0.0.2"), 80)
        );
    }

    #[test]
    fn what_is_no_rule_is_said() {
        for rubbish in [
            "",
            "accept",
            "accept *",
            "accept *:",
            "accept *:0",
            "accept *:70000",
            "accept *:9-8",
            "accept *:+5",
            "allow *:80",
            "accept example.org:80",
            "accept 1.2.3:80",
            "accept 1.2.3.4/33:80",
            "accept ::1:80",
            "accept [::1/128:80",
            "accept [1.2.3.4]:80",
            "accept 1.2.3.4/:80",
        ] {
            let error = ExitPolicy::new(&[rubbish], false).unwrap_err();
            assert_eq!(error, PolicyError::Malformed(rubbish.to_owned()));
        }
        assert_eq!(ExitPolicy::new(&vec!["accept *:1"; 257], false), Err(PolicyError::TooMany(257)));
    }

    fn rule() -> impl Strategy<Value = String> {
        let hosts = prop_oneof![
            Just("*".to_owned()),
            (any::<Ipv4Addr>(), 0..=32_u8).prop_map(|(first, prefix)| format!("{first}/{prefix}")),
            (any::<Ipv6Addr>(), 0..=128_u8).prop_map(|(first, prefix)| format!("[{first}]/{prefix}")),
        ];
        (any::<bool>(), hosts, 1..=u16::MAX, 0..2000_u16).prop_map(|(accepts, hosts, from, more)| {
            let verb = if accepts { "accept" } else { "reject" };
            format!("{verb} {hosts}:{from}-{}", from.saturating_add(more))
        })
    }

    proptest! {
        #[test]
        fn rules_are_read_as_they_are_written(rules in prop::collection::vec(rule(), 0..8)) {
            let policy = ExitPolicy::new(&rules, true).unwrap();
            let written: Vec<String> = policy.rules().collect();
            prop_assert_eq!(ExitPolicy::new(&written, true).unwrap(), policy);
        }

        /// Nothing but the rules in their order, by another way of counting; and a port that is not told is open nowhere.
        #[test]
        fn addresses_are_let_out_as_the_rules_say(rules in prop::collection::vec(rule(), 0..8), v4: Ipv4Addr, v6: Ipv6Addr, port: u16) {
            let policy = ExitPolicy::new(&rules, true).unwrap();
            let told = policy.ports().iter().any(|range| range.contains(&port));
            for address in [IpAddr::V4(v4), IpAddr::V6(v6)] {
                prop_assert!(told || policy.ports().len() == MOST_RANGES || !policy.allows(address, port));
                if special(address).is_some() && ExitPolicy::new(&rules, false).is_ok() {
                    prop_assert!(!ExitPolicy::new(&rules, false).unwrap().allows(address, port));
                }
            }
        }

        #[test]
        fn rubbish_is_an_error_and_no_panic(text in ".{0,40}") {
            _ = ExitPolicy::new(&[text], false);
        }
    }
}
