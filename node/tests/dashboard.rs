//! The node's page in a real browser against a live grid of 16 nodes: what it shows is what the API says, it works with a
//! keyboard and on a phone, and it takes nothing from elsewhere. `chromedriver` drives Chromium (Debian: `apt-get install
//! chromium chromium-driver`); without both nothing is tested here. `ROOK_SCREENSHOTS=FOLDER` keeps pictures.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test may fail, and says what it did"
)]

mod browser;
mod cli_support;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use browser::Browser;
use cli_support::{Node, Place, eventually};
use serde_json::{Value, json};

/// Minting, joining and a browser's start, all on a busy machine.
const PATIENCE: Duration = Duration::from_secs(180);
const SIDE: u64 = 4;

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
    browser.size(1280, 900);
    browser.open(&format!("http://{api}/"));
    assert_eq!(browser.run("return document.getElementById('gate').hidden"), false, "shown without a token");
    let url = place.ok(["dashboard", "--api", api]);
    browser.open(url.trim());
    eventually("the page is drawn", PATIENCE, || (drawn(&browser) >= 1).then_some(()));
    assert_eq!(browser.run("return location.hash"), "", "the token stays in the address");
    compare(&browser, &place, url.trim());
    routes(&browser, &place, api);
    keyboard(&browser);
    let foreign =
        "return performance.getEntriesByType('resource').filter((one) => !one.name.startsWith(location.origin)).length";
    assert_eq!(browser.run(foreign), 0, "something came from elsewhere");
    looks(&browser);
    // The first look was without a token, which is no fault of the page.
    let complaints = browser.complaints();
    assert!(complaints.is_empty(), "{complaints:#?}");
}

fn drawn(browser: &Browser) -> u64 {
    browser.run("return Number(document.body.dataset.drawn || 0)").as_u64().unwrap()
}

/// Looks again after the page has certainly asked again, until both agree: the node goes on living meanwhile.
fn compare(browser: &Browser, place: &Place, url: &str) {
    let mut last = String::new();
    let mut equal = || {
        let before = drawn(browser);
        eventually("it is drawn again", PATIENCE, || (drawn(browser) > before).then_some(()));
        let (shown, said) = (shown(browser), said(place, url));
        last = format!("shown {shown:#}\nsaid  {said:#}");
        (shown == said).then_some(())
    };
    for _ in 0..10 {
        if equal().is_some() {
            println!("{last}");
            return;
        }
    }
    panic!("the page shows something else than the API says: {last}");
}

/// What the page shows.
fn shown(browser: &Browser) -> Value {
    browser.run(
        "const text = (element) => element.textContent;
         const all = (query) => [...document.querySelectorAll(query)];
         const figures = {};
         for (const one of all('.figure')) figures[text(one.querySelector('dt'))] = Number(text(one.querySelector('.value')));
         const cells = {};
         for (const one of all('#map [role=gridcell]')) cells[one.dataset.cell] = Number(one.dataset.count);
         const peers = {};
         for (const one of all('#panel-peers tbody tr')) {
           const texts = [...one.children].map(text);
           peers[one.dataset.id] = [texts[1], texts[2], texts[3]];
         }
         return { figures, cells, peers, own: text(document.getElementById('own-cell')), badge: text(document.getElementById('state')),
           ledger: all('#panel-ledger tbody tr').map((one) => one.dataset.id),
           servers: all('#panel-trust tbody tr').map((one) => one.dataset.id) };",
    )
}

/// The same from the API, by way of the command line.
fn said(place: &Place, url: &str) -> Value {
    let (api, token) = url.strip_prefix("http://").unwrap().split_once("/#token=").unwrap();
    let warnings = get(api, token, "/v1/warnings");
    let ask = |command: &str| place.json([command, "--api", api, "--json"]);
    let (status, peers, ledger, trust) = (ask("status"), ask("peers"), ask("ledger"), ask("trust"));
    let cell = |value: &Value| {
        let numbers: Vec<String> = value.as_array().unwrap().iter().map(Value::to_string).collect();
        numbers
    };
    let mut cells: BTreeMap<String, u64> = BTreeMap::new();
    for y in 0..SIDE {
        cells.extend((0..SIDE).map(|x| (format!("{x},{y}"), 0)));
    }
    *cells.get_mut(&cell(&status["cell"]).join(",")).unwrap() += 1;
    let peers = peers["peers"].as_array().unwrap();
    let mut rows = BTreeMap::new();
    for peer in peers {
        *cells.get_mut(&cell(&peer["cell"]).join(",")).unwrap() += 1;
        let kind = if peer["neighbour"] == true { "neighbour" } else { "guest" };
        let link = if peer["linked"] == true { "open" } else { "none" };
        let row = json!([format!("({})", cell(&peer["cell"]).join(", ")), kind, link]);
        rows.insert(peer["id"].as_str().unwrap().to_owned(), row);
    }
    let queued: u64 = status["queued"].as_object().unwrap().values().map(|waiting| waiting.as_u64().unwrap()).sum();
    let ids = |list: &Value| -> Vec<Value> { list.as_array().unwrap().iter().map(|one| one["id"].clone()).collect() };
    json!({
        "figures": { "Neighbours": status["neighbours"], "Links": status["links"], "Records": status["records"],
            "Waiting": queued, "Warnings": warnings["warnings"].as_array().unwrap().len() },
        "cells": cells, "peers": rows, "own": format!("({})", cell(&status["cell"]).join(", ")),
        "badge": if status["joined"] == true { "joined" } else { "joining" },
        "ledger": ids(&ledger["accounts"]), "servers": ids(&trust["servers"]),
    })
}

/// One request over a plain connection.
fn get(api: &str, token: &str, path: &str) -> Value {
    let mut stream = TcpStream::connect(api).unwrap();
    let head =
        format!("GET {path} HTTP/1.1\r\nHost: {api}\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
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

/// Tabs and cells are reached and left without a mouse, and say what they are.
fn keyboard(browser: &Browser) {
    browser.run("document.getElementById('tab-peers').focus()");
    browser.key("\u{E014}");
    assert_eq!(browser.run("return document.activeElement.id"), "tab-ledger");
    assert_eq!(browser.run("return document.activeElement.getAttribute('aria-selected')"), "true");
    assert_eq!(browser.run("return document.getElementById('panel-ledger').hidden"), false);
    assert_eq!(browser.run("return document.getElementById('panel-peers').hidden"), true);
    browser.run("document.querySelector('#map [tabindex=\"0\"]').focus()");
    let place = "const cell = document.activeElement.dataset.cell.split(',').map(Number); return cell";
    let before = browser.run(place);
    let is_last = before[0] == SIDE - 1;
    browser.key(if is_last { "\u{E012}" } else { "\u{E014}" });
    let x = before[0].as_u64().unwrap();
    assert_eq!(browser.run(place), json!([if is_last { x - 1 } else { x + 1 }, before[1]]));
    let label = browser.run("return document.activeElement.getAttribute('aria-label')");
    assert_eq!(browser.run("return document.getElementById('cell-text').textContent"), label);
    let nameless = "return [...document.querySelectorAll('button, select, input, [role=gridcell]')].filter((one) => \
                    !(one.textContent.trim() || one.getAttribute('aria-label') || (one.labels || []).length)).length";
    assert_eq!(browser.run(nameless), 0, "a control without a name");
    browser.run("document.getElementById('tab-peers').click()");
}

/// Nothing is wider than the window, whatever that is; and pictures, if they are wanted.
fn looks(browser: &Browser) {
    for (name, width, height, scheme) in [
        ("light", 1280, 1000, "light"),
        ("dark", 1280, 1000, "dark"),
        ("phone", 390, 844, "light"),
        ("phone-dark", 390, 844, "dark"),
    ] {
        browser.size(width, height);
        browser.scheme(scheme);
        let wide = browser.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth");
        assert_eq!(wide, 0, "{name} has to be scrolled sideways");
        let ground = browser.run("return getComputedStyle(document.body).backgroundColor");
        assert_eq!(ground == "rgb(16, 21, 26)", scheme == "dark", "{name}: {ground}");
        browser.picture(&format!("dashboard-{name}.png"));
    }
}
