use super::*;

const SECOND: u64 = 1_000_000;

/// A window and a link of so many bytes a second with so long a base round trip, of which marks show the queue.
struct Link {
    window: Window,
    now: u64,
    rate: u64,
    round: u64,
    offset: i64,
}

impl Link {
    fn new(rate: u64, round: u64) -> Self {
        Self { window: Window::new(Time::ZERO), now: 0, rate, round, offset: -123_456_789 }
    }

    /// The time in queues with the window full.
    fn queue(&self) -> u64 {
        (self.window.bytes() * SECOND / self.rate).saturating_sub(self.round)
    }

    /// A round trip with the window full.
    fn round_trip(&mut self) {
        let (sent, queue, under_way) = (Time::from_micros(self.now), self.queue(), self.window.bytes());
        self.now += self.round + queue;
        let way = self.offset + (self.round / 2 + queue).cast_signed();
        let round = Duration::from_micros(self.round + queue);
        self.window.reached(Time::from_micros(self.now), &Sample { sent, way, round, under_way });
    }

    fn run(&mut self, until: u64) {
        while self.now < until {
            self.round_trip();
        }
    }
}

#[test]
fn it_settles_near_the_target_on_any_link() {
    for (rate, round) in
        [(250_000, 20_000), (1_250_000, 20_000), (1_250_000, 100_000), (12_500_000, 40_000), (125_000_000, 2000)]
    {
        let mut link = Link::new(rate, round);
        // Long enough for the base to be measured with little under way.
        link.run(25 * SECOND);
        let target = (round / 4).clamp(5_000, 60_000);
        let (queue, step) = (link.queue(), 3 * STEP * SECOND / rate);
        assert!(queue >= target * 9 / 10, "{rate} {round}: {queue} of {target}");
        assert!(queue <= target + step + 1, "{rate} {round}: {queue} of {target}");
    }
}

#[test]
fn it_follows_a_way_that_becomes_longer() {
    let mut link = Link::new(1_250_000, 20_000);
    link.run(5 * SECOND);
    link.round = 80_000;
    link.run(7 * SECOND);
    assert!(link.window.bytes() < 80 * 1250, "the longer way looks like a queue at first");
    link.run(25 * SECOND);
    let full = 100 * 1250;
    assert!((full - 4096..full + 4096).contains(&link.window.bytes()), "{}", link.window.bytes());
}

#[test]
fn a_window_that_is_not_used_does_not_grow() {
    let mut window = Window::new(Time::ZERO);
    for number in 1..1000 {
        let now = Time::from_micros(number * 1000);
        let sample = Sample { sent: now, way: 10, round: Duration::from_micros(500), under_way: 2000 };
        window.reached(now, &sample);
    }
    assert_eq!(window.bytes(), FIRST_WINDOW);
}

#[test]
fn after_a_long_pause_nothing_is_known() {
    let mut link = Link::new(125_000_000, 20_000);
    link.run(5 * SECOND);
    assert!(link.window.bytes() > 10 * FIRST_WINDOW);
    link.window.begin(Time::from_micros(link.now + 9 * SECOND));
    assert!(link.window.bytes() > 10 * FIRST_WINDOW);
    link.window.begin(Time::from_micros(link.now + 11 * SECOND));
    assert_eq!(link.window.bytes(), FIRST_WINDOW);
}

/// The other side may say what it likes: the window stays within its bounds.
#[test]
fn no_sample_breaks_it() {
    let extremes = [i64::MIN, -1, 0, 1, i64::MAX];
    let mut window = Window::new(Time::ZERO);
    for number in 0..20_000_u64 {
        let way = extremes[(number * 7 % 31 % 5) as usize];
        let round = Duration::from_micros([0, 1, 1_000_000, u64::MAX][(number * 3 % 7 % 4) as usize]);
        let now = Time::from_micros([number, 0, u64::MAX / 2, number * SECOND][(number * 5 % 11 % 4) as usize]);
        let under_way = window.bytes();
        let sample = Sample { sent: Time::from_micros(number), way, round, under_way };
        window.reached(now, &sample);
        window.begin(now);
        assert!((MIN_WINDOW..=MAX_WINDOW).contains(&window.bytes()));
        assert!((MIN_PIECE..=MAX_PIECE).contains(&window.piece()));
    }
}
