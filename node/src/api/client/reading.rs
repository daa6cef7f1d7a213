//! What the command line asks of a node to read datasets.

use dataset::manifest::{MAX_MANIFEST, Manifest};
use dataset::slab::{Slab, Span};
use http_body_util::{BodyExt, Limited};
use hyper::Method;
use hyper::body::{Bytes, Incoming};

use super::{Client, ClientError, escape};
use crate::api::reading::{Checked, Trusted, VERSION};

/// Values of a dataset, as they come.
#[derive(Debug)]
pub struct DatasetValues {
    body: Incoming,
}

impl Client {
    /// The newest version of a dataset, in hex, and its manifest.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn open_dataset(&self, name: &str) -> Result<(String, Manifest), ClientError> {
        let path = format!("/v1/datasets/{}/opened", escape(name));
        let response = self.send(Method::GET, &path, Vec::new()).await?;
        let version = response.headers().get(VERSION).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let version = version.ok_or_else(|| self.strange("it does not say which version"))?;
        let body = Limited::new(response.into_body(), MAX_MANIFEST).collect().await;
        let body = body.map_err(|error| self.strange(error))?.to_bytes();
        Ok((version, Manifest::decode(&body).map_err(|error| self.strange(error))?))
    }

    /// Values of a variable of a file in canonical form, without the first `skip` bytes.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn dataset_values(
        &self,
        name: &str,
        version: &str,
        (file, variable): (usize, usize),
        slab: &Slab,
        skip: u64,
    ) -> Result<DatasetValues, ClientError> {
        let span = |span: &Span| format!("{}:{}:{}", span.start, span.count, span.stride);
        let slab: Vec<_> = slab.0.iter().map(span).collect();
        let path = format!(
            "/v1/datasets/{}/values?version={version}&file={file}&variable={variable}&slab={}&skip={skip}",
            escape(name),
            slab.join(",")
        );
        Ok(DatasetValues { body: self.send(Method::GET, &path, Vec::new()).await?.into_body() })
    }

    /// The next piece; none after the last. The node ends the connection early if it cannot go on.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn next_values(&self, values: &mut DatasetValues) -> Result<Option<Bytes>, ClientError> {
        while let Some(frame) = values.body.frame().await {
            if let Ok(bytes) = frame.map_err(|error| self.broke_off(&error))?.into_data() {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    /// Has the node look at all servers of a dataset: at so many groups of each variable, or at everything.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn check_dataset(&self, name: &str, groups: Option<u64>) -> Result<Checked, ClientError> {
        let groups = groups.map(|groups| format!("?groups={groups}")).unwrap_or_default();
        self.json(Method::POST, &format!("/v1/datasets/{}/check{groups}", escape(name)), Vec::new()).await
    }

    /// What the node knows of dataset servers.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn trust(&self) -> Result<Trusted, ClientError> {
        self.json(Method::GET, "/v1/trust", Vec::new()).await
    }
}
