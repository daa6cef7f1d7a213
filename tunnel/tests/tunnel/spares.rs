//! Tunnels that are kept in reserve: how many, for how long, how often they are built.

use std::time::Duration;

use tunnel::bucket::Rate;
use tunnel::spares::{Action, Config, Keeper};
use tunnel::table::TunnelId;

use crate::net::Net;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const CONFIG: Config = Config {
    spares: 2,
    life: seconds(590),
    fresh: seconds(480),
    slow: Duration::from_millis(700),
    builds: Rate { burst: 6, every: seconds(10) },
    reserve: 1,
};

/// A keeper, and the tunnels that are built for it.
struct Kept {
    keeper: Keeper<TunnelId>,
    net: Net,
    built: Vec<(Duration, TunnelId)>,
    retired: Vec<(Duration, TunnelId)>,
}

impl Kept {
    fn new() -> Self {
        Self { keeper: Keeper::new(CONFIG), net: Net::new(2, 31), built: Vec::new(), retired: Vec::new() }
    }

    /// Does what is to be done; tunnels stand at once, if they stand.
    fn step(&mut self, now: Duration, stand: bool) {
        while let Some(action) = self.keeper.next(now) {
            match action {
                Action::Build => {
                    let (tunnel, _) = self.net.tunnel(1);
                    self.net.close(0, tunnel);
                    self.keeper.building(now, tunnel);
                    self.built.push((now, tunnel));
                    if stand { self.keeper.ready(now, tunnel) } else { self.keeper.ended(tunnel) }
                }
                Action::Retire(tunnel) => self.retired.push((now, tunnel)),
            }
        }
    }
}

#[test]
fn one_in_use_and_its_spares_are_replaced_before_they_are_old() {
    let mut kept = Kept::new();
    let mut now = Duration::ZERO;
    while now < seconds(3600) {
        kept.step(now, true);
        let current = kept.keeper.standing(now)[0];
        let since = kept.built.iter().find(|(_, tunnel)| *tunnel == current).unwrap().0;
        assert!(now - since < CONFIG.fresh, "nothing is begun on an old tunnel");
        let next = kept.keeper.next_at(now);
        assert!(next > now, "it does not spin");
        now = next;
    }
    // Three at a time, each new after eight minutes: 3600 s have eight beginnings of 480 s.
    assert_eq!(kept.built.len(), 3 * 8);
    for (at, tunnel) in &kept.retired {
        let since = kept.built.iter().find(|(_, its)| its == tunnel).unwrap().0;
        assert_eq!(*at - since, CONFIG.life);
    }
    assert_eq!(kept.retired.len(), 3 * 7);
}

#[test]
fn a_broken_tunnel_is_replaced_at_once_by_a_spare_and_rebuilt_whole() {
    let mut kept = Kept::new();
    kept.step(seconds(1), true);
    let first = kept.keeper.standing(seconds(1))[0];
    kept.keeper.ended(first);
    let second = kept.keeper.standing(seconds(1))[0];
    assert_ne!(first, second);
    kept.step(seconds(1), true);
    assert_eq!(kept.built.len(), 4);
    assert_eq!(kept.keeper.standing(seconds(1))[0], second);
}

#[test]
fn who_breaks_every_tunnel_does_not_make_us_build_more_than_the_rate() {
    let mut kept = Kept::new();
    (0..600).for_each(|second| kept.step(seconds(second), false));
    assert_eq!(kept.built.len(), 6 + 59, "a burst, then one in ten seconds");
    let most = (0..590).map(|start| {
        let within = |at: &Duration| *at >= seconds(start) && *at < seconds(start + 10);
        kept.built.iter().filter(|(at, _)| within(at)).count()
    });
    assert!(most.skip(1).max().unwrap() <= 6);
}

#[test]
fn spares_leave_a_reserve_for_when_nothing_stands() {
    let mut keeper = Keeper::new(Config { builds: Rate { burst: 12, every: seconds(10) }, reserve: 6, ..CONFIG });
    let mut name = 0;
    let mut stand_after_all_were_lost = |second| {
        let now = seconds(second);
        keeper.standing(now).into_iter().for_each(|tunnel| keeper.ended(tunnel));
        while keeper.next(now).is_some() {
            keeper.building(now, name);
            keeper.ready(now, name);
            name += 1;
        }
        assert!(keeper.next_at(now) > now, "it does not spin");
        keeper.standing(now).len()
    };
    let stand: Vec<usize> = (1..=9).map(&mut stand_after_all_were_lost).collect();
    assert_eq!(stand, [3, 3, 1, 1, 1, 1, 1, 1, 0]);
    assert_eq!(stand_after_all_were_lost(100), 3);
}

#[test]
fn a_set_up_that_takes_long_is_not_waited_for() {
    let mut keeper = Keeper::new(CONFIG);
    let lay = |keeper: &mut Keeper<u32>, now: Duration, names: std::ops::Range<u32>| {
        for name in names {
            assert_eq!(keeper.next(now), Some(Action::Build));
            keeper.building(now, name);
        }
        assert_eq!(keeper.next(now), None, "enough are on their way");
    };
    lay(&mut keeper, seconds(1), 0..3);
    keeper.ready(seconds(1), 1);
    assert_eq!(keeper.next_at(seconds(1)), seconds(1) + CONFIG.slow);
    lay(&mut keeper, seconds(1) + CONFIG.slow, 3..5);
    // One comes after all; it is a spare more.
    keeper.ready(seconds(2), 0);
    keeper.ready(seconds(2), 3);
    assert_eq!(keeper.standing(seconds(3)), [1, 0, 3]);
    assert!(keeper.is_building());
    assert_eq!(keeper.next(seconds(3)), None);
}
