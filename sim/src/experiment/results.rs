//! Results as tables and as JSON. Nothing in them depends on the machine or on the time.

use serde::Serialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::claims::Verdict;
use super::run::{Results, Row};
use super::setup::{Point, plain};
use super::statistics::Summary;

/// Of the JSON; it grows when a reader of the one before would not understand it.
const FORMAT: u32 = 1;

/// One row a point: what is swept, then mean, 95 % confidence interval, least, greatest and number of each measure.
pub fn table(results: &Results) -> String {
    let measures = results.measures();
    let mut head: Vec<String> = results.setup.swept.clone();
    for name in &measures {
        head.extend(["mean", "ci95", "min", "max", "n"].map(|figure| format!("{name}_{figure}")));
    }
    let mut lines = vec![line(head)];
    for (point, row) in results.setup.points.iter().zip(&results.rows) {
        let mut fields = swept_fields(results, point);
        for name in &measures {
            let figures = row.measures.get(name).map(|summary| {
                let ci95 = summary.ci95.map_or_else(String::new, |half| half.to_string());
                [
                    summary.mean.to_string(),
                    ci95,
                    summary.min.to_string(),
                    summary.max.to_string(),
                    summary.n.to_string(),
                ]
            });
            fields.extend(figures.unwrap_or_else(|| ["", "", "", "", "0"].map(str::to_owned)));
        }
        lines.push(line(fields));
    }
    lines.concat()
}

/// One row a trial: what is swept, the seed, then each measure.
pub fn raw_table(results: &Results) -> String {
    let measures = results.measures();
    let mut head: Vec<String> = results.setup.swept.clone();
    head.push("seed".into());
    head.extend(measures.iter().map(|&name| name.to_owned()));
    let mut lines = vec![line(head)];
    for (point, row) in results.setup.points.iter().zip(&results.rows) {
        for (seed, trial) in results.setup.seeds().iter().zip(&row.trials) {
            let mut fields = swept_fields(results, point);
            fields.push(seed.to_string());
            fields.extend(measures.iter().map(|name| trial.get(name).map_or_else(String::new, ToString::to_string)));
            lines.push(line(fields));
        }
    }
    lines.concat()
}

fn swept_fields(results: &Results, point: &Point) -> Vec<String> {
    let value = |name: &String| point.parameter(name).map_or_else(String::new, plain);
    results.setup.swept.iter().map(value).collect()
}

/// A line of CSV (RFC 4180, but with a bare line feed).
fn line(fields: Vec<String>) -> String {
    let quoted = |field: String| {
        if field.contains([',', '"', '\n', '\r']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field }
    };
    format!("{}\n", fields.into_iter().map(quoted).collect::<Vec<_>>().join(","))
}

/// Everything: what was asked, with which parameters and seeds, every figure of every trial, and the claims.
pub fn json(results: &Results, verdicts: &[Verdict]) -> Value {
    let (setup, experiment) = (&results.setup, &results.setup.experiment);
    let points: Vec<Value> =
        setup.points.iter().zip(&results.rows).map(|(point, row)| point_json(point, row)).collect();
    json!({
        "format": FORMAT,
        "program": concat!("rook-sim ", env!("CARGO_PKG_VERSION")),
        "command": setup.command(),
        "name": experiment.name,
        "file_sha256": hex(&Sha256::digest(experiment.text.as_bytes())),
        "model": experiment.model,
        "title": experiment.title,
        "question": experiment.question,
        "conclusion": experiment.conclusion,
        "small": setup.wishes.small,
        "seeds": { "first": setup.seeds.first, "count": setup.seeds.count },
        "points": points,
        "claims": verdicts,
        "holds": verdicts.iter().all(|verdict| verdict.holds),
    })
}

fn point_json(point: &Point, row: &Row) -> Value {
    let swept: Map<String, Value> = point.swept.iter().cloned().collect();
    let measured = |name: &str, summary: &Summary| {
        let values = row.trials.iter().map(|trial| trial.get(name).copied()).collect();
        json!(Measured { summary: *summary, values })
    };
    let measures = row.measures.iter().map(|(&name, summary)| (name.to_owned(), measured(name, summary)));
    json!({ "swept": swept, "parameters": point.parameters, "measures": measures.collect::<Map<_, _>>() })
}

/// A measure at a point.
#[derive(Serialize)]
struct Measured {
    #[serde(flatten)]
    summary: Summary,
    /// In the order of the seeds.
    values: Vec<Option<f64>>,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_with_commas_and_quotes_survive() {
        assert_eq!(line(vec!["a,b".into(), "say \"no\"".into(), "plain".into()]), "\"a,b\",\"say \"\"no\"\"\",plain\n");
    }
}
