//! A short input that claims a long value costs no memory.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell as Slot;

use futures::executor::block_on;
use futures::io::Cursor;
use grid::cell::Shape;
use grid::parameters::Parameters;
use grid::record::Rules;
use node::wire::frame::read_frame;
use node::wire::piece::{MAX_PIECE, Units};
use node::wire::{Contact, WireCard, codec, decode_message};
use serde::de::DeserializeOwned;

/// The system's allocator, with a note of the largest piece that this thread asked for.
struct Watched;

thread_local! {
    static LARGEST: Slot<usize> = const { Slot::new(0) };
}

// SAFETY: all the work is the system allocator's; a `Cell` without a destructor allocates nothing itself.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LARGEST.set(LARGEST.get().max(layout.size()));
        // SAFETY: the caller keeps to the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `alloc` above, so from the system.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Watched = Watched;

/// The largest piece of memory that `work` asks for.
fn largest(work: impl FnOnce()) -> usize {
    LARGEST.set(0);
    work();
    LARGEST.get()
}

/// `head`, then the claim that 2^60 elements follow: at least ten bytes.
fn lie(head: &[u8]) -> Vec<u8> {
    [head, &codec::encode(&(1_u64 << 60)), &[0; 2]].concat()
}

fn refuses<T: DeserializeOwned>(bytes: &[u8]) -> usize {
    largest(|| assert!(codec::decode::<T>(bytes).is_err()))
}

/// A message that says why, and nothing more.
const LITTLE: usize = 256;

#[test]
fn the_watch_works() {
    assert!(largest(|| drop(vec![1_u8; 5000])) >= 5000);
}

#[test]
fn parts_of_messages() {
    assert!(refuses::<WireCard>(&lie(&[])) < LITTLE);
    assert!(refuses::<WireCard>(&lie(&[0, 0, 1])) < LITTLE);
    assert!(refuses::<Contact>(&lie(&[1])) < LITTLE);
    assert!(refuses::<Contact>(&lie(&[1, 1])) < 16 * LITTLE);
}

#[test]
fn every_kind_of_message() {
    let (shape, rules) = (Shape::new(3, 9).unwrap(), Rules::of(&Parameters::local()));
    for kind in 0..40 {
        for zeros in 0..60 {
            let bytes = lie(&[vec![kind], vec![0; zeros]].concat());
            let most = largest(|| drop(decode_message(&bytes, shape, &rules, &mut |_| None, &|_, _, _| None)));
            assert!(most < 16 * LITTLE, "kind {kind}, {zeros} zeros: {most} bytes");
        }
    }
}

#[test]
fn other_types() {
    assert!(refuses::<Vec<u8>>(&lie(&[])) <= 1 << 20);
    assert!(refuses::<Vec<u64>>(&lie(&[])) <= 1 << 20);
    assert!(refuses::<String>(&lie(&[])) < LITTLE);
    assert!(refuses::<String>(&codec::encode(&(50_u64 << 20))) < LITTLE);
}

#[test]
fn frames() {
    let mut stream = Cursor::new([0x03, 0xff, 0xff, 0xff, 1, 2, 3]);
    assert!(largest(|| assert!(block_on(read_frame(&mut stream, usize::MAX)).is_err())) <= 64 << 10);
}

#[test]
fn pieces() {
    let stream = Cursor::new([0x12, 0x03, 0xff, 0xff, 0xff, 0x3f, 0xf9, 1, 2, 3]);
    let mut units = Units::new(stream, usize::MAX);
    assert!(largest(|| assert!(block_on(units.next()).is_err())) <= MAX_PIECE);
}
