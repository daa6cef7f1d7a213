//! The order in which work is served, and what is dropped.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a test may fail")]

use std::collections::BTreeMap;

use grid::queue::{Class, Job, Limits, Weight, WorkQueue};
use proptest::prelude::*;

const LIMITS: Limits = Limits { entries: 1000, bytes: 1 << 20, quantum: 4, floors: [30, 50, 10] };

type Queue = WorkQueue<u8, u64>;

fn job(number: u64, lane: u8, class: Class, worth: u32, work: u32) -> Job<u8, u64> {
    Job { lane, class, worth, work, bytes: 1, item: number }
}

fn full(_: u8) -> Weight {
    Weight::FULL
}

/// Work done for each class and lane when so many jobs are served.
fn served(queue: &mut Queue, jobs: usize, weight: impl Fn(u8) -> Weight) -> BTreeMap<(Class, u8), u32> {
    let mut done = BTreeMap::new();
    for _ in 0..jobs {
        let job = queue.pop(&weight).unwrap();
        *done.entry((job.class, job.lane)).or_default() += job.work;
    }
    done
}

fn of_class(done: &BTreeMap<(Class, u8), u32>, class: Class) -> f64 {
    f64::from(done.iter().filter(|((its, _), _)| *its == class).map(|(_, work)| work).sum::<u32>())
}

#[test]
fn worth_goes_before_age_within_a_lane_and_not_beyond_it() {
    let mut queue = Queue::new(LIMITS);
    for (number, lane, worth) in [(0, 1, 0), (1, 1, 3), (2, 1, 1), (3, 1, 3), (4, 2, 0)] {
        assert!(queue.push(job(number, lane, Class::Interactive, worth, 4), full).is_empty());
    }
    let order: Vec<u64> = std::iter::from_fn(|| queue.pop(full)).map(|job| job.item).collect();
    assert_eq!(order, [1, 4, 3, 2, 0]);
}

#[test]
fn higher_classes_go_first_and_lower_ones_keep_their_floors() {
    let mut queue = Queue::new(LIMITS);
    for number in 0..900 {
        let class = Class::ALL[number as usize % 3];
        assert!(queue.push(job(number, 1, class, 0, 1 + (number % 7) as u32), full).is_empty());
    }
    assert_eq!(queue.pop(full).unwrap().class, Class::Control);
    let done = served(&mut queue, 400, full);
    let all: f64 = Class::ALL.iter().map(|&class| of_class(&done, class)).sum();
    let share = |class| of_class(&done, class) / all;
    // All three wait throughout: interactive and bulk get their floors, and control the rest.
    assert!((share(Class::Interactive) - 0.5).abs() < 0.02, "{done:?}");
    assert!((share(Class::Bulk) - 0.1).abs() < 0.02, "{done:?}");
    assert!((share(Class::Control) - 0.4).abs() < 0.02, "{done:?}");
}

#[test]
fn interactive_work_that_comes_while_bulk_waits_is_next_but_for_the_floor() {
    let mut queue = Queue::new(LIMITS);
    for number in 0..100 {
        assert!(queue.push(job(number, 1, Class::Bulk, 0, 4), full).is_empty());
    }
    // Bulk has the node for itself, and saves nothing up meanwhile.
    for _ in 0..50 {
        assert_eq!(queue.pop(full).unwrap().class, Class::Bulk);
    }
    let mut bulk_between = 0;
    for number in 100..110 {
        assert!(queue.push(job(number, 2, Class::Interactive, 0, 1), full).is_empty());
        while queue.pop(full).unwrap().class == Class::Bulk {
            bulk_between += 1;
        }
    }
    // Ten units of interactive work owe bulk one ninth of them, less than one of its jobs.
    assert_eq!(bulk_between, 0);
}

#[test]
fn a_lane_gets_its_weight_however_it_cuts_its_work() {
    let mut queue = Queue::new(LIMITS);
    for number in 0..900 {
        let (lane, work) = [(1, 1), (2, 9), (3, 3)][number as usize % 3];
        assert!(queue.push(job(number, lane, Class::Interactive, 0, work), full).is_empty());
    }
    let weight = |lane| if lane == 3 { Weight::of_256(64) } else { Weight::FULL };
    let done = served(&mut queue, 300, weight);
    let of = |lane| f64::from(done[&(Class::Interactive, lane)]);
    assert!((of(1) / of(2) - 1.0).abs() < 0.1, "{done:?}");
    assert!((of(3) / of(1) - 0.25).abs() < 0.05, "{done:?}");
}

#[test]
fn who_comes_seldom_does_not_wait_for_the_turns_of_all_who_flood() {
    let mut queue = Queue::new(Limits { entries: 10_000, bytes: 10_000, ..LIMITS });
    for number in 0..2000 {
        assert!(queue.push(job(number, 1 + number as u8 % 20, Class::Interactive, 0, LIMITS.quantum), full).is_empty());
    }
    let next = |queue: &mut Queue| queue.pop(full).unwrap().lane;
    (0..20).for_each(|_| assert_ne!(next(&mut queue), 100));
    // Its job is larger than its share of a turn, and it is the next all the same.
    assert!(queue.push(job(5000, 100, Class::Interactive, 0, 3 * LIMITS.quantum), full).is_empty());
    assert_eq!(next(&mut queue), 100);
    // Now it is one of those who wait, and owes two rounds: what comes next from it does not come first.
    assert!(queue.push(job(5001, 100, Class::Interactive, 0, 1), full).is_empty());
    let waited = std::iter::from_fn(|| Some(next(&mut queue))).take_while(|&lane| lane != 100).count();
    assert_eq!(waited, 60);
    // A round in which it had nothing to do, and it comes seldom again.
    (0..40).for_each(|_| assert_ne!(next(&mut queue), 100));
    assert!(queue.push(job(5002, 100, Class::Interactive, 0, 1), full).is_empty());
    assert_eq!(next(&mut queue), 100);
}

#[test]
fn who_weighs_less_waits_its_turn() {
    let mut queue = Queue::new(LIMITS);
    let weight = |lane| if lane == 9 { Weight::of_256(64) } else { Weight::FULL };
    for number in 0..100 {
        assert!(
            queue.push(job(number, 1 + number as u8 % 2, Class::Interactive, 0, LIMITS.quantum), weight).is_empty()
        );
    }
    let next = |queue: &mut Queue| queue.pop(weight).unwrap().lane;
    (0..4).for_each(|_| assert_ne!(next(&mut queue), 9));
    assert!(queue.push(job(100, 9, Class::Interactive, 0, LIMITS.quantum), weight).is_empty());
    assert!(queue.push(job(101, 9, Class::Interactive, 0, LIMITS.quantum), weight).is_empty());
    let order: Vec<u8> = (0..20).map(|_| next(&mut queue)).collect();
    assert_eq!(order.iter().position(|&lane| lane == 9), Some(7), "{order:?}");
    assert_eq!(order.iter().rposition(|&lane| lane == 9), Some(7 + 8 + 1), "{order:?}");
}

#[test]
fn who_comes_as_often_as_it_can_has_no_more_than_its_share() {
    // It sends its next job when so many others have been done since its last, so that it never seems to wait.
    for pause in 0..6 {
        let mut queue = Queue::new(Limits { entries: 10_000, bytes: 10_000, ..LIMITS });
        for number in 0..8000 {
            let lane = 1 + number as u8 % 4;
            assert!(queue.push(job(number, lane, Class::Interactive, 0, LIMITS.quantum), full).is_empty());
        }
        let (mut done, mut since) = (0, pause);
        for number in 8000..9000 {
            if since == pause {
                assert!(queue.push(job(number, 5, Class::Interactive, 0, LIMITS.quantum), full).is_empty());
            }
            let is_its = queue.pop(full).unwrap().lane == 5;
            done += u32::from(is_its);
            since = if is_its { 0 } else { since + 1 };
        }
        assert!(done <= 205 && (pause > 0 || done >= 195), "{done} of 1000 with a pause of {pause}");
    }
}

#[test]
fn a_flood_from_one_lane_drops_its_own_and_its_cheapest() {
    let limits = Limits { entries: 10, ..LIMITS };
    let mut queue = Queue::new(limits);
    for number in 0..4 {
        assert!(queue.push(job(number, 1, Class::Interactive, 0, 1), full).is_empty());
    }
    let mut dropped = Vec::new();
    for number in 10..30 {
        let worth = u32::from(number == 15);
        dropped.extend(queue.push(job(number, 2, Class::Interactive, worth, 1), full));
    }
    assert_eq!(dropped.len(), 14);
    assert!(dropped.iter().all(|job| job.lane == 2 && job.worth == 0), "{dropped:?}");
    // Of equals the youngest goes: who has waited longest is not made to wait in vain.
    assert!(dropped.iter().any(|job| job.item == 29));
    let left: Vec<u64> = std::iter::from_fn(|| queue.pop(full)).map(|job| job.item).collect();
    assert!([0, 1, 2, 3, 15].iter().all(|number| left.contains(number)), "{left:?}");
}

#[test]
fn a_flood_of_bulk_does_not_drop_what_is_more_urgent() {
    let mut queue = Queue::new(Limits { entries: 10, ..LIMITS });
    for number in 0..5 {
        assert!(queue.push(job(number, 1, Class::Interactive, 0, 1), full).is_empty());
    }
    for number in 5..50 {
        for dropped in queue.push(job(number, 2, Class::Bulk, 9, 1), full) {
            assert_eq!(dropped.class, Class::Bulk);
        }
    }
    // Interactive work beyond its floor gives way only when nothing lower holds more than its own floor.
    for number in 50..60 {
        let bulk = queue.waiting(Class::Bulk);
        for dropped in queue.push(job(number, 3, Class::Interactive, 0, 1), full) {
            assert_eq!(bulk > 1, dropped.class == Class::Bulk, "{dropped:?} with {bulk}");
        }
    }
    assert_eq!(queue.waiting(Class::Bulk), 1);
}

#[test]
fn forgotten_lanes_leave_nothing_behind() {
    let mut queue = Queue::new(LIMITS);
    for number in 0..30 {
        assert!(queue.push(job(number, number as u8 % 3, Class::ALL[number as usize % 3], 0, 1), full).is_empty());
    }
    queue.forget(1);
    assert_eq!((queue.len(), queue.bytes()), (20, 20));
    assert!(std::iter::from_fn(|| queue.pop(full)).all(|job| job.lane != 1));
}

proptest! {
    /// Whatever comes in goes out once, served or dropped; the bounds hold; and the sums are right.
    #[test]
    fn no_job_is_lost_or_doubled(
        entries in 1..20_usize,
        bytes in 1..60_usize,
        steps in prop::collection::vec(
            (0..6_u8, 0..3_usize, 0..4_u32, 0..200_u32, 0..30_usize, 1..=256_u16, any::<bool>()), 1..200),
    ) {
        let mut queue = Queue::new(Limits { entries, bytes, ..LIMITS });
        let mut out = Vec::new();
        for (number, &(lane, class, worth, work, size, weight, serves)) in (0..).zip(&steps) {
            let weight = |of: u8| if of == lane { Weight::of_256(weight) } else { Weight::FULL };
            let job = Job { bytes: size, ..job(number, lane, Class::ALL[class], worth, work) };
            out.extend(queue.push(job, weight).into_iter().map(|job| job.item));
            prop_assert!(queue.len() <= entries);
            prop_assert!(queue.bytes() <= bytes || queue.len() == 1);
            if serves && !queue.is_empty() {
                let waiting = queue.len();
                out.push(queue.pop(weight).unwrap().item);
                prop_assert_eq!(queue.len(), waiting - 1);
            }
        }
        out.extend(std::iter::from_fn(|| queue.pop(full)).map(|job| job.item));
        prop_assert!(queue.is_empty() && queue.bytes() == 0);
        out.sort_unstable();
        prop_assert_eq!(out, (0..steps.len() as u64).collect::<Vec<_>>());
    }

    /// While two lanes of equal weight both wait, neither gets more than the other by more than one job and one quantum.
    #[test]
    fn turns_are_fair_by_work(works in prop::collection::vec((1..50_u32, 1..50_u32), 50..100)) {
        let mut queue = Queue::new(LIMITS);
        for (number, &(one, other)) in (0..).zip(&works) {
            prop_assert!(queue.push(job(number, 1, Class::Bulk, 0, one), full).is_empty());
            prop_assert!(queue.push(job(number, 2, Class::Bulk, 0, other), full).is_empty());
        }
        let (mut done, mut left) = ([0_i64; 3], [0, works.len(), works.len()]);
        while left[1] > 1 && left[2] > 1 {
            let job = queue.pop(full).unwrap();
            done[usize::from(job.lane)] += i64::from(job.work);
            left[usize::from(job.lane)] -= 1;
            prop_assert!((done[1] - done[2]).abs() <= 50 + 2 * i64::from(LIMITS.quantum), "{done:?}");
        }
    }
}
