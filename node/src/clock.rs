//! The clocks: the calendar's for what expires, a steady one for the state machine.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use grid::time::{Day, Time};
use rustix::time::{ClockId, clock_gettime};

/// Seconds since 1970 by this machine's clock; 0 if it shows an earlier time.
pub(crate) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// The day that this machine's clock shows, in UTC.
pub(crate) fn today() -> Day {
    Day::of_unix(unix_seconds())
}

/// A clock that never runs backwards, begun with the node.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SteadyClock(Instant);

impl SteadyClock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// The state machine's time.
    pub(crate) fn now(&self) -> Time {
        Time::from_micros(u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    /// When it will show, or showed, that time; now if that is further away than clocks go.
    pub(crate) fn instant(&self, at: Time) -> Instant {
        self.0.checked_add(Duration::from_micros(at.as_micros())).unwrap_or_else(Instant::now)
    }
}

/// The wall clock, in microseconds of Unix time.
pub(crate) fn unix_micros() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// The processor's time that this process has had, to the nanosecond (POSIX `CLOCK_PROCESS_CPUTIME_ID`).
pub(crate) fn process_time() -> Duration {
    spent(ClockId::ProcessCPUTime)
}

/// The processor's time that the calling thread has had (POSIX `CLOCK_THREAD_CPUTIME_ID`): what passes while it waits for a
/// processor is not in it.
pub(crate) fn thread_time() -> Duration {
    spent(ClockId::ThreadCPUTime)
}

fn spent(clock: ClockId) -> Duration {
    let time = clock_gettime(clock);
    let (seconds, nanos) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Duration::new(seconds.unwrap_or_default(), nanos.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;
    use std::thread::{sleep, spawn};

    use super::*;

    #[test]
    fn a_thread_is_charged_for_its_own_work_alone() {
        let (thread, process) = (thread_time(), process_time());
        sleep(Duration::from_millis(30));
        let other = spawn(|| {
            let begun = thread_time();
            let mut sum = 0_u64;
            while thread_time() - begun < Duration::from_millis(30) {
                sum = black_box(sum.wrapping_mul(3) + 1);
            }
        });
        other.join().unwrap();
        let (thread, process) = (thread_time() - thread, process_time() - process);
        assert!(thread < Duration::from_millis(20), "{thread:?}");
        assert!(process >= Duration::from_millis(30), "{process:?}");
    }
}
