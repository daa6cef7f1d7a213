//! `rook run`: a node, until it is told to leave.

mod cover;
mod events;
mod level;
mod services;
mod settings;
mod strong;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ::grid::config::Config;
use ::grid::level::Level;
use ::grid::parameters::Parameters;
use libp2p::Multiaddr;
use tokio::sync::{Notify, broadcast};

use self::events::{Alone, Reporter};
use self::settings::Settings;
pub(super) use self::settings::check_file;
use self::strong::{Common, Place};
use super::Failure;
use super::api_address;
use super::identity_file;
use super::quantity;
use super::signals::Signals;
use super::text::note;
use crate::api::{Api, Nodes};
use crate::config::keys::flag_help;
use crate::daemon;
use crate::data::fault::Fault;
use crate::handle::NodeHandle;
use crate::minting;
use crate::own::advertised_address;
use crate::services::Services;
use crate::verifier::Verifier;

/// How long the farewell to the neighbours may take, when all records are handed over.
const FAREWELL: Duration = Duration::from_secs(5);

/// Run a node until Ctrl-C.
#[derive(Debug, clap::Args)]
pub(super) struct RunArgs {
    /// The identity file, from `rook mint`.
    #[arg(long)]
    identity: Option<PathBuf>,
    /// The grid [default: the one that the identity was minted for].
    #[arg(long, value_name = "local|main|FILE")]
    grid: Option<String>,
    #[arg(long, help = flag_help("", "passphrase_file"))]
    passphrase_file: Option<PathBuf>,
    #[arg(long, help = flag_help("", "data"))]
    data: Option<PathBuf>,
    #[arg(long, value_name = "SIZE", value_parser = quantity::size, help = flag_help("", "quota"))]
    quota: Option<u64>,
    /// Where others connect to; may be said more than once [default: UDP and TCP port 7118, IPv4 and IPv6].
    #[arg(long, value_name = "MULTIADDR")]
    listen: Vec<Multiaddr>,
    /// The address that others are told to connect to, where it is not the one at which the node listens: that of a router
    /// that forwards the port, like /ip4/203.0.113.7/udp/7118/quic-v1; may be said more than once. Of a strong node it is
    /// the first identity's; the others have the ports above it [default: where it listens].
    #[arg(long, value_name = "MULTIADDR", value_parser = advertised_address)]
    advertise: Vec<Multiaddr>,
    #[arg(long, help = flag_help("", "map_ports"))]
    map_ports: bool,
    #[arg(long, value_name = "on|off", value_parser = quantity::on_or_off, help = flag_help("", "mdns"))]
    mdns: Option<bool>,
    /// A node to join through; may be said more than once. Without one the node relies on the neighbours that it
    /// knows from before, or on those that it finds on its network, or is the first of its grid.
    #[arg(long, value_name = "MULTIADDR")]
    peer: Vec<Multiaddr>,
    #[arg(long, value_parser = api_address, help = flag_help("", "api"))]
    api: Option<SocketAddr>,
    #[command(flatten)]
    level: level::LevelArgs,
    #[command(flatten)]
    services: services::ServiceArgs,
    #[command(flatten)]
    exit: services::ExitArgs,
    #[command(flatten)]
    cover: cover::CoverArgs,
    /// A TOML file with all this and more; flags win over it.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Print events as JSON, one a line.
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: RunArgs) -> Result<(), Failure> {
    let mut signals = Signals::new()?;
    let reporter = Reporter::new(args.json);
    let settings = Settings::of(args)?;
    let (identity, parameters) =
        identity_file::load(&settings.identity, settings.passphrase_file.as_deref(), settings.grid.as_deref())?;
    minting::verify_on(&parameters, identity.identity(), minting::today())
        .map_err(|broken| Failure::new(format!("{}: {broken}", settings.identity.display())))?;
    let id = minting::node_id(identity.identity());
    if let Some((fault, _)) = &settings.services.fault {
        Fault::check_grid(&parameters)?;
        note(format_args!(
            "WARNING: this node lies on purpose ({fault}): what it serves of datasets cannot be relied on"
        ));
    }
    if let Some(warning) = settings.services.reading.checksum.warning() {
        note(format_args!("WARNING: {warning}"));
    }
    if let Some(cover) = &settings.limits.cover {
        note(cover::cost(cover, 1 + settings.also.len()));
    }
    let verifier = Verifier::new(parameters.clone());
    let also =
        strong::load(&settings.also, settings.passphrase_file.as_deref(), settings.grid.as_deref(), &verifier, id)?;
    let place = Place { listen: settings.listen, advertise: settings.advertise };
    let places = strong::places(&place, also.len())?;
    raise_open_files();
    let api = Api::bind(settings.api).await?;
    // The identities of one owner share what he gives.
    let identities = 1 + also.len() as u64;
    let config = Config { quota: settings.protocol.quota / identities, ..settings.protocol };
    let (leave_time, level) = (config.hand_over_timeout + FAREWELL, config.level);
    let (data, limits) = (settings.data, settings.limits);
    let (cache, map_ports, peers) = (settings.cache / identities, settings.map_ports, settings.peers);
    let mdns = settings.mdns.unwrap_or_else(|| parameters.grid_id() == Parameters::local().grid_id());
    let mut common = Common { verifier, config, limits, data, cache, map_ports, mdns, peers };
    let storage = common.open(&common.data, id)?;
    let alone = common.peers.is_empty() && storage.known()?.is_empty();
    let options = common.node(identity, storage, place);
    let seeks = options.looks_around();
    if alone && !seeks && level == Level::Leaf {
        return Err(Failure::usage(
            "a leaf goes into the grid by others, and this one knows nobody yet: name a node with --peer MULTIADDR",
        ));
    }
    let (node, events) = daemon::start_with_events(options).await?;
    common.mdns = false;
    if alone {
        common.peers = node.status().await?.listen;
    }
    let others = strong::start(also, places, &common).await?;
    let (address, leave) = (api.address(), Arc::new(Notify::new()));
    let services = Arc::new(Services::start(node.clone(), common.data.clone(), settings.services).await?);
    let nodes = Nodes { first: node.clone(), also: others.iter().map(|(node, _)| node.clone()).collect() };
    let _serving = api.serve(nodes, services.clone(), id.to_string(), &parameters, Arc::clone(&leave))?;
    reporter.ready(&node.status().await?, &parameters, address, alone.then_some(Alone { seeks, level }));
    reporter.services(&services);
    let others = strong::report(others, reporter).await?;
    report_until_told_to_leave(&reporter, &node, events, &mut signals, &leave).await;
    reporter.leaving();
    services.datasets().farewell().await;
    let nodes: Vec<NodeHandle> = others.into_iter().chain([node]).collect();
    say_farewell(&nodes, &mut signals, leave_time).await;
    Ok(())
}

/// Passes the node's events on to people.
async fn report_until_told_to_leave(
    reporter: &Reporter,
    node: &NodeHandle,
    mut events: broadcast::Receiver<grid::output::Event>,
    signals: &mut Signals,
    leave: &Notify,
) {
    loop {
        tokio::select! {
            event = events.recv() => match event {
                Ok(event) => reporter.event(&event),
                Err(broadcast::error::RecvError::Lagged(missed)) => reporter.missed(missed),
                Err(broadcast::error::RecvError::Closed) => return,
            },
            () = signals.wait() => return,
            () = leave.notified() => return,
            () = node.stopped() => return,
        }
    }
}

/// Leaves; a second signal, or a farewell that takes too long, ends it at once.
async fn say_farewell(nodes: &[NodeHandle], signals: &mut Signals, time: Duration) {
    let farewell = futures::future::join_all(nodes.iter().map(|node| async {
        node.leave().await;
        node.stopped().await;
    }));
    tokio::select! {
        _ = farewell => {}
        () = signals.wait() => note("ended without the farewell; the neighbours will notice by themselves"),
        () = tokio::time::sleep(time) => note("the farewell took too long; the neighbours will notice by themselves"),
    }
}

/// Every neighbour costs a file descriptor, and the usual soft limit of 1,024 is for programs that use `select`.
pub(super) fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum && setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_err() {
        tracing::warn!(?current, "the limit of open files could not be raised");
    }
}
