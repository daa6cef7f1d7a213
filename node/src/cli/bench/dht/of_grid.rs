//! The grid's side of the comparison.

use std::path::Path;
use std::time::Instant;

use ::grid::record::{Record, Rules};
use futures::{StreamExt, stream};
use kad_bench::Plan;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::{Figures, resident_mib};
use crate::cli::Failure;
use crate::demo::{self, Demo, Transport};
use crate::handle::NodeHandle;
use crate::stamps::{self, Wanted};

/// Starts a grid over TCP and measures it as `kad_bench` measures Kademlia: the same plan, in the same order.
pub(super) async fn measure(plan: &Plan, dims: u8, side: u16, data: &Path) -> Result<Figures, Failure> {
    let parameters = demo::parameters(dims, side)?;
    let rules = Rules::of(&parameters);
    let identities = demo::mint(&parameters, plan.nodes, |_| {}).await?;
    let mut random = StdRng::seed_from_u64(plan.seed);
    let records = records(plan, &rules, &mut random)?;
    let before = resident_mib()?;
    let mut grid = Demo::start_over(Transport::Tcp, data, parameters, identities).await?;
    grid.joined().await?;
    grid.settled().await?;
    let rss_mib_per_node = (resident_mib()? - before) / plan.nodes as f64;

    let asked = asked(&grid).await?;
    let (put_ms, put_failures) = one_at_a_time(&grid, &records, &mut random, put).await;
    let after_puts = self::asked(&grid).await?;
    let (get_ms, get_failures) = one_at_a_time(&grid, &records, &mut random, get).await;
    let after_gets = self::asked(&grid).await?;
    let own = held_by_askers(&grid, &records)?;
    let gets_per_s = throughput(&grid, &records, plan, &mut random).await;
    let mut links = 0;
    for node in &grid.nodes {
        links += node.handle.status().await?.counters.connections;
    }
    let links_per_node = links as f64 / grid.nodes.len() as f64;
    let alive = grid.nodes.len();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a count")]
    let victims = rand::seq::index::sample(&mut random, alive, (plan.kill_share * alive as f64).round() as usize);
    grid.kill(victims.into_vec()).await;
    let (found, missed) = one_at_a_time(&grid, &records, &mut random, get).await;
    let success_after_kill = found.len() as f64 / (found.len() as f64 + missed as f64).max(1.0);
    grid.end().await;
    let each = |count: u64| count as f64 / records.len() as f64;
    Ok(Figures {
        get_p50_ms: percentile(&get_ms, 50),
        get_p95_ms: percentile(&get_ms, 95),
        put_p50_ms: percentile(&put_ms, 50),
        put_p95_ms: percentile(&put_ms, 95),
        gets_per_s,
        messages_per_put: each(after_puts - asked),
        messages_per_get: each(after_gets - after_puts),
        gets_from_own_store: own,
        links_per_node,
        rss_mib_per_node,
        success_after_kill,
        get_failures,
        put_failures,
    })
}

/// Values that nobody has put before, paid for.
fn records(plan: &Plan, rules: &Rules, random: &mut StdRng) -> Result<Vec<Record>, Failure> {
    let record = |_| {
        let mut value = vec![0; plan.value_bytes];
        random.fill(&mut value[..]);
        Ok(stamps::small(&value, &Wanted::default(), rules)?)
    };
    (0..plan.operations).map(record).collect()
}

async fn put(node: NodeHandle, record: Record) -> bool {
    node.put(record).await.is_ok()
}

async fn get(node: NodeHandle, record: Record) -> bool {
    node.get(record.pointer(), 0).await.is_ok_and(|report| report.record == record)
}

/// Does something with each record, from a random node; the milliseconds of what succeeded, in increasing order, and how
/// often it did not.
async fn one_at_a_time<F: Future<Output = bool>>(
    grid: &Demo,
    records: &[Record],
    random: &mut StdRng,
    work: impl Fn(NodeHandle, Record) -> F,
) -> (Vec<f64>, u64) {
    let (mut times, mut failures) = (Vec::with_capacity(records.len()), 0);
    for record in records {
        let node = grid.nodes[random.random_range(0..grid.nodes.len())].handle.clone();
        let begun = Instant::now();
        match work(node, record.clone()).await {
            true => times.push(begun.elapsed().as_secs_f64() * 1e3),
            false => failures += 1,
        }
    }
    times.sort_by(f64::total_cmp);
    (times, failures)
}

/// Gets a second, with as many in flight as the plan says.
async fn throughput(grid: &Demo, records: &[Record], plan: &Plan, random: &mut StdRng) -> f64 {
    let choices = (0..plan.concurrent_operations).map(|_| {
        let node = grid.nodes[random.random_range(0..grid.nodes.len())].handle.clone();
        (node, records[random.random_range(0..records.len())].clone())
    });
    let choices: Vec<(NodeHandle, Record)> = choices.collect();
    let begun = Instant::now();
    let gets = stream::iter(choices).map(|(node, record)| tokio::spawn(get(node, record)));
    let found = gets.buffer_unordered(plan.concurrent).filter(|found| {
        let found = matches!(found, Ok(true));
        async move { found }
    });
    found.count().await as f64 / begun.elapsed().as_secs_f64()
}

/// The share of all nodes that hold a record, on average: a random asker is one of them.
fn held_by_askers(grid: &Demo, records: &[Record]) -> Result<f64, Failure> {
    let sample = &records[..records.len().min(50)];
    let mut held = 0;
    for record in sample {
        for node in &grid.nodes {
            held += usize::from(node.holds(record)?);
        }
    }
    Ok(held as f64 / (sample.len() * grid.nodes.len()) as f64)
}

/// Messages of all nodes that asked for something, so far.
async fn asked(grid: &Demo) -> Result<u64, Failure> {
    let mut asked = 0;
    for node in &grid.nodes {
        asked += node.handle.status().await?.asked;
    }
    Ok(asked)
}

fn percentile(sorted: &[f64], percent: usize) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get(last * percent / 100).copied().unwrap_or(f64::NAN)
}
