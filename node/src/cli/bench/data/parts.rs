//! Who takes part in the measurement.

#![expect(clippy::wildcard_enum_match_arm, reason = "libp2p adds events")]

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use dataset::manifest::{File, Manifest, Stream, VersionRoot};
use dataset::model::{Description, Dimension, Kind, Variable};
use dataset::slab::{Slab, Span};
use dataset::source::{Source, SourceError};
use dataset::tree::Outboard;
use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use grid::id::NodeId;
use grid::parameters::Parameters;
use grid::peer::Peer;
use grid::record::Rules;
use libp2p::identity::Keypair;
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, PeerId, StreamProtocol, Swarm, SwarmBuilder, noise, tcp, yamux};
use libp2p_stream::{Behaviour, Control};
use tokio::sync::watch;

use crate::cli::Failure;
use crate::data::client::{DataClient, Target, Version};
use crate::data::library::{Library, Served, ServedFile};
use crate::data::limits::Limits;
use crate::data::{DataNode, DataOptions};
use crate::minting;
use crate::own::OwnCard;
use crate::storage::{Owner, Storage};
use crate::verifier::Verifier;

/// What the bytes repeat after.
const PERIOD: usize = 1 << 20;
/// Bytes of a write of the plain stream.
const PLAIN_WRITE: usize = 256 << 10;

/// The bytes of a range.
pub(super) fn pattern(range: Range<u64>) -> Vec<u8> {
    let byte = |place: u64| (place % PERIOD as u64).wrapping_mul(0x9e37_79b9).to_be_bytes()[4];
    range.map(byte).collect()
}

/// One variable of bytes, which are copied out of memory.
struct Repeated {
    description: Description,
    block: Vec<u8>,
}

impl Repeated {
    fn new(length: u64) -> Self {
        let dimensions = vec![Dimension { name: "place".into(), size: length, is_unlimited: false }];
        let variable = Variable { name: "bytes".into(), kind: Kind::U8, dimensions: vec![0], attributes: Vec::new() };
        let description = Description { dimensions, variables: vec![variable], ..Description::default() };
        Self { description, block: pattern(0..PERIOD as u64) }
    }
}

impl Source for Repeated {
    fn description(&self) -> &Description {
        &self.description
    }

    fn length(&self, _: usize) -> Result<u64, SourceError> {
        Ok(self.description.shape(0)[0])
    }

    fn read(&self, variable: usize, slab: &Slab, out: &mut Vec<u8>) -> Result<(), SourceError> {
        let shape = self.description.shape(variable);
        slab.runs(&shape).try_for_each(|(start, count)| self.read_range(variable, start..start + count, out))
    }

    fn read_range(&self, _: usize, range: Range<u64>, out: &mut Vec<u8>) -> Result<(), SourceError> {
        let mut place = range.start;
        while place < range.end {
            let from = usize::try_from(place % PERIOD as u64).unwrap_or_default();
            let left = usize::try_from(range.end - place).unwrap_or(usize::MAX);
            let taken = &self.block[from..PERIOD.min(from.saturating_add(left))];
            out.extend_from_slice(taken);
            place += taken.len() as u64;
        }
        Ok(())
    }
}

/// A dataset server and a reader.
pub(super) struct Pair {
    pub(super) client: DataClient,
    pub(super) target: Target,
    pub(super) version: Version,
    pub(super) stream: Stream,
    _nodes: [DataNode; 2],
}

impl Pair {
    pub(super) async fn start(bytes: u64, listen: &str) -> Result<Self, Failure> {
        let parameters = Parameters { identity_bits: 4, ..Parameters::local() };
        let source = Arc::new(Repeated::new(bytes));
        let outboard = Outboard::of(source.as_ref(), 0)?;
        let stream = outboard.stream();
        let file = File { path: String::new(), description: source.description().clone(), streams: Some(vec![stream]) };
        let manifest = Manifest { label: String::new(), files: vec![file] };
        let encoded = manifest.encode()?;
        let root = VersionRoot::of(&encoded);
        let library = Arc::new(Library::default());
        let files = vec![ServedFile { source, outboards: vec![outboard] }];
        library.insert(Served { name: "bench".into(), root, encoded: encoded.into(), manifest, files });
        let (server, served_by, verifier) = start(&parameters, Some(library), vec![listen.parse()?]).await?;
        let (reader, _, _) = start(&parameters, None, Vec::new()).await?;
        let target = Target::new(&verifier, &served_by, server.listening().to_vec())
            .ok_or_else(|| Failure::new("the server's own card names no key"))?;
        let version = Version { dataset: "bench".into(), root };
        Ok(Self { client: reader.client(), target, version, stream, _nodes: [server, reader] })
    }

    /// Some of the bytes.
    pub(super) fn slab(&self, start: u64, count: u64) -> Slab {
        Slab(vec![Span { start, count, stride: 1 }])
    }
}

/// Starts a node's data plane, and nothing else of it.
async fn start(
    parameters: &Parameters,
    library: Option<Arc<Library>>,
    listen: Vec<Multiaddr>,
) -> Result<(DataNode, Peer, Verifier), Failure> {
    let identity = Arc::new(minting::mint_quickly(parameters)?);
    let verifier = Verifier::new(parameters.clone());
    let folder = tempfile::tempdir()?;
    let owner = Owner { rules: Rules::of(parameters), node: NodeId::from_bytes(identity.identity().id()) };
    let own = OwnCard::load(identity, verifier.clone(), &Storage::open(folder.path(), owner)?, Vec::new())?;
    let peer = own.peer(&[])?;
    let options = DataOptions {
        keypair: own.keypair().clone(),
        own: watch::channel(peer.clone()).1,
        verifier: verifier.clone(),
        library,
        listen,
        limits: Limits::default(),
        fault: None,
    };
    Ok((DataNode::start(options).await?, peer, verifier))
}

const PLAIN: StreamProtocol = StreamProtocol::new("/rook-bench/plain/1");

/// A stream of libp2p as it comes, from a task that writes to one that reads.
pub(in crate::cli::bench) struct Plain {
    control: Control,
    server: PeerId,
}

impl Plain {
    pub(in crate::cli::bench) async fn start(listen: &str) -> Result<Self, Failure> {
        let (mut server, mut reader) = (plain_swarm()?, plain_swarm()?);
        let id = *server.local_peer_id();
        server.listen_on(listen.parse()?)?;
        let address = loop {
            if let SwarmEvent::NewListenAddr { address, .. } = server.select_next_some().await {
                break address;
            }
        };
        let mut arrivals =
            server.behaviour().new_control().accept(PLAIN).map_err(|error| Failure::new(error.to_string()))?;
        let control = reader.behaviour().new_control();
        tokio::spawn(async move { while server.next().await.is_some() {} });
        reader.dial(address)?;
        loop {
            match reader.select_next_some().await {
                SwarmEvent::ConnectionEstablished { .. } => break,
                SwarmEvent::OutgoingConnectionError { error, .. } => return Err(error.into()),
                _ => {}
            }
        }
        tokio::spawn(async move { while reader.next().await.is_some() {} });
        tokio::spawn(async move {
            while let Some((_, mut stream)) = arrivals.next().await {
                tokio::spawn(async move {
                    let mut length = [0; 8];
                    stream.read_exact(&mut length).await?;
                    let (block, mut left) = (pattern(0..PLAIN_WRITE as u64), u64::from_be_bytes(length));
                    while left > 0 {
                        let now = usize::try_from(left).unwrap_or(usize::MAX).min(PLAIN_WRITE);
                        stream.write_all(&block[..now]).await?;
                        left -= now as u64;
                    }
                    stream.close().await
                });
            }
        });
        Ok(Self { control, server: id })
    }

    /// Reads so many bytes, without a look at them.
    pub(in crate::cli::bench) async fn transfer(&self, bytes: u64) -> Result<u64, Failure> {
        let open = self.control.clone().open_stream(self.server, PLAIN).await;
        let mut stream = open.map_err(|error| Failure::new(error.to_string()))?;
        stream.write_all(&bytes.to_be_bytes()).await?;
        stream.flush().await?;
        let (mut buffer, mut all) = (vec![0; PLAIN_WRITE], 0);
        loop {
            match stream.read(&mut buffer).await? {
                0 => return Ok(all),
                read => all += read as u64,
            }
        }
    }
}

fn plain_swarm() -> Result<Swarm<Behaviour>, Failure> {
    let swarm = SwarmBuilder::with_existing_identity(Keypair::generate_ed25519())
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)?
        .with_quic()
        .with_behaviour(|_| Behaviour::new())
        .map_err(|error| Failure::new(error.to_string()))?
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(3600)))
        .build();
    Ok(swarm)
}
