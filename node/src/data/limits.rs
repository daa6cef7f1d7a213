//! What a dataset server allows its readers, and how patient both are.

use std::time::Duration;

/// The limits of a node's data plane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections in all.
    pub max_connections: u32,
    /// Inbound connections from one IP address. A whole demonstration on one machine has to fit.
    pub max_connections_per_ip: usize,
    /// Answers that are given at the same time: each takes up to three pieces of 256 KiB, and a thread that reads.
    pub max_answers: usize,
    /// The same to one reader.
    pub max_answers_per_reader: usize,
    /// The largest answer, in bytes.
    pub max_answer_bytes: u64,
    /// How long a stream may take to open, and a request or its first answer to arrive.
    pub ask_timeout: Duration,
    /// How long a stream may stand still before it is given up.
    pub stall: Duration,
    /// Bytes per second below which a reader is given up once `rate_grace` has passed.
    pub min_rate: u64,
    /// For how long an answer may be slower than `min_rate`.
    pub rate_grace: Duration,
    /// How long a connection without a stream stays open for the next request.
    pub idle: Duration,
    /// How long a dial may take.
    pub dial_timeout: Duration,
    /// When a reader that is refused for want of room is told to come again, and how long a reader of ours waits for
    /// room in all.
    pub busy_wait: Duration,
    /// Proofs of contradictions that are kept and passed on.
    pub max_reports: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 512,
            max_connections_per_ip: 64,
            max_answers: 32,
            max_answers_per_reader: 8,
            max_answer_bytes: 64 << 30,
            ask_timeout: Duration::from_secs(10),
            stall: Duration::from_secs(20),
            min_rate: 4 << 10,
            rate_grace: Duration::from_secs(30),
            idle: Duration::from_secs(60),
            dial_timeout: Duration::from_secs(10),
            busy_wait: Duration::from_millis(500),
            max_reports: 256,
        }
    }
}
