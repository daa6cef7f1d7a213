//! What is written of the metrics is what the program prints: the page for people, the dashboard for Grafana, the alerts.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a test")]

mod cli_support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use cli_support::{Place, eventually, scrape};
use serde_json::Value;

/// How long joining may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
const BEGIN: &str = "<!-- metrics: made by `ROOK_WRITE_DOCS=1 cargo test -p node --test metrics_pages` -->\n";
const END: &str = "<!-- end of metrics -->\n";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// What two nodes print that are linked, one of which tried to join through a node that is not there as well: much of
/// what libp2p counts is told only when it has happened.
fn page() -> String {
    let place = Place::new();
    let node = |name: &str, peers: &[&str]| {
        let identity = place.mint("local", &format!("{name}.pem"));
        let mut args = place.run_args(&identity, name);
        args.extend(peers.iter().flat_map(|peer| ["--peer".to_owned(), (*peer).to_owned()]));
        let mut node = place.node(&args);
        node.wait_for("joined", PATIENCE);
        node
    };
    let first = node("first", &[]);
    let second = node("second", &["/ip4/127.0.0.1/tcp/1", &first.listen[0]]);
    eventually("a ping is answered", PATIENCE, || {
        let page = scrape(&second.api);
        page.contains("libp2p_ping_rtt_seconds_count").then_some(page)
    }) + &scrape(&first.api)
}

/// A metric as it is described: its kind, its labels, its meaning.
#[derive(Default)]
struct Described {
    kind: String,
    labels: BTreeMap<String, BTreeSet<String>>,
    help: String,
}

fn described(page: &str) -> BTreeMap<String, Described> {
    let mut all = BTreeMap::<String, Described>::new();
    for line in page.lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            all.entry(name.to_owned()).or_default().help = help.to_owned();
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            all.entry(name.to_owned()).or_default().kind = kind.to_owned();
        } else if let Some((sample, rest)) = line.split_once('{') {
            let name = plain(sample);
            let Some(metric) = all.get_mut(&name) else { panic!("{sample} is not described") };
            for label in rest.split_once('}').unwrap().0.split("\",") {
                let (label, value) = label.split_once("=\"").unwrap();
                if label != "le" {
                    let values = metric.labels.entry(label.to_owned()).or_default();
                    values.insert(value.trim_end_matches('"').to_owned());
                }
            }
        }
    }
    all
}

/// A metric's name without what its samples' names end in.
fn plain(sample: &str) -> String {
    let ends = ["_total", "_bucket", "_sum", "_count"];
    ends.iter().find_map(|end| sample.strip_suffix(end)).unwrap_or(sample).to_owned()
}

/// A line of the table for each metric.
fn rows(all: &BTreeMap<String, Described>) -> BTreeSet<String> {
    let row = |(name, metric): (&String, &Described)| {
        let end = if metric.kind == "counter" { "_total" } else { "" };
        let labels = metric.labels.iter();
        // What labels of libp2p say depends on the addresses.
        let labels = labels.map(|(label, values)| match name.starts_with("libp2p_") {
            true => format!("`{label}`"),
            false => described_label(label, values),
        });
        let labels: Vec<String> = labels.collect();
        let help = metric.help.trim_end_matches('.');
        format!("| `{name}{end}` | {} | {} | {help}. |\n", metric.kind, labels.join("; "))
    };
    all.iter().map(row).collect()
}

fn described_label(label: &str, values: &BTreeSet<String>) -> String {
    match (label, values.len()) {
        ("axis", _) => "`axis`: 0 to d - 1".to_owned(),
        (_, 0..=12) => format!("`{label}`: {}", values.iter().cloned().collect::<Vec<_>>().join(", ")),
        _ => format!("`{label}`"),
    }
}

#[test]
fn the_page_lists_what_is_printed() {
    let printed = rows(&described(&page()));
    let path = root().join("docs/operations.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("no beginning of the metrics");
    let (found, after) = rest.split_once(END).expect("no end of the metrics");
    let is_foreign = |row: &String| row.starts_with("| `libp2p_");
    let written: BTreeSet<String> =
        found.split_inclusive('\n').filter(|row| row.starts_with("| `")).map(str::to_owned).collect();
    if std::env::var_os("ROOK_WRITE_DOCS").is_some() {
        // Of libp2p's those stay that were printed once.
        let all: BTreeSet<String> = written.into_iter().filter(is_foreign).chain(printed).collect();
        let table: String = all.into_iter().collect();
        let head = "\n| metric | kind | labels | meaning |\n| --- | --- | --- | --- |\n";
        std::fs::write(&path, format!("{before}{BEGIN}{head}{table}\n{END}{after}")).unwrap();
        return;
    }
    // Which of libp2p's are printed depends on what happened on the connections.
    let missing: Vec<_> = printed.difference(&written).filter(|row| !is_foreign(row)).collect();
    let gone: Vec<_> = written.difference(&printed).filter(|row| !is_foreign(row)).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "write it anew, see the page: not there {missing:#?}, too much {gone:#?}"
    );
}

/// The names of metrics in a query.
fn named(query: &str) -> impl Iterator<Item = &str> {
    let words = query.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| ["rook_", "libp2p_", "process_"].iter().any(|start| word.starts_with(start)))
}

/// All texts under the key `expr`, however deep.
fn queries(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            into.extend(fields.get("expr").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| queries(value, into));
        }
        Value::Array(values) => values.iter().for_each(|value| queries(value, into)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn dashboards_and_alerts_name_metrics_that_exist() {
    let page = page();
    let samples: BTreeSet<&str> =
        page.lines().filter(|line| !line.starts_with('#')).map(|line| line.split(['{', ' ']).next().unwrap()).collect();
    let grafana = std::fs::read_to_string(root().join("packaging/grafana/rook.json")).unwrap();
    let mut asked = Vec::new();
    queries(&serde_json::from_str(&grafana).unwrap(), &mut asked);
    assert!(asked.len() >= 10, "the dashboard asks for nothing");
    let alerts = std::fs::read_to_string(root().join("packaging/prometheus/alerts.yml")).unwrap();
    let rules: Vec<&str> = alerts.lines().filter_map(|line| line.trim().strip_prefix("expr: ")).collect();
    assert!(rules.len() >= 6 && rules.len() == alerts.matches("- alert: ").count(), "an alert without a rule");
    for query in asked.iter().map(String::as_str).chain(rules) {
        let names: Vec<&str> = named(query).collect();
        assert!(!names.is_empty(), "{query} names no metric");
        for name in names {
            assert!(samples.contains(name), "{name} is not printed; it is named in {query}");
        }
    }
}
