//! One page over experiments that were run: self-contained, readable on a phone, by day and by night.

mod html;

use serde_json::Value;

use super::claims::{Verdict, short, with_interval};
use super::plot::Picture;
use super::run::Results;
use super::setup::plain;
use html::{cell, escaped, figure, paragraphs, table};

/// Larger tables are folded.
const MANY_ROWS: usize = 16;

/// What is told of one experiment.
pub struct Chapter<'a> {
    /// What came out.
    pub results: &'a Results,
    /// What came of the claims.
    pub verdicts: &'a [Verdict],
    /// The diagrams.
    pub pictures: &'a [Picture],
}

/// The page.
pub fn page(chapters: &[Chapter<'_>]) -> String {
    let title = match chapters {
        [one] => one.results.setup.experiment.title.clone(),
        _ => "Grid of Trust: experiments".into(),
    };
    let failed: usize = chapters.iter().map(Chapter::failed).sum();
    let all: usize = chapters.iter().map(|chapter| chapter.verdicts.len()).sum();
    let state = match failed {
        0 => format!("All {all} claims hold."),
        some => format!("{some} of {all} claims do not hold."),
    };
    let contents = if chapters.len() > 1 { contents(chapters) } else { String::new() };
    let body: String = chapters.iter().map(chapter).collect();
    html::document(&title, &format!("<p class=\"state\">{state}</p>\n{contents}{body}"), chapters.len() > 1)
}

impl Chapter<'_> {
    fn failed(&self) -> usize {
        self.verdicts.iter().filter(|verdict| !verdict.holds).count()
    }
}

fn contents(chapters: &[Chapter<'_>]) -> String {
    let line = |chapter: &Chapter<'_>| {
        let experiment = &chapter.results.setup.experiment;
        let (failed, all) = (chapter.failed(), chapter.verdicts.len());
        let mark = if failed == 0 { mark(true) } else { mark(false) };
        let (name, title) = (escaped(&experiment.name), escaped(&experiment.title));
        format!("<li><a href=\"#{name}\">{title}</a> {mark} {} of {all} claims hold</li>\n", all - failed)
    };
    format!("<ul class=\"contents\">\n{}</ul>\n", chapters.iter().map(line).collect::<String>())
}

fn mark(holds: bool) -> &'static str {
    if holds { "<span class=\"yes\">✓</span>" } else { "<span class=\"no\">✗</span>" }
}

fn chapter(chapter: &Chapter<'_>) -> String {
    let setup = &chapter.results.setup;
    let experiment = &setup.experiment;
    let version = if setup.wishes.small {
        "<p class=\"warn\">This is the small version, which only shows that the experiment works: the figures of the \
         conclusion are those of the whole one.</p>\n"
    } else {
        ""
    };
    format!(
        "<section id=\"{name}\">\n<h2>{title}</h2>\n<div class=\"question\">{question}</div>\n{version}\
         <h3>Conclusion</h3>\n{conclusion}\n{claims}<div class=\"plots\">\n{pictures}</div>\n<h3>Figures</h3>\n<p>{how}</p>\n{figures}{parameters}\
         <h3>To run it again</h3>\n<pre>{command}</pre>\n<p>gives the same figures, to the last digit, on any number of cores.</p>\n\
         </section>\n",
        name = escaped(&experiment.name),
        title = escaped(&experiment.title),
        question = paragraphs(&experiment.question),
        conclusion = paragraphs(&experiment.conclusion),
        claims = claims(chapter.verdicts),
        pictures = chapter.pictures.iter().map(figure).collect::<String>(),
        how = how(chapter.results),
        figures = figures(chapter.results),
        parameters = parameters(chapter.results),
        command = escaped(&setup.command()),
    )
}

fn how(results: &Results) -> String {
    let setup = &results.setup;
    let (points, trials) = (setup.points.len(), setup.trials());
    let last = setup.seeds.first + setup.seeds.count - 1;
    let intervals = if setup.seeds.count > 1 {
        "Means over the seeds, ± half the width of their 95 % confidence intervals (Student's t); no ± where all seeds \
         gave the same."
    } else {
        "One seed, so nothing can be said about chance."
    };
    let model = escaped(&setup.experiment.model);
    format!(
        "Model <code>{model}</code>: {points} settings, seeds {} to {last} for each, {trials} trials. {intervals}",
        setup.seeds.first
    )
}

fn claims(verdicts: &[Verdict]) -> String {
    if verdicts.is_empty() {
        return String::new();
    }
    let rows = verdicts.iter().map(|verdict| {
        let asked = format!("{} {}", verdict.measure, verdict.asked);
        vec![mark(verdict.holds).to_owned(), escaped(&verdict.says), escaped(&asked), found(verdict)]
    });
    let head = ["", "claim", "asked", "found"].map(str::to_owned);
    format!("<h3>Claims</h3>\n{}", table("claims", &head, rows))
}

/// What was found at a claim's points, the bad first if there are many.
fn found(verdict: &Verdict) -> String {
    let mut findings: Vec<_> = verdict.findings.iter().collect();
    findings.sort_by_key(|finding| finding.holds);
    let lines = findings.iter().take(3).map(|finding| {
        let figure = finding.mean.map_or_else(|| "not measured".into(), |mean| with_interval(mean, finding.ci95));
        let doubt = if finding.holds { "" } else { " class=\"no\"" };
        format!("<div{doubt}><b>{}</b> <small>{}</small></div>", escaped(&figure), escaped(&finding.at))
    });
    let more = match verdict.findings.len() {
        0..=3 => String::new(),
        all => format!("<div><small>and at {} more</small></div>", all - 3),
    };
    lines.collect::<String>() + &more
}

fn figures(results: &Results) -> String {
    let measures = results.measures();
    let mut head: Vec<String> = results.setup.swept.iter().map(|name| escaped(name)).collect();
    head.extend(measures.iter().map(|name| escaped(name).replace('_', "_<wbr>")));
    let rows = results.setup.points.iter().zip(&results.rows).map(|(point, row)| {
        let value = |name: &String| point.parameter(name).map_or_else(String::new, shown);
        let mut cells: Vec<String> = results.setup.swept.iter().map(value).collect();
        let mean = |name: &&'static str| row.measures.get(name).map_or_else(|| "–".into(), cell);
        cells.extend(measures.iter().map(mean));
        cells
    });
    let (count, table) = (results.rows.len(), table("figures", &head, rows));
    if count > MANY_ROWS { format!("<details><summary>{count} settings</summary>\n{table}</details>\n") } else { table }
}

/// What is the same at all points.
fn parameters(results: &Results) -> String {
    let Some(first) = results.setup.points.first() else { return String::new() };
    let fixed = first.parameters.iter().filter(|(name, _)| !results.setup.swept.contains(name));
    let pairs: Vec<String> =
        fixed.map(|(name, value)| format!("<code>{} = {}</code>", escaped(name), shown(value))).collect();
    if pairs.is_empty() { String::new() } else { format!("<p>The same in all settings: {}.</p>\n", pairs.join(", ")) }
}

fn shown(value: &Value) -> String {
    match value.as_f64() {
        Some(number) if value.is_f64() => short(number),
        _ => escaped(&plain(value)),
    }
}
