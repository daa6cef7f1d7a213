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

/// How many tunnels, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Tunnels that stand ready beside the one in use.
    pub spares: usize,
    /// When a tunnel is given up. Less than what relays allow, so that it ends when we say so.
    pub life: Duration,
    /// From what age on nothing new is begun on a tunnel.
    pub fresh: Duration,
    /// After how long a set-up is not counted on any more, for a relay that was killed says nothing of it.
    pub slow: Duration,
    /// How often tunnels are built.
    pub builds: Rate,
    /// How many of a burst are kept for when no tunnel stands nor may soon: spares can wait, who asks cannot. Less than the burst.
    pub reserve: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            spares: 2,
            life: Duration::from_secs(590),
            fresh: Duration::from_secs(480),
            slow: Duration::from_millis(700),
            // Three tunnels need three in ten minutes; a lost relay may take all of them at once, and of the ways that are
            // drawn next some still lead over it.
            builds: Rate { burst: 12, every: Duration::from_secs(10) },
            // All three were lost at once and replaced once.
            reserve: 6,
        }
    }
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action<Id> {
    /// Lay a tunnel over a newly drawn path, and say [`Keeper::building`].
    Build,
    /// Close this tunnel: it is too old.
    Retire(Id),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Building { since: Duration },
    Standing { since: Duration },
}

impl State {
    /// When it is given up, if it stands.
    fn ends(self, config: &Config) -> Option<Duration> {
        match self {
            Self::Building { .. } => None,
            Self::Standing { since } => Some(since + config.life),
        }
    }

    /// Until when it counts as a tunnel that can be used, or soon can.
    fn counts_until(self, config: &Config) -> Duration {
        match self {
            Self::Building { since } => since + config.slow,
            Self::Standing { since } => since + config.fresh,
        }
    }
}

/// Keeps a number of tunnels standing. `Id` is what their owner calls them.
#[derive(Clone, Debug)]
pub struct Keeper<Id> {
    config: Config,
    tunnels: BTreeMap<Id, State>,
    builds: Bucket,
}

impl<Id: Ord + Copy> Keeper<Id> {
    /// Keeps none so far.
    pub fn new(config: Config) -> Self {
        Self { config, tunnels: BTreeMap::new(), builds: Bucket::default() }
    }

    /// What is to be done now, one after the other, until there is nothing.
    pub fn next(&mut self, now: Duration) -> Option<Action<Id>> {
        let is_old = |state: &State| state.ends(&self.config).is_some_and(|end| end <= now);
        let old = self.tunnels.iter().find(|(_, state)| is_old(state));
        if let Some((&tunnel, _)) = old {
            self.tunnels.remove(&tunnel);
            return Some(Action::Retire(tunnel));
        }
        self.lacks(now).is_some_and(|rate| self.builds.take(now, rate)).then_some(Action::Build)
    }

    /// How often one may be built if there are too few, those counted that are being laid.
    fn lacks(&self, now: Duration) -> Option<Rate> {
        let Config { builds, reserve, .. } = self.config;
        match self.tunnels.values().filter(|state| state.counts_until(&self.config) > now).count() {
            0 => Some(builds),
            count if count <= self.config.spares => {
                Some(Rate { burst: builds.burst.saturating_sub(reserve).max(1), ..builds })
            }
            _ => None,
        }
    }

    /// When to ask again, if nothing is heard before.
    pub fn next_at(&self, now: Duration) -> Duration {
        let turns = |state: &State| [Some(state.counts_until(&self.config)), state.ends(&self.config)];
        let turns = self.tunnels.values().flat_map(turns).flatten();
        let build = self.lacks(now).map(|rate| self.builds.next(rate).max(now));
        turns.filter(|&at| at > now).chain(build).min().unwrap_or(now + self.config.fresh)
    }

    /// A tunnel's set-up is on its way.
    pub fn building(&mut self, now: Duration, tunnel: Id) {
        self.tunnels.insert(tunnel, State::Building { since: now });
    }

    /// A tunnel stands.
    pub fn ready(&mut self, now: Duration, tunnel: Id) {
        if let Some(state) = self.tunnels.get_mut(&tunnel) {
            *state = State::Standing { since: now };
        }
    }

    /// A tunnel has ended, or was not laid.
    pub fn ended(&mut self, tunnel: Id) {
        self.tunnels.remove(&tunnel);
    }

    /// Whether any is being laid.
    pub fn is_building(&self) -> bool {
        self.tunnels.values().any(|state| matches!(state, State::Building { .. }))
    }

    /// On which tunnels something new may be begun, in the order in which that is done: the oldest that is still fresh
    /// first, so that one is used up after the other and the far ends of the rest see nothing of us.
    pub fn standing(&self, now: Duration) -> Vec<Id> {
        let fresh = self.tunnels.iter().filter_map(|(&tunnel, &state)| match state {
            State::Standing { since } if state.counts_until(&self.config) > now => Some((since, tunnel)),
            State::Standing { .. } | State::Building { .. } => None,
        });
        let mut fresh: Vec<(Duration, Id)> = fresh.collect();
        fresh.sort_unstable();
        fresh.into_iter().map(|(_, tunnel)| tunnel).collect()
    }
}
