//! What `rook run` says of datasets: where they are served, how they are read, and by whom.

use std::net::SocketAddr;

use ::grid::trust::Proofs;
use ::grid::trust::policy::Policy;
use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;

use crate::cli::{Failure, quantity};
use crate::config::keys::flag_help;
use crate::config::run_file::{DatasetSection, ExitSection};
use crate::data::checksum::Checksum;
use crate::data::fault::Fault;
use crate::gateway::{GatewayOptions, ReadingOptions};
use crate::services::ServiceOptions;
use crate::tunnels::ExitPolicy;

/// The usual addresses of the data service: any interface, port 7119.
pub(super) const DATA_LISTEN_V4: [&str; 1] = ["/ip4/0.0.0.0/tcp/7119"];
pub(super) const DATA_LISTEN_V6: [&str; 1] = ["/ip6/::/tcp/7119"];
/// The usual share of a proven server's answers that are checked.
pub(super) const CHECK_RATE: f64 = 0.08;

/// Flags about datasets.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Datasets")]
pub(super) struct ServiceArgs {
    /// Where datasets are served to readers; may be said more than once [default: TCP port 7119, or with --listen any free
    /// TCP port of the same addresses].
    #[arg(long, value_name = "MULTIADDR")]
    data_listen: Vec<Multiaddr>,
    /// Do not announce where datasets are served: readers ask along the grid, which is slower.
    #[arg(long)]
    hide_data_address: bool,
    #[arg(long, value_name = "ADDR", help = flag_help("datasets", "dap"))]
    dap: Option<SocketAddr>,
    #[arg(long, value_name = "SIZE", value_parser = quantity::size, help = flag_help("datasets", "dap_limit"))]
    dap_limit: Option<u64>,
    #[arg(long, value_name = "SIZE", value_parser = quantity::size, help = flag_help("datasets", "cache"))]
    cache: Option<u64>,
    #[arg(long, value_name = "RATE", value_parser = quantity::share, help = flag_help("datasets", "check_rate"))]
    check_rate: Option<f64>,
    #[arg(long, value_name = "always|disputes", value_parser = quantity::proofs, help = flag_help("datasets", "proofs"))]
    proofs: Option<Proofs>,
    #[arg(long, value_name = "blake3|sha256|md5", help = flag_help("datasets", "checksum"))]
    checksum: Option<Checksum>,
    /// For tests: lie on purpose as a dataset server, lie:RATE, last-byte:RATE, frame, truncate, stall or lazy.
    #[arg(long, value_name = "FAULT")]
    faulty: Option<Fault>,
}

/// The flag about strangers that are let out of the grid.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Exit")]
pub(super) struct ExitArgs {
    /// A rule by which strangers are let out of the grid through this node, like "accept *:443"; may be said more than once, and the
    /// first that fits decides. What they do they do under this node's address [default: nobody is let out].
    #[arg(long, value_name = "RULE")]
    exit: Vec<String>,
}

impl ExitArgs {
    /// The policy: of the flags, or else of the file.
    pub(super) fn policy(&self, file: &ExitSection) -> Result<ExitPolicy, Failure> {
        file.policy(&self.exit).map_err(|error| Failure::usage(error.to_string()))
    }
}

impl ServiceArgs {
    /// The services, given where the node itself listens, and whereto strangers are let out.
    pub(super) fn options(
        self,
        file: DatasetSection,
        exit: ExitPolicy,
        listen: Option<&[Multiaddr]>,
    ) -> Result<ServiceOptions, Failure> {
        let said = (!self.data_listen.is_empty()).then_some(self.data_listen);
        let reading = ReadingOptions::default();
        let policy = Policy { check_rate: self.check_rate.or(file.check_rate).unwrap_or(CHECK_RATE), ..reading.policy };
        let gateway = GatewayOptions::default();
        let most_bytes = self.dap_limit.or(file.dap_limit).unwrap_or(gateway.most_bytes);
        Ok(ServiceOptions {
            data_listen: said.or(file.listen).map_or_else(|| data_listen(listen), Ok)?,
            hide_addresses: self.hide_data_address || file.hide_address.unwrap_or_default(),
            data_limits: Default::default(),
            reading: ReadingOptions {
                policy,
                proofs: self.proofs.or(file.proofs).unwrap_or(reading.proofs),
                checksum: self.checksum.or(file.checksum).unwrap_or_default(),
                cache_bytes: self.cache.or(file.cache).unwrap_or(reading.cache_bytes),
            },
            gateway: self.dap.or(file.dap).map(|listen| GatewayOptions { listen, most_bytes }),
            exit,
            fault: self.faulty.map(|fault| (fault, rand::random())),
        })
    }
}

/// The usual place; beside a node that listens elsewhere, any free port of the same addresses.
fn data_listen(listen: Option<&[Multiaddr]>) -> Result<Vec<Multiaddr>, Failure> {
    let Some(listen) = listen else { return super::settings::usual(&DATA_LISTEN_V4, &DATA_LISTEN_V6) };
    let host = |address: &Multiaddr| match address.iter().next() {
        Some(host @ (Protocol::Ip4(_) | Protocol::Ip6(_))) => {
            Some(Multiaddr::empty().with(host).with(Protocol::Tcp(0)))
        }
        Some(_) | None => None,
    };
    let mut hosts: Vec<Multiaddr> = listen.iter().filter_map(host).collect();
    hosts.sort();
    hosts.dedup();
    Ok(hosts)
}
