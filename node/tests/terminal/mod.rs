//! A command in a pseudo-terminal.

#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test uses a part of it")]

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

const PATIENCE: Duration = Duration::from_secs(60);

/// A running command, and what it wrote to its terminal.
pub struct Screened {
    keyboard: File,
    /// The command's end: what the terminal is set to lives as long as somebody has it.
    line: File,
    output: Arc<Mutex<Vec<u8>>>,
    child: Child,
}

impl Screened {
    /// Starts a command in a new terminal of that size.
    pub fn start(mut command: Command, columns: u16, rows: u16) -> Self {
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&keyboard).unwrap();
        unlockpt(&keyboard).unwrap();
        tcsetwinsize(&keyboard, Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let name = ptsname(&keyboard, Vec::new()).unwrap().into_string().unwrap();
        let end = || OpenOptions::new().read(true).write(true).open(&name).unwrap();
        command.env("TERM", "xterm-256color").stdin(end()).stdout(end()).stderr(end());
        let child = command.spawn().unwrap();
        let keyboard = File::from(keyboard);
        let (mut screen, output) = (keyboard.try_clone().unwrap(), Arc::new(Mutex::new(Vec::new())));
        let written = Arc::clone(&output);
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(length @ 1..) = screen.read(&mut piece) {
                written.lock().unwrap().extend_from_slice(&piece[..length]);
            }
        });
        Self { keyboard, line: end(), output, child }
    }

    /// All that it has written.
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&self.output.lock().unwrap()).into_owned()
    }

    /// Waits until it has written that in one piece.
    pub fn wait_for(&self, text: &str) {
        self.wait_for_after(0, text);
    }

    /// The same, of what was written after so many bytes of [`Screened::output`].
    pub fn wait_for_after(&self, bytes: usize, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.output().get(bytes..).unwrap_or_default().contains(text) {
            assert!(Instant::now() < deadline, "no {text:?} in {:?}", self.beginning());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// As much of the output as tells what is wrong.
    fn beginning(&self) -> String {
        self.output().chars().take(6000).collect()
    }

    /// Types something.
    pub fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Whether the terminal shows what is typed, and waits for the end of the line.
    pub fn echoes(&self) -> bool {
        tcgetattr(&self.line).unwrap().local_modes.contains(LocalModes::ECHO | LocalModes::ICANON)
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for its end, and for all that it wrote before.
    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < deadline, "still runs: {:?}", self.beginning());
            std::thread::sleep(Duration::from_millis(20));
        };
        let mut length = usize::MAX;
        while length != self.output.lock().unwrap().len() {
            length = self.output.lock().unwrap().len();
            std::thread::sleep(Duration::from_millis(100));
        }
        status
    }
}

impl Drop for Screened {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
