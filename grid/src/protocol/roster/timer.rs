//! The times of an epoch: when it begins, when opinions are formed, whose turn it is.

use alloc::vec::Vec;
use core::time::Duration;

use rand_core::Rng;
use sha2::{Digest, Sha256};

use super::judge::Judge;
use super::round::Round;
use super::{Rosters, Timer};
use crate::cell::{Axis, Line};
use crate::certified::{Claim, Epoch};
use crate::id::NodeId;
use crate::protocol::Context;

/// How long deaths around the beginning of an epoch may take to be found out, as a share of it: 10 s of ten minutes. With 64
/// on a line, who probe one neighbour in two seconds each, a silent death is found within some seconds, and a closed link at
/// once.
const SETTLE: u32 = 60;
/// How long a member has for its turn, as a share of an epoch: 5 s of ten minutes, for three messages and a probe.
const TURN: u32 = 120;

impl Rosters {
    /// A node that does its share begins to take note of who is there.
    pub(crate) fn start<R: Rng>(&mut self, cx: &mut Context<'_, R>) {
        self.since = Some(cx.now);
        self.wait(cx);
    }

    /// Comes back when the next epoch begins.
    fn wait<R: Rng>(&self, cx: &mut Context<'_, R>) {
        let (length, now) = (cx.config.roster_epoch, cx.unix());
        let next = Epoch::of_unix(now, length).next().starts(length);
        cx.timer(Duration::from_secs(next.saturating_sub(now).max(1)), Timer::Epoch);
    }

    pub(crate) fn on_timer<R: Rng>(&mut self, timer: Timer, cx: &mut Context<'_, R>) {
        match timer {
            Timer::Epoch => {
                self.begin(cx);
                self.wait(cx);
            }
            Timer::Settled(epoch) => self.settled(epoch, cx),
            Timer::Turn(epoch, axis) => self.take_turn(epoch, axis, cx),
            Timer::Probed(epoch, axis) => self.probed(epoch, axis, cx),
        }
    }

    /// An epoch has begun, unless the clock was set back: no epoch comes twice, so that nothing is signed twice.
    fn begin<R: Rng>(&mut self, cx: &mut Context<'_, R>) {
        let (length, now) = (cx.config.roster_epoch, cx.unix());
        let epoch = Epoch::of_unix(now, length);
        if self.epoch.is_some_and(|last| last >= epoch) {
            return;
        }
        let before = self.epoch.replace(epoch);
        let late = Duration::from_secs(now.saturating_sub(epoch.starts(length)));
        self.began = crate::time::Time::ZERO + cx.now.since(crate::time::Time::ZERO + late);
        self.presence.forget(cx.now, length);
        self.rounds.retain(|&(of, _), _| Some(of) == before);
        for axis in cx.table.shape().axes() {
            self.rounds.insert((epoch, axis), Round::default());
        }
        for ((from, _), (claim, signatures)) in core::mem::take(&mut self.early) {
            self.on_claims(from, claim, signatures, cx);
        }
        cx.timer(length / SETTLE, Timer::Settled(epoch));
    }

    /// Gives everybody its turn.
    fn settled<R: Rng>(&mut self, epoch: Epoch, cx: &mut Context<'_, R>) {
        let turn = cx.config.roster_epoch / TURN;
        for axis in cx.table.shape().axes() {
            let line = Line::through(cx.me.cell(), axis);
            let opinion = self.judge(line, cx).filter(Judge::is_witness).and_then(|judge| judge.opinion());
            let Some(opinion) = opinion else { continue };
            let mine = rank(epoch, line, cx.me.id());
            let before = opinion.members().filter(|&(id, _)| rank(epoch, line, id) < mine).count();
            cx.timer(turn.saturating_mul(u32::try_from(before).unwrap_or(u32::MAX)), Timer::Turn(epoch, axis));
        }
    }

    /// Our turn: nobody before us has said what we could sign, so we say what we think.
    fn take_turn<R: Rng>(&mut self, epoch: Epoch, axis: Axis, cx: &mut Context<'_, R>) {
        let opinion = self.judge(Line::through(cx.me.cell(), axis), cx).and_then(|judge| judge.opinion());
        let (Some(round), Some(opinion)) = (self.rounds.get_mut(&(epoch, axis)), opinion) else { return };
        round.had_turn = true;
        if self.epoch == Some(epoch) && round.is_open() && round.pending.is_none() {
            let claim = Claim::of(&opinion, epoch);
            round.learn(opinion);
            self.order(claim, cx);
        }
    }

    /// Those whom an opinion leaves out have answered, or have not.
    fn probed<R: Rng>(&mut self, epoch: Epoch, axis: Axis, cx: &mut Context<'_, R>) {
        let Some(round) = self.rounds.get_mut(&(epoch, axis)) else { return };
        let Some(pending) = round.pending.take() else { return };
        let answers = |&id: &NodeId| cx.table.is_linked(id) && !cx.table.is_suspected(id);
        if pending.missing.iter().any(answers) {
            round.refuse(&pending.claim);
            return self.go_on(epoch, axis, cx);
        }
        if self.epoch == Some(epoch) && round.is_open() {
            round.followed = Some(pending.from);
            self.order(pending.claim, cx);
        }
    }

    /// What we have waited for was not to be signed: something else that has come meanwhile may be.
    fn go_on<R: Rng>(&mut self, epoch: Epoch, axis: Axis, cx: &mut Context<'_, R>) {
        let Some(round) = self.rounds.get(&(epoch, axis)) else { return };
        let had_turn = round.had_turn;
        for (claim, signer) in round.options() {
            self.weigh(signer, claim, cx);
        }
        if had_turn {
            self.take_turn(epoch, axis, cx);
        }
    }
}

/// The order of the members' turns; nobody chooses its name, and no epoch is like the last.
fn rank(epoch: Epoch, line: Line, node: NodeId) -> [u8; 32] {
    let mut bytes = Vec::from(*b"rook roster turn v1");
    bytes.extend(epoch.number().to_be_bytes());
    line.append_to(&mut bytes);
    bytes.extend(node.as_bytes());
    Sha256::digest(bytes).into()
}
