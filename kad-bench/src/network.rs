//! Starting the network: its nodes listen, join through the first, and become quiet.

use std::time::Duration;

use libp2p::{Multiaddr, PeerId};
use tokio::time::{Instant, sleep, timeout};

use crate::chance::Chance;
use crate::error::KadError;
use crate::node::{Asker, Node};
use crate::plan::Plan;
use crate::swarm;

/// Bytes of an Ed25519 secret.
const SECRET_BYTES: usize = 32;
const LISTEN_LIMIT: Duration = Duration::from_secs(10);
const JOIN_LIMIT: Duration = Duration::from_secs(30);
/// How long the links may take to stop changing.
const SETTLE_LIMIT: Duration = Duration::from_secs(60);
/// Time without a new link after which the network is called quiet.
const QUIET: Duration = Duration::from_secs(1);
/// Time between two looks.
const POLL: Duration = Duration::from_millis(20);

/// A Kademlia network in this process, which lives as long as this.
#[derive(Debug)]
pub struct Network {
    pub(crate) nodes: Vec<Node>,
    pub(crate) chance: Chance,
}

impl Network {
    /// Starts the nodes. Each joins through the first one and has finished its bootstrap when the next one starts; then
    /// all bootstrap once more, which libp2p does by itself only after five minutes, so that the early ones learn of
    /// the late ones; and then it is waited until no link is new.
    ///
    /// # Errors
    /// If the plan makes no sense or needs too many open files, a node cannot listen or join, or it takes too long.
    pub async fn start(plan: &Plan) -> Result<Self, KadError> {
        plan.check()?;
        let mut network = Self { nodes: Vec::with_capacity(plan.nodes), chance: Chance::new(plan.seed) };
        let mut introducer = None;
        for number in 0..plan.nodes {
            let node = network.start_node(plan)?;
            let address = listening(node.asker()).await?;
            match introducer.clone() {
                Some(first) => join(node.asker(), number, Some(first)).await?,
                None => introducer = Some((node.id, address)),
            }
            network.nodes.push(node);
        }
        for (number, node) in network.nodes.iter().enumerate() {
            join(node.asker(), number, None).await?;
        }
        network.settle().await?;
        Ok(network)
    }

    fn start_node(&mut self, plan: &Plan) -> Result<Node, KadError> {
        let mut swarm = swarm::build(plan, self.chance.bytes(SECRET_BYTES))?;
        swarm::listen(&mut swarm)?;
        Ok(Node::spawn(swarm))
    }

    async fn settle(&self) -> Result<(), KadError> {
        limited("waiting for the links of the Kademlia nodes to stop changing", SETTLE_LIMIT, async {
            let (mut links, mut since) = (self.links().await?, Instant::now());
            while since.elapsed() < QUIET {
                sleep(POLL).await;
                let now = self.links().await?;
                if now != links {
                    (links, since) = (now, Instant::now());
                }
            }
            Ok(())
        })
        .await
    }

    /// The links of all nodes; one between two nodes counts for both.
    pub(crate) async fn links(&self) -> Result<usize, KadError> {
        let mut links = 0;
        for node in &self.nodes {
            links += node.asker().links().await?;
        }
        Ok(links)
    }
}

/// Where a node listens, as soon as it does.
async fn listening(asker: &Asker) -> Result<Multiaddr, KadError> {
    limited("waiting for a Kademlia node to listen", LISTEN_LIMIT, async {
        loop {
            if let Some(address) = asker.addresses().await?.pop() {
                return Ok(address);
            }
            sleep(Duration::from_millis(1)).await;
        }
    })
    .await
}

async fn join(asker: &Asker, number: usize, introducer: Option<(PeerId, Multiaddr)>) -> Result<(), KadError> {
    match limited("the bootstrap of a Kademlia node", JOIN_LIMIT, asker.bootstrap(introducer)).await? {
        true => Ok(()),
        false => Err(KadError::NotJoined { number }),
    }
}

/// Does something in so much time, or tells what was too slow.
pub(crate) async fn limited<T>(
    step: &'static str,
    limit: Duration,
    work: impl Future<Output = Result<T, KadError>>,
) -> Result<T, KadError> {
    timeout(limit, work).await.unwrap_or(Err(KadError::TooSlow { step, limit }))
}
