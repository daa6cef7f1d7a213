//! Send slots: their times say nothing of the traffic, and they are filled in order.

use std::time::Duration;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sim::figures::{distance, distance_by_chance};
use tunnel::cell::{Cell, CircuitId, Reading};
use tunnel::slots::{Clock, Outgoing, Pace, Room, cost_kbit_per_second, gap};

const MEAN: Duration = Duration::from_millis(50);

fn cell(number: u16, tag: u8) -> Cell {
    let mut bytes = Box::new([tag; tunnel::cell::CELL]);
    bytes[..2].copy_from_slice(&CircuitId::opened(number).unwrap().wire().to_be_bytes());
    Cell::from_bytes(bytes)
}

/// What decides when a node sends.
trait When {
    /// The next time, if so many cells wait.
    fn next(&mut self, waiting: usize, rng: &mut ChaCha20Rng) -> Duration;
}

impl When for Clock {
    fn next(&mut self, _: usize, rng: &mut ChaCha20Rng) -> Duration {
        let at = Clock::next(self);
        assert!(self.strikes(at, rng));
        at
    }
}

/// The same, but a little faster while cells wait: what the test must catch.
struct Leaky {
    clock: Clock,
    last: Duration,
    at: Duration,
    faster: f64,
}

impl When for Leaky {
    fn next(&mut self, waiting: usize, rng: &mut ChaCha20Rng) -> Duration {
        let step = When::next(&mut self.clock, waiting, rng) - self.last;
        self.last += step;
        self.at += if waiting > 0 { step.div_f64(self.faster) } else { step };
        self.at
    }
}

/// The times of so many slots of a node, with or without bursts of traffic.
fn times(mut when: impl When, slots: usize, traffic: bool, seed: u64) -> Vec<Duration> {
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut noise = ChaCha20Rng::seed_from_u64(seed ^ 0xffff);
    let mut queue = Outgoing::new(Room { of_circuit: 512, cells: 4096 });
    let mut times = Vec::new();
    for _ in 0..slots {
        if traffic && noise.next_u32() % 20 == 0 {
            (0..noise.next_u32() % 40).for_each(|tag| _ = queue.push(cell(1, u8::try_from(tag).unwrap())));
        }
        times.push(when.next(queue.len(), &mut rng));
        queue.pop();
    }
    times
}

fn clock(pace: Pace, seed: u64) -> Clock {
    Clock::new(pace, MEAN, Duration::ZERO, &mut ChaCha20Rng::seed_from_u64(seed))
}

#[test]
fn the_times_are_the_same_with_and_without_traffic() {
    for pace in [Pace::Constant, Pace::Poisson] {
        let of = |traffic| times(clock(pace, 1), 10_000, traffic, 1);
        assert_eq!(of(true), of(false));
    }
}

/// How far the distributions of two nodes' gaps are apart, and what chance exceeds once in a million times.
fn apart(a: &[Duration], b: &[Duration]) -> (f64, f64) {
    let [mut seconds_a, mut seconds_b] = [a, b].map(|gaps| gaps.iter().map(Duration::as_secs_f64).collect::<Vec<_>>());
    (distance(&mut seconds_a, &mut seconds_b), distance_by_chance(a.len(), b.len(), 1e-6))
}

fn gaps(times: &[Duration]) -> Vec<Duration> {
    times.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

/// Two nodes with other draws, one with traffic and one without, as an observer of their links would compare them; and
/// the same with clocks that run a little faster while cells wait, which must be told apart.
#[test]
fn an_observer_cannot_tell_traffic_by_the_times_and_can_where_a_clock_is_leaky() {
    const SLOTS: usize = 100_000;
    let honest = |traffic, seed| gaps(&times(clock(Pace::Poisson, seed), SLOTS, traffic, seed));
    let (honest, bound) = apart(&honest(true, 21), &honest(false, 22));
    println!("honest clock: {honest:.4}, bound {bound:.4}");
    assert!(honest < bound);
    for faster in [1.1, 1.5, 4.0] {
        let leaky = |traffic, seed| {
            let when = Leaky { clock: clock(Pace::Poisson, seed), last: Duration::ZERO, at: Duration::ZERO, faster };
            gaps(&times(when, SLOTS, traffic, seed))
        };
        let (leaky, bound) = apart(&leaky(true, 23), &leaky(false, 24));
        println!("clock that is {faster} times as fast while cells wait: {leaky:.4}");
        assert!(leaky > bound, "{faster}");
    }
}

#[test]
fn the_gaps_are_exponential_or_constant_and_of_the_mean_that_was_asked_for() {
    let poisson = times(clock(Pace::Poisson, 3), 100_000, false, 3);
    let mean = (poisson[99_999] - poisson[0]).as_secs_f64() / 99_999.0;
    // The standard error of the mean of n exponential draws is mean / sqrt(n).
    assert!((mean / MEAN.as_secs_f64() - 1.0).abs() < 5.0 / 316.0, "{mean}");
    let gaps_drawn = gaps(&poisson);
    for multiple in [0.1, 0.5, 1.0, 2.0, 4.0_f64] {
        let longer = gaps_drawn.iter().filter(|gap| gap.as_secs_f64() > multiple * 0.05).count() as f64;
        let expected = (-multiple).exp() * 99_999.0;
        assert!((longer - expected).abs() < 5.0 * expected.sqrt(), "{multiple}: {longer} of {expected}");
    }
    assert!(gaps(&times(clock(Pace::Constant, 3), 1000, false, 3)).iter().all(|&gap| gap == MEAN));
}

#[test]
fn clocks_of_several_links_do_not_strike_together() {
    let firsts: std::collections::BTreeSet<Duration> =
        (0..100).map(|seed| Clock::next(&clock(Pace::Constant, seed))).collect();
    assert_eq!(firsts.len(), 100);
    assert!(firsts.iter().all(|&first| first < MEAN));
}

#[test]
fn a_busy_node_does_not_shift_its_slots_and_a_suspended_one_does_not_burst() {
    for pace in [Pace::Constant, Pace::Poisson] {
        let punctual = times(clock(pace, 4), 2000, false, 4);
        let (mut late, mut rng) = (clock(pace, 4), ChaCha20Rng::seed_from_u64(4));
        let mut delays = ChaCha20Rng::seed_from_u64(5);
        for &due in &punctual {
            assert_eq!(Clock::next(&late), due);
            let asked = due + Duration::from_millis(u64::from(delays.next_u32() % 900));
            assert!(!late.strikes(due - Duration::from_nanos(1), &mut rng));
            assert!(late.strikes(asked, &mut rng));
        }
        let wake = Clock::next(&late) + Duration::from_secs(3600);
        let at_once = (0..1000).take_while(|_| late.strikes(wake, &mut rng)).count();
        // A second's worth is 20 in the mean; the chance of 60 of them in a Poisson process is below 10^-11.
        assert!((1..60).contains(&at_once), "{at_once}");
        assert!(Clock::next(&late) > wake);
    }
}

#[test]
fn slots_cost_what_the_design_says_and_links_share_it() {
    assert!((cost_kbit_per_second(Duration::from_secs(1), 20) - 204.8).abs() < 1e-9);
    assert!((cost_kbit_per_second(Duration::from_millis(100), 1) - 102.4).abs() < 1e-9);
    for (rate, links) in [(205, 20), (102, 1), (5000, 37), (1, 1), (u32::MAX, 1)] {
        let cost = cost_kbit_per_second(gap(rate, links), links);
        let most = cost_kbit_per_second(Clock::FINEST, links);
        assert!((cost / f64::from(rate).min(most) - 1.0).abs() < 1e-3, "{rate} {links}: {cost}");
    }
    assert_eq!((gap(0, 0), gap(1, 1)), (gap(1, 1), Duration::from_secs_f64(10.24)));
}

#[test]
fn another_mean_counts_from_the_next_draw_on() {
    let (mut clock, mut rng) = (clock(Pace::Constant, 6), ChaCha20Rng::seed_from_u64(6));
    let first = Clock::next(&clock);
    clock.set_mean(MEAN * 3);
    assert_eq!(Clock::next(&clock), first);
    assert!(clock.strikes(first, &mut rng));
    assert_eq!(Clock::next(&clock), first + MEAN * 3);
    clock.set_mean(Duration::ZERO);
    assert!(clock.strikes(first + MEAN * 3, &mut rng));
    assert_eq!(Clock::next(&clock), first + MEAN * 3 + Clock::FINEST);
}

#[test]
fn paces_are_read_as_they_are_written() {
    for pace in [Pace::Constant, Pace::Poisson] {
        assert_eq!(pace.to_string().parse(), Ok(pace));
    }
    assert!("Poison".parse::<Pace>().unwrap_err().to_string().contains("constant or poisson"));
}

fn end(number: u16) -> Cell {
    Cell::destroy(CircuitId::opened(number).unwrap())
}

#[test]
fn circuits_take_turns_and_each_keeps_its_order() {
    let mut queue = Outgoing::new(Room { of_circuit: 9, cells: 99 });
    (0..4).for_each(|tag| queue.push(cell(1, tag)).unwrap());
    queue.push(end(1)).unwrap();
    (10..12).for_each(|tag| queue.push(cell(2, tag)).unwrap());
    queue.push(Cell::cover()).unwrap();
    let order: Vec<Cell> = std::iter::from_fn(|| queue.pop()).collect();
    let cells = [cell(1, 0), cell(2, 10), Cell::cover(), cell(1, 1), cell(2, 11), cell(1, 2), cell(1, 3), end(1)];
    assert_eq!(order, cells);
}

#[test]
fn the_end_of_a_circuit_does_not_overtake_its_beginning() {
    let mut queue = Outgoing::new(Room { of_circuit: 9, cells: 99 });
    let id = CircuitId::opened(5).unwrap();
    let begin = Cell::set_up(id, &[7; tunnel::cell::SET_UP]);
    (0..9).for_each(|number| {
        queue.push(Cell::set_up(CircuitId::opened(100 + number).unwrap(), &[7; tunnel::cell::SET_UP])).unwrap()
    });
    queue.push(begin.clone()).unwrap();
    queue.push(end(5)).unwrap();
    let order: Vec<Cell> = std::iter::from_fn(|| queue.pop()).collect();
    let at = |cell: &Cell| order.iter().position(|other| other == cell).unwrap();
    assert!(at(&begin) < at(&end(5)) && order.len() == 11);
}

#[test]
fn queues_are_bounded_and_the_end_of_a_circuit_finds_room() {
    let mut queue = Outgoing::new(Room { of_circuit: 3, cells: 4 });
    (0..3).for_each(|tag| queue.push(cell(1, tag)).unwrap());
    assert_eq!(queue.push(cell(1, 3)), Err(cell(1, 3)), "one circuit");
    queue.push(cell(2, 0)).unwrap();
    assert_eq!(queue.push(cell(3, 0)), Err(cell(3, 0)), "all circuits");
    queue.push(end(1)).unwrap();
    assert_eq!((queue.len(), queue.is_empty()), (5, false));
    let last = std::iter::from_fn(|| queue.pop()).last().unwrap();
    assert!(matches!(last.read(), Reading::Destroy(_)));
    assert_eq!((queue.len(), queue.is_empty()), (0, true));
    queue.push(cell(3, 0)).unwrap();
}
