//! The gateway: reads datasets from servers that nobody vouches for, checks what they send, and answers the clients that
//! people have.

#[allow(dead_code)]
mod batch;
#[allow(dead_code)]
mod cache;
#[allow(dead_code)]
mod html;
#[allow(dead_code)]
mod pool;
