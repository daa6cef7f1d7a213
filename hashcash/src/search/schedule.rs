//! SHA-1's message schedule and compression in plain Rust (FIPS 180-4, sections 4.1.1, 4.2.1 and 6.1).

/// Number of rounds of a compression.
pub(super) const ROUNDS: usize = 80;

/// The initial hash value, FIPS 180-4 section 5.3.1.
pub(super) const INITIAL: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];

/// `K[t]`, one for each twenty rounds, FIPS 180-4 section 4.2.1.
pub(super) const K: [u32; 4] = [0x5a82_7999, 0x6ed9_eba1, 0x8f1b_bcdc, 0xca62_c1d6];

/// The schedule of a block, without the round constants.
pub(super) type Schedule = [u32; ROUNDS];

/// `W[t] = rotl1(W[t-3] ^ W[t-8] ^ W[t-14] ^ W[t-16])`: linear over XOR.
pub(super) fn expand(block: &[u32; 16]) -> Schedule {
    let mut w = [0; ROUNDS];
    w[..16].copy_from_slice(block);
    for t in 16..ROUNDS {
        w[t] = (w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16]).rotate_left(1);
    }
    w
}

/// A schedule with its round constants added.
pub(super) fn with_constants(w: &Schedule) -> Schedule {
    std::array::from_fn(|t| w[t].wrapping_add(K[t / 20]))
}

/// A schedule, four rounds at a time in reverse: the SHA instructions take the first word on top.
pub(super) fn reversed(w: &Schedule) -> Schedule {
    std::array::from_fn(|t| w[t ^ 3])
}

/// One compression, for what is computed only once: the state after `block`.
pub(super) fn compress_onto(state: [u32; 5], block: &[u32; 16]) -> [u32; 5] {
    let [mut a, mut b, mut c, mut d, mut e] = state;
    for (t, kw) in with_constants(&expand(block)).into_iter().enumerate() {
        let f = match t / 20 {
            0 => d ^ (b & (c ^ d)),
            2 => (b & c) | (d & (b | c)),
            _ => b ^ c ^ d,
        };
        let next = a.rotate_left(5).wrapping_add(f).wrapping_add(e).wrapping_add(kw);
        (a, b, c, d, e) = (next, a, b.rotate_left(30), c, d);
    }
    let after = [a, b, c, d, e];
    std::array::from_fn(|i| state[i].wrapping_add(after[i]))
}

/// The blocks of a message with its padding, as big-endian words.
pub(super) fn blocks(message: &[u8]) -> Vec<[u32; 16]> {
    let mut padded = message.to_vec();
    padded.push(0x80);
    padded.resize((message.len() + 9).next_multiple_of(64) - 8, 0);
    padded.extend_from_slice(&(message.len() as u64 * 8).to_be_bytes());
    padded.chunks_exact(64).map(words).collect()
}

/// Sixteen big-endian words.
pub(super) fn words(bytes: &[u8]) -> [u32; 16] {
    std::array::from_fn(|i| bytes[4 * i..4 * i + 4].iter().fold(0, |word, byte| word << 8 | u32::from(*byte)))
}

#[cfg(test)]
mod tests {
    use sha1::{Digest as _, Sha1};

    use super::*;

    #[test]
    fn compressing_all_blocks_is_sha1() {
        for length in [0, 1, 55, 56, 63, 64, 65, 272] {
            let message = vec![0xa5; length];
            let state = blocks(&message).iter().fold(INITIAL, compress_onto);
            let digest: Vec<u8> = state.iter().flat_map(|word| word.to_be_bytes()).collect();
            assert_eq!(digest, Sha1::digest(&message).as_slice(), "{length} bytes");
        }
    }
}
