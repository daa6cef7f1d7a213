//! A network through the epochs: who comes and goes, when lies are told, what is counted.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use grid::cell::Line;
use grid::certified::{Certificate, Epoch};
use grid::config::Config;
use grid::id::NodeId;
use grid::time::Time;

use super::liars::{self, by_line};
use super::{Lie, LineRosters};
use crate::churn::session::Sessions;
use crate::identity::HostIndex;
use crate::network::Network;
use crate::queue::Queue;
use crate::records::BEGINNING;
use crate::scenario::Scenario;

/// How long after the beginning of an epoch lies are told: before anybody honest says anything.
const EARLY: Duration = Duration::from_secs(3);
/// How long whoever asks for names has for asking.
const ASKING: Duration = Duration::from_secs(2);

/// The network, and what is known of it from above.
#[derive(Debug)]
pub(super) struct World<'a> {
    model: &'a LineRosters,
    network: Network,
    length: Duration,
    sessions: Option<Sessions>,
    endings: Queue<HostIndex>,
    hostile: BTreeSet<HostIndex>,
    came: BTreeMap<HostIndex, Time>,
    /// Who has signed twice.
    liars: BTreeSet<HostIndex>,
}

impl<'a> World<'a> {
    /// Grows the network, and lets two epochs pass.
    pub(super) fn grow(model: &'a LineRosters, seed: u64) -> Result<Self, String> {
        let Scenario { network, .. } =
            Scenario::new(model.dims, model.side, seed).map_err(|error| error.to_string())?;
        let minutes = (model.median_minutes > 0.0).then_some(60.0 * model.median_minutes);
        let mut world = Self {
            model,
            network,
            length: Config::default().roster_epoch,
            sessions: minutes.map(|seconds| Sessions::of_median(Duration::from_secs_f64(seconds))),
            endings: Queue::default(),
            hostile: BTreeSet::new(),
            came: BTreeMap::new(),
            liars: BTreeSet::new(),
        };
        for _ in 0..model.nodes {
            world.add()?;
            world.network.run_for(Duration::from_millis(250));
        }
        let settled = world.begins(world.epoch().next().next().next());
        world.network.run_until(settled);
        let living = world.network.living();
        living.into_iter().for_each(|host| world.plan_end(host));
        Ok(world)
    }

    fn add(&mut self) -> Result<HostIndex, String> {
        let living = self.network.living();
        let introducer = living.first().copied();
        let introducer = introducer.and_then(|_| self.network.chance().pick(&living));
        let host = self.network.add(introducer).map_err(|error| format!("{error:?}"))?;
        self.came.insert(host, self.network.now());
        if self.network.chance().unit() < self.model.hostile {
            self.hostile.insert(host);
            // What they sign, they sign by themselves; who tells two stories is honest until then.
            self.network.set_signing(host, false);
        }
        Ok(host)
    }

    fn plan_end(&mut self, host: HostIndex) {
        if let Some(sessions) = self.sessions {
            let session = sessions.draw(self.network.chance());
            self.endings.push(self.network.now() + session, host);
        }
    }

    fn epoch(&self) -> Epoch {
        Epoch::of_unix(BEGINNING + self.network.now().as_micros() / 1_000_000, self.length)
    }

    fn begins(&self, epoch: Epoch) -> Time {
        Time::ZERO + Duration::from_secs(epoch.starts(self.length).saturating_sub(BEGINNING))
    }

    /// Lets time pass while nodes come and go.
    fn pass_until(&mut self, until: Time) -> Result<(), String> {
        while let Some((at, host)) = self.endings.pop_until(until) {
            self.network.run_until(at);
            match self.network.chance().unit() < self.model.silent_deaths {
                true => self.network.silence(host),
                false => self.network.kill(host),
            }
            self.network.bury(host).map_err(|error| format!("{error:?}"))?;
            let newcomer = self.add()?;
            self.plan_end(newcomer);
        }
        self.network.run_until(until);
        self.network.take_told();
        Ok(())
    }

    /// Lets an epoch pass, from its beginning to the next; what was counted in its middle.
    pub(super) fn pass_epoch(&mut self) -> Result<BTreeMap<&'static str, f64>, String> {
        let (epoch, before) = (self.epoch(), self.roster_bytes());
        let begins = self.begins(epoch);
        self.pass_until(begins + EARLY)?;
        self.lie(epoch)?;
        self.pass_until(begins + self.length / 2)?;
        let mut counts = self.count(epoch);
        self.pass_until(begins + self.length)?;
        let seconds = number(self.model.nodes) * self.length.as_secs_f64();
        counts.insert("roster_bytes", (self.roster_bytes() - before) / seconds);
        Ok(counts)
    }

    fn lie(&mut self, epoch: Epoch) -> Result<(), String> {
        let (hostile, others): (Vec<_>, Vec<_>) =
            self.network.living().into_iter().partition(|host| self.hostile.contains(host));
        let tales = match self.model.lie {
            Lie::Silent => return Ok(()),
            Lie::Collude => liars::collude(&self.network, epoch, &hostile, &others),
            Lie::Equivocate => {
                self.liars.extend(&hostile);
                liars::equivocate(&self.network, epoch, &hostile, &others)
            }
        };
        tales.iter().for_each(|tale| tale.claim(&mut self.network));
        self.pass_until(self.network.now() + ASKING)?;
        tales.iter().for_each(|tale| tale.name(&mut self.network));
        Ok(())
    }

    /// Honest nodes that were there for two epochs.
    fn witnesses(&self, epoch: Epoch) -> Vec<HostIndex> {
        let begins = self.begins(epoch);
        let old = |host: &HostIndex| begins.since(self.came[host]) >= 2 * self.length;
        let living = self.network.living().into_iter();
        living.filter(|host| !self.hostile.contains(host)).filter(old).collect()
    }

    fn count(&self, epoch: Epoch) -> BTreeMap<&'static str, f64> {
        let witnesses = self.witnesses(epoch);
        let lines = by_line(&self.network, &witnesses);
        let (mut pairs, mut held, mut roots) = (0, 0, BTreeMap::<Line, BTreeSet<[u8; 32]>>::new());
        let (mut signed, mut believed) = (0.0, 0);
        for &host in &witnesses {
            let overlay = &self.network.hosts()[host].overlay;
            for standing in overlay.status().lines {
                pairs += 1;
                let Some(members) = standing.members else { continue };
                held += 1;
                signed += number(standing.signatures) / f64::from(members);
            }
            for certificate in overlay.certificates().iter().filter(|one| one.claim().epoch == epoch) {
                let line = certificate.claim().line;
                roots.entry(line).or_default().insert(certificate.claim().root);
                believed += usize::from(self.leaves_out(certificate, &lines[&line]));
            }
        }
        let single = roots.values().filter(|roots| roots.len() == 1).count();
        let (convicted, framed) = self.convictions(&witnesses);
        BTreeMap::from([
            ("certified", share(held, pairs)),
            ("one_root", share(single, roots.len())),
            ("signed", if held == 0 { 0.0 } else { signed / number(held) }),
            ("lies_believed", number(believed)),
            ("convicted", convicted),
            ("framed", framed),
        ])
    }

    fn leaves_out(&self, certificate: &Certificate, witnesses: &[HostIndex]) -> bool {
        let is_missing = |&host: &HostIndex| certificate.roster().cell_of(self.network.book().id(host)).is_none();
        witnesses.iter().any(is_missing)
    }

    /// The share of the pairs of a liar and an honest neighbour that has the proof, and the honest that stand accused.
    fn convictions(&self, witnesses: &[HostIndex]) -> (f64, f64) {
        let book = self.network.book();
        let living: BTreeSet<HostIndex> = self.network.living().into_iter().collect();
        let (mut pairs, mut proved, mut framed) = (0, 0, BTreeSet::new());
        for &host in witnesses {
            let known = self.network.hosts()[host].overlay.equivocations();
            let known: BTreeSet<NodeId> = known.iter().map(|proof| proof.liar()).collect();
            let near = |liar: &&HostIndex| living.contains(liar) && book.cell(host).is_neighbour(&book.cell(**liar));
            for &liar in self.liars.iter().filter(near) {
                pairs += 1;
                proved += usize::from(known.contains(&book.id(liar)));
            }
            framed.extend(known.into_iter().filter(|&id| !self.liars.contains(&book.host(id))));
        }
        (share(proved, pairs), number(framed.len()))
    }

    #[expect(clippy::cast_precision_loss, reason = "bytes of a simulation are far below 2^53")]
    fn roster_bytes(&self) -> f64 {
        let about = ["roster-claims", "roster-wanted", "roster-named", "equivocation"];
        let kinds = self.network.traffic().kinds().filter(|(kind, _)| about.contains(kind));
        kinds.map(|(_, count)| count.bytes as f64).sum()
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a simulation are far below 2^53")]
fn number(count: usize) -> f64 {
    count as f64
}

/// One part of nothing is all of it.
fn share(part: usize, of: usize) -> f64 {
    if of == 0 { 1.0 } else { number(part) / number(of) }
}
