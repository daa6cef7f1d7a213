//! The machine that a simulation runs on: what it has, and what was taken of it.

use std::fs;

use grid::cell::Shape;

/// Bytes that a simulated node takes by itself, and for each of its neighbours.
const BYTES_PER_NODE: u64 = 16 << 10;
const BYTES_PER_NEIGHBOUR: u64 = 1 << 10;

/// Seconds that this process's main thread has spent on a processor; `None` where the system does not say.
#[expect(clippy::cast_precision_loss, reason = "nanoseconds of a run are far below 2^53")]
pub fn cpu_seconds() -> Option<f64> {
    let schedstat = fs::read_to_string("/proc/self/schedstat").ok()?;
    let nanoseconds: u64 = schedstat.split_whitespace().next()?.parse().ok()?;
    Some(nanoseconds as f64 / 1e9)
}

/// The most memory that this process has had at a time; `None` where the system does not say.
#[expect(clippy::cast_precision_loss, reason = "KiB of a process are far below 2^53")]
pub fn peak_rss_mib() -> Option<f64> {
    Some(kib_of("/proc/self/status", "VmHWM:")? as f64 / 1024.0)
}

/// Bytes of memory that can be taken without driving anything out; `None` where the system does not say.
pub fn free_memory() -> Option<u64> {
    kib_of("/proc/meminfo", "MemAvailable:")?.checked_mul(1024)
}

/// Whether so many nodes of the real state machine fit the memory that is free.
///
/// # Errors
/// How much they need, how much there is, and how many would fit.
pub fn check_memory(nodes: usize, shape: Shape) -> Result<(), String> {
    free_memory().map_or(Ok(()), |available| fits(nodes, shape, available))
}

fn fits(nodes: usize, shape: Shape, available: u64) -> Result<(), String> {
    let wanted = bytes(nodes, shape);
    if wanted <= available {
        return Ok(());
    }
    let (mut least, mut greatest) = (0, nodes);
    while greatest - least > 1 {
        let middle = least + (greatest - least) / 2;
        if bytes(middle, shape) <= available { least = middle } else { greatest = middle }
    }
    let mib = |bytes: u64| bytes >> 20;
    Err(format!(
        "{nodes} nodes need about {} MiB of memory, and {} MiB are free: {least} would fit",
        mib(wanted),
        mib(available)
    ))
}

/// What nodes need, with everybody's neighbours.
fn bytes(nodes: usize, shape: Shape) -> u64 {
    let nodes = nodes as u64;
    let neighbours = u128::from(nodes) * u128::from(shape.neighbour_cells()) / u128::from(shape.cells());
    let neighbours = u64::try_from(neighbours).unwrap_or(u64::MAX);
    nodes.saturating_mul(BYTES_PER_NODE.saturating_add(neighbours.saturating_mul(BYTES_PER_NEIGHBOUR)))
}

fn kib_of(path: &str, key: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| line.strip_prefix(key)?.split_whitespace().next()?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_for_too_much_is_told_what_fits() {
        let shape = Shape::new(4, 8).unwrap();
        let one = bytes(1, shape);
        assert_eq!(fits(1, shape, one), Ok(()));
        let refused = fits(20_000, shape, 1 << 30).unwrap_err();
        let fitting: usize = refused.rsplit(": ").next().unwrap().split(' ').next().unwrap().parse().unwrap();
        assert!(bytes(fitting, shape) <= 1 << 30 && bytes(fitting + 1, shape) > 1 << 30, "{refused}");
    }
}
