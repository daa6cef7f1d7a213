#![allow(clippy::unwrap_used, reason = "a test may fail")]
//! Dataset servers that lie in every way that we could think of, each its own test.

mod histories;
mod world;

use grid::trust::policy::Policy;
use grid::trust::standing::{Reason, Standing};
use grid::trust::step::Validation;
use grid::trust::{Manifest, Proofs};

use world::{Asked, Gateway, Manners, Outcome, Reply, World, fraction, honest, lies};

const SIGNED: [Manifest; 2] = [Manifest::Signed(Proofs::Always), Manifest::Signed(Proofs::OnDispute)];
const ALL: [Manifest; 3] = [Manifest::None, SIGNED[0], SIGNED[1]];

/// So short that the tests reach its end.
fn policy() -> Policy {
    Policy { probation: 50, ..Policy::default() }
}

/// Forty servers, of which the first have these manners.
fn forty(manifest: Manifest, special: Vec<Manners>) -> World {
    let honest_ones = (special.len()..40).map(|_| honest());
    World::new(manifest, special.into_iter().chain(honest_ones).collect())
}

fn wrong(outcomes: &[Outcome]) -> usize {
    outcomes.iter().filter(|outcome| outcome.delivered.is_some_and(|(right, _)| !right)).count()
}

fn is_out(standing: &Standing) -> bool {
    standing.flagged || standing.shunned.is_some()
}

fn honest_are_well(world: &World, gateway: &Gateway, liars: usize) {
    for server in liars..world.servers.len() {
        let standing = world.standing(gateway, server);
        assert!(!is_out(&standing), "{:?}: server {server} is honest: {standing:?}", world.manifest);
    }
}

#[test]
fn honest_servers_come_through_probation_and_are_checked_less() {
    let world = forty(Manifest::None, vec![]);
    let mut gateway = Gateway::new(1, policy());
    let first = world.run(&mut gateway, 1);
    // Nothing is known yet: at f = 1/3 it takes 14 strangers to be sure to 1e-4.
    assert_eq!(first[0].challenged.len(), 13);
    let probation = world.run(&mut gateway, 100);
    assert!(probation.iter().all(|outcome| !outcome.challenged.is_empty()));
    world.run(&mut gateway, 2000);
    let later = world.run(&mut gateway, 2000);
    let questions: usize = later.iter().map(|outcome| outcome.challenged.len() + outcome.known.len()).sum();
    assert!((100..220).contains(&questions), "0.08 of 2000 are expected, five standard deviations are 60: {questions}");
    assert!(later.iter().all(|outcome| outcome.asked.len() == 1 && outcome.delivered.is_some_and(|(right, _)| right)));
    honest_are_well(&world, &gateway, 0);
}

#[test]
fn validation_says_what_was_done() {
    for manifest in ALL {
        let world = forty(manifest, vec![]);
        let outcome = world.request(&mut Gateway::new(2, policy()));
        match (manifest, outcome.delivered.unwrap().1) {
            (Manifest::Signed(Proofs::Always), validation) => assert_eq!(validation, Validation::Signed),
            (_, Validation::CrossChecked { cells, credibility }) => assert!(cells == 14 && credibility > 0.9999),
            (_, other) => panic!("{other:?}"),
        }
    }
    // Two cells are all there are: that is said too.
    let world = World::new(Manifest::None, vec![honest(), honest()]);
    let Some((true, Validation::CrossChecked { cells: 2, credibility })) =
        world.request(&mut Gateway::new(3, policy())).delivered
    else {
        panic!("two servers agree")
    };
    assert!((credibility - 0.8).abs() < 1e-9, "(2/3)^2 against (1/3)^2, and nobody else: {credibility}");
    let alone = World::new(Manifest::None, vec![honest()]).request(&mut Gateway::new(4, policy()));
    assert!(matches!(alone.delivered, Some((true, Validation::Unchecked { .. }))));
}

#[test]
fn a_checksum_only_liar() {
    let manners = || -> Manners {
        Box::new(|asked, _, _| if asked == Asked::Answer { Reply::Truth } else { Reply::LastByte(1) })
    };
    for manifest in ALL {
        let world = forty(manifest, vec![manners()]);
        let mut gateway = Gateway::new(5, policy());
        assert_eq!(wrong(&world.run(&mut gateway, 500)), 0);
        honest_are_well(&world, &gateway, 1);
        // Where every answer proves itself nobody is asked for checksums.
        assert_eq!(is_out(&world.standing(&gateway, 0)), manifest != SIGNED[0], "{manifest:?}");
    }
}

#[test]
fn one_that_lies_only_to_some_is_found_by_the_others_proofs() {
    let manners: Manners = Box::new(|_, gateway, _| if gateway == 6 { Reply::LastByte(1) } else { Reply::Truth });
    let world = World::new(SIGNED[1], vec![manners, honest(), honest()]);
    let (mut deceived, mut other) = (Gateway::new(6, policy()), Gateway::new(7, policy()));
    assert_eq!(wrong(&world.run(&mut deceived, 50)) + wrong(&world.run(&mut other, 50)), 0);
    let reason = world.standing(&deceived, 0).shunned.unwrap();
    assert!(reason == Reason::Recomputed && reason.is_proof());
    assert!(!is_out(&world.standing(&other, 0)));
    other.trust.convicted(&world.servers[0].id, reason);
    let outcomes = world.run(&mut other, 50);
    assert!(outcomes.iter().all(|outcome| !outcome.asked.contains(&0) && !outcome.challenged.contains(&0)));
}

#[test]
fn one_that_lies_rarely_does_not_come_through_a_long_probation() {
    for manifest in ALL {
        let world = World::new(manifest, vec![lies(0.01, 1), honest(), honest(), honest()]);
        let mut gateway = Gateway::new(8, Policy::default());
        assert_eq!(wrong(&world.run(&mut gateway, 3000)), 0, "{manifest:?}");
        assert!(is_out(&world.standing(&gateway, 0)), "{manifest:?}");
        honest_are_well(&world, &gateway, 1);
    }
}

#[test]
fn one_that_lies_in_the_last_byte_is_gone_after_its_first_lie() {
    for manifest in ALL {
        let world = forty(manifest, vec![lies(1.0, 1)]);
        let mut gateway = Gateway::new(9, Policy { working_set: 40, ..policy() });
        let outcomes = world.run(&mut gateway, 500);
        assert_eq!(wrong(&outcomes), 0);
        let asked = outcomes.iter().filter(|o| o.asked.contains(&0) || o.challenged.contains(&0)).count();
        assert_eq!(asked, 1, "{manifest:?}");
        assert!(world.standing(&gateway, 0).shunned.is_some());
        honest_are_well(&world, &gateway, 1);
    }
}

#[test]
fn one_that_times_out_instead_of_answering_is_no_liar_and_asked_less() {
    for manifest in ALL {
        let world = forty(manifest, vec![Box::new(|_, _, _| Reply::Nothing)]);
        let mut gateway = Gateway::new(10, Policy { working_set: 40, ..policy() });
        let outcomes = world.run(&mut gateway, 3000);
        assert!(outcomes.iter().all(|outcome| outcome.delivered.is_some_and(|(right, _)| right)));
        let asked = outcomes.iter().filter(|o| o.asked.contains(&0) || o.challenged.contains(&0)).count();
        // For each of the two things that it can be asked for it rests for 2, 4, 8 .. 1024 requests.
        assert!((1..=22).contains(&asked), "{manifest:?}: {asked}");
        honest_are_well(&world, &gateway, 0);
    }
}

#[test]
fn one_that_times_out_only_when_it_checks_is_found_out_by_that() {
    let manners: Manners = Box::new(|asked, _, _| if asked == Asked::Answer { Reply::Truth } else { Reply::Nothing });
    let world = forty(Manifest::None, vec![manners]);
    let mut gateway = Gateway::new(11, Policy { working_set: 40, ..policy() });
    let outcomes = world.run(&mut gateway, 4000);
    let answers = outcomes.iter().filter(|outcome| outcome.asked.contains(&0)).count();
    let fair = outcomes.iter().filter(|outcome| outcome.asked.contains(&1)).count();
    assert!(answers < fair / 2, "asked for {answers} answers, an honest one for {fair}");
    let standing = world.standing(&gateway, 0);
    assert!(standing.evasive > 3 && !is_out(&standing), "{standing:?}");
}

#[test]
fn colluders_with_a_manifest_are_convicted_and_frame_nobody() {
    // More than half of all.
    let world = World::new(SIGNED[1], (0..40).map(|n| if n < 24 { lies(0.5, 1) } else { honest() }).collect());
    let mut gateway = Gateway::new(12, policy());
    world.run(&mut gateway, 2000);
    honest_are_well(&world, &gateway, 24);
    assert!((0..24).any(|liar| world.standing(&gateway, liar).shunned == Some(Reason::Recomputed)));
    let late = world.run(&mut gateway, 1000);
    assert_eq!(wrong(&late), 0);
}

#[test]
fn colluders_without_a_manifest_lose_to_a_credible_group() {
    let manners = |n: usize| if n < 16 { lies(0.3, 1) } else { honest() };
    let world = World::new(Manifest::None, (0..80).map(manners).collect());
    let mut gateway = Gateway::new(13, policy());
    assert_eq!(wrong(&world.run(&mut gateway, 2000)), 0);
    honest_are_well(&world, &gateway, 16);
    assert!((0..16).any(|liar| world.standing(&gateway, liar).shunned == Some(Reason::Verdict)));
}

#[test]
fn the_seed_lets_colluders_frame_an_honest_server() {
    let manners = |n: usize| if n < 16 { lies(1.0, 1) } else { honest() };
    let world = World::new(Manifest::None, (0..40).map(manners).collect());
    let framed = (20..40).any(|number| {
        let mut gateway = Gateway::new(number, Policy::seed(0.5));
        world.run(&mut gateway, 500);
        (16..40).any(|server| world.standing(&gateway, server).flagged)
    });
    assert!(framed, "that is why a majority does not decide here");
}

#[test]
fn a_lazy_checker_fails_at_what_is_known() {
    let manners =
        || -> Manners { Box::new(|asked, _, _| if asked == Asked::Answer { Reply::Truth } else { Reply::Echo }) };
    for (manifest, shunned) in [(Manifest::None, None), (SIGNED[1], Some(Reason::Recomputed))] {
        let world = forty(manifest, vec![manners()]);
        let mut gateway = Gateway::new(14, Policy { known_answer_rate: 0.2, check_rate: 0.4, ..policy() });
        assert_eq!(wrong(&world.run(&mut gateway, 2000)), 0);
        let standing = world.standing(&gateway, 0);
        assert!(is_out(&standing) && standing.shunned == shunned, "{manifest:?}: {standing:?}");
        honest_are_well(&world, &gateway, 1);
    }
}

#[test]
fn what_is_known_is_asked_only_of_whom_the_check_does_not_need() {
    let world = World::new(Manifest::None, vec![honest(), honest()]);
    let mut gateway = Gateway::new(24, Policy { known_answer_rate: 0.5, ..policy() });
    for outcome in world.run(&mut gateway, 49) {
        // Both are in probation, so that each answer is checked by the other.
        assert!(matches!(outcome.delivered, Some((true, Validation::CrossChecked { cells: 2, .. }))), "{outcome:?}");
    }
    let later = world.run(&mut gateway, 2000);
    assert!(later.iter().any(|outcome| !outcome.known.is_empty()), "there is time for it later");
}

#[test]
fn one_that_does_not_have_the_version_is_no_liar() {
    for manifest in ALL {
        let world = World::new(manifest, vec![Box::new(|_, _, _| Reply::Declines), honest(), honest(), honest()]);
        let mut gateway = Gateway::new(15, policy());
        let outcomes = world.run(&mut gateway, 100);
        assert!(outcomes.iter().all(|outcome| outcome.delivered.is_some_and(|(right, _)| right)));
        assert_eq!(
            world.standing(&gateway, 0),
            Standing { heard: world.standing(&gateway, 0).heard, ..Default::default() }
        );
    }
}

#[test]
fn nothing_is_delivered_when_all_are_down() {
    for manifest in ALL {
        let world = World::new(manifest, (0..5).map(|_| -> Manners { Box::new(|_, _, _| Reply::Nothing) }).collect());
        let refusal = world.request(&mut Gateway::new(16, policy())).refusal.unwrap();
        assert_eq!((refusal.said.len(), refusal.silent.len()), (0, 5));
    }
    let nobody = World::new(Manifest::None, vec![]).request(&mut Gateway::new(17, policy()));
    assert!(nobody.refusal.is_some());
}

/// It signs what it gives, and checks as if it were honest.
fn lies_in_answers(lie: u8) -> Manners {
    Box::new(move |asked, _, _| if asked == Asked::Answer { Reply::LastByte(lie) } else { Reply::Truth })
}

#[test]
fn one_that_answers_wrong_and_checks_right_convicts_itself() {
    // With one honest server beside it, its word against the other's would decide nothing.
    for honest_ones in [1, 2, 39] {
        let honest_ones = (0..honest_ones).map(|_| honest());
        let world = World::new(Manifest::None, std::iter::once(lies_in_answers(1)).chain(honest_ones).collect());
        let mut gateway = Gateway::new(21, Policy { working_set: 40, ..policy() });
        let outcomes = world.run(&mut gateway, 500);
        assert!(outcomes.iter().all(|outcome| outcome.delivered.is_some_and(|(right, _)| right)));
        assert_eq!(world.standing(&gateway, 0).shunned, Some(Reason::TwoAnswers));
        honest_are_well(&world, &gateway, 1);
        let caught = outcomes.iter().find(|outcome| outcome.asked.contains(&0)).unwrap();
        assert_eq!(caught.challenged.iter().filter(|&&server| server == 0).count(), 1);
    }
}

#[test]
fn one_that_stands_by_its_lie_is_asked_once_whether_it_does() {
    let world = World::new(Manifest::None, vec![lies(1.0, 1), honest(), honest(), honest()]);
    let mut gateway = Gateway::new(22, Policy { working_set: 40, ..policy() });
    let outcomes = world.run(&mut gateway, 20);
    assert_eq!(wrong(&outcomes), 0);
    assert!(world.standing(&gateway, 0).flagged && world.standing(&gateway, 0).shunned.is_none());
    assert!(outcomes.iter().all(|outcome| outcome.challenged.iter().filter(|&&server| server == 0).count() <= 1));
    let silent: Manners =
        Box::new(|asked, _, _| if asked == Asked::Answer { Reply::LastByte(1) } else { Reply::Nothing });
    let world = World::new(Manifest::None, vec![silent, honest(), honest(), honest()]);
    let mut gateway = Gateway::new(23, Policy { working_set: 40, ..policy() });
    assert_eq!(wrong(&world.run(&mut gateway, 20)), 0, "silence proves nothing, and the others outvote it");
    assert!(is_out(&world.standing(&gateway, 0)));
}

#[test]
fn nothing_is_delivered_when_all_disagree() {
    let world = World::new(Manifest::None, (1..=5).map(|lie| lies(1.0, lie)).collect());
    let mut gateway = Gateway::new(18, policy());
    for outcome in world.run(&mut gateway, 3) {
        assert_eq!(outcome.refusal.unwrap().said.len(), 5);
    }
    assert!((0..5).all(|server| world.standing(&gateway, server).shunned.is_none()));
    // Two against one is not enough, three against one is.
    for (honest_ones, delivered) in [(2, false), (3, true)] {
        let mut manners = vec![lies(1.0, 1)];
        manners.extend((0..honest_ones).map(|_| honest()));
        let outcome = World::new(Manifest::None, manners).request(&mut Gateway::new(19, policy()));
        assert_eq!(outcome.delivered.is_some_and(|(right, _)| right), delivered);
    }
}

#[test]
fn signed_data_alone_decide_even_if_all_others_lie() {
    let world = World::new(SIGNED[0], (0..40).map(|n| if n < 39 { lies(1.0, 1) } else { honest() }).collect());
    let mut gateway = Gateway::new(20, policy());
    let outcomes = world.run(&mut gateway, 100);
    assert!(outcomes.iter().all(|outcome| outcome.delivered == Some((true, Validation::Signed))));
    let liars_asked: usize = outcomes.iter().map(|outcome| outcome.asked.iter().filter(|&&n| n < 39).count()).sum();
    assert!(liars_asked <= 39, "each is asked once at most");
    honest_are_well(&world, &gateway, 39);
}

#[test]
fn rarely_means_rarely() {
    let share = (0..100_000).filter(|&number| fraction(number) < 0.01).count();
    assert!((900..1100).contains(&share), "the tests' liars lie as often as they say: {share}");
}
