//! Relays and links that alter, repeat, drop, reorder and mark cells.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use tunnel::cell::{CELL, Cell, ID, Reading};
use tunnel::initiator::Broken;
use tunnel::payload::Command;
use tunnel::table::{Output, TunnelId, Why};

use crate::net::{Flight, Net};

/// Trials of each kind, as issue 7 asks for.
const TRIALS: u64 = 10_000;

/// A number below another.
fn below(rng: &mut impl Rng, bound: usize) -> usize {
    usize::try_from(rng.next_u64() % u64::try_from(bound).unwrap()).unwrap()
}

/// Turns one bit of a cell's body.
fn turn(cell: Cell, bit: usize) -> Cell {
    let mut bytes = cell.into_bytes();
    bytes[ID + bit / 8] ^= 1 << (bit % 8);
    Cell::from_bytes(bytes)
}

/// What happens to a cell on a link; none if it does not arrive.
type Mischief<'a> = &'a mut dyn FnMut(&Flight) -> Vec<Flight>;

/// Lets everything travel, and something happen on the way.
fn run(net: &mut Net, mischief: Mischief<'_>) {
    while let Some(flight) = net.flights().pop_front() {
        for flight in mischief(&flight) {
            net.deliver(flight);
        }
    }
}

/// The tunnel is gone at both ends and at all relays, and nothing was delivered beyond what was said before.
fn is_gone(net: &Net, hops: usize, near: TunnelId, delivered: [usize; 2]) {
    assert!((0..=hops).all(|node| net.table(node).is_empty()), "the circuit is gone everywhere");
    assert_eq!([net.delivered(0).len(), net.delivered(hops).len()], delivered);
    assert!(net.events(0).iter().any(|event| matches!(event, Output::Ended { tunnel, .. } if *tunnel == near)));
}

/// A path, and a link of it from the initiator's on.
fn draw(rng: &mut ChaCha20Rng) -> (usize, usize) {
    let hops = 1 + below(rng, 5);
    (hops, below(rng, hops))
}

fn circuit_cell(flight: &Flight) -> bool {
    matches!(flight.cell.read(), Reading::Circuit(_))
}

#[test]
fn cells_that_are_altered_on_their_way_out_die_at_the_next_honest_hop() {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let mut net = Net::new(6, 1);
    for _ in 0..TRIALS {
        let (hops, hostile) = draw(&mut rng);
        let (near, _) = net.tunnel(hops);
        let before = below(&mut rng, 3);
        (0..before).for_each(|_| net.say(0, near, b"before"));
        let (forged, bit) = (net.counts(hostile + 1).forged, below(&mut rng, (CELL - ID) * 8));
        net.post(0, near, b"altered");
        let mut beyond = 0;
        run(&mut net, &mut |flight| {
            let out = circuit_cell(flight) && flight.to > flight.from;
            beyond += usize::from(out && flight.from > hostile);
            let altered = out && flight.from == hostile;
            vec![Flight { cell: if altered { turn(flight.cell.clone(), bit) } else { flight.cell.clone() }, ..*flight }]
        });
        assert_eq!((beyond, net.counts(hostile + 1).forged), (0, forged + 1), "link {hostile} of {hops}, bit {bit}");
        is_gone(&net, hops, near, [0, before]);
        net.forget();
    }
}

#[test]
fn cells_that_are_altered_on_their_way_home_die_at_the_initiator_who_sees_where() {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let mut net = Net::new(6, 2);
    for _ in 0..TRIALS {
        let (hops, hostile) = draw(&mut rng);
        let (near, far) = net.tunnel(hops);
        let bit = below(&mut rng, (CELL - ID) * 8);
        net.post(hops, far, b"altered");
        run(&mut net, &mut |flight| {
            let altered = circuit_cell(flight) && flight.to < flight.from && flight.to == hostile;
            vec![Flight { cell: if altered { turn(flight.cell.clone(), bit) } else { flight.cell.clone() }, ..*flight }]
        });
        // Relays cut twelve bytes each off the end and seal what they cut: the seal of who cuts the bit off is broken.
        let later = (CELL - ID - 1 - bit / 8) / 12;
        let seal = if later < hostile { hostile - 1 - later } else { hostile };
        let why = Why::Broken(Broken::Seal(seal));
        assert!(net.events(0).contains(&Output::Ended { tunnel: near, why }), "link {hostile} of {hops}, bit {bit}");
        is_gone(&net, hops, near, [0, 0]);
        net.forget();
    }
}

#[test]
fn a_mark_cannot_be_carried_past_an_honest_relay_and_taken_off_behind_it() {
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let mut net = Net::new(6, 3);
    for trial in 0..1000 {
        let hops = 2 + below(&mut rng, 4);
        let (near, far) = net.tunnel(hops);
        let outward = trial % 2 == 0;
        if outward {
            net.post(0, near, b"marked")
        } else {
            net.post(hops, far, b"marked")
        }
        // Who is before an honest relay sets the mark, who is behind it takes off whatever it may have become there: the
        // same bit in the same place, or where a layer's twelve bytes have moved it.
        let (bit, moved) = (below(&mut rng, (CELL - ID) * 8), below(&mut rng, 2) * 12 * 8);
        let first = if outward { below(&mut rng, hops - 1) } else { 2 + below(&mut rng, hops - 1) };
        let away = if outward {
            (bit + (CELL - ID) * 8 - moved) % ((CELL - ID) * 8)
        } else {
            (bit + moved) % ((CELL - ID) * 8)
        };
        let second = if outward { first + 1 } else { first - 1 };
        run(&mut net, &mut |flight| {
            let ours = circuit_cell(flight) && (flight.to > flight.from) == outward;
            let cell = match () {
                () if ours && flight.from == first => turn(flight.cell.clone(), bit),
                () if ours && flight.from == second => turn(flight.cell.clone(), away),
                () => flight.cell.clone(),
            };
            vec![Flight { cell, ..*flight }]
        });
        is_gone(&net, hops, near, [0, 0]);
        net.forget();
    }
}

#[test]
fn cells_that_are_repeated_end_the_circuit() {
    let mut rng = ChaCha20Rng::seed_from_u64(4);
    let mut net = Net::new(6, 4);
    for trial in 0..TRIALS {
        let (hops, hostile) = draw(&mut rng);
        let (near, far) = net.tunnel(hops);
        let outward = trial % 2 == 0;
        let before = 1 + below(&mut rng, 3);
        let which = below(&mut rng, before);
        net.seen.clear();
        for _ in 0..before {
            if outward { net.say(0, near, b"once") } else { net.say(hops, far, b"once") }
        }
        let (from, to) = if outward { (hostile, hostile + 1) } else { (hostile + 1, hostile) };
        let its = |flight: &&Flight| flight.from == from && flight.to == to;
        let repeated = net.seen.iter().filter(its).nth(which).unwrap().clone();
        let forged = net.counts(if outward { to } else { 0 }).forged;
        net.deliver(repeated);
        net.run();
        assert_eq!(net.counts(if outward { to } else { 0 }).forged, forged + 1);
        is_gone(&net, hops, near, if outward { [0, before] } else { [before, 0] });
        net.forget();
    }
}

#[test]
fn cells_that_are_dropped_or_swapped_end_the_circuit_with_the_next_one() {
    let mut rng = ChaCha20Rng::seed_from_u64(5);
    let mut net = Net::new(6, 5);
    for trial in 0..1000 {
        let (hops, hostile) = draw(&mut rng);
        let (near, far) = net.tunnel(hops);
        let outward = trial % 2 == 0;
        for _ in 0..2 {
            if outward { net.post(0, near, b"one of two") } else { net.post(hops, far, b"one of two") }
        }
        let mut held = None;
        run(&mut net, &mut |flight| {
            let way = if outward { (hostile, hostile + 1) } else { (hostile + 1, hostile) };
            if !circuit_cell(flight) || (flight.from, flight.to) != way || held.is_some() && trial % 4 < 2 {
                return vec![flight.clone()];
            }
            match held.take() {
                None => {
                    held = Some(flight.clone());
                    Vec::new()
                }
                Some(first) => vec![flight.clone(), first],
            }
        });
        is_gone(&net, hops, near, [0, 0]);
        net.forget();
    }
}

#[test]
fn cells_of_another_circuit_end_this_one_and_leave_the_other_alone() {
    let mut rng = ChaCha20Rng::seed_from_u64(6);
    let mut net = Net::new(6, 6);
    for _ in 0..500 {
        let hops = 2 + below(&mut rng, 4);
        let (near, _) = net.tunnel(hops);
        let (other, _) = net.tunnel(hops);
        net.post(0, near, b"whose?");
        net.post(0, other, b"mine");
        // The first relay gives the cell of the one the name of the other.
        let (own, foreign) = (net.flights()[0].clone(), net.flights()[1].clone());
        let mut bytes = own.cell.into_bytes();
        bytes[..ID].copy_from_slice(&foreign.cell.as_bytes()[..ID]);
        net.flights().clear();
        net.deliver(Flight { cell: Cell::from_bytes(bytes), ..foreign });
        net.run();
        assert!(net.events(0).iter().any(|event| matches!(event, Output::Ended { tunnel, .. } if *tunnel == other)));
        assert!(net.delivered(hops).is_empty());
        net.say(0, near, b"whose?");
        // The other's cell was taken off the link above, so this is the second of its circuit and must not open either.
        is_gone(&net, hops, near, [0, 0]);
        net.forget();
    }
}

#[test]
fn a_hop_that_gets_payload_before_the_answer_ends_the_circuit() {
    let mut net = Net::new(4, 7);
    let near = net.open(3);
    let set_up = net.flights().pop_front().unwrap();
    let Reading::SetUp(id) = set_up.cell.read() else { panic!("a set-up goes first") };
    net.deliver(set_up.clone());
    let mut bytes = Box::new([7; CELL]);
    bytes[..ID].copy_from_slice(&id.wire().to_be_bytes());
    net.deliver(Flight { cell: Cell::from_bytes(bytes), ..set_up });
    net.run();
    assert_eq!(net.counts(1).out_of_turn, 1);
    is_gone(&net, 3, near, [0, 0]);
}

#[test]
fn cells_of_no_circuit_are_counted_and_nothing_else() {
    let mut net = Net::new(3, 8);
    let (near, _) = net.tunnel(2);
    let mut rng = ChaCha20Rng::seed_from_u64(8);
    net.seen.clear();
    for _ in 0..1000 {
        let mut bytes = Box::new([0; CELL]);
        rng.fill_bytes(bytes.as_mut());
        // Not the circuit that there is, nor what begins one.
        bytes[0] |= 0x40;
        net.deliver(Flight { from: 0, to: 1, cell: Cell::from_bytes(bytes) });
    }
    net.deliver(Flight { from: 2, to: 1, cell: Cell::cover() });
    assert_eq!((net.counts(1).unknown, net.counts(1).cover), (1000, 1));
    assert!(net.seen.is_empty(), "nobody hears of it");
    net.say(0, near, b"still there");
    assert_eq!(net.delivered(2).len(), 1);
}

#[test]
fn unknown_commands_and_lengths_end_the_tunnel() {
    let mut net = Net::new(3, 9);
    let (near, _) = net.tunnel(2);
    let long = net.with(0, |table, out| table.send(near, Command::Data, &[0; tunnel::payload::MOST + 1], out));
    assert_eq!(long.unwrap_err().to_string(), "a cell carries at most 1216 bytes, not 1217");
    net.say(0, near, b"unharmed");
    assert_eq!(net.delivered(2).len(), 1);
}
