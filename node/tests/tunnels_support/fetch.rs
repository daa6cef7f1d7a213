//! A web server, and fetching from it through a node's proxy.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::cli_support::{Node, Place, die_with_us, eventually};

pub fn body(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n ^ n >> 8 ^ n >> 16).to_le_bytes()[0]).collect()
}

/// A server of HTTP that answers with so many bytes as its path says.
pub fn http() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            // A client that goes away is none of our business.
            std::thread::spawn(move || _ = answer(stream.unwrap()));
        }
    });
    address
}

/// The settings of a node that lets strangers out to that address on this machine.
pub fn open_to(host: SocketAddr) -> String {
    format!("[exit]\npolicy = [\"accept {host}\"]\nprivate_networks = \"true\"\n")
}

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let (mut request, mut byte) = (Vec::new(), [0]);
    while !request.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        request.push(byte[0]);
    }
    let line = String::from_utf8(request).unwrap();
    let length = line.split([' ', '/']).find_map(|part| part.parse().ok()).unwrap();
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")?;
    stream.write_all(&body(length))
}

/// The proxy of a node.
pub struct Proxy {
    pub listen: String,
    api: String,
}

impl Proxy {
    pub fn open(place: &Place, node: &Node) -> Self {
        let socks = place.json(["socks", "--listen", "127.0.0.1:0", "--json", "--api", &node.api]);
        Self { listen: socks["listen"].as_str().unwrap().to_owned(), api: node.api.clone() }
    }

    /// What it says of the last thing that it refused.
    fn refusal(&self, place: &Place) -> String {
        place.json(["socks", "--json", "--api", &self.api])["refusal"]
            .as_str()
            .unwrap_or("nothing was refused")
            .to_owned()
    }
}

pub fn curl(proxy: &Proxy, host: &str, length: usize, to: &Path) -> Child {
    let mut command = Command::new("curl");
    command.args(["-sS", "--fail", "--max-time", "300", "--noproxy", "", "--socks5-hostname", &proxy.listen, "-o"]);
    command.arg(to).arg(format!("http://{host}/{length}")).stderr(Stdio::piped());
    die_with_us(&mut command);
    command.spawn().unwrap()
}

/// Whether there is no curl, which is said then.
pub fn curl_is_missing() -> bool {
    let missing = Command::new("curl").arg("--version").stdout(Stdio::null()).status().is_err();
    if missing {
        println!("skipped: curl is not installed");
    }
    missing
}

/// Waits until somebody lets this out of the grid.
pub fn let_out(proxy: &Proxy, host: SocketAddr) {
    eventually("an exit is known", Duration::from_secs(60), || {
        let socks = ["-sS", "--max-time", "20", "--noproxy", "", "--socks5-hostname", &proxy.listen];
        let mut curl = Command::new("curl");
        curl.args(socks).arg(format!("http://{host}/9")).stderr(Stdio::null());
        curl.output().is_ok_and(|output| output.status.success()).then_some(())
    });
}

/// Fetches so many bytes, and says how long that took.
pub fn fetch(place: &Place, proxy: &Proxy, host: &str, length: usize) -> Duration {
    let (copy, begun) = (place.path("copy"), Instant::now());
    let output = curl(proxy, host, length, &copy).wait_with_output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {error}: {}", output.status, proxy.refusal(place));
    let took = begun.elapsed();
    assert!(std::fs::read(copy).unwrap() == body(length), "what came is not what the server sent");
    took
}

/// Fails to fetch with that reply of the proxy, and returns what the proxy says of it.
pub fn refused(place: &Place, proxy: &Proxy, host: &str, reply: u8) -> String {
    let output = curl(proxy, host, 9, &place.path("nothing")).wait_with_output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && error.contains(&format!("({reply})")), "{host}: {error}");
    let why = proxy.refusal(place);
    println!("{host} is refused: {why}");
    why
}
