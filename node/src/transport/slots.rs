//! Send slots on all links of a node: it sends one cell's bytes whenever a clock strikes that knows nothing of the traffic, so
//! that an observer of its lines does not see whether anything is said through tunnels, or at all.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::time::{Instant, sleep_until};
use tunnel::slots::{Clock, Pace, gap};

use crate::wire::piece::SLOT;

/// Links that a node has in a grid of usual size: time limits are made for so many.
pub(crate) const LINKS: u32 = 20;
/// A large message of the protocol, in bytes: one with a record of a file.
const MESSAGE: usize = 64 << 10;

/// How a node covers what it sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cover {
    /// What it sends in all, in kbit/s (1,000 bits), shared evenly by its links; their own encryption and headers come on top.
    pub kbit_per_second: NonZeroU32,
    /// How the times of slots are found.
    pub pace: Pace,
}

impl Cover {
    /// The least that makes sense: a cell a second on one link.
    pub const LEAST: u32 = 11;

    /// The mean time between two slots of a link, of so many.
    pub fn gap(&self, links: u32) -> Duration {
        gap(self.kbit_per_second.get(), links)
    }

    /// How long a message of [`MESSAGE`] bytes takes on a link, of as many as a node has in a grid of usual size.
    pub(crate) fn message_time(&self) -> Duration {
        self.gap(LINKS) * u32::try_from(MESSAGE.div_ceil(SLOT)).unwrap_or(u32::MAX)
    }

    /// Bytes a day, each way.
    pub fn bytes_a_day(&self) -> u64 {
        u64::from(self.kbit_per_second.get()) * 1000 / 8 * 86_400
    }
}

/// The slots of a node's links, which share its rate.
#[derive(Debug)]
pub(crate) struct Slots {
    cover: Cover,
    links: AtomicU32,
}

impl Slots {
    pub(crate) fn new(cover: Cover) -> Self {
        Self { cover, links: AtomicU32::new(0) }
    }

    /// So many links are open now.
    pub(crate) fn share(&self, links: usize) {
        self.links.store(u32::try_from(links).unwrap_or(u32::MAX), Ordering::Relaxed);
    }

    /// How the node covers what it sends, and how many links share it now.
    pub(crate) fn standing(&self) -> (Cover, u32) {
        (self.cover, self.links.load(Ordering::Relaxed))
    }

    /// The mean time between two slots of a link now.
    pub(crate) fn gap(&self) -> Duration {
        let (cover, links) = self.standing();
        cover.gap(links)
    }
}

/// The slots of one link.
pub(crate) struct LinkSlots<'a> {
    slots: &'a Slots,
    clock: Clock,
    start: Instant,
    rng: StdRng,
}

impl<'a> LinkSlots<'a> {
    pub(crate) fn new(slots: &'a Slots) -> Self {
        let mut rng = StdRng::from_seed(rand::random());
        let clock = Clock::new(slots.cover.pace, slots.gap(), Duration::ZERO, &mut rng);
        Self { slots, clock, start: Instant::now(), rng }
    }

    /// Waits for the next slot. A finer time than the runtime's is not kept: slots that lie closer come one after the other.
    pub(crate) async fn next(&mut self) {
        while !self.clock.strikes(self.start.elapsed(), &mut self.rng) {
            sleep_until(self.start + self.clock.next()).await;
        }
        self.clock.set_mean(self.slots.gap());
    }
}
