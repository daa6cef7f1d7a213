//! Measuring the network: puts, gets, gets at once, and gets after a part of the nodes is gone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt, TryStreamExt};
use libp2p::kad::{Record, RecordKey};

use crate::error::KadError;
use crate::figures::{Figures, percentile_ms, ratio};
use crate::network::{Network, limited};
use crate::node::{Asker, GetOutcome, Node};
use crate::plan::Plan;

/// The time that any step may take, and for each of its operations besides.
const STEP_LIMIT: Duration = Duration::from_secs(120);
const OPERATION_LIMIT: Duration = Duration::from_millis(250);
const KEY_BYTES: usize = 32;

/// Operations of one kind, one at a time.
#[derive(Debug, Default)]
struct Series {
    /// Of those that succeeded.
    times: Vec<Duration>,
    requests: u64,
    own: u64,
    failures: u64,
}

impl Series {
    fn count(&mut self, success: bool, time: Duration, requests: u32, own: bool) {
        if success {
            self.times.push(time);
            self.requests += u64::from(requests);
            self.own += u64::from(own);
        } else {
            self.failures += 1;
        }
    }

    fn successes(&self) -> u64 {
        self.times.len() as u64
    }
}

/// A get that is still to be made.
struct Ask {
    asker: Asker,
    record: Arc<Record>,
}

impl Ask {
    async fn make(self) -> Result<(bool, GetOutcome), KadError> {
        let outcome = self.asker.get(self.record.key.clone()).await?;
        Ok((outcome.value.as_ref() == Some(&self.record.value), outcome))
    }
}

impl Network {
    /// Puts, gets, counts the links, drops a share of the nodes, and gets again.
    ///
    /// The plan is that of the start: the stores have room for its records. Who was dropped stays away: measuring again
    /// is measuring the survivors.
    ///
    /// # Errors
    /// If the plan makes no sense, a node dies by itself, or a step takes too long. Operations that fail are counted,
    /// and are no error.
    pub async fn measure(&mut self, plan: &Plan) -> Result<Figures, KadError> {
        plan.check()?;
        let limit = |operations| STEP_LIMIT + OPERATION_LIMIT * u32::try_from(operations).unwrap_or(u32::MAX);
        let short = limit(plan.operations);
        let records: Vec<Arc<Record>> = (0..plan.operations).map(|_| Arc::new(self.record(plan))).collect();
        let mut puts = limited("putting into Kademlia", short, self.puts(&records)).await?;
        let mut gets = limited("getting from Kademlia", short, self.gets(&records)).await?;
        let long = limit(plan.concurrent_operations);
        let at_once = limited("many gets at once from Kademlia", long, self.gets_at_once(plan, &records)).await?;
        let links = self.links().await? as u64;
        let nodes = self.nodes.len() as u64;
        limited("dropping Kademlia nodes", STEP_LIMIT, self.kill(plan)).await?;
        let after = limited("getting from the Kademlia nodes that are left", short, self.gets(&records)).await?;
        Ok(Figures {
            get_p50_ms: percentile_ms(&mut gets.times, 50),
            get_p95_ms: percentile_ms(&mut gets.times, 95),
            put_p50_ms: percentile_ms(&mut puts.times, 50),
            put_p95_ms: percentile_ms(&mut puts.times, 95),
            gets_per_s: at_once.per_s,
            messages_per_put: ratio(puts.requests, puts.successes()),
            messages_per_get: ratio(gets.requests, gets.successes()),
            gets_from_own_store: ratio(gets.own, gets.successes()),
            links_per_node: ratio(links, nodes),
            success_after_kill: ratio(after.successes(), after.successes() + after.failures),
            get_failures: gets.failures + at_once.failures,
            put_failures: puts.failures,
        })
    }

    fn record(&mut self, plan: &Plan) -> Record {
        Record::new(RecordKey::from(self.chance.bytes(KEY_BYTES)), self.chance.bytes(plan.value_bytes))
    }

    /// A random node's; [`Plan::check`] sees to it that there are nodes.
    fn asker(&mut self) -> Result<Asker, KadError> {
        let index = self.chance.index(self.nodes.len());
        self.nodes.get(index).map(|node| node.asker().clone()).ok_or(KadError::Stopped)
    }

    fn ask(&mut self, records: &[Arc<Record>]) -> Result<Ask, KadError> {
        let record =
            records.get(self.chance.index(records.len())).cloned().ok_or(KadError::Plan("there are no records"))?;
        Ok(Ask { asker: self.asker()?, record })
    }

    async fn puts(&mut self, records: &[Arc<Record>]) -> Result<Series, KadError> {
        let mut series = Series::default();
        for record in records {
            let (asker, record) = (self.asker()?, Record::clone(record));
            let begun = Instant::now();
            let outcome = asker.put(record).await?;
            series.count(outcome.stored, begun.elapsed(), outcome.requests, false);
        }
        Ok(series)
    }

    /// As many gets as there are records.
    async fn gets(&mut self, records: &[Arc<Record>]) -> Result<Series, KadError> {
        let mut series = Series::default();
        for _ in records {
            let ask = self.ask(records)?;
            let begun = Instant::now();
            let (right, outcome) = ask.make().await?;
            series.count(right, begun.elapsed(), outcome.requests, outcome.own);
        }
        Ok(series)
    }

    async fn gets_at_once(&mut self, plan: &Plan, records: &[Arc<Record>]) -> Result<AtOnce, KadError> {
        let asks = (0..plan.concurrent_operations).map(|_| self.ask(records)).collect::<Result<Vec<_>, _>>()?;
        let begun = Instant::now();
        let gets = stream::iter(asks).map(Ask::make).buffer_unordered(plan.concurrent);
        let count = |(right, wrong), (success, _)| async move {
            Ok(if success { (right + 1_u64, wrong) } else { (right, wrong + 1_u64) })
        };
        let (right, failures) = gets.try_fold((0, 0), count).await?;
        Ok(AtOnce { per_s: right as f64 / begun.elapsed().as_secs_f64(), failures })
    }

    /// Drops random nodes, without a farewell, and waits until they are gone.
    async fn kill(&mut self, plan: &Plan) -> Result<(), KadError> {
        let mut victims = Vec::new();
        for _ in 0..plan.victims(self.nodes.len()) {
            let index = self.chance.index(self.nodes.len());
            victims.push(self.nodes.swap_remove(index));
        }
        let tasks: Vec<_> = victims.into_iter().map(Node::stop).collect();
        for task in tasks {
            task.await.map_err(|_| KadError::Stopped)?;
        }
        Ok(())
    }
}

/// What many gets at once gave.
struct AtOnce {
    per_s: f64,
    failures: u64,
}
