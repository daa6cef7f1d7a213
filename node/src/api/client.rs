//! What the command line uses to talk to a running node.

mod datasets;
mod reading;
mod services;

use std::fmt;
use std::net::SocketAddr;

use grid::record::Record;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::SendRequest;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::health::WarningList;
use super::runtime::{self, Entry};
use super::tunnels::Tunnels;
use super::types::{Fault, FoundHeaders, Ledger, Offered, Peers, Providers, Put, Status};
use super::{CELLS, DEFAULT_API, FROM_CELL, HOPS, MILLISECONDS, SEQUENCE, TWIN, WRITTEN};
use crate::pointer::PointerText;
use crate::wire::{WireRecord, codec};

/// Why a node could not be asked, or what it answered instead.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// No node runs at the address.
    #[error("no node of yours is reachable at {api}{}: {}", other(why), advice(running))]
    NoNode {
        /// Where it should be.
        api: SocketAddr,
        /// What happened, if it was more than nobody listening.
        why: String,
        /// The APIs of this user that are up.
        running: Vec<SocketAddr>,
    },
    /// The node has answered that it cannot.
    #[error("{}; {}", fault.error, fault.what_to_do)]
    Refused {
        /// Why, and what to do about it.
        fault: Box<Fault>,
        /// The kind of refusal.
        status: StatusCode,
    },
    /// What came back is no answer of a node's API.
    #[error("what answers at {api} is no node of this version ({why}): see what listens there, or say another --api")]
    Strange {
        /// Where.
        api: SocketAddr,
        /// What is strange.
        why: String,
    },
}

impl ClientError {
    /// Whether the same may work a little later: nodes come and go. What is wrong with the request stays wrong, and a
    /// full grid stays full for longer than anybody waits.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Refused { status, .. } => {
                *status == StatusCode::NOT_FOUND
                    || (status.is_server_error() && *status != StatusCode::INSUFFICIENT_STORAGE)
            }
            Self::NoNode { .. } | Self::Strange { .. } => false,
        }
    }
}

fn other(why: &str) -> String {
    match why.is_empty() {
        true => String::new(),
        false => format!(" ({why})"),
    }
}

fn advice(running: &[SocketAddr]) -> String {
    match running {
        [] => "start one with `rook run`, or try out a whole grid with `rook demo`".to_owned(),
        running => {
            let flags: Vec<String> = running.iter().map(|api| format!("--api {api}")).collect();
            format!("these are up: {}", flags.join(", "))
        }
    }
}

/// A value that was found, and the way it came.
#[derive(Clone, Debug)]
pub struct Found {
    /// The value.
    pub value: Bytes,
    /// How it was found.
    pub headers: FoundHeaders,
}

/// One running node, as the same user reaches it.
#[derive(Clone)]
pub struct Client {
    api: SocketAddr,
    token: String,
    tunnel: bool,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("api", &self.api).finish_non_exhaustive()
    }
}

impl Client {
    /// The node whose API is at that address, or at the usual one.
    ///
    /// # Errors
    /// [`ClientError::NoNode`] if this user runs none there; it names those that are up.
    pub fn find(api: Option<SocketAddr>) -> Result<Self, ClientError> {
        let api = api.unwrap_or(DEFAULT_API);
        let Some(Entry { token, .. }) = runtime::find(api) else { return Err(no_node(api, String::new())) };
        Ok(Self { api, token, tunnel: false })
    }

    /// The same node, which finds and stores records through a tunnel if that is wished.
    pub fn through_tunnel(self, tunnel: bool) -> Self {
        Self { tunnel, ..self }
    }

    /// What is asked besides.
    fn way(&self, joint: char) -> String {
        if self.tunnel { format!("{joint}tunnel=true") } else { String::new() }
    }

    /// Stores a record.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn put(&self, record: &Record) -> Result<Put, ClientError> {
        let path = format!("/v1/records{}", self.way('?'));
        self.json(Method::PUT, &path, codec::encode(&WireRecord::from(record))).await
    }

    /// Finds a chunk of a value, or the newest version of a mutable one.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn get(&self, pointer: &PointerText, chunk: u32) -> Result<Found, ClientError> {
        let path = format!("/v1/records/{pointer}?chunk={chunk}{}", self.way('&'));
        let response = self.send(Method::GET, &path, Vec::new()).await?;
        let headers = self.found_headers(response.headers())?;
        Ok(Found { value: self.body(response).await?, headers })
    }

    /// The node's state.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn status(&self) -> Result<Status, ClientError> {
        self.json(Method::GET, "/v1/status", Vec::new()).await
    }

    /// The nodes that it knows.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn peers(&self) -> Result<Peers, ClientError> {
        self.json(Method::GET, "/v1/peers", Vec::new()).await
    }

    /// The address of its page. The token stands behind a `#`, which no browser sends to anybody.
    pub fn dashboard(&self) -> String {
        format!("http://{}/#token={}", self.api, self.token)
    }

    /// What its neighbours did for it, and it for them.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn ledger(&self) -> Result<Ledger, ClientError> {
        self.json(Method::GET, "/v1/ledger", Vec::new()).await
    }

    /// Its tunnels, and what it has relayed for others.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn tunnels(&self) -> Result<Tunnels, ClientError> {
        self.json(Method::GET, "/v1/tunnels", Vec::new()).await
    }

    /// What is not as it should be, and what went wrong before.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn warnings(&self) -> Result<WarningList, ClientError> {
        self.json(Method::GET, "/v1/warnings", Vec::new()).await
    }

    /// Its figures, as OpenMetrics text.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn metrics(&self) -> Result<String, ClientError> {
        let response = self.send(Method::GET, "/metrics", Vec::new()).await?;
        String::from_utf8(self.body(response).await?.into()).map_err(|error| self.strange(error))
    }

    /// Announces that the node offers something: a name, or a pointer's record.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn provide(&self, topic: &str, note: &str, seconds: u64) -> Result<Offered, ClientError> {
        let path = format!("/v1/offers/{}?seconds={seconds}", escape(topic));
        self.json(Method::PUT, &path, note.as_bytes().to_vec()).await
    }

    /// Who offers something.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn providers(&self, topic: &str) -> Result<Providers, ClientError> {
        self.json(Method::GET, &format!("/v1/offers/{}", escape(topic)), Vec::new()).await
    }

    /// Makes the node leave the grid and end.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn leave(&self) -> Result<(), ClientError> {
        self.send(Method::POST, "/v1/leave", Vec::new()).await.map(|_| ())
    }

    async fn json<T: serde::de::DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<T, ClientError> {
        let response = self.send(method, path, body).await?;
        let body = self.body(response).await?;
        serde_json::from_slice(&body).map_err(|error| self.strange(error))
    }

    /// Sends one request; an answer that is no success becomes an error.
    async fn send(&self, method: Method, path: &str, body: Vec<u8>) -> Result<Response<Incoming>, ClientError> {
        self.send_as("application/octet-stream", method, path, body).await
    }

    async fn send_as(
        &self,
        content_type: &str,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<Response<Incoming>, ClientError> {
        self.connect().await?.send_as(content_type, method, path, body).await
    }

    /// A connection to the node that stays open, for who asks often.
    ///
    /// # Errors
    /// [`ClientError::NoNode`] if nobody listens there.
    pub async fn connect(&self) -> Result<Kept<'_>, ClientError> {
        let stream = TcpStream::connect(self.api).await.map_err(|error| no_node(self.api, error.to_string()))?;
        stream.set_nodelay(true).map_err(|error| no_node(self.api, error.to_string()))?;
        let (sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| self.strange(error))?;
        tokio::spawn(connection);
        Ok(Kept { client: self, sender })
    }

    async fn fault(&self, status: StatusCode, response: Response<Incoming>) -> ClientError {
        match self.body(response).await {
            Ok(body) => match serde_json::from_slice(&body) {
                Ok(fault) => ClientError::Refused { fault, status },
                Err(_) => self.strange(format!("status {status}")),
            },
            Err(error) => error,
        }
    }

    async fn body(&self, response: Response<Incoming>) -> Result<Bytes, ClientError> {
        let body = response.into_body().collect().await.map_err(|error| self.broke_off(&error))?;
        Ok(body.to_bytes())
    }

    fn found_headers(&self, headers: &HeaderMap) -> Result<FoundHeaders, ClientError> {
        let text = |name: &str| {
            let value = headers.get(name).and_then(|value| value.to_str().ok());
            value.ok_or_else(|| self.strange(format!("no header {name}")))
        };
        let number = |name| {
            let parse = |text| serde_json::from_str(text).map_err(|error| self.strange(error));
            text(name).ok().map(parse).transpose()
        };
        Ok(FoundHeaders {
            hops: serde_json::from_str(text(HOPS)?).map_err(|error| self.strange(error))?,
            from_cell: serde_json::from_str(text(FROM_CELL)?).map_err(|error| self.strange(error))?,
            ms: serde_json::from_str(text(MILLISECONDS)?).map_err(|error| self.strange(error))?,
            cells: serde_json::from_str(text(CELLS)?).map_err(|error| self.strange(error))?,
            sequence: number(SEQUENCE)?,
            written: number(WRITTEN)?,
            twin: text(TWIN).ok().map(str::to_owned),
        })
    }

    /// An answer that did not come to its end: something else listens there, or the node has just ended.
    fn broke_off(&self, error: &hyper::Error) -> ClientError {
        match error.is_parse() {
            true => self.strange(error),
            false => no_node(self.api, error.to_string()),
        }
    }

    fn strange(&self, why: impl fmt::Display) -> ClientError {
        ClientError::Strange { api: self.api, why: why.to_string() }
    }
}

/// A connection to a node that stays open; one request at a time.
#[derive(Debug)]
pub struct Kept<'a> {
    client: &'a Client,
    sender: SendRequest<Full<Bytes>>,
}

impl Kept<'_> {
    /// Gets what stands at a path, as it is.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn get(&mut self, path: &str) -> Result<Bytes, ClientError> {
        let response = self.send_as("application/octet-stream", Method::GET, path, Vec::new()).await?;
        self.client.body(response).await
    }

    /// Sends one request; an answer that is no success becomes an error.
    async fn send_as(
        &mut self,
        content_type: &str,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<Response<Incoming>, ClientError> {
        let Self { client, sender } = self;
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, client.api.to_string())
            .header(AUTHORIZATION, format!("Bearer {}", client.token))
            .header(CONTENT_TYPE, content_type)
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| client.strange(error))?;
        let response = sender.send_request(request).await.map_err(|error| client.broke_off(&error))?;
        match response.status() {
            status if status.is_success() => Ok(response),
            status => Err(client.fault(status, response).await),
        }
    }
}

/// A topic as a part of a path: what is no letter or digit as the hex of its bytes (RFC 3986, section 2.1).
fn escape(topic: &str) -> String {
    let escape = |byte: u8| match byte.is_ascii_alphanumeric() {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    topic.bytes().map(escape).collect()
}

fn no_node(api: SocketAddr, why: String) -> ClientError {
    let running = runtime::running().into_iter().map(|entry| entry.api).filter(|&up| up != api).collect();
    ClientError::NoNode { api, why, running }
}
