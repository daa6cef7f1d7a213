//! Certified rosters: what counts as one, what proves that somebody is in it, and what convicts a liar.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test may fail")]

mod numbered;

use grid::cell::{Cell, Line, Shape};
use grid::certified::{
    Certificate, CertificateError, Claim, ClaimError, Doubt, Epoch, Equivocation, MAX_MEMBERS, MAX_PROOF, Membership,
    MembershipError, Opinions, Proof, Roster, RosterError, Signature, SignedClaim, threshold,
};
use grid::id::{GridId, NodeId};
use grid::odds::{binomial_at_least, hypergeometric_at_least};
use grid::peer::Peer;
use proptest::prelude::*;
use proptest::sample::{Index, subsequence};
use sha2::{Digest, Sha256};

const GRID: GridId = GridId::from_bytes([7; 32]);

fn shape() -> Shape {
    Shape::new(2, 200).unwrap()
}

fn line() -> Line {
    Line::through(cell(0, 3), shape().axes().next().unwrap())
}

fn cell(a: u16, b: u16) -> Cell {
    shape().cell(&[a, b]).unwrap()
}

/// The node of a place on the line.
fn member(place: u16) -> Peer {
    numbered::peer(shape(), cell(place, 3))
}

fn roster(places: impl IntoIterator<Item = u16>) -> Roster {
    let members = places.into_iter().map(|place| (member(place).id(), cell(place, 3)));
    Roster::new(line(), members).unwrap()
}

/// What a test takes for a signature: nobody but the named node makes these 32 bytes, twice over.
fn signature(node: NodeId, message: &[u8]) -> Signature {
    let digest = Sha256::new().chain_update(node.as_bytes()).chain_update(message).finalize();
    let mut signature = [0; 64];
    signature[..32].copy_from_slice(&digest);
    signature[32..].copy_from_slice(&digest);
    signature
}

fn is_signed(peer: &Peer, message: &[u8], found: &[u8]) -> bool {
    signature(peer.id(), message) == found
}

fn sign(place: u16, claim: Claim) -> SignedClaim {
    let peer = member(place);
    let signature = signature(peer.id(), &claim.signed_bytes(&GRID, &peer.id()));
    SignedClaim::check(&peer, claim, signature, &GRID, is_signed).unwrap()
}

fn claim(roster: &Roster) -> Claim {
    Claim::of(roster, Epoch::new(5))
}

#[test]
fn lists_that_are_no_rosters_are_refused() {
    let entry = |place| (member(place).id(), cell(place, 3));
    assert_eq!(Roster::new(line(), []).unwrap_err(), RosterError::Empty);
    assert_eq!(Roster::new(line(), [entry(1), entry(2), entry(1)]).unwrap_err(), RosterError::Twice(member(1).id()));
    let twice = [entry(1), (member(1).id(), cell(2, 3))];
    assert_eq!(Roster::new(line(), twice).unwrap_err(), RosterError::Twice(member(1).id()), "in two cells");
    let elsewhere = Roster::new(line(), [(member(1).id(), cell(1, 4))]).unwrap_err();
    assert_eq!(elsewhere, RosterError::Elsewhere { line: line(), cell: cell(1, 4) });
    let numbered =
        |count: usize| (0..count).map(|n| (NodeId::from_bytes(Sha256::digest(n.to_be_bytes()).into()), cell(0, 3)));
    let full = Roster::new(line(), numbered(MAX_MEMBERS)).unwrap();
    assert!(full.members().all(|(id, _)| full.proof(id).unwrap().hashes.len() <= MAX_PROOF));
    assert_eq!(Roster::new(line(), numbered(MAX_MEMBERS + 1)).unwrap_err(), RosterError::TooMany(MAX_MEMBERS + 1));
}

#[test]
fn lines_have_one_name() {
    let [first, second] = shape().axes().collect::<Vec<_>>()[..] else { panic!("two axes") };
    assert_eq!(Line::through(cell(9, 3), first), line());
    assert_ne!(Line::through(cell(9, 4), first), line());
    assert_ne!(Line::through(cell(9, 3), second), line());
    assert!(line().contains(&cell(199, 3)) && !line().contains(&cell(3, 199)));
    assert_eq!(line().to_string(), "[*, 3]");
}

#[test]
fn a_signature_is_its_signers_for_one_claim_of_one_grid() {
    let (claim, peer) = (claim(&roster(1..9)), member(4));
    let other = Claim { root: [1; 32], ..claim };
    let true_one = signature(peer.id(), &claim.signed_bytes(&GRID, &peer.id()));
    let check = |claim, peer: &Peer, grid: &GridId| SignedClaim::check(peer, claim, true_one, grid, is_signed);
    assert!(check(claim, &peer, &GRID).is_ok());
    assert_eq!(check(other, &peer, &GRID), Err(ClaimError::Signature));
    assert_eq!(check(Claim { epoch: Epoch::new(6), ..claim }, &peer, &GRID), Err(ClaimError::Signature));
    assert_eq!(check(Claim { count: 9, ..claim }, &peer, &GRID), Err(ClaimError::Signature));
    assert_eq!(check(claim, &member(5), &GRID), Err(ClaimError::Signature));
    assert_eq!(check(claim, &peer, &GridId::from_bytes([8; 32])), Err(ClaimError::Signature));
    let stranger = numbered::peer(shape(), cell(4, 4));
    assert_eq!(check(claim, &stranger, &GRID), Err(ClaimError::Stranger(line())));
}

#[test]
fn certificates_take_more_than_half_and_no_signature_too_much() {
    let roster = roster(0..8);
    let claim = claim(&roster);
    let certify = |signed: Vec<SignedClaim>| Certificate::new(claim, roster.clone(), signed);
    let signed = |places: &[u16]| places.iter().map(|&place| sign(place, claim)).collect::<Vec<_>>();
    assert!(certify(signed(&[0, 2, 3, 5, 7])).is_ok());
    assert_eq!(certify(signed(&[0, 2, 3, 5])), Err(CertificateError::TooFew { found: 4, needed: 5 }));
    assert_eq!(certify(vec![]), Err(CertificateError::TooFew { found: 0, needed: 5 }));
    assert_eq!(certify(signed(&[0, 2, 3, 5, 3])), Err(CertificateError::Twice(member(3).id())));
    // On the line, and not in the roster.
    assert_eq!(certify(signed(&[0, 2, 3, 5, 8])), Err(CertificateError::Foreign(member(8).id())));
    let later = sign(7, Claim { epoch: Epoch::new(6), ..claim });
    let mixed = [signed(&[0, 2, 3, 5]), vec![later]].concat();
    assert_eq!(certify(mixed), Err(CertificateError::Other(member(7).id())));
    // Enough signatures for another roster than the one that is shown.
    let shown = self::roster(0..7);
    let other = Certificate::new(claim, shown, signed(&[0, 2, 3, 5, 7])).unwrap_err();
    assert_eq!(other, CertificateError::Other(member(0).id()));
}

#[test]
fn a_signer_that_the_roster_puts_elsewhere_is_foreign() {
    let entries = [(member(0).id(), cell(9, 3)), (member(1).id(), cell(1, 3))];
    let roster = Roster::new(line(), entries).unwrap();
    let claim = claim(&roster);
    let certified = Certificate::new(claim, roster, vec![sign(0, claim), sign(1, claim)]);
    assert_eq!(certified, Err(CertificateError::Foreign(member(0).id())));
}

#[test]
fn two_claims_of_one_node_convict_it_in_either_order() {
    let (one, other) = (claim(&roster(0..8)), claim(&roster(0..7)));
    let (first, second) = (sign(3, one), sign(3, other));
    let proof = Equivocation::of(&first, &second).unwrap();
    assert_eq!(Equivocation::of(&second, &first), Some(proof.clone()));
    assert_eq!(proof.liar(), member(3).id());
    assert_eq!(Equivocation::of(&first, &first), None, "who says it twice does not lie");
    assert_eq!(Equivocation::of(&first, &sign(4, other)), None, "two nodes may differ");
    let (sooner, later) = (one, Claim { epoch: Epoch::new(6), ..other });
    assert_eq!(Equivocation::of(&sign(3, sooner), &sign(3, later)), None, "a line changes");
    let across = Line::through(cell(3, 3), shape().axes().nth(1).unwrap());
    assert_eq!(Equivocation::of(&first, &sign(3, Claim { line: across, ..other })), None, "a node is on several");
    let counted = Claim { count: 9, ..one };
    assert!(Equivocation::of(&first, &sign(3, counted)).is_some(), "one root, two counts");
}

/// `P(Bin(n, f) >= t)` lies, `P(Bin(n, f) > n - t)` silences a line: the figures of `docs/decisions/020-certified-rosters.md`,
/// computed independently with exact fractions.
#[test]
fn chances_of_a_majority() {
    let lie = |n: u32, f: f64| binomial_at_least(n, f, threshold(n));
    let silence = |n: u32, f: f64| binomial_at_least(n, f, n - threshold(n) + 1);
    for (n, f, lies, silences) in [
        (32, 0.10, 1.28e-9, 1.24e-8),
        (32, 0.25, 6.00e-4, 2.00e-3),
        (64, 0.10, 7.54e-17, 7.05e-16),
        (64, 0.25, 4.59e-6, 1.46e-5),
        (128, 0.25, 3.40e-10, 1.05e-9),
        (256, 0.25, 2.48e-18, 7.55e-18),
    ] {
        let (lie, silence) = (lie(n, f), silence(n, f));
        println!("{n:3} members, {f:.2} hostile: lies {lie:.1e}, silence {silence:.1e}");
        assert!((lie / lies - 1.0).abs() < 0.01, "{n} {f}: {lie:e} and not {lies:e}");
        assert!((silence / silences - 1.0).abs() < 0.01, "{n} {f}: {silence:e} and not {silences:e}");
    }
    // Drawn witnesses: all hostile with chance f^k; exactly, of 64 with 16 hostile, a little less.
    assert!((binomial_at_least(4, 0.25, 4) - 0.25_f64.powi(4)).abs() < 1e-12);
    assert!(hypergeometric_at_least(64, 16, 4, 4) < 0.25_f64.powi(4));
}

/// The roster of these places, signed by those, in an epoch.
fn certificate(named: impl IntoIterator<Item = u16>, signed: impl IntoIterator<Item = u16>, epoch: u64) -> Certificate {
    let roster = roster(named);
    let claim = Claim::of(&roster, Epoch::new(epoch));
    Certificate::new(claim, roster, signed.into_iter().map(|place| sign(place, claim)).collect()).unwrap()
}

/// What we know beside two lines of our own of 64 members, certified in epoch 5.
fn opinions() -> Opinions {
    let mut opinions = Opinions::default();
    opinions.renew(&[certificate(0..64, 0..33, 5), certificate(0..64, 0..33, 5), certificate(0..9, 0..9, 4)]);
    opinions
}

#[test]
fn a_young_grid_doubts_nothing_and_an_old_one_what_is_too_short_or_stale() {
    let short = certificate(0..16, 0..16, 9);
    assert!(!Opinions::default().are_wanted() && Opinions::default().check(&short).is_ok());
    let opinions = opinions();
    assert!(opinions.are_wanted());
    for epoch in [4, 5, 6] {
        assert_eq!(opinions.check(&certificate(0..60, 0..31, epoch)), Ok(()));
    }
    let [stale, ahead] = [3, 7].map(|epoch| opinions.check(&certificate(0..60, 0..31, epoch)).unwrap_err());
    assert_eq!(stale, Doubt::Stale { line: line(), epoch: Epoch::new(3), ours: Epoch::new(5) });
    assert_eq!(ahead, Doubt::Stale { line: line(), epoch: Epoch::new(7), ours: Epoch::new(5) });
    let short = opinions.check(&certificate(0..16, 0..16, 5)).unwrap_err();
    assert_eq!(short, Doubt::Length { line: line(), count: 16 });
    assert!(short.to_string().contains("16 nodes are said to be on line [*, 3]"), "{short}");
}

/// A quarter of 64 colludes: it signs a list of itself and fifteen others, and the honest sign the true one. Three of the
/// colluders signed that as well, not to be conspicuous.
#[test]
fn of_two_certificates_the_one_of_the_majority_counts_and_who_signed_both_is_a_liar() {
    let (forged, truth) = (certificate(0..31, 0..16, 5), certificate(0..64, 13..50, 5));
    let mut knows = opinions();
    assert_eq!(knows.weigh(line(), std::slice::from_ref(&forged), &truth), Err(Doubt::Outweighed(line())));
    assert!(!knows.is_settled(&forged));
    let liars: Vec<_> = (0..64).filter(|&place| knows.is_liar(&member(place).id())).collect();
    assert_eq!((liars, knows.proofs().count()), (vec![13, 14, 15], 3));
    // The other way round, the one that is asked lies: what was shown counts, and goes on to.
    let mut knows = opinions();
    assert_eq!(knows.weigh(line(), &[certificate(0..64, 0..33, 4), truth.clone()], &forged), Ok(truth.clone()));
    assert_eq!(knows.proofs().count(), 3);
    assert!(knows.is_settled(&truth));
    assert!(!knows.is_settled(&forged), "what was not weighed is not settled");
    // Two epochs later it has to be asked again.
    knows.renew(&[certificate(0..64, 0..33, 7)]);
    assert!(!knows.is_settled(&truth));
    // More signatures on the same list settle it too.
    let fuller = certificate(0..64, 3..50, 5);
    assert_eq!(opinions().weigh(line(), std::slice::from_ref(&truth), &fuller), Ok(truth.clone()));
}

#[test]
fn a_true_certificate_of_one_epoch_does_not_vouch_for_a_forged_one_of_the_next() {
    let (before, forged) = (certificate(0..64, 0..33, 4), certificate(0..60, 0..31, 5));
    let (mut knows, shown) = (opinions(), [forged.clone(), before.clone()]);
    assert_eq!(knows.choose(shown.iter()), Some(&forged), "the newest, as long as nothing is known");
    assert_eq!(knows.weigh(line(), &shown, &certificate(0..64, 9..60, 4)), Ok(before.clone()));
    assert!(knows.is_settled(&before) && !knows.is_settled(&forged));
    assert_eq!(knows.choose(shown.iter()), Some(&before), "what was confirmed goes before what is newer");
    assert_eq!(knows.choose([certificate(0..9, 0..9, 5)].iter()), None);
}

#[test]
fn what_cannot_be_held_against_each_other_decides_nothing() {
    let truth = certificate(0..64, 0..33, 5);
    let undecided = Err(Doubt::Undecided(line()));
    assert_eq!(
        opinions().weigh(line(), std::slice::from_ref(&truth), &certificate(0..64, 0..33, 4)),
        undecided,
        "another epoch"
    );
    assert_eq!(opinions().weigh(line(), &[], &truth), undecided);
    assert_eq!(opinions().weigh(line(), &[certificate(0..60, 0..33, 5)], &truth), undecided, "as many signatures");
    let elsewhere = Line::through(cell(0, 4), line().axis());
    assert_eq!(opinions().weigh(elsewhere, std::slice::from_ref(&truth), &truth), Err(Doubt::Undecided(elsewhere)));
}

proptest! {
    #[test]
    fn the_order_of_a_list_does_not_matter(places in subsequence((0..200_u16).collect::<Vec<_>>(), 1..80)) {
        let backwards: Vec<u16> = places.iter().rev().copied().collect();
        let (one, other) = (roster(places.clone()), roster(backwards));
        prop_assert_eq!(&one, &other);
        prop_assert_eq!(one.count() as usize, places.len());
        prop_assert!(one.members().map(|(id, _)| id).is_sorted());
    }

    #[test]
    fn members_prove_themselves_and_nobody_else(
        places in subsequence((0..200_u16).collect::<Vec<_>>(), 2..80), at in any::<Index>(), flip in any::<Index>(),
    ) {
        let roster = roster(places[1..].to_vec());
        let (claim, place) = (claim(&roster), places[1..][at.index(places.len() - 1)]);
        let proof = roster.proof(member(place).id()).unwrap();
        prop_assert!(Membership::check(claim, &member(place), proof.clone()).is_ok());
        let missing = member(places[0]);
        prop_assert_eq!(roster.proof(missing.id()), None);
        prop_assert_eq!(Membership::check(claim, &missing, proof.clone()), Err(MembershipError::Proof));
        let stranger = numbered::peer(shape(), cell(place, 4));
        prop_assert_eq!(Membership::check(claim, &stranger, proof.clone()), Err(MembershipError::Elsewhere));
        if !proof.hashes.is_empty() {
            let mut forged = proof.clone();
            let which = flip.index(forged.hashes.len());
            forged.hashes[which][flip.index(32)] ^= 1;
            prop_assert_eq!(Membership::check(claim, &member(place), forged), Err(MembershipError::Proof));
        }
        let moved = Proof { index: proof.index ^ 1, ..proof };
        prop_assert!(roster.count() == 1 || Membership::check(claim, &member(place), moved).is_err());
    }

    /// Whatever is gathered is certified exactly if it holds more than half of the members, each once, and nothing else.
    #[test]
    fn certificates_follow_the_rule(
        count in 1..40_u16, signers in prop::collection::vec(0..44_u16, 0..44), faulty in prop::option::of(any::<Index>()),
    ) {
        let roster = roster(0..count);
        let claim = claim(&roster);
        let mut signed: Vec<SignedClaim> = signers.iter().map(|&place| sign(place, claim)).collect();
        let mut fits = signers.iter().all(|&place| place < count);
        if let Some(index) = faulty.filter(|_| !signed.is_empty()) {
            let index = index.index(signed.len());
            signed[index] = sign(signers[index], Claim { root: [9; 32], ..claim });
            fits = false;
        }
        let distinct: std::collections::BTreeSet<u16> = signers.iter().copied().collect();
        let enough = distinct.len() == signers.len() && 2 * signers.len() > usize::from(count);
        prop_assert_eq!(Certificate::new(claim, roster, signed).is_ok(), fits && enough);
    }
}
