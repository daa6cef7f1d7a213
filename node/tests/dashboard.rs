//! The node's page in a real browser against a live grid of 16 nodes: what it shows is what the API says, it works with a
//! keyboard and on a phone, and it takes nothing from elsewhere. Then against the same node with answers made up to be those of
//! a node with many neighbours: what is done at once does not grow with them. `chromedriver` drives Chromium (Debian: `apt-get
//! install chromium chromium-driver`); without both nothing is tested here. `ROOK_SCREENSHOTS=FOLDER` keeps pictures.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test may fail, and says what it did"
)]

mod browser;
mod cli_support;
mod page_support;

use browser::Browser;
use cli_support::{Node, Place, eventually};
use page_support::{PATIENCE, Pictures};
use serde_json::json;

const SIDE: u64 = 4;
/// Neighbours that are made up.
const CROWD: usize = 256;

/// A live demonstration, and the addresses of its nodes' APIs.
fn demo(place: &Place) -> (Node, Vec<String>) {
    let side = SIDE.to_string();
    let mut demo = Node::of(place.rook(["demo", "--nodes", "16", "--side", &side]));
    let lines = demo.lines_until("Try in another terminal", PATIENCE);
    let address =
        |line: &String| line.split_whitespace().find(|word| word.starts_with("127.0.0.1:")).map(str::to_owned);
    let listed = lines.iter().skip_while(|line| !line.contains("Its nodes:"));
    let apis: Vec<String> = listed.filter_map(address).collect();
    assert_eq!(apis.len(), 15, "one was stopped, the others are listed: {lines:#?}");
    (demo, apis)
}

#[test]
fn the_page_shows_what_the_api_says() {
    let Some(browser) = Browser::start() else {
        println!("skipped: there is no chromedriver with Chromium; Debian has them as chromium and chromium-driver");
        return;
    };
    let place = Place::new();
    let (_demo, apis) = demo(&place);
    let api = apis[1].as_str();
    browser.show_on(&page_support::DESKTOP);
    browser.open(&format!("http://{api}/"));
    assert_eq!(browser.run("return document.getElementById('gate').hidden"), false, "shown without a token");
    let url = page_support::open(&browser, &place, api);
    assert_eq!(browser.run("return location.hash"), "", "the token stays in the address");
    page_support::compare(&browser, &place, &url, SIDE);
    routes(&browser, &place, api);
    page_support::keyboard(&browser, SIDE);
    let foreign =
        "return performance.getEntriesByType('resource').filter((one) => !one.name.startsWith(location.origin)).length";
    assert_eq!(browser.run(foreign), 0, "something came from elsewhere");
    let file = place.write("another", "something to be seen on pictures");
    let enliven = || drop(place.ok(["put", "--api", api, file.to_str().unwrap()]));
    page_support::looks(&browser, Some(&Pictures { name: "dashboard", enliven: &enliven }));
    // The first look was without a token, which is no fault of the page.
    let complaints = browser.complaints();
    assert!(complaints.is_empty(), "{complaints:#?}");
    drop(browser);
    for nodes in [CROWD, 4 * CROWD] {
        crowded(&place, api, nodes);
    }
}

/// What is asked of the node is seen on its way.
fn routes(browser: &Browser, place: &Place, api: &str) {
    let file = place.write("file", "something to be seen on its way");
    eventually("a put is seen", PATIENCE, || {
        place.ok(["put", "--api", api, file.to_str().unwrap()]);
        let kinds = browser.run("return [...document.querySelectorAll('#routes .kind')].map((one) => one.textContent)");
        kinds.as_array().unwrap().contains(&json!("put")).then_some(())
    });
    let stops = browser.run("return document.querySelectorAll('#routes li .stop').length").as_u64().unwrap();
    assert!(stops >= 2, "a route with no hop");
}

/// A page that believes in many neighbours does little at once, and is as good with keys and to look at.
fn crowded(place: &Place, api: &str, nodes: usize) {
    let browser = Browser::start().unwrap();
    browser.show_on(&page_support::DESKTOP);
    page_support::crowd(&browser, nodes);
    page_support::watch(&browser);
    page_support::open(&browser, place, api);
    page_support::drawn_again(&browser, 3);
    let rows = browser.run("return document.querySelectorAll('#panel-peers tbody tr').length");
    assert_eq!(rows, nodes);
    page_support::keyboard(&browser, 16);
    page_support::axes(&browser);
    page_support::still(&browser);
    let report = page_support::watched(&browser);
    println!("{nodes} made-up neighbours: {report:#}");
    page_support::changes_are_bounded(&report);
    if nodes == CROWD {
        page_support::looks(&browser, None);
    }
}
