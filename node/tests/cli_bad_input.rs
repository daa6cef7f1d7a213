//! Wrong input of every kind: a clear message, a status that is not 0, nothing lost, and nothing that hangs.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, clippy::print_stdout, reason = "a test")]

mod cli_support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

use cli_support::{Node, Place, eventually, failed, succeeded, with_input};
use grid::parameters::Parameters;
use grid::record::Rules;
use node::pointer::PointerText;
use node::stamps::{self, Wanted};
use serde_json::Value;

/// How long a node may take to notice that joining does not work.
const NOTICE: Duration = Duration::from_secs(40);

fn text(path: &std::path::Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// A pointer that somebody has paid for and never put.
fn pointer_to_nothing() -> String {
    let rules = Rules::of(&Parameters::local());
    let record = stamps::small(b"never put", &Wanted::default(), &rules).unwrap();
    PointerText::from(record.pointer()).to_string()
}

/// The first node of a grid.
fn first(place: &Place) -> Node {
    let identity = place.mint("local", "first.pem");
    place.node(&place.run_args(&identity, "first"))
}

#[test]
fn files_of_settings_are_read_strictly() {
    let place = Place::new();
    let grid = std::fs::read_to_string(place.grid("good", 2, 2)).unwrap();
    for (name, contents, words) in [
        ("unknown.toml", grid.replace("replica_cells", "replica_cell"), "did you mean \"replica_cells\"?"),
        ("missing.toml", grid.replace("dims = 2\n", ""), "dims is missing"),
        (
            "type.toml",
            grid.replace("dims = 2", "dims = \"2\""),
            "dims must be a whole number from 0 to 255, not a text",
        ),
        ("range.toml", grid.replace("replica_cells = 3", "replica_cells = 0"), "replica_cells must be 1 to 16, not 0"),
        ("twice.toml", format!("dims = 2\n{grid}"), "line 6: is no TOML: duplicate key"),
        ("toml.toml", "dims = = 2".to_owned(), "is no TOML"),
    ] {
        place.write(name, contents);
        let error = place.fails(1, ["grid", "show", name]);
        assert!(error.contains(name) && error.contains(words), "{error}");
        place.fails(1, ["mint", "--grid", name, "--out", "x.pem"]);
    }
    for (name, contents, words) in [
        ("key.toml", "lisen = []", "line 1: unknown key \"lisen\", did you mean \"listen\"?"),
        (
            "inner.toml",
            "\n[protocol]\nhop_timeout = 3",
            "line 3: unknown key \"hop_timeout\", did you mean \"hop_timeout_ms\"?",
        ),
        ("address.toml", "peers = [\"192.0.2.1:7\"]", "line 1: peers: \"192.0.2.1:7\""),
        ("quota.toml", "quota = \"much\"", "line 1: quota: \"much\": a size is a whole number of bytes"),
        (
            "checksum.toml",
            "[datasets]\nchecksum = \"sha1\"",
            "line 2: datasets.checksum: \"sha1\": \"sha1\" is no checksum: take blake3",
        ),
        ("advertise.toml", "advertise = [\"/ip4/0.0.0.0/tcp/7118\"]", "others cannot dial that"),
        ("pace.toml", "[limits]\nrequests_per_s = 0", "limits.requests_per_s must be a whole number from 1"),
        ("limit.toml", "[limits]\nconnection = 3", "line 2: unknown key \"connection\""),
        (
            "long.toml",
            "[protocol]\nhop_timeout_ms = 99999999999",
            "protocol.hop_timeout_ms must be a whole number from 1",
        ),
    ] {
        place.write(name, contents);
        let error = place.fails(1, ["run", "--config", name]);
        assert!(error.contains(words), "{error}");
    }
    assert!(place.fails(1, ["run", "--config", "nowhere.toml"]).contains("nowhere.toml"));
}

#[test]
fn wrong_calls_end_with_status_2() {
    let place = Place::new();
    place.fails(2, ["fly"]);
    place.fails(2, ["status", "--api", "192.0.2.1:7117"]);
    place.fails(2, ["run", "--api", "0.0.0.0:7117"]);
    place.fails(2, ["run", "--peer", "example.org"]);
    place.fails(2, ["demo", "--nodes", "1"]);
    let advertise = |address| place.fails(2, ["run", "--advertise", address]);
    assert!(advertise("203.0.113.7:7118").contains("/ip4/203.0.113.7/tcp/7118"));
    assert!(advertise("/dns4/example.org/tcp/7118").contains("begins with /ip4/ or /ip6/"));
    assert!(advertise("/ip4/0.0.0.0/tcp/7118").contains("others cannot dial that"));
    assert!(advertise("/ip4/203.0.113.7/tcp/0").contains("with a port from 1 on"));
    assert!(place.fails(2, ["run", "--quota", "much"]).contains("256KiB"));
    assert!(place.fails(2, ["run", "--checksum", "crc32"]).contains("\"crc32\" is no checksum: take blake3"));
    assert!(place.fails(2, ["run"]).contains("--identity"));
    assert!(place.fails(2, ["run", "--identity", "me.pem"]).contains("--data"));
    place.fails(1, ["grid", "new", "--name", "Bad Name", "--dims", "2", "--side", "2", "--bits", "8", "-o", "x"]);
    place.fails(1, ["grid", "new", "--name", "x", "--dims", "9", "--side", "2", "--bits", "8", "-o", "x"]);
    assert!(!place.path("x").exists());
    place.grid("x", 2, 2);
    let again = ["grid", "new", "--name", "x", "--dims", "2", "--side", "2", "--bits", "8", "-o", "x.toml"];
    assert!(place.fails(1, again).contains("is there already"));
}

#[test]
fn a_folder_has_one_node_one_identity_and_one_grid() {
    let place = Place::new();
    let node = first(&place);
    let identity = place.path("first.pem");
    let error = place.fails(1, place.run_args(&identity, "first"));
    assert!(error.contains("in use by another node (pid "), "{error}");
    assert!(place.json(["status", "--json", "--api", &node.api])["id"] == node.id.as_str());
    node.terminate();

    let other = place.mint("local", "other.pem");
    let error = place.fails(1, place.run_args(&other, "first"));
    assert!(error.contains("belongs to identity"), "{error}");
    let grid = place.grid("elsewhere", 2, 2);
    let mut args = place.run_args(&identity, "first");
    args.extend(["--grid".to_owned(), text(&grid)]);
    let error = place.fails(1, args);
    assert!(error.contains("belongs to grid"), "{error}");

    let database = place.path("first/rook.redb");
    let whole = std::fs::read(&database).unwrap();
    std::fs::write(&database, &whole[..whole.len() / 2]).unwrap();
    let error = place.fails(1, place.run_args(&identity, "first"));
    assert!(error.contains("is damaged") && error.contains("move it away"), "{error}");
    std::fs::write(&database, whole).unwrap();
    place.node(&place.run_args(&identity, "first")).terminate();
}

#[test]
fn ports_in_use_are_named() {
    let place = Place::new();
    let node = first(&place);
    let other = place.mint("local", "other.pem");
    let mut args = place.run_args(&other, "other");
    args[3].clone_from(&node.api);
    let error = place.fails(1, &args);
    assert!(error.contains(&node.api) && error.contains("in use by your node with pid"), "{error}");
    for address in [node.listen[0].split("/p2p/").next().unwrap().to_owned(), taken_tcp_port()] {
        let mut args = place.run_args(&other, "other");
        args[5].clone_from(&address);
        let error = place.fails(1, &args);
        assert!(error.contains("in use") && error.contains(&address), "{address}: {error}");
    }
    node.terminate();
}

/// A port that stays taken.
fn taken_tcp_port() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::mem::forget(listener);
    format!("/ip4/127.0.0.1/tcp/{port}")
}

#[test]
fn records_and_pointers_that_cannot_be() {
    let place = Place::new();
    let node = first(&place);
    let api = ["--api", &node.api];
    let file = text(&place.write("file", "some bytes"));
    let pointer = place.json(["put", &file, "--json", api[0], api[1]])["pointer"].as_str().unwrap().to_owned();

    let wrong = if &pointer[20..21] == "q" { "p" } else { "q" };
    let typo = format!("{}{wrong}{}", &pointer[..20], &pointer[21..]);
    let error = place.fails(1, ["get", &typo, api[0], api[1]]);
    assert!(error.contains(&format!("typo at character 21: '{wrong}' is probably '{}'", &pointer[20..21])), "{error}");
    let error = place.fails(1, ["get", &pointer[..40], api[0], api[1]]);
    assert!(error.contains("115 characters or some more, this has 40"), "{error}");
    let nothing = pointer_to_nothing();
    let error = place.fails(1, ["get", &nothing, "-o", "copy", api[0], api[1]]);
    assert!(error.contains("not found"), "{error}");
    assert!(!place.path("copy").exists());

    // What does not fit into one record is cut into chunks, unless it is to be rewritten.
    let large: Vec<u8> = (0..=250).cycle().take(256 * 1024 + 1).collect();
    place.write("large", &large);
    let put = place.json(["put", "large", "--json", api[0], api[1]]);
    let got = place.output(["get", put["pointer"].as_str().unwrap(), api[0], api[1]]);
    assert!(got.status.success() && got.stdout == large);
    let device = place.fails(1, ["put", "/dev/zero", api[0], api[1]]);
    assert!(device.contains("/dev/zero is a device"), "{device}");
    for endless in ["large", "/dev/zero"] {
        let error = place.fails(1, ["put", endless, "--mutable", "--every", "1h", api[0], api[1]]);
        assert!(error.contains("has more than 262144 bytes: put it without --mutable"), "{error}");
    }
    assert!(place.fails(1, ["put", "nowhere", api[0], api[1]]).contains("nowhere"));
    assert!(place.fails(1, ["get", &pointer, "-o", ".", api[0], api[1]]).contains("is a folder"));
    assert!(place.fails(1, ["get", &pointer, "-o", "nowhere/copy", api[0], api[1]]).contains("nowhere"));

    // What can be, at the edges: nothing, the most, and from standard input to standard output.
    for length in [0, 1, 256 * 1024] {
        let value: Vec<u8> = (0..=u8::MAX).cycle().take(length).collect();
        let put = with_input(place.rook(["put", "-", api[0], api[1]]), &value);
        let pointer = succeeded(put);
        let got = place.output(["get", pointer.trim(), api[0], api[1]]);
        assert!(got.status.success() && got.stdout == value, "{length} bytes");
    }
    place.write("copy", "something that was there before and is longer");
    place.ok(["get", &pointer, "-o", "copy", api[0], api[1]]);
    assert_eq!(std::fs::read(place.path("copy")).unwrap(), b"some bytes");
    node.terminate();
}

#[test]
fn a_node_that_is_not_there_is_missed_and_those_that_are_there_are_named() {
    let place = Place::new();
    let error = place.fails(1, ["status", "--api", "127.0.0.1:9"]);
    assert!(error.contains("no node of yours") && error.contains("rook run"), "{error}");
    let node = first(&place);
    let error = place.fails(1, ["peers", "--api", "127.0.0.1:9"]);
    assert!(error.contains(&format!("--api {}", node.api)), "{error}");
    let api = node.api.clone();
    node.kill();
    let error = place.fails(1, ["status", "--api", &api]);
    assert!(error.contains("no node of yours"), "{error}");
}

/// One request over a plain connection; the answer, head and body.
fn http(api: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(api).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

#[test]
fn the_api_lets_in_only_who_has_the_token() {
    let place = Place::new();
    let node = first(&place);
    let api = &node.api;
    let get = |headers: &str| http(api, &format!("GET /v1/status HTTP/1.1\r\n{headers}Connection: close\r\n\r\n"));
    let mut entries = std::fs::read_dir(place.path("runtime/rook")).unwrap();
    let entry: Value =
        serde_json::from_slice(&std::fs::read(entries.next().unwrap().unwrap().path()).unwrap()).unwrap();
    let token = entry["token"].as_str().unwrap();

    assert!(get(&format!("Host: {api}\r\n")).starts_with("HTTP/1.1 401"));
    assert!(get(&format!("Host: {api}\r\nAuthorization: Bearer {}\r\n", &token[1..])).starts_with("HTTP/1.1 401"));
    let rebound = get(&format!("Host: evil.example\r\nAuthorization: Bearer {token}\r\n"));
    assert!(rebound.starts_with("HTTP/1.1 403") && rebound.contains("what_to_do"), "{rebound}");
    let good = format!("Host: {api}\r\nAuthorization: Bearer {token}\r\n");
    assert!(get(&good).starts_with("HTTP/1.1 200"));
    let request =
        |line: &str, more: &str| http(api, &format!("{line} HTTP/1.1\r\n{good}{more}Connection: close\r\n\r\n"));
    let large = request("POST /v1/records", "Content-Length: 99999999999\r\n");
    assert!(large.starts_with("HTTP/1.1 413") && large.contains("at most 262144 bytes"), "{large}");
    assert!(request("GET /v1/nothing", "").starts_with("HTTP/1.1 404"));
    assert!(request("GET /v1/records/rook1", "").starts_with("HTTP/1.1 400"));
    let document = request("GET /v1/openapi.json", "");
    assert!(document.contains("\"/v1/records/{pointer}\"") && document.contains("\"openapi\""), "{document}");
    assert!(request("POST /v1/leave", "").starts_with("HTTP/1.1 202"));
    let mut node = node;
    assert!(node.wait(Duration::from_secs(10)).success());
    assert_eq!(std::fs::read_dir(place.path("runtime/rook")).unwrap().count(), 0);
}

/// A node that cannot join says at which step and why, goes on trying, and leaves when told.
fn cannot_join(place: &Place, peer: &str, steps: &[&str]) {
    let identity = place.mint("local", "newcomer.pem");
    let mut args = place.run_args(&identity, "newcomer");
    args.extend(["--peer".to_owned(), peer.to_owned()]);
    let mut node = place.node(&args);
    let mut waits = Vec::new();
    let begun = Instant::now();
    for _ in 0..2 {
        let failed = node.wait_for("join_failed", NOTICE);
        println!("after {:?}: {failed}", begun.elapsed());
        assert!(steps.contains(&failed["step"].as_str().unwrap()), "{failed}");
        assert!(!failed["why"].as_str().unwrap().is_empty() && failed["what_to_do"].is_string(), "{failed}");
        waits.push(failed["retry_in_ms"].as_u64().unwrap());
    }
    assert!(waits[1] > waits[0], "the waits do not grow: {waits:?}");
    assert!(place.json(["status", "--json", "--api", &node.api])["joined"] == false);
    node.terminate();
}

#[test]
fn a_peer_where_nobody_listens() {
    let place = Place::new();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    cannot_join(&place, &format!("/ip4/127.0.0.1/tcp/{port}"), &["dial"]);
}

#[test]
fn a_peer_that_never_answers() {
    let place = Place::new();
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    cannot_join(&place, &format!("/ip4/127.0.0.1/udp/{port}/quic-v1"), &["dial"]);
}

#[test]
fn a_peer_that_is_no_node() {
    let place = Place::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let _ = (&stream).write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    cannot_join(&place, &format!("/ip4/127.0.0.1/tcp/{port}"), &["dial"]);
}

#[test]
fn a_peer_that_takes_the_connection_and_says_nothing() {
    let place = Place::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let kept: Vec<TcpStream> = listener.incoming().map_while(Result::ok).collect();
        drop(kept);
    });
    cannot_join(&place, &format!("/ip4/127.0.0.1/tcp/{port}"), &["dial"]);
}

#[test]
fn a_peer_of_another_grid() {
    let place = Place::new();
    let grid = place.grid("elsewhere", 2, 2);
    let identity = place.mint(&grid, "stranger.pem");
    let stranger = place.node(&place.run_args(&identity, "stranger"));
    cannot_join(&place, &stranger.listen[0], &["dial", "credential"]);
    stranger.terminate();
}

#[test]
fn a_full_disk_loses_nothing() {
    let place = Place::new();
    let identity = place.mint("local", "first.pem");
    // A limit on the size of files stands for the end of the disk: the database cannot grow beyond it.
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -S -f 10240; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_rook")]);
    limited.args(place.run_args(&identity, "first"));
    place.keep_here(&mut limited);
    cli_support::die_with_us(&mut limited);
    let mut node = Node::of(limited);
    let ready = node.wait_for("ready", Duration::from_secs(30));
    node.api = ready["api"].as_str().unwrap().to_owned();
    let api = ["--api", &node.api];
    let mut stored = Vec::new();
    let refused = loop {
        let value = vec![stored.len() as u8; 200_000 + stored.len()];
        let put = with_input(place.rook(["put", "-", api[0], api[1]]), &value);
        match put.status.success() {
            true => stored.push((succeeded(put), value)),
            false => break failed(1, put),
        }
        assert!(stored.len() < 200, "the disk is never full");
    };
    assert!(refused.contains("no space left"), "{refused}");
    println!("refused after {} records: {refused}", stored.len());
    for (pointer, value) in &stored {
        let got = place.output(["get", pointer.trim(), api[0], api[1]]);
        assert!(got.status.success() && got.stdout == *value);
    }
    node.terminate();
    let node = place.node(&place.run_args(&identity, "first"));
    eventually("all records are there", Duration::from_secs(5), || {
        let status = place.json(["status", "--json", "--api", &node.api]);
        (status["records"] == stored.len()).then_some(())
    });
    place.ok(["put", "first.pem", "--api", &node.api]);
    node.terminate();
}
