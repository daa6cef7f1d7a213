//! What a node remembers of the tunnels that lead over it, looked up in its memory itself: all bytes that it ever
//! allocated, freed ones included, are searched for the names and keys of all nodes of the path.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may fail, and says what it measured")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell as Flag, UnsafeCell};
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

#[path = "tunnel/net.rs"]
#[allow(dead_code, reason = "this test needs a part of it")]
mod net;

use net::Net;

/// Room for all that a watched node allocates.
const ROOM: usize = 16 << 20;

#[repr(C, align(64))]
struct Arena(UnsafeCell<[u8; ROOM]>);

// SAFETY: bytes of the arena are handed out once each, by an atomic count; they are read as a whole by one thread, when
// no other thread of this test is watched.
unsafe impl Sync for Arena {}

static ARENA: Arena = Arena(UnsafeCell::new([0; ROOM]));
static USED: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static WATCHED: Flag<bool> = const { Flag::new(false) };
}

/// Gives what a watched thread asks for from the arena, and never takes it back.
struct Watching;

// SAFETY: memory of the arena is aligned, within it, and not handed out twice; all else is the system's.
unsafe impl GlobalAlloc for Watching {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !WATCHED.get() {
            // SAFETY: the caller's contract.
            return unsafe { System.alloc(layout) };
        }
        let size = layout.size().next_multiple_of(64);
        let start = USED.fetch_add(size, Ordering::SeqCst);
        if layout.align() > 64 || start + size > ROOM {
            return std::ptr::null_mut();
        }
        // SAFETY: the range lies within the arena.
        unsafe { ARENA.0.get().cast::<u8>().add(start) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let arena = ARENA.0.get().cast::<u8>();
        if !(arena..arena.wrapping_add(ROOM)).contains(&block) {
            // SAFETY: it is not the arena's, so it came from the system.
            unsafe { System.dealloc(block, layout) }
        }
    }
}

#[global_allocator]
static ALLOCATOR: Watching = Watching;

/// Does something whose memory is kept for good.
fn watched(act: &mut dyn FnMut()) {
    WATCHED.set(true);
    act();
    WATCHED.set(false);
}

/// How often bytes stand in a part of the arena.
fn found(range: Range<usize>, bytes: &[u8]) -> usize {
    // SAFETY: nobody is watched now, so nobody writes new parts; what is read was given out and is plain bytes.
    let arena = unsafe { std::slice::from_raw_parts(ARENA.0.get().cast::<u8>(), ROOM) };
    arena[range].windows(bytes.len()).filter(|window| *window == bytes).count()
}

/// Lays a tunnel over three relays to a last node, uses it both ways and lets it end, with one node watched; gives its
/// part of the arena.
fn watch(node: usize, used: bool) -> (Range<usize>, Net) {
    let start = USED.load(Ordering::SeqCst);
    let mut net = Net::new(5, 41);
    net.watch(node, watched);
    let (near, far) = net.tunnel(4);
    if used {
        for _ in 0..20 {
            net.say(0, near, b"from whom?");
            net.say(4, far, b"to whom?");
        }
        net.close(0, near);
    }
    (start..USED.load(Ordering::SeqCst), net)
}

/// One test, so that nobody else is watched meanwhile.
#[test]
fn a_node_has_the_names_of_its_two_neighbours_in_its_memory_and_no_others() {
    for used in [false, true] {
        for node in 0..5 {
            let (range, net) = watch(node, used);
            for other in 0..5 {
                let hop = net.hop(other);
                let names = found(range.clone(), hop.name.as_bytes());
                let keys = found(range.clone(), hop.onion.as_bytes());
                println!("node {node} has {names} times the name, {keys} times the key of node {other}");
                let near = node.abs_diff(other) <= 1;
                // The initiator knows the path, which shows that this search finds what is there.
                assert_eq!(names > 0, near || node == 0, "the name of {other} at {node}");
                assert!(keys == 0 || node == other || node == 0, "the onion key of {other} at {node}");
            }
            assert!(!range.is_empty());
        }
    }
    // Neither is any of it on a link, but for the set-ups and answers as sealed as everything else.
    let (_, net) = watch(1, true);
    for flight in &net.seen {
        for node in 0..5 {
            let hop = net.hop(node);
            let has = |bytes: &[u8; 32]| flight.cell.as_bytes().windows(32).any(|window| window == bytes);
            assert!(!has(hop.name.as_bytes()) && !has(hop.onion.as_bytes()));
        }
    }
}

/// What a node shows of itself for debugging names nobody but itself.
#[test]
fn the_debug_form_names_nobody() {
    let mut net = Net::new(5, 42);
    net.tunnel(4);
    let shown = format!("{:?}", net.table(2));
    for node in [0, 1, 3, 4] {
        let name: String = net.name(node).as_bytes()[..4].iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(!shown.contains(&name));
    }
    assert_eq!(shown, format!("Table {{ me: {:?}, circuits: 1, .. }}", net.name(2)));
}
