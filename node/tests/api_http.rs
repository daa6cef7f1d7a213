//! The local API as a stranger, a careless program and a browser meet it: real processes, plain HTTP.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a test")]

mod cli_support;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use cli_support::{Node, Place, eventually};
use serde_json::Value;

/// Longer than the API waits for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// An answer, read to the connection's end.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    /// What a refusal says: it has to be a problem of RFC 9457 with a sentence for people.
    fn problem(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{} {}", self.head, self.body);
        assert!(self.head.contains("content-type: application/problem+json"), "{}", self.head);
        let problem: Value = serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body));
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], "about:blank");
        assert!(!problem["title"].as_str().unwrap().is_empty());
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail.ends_with(['.', '!', '?']) && detail.starts_with(|first: char| !first.is_lowercase()),
            "{detail}"
        );
        assert!(!problem["what_to_do"].as_str().unwrap().is_empty(), "{problem}");
        problem
    }
}

/// Sends the bytes as they are and reads what comes until the node closes.
fn raw(api: &str, request: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(api).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request).unwrap();
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    Answer { status, head: head.to_lowercase(), body: body.to_owned() }
}

struct Asker {
    api: String,
    token: String,
}

impl Asker {
    fn of(place: &Place, node: &Node) -> Self {
        let address = place.ok(["dashboard", "--api", &node.api]);
        let (url, token) = address.trim().split_once("/#token=").unwrap();
        assert_eq!(url, format!("http://{}", node.api));
        Self { api: node.api.clone(), token: token.to_owned() }
    }

    /// With the token.
    fn send(&self, line: &str, headers: &str, body: &str) -> Answer {
        self.open(line, &format!("Authorization: Bearer {}\r\n{headers}", self.token), body)
    }

    /// Without it.
    fn open(&self, line: &str, headers: &str, body: &str) -> Answer {
        let length = body.len();
        let head = format!("{line} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.api);
        raw(&self.api, format!("{head}{headers}Content-Length: {length}\r\n\r\n{body}").as_bytes())
    }

    fn json(&self, path: &str) -> Value {
        let answer = self.send(&format!("GET {path}"), "", "");
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        serde_json::from_str(&answer.body).unwrap()
    }

    fn metrics(&self) -> String {
        let answer = self.open("GET /metrics", "", "");
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(answer.head.contains("content-type: application/openmetrics-text"), "{}", answer.head);
        answer.body
    }
}

/// The first node of a grid of one line, in which any two nodes are neighbours.
fn first(place: &Place) -> Node {
    let identity = place.mint(place.grid("line", 1, 4), "first.pem");
    let mut node = place.node(&place.run_args(&identity, "first"));
    node.wait_for("joined", PATIENCE);
    node
}

fn second(place: &Place, first: &Node) -> Node {
    let identity = place.mint(place.path("line.toml"), "second.pem");
    let mut args = place.run_args(&identity, "second");
    args.extend(["--peer".to_owned(), first.listen[0].clone()]);
    let mut node = place.node(&args);
    node.wait_for("joined", PATIENCE);
    node
}

#[test]
fn bad_input_of_every_kind_is_answered_by_a_problem() {
    let place = Place::new();
    let node = first(&place);
    let asker = Asker::of(&place, &node);
    let api = &asker.api;

    asker.open("GET /v1/status", "", "").problem(401);
    asker.open("GET /v1/status", "Authorization: Bearer 00\r\n", "").problem(401);
    asker.open("GET /v1/status", "Authorization: Basic eA==\r\n", "").problem(401);
    raw(api, b"GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n").problem(403);
    raw(api, b"GET /metrics HTTP/1.1\r\nHost: localhost:1\r\nConnection: close\r\n\r\n").problem(403);
    raw(api, b"GET /metrics HTTP/1.0\r\n\r\n").problem(403);
    for headers in ["Origin: http://evil.example\r\n", "Origin: null\r\n", "Origin: https://127.0.0.1\r\n"] {
        asker.send("GET /v1/status", headers, "").problem(403);
        asker.open("GET /metrics", headers, "").problem(403);
    }
    asker.open("GET /metrics", "Sec-Fetch-Site: same-site\r\n", "").problem(403);
    asker.send("POST /v1/leave", "Sec-Fetch-Site: cross-site\r\n", "").problem(403);
    let own = format!("Origin: http://{api}\r\nSec-Fetch-Site: same-origin\r\n");
    assert_eq!(asker.send("GET /v1/status", &own, "").status, 200);
    assert_eq!(asker.open("GET /", "Sec-Fetch-Site: cross-site\r\n", "").status, 200);

    asker.send("GET /v1/nothing", "", "").problem(404);
    let wrong = asker.send("DELETE /v1/status", "", "");
    wrong.problem(405);
    assert!(wrong.head.contains("allow: get"), "{}", wrong.head);
    for path in ["status", "peers", "ledger", "trust", "warnings", "events"] {
        asker.send(&format!("GET /v1/{path}?colour=red"), "", "").problem(400);
    }
    asker.send("POST /v1/leave?colour=red", "", "").problem(400);
    asker.send("POST /v1/records?days=many", "", "x").problem(400);
    asker.send("POST /v1/records?days=99999999", "", "x").problem(400);
    asker.send("POST /v1/records?colour=red", "", "x").problem(400);
    asker.send("POST /v1/records?days=60000", "", "x").problem(422);
    asker.send("PUT /v1/offers/topic?seconds=0", "", "").problem(400);
    asker.send("PUT /v1/offers/topic?seconds=99999999", "", "").problem(400);
    asker.send("PUT /v1/offers/topic", "", &"n".repeat(600)).problem(413);
    asker.send("PUT /v1/offers/topic", "", &"n".repeat(3 << 20)).problem(413);
    asker.send("PUT /v1/records", "", "no record").problem(422);
    asker.send("GET /v1/records/rook1nonsense", "", "").problem(400);
    asker.send("GET /v1/records/%ff", "", "").problem(400);
    asker.send("POST /v1/datasets/sst/versions", "", "{").problem(400);
    asker.send("POST /v1/datasets/sst/versions", "", r#"{"location":"/nowhere","colour":"red"}"#).problem(400);
    asker.send("POST /v1/datasets/sst/check?groups=-1", "", "").problem(400);
    asker.send("POST /v1/datasets/sst/check?colour=red", "", "").problem(400);
    let huge = format!("GET /{} HTTP/1.1\r\nHost: {api}\r\n\r\n", "x".repeat(1 << 20));
    assert_eq!(raw(api, huge.as_bytes()).status, 431, "a head of a megabyte");
    assert_eq!(raw(api, b"nonsense\r\n\r\n").status, 400);
    assert_eq!(asker.json("/v1/status")["joined"], true);
}

#[test]
fn who_sends_slowly_is_not_waited_for() {
    let place = Place::new();
    let node = first(&place);
    let asker = Asker::of(&place, &node);
    let head = format!(
        "POST /v1/records HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Length: 100\r\n\r\nonly this",
        asker.api, asker.token
    );
    raw(&asker.api, head.as_bytes()).problem(408);
    let half = raw(&asker.api, b"GET /v1/status HTTP/1.1\r\nHost: ");
    assert!([0, 408].contains(&half.status), "{}", half.head);
}

#[test]
fn the_description_is_made_from_the_code_and_true() {
    let place = Place::new();
    let node = first(&place);
    let asker = Asker::of(&place, &node);
    let document: Value = serde_json::from_str(&asker.open("GET /openapi.json", "", "").body).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3."), "{document}");
    let paths = document["paths"].as_object().unwrap();
    for known in ["/v1/status", "/v1/events", "/v1/warnings", "/metrics", "/v1/records/{pointer}", "/v1/trust"] {
        assert!(paths.contains_key(known), "{known} is not described");
    }
    for (path, methods) in paths {
        let real = path.replace("{pointer}", "rook1x").replace("{topic}", "x").replace("{name}", "x");
        let answer = asker.send(&format!("PATCH {real}"), "", "");
        answer.problem(405);
        let allowed = answer.head.lines().find(|line| line.starts_with("allow:")).unwrap().to_owned();
        for method in methods.as_object().unwrap().keys() {
            assert!(allowed.contains(method.as_str()), "{method} {path}: {allowed}");
        }
    }
    // What is answered has the shape that is described: every field that is required is there, and no other.
    for (path, schema) in [("/v1/status", "Status"), ("/v1/peers", "Peers"), ("/v1/warnings", "WarningList")] {
        let properties = document["components"]["schemas"][schema]["properties"].as_object().unwrap();
        let answer = asker.json(path);
        let said: BTreeSet<_> = answer.as_object().unwrap().keys().collect();
        assert_eq!(said, properties.keys().collect(), "{path}");
    }
}

#[test]
fn what_happens_is_told_as_it_happens() {
    let place = Place::new();
    let node = first(&place);
    let asker = Asker::of(&place, &node);
    let mut stream = TcpStream::connect(&asker.api).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request =
        format!("GET /v1/events HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\n\r\n", asker.api, asker.token);
    stream.write_all(request.as_bytes()).unwrap();
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let head: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
    assert!(head.iter().any(|line| line.eq_ignore_ascii_case("content-type: text/event-stream")), "{head:?}");
    // What keeps the stream alive comes for ever: the events that are waited for do not.
    let (told, events) = channel();
    std::thread::spawn(move || lines.try_for_each(|line| told.send(line)));
    let other = second(&place, &node);
    let (mut up, mut hop, mut back) = (false, None, false);
    let (until, mut all) = (Instant::now() + PATIENCE, Vec::new());
    while let Ok(line) = events.recv_timeout(until.saturating_duration_since(Instant::now())) {
        let Some(data) = line.strip_prefix("data: ") else { continue };
        let event: Value = serde_json::from_str(data).unwrap();
        all.push(event.clone());
        up |= event["event"] == "neighbour_up" && event["id"] == other.id.as_str();
        // The request by which the other joins comes this way, wherever its cell is.
        if event["event"] == "seen" && event["step"] == "hop" {
            hop = Some(event["request"].clone());
        }
        back |= event["event"] == "seen" && event["step"] == "back" && hop == Some(event["request"].clone());
        if up && back {
            return;
        }
    }
    panic!("neighbour up {up}, hop {hop:?}, back {back} of {all:#?}");
}

/// The value of a sample, its labels said as they are printed.
fn sample(page: &str, name: &str) -> f64 {
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in\n{page}")).parse().unwrap()
}

#[test]
fn the_figures_are_what_happened() {
    let place = Place::new();
    let node = first(&place);
    let asker = Asker::of(&place, &node);
    assert!(asker.metrics().ends_with("# EOF\n"));
    assert_eq!(sample(&asker.metrics(), "rook_operations_total{kind=\"put\",outcome=\"done\"}"), 0.0);
    let other = second(&place, &node);
    let file = place.write("file", "a value");
    let put = place.ok(["put", "--api", &node.api, file.to_str().unwrap()]);
    let pointer = put.split_whitespace().find(|word| word.starts_with("rook1")).unwrap().to_owned();
    place.ok(["get", "--api", &other.api, &pointer, "-o", place.path("copy").to_str().unwrap()]);
    let page = asker.metrics();
    println!("{page}");
    assert_eq!(sample(&page, "rook_operations_total{kind=\"put\",outcome=\"done\"}"), 1.0);
    assert_eq!(sample(&page, "rook_operation_duration_seconds_count{kind=\"put\"}"), 1.0);
    assert_eq!(sample(&page, "rook_links{level=\"normal\"}"), 1.0);
    assert_eq!(sample(&page, "rook_neighbours"), 1.0);
    assert_eq!(sample(&page, "rook_joined"), 1.0);
    assert_eq!(sample(&page, "rook_records"), asker.json("/v1/status")["records"].as_f64().unwrap());
    assert!(sample(&page, "rook_messages_received_total{kind=\"announce\"}") >= 1.0);
    assert!(sample(&page, "process_resident_memory_bytes") > 1e6);
    assert!(sample(&page, "process_cpu_seconds_total") > 0.0);
    let other_page = Asker::of(&place, &other).metrics();
    assert_eq!(sample(&other_page, "rook_operations_total{kind=\"get\",outcome=\"done\"}"), 1.0);
    let (asked, answered) = ("rook_requests_received_total", "rook_requests_answered_total");
    let total = |page: &str, name: &str| {
        let samples = page.lines().filter(|line| line.starts_with(&format!("{name}{{")));
        samples.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum::<f64>()
    };
    // In whose cell the record is at home is chance: of the two, one has asked the other.
    let both = |figure: &dyn Fn(&str) -> f64| figure(&page) + figure(&other_page);
    assert!(
        both(&|page| total(page, asked)) >= 1.0 && both(&|page| total(page, answered)) >= 1.0,
        "{page}{other_page}"
    );
    let sent = |page: &str| sample(page, "rook_link_sent_bytes_total{kind=\"request\"}");
    assert!(both(&sent) > 0.0, "{page}{other_page}");
    other.kill();
    eventually("the lost link is counted", PATIENCE, || {
        (sample(&asker.metrics(), "rook_links_lost_total") == 1.0).then_some(())
    });
}
