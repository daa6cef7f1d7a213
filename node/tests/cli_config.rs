//! `rook config`: the file that `rook run --config` takes.

#![allow(clippy::unwrap_used, reason = "a test")]

mod cli_support;

use std::path::PathBuf;

use cli_support::Place;

const PAGE: &str = "docs/configuration.md";
const BEGIN: &str = "<!-- made by `ROOK_WRITE_DOCS=1 cargo test -p node --test cli_config` -->\n```toml\n";
const END: &str = "```\n";

#[test]
fn a_file_is_made_checked_shown_and_run() {
    let place = Place::new();
    place.ok(["config", "init", "-o", "rook.toml"]);
    let again = place.fails(1, ["config", "init", "-o", "rook.toml"]);
    assert!(again.contains("is there already"), "{again}");
    let text = std::fs::read_to_string(place.path("rook.toml")).unwrap();
    assert_eq!(place.ok(["config", "init"]), text, "the same without a file");

    let checked = place.output(["config", "check", "rook.toml"]);
    let said = String::from_utf8(checked.stdout).unwrap();
    assert_eq!(said, "rook.toml: nothing is wrong with it; 0 keys are set\n");
    let left = String::from_utf8(checked.stderr).unwrap();
    assert!(left.contains("wants --identity") && left.contains("wants --data"), "{left}");

    place.mint("local", "identity.pem");
    let set = [("identity", "identity.pem"), ("data", "data"), ("api", "127.0.0.1:0"), ("quota", "3MiB")];
    let mut text = set.iter().fold(text, |text, (key, value)| {
        let line = text.lines().find(|line| line.starts_with(&format!("#{key} = "))).unwrap().to_owned();
        text.replace(&line, &format!("{key} = \"{value}\""))
    });
    let listen = text.lines().find(|line| line.starts_with("#listen = ")).unwrap().to_owned();
    text = text.replacen(&listen, "listen = [\"/ip4/127.0.0.1/udp/0/quic-v1\"]", 1);
    place.write("rook.toml", &text);
    let checked = place.ok(["config", "check", "rook.toml"]);
    assert!(checked.ends_with("nothing is wrong with it; 5 keys are set\n"), "{checked}");
    let shown = place.ok(["config", "show", "rook.toml"]);
    let row = |key: &str| shown.lines().find(|line| line.starts_with(key)).unwrap().to_owned();
    assert!(row("quota").contains("\"3MiB\"") && row("quota").ends_with("the file"), "{shown}");
    assert!(row("limits.max_connections").ends_with("2500"), "{shown}");
    let all = place.json(["config", "show", "rook.toml", "--json"]);
    let quota = all.as_array().unwrap().iter().find(|one| one["key"] == "quota").unwrap();
    assert_eq!((&quota["said"], &quota["value"]), (&true.into(), &"\"3MiB\"".into()));

    let args = ["run", "--json", "--config", "rook.toml"].map(str::to_owned);
    let node = place.node(&args);
    let status = place.json(["status", "--json", "--api", &node.api]);
    assert_eq!(status["quota_bytes"], 3 << 20, "{status}");
}

#[test]
fn what_is_wrong_is_said_with_the_line_or_the_file() {
    let place = Place::new();
    place.write("empty.pem", "");
    for (text, words) in [
        ("lisen = []", "line 1: unknown key \"lisen\", did you mean \"listen\"?"),
        ("= 3", "is no TOML"),
        ("identity = \"none.pem\"", "identity: there is no file none.pem"),
        ("also = [\"empty.pem\", \"gone.pem\"]\nlevel = \"strong\"", "also: there is no file gone.pem"),
        ("grid = \"none.toml\"", "none.toml"),
        ("level = \"strong\"", "a strong node has several identities"),
        ("grow_after = \"1h\"", "is for leaves"),
    ] {
        place.write("rook.toml", text);
        let output = place.output(["config", "check", "rook.toml"]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(words), "{text}: {said}");
        assert!(output.stdout.is_empty());
    }
    assert!(place.fails(1, ["config", "check", "gone.toml"]).contains("gone.toml: cannot be read"));
    assert!(place.fails(1, ["config", "show", "gone.toml"]).contains("gone.toml: cannot be read"));
    place.fails(2, ["config", "check"]);
}

#[test]
fn the_page_has_the_file_that_is_made() {
    let made = Place::new().ok(["config", "init"]);
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(PAGE);
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("no beginning of the file");
    let (found, after) = rest.split_once(END).expect("no end of the file");
    if std::env::var_os("ROOK_WRITE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{made}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(found, made, "write it anew, see the page");
}
