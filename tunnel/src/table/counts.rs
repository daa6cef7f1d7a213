//! What a table has seen, in numbers that name nobody.

/// So many since the table was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Cells passed on outward.
    pub outward: u64,
    /// Cells passed on homeward.
    pub homeward: u64,
    /// Cells that were not sealed for their circuit as the next one: altered, replayed, out of order, foreign.
    pub forged: u64,
    /// Cells that came where none may come, such as payload before the answer to the set-up.
    pub out_of_turn: u64,
    /// Cells of circuits that are not, or are no more.
    pub unknown: u64,
    /// Cells that are no cells.
    pub malformed: u64,
    /// Cells that only filled a slot.
    pub cover: u64,
    /// Set-ups taken.
    pub set_ups: u64,
    /// Set-ups that did not open.
    pub unreadable: u64,
    /// Set-ups that were taken before.
    pub replayed: u64,
    /// Set-ups whose date was too far from ours.
    pub stale: u64,
    /// Set-ups for which there was no room: of circuits, of the neighbour's, of its rate, in the filter or in the shell's queue.
    pub no_room: u64,
    /// Set-ups that were taken back while they waited in the shell's queue.
    pub withdrawn: u64,
    /// Circuits that ended for whatever reason.
    pub ended: u64,
}
