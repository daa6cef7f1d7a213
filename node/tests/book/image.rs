//! What of `packaging/docker` can be checked without docker.

use std::path::Path;

/// The words of the lines of a file that begin with one, without options.
fn words_after(text: &str, first: &str) -> Vec<Vec<String>> {
    let lines = text.lines().filter_map(|line| line.strip_prefix(first)).filter(|rest| rest.starts_with(' '));
    lines.map(|rest| rest.split_whitespace().map(str::to_owned).collect()).collect()
}

/// What is wrong with the image's sources: all that is copied is there and let through, and it is all that a build reads.
pub(crate) fn faults(repository: &Path) -> Vec<String> {
    let read = |name: &str| std::fs::read_to_string(repository.join(name)).unwrap();
    let dockerfile = read("packaging/docker/Dockerfile");
    let let_through: Vec<String> =
        read(".dockerignore").lines().filter_map(|line| line.strip_prefix('!')).map(str::to_owned).collect();
    let copies = words_after(&dockerfile, "COPY");
    let from_context = copies.iter().filter(|words| !words[0].starts_with("--from"));
    let mut copied: Vec<String> = from_context.flat_map(|words| words[..words.len() - 1].to_vec()).collect();
    let mut faults = Vec::new();
    faults
        .extend(copied.iter().filter(|source| !repository.join(source).exists()).map(|source| format!("no {source}")));
    copied.sort();
    let mut sorted = let_through;
    sorted.sort();
    if copied != sorted {
        faults.push(format!(".dockerignore lets {sorted:?} through, and {copied:?} are copied"));
    }
    let cargo: toml::Table = read("Cargo.toml").parse().unwrap();
    let members = cargo["workspace"]["members"].as_array().unwrap().iter().filter_map(toml::Value::as_str);
    faults.extend(
        members
            .filter(|member| !copied.iter().any(|source| source == member))
            .map(|member| format!("{member} is not copied")),
    );
    let version = cargo["workspace"]["package"]["rust-version"].as_str().unwrap();
    if !dockerfile.contains(&format!("rust:{version}-")) {
        faults.push(format!("the image is not built with Rust {version}, the oldest that is promised"));
    }
    faults
}
