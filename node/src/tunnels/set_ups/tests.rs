use proptest::prelude::*;

use super::*;

fn node(number: u8) -> NodeId {
    NodeId::from_bytes([number; 32])
}

fn circuit(number: u16) -> CircuitId {
    CircuitId::opened(number).unwrap()
}

fn millis(millis: u64) -> Time {
    Time::from_micros(millis * 1000)
}

/// A cell by which the set-up of a circuit is known again.
fn cell(number: u16) -> Cell {
    Cell::destroy(circuit(number))
}

/// Takes in and refuses nothing.
fn push(set_ups: &mut SetUps, now: Time, from: u8, number: u16) {
    assert_eq!(set_ups.push(now, node(from), circuit(number), cell(number)), []);
}

/// Serves for so long, each in a fifth of a millisecond; who was served, in order.
fn serve(set_ups: &mut SetUps, from: u64, until: u64) -> Vec<NodeId> {
    let (mut now, mut served) = (from * 1000, Vec::new());
    while now < until * 1000 {
        match set_ups.next(Time::from_micros(now)) {
            Some(set_up) => {
                assert!(set_up.is_served);
                served.push(set_up.from);
                now += 200;
                set_ups.spent(Time::from_micros(now), Duration::from_micros(200));
            }
            None => now += 100,
        }
    }
    served
}

#[test]
fn alone_it_is_served_at_once() {
    let mut set_ups = SetUps::new();
    assert_eq!((set_ups.due(), set_ups.next(millis(5))), (None, None));
    push(&mut set_ups, millis(5), 1, 7);
    assert!(set_ups.due().unwrap() <= millis(5));
    let SetUp { from, id, cell: came, is_served } = set_ups.next(millis(5)).unwrap();
    assert_eq!((from, id, came, is_served), (node(1), circuit(7), cell(7), true));
    assert_eq!(set_ups.due(), None);
}

#[test]
fn together_they_get_a_quarter_of_a_core_and_what_was_saved_up() {
    let mut set_ups = SetUps::new();
    (1..=1000).for_each(|number| push(&mut set_ups, millis(1000), 1, number));
    // 10 ms at once, which is 50 of them, and then one in 0.8 ms.
    let served = serve(&mut set_ups, 1000, 1400).len();
    assert!((545..=555).contains(&served), "{served}");
    // A rest saves up no more than that.
    let served = serve(&mut set_ups, 3000, 3040).len();
    assert!((95..=105).contains(&served), "{served}");
}

/// A machine that is stopped for a minute while it looks at a set-up has not worked for a minute.
#[test]
fn a_pause_is_not_taken_for_work() {
    let mut set_ups = SetUps::new();
    (1..=3).for_each(|number| push(&mut set_ups, millis(60_000), 1, number));
    set_ups.next(millis(60_000)).unwrap();
    set_ups.spent(millis(60_000), Duration::from_secs(60));
    assert!(set_ups.due().unwrap() <= millis(60_040), "{:?}", set_ups.due());
    assert!(set_ups.next(millis(60_040)).is_some());
}

#[test]
fn who_floods_waits_for_who_does_not() {
    let mut set_ups = SetUps::new();
    (1..=900).for_each(|number| push(&mut set_ups, millis(0), 1, number));
    serve(&mut set_ups, 0, 100);
    push(&mut set_ups, millis(100), 2, 1);
    push(&mut set_ups, millis(100), 3, 1);
    assert_eq!(serve(&mut set_ups, 100, 102), [node(2), node(3), node(1)]);
}

#[test]
fn a_full_queue_drops_what_the_one_who_floods_sent_last() {
    let mut set_ups = SetUps::new();
    push(&mut set_ups, millis(0), 2, 1);
    let most = u16::try_from(WAITING).unwrap();
    (1..most).for_each(|number| push(&mut set_ups, millis(0), 1, number));
    let refused = set_ups.push(millis(0), node(3), circuit(1), cell(1));
    let expected = SetUp { from: node(1), id: circuit(most - 1), cell: cell(most - 1), is_served: false };
    assert_eq!(refused, [expected]);
}

/// Between neighbours that both want more than there is time for, turns go by what the ledger says.
#[test]
fn a_leech_gets_its_weight() {
    let mut set_ups = SetUps::new();
    set_ups.weigh(Shares::from([(node(1), Weight::of_share(0.1))]));
    for number in 1..=400 {
        push(&mut set_ups, millis(0), 1, number);
        push(&mut set_ups, millis(0), 2, number);
    }
    let served = serve(&mut set_ups, 0, 200);
    let of_leech = served.iter().filter(|&&one| one == node(1)).count();
    assert!(served.len() > 250 && (served.len() / 13..served.len() / 9).contains(&of_leech), "{of_leech}");
}

#[test]
fn what_waited_for_too_long_is_refused() {
    let mut set_ups = SetUps::new();
    push(&mut set_ups, millis(0), 1, 1);
    push(&mut set_ups, millis(1), 1, 2);
    assert!(!set_ups.next(millis(4001)).unwrap().is_served);
    assert!(set_ups.next(millis(4001)).unwrap().is_served);
}

#[test]
fn what_was_taken_back_or_sent_twice_is_not_served() {
    let mut set_ups = SetUps::new();
    (1..=3).for_each(|number| push(&mut set_ups, millis(0), 1, number));
    assert!(set_ups.withdraw(node(1), circuit(2)));
    assert!(!set_ups.withdraw(node(1), circuit(2)) && !set_ups.withdraw(node(2), circuit(1)));
    // Another one for the circuit of the third.
    assert_eq!(set_ups.push(millis(0), node(1), circuit(3), cell(9)), []);
    let mut served = || set_ups.next(millis(0)).map(|set_up| (set_up.id, set_up.cell));
    assert_eq!(served(), Some((circuit(1), cell(1))));
    assert_eq!(served(), Some((circuit(3), cell(9))));
    assert_eq!(served(), None);
}

proptest! {
    /// Whatever is sent and taken back, nothing is served twice or after it was taken back, nothing is lost, and nothing is
    /// remembered of what is gone.
    #[test]
    fn each_is_served_or_refused_or_withdrawn(
        steps in prop::collection::vec((0_u8..4, 1_u8..5, 1_u16..400, 0_u64..30), 1..2000),
    ) {
        let (mut set_ups, mut now) = (SetUps::new(), 0);
        let (mut waiting, mut next) = (BTreeMap::new(), 0);
        let out = |set_up: SetUp, waiting: &mut BTreeMap<(NodeId, CircuitId), Cell>| {
            let expected = waiting.remove(&(set_up.from, set_up.id));
            prop_assert_eq!(expected, Some(set_up.cell));
            Ok(())
        };
        for (what, from, number, later) in steps {
            now += later;
            let (from, id) = (node(from), circuit(number));
            match what {
                0 | 1 => {
                    next = next % CircuitId::MOST + 1;
                    waiting.insert((from, id), cell(next));
                    for refused in set_ups.push(millis(now), from, id, cell(next)) {
                        prop_assert!(!refused.is_served);
                        out(refused, &mut waiting)?;
                    }
                }
                2 => prop_assert_eq!(set_ups.withdraw(from, id), waiting.remove(&(from, id)).is_some()),
                _ => {
                    while let Some(set_up) = set_ups.next(millis(now)) {
                        out(set_up, &mut waiting)?;
                        set_ups.spent(millis(now), Duration::from_millis(1));
                    }
                }
            }
            prop_assert_eq!(set_ups.numbers.len(), waiting.len());
            prop_assert!(set_ups.queue.len() <= WAITING);
        }
        set_ups.forget(node(1));
        waiting.retain(|(from, _), _| *from != node(1));
        while let Some(at) = set_ups.due() {
            now = now.max(at.as_micros() / 1000 + 1);
            match set_ups.next(millis(now)) {
                Some(set_up) => out(set_up, &mut waiting)?,
                None => break,
            }
            set_ups.spent(millis(now), Duration::from_millis(1));
        }
        prop_assert!(waiting.is_empty() && set_ups.numbers.is_empty() && set_ups.queue.is_empty());
    }
}
