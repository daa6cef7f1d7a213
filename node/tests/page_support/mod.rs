//! What the page of a node has to be: what the API says, readable, within reach of keys and fingers, and never busy for long.

#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test uses a part of it")]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::browser::{Browser, Device};
use crate::cli_support::{Place, eventually};

/// Minting, joining and a browser's start, all on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(180);

pub const DESKTOP: Device = Device { width: 1280, height: 1000, is_phone: false };
pub const PHONE: Device = Device { width: 390, height: 844, is_phone: true };
/// As narrow as pages have to work (WCAG 2.2, 1.4.10).
const NARROW: Device = Device { width: 320, height: 640, is_phone: true };

const ARROW_LEFT: &str = "\u{E012}";
const ARROW_RIGHT: &str = "\u{E014}";
const TAB: &str = "\u{E004}";

/// What the page may change in its document in one go, whatever it was told: far less than the rows of 256 neighbours and their accounts
/// together, which are 7,700 elements. 64 pieces, a board that goes, 48 moves and 12 routes that come and go came to 2,376 on a machine that
/// did ten times as much as it could.
const MOST_CHANGES: u64 = 4_000;

/// Pictures to keep.
pub struct Pictures<'a> {
    /// What their names begin with.
    pub name: &'a str,
    /// Has something happen that is to be seen on them.
    pub enliven: &'a dyn Fn(),
}

/// Opens the page of a node, and waits until all of it is drawn. Returns the address with the token.
pub fn open(browser: &Browser, place: &Place, api: &str) -> String {
    let url = place.ok(["dashboard", "--api", api]).trim().to_owned();
    browser.open(&url);
    eventually("the page is drawn", PATIENCE, || (drawn(browser) >= 1).then_some(()));
    url
}

/// How often all of it was drawn.
pub fn drawn(browser: &Browser) -> u64 {
    browser.run("return Number(document.body.dataset.drawn || 0)").as_u64().unwrap()
}

/// Waits until the page has drawn so often again.
pub fn drawn_again(browser: &Browser, times: u64) {
    let wanted = drawn(browser) + times;
    eventually("it is drawn again", PATIENCE, || (drawn(browser) >= wanted).then_some(()));
}

/// Looks again after the page has certainly asked again, until both agree: the node goes on living meanwhile. Its grid has two
/// axes of `side`.
pub fn compare(browser: &Browser, place: &Place, url: &str, side: u64) {
    let mut last = String::new();
    for _ in 0..10 {
        drawn_again(browser, 2);
        let (shown, said) = (shown(browser), said(place, url, side));
        if shown == said {
            println!("the page shows what the API says: {}", shown["figures"]);
            return;
        }
        last = format!("shown {shown:#}\nsaid  {said:#}");
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
fn said(place: &Place, url: &str, side: u64) -> Value {
    let (api, token) = url.strip_prefix("http://").unwrap().split_once("/#token=").unwrap();
    let warnings = get(api, token, "/v1/warnings");
    let ask = |command: &str| place.json([command, "--api", api, "--json"]);
    let (status, peers, ledger, trust) = (ask("status"), ask("peers"), ask("ledger"), ask("trust"));
    let cell = |value: &Value| {
        let numbers: Vec<String> = value.as_array().unwrap().iter().map(Value::to_string).collect();
        numbers
    };
    let mut cells: BTreeMap<String, u64> = BTreeMap::new();
    for y in 0..side {
        cells.extend((0..side).map(|x| (format!("{x},{y}"), 0)));
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

/// Everything is reached and left without a mouse, is seen to be reached, and says what it is.
pub fn keyboard(browser: &Browser, side: u64) {
    look(browser);
    every_stop(browser);
    browser.run("document.getElementById('tab-peers').focus()");
    browser.key(ARROW_RIGHT);
    assert_eq!(browser.run("return document.activeElement.id"), "tab-ledger");
    assert_eq!(browser.run("return document.activeElement.getAttribute('aria-selected')"), "true");
    assert_eq!(browser.run("return document.getElementById('panel-ledger').hidden"), false);
    assert_eq!(browser.run("return document.getElementById('panel-peers').hidden"), true);
    browser.run("document.querySelector('#map [tabindex=\"0\"]').focus()");
    let place = "const cell = document.activeElement.dataset.cell.split(',').map(Number); return cell";
    let mut cell = browser.run(place);
    let x = cell[0].as_u64().unwrap();
    let is_last = x == side - 1;
    browser.key(if is_last { ARROW_LEFT } else { ARROW_RIGHT });
    cell[0] = json!(if is_last { x - 1 } else { x + 1 });
    assert_eq!(browser.run(place), cell);
    let focus = browser.run("return looks.focus()");
    assert_eq!(focus["seen"], true, "{focus}");
    drawn_again(browser, 2);
    assert_eq!(browser.run("return looks.focus()")["place"], focus["place"], "drawing takes the focus away");
    let label = browser.run("return document.activeElement.getAttribute('aria-label')");
    assert_eq!(browser.run("return document.getElementById('cell-text').textContent"), label);
    let nameless = "return [...document.querySelectorAll('button, select, input, [role=gridcell]')].filter((one) => \
                    !(one.textContent.trim() || one.getAttribute('aria-label') || (one.labels || []).length)).length";
    assert_eq!(browser.run(nameless), 0, "a control without a name");
    browser.run("document.getElementById('tab-peers').click()");
}

/// The Tab key leads to each control once, in their order, and each is seen to have the focus.
fn every_stop(browser: &Browser) {
    browser.run("document.querySelector('.skip').focus()");
    let stops: usize = browser.run("return looks.stops()").as_u64().unwrap().try_into().unwrap();
    assert!(stops >= 4, "a way to the node, a cell, a tab and what it shows: {stops}");
    for stop in (0..stops).cycle().skip(1).take(stops) {
        if stop == 0 {
            // Between the last and the first the browser's own controls have their turn.
            browser.key(TAB);
        }
        browser.key(TAB);
        let focus = browser.run("return looks.focus()");
        assert_eq!((&focus["place"], &focus["seen"]), (&json!(stop), &json!(true)), "{focus}");
    }
}

fn look(browser: &Browser) {
    browser.run(include_str!("looks.js"));
}

/// Texts are large enough and stand out, fingers hit what they aim at, nothing lies over something else or beyond the edge: on a screen
/// and on phones, in light and dark, behind each tab. Keeps pictures, if somebody says which.
pub fn looks(browser: &Browser, pictures: Option<&Pictures<'_>>) {
    look(browser);
    for device in [DESKTOP, PHONE, NARROW] {
        browser.show_on(&device);
        for scheme in ["light", "dark"] {
            browser.prefer(scheme, true);
            let ground = browser.run("return getComputedStyle(document.body).backgroundColor");
            assert_eq!(ground == "rgb(16, 21, 26)", scheme == "dark", "{scheme}: {ground}");
            for tab in ["ledger", "trust", "node", "peers"] {
                browser.run(&format!(
                    "document.getElementById('tab-{tab}').click(); document.querySelector('.tabs').scrollIntoView()"
                ));
                drawn_again(browser, 1);
                let seen = browser.run("return looks.complaints()");
                assert_eq!(seen["complaints"], json!([]), "{device:?}, {scheme}, {tab}");
                assert!(seen["texts"].as_u64() >= Some(80) && seen["controls"].as_u64() >= Some(20), "{seen}");
            }
            if let Some(pictures) = pictures {
                picture(browser, pictures, device, scheme);
            }
        }
    }
    browser.show_on(&DESKTOP);
    browser.prefer("light", true);
}

/// Of a whole screen, or of what is looked at most on a phone.
fn picture(browser: &Browser, pictures: &Pictures<'_>, device: Device, scheme: &str) {
    let (top, on) = match device {
        DESKTOP => ("body", ""),
        PHONE => (".map", "-phone"),
        _ => return,
    };
    browser.run(&format!("document.activeElement.blur(); document.querySelector('{top}').scrollIntoView()"));
    drawn_again(browser, 1);
    (pictures.enliven)();
    browser.picture(&format!("{}{on}-{scheme}", pictures.name));
}

/// The other axes of a grid of three or more, chosen where they can be seen.
pub fn axes(browser: &Browser) {
    for (across, down) in [("2", "1"), ("2", "0"), ("0", "1")] {
        for (id, axis) in [("axis-x", across), ("axis-y", down)] {
            browser.run(&format!(
                "const list = document.getElementById('{id}'); list.value = '{axis}'; list.dispatchEvent(new Event('change'))"
            ));
        }
        drawn_again(browser, 1);
        let shown = "return [...new Set([...document.querySelectorAll('#map [data-cell]')].map((one) => one.dataset.cell))].length";
        assert_eq!(browser.run(shown), browser.run("return document.querySelectorAll('#map [role=gridcell]').length"));
        let own = "return document.querySelector('#map .own').dataset.cell.split(',').join(', ')";
        let said = browser.run("return document.getElementById('own-cell').textContent");
        assert_eq!(json!(format!("({})", browser.run(own).as_str().unwrap())), said);
    }
}

/// Who wants nothing to move sees moves come and go, and nothing else; it has to have some.
pub fn still(browser: &Browser) {
    browser.prefer("light", false);
    let moving = "const all = document.getAnimations(); return [all.length, all.filter((one) => \
                  new Set(one.effect.getKeyframes().map((frame) => frame.opacity)).size > 1 \
                  || getComputedStyle(one.effect.target).transitionDuration !== '0s').length]";
    eventually("moves that stand still", PATIENCE, || {
        let counts = browser.run(moving);
        (counts[0].as_u64() > Some(0) && counts[1] == 0).then_some(())
    });
    browser.prefer("light", true);
}

/// What `watch.js` saw since the page was opened, and the browser's own figures.
pub fn watched(browser: &Browser) -> Value {
    let mut report = browser.run("return watched.report()");
    let figures = browser.figures();
    for name in ["Nodes", "LayoutCount", "LayoutDuration", "RecalcStyleDuration", "ScriptDuration", "TaskDuration"] {
        report[name] = json!(figures[name]);
    }
    report["drawn"] = json!(drawn(browser));
    report["elements"] = browser.run("return document.querySelectorAll('*').length");
    report
}

/// Has the browser watch each page that it opens from now on.
pub fn watch(browser: &Browser) {
    browser.count_figures();
    browser.before_each_page(include_str!("watch.js"));
}

/// Has pages believe from now on that the node has so many neighbours, of which everything changes all the time.
pub fn crowd(browser: &Browser, nodes: usize) {
    browser.before_each_page(&format!("const MADE_UP = {nodes};\n{}", include_str!("crowd.js")));
}

/// However much is to be shown, little is done at once.
pub fn changes_are_bounded(report: &Value) {
    assert!(report["changes"].as_u64() > Some(MOST_CHANGES), "nothing was seen to change: {report:#}");
    assert!(report["most_changes_at_once"].as_u64() <= Some(MOST_CHANGES), "{report:#}");
}
