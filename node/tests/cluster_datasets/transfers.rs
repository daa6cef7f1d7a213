//! What HTTP clients do beside asking: they go on with what broke off, write URLs as they please, and want to know in the end
//! what all of it rests on.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use dataset::climate::{Climate, Layout};

use super::cli_support::eventually;
use super::http::Answer;
use super::world::{NAME, WORLD, World, chunked, expected, noise, text};

const MIB: u64 = 1 << 20;
/// The variables that are no texts.
const NUMBERS: &str = "sst,air_temperature,precipitation";

/// One server and a gateway.
fn one(write: impl FnOnce(&World) -> PathBuf, flags: &[&str]) -> (World, PathBuf, usize) {
    let mut world = World::new();
    world.start(&[]);
    let gateway = world.start_gateway(&[]);
    let file = write(&world);
    world.publish(&file, flags, &[]);
    world.await_servers(gateway, 1);
    (world, file, gateway)
}

/// Runs curl; what it wrote to standard output.
fn curl(world: &World, args: &[&str]) -> Vec<u8> {
    let output =
        Command::new("curl").current_dir(world.place.path(".")).args(["-sS", "--max-time", "120"]).args(args).output();
    let output = output.unwrap_or_else(|error| panic!("these tests need curl: {error}"));
    assert!(output.status.success(), "curl {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// A header of an answer's head that curl has written.
fn header<'a>(head: &'a str, name: &str) -> &'a str {
    let found =
        head.lines().filter_map(|line| line.split_once(": ")).find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map_or("", |(_, value)| value.trim())
}

/// Bytes that the gateway has got from servers.
fn received(world: &World, gateway: usize) -> u64 {
    world.trust(gateway).iter().map(|entry| entry["bytes"].as_u64().unwrap()).sum()
}

#[test]
fn curl_goes_on_where_a_download_broke_off() {
    let noisy = |world: &World| {
        let file = world.place.path("published.nc");
        noise(&file, 64 * MIB);
        file
    };
    let (world, file, gateway) = one(noisy, &[]);
    // Numbers of two and four bytes at the servers, and of four here.
    let query = "air_temperature,precipitation";
    let url = format!("http://{}/{NAME}.dods?{query}", world.gateway());
    let expected = expected(&file, query);
    let part = world.place.path("part");
    // It is killed in the middle.
    let mut broken = Command::new("curl");
    broken.args(["-sS", "--limit-rate", "20M", "-o", text(&part), &url]).stdout(Stdio::null());
    let mut broken = broken.spawn().unwrap();
    let begun = Instant::now();
    while fs::metadata(&part).map_or(0, |part| part.len()) < 24 * MIB {
        assert!(broken.try_wait().unwrap().is_none(), "it ended before it was killed");
        assert!(begun.elapsed() < Duration::from_secs(60), "it does not get on");
        std::thread::sleep(Duration::from_millis(5));
    }
    broken.kill().unwrap();
    broken.wait().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    let (kept, before) = (fs::metadata(&part).unwrap().len(), received(&world, gateway));
    assert!(kept < expected.len() as u64 && expected.starts_with(&fs::read(&part).unwrap()));
    let head = curl(&world, &["-C", "-", "-D", "-", "-o", text(&part), &url]);
    let head = String::from_utf8(head).unwrap();
    let fetched = received(&world, gateway) - before;
    let rest = expected.len() as u64 - kept;
    println!("curl -C -: broke off after {kept} bytes, {rest} were missing, servers sent {fetched}");
    assert!(head.starts_with("HTTP/1.1 206"), "{head}");
    assert_eq!(header(&head, "content-range"), format!("bytes {kept}-{}/{}", expected.len() - 1, expected.len()));
    assert!(fs::read(&part).unwrap() == expected, "put together wrongly");
    assert!(fetched < rest + rest / 50 + MIB, "what lay before was fetched again: {fetched} bytes for {rest}");
}

fn ranges_are_those_of_the_whole(world: &World, file: &Path) {
    let path = |query: &str| format!("http://{}/{NAME}.dods?{query}", world.gateway());
    for query in [NUMBERS, "lat,lon", "sst.sst[3:2:20][1:30][0:3:70],lat"] {
        let (expected, url) = (expected(file, query), path(query));
        let length = expected.len();
        let head = String::from_utf8(curl(world, &["-g", "-I", &url])).unwrap();
        assert_eq!((header(&head, "accept-ranges"), header(&head, "content-length")), ("bytes", &*length.to_string()));
        let tag = header(&head, "etag").to_owned();
        assert!(tag.starts_with('"'), "strong: {tag}");
        let text = expected.windows(6).position(|window| window == b"Data:\n").unwrap();
        let ends = [0, 1, text, text + 6, text + 14, text + 15, length / 3, length / 2 + 1, length - 2, length];
        for (place, &start) in ends.iter().enumerate() {
            for &end in ends[place..].iter().filter(|&&end| end > start).take(3) {
                let range = format!("{start}-{}", end - 1);
                assert!(
                    curl(world, &["-g", "-r", &range, &url]) == expected[start..end],
                    "{query} {range} of {length}"
                );
            }
        }
        assert!(curl(world, &["-g", "-r", "-100", &url]) == expected[length.saturating_sub(100)..]);
        assert!(curl(world, &["-g", "-r", "7-", &url]) == expected[7..]);
        assert!(curl(world, &["-g", "-r", "0-1,5-6", &url]) == expected, "several ranges are not understood");
        let if_range = |tag: &str| curl(world, &["-g", "-r", "7-", "-H", &format!("If-Range: {tag}"), &url]);
        assert!(if_range(&tag) == expected[7..] && if_range("\"another\"") == expected);
        let beyond = String::from_utf8(curl(world, &["-g", "-i", "-r", &format!("{length}-"), &url])).unwrap();
        assert!(beyond.starts_with("HTTP/1.1 416") && beyond.contains("Error {"), "{beyond}");
        assert_eq!(header(&beyond, "content-range"), format!("bytes */{length}"));
        let known =
            String::from_utf8(curl(world, &["-g", "-i", "-r", "7-", "-H", &format!("If-None-Match: {tag}"), &url]));
        assert!(known.unwrap().starts_with("HTTP/1.1 304"));
    }
}

#[test]
fn ranges_are_parts_of_the_whole() {
    let (world, file, _) = one(|world| world.climate("published.nc", &WORLD, chunked()), &[]);
    ranges_are_those_of_the_whole(&world, &file);
    // Where nobody can tell what lies before without making it, there are none.
    for suffix in [".dods", ".dap", ".dds", ".das", ".ascii?lat"] {
        let url = format!("http://{}/{NAME}{suffix}", world.gateway());
        let answer = curl(&world, &["-D", "-", "-o", "answer", "-r", "5-", &url]);
        let head = String::from_utf8(answer).unwrap();
        assert!(head.starts_with("HTTP/1.1 200") && header(&head, "accept-ranges").is_empty(), "{suffix}: {head}");
    }
}

#[test]
fn ranges_of_what_is_compared() {
    let mut world = World::new();
    world.start(&[]);
    world.start(&[]);
    let gateway = world.start_gateway(&[]);
    let file = world.climate("published.nc", &WORLD, Layout::Classic);
    let copy = world.climate("copy.nc", &WORLD, chunked());
    world.publish(&file, &["--without-roots"], &[&copy]);
    world.await_servers(gateway, 2);
    ranges_are_those_of_the_whole(&world, &file);
}

#[test]
fn the_trailer_speaks_of_all_of_the_answer() {
    let mut world = World::new();
    world.start(&[]);
    world.start(&[]);
    let gateway = world.start_gateway(&[]);
    let file = world.climate("published.nc", &Climate { days: 120, ..WORLD }, Layout::Classic);
    let copy = world.climate("copy.nc", &Climate { days: 120, ..WORLD }, chunked());
    world.publish(&file, &["--without-roots"], &[&copy]);
    world.await_servers(gateway, 2);
    let ask = |query: &str, headers: &str| {
        let mut stream = TcpStream::connect(world.gateway()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let host = world.gateway();
        write!(stream, "GET /{NAME}.dods?{query} HTTP/1.1\r\nHost: {host}\r\n{headers}Connection: close\r\n\r\n")
            .unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    };
    let whole = ask("", "TE: trailers\r\n");
    let (head, rest) = whole.split_once("\r\n\r\n").unwrap();
    assert!(header(head, "rook-validation").ends_with("; of the first MiB"), "{head}");
    assert_eq!(header(head, "trailer"), "Rook-Validation");
    let trailer = rest.rsplit("\r\n0\r\n").next().unwrap().trim();
    assert!(trailer.starts_with("rook-validation: cross-checked in 2 cells"), "{trailer}");
    let small = ask("lat", "");
    let (head, _) = small.split_once("\r\n\r\n").unwrap();
    let said = header(head, "rook-validation");
    println!("a small answer: {said}; the end of a large one: {trailer}");
    assert!(said.starts_with("cross-checked in 2 cells") && !said.contains("first"), "{said}");
}

const TABLE: &str = "station,height\nReykjavik,52\nOslo,94\n\"a \"\"quoted\"\" one\",7\n";

#[test]
fn conditions_may_be_written_as_they_are() {
    let (mut world, gateway) = (World::new(), 1);
    world.start(&[]);
    world.start_gateway(&[]);
    let table = world.place.write("table.csv", TABLE);
    world.dataset(0, &["add", NAME, text(&table), "--server", "--every", "1s", "--days", "1"]);
    world.await_servers(gateway, 1);
    let base = format!("http://{}/{NAME}.ascii", world.gateway());
    let ask = |query: &str| String::from_utf8(curl(&world, &["-g", &format!("{base}?{query}")])).unwrap();
    let all = ask("");
    assert!(all.contains("Reykjavik") && all.contains("Oslo"), "{all}");
    let name = all.lines().find_map(|line| line.split_once('.').map(|(table, _)| table.trim().to_owned())).unwrap();
    for (raw, encoded, has, lacks) in [
        (format!("{name}.height>60"), format!("{name}.height%3E60"), "Oslo", "Reykjavik"),
        (format!("{name}.height<60"), format!("{name}.height%3C60"), "Reykjavik", "Oslo"),
        (format!("{name}.station=\"Oslo\""), format!("{name}.station=%22Oslo%22"), "Oslo", "Reykjavik"),
    ] {
        let (raw, encoded) = (ask(&format!("&{raw}")), ask(&format!("&{encoded}")));
        assert!(raw == encoded && raw.contains(has) && !raw.contains(lacks), "{raw}");
    }
    // Several requests at once on one connection, cut anywhere.
    let line =
        |query: &str, more: &str| format!("GET /{NAME}.ascii?&{name}.{query} HTTP/1.1\r\nHost: <\"h\">\r\n{more}\r\n");
    let requests =
        [line("height>60", ""), line("height<60", ""), line("station=\"Oslo\"", "Connection: close\r\n")].concat();
    for step in [1, 7, 4096] {
        let mut stream = TcpStream::connect(world.gateway()).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        requests.as_bytes().chunks(step).for_each(|piece| stream.write_all(piece).unwrap());
        let mut answers = String::new();
        stream.read_to_string(&mut answers).unwrap();
        assert_eq!(answers.matches("HTTP/1.1 200").count(), 3, "{answers}");
        assert_eq!((answers.matches("Oslo").count(), answers.matches("Reykjavik").count()), (2, 1), "{answers}");
    }
    let refused = |request: &[u8]| {
        let mut stream = TcpStream::connect(world.gateway()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        // It may be cut before all is written.
        let _ = stream.write_all(request);
        let mut answer = [0; 12];
        let read = stream.read(&mut answer).unwrap_or(0);
        String::from_utf8_lossy(&answer[..read]).into_owned()
    };
    let endless = format!("GET /{NAME}.ascii?{}", "<".repeat(8 << 20));
    let said = refused(endless.as_bytes());
    assert!(["HTTP/1.1 414", "HTTP/1.1 431", "HTTP/1.1 400", ""].contains(&&*said), "{said}");
    assert!(refused(b"GET / a b HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 400"));
    assert!(ask("").contains("Oslo"), "the gateway goes on");
}

#[test]
fn own_data_without_roots_are_read_where_nobody_else_has_them() {
    let mut world = World::new();
    world.start(&[]);
    let gateway = world.start_gateway(&[]);
    let file = world.climate("published.nc", &WORLD, Layout::Classic);
    let args = ["add", NAME, text(&file), "--server", "--every", "1s", "--days", "1", "--without-roots"];
    world.dataset(gateway, &args);
    world.await_servers(gateway, 1);
    let answer: Answer = world.get(&format!("/{NAME}.dods?sst.sst[0:3]"));
    assert_eq!(answer.header("rook-validation"), "own data; unchecked, for nobody else can be asked");
    assert!(answer.ok() == expected(&file, "sst.sst[0:3]"));
    assert!(world.get(&format!("/{NAME}.dods")).ok() == expected(&file, ""));
    // As soon as somebody else has them, they are compared.
    let copy = world.climate("copy.nc", &WORLD, chunked());
    world.serve(0, &copy);
    world.await_servers(gateway, 2);
    let said = eventually("the gateway has heard of the other server", Duration::from_secs(120), || {
        let answer = world.get(&format!("/{NAME}.dods?sst.sst[0:3]"));
        let said = answer.header("rook-validation").to_owned();
        assert!(answer.ok() == expected(&file, "sst.sst[0:3]"));
        (!said.starts_with("own data")).then_some(said)
    });
    println!("own data, and one other server: {said}");
    assert!(said.starts_with("unchecked"), "{said}");
}
