//! Servers that keep their address private: they are asked along the grid, a few groups at a time.
//!
//! A question is `0 ‖ version 32 ‖ from` for a piece of the manifest, or `1 ‖ version 32 ‖ file ‖ variable ‖ first group ‖
//! groups` (bincode's varints); the reply is `0` and the bytes, or `1` and a sentence on why there are none.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use dataset::manifest::{MAX_MANIFEST, Manifest, Stream, VersionRoot};
use dataset::proof::Decoder;
use dataset::tree::{self, GROUP};
use futures::StreamExt;
use grid::message::MAX_REPLY;
use serde::{Deserialize, Serialize};

use super::fetch::{Fault, Fetcher, Groups, Wanted};
use super::opened::Server;
use crate::data::client::Version;
use crate::data::library::Library;
use crate::handle::{NodeHandle, Question};
use crate::wire::codec;

/// Groups of one question: with the hashes above them (64 bytes for each of at most 36 levels) they fit a reply.
const GROUPS: usize = 3;
/// Bytes of a piece of a manifest.
const PIECE: usize = 60 << 10;
/// Questions of one batch that are under way at a time.
const UNDER_WAY: usize = 8;
/// Questions that may wait to be answered here.
const WAITING: usize = 64;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Asked {
    Manifest { version: VersionRoot, from: u64 },
    Groups { version: VersionRoot, file: u32, variable: u32, first: u64, count: u64 },
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Said {
    Bytes(Vec<u8>),
    Nothing(String),
}

/// Answers questions about what is in the library, until the node has stopped.
pub(super) async fn serve(node: NodeHandle, library: Arc<Library>) {
    let Ok(mut questions) = node.serve(WAITING).await else { return };
    while let Some(question) = questions.recv().await {
        let (node, library) = (node.clone(), library.clone());
        tokio::spawn(async move {
            let reply = reply(&question, library).await;
            // Whoever asked a node that has stopped hears of it otherwise.
            _ = node.reply(question, reply).await;
        });
    }
}

async fn reply(question: &Question, library: Arc<Library>) -> Option<Arc<[u8]>> {
    let asked = codec::decode::<Asked>(question.bytes());
    let found = match asked {
        Ok(asked) => tokio::task::spawn_blocking(move || answer(&asked, &library)).await.ok()?,
        Err(error) => Err(format!("the question cannot be understood: {error}")),
    };
    let said = found.map_or_else(Said::Nothing, Said::Bytes);
    Some(codec::encode(&said).into()).filter(|reply: &Arc<[u8]>| reply.len() <= MAX_REPLY)
}

fn answer(asked: &Asked, library: &Library) -> Result<Vec<u8>, String> {
    let unknown = "the version is not served here".to_owned();
    match *asked {
        Asked::Manifest { version, from } => {
            let served = library.find(&version).ok_or(unknown)?;
            let from = usize::try_from(from).unwrap_or(usize::MAX);
            let rest = served.encoded.get(from..).ok_or("the manifest is shorter")?;
            Ok(rest[..rest.len().min(PIECE)].to_vec())
        }
        Asked::Groups { version, file, variable, first, count } => {
            let served = library.find(&version).ok_or(unknown)?;
            let (file, variable) = (file as usize, variable as usize);
            let file = served.files.get(file).ok_or("there is no such file")?;
            let outboard = file.outboards.get(variable).ok_or("there are no hashes of that variable")?;
            if count > GROUPS as u64 {
                return Err(format!("{count} groups are too many at a time, {GROUPS} are allowed"));
            }
            let groups = std::iter::once(first..first.saturating_add(count)).collect::<Vec<_>>();
            let mut encoding = Vec::new();
            tree::encode(file.source.as_ref(), variable, outboard, &groups, &mut encoding)
                .map_err(|error| error.to_string())?;
            Ok(encoding)
        }
    }
}

/// Asks one question; says why if there is no answer.
async fn ask(node: &NodeHandle, server: &Server, asked: &Asked) -> Result<Vec<u8>, String> {
    let (id, cell) = (server.peer.id(), server.peer.cell());
    let reply = node.ask_node(id, cell, codec::encode(asked)).await.map_err(|error| error.to_string())?;
    match codec::decode::<Said>(&reply) {
        Ok(Said::Bytes(bytes)) => Ok(bytes),
        Ok(Said::Nothing(why)) => Err(why.replace(char::is_control, " ")),
        Err(error) => Err(format!("its reply cannot be understood: {error}")),
    }
}

/// The manifest of a version, and its bytes.
pub(super) async fn manifest(
    node: &NodeHandle,
    server: &Server,
    version: &Version,
) -> Result<(Vec<u8>, Manifest), String> {
    let mut bytes = Vec::new();
    loop {
        let piece = ask(node, server, &Asked::Manifest { version: version.root, from: bytes.len() as u64 }).await?;
        bytes.extend_from_slice(&piece);
        if piece.len() < PIECE {
            break;
        }
        if bytes.len() > MAX_MANIFEST {
            return Err(format!("its manifest is larger than {MAX_MANIFEST} bytes"));
        }
    }
    match VersionRoot::of(&bytes) == version.root {
        true => {
            let manifest = Manifest::decode(&bytes).map_err(|error| error.to_string())?;
            Ok((bytes, manifest))
        }
        false => Err("it sent another manifest than the one that was asked for".into()),
    }
}

/// Groups of a stream; those that came before something went wrong are kept.
pub(super) async fn groups(
    fetcher: &Fetcher,
    server: &Server,
    wanted: &Wanted,
    groups: &[Range<u64>],
    have: &mut Groups,
) -> Result<(), Fault> {
    let all = groups.iter().flat_map(|range| {
        let (start, end) = (range.start, range.end);
        (start..end).step_by(GROUPS).map(move |first| first..end.min(first + GROUPS as u64))
    });
    let questions: Vec<Range<u64>> = all.collect();
    let mut answers = futures::stream::iter(questions)
        .map(|range| async move {
            let asked = Asked::Groups {
                version: wanted.opened.version,
                file: super::fetch::number(wanted.file),
                variable: super::fetch::number(wanted.variable),
                first: range.start,
                count: range.end - range.start,
            };
            (range, ask(&fetcher.node, server, &asked).await)
        })
        .buffer_unordered(UNDER_WAY);
    while let Some((range, answer)) = answers.next().await {
        let encoding = answer.map_err(Fault::Failure)?;
        // Somebody on the way may have changed it, so this convicts nobody.
        decode(&wanted.stream, std::slice::from_ref(&range), encoding.into(), have).map_err(Fault::Failure)?;
    }
    Ok(())
}

/// Takes the groups out of an encoding, each proved; says what is wrong with it.
pub(super) fn decode(
    stream: &Stream,
    groups: &[Range<u64>],
    mut encoding: Bytes,
    have: &mut Groups,
) -> Result<(), String> {
    let mut decoder = Decoder::new(stream, groups);
    while let Some(wanted) = decoder.wanted() {
        if encoding.len() < wanted {
            return Err("the answer ended early".into());
        }
        let piece = encoding.split_to(wanted);
        let offset = decoder.take(&piece).map_err(|error| error.to_string())?;
        if let Some(offset) = offset {
            have.insert(offset / GROUP, piece);
        }
    }
    if encoding.is_empty() { Ok(()) } else { Err("the answer is longer than it should be".into()) }
}
