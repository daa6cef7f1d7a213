//! Publishes datasets: a version is prepared here, its head is signed by whoever has the publisher's key, and comes back
//! as a record.

use std::sync::Arc;

use dataset::manifest::VersionRoot;
use grid::output::PutReport;
use grid::record::Record;

use super::catalog::{Entry, Version};
use super::error::DatasetError;
use super::head::Head;
use super::name::Name;
use super::pins::Pin;
use super::resolve::read_head;
use super::store::Found;
use super::types::{Condition, Prepared, Wish};
use super::work::{self, Meter};
use super::{Datasets, Inner};
use crate::pointer::PointerText;

/// Versions of a dataset that are kept, those counted that can still be served.
const MAX_VERSIONS: usize = 8;

impl Datasets {
    /// Reads a dataset's files and makes the manifest of a version of them, which [`Datasets::publish`] publishes. One
    /// at a time is read; the meter tells how far it is.
    ///
    /// # Errors
    /// [`DatasetError`] if files cannot be read, or the name is not ours.
    pub async fn prepare(&self, wish: Wish, meter: Arc<Meter>) -> Result<Prepared, DatasetError> {
        if let Some(entry) = self.0.catalog.find(&wish.name)
            && !entry.own
        {
            return Err(DatasetError::Foreign(wish.name));
        }
        let _reading = self.0.reading.lock().await;
        let inner = Arc::clone(&self.0);
        let prepared = tokio::task::spawn_blocking(move || inner.prepare(&wish, &meter)).await??;
        self.look().await;
        Ok(prepared)
    }

    /// Stores the head of a version that was prepared here in the grid; from then on it is the newest one, and served
    /// if that was wished.
    ///
    /// # Errors
    /// [`DatasetError`] if the record is no such head, or the grid does not take it.
    pub async fn publish(&self, name: &Name, record: Record) -> Result<PutReport, DatasetError> {
        let no_head = |why: String| DatasetError::NoHead { name: name.clone(), why };
        let Some(version) = record.version() else { return Err(no_head("it can have no versions".to_owned())) };
        let head = read_head(&version.value, name).map_err(no_head)?;
        let sequence = version.head.sequence;
        let pointer = PointerText::from(record.pointer());
        let entry = self.0.catalog.find(name).ok_or_else(|| DatasetError::Unknown(name.clone()))?;
        let is_meant = |version: &Version| version.root == head.version && version.length == head.length;
        if !entry.own || !entry.versions.iter().any(is_meant) {
            return Err(DatasetError::Unprepared);
        }
        let report = self.0.node.put(record).await?;
        self.0.published(name, &pointer, &head, sequence)?;
        self.0.resolver.pins.keep(Pin { pointer, head, sequence });
        self.0.resolver.renew(name);
        self.look().await;
        Ok(report)
    }
}

impl Inner {
    fn prepare(&self, wish: &Wish, meter: &Meter) -> Result<Prepared, DatasetError> {
        let found = self.stores.find(&wish.location)?;
        let worked = work::describe(&self.stores, found, wish.label.clone(), wish.roots, meter)?;
        let (root, length) = (VersionRoot::of(&worked.encoded), worked.encoded.len() as u64);
        let entry = self.catalog.keep(&worked.encoded, &worked.outboards, &wish.name, |entry| {
            entry.serve |= wish.serve;
            entry.versions.retain(|version| version.sequence.is_some() || version.root == root);
            let known = entry.versions.iter().position(|version| version.root == root);
            let sequence = known.and_then(|known| entry.versions[known].sequence);
            let (location, files): (_, Vec<Found>) = (wish.location.clone(), worked.files.clone());
            let version = Version { root, sequence, length, location, files };
            match known {
                Some(known) => entry.versions[known] = version,
                None => entry.versions.push(version),
            }
        })?;
        self.reload(&wish.name, root);
        let newest = entry.versions.iter().filter(|version| version.sequence.is_some());
        let newest = newest.max_by_key(|version| version.sequence);
        Ok(Prepared {
            version: root,
            length,
            files: worked.files.len(),
            bytes: meter.progress().done,
            published: newest.is_some_and(|newest| newest.root == root),
            pointer: entry.pointer,
            skipped: worked.skipped,
        })
    }

    /// Notes that a head is in the grid. Versions of which nothing is left here go, and the oldest of too many.
    fn published(&self, name: &Name, pointer: &PointerText, head: &Head, sequence: u64) -> Result<(), DatasetError> {
        let lost: Vec<VersionRoot> = {
            let states = self.states();
            let is_lost = |condition: &Condition| matches!(condition, Condition::Changed(_));
            let lost = states.iter().filter(|((of, _), state)| of == name && is_lost(&state.condition));
            lost.map(|((_, root), _)| *root).collect()
        };
        self.catalog.change(name, |entry: &mut Entry| {
            entry.pointer = Some(pointer.clone());
            let newest = entry.versions.iter_mut().filter(|version| version.root == head.version);
            newest.for_each(|version| version.sequence = Some(sequence));
            entry.versions.retain(|version| version.root == head.version || !lost.contains(&version.root));
            entry.versions.sort_by_key(|version| version.sequence);
            let too_many = entry.versions.len().saturating_sub(MAX_VERSIONS);
            entry.versions.drain(..too_many);
        })?;
        Ok(())
    }
}
