//! Datasets: what is in them, what a publisher signs of them, and how people ask for parts of them.
//!
//! Nothing here knows the network or the clock. A dataset is one or more files; a file has variables over dimensions;
//! a variable's values, in *canonical form* (row-major, big-endian), are a stream of bytes whose BLAKE3 root stands in
//! the publisher's [`manifest::Manifest`]. The canonical form is the same whatever the layout of the file that holds the
//! values, so any server with the same data has the same stream, and any piece of it can be proved.
//!
//! - [`model`]: dimensions, attributes, variables, tables
//! - [`slab`]: a hyperslab, and which bytes of a canonical stream it takes
//! - [`source`]: where values come from
//! - [`memory`]: values that are kept in memory
//! - [`netcdf`]: values that are in a NetCDF file
//! - [`csv`]: values that are in a table of text
//! - [`storage`]: where the bytes of a file lie
//! - [`dap`]: the Data Access Protocol, in which clients ask
//! - [`manifest`]: what the publisher signs
//! - [`tree`]: what proves a piece of a stream
//! - [`proof`]: holds what comes from elsewhere against it
//! - [`classic`]: how a netCDF classic file is written
//! - [`climate`]: a dataset to show and test with
//! - [`proof`]: and holds a piece against it

pub mod classic;
pub mod climate;
pub mod csv;
pub mod dap;
pub mod manifest;
pub mod memory;
pub mod model;
pub mod netcdf;
pub mod proof;
pub mod slab;
pub mod source;
pub mod storage;
pub mod tree;
