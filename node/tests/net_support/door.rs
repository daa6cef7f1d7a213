//! A relay in front of a node that knows who comes: as far away as each of them is.
//!
//! Nodes dial from the port at which they listen, so that is how they are told apart.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::sleep;

use super::relay::{Line, carry, socket};

/// How long a door waits to be told who listens at a port: nodes dial as soon as they listen, and we learn their port then.
const ACQUAINTANCE: Duration = Duration::from_secs(10);

/// The nodes of a world, and how far they are from each other.
pub struct Doors {
    /// Numbers of nodes, by their listening ports on loopback.
    known: Mutex<HashMap<u16, usize>>,
    way: Box<dyn Fn(usize, usize) -> Duration + Send + Sync>,
    /// Of every line, each way.
    bytes_per_s: u64,
    /// Who came to whom.
    visits: Mutex<Vec<(usize, usize)>>,
    /// Connections of whom nobody knows where he is.
    strangers: AtomicU64,
}

impl Doors {
    pub fn new(way: impl Fn(usize, usize) -> Duration + Send + Sync + 'static) -> Arc<Self> {
        Self::of_rate(100 << 20, way)
    }

    /// Those of lines with so many bytes a second each way.
    pub fn of_rate(bytes_per_s: u64, way: impl Fn(usize, usize) -> Duration + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            bytes_per_s,
            known: Mutex::default(),
            way: Box::new(way),
            visits: Mutex::default(),
            strangers: AtomicU64::new(0),
        })
    }

    /// A door for a node that is not there yet; its port.
    pub async fn open(self: &Arc<Self>, number: usize) -> u16 {
        let listener = socket("127.0.0.1:0");
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(self.clone().accept(number, listener));
        port
    }

    /// The node is there, and listens at a port.
    pub fn arrived(&self, number: usize, port: u16) {
        self.known.lock().unwrap().insert(port, number);
    }

    /// Who has come to whom so far.
    pub fn visits(&self) -> Vec<(usize, usize)> {
        self.visits.lock().unwrap().clone()
    }

    /// Connections that were turned away because nobody knew from where they came.
    pub fn strangers(&self) -> u64 {
        self.strangers.load(Ordering::Relaxed)
    }

    async fn accept(self: Arc<Self>, number: usize, listener: TcpListener) {
        while let Ok((near, from)) = listener.accept().await {
            let doors = self.clone();
            tokio::spawn(async move { doors.lead(near, from.port(), number).await });
        }
    }

    async fn lead(&self, near: TcpStream, from: u16, to: usize) {
        let (Some(from), Some(port)) = (self.find(|known| known.get(&from).copied()).await, self.port_of(to).await)
        else {
            self.strangers.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let far = TcpSocket::new_v4().unwrap().connect(([127, 0, 0, 1], port).into()).await;
        let Ok(far) = far else { return };
        self.visits.lock().unwrap().push((from, to));
        let way = u64::try_from((self.way)(from, to).as_micros()).unwrap();
        // A buffer of a tenth of a second, as routers have, and of 1 MiB at most.
        let buffer = u32::try_from(self.bytes_per_s / 10).unwrap().clamp(64 << 10, 1 << 20);
        let line = Line { bytes_per_s: self.bytes_per_s, way: Duration::ZERO, buffer };
        carry(near, far, line, &Arc::new(AtomicU64::new(way)));
    }

    async fn port_of(&self, number: usize) -> Option<u16> {
        self.find(|known| known.iter().find(|(_, known)| **known == number).map(|(port, _)| *port)).await
    }

    async fn find<T>(&self, wanted: impl Fn(&HashMap<u16, usize>) -> Option<T>) -> Option<T> {
        let step = Duration::from_millis(5);
        for _ in 0..ACQUAINTANCE.as_millis() / step.as_millis() {
            if let Some(found) = wanted(&self.known.lock().unwrap()) {
                return Some(found);
            }
            sleep(step).await;
        }
        None
    }
}
