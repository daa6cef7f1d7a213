//! How much a node does for others.
//!
//! The 2003 design's "baby mode" lets a node that has just come be of little use until it has shown that it stays, so that
//! nobody pays for its coming and going. Here it is a level of its own: a *leaf* keeps one link for each axis, to a *host*
//! on that line, and asks the grid through its hosts. It is in nobody's roster, keeps no records and passes nothing on. A
//! leaf that is left to it grows up after a while ([`crate::config::Config::grow_after`]): it announces itself to its hosts
//! and joins like any other node.

/// How much a node does for others; both sides of a link know it of each other from the first frame on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Level {
    /// Nothing: a phone, a machine that is seldom there, a node in its first minutes.
    Leaf,
    /// Its share: links to all neighbours, requests passed on, records kept.
    #[default]
    Normal,
}

impl core::fmt::Display for Level {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Leaf => "leaf",
            Self::Normal => "normal",
        })
    }
}
