//! Random histories: whatever servers do, and in whatever order the shell tells it.

use std::collections::BTreeSet;
use std::sync::Arc;

use grid::cell::Shape;
use grid::id::{AnswerDigest, NodeId, Nonce, RequestDigest};
use grid::trust::check::{Check, Request};
use grid::trust::policy::Policy;
use grid::trust::standing::Reason;
use grid::trust::step::{Known, Step};
use grid::trust::table::Trust;
use grid::trust::{Manifest, Proofs, Server};
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::world::{Gateway, Manners, Reply, World, fraction, honest, id};

const TRUTH: AnswerDigest = AnswerDigest::from_bytes([0; 32]);

/// What a dishonest server may do, by the number of the request and what it is asked for.
fn any_manners() -> impl Strategy<Value = (f64, u8, f64)> {
    // How often it lies, with which of a few lies (equal ones collude), and how often it is silent.
    (0.0..=1.0_f64, 1..4_u8, 0.0..0.5_f64)
}

fn manners((share, lie, silent): (f64, u8, f64)) -> Manners {
    Box::new(move |_, _, number| {
        if fraction(number.wrapping_mul(31).wrapping_add(lie.into())) < silent {
            Reply::Nothing
        } else if fraction(number) < share {
            Reply::LastByte(lie)
        } else {
            Reply::Truth
        }
    })
}

/// What is asked of whom, until the check ends or nothing more comes.
fn drive(check: &mut Check, trust: &mut Trust, liars: usize, noise: &[(u8, u8, u8)]) -> Vec<Step> {
    let (mut open, mut ends, mut noise) = (Vec::new(), Vec::new(), noise.iter());
    loop {
        while let Some(step) = check.poll() {
            match step {
                Step::Deliver { .. } | Step::Refuse(_) => ends.push(step),
                Step::Ask { .. } | Step::Challenge { .. } | Step::KnownAnswer { .. } | Step::Recompute => {
                    open.push(step);
                }
            }
        }
        if let Some(&(what, who, digest)) = noise.next() {
            // Told though nothing was asked, or twice. Honest servers do not sign what is wrong.
            let who = usize::from(who) % 12;
            let digest = if who < liars { AnswerDigest::from_bytes([digest % 3; 32]) } else { TRUTH };
            match what % 4 {
                0 => check.answered(trust, &id(who), digest),
                1 => check.challenged(trust, &id(who), digest),
                2 => check.timed_out(trust, &id(who)),
                _ => check.declined(trust, &id(who)),
            }
        } else if let Some(step) = open.pop() {
            obey(check, trust, &step, liars);
        } else {
            return ends;
        }
    }
}

fn obey(check: &mut Check, trust: &mut Trust, step: &Step, liars: usize) {
    let is_liar = |id: &NodeId| crate::world::index(id) < liars;
    match step {
        Step::Ask { server } if is_liar(&server.id) => check.disproved(trust, &server.id),
        Step::Ask { server } => check.answered(trust, &server.id, TRUTH),
        Step::Challenge { server } if is_liar(&server.id) => {
            check.challenged(trust, &server.id, AnswerDigest::from_bytes([1; 32]));
        }
        Step::Challenge { server } => check.challenged(trust, &server.id, TRUTH),
        Step::KnownAnswer { server } if is_liar(&server.id) => {
            check.known_answer(trust, &server.id, Known::WrongAndProven);
        }
        Step::KnownAnswer { server } => check.known_answer(trust, &server.id, Known::Right),
        Step::Recompute => check.recomputed(trust, TRUTH),
        Step::Deliver { .. } | Step::Refuse(_) => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn with_a_manifest_nobody_honest_is_ever_shunned(
        dishonest in prop::collection::vec(any_manners(), 0..14),
        honest_ones in 0..6_usize,
        proofs in prop::sample::select(vec![Proofs::Always, Proofs::OnDispute]),
        number in 0..1000_usize,
    ) {
        let liars = dishonest.len();
        let all = dishonest.into_iter().map(manners).chain((0..honest_ones).map(|_| honest())).collect();
        let world = World::new(Manifest::Signed(proofs), all);
        let mut gateway = Gateway::new(number, Policy { probation: 20, ..Policy::default() });
        let outcomes = world.run(&mut gateway, 200);
        for server in liars..world.servers.len() {
            prop_assert!(world.standing(&gateway, server).shunned.is_none());
        }
        for outcome in outcomes {
            if proofs == Proofs::Always {
                prop_assert!(outcome.delivered.is_none_or(|(right, _)| right), "a wrong answer was delivered");
                prop_assert!(outcome.delivered.is_some() || honest_ones == 0, "an honest server was not asked");
            }
        }
    }

    #[test]
    fn every_check_ends_once_whatever_is_told_when(
        liars in 0..12_usize,
        proofs in prop::sample::select(vec![None, Some(Proofs::Always), Some(Proofs::OnDispute)]),
        seed in any::<u64>(),
        noise in prop::collection::vec((any::<u8>(), any::<u8>(), any::<u8>()), 0..40),
        rounds in 1..20_u8,
    ) {
        let shape = Shape::new(2, 4).unwrap();
        let servers: Arc<[Server]> =
            (0..12).map(|n| Server { id: id(n), cell: shape.cell_at(n as u64 * 5) }).collect();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut trust = Trust::new(8);
        for round in 0..rounds {
            let request = Request {
                servers: servers.clone(),
                digest: RequestDigest::from_bytes([round; 32]),
                nonce: Nonce::from_bytes([round ^ 0x55; 32]),
                manifest: proofs.map_or(Manifest::None, Manifest::Signed),
            };
            let mut check = Check::begin(Policy::default(), &mut trust, request, &mut rng);
            let ends = drive(&mut check, &mut trust, liars, &noise);
            prop_assert!(check.is_over());
            prop_assert_eq!(ends.len(), 1, "it ends exactly once");
            if proofs.is_some() {
                let shunned: BTreeSet<usize> = trust.standings()
                    .filter(|(_, standing)| standing.shunned.is_some_and(|reason| reason != Reason::Verdict))
                    .map(|(id, _)| crate::world::index(id)).collect();
                prop_assert!(shunned.iter().all(|&server| server < liars), "{shunned:?}");
            }
        }
        prop_assert!(trust.standings().count() <= 8);
    }
}
