//! The page of a node that knows 256 real nodes, in a real browser, while requests go through it: how long the browser is busy at a
//! time. Ignored, since it measures time, which a busy machine makes longer, and takes minutes: see `docs/operations.md`.
//! `ROOK_PAGE_NODES` says how many nodes, `ROOK_PAGE_SECONDS` for how long.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a test")]

mod browser;
mod cli_support;
mod crowd_support;
mod page_support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use browser::Browser;
use cli_support::{Node, Place};
use crowd_support::{in_file, joined, mint_on_all_cores, prepare};
use futures::future::join_all;
use grid::cell::{Cell, Shape};
use grid::config::Config;
use grid::parameters::Parameters;
use hashcash::SecretIdentity;
use node::config::grid_file;
use node::daemon;
use node::handle::NodeHandle;
use node::minting;
use node::verifier::Verifier;
use page_support::Pictures;
use tokio::time::sleep;

/// With the one that is looked at.
const NODES: usize = 256;
/// As in the public grid.
const SIDE: u16 = 8;
/// Time between two requests of the crowd.
const PACE: Duration = Duration::from_millis(50);
/// How long the browser may be busy with one thing, in its own processor time: what other programs take meanwhile is not the page's.
const LONGEST_TASK_MS: f64 = 100.0;

fn number(name: &str, usual: usize) -> usize {
    std::env::var(name).map_or(usual, |number| number.parse().unwrap())
}

fn parameters() -> Parameters {
    Parameters {
        name: "crowd".into(),
        shape: Shape::new(2, SIDE).unwrap(),
        identity_bits: 4,
        modulus_bits: 1024,
        ..Parameters::local()
    }
}

/// Most neighbours that a node of the crowd looks for itself. The node that is looked at looks for all of them.
const FEW: usize = 8;

/// All nodes share one machine: what they do when nothing happens they do rarely, nothing has to be done soon, and they know few of
/// each other.
fn unhurried() -> Config {
    let (often, seldom) = (Duration::from_secs(60), Duration::from_secs(600));
    let config = Config {
        probe_every: often,
        exchange_every: seldom,
        audit_every: seldom,
        max_dialing: 4,
        max_neighbours: FEW,
        ..Config::default()
    };
    config.on_slow_links(Duration::from_secs(10))
}

/// Identities on the lines of a cell, but not in it, so that every request from one line to the other goes through the one node there.
fn mint(parameters: &Parameters, own: Cell, count: usize) -> Vec<(SecretIdentity, Cell)> {
    let one = || {
        let identity = minting::mint_quickly(parameters).unwrap();
        let verified = minting::verify_on(parameters, identity.identity(), minting::today()).unwrap();
        (identity, minting::cell(parameters, &verified).unwrap())
    };
    let beside = || std::iter::repeat_with(one).find(|(_, cell)| cell.is_neighbour(&own) && *cell != own).unwrap();
    mint_on_all_cores(count, beside)
}

/// A node of the crowd, and its cell.
type Member = (NodeHandle, Cell);

/// The node whose page is looked at: a process of its own.
fn looked_at(place: &Place) -> (Node, Cell) {
    let parameters = parameters();
    let grid = place.write("crowd.toml", grid_file::write(&parameters));
    let (identity, cell) = place.mint_with_cell(&grid, "looked-at.pem");
    let coordinates: Vec<u16> = cell.iter().map(|&one| one.try_into().unwrap()).collect();
    let config = unhurried();
    let times = [
        ("hop_timeout_ms", config.hop_timeout),
        ("answer_timeout_ms", config.answer_timeout),
        ("probe_every_ms", config.probe_every),
        ("probe_timeout_ms", config.probe_timeout),
        ("exchange_every_ms", config.exchange_every),
        ("join_timeout_ms", config.join_timeout),
    ];
    let times = in_file(&times);
    let config = place.write("looked-at.toml", format!("[protocol]\n{times}"));
    let mut args = place.run_args(&identity, "looked-at");
    args.extend(["--config".to_owned(), config.to_str().unwrap().to_owned()]);
    let node = place.node(&args);
    (node, parameters.shape.cell(&coordinates).unwrap())
}

/// Starts the crowd and waits until the node that is looked at knows all of them.
async fn gather(place: &Place, node: &Node, identities: Vec<(SecretIdentity, Cell)>) -> Vec<Member> {
    let (verifier, peer) = (Verifier::new(parameters()), node.listen[0].parse().unwrap());
    let (count, began) = (identities.len(), Instant::now());
    let mut crowd: Vec<Member> = Vec::new();
    for (number, (identity, cell)) in identities.into_iter().enumerate() {
        let options = prepare(&place.path(""), number, identity, &verifier, &peer, unhurried());
        crowd.push((daemon::start(options).await.unwrap(), cell));
    }
    let patience = Duration::from_secs(60 + 4 * count as u64);
    loop {
        let known = neighbours(place, node).await;
        if known >= count {
            break;
        }
        println!(
            "{known} of {count} are its neighbours after {:?}; {} have joined",
            began.elapsed(),
            joined(crowd.iter().map(|(node, _)| node)).await
        );
        assert!(began.elapsed() < patience);
        sleep(Duration::from_secs(5)).await;
    }
    println!("all {count} are its neighbours after {:?}", began.elapsed());
    crowd
}

async fn neighbours(place: &Place, node: &Node) -> usize {
    let status = tokio::task::block_in_place(|| place.json(["status", "--json", "--api", &node.api]));
    status["neighbours"].as_u64().unwrap().try_into().unwrap()
}

/// Asks from one line to the other until it is to end; counts what was answered.
async fn ask_around(crowd: Arc<Vec<Member>>, own: Cell, ends: Arc<AtomicBool>, answered: Arc<AtomicU64>) {
    let (across, down): (Vec<&Member>, Vec<&Member>) =
        crowd.iter().partition(|(_, cell)| cell.coordinates()[0] == own.coordinates()[0]);
    let pairs = across.iter().cycle().zip(down.iter().cycle());
    for (number, ((from, here), (to, there))) in pairs.enumerate() {
        if ends.load(Ordering::Relaxed) {
            return;
        }
        let (asker, target) = if number % 2 == 0 { (from, *there) } else { (to, *here) };
        let echo = tokio::time::timeout(Duration::from_secs(5), asker.echo(target)).await;
        answered.fetch_add(u64::from(matches!(echo, Ok(Ok(_)))), Ordering::Relaxed);
        sleep(PACE).await;
    }
}

/// Looks at the page, presses keys, changes tabs and screens.
fn use_the_page(browser: &Browser, seconds: u64) {
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(seconds) {
        page_support::keyboard(browser, SIDE.into());
        for tab in ["ledger", "trust", "node", "peers"] {
            browser.run(&format!("document.getElementById('tab-{tab}').click()"));
            std::thread::sleep(Duration::from_millis(500));
        }
        for top in [2000, 9000, 0] {
            browser.run(&format!("scrollTo(0, {top})"));
            std::thread::sleep(Duration::from_millis(500));
        }
    }
}

#[test]
#[ignore = "it measures time, and takes minutes: ROOK_PAGE_NODES=256 cargo test --workspace --locked --test dashboard_crowd -- --ignored --nocapture"]
fn the_page_stays_smooth_with_many_real_nodes() {
    let browser = Browser::start_traced().expect("chromedriver and Chromium");
    let (place, nodes) = (Place::new(), number("ROOK_PAGE_NODES", NODES));
    let (node, own) = looked_at(&place);
    let began = Instant::now();
    let identities = mint(&parameters(), own, nodes - 1);
    println!("{} identities on the lines of {own} minted in {:?}", identities.len(), began.elapsed());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let crowd = Arc::new(gather(&place, &node, identities).await);
        let (ends, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        // A task of its own, for the look at the page blocks this one.
        let asking = tokio::spawn(ask_around(crowd.clone(), own, ends.clone(), answered.clone()));
        tokio::task::block_in_place(|| look_at(&browser, &place, &node));
        ends.store(true, Ordering::Relaxed);
        asking.await.unwrap();
        println!("{} requests were answered meanwhile", answered.load(Ordering::Relaxed));
        assert!(answered.load(Ordering::Relaxed) > 0);
        join_all(crowd.iter().map(|(node, _)| node.stop())).await;
    });
}

fn look_at(browser: &Browser, place: &Place, node: &Node) {
    page_support::watch(browser);
    browser.show_on(&page_support::DESKTOP);
    let url = page_support::open(browser, place, &node.api);
    use_the_page(browser, number("ROOK_PAGE_SECONDS", 20) as u64);
    let (report, tasks) = (page_support::watched(browser), browser.tasks());
    println!("{report:#}");
    println!("the tasks with the most processor time: {tasks:#?}");
    page_support::changes_are_bounded(&report);
    let rows = browser.run("return document.querySelectorAll('#panel-peers tbody tr').length");
    assert!(rows.as_u64().unwrap() + 1 >= number("ROOK_PAGE_NODES", NODES) as u64, "{rows} neighbours are left");
    page_support::compare(browser, place, &url, SIDE.into());
    page_support::still(browser);
    page_support::looks(browser, Some(&Pictures { name: "dashboard-crowd", enliven: &|| () }));
    assert!(tasks[0].cpu_ms <= LONGEST_TASK_MS, "{:?}", tasks[0]);
}
