//! How much effort a node under load asks for: nothing while it keeps up, more while those who paid what it asked are not
//! served in time, less when it has nothing to do.
//!
//! After Tor's defence of onion services, proposal 327 (now
//! <https://spec.torproject.org/hspow-spec/common-protocol.html>). At the end of each period:
//!
//! ```text
//! somebody who paid what was asked was lost, or waited too long:   e := max(e + effort served / requests served, least)
//! the queue ran empty:                                             e := 2/3 e, and 0 below the least
//! neither, so the flood that is there is outbid:                   e stays
//! neither, for some periods:                                       e := 2/3 e, but not below the least
//! ```
//!
//! It differs from the proposal in three things.
//!
//! - *The rise is added*, where the proposal rises to the mean effort or by one. Those who pay pay what is asked, so the
//!   mean is about `e`, and `e` doubles: ten periods to a thousandfold. Rising to the mean, `e` climbs by single steps
//!   while an attacker who overbids by one of them takes the place of the honest; that lag cost a tenth of the honest
//!   requests (`docs/queues.md`).
//! - *It falls under a flood, too.* A flood that pays nothing keeps the queue from ever running empty, so a price that was
//!   driven up once would stand for as long as it goes on; driving it up and leaving would be an attack
//!   (proposal 362, <https://spec.torproject.org/proposals/362-update-pow-control-loop.html>, is about such). After some
//!   calm periods a lower price is tried. Where that was too low it rises again, and the next trial waits twice as long;
//!   where it was not, half as long.
//! - *Periods are short.* Tor's 300 s are those in which a new figure can be published; ours is in the answer that says
//!   "busy". A period has to be long enough for a round trip and a search, and for a few hundred requests to judge by.
//!
//! Why who paid enough should be served before others, but who paid more not before those, is told in `docs/queues.md`.
//!
//! ```
//! use core::time::Duration;
//! use grid::effort::{Config, Control};
//! use grid::time::Time;
//!
//! let config = Config::default();
//! let mut control = Control::new(config, Time::ZERO);
//! assert_eq!(control.suggested(), 0, "dormant: unstamped requests are as good as any");
//! control.dropped(0);
//! assert!(control.tick(Time::ZERO + config.period));
//! assert_eq!(control.suggested(), config.least);
//! assert!(!control.suffices(0) && control.suffices(config.least));
//! ```

use core::time::Duration;

use crate::time::Time;

/// How effort is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Time between two changes. In two seconds the news reaches all who ask, a search for the most ends on a modest
    /// core, and a node that serves a hundred requests a second has two hundred to judge by.
    pub period: Duration,
    /// The first effort that is asked for, and the least but none. Of the rates in `docs/mint-speed.md` (of attempts that
    /// take five compressions where these take one) follow about one millisecond of a core with AVX-512, three with AVX2
    /// or SHA-NI, fifteen with plain code: about what serving a request takes, so a flood pays what it costs.
    pub least: u32,
    /// The most that is asked for: what an honest requester can be expected to bear for one request. 2^24 attempts are
    /// 0.1 to 0.2 s with vectors, one second with plain code; an attacker needs as much for each request that it wants
    /// served before the honest.
    pub most: u32,
    /// A request that paid what was asked and waited for longer was not served in time. Half of what the node before
    /// waits for an acceptance ([`crate::config::Config::hop_timeout`]): the rest is for the way.
    pub patience: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self { period: Duration::from_secs(2), least: 1 << 18, most: 1 << 24, patience: Duration::from_millis(250) }
    }
}

/// Calm periods before a lower price is tried for the first time.
const FIRST_TRIAL: u32 = 4;
/// The most calm periods between two trials, however many have failed: at two seconds a period, two minutes. One period in
/// 64 at too low a price is what a trial costs the honest then.
const RAREST_TRIAL: u32 = 64;
/// Idle periods after which nothing is asked, whatever was: `(2/3)^64` of 2^32 is below one.
const IDLE: u32 = 64;

/// The effort that a node asks for, and what it has seen since it last thought about it.
///
/// Tell it of every request that is served or dropped, and whenever the queue runs empty; call [`Control::tick`] with the
/// time now and then, at least once a period for it to be prompt.
#[derive(Clone, Debug)]
pub struct Control {
    config: Config,
    suggested: u32,
    /// What was asked for in the period before.
    before: u32,
    /// The end of this period.
    until: Time,
    seen: Seen,
    calm: u32,
    /// Calm periods before the next trial of a lower price.
    wait: u32,
    /// A lower price is on trial.
    on_trial: bool,
}

/// What happened in a period.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    served: u64,
    /// The sum of the efforts of those that were served.
    effort: u64,
    /// Somebody who paid what was asked was lost or kept waiting.
    has_failed: bool,
    has_run_empty: bool,
}

impl Control {
    /// Asks for nothing yet.
    pub fn new(config: Config, now: Time) -> Self {
        let until = now + config.period;
        let (calm, wait) = (0, FIRST_TRIAL);
        Self { config, suggested: 0, before: 0, until, seen: Seen::default(), calm, wait, on_trial: false }
    }

    /// What a request should pay to be served before those that do not; 0 if none has to pay. This is what a sender who
    /// was not served hears.
    pub const fn suggested(&self) -> u32 {
        self.suggested
    }

    /// Whether a request that paid so much paid what it was asked: what is asked now, or, so that nobody's work is for
    /// nothing who began it before a rise, what was asked in the period before. Never if nothing was paid; so while nothing
    /// is asked all that paid nothing are alike.
    pub const fn suffices(&self, effort: u32) -> bool {
        effort > 0 && effort >= self.asked()
    }

    /// A request was taken up, having waited for so long.
    pub fn served(&mut self, effort: u32, waited: Duration) {
        self.seen.served += 1;
        self.seen.effort += u64::from(effort);
        self.seen.has_failed |= waited > self.config.patience && self.has_paid(effort);
    }

    /// A request was turned away or thrown out for want of room, or had waited too long to be of use.
    pub fn dropped(&mut self, effort: u32) {
        self.seen.has_failed |= self.has_paid(effort);
    }

    /// Nothing waits any more.
    pub fn ran_empty(&mut self) {
        self.seen.has_run_empty = true;
    }

    /// Ends the period if it is over, and says whether another effort is suggested now. `now` is of the shell's clock that
    /// never runs back. Whole periods that have passed besides count as such in which there was nothing to do.
    pub fn tick(&mut self, now: Time) -> bool {
        if now < self.until {
            return false;
        }
        let asked = self.suggested;
        self.turn();
        let missed = now.since(self.until).as_micros() / self.config.period.as_micros().max(1);
        // From the most it takes far fewer periods to fall to nothing.
        for _ in 0..missed.min(IDLE.into()) {
            self.seen = Seen { has_run_empty: true, ..Seen::default() };
            self.turn();
        }
        self.seen = Seen::default();
        self.until = now + self.config.period;
        asked != self.suggested
    }

    /// What a request in this period has to have paid at least.
    const fn asked(&self) -> u32 {
        if self.before > 0 && self.before < self.suggested { self.before } else { self.suggested }
    }

    /// Whether the node owed it service. While nothing is asked it owes it to all.
    const fn has_paid(&self, effort: u32) -> bool {
        effort >= self.suggested
    }

    fn turn(&mut self) {
        self.before = self.suggested;
        if self.seen.has_failed {
            self.rise();
        } else if self.seen.has_run_empty {
            self.suggested = self.lowered();
            if self.suggested < self.config.least {
                self.suggested = 0;
            }
            (self.calm, self.wait, self.on_trial) = (0, FIRST_TRIAL, false);
        } else if self.suggested > 0 {
            self.keep_or_try_less();
        }
    }

    fn rise(&mut self) {
        let mean = self.seen.effort.checked_div(self.seen.served).unwrap_or_default();
        let risen = u64::from(self.suggested) + mean.max(1);
        let most = self.config.most.max(self.config.least);
        self.suggested = u32::try_from(risen).unwrap_or(u32::MAX).clamp(self.config.least, most);
        if self.on_trial {
            self.wait = (2 * self.wait).min(RAREST_TRIAL);
        }
        (self.calm, self.on_trial) = (0, false);
    }

    fn keep_or_try_less(&mut self) {
        self.calm += 1;
        if self.calm >= self.wait {
            if self.on_trial {
                self.wait = (self.wait / 2).max(FIRST_TRIAL);
            }
            let tried = self.lowered().max(self.config.least);
            self.on_trial = tried < self.suggested;
            (self.suggested, self.calm) = (tried, 0);
        }
    }

    /// Two thirds of what is asked.
    fn lowered(&self) -> u32 {
        self.suggested / 3 * 2 + self.suggested % 3 * 2 / 3
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CONFIG: Config =
        Config { period: Duration::from_secs(2), least: 12, most: 1000, patience: Duration::from_millis(250) };

    struct Clock {
        control: Control,
        now: Time,
    }

    impl Clock {
        fn new() -> Self {
            Self { control: Control::new(CONFIG, Time::ZERO), now: Time::ZERO }
        }

        fn period(&mut self, seen: impl FnOnce(&mut Control)) -> u32 {
            seen(&mut self.control);
            self.now = self.now + CONFIG.period;
            self.control.tick(self.now);
            self.control.suggested()
        }

        /// To where the most is asked.
        fn at_most() -> Self {
            let mut clock = Self::new();
            while clock.period(|control| lost(control, u32::MAX)) < CONFIG.most {}
            clock
        }
    }

    fn lost(control: &mut Control, effort: u32) {
        control.served(effort, Duration::ZERO);
        control.dropped(effort);
    }

    /// Only what did not pay is lost.
    fn outbid(control: &mut Control) {
        control.served(control.suggested(), Duration::ZERO);
        control.dropped(0);
    }

    #[test]
    fn it_sleeps_until_somebody_is_lost_or_waits_too_long() {
        let mut clock = Clock::new();
        assert_eq!(clock.period(|control| control.served(0, CONFIG.patience)), 0);
        assert_eq!(clock.period(Control::ran_empty), 0);
        assert_eq!(clock.period(|control| control.served(0, CONFIG.patience + Duration::from_micros(1))), 12);
        assert_eq!(Clock::new().period(|control| control.dropped(0)), 12);
    }

    #[test]
    fn it_rises_by_the_mean_effort_served_and_falls_by_a_third() {
        let mut clock = Clock::new();
        clock.period(|control| control.dropped(0));
        let risen = clock.period(|control| {
            [12, 12, 0, 8].into_iter().for_each(|effort| control.served(effort, Duration::ZERO));
            control.dropped(12);
        });
        assert_eq!(risen, 12 + 32 / 4);
        assert_eq!(clock.period(|control| control.dropped(20)), 21, "by one at least");
        assert_eq!(clock.period(Control::ran_empty), 14);
        assert_eq!(clock.period(Control::ran_empty), 0, "9 is below the least");
        assert_eq!(Clock::at_most().period(|control| lost(control, u32::MAX)), CONFIG.most, "never above the most");
    }

    #[test]
    fn a_flood_that_pays_nothing_does_not_drive_it_up() {
        let mut clock = Clock::new();
        clock.period(|control| control.dropped(0));
        for _ in 0..1000 {
            assert_eq!(clock.period(outbid), 12);
            assert_eq!(clock.period(|control| control.served(11, Duration::from_secs(9))), 12, "paid too little");
        }
    }

    #[test]
    fn it_falls_while_an_unpaid_flood_goes_on_and_trials_that_fail_become_rare() {
        let mut clock = Clock::at_most();
        let mut periods = 0;
        while clock.period(outbid) > CONFIG.least {
            periods += 1;
            assert!(periods < 60, "down to the least in {FIRST_TRIAL} periods a step");
        }
        // An attacker who pays whenever less than the most is asked.
        let mut clock = Clock::at_most();
        let mut periods_below = 0;
        for _ in 0..1000 {
            let is_below = clock.control.suggested() < CONFIG.most;
            periods_below += u32::from(is_below);
            clock.period(|control| if is_below { lost(control, control.suggested()) } else { outbid(control) });
        }
        assert!((10..30).contains(&periods_below), "{periods_below}");
    }

    #[test]
    fn work_that_was_begun_before_a_rise_suffices_for_one_period_more() {
        let mut clock = Clock::new();
        assert!(!clock.control.suffices(0));
        clock.period(|control| control.dropped(0));
        assert!(!clock.control.suffices(11) && clock.control.suffices(12));
        assert_eq!(clock.period(|control| lost(control, 12)), 24);
        assert!(!clock.control.suffices(11) && clock.control.suffices(12));
        clock.period(outbid);
        assert!(!clock.control.suffices(23) && clock.control.suffices(24));
    }

    #[test]
    fn after_a_long_pause_it_sleeps_again_and_a_clock_that_stands_still_changes_nothing() {
        let mut clock = Clock::at_most();
        assert!(!clock.control.tick(clock.now), "nothing has passed");
        assert!(clock.control.tick(clock.now + Duration::from_secs(3600 * 24 * 365)));
        assert_eq!(clock.control.suggested(), 0);
        let far = Time::from_micros(u64::MAX);
        clock.control.tick(far);
        clock.control.dropped(0);
        clock.control.tick(far);
    }

    proptest! {
        #[test]
        fn it_asks_for_nothing_or_for_what_may_be_asked(
            config in (1..5000_u64, 0..5000_u32, 0..5000_u32).prop_map(|(period, least, most)| Config {
                period: Duration::from_millis(period), least, most, ..CONFIG
            }),
            steps in prop::collection::vec((0..4_u8, any::<u32>(), 0..4_000_000_u64), 0..200),
        ) {
            let (mut now, mut control) = (Time::ZERO, Control::new(config, Time::ZERO));
            for (what, effort, micros) in steps {
                match what {
                    0 => control.served(effort, Duration::from_micros(micros)),
                    1 => control.dropped(effort),
                    2 => control.ran_empty(),
                    _ => now = now + Duration::from_micros(micros),
                }
                let before = control.suggested();
                let changed = control.tick(now);
                prop_assert_eq!(changed, before != control.suggested());
                let allowed = config.least..=config.most.max(config.least);
                prop_assert!(control.suggested() == 0 || allowed.contains(&control.suggested()));
                // Who pays what is suggested has always paid enough.
                prop_assert!(control.suggested() == 0 || control.suffices(control.suggested()));
            }
        }
    }
}
