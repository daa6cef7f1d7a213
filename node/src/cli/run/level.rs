//! How much a node does for others: `--level leaf|normal|strong`.

use std::path::PathBuf;
use std::time::Duration;

use grid::config::Config;
use grid::level;

use crate::cli::{Failure, quantity};
use crate::config::keys::flag_help;
use crate::config::run_file::{Level, RunFile};

/// How much the node does for others.
#[derive(Debug, Default, clap::Args)]
pub(super) struct LevelArgs {
    #[arg(long, value_name = "leaf|normal|strong", help = flag_help("", "level"))]
    level: Option<Level>,
    /// How long a leaf stays one, like 30min or 12h; then it becomes a normal node [default: for ever].
    #[arg(long, value_name = "TIME", value_parser = quantity::seconds)]
    grow_after: Option<u64>,
    /// One more identity of a strong node, for the same grid and with the same passphrase; may be said more than once.
    /// It has a folder of its own in --data, a part of the quota, and listens at the next port.
    #[arg(long, value_name = "FILE")]
    also: Vec<PathBuf>,
}

impl LevelArgs {
    /// What is wanted of the node, and its further identities.
    pub(super) fn settle(self, file: &RunFile, protocol: Config) -> Result<(Config, Vec<PathBuf>), Failure> {
        let level = self.level.or(file.level).unwrap_or_default();
        let grow_after = self.grow_after.or(file.grow_after).map(Duration::from_secs);
        let also = if self.also.is_empty() { file.also.clone().unwrap_or_default() } else { self.also };
        if grow_after.is_some() && level != Level::Leaf {
            return Err(Failure::usage("--grow-after is for leaves: say --level leaf, or leave it out"));
        }
        if level == Level::Strong && also.is_empty() {
            return Err(Failure::usage(
                "a strong node has several identities: name the others with --also FILE (`rook mint` makes them), or say \
                 --level normal",
            ));
        }
        if level != Level::Strong && !also.is_empty() {
            return Err(Failure::usage("--also is for strong nodes: say --level strong, or leave it out"));
        }
        let level = match level {
            Level::Leaf => level::Level::Leaf,
            Level::Normal | Level::Strong => level::Level::Normal,
        };
        Ok((Config { level, grow_after, ..protocol }, also))
    }
}
