//! Follows the node while it reads files.

use crate::api::types::datasets::{DatasetEvent, DatasetHead, PreparedDataset};
use crate::cli::Failure;
use crate::cli::transfer::Meter;

/// Shows how far the node is, and remembers what it says last.
#[derive(Default)]
pub(super) struct Reading {
    meter: Option<Meter>,
    /// Bytes for which the meter was made, and bytes that it was told of.
    total: u64,
    told: u64,
    last: Option<DatasetEvent>,
}

impl Reading {
    pub(super) fn step(&mut self, event: DatasetEvent) {
        if let DatasetEvent::Progress { done, total, .. } = &event {
            // How much there is to read is not known before all files were opened.
            if *total != self.total || self.meter.is_none() {
                self.meter.iter().for_each(Meter::finish);
                self.meter = Some(Meter::new("read", *total, *done));
                (self.total, self.told) = (*total, *done);
            }
            self.meter.iter_mut().for_each(|meter| meter.advance(done.saturating_sub(self.told)));
            self.told = *done;
        }
        self.last = Some(event);
    }

    fn end(self) -> Result<DatasetEvent, Failure> {
        self.meter.iter().for_each(Meter::finish);
        match self.last {
            Some(DatasetEvent::Failed(fault)) => Err(Failure::new(format!("{}; {}", fault.error, fault.what_to_do))),
            Some(DatasetEvent::Progress { .. }) | None => {
                Err(Failure::new("the node ended before it had read the files: start it again, and try again"))
            }
            Some(event @ (DatasetEvent::Prepared(_) | DatasetEvent::Serving(_))) => Ok(event),
        }
    }

    /// The version that was prepared.
    pub(super) fn prepared(self) -> Result<PreparedDataset, Failure> {
        match self.end()? {
            DatasetEvent::Prepared(prepared) => Ok(prepared),
            other @ (DatasetEvent::Progress { .. } | DatasetEvent::Serving(_) | DatasetEvent::Failed(_)) => {
                Err(strange(&other))
            }
        }
    }

    /// What is served now.
    pub(super) fn serving(self) -> Result<DatasetHead, Failure> {
        match self.end()? {
            DatasetEvent::Serving(head) => Ok(head),
            other @ (DatasetEvent::Progress { .. } | DatasetEvent::Prepared(_) | DatasetEvent::Failed(_)) => {
                Err(strange(&other))
            }
        }
    }
}

fn strange(event: &DatasetEvent) -> Failure {
    Failure::new(format!("the node answers something else than it was asked ({event:?}): it may be of another version"))
}
