//! The data plane: datasets go from their servers to those who read them over connections of their own.

pub mod library;
