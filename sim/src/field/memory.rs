//! How much memory there is, and how much this process has taken, as Linux tells (`proc(5)`).

use std::fs;

/// Bytes that can be taken without driving anything out; `None` where nobody tells.
pub fn free() -> Option<u64> {
    line_of("/proc/meminfo", "MemAvailable:")
}

/// The most bytes of memory that this process has had at any time; `None` where nobody tells.
pub fn peak() -> Option<u64> {
    line_of("/proc/self/status", "VmHWM:")
}

/// A figure in KiB, as bytes.
fn line_of(file: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}
