//! What is between machines: packets that leave one are held as long as the weather says, and given to another.
//!
//! Each machine has a TUN device instead of a cable, and its other end is here. The kernel needs no `netem` for that.

use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use super::conditions::{Ways, Weather};

/// The largest packet that a device gives, and more.
const LARGEST: usize = 65_536;
/// Packets that are on their way at a time. More would be a storm of their senders.
const MOST: usize = 100_000;

/// A packet that is to arrive; the heap has the earliest on top.
struct OnItsWay {
    arrives: Duration,
    /// Of two that arrive at once the one that was sent first.
    number: u64,
    to: usize,
    packet: Vec<u8>,
}

impl OnItsWay {
    fn order(&self) -> std::cmp::Reverse<(Duration, u64)> {
        std::cmp::Reverse((self.arrives, self.number))
    }
}

impl Ord for OnItsWay {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.order().cmp(&other.order())
    }
}

impl PartialOrd for OnItsWay {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Eq for OnItsWay {}

impl PartialEq for OnItsWay {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

struct Inner {
    ways: Ways,
    weather: Weather,
    on_their_way: BinaryHeap<OnItsWay>,
    sent: u64,
}

struct Shared {
    begun: Instant,
    /// Where each machine's packets come from and go to.
    taps: Vec<File>,
    /// The last byte of the machines' addresses, in their order.
    numbers: Vec<u8>,
    inner: Mutex<Inner>,
    comes: Condvar,
    lost: AtomicU64,
}

/// The weather between machines. It lasts as long as the process.
#[derive(Clone)]
pub(crate) struct Sky(Arc<Shared>);

impl Sky {
    /// Between these devices, of the machines whose addresses end with these numbers.
    pub(crate) fn between(seed: u64, taps: Vec<File>, numbers: Vec<u8>) -> Self {
        let (machines, on_their_way) = (taps.len(), BinaryHeap::new());
        let inner = Inner { ways: Ways::draw(seed, machines), weather: Weather::fair(), on_their_way, sent: 0 };
        let (inner, comes) = (Mutex::new(inner), Condvar::new());
        let shared = Shared { begun: Instant::now(), taps, numbers, inner, comes, lost: AtomicU64::new(0) };
        let sky = Self(Arc::new(shared));
        for from in 0..machines {
            let sky = sky.clone();
            std::thread::spawn(move || sky.take_from(from));
        }
        let giver = sky.clone();
        std::thread::spawn(move || giver.give());
        sky
    }

    /// Changes the weather.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Weather)) {
        change(&mut self.0.inner.lock().unwrap().weather);
    }

    /// Packets that were sent, and those that were lost.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.0.inner.lock().unwrap().sent, self.0.lost.load(Ordering::Relaxed))
    }

    /// How long a packet takes between any two machines on a good day: the least, the mean and the longest time.
    pub(crate) fn usual(&self) -> [Duration; 3] {
        let (inner, machines) = (self.0.inner.lock().unwrap(), self.0.taps.len());
        let pairs = (0..machines).flat_map(|from| (0..from).map(move |to| (from, to)));
        let mut all: Vec<Duration> = pairs.map(|(from, to)| inner.ways.usual(from, to)).collect();
        all.sort_unstable();
        [all[0], all.iter().sum::<Duration>() / all.len() as u32, all[all.len() - 1]]
    }

    fn take_from(&self, from: usize) {
        let mut packet = vec![0; LARGEST];
        // A device that is gone has no more packets.
        while let Ok(length) = (&self.0.taps[from]).read(&mut packet) {
            // IPv4 alone, and to machines alone: others talk of who is on the wire, on which nobody is.
            let is_packet = length >= 20 && packet[0] >> 4 == 4;
            let to = self.0.numbers.iter().position(|&number| is_packet && number == packet[19]);
            let Some(to) = to else { continue };
            let mut inner = self.0.inner.lock().unwrap();
            let (now, number) = (self.0.begun.elapsed(), inner.sent);
            inner.sent += 1;
            let Inner { ways, weather, on_their_way, .. } = &mut *inner;
            match ways.carry(weather, from, to, now).filter(|_| on_their_way.len() < MOST) {
                Some(arrives) => {
                    on_their_way.push(OnItsWay { arrives, number, to, packet: packet[..length].to_vec() });
                    self.0.comes.notify_one();
                }
                None => _ = self.0.lost.fetch_add(1, Ordering::Relaxed),
            }
        }
    }

    fn give(&self) {
        let mut inner = self.0.inner.lock().unwrap();
        loop {
            let now = self.0.begun.elapsed();
            match inner.on_their_way.peek().map(|next| next.arrives) {
                Some(arrives) if arrives <= now => {
                    let OnItsWay { to, packet, .. } = inner.on_their_way.pop().unwrap();
                    drop(inner);
                    // A machine that is gone hears no more.
                    _ = (&self.0.taps[to]).write(&packet);
                    inner = self.0.inner.lock().unwrap();
                }
                Some(arrives) => inner = self.0.comes.wait_timeout(inner, arrives - now).unwrap().0,
                None => inner = self.0.comes.wait(inner).unwrap(),
            }
        }
    }
}
