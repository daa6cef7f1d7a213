//! What the command line asks of a node about datasets.

use dataset::manifest::MAX_MANIFEST;
use grid::record::Record;
use http_body_util::BodyExt;
use hyper::Method;
use hyper::body::Bytes;

use super::{Client, ClientError, escape};
use crate::api::types::Put;
use crate::api::types::datasets::{DatasetEvent, DatasetShown, DatasetWish, Datasets};
use crate::wire::{WireRecord, codec};

/// Bytes of the longest line that is read.
const MAX_LINE: usize = MAX_MANIFEST;

impl Client {
    /// What the node publishes and serves.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn datasets(&self) -> Result<Datasets, ClientError> {
        self.json(Method::GET, "/v1/datasets", Vec::new()).await
    }

    /// What a name, or `NAME@POINTER`, stands for.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn dataset(&self, reference: &str) -> Result<DatasetShown, ClientError> {
        self.json(Method::GET, &format!("/v1/datasets/{}", escape(reference)), Vec::new()).await
    }

    /// Has the node read a dataset's files for its next version; `step` sees each line, the last one included.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn prepare_dataset(
        &self,
        name: &str,
        wish: &DatasetWish,
        step: impl FnMut(DatasetEvent),
    ) -> Result<(), ClientError> {
        let body = serde_json::to_vec(wish).map_err(|error| self.strange(error))?;
        let path = format!("/v1/datasets/{}/versions", escape(name));
        self.lines(Method::POST, &path, body, step).await
    }

    /// Stores the head of a version that the node has prepared.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn publish_dataset(&self, name: &str, head: &Record) -> Result<Put, ClientError> {
        let path = format!("/v1/datasets/{}/head", escape(name));
        self.json(Method::PUT, &path, codec::encode(&WireRecord::from(head))).await
    }

    /// Has the node serve somebody else's dataset from a copy; an empty manifest is fetched. `step` sees each line, the
    /// last one included.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn serve_dataset(
        &self,
        reference: &str,
        location: &str,
        manifest: Vec<u8>,
        step: impl FnMut(DatasetEvent),
    ) -> Result<(), ClientError> {
        let path = format!("/v1/datasets/{}/copy?location={}", escape(reference), escape(location));
        self.lines(Method::PUT, &path, manifest, step).await
    }

    /// The manifest of the newest version that lies on the node.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn dataset_manifest(&self, name: &str) -> Result<Bytes, ClientError> {
        let path = format!("/v1/datasets/{}/manifest", escape(name));
        let response = self.send(Method::GET, &path, Vec::new()).await?;
        self.body(response).await
    }

    /// Has the node stop publishing and serving a dataset.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn remove_dataset(&self, name: &str) -> Result<(), ClientError> {
        self.send(Method::DELETE, &format!("/v1/datasets/{}", escape(name)), Vec::new()).await.map(|_| ())
    }

    /// Has the node forget which pointer a name stands for.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn forget_dataset(&self, name: &str) -> Result<(), ClientError> {
        self.send(Method::DELETE, &format!("/v1/datasets/{}/pin", escape(name)), Vec::new()).await.map(|_| ())
    }

    /// Reads an answer line by line as it comes.
    async fn lines(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
        mut step: impl FnMut(DatasetEvent),
    ) -> Result<(), ClientError> {
        let content_type = if method == Method::POST { "application/json" } else { "application/octet-stream" };
        let mut body = self.send_as(content_type, method, path, body).await?.into_body();
        let mut rest: Vec<u8> = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| self.broke_off(&error))?;
            rest.extend(frame.data_ref().into_iter().flatten());
            while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
                let line: Vec<u8> = rest.drain(..=end).collect();
                step(serde_json::from_slice(&line).map_err(|error| self.strange(error))?);
            }
            if rest.len() > MAX_LINE {
                return Err(self.strange("a line without end"));
            }
        }
        Ok(())
    }
}
