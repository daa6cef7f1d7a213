//! `rook bench api`: how many questions a node's API answers, and how fast, beside a server of the same library that has
//! the same bytes at hand and asks no node. Clients and servers are in this process and share its cores.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::header::HOST;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::data::quantile;
use crate::api::client::Client;
use crate::cli::Failure;
use crate::cli::text::{note, say, say_json, table};
use crate::demo::{self, Demo, Transport};
use crate::services::ServiceOptions;

/// What to measure.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct ApiArgs {
    /// Nodes of the grid, one of which is asked.
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    nodes: u16,
    /// Clients, each with a connection of its own that stays open, and one question at a time.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=200))]
    clients: u16,
    /// Seconds of each round of each side.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// Rounds; of each figure the median counts.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=99))]
    rounds: u32,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What one side did in one round.
struct Round {
    per_s: f64,
    p50_ms: f64,
    p99_ms: f64,
}

#[derive(Debug, Serialize)]
struct Row {
    what: &'static str,
    answers_per_s: f64,
    to_plain: f64,
    p50_ms: f64,
    p99_ms: f64,
}

#[derive(Debug, Serialize)]
struct Report {
    rows: Vec<Row>,
    answer_bytes: usize,
    nodes: u16,
    clients: u16,
    cores: usize,
}

/// What is asked, and what the plain server has.
const ASKED: [(&str, &str); 2] = [("/v1/status", "GET /v1/status"), ("/metrics", "GET /metrics")];
const PLAIN: &str = "plain server";

pub(in crate::cli) async fn api(args: &ApiArgs) -> Result<(), Failure> {
    note("other programs that run now make the figures worse");
    let parameters = demo::parameters(2, 4)?;
    let identities = demo::mint(&parameters, args.nodes.into(), |_| {}).await?;
    let nodes = identities.into_iter().map(|identity| (identity, ServiceOptions::default())).collect();
    let demo = Demo::start_with(Transport::Tcp, &std::env::temp_dir(), parameters, nodes).await?;
    demo.joined().await?;
    demo.settled().await?;
    let report = measure(args, demo.nodes[0].api).await?;
    match args.json {
        true => say_json(&report),
        false => say(describe(&report)),
    }
    demo.end().await;
    Ok(())
}

async fn measure(args: &ApiArgs, api: SocketAddr) -> Result<Report, Failure> {
    let client = Client::find(Some(api))?;
    let answer = client.connect().await?.get(ASKED[0].0).await?;
    let plain = serve_plain(answer.clone()).await?;
    let time = Duration::from_secs(args.seconds.into());
    let mut rounds: [Vec<Round>; 1 + ASKED.len()] = Default::default();
    for _ in 0..args.rounds {
        rounds[0].push(round(args.clients, time, || ask_plain(plain, time)).await?);
        for (place, (path, _)) in ASKED.iter().enumerate() {
            rounds[1 + place].push(round(args.clients, time, || ask(client.clone(), path, time)).await?);
        }
    }
    let median = |rounds: &[Round], figure: fn(&Round) -> f64| quantile(rounds.iter().map(figure).collect(), 0.5);
    let plain_per_s = median(&rounds[0], |round| round.per_s);
    let names = [PLAIN].into_iter().chain(ASKED.map(|(_, name)| name));
    let row = |(what, rounds): (&'static str, &Vec<Round>)| {
        let answers_per_s = median(rounds, |round| round.per_s);
        Row {
            what,
            answers_per_s: answers_per_s.round(),
            to_plain: answers_per_s / plain_per_s,
            p50_ms: median(rounds, |round| round.p50_ms),
            p99_ms: median(rounds, |round| round.p99_ms),
        }
    };
    let rows = names.zip(&rounds).map(row).collect();
    let (nodes, clients, cores) = (args.nodes, args.clients, super::cores());
    Ok(Report { rows, answer_bytes: answer.len(), nodes, clients, cores })
}

/// All clients at once, each of which tells how long its answers took.
async fn round<A>(clients: u16, time: Duration, mut asks: impl FnMut() -> A) -> Result<Round, Failure>
where
    A: Future<Output = Result<Vec<Duration>, Failure>> + Send + 'static,
{
    let mut asking: JoinSet<_> = (0..clients).map(|_| asks()).collect();
    let mut took = Vec::new();
    while let Some(times) = asking.join_next().await {
        took.extend(times??.into_iter().map(|time| time.as_secs_f64() * 1000.0));
    }
    let per_s = took.len() as f64 / time.as_secs_f64();
    Ok(Round { per_s, p50_ms: quantile(took.clone(), 0.5), p99_ms: quantile(took, 0.99) })
}

async fn ask(client: Client, path: &'static str, time: Duration) -> Result<Vec<Duration>, Failure> {
    let (mut kept, end) = (client.connect().await?, Instant::now() + time);
    let mut took = Vec::new();
    while Instant::now() < end {
        let begun = Instant::now();
        kept.get(path).await?;
        took.push(begun.elapsed());
    }
    Ok(took)
}

/// The same, of the server that asks no node.
async fn ask_plain(at: SocketAddr, time: Duration) -> Result<Vec<Duration>, Failure> {
    let strange = |error: hyper::Error| Failure::new(format!("the plain server failed: {error}"));
    let stream = TcpStream::connect(at).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(strange)?;
    tokio::spawn(connection);
    let (mut took, end) = (Vec::new(), Instant::now() + time);
    while Instant::now() < end {
        let begun = Instant::now();
        let request = Request::get("/").header(HOST, at.to_string()).body(Empty::<Bytes>::new());
        let request = request.map_err(|error| Failure::new(error.to_string()))?;
        let response = sender.send_request(request).await.map_err(strange)?;
        response.into_body().collect().await.map_err(strange)?;
        took.push(begun.elapsed());
    }
    Ok(took)
}

/// Serves the same bytes to everybody, for as long as the process runs.
async fn serve_plain(answer: Bytes) -> Result<SocketAddr, Failure> {
    use axum::serve::ListenerExt as _;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let at = listener.local_addr()?;
    let listener = listener.tap_io(|stream| _ = stream.set_nodelay(true));
    let router = Router::new().route("/", get(move || std::future::ready(answer.clone())));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(at)
}

fn describe(report: &Report) -> String {
    let row = |row: &Row| {
        vec![
            row.what.to_owned(),
            format!("{:.0}", row.answers_per_s),
            format!("{:.2}", row.to_plain),
            format!("{:.2}", row.p50_ms),
            format!("{:.2}", row.p99_ms),
        ]
    };
    let rows: Vec<_> = report.rows.iter().map(row).collect();
    let Report { answer_bytes, nodes, clients, cores, .. } = report;
    format!(
        "{}\n{answer_bytes} bytes of status; {nodes} nodes, {clients} clients and both servers on {cores} cores",
        table(&["asked", "answers/s", "to plain", "p50 ms", "p99 ms"], &rows)
    )
}
