//! What to run: the flags, then the file, then what is usual.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use grid::config::Config;
use libp2p::Multiaddr;

use super::RunArgs;
use super::level::LevelArgs;
use crate::api::DEFAULT_API;
use crate::cli::Failure;
use crate::config::grid_file;
use crate::config::run_file::{self, RunFile};
use crate::daemon::Limits;
use crate::services::ServiceOptions;
use crate::storage::CACHE;

/// The usual addresses: any interface, port 7118.
const LISTEN_V4: [&str; 2] = ["/ip4/0.0.0.0/udp/7118/quic-v1", "/ip4/0.0.0.0/tcp/7118"];
const LISTEN_V6: [&str; 2] = ["/ip6/::/udp/7118/quic-v1", "/ip6/::/tcp/7118"];

/// Everything that `rook run` has to know.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) identity: PathBuf,
    pub(super) grid: Option<String>,
    pub(super) passphrase_file: Option<PathBuf>,
    pub(super) data: PathBuf,
    /// Further identities.
    pub(super) cache: u64,
    pub(super) also: Vec<PathBuf>,
    pub(super) listen: Vec<Multiaddr>,
    pub(super) advertise: Vec<Multiaddr>,
    pub(super) map_ports: bool,
    pub(super) mdns: Option<bool>,
    pub(super) peers: Vec<Multiaddr>,
    pub(super) api: SocketAddr,
    pub(super) protocol: Config,
    pub(super) limits: Limits,
    pub(super) services: ServiceOptions,
}

impl Settings {
    pub(super) fn of(args: RunArgs) -> Result<Self, Failure> {
        let file = match &args.config {
            Some(file) => run_file::read(file)?,
            None => RunFile::default(),
        };
        let protocol =
            Config { quota: args.quota.or(file.quota).unwrap_or(file.protocol.quota), ..file.protocol.clone() };
        let (protocol, also) = args.level.settle(&file, protocol)?;
        let cover = args.cover.settle(file.cover, file.cover_pace, 1 + also.len())?;
        let listen = said(args.listen).or(file.listen);
        Ok(Self {
            services: args.services.options(file.datasets, args.exit.policy(&file.exit)?, listen.as_deref())?,
            identity: needed(args.identity, file.identity, "--identity FILE", "`rook mint` makes one")?,
            grid: args.grid.or(file.grid),
            passphrase_file: args.passphrase_file.or(file.passphrase_file),
            data: needed(args.data, file.data, "--data FOLDER", "it is made if it is not there")?,
            cache: file.cache.unwrap_or(CACHE),
            listen: listen.map_or_else(|| usual(&LISTEN_V4, &LISTEN_V6), Ok)?,
            advertise: said(args.advertise).or(file.advertise).unwrap_or_default(),
            map_ports: args.map_ports || file.map_ports.unwrap_or_default(),
            mdns: args.mdns.or(file.mdns),
            peers: said(args.peer).or(file.peers).unwrap_or_default(),
            api: args.api.or(file.api).unwrap_or(DEFAULT_API),
            protocol,
            also,
            limits: Limits { cover, ..file.limits },
        })
    }
}

/// Reads a file as `rook run --config` does, and looks for what it names. What it leaves to flags is returned, a sentence each.
pub(in crate::cli) fn check_file(path: &Path) -> Result<Vec<&'static str>, Failure> {
    let file = run_file::read(path)?;
    let refuse = |failure: Failure| Failure { message: format!("{}: {failure}", path.display()), ..failure };
    let named = [("identity", &file.identity), ("passphrase_file", &file.passphrase_file)];
    let also = file.also.iter().flatten().map(|file| ("also", file));
    let mut named = named.into_iter().filter_map(|(key, file)| Some((key, file.as_ref()?))).chain(also);
    if let Some((key, missing)) = named.find(|(_, file)| !file.is_file()) {
        return Err(refuse(Failure::new(format!("{key}: there is no file {}", missing.display()))));
    }
    if let Some(grid) = &file.grid {
        grid_file::find(grid)?;
    }
    file.exit.policy(&[]).map_err(|error| refuse(Failure::new(format!("exit.policy: {error}"))))?;
    LevelArgs::default().settle(&file, file.protocol.clone()).map_err(refuse)?;
    let left = [
        (file.identity.is_none(), "it names no identity: `rook run` wants --identity FILE"),
        (file.data.is_none(), "it names no data folder: `rook run` wants --data FOLDER"),
    ];
    Ok(left.into_iter().filter_map(|(is_left, what)| is_left.then_some(what)).collect())
}

fn needed(flag: Option<PathBuf>, file: Option<PathBuf>, name: &str, hint: &str) -> Result<PathBuf, Failure> {
    let found = flag.or(file).filter(|path| path != Path::new(""));
    found.ok_or_else(|| Failure::usage(format!("{name} is missing, and so is its like in a --config file: {hint}")))
}

fn said(addresses: Vec<Multiaddr>) -> Option<Vec<Multiaddr>> {
    (!addresses.is_empty()).then_some(addresses)
}

/// IPv6 only where there is any.
pub(super) fn usual(v4: &[&str], v6: &[&str]) -> Result<Vec<Multiaddr>, Failure> {
    let has_v6 = TcpListener::bind("[::]:0").is_ok();
    let addresses = v4.iter().chain(v6.iter().filter(|_| has_v6));
    addresses.map(|address| address.parse().map_err(Failure::from)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::run::services::{CHECK_RATE, DATA_LISTEN_V4, DATA_LISTEN_V6};
    use crate::config::keys::described;

    #[test]
    fn what_is_told_of_keys_is_what_is_usual() {
        let told = |section: &str, key: &str| {
            described().into_iter().find(|one| (one.section, one.key) == (section, key)).unwrap().usual.unwrap()
        };
        let listed = |v4: &[&str], v6: &[&str]| format!("{:?}", [v4, v6].concat());
        assert_eq!(told("", "listen"), listed(&LISTEN_V4, &LISTEN_V6));
        assert_eq!(told("datasets", "listen"), listed(&DATA_LISTEN_V4, &DATA_LISTEN_V6));
        assert_eq!(told("datasets", "check_rate"), format!("\"{CHECK_RATE}\""));
    }
}
