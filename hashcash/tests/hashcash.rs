//! Behaviour of the crate through its public interface, one file for each part.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests, which may panic and print")]

mod credential;
mod file;
mod identity;
mod independent;
mod kernels;
mod mint;
mod place;
mod postage;
mod seal;
mod small_salts;
mod smooth_moduli;
mod support;
