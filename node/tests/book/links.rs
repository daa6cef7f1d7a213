//! Where the links of the documents lead.

use std::path::{Path, PathBuf};

/// The files with that ending, in a folder and those within it.
pub(crate) fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.extension().is_some_and(|found| found == ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The text without fenced blocks and code, which hold no links.
fn prose(text: &str) -> String {
    let outside = text.split("\n```").step_by(2).collect::<Vec<_>>().join("\n");
    outside.split('`').step_by(2).collect::<Vec<_>>().join("")
}

/// What links name: (address, anchor).
fn links(text: &str) -> Vec<(String, Option<String>)> {
    let prose = prose(text);
    let inside = prose.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(inside, _)| inside);
    let local = inside.filter(|address| !address.contains("://"));
    let parts = local.map(|address| match address.split_once('#') {
        Some((file, anchor)) => (file.to_owned(), Some(anchor.to_owned())),
        None => (address.to_owned(), None),
    });
    parts.collect()
}

/// The anchors that mdBook and code hosts make of headings.
fn anchors(text: &str) -> Vec<String> {
    let outside = text.split("\n```").step_by(2).collect::<Vec<_>>().join("\n");
    let headings = outside.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let anchor = |heading: &str| {
        let kept = heading.chars().filter_map(|c| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c.to_ascii_lowercase()),
            _ => None,
        });
        kept.collect()
    };
    headings.map(anchor).collect()
}

/// Links of the documents, the README and the roadmap that lead nowhere.
pub(crate) fn broken(repository: &Path) -> Vec<String> {
    let mut documents = files(&repository.join("docs"), "md");
    documents.extend(["README.md", "ROADMAP.md"].map(|name| repository.join(name)));
    let mut broken = Vec::new();
    let mut seen = 0;
    for document in &documents {
        let text = std::fs::read_to_string(document).unwrap();
        for (address, anchor) in links(&text) {
            seen += 1;
            let target = match address.as_str() {
                "" => document.clone(),
                address => document.parent().unwrap().join(address),
            };
            let leads = target.exists()
                && anchor
                    .as_ref()
                    .is_none_or(|anchor| anchors(&std::fs::read_to_string(&target).unwrap()).contains(anchor));
            if !leads {
                let anchor = anchor.map(|anchor| format!("#{anchor}")).unwrap_or_default();
                broken.push(format!("{}: {address}{anchor}", document.display()));
            }
        }
    }
    assert!(seen > 40, "only {seen} links were seen");
    broken
}

/// Documents that the book's table of contents does not name.
pub(crate) fn not_in_summary(docs: &Path) -> Vec<PathBuf> {
    let summary = docs.join("SUMMARY.md");
    let named: Vec<PathBuf> =
        links(&std::fs::read_to_string(&summary).unwrap()).into_iter().map(|(address, _)| docs.join(address)).collect();
    files(docs, "md").into_iter().filter(|file| *file != summary && !named.contains(file)).collect()
}

#[test]
fn links_and_anchors_are_found() {
    let text =
        "# A `b` c, d\n[x](a.md#b) `[no](c.md)` [y](https://d) [z](#e)\n```text\n# no\n[n](f.md)\n```\n[w](g.md)\n";
    let expected = [("a.md", Some("b")), ("", Some("e")), ("g.md", None)];
    let expected =
        expected.map(|(address, anchor): (&str, Option<&str>)| (address.to_owned(), anchor.map(str::to_owned)));
    assert_eq!(links(text), expected);
    assert_eq!(anchors(text), ["a-b-c-d"]);
}
