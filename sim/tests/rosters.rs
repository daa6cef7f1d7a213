#![allow(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "a test may fail")]
//! Lines certify their rosters: real state machines, in a network that is made up.

use std::time::Duration;

use grid::cell::{Axis, Cell, Line};
use grid::certified::{Certificate, Membership, threshold};
use grid::input::Command;
use grid::output::{Event, RequestFailure};
use sim::network::Network;
use sim::scenario::Scenario;

const EPOCH: Duration = Duration::from_secs(600);

/// A network whose nodes have all been there for an epoch, some seconds before the next one begins.
fn settled(dims: u8, side: u16, nodes: usize, seed: u64) -> Scenario {
    let mut scenario = Scenario::new(dims, side, seed).unwrap();
    scenario.grow(nodes, Duration::from_millis(500)).unwrap();
    scenario.network.run_for(2 * EPOCH);
    scenario
}

/// Lets time pass until most of an epoch that has begun meanwhile is over.
fn next_epoch(network: &mut Network) {
    network.run_for(EPOCH);
}

fn certificates(network: &Network) -> Vec<Certificate> {
    let living = network.living().into_iter();
    living.flat_map(|host| network.hosts()[host].overlay.certificates()).collect()
}

#[test]
fn every_line_of_a_quiet_network_has_one_roster_that_all_members_hold() {
    let mut scenario = settled(2, 4, 64, 1);
    next_epoch(&mut scenario.network);
    let network = &scenario.network;
    for host in network.living() {
        let overlay = &network.hosts()[host].overlay;
        for standing in overlay.status().lines {
            let members = standing.members.unwrap();
            assert_eq!(standing.signatures, members as usize, "of {standing:?}, all sign");
        }
        for certificate in overlay.certificates() {
            let line = certificate.claim().line;
            let on_line = |&other: &usize| line.contains(&network.book().cell(other));
            let truth: Vec<_> = network.living().into_iter().filter(on_line).collect();
            assert_eq!(certificate.roster().count() as usize, truth.len());
            assert!(truth.iter().all(|&other| certificate.roster().cell_of(network.book().id(other)).is_some()));
            assert_eq!(certificate.signed().len(), threshold(certificate.roster().count()) as usize);
        }
    }
    let mut roots: Vec<_> = certificates(network).iter().map(|one| (one.claim().line, one.claim().root)).collect();
    roots.sort_unstable();
    roots.dedup();
    let mut lines: Vec<Line> = roots.iter().map(|&(line, _)| line).collect();
    lines.dedup();
    assert_eq!((roots.len(), lines.len()), (8, 8), "one root a line");
    assert!(network.hosts().iter().all(|host| host.overlay.equivocations().is_empty()));
}

/// What a host hears when it asks a cell for the roster of its line along an axis.
fn ask(network: &mut Network, host: usize, cell: Cell, axis: Axis) -> Result<Certificate, RequestFailure> {
    network.take_told();
    let ticket = network.ticket();
    network.command(host, Command::Roster { ticket, cell, axis });
    network.run_for(Duration::from_secs(10));
    let heard = network.take_told().into_iter().find_map(|told| match told.event {
        Event::RosterDone { ticket: of, outcome } if of == ticket => Some(outcome),
        _ => None,
    });
    heard.unwrap()
}

#[test]
fn a_stranger_is_told_who_is_on_a_line() {
    let mut scenario = settled(2, 4, 64, 2);
    let network = &mut scenario.network;
    let (asker, home) = (5, network.book().cell(5));
    let far = |host: &usize| network.book().cell(*host).distance(&home) == 2;
    let other = network.living().into_iter().find(far).unwrap();
    let (cell, axis) = (network.book().cell(other), network.shape().axes().next().unwrap());
    let certificate = ask(network, asker, cell, axis).unwrap();
    assert_eq!(certificate.claim().line, Line::through(cell, axis));
    assert_eq!(certificate.roster().cell_of(network.book().id(other)), Some(cell));
    let proof = certificate.roster().proof(network.book().id(other)).unwrap();
    let peer = network.book().peer(other, 1).unwrap();
    assert!(Membership::check(*certificate.claim(), &peer, proof).is_ok());
}

#[test]
fn before_an_epoch_has_passed_nothing_is_certified() {
    let mut scenario = Scenario::new(2, 2, 3).unwrap();
    scenario.grow(12, Duration::from_millis(500)).unwrap();
    scenario.network.run_for(Duration::from_secs(60));
    let (cell, axis) = (scenario.network.book().cell(3), scenario.network.shape().axes().next().unwrap());
    let refused = ask(&mut scenario.network, 4, cell, axis).unwrap_err();
    assert_eq!(refused, RequestFailure::Uncertified(cell));
    assert!(certificates(&scenario.network).is_empty());
}
