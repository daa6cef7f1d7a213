//! `rook bench data`: how fast a dataset server and its reader are over loopback, beside the same bytes over a stream of
//! libp2p that does nothing but carry them. Both ends are in this process, so that they share its cores.

pub(super) mod parts;

use std::time::Instant;

use futures::TryStreamExt;
use serde::Serialize;

use self::parts::{Pair, Plain, pattern};
use crate::cli::Failure;
use crate::cli::text::{note, say, say_json, table};
use crate::data::checksum::Checksum;

/// What to measure.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct DataArgs {
    /// MiB of each transfer.
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    mib: u32,
    /// Rounds; of each figure the median counts.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=99))]
    rounds: u32,
    /// Subsets of 400 bytes that are asked for, one at a time.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    subsets: u32,
    /// Over QUIC instead of TCP.
    #[arg(long)]
    quic: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Rates are of the data alone, without what proves it.
#[derive(Debug, Serialize)]
struct Report {
    transport: &'static str,
    bytes: u64,
    plain_bytes_per_s: f64,
    chunks_bytes_per_s: f64,
    chunks_to_plain: f64,
    values_bytes_per_s: f64,
    values_to_plain: f64,
    checks_bytes_per_s: f64,
    checks_by_sha256_bytes_per_s: f64,
    checks_by_md5_bytes_per_s: f64,
    subset_p50_ms: f64,
    subset_p99_ms: f64,
}

pub(in crate::cli) async fn data(args: &DataArgs) -> Result<(), Failure> {
    let bytes = u64::from(args.mib) << 20;
    note(format_args!(
        "{} rounds of {} MiB; other programs that run now make the figures worse",
        args.rounds, args.mib
    ));
    let (transport, listen) = match args.quic {
        true => ("quic", "/ip4/127.0.0.1/udp/0/quic-v1"),
        false => ("tcp", "/ip4/127.0.0.1/tcp/0"),
    };
    let (pair, plain) = (Pair::start(bytes, listen).await?, Plain::start(listen).await?);
    let mut rates: [Vec<f64>; 6] = Default::default();
    for _ in 0..args.rounds {
        rates[0].push(rate(bytes, plain.transfer(bytes)).await?);
        rates[1].push(rate(bytes, chunks(&pair)).await?);
        rates[2].push(rate(bytes, values(&pair)).await?);
        for (place, checksum) in Checksum::ALL.into_iter().enumerate() {
            rates[3 + place].push(rate(bytes, checks(&pair, checksum)).await?);
        }
    }
    let [plain, chunks, values, blake3, sha256, md5] = rates.map(|rates| quantile(rates, 0.5));
    let times = subsets(&pair, args.subsets).await?;
    let report = Report {
        transport,
        bytes,
        plain_bytes_per_s: plain.round(),
        chunks_bytes_per_s: chunks.round(),
        chunks_to_plain: chunks / plain,
        values_bytes_per_s: values.round(),
        values_to_plain: values / plain,
        checks_bytes_per_s: blake3.round(),
        checks_by_sha256_bytes_per_s: sha256.round(),
        checks_by_md5_bytes_per_s: md5.round(),
        subset_p50_ms: quantile(times.clone(), 0.5),
        subset_p99_ms: quantile(times, 0.99),
    };
    match args.json {
        true => say_json(&report),
        false => say(describe(&report)),
    }
    Ok(())
}

/// Bytes a second of a transfer, which says how many bytes came.
async fn rate(bytes: u64, transfer: impl Future<Output = Result<u64, Failure>>) -> Result<f64, Failure> {
    let begun = Instant::now();
    let came = transfer.await?;
    let seconds = begun.elapsed().as_secs_f64();
    match came == bytes {
        true => Ok(bytes as f64 / seconds),
        false => Err(Failure::new(format!("{came} bytes came instead of {bytes}"))),
    }
}

/// All groups, proved.
async fn chunks(pair: &Pair) -> Result<u64, Failure> {
    let all = 0..pair.stream.length.div_ceil(dataset::tree::GROUP);
    let groups = std::slice::from_ref(&all);
    let asked = pair.client.chunks(&pair.target, &pair.version, (0, 0), &pair.stream, groups).await?;
    let leaves = std::pin::pin!(asked.into_stream());
    Ok(leaves.try_fold(0, async |all, leaf| Ok(all + leaf.bytes.len() as u64)).await?)
}

/// All values, signed.
async fn values(pair: &Pair) -> Result<u64, Failure> {
    let mut values = pair.client.values(&pair.target, &pair.version, (0, 0), &pair.slab(0, pair.stream.length)).await?;
    let mut all = 0;
    while let Some(piece) = values.next().await? {
        all += piece.len() as u64;
    }
    Ok(all)
}

/// The hashes of all segments; as many bytes as they stand for.
async fn checks(pair: &Pair, checksum: Checksum) -> Result<u64, Failure> {
    let length = pair.stream.length;
    let segment_bytes = crate::data::challenge::SEGMENT;
    let segments = 0..length.div_ceil(u64::from(segment_bytes));
    let wanted = crate::data::client::Wanted { nonce: [1; 32], checksum, segment_bytes, segments: segments.clone() };
    let slab = pair.slab(0, length);
    let mut hashes = pair.client.check(&pair.target, &pair.version, (0, 0), &slab, &wanted).await?;
    let mut all = 0;
    while hashes.next().await?.is_some() {
        all += 1;
    }
    Ok(if all == segments.end { length } else { all })
}

/// Milliseconds of each of some small requests.
async fn subsets(pair: &Pair, count: u32) -> Result<Vec<f64>, Failure> {
    let mut times = Vec::new();
    for number in 0..u64::from(count) {
        let start = number * 4099 % (pair.stream.length - 400);
        let begun = Instant::now();
        let mut values = pair.client.values(&pair.target, &pair.version, (0, 0), &pair.slab(start, 400)).await?;
        let mut bytes = Vec::new();
        while let Some(piece) = values.next().await? {
            bytes.extend_from_slice(&piece);
        }
        times.push(begun.elapsed().as_secs_f64() * 1000.0);
        if bytes != pattern(start..start + 400) {
            return Err(Failure::new("a subset has other values than it should have"));
        }
    }
    Ok(times)
}

pub(super) fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = (values.len().saturating_sub(1)) as f64 * share;
    // A share of a length is within it.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "see above")]
    values.get(place.round() as usize).copied().unwrap_or_default()
}

fn describe(report: &Report) -> String {
    let row = |what: &str, rate: f64| {
        vec![what.to_owned(), format!("{:.0}", rate / 1e6), format!("{:.2}", rate / report.plain_bytes_per_s)]
    };
    let rows = [
        row("a plain stream", report.plain_bytes_per_s),
        row("chunks, proved", report.chunks_bytes_per_s),
        row("values, signed", report.values_bytes_per_s),
        row("checks of values, by BLAKE3", report.checks_bytes_per_s),
        row("the same by SHA-256", report.checks_by_sha256_bytes_per_s),
        row("the same by MD5", report.checks_by_md5_bytes_per_s),
    ];
    format!(
        "{} on loopback, transfers of {} MiB:\n\n{}\n\na subset of 400 bytes: p50 {:.2} ms, p99 {:.2} ms",
        report.transport,
        report.bytes >> 20,
        table(&["", "MB/s", "to the plain stream"], &rows),
        report.subset_p50_ms,
        report.subset_p99_ms
    )
}
