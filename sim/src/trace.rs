//! A running hash over everything that happens: two runs are the same if and only if their traces are.

use grid::time::Time;

/// FNV-1a over 64-bit words (Fowler, Noll, Vo; the 64-bit prime and offset basis of the reference). Not
/// cryptographic: it tells runs apart, and nobody has a reason to collide it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trace(u64);

impl Default for Trace {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Trace {
    /// Takes one event: when, between whom, of which kind, and how large.
    pub fn note(&mut self, at: Time, from: u64, to: u64, kind: &str, size: u64) {
        for word in [at.as_micros(), from, to, size].into_iter().chain(kind.bytes().map(u64::from)) {
            self.0 = (self.0 ^ word).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    /// The hash so far.
    pub fn value(self) -> u64 {
        self.0
    }
}
