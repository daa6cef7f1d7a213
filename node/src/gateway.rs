//! The gateway: reads datasets from servers that nobody vouches for, checks what they send, and answers the clients that
//! people have.

#![allow(dead_code)]

mod batch;
mod cache;
mod error;
mod html;
mod pool;
mod session;
mod slabs;

pub use error::{Attempt, ReadError};
