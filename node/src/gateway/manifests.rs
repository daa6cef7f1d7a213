//! Manifests, from whoever has them: they are named by their hash, so it does not matter who that is.

use dataset::manifest::{Manifest, VersionRoot};
use futures::FutureExt;
use futures::future::BoxFuture;

use super::along;
use super::error::Attempt;
use super::opened::Server;
use crate::data::client::{DataClient, Target, Version};
use crate::datasets::resolve::ServerEntry;
use crate::datasets::types::ManifestFetcher;
use crate::handle::NodeHandle;
use crate::verifier::Verifier;

/// Fetches manifests.
#[derive(Clone, Debug)]
pub(crate) struct Manifests {
    pub(crate) node: NodeHandle,
    pub(crate) client: DataClient,
    pub(crate) verifier: Verifier,
}

impl Manifests {
    /// A server as it can be asked.
    pub(super) fn server(&self, entry: &ServerEntry) -> Server {
        let target = match entry.addresses.as_slice() {
            [] => None,
            addresses => Target::new(&self.verifier, &entry.peer, addresses.to_vec()),
        };
        Server { peer: entry.peer.clone(), target }
    }

    /// The manifest of a version and its bytes; or what became of each server.
    pub(super) async fn fetch(
        &self,
        version: &Version,
        servers: &[Server],
    ) -> Result<(Vec<u8>, Manifest), Vec<Attempt>> {
        let mut attempts = Vec::new();
        for server in servers {
            let asked = match &server.target {
                Some(target) => {
                    let asked = self.client.manifest(target, version).await;
                    asked.map(|(bytes, manifest)| (bytes.to_vec(), manifest)).map_err(|error| error.to_string())
                }
                None => along::manifest(&self.node, server, version).await,
            };
            match asked {
                Ok(found) => return Ok(found),
                Err(what) => attempts.push(Attempt { node: server.peer.id(), what }),
            }
        }
        Err(attempts)
    }
}

impl ManifestFetcher for Manifests {
    fn manifest<'a>(
        &'a self,
        version: VersionRoot,
        _length: u64,
        servers: &'a [ServerEntry],
    ) -> BoxFuture<'a, Result<Vec<u8>, String>> {
        async move {
            let servers: Vec<Server> = servers.iter().map(|entry| self.server(entry)).collect();
            let found = self.fetch(&Version { dataset: String::new(), root: version }, &servers).await;
            found.map(|(bytes, _)| bytes).map_err(|attempts| super::error::listed(&attempts))
        }
        .boxed()
    }
}
