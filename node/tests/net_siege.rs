#![allow(clippy::unwrap_used, clippy::expect_used, clippy::wildcard_enum_match_arm, reason = "a test may fail")]
//! A node as a process, besieged: a thousand connections at once with few file descriptors, slow and flooding peers. Its memory is
//! measured, and an honest neighbour is served all the while.

mod cli_support;

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use cli_support::{Node, Place, eventually, scrape};
use futures::future::join_all;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use tokio::net::TcpSocket;
use tokio::time::timeout;

/// File descriptors that the besieged node may have, which is not enough for its besiegers.
const DESCRIPTORS: u64 = 80;
/// The besiegers.
const CONNECTIONS: u16 = 1000;
/// Addresses that they come from: the gate bounds those from one.
const ADDRESSES: u16 = 25;
/// Besiegers whose end is waited for: who has no descriptor yet waits with the system, and has its turn.
const CUT: usize = 300;
/// What the node's memory may grow by, in MiB.
const GROWTH: u64 = 96;

/// The memory of a process, in MiB.
fn resident_mib(node: &Node) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", node.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

/// The file descriptors that a process has open.
fn descriptors(node: &Node) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", node.pid())).unwrap().count()
}

/// A node and an honest neighbour of it, on TCP.
fn pair(place: &Place) -> (Node, Node, SocketAddr) {
    let grid = place.grid("siege", 1, 2);
    let args = |name: &str| {
        let identity = place.mint(&grid, &format!("{name}.pem"));
        let mut args = place.run_args(&identity, name);
        let listen = args.iter().position(|arg| arg == "/ip4/127.0.0.1/udp/0/quic-v1").unwrap();
        args[listen] = "/ip4/127.0.0.1/tcp/0".into();
        args
    };
    let mut besieged = args("besieged");
    let config = place.write("besieged.toml", "[limits]\nhello_timeout_ms = 2000\n");
    besieged.extend(["--config".to_owned(), config.to_str().unwrap().to_owned()]);
    let node = place.node(&besieged);
    let mut honest = args("honest");
    honest.extend(["--peer".to_owned(), node.listen[0].clone()]);
    let mut honest = place.node(&honest);
    honest.wait_for("joined", Duration::from_secs(60));
    let port = node.listen[0].split('/').nth(4).unwrap().parse().unwrap();
    (node, honest, SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
}

/// Puts by one of them and gets by the other.
fn serves(place: &Place, node: &Node, honest: &Node, number: u32) {
    let file = place.write("value", format!("value {number}"));
    let put = place.json(["put", "--json", "--api", &honest.api, file.to_str().unwrap()]);
    let pointer = put["pointer"].as_str().unwrap().to_owned();
    let out: PathBuf = place.path(&format!("got-{number}"));
    place.ok(["get", "--api", &node.api, &pointer, "-o", out.to_str().unwrap()]);
    assert_eq!(std::fs::read(&out).unwrap(), format!("value {number}").as_bytes());
}

/// A connection that comes from one of many addresses of this machine.
async fn connect_from(number: u16, to: SocketAddr) -> Option<TcpStream> {
    let [_, low] = (1 + number % ADDRESSES).to_be_bytes();
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from((Ipv4Addr::new(127, 0, 1, low), 0))).unwrap();
    let stream = timeout(Duration::from_secs(5), socket.connect(to)).await.ok()?.ok()?;
    Some(stream.into_std().unwrap())
}

/// What the besiegers say, each another thing.
fn says(number: u16, socket: &mut TcpStream) {
    // The beginning of multistream-select, as libp2p's clients say it, behind its length.
    let hello = b"\x13/multistream/1.0.0\n";
    let said: &[u8] = match number % 5 {
        0 => &[],
        1 => &[0xA5; 2000],
        2 => hello,
        3 => b"\x13/multistream/1.0.0\n\x07/noise\n\xff\xff",
        _ => b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    };
    // It may be cut already.
    _ = socket.write_all(said);
}

#[test]
fn a_thousand_connections_at_once_with_few_file_descriptors() {
    let place = Place::new();
    let (mut node, honest, address) = pair(&place);
    serves(&place, &node, &honest, 0);
    let pid = Pid::from_raw(node.pid().try_into().unwrap());
    prlimit(pid, Resource::Nofile, Rlimit { current: Some(DESCRIPTORS), maximum: Some(DESCRIPTORS) }).unwrap();
    let before = resident_mib(&node);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let connected = runtime.block_on(join_all((0..CONNECTIONS).map(|number| connect_from(number, address))));
    let mut sockets: Vec<TcpStream> = connected.into_iter().flatten().collect();
    for (number, socket) in (0..).zip(&mut sockets) {
        says(number, socket);
    }
    assert!(sockets.len() > 900, "{} connected", sockets.len());
    let all = DESCRIPTORS.try_into().unwrap();
    eventually("it has no more descriptors", Duration::from_secs(3), || (descriptors(&node) >= all).then_some(()));
    let (open, during) = (descriptors(&node), resident_mib(&node));
    println!("{} connections: {open} descriptors, memory {before} MiB before, {during} MiB now", sockets.len());
    // Who is linked already is served, whatever goes on at the door.
    serves(&place, &node, &honest, 1);
    // Slow bytes: those whose connection is still open say one more now and then, and are cut none the less.
    let began = Instant::now();
    let all = sockets.len();
    eventually("they are cut by and by", Duration::from_secs(30), || {
        sockets.retain_mut(|socket| {
            socket.set_nonblocking(true).unwrap();
            _ = socket.write(&[0]);
            let mut buffer = [0; 512];
            !matches!(socket.read(&mut buffer), Ok(0)) && !is_reset(socket)
        });
        (all - sockets.len() >= CUT).then_some(())
    });
    let grown = resident_mib(&node).saturating_sub(before);
    println!("{} cut after {:?}; memory grew by {grown} MiB", all - sockets.len(), began.elapsed());
    drop(sockets);
    assert!(grown < GROWTH, "{grown} MiB");
    assert!(node.runs());
    serves(&place, &node, &honest, 2);
    // The door is open again: somebody new comes in.
    let identity = place.mint(place.path("siege.toml"), "late.pem");
    let mut args = place.run_args(&identity, "late");
    args.extend(["--peer".to_owned(), node.listen[0].clone()]);
    let mut late = place.node(&args);
    late.wait_for("joined", Duration::from_secs(60));
    let figures = scrape(&node.api);
    assert!(figures.lines().any(|line| line.contains("refused") && !line.starts_with('#')), "{figures}");
}

fn is_reset(socket: &TcpStream) -> bool {
    socket.take_error().is_ok_and(|error| error.is_some()) || socket.peer_addr().is_err()
}
