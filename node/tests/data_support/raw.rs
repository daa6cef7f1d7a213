//! A reader that does not keep to the protocol.

use std::time::Duration;

use futures::{AsyncReadExt, StreamExt};
use libp2p::identity::Keypair;
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, Stream, StreamProtocol, SwarmBuilder, noise, tcp, yamux};
use libp2p_stream::Control;
use node::data::wire::{Ask, MAX_STATUS, Request, Status};
use node::wire::frame::{read_frame, write_frame};
use node::wire::{WireCard, codec};
use tokio::time::timeout;

use super::{Node, card_for};

/// How long what takes milliseconds may take on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(30);

/// A libp2p program that is not ours.
pub struct Raw {
    control: Control,
    server: libp2p::PeerId,
    protocol: StreamProtocol,
    pub card: WireCard,
}

impl Raw {
    pub async fn connect(node: &Node) -> Self {
        let keypair = Keypair::generate_ed25519();
        let card = WireCard::from(card_for(&node.verifier, &keypair).await.card());
        let mut swarm = SwarmBuilder::with_existing_identity(keypair)
            .with_tokio()
            .with_tcp(tcp::Config::default(), noise::Config::new, yamux::Config::default)
            .unwrap()
            .with_behaviour(|_| libp2p_stream::Behaviour::new())
            .unwrap()
            .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(600)))
            .build();
        let control = swarm.behaviour().new_control();
        let address: Multiaddr = node.address();
        swarm.dial(address).unwrap();
        // A stream that libp2p-stream is asked for at the moment in which a connection opens may never be opened.
        let connected =
            async { while !matches!(swarm.select_next_some().await, SwarmEvent::ConnectionEstablished { .. }) {} };
        timeout(PATIENCE, connected).await.expect("a connection is made");
        tokio::spawn(async move { while swarm.next().await.is_some() {} });
        let server = node.keypair.public().to_peer_id();
        let grid = node.verifier.parameters().grid_id();
        let protocol = StreamProtocol::try_from_owned(format!("/rook/{grid}/data/1")).unwrap();
        Self { control, server, protocol, card }
    }

    pub async fn stream(&mut self) -> Stream {
        let opened = timeout(PATIENCE, self.control.open_stream(self.server, self.protocol.clone())).await;
        opened.expect("a stream is opened in time").unwrap()
    }

    /// Sends bytes as a request, and reads the status.
    pub async fn send(&mut self, frame: &[u8]) -> (Stream, Status) {
        let mut stream = self.stream().await;
        write_frame(&mut stream, frame).await.unwrap();
        let status = codec::decode(&read_frame(&mut stream, MAX_STATUS).await.unwrap()).unwrap();
        (stream, status)
    }

    /// Asks, showing the card.
    pub async fn ask(&mut self, request: Request) -> (Stream, Status) {
        let ask = Ask { card: Some(self.card.clone()), dataset: "sample".into(), request };
        self.send(&codec::encode(&ask)).await
    }
}

/// Reads until the stream ends; how many bytes there were.
pub async fn drain(stream: &mut Stream) -> u64 {
    let (mut buffer, mut all) = (vec![0; 1 << 16], 0);
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        all += read as u64;
    }
    all
}
