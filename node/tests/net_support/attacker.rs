//! A peer that does not keep to the protocol, and its victim.

use std::time::{Duration, Instant};

use futures::{AsyncReadExt, StreamExt};
use grid::level::Level;
use hashcash::SecretIdentity;
use libp2p::identity::Keypair;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::dial_opts::DialOpts;
use libp2p::{Multiaddr, PeerId, Stream, StreamProtocol, SwarmBuilder, noise, tcp, yamux};
use node::wire::frame::{read_frame, write_frame};
use node::wire::greeting::{Greeting, Seen};
use node::wire::{Hello, WireCard};
use tokio::sync::mpsc;

use super::{Node, Setup, mint, parameters, record};

/// A libp2p program that is not ours, with a stream to the victim.
pub struct Attacker {
    pub keypair: Keypair,
    control: libp2p_stream::Control,
    victim: PeerId,
    /// Asks for another connection, if there is none.
    dial: mpsc::Sender<()>,
    /// What the victim said of itself when it was greeted last.
    pub heard: Option<Hello>,
}

impl Attacker {
    pub async fn connect(address: &Multiaddr) -> Self {
        let keypair = Keypair::generate_ed25519();
        let mut swarm = SwarmBuilder::with_existing_identity(keypair.clone())
            .with_tokio()
            .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
            .unwrap()
            .with_behaviour(|_| libp2p_stream::Behaviour::new())
            .unwrap()
            .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(600)))
            .build();
        let control = swarm.behaviour().new_control();
        let (dial, mut wanted) = mpsc::channel(1);
        dial.try_send(()).unwrap();
        let victim = address.iter().find_map(|part| match part {
            Protocol::P2p(peer) => Some(peer),
            _ => None,
        });
        let victim = victim.unwrap();
        let address = address.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = swarm.select_next_some() => {}
                    Some(()) = wanted.recv() => {
                        // Refused where there is a connection, or a dial under way.
                        _ = swarm.dial(DialOpts::peer_id(victim).addresses(vec![address.clone()]).build());
                    }
                }
            }
        });
        Self { keypair, control, victim, dial, heard: None }
    }

    pub async fn stream(&mut self, node: &Node) -> Stream {
        let protocol = link_protocol(node).await;
        let open = async {
            loop {
                let opened = self.control.open_stream(self.victim, protocol.clone());
                match tokio::time::timeout(Duration::from_secs(2), opened).await {
                    Ok(Ok(stream)) => return stream,
                    // Not connected yet; or on a busy machine cut already, for its patience is short, and then
                    // the one that waits may never hear of it.
                    Ok(Err(_)) | Err(_) => _ = self.dial.try_send(()),
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), open).await.unwrap()
    }

    /// One more stream on the same connection, if the other side lets it be opened in that time.
    pub async fn another_stream(&self, node: &Node, within: Duration) -> Option<Stream> {
        let protocol = link_protocol(node).await;
        let mut control = self.control.clone();
        tokio::time::timeout(within, control.open_stream(self.victim, protocol)).await.ok()?.ok()
    }

    /// Greets as an honest node would, with a paid identity.
    pub async fn greet(
        &mut self,
        node: &Node,
        issued: u64,
        expires: u64,
        grid_id: Option<[u8; 32]>,
    ) -> (Stream, Greeting) {
        let grid = parameters(1, 2);
        let grid_id = grid_id.unwrap_or(*grid.grid_id().as_bytes());
        self.greet_as(&mint(&grid), node, issued, expires, grid_id).await
    }

    async fn greet_as(
        &mut self,
        identity: &SecretIdentity,
        node: &Node,
        issued: u64,
        expires: u64,
        grid_id: [u8; 32],
    ) -> (Stream, Greeting) {
        let peer_id = self.keypair.public().to_peer_id().to_bytes();
        let credential =
            identity.sign_credential(&grid_id, &peer_id, [0; 32], issued, expires, &mut rand::rng()).unwrap();
        let card =
            WireCard { identity: identity.identity().to_bytes(), credential: credential.to_bytes(), contact: None };
        let mut stream = self.stream(node).await;
        write_frame(&mut stream, &Greeting::hello(card, Level::Normal).encode()).await.unwrap();
        let Greeting::Hello(hello) = Greeting::decode(&read_frame(&mut stream, 1 << 16).await.unwrap()).unwrap() else {
            panic!("no hello");
        };
        self.heard = Some(hello);
        let verdict = Greeting::decode(&read_frame(&mut stream, 1 << 16).await.unwrap()).unwrap();
        (stream, verdict)
    }

    /// Greets and is accepted.
    pub async fn accepted(&mut self, node: &Node) -> Stream {
        let identity = mint(&parameters(1, 2));
        self.accepted_as(&identity, node).await
    }

    /// The same under an identity of the node's grid.
    pub async fn accepted_as(&mut self, identity: &SecretIdentity, node: &Node) -> Stream {
        let (now, grid) = (now(), node.status().await.grid);
        let (mut stream, verdict) = self.greet_as(identity, node, now, now + 3600, *grid.as_bytes()).await;
        assert!(matches!(verdict, Greeting::Accepted(_)), "{verdict:?}");
        write_frame(&mut stream, &Greeting::Accepted(Seen::default()).encode()).await.unwrap();
        stream
    }
}

/// What links of a node's grid speak.
async fn link_protocol(node: &Node) -> StreamProtocol {
    let grid = node.status().await.grid;
    StreamProtocol::try_from_owned(format!("/rook/{grid}/link/6")).unwrap()
}

pub fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

/// Whether the other side ends the stream within a time.
pub async fn is_cut(mut stream: Stream, within: Duration) -> bool {
    let drained = async {
        let mut buffer = vec![0; 65536];
        while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
    };
    tokio::time::timeout(within, drained).await.is_ok()
}

/// A victim, and an honest neighbour of it.
///
/// Its patience with greetings, with who does not say how far it has read, and with neighbours that answer no probe, is longer
/// than what [`is_cut`] waits where something wrong was said: an attacker does none of these, and is cut for what it says.
pub async fn victim() -> (Node, Node) {
    victim_with_stall(Duration::from_secs(12)).await
}

/// The same, with another patience with who does not read.
pub async fn victim_with_stall(write_stall: Duration) -> (Node, Node) {
    let grid = parameters(1, 2);
    let mut setup = Setup::new(&grid, mint(&grid));
    setup.limits.hello_timeout = Duration::from_secs(12);
    setup.limits.write_stall = write_stall;
    setup.config.probe_timeout = Duration::from_secs(60);
    let victim = setup.start().await;
    let honest = Setup::new(&grid, mint(&grid)).joining(&victim).start().await;
    honest.linked(1).await;
    (victim, honest)
}

/// The honest neighbour is served as if nothing had happened.
pub async fn others_do_not_notice(victim: &Node, honest: &Node) {
    assert!(honest.status().await.status.links >= 1);
    let record = record(&parameters(1, 2), format!("{:?}", Instant::now()).as_bytes());
    let put = honest.handle.put(record.clone()).await.unwrap();
    assert!(put.nodes >= 2, "{put:?}");
    assert_eq!(victim.handle.get(record.pointer(), 0).await.unwrap().record, record);
}

pub fn tcp_address(node: &Node) -> String {
    let mut parts = node.address.iter();
    match (parts.next(), parts.next()) {
        (Some(Protocol::Ip4(ip)), Some(Protocol::Tcp(port))) => format!("{ip}:{port}"),
        other => panic!("{other:?}"),
    }
}
