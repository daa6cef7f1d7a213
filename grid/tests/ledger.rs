//! Accounts with neighbours, by the ledger's doors alone.
#![allow(clippy::unwrap_used, clippy::float_cmp, reason = "a test may fail, and equal means equal")]

use grid::id::NodeId;
use grid::ledger::policy::Policy;
use grid::ledger::saved::{SavedAccount, Snapshot};
use grid::ledger::tariff::{self, Work};
use grid::ledger::verdict::Verdict;
use grid::ledger::{Counts, Ledger, Statement};
use grid::time::Time;
use proptest::prelude::*;

const DAY: u64 = 86_400;
/// A lookup with two coordinates still to be corrected.
const LOOKUP: Work = tariff::request(0, 2);

fn id(number: u16) -> NodeId {
    let mut bytes = [0; 32];
    bytes[..2].copy_from_slice(&number.to_be_bytes());
    NodeId::from_bytes(bytes)
}

fn at(seconds: u64) -> Time {
    Time::from_micros(seconds * 1_000_000)
}

fn ledger() -> Ledger {
    Ledger::new(Policy::default())
}

fn of(ledger: &Ledger, now: Time, id: NodeId) -> Statement {
    ledger.statements(now).find(|statement| statement.id == id).unwrap()
}

/// Who took this many lookups of us and gave none.
fn debtor(ledger: &mut Ledger, now: Time, id: NodeId, lookups: u32) {
    (0..lookups).for_each(|_| ledger.gave(now, id, LOOKUP));
}

#[test]
fn a_leech_falls_to_the_floor_and_a_pair_that_is_square_does_not() {
    let mut ledger = ledger();
    let mut fell = None;
    for exchange in 1..=100_u32 {
        ledger.gave(Time::ZERO, id(1), LOOKUP);
        ledger.gave(Time::ZERO, id(2), LOOKUP);
        ledger.received(Time::ZERO, id(2), LOOKUP);
        if fell.is_none() && ledger.weight(Time::ZERO, &id(1)) <= Policy::default().floor {
            fell = Some(exchange);
        }
        assert_eq!(ledger.weight(Time::ZERO, &id(2)), 1.0);
    }
    assert!(fell.unwrap() <= 20, "{fell:?}");
}

#[test]
fn who_pays_its_debt_back_is_served_as_before() {
    let mut ledger = ledger();
    debtor(&mut ledger, Time::ZERO, id(1), 100);
    assert_eq!(ledger.weight(Time::ZERO, &id(1)), Policy::default().floor);
    (0..90).for_each(|_| ledger.received(Time::ZERO, id(1), LOOKUP));
    assert_eq!(ledger.weight(Time::ZERO, &id(1)), 1.0);
}

/// One tunnel may carry whatever it likes; ten of them over one neighbour and never one back are a debt. Whoever passes on what
/// it gets owes as much as it is owed.
#[test]
fn tunnels_are_charged_for_as_a_whole_and_a_debt_is_made_of_many() {
    let (now, cells) = (at(10), tariff::slots(100_000));
    let (user, relay) = (id(1), id(2));
    let mut one = ledger();
    one.carried(now, user, cells);
    assert_eq!(one.weight(now, &user), 1.0, "standing {}", one.standing(now, &user));
    assert_eq!(of(&one, now, user).given, cells.units() as f64);
    let mut many = ledger();
    for number in 0..20 {
        many.carried(now, user, cells);
        many.carried(now, relay, cells);
        many.was_carried(now, relay, tariff::slots(90_000 + 1000 * number));
    }
    assert!(many.weight(now, &user) < 0.02, "standing {}", many.standing(now, &user));
    assert_eq!(many.weight(now, &relay), 1.0, "standing {}", many.standing(now, &relay));
    let account = of(&many, now, relay);
    assert_eq!((account.theirs.asked, account.theirs.served, account.ours.served), (0, 0, 0), "nobody asked");
    many.carried(now, user, tariff::slots(u64::MAX));
    assert!(of(&many, now, user).given.is_finite() && many.standing(now, &user).is_finite());
}

#[test]
fn debts_are_forgiven_over_time() {
    let mut ledger = ledger();
    debtor(&mut ledger, at(0), id(1), 20);
    assert_eq!(ledger.weight(at(0), &id(1)), Policy::default().floor);
    // A node that runs looks at its ledger every minute.
    for minute in 0..3 * DAY / 60 {
        ledger.asked(at(60 * minute), id(2));
    }
    assert_eq!(ledger.weight(at(3 * DAY), &id(1)), 1.0);
    let given = of(&ledger, at(3 * DAY), id(1)).given;
    assert!((given / (20.0 * LOOKUP.units() as f64) - 0.125).abs() < 1e-3, "{given}");
}

#[test]
fn counts_are_kept_in_both_directions() {
    let (mut ledger, now) = (ledger(), Time::ZERO);
    (0..5).for_each(|_| ledger.asked(now, id(1)));
    (0..3).for_each(|_| ledger.gave(now, id(1), LOOKUP));
    (0..2).for_each(|_| ledger.denied(now, id(1)));
    (0..4).for_each(|_| ledger.asking(now, id(1)));
    ledger.received(now, id(1), LOOKUP);
    (0..3).for_each(|_| ledger.refused(now, id(1)));
    let statement = of(&ledger, now, id(1));
    assert_eq!(statement.theirs, Counts { asked: 5, served: 3, refused: 2 });
    assert_eq!(statement.ours, Counts { asked: 4, served: 1, refused: 3 });
    assert_eq!(statement.balance, -2.0 * LOOKUP.units() as f64);
}

#[test]
fn refusals_count_only_while_we_are_in_no_debt() {
    let (mut ledger, now) = (ledger(), Time::ZERO);
    (0..40).for_each(|_| ledger.received(now, id(1), LOOKUP));
    (0..100).for_each(|_| ledger.refused(now, id(1)));
    assert_ne!(ledger.verdict(now, &id(1)), Verdict::Leech, "it may serve us last: we owe it");
    debtor(&mut ledger, now, id(1), 40);
    (0..30).for_each(|_| ledger.refused(now, id(1)));
    assert_eq!(ledger.verdict(now, &id(1)), Verdict::Leech);
}

#[test]
fn when_all_begin_to_refuse_nobody_is_a_leech_for_it() {
    let (mut ledger, now) = (ledger(), Time::ZERO);
    for round in 0..200_u16 {
        for neighbour in 0..30_u16 {
            // From the hundredth round on everybody refuses every other request.
            match round >= 100 && (round + neighbour) % 2 == 0 {
                true => ledger.refused(now, id(neighbour)),
                false => ledger.received(now, id(neighbour), Work::NONE),
            }
            assert_ne!(ledger.verdict(now, &id(neighbour)), Verdict::Leech, "round {round}");
        }
    }
}

#[test]
fn among_those_who_serve_half_one_that_serves_nothing_is_found() {
    let (mut ledger, now) = (ledger(), Time::ZERO);
    for round in 0..60_u16 {
        for neighbour in 0..30_u16 {
            match neighbour == 0 || (round + neighbour) % 2 == 0 {
                true => ledger.refused(now, id(neighbour)),
                false => ledger.received(now, id(neighbour), Work::NONE),
            }
        }
    }
    let leeches = ledger.statements(now).filter(|one| one.verdict == Verdict::Leech).map(|one| one.id);
    assert_eq!(leeches.collect::<Vec<_>>(), [id(0)]);
}

#[test]
fn the_oldest_that_are_square_are_forgotten_and_debts_are_kept() {
    let mut ledger = Ledger::new(Policy { capacity: 3, ..Policy::default() });
    debtor(&mut ledger, at(0), id(1), 50);
    ledger.asked(at(1), id(2));
    ledger.asked(at(2), id(3));
    ledger.asked(at(3), id(4));
    let known: Vec<_> = ledger.statements(at(3)).map(|one| one.id).collect();
    assert_eq!(known, [id(1), id(3), id(4)]);
    debtor(&mut ledger, at(4), id(3), 60);
    debtor(&mut ledger, at(4), id(4), 70);
    ledger.asked(at(5), id(5));
    let known: Vec<_> = ledger.statements(at(5)).map(|one| one.id).collect();
    assert_eq!(known, [id(3), id(4), id(5)], "where nobody is square, the one that is nearest to it goes");
}

#[test]
fn charges_beyond_all_bounds_stop_at_a_bound() {
    let (mut ledger, now) = (ledger(), Time::ZERO);
    for _ in 0..3 {
        ledger.gave(now, id(1), Work::new(u64::MAX));
        ledger.gave(now, id(2), Work::new(u64::MAX));
        ledger.received(now, id(2), Work::new(u64::MAX));
    }
    assert_eq!(ledger.weight(now, &id(1)), Policy::default().floor);
    assert_eq!((ledger.standing(now, &id(2)), ledger.weight(now, &id(2))), (0.0, 1.0));
    assert!(ledger.statements(now).all(|one| one.balance.is_finite() && one.standing.is_finite()));
}

#[test]
fn clocks_that_jump_do_no_harm() {
    let mut ledger = ledger();
    debtor(&mut ledger, at(1000), id(1), 100);
    (0..100).for_each(|_| ledger.received(at(1000), id(2), LOOKUP));
    let before = (of(&ledger, at(1000), id(1)), of(&ledger, at(1000), id(2)));
    // Ten years ahead, back to the start, and on.
    for now in [at(3650 * DAY), at(0), at(5), at(1000)] {
        ledger.asked(now, id(3));
        for (one, was) in [(id(1), before.0), (id(2), before.1)] {
            let is = of(&ledger, now, one);
            assert!((0.9..=1.0).contains(&(is.balance / was.balance)), "{is:?}");
            assert_eq!(is.weight, was.weight);
        }
    }
}

/// Debtor 1, creditor 2, leech 3; saved at a moment of the wall clock.
fn history() -> (Ledger, Snapshot) {
    let mut ledger = ledger();
    debtor(&mut ledger, at(0), id(1), 30);
    (0..30).for_each(|_| ledger.received(at(0), id(2), LOOKUP));
    (0..30).for_each(|_| ledger.refused(at(0), id(3)));
    let snapshot = ledger.snapshot(at(60), 1_800_000_000);
    (ledger, snapshot)
}

#[test]
fn what_was_saved_is_restored() {
    let (ledger, snapshot) = history();
    let restored = Ledger::restore(Policy::default(), at(7), snapshot.unix, snapshot.clone());
    assert_eq!(restored.snapshot(at(7), snapshot.unix), snapshot);
    for number in 1..=3 {
        assert_eq!(of(&restored, at(7), id(number)), of(&ledger, at(60), id(number)));
    }
    assert_eq!(restored.verdict(at(7), &id(3)), Verdict::Leech);
}

#[test]
fn an_old_snapshot_forgives_what_they_owe_and_keeps_what_we_owe() {
    let (ledger, snapshot) = history();
    let week_later = Ledger::restore(Policy::default(), at(0), snapshot.unix + 7 * DAY, snapshot.clone());
    assert_eq!(week_later.weight(at(0), &id(1)), 1.0);
    assert!(of(&week_later, at(0), id(1)).balance > -(LOOKUP.units() as f64));
    assert_eq!(of(&week_later, at(0), id(2)).balance, of(&ledger, at(60), id(2)).balance);
    assert_ne!(week_later.verdict(at(0), &id(3)), Verdict::Leech);
    // A wall clock that was set back counts as no time.
    let earlier = Ledger::restore(Policy::default(), at(0), 0, snapshot.clone());
    assert_eq!(earlier.snapshot(at(0), snapshot.unix), snapshot);
    let far = Ledger::restore(Policy::default(), at(0), u64::MAX, snapshot);
    assert_eq!((of(&far, at(0), id(1)).given, of(&far, at(0), id(1)).balance), (0.0, 0.0));
}

fn any_account() -> impl Strategy<Value = SavedAccount> {
    let amounts = (any::<f64>(), any::<f64>(), any::<f64>(), any::<f64>());
    let verdict = prop::sample::select(vec![Verdict::Open, Verdict::Fair, Verdict::Leech]);
    (0..40_u16, amounts, verdict, any::<u64>()).prop_map(
        |(number, (given, received, squares, evidence), verdict, asked)| {
            let counts = Counts { asked, served: asked, refused: asked };
            SavedAccount { id: id(number), given, received, squares, evidence, verdict, theirs: counts, ours: counts }
        },
    )
}

proptest! {
    /// Whatever was read from a disk and whatever the clock says: weights are between the floor and 1, nothing is
    /// infinite, and there are no more accounts than there may be.
    #[test]
    fn nothing_breaks_it(
        saved in prop::collection::vec(any_account(), 0..60),
        usual_refusals in any::<f64>(),
        clocks in any::<(u64, u64)>(),
        steps in prop::collection::vec((0..6_u8, 0..50_u16, any::<u64>(), any::<u64>()), 0..60),
    ) {
        let policy = Policy { capacity: 20, ..Policy::default() };
        let snapshot = Snapshot { unix: clocks.0, usual_refusals, accounts: saved };
        let mut ledger = Ledger::restore(policy, Time::ZERO, clocks.1, snapshot);
        for (what, number, work, now) in steps {
            let (now, neighbour) = (Time::from_micros(now), id(number));
            match what {
                0 => ledger.asked(now, neighbour),
                1 => ledger.gave(now, neighbour, Work::new(work)),
                2 => ledger.denied(now, neighbour),
                3 => ledger.asking(now, neighbour),
                4 => ledger.received(now, neighbour, Work::new(work)),
                _ => ledger.refused(now, neighbour),
            }
            let weight = ledger.weight(now, &neighbour);
            prop_assert!((policy.floor..=1.0).contains(&weight), "{}", weight);
        }
        let statements: Vec<_> = ledger.statements(Time::ZERO).collect();
        prop_assert!(statements.len() <= 20);
        for one in statements {
            prop_assert!(one.given >= 0.0 && one.received >= 0.0 && one.balance.is_finite() && one.standing.is_finite());
            prop_assert!((policy.floor..=1.0).contains(&one.weight));
        }
    }

    /// More served for us never lowers a neighbour's weight, more taken never raises it above that of a stranger.
    #[test]
    fn service_pays(exchanges in prop::collection::vec((any::<bool>(), 0..5_u8), 0..200)) {
        let mut ledger = ledger();
        for &(gives, moves) in &exchanges {
            let price = tariff::request(0, moves);
            if gives { ledger.received(Time::ZERO, id(1), price) } else { ledger.gave(Time::ZERO, id(1), price) }
            let mut served = ledger.clone();
            served.received(Time::ZERO, id(1), price);
            let (before, after) = (ledger.standing(Time::ZERO, &id(1)), served.standing(Time::ZERO, &id(1)));
            prop_assert!(after > before || before > 0.0, "{} {}", before, after);
            prop_assert!(served.weight(Time::ZERO, &id(1)) >= ledger.weight(Time::ZERO, &id(1)));
        }
    }
}
