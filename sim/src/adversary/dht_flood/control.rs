//! The suggested effort, after Tor's proposal 327 (<https://spec.torproject.org/hspow-spec/common-protocol.html>): nothing
//! while the node keeps up, more when requests that paid what was suggested are lost, the same while only others are, and
//! less when nothing is. An attacker can drive it up, which is why Tor's proposal 362 wants another loop
//! (<https://spec.torproject.org/proposals/362-update-pow-control-loop.html>).

/// The effort that a node asks for, in steps, and what it has seen since the last change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Control {
    suggested: u64,
    /// Effort of all requests that came.
    total: u64,
    handled: u64,
    /// Whether a request was lost.
    has_lost: bool,
    /// Whether one of them had paid as much as was suggested.
    has_lost_paid: bool,
}

impl Control {
    /// What honest requesters are asked to pay.
    pub fn suggested(&self) -> u64 {
        self.suggested
    }

    /// A request has come.
    pub fn arrived(&mut self, effort: u64) {
        self.total += effort;
    }

    /// A request has been served.
    pub fn served(&mut self) {
        self.handled += 1;
    }

    /// A request has been dropped.
    pub fn lost(&mut self, effort: u64) {
        self.has_lost = true;
        self.has_lost_paid |= effort >= self.suggested;
    }

    /// The end of a period: raises the suggestion by a step at least, to all effort that came for each request handled,
    /// or cuts it to two thirds, or leaves it where the flood is outbid.
    pub fn turn(&mut self) {
        let suggested = match (self.has_lost, self.has_lost_paid) {
            (_, true) => (self.suggested + 1).max(self.total / self.handled.max(1)),
            (true, false) => self.suggested,
            (false, false) => self.suggested * 2 / 3,
        };
        *self = Self { suggested, ..Self::default() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wakes_raises_and_falls_asleep() {
        let mut control = Control::default();
        control.turn();
        assert_eq!(control.suggested(), 0, "dormant");
        control.lost(0);
        control.turn();
        assert_eq!(control.suggested(), 1);
        control.lost(0);
        control.turn();
        assert_eq!(control.suggested(), 1, "what did not pay may be lost, but is still there");
        control.turn();
        assert_eq!(control.suggested(), 0);
        (0..5).for_each(|_| control.arrived(12));
        control.served();
        control.lost(12);
        control.turn();
        assert_eq!(control.suggested(), 60);
        control.turn();
        assert_eq!(control.suggested(), 40);
    }
}
