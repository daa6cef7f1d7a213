//! Two nodes' egresses over a simulated bottleneck: a queue without bound each way, served at a rate, then a delay.

mod world;

use grid::time::Time;
use proptest::prelude::*;
use tunnel::cell::{CELL, CircuitId};

use self::world::{Flow, Path, World, ms};
use super::*;
use crate::wire::piece::{Unit, Units};

/// What bulk alone should reach of a link, at least.
const FILLED: f64 = 0.9;

fn path(mbit: f64, round_ms: f64) -> Path {
    Path { bytes_per_s: mbit * 125_000.0, way: round_ms / 2000.0, jitter: 0.0, clock: -1e6, jumps: Vec::new() }
}

/// Seconds until it has settled, and seconds to look at.
fn times(path: &Path) -> (f64, f64) {
    let settled = 0.5 + 40.0 * path.way;
    (settled, (8e6 / path.bytes_per_s).clamp(1.5, 12.0).max(60.0 * path.way))
}

fn target(path: &Path) -> f64 {
    (path.way / 2.0).clamp(0.005, 0.06)
}

#[test]
fn bulk_fills_any_link_and_hardly_stands_in_queues() {
    for (mbit, round) in
        [(2.0, 20.0), (10.0, 20.0), (10.0, 150.0), (20.0, 5.0), (100.0, 40.0), (100.0, 1.0), (500.0, 10.0)]
    {
        let path = path(mbit, round);
        let (settled, time) = times(&path);
        let mut world = World::new(1, std::slice::from_ref(&path), &[Flow::bulk(0), Flow::asking(0)]);
        world.run(settled);
        world.forget();
        world.run(settled + time);
        let filled = world.delivered(0) / (time * path.bytes_per_s);
        let (median, worst) = world.waits(1);
        println!("{mbit} Mbit/s, {round} ms: {filled:.3} filled, waits {:.1} and {:.1} ms", ms(median), ms(worst));
        assert!(filled >= FILLED, "{mbit} Mbit/s, {round} ms: {filled}");
        // Twice the step, the piece that is on its way and the message itself.
        let least = 3.0 * 1024.0 / path.bytes_per_s;
        assert!(median <= 1.3 * target(&path) + least, "{mbit} Mbit/s, {round} ms: {median}");
    }
}

#[test]
fn bulk_both_ways_fills_both_and_interactive_goes_between() {
    let path = path(10.0, 20.0);
    let flows = [Flow::bulk(0), Flow::bulk(1), Flow::asking(0), Flow::asking(1)];
    let mut world = World::new(2, &[path.clone(), path.clone()], &flows);
    world.run(1.0);
    world.forget();
    world.run(13.0);
    for way in 0..2 {
        let filled = world.delivered(way) / (12.0 * path.bytes_per_s);
        let (median, worst) = world.waits(2 + way);
        println!("way {way}: {filled:.3} filled, waits {:.1} and {:.1} ms", ms(median), ms(worst));
        assert!(filled >= FILLED, "{filled}");
        assert!(median < 0.009 && worst < 0.03, "{median} {worst}");
    }
}

#[test]
fn who_comes_later_gets_its_share() {
    let path = path(20.0, 30.0);
    let mut world = World::new(3, std::slice::from_ref(&path), &[Flow::bulk(0), Flow::bulk(0).from(5.0)]);
    world.run(25.0);
    world.forget();
    world.run(55.0);
    let shares = [0, 1].map(|flow| world.delivered(flow) / (30.0 * path.bytes_per_s));
    println!("shares {shares:?}");
    assert!(shares.iter().sum::<f64>() >= FILLED, "{shares:?}");
    assert!(shares.iter().all(|share| *share > 0.2), "{shares:?}");
}

#[test]
fn clock_jumps_do_no_harm() {
    let jumps = vec![(4.0, 3600.0), (6.0, -7200.0), (8.0, 1e9), (9.0, 0.03)];
    let path = Path { jumps, ..path(10.0, 20.0) };
    let mut world = World::new(4, std::slice::from_ref(&path), &[Flow::bulk(0), Flow::asking(0)]);
    world.run(2.0);
    world.forget();
    world.run(14.0);
    let filled = world.delivered(0) / (12.0 * path.bytes_per_s);
    let (median, worst) = world.waits(1);
    println!("{filled:.3} filled, waits {:.1} and {:.1} ms", ms(median), ms(worst));
    assert!(filled >= FILLED && median < 0.009 && worst < 0.04, "{filled} {median} {worst}");
}

/// Interactive messages alone would fill the link ten times over.
#[test]
fn bulk_has_its_floor_when_interactive_fills_the_link() {
    let mut egress = Egress::new(&Limits::default(), Time::ZERO);
    let (mut batch, mut all) = (Vec::new(), 0_u64);
    for _ in 0..2000 {
        for lane in [Class::Interactive, Class::Bulk] {
            while egress.push(lane, vec![lane as u8; 5000]).is_ok() {}
        }
        egress.fill(Time::ZERO, &mut batch);
        assert!(batch.len() <= BATCH + MAX_PIECE + 8);
        all += batch.len() as u64;
        batch.clear();
    }
    let bulk = egress.flight.bytes();
    // Nobody answers marks here: only the floor lets bulk pass. The bytes of all include the heads of pieces.
    assert!(bulk * 10 >= all * 97 / 100 && bulk * 10 <= all, "{bulk} of {all}");
}

#[test]
fn who_never_answers_gets_a_window_of_bulk_and_all_the_rest() {
    let mut egress = Egress::new(&Limits::default(), Time::ZERO);
    let mut batch = Vec::new();
    for _ in 0..100 {
        _ = egress.push(Class::Bulk, vec![0; 50_000]);
        egress.fill(Time::ZERO, &mut batch);
    }
    assert!(egress.flight.bytes() <= egress.window.bytes());
    assert_eq!(egress.waited(Time::from_micros(7)), Duration::from_micros(7));
    batch.clear();
    egress.push(Class::Interactive, vec![1; 100]).unwrap();
    egress.fill(Time::ZERO, &mut batch);
    assert_eq!(batch.len(), 103);
    // What is left goes when nothing comes after it.
    egress.close();
    let mut rounds = 0;
    while !egress.is_done() {
        batch.clear();
        egress.fill(Time::ZERO, &mut batch);
        rounds += 1;
    }
    assert!(rounds > 100);
    assert_eq!(egress.waited(Time::from_micros(7)), Duration::ZERO);
}

#[test]
fn marks_are_answered_by_the_newest_alone() {
    let mut egress = Egress::new(&Limits::default(), Time::ZERO);
    (0..1000).for_each(|number| egress.on_mark(Time::from_micros(number)));
    let (mut batch, mut expected) = (Vec::new(), Vec::new());
    egress.fill(Time::ZERO, &mut batch);
    append_reached(&mut expected, Reached { marks: 1000, at: 999 });
    assert_eq!(batch, expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Links of many kinds, whose delays are noisy: they are filled, and nobody waits much longer than for the target,
    /// the noise and a piece.
    #[test]
    fn noise_is_no_queue(
        mbit in 4.0..200.0_f64, round in 1.0..120.0_f64, jitter in 0.0..4.0_f64, clock in -1e7..1e7_f64, seed in any::<u64>(),
    ) {
        let path = Path { jitter: jitter / 1000.0, clock, ..path(mbit, round) };
        let (settled, time) = times(&path);
        let mut world = World::new(seed, std::slice::from_ref(&path), &[Flow::bulk(0), Flow::asking(0)]);
        world.run(settled);
        world.forget();
        world.run(settled + time);
        let filled = world.delivered(0) / (time * path.bytes_per_s);
        let (median, _) = world.waits(1);
        prop_assert!(filled >= 0.85, "{filled} filled");
        prop_assert!(median <= 2.0 * target(&path) + path.jitter + 3000.0 / path.bytes_per_s, "{} ms", ms(median));
    }

    /// Whoever answers marks as it likes, early or late by any clock, or counts wrongly, gets what the window allows at
    /// the very most, and never stops the others' messages.
    #[test]
    fn a_liar_gains_nothing(answers in proptest::collection::vec((0..4_u64, any::<u64>(), 0..2_000_000_u64), 1..300)) {
        let mut egress = Egress::new(&Limits::default(), Time::ZERO);
        let (mut now, mut marks, mut batch) = (0, 0, Vec::new());
        for (more, at, later) in answers {
            now += later;
            let now = Time::from_micros(now);
            while egress.push(Class::Bulk, vec![0; 100_000]).is_ok() {}
            loop {
                batch.clear();
                egress.fill(now, &mut batch);
                if batch.is_empty() {
                    break;
                }
            }
            prop_assert!(egress.flight.bytes() <= (4 << 20) + MAX_PIECE as u64);
            prop_assert!(egress.flight.bytes() > 0, "bulk moves on");
            let before = egress.flight.bytes();
            match egress.on_reached(now, Reached { marks: marks + more, at }) {
                Ok(()) => {
                    prop_assert!(more > 0 && egress.flight.bytes() < before);
                    marks += more;
                }
                Err(_) => prop_assert_eq!(egress.flight.bytes(), before),
            }
        }
    }
}

/// What was put into slots, as the other side reads it.
fn read_slots(stream: &[u8]) -> Vec<Unit> {
    let mut units = Units::new(futures::io::Cursor::new(stream), 1 << 20);
    std::iter::from_fn(|| futures::executor::block_on(units.next()).ok()).collect()
}

fn circuit(number: u16, tag: u8) -> Cell {
    let mut bytes = Box::new([tag; CELL]);
    bytes[..2].copy_from_slice(&CircuitId::opened(number).unwrap().wire().to_be_bytes());
    Cell::from_bytes(bytes)
}

#[test]
fn slots_are_filled_with_cells_then_messages_then_nothing_and_messages_are_not_starved() {
    let mut egress = Egress::new(&Limits::default(), Time::from_micros(0));
    (0..5).for_each(|tag| egress.push_cell(circuit(1, tag)).unwrap());
    egress.push(Class::Interactive, vec![9; 100]).unwrap();
    egress.push(Class::Control, vec![8; 50]).unwrap();
    let mut stream = Vec::new();
    let fillings: Vec<Filling> = (0..7).map(|_| egress.fill_slot(Time::ZERO, &mut stream)).collect();
    let (cell, cover) = (Filling::Cell, Filling::Cover);
    assert_eq!(fillings, [cell, cell, cell, Filling::Messages, cell, cell, cover]);
    assert_eq!(stream.len(), 7 * SLOT);
    let of = |tag| Unit::Cell(circuit(1, tag));
    let messages = [Unit::Message(vec![8; 50]), Unit::Message(vec![9; 100])];
    let read = read_slots(&stream);
    assert_eq!(read[..5], [of(0), of(1), of(2), messages[0].clone(), messages[1].clone()]);
    assert_eq!(read[5..], [of(3), of(4), Unit::Cell(Cell::cover())]);
}

#[test]
fn a_link_is_mute_from_a_cell_on_until_the_mark_behind_it_is_answered() {
    for in_slots in [false, true] {
        let mut egress = Egress::new(&Limits::default(), Time::ZERO);
        let least = Duration::from_millis(600);
        let at = |millis: u64| Time::from_micros(millis * 1000);
        let write = |egress: &mut Egress, millis| {
            let mut stream = Vec::new();
            match in_slots {
                true => _ = egress.fill_slot(at(millis), &mut stream),
                false => egress.fill(at(millis), &mut stream),
            }
            read_slots(&stream).into_iter().filter(|unit| *unit == Unit::Mark).count()
        };
        let send = |egress: &mut Egress, millis| {
            egress.push_cell(circuit(1, 1)).unwrap();
            (0..3).for_each(|_| egress.feel());
            // In slots the mark comes behind the cell.
            (0..4).map(|_| write(egress, millis)).sum::<usize>()
        };
        assert!(!egress.is_mute(at(10_000), least), "nothing was sent");
        assert_eq!(send(&mut egress, 10), 1);
        egress.feel();
        assert_eq!(write(&mut egress, 14), 0, "one is under way already");
        assert!(!egress.is_mute(at(609), least) && egress.is_mute(at(610), least));
        egress.on_reached(at(1010), Reached { marks: 1, at: 1 }).unwrap();
        assert!(!egress.is_mute(at(9_000), least));
        // A link that took a second before is not mute after less than four.
        assert_eq!(send(&mut egress, 2_000), 1);
        assert!(!egress.is_mute(at(5_999), least) && egress.is_mute(at(6_000), least));
    }
}

#[test]
fn marks_are_answered_in_slots_and_the_end_comes_when_all_is_written() {
    let mut egress = Egress::new(&Limits::default(), Time::from_micros(0));
    egress.on_mark(Time::from_micros(7));
    egress.push(Class::Bulk, vec![1; 3000]).unwrap();
    egress.close();
    let mut stream = Vec::new();
    let slots = (0..9)
        .take_while(|_| !egress.is_done() && egress.fill_slot(Time::ZERO, &mut stream) == Filling::Messages)
        .count();
    assert_eq!((slots, stream.len()), (3, 3 * SLOT));
    let reached = Unit::Reached(Reached { marks: 1, at: 7 });
    assert_eq!(read_slots(&stream), [reached, Unit::Message(vec![1; 3000])]);
}

proptest! {
    /// Whatever waits, a slot has its size, and everything arrives, each lane in its order.
    #[test]
    fn all_that_is_said_in_slots_arrives(messages in prop::collection::vec((0..3_usize, 1..9000_usize), 0..20), cells in 0..40_u8) {
        let mut egress = Egress::new(&Limits::default(), Time::from_micros(0));
        let mut lanes: [Vec<Vec<u8>>; 3] = Default::default();
        for (number, &(lane, length)) in messages.iter().enumerate() {
            let message = vec![number as u8; length];
            egress.push(Class::ALL[lane], message.clone()).unwrap();
            lanes[lane].push(message);
        }
        (0..cells).for_each(|tag| egress.push_cell(circuit(1 + u16::from(tag % 3), tag)).unwrap());
        let (mut stream, mut slots) = (Vec::new(), 0);
        while egress.fill_slot(Time::ZERO, &mut stream) != Filling::Cover {
            slots += 1;
            prop_assert_eq!(stream.len(), slots * SLOT);
            prop_assert!(slots < 1000);
        }
        let mut came = read_slots(&stream);
        prop_assert_eq!(came.pop(), Some(Unit::Cell(Cell::cover())));
        let of = |lane: &[Vec<u8>]| came.iter().filter(|unit| lane.iter().any(|one| **unit == Unit::Message(one.clone()))).cloned().collect::<Vec<_>>();
        for lane in &lanes {
            prop_assert_eq!(of(lane), lane.iter().cloned().map(Unit::Message).collect::<Vec<_>>());
        }
        prop_assert_eq!(came.len(), messages.len() + usize::from(cells));
        // No more slots than the bytes need, but for what does not fit behind the last piece.
        let bytes: usize = messages.iter().map(|&(_, length)| length + 7).sum();
        prop_assert!(slots <= usize::from(cells) + 2 * bytes.div_ceil(SLOT) + 1, "{slots}");
    }
}
