//! Dataset servers and their readers in this process, on real sockets, with throw-away identities.

#![allow(dead_code, unreachable_pub, reason = "each test uses a part of it")]

pub mod raw;

use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use dataset::manifest::{File, Manifest, Stream, VersionRoot};
use dataset::memory::Memory;
use dataset::model::{Description, Dimension, Kind, Variable};
use dataset::slab::{Slab, Span};
use dataset::source::{Source, SourceError};
use dataset::tree::Outboard;
use grid::cell::Shape;
use grid::parameters::Parameters;
use grid::peer::{Card, Peer};
use libp2p::Multiaddr;
use libp2p::identity::Keypair;
use node::data::client::{Chunks, DataClient, DataError, Hashes, Target, Values, Version};
use node::data::fault::Fault;
use node::data::library::{Library, Served, ServedFile};
use node::data::limits::Limits;
use node::data::signed::SignedAnswer;
use node::data::{DataNode, DataOptions};
use node::minting;
use node::verifier::Verifier;
use tokio::sync::watch;

pub const TCP: &str = "/ip4/127.0.0.1/tcp/0";
pub const QUIC: &str = "/ip4/127.0.0.1/udp/0/quic-v1";

/// A grid whose identities cost nothing but their key.
pub fn parameters() -> Parameters {
    let shape = Shape::new(1, 2).unwrap();
    Parameters { name: "data-test".into(), shape, identity_bits: 4, modulus_bits: 1024, ..Parameters::local() }
}

/// A key and a card that names a key, for an hour.
pub async fn card_for(verifier: &Verifier, keypair: &Keypair) -> Peer {
    let parameters = verifier.parameters();
    let identity = minting::mint_quickly(parameters).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let peer_id = keypair.public().to_peer_id().to_bytes();
    let grid = parameters.grid_id();
    let credential =
        identity.sign_credential(grid.as_bytes(), &peer_id, [0; 32], now, now + 3600, &mut rand::rng()).unwrap();
    let identity = identity.identity().to_bytes().into();
    let card = Card { identity, credential: credential.to_bytes().into(), contact: None };
    verifier.verify(card).await.unwrap()
}

/// How a node is to be started.
pub struct Setup {
    pub library: Option<Arc<Library>>,
    pub listen: &'static str,
    pub limits: Limits,
    pub fault: Option<Fault>,
}

impl Default for Setup {
    fn default() -> Self {
        Self { library: None, listen: TCP, limits: impatient(), fault: None }
    }
}

/// Limits with which a test does not take long.
pub fn impatient() -> Limits {
    Limits {
        ask_timeout: Duration::from_secs(2),
        stall: Duration::from_secs(2),
        busy_wait: Duration::from_millis(10),
        dial_timeout: Duration::from_secs(3),
        ..Limits::default()
    }
}

/// A running node.
pub struct Node {
    pub data: DataNode,
    pub peer: Peer,
    pub verifier: Verifier,
    pub keypair: Keypair,
}

impl Setup {
    pub fn serving(library: &Arc<Library>) -> Self {
        Self { library: Some(library.clone()), ..Self::default() }
    }

    pub async fn start(self) -> Node {
        let verifier = Verifier::new(parameters());
        let keypair = Keypair::generate_ed25519();
        let peer = card_for(&verifier, &keypair).await;
        self.start_as(keypair, peer, verifier).await
    }

    pub async fn start_as(self, keypair: Keypair, peer: Peer, verifier: Verifier) -> Node {
        let data = DataNode::start(DataOptions {
            keypair: keypair.clone(),
            own: watch::channel(peer.clone()).1,
            verifier: verifier.clone(),
            library: self.library,
            listen: vec![self.listen.parse().unwrap()],
            limits: self.limits,
            fault: self.fault.map(|fault| (fault, 1)),
        })
        .await
        .unwrap();
        Node { data, peer, verifier, keypair }
    }
}

impl Node {
    pub fn client(&self) -> DataClient {
        self.data.client()
    }

    pub fn address(&self) -> Multiaddr {
        self.data.listening()[0].clone()
    }

    pub fn target(&self) -> Target {
        Target::new(&self.verifier, &self.peer, self.data.listening().to_vec()).unwrap()
    }
}

/// A dataset for tests: its values, and where it is served.
pub struct Sample {
    pub library: Arc<Library>,
    pub version: Version,
    pub manifest: Manifest,
    pub source: Arc<dyn Source>,
}

/// What of the sample has which number.
pub const TEMPERATURE: (u32, u32) = (0, 0);
pub const TOWN: (u32, u32) = (0, 1);
pub const SCALAR: (u32, u32) = (0, 2);

/// Temperatures of 120 x 130 x 140 (8.7 MB), names of 3,000 towns, one number.
pub fn sample(with_roots: bool) -> Sample {
    let dimension = |name: &str, size| Dimension { name: name.into(), size, is_unlimited: false };
    let variable =
        |name: &str, kind, dimensions| Variable { name: name.into(), kind, dimensions, attributes: Vec::new() };
    let description = Description {
        dimensions: vec![dimension("time", 120), dimension("y", 130), dimension("x", 140), dimension("town", 3000)],
        variables: vec![
            variable("temperature", Kind::F32, vec![0, 1, 2]),
            variable("town", Kind::String, vec![3]),
            variable("zero", Kind::I16, vec![]),
        ],
        ..Description::default()
    };
    let temperatures = (0..120 * 130 * 140_u32).flat_map(|n| (n as f32).sin().to_be_bytes()).collect();
    let towns: Vec<String> = (0..3000).map(|n| "Ísafjörður".repeat(n % 40)).collect();
    let streams = vec![temperatures, strings(&towns), vec![0, 7]];
    serve("sample", Arc::new(Memory::new(description, streams).unwrap()), with_roots)
}

/// Serves a file as the only one of a dataset.
pub fn serve(name: &str, source: Arc<dyn Source>, with_roots: bool) -> Sample {
    let description = source.description().clone();
    let variables = if with_roots { description.variables.len() } else { 0 };
    let outboards: Vec<Outboard> =
        (0..variables).map(|variable| Outboard::of(source.as_ref(), variable).unwrap()).collect();
    let streams = with_roots.then(|| outboards.iter().map(Outboard::stream).collect());
    let manifest = Manifest { label: String::new(), files: vec![File { path: String::new(), description, streams }] };
    let encoded = manifest.encode().unwrap();
    let root = VersionRoot::of(&encoded);
    let library = Arc::new(Library::default());
    library.insert(Served {
        name: name.into(),
        root,
        encoded: encoded.into(),
        manifest: manifest.clone(),
        files: vec![ServedFile { source: source.clone(), outboards }],
    });
    Sample { library, version: Version { dataset: name.into(), root }, manifest, source }
}

/// The canonical stream of texts.
pub fn strings(texts: &[String]) -> Vec<u8> {
    let ends = texts.iter().scan(0_u64, |end, text| {
        *end += text.len() as u64;
        Some(*end)
    });
    let offsets = std::iter::once(0).chain(ends).flat_map(u64::to_be_bytes);
    offsets.chain(texts.iter().flat_map(|text| text.bytes())).collect()
}

impl Sample {
    pub fn stream(&self, (file, variable): (u32, u32)) -> Stream {
        self.manifest.files[file as usize].streams.as_ref().unwrap()[variable as usize]
    }

    pub fn whole(&self, (file, variable): (u32, u32)) -> Slab {
        Slab::whole(&self.manifest.files[file as usize].description.shape(variable as usize))
    }

    /// What the values of a slab are.
    pub fn truth(&self, (_, variable): (u32, u32), slab: &Slab) -> Vec<u8> {
        let mut out = Vec::new();
        self.source.read(variable as usize, slab, &mut out).unwrap();
        out
    }
}

pub fn span(start: u64, count: u64, stride: u64) -> Span {
    Span { start, count, stride }
}

/// All values, and what was signed for them.
pub async fn all(mut values: Values) -> Result<(Vec<u8>, SignedAnswer), DataError> {
    let mut bytes = Vec::new();
    while let Some(piece) = values.next().await? {
        assert!(piece.len() <= 1 << 20);
        bytes.extend_from_slice(&piece);
    }
    Ok((bytes, values.signed().unwrap().clone()))
}

/// All hashes.
pub async fn hashes(mut hashes: Hashes) -> Result<Vec<Bytes>, DataError> {
    let mut all = Vec::new();
    while let Some(hash) = hashes.next().await? {
        all.push(hash);
    }
    assert!(hashes.signed().is_some());
    Ok(all)
}

/// All groups, and the error that came after them, if one did.
pub async fn leaves(mut chunks: Chunks) -> (Vec<(u64, Bytes)>, Option<DataError>) {
    let mut all = Vec::new();
    loop {
        match chunks.next().await {
            Ok(Some(leaf)) => all.push((leaf.offset, leaf.bytes)),
            Ok(None) => return (all, None),
            Err(error) => return (all, Some(error)),
        }
    }
}

/// Bytes that are computed when they are read, so that they need no memory; reading can take its time or fail.
pub struct Computed {
    description: Description,
    /// From which byte on it cannot be read.
    pub broken_from: u64,
}

impl Computed {
    pub fn new(length: u64) -> Self {
        let dimensions = vec![Dimension { name: "place".into(), size: length, is_unlimited: false }];
        let variable = Variable { name: "bytes".into(), kind: Kind::U8, dimensions: vec![0], attributes: Vec::new() };
        let description = Description { dimensions, variables: vec![variable], ..Description::default() };
        Self { description, broken_from: u64::MAX }
    }
}

impl Source for Computed {
    fn description(&self) -> &Description {
        &self.description
    }

    fn length(&self, _: usize) -> Result<u64, SourceError> {
        Ok(self.description.dimensions[0].size)
    }

    fn read(&self, variable: usize, slab: &Slab, out: &mut Vec<u8>) -> Result<(), SourceError> {
        let Span { start, count, stride } = slab.0[0];
        assert_eq!(stride, 1);
        self.read_range(variable, start..start + count, out)
    }

    fn read_range(&self, _: usize, range: Range<u64>, out: &mut Vec<u8>) -> Result<(), SourceError> {
        if range.end > self.broken_from {
            return Err(SourceError::Gone { name: "the disk".into(), what: "it was pulled out".into() });
        }
        let block: Vec<u8> = (0..1 << 16).map(|place: u32| (place >> 8) as u8 ^ place as u8).collect();
        let mut place = range.start;
        while place < range.end {
            let from = (place % (1 << 16)) as usize;
            let taken = &block[from..block.len().min(from + (range.end - place) as usize)];
            out.extend_from_slice(taken);
            place += taken.len() as u64;
        }
        Ok(())
    }
}
