//! Objects of a store that speaks S3.
//!
//! Where it is and how one gets in stands in the usual environment variables: `AWS_ACCESS_KEY_ID`,
//! `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT_URL`, `AWS_ALLOW_HTTP`, `AWS_SKIP_SIGNATURE`.

mod blocks;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::TryStreamExt;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, Error, ObjectMeta, ObjectStore, ObjectStoreExt, RetryConfig};
use tokio::runtime::{Builder, Runtime};

use self::blocks::{Cache, ObjectFile};
use super::{Fingerprint, Found, Location, MAX_FILES, Opened, StoreError};

/// How long a store may take to answer before it counts as gone.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long the same request is tried again.
const RETRY: RetryConfig = RetryConfig {
    backoff: BackoffConfig { init_backoff: Duration::from_millis(100), max_backoff: Duration::from_secs(2), base: 2.0 },
    max_retries: 4,
    retry_timeout: Duration::from_secs(8),
};
/// How long a store may take to let us in.
const CONNECT: Duration = Duration::from_secs(5);

/// Object stores, and what was read from them lately.
#[derive(Clone, Default)]
pub struct Objects(Arc<Shared>);

#[derive(Default)]
struct Shared {
    buckets: Mutex<BTreeMap<String, Arc<AmazonS3>>>,
    /// Requests run here, whatever thread waits for them.
    runtime: Mutex<Option<Runtime>>,
    cache: Cache,
}

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Objects(..)")
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // A runtime that is simply dropped waits for its tasks, which not every thread may do.
        let runtime = self.runtime.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        runtime.into_iter().for_each(Runtime::shutdown_background);
    }
}

impl Objects {
    pub(super) fn find(&self, bucket: &str, key: &str) -> Result<Vec<Found>, StoreError> {
        if !key.is_empty() && !key.ends_with('/') {
            match self.look(bucket, key) {
                Ok(fingerprint) => {
                    let location = Location::Object { bucket: bucket.into(), key: key.into() };
                    return Ok(vec![Found { path: String::new(), location, fingerprint }]);
                }
                Err(StoreError::Missing(_)) => {}
                Err(other) => return Err(other),
            }
        }
        let name = format!("s3://{bucket}/{key}");
        let (store, prefix) = (self.bucket(bucket)?, path(&name, key)?);
        let below = prefix.clone();
        let listed = self.0.ask(&name, async move {
            let mut data = Vec::new();
            let mut objects = store.list(Some(&below));
            while let Some(object) = objects.try_next().await? {
                if super::is_data(object.location.as_ref()) && data.len() <= MAX_FILES {
                    data.push(object);
                }
            }
            Ok(data)
        })?;
        match listed.len() {
            0 => Err(StoreError::Missing(name)),
            count if count > MAX_FILES => Err(StoreError::TooMany(name)),
            _ => Ok(listed.iter().map(|object| found(bucket, &prefix, object)).collect()),
        }
    }

    pub(super) fn look(&self, bucket: &str, key: &str) -> Result<Fingerprint, StoreError> {
        let name = format!("s3://{bucket}/{key}");
        let (store, path) = (self.bucket(bucket)?, path(&name, key)?);
        let object = self.0.ask(&name, async move { store.head(&path).await })?;
        Ok(fingerprint(&object))
    }

    pub(super) fn open(&self, bucket: &str, key: &str, expected: &Fingerprint) -> Result<Opened, StoreError> {
        let name = format!("s3://{bucket}/{key}");
        if self.look(bucket, key)? != *expected {
            return Err(StoreError::Changed(name));
        }
        let (store, path) = (self.bucket(bucket)?, path(&name, key)?);
        let file = Arc::new(ObjectFile::new(Arc::clone(&self.0), store, path, name, expected.clone()));
        Ok(Opened { storage: file.clone(), watch: file })
    }

    fn bucket(&self, bucket: &str) -> Result<Arc<AmazonS3>, StoreError> {
        let mut buckets = self.0.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(store) = buckets.get(bucket) {
            return Ok(Arc::clone(store));
        }
        let store = AmazonS3Builder::from_env()
            .with_bucket_name(bucket)
            .with_retry(RETRY)
            .with_client_options(client_options())
            .build();
        let store = Arc::new(store.map_err(|error| refuse(&format!("s3://{bucket}"), error))?);
        buckets.insert(bucket.to_owned(), Arc::clone(&store));
        Ok(store)
    }
}

/// The options that are ours, and `AWS_ALLOW_HTTP`, which replacing all of them would forget.
fn client_options() -> ClientOptions {
    let allows = |value: String| matches!(value.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on");
    let http = std::env::var("AWS_ALLOW_HTTP").is_ok_and(allows);
    ClientOptions::new().with_allow_http(http).with_connect_timeout(CONNECT).with_timeout(PATIENCE)
}

fn path(name: &str, key: &str) -> Result<Path, StoreError> {
    Path::parse(key).map_err(|_| StoreError::Location(name.to_owned()))
}

fn fingerprint(object: &ObjectMeta) -> Fingerprint {
    // Whole seconds: some stores list milliseconds, and none can say them of one object, in an HTTP date.
    let modified = object.last_modified.timestamp().saturating_mul(1_000_000_000);
    Fingerprint { size: object.size, modified, etag: object.e_tag.clone() }
}

/// An object below a prefix, which is left out of its name within the dataset.
fn found(bucket: &str, prefix: &Path, object: &ObjectMeta) -> Found {
    let key = object.location.as_ref();
    let path = key.strip_prefix(prefix.as_ref()).unwrap_or(key).trim_start_matches('/').to_owned();
    let location = Location::Object { bucket: bucket.into(), key: key.into() };
    Found { path, location, fingerprint: fingerprint(object) }
}

/// What a store's refusal means to people.
fn refuse(name: &str, error: Error) -> StoreError {
    let unreadable = |what: String| StoreError::Unreadable { name: name.to_owned(), what };
    match error {
        Error::NotFound { .. } => StoreError::Missing(name.to_owned()),
        Error::Precondition { .. } => StoreError::Changed(name.to_owned()),
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => unreadable(
            "the store refuses us; see that AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are set where the node was started".to_owned(),
        ),
        // The client has no variant of its own for it, where it lists.
        Error::Generic { .. } if with_causes(&error).contains("<Code>NoSuchBucket</Code>") => {
            StoreError::Missing(name.to_owned())
        }
        Error::Generic { .. }
        | Error::InvalidPath { .. }
        | Error::JoinError { .. }
        | Error::NotSupported { .. }
        | Error::AlreadyExists { .. }
        | Error::NotModified { .. }
        | Error::NotImplemented { .. }
        | Error::UnknownConfigurationKey { .. }
        | _ => unreadable(with_causes(&error)),
    }
}

/// An error with what lies behind it, as far as it does not say that itself.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

impl Shared {
    /// Waits for a store's answer, but not for ever. May be called on any thread; it blocks that thread.
    fn ask<T: Send + 'static>(
        &self,
        name: &str,
        request: impl Future<Output = Result<T, Error>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let unreadable = |what: String| StoreError::Unreadable { name: name.to_owned(), what };
        let (sender, answer) = sync_channel(1);
        {
            let mut runtime = self.runtime.lock().unwrap_or_else(PoisonError::into_inner);
            let started = match runtime.take() {
                Some(runtime) => runtime,
                None => start().map_err(|error| unreadable(error.to_string()))?,
            };
            runtime.insert(started).spawn(async move {
                // Nobody may wait any more.
                _ = sender.send(tokio::time::timeout(PATIENCE, request).await);
            });
        }
        match answer.recv() {
            Ok(Ok(answer)) => answer.map_err(|error| refuse(name, error)),
            Ok(Err(_)) => Err(unreadable(format!("the store does not answer within {} s", PATIENCE.as_secs()))),
            Err(_) => Err(unreadable("the request was given up".to_owned())),
        }
    }
}

fn start() -> std::io::Result<Runtime> {
    Builder::new_multi_thread().worker_threads(2).thread_name("rook-store").enable_all().build()
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;

    use super::*;

    /// An object's date comes with milliseconds in a list (as garage 2.5 does it) and without in a header.
    #[tokio::test]
    async fn a_date_without_milliseconds_is_the_same() {
        let (store, path) = (InMemory::new(), Path::from("a.nc"));
        store.put(&path, "values".into()).await.unwrap();
        let listed = store.head(&path).await.unwrap();
        let mut headed = listed.clone();
        headed.last_modified -= Duration::from_nanos(headed.last_modified.timestamp_subsec_nanos().into());
        assert_eq!(fingerprint(&headed), fingerprint(&listed));
        headed.last_modified -= Duration::from_secs(1);
        assert_ne!(fingerprint(&headed), fingerprint(&listed), "a second is a change");
    }
}
