use futures::io::{AsyncReadExt, AsyncWriteExt};
use futures::task::noop_waker_ref;
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tunnel::keys::{Hop, OnionSecret};
use tunnel::moment::Moment;
use tunnel::name::Name;
use tunnel::table::{Config, Table};

use super::*;

/// Two ends, and cells under way between them, each with the time at which it arrives.
struct Way {
    feeds: [Feed; 2],
    cells: [VecDeque<(Time, Payload)>; 2],
    now: Time,
    delay: Duration,
    /// Cells in a millisecond.
    rate: usize,
    longest: usize,
}

/// The name of a tunnel, which only a table gives.
fn tunnel() -> TunnelId {
    let mut rng = StdRng::seed_from_u64(1);
    let mut table = Table::new(Name::from_bytes([1; 32]), OnionSecret::draw(&mut rng), Config::default());
    let hop = Hop { name: Name::from_bytes([2; 32]), onion: OnionSecret::draw(&mut rng).public() };
    table.open(Moment::default(), &[hop], &mut rng, &mut Vec::new()).unwrap()
}

fn way(delay: Duration, rate: usize) -> (Pipe, Pipe, Way) {
    let (now, notices) = (Time::from_micros(0), mpsc::unbounded_channel().0);
    let key = tunnel();
    let (left, left_feed) = pipe(key, now, notices.clone());
    let (right, right_feed) = pipe(key, now, notices);
    let way = Way { feeds: [left_feed, right_feed], cells: Default::default(), now, delay, rate, longest: 0 };
    (left, right, way)
}

impl Way {
    /// A millisecond goes by: what waits is sent, and as much as the rate allows comes out.
    fn pass(&mut self) {
        self.now = self.now + Duration::from_millis(1);
        for side in 0..2 {
            while let Some(payload) = self.feeds[side].next(self.now) {
                self.cells[side].push_back((self.now + self.delay, payload));
            }
            self.longest = self.longest.max(self.cells[side].len());
            for _ in 0..self.rate {
                match self.cells[side].front() {
                    Some((due, _)) if *due <= self.now => {}
                    Some(_) | None => break,
                }
                let (_, payload) = self.cells[side].pop_front().unwrap();
                self.feeds[1 - side].received(self.now, payload).unwrap();
            }
        }
    }
}

fn write(pipe: &mut Pipe, bytes: &[u8]) -> usize {
    match Pin::new(pipe).poll_write(&mut Context::from_waker(noop_waker_ref()), bytes) {
        Poll::Ready(written) => written.unwrap(),
        Poll::Pending => 0,
    }
}

/// What is there, and whether that is all.
fn read(pipe: &mut Pipe, to: &mut Vec<u8>) -> bool {
    let mut buffer = [0; 4096];
    loop {
        match Pin::new(&mut *pipe).poll_read(&mut Context::from_waker(noop_waker_ref()), &mut buffer) {
            Poll::Ready(Ok(0)) => return true,
            Poll::Ready(read) => to.extend_from_slice(&buffer[..read.unwrap()]),
            Poll::Pending => return false,
        }
    }
}

/// Sends so many bytes one way; the milliseconds that it takes.
fn carry(sent: &[u8], left: &mut Pipe, right: &mut Pipe, way: &mut Way) -> usize {
    let (mut gone, mut got) = (0, Vec::new());
    for millisecond in 1..100_000 {
        if gone < sent.len() {
            gone += write(left, &sent[gone..]);
        } else {
            left.0.close();
        }
        way.pass();
        if read(right, &mut got) {
            assert!(got == sent, "what comes out is what went in");
            return millisecond;
        }
    }
    panic!("{} of {} bytes in 100 s", got.len(), sent.len())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_goes_in_comes_out(bytes in prop::collection::vec(any::<u8>(), 0..60_000), delay in 0..80_u64, rate in 1..50_usize) {
        let (mut left, mut right, mut way) = way(Duration::from_millis(delay), rate);
        carry(&bytes, &mut left, &mut right, &mut way);
        prop_assert!(!way.feeds[0].is_done(), "the other side may still have something to say");
        right.0.close();
        (0..200).for_each(|_| way.pass());
        prop_assert!(read(&mut left, &mut Vec::new()));
        prop_assert!(way.feeds[0].is_done() && way.feeds[1].is_done());
    }
}

/// 10 cells a millisecond are 12.8 MB/s: with 50 ms there and back the window has to reach 640 kB.
#[test]
fn a_slow_link_is_filled_and_its_queue_stays_short() {
    let (mut left, mut right, mut way) = way(Duration::from_millis(25), 10);
    let bytes = vec![7; 20 << 20];
    let took = carry(&bytes, &mut left, &mut right, &mut way);
    let best = bytes.len() / MOST / 10;
    assert!(took < best * 5 / 4, "{took} ms where {best} ms would do");
    // What is under way when the link is full, and half a second of queue at most while the window is found.
    assert!(way.longest < 250 + 5000, "{} cells were under way", way.longest);
}

#[test]
fn a_writer_waits_for_the_other_side() {
    let (mut left, _right, way) = way(Duration::from_millis(10), 100);
    let mut written = 0;
    while let more @ 1.. = write(&mut left, &[1; 5000]) {
        written += more;
    }
    assert!((WAITING - 4) * MOST < written && written <= WAITING * MOST, "{written} bytes wait");
    let mut sent = 0;
    while let Some(payload) = way.feeds[0].next(way.now) {
        assert_ne!(payload.command, Command::End);
        sent += CELL;
    }
    assert!(sent < 20 << 10, "{sent} bytes go before anything is heard");
    assert_eq!(way.feeds[0].waited(way.now + Duration::from_secs(3)), Duration::from_secs(3));
}

#[test]
fn who_breaks_the_rules_is_given_up() {
    let (_left, _right, way) = way(Duration::ZERO, 1);
    let say = |command, bytes: &[u8]| way.feeds[0].received(way.now, Payload { command, bytes: bytes.to_vec() });
    assert_eq!(say(Command::Reached, &[0; 16]), Err(PipeError::Malformed), "nothing was marked");
    assert_eq!(say(Command::Reached, &[0; 15]), Err(PipeError::Malformed));
    let cells = UNREAD / MOST;
    assert!((0..cells).all(|_| say(Command::Data, &[0; MOST]).is_ok()));
    assert_eq!(say(Command::Data, &[0; MOST]), Err(PipeError::Flood));
}

#[tokio::test]
async fn a_broken_tunnel_ends_reading_and_writing() {
    let (mut left, mut right, way) = way(Duration::ZERO, 1);
    let reading = tokio::spawn(async move { right.read(&mut [0; 8]).await.map_err(|error| error.kind()) });
    tokio::task::yield_now().await;
    way.feeds.iter().for_each(Feed::broke);
    assert_eq!(reading.await.unwrap(), Err(io::ErrorKind::ConnectionAborted));
    assert_eq!(left.write(&[1]).await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
}

#[test]
fn one_that_was_laid_and_has_not_been_used_is_silent_as_well() {
    for (laid_in, waits) in [(100, 400..=420), (200, 590..=620)] {
        let (mut left, _right, mut way) = way(Duration::from_millis(1), 64);
        left.laid_in(Duration::from_millis(laid_in));
        let (pulse, least) = (left.pulse(), Duration::from_millis(400));
        write(&mut left, &[1; 100]);
        let lost = (0..2000).take_while(|_| {
            way.pass();
            way.cells.iter_mut().for_each(VecDeque::clear);
            !pulse.is_silent(way.now, least)
        });
        let lost = lost.count();
        assert!(waits.contains(&lost), "{lost} ms");
    }
}

#[test]
fn an_end_is_silent_after_some_round_trips_and_not_before_one_is_known() {
    let (mut left, mut right, mut way) = way(Duration::from_millis(100), 64);
    let (pulse, least) = (left.pulse(), Duration::from_millis(400));
    let silent = |way: &Way| pulse.is_silent(way.now, least);
    write(&mut left, &[1; 100]);
    (0..150).for_each(|_| way.pass());
    assert!(!silent(&way), "nothing has come back yet");
    (0..150).for_each(|_| way.pass());
    assert!(read(&mut right, &mut Vec::new()) || !silent(&way));
    // The other side is there, and works on an answer for minutes.
    (0..100_000).for_each(|_| way.pass());
    assert!(!silent(&way));
    // From now on nothing arrives any more: three round trips of 200 ms are longer than the least.
    write(&mut left, &[1; 100]);
    way.pass();
    way.cells.iter_mut().for_each(VecDeque::clear);
    let waits = (0..2000).take_while(|_| {
        way.pass();
        way.cells.iter_mut().for_each(VecDeque::clear);
        !silent(&way)
    });
    let waits = waits.count();
    assert!((590..=620).contains(&waits), "{waits} ms");
    drop(left);
    drop(way);
    assert!(!pulse.is_silent(Time::from_micros(u64::MAX), least), "it is gone, which others say");
}
