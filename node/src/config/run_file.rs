//! What `rook run --config FILE` takes. Everything in it may be left out; a flag of the same meaning wins over it.
//!
//! ```toml
//! identity = "identity.pem"         # paths are relative to this file
//! data = "data"
//! quota = "10GiB"                   # of records that are kept at most
//! level = "normal"                  # or "leaf", "strong"
//! listen = ["/ip4/0.0.0.0/udp/7118/quic-v1"]
//! advertise = ["/ip4/203.0.113.7/udp/7118/quic-v1"]   # where others reach it, behind a port that is forwarded
//! peers = ["/ip4/192.0.2.1/udp/7118/quic-v1/p2p/12D3..."]
//! api = "127.0.0.1:7117"
//!
//! [datasets]
//! dap = "127.0.0.1:8080"            # serve them to DAP clients
//! cache = "4GiB"                    # of what was read
//! checksum = "blake3"               # by what servers are compared: blake3, sha256, or md5, which can be forged
//!
//! [limits]
//! max_connections = 400
//!
//! [protocol]                        # times in milliseconds
//! hop_timeout_ms = 500
//! ```

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use grid::config::Config;
use grid::parameters::Parameters;
use grid::trust::Proofs;
use libp2p::Multiaddr;

use super::error::{ConfigError, Problem};
use super::section::Section;
use crate::cli::quantity;
use crate::daemon::Limits;
use crate::data::checksum::Checksum;
use crate::own::advertised_address;

/// How much a node does for others, as its owner says it: a strong one is several normal ones in a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Level {
    /// Nothing: it asks only.
    Leaf,
    /// Its share.
    #[default]
    Normal,
    /// The shares of several identities.
    Strong,
}

impl std::str::FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "leaf" => Ok(Self::Leaf),
            "normal" => Ok(Self::Normal),
            "strong" => Ok(Self::Strong),
            _ => Err(format!("{text:?} is no level: say leaf, normal or strong")),
        }
    }
}

/// What the file says; `None` where it says nothing.
#[derive(Clone, Debug, Default)]
pub struct RunFile {
    /// The identity file.
    pub identity: Option<PathBuf>,
    /// The grid: `local`, `main` or a grid file.
    pub grid: Option<String>,
    /// The file with the identity's passphrase.
    pub passphrase_file: Option<PathBuf>,
    /// The data folder.
    pub data: Option<PathBuf>,
    /// Bytes of records that are kept at most.
    pub quota: Option<u64>,
    /// How much the node does for others.
    pub level: Option<Level>,
    /// How long a leaf stays one, in seconds.
    pub grow_after: Option<u64>,
    /// Further identities of a strong node.
    pub also: Option<Vec<PathBuf>>,
    /// Where to listen.
    pub listen: Option<Vec<Multiaddr>>,
    /// Where others reach the node, if not where it listens.
    pub advertise: Option<Vec<Multiaddr>>,
    /// Introducers.
    pub peers: Option<Vec<Multiaddr>>,
    /// Where the API listens.
    pub api: Option<SocketAddr>,
    /// Datasets.
    pub datasets: DatasetSection,
    /// How the node behaves; what the file does not say is as usual.
    pub protocol: Config,
    /// What others may cost us; what the file does not say is as usual.
    pub limits: Limits,
}

/// The section about datasets; `None` where it says nothing.
#[derive(Clone, Debug, Default)]
pub struct DatasetSection {
    /// Where they are served.
    pub listen: Option<Vec<Multiaddr>>,
    /// Whether that is kept private.
    pub hide_address: Option<bool>,
    /// Where DAP clients are served.
    pub dap: Option<SocketAddr>,
    /// The largest answer to them, in bytes.
    pub dap_limit: Option<u64>,
    /// Bytes of proved values that are kept.
    pub cache: Option<u64>,
    /// The share of a proven server's answers that are checked.
    pub check_rate: Option<f64>,
    /// When values are fetched with proofs.
    pub proofs: Option<Proofs>,
    /// By what their answers are compared.
    pub checksum: Option<Checksum>,
}

const KEYS: &[&str] = &[
    "identity",
    "grid",
    "passphrase_file",
    "data",
    "quota",
    "level",
    "grow_after",
    "also",
    "listen",
    "advertise",
    "peers",
    "api",
    "datasets",
    "limits",
    "protocol",
];

const DATASET_KEYS: &[&str] =
    &["listen", "hide_address", "dap", "dap_limit", "cache", "check_rate", "proofs", "checksum"];

fn datasets(section: &Section<'_>) -> Result<DatasetSection, ConfigError> {
    let yes = |text: &str| text.parse::<bool>().map_err(|_| format!("{text:?} is neither \"true\" nor \"false\""));
    Ok(DatasetSection {
        listen: section.parsed_list("listen", str::parse)?,
        hide_address: section.parsed("hide_address", yes)?,
        dap: section.parsed("dap", str::parse)?,
        dap_limit: section.parsed("dap_limit", quantity::size)?,
        cache: section.parsed("cache", quantity::size)?,
        check_rate: section.parsed("check_rate", quantity::share)?,
        proofs: section.parsed("proofs", quantity::proofs)?,
        checksum: section.parsed("checksum", str::parse)?,
    })
}

const PROTOCOL_KEYS: &[&str] = &[
    "hop_timeout_ms",
    "answer_timeout_ms",
    "operation_timeout_ms",
    "hedge_after_ms",
    "hedge_percent",
    "replicate_timeout_ms",
    "recover_timeout_ms",
    "reconcile_every_ms",
    "probe_every_ms",
    "probe_timeout_ms",
    "exchange_first_ms",
    "exchange_every_ms",
    "retry_first_ms",
    "retry_most_ms",
    "join_timeout_ms",
    "guest_time_ms",
    "attempts",
    "write_quorum",
    "max_forwarding",
    "max_dialing",
    "max_neighbours",
    "max_guests",
    "max_leaves",
];

/// The longest time that may be asked for: a day.
const LONGEST_MS: u64 = 86_400_000;

/// Reads the file.
///
/// # Errors
/// [`ConfigError`] says what is wrong with it, and on which line.
pub fn read(file: &Path) -> Result<RunFile, ConfigError> {
    let text = std::fs::read_to_string(file).map_err(|error| ConfigError::new(file, None, Problem::Read(error)))?;
    parse(file, &text)
}

fn parse(file: &Path, text: &str) -> Result<RunFile, ConfigError> {
    let section = Section::document(file, text, KEYS)?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let path = |key| section.text(key).map(|path| path.map(|path| folder.join(path)));
    Ok(RunFile {
        identity: path("identity")?,
        grid: grid(&section, folder)?,
        passphrase_file: path("passphrase_file")?,
        data: path("data")?,
        quota: section.parsed("quota", quantity::size)?,
        level: section.parsed("level", str::parse)?,
        grow_after: section.parsed("grow_after", quantity::seconds)?,
        also: section.parsed_list("also", |file| Ok::<_, String>(folder.join(file)))?,
        listen: section.parsed_list("listen", str::parse)?,
        advertise: section.parsed_list("advertise", advertised_address)?,
        peers: section.parsed_list("peers", str::parse)?,
        api: section.parsed("api", str::parse)?,
        datasets: match section.section("datasets", DATASET_KEYS)? {
            Some(section) => datasets(&section)?,
            None => DatasetSection::default(),
        },
        protocol: match section.section("protocol", PROTOCOL_KEYS)? {
            Some(section) => protocol(&section)?,
            None => Config::default(),
        },
        limits: match section.section("limits", LIMIT_KEYS)? {
            Some(section) => limits(&section)?,
            None => Limits::default(),
        },
    })
}

/// A preset stays a name; a file is relative to the folder.
fn grid(section: &Section<'_>, folder: &Path) -> Result<Option<String>, ConfigError> {
    let Some(name) = section.text("grid")? else { return Ok(None) };
    Ok(Some(match Parameters::preset(&name) {
        Some(_) => name,
        None => folder.join(name).to_string_lossy().into_owned(),
    }))
}

fn protocol(section: &Section<'_>) -> Result<Config, ConfigError> {
    let mut config = Config::default();
    let times = [
        ("hop_timeout_ms", &mut config.hop_timeout),
        ("answer_timeout_ms", &mut config.answer_timeout),
        ("operation_timeout_ms", &mut config.operation_timeout),
        ("hedge_after_ms", &mut config.hedge_after),
        ("replicate_timeout_ms", &mut config.replicate_timeout),
        ("recover_timeout_ms", &mut config.recover_timeout),
        ("reconcile_every_ms", &mut config.reconcile_every),
        ("probe_every_ms", &mut config.probe_every),
        ("probe_timeout_ms", &mut config.probe_timeout),
        ("exchange_first_ms", &mut config.exchange_first),
        ("exchange_every_ms", &mut config.exchange_every),
        ("retry_first_ms", &mut config.retry_first),
        ("retry_most_ms", &mut config.retry_most),
        ("join_timeout_ms", &mut config.join_timeout),
        ("guest_time_ms", &mut config.guest_time),
    ];
    for (key, time) in times {
        if let Some(ms) = section.number(key, 1..=LONGEST_MS)? {
            *time = Duration::from_millis(ms);
        }
    }
    if let Some(percent) = section.number("hedge_percent", 0..=100)? {
        config.hedge_percent = u8::try_from(percent).unwrap_or(u8::MAX);
    }
    for (key, count) in [("attempts", &mut config.attempts), ("write_quorum", &mut config.write_quorum)] {
        small(section, key, count)?;
    }
    let counts = [
        ("max_forwarding", &mut config.max_forwarding),
        ("max_dialing", &mut config.max_dialing),
        ("max_neighbours", &mut config.max_neighbours),
        ("max_guests", &mut config.max_guests),
        ("max_leaves", &mut config.max_leaves),
    ];
    for (key, count) in counts {
        large(section, key, count)?;
    }
    Ok(config)
}

const LIMIT_KEYS: &[&str] = &[
    "hello_timeout_ms",
    "write_stall_ms",
    "dial_timeout_ms",
    "queue_frames",
    "queue_bytes",
    "max_connections",
    "max_unproved",
    "max_unproved_per_ip",
    "requests_per_s",
];

fn limits(section: &Section<'_>) -> Result<Limits, ConfigError> {
    let mut limits = Limits::default();
    let times = [
        ("hello_timeout_ms", &mut limits.hello_timeout),
        ("write_stall_ms", &mut limits.write_stall),
        ("dial_timeout_ms", &mut limits.dial_timeout),
    ];
    for (key, time) in times {
        if let Some(ms) = section.number(key, 1..=LONGEST_MS)? {
            *time = Duration::from_millis(ms);
        }
    }
    let counts = [
        ("queue_frames", &mut limits.queue_frames),
        ("max_unproved", &mut limits.max_unproved),
        ("max_unproved_per_ip", &mut limits.max_unproved_per_ip),
    ];
    for (key, count) in counts {
        large(section, key, count)?;
    }
    if let Some(bytes) = section.number("queue_bytes", 64 << 10..=1 << 30)? {
        limits.queue_bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    }
    if let Some(number) = section.number("max_connections", 1..=1_000_000)? {
        limits.max_connections = u32::try_from(number).unwrap_or(u32::MAX);
    }
    if let Some(number) = section.number("requests_per_s", 1..=1_000_000)? {
        limits.requests_per_s = u32::try_from(number).ok().and_then(NonZeroU32::new);
    }
    Ok(limits)
}

fn small(section: &Section<'_>, key: &str, count: &mut u8) -> Result<(), ConfigError> {
    if let Some(number) = section.number(key, 1..=16)? {
        *count = u8::try_from(number).unwrap_or(u8::MAX);
    }
    Ok(())
}

fn large(section: &Section<'_>, key: &str, count: &mut usize) -> Result<(), ConfigError> {
    if let Some(number) = section.number(key, 1..=1_000_000)? {
        *count = usize::try_from(number).unwrap_or(usize::MAX);
    }
    Ok(())
}
