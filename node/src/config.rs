//! The TOML files: a grid's parameters, and what `rook run --config` takes.
//!
//! Both are read strictly: an unknown key is refused by its name and line, with the key that was probably meant.

mod error;
pub mod grid_file;
pub mod keys;
pub mod run_file;
mod section;

pub use error::ConfigError;
