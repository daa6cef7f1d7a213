//! A reader at work: one shell in a folder of its own, and terminals beside it that go on running.
//!
//! The chapters name the ports that a reader would. Where the system lets us, each has a network of its own, in which there is nothing
//! but loopback; elsewhere the chapters are run one after another, and the ports have to be free. `cargo` may not be run by a test
//! that cargo runs: a stand-in hands `cargo run --example NAME` on to the example that cargo has just built, and knows nothing else.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

use super::markdown::{Block, Element, Run, Step};
use super::shown::{begins, fits};

/// How long one command may take.
const COMMAND: Duration = Duration::from_secs(90);
/// How long what is shown of a terminal may be waited for.
const TERMINAL: Duration = Duration::from_secs(60);
/// How long an interrupted node may take to leave.
const FAREWELL: Duration = Duration::from_secs(30);

/// Runs a chapter from its beginning to its end.
pub(crate) fn follow(name: &str, elements: &[Element]) {
    let clients = std::env::var_os("ROOK_TEST_VENV").map(PathBuf::from);
    if clients.is_none() && elements.iter().filter_map(Element::block).any(|block| block.run == Run::Clients) {
        eprintln!(
            "a part of {name}.md is skipped: ROOK_TEST_VENV is not set; node/tests/clients/setup.sh FOLDER makes what it names"
        );
    }
    let mut reader = Reader::new(name, clients.as_deref());
    for element in elements {
        match element {
            Element::Interrupt(terminal) => reader.interrupt(*terminal),
            Element::Block(block) => match block.run {
                Run::No | Run::ByHand => {}
                Run::Clients if clients.is_none() => {}
                Run::Here | Run::Clients => block.steps().iter().for_each(|step| reader.command(step)),
                Run::Stays => reader.terminal(block),
            },
        }
    }
}

struct Reader {
    chapter: String,
    folder: tempfile::TempDir,
    shell: Child,
    orders: ChildStdin,
    lines: Receiver<String>,
    /// The process groups of what goes on running.
    terminals: Vec<Pid>,
    _alone: Option<MutexGuard<'static, ()>>,
}

/// Gives a command a network in which there is loopback only.
const OWN_NETWORK: &str = r#"
import fcntl, os, socket, struct, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
    up = struct.pack("16sH22x", b"lo", 0x41)
    fcntl.ioctl(s, 0x8914, up)
os.execvp(sys.argv[1], sys.argv[1:])
"#;

/// What runs a command in a network of its own, if the system lets us.
fn own_network() -> &'static Option<Vec<String>> {
    static FOUND: LazyLock<Option<Vec<String>>> = LazyLock::new(|| {
        let words = ["unshare", "--user", "--map-root-user", "--net", "--", "python3", "-c", OWN_NETWORK];
        let words: Vec<String> = words.map(str::to_owned).into();
        let tried = Command::new(&words[0]).args(&words[1..]).arg("true").stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success()).then_some(words)
    });
    &FOUND
}

/// The stand-in for cargo.
fn cargo(examples: &Path) -> String {
    format!(
        r#"#!/bin/bash
[ "$1 $2 $3" = "run -q --example" ] || {{ echo "in the tests of the book there is cargo run -q --example NAME only" >&2; exit 1; }}
example={}/$4
[ "$example" -nt {}/$4.rs ] || {{ echo "$4 is older than its source: cargo build --examples" >&2; exit 1; }}
shift 4
[ "$1" != -- ] || shift
exec "$example" "$@"
"#,
        examples.display(),
        concat!(env!("CARGO_MANIFEST_DIR"), "/examples"),
    )
}

impl Reader {
    fn new(chapter: &str, clients: Option<&Path>) -> Self {
        static ALONE: Mutex<()> = Mutex::new(());
        let network = own_network();
        let alone = network.is_none().then(|| ALONE.lock().unwrap_or_else(PoisonError::into_inner));
        let folder = tempfile::Builder::new().prefix("rook-book-").tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        for name in ["bin", "runtime", "home", "work"] {
            std::fs::create_dir(place(name)).unwrap();
        }
        let rook = Path::new(env!("CARGO_BIN_EXE_rook"));
        std::fs::write(place("bin/cargo"), cargo(&rook.with_file_name("examples"))).unwrap();
        std::fs::set_permissions(place("bin/cargo"), PermissionsExt::from_mode(0o755)).unwrap();
        let usual = std::env::var_os("PATH").unwrap_or_default();
        let first = [place("bin"), rook.parent().unwrap().to_owned()].into_iter();
        let path = first.chain(clients.map(|clients| clients.join("bin"))).chain(std::env::split_paths(&usual));

        let mut words = network.iter().flatten().map(String::as_str).chain(["bash", "--norc", "--noprofile"]);
        let mut shell = Command::new(words.next().unwrap());
        shell.args(words).current_dir(place("work"));
        shell.env("PATH", std::env::join_paths(path).unwrap()).env("HOME", place("home")).env("LC_ALL", "C.UTF-8");
        for kept in ["XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"] {
            shell.env(kept, place("home").join(kept));
        }
        for kept in ["TMPDIR", "XDG_RUNTIME_DIR"] {
            shell.env(kept, place("runtime"));
        }
        for unknown in ["ROOK_LOG", "COLUMNS", "RUST_BACKTRACE", "http_proxy", "https_proxy"] {
            shell.env_remove(unknown);
        }
        let mut shell = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let orders = shell.stdin.take().unwrap();
        let output = BufReader::new(shell.stdout.take().unwrap()).lines();
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in output.map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let chapter = format!("docs/guide/{chapter}.md");
        let mut reader = Self { chapter, folder, shell, orders, lines, terminals: Vec::new(), _alone: alone };
        // Each job has a process group of its own, and hears Ctrl-C.
        reader.order("exec 2>&1; set -m", &mut Vec::new());
        reader
    }

    /// Has the shell do something, and returns its status.
    fn order(&mut self, script: &str, said: &mut Vec<String>) -> i32 {
        const END: &str = "--- end of the command ---";
        // A command that prints no last newline must not hide the mark.
        writeln!(self.orders, "{{\n{script}\n}} </dev/null\nprintf '\\n%s %s\\n' '{END}' $?").unwrap();
        let deadline = Instant::now() + COMMAND;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => match line.strip_prefix(END) {
                    Some(status) => {
                        said.pop_if(|last| last.is_empty());
                        return status.trim().parse().unwrap();
                    }
                    None => said.push(line),
                },
                Err(RecvTimeoutError::Timeout) => {
                    panic!("{}: not done after {COMMAND:?}: {script}\n{}", self.chapter, said.join("\n"))
                }
                Err(RecvTimeoutError::Disconnected) => panic!("{}: the shell ended at {script}", self.chapter),
            }
        }
    }

    /// Runs one command and compares what it prints, if that is shown. Where an error is shown there has to be one, and nowhere else.
    fn command(&mut self, step: &Step) {
        let mut said = Vec::new();
        let status = self.order(&step.command, &mut said);
        let place = format!("{}, line {}: {}", self.chapter, step.line, step.command);
        let is_error = |line: &String| line.starts_with("error: ") || line.starts_with("interrupted: ");
        let fails = step.shown.iter().any(is_error);
        let lines: Vec<&str> = said.iter().map(String::as_str).collect();
        let printed = format!("printed, with status {status}:\n{}\n{}", lines.join("\n"), self.terminals_said());
        assert_eq!(status != 0, fails, "{place}\n{printed}");
        assert!(
            step.shown.is_empty() || fits(&step.shown, &lines),
            "{place}\nshown:\n{}\n{printed}",
            step.shown.join("\n"),
        );
    }

    fn terminal_file(&self, number: usize) -> PathBuf {
        self.folder.path().join(format!("terminal-{number}"))
    }

    fn terminals_said(&self) -> String {
        let mut all = String::new();
        for number in 1..=self.terminals.len() {
            let said = std::fs::read_to_string(self.terminal_file(number)).unwrap_or_default();
            let _ = write!(all, "\nterminal {number}:\n{said}");
        }
        all
    }

    /// Starts a command in a terminal of its own, and waits until it has printed what is shown.
    fn terminal(&mut self, block: &Block) {
        let step = block.steps().remove(0);
        let file = self.terminal_file(self.terminals.len() + 1);
        let script = file.with_extension("sh");
        std::fs::write(&script, &step.command).unwrap();
        let mut said = Vec::new();
        let start = format!("bash -c \"$(cat {})\" >{} 2>&1 </dev/null & echo $!", script.display(), file.display());
        self.order(&start, &mut said);
        let group = said.last().and_then(|id| id.trim().parse().ok()).and_then(Pid::from_raw);
        let group = group.unwrap_or_else(|| panic!("{}: no process at line {}: {said:?}", self.chapter, step.line));
        self.terminals.push(group);
        let deadline = Instant::now() + TERMINAL;
        loop {
            let said = std::fs::read_to_string(&file).unwrap_or_default();
            let lines: Vec<&str> = said.lines().collect();
            if begins(&step.shown, &lines) {
                return;
            }
            assert!(
                Instant::now() < deadline && test_kill_process_group(group).is_ok(),
                "{}, line {}: {}\nshown:\n{}\nprinted:{}",
                self.chapter,
                step.line,
                step.command,
                step.shown.join("\n"),
                self.terminals_said()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Presses Ctrl-C in a terminal, and waits for the end of what runs there.
    fn interrupt(&mut self, number: usize) {
        let group = self.terminals[number - 1];
        kill_process_group(group, Signal::INT).unwrap();
        let mut said = Vec::new();
        let status = self.order(&format!("wait {}", group.as_raw_nonzero()), &mut said);
        assert_eq!(status, 0, "{}: terminal {number} ended wrongly: {}", self.chapter, self.terminals_said());
        let deadline = Instant::now() + FAREWELL;
        while test_kill_process_group(group).is_ok() {
            assert!(Instant::now() < deadline, "{}: terminal {number} goes on", self.chapter);
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        // One that has ended already is gone.
        for &group in &self.terminals {
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}
