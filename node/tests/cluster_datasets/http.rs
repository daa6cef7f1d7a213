//! As much of HTTP as it takes to read from a gateway, and to see whether it went to the end.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How long a gateway may say nothing.
const SILENCE: Duration = Duration::from_secs(90);

/// A complete answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    headers: Vec<(String, String)>,
}

/// An answer that is being read.
pub(crate) struct Reading {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    stream: BufReader<TcpStream>,
    rest: Rest,
}

/// What is to come.
enum Rest {
    /// So many bytes.
    Bytes(u64),
    /// So many bytes of this chunk, and others.
    Chunks(u64),
    /// Nothing.
    Nothing,
}

/// Asks, and reads the answer to its end, which has to be there.
pub(crate) fn get(address: &str, path: &str, agent: &str) -> Answer {
    let mut reading = open(address, path, agent);
    let mut body = Vec::new();
    reading.read_to_end(&mut body).unwrap_or_else(|error| panic!("{path} after {} bytes: {error}", body.len()));
    Answer { status: reading.status, body, headers: reading.headers }
}

/// Asks, and reads the head of the answer.
pub(crate) fn open(address: &str, path: &str, agent: &str) -> Reading {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(SILENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nUser-Agent: {agent}\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut stream = BufReader::new(stream);
    let mut line = || {
        let mut text = String::new();
        stream.read_line(&mut text).unwrap();
        text.trim_end().to_owned()
    };
    let status = line().split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
    let mut headers = Vec::new();
    while let Some((name, value)) = line().split_once(':') {
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let rest = match find(&headers, "content-length") {
        Some(length) => Rest::Bytes(length.parse().unwrap()),
        None => Rest::Chunks(0),
    };
    Reading { status, headers, stream, rest }
}

fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        find(&self.headers, name).unwrap_or_default()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body of a success.
    pub(crate) fn ok(self) -> Vec<u8> {
        assert_eq!(self.status, 200, "{}", self.text());
        self.body
    }
}

impl Reading {
    /// Of what comes next, so many bytes may be read.
    fn room(&mut self) -> io::Result<u64> {
        if let Rest::Chunks(0) = self.rest {
            // The end of the last chunk, and the length of the next.
            let mut line = String::new();
            while line.trim().is_empty() {
                line.clear();
                if self.stream.read_line(&mut line)? == 0 {
                    return Err(io::Error::new(ErrorKind::UnexpectedEof, "the last chunk is missing"));
                }
            }
            let length = u64::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
            self.rest = if length == 0 { Rest::Nothing } else { Rest::Chunks(length) };
        }
        Ok(match self.rest {
            Rest::Bytes(rest) | Rest::Chunks(rest) => rest,
            Rest::Nothing => 0,
        })
    }
}

impl Read for Reading {
    /// That the answer ends early is an error.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let room = self.room()?;
        let most = into.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        let read = self.stream.read(&mut into[..most])?;
        if read == 0 && most > 0 {
            return Err(io::Error::new(ErrorKind::UnexpectedEof, format!("{room} bytes are missing, or more")));
        }
        if let Rest::Bytes(rest) | Rest::Chunks(rest) = &mut self.rest {
            *rest -= read as u64;
        }
        Ok(read)
    }
}
