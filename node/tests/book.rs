//! The book is run: every command of its chapters, as it stands there, and what the chapter shows is what comes. What cannot be run
//! here is listed here; links lead somewhere; code in the book is code of the examples.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test may fail, and says what it did"
)]

#[path = "book/image.rs"]
mod image;
#[path = "book/links.rs"]
mod links;
#[path = "book/markdown.rs"]
mod markdown;
#[path = "book/session.rs"]
mod session;
#[path = "book/shown.rs"]
mod shown;

use std::path::{Path, PathBuf};

use markdown::{Block, Element, Run};

/// What a reader does by hand, since a test may not: install programs, be root, use a day of the processor.
const BY_HAND: &[(&str, &str)] = &[
    ("at-home", "cargo install --locked cargo-deb && packaging/debian/build"),
    ("at-home", "sudo dpkg -i target/debian/rook_*.deb"),
    ("at-home", "sudo install -m 600 identity.pem /etc/rook/identity.pem"),
    ("at-home", "sudo systemctl restart rook"),
    ("at-home", "journalctl -u rook -f"),
    ("at-home", "docker build -f packaging/docker/Dockerfile -t rook ."),
    ("first-grid", "cargo install --locked --path node"),
    ("mint", "nice rook mint --grid main --out main.pem"),
    ("read-datasets", "python3 -m pip install xarray netCDF4 pydap"),
];

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn chapter(name: &str) -> PathBuf {
    repository().join("docs/guide").join(format!("{name}.md"))
}

/// The chapters that are written to be followed, by name.
fn chapters() -> Vec<String> {
    let files = std::fs::read_dir(repository().join("docs/guide")).unwrap();
    let mut names: Vec<String> =
        files.map(|file| file.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

fn elements(name: &str) -> Vec<Element> {
    let text = std::fs::read_to_string(chapter(name)).unwrap();
    markdown::elements(&text).unwrap_or_else(|error| panic!("{name}.md: {error}"))
}

/// The chapters with commands, each of which has a test below.
const RUN: &[&str] = &["application", "at-home", "first-grid", "mint", "read-datasets", "serve-datasets"];

#[test]
fn your_first_grid() {
    session::follow("first-grid", &elements("first-grid"));
}

#[test]
fn a_node_at_home() {
    session::follow("at-home", &elements("at-home"));
}

#[test]
fn minting() {
    session::follow("mint", &elements("mint"));
}

#[test]
fn serving_datasets() {
    session::follow("serve-datasets", &elements("serve-datasets"));
}

#[test]
fn reading_datasets() {
    session::follow("read-datasets", &elements("read-datasets"));
}

#[test]
fn writing_an_application() {
    session::follow("application", &elements("application"));
}

#[test]
fn no_chapter_with_commands_is_left_out() {
    let has_commands =
        |name: &String| elements(name).iter().any(|element| element.block().is_some_and(Block::has_commands));
    let with_commands: Vec<String> = chapters().into_iter().filter(has_commands).collect();
    assert_eq!(with_commands, RUN);
}

#[test]
fn what_is_not_run_is_listed() {
    let mut by_hand = Vec::new();
    for name in chapters() {
        for block in elements(&name).iter().filter_map(Element::block).filter(|block| block.run == Run::ByHand) {
            let commands: Vec<String> = block.steps().into_iter().map(|step| step.command).collect();
            by_hand.extend(commands.into_iter().map(|command| (name.clone(), command)));
        }
    }
    let by_hand: Vec<(&str, &str)> = by_hand.iter().map(|(name, command)| (name.as_str(), command.as_str())).collect();
    assert_eq!(by_hand, BY_HAND);
}

#[test]
fn code_in_the_book_is_code_of_the_examples() {
    let squeeze = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let examples: String = links::files(&repository().join("node/examples"), "rs")
        .iter()
        .map(|file| squeeze(&std::fs::read_to_string(file).unwrap()))
        .collect::<Vec<_>>()
        .join("\n");
    let mut pieces = 0;
    for name in chapters() {
        for block in elements(&name).iter().filter_map(Element::block).filter(|block| block.language == "rust") {
            assert!(examples.contains(&squeeze(&block.text)), "{name}.md, line {}: in no example", block.line);
            pieces += 1;
        }
    }
    assert!(pieces > 0, "the book shows no code at all");
}

#[test]
fn links_lead_somewhere() {
    let broken = links::broken(repository());
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_page_is_in_the_book() {
    let missing = links::not_in_summary(&repository().join("docs"));
    assert!(missing.is_empty(), "docs/SUMMARY.md does not name {missing:?}");
}

#[test]
fn what_the_image_is_built_of_is_there() {
    let faults = image::faults(repository());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
