//! The keys of a `--config` file, each said once: what it is for, how it is read, what holds if the file is silent. The
//! reader, its messages, `rook config` and the documentation are made of these tables.

use std::fmt::Write;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::time::Duration;

use grid::config::Config;

use super::error::ConfigError;
use super::section::Section;
use crate::daemon::Limits;

/// The longest time that may be asked for: a day.
const LONGEST_MS: u64 = 86_400_000;

/// A key whose value is a text or a list of texts.
pub(super) struct TextKey {
    key: &'static str,
    /// For people, in sentences.
    about: &'static str,
    /// What holds if the file is silent, or else an example, as TOML.
    value: &'static str,
    is_example: bool,
}

const fn usual(key: &'static str, value: &'static str, about: &'static str) -> TextKey {
    TextKey { key, about, value, is_example: false }
}

const fn example(key: &'static str, value: &'static str, about: &'static str) -> TextKey {
    TextKey { key, about, value, is_example: true }
}

/// What stands before any section.
pub(super) const TOP: &[TextKey] = &[
    example("identity", r#""identity.pem""#, "The identity file, from `rook mint`. Files are sought beside this one."),
    example(
        "grid",
        r#""main""#,
        "The grid: local, main or a grid file. Without it the one that the identity was minted for.",
    ),
    example("passphrase_file", r#""passphrase""#, "A file whose first line is the identity's passphrase."),
    example("data", r#""data""#, "The folder for records and known neighbours; it is made if it is not there."),
    usual(
        "quota",
        r#""10GiB""#,
        "Bytes of records to keep at most: 500MB, 20GiB. Beyond that those of lowest priority are dropped first.",
    ),
    usual(
        "cache",
        r#""20MiB""#,
        "Memory for what was used last of the records. The node takes about 6 MiB besides; identities of one process share it.",
    ),
    usual(
        "level",
        r#""normal""#,
        "How much the node does for others. A leaf keeps one link for each axis and asks; a normal node has links to all its \
         neighbours, passes requests on and keeps records; a strong one does so under several identities.",
    ),
    example(
        "grow_after",
        r#""30min""#,
        "How long a leaf stays one, before it becomes a normal node. Without it for ever.",
    ),
    example("also", r#"["second.pem"]"#, "The further identities of a strong node."),
    usual(
        "listen",
        r#"["/ip4/0.0.0.0/udp/7118/quic-v1", "/ip4/0.0.0.0/tcp/7118", "/ip6/::/udp/7118/quic-v1", "/ip6/::/tcp/7118"]"#,
        "Where others connect to. Where there is no IPv6 the usual addresses are without.",
    ),
    example(
        "advertise",
        r#"["/ip4/203.0.113.7/udp/7118/quic-v1"]"#,
        "The address that others are told to connect to, where it is not the one at which the node listens: that of a router \
         that forwards the port.",
    ),
    usual(
        "map_ports",
        r#""false""#,
        "Whether the node asks its router to forward its ports to it (UPnP), where nothing is to be advertised. Without that \
         others come to a node behind a router by way of neighbours, and directly where the router allows it.",
    ),
    example(
        "mdns",
        r#""on""#,
        "Whether the node looks for others of its grid on the networks that it is on (mDNS), joins through them, and answers who \
         looks for it, which tells everybody there that it exists. Without it on for the grid local, and off for others.",
    ),
    example(
        "peers",
        r#"["/ip4/192.0.2.1/udp/7118/quic-v1/p2p/12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp"]"#,
        "Nodes to join through. Without one the node relies on the neighbours that it knows from before, or on those that it \
         finds on its network, or is the first of its grid.",
    ),
    example(
        "cover",
        r#""2Mbit/s""#,
        "Sends so much at all times, in cells of one size, whatever there is to be sent, so that who watches the node's lines does \
         not see what it does. Its links share it evenly; the more it is, the faster are they.",
    ),
    usual(
        "cover_pace",
        r#""poisson""#,
        "The time between two cells of a link: poisson for drawn ones, constant for equal ones.",
    ),
    usual("api", r#""127.0.0.1:7117""#, "Where the local API listens; port 0 takes a free one."),
];

/// `[datasets]`
pub(super) const DATASETS: &[TextKey] = &[
    usual(
        "listen",
        r#"["/ip4/0.0.0.0/tcp/7119", "/ip6/::/tcp/7119"]"#,
        "Where datasets are served to readers. Beside a node that listens elsewhere: any free TCP port of the same addresses.",
    ),
    usual(
        "hide_address",
        r#""false""#,
        "Whether that is kept private: readers then ask along the grid, which is slower.",
    ),
    example(
        "dap",
        r#""127.0.0.1:8080""#,
        "Where datasets of the grid are served to DAP clients, as http://ADDR/NAME, after checking what servers send. Without it \
         nowhere.",
    ),
    usual("dap_limit", r#""64GiB""#, "The largest answer to a DAP client."),
    usual("cache", r#""4GiB""#, "How much disk proved values may take that were read; 0B keeps none."),
    usual(
        "check_rate",
        r#""0.08""#,
        "The share of a proven server's answers that are checked with a second server, where answers do not prove themselves.",
    ),
    usual(
        "proofs",
        r#""always""#,
        "When values are fetched with proofs, where the publisher has signed all of them: always, so that no server is \
         believed; or only on disputes between servers.",
    ),
    usual(
        "checksum",
        r#""blake3""#,
        "By what the answers of servers are compared: blake3, sha256, or md5, which can be forged and is for servers that \
         know nothing else.",
    ),
];

/// `[exit]`
pub(super) const EXIT: &[TextKey] = &[
    example(
        "policy",
        r#"["reject *:25", "accept *:1-65535"]"#,
        "Whereto strangers are let out of the grid through this node, who then act under its address: rules accept or reject \
         ADDRESS:PORTS, of which the first that fits decides. Addresses are *, 192.0.2.0/24 or [2001:db8::]/32. Without a rule \
         that fits nowhere; and never into networks that are not the internet.",
    ),
    usual(
        "private_networks",
        r#""false""#,
        "Whether rules that name such networks count: for a grid in a network of its own.",
    ),
];

/// Where a number of `T` is kept.
enum At<T> {
    /// In milliseconds.
    Time(fn(&mut T) -> &mut Duration),
    Byte(fn(&mut T) -> &mut u8),
    Count(fn(&mut T) -> &mut usize),
    Number(fn(&mut T) -> &mut u32),
    Rate(fn(&mut T) -> &mut Option<NonZeroU32>),
}

/// A key whose value is a whole number.
pub(super) struct NumberKey<T> {
    key: &'static str,
    about: &'static str,
    range: RangeInclusive<u64>,
    at: At<T>,
}

const fn time<T>(key: &'static str, at: fn(&mut T) -> &mut Duration, about: &'static str) -> NumberKey<T> {
    NumberKey { key, about, range: 1..=LONGEST_MS, at: At::Time(at) }
}

const fn byte<T>(
    key: &'static str,
    range: RangeInclusive<u64>,
    at: fn(&mut T) -> &mut u8,
    about: &'static str,
) -> NumberKey<T> {
    NumberKey { key, about, range, at: At::Byte(at) }
}

const fn count<T>(key: &'static str, at: fn(&mut T) -> &mut usize, about: &'static str) -> NumberKey<T> {
    NumberKey { key, about, range: 1..=1_000_000, at: At::Count(at) }
}

/// `[protocol]`
pub(super) const PROTOCOL: &[NumberKey<Config>] = &[
    time(
        "hop_timeout_ms",
        |c| &mut c.hop_timeout,
        "How long a neighbour may take to accept a request before another is asked.",
    ),
    time(
        "answer_timeout_ms",
        |c| &mut c.answer_timeout,
        "How long an answer is waited for before another way is tried.",
    ),
    time("operation_timeout_ms", |c| &mut c.operation_timeout, "How long a put or get may take over all attempts."),
    time(
        "hedge_after_ms",
        |c| &mut c.hedge_after,
        "After which time without an answer a get asks the next replica cell as well.",
    ),
    byte(
        "hedge_percent",
        0..=100,
        |c| &mut c.hedge_percent,
        "How many of a hundred requests of one's own may be sent a second time when their answer takes long; 0 for none.",
    ),
    time(
        "replicate_timeout_ms",
        |c| &mut c.replicate_timeout,
        "How long the others of a cell have to confirm a replica.",
    ),
    time(
        "recover_timeout_ms",
        |c| &mut c.recover_timeout,
        "How long another node of the cell has to send a record that is lacking.",
    ),
    time(
        "reconcile_every_ms",
        |c| &mut c.reconcile_every,
        "Time between two comparisons of the records with another node of the cell.",
    ),
    time("probe_every_ms", |c| &mut c.probe_every, "Time between two probes; each asks one neighbour, in turn."),
    time("probe_timeout_ms", |c| &mut c.probe_timeout, "How long a probe may take before others are asked to confirm."),
    time(
        "exchange_first_ms",
        |c| &mut c.exchange_first,
        "The first wait before a line's rosters are compared again; doubles each time.",
    ),
    time(
        "exchange_every_ms",
        |c| &mut c.exchange_every,
        "Time between two comparisons of a line when nothing has changed for a while.",
    ),
    time(
        "retry_first_ms",
        |c| &mut c.retry_first,
        "The first wait before a failed dial or join is tried again; doubles each time.",
    ),
    time("retry_most_ms", |c| &mut c.retry_most, "The longest such wait."),
    time("join_timeout_ms", |c| &mut c.join_timeout, "How long one step of joining may take."),
    time("guest_time_ms", |c| &mut c.guest_time, "How long a stranger may stay linked that is no bridge."),
    byte(
        "attempts",
        1..=16,
        |c| &mut c.attempts,
        "How often a request of one's own is tried, each time by another first hop.",
    ),
    byte(
        "write_quorum",
        1..=16,
        |c| &mut c.write_quorum,
        "Cells that must store a record before a put succeeds, or all occupied ones if they are fewer.",
    ),
    NumberKey {
        key: "roster_epoch_ms",
        about: "How long an epoch lasts, for each of which the members of a line certify its roster. All nodes of a grid must have \
                the same, in whole seconds.",
        range: 1000..=LONGEST_MS,
        at: At::Time(|c| &mut c.roster_epoch),
    },
    count(
        "max_forwarding",
        |c| &mut c.max_forwarding,
        "Requests that are passed on at the same time; more are refused as busy.",
    ),
    count("max_dialing", |c| &mut c.max_dialing, "Dials under way at the same time."),
    count("max_neighbours", |c| &mut c.max_neighbours, "Neighbours at most."),
    count(
        "max_guests",
        |c| &mut c.max_guests,
        "Newcomers on their way in that may be linked at the same time; half as many bridges besides, in a sparse grid.",
    ),
    count("max_leaves", |c| &mut c.max_leaves, "Leaves that the node is host to at most."),
];

/// `[limits]`
pub(super) const LIMITS: &[NumberKey<Limits>] = &[
    time(
        "hello_timeout_ms",
        |l| &mut l.hello_timeout,
        "How long the other side of a connection may take to show its credential.",
    ),
    time(
        "write_stall_ms",
        |l| &mut l.write_stall,
        "How long the other side of a link may not read before the link is cut.",
    ),
    time("dial_timeout_ms", |l| &mut l.dial_timeout, "How long a dial may take."),
    count("queue_frames", |l| &mut l.queue_frames, "Messages that may wait for one link, half of them bulk."),
    NumberKey {
        key: "queue_bytes",
        about: "Bytes that may wait for one link, half of them bulk.",
        range: 64 << 10..=1 << 30,
        at: At::Count(|l| &mut l.queue_bytes),
    },
    count("queue_cells", |l| &mut l.queue_cells, "Cells of tunnels that may wait for one link besides."),
    NumberKey {
        key: "max_connections",
        about: "Connections in all; each costs about 0.6 MB with full buffers.",
        range: 1..=1_000_000,
        at: At::Number(|l| &mut l.max_connections),
    },
    count("max_unproved", |l| &mut l.max_unproved, "Inbound connections that have not shown a credential yet."),
    count("max_unproved_per_ip", |l| &mut l.max_unproved_per_ip, "The same from one IP address."),
    NumberKey {
        key: "requests_per_s",
        about: "Others' requests that are served in a second. Without it as many as the machine can.",
        range: 1..=1_000_000,
        at: At::Rate(|l| &mut l.requests_per_s),
    },
];

impl<T: Clone> NumberKey<T> {
    /// Reads the key, if it is there.
    fn read(&self, section: &Section<'_>, of: &mut T) -> Result<(), ConfigError> {
        let Some(number) = section.number(self.key, self.range.clone())? else { return Ok(()) };
        match &self.at {
            At::Time(at) => *at(of) = Duration::from_millis(number),
            // The ranges are within the types.
            At::Byte(at) => *at(of) = u8::try_from(number).unwrap_or(u8::MAX),
            At::Count(at) => *at(of) = usize::try_from(number).unwrap_or(usize::MAX),
            At::Number(at) => *at(of) = u32::try_from(number).unwrap_or(u32::MAX),
            At::Rate(at) => *at(of) = u32::try_from(number).ok().and_then(NonZeroU32::new),
        }
        Ok(())
    }

    /// The number as it is.
    fn get(&self, of: &T) -> Option<u64> {
        let mut of = of.clone();
        match &self.at {
            At::Time(at) => u64::try_from(at(&mut of).as_millis()).ok(),
            At::Byte(at) => Some(u64::from(*at(&mut of))),
            At::Count(at) => u64::try_from(*at(&mut of)).ok(),
            At::Number(at) => Some(u64::from(*at(&mut of))),
            At::Rate(at) => at(&mut of).map(|rate| u64::from(rate.get())),
        }
    }
}

/// A key of either kind.
pub(super) trait Key {
    fn name(&self) -> &'static str;
}

impl Key for TextKey {
    fn name(&self) -> &'static str {
        self.key
    }
}

impl<T> Key for NumberKey<T> {
    fn name(&self) -> &'static str {
        self.key
    }
}

/// The names of keys.
pub(super) fn names(keys: &[impl Key]) -> impl Iterator<Item = &'static str> {
    keys.iter().map(Key::name)
}

/// All numbers of a section; what it does not say is as usual.
pub(super) fn numbers<T: Clone + Default>(
    section: Option<&Section<'_>>,
    keys: &[NumberKey<T>],
) -> Result<T, ConfigError> {
    let mut all = T::default();
    if let Some(section) = section {
        keys.iter().try_for_each(|key| key.read(section, &mut all))?;
    }
    Ok(all)
}

/// A key, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// The section that it stands in; empty for none.
    pub section: &'static str,
    /// Its name.
    pub key: &'static str,
    /// What it is for.
    pub about: &'static str,
    /// What holds if the file is silent, as TOML; `None` if nothing does.
    pub usual: Option<String>,
    /// Some value, as TOML.
    pub value: String,
}

/// All keys, in the order in which they stand in a file.
pub fn described() -> Vec<Described> {
    let texts = |section: &'static str, keys: &'static [TextKey]| {
        keys.iter().map(move |key| Described {
            section,
            key: key.key,
            about: key.about,
            usual: (!key.is_example).then(|| key.value.to_owned()),
            value: key.value.to_owned(),
        })
    };
    let all = texts("", TOP).chain(texts("datasets", DATASETS));
    all.chain(texts("exit", EXIT)).chain(of_numbers("protocol", PROTOCOL)).chain(of_numbers("limits", LIMITS)).collect()
}

fn of_numbers<T: Clone + Default>(
    section: &'static str,
    keys: &'static [NumberKey<T>],
) -> impl Iterator<Item = Described> {
    let usual = T::default();
    keys.iter().map(move |key| {
        let usual = key.get(&usual).map(|number| number.to_string());
        let value = usual.clone().unwrap_or_else(|| "100".to_owned());
        Described { section, key: key.key, about: key.about, usual, value }
    })
}

/// What a flag of the same meaning as a key says of itself; empty if there is no such key.
pub(crate) fn flag_help(section: &str, key: &str) -> String {
    let all = described();
    let Some(key) = all.iter().find(|one| (one.section, one.key) == (section, key)) else { return String::new() };
    let about = key.about.trim_end_matches('.');
    match &key.usual {
        Some(usual) => format!("{about} [default: {}]", usual.trim_matches('"')),
        None => about.to_owned(),
    }
}

/// A file with all keys, none of which says anything yet: each is a comment, under what it is for.
pub fn template() -> String {
    let mut text = String::from(
        "# What `rook run --config FILE` takes. Everything may be left out; a flag of the same meaning wins.\n\
         # Take the mark before a key away to set it. `rook config check FILE` says what is wrong.\n",
    );
    let mut section = "";
    for key in described() {
        if key.section != section {
            section = key.section;
            _ = write!(text, "\n[{section}]\n");
        }
        let about = if key.usual.is_some() { key.about.to_owned() } else { format!("{} An example:", key.about) };
        _ = write!(text, "\n{}#{} = {}\n", commented(&about), key.key, key.value);
    }
    text
}

/// A text as lines of comment that are not too long.
fn commented(text: &str) -> String {
    const WIDTH: usize = 100;
    let mut lines = vec![String::from("#")];
    for word in text.split_whitespace() {
        let line = lines.len() - 1;
        match lines[line].len() + 1 + word.len() <= WIDTH {
            true => _ = write!(lines[line], " {word}"),
            false => lines.push(format!("# {word}")),
        }
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}
