//! The worker between the state machine and the disk: takes orders in order, commits several records at once, and
//! reports when they are safe.

use grid::id::{NodeId, RecordKey};
use grid::input::{Input, Ticket};
use grid::ledger::saved::Snapshot;
use grid::message::StoreFailure;
use grid::peer::Card;
use grid::record::Record;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::storage::{Storage, StorageError};

/// What the disk is to do.
pub(crate) enum Order {
    Store(Ticket, Record),
    Load(Ticket, RecordKey),
    Discard(RecordKey),
    Remember(NodeId, Card),
    Forget(NodeId),
    Ledger(Snapshot),
}

/// The disk does not keep up.
#[derive(Debug)]
pub(crate) struct Busy;

/// Orders that may wait: some thousand reads and writes, what expires, and a neighbourhood to remember.
const WAITING: usize = 8192;
/// Orders that are taken at a time: a commit costs the same for one record as for many.
const BATCH: usize = 64;

/// The end that takes orders.
#[derive(Debug)]
pub(crate) struct Shelf {
    storage: Storage,
    orders: mpsc::Sender<Order>,
    worker: JoinHandle<()>,
}

impl Shelf {
    /// Starts the worker; its reports go to `inputs`.
    pub(crate) fn start(storage: Storage, inputs: mpsc::Sender<Input>) -> Self {
        let (orders, ordered) = mpsc::channel(WAITING);
        Self { storage: storage.clone(), orders, worker: tokio::spawn(work(storage, ordered, inputs)) }
    }

    /// Places an order, unless too many wait.
    pub(crate) fn order(&self, order: Order) -> Result<(), Busy> {
        self.orders.try_send(order).map_err(|_| Busy)
    }

    /// A record that needs no reading.
    pub(crate) fn at_hand(&self, key: &RecordKey) -> Option<Record> {
        self.storage.at_hand(key)
    }

    /// Waits until all orders are carried out.
    pub(crate) async fn close(self) {
        drop(self.orders);
        // A worker that panicked has said so already.
        _ = self.worker.await;
    }
}

async fn work(storage: Storage, mut orders: mpsc::Receiver<Order>, inputs: mpsc::Sender<Input>) {
    let mut batch = Vec::with_capacity(BATCH);
    while orders.recv_many(&mut batch, BATCH).await > 0 {
        let (storage, work) = (storage.clone(), std::mem::take(&mut batch));
        let reports = tokio::task::spawn_blocking(move || carry_out(&storage, work)).await.unwrap_or_default();
        for report in reports {
            if inputs.send(report).await.is_err() {
                // The driver has ended; what is left is still carried out, for the next run.
                break;
            }
        }
    }
}

/// Carries orders out in order; stores that follow each other are one commit, and so are discards.
fn carry_out(storage: &Storage, orders: Vec<Order>) -> Vec<Input> {
    let mut reports = Vec::with_capacity(orders.len());
    let (mut stores, mut discards) = (Vec::new(), Vec::new());
    for order in orders {
        match order {
            Order::Store(ticket, record) => {
                discard(storage, &mut discards);
                stores.push((ticket, record));
            }
            Order::Load(ticket, key) => {
                commit(storage, &mut stores, &mut reports);
                discard(storage, &mut discards);
                reports.push(match storage.load(key) {
                    Ok(record) => Input::Loaded { ticket, record },
                    Err(error) => {
                        tracing::error!(%error, %key, "a record cannot be read");
                        Input::Unread { ticket }
                    }
                });
            }
            Order::Discard(key) => {
                // A store of the same record may be waiting, and came first.
                commit(storage, &mut stores, &mut reports);
                discards.push(key);
            }
            Order::Remember(node, card) => note(storage.remember(node, &card)),
            Order::Forget(node) => note(storage.forget(node)),
            Order::Ledger(snapshot) => {
                if let Err(error) = storage.keep_ledger(&snapshot) {
                    tracing::warn!(%error, "the ledger cannot be kept");
                }
            }
        }
    }
    commit(storage, &mut stores, &mut reports);
    discard(storage, &mut discards);
    reports
}

fn discard(storage: &Storage, keys: &mut Vec<RecordKey>) {
    if !keys.is_empty()
        && let Err(error) = storage.discard(keys)
    {
        tracing::warn!(%error, records = keys.len(), "records that are not to be kept any more could not be removed");
    }
    keys.clear();
}

fn commit(storage: &Storage, stores: &mut Vec<(Ticket, Record)>, reports: &mut Vec<Input>) {
    if stores.is_empty() {
        return;
    }
    let (tickets, records): (Vec<Ticket>, Vec<Record>) = stores.drain(..).unzip();
    let outcome = storage.store(&records).map_err(|error| {
        tracing::error!(%error, records = records.len(), "records cannot be stored");
        if error.is_full() { StoreFailure::Full } else { StoreFailure::Failed }
    });
    reports.extend(tickets.into_iter().map(|ticket| Input::Stored { ticket, outcome }));
}

/// A neighbour that is not remembered only makes the next start slower.
fn note(outcome: Result<(), StorageError>) {
    if let Err(error) = outcome {
        tracing::warn!(%error, "the list of neighbours cannot be kept");
    }
}
