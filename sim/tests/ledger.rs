#![allow(clippy::unwrap_used, reason = "a test may fail")]
//! Real state machines keep accounts with each other.

use std::collections::BTreeMap;
use std::time::Duration;

use grid::id::NodeId;
use grid::ledger::Statement;
use grid::ledger::verdict::Verdict;
use sim::scenario::Scenario;

const SEED: u64 = 2003;

/// Every account, by whose it is and whom it is with.
fn accounts(scenario: &Scenario) -> BTreeMap<(NodeId, NodeId), Statement> {
    let now = scenario.network.now();
    let of_host = |host: &sim::host::Host| {
        let me = host.overlay.me().id();
        let statements = host.overlay.statements(now).into_iter();
        statements.map(move |(statement, _)| ((me, statement.id), statement)).collect::<Vec<_>>()
    };
    scenario.network.hosts().iter().flat_map(of_host).collect()
}

#[test]
fn both_sides_of_a_link_come_to_the_same_account() {
    let mut scenario = Scenario::new(2, 4, SEED).unwrap();
    scenario.grow(64, Duration::from_millis(500)).unwrap();
    scenario.network.run_for(Duration::from_secs(60));
    let (keys, puts) = scenario.put_records(100);
    assert_eq!(puts.succeeded(), 100, "{puts:?}");
    assert_eq!(scenario.get_records(&keys).succeeded(), 100);
    assert_eq!(scenario.ask_random_cells(2000).succeeded(), 2000);

    // Answers to copies that nobody waits for any more are still on their way.
    scenario.network.run_for(Duration::from_secs(10));
    let accounts = accounts(&scenario);
    let (mut compared, mut apart) = (0, 0);
    for (&(me, other), mine) in &accounts {
        let theirs = &accounts[&(other, me)];
        // They charge as far apart as an answer is on its way, which fades no more than a millionth of it.
        let equal = (mine.given - theirs.received).abs() <= 1e-5 * mine.given
            && (mine.theirs.asked, mine.theirs.served) == (theirs.ours.asked, theirs.ours.served);
        apart += usize::from(!equal);
        compared += usize::from(mine.given > 0.0);
    }
    // An answer may have been lost with its link while the nodes joined.
    assert!(apart * 100 <= compared, "{apart} of {compared} differ");
    assert!(compared > 1000, "{compared} of {}", accounts.len());
    let leeches = accounts.values().filter(|account| account.verdict == Verdict::Leech).count();
    assert!(leeches * 1000 <= accounts.len(), "{leeches} of {} among honest nodes", accounts.len());
    // After a few dozen exchanges a pair may be uneven by more than chance usually is; that costs turns, and only when busy.
    let last = accounts.values().filter(|account| account.weight < 0.1).count();
    assert!(last * 50 <= accounts.len(), "{last} of {} among honest nodes", accounts.len());
}
