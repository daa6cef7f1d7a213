#![allow(clippy::unwrap_used, clippy::expect_used, clippy::wildcard_enum_match_arm, reason = "a test may fail")]
//! Hostile peers: they are cut, others do not notice, memory stays bounded.

mod net_support;

use std::time::{Duration, Instant};

use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use grid::message::{Message, Nonce, Request, RequestBody};
use grid::record::Record;
use libp2p::identity::Keypair;
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId, Stream, StreamProtocol, SwarmBuilder, noise, tcp, yamux};
use net_support::{Node, Setup, mint, parameters};
use node::minting;
use node::wire::frame::{read_frame, write_frame};
use node::wire::greeting::Greeting;
use node::wire::{WireCard, encode_message};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A libp2p program that is not ours, with a stream to the victim.
struct Attacker {
    keypair: Keypair,
    control: libp2p_stream::Control,
    victim: PeerId,
}

impl Attacker {
    async fn connect(address: &Multiaddr) -> Self {
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
        swarm.dial(address.clone()).unwrap();
        let victim = address.iter().find_map(|part| match part {
            Protocol::P2p(peer) => Some(peer),
            _ => None,
        });
        tokio::spawn(async move { while swarm.next().await.is_some() {} });
        Self { keypair, control, victim: victim.unwrap() }
    }

    async fn stream(&mut self, node: &Node) -> Stream {
        let grid = node.status().await.grid;
        let protocol = StreamProtocol::try_from_owned(format!("/rook/{grid}/link/1")).unwrap();
        let open = async {
            loop {
                match self.control.open_stream(self.victim, protocol.clone()).await {
                    Ok(stream) => return stream,
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(10), open).await.unwrap()
    }

    /// Greets as an honest node would, with a paid identity.
    async fn greet(&mut self, node: &Node, issued: u64, expires: u64, grid_id: Option<[u8; 32]>) -> (Stream, Greeting) {
        let grid = parameters(1, 2);
        let identity = mint(&grid);
        let grid_id = grid_id.unwrap_or(*grid.grid_id().as_bytes());
        let peer_id = self.keypair.public().to_peer_id().to_bytes();
        let credential =
            identity.sign_credential(&grid_id, &peer_id, [0; 32], issued, expires, &mut rand::rng()).unwrap();
        let card =
            WireCard { identity: identity.identity().to_bytes(), credential: credential.to_bytes(), contact: None };
        let mut stream = self.stream(node).await;
        write_frame(&mut stream, &Greeting::hello(card).encode()).await.unwrap();
        let Greeting::Hello(_) = Greeting::decode(&read_frame(&mut stream, 1 << 16).await.unwrap()).unwrap() else {
            panic!("no hello");
        };
        let verdict = Greeting::decode(&read_frame(&mut stream, 1 << 16).await.unwrap()).unwrap();
        (stream, verdict)
    }

    /// Greets and is accepted.
    async fn accepted(&mut self, node: &Node) -> Stream {
        let now = now();
        let (mut stream, verdict) = self.greet(node, now, now + 3600, None).await;
        assert_eq!(verdict, Greeting::Accepted);
        write_frame(&mut stream, &Greeting::Accepted.encode()).await.unwrap();
        stream
    }
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

/// Whether the other side ends the stream within a time.
async fn is_cut(mut stream: Stream, within: Duration) -> bool {
    let drained = async {
        let mut buffer = vec![0; 65536];
        while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
    };
    tokio::time::timeout(within, drained).await.is_ok()
}

/// A victim with short patience, and an honest neighbour of it.
async fn victim() -> (Node, Node) {
    let grid = parameters(1, 2);
    let mut setup = Setup::new(&grid, mint(&grid));
    setup.limits.hello_timeout = Duration::from_secs(2);
    setup.limits.write_stall = Duration::from_secs(2);
    let victim = setup.start().await;
    let honest = Setup::new(&grid, mint(&grid)).joining(&victim).start().await;
    honest.linked(1).await;
    (victim, honest)
}

/// The honest neighbour is served as if nothing had happened.
async fn others_do_not_notice(victim: &Node, honest: &Node) {
    assert!(honest.status().await.status.links >= 1);
    let record = Record::new(format!("{:?}", Instant::now()).into_bytes());
    let put = honest.handle.put(record.clone()).await.unwrap();
    assert!(put.nodes >= 2, "{put:?}");
    assert_eq!(victim.handle.get(record.key()).await.unwrap().record, record);
}

fn tcp_address(node: &Node) -> String {
    let mut parts = node.address.iter();
    match (parts.next(), parts.next()) {
        (Some(Protocol::Ip4(ip)), Some(Protocol::Tcp(port))) => format!("{ip}:{port}"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_on_the_socket_is_cut() {
    let (victim, honest) = victim().await;
    let mut socket = TcpStream::connect(tcp_address(&victim)).await.unwrap();
    socket.write_all(&[0xA5; 4096]).await.unwrap();
    let end = tokio::time::timeout(Duration::from_secs(15), socket.read_to_end(&mut Vec::new())).await;
    assert!(end.is_ok(), "the connection is closed");
    others_do_not_notice(&victim, &honest).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_nothing_is_cut() {
    let (victim, honest) = victim().await;
    // One opens a stream and is silent; one does not even open a stream.
    let mut silent = Attacker::connect(&victim.address).await;
    let stream = silent.stream(&victim).await;
    let _idle = Attacker::connect(&victim.address).await;
    assert!(is_cut(stream, Duration::from_secs(10)).await);
    victim.until("only the honest one is left", |status| status.counters.connections == 1).await;
    assert!(victim.status().await.counters.failed_greetings >= 2);
    others_do_not_notice(&victim, &honest).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_greeting_is_cut() {
    let (victim, honest) = victim().await;
    let garbage: [&[u8]; 4] = [&[0xff; 50], &[], &[1], &[0, 0, 0, 0, 0]];
    for bytes in garbage {
        let mut attacker = Attacker::connect(&victim.address).await;
        let mut stream = attacker.stream(&victim).await;
        write_frame(&mut stream, bytes).await.unwrap();
        assert!(is_cut(stream, Duration::from_secs(5)).await, "{bytes:?}");
    }
    let mut attacker = Attacker::connect(&victim.address).await;
    let mut stream = attacker.stream(&victim).await;
    stream.write_all(&u32::MAX.to_be_bytes()).await.unwrap();
    assert!(is_cut(stream, Duration::from_secs(5)).await, "a frame of 4 GiB is announced");
    others_do_not_notice(&victim, &honest).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn void_credentials_are_refused_with_the_reason() {
    let (victim, honest) = victim().await;
    let now = now();
    let cases = [
        (now - 7200, now - 3600, None, "expired"),
        (now + 7200, now + 9000, None, "clocks"),
        (now, now + 3600, Some([9; 32]), "another identity or grid"),
    ];
    for (issued, expires, grid_id, word) in cases {
        let mut attacker = Attacker::connect(&victim.address).await;
        let (_, verdict) = attacker.greet(&victim, issued, expires, grid_id).await;
        assert!(matches!(&verdict, Greeting::Refused(why) if why.contains(word)), "{word}: {verdict:?}");
    }
    // A credential for another transport key than the one that secures the connection.
    let mut attacker = Attacker::connect(&victim.address).await;
    attacker.keypair = Keypair::generate_ed25519();
    let (_, verdict) = attacker.greet(&victim, now, now + 3600, None).await;
    assert!(matches!(&verdict, Greeting::Refused(why) if why.contains("transport key")), "{verdict:?}");
    others_do_not_notice(&victim, &honest).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_with_too_little_work_is_refused() {
    let (victim, _honest) = victim().await;
    let mut cheap = parameters(1, 2);
    cheap.identity_bits = 0;
    let wanted = minting::rules(&parameters(1, 2));
    let identity = loop {
        let identity = minting::mint_quickly(&cheap).unwrap();
        if identity.identity().clone().verify(&wanted, minting::today()).is_err() {
            break identity;
        }
    };
    let mut attacker = Attacker::connect(&victim.address).await;
    let (grid, peer_id) = (parameters(1, 2).grid_id(), attacker.keypair.public().to_peer_id().to_bytes());
    let credential =
        identity.sign_credential(grid.as_bytes(), &peer_id, [0; 32], now(), now() + 3600, &mut rand::rng()).unwrap();
    let card = WireCard { identity: identity.identity().to_bytes(), credential: credential.to_bytes(), contact: None };
    let mut stream = attacker.stream(&victim).await;
    write_frame(&mut stream, &Greeting::hello(card).encode()).await.unwrap();
    read_frame(&mut stream, 1 << 16).await.unwrap();
    let verdict = Greeting::decode(&read_frame(&mut stream, 1 << 16).await.unwrap()).unwrap();
    assert!(matches!(&verdict, Greeting::Refused(why) if why.contains("zero bits")), "{verdict:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verified_neighbour_that_turns_hostile_is_cut() {
    let (victim, honest) = victim().await;
    let frames: [&[u8]; 3] = [&[200, 1, 2, 3], &[], &[2, 1, 2, 3]];
    for frame in frames {
        let mut attacker = Attacker::connect(&victim.address).await;
        let mut stream = attacker.accepted(&victim).await;
        write_frame(&mut stream, frame).await.unwrap();
        assert!(is_cut(stream, Duration::from_secs(5)).await, "{frame:?}");
    }
    let mut attacker = Attacker::connect(&victim.address).await;
    let mut stream = attacker.accepted(&victim).await;
    stream.write_all(&(64_u32 << 20).to_be_bytes()).await.unwrap();
    assert!(is_cut(stream, Duration::from_secs(5)).await, "a frame beyond the grid's limit is announced");
    victim.until("all are cut", |status| status.status.links == 1).await;
    assert!(victim.status().await.counters.cut_links >= 4);
    others_do_not_notice(&victim, &honest).await;
}

/// Asks for echoes without ever reading one: 64 KiB each, a thousand of them.
#[tokio::test(flavor = "multi_thread")]
async fn who_never_reads_is_cut() {
    let (victim, honest) = victim().await;
    let mut attacker = Attacker::connect(&victim.address).await;
    let stream = attacker.accepted(&victim).await;
    let before = resident_mib();
    let (_reader, mut writer) = stream.split();
    let flood = async {
        for number in 0..1000_u64 {
            let mut id = [0; 16];
            id[..8].copy_from_slice(&number.to_be_bytes());
            let request = Request {
                id: grid::id::RequestId::from_bytes(id),
                target: victim.status().await.cell,
                hops: 0,
                hops_left: 2,
                body: RequestBody::Echo(vec![0; 60_000].into()),
            };
            if write_frame(&mut writer, &encode_message(&Message::Request(request))).await.is_err() {
                return;
            }
        }
    };
    _ = tokio::time::timeout(Duration::from_secs(20), flood).await;
    victim.until("it is cut", |status| status.status.links == 1).await;
    println!("memory grew by {} MiB", resident_mib().saturating_sub(before));
    assert!(resident_mib().saturating_sub(before) < 128);
    others_do_not_notice(&victim, &honest).await;
}

/// Pings and farewells of somebody who is verified are no attack, and a stranger to the protocol is told apart.
#[tokio::test(flavor = "multi_thread")]
async fn an_honest_stranger_is_served() {
    let (victim, _honest) = victim().await;
    let mut attacker = Attacker::connect(&victim.address).await;
    let mut stream = attacker.accepted(&victim).await;
    write_frame(&mut stream, &encode_message(&Message::Ping(Nonce(7)))).await.unwrap();
    let pong = encode_message(&Message::Pong(Nonce(7)));
    let answered = async { while read_frame(&mut stream, 1 << 20).await.unwrap() != pong {} };
    tokio::time::timeout(Duration::from_secs(5), answered).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_connections_shut_nobody_out() {
    let grid = parameters(1, 2);
    let mut setup = Setup::new(&grid, mint(&grid));
    setup.limits.hello_timeout = Duration::from_secs(3);
    let victim = setup.start().await;
    let before = resident_mib();
    let mut sockets = Vec::new();
    for _ in 0..1000 {
        if let Ok(socket) = TcpStream::connect(tcp_address(&victim)).await {
            sockets.push(socket);
        }
    }
    let refused = victim.until("most are refused", |s| s.counters.refused_connections > 800).await;
    // The gate opens again as the silent ones are cut.
    let honest = Setup::new(&grid, mint(&grid)).joining(&victim).start().await;
    honest.linked(1).await;
    others_do_not_notice(&victim, &honest).await;
    let grown = resident_mib().saturating_sub(before);
    println!(
        "{} connections: {} refused at the gate; memory grew by {grown} MiB",
        sockets.len(),
        refused.counters.refused_connections
    );
    assert!(grown < 64, "{grown} MiB");
}

/// The process' resident memory.
fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}
