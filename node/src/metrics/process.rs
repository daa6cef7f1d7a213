//! What the process takes of the machine, as the kernel tells it.

use std::fs;
use std::time::Duration;

use rustix::process::{Resource, getrlimit};

use crate::clock::process_time;

/// The state of this process. All nodes of a process have the same.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Process {
    /// Processor time, in user space and in the kernel.
    pub(crate) cpu: Duration,
    /// Memory that is really there.
    pub(crate) resident_bytes: u64,
    /// Files and sockets.
    pub(crate) open_files: u64,
    /// How many there may be, if that is bounded.
    pub(crate) most_files: Option<u64>,
    pub(crate) threads: u64,
}

impl Process {
    /// What the kernel says now; where it has no `/proc` only what is known without.
    pub(crate) fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        Self {
            cpu: process_time(),
            resident_bytes: field("VmRSS").unwrap_or_default() * 1024,
            // The folder that is listed is open itself meanwhile.
            open_files: fs::read_dir("/proc/self/fd").map_or(0, |files| files.count() as u64).saturating_sub(1),
            most_files: getrlimit(Resource::Nofile).current,
            threads: field("Threads").unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_takes_something() {
        let before = Process::now();
        assert!(before.resident_bytes > 1 << 20 && before.threads >= 1 && before.cpu > Duration::ZERO, "{before:?}");
        let open: Vec<_> = (0..50).map(|_| fs::File::open("/proc/self/status").unwrap()).collect();
        let after = Process::now();
        assert!(after.open_files >= before.open_files + 40 && after.cpu >= before.cpu, "{before:?} {after:?}");
        drop(open);
    }
}
