//! Whether memory grows: what each process has, again and again, and the slope of that.

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    clippy::print_stdout,
    reason = "each test uses a part of it"
)]

use std::collections::BTreeMap;
use std::time::Duration;

/// Bytes of memory that a process has for itself: not what is mapped of files, its program above all, which comes into memory
/// as it is used.
pub fn own(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

/// What processes had, by process.
#[derive(Debug, Default)]
pub struct Samples(BTreeMap<u32, Vec<(Duration, u64)>>);

impl Samples {
    /// Notes what a process has at a moment of the run.
    pub fn note(&mut self, pid: u32, at: Duration) {
        if let Some(bytes) = own(pid) {
            self.0.entry(pid).or_default().push((at, bytes));
        }
    }

    /// When the first look was, and the last.
    fn span(&self) -> Option<(Duration, Duration)> {
        let at = || self.0.values().flatten().map(|(at, _)| *at);
        at().min().zip(at().max())
    }

    /// By how many KiB a minute each process grew that was there from one moment to another, by least squares; and how many KiB
    /// it had then.
    fn slopes(&self, from: Duration, to: Duration) -> Vec<(f64, u64)> {
        let is_within = |(at, _): &&(Duration, u64)| (from..=to).contains(at);
        let lasting = self.0.values().filter(|samples| samples[0].0 <= from && samples[samples.len() - 1].0 >= to);
        let one = |samples: &Vec<(Duration, u64)>| {
            let within: Vec<&(Duration, u64)> = samples.iter().filter(is_within).collect();
            let points = within.iter().map(|(at, bytes)| (at.as_secs_f64() / 60.0, *bytes as f64 / 1024.0));
            Some((slope(&points.collect::<Vec<_>>()), within.last()?.1 / 1024))
        };
        lasting.filter_map(one).collect()
    }
}

impl Samples {
    /// Prints by how much processes grew that lasted for a quarter of the time, for each quarter, in KiB a minute and in the mean;
    /// and returns that of the last one, without slopes around the looks at its ends.
    pub fn tell(&self) -> f64 {
        let (begin, end) = self.span().unwrap();
        let (quarter, mut last) = ((end - begin) / 4, f64::MAX);
        for number in 0..4 {
            let (from, to) = (begin + quarter * number, begin + quarter * (number + 1));
            // The looks at one time are a little apart.
            let slopes = self.slopes(from + quarter / 20, to - quarter / 20);
            last = slopes.iter().map(|(slope, _)| slope).sum::<f64>() / slopes.len() as f64;
            let most = slopes.iter().map(|(_, kib)| kib).max().unwrap_or(&0) / 1024;
            let (count, from, to) = (slopes.len(), from.as_secs(), to.as_secs());
            println!(
                "memory of {count} nodes that lasted from {from} to {to} s: {last:+.0} KiB a minute, {most} MiB at most"
            );
        }
        last
    }
}

/// The slope of the line through points that has the least squares of distances.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let (above, below) =
        points.iter().fold((0.0, 0.0), |(a, b), point| (a + (point.0 - x) * (point.1 - y), b + (point.0 - x).powi(2)));
    above / below
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_those_of_lines() {
        let mut samples = Samples::default();
        let at = Duration::from_secs;
        samples.0.insert(1, (0..=10).map(|minute| (at(minute * 60), (5000 + 7 * minute) * 1024)).collect());
        samples.0.insert(2, (0..=10).map(|minute| (at(minute * 60), (3000 + 100 * (minute % 2)) * 1024)).collect());
        // Came too late to say.
        samples.0.insert(3, (8..=10).map(|minute| (at(minute * 60), minute * 1024 * 1024)).collect());
        let slopes = samples.slopes(at(120), at(600));
        assert_eq!(slopes.len(), 2);
        assert!((slopes[0].0 - 7.0).abs() < 1e-9 && slopes[0].1 == 5070, "{slopes:?}");
        assert!(slopes[1].0.abs() < 1e-9, "{slopes:?}");
    }

    #[test]
    fn what_a_process_takes_for_itself_is_seen() {
        let before = own(std::process::id()).unwrap();
        let taken = vec![1_u8; 64 << 20];
        let after = own(std::process::id()).unwrap();
        assert!(after >= before + (60 << 20), "{before} {after} {}", taken.len());
        assert_eq!(own(u32::MAX), None);
    }
}
