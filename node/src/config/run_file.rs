//! What `rook run --config FILE` takes. Everything in it may be left out; a flag of the same meaning wins over it. The keys
//! stand in [`super::keys`]; `rook config init` writes a file with all of them.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use grid::config::Config;
use grid::parameters::Parameters;
use grid::trust::Proofs;
use libp2p::Multiaddr;
use tunnel::slots::Pace;

use super::error::{ConfigError, read_text};
use super::keys::{self, DATASETS, Described, EXIT, LIMITS, PROTOCOL, TOP};
use super::section::Section;
use crate::cli::quantity;
use crate::daemon::Limits;
use crate::data::checksum::Checksum;
use crate::own::advertised_address;
use crate::tunnels::{ExitPolicy, PolicyError};

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
    /// Bytes of memory for what was used last of the records.
    pub cache: Option<u64>,
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
    /// Whether the router is asked to forward ports.
    pub map_ports: Option<bool>,
    /// Whether others are sought on the network.
    pub mdns: Option<bool>,
    /// Introducers.
    pub peers: Option<Vec<Multiaddr>>,
    /// Where the API listens.
    pub api: Option<SocketAddr>,
    /// What is sent at all times, in kbit/s.
    pub cover: Option<NonZeroU32>,
    /// When.
    pub cover_pace: Option<Pace>,
    /// Datasets.
    pub datasets: DatasetSection,
    /// Whereto strangers are let out.
    pub exit: ExitSection,
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

/// The section about strangers that are let out; `None` where it says nothing.
#[derive(Clone, Debug, Default)]
pub struct ExitSection {
    /// The rules, in order.
    pub policy: Option<Vec<String>>,
    /// Whether they may name networks that are not the internet.
    pub private_networks: Option<bool>,
}

impl ExitSection {
    /// The policy; `rules` win over those of the file.
    ///
    /// # Errors
    /// [`PolicyError`] for the first rule that is none, or opens what it must not.
    pub fn policy(&self, rules: &[String]) -> Result<ExitPolicy, PolicyError> {
        let rules = if rules.is_empty() { self.policy.as_deref().unwrap_or_default() } else { rules };
        ExitPolicy::new(rules, self.private_networks.unwrap_or_default())
    }
}

/// A file whose keys are all known.
struct Document<'a> {
    file: &'a Path,
    top: Section<'a>,
    datasets: Option<Section<'a>>,
    exit: Option<Section<'a>>,
    protocol: Option<Section<'a>>,
    limits: Option<Section<'a>>,
}

impl<'a> Document<'a> {
    fn of(file: &'a Path, text: &'a str) -> Result<Self, ConfigError> {
        let known = keys::names(TOP).chain(["datasets", "exit", "protocol", "limits"]);
        let top = Section::document(file, text, known.collect())?;
        Ok(Self {
            file,
            datasets: top.section("datasets", keys::names(DATASETS).collect())?,
            exit: top.section("exit", keys::names(EXIT).collect())?,
            protocol: top.section("protocol", keys::names(PROTOCOL).collect())?,
            limits: top.section("limits", keys::names(LIMITS).collect())?,
            top,
        })
    }

    /// The value of a key as the file has it.
    fn raw(&self, key: &Described) -> Option<&str> {
        let section = match key.section {
            "datasets" => self.datasets.as_ref(),
            "exit" => self.exit.as_ref(),
            "protocol" => self.protocol.as_ref(),
            "limits" => self.limits.as_ref(),
            _ => Some(&self.top),
        };
        section?.raw(key.key)
    }

    fn read(&self) -> Result<RunFile, ConfigError> {
        let (section, folder) = (&self.top, self.file.parent().unwrap_or(Path::new("")));
        let path = |key| section.text(key).map(|path| path.map(|path| folder.join(path)));
        Ok(RunFile {
            identity: path("identity")?,
            grid: grid(section, folder)?,
            passphrase_file: path("passphrase_file")?,
            data: path("data")?,
            quota: section.parsed("quota", quantity::size)?,
            cache: section.parsed("cache", quantity::size)?,
            level: section.parsed("level", str::parse)?,
            grow_after: section.parsed("grow_after", quantity::seconds)?,
            also: section.parsed_list("also", |file| Ok::<_, String>(folder.join(file)))?,
            listen: section.parsed_list("listen", str::parse)?,
            advertise: section.parsed_list("advertise", advertised_address)?,
            map_ports: section.parsed("map_ports", yes)?,
            mdns: section.parsed("mdns", quantity::on_or_off)?,
            peers: section.parsed_list("peers", str::parse)?,
            api: section.parsed("api", str::parse)?,
            cover: section.parsed("cover", quantity::bit_rate)?,
            cover_pace: section.parsed("cover_pace", str::parse)?,
            datasets: self.datasets.as_ref().map(datasets).transpose()?.unwrap_or_default(),
            exit: self.exit.as_ref().map(exit).transpose()?.unwrap_or_default(),
            protocol: keys::numbers(self.protocol.as_ref(), PROTOCOL)?,
            limits: keys::numbers(self.limits.as_ref(), LIMITS)?,
        })
    }
}

fn yes(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| format!("{text:?} is neither \"true\" nor \"false\""))
}

fn exit(section: &Section<'_>) -> Result<ExitSection, ConfigError> {
    Ok(ExitSection { policy: section.texts("policy")?, private_networks: section.parsed("private_networks", yes)? })
}

fn datasets(section: &Section<'_>) -> Result<DatasetSection, ConfigError> {
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

/// Reads the file.
///
/// # Errors
/// [`ConfigError`] says what is wrong with it, and on which line.
pub fn read(file: &Path) -> Result<RunFile, ConfigError> {
    parse(file, &read_text(file)?)
}

/// Reads the text of a file; `file` is for messages, and its folder where paths begin.
///
/// # Errors
/// [`ConfigError`] says what is wrong with the text, and on which line.
pub fn parse(file: &Path, text: &str) -> Result<RunFile, ConfigError> {
    Document::of(file, text)?.read()
}

/// A key and what holds for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The key.
    pub key: Described,
    /// Its value as TOML, if it has one.
    pub value: Option<String>,
    /// Whether the file says so.
    pub is_said: bool,
}

/// What holds for each key under a file, or without one.
///
/// # Errors
/// As [`read`].
pub fn settings(file: Option<&Path>) -> Result<Vec<Setting>, ConfigError> {
    let text = file.map(read_text).transpose()?.unwrap_or_default();
    let document = Document::of(file.unwrap_or(Path::new("")), &text)?;
    document.read()?;
    let setting = |key: Described| {
        let said = document.raw(&key).map(str::to_owned);
        let is_said = said.is_some();
        Setting { value: said.or_else(|| key.usual.clone()), is_said, key }
    };
    Ok(keys::described().into_iter().map(setting).collect())
}

/// A preset stays a name; a file is relative to the folder.
fn grid(section: &Section<'_>, folder: &Path) -> Result<Option<String>, ConfigError> {
    let Some(name) = section.text("grid")? else { return Ok(None) };
    Ok(Some(match Parameters::preset(&name) {
        Some(_) => name,
        None => folder.join(name).to_string_lossy().into_owned(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "rook.toml";

    fn parse(text: &str) -> Result<RunFile, ConfigError> {
        super::parse(Path::new(FILE), text)
    }

    /// The template with all keys set.
    fn all_set() -> String {
        let line = |line: &str| match line.strip_prefix('#') {
            Some(key) if !key.starts_with(' ') => format!("{key}\n"),
            _ => format!("{line}\n"),
        };
        keys::template().lines().map(line).collect()
    }

    #[test]
    fn the_template_says_nothing_and_its_keys_say_what_is_usual() {
        let silent = parse(&keys::template()).unwrap();
        assert!(silent.identity.is_none() && silent.listen.is_none() && silent.datasets.dap.is_none());
        assert_eq!((silent.protocol, silent.limits), (Config::default(), Limits::default()));

        let said = parse(&all_set()).unwrap();
        assert_eq!(said.protocol, Config::default());
        let limits = Limits { requests_per_s: None, ..said.limits };
        assert_eq!(limits, Limits::default());
        assert_eq!(said.quota, Some(Config::default().quota));
        assert_eq!(said.cache, Some(crate::storage::CACHE));
        assert_eq!(said.level, Some(Level::default()));
        assert_eq!(said.api, Some(crate::api::DEFAULT_API));
        assert_eq!(said.identity, Some("identity.pem".into()));
        let gateway = crate::gateway::GatewayOptions::default();
        assert_eq!(said.datasets.dap_limit, Some(gateway.most_bytes));
        let reading = crate::gateway::ReadingOptions::default();
        assert_eq!((said.datasets.cache, said.datasets.proofs), (Some(reading.cache_bytes), Some(reading.proofs)));
        assert_eq!(said.datasets.hide_address, Some(false));
        assert_eq!(said.datasets.checksum, Some(Checksum::default()));
    }

    #[test]
    fn every_key_is_read_and_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        std::fs::write(&file, "quota = '1GiB' # little\n[limits]\nmax_connections = 1_000\n").unwrap();
        let all = settings(Some(&file)).unwrap();
        assert_eq!(all.len(), keys::described().len());
        let find = |section: &str, key: &str| {
            let setting = all.iter().find(|one| (one.key.section, one.key.key) == (section, key)).unwrap();
            (setting.value.as_deref(), setting.is_said)
        };
        assert_eq!(find("", "quota"), (Some("'1GiB'"), true));
        assert_eq!(find("limits", "max_connections"), (Some("1_000"), true));
        assert_eq!(find("limits", "requests_per_s"), (None, false));
        assert_eq!(find("protocol", "attempts"), (Some("4"), false));
        assert_eq!(find("", "identity"), (None, false));
        std::fs::write(&file, all_set()).unwrap();
        assert!(settings(Some(&file)).unwrap().iter().all(|setting| setting.is_said));
        assert!(settings(None).unwrap().iter().all(|setting| !setting.is_said));
    }

    #[test]
    fn numbers_are_kept_within_their_ranges() {
        for (text, words) in [
            ("[protocol]\nattempts = 0", "protocol.attempts must be a whole number from 1 to 16, not 0"),
            ("[protocol]\nhedge_percent = 101", "from 0 to 100"),
            ("[limits]\nqueue_bytes = 1", "limits.queue_bytes must be a whole number from 65536"),
            ("[limits]\nqueue_cell = 1", "did you mean \"queue_cells\"?"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        let none = parse("[protocol]\nhedge_percent = 0").unwrap();
        assert_eq!(none.protocol.hedge_percent, 0);
    }
}
