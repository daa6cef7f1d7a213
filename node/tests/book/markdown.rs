//! What of a chapter is to be run. Fenced blocks say it behind their language:
//!
//! ```text
//! console            commands behind "$ ", further lines of one behind "> ", and what they print
//! console,stays      one command in a terminal of its own, which goes on running
//! console,by-hand    not run here
//! console,clients    run where there are the programs of other people that tests/clients/setup.sh installs
//! sh                 a script, run as a whole
//! text, rust, ...    not to be run
//! ```
//!
//! `<!-- Ctrl-C: 2 -->` stands where the text says that the second terminal is interrupted.

/// How a block is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Run {
    /// It is not.
    No,
    /// Its commands one after another.
    Here,
    /// In a terminal of its own.
    Stays,
    /// By its reader alone.
    ByHand,
    /// Where there are the programs of others.
    Clients,
}

/// A fenced block.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) line: usize,
    pub(crate) language: String,
    pub(crate) run: Run,
    pub(crate) text: String,
}

/// What of a chapter happens, in its order.
#[derive(Debug)]
pub(crate) enum Element {
    Block(Block),
    /// The terminal of that number is interrupted.
    Interrupt(usize),
}

impl Element {
    pub(crate) fn block(&self) -> Option<&Block> {
        match self {
            Self::Block(block) => Some(block),
            Self::Interrupt(_) => None,
        }
    }
}

/// One command, and what it prints, if that is shown.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) line: usize,
    pub(crate) command: String,
    pub(crate) shown: Vec<String>,
}

/// Languages of blocks without commands.
const PLAIN: [&str; 5] = ["json", "rust", "text", "toml", "yaml"];

impl Block {
    fn new(line: usize, info: &str, text: String) -> Result<Self, String> {
        let (language, mark) = info.split_once(',').unwrap_or((info, ""));
        let run = match (language, mark) {
            ("console" | "sh", "") => Run::Here,
            ("console" | "sh", "clients") => Run::Clients,
            ("console", "stays") => Run::Stays,
            ("console" | "sh", "by-hand") => Run::ByHand,
            (language, "") if PLAIN.contains(&language) => Run::No,
            _ => return Err(format!("line {line}: what is a block of {info:?}?")),
        };
        let block = Self { line, language: language.to_owned(), run, text };
        let looks_run = block.text.lines().any(|line| line.starts_with("$ ") || line.starts_with("rook "));
        match (run, block.steps().len()) {
            (Run::No, _) if looks_run => Err(format!("line {line}: commands in a block that is not run")),
            (Run::No, _) => Ok(block),
            (_, 0) => Err(format!("line {line}: no command")),
            (Run::Stays, 2..) => Err(format!("line {line}: a terminal of its own has one command")),
            (Run::Stays, _) if block.steps()[0].shown.iter().all(|line| line == "...") => {
                Err(format!("line {line}: nothing says when it is ready"))
            }
            (Run::Here | Run::Stays | Run::ByHand | Run::Clients, _) => Ok(block),
        }
    }

    pub(crate) fn has_commands(&self) -> bool {
        self.run != Run::No
    }

    /// Its commands.
    pub(crate) fn steps(&self) -> Vec<Step> {
        if self.language == "sh" {
            return vec![Step { line: self.line, command: self.text.clone(), shown: Vec::new() }];
        }
        let mut steps: Vec<Step> = Vec::new();
        for (line, text) in (self.line + 1..).zip(self.text.lines()) {
            if let Some(command) = text.strip_prefix("$ ") {
                steps.push(Step { line, command: command.to_owned(), shown: Vec::new() });
            } else if let Some(step) = steps.last_mut() {
                match text.strip_prefix("> ") {
                    Some(more) if step.shown.is_empty() => step.command = format!("{}\n{more}", step.command),
                    _ => step.shown.push(text.to_owned()),
                }
            }
        }
        steps
    }
}

/// Takes a chapter apart.
pub(crate) fn elements(text: &str) -> Result<Vec<Element>, String> {
    let mut found = Vec::new();
    let mut lines = (1..).zip(text.lines());
    while let Some((number, line)) = lines.next() {
        if let Some(info) = line.strip_prefix("```") {
            let mut inside = String::new();
            loop {
                match lines.next() {
                    Some((_, "```")) => break,
                    Some((_, line)) => inside.extend([line, "\n"]),
                    None => return Err(format!("line {number}: a block without an end")),
                }
            }
            found.push(Element::Block(Block::new(number, info, inside)?));
        } else if line.trim_start().starts_with("```") {
            return Err(format!("line {number}: a block that is indented"));
        } else if let Some(order) = line.strip_prefix("<!-- Ctrl-C: ").and_then(|rest| rest.strip_suffix(" -->")) {
            let terminal = order.parse().map_err(|error| format!("line {number}: {error}"))?;
            found.push(Element::Interrupt(terminal));
        }
    }
    Ok(found)
}

#[test]
fn a_chapter_is_taken_apart() {
    let text = "Words.\n```console\n$ one \\\n> two\nshown\n...\n$ three\n```\n<!-- Ctrl-C: 1 -->\n```sh,by-hand\nreboot\n```\n";
    let found = elements(text).unwrap();
    let [Element::Block(first), Element::Interrupt(1), Element::Block(second)] = &found[..] else {
        panic!("{found:?}");
    };
    let step = |line, command: &str, shown: &[&str]| Step {
        line,
        command: command.into(),
        shown: shown.iter().map(ToString::to_string).collect(),
    };
    assert_eq!(first.steps(), [step(3, "one \\\ntwo", &["shown", "..."]), step(7, "three", &[])]);
    assert_eq!((second.run, second.steps()), (Run::ByHand, vec![step(10, "reboot\n", &[])]));
}

#[test]
fn commands_do_not_hide() {
    for hidden in [
        "```\n$ rook\n```",
        "```text\n$ rook run\n```",
        "```bash\nrook\n```",
        "```console,sometimes\n$ a\n```",
        " ```sh\na\n```",
    ] {
        assert!(elements(hidden).is_err(), "{hidden}");
    }
}
