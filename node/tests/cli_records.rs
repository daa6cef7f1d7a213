//! Records through the real program and a small real grid: what is paid for is kept and changed, what must not be is
//! refused with a clear message, and what was interrupted goes on.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a test")]

mod cli_support;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cli_support::{Node, Place, eventually, failed, succeeded, with_input};
use grid::message::{Message, Nonce};
use grid::parameters::Parameters;
use grid::record::{Pointer, Record, Rules, Subject, Terms};
use grid::time::Day;
use node::config::grid_file;
use node::pointer::PointerText;
use node::stamps::{self, Wanted, WriterKey};
use node::wire::encode_message;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const CHUNK: usize = 256 * 1024;
/// Long enough that versions with an interval of a second may follow each other.
const NEXT_SECOND: Duration = Duration::from_millis(1100);

/// Some nodes of a grid of two cells whose identities and stamps cost next to nothing.
struct SmallGrid {
    place: Place,
    rules: Rules,
    nodes: Vec<Node>,
}

impl SmallGrid {
    fn new(count: usize) -> Self {
        Self::with(count, &[])
    }

    fn with(count: usize, flags: &[&str]) -> Self {
        let place = Place::new();
        let file = place.grid("records", 1, 2);
        let rules = Rules::of(&grid_file::find(file.to_str().unwrap()).unwrap());
        let mut nodes: Vec<Node> = Vec::new();
        for number in 0..count {
            let identity = place.mint(&file, &format!("{number}.pem"));
            let mut args = place.run_args(&identity, &format!("data-{number}"));
            args.extend(flags.iter().map(|&flag| flag.to_owned()));
            args.extend(nodes.iter().take(1).flat_map(|first| ["--peer".to_owned(), first.listen[0].clone()]));
            let mut node = place.node(&args);
            node.wait_for("joined", Duration::from_secs(60));
            nodes.push(node);
        }
        let grid = Self { place, rules, nodes };
        for number in 0..count {
            eventually("all know each other", Duration::from_secs(40), || {
                (grid.json(number, &["status"])["neighbours"] == count - 1).then_some(())
            });
        }
        grid
    }

    /// The arguments of a command that asks a node.
    fn asking<'a>(&'a self, node: usize, args: &[&'a str]) -> Vec<&'a str> {
        [args, &["--api", &self.nodes[node].api]].concat()
    }

    fn json(&self, node: usize, args: &[&str]) -> Value {
        self.place.json(self.asking(node, &[args, &["--json"]].concat()))
    }

    fn fails(&self, node: usize, args: &[&str]) -> String {
        self.place.fails(1, self.asking(node, args))
    }

    fn put(&self, node: usize, args: &[&str]) -> String {
        self.json(node, &[&["put"], args].concat())["pointer"].as_str().unwrap().to_owned()
    }

    /// What `rook get` writes to standard output, and what it says beside it.
    fn get(&self, node: usize, pointer: &str) -> (Vec<u8>, String) {
        let output = self.place.output(self.asking(node, &["get", pointer]));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        (output.stdout, said)
    }

    /// Sends a record that was made elsewhere to a node's API: status and answer.
    fn send(&self, node: usize, bytes: &[u8]) -> (u16, String) {
        let api = &self.nodes[node].api;
        let entry = self.place.user_folder("XDG_RUNTIME_DIR").join(format!("rook/api-{}.json", api.replace(':', "_")));
        let entry: Value = serde_json::from_slice(&std::fs::read(entry).unwrap()).unwrap();
        let token = entry["token"].as_str().unwrap();
        let mut stream = TcpStream::connect(api).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let head = format!(
            "PUT /v1/records HTTP/1.1\r\nHost: {api}\r\nAuthorization: Bearer {token}\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            bytes.len()
        );
        stream.write_all(&[head.as_bytes(), bytes].concat()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        (status, answer)
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// The bytes in which a record travels: those of a message that holds it, without kind and nonce.
fn bytes_of(record: &Record) -> Vec<u8> {
    encode_message(&Message::Replicate { nonce: Nonce(0), record: record.clone() }).split_off(2)
}

/// Terms that were stamped some days ago.
fn old_terms(subject: Subject, size: u64, age: u64, days: u16) -> Terms {
    let wanted = Wanted { days, ..Wanted::default() };
    Terms { from: Day::of_unix(now() - 86_400 * age), ..wanted.terms(subject, size) }
}

/// A stamp with so many zero bits that it has another number of them with other terms.
fn costly(terms: &Terms, rules: &Rules) -> Pointer {
    stamps::pay(terms.clone(), 16, rules, 0, &()).unwrap()
}

fn old_mutable(key: &WriterKey, interval: u32, age: u64, days: u16, rules: &Rules) -> Pointer {
    costly(&old_terms(Subject::Mutable { writer: key.public(), interval }, 100, age, days), rules)
}

fn key_file(key: &WriterKey) -> String {
    let hex: String = key.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("rook writer key v1\n{hex}\n")
}

/// Bytes that repeat nowhere.
fn long_value(length: usize) -> Vec<u8> {
    let mut hash = blake3::Hasher::new();
    hash.update(&length.to_be_bytes());
    let mut value = vec![0; length];
    hash.finalize_xof().fill(&mut value);
    value
}

#[test]
fn what_is_no_rewrite_is_refused_each_with_its_reason() {
    let grid = SmallGrid::new(2);
    grid.place.write("value", "0123456789abcdef");
    grid.place.write("larger", "0123456789abcdefg");
    let pointer = grid.put(0, &["value", "--mutable", "--every", "1s", "--max-size", "16"]);
    let error = grid.fails(1, &["rewrite", &pointer, "larger"]);
    assert!(error.contains("larger has more than 16 bytes") && error.contains("greater --max-size"), "{error}");

    // The writer's own program knows the terms.
    let monthly = grid.put(0, &["value", "--mutable", "--every", "30d"]);
    let error = grid.fails(0, &["rewrite", &monthly, "value"]);
    assert!(error.contains("version 1 was written") && error.contains("one every 2592000 s"), "{error}");

    // A record that may have been rewritten often, but was written just now: its holders know when.
    let key = WriterKey::random();
    let old = old_mutable(&key, 3600, 10, 30, &grid.rules);
    let record = stamps::version(&old, &key, 0, now(), b"first", &grid.rules).unwrap();
    assert_eq!(grid.send(0, &bytes_of(&record)).0, 201);
    let old = PointerText::from(&old).to_string();
    let error = grid.fails(1, &["rewrite", &old, "value"]);
    assert!(error.contains("only who has the writer's key can rewrite a record (--key FILE)"), "{error}");
    grid.place.write("old.key", key_file(&key));
    let error = grid.fails(1, &["rewrite", &old, "value", "--key", "old.key"]);
    assert!(error.contains("too early for another version: the terms allow it in 3"), "{error}");

    grid.place.write("other.key", key_file(&WriterKey::random()));
    let error = grid.fails(1, &["rewrite", &pointer, "value", "--key", "other.key"]);
    assert!(error.contains("other.key holds the key of another writer"), "{error}");
    let error = grid.fails(1, &["rewrite", &pointer, "value", "--key", "value"]);
    assert!(error.contains("value is no writer's key"), "{error}");

    sleep(NEXT_SECOND);
    assert_eq!(grid.json(1, &["rewrite", &pointer, "value"])["sequence"], 1);
    let error = grid.fails(0, &["rewrite", &pointer, "value", "--sequence", "0"]);
    assert!(error.contains("version 1 is there already, and this is an earlier one"), "{error}");

    let immutable = grid.put(0, &["value"]);
    let error = grid.fails(0, &["rewrite", &immutable, "value"]);
    assert!(error.contains("cannot be rewritten, it was put without --mutable"), "{error}");
    let error = grid.fails(0, &["watch", &immutable]);
    assert!(error.contains("never changes"), "{error}");
}

#[test]
fn forged_records_are_refused_by_the_api() {
    let grid = SmallGrid::new(1);
    let key = WriterKey::random();
    let pointer = old_mutable(&key, 1, 1, 30, &grid.rules);
    let record = stamps::version(&pointer, &key, 0, now(), b"some value", &grid.rules).unwrap();
    let good = bytes_of(&record);
    let changed = |part: &[u8]| {
        let at = good.windows(part.len()).position(|window| window == part).unwrap();
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    let head = record.version().unwrap().head;
    for (bytes, words) in [
        (changed(&head.signature), "the signature is not the writer's"),
        (changed(b"some value"), "does not hash to what the writer signed"),
        (changed(&key.public()), "the stamp is not for these terms, or of another grid"),
        (changed(&pointer.stamp().nonce), "the stamp is not for these terms, or of another grid"),
        (good[..good.len() - 1].to_vec(), "ends too early"),
        (b"no record at all".to_vec(), "make the record anew"),
    ] {
        let (status, answer) = grid.send(0, &bytes);
        assert!(status == 422 && answer.contains(words), "{words}: {answer}");
    }
    let future = stamps::version(&pointer, &key, 0, now() + 1000, b"some value", &grid.rules).unwrap();
    let (status, answer) = grid.send(0, &bytes_of(&future));
    assert!(status == 422 && answer.contains("set the writer's clock right"), "{answer}");
    assert_eq!(grid.send(0, &good).0, 201);
    assert_eq!(grid.get(0, &PointerText::from(&pointer).to_string()).0, b"some value");
}

#[test]
fn what_has_expired_is_neither_kept_nor_looked_for_in_vain() {
    let grid = SmallGrid::new(1);
    let key = WriterKey::random();
    let pointer = old_mutable(&key, 1, 3, 2, &grid.rules);
    let record = stamps::version(&pointer, &key, 0, now() - 2 * 86_400, b"old", &grid.rules).unwrap();
    let (status, answer) = grid.send(0, &bytes_of(&record));
    assert!(status == 410 && answer.contains("the record has expired"), "{answer}");
    assert!(answer.contains("put it again, with a new stamp"), "{answer}");
    let error = grid.fails(0, &["get", &PointerText::from(&pointer).to_string()]);
    assert!(error.contains("the record has expired: it was to be kept until 20"), "{error}");
    assert_eq!(grid.json(0, &["status"])["records"], 0);

    // Today is its last day.
    let pointer = old_mutable(&key, 1, 2, 2, &grid.rules);
    let record = stamps::version(&pointer, &key, 0, now() - 86_400, b"old", &grid.rules).unwrap();
    assert_eq!(grid.send(0, &bytes_of(&record)).0, 201);
    assert_eq!(grid.get(0, &PointerText::from(&pointer).to_string()).0, b"old");
}

#[test]
fn pointers_that_do_not_hold_are_told_apart() {
    let grid = SmallGrid::new(1);
    let subject = Subject::Immutable { root: *blake3::hash(b"value").as_bytes() };
    let terms = |days| Wanted { days, ..Wanted::default() }.terms(subject, 5);
    let (one, other) = (costly(&terms(30), &grid.rules), costly(&terms(31), &grid.rules));
    let mixed = PointerText { terms: one.terms().clone(), stamp: other.stamp() };
    let elsewhere = costly(&terms(30), &Rules::of(&Parameters::local()));
    for pointer in [mixed, PointerText::from(&elsewhere)].map(|pointer| pointer.to_string()) {
        for command in ["get", "watch", "providers"] {
            let error = grid.fails(0, &[command, &pointer]);
            assert!(error.contains("not for these terms, or of another grid: it claims"), "{error}");
        }
        let error = grid.fails(0, &["provide", &pointer, "--note", "x"]);
        assert!(error.contains("not for these terms, or of another grid"), "{error}");
    }
    let good = PointerText::from(&one).to_string();
    let error = grid.fails(0, &["get", &good]);
    assert!(error.contains("not found") && error.contains("check that the pointer is of this grid"), "{error}");
    for (wrong, words) in [
        (&good[..good.len() / 2], "a pointer has 115 characters or some more, this has 57: perhaps it was cut off"),
        (&good[..good.len() - 1], "a character is missing"),
        (&good.replace("rook1", "r00k1"), "a pointer begins with \"rook1\""),
        (&good.replacen('q', "b", 1), "never stands in a pointer, it is probably 'q'"),
        ("", "a pointer begins with \"rook1\""),
    ] {
        let error = grid.fails(0, &["get", wrong]);
        assert!(error.contains("this is no pointer: ") && error.contains(words), "{error}");
        assert!(grid.fails(0, &["rewrite", wrong, "file"]).contains(words));
    }
}

#[test]
fn terms_that_cannot_be_are_refused_before_anything_is_paid() {
    let grid = SmallGrid::new(1);
    grid.place.write("value", "some bytes");
    for (args, words) in [
        (&["--days", "366"][..], "kept for 1 to 365 days, not 366"),
        (&["--days", "0"], "kept for 1 to 365 days, not 0"),
        (&["--priority", "65"], "the greatest priority is 64"),
        (&["--application", "123456789012345678901234567890123"], "at most 32 bytes, not 33"),
        (&["--mutable", "--every", "1s", "--max-size", "1MiB"], "at most 262144 bytes, not 1048576"),
        (&["--mutable", "--every", "1s", "--max-size", "9"], "value has more than 9 bytes: say a greater --max-size"),
    ] {
        let error = grid.fails(0, &[&["put", "value"], args].concat());
        assert!(error.contains(words), "{error}");
    }
    for args in [&["--mutable"][..], &["--every", "1h"], &["--mutable", "--every", "0s"], &["--max-size", "much"]] {
        grid.place.fails(2, grid.asking(0, &[&["put", "value"], args].concat()));
    }
    assert_eq!(grid.json(0, &["status"])["records"], 0);
    let keys = grid.place.user_folder("XDG_DATA_HOME").join("rook/writers");
    assert_eq!(std::fs::read_dir(keys).map_or(0, Iterator::count), 0, "no key is left of what was never put");
}

#[test]
fn a_full_quota_keeps_what_matters_more() {
    let grid = SmallGrid::with(1, &["--quota", "350kB"]);
    let put = |name: &str, more: &[&str]| {
        let file = grid.place.write(name, long_value(100_000 + name.len()));
        grid.place.output(grid.asking(0, &[&["put", text(&file)], more].concat()))
    };
    // Luck is worth as much as work: 2^-16 of such stamps pay the price in full.
    let unpaid = ["--days", "365", "--underpay", "16"];
    let cheap = succeeded(put("a", &unpaid));
    let plain: Vec<String> = ["bb", "ccc"].map(|name| succeeded(put(name, &[]))).into();
    // What was not paid for in full goes first, then nothing does for an equal.
    let third = succeeded(put("dddd", &[]));
    let error = grid.fails(0, &["get", cheap.trim()]);
    assert!(error.contains("not found"), "{error}");
    let refused = failed(1, put("eeeee", &[]));
    assert!(refused.contains("its quota is full of records that are worth as much as this one"), "{refused}");
    assert!(refused.contains("put it with more --priority"), "{refused}");
    let refused = failed(1, put("ffffff", &unpaid));
    assert!(refused.contains("the price was not paid in full"), "{refused}");
    // One of the equals goes for what matters more, and no more of them than must.
    let urgent = succeeded(put("ggggggg", &["--priority", "3"]));
    grid.get(0, urgent.trim());
    let equals = plain.iter().chain([&third]);
    let left = equals.filter(|pointer| grid.place.output(grid.asking(0, &["get", pointer.trim()])).status.success());
    assert_eq!(left.count(), 2);
    let status = grid.json(0, &["status"]);
    assert_eq!(status["records"], 3);
    assert!(status["record_bytes"].as_u64().unwrap() <= 350_000, "{status}");
}

#[test]
fn a_mutable_record_lives() {
    let grid = SmallGrid::new(2);
    grid.place.write("first", "first value");
    grid.place.write("second", "second value");
    let put = grid.json(0, &["put", "first", "--mutable", "--every", "1s", "--max-size", "100"]);
    assert_eq!(put["sequence"], 0);
    let key = PathBuf::from(put["key"].as_str().unwrap());
    assert!(key.starts_with(grid.place.user_folder("XDG_DATA_HOME").join("rook/writers")), "{key:?}");
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(&key).unwrap());
    assert_eq!(mode & 0o777, 0o600);
    let pointer = put["pointer"].as_str().unwrap();
    let (value, said) = grid.get(1, pointer);
    assert!(value == b"first value" && said.contains("version 0, "), "{said}");

    let watching = grid.asking(1, &["watch", pointer, "--count", "2", "--json", "--every", "1s"]);
    let lines = std::thread::scope(|scope| {
        let watch = scope.spawn(|| grid.place.ok(watching));
        sleep(2 * NEXT_SECOND);
        let rewritten = grid.json(0, &["rewrite", pointer, "second"]);
        assert_eq!(rewritten["sequence"], 1);
        assert_eq!(rewritten["pointer"], pointer);
        watch.join().unwrap()
    });
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.iter().map(|line| line["sequence"].as_u64().unwrap()).collect::<Vec<_>>(), [0, 1]);
    assert_eq!([&lines[0]["bytes"], &lines[1]["bytes"]], [11, 12]);
    assert!(lines.iter().all(|line| line["twin"].is_null() && line["age_s"].as_u64().unwrap() < 60), "{lines:?}");

    let (value, said) = grid.get(1, pointer);
    assert!(value == b"second value" && said.contains("version 1, ") && said.contains(" old, "), "{said}");
    let got = grid.json(1, &["get", pointer]);
    assert_eq!([&got["sequence"], &got["bytes"]], [1, 12]);
    let written = got["written"].as_u64().unwrap();
    assert!(got["twin"].is_null() && (now() - 60..=now()).contains(&written), "{got}");
    assert!(now() - written - got["age_s"].as_u64().unwrap() <= 5, "{got}");
    // Without its key nobody else goes on with it.
    std::fs::remove_file(key).unwrap();
    assert!(grid.fails(0, &["rewrite", pointer, "first"]).contains("--key FILE"));
}

#[test]
fn a_writer_that_says_two_things_is_found_out() {
    let grid = SmallGrid::new(3);
    for value in ["first", "one", "other"] {
        grid.place.write(value, value);
    }
    let pointer = grid.put(0, &["first", "--mutable", "--every", "1s", "--max-size", "100"]);
    sleep(NEXT_SECOND);
    assert_eq!(grid.json(0, &["rewrite", &pointer, "one", "--sequence", "1"])["sequence"], 1);
    let error = grid.fails(1, &["rewrite", &pointer, "other", "--sequence", "1"]);
    assert!(error.contains("another value under the same number, and both are kept as proof"), "{error}");
    assert!(error.contains("must not be used by two at once"), "{error}");
    // All holders agree which of the two they give, and name the other.
    let values = ["one", "other"];
    let hashes = values.map(|value| blake3::hash(value.as_bytes()).to_string());
    let (first, second) = if hashes[0] > hashes[1] { (0, 1) } else { (1, 0) };
    for node in 0..3 {
        let (value, said) = grid.get(node, &pointer);
        assert_eq!(String::from_utf8(value).unwrap(), values[first]);
        assert!(said.contains("warning: the writer has signed two values as version 1"), "{said}");
        assert!(said.contains(&hashes[second]), "{said}");
        assert_eq!(grid.json(node, &["get", &pointer])["twin"], hashes[second].as_str());
    }
}

#[test]
fn who_offers_something_is_found() {
    let grid = SmallGrid::new(2);
    for (node, note) in [(0, "all of Asia"), (1, "Europe, since 2019")] {
        let offered = grid.json(node, &["provide", "maps/2026", "--note", note, "--for", "30min"]);
        assert!(offered["cells"].as_u64().unwrap() >= 1 && offered["seconds"] == 1800, "{offered}");
    }
    for node in 0..2 {
        let found = grid.json(node, &["providers", "maps/2026"]);
        let found: BTreeSet<(&str, &str)> = found["providers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|provider| (provider["id"].as_str().unwrap(), provider["note"].as_str().unwrap()))
            .collect();
        let ids = [0, 1].map(|node| grid.nodes[node].id.as_str());
        assert_eq!(found, BTreeSet::from([(ids[0], "all of Asia"), (ids[1], "Europe, since 2019")]));
    }
    let table = grid.place.ok(grid.asking(0, &["providers", "maps/2026"]));
    assert!(table.contains("all of Asia") && table.contains(&grid.nodes[1].id[..12]), "{table}");
    // A later word of the same node counts, and a record can be a topic.
    sleep(NEXT_SECOND);
    grid.json(0, &["provide", "maps/2026", "--note", "half of Asia"]);
    let table = grid.place.ok(grid.asking(1, &["providers", "maps/2026"]));
    assert!(table.contains("half of Asia") && !table.contains("all of Asia"), "{table}");
    grid.place.write("value", "some bytes");
    let pointer = grid.put(0, &["value"]);
    grid.json(1, &["provide", &pointer, "--note", "a copy"]);
    assert!(grid.place.ok(grid.asking(0, &["providers", &pointer])).contains("a copy"));

    assert!(grid.fails(0, &["providers", "nothing"]).contains("nobody is known to offer this"));
    assert_eq!(grid.json(0, &["providers", "nothing"])["providers"], Value::Array(Vec::new()));
    let error = grid.fails(0, &["provide", "maps", "--note", &"n".repeat(513)]);
    assert!(error.contains("at most 512 bytes, not 513"), "{error}");
    let error = grid.fails(0, &["provide", "maps", "--for", "2d"]);
    assert!(error.contains("1 to 86400 s, not 172800"), "{error}");
}

#[test]
fn a_file_of_several_chunks_goes_round() {
    let grid = SmallGrid::new(2);
    let value = long_value(1 << 20);
    grid.place.write("value", &value);
    let put = grid.json(0, &["put", "value"]);
    assert!(put["nodes"].as_u64().unwrap() >= 1 && put["cells"].as_u64().unwrap() >= 1, "{put}");
    let pointer = put["pointer"].as_str().unwrap();
    assert!(grid.get(1, pointer).0 == value);
    let got = grid.json(1, &["get", pointer, "-o", "copy"]);
    assert_eq!(got["bytes"], 1 << 20);
    assert!(std::fs::read(grid.place.path("copy")).unwrap() == value);
    assert_eq!(leftovers(&grid, "copy"), Vec::<PathBuf>::new());
    // From standard input, with an odd end.
    let value = long_value(3 * CHUNK + 1);
    let put = with_input(grid.place.rook(grid.asking(0, &["put", "-"])), &value);
    assert!(grid.get(1, succeeded(put).trim()).0 == value);
    // Of what is not all there, nothing is taken for the whole.
    let (terms, _) = stamps::immutable(&long_value(2 * CHUNK), &Wanted::default(), &grid.rules);
    let nothing = PointerText::from(&costly(&terms, &grid.rules)).to_string();
    let error = grid.fails(1, &["get", &nothing, "-o", "none"]);
    assert!(error.contains("not found"), "{error}");
    assert!(!grid.place.path("none").exists());
}

/// What lies beside a file that is being fetched.
fn leftovers(grid: &SmallGrid, name: &str) -> Vec<PathBuf> {
    let files = std::fs::read_dir(grid.place.path("")).unwrap().map(|entry| entry.unwrap().path());
    let beside = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with(&format!("{name}.rook"));
    files.filter(beside).collect()
}

fn start(grid: &SmallGrid, args: &[&str]) -> Child {
    let mut command = grid.place.rook(grid.asking(0, args));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits until a list of chunks has some, and returns it; `None` if the command was done before that was seen.
fn some_chunks(command: &mut Child, mut list: impl FnMut() -> Option<PathBuf>) -> Option<String> {
    loop {
        let text = list().and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
        if text.lines().count() > 4 {
            return Some(text);
        }
        if command.try_wait().unwrap().is_some() {
            return None;
        }
    }
}

/// The one file of a put that is under way.
fn resume_file(grid: &SmallGrid) -> Option<PathBuf> {
    let folder = grid.place.user_folder("XDG_STATE_HOME").join("rook/puts");
    let mut files = std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    files.find(|path| path.file_name().is_some_and(|name| name.len() == 64))
}

/// Ends a command by a signal when it has moved some chunks, and says which it has noted.
fn stopped_in_the_middle(
    grid: &SmallGrid,
    args: &[&str],
    signal: Signal,
    list: impl FnMut() -> Option<PathBuf>,
) -> Option<String> {
    let mut command = start(grid, args);
    let noted = some_chunks(&mut command, list);
    // It may end by itself in this moment.
    let _ = kill_process(Pid::from_child(&command), signal);
    let output = command.wait_with_output().unwrap();
    if signal == Signal::INT && !output.status.success() {
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(130) && said.contains("the same command goes on"), "{said}");
        return noted;
    }
    noted.filter(|_| !output.status.success())
}

#[test]
fn a_put_that_was_stopped_goes_on_and_pays_once() {
    let grid = SmallGrid::new(2);
    for (number, signal) in [Signal::KILL, Signal::INT].into_iter().enumerate() {
        // A quick machine may be done before it is stopped: then with a larger one.
        let (file, noted) = (0..4)
            .find_map(|attempt| {
                let name = format!("value-{number}-{attempt}");
                let file = grid.place.write(&name, long_value(((16 << attempt) << 20) + number));
                let noted = stopped_in_the_middle(&grid, &["put", text(&file)], signal, || resume_file(&grid))?;
                Some((file, noted))
            })
            .unwrap();
        let paid = noted.lines().next().unwrap();
        let output = grid.place.output(grid.asking(1, &["put", text(&file)]));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let pointer = succeeded(output);
        assert_eq!(pointer.trim(), paid, "it was paid for once");
        assert!(said.contains("going on: ") && said.contains(" are there"), "{said}");
        assert_eq!(resume_file(&grid), None, "nothing is left of it");
        assert!(grid.get(1, paid).0 == std::fs::read(file).unwrap());
    }
}

#[test]
fn a_get_that_was_killed_goes_on_and_notices_damage() {
    let grid = SmallGrid::new(2);
    let mut size = 16 << 20;
    let mut killed = |name: &str| loop {
        let file = grid.place.write(&format!("value-{size}"), long_value(size));
        let pointer = grid.put(0, &[text(&file)]);
        let list = || Some(grid.place.path(&format!("{name}.rook-chunks")));
        let noted = stopped_in_the_middle(&grid, &["get", &pointer, "-o", name], Signal::KILL, list);
        match noted {
            Some(noted) => return (pointer, std::fs::read(file).unwrap(), noted),
            None => size *= 2,
        }
        assert!(size <= 256 << 20, "it is never seen in the middle");
    };
    let (pointer, value, noted) = killed("copy");
    assert!(noted.starts_with(&pointer) && !grid.place.path("copy").exists());
    let output = grid.place.output(grid.asking(1, &["get", &pointer, "-o", "copy"]));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && said.contains("going on: "), "{said}");
    assert!(std::fs::read(grid.place.path("copy")).unwrap() == value);
    assert_eq!(leftovers(&grid, "copy"), Vec::<PathBuf>::new());

    let (pointer, value, noted) = killed("other");
    let chunk: u64 = noted.lines().nth(1).unwrap().parse().unwrap();
    let part = std::fs::File::options().write(true).open(grid.place.path("other.rook-part")).unwrap();
    let place = chunk as usize * CHUNK + 7;
    part.write_all_at(&[value[place] ^ 1], place as u64).unwrap();
    let error = grid.fails(1, &["get", &pointer, "-o", "other"]);
    assert!(error.contains("other.rook-part is not what was fetched") && error.contains("Get it again"), "{error}");
    assert!(!grid.place.path("other").exists());
    grid.place.ok(grid.asking(1, &["get", &pointer, "-o", "other"]));
    assert!(std::fs::read(grid.place.path("other")).unwrap() == value);
    assert_eq!(leftovers(&grid, "other"), Vec::<PathBuf>::new());
}

#[test]
fn prices_are_those_of_the_table() {
    let place = Place::new();
    let bits = |args: &[&str]| place.json([&["price", "--json"], args].concat())["bits"].as_u64().unwrap();
    for (args, expected) in [
        (&["--size", "0", "--days", "1", "--grid", "local"][..], 4),
        (&["--size", "1KiB", "--days", "1", "--grid", "local"], 4),
        (&["--size", "1025", "--days", "1", "--grid", "local"], 5),
        (&["--size", "1MiB", "--grid", "local"], 19),
        (&["--size", "1MiB", "--grid", "main"], 31),
        (&["--size", "1MiB"], 31),
        (&["--size", "1GiB"], 41),
        (&["--size", "1MiB", "--priority", "3"], 34),
        (&["--size", "1KiB", "--days", "1", "--rewrites", "1/day"], 17),
        (&["--size", "1KiB", "--days", "1", "--rewrites", "1/week"], 17),
        (&["--size", "1KiB", "--days", "1", "--rewrites", "24/day"], 22),
        (&["--size", "1KiB", "--days", "64", "--half-life", "1"], 17),
    ] {
        assert_eq!(bits(args), expected, "{args:?}");
    }
    let output = place.json(["price", "--size", "1MiB", "--json"]);
    assert_eq!(output["expected_attempts"], 2_f64.powi(31));
    let (rate, seconds) = (output["attempts_per_s_here"].as_f64(), output["expected_seconds_here"].as_f64());
    assert!((rate.unwrap() * seconds.unwrap() / 2_f64.powi(31) - 1.0).abs() < 0.01, "{output}");
    assert!(place.ok(["price", "--size", "1MiB"]).contains("2^31 attempts on average"));
    assert!(place.fails(1, ["price", "--size", "2TiB"]).contains("at most 1099511627776 bytes"));
    assert!(place.fails(1, ["price", "--size", "1", "--days", "366"]).contains("1 to 365 days"));
    // Such a value has to lie beside its mutable record; what it costs is said all the same.
    let large = place.output(["price", "--size", "1MiB", "--days", "30", "--rewrites", "1/day", "--json"]);
    assert!(String::from_utf8_lossy(&large.stderr).contains("at most 262144 bytes"));
    let large: serde_json::Value = serde_json::from_slice(&large.stdout).unwrap();
    assert_eq!(large["bits"], 16 + 10 + 5 + 1, "main: 2^16 for a kibibyte and a day, times 2^10, 30 and 2");
    place.fails(2, ["price", "--size", "much"]);
    place.fails(2, ["price", "--size", "1", "--rewrites", "often"]);
}

#[test]
fn two_puts_of_one_file_do_not_disturb_each_other() {
    let grid = SmallGrid::new(1);
    let file = grid.place.write("value", long_value(4 << 20));
    let puts = [0, 1].map(|_| start(&grid, &["put", text(&file)]));
    for put in puts {
        let pointer = succeeded(put.wait_with_output().unwrap());
        assert!(grid.get(0, pointer.trim()).0 == std::fs::read(&file).unwrap());
    }
}
