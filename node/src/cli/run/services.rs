//! What `rook run` says of datasets: where they are served, how they are read, and by whom.

use std::net::SocketAddr;

use ::grid::trust::Proofs;
use ::grid::trust::policy::Policy;
use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;

use crate::cli::{Failure, quantity};
use crate::config::run_file::DatasetSection;
use crate::data::checksum::Checksum;
use crate::data::fault::Fault;
use crate::gateway::{GatewayOptions, ReadingOptions};
use crate::services::ServiceOptions;

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
    /// Serve datasets of the grid to DAP clients, as http://ADDR/NAME, after checking what servers send.
    #[arg(long, value_name = "ADDR")]
    dap: Option<SocketAddr>,
    /// The largest answer to a DAP client [default: 64GiB].
    #[arg(long, value_name = "SIZE", value_parser = quantity::size)]
    dap_limit: Option<u64>,
    /// How much disk proved values may take that were read; 0B keeps none [default: 4GiB].
    #[arg(long, value_name = "SIZE", value_parser = quantity::size)]
    cache: Option<u64>,
    /// The share of a proven server's answers that are checked with a second server, where answers do not prove themselves
    /// [default: 0.08].
    #[arg(long, value_name = "RATE", value_parser = quantity::share)]
    check_rate: Option<f64>,
    /// When values are fetched with proofs, where the publisher has signed all of them: always, so that no server is
    /// believed; or only on disputes between servers [default: always].
    #[arg(long, value_name = "always|disputes", value_parser = quantity::proofs)]
    proofs: Option<Proofs>,
    /// By what the answers of servers are compared. MD5 can be forged, and is for servers that know nothing else
    /// [default: blake3].
    #[arg(long, value_name = "blake3|sha256|md5")]
    checksum: Option<Checksum>,
    /// For tests: lie on purpose as a dataset server, lie:RATE, last-byte:RATE, frame, truncate, stall or lazy.
    #[arg(long, value_name = "FAULT")]
    faulty: Option<Fault>,
}

impl ServiceArgs {
    /// The services, given where the node itself listens.
    pub(super) fn options(self, file: DatasetSection, listen: Option<&[Multiaddr]>) -> Result<ServiceOptions, Failure> {
        let said = (!self.data_listen.is_empty()).then_some(self.data_listen);
        let reading = ReadingOptions::default();
        let policy = Policy { check_rate: self.check_rate.or(file.check_rate).unwrap_or(0.08), ..reading.policy };
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
            fault: self.faulty.map(|fault| (fault, rand::random())),
        })
    }
}

/// The usual place; beside a node that listens elsewhere, any free port of the same addresses.
fn data_listen(listen: Option<&[Multiaddr]>) -> Result<Vec<Multiaddr>, Failure> {
    let Some(listen) = listen else { return super::settings::usual(&["/ip4/0.0.0.0/tcp/7119"], &["/ip6/::/tcp/7119"]) };
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
