//! Headless Chromium, driven by `chromedriver` (W3C WebDriver, JSON over HTTP).

#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test uses a part of it")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::cli_support::die_with_us;

/// How long the browser may take for one thing.
const PATIENCE: Duration = Duration::from_secs(120);

/// A screen: its size in CSS pixels. A phone has twice as many, and is touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Device {
    pub width: u32,
    pub height: u32,
    pub is_phone: bool,
}

/// How many tasks are told of.
const LONGEST: usize = 6;

/// One thing that a thread of the browser did.
#[derive(Clone, Debug)]
pub struct Task {
    /// From its begin to its end, other programs' turns included.
    pub took_ms: f64,
    /// Its own time on a processor.
    pub cpu_ms: f64,
    /// What took longest of it, as the browser calls it.
    pub of: Vec<String>,
}

pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
}

impl Browser {
    /// A new browser; `None` where there is none.
    pub fn start() -> Option<Self> {
        Self::start_with(json!({}), json!({ "browser": "ALL" }))
    }

    /// One that traces what its pages' threads do, for [`Browser::tasks`].
    pub fn start_traced() -> Option<Self> {
        let traced = json!({ "perfLoggingPrefs": { "traceCategories": "devtools.timeline,disabled-by-default-devtools.timeline" } });
        Self::start_with(traced, json!({ "browser": "ALL", "performance": "ALL" }))
    }

    fn start_with(mut options: Value, logs: Value) -> Option<Self> {
        let chromium = ["chromium", "chromium-browser", "google-chrome"].into_iter().find_map(found)?;
        let mut command = Command::new(found("chromedriver")?);
        die_with_us(&mut command);
        let mut driver = command.arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
        let lines = BufReader::new(driver.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut ports =
            lines.filter_map(|line| line.rsplit_once("successfully on port ")?.1.trim_end_matches('.').parse().ok());
        let port = ports.next().expect("chromedriver does not say where it listens");
        // What else it says must not fill the pipe.
        std::thread::spawn(move || ports.for_each(drop));
        let mut browser = Self { driver, port, session: String::new() };
        let flags = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--force-device-scale-factor=1",
        ];
        options["binary"] = json!(chromium);
        options["args"] = json!(flags);
        let wanted = json!({ "goog:chromeOptions": options, "goog:loggingPrefs": logs });
        let session = browser.ask("POST", "/session", &json!({ "capabilities": { "alwaysMatch": wanted } }));
        browser.session = session["sessionId"].as_str().unwrap().to_owned();
        Some(browser)
    }

    pub fn open(&self, url: &str) {
        self.post("/url", &json!({ "url": url }));
    }

    /// What a script returns.
    pub fn run(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// Presses a key.
    pub fn key(&self, key: &str) {
        let actions = json!([{ "type": "keyDown", "value": key }, { "type": "keyUp", "value": key }]);
        self.post("/actions", &json!({ "actions": [{ "type": "key", "id": "keys", "actions": actions }] }));
    }

    /// A script for each page, before its own.
    pub fn before_each_page(&self, script: &str) {
        self.devtools("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": script }));
    }

    /// What the page is shown on.
    pub fn show_on(&self, device: &Device) {
        let (width, height, is_phone) = (device.width, device.height, device.is_phone);
        let scale = if is_phone { 2 } else { 1 };
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": scale, "mobile": is_phone });
        self.devtools("Emulation.setDeviceMetricsOverride", &size);
        self.devtools("Emulation.setTouchEmulationEnabled", &json!({ "enabled": is_phone }));
    }

    /// What the page's reader wants: `light` or `dark`, and whether things may move.
    pub fn prefer(&self, scheme: &str, motion: bool) {
        let motion = if motion { "no-preference" } else { "reduce" };
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": motion }]);
        self.devtools("Emulation.setEmulatedMedia", &json!({ "features": features }));
    }

    /// Keeps a picture, if `ROOK_SCREENSHOTS` says where.
    pub fn picture(&self, name: &str) {
        let Some(folder) = std::env::var_os("ROOK_SCREENSHOTS").map(PathBuf::from) else { return };
        std::fs::create_dir_all(&folder).unwrap();
        let picture = self.devtools("Page.captureScreenshot", &json!({ "format": "webp", "quality": 80 }));
        std::fs::write(folder.join(format!("{name}.webp")), base64(picture["data"].as_str().unwrap())).unwrap();
    }

    /// Has the browser count from now on what `figures` tells.
    pub fn count_figures(&self) {
        self.devtools("Performance.enable", &json!({}));
    }

    /// The browser's own figures: seconds for layout, script and so on, and how many nodes the document has.
    pub fn figures(&self) -> BTreeMap<String, f64> {
        let figures = self.devtools("Performance.getMetrics", &json!({}));
        let pair = |one: &Value| (one["name"].as_str().unwrap().to_owned(), one["value"].as_f64().unwrap());
        figures["metrics"].as_array().unwrap().iter().map(pair).collect()
    }

    /// The longest tasks of the thread that draws the page, by their time on a processor.
    pub fn tasks(&self) -> Vec<Task> {
        let log = self.post("/se/log", &json!({ "type": "performance" }));
        let messages = log.as_array().unwrap().iter().map(|entry| {
            let message: Value = serde_json::from_str(entry["message"].as_str().unwrap()).unwrap();
            message["message"].clone()
        });
        let events: Vec<Value> =
            messages.filter(|one| one["method"] == "Tracing.dataCollected").map(|one| one["params"].clone()).collect();
        let thread = |event: &Value| (event["pid"].as_u64(), event["tid"].as_u64());
        let drawing: BTreeSet<_> =
            events.iter().filter(|event| event["name"] == "FireAnimationFrame").map(thread).collect();
        let ms = |micros: &Value| micros.as_f64().unwrap_or(0.0) / 1000.0;
        let tasks = events.iter().filter(|event| event["name"] == "RunTask" && drawing.contains(&thread(event)));
        let mut tasks: Vec<(f64, &Value)> = tasks.map(|task| (ms(&task["tdur"]), task)).collect();
        tasks.sort_by(|a, b| b.0.total_cmp(&a.0));
        let within = |task: &Value, part: &Value| {
            let (begin, at) = (ms(&task["ts"]), ms(&part["ts"]));
            thread(part) == thread(task) && part != task && (begin..begin + ms(&task["dur"])).contains(&at)
        };
        let told = |(cpu_ms, task): (f64, &Value)| {
            let mut parts: Vec<&Value> = events.iter().filter(|part| within(task, part)).collect();
            parts.sort_by(|a, b| ms(&b["dur"]).total_cmp(&ms(&a["dur"])));
            let of = parts.iter().take(6).map(|part| format!("{} {} ms", part["name"], ms(&part["dur"]))).collect();
            Task { took_ms: ms(&task["dur"]), cpu_ms, of }
        };
        tasks.into_iter().take(LONGEST).map(told).collect()
    }

    /// Errors on the browser's console.
    pub fn complaints(&self) -> Vec<Value> {
        let log = self.post("/se/log", &json!({ "type": "browser" }));
        log.as_array().unwrap().iter().filter(|entry| entry["level"] == "SEVERE").cloned().collect()
    }

    fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.post("/goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.ask("POST", &format!("/session/{}{path}", self.session), body)
    }

    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let (head, body) = self.try_ask(method, path, body).unwrap();
        let value: Value = serde_json::from_slice(&body).unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{path}: {value:#}");
        value["value"].clone()
    }

    /// The head and the body of an answer.
    fn try_ask(&self, method: &str, path: &str, body: &Value) -> std::io::Result<(String, Vec<u8>)> {
        let body = body.to_string();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all((head + &body).as_bytes())?;
        // It keeps the connection open whatever it is told, so that an answer ends where its length says.
        let mut reader = BufReader::new(stream);
        let (mut head, mut length) = (String::new(), 0);
        while !head.ends_with("\r\n\r\n") {
            let begin = head.len();
            if reader.read_line(&mut head)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let line = head[begin..].to_ascii_lowercase();
            length = line.strip_prefix("content-length:").map_or(length, |length| length.trim().parse().unwrap_or(0));
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        Ok((head, body))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Chromium outlives its driver, so that it has to be told also when a test has failed.
        if !self.session.is_empty() {
            let _ = self.try_ask("DELETE", &format!("/session/{}", self.session), &json!({}));
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// Where a program is.
fn found(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// The bytes of a text in base 64 (RFC 4648, section 4).
fn base64(text: &str) -> Vec<u8> {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let values = text.bytes().filter_map(|byte| digits.iter().position(|&digit| digit == byte));
    let (mut bits, mut held, mut bytes) = (0_usize, 0, Vec::new());
    for value in values {
        (bits, held) = (bits << 6 | value, held + 6);
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).unwrap());
        }
    }
    bytes
}
