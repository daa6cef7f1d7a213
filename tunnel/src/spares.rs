//! When tunnels are built, kept in reserve and given up.
//!
//! A broken tunnel is rebuilt whole and never repaired in part: who knocks out the next honest relay again and again
//! would have the path in the end (Danezis and Clayton, "Route Fingerprinting in Anonymous Communications", P2P 2006).
//! And it is rebuilt only so often: each new path is another chance for hostile nodes to have both ends of it, and those
//! who break what they do not hold make their chances better (Borisov et al., "Denial of Service or Denial of Security?",
//! CCS 2007).

use std::collections::BTreeMap;
use std::time::Duration;

use crate::bucket::{Bucket, Rate};
use crate::table::TunnelId;

/// How many tunnels, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Tunnels that stand ready beside the one in use.
    pub spares: usize,
    /// When a tunnel is given up. Less than what relays allow, so that it ends when we say so.
    pub life: Duration,
    /// From what age on nothing new is begun on a tunnel.
    pub fresh: Duration,
    /// How often tunnels are built.
    pub builds: Rate,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            spares: 2,
            life: Duration::from_secs(590),
            fresh: Duration::from_secs(480),
            // Three tunnels need three in ten minutes; a lost relay may take several at once.
            builds: Rate { burst: 6, every: Duration::from_secs(10) },
        }
    }
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Lay a tunnel over a newly drawn path, and say [`Keeper::building`].
    Build,
    /// Close this tunnel: it is too old.
    Retire(TunnelId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Building,
    Standing { since: Duration },
}

/// Keeps a number of tunnels standing.
#[derive(Clone, Debug)]
pub struct Keeper {
    config: Config,
    tunnels: BTreeMap<TunnelId, State>,
    builds: Bucket,
}

impl Keeper {
    /// Keeps none so far.
    pub fn new(config: Config) -> Self {
        Self { config, tunnels: BTreeMap::new(), builds: Bucket::default() }
    }

    /// What is to be done now, one after the other, until there is nothing.
    pub fn next(&mut self, now: Duration) -> Option<Action> {
        let old = self.tunnels.iter().find(|&(_, &state)| age(state, now) >= self.config.life);
        if let Some((&tunnel, _)) = old {
            self.tunnels.remove(&tunnel);
            return Some(Action::Retire(tunnel));
        }
        let counted = |state: &&State| age(**state, now) < self.config.fresh;
        let enough = self.tunnels.values().filter(counted).count() > self.config.spares;
        (!enough && self.builds.take(now, self.config.builds)).then_some(Action::Build)
    }

    /// When to ask again, if nothing is heard before.
    pub fn next_at(&self, now: Duration) -> Duration {
        let of = |since: Duration| [since + self.config.fresh, since + self.config.life];
        let ages = self.tunnels.values().filter_map(|state| match state {
            State::Standing { since } => Some(of(*since)),
            State::Building => None,
        });
        let turns = ages.flatten().filter(|&at| at > now);
        let build = self.builds.next(self.config.builds).max(now);
        let lacking = self.tunnels.values().filter(|&&state| age(state, now) < self.config.fresh).count();
        let build = (lacking <= self.config.spares).then_some(build);
        turns.chain(build).min().unwrap_or(now + self.config.fresh)
    }

    /// A tunnel's set-up is on its way.
    pub fn building(&mut self, tunnel: TunnelId) {
        self.tunnels.insert(tunnel, State::Building);
    }

    /// A tunnel stands.
    pub fn ready(&mut self, now: Duration, tunnel: TunnelId) {
        if let Some(state) = self.tunnels.get_mut(&tunnel) {
            *state = State::Standing { since: now };
        }
    }

    /// A tunnel has ended, or was not laid.
    pub fn ended(&mut self, tunnel: TunnelId) {
        self.tunnels.remove(&tunnel);
    }

    /// On which tunnel something new is begun: the oldest that is still fresh, so that one is used up after the other
    /// and the far ends of the rest see nothing of us.
    pub fn current(&self, now: Duration) -> Option<TunnelId> {
        let standing = self.tunnels.iter().filter_map(|(&tunnel, &state)| match state {
            State::Standing { since } if now.saturating_sub(since) < self.config.fresh => Some((since, tunnel)),
            State::Standing { .. } | State::Building => None,
        });
        standing.min().map(|(_, tunnel)| tunnel)
    }
}

fn age(state: State, now: Duration) -> Duration {
    match state {
        State::Building => Duration::ZERO,
        State::Standing { since } => now.saturating_sub(since),
    }
}
