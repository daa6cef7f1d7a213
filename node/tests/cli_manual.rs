//! What the command line says of itself: manual pages and completions, of all commands and flags.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

mod cli_support;

use std::collections::BTreeSet;
use std::process::Command;

use cli_support::Place;

/// The commands that `--help` names.
fn commands(help: &str) -> BTreeSet<String> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let first = listed.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    first.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").map(str::to_owned).collect()
}

#[test]
fn each_command_has_a_page_and_each_flag_stands_in_it() {
    let place = Place::new();
    let folder = place.path("man/deep");
    assert_eq!(place.ok(["man", "--output", folder.to_str().unwrap()]).trim(), folder.to_str().unwrap());
    let commands = commands(&place.ok(["--help"]));
    assert!(commands.contains("run") && commands.contains("dataset") && commands.len() > 20, "{commands:?}");
    for command in &commands {
        let page = std::fs::read_to_string(folder.join(format!("rook-{command}.1"))).unwrap();
        let help = place.ok([command.as_str(), "--help"]);
        let flags = help.split_whitespace().filter(|word| word.starts_with("--") && word.len() > 3);
        for flag in flags.map(|flag| flag.trim_matches(|c: char| !c.is_alphanumeric() && c != '-')) {
            let roff = flag.replace('-', "\\-");
            assert!(page.contains(&roff), "{flag} of rook {command} is not in its page");
        }
    }
    assert!(folder.join("rook-dataset-serve.1").exists(), "commands below a command have pages as well");
    let first = place.ok(["man"]);
    assert_eq!(std::fs::read_to_string(folder.join("rook.1")).unwrap(), first);
    // A reader of such pages takes all of them without a complaint, where there is one.
    if let Ok(output) = Command::new("man").args(["--warnings", "-l"]).arg(folder.join("rook-run.1")).output() {
        assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(String::from_utf8_lossy(&output.stdout).contains("identity"));
    }
    let file = place.write("file", b"");
    let error = place.fails(1, ["man", "--output", file.to_str().unwrap()]);
    assert!(error.contains("file") && error.contains("cannot be written"), "{error}");
}

#[test]
fn bash_completes_commands_and_flags() {
    let place = Place::new();
    let script = place.write("rook.bash", place.ok(["completions", "bash"]).as_bytes());
    let complete = |words: &str| {
        let count = words.split(' ').count();
        let text = format!(
            "source {}; COMP_WORDS=({words}); COMP_CWORD={}; _rook rook \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"; echo \"${{COMPREPLY[@]}}\"",
            script.display(),
            count - 1
        );
        let output = Command::new("bash").args(["-c", &text]).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(complete("rook tun").trim(), "tunnels");
    assert_eq!(complete("rook run --iden").trim(), "--identity");
    for shell in ["zsh", "fish", "elvish", "powershell"] {
        assert!(place.ok(["completions", shell]).contains("providers"), "{shell}");
    }
    assert!(place.fails(2, ["completions", "cmd"]).contains("bash"));
}
