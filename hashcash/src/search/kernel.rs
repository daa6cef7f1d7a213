//! The kernels by name, and which of them this processor can run.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use sha1::{Digest as _, Sha1};

use crate::difficulty::leading_zero_bits;
use crate::search::{BATCH, Hit, Puzzle, portable};
#[cfg(target_arch = "x86_64")]
use crate::search::{avx2, avx512, sha_ni};

/// One way of searching. A value of this type is proof that this processor can run it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Kernel(Method);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Method {
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    Portable,
    #[cfg(target_arch = "x86_64")]
    ShaNi,
}

/// No kernel of that name can be run here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no search kernel {name:?} on this computer: choose one of {}", available.join(", "))]
pub struct UnknownKernel {
    /// The name asked for.
    pub name: String,
    /// The names that could be given.
    pub available: Vec<&'static str>,
}

/// The kernels that this processor can run, fastest first.
pub fn kernels() -> Vec<Kernel> {
    let mut methods = Vec::new();
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") {
            methods.push(Method::Avx512);
        }
        if is_x86_feature_detected!("avx2") {
            methods.push(Method::Avx2);
        }
        if is_x86_feature_detected!("sha") && is_x86_feature_detected!("sse4.1") {
            methods.push(Method::ShaNi);
        }
    }
    methods.push(Method::Portable);
    methods.into_iter().map(Kernel).collect()
}

impl Kernel {
    /// The fastest that this processor can run.
    pub fn best() -> Self {
        kernels().first().copied().unwrap_or(Self(Method::Portable))
    }

    /// Its name: `avx512`, `avx2`, `sha-ni` or `portable`.
    pub fn name(self) -> &'static str {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Method::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Method::Avx512 => "avx512",
            Method::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Method::ShaNi => "sha-ni",
        }
    }

    /// How many digests it computes side by side.
    pub fn lanes(self) -> usize {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Method::Avx2 => avx2::LANES,
            #[cfg(target_arch = "x86_64")]
            Method::Avx512 => avx512::LANES,
            Method::Portable => portable::LANES,
            #[cfg(target_arch = "x86_64")]
            Method::ShaNi => sha_ni::LANES,
        }
    }

    /// Tries every nonce of these batches and adds what it finds to `hits`, in order of batch.
    pub fn search(self, puzzle: &Puzzle, batches: Range<u64>, hits: &mut Vec<Hit>) {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a `Kernel` with this method is only made after AVX2 was detected.
            Method::Avx2 => unsafe { avx2::search(puzzle, batches, hits) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a `Kernel` with this method is only made after AVX-512F was detected.
            Method::Avx512 => unsafe { avx512::search(puzzle, batches, hits) },
            Method::Portable => portable::search(puzzle, batches, hits),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: a `Kernel` with this method is only made after SHA and SSE4.1 were detected.
            Method::ShaNi => unsafe { sha_ni::search(puzzle, batches, hits) },
        }
    }
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kernel {
    type Err = UnknownKernel;

    fn from_str(name: &str) -> Result<Self, UnknownKernel> {
        let kernels = kernels();
        let found = kernels.iter().find(|kernel| kernel.name() == name).copied();
        let available = kernels.into_iter().map(Kernel::name).collect();
        found.ok_or_else(|| UnknownKernel { name: name.to_owned(), available })
    }
}

/// The plain loop that the kernels are measured against: `Sha1::digest` of each whole message. It finds
/// the same hits as the kernels.
pub fn baseline(puzzle: &Puzzle, batches: Range<u64>, hits: &mut Vec<Hit>) {
    for batch in batches {
        for variant in 0..puzzle.variants() {
            let mut message = puzzle.message(batch, 0, variant);
            for lane in 0..BATCH {
                puzzle.set_nonce(&mut message, batch, lane);
                let bits = leading_zero_bits(&Sha1::digest(&message));
                if bits >= puzzle.difficulty() {
                    hits.push(Hit { message: message.clone(), variant, bits });
                }
            }
        }
    }
}
