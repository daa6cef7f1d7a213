//! `rook bench dap`: what a client of a gateway gets, from servers of a grid whose answers are proved, or checked at
//! different rates; beside the same bytes over a stream of libp2p that does nothing but carry them. Everything runs in
//! this process, so that all of it shares its cores.

use std::time::Instant;

use ::grid::trust::policy::Policy;
use dataset::climate::{self, Chunks, Climate, Layout};
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::data::parts::Plain;
use super::data::quantile;
use crate::cli::Failure;
use crate::cli::text::{note, say, say_json, table};
use crate::demo::{self, Demo, Transport};
use crate::gateway::{GatewayOptions, ReadingOptions};
use crate::services::ServiceOptions;

/// What to measure.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct DapArgs {
    /// MiB of each answer; a quarter of that where values are compressed.
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u32).range(8..=16_384))]
    mib: u32,
    /// Rounds; of each figure the median counts.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=99))]
    rounds: u32,
    /// Small requests, one at a time.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    small: u32,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// One way to read.
#[derive(Clone, Debug, Serialize)]
struct Row {
    what: String,
    bytes_per_s: f64,
    to_plain: f64,
}

#[derive(Debug, Serialize)]
struct Report {
    rows: Vec<Row>,
    subset_400_bytes_p50_ms: f64,
    subset_400_bytes_p99_ms: f64,
    das_per_s: f64,
    clients: usize,
}

/// The rates of checks that are compared where answers do not prove themselves.
const RATES: [f64; 3] = [0.0, 0.1, 1.0];
/// The variables that make up nearly all of the climate. How long texts are is not known beforehand, so an answer with them
/// does not say its length.
const LARGE: &str = "sst,air_temperature,precipitation";
/// Servers, the first of which publishes.
const SERVERS: usize = 3;
/// Clients that ask for `.das` at the same time.
const CLIENTS: usize = 8;

pub(in crate::cli) async fn dap(args: &DapArgs) -> Result<(), Failure> {
    note("other programs that run now make the figures worse");
    let demo = start().await?;
    let (bytes, folder) = (u64::from(args.mib) << 20, demo.folder().to_owned());
    let (large, packed) = (folder.join("large.nc"), folder.join("packed.nc"));
    let files = (large.clone(), packed.clone());
    let write = move || {
        climate::write(&files.0, &Climate::of_bytes(bytes), Layout::Cdf5)?;
        let chunks = Chunks { days: 1, latitudes: 180, longitudes: 360, deflate: Some(4), is_shuffled: true };
        climate::write(&files.1, &Climate::of_bytes((bytes / 4).max(100_000_000)), Layout::Chunked(chunks))
    };
    tokio::task::spawn_blocking(write).await??;
    for (name, file, roots) in [("proved", &large, true), ("packed", &packed, true), ("bare", &large, false)] {
        let name = name.parse()?;
        demo.publish(&demo.nodes[0], &name, file, roots).await?;
        for mirror in 1..SERVERS {
            demo.mirror(&demo.nodes[mirror], &name, file).await?;
        }
    }
    let report = measure(args, &demo).await?;
    match args.json {
        true => say_json(&report),
        false => say(describe(&report)),
    }
    demo.end().await;
    Ok(())
}

/// Three servers, then a gateway for each way to read.
async fn start() -> Result<Demo, Failure> {
    let parameters = demo::parameters(2, 2)?;
    let mut services = vec![serving(None); SERVERS];
    services.push(serving(Some(Policy::default())));
    services.extend(RATES.map(|rate| serving(Some(Policy::seed(rate)))));
    let identities = demo::mint(&parameters, services.len(), |_| {}).await?;
    let nodes = identities.into_iter().zip(services).collect();
    let demo = Demo::start_with(Transport::Tcp, &std::env::temp_dir(), parameters, nodes).await?;
    demo.joined().await?;
    demo.settled().await?;
    Ok(demo)
}

/// Nothing is kept, so that every answer is fetched.
fn serving(gateway: Option<Policy>) -> ServiceOptions {
    let mut options = ServiceOptions { data_listen: vec![Transport::Tcp.any_port()], ..ServiceOptions::default() };
    if let Some(policy) = gateway {
        options.reading = ReadingOptions { policy, cache_bytes: 0, ..ReadingOptions::default() };
        options.gateway = Some(GatewayOptions { listen: ([127, 0, 0, 1], 0).into(), ..GatewayOptions::default() });
    }
    options
}

async fn measure(args: &DapArgs, demo: &Demo) -> Result<Report, Failure> {
    let plain = Plain::start("/ip4/127.0.0.1/tcp/0").await?;
    let mut ways = vec![
        ("proved".to_owned(), SERVERS, "proved"),
        ("proved, deflated at the servers".to_owned(), SERVERS, "packed"),
    ];
    ways.extend(
        RATES.iter().enumerate().map(|(place, rate)| {
            (format!("checked by a second server at a rate of {rate}"), SERVERS + 1 + place, "bare")
        }),
    );
    let mut rates: Vec<Vec<f64>> = vec![Vec::new(); ways.len() + 1];
    for _ in 0..args.rounds {
        let (begun, bytes) = (Instant::now(), u64::from(args.mib) << 20);
        let came = plain.transfer(bytes).await?;
        rates[0].push(came as f64 / begun.elapsed().as_secs_f64());
        for (place, (_, node, name)) in ways.iter().enumerate() {
            let begun = Instant::now();
            let came = client(demo, *node).await?.get(&format!("/{name}.dods?{LARGE}")).await?;
            rates[place + 1].push(came as f64 / begun.elapsed().as_secs_f64());
        }
    }
    let medians: Vec<f64> = rates.into_iter().map(|rates| quantile(rates, 0.5)).collect();
    let names = std::iter::once("a plain stream of libp2p".to_owned()).chain(ways.into_iter().map(|(what, ..)| what));
    let row = |(what, rate): (String, &f64)| Row { what, bytes_per_s: rate.round(), to_plain: rate / medians[0] };
    let times = subsets(demo, args.small).await?;
    Ok(Report {
        rows: names.zip(&medians).map(row).collect(),
        subset_400_bytes_p50_ms: quantile(times.clone(), 0.5),
        subset_400_bytes_p99_ms: quantile(times, 0.99),
        das_per_s: das(demo, args.small).await?,
        clients: CLIENTS,
    })
}

/// Milliseconds of requests for 100 values each, all over the dataset.
async fn subsets(demo: &Demo, count: u32) -> Result<Vec<f64>, Failure> {
    let (mut client, mut times) = (client(demo, SERVERS).await?, Vec::new());
    for number in 0..count {
        let begun = Instant::now();
        let row = number % 30;
        client.get(&format!("/proved.dods?sst.sst[0][{row}:1:{}][10:1:59]", row + 1)).await?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    Ok(times)
}

/// Requests for `.das` a second, from several clients at once.
async fn das(demo: &Demo, count: u32) -> Result<f64, Failure> {
    let mut tasks = tokio::task::JoinSet::new();
    let begun = Instant::now();
    for _ in 0..CLIENTS {
        let mut client = client(demo, SERVERS).await?;
        tasks.spawn(async move {
            for _ in 0..count {
                client.get("/proved.das").await?;
            }
            Ok::<_, Failure>(())
        });
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(f64::from(count) * CLIENTS as f64 / begun.elapsed().as_secs_f64())
}

/// One connection to a gateway.
struct Client {
    host: String,
    stream: TcpStream,
    buffer: Vec<u8>,
}

async fn client(demo: &Demo, node: usize) -> Result<Client, Failure> {
    let gateway = demo.nodes.get(node).and_then(|node| node.services.gateway());
    let host = gateway.ok_or_else(|| Failure::new("there is no gateway"))?.address().to_string();
    let stream = TcpStream::connect(&host).await?;
    stream.set_nodelay(true)?;
    Ok(Client { host, stream, buffer: vec![0; 1 << 20] })
}

impl Client {
    /// Asks and drops what comes; its length, which must be as announced.
    async fn get(&mut self, path: &str) -> Result<u64, Failure> {
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.host);
        self.stream.write_all(request.as_bytes()).await?;
        let (mut filled, end) = (0, b"\r\n\r\n");
        let head = loop {
            filled += self.read(filled).await?;
            if let Some(place) = self.buffer[..filled].windows(4).position(|window| window == end) {
                break place + 4;
            }
        };
        let text = String::from_utf8_lossy(&self.buffer[..head]).to_ascii_lowercase();
        let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse::<u64>().ok());
        let length = length.filter(|_| text.starts_with("http/1.1 200"));
        let length = length.ok_or_else(|| Failure::new(format!("the gateway answered {text} to {path}")))?;
        let mut came = (filled - head) as u64;
        while came < length {
            came += self.read(0).await? as u64;
        }
        Ok(came)
    }

    async fn read(&mut self, from: usize) -> Result<usize, Failure> {
        match self.stream.read(&mut self.buffer[from..]).await? {
            0 => Err(Failure::new("the gateway closed the connection before the answer was complete")),
            read => Ok(read),
        }
    }
}

fn describe(report: &Report) -> String {
    let row =
        |row: &Row| vec![row.what.clone(), format!("{:.0}", row.bytes_per_s / 1e6), format!("{:.2}", row.to_plain)];
    let rows: Vec<_> = report.rows.iter().map(row).collect();
    format!(
        "{}\n\na subset of 400 bytes: p50 {:.2} ms, p99 {:.2} ms\n.das from {} clients: {:.0} a second",
        table(&["", "MB/s", "to the plain stream"], &rows),
        report.subset_400_bytes_p50_ms,
        report.subset_400_bytes_p99_ms,
        report.clients,
        report.das_per_s
    )
}
