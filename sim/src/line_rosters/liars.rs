//! What hostile nodes say about rosters, which no state machine of ours would.

use std::collections::BTreeMap;

use grid::cell::Line;
use grid::certified::{Claim, Epoch, Roster, Signature};
use grid::id::NodeId;
use grid::message::Message;

use crate::identity::HostIndex;
use crate::network::Network;

/// A roster that some hosts tell others.
#[derive(Debug)]
pub(super) struct Tale {
    from: HostIndex,
    to: Vec<HostIndex>,
    roster: Roster,
    epoch: Epoch,
    /// Who has signed it.
    by: Vec<HostIndex>,
}

impl Tale {
    /// Tells the claim with its signatures.
    pub(super) fn claim(&self, network: &mut Network) {
        let claim = Claim::of(&self.roster, self.epoch);
        let sign = |&host: &HostIndex| network.sign(host, claim);
        let signatures: Vec<(NodeId, Signature)> =
            self.by.iter().filter_map(sign).map(|signed| (signed.signer(), *signed.signature())).collect();
        for &to in &self.to {
            network.say(self.from, to, Message::RosterClaims { claim, signatures: signatures.clone() });
        }
    }

    /// Tells the names, to whoever has asked for them meanwhile.
    pub(super) fn name(&self, network: &mut Network) {
        for &to in &self.to {
            network.say(self.from, to, Message::RosterNamed(self.roster.clone()));
        }
    }
}

/// The hosts on each line.
pub(super) fn by_line(network: &Network, hosts: &[HostIndex]) -> BTreeMap<Line, Vec<HostIndex>> {
    let mut lines: BTreeMap<Line, Vec<HostIndex>> = BTreeMap::new();
    for &host in hosts {
        for axis in network.shape().axes() {
            lines.entry(Line::through(network.book().cell(host), axis)).or_default().push(host);
        }
    }
    lines
}

fn roster(network: &Network, line: Line, hosts: &[HostIndex]) -> Option<Roster> {
    let book = network.book();
    Roster::new(line, hosts.iter().map(|&host| (book.id(host), book.cell(host)))).ok()
}

/// On each line all hostile ones sign a roster of themselves, and each tells it to all others.
pub(super) fn collude(network: &Network, epoch: Epoch, hostile: &[HostIndex], others: &[HostIndex]) -> Vec<Tale> {
    let honest = by_line(network, others);
    let mut tales = Vec::new();
    for (line, by) in by_line(network, hostile) {
        let Some(roster) = roster(network, line, &by) else { continue };
        let to = honest.get(&line).cloned().unwrap_or_default();
        let tale = |&from: &HostIndex| Tale { from, to: to.clone(), roster: roster.clone(), epoch, by: by.clone() };
        tales.extend(by.iter().map(tale));
    }
    tales
}

/// Each hostile one tells one half of its first line everybody, and the other half everybody but one.
pub(super) fn equivocate(network: &Network, epoch: Epoch, hostile: &[HostIndex], others: &[HostIndex]) -> Vec<Tale> {
    let everybody: Vec<HostIndex> = others.iter().chain(hostile).copied().collect();
    let (lines, honest) = (by_line(network, &everybody), by_line(network, others));
    let Some(axis) = network.shape().axes().next() else { return Vec::new() };
    let mut tales = Vec::new();
    for &from in hostile {
        let line = Line::through(network.book().cell(from), axis);
        let (Some(all), Some(told)) = (lines.get(&line), honest.get(&line)) else { continue };
        let (first, second) = told.split_at(told.len() / 2);
        for (to, listed) in [(first, &all[..]), (second, &all[1..])] {
            if let Some(roster) = roster(network, line, listed) {
                tales.push(Tale { from, to: to.to_vec(), roster, epoch, by: vec![from] });
            }
        }
    }
    tales
}
