//! Serves what others have published, from a copy of one's own.

use std::collections::BTreeMap;
use std::sync::Arc;

use dataset::manifest::{Manifest, VersionRoot};

use super::catalog::Version;
use super::error::DatasetError;
use super::name::Reference;
use super::pins::Pin;
use super::resolve::Resolved;
use super::store::{Found, Location};
use super::work::{self, Meter};
use super::{Datasets, Inner};
use crate::pointer::PointerText;

impl Datasets {
    /// Serves the newest version of a dataset that somebody else has published, from files here that hold the same, in
    /// whatever layout. Without its manifest's bytes, they are fetched from those who serve it already.
    ///
    /// # Errors
    /// [`DatasetError`] if the name stands for nothing, its manifest cannot be had, or the files differ.
    pub async fn serve(
        &self,
        reference: &Reference,
        location: Location,
        manifest: Option<Vec<u8>>,
        meter: Arc<Meter>,
    ) -> Result<Arc<Resolved>, DatasetError> {
        if let Some(entry) = self.0.catalog.find(&reference.name)
            && entry.own
        {
            return Err(DatasetError::Here(reference.name.clone()));
        }
        let resolved = self.0.resolver.resolve(reference).await?;
        let encoded = match manifest {
            Some(manifest) => manifest,
            None => self.fetch(&resolved).await?,
        };
        let found = VersionRoot::of(&encoded);
        if found != resolved.head.version {
            let wanted = resolved.head.version.to_string();
            return Err(DatasetError::OtherManifest { wanted, found: found.to_string() });
        }
        let _reading = self.0.reading.lock().await;
        let (inner, of) = (Arc::clone(&self.0), Arc::clone(&resolved));
        tokio::task::spawn_blocking(move || inner.take_over(&of, location, &encoded, &meter)).await??;
        self.look().await;
        Ok(resolved)
    }

    async fn fetch(&self, resolved: &Resolved) -> Result<Vec<u8>, DatasetError> {
        let failed = |why: String| DatasetError::NoManifest { name: resolved.head.name.clone(), why };
        let fetcher = self.0.fetcher.get().ok_or_else(|| failed("this node fetches no data".to_owned()))?;
        if resolved.servers.is_empty() {
            return Err(failed("nobody serves it just now".to_owned()));
        }
        let fetched = fetcher.manifest(resolved.head.version, resolved.head.length, &resolved.servers).await;
        fetched.map_err(failed)
    }
}

impl Inner {
    fn take_over(
        &self,
        resolved: &Resolved,
        location: Location,
        encoded: &[u8],
        meter: &Meter,
    ) -> Result<(), DatasetError> {
        let manifest = Manifest::decode(encoded)?;
        let files = in_order(&manifest, self.stores.find(&location)?, &location)?;
        let outboards = work::compare(&self.stores, &manifest, &files, meter)?;
        let (head, sequence) = (resolved.head.clone(), resolved.sequence);
        let pointer = PointerText::from(&resolved.pointer);
        let (root, length) = (head.version, head.length);
        self.catalog.keep(encoded, &outboards, &head.name, |entry| {
            (entry.own, entry.serve) = (false, true);
            // Versions of another pointer's dataset are of no use any more.
            if entry.pointer.as_ref() != Some(&pointer) {
                entry.versions.clear();
            }
            entry.pointer = Some(pointer.clone());
            entry.versions.retain(|version| version.root != root);
            entry.versions.push(Version { root, sequence: Some(sequence), length, location, files });
        })?;
        self.reload(&head.name, root);
        self.resolver.pins.keep(Pin { pointer, head, sequence });
        Ok(())
    }
}

/// The files here in the order of the manifest; what it does not name is left out.
fn in_order(manifest: &Manifest, found: Vec<Found>, location: &Location) -> Result<Vec<Found>, DatasetError> {
    // A dataset of one file may lie here under any name, and one of a folder of one file may be that file alone.
    if let ([published], [_]) = (&manifest.files[..], &found[..]) {
        return Ok(found.into_iter().map(|found| Found { path: published.path.clone(), ..found }).collect());
    }
    let mut found: BTreeMap<String, Found> = found.into_iter().map(|found| (found.path.clone(), found)).collect();
    let take = |published: &dataset::manifest::File| {
        let missing = || DatasetError::Differs(format!("{:?} is missing in {location}", published.path));
        found.remove(&published.path).ok_or_else(missing)
    };
    manifest.files.iter().map(take).collect()
}
