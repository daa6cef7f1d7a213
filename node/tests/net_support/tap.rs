//! An observer of a node's lines: in front of a node, it passes on what comes and notes when and how much.
//!
//! It works with threads of its own, so that its clock does not depend on what nodes in this process do.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

/// Bytes were seen on a line.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    pub at: Instant,
    pub bytes: usize,
}

/// One direction of one connection. Nodes dial from the port at which they listen, by which they are known.
#[derive(Debug)]
pub struct Line {
    pub from: u16,
    pub to: u16,
    seen: Mutex<Vec<Seen>>,
}

impl Line {
    /// What was seen within a time.
    pub fn seen(&self, since: Instant, until: Instant) -> Vec<Seen> {
        let seen = self.seen.lock().unwrap();
        seen.iter().filter(|one| since <= one.at && one.at < until).copied().collect()
    }
}

/// Notes of all connections of a grid.
#[derive(Clone, Debug, Default)]
pub struct Tap(Arc<Mutex<Vec<Arc<Line>>>>);

/// The place of a node that is not there yet.
#[derive(Debug)]
pub struct Socket {
    pub port: u16,
    behind: Arc<OnceLock<u16>>,
}

impl Socket {
    /// The node is there, and listens at a port.
    pub fn arrived(&self, port: u16) {
        self.behind.set(port).unwrap();
    }
}

impl Tap {
    /// A place for a node to be found at.
    pub fn socket(&self) -> Socket {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let (port, behind) = (listener.local_addr().unwrap().port(), Arc::new(OnceLock::new()));
        let (tap, node) = (self.clone(), behind.clone());
        std::thread::spawn(move || {
            for near in listener.incoming() {
                let (tap, node) = (tap.clone(), node.clone());
                std::thread::spawn(move || tap.carry(near.unwrap(), &node));
            }
        });
        Socket { port, behind }
    }

    /// All directions on which something goes from a node.
    pub fn of(&self, from: u16) -> Vec<Arc<Line>> {
        self.0.lock().unwrap().iter().filter(|line| line.from == from).cloned().collect()
    }

    fn carry(&self, near: TcpStream, node: &OnceLock<u16>) {
        // Nodes dial as soon as they listen, and their port is known a moment later.
        let waits = (0..1000).find_map(|_| {
            std::thread::sleep(Duration::from_millis(5));
            node.get().copied()
        });
        let Some(port) = waits else { return };
        let Ok(far) = TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, port))) else { return };
        let Ok(other) = near.peer_addr().map(|address| address.port()) else { return };
        near.set_nodelay(true).unwrap();
        far.set_nodelay(true).unwrap();
        let [inward, outward] = [(other, port), (port, other)].map(|(from, to)| {
            let line = Arc::new(Line { from, to, seen: Mutex::default() });
            self.0.lock().unwrap().push(line.clone());
            line
        });
        let (back, forth) = (near.try_clone().unwrap(), far.try_clone().unwrap());
        std::thread::spawn(move || pass(forth, back, &outward));
        pass(near, far, &inward);
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, line: &Line) {
    let mut bytes = [0; 64 << 10];
    while let Ok(length) = from.read(&mut bytes) {
        line.seen.lock().unwrap().push(Seen { at: Instant::now(), bytes: length });
        if length == 0 || to.write_all(&bytes[..length]).is_err() {
            break;
        }
    }
    // Either may be closed already.
    _ = (to.shutdown(Shutdown::Write), from.shutdown(Shutdown::Read));
}
