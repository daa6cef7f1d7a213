//! What a node decides for itself.

use std::time::Duration;

use crate::bucket::Rate;
use crate::replay;

/// The bounds of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Circuits in all, our own included; each takes about 2 KiB.
    pub circuits: usize,
    /// Circuits that one neighbour may have opened to us.
    pub of_neighbour: usize,
    /// How many set-ups one neighbour may send: each costs us three multiplications on the curve.
    pub set_ups: Rate,
    /// How long a circuit lives. Ten minutes, as in I2P; its initiator leaves it a little earlier ([`crate::spares`]).
    pub life: Duration,
    /// How long nothing may come over a circuit.
    pub idle: Duration,
    /// After how long a silence of the far end of our own tunnels is asked whether it is there.
    pub ping: Duration,
    /// After how long a silence it is taken for gone, however often it was asked.
    pub deaf: Duration,
    /// How long we wait for the answer to a set-up.
    pub patience: Duration,
    /// Which set-ups count as replayed or stale.
    pub replays: replay::Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            circuits: 4096,
            of_neighbour: 512,
            // A tenth of a core at most for 100 neighbours, at 100 us for a set-up.
            set_ups: Rate { burst: 64, every: Duration::from_millis(100) },
            life: Duration::from_secs(600),
            idle: Duration::from_secs(180),
            // A cell in 20 s for each spare; three are lost before the tunnel is.
            ping: Duration::from_secs(20),
            deaf: Duration::from_secs(70),
            patience: Duration::from_secs(10),
            // Clocks of unattended machines differ by seconds; two minutes spare those that nobody has set for weeks.
            replays: replay::Limits { window: 2, entries: 1 << 17 },
        }
    }
}
