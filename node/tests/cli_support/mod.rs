//! Runs the real program: nodes as processes that die with the test, and commands against them.

#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test uses a part of it")]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// How long a command that is no node may run; longer where `ROOK_FILE_MIB` makes files large.
fn command_time() -> Duration {
    let mib = std::env::var("ROOK_FILE_MIB").map_or(0, |mib| mib.parse().unwrap());
    Duration::from_secs(90 + mib / 16)
}

/// A throw-away folder in which the program also keeps what it would keep for its user.
pub struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Self {
        let place = Self { folder: tempfile::Builder::new().prefix("rook-test-").tempdir().unwrap() };
        std::fs::create_dir(place.path("runtime")).unwrap();
        std::fs::create_dir_all(place.user_folder("HOME")).unwrap();
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A command of the program.
    pub fn rook<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rook"));
        command.args(args).current_dir(self.folder.path());
        self.keep_here(&mut command);
        die_with_us(&mut command);
        command
    }

    /// Whatever the command keeps for its user, it keeps in this place.
    pub fn keep_here(&self, command: &mut Command) {
        let folders = ["HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME"];
        for name in folders {
            command.env(name, self.user_folder(name));
        }
        command.env("RUST_BACKTRACE", "0");
    }

    /// Where the program finds the folder that a variable names.
    pub fn user_folder(&self, variable: &str) -> PathBuf {
        match variable {
            "TMPDIR" | "XDG_RUNTIME_DIR" => self.path("runtime"),
            other => self.path("user").join(other.to_ascii_lowercase()),
        }
    }

    /// Runs a command to its end.
    pub fn output<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Output {
        with_input(self.rook(args), &[])
    }

    /// Runs a command that has to succeed, and returns what it says.
    pub fn ok<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> String {
        succeeded(self.output(args))
    }

    /// Runs a command that has to succeed, and returns its JSON.
    pub fn json<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Value {
        let text = self.ok(args);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text:?}"))
    }

    /// Runs a command that has to fail with that status, and returns what it says about it.
    pub fn fails<A: AsRef<OsStr>>(&self, status: i32, args: impl IntoIterator<Item = A>) -> String {
        failed(status, self.output(args))
    }

    /// Writes a file.
    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, contents).unwrap();
        path
    }

    /// Mints an identity and returns its file.
    pub fn mint(&self, grid: impl AsRef<OsStr>, name: &str) -> PathBuf {
        let path = self.path(name);
        self.ok([OsStr::new("mint"), "--grid".as_ref(), grid.as_ref(), "--out".as_ref(), path.as_os_str()]);
        path
    }

    /// Mints an identity and returns its file and the cell that it computes.
    pub fn mint_with_cell(&self, grid: impl AsRef<OsStr>, name: &str) -> (PathBuf, Vec<u64>) {
        let file = self.mint(grid, name);
        let shown = self.json(["identity", "show", file.to_str().unwrap(), "--json"]);
        let cell = shown["cell"].as_array().unwrap().iter().map(|coordinate| coordinate.as_u64().unwrap()).collect();
        (file, cell)
    }

    /// Mints until there is one identity in each of so many cells, and returns their files in the order of the cells.
    pub fn mint_of_each_cell(&self, grid: &Path, cells: usize) -> Vec<PathBuf> {
        let mut all = BTreeMap::new();
        for number in 0.. {
            let (file, cell) = self.mint_with_cell(grid, &format!("{number}.pem"));
            all.entry(cell).or_insert(file);
            if all.len() == cells {
                break;
            }
        }
        all.into_values().collect()
    }

    /// The file of a grid whose identities and stamps cost nearly nothing.
    pub fn grid(&self, name: &str, dims: u8, side: u16) -> PathBuf {
        let file = self.path(&format!("{name}.toml"));
        let (dims, side) = (dims.to_string(), side.to_string());
        let args =
            ["grid", "new", "--name", name, "--dims", &dims, "--side", &side, "--bits", "8", "--stamp-bits", "0", "-o"];
        self.ok(args.iter().map(OsStr::new).chain([file.as_os_str()]));
        file
    }

    /// The arguments that run a node on loopback, with any free port for its API.
    pub fn run_args(&self, identity: &Path, data: &str) -> Vec<String> {
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let args = ["run", "--json", "--api", "127.0.0.1:0", "--listen", "/ip4/127.0.0.1/udp/0/quic-v1"];
        let mut args: Vec<String> = args.map(str::to_owned).into();
        args.extend(["--identity".to_owned(), text(identity), "--data".to_owned(), text(&self.path(data))]);
        args
    }

    /// Starts a node and waits until it listens.
    pub fn node(&self, args: &[String]) -> Node {
        let mut node = self.start(args);
        let ready = node.wait_for("ready", Duration::from_secs(30));
        node.api = ready["api"].as_str().unwrap().to_owned();
        node.id = ready["id"].as_str().unwrap().to_owned();
        let listen = ready["listen"].as_array().unwrap();
        node.listen = listen.iter().map(|address| address.as_str().unwrap().to_owned()).collect();
        node
    }

    /// Starts a process that tells its events.
    pub fn start(&self, args: &[String]) -> Node {
        Node::of(self.rook(args))
    }
}

/// Has the system kill the process when the thread that starts it ends, however that comes.
pub fn die_with_us(command: &mut Command) {
    let prepare = || rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).map_err(Into::into);
    // Safety: between fork and exec, only one system call is made.
    #[allow(unsafe_code, reason = "there is no other way to bind a child's life to ours")]
    unsafe {
        command.pre_exec(prepare);
    }
}

/// What a command that succeeded says.
pub fn succeeded(output: Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {error}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// What a command that failed with that status says about it.
pub fn failed(status: i32, output: Output) -> String {
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(status), "{error}");
    assert!(!error.contains("panicked"), "{error}");
    error
}

/// A running node.
pub struct Node {
    pub api: String,
    pub id: String,
    pub listen: Vec<String>,
    child: Child,
    events: Receiver<Value>,
    errors: Option<std::thread::JoinHandle<String>>,
}

impl Node {
    /// Starts a command that prints JSON objects, one a line.
    pub fn of(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut stderr = child.stderr.take().unwrap();
        let (sender, events) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let event = serde_json::from_str(&line).unwrap_or(Value::String(line));
                if sender.send(event).is_err() {
                    return;
                }
            }
        });
        let errors = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            text
        });
        Self { api: String::new(), id: String::new(), listen: Vec::new(), child, events, errors: Some(errors) }
    }

    /// Waits for an event of that name.
    pub fn wait_for(&mut self, name: &str, time: Duration) -> Value {
        let deadline = Instant::now() + time;
        let mut seen = Vec::new();
        loop {
            match self.events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(event) if event["event"] == name => return event,
                Ok(event) => seen.push(event),
                Err(RecvTimeoutError::Timeout) => panic!("no {name:?} within {time:?}; instead {seen:#?}"),
                Err(RecvTimeoutError::Disconnected) => {
                    let status = self.child.wait().unwrap();
                    panic!("ended ({status}) without {name:?}: {} after {seen:#?}", self.errors());
                }
            }
        }
    }

    /// The lines that it prints, those that are no JSON, until one that has those words.
    pub fn lines_until(&mut self, words: &str, time: Duration) -> Vec<String> {
        let deadline = Instant::now() + time;
        let mut lines = Vec::new();
        loop {
            match self.events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(Value::String(line)) if line.contains(words) => return lines,
                Ok(Value::String(line)) => lines.push(line),
                Ok(_) => {}
                Err(error) => panic!("{error}: no line with {words:?} within {time:?}; instead {lines:#?}"),
            }
        }
    }

    /// What it wrote to standard error; it has to have ended.
    pub fn errors(&mut self) -> String {
        self.errors.take().map(|errors| errors.join().unwrap()).unwrap_or_default()
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The process still runs.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// SIGKILL: nothing can be cleaned up.
    pub fn kill(mut self) {
        self.signal(Signal::KILL);
        self.child.wait().unwrap();
    }

    /// Waits for the end.
    pub fn wait(&mut self, time: Duration) -> ExitStatus {
        let deadline = Instant::now() + time;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "still runs after {time:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// SIGTERM: it has to leave with status 0.
    pub fn terminate(mut self) {
        self.signal(Signal::TERM);
        let status = self.wait(Duration::from_secs(15));
        assert!(status.success(), "{status}: {}", self.errors());
    }

    /// SIGSTOP: it does nothing more, and its connections stay.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// SIGCONT: it goes on.
    pub fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    /// Ctrl-C.
    pub fn interrupt(&self) {
        self.signal(Signal::INT);
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command with something on its standard input, and not for ever.
pub fn with_input(mut command: Command, input: &[u8]) -> Output {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = Pid::from_child(&child);
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        // The command may give up before it has read all.
        let _ = stdin.write_all(&input);
    });
    let (sender, ended) = channel();
    let waiter = std::thread::spawn(move || {
        let output = child.wait_with_output().unwrap();
        let _ = sender.send(());
        output
    });
    let time = command_time();
    if ended.recv_timeout(time).is_err() {
        let _ = kill_process(pid, Signal::KILL);
        panic!("{command:?} still ran after {time:?}: {:?}", waiter.join().unwrap());
    }
    writer.join().unwrap();
    waiter.join().unwrap()
}

/// Asks again and again until the answer is there.
pub fn eventually<T>(what: &str, time: Duration, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + time;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "not within {time:?}: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The figures that a node tells Prometheus.
pub fn scrape(api: &str) -> String {
    let mut stream = TcpStream::connect(api).unwrap();
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {api}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    body.to_owned()
}
