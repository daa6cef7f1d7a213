//! Cells look alike: neither a set-up nor a cell tells where on the path it is, nor can it be known again behind a hop.

use std::collections::BTreeSet;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use tunnel::cell::{CELL, Reading, SET_UP};
use tunnel::initiator::Opening;
use tunnel::keys::{Hop, OnionSecret};
use tunnel::setup::Taken;

use crate::net::Net;

/// Packets of each kind that are compared.
const PACKETS: usize = 3000;
/// The byte of an X25519 key whose top bit is always 0.
const KEYS_TOP: usize = 31;

/// How often each bit was 1.
struct Bits {
    ones: Vec<u32>,
    packets: u32,
}

impl Bits {
    fn new(bytes: usize) -> Self {
        Self { ones: vec![0; bytes * 8], packets: 0 }
    }

    fn add(&mut self, packet: &[u8]) {
        self.packets += 1;
        for (at, ones) in self.ones.iter_mut().enumerate() {
            *ones += u32::from(packet[at / 8] >> (at % 8) & 1);
        }
    }

    /// How many standard deviations the most uneven bit is off one half.
    fn worst(&self, range: std::ops::Range<usize>) -> f64 {
        let n = f64::from(self.packets);
        let off = |&ones: &u32| (f64::from(ones) - n / 2.0).abs() / (n / 4.0).sqrt();
        self.ones[range.start * 8..range.end * 8].iter().map(off).fold(0.0, f64::max)
    }

    /// Pearson's chi-square over all bits against even ones, as a normal deviate: how far the sum of the squares is off.
    fn chi_square(&self, range: std::ops::Range<usize>) -> f64 {
        let n = f64::from(self.packets);
        let bits = &self.ones[range.start * 8..range.end * 8];
        let sum: f64 = bits.iter().map(|&ones| (f64::from(ones) - n / 2.0).powi(2) / (n / 4.0)).sum();
        let degrees = bits.len() as f64;
        (sum - degrees) / (2.0 * degrees).sqrt()
    }
}

/// Among 10,200 bits the worst is off by 6.5 with a chance below 10^-6, and a chi-square of as many degrees by 5.5.
const WORST: f64 = 6.5;
const SQUARES: f64 = 5.5;

fn assert_even(bits: &Bits, range: std::ops::Range<usize>, what: &str) {
    let (worst, squares) = (bits.worst(range.clone()), bits.chi_square(range));
    assert!(worst < WORST && squares.abs() < SQUARES, "{what}: worst bit {worst:.1}, chi-square {squares:.1}");
}

/// Set-ups over so many nodes, as they come to each of them and as the last one has them when its layer is off.
fn set_ups(hops: usize, mut each: impl FnMut(usize, &[u8; SET_UP])) {
    let mut rng = ChaCha20Rng::seed_from_u64(51);
    let net = Net::new(6, 51);
    let secrets: Vec<OnionSecret> = (0..hops).map(|_| OnionSecret::draw(&mut rng)).collect();
    let path: Vec<Hop> = (0..hops).map(|at| Hop { name: net.name(at), onion: secrets[at].public() }).collect();
    for _ in 0..PACKETS / hops {
        let (_, mut set_up) = Opening::new(&path, 1, &mut rng).unwrap();
        for at in 0..hops {
            each(at, &set_up);
            Taken::new(&mut set_up, path[at].name, &secrets[at]).unwrap();
        }
        each(hops, &set_up);
    }
}

#[test]
fn every_bit_of_a_set_up_is_even_wherever_it_is_on_paths_of_every_length() {
    for hops in [1, 3, 5] {
        let mut at_each: Vec<Bits> = (0..=hops).map(|_| Bits::new(SET_UP)).collect();
        set_ups(hops, |at, set_up| at_each[at].add(set_up));
        for (at, bits) in at_each.iter().enumerate() {
            let what = format!("at {at} of {hops}");
            assert_even(bits, KEYS_TOP + 1..SET_UP, &what);
            // The key in front is the same kind of key everywhere, but for what the last node has left.
            let top = bits.ones[KEYS_TOP * 8 + 7];
            assert_eq!(top == 0, at < hops, "{what}: the top bit of the key");
        }
    }
}

#[test]
fn the_check_of_bits_sees_what_a_filler_of_zeros_or_a_slight_lean_would_do() {
    let mut rng = ChaCha20Rng::seed_from_u64(52);
    let (mut zeros, mut lean) = (Bits::new(SET_UP), Bits::new(SET_UP));
    for _ in 0..PACKETS / 5 {
        let mut packet = [0; SET_UP];
        rng.fill_bytes(&mut packet);
        let mut leaning = packet;
        // One bit in two of the last 84 bytes leans by 10 %.
        for byte in &mut leaning[SET_UP - 84..] {
            *byte |= u8::from(rng.next_u32() % 5 == 0) * 0x55;
        }
        lean.add(&leaning);
        packet[SET_UP - 1] = 0;
        zeros.add(&packet);
    }
    assert!(zeros.worst(32..SET_UP) > WORST);
    assert!(lean.chi_square(32..SET_UP) > SQUARES);
}

#[test]
fn every_bit_of_a_cell_is_even_on_every_link_and_both_ways() {
    for hops in [1, 3, 5] {
        let mut net = Net::new(6, 53);
        let (near, far) = net.tunnel(hops);
        let mut on_each: Vec<[Bits; 2]> = (0..hops).map(|_| [Bits::new(CELL), Bits::new(CELL)]).collect();
        for _ in 0..PACKETS / 5 {
            net.forget();
            // What is said is always the same: whatever differs comes from the layers.
            net.say(0, near, b"");
            net.say(hops, far, b"");
            for flight in &net.seen {
                let out = flight.from < flight.to;
                on_each[flight.from.min(flight.to)][usize::from(out)].add(flight.cell.as_bytes());
            }
        }
        for (link, ways) in on_each.iter().enumerate() {
            ways.iter().for_each(|bits| assert_even(bits, 2..CELL, &format!("link {link} of {hops}")));
        }
    }
}

/// All runs of eight bytes.
fn runs(bytes: &[u8]) -> BTreeSet<&[u8]> {
    bytes.windows(8).collect()
}

#[test]
fn nothing_of_a_cell_is_seen_again_on_another_link() {
    let mut net = Net::new(6, 54);
    for hops in 2..=5 {
        for _ in 0..20 {
            net.forget();
            let (near, far) = net.tunnel(hops);
            let laid = std::mem::take(&mut net.seen);
            net.say(0, near, &[0; 1000]);
            let out = std::mem::take(&mut net.seen);
            net.say(hops, far, &[0; 1000]);
            let home = std::mem::take(&mut net.seen);
            let (set_ups, answers): (Vec<_>, Vec<_>) =
                laid.into_iter().partition(|flight| matches!(flight.cell.read(), Reading::SetUp(_)));
            for way in [set_ups, answers, out, home] {
                assert_eq!(way.len(), hops);
                // Of set-ups without the ids in front.
                let pieces: Vec<_> = way.iter().map(|flight| runs(&flight.cell.as_bytes()[5..])).collect();
                for (at, one) in pieces.iter().enumerate() {
                    assert!(pieces[at + 1..].iter().all(|other| one.is_disjoint(other)), "link {at} of {hops}");
                }
            }
        }
    }
}
