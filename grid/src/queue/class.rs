//! How urgent a piece of work is.

/// The class of a request, of its answer, and of what goes over a link. The order is that of service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// What keeps the grid together: joins, rosters, probes. Little of it, and without it nothing else works.
    Control,
    /// Somebody waits for it: a page, a question, the first piece of a file.
    Interactive,
    /// The rest of a file, copies of records: may ooze.
    Bulk,
}

impl Class {
    /// All of them, in the order of service.
    pub const ALL: [Self; 3] = [Self::Control, Self::Interactive, Self::Bulk];

    /// The class of a chunk of a file, by its number.
    pub const fn of_chunk(number: u32) -> Self {
        if number == 0 { Self::Interactive } else { Self::Bulk }
    }

    /// Its place in [`Class::ALL`].
    pub const fn index(self) -> usize {
        match self {
            Self::Control => 0,
            Self::Interactive => 1,
            Self::Bulk => 2,
        }
    }
}
