//! What happens, as it happens: server-sent events (WHATWG HTML, section 9.2), one JSON object each.
//!
//! A watcher that reads too slowly holds nothing up: what waits for it is bounded, the oldest is dropped, and it is told how
//! much it missed.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::{Stream, stream};
use grid::output;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::handlers::NoQuery;
use super::problem::Failure;
use super::server::Shared;
use super::types::Fault;
use super::types::live::Live;
use crate::metrics::Sighting;

/// Watchers at a time.
pub(super) const WATCHERS: usize = 16;
/// How often something is said when nothing happens, so that a watcher that is gone is noticed.
const ALIVE: Duration = Duration::from_secs(15);

struct Watcher {
    events: Receiver<output::Event>,
    sightings: Receiver<Sighting>,
    _room: OwnedSemaphorePermit,
}

impl Watcher {
    /// The next thing; `None` when the node has ended.
    async fn next(&mut self) -> Option<Live> {
        loop {
            let live = tokio::select! {
                event = self.events.recv() => match event {
                    Ok(event) => Live::of(&event),
                    Err(RecvError::Lagged(count)) => Some(Live::Missed { count }),
                    Err(RecvError::Closed) => return None,
                },
                sighting = self.sightings.recv() => match sighting {
                    Ok(sighting) => Some(Live::Seen(sighting)),
                    Err(RecvError::Lagged(count)) => Some(Live::Missed { count }),
                    Err(RecvError::Closed) => return None,
                },
            };
            if live.is_some() {
                return live;
            }
        }
    }
}

/// What happens on this node from now on.
#[utoipa::path(get, path = "/v1/events",
    responses((status = 200, body = Live, content_type = "text/event-stream"), (status = 503, body = Fault)))]
pub(super) async fn events(
    State(shared): State<Arc<Shared>>,
    _: Query<NoQuery>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Failure> {
    let room = Arc::clone(&shared.watchers).try_acquire_owned().map_err(|_| {
        let error = format!("{WATCHERS} programs watch this node already");
        Failure::new(StatusCode::SERVICE_UNAVAILABLE, error, "close one of them, a page of the dashboard for example")
    })?;
    let sightings = shared.node.metrics().sightings();
    let watcher = Watcher { events: shared.node.events(), sightings, _room: room };
    let events = stream::unfold(watcher, |mut watcher| async move {
        let live = watcher.next().await?;
        // What consists of texts and numbers can always be written.
        let event = Event::default().json_data(&live).unwrap_or_default();
        Some((Ok(event), watcher))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE)))
}

#[cfg(test)]
mod tests {
    use tokio::sync::{Semaphore, broadcast};

    use super::*;
    use crate::metrics::Step;

    #[tokio::test]
    async fn who_reads_slowly_is_told_how_much_was_missed() {
        let (events, _) = broadcast::channel(4);
        let (sightings, _) = broadcast::channel(4);
        let room = Arc::new(Semaphore::new(1));
        let mut watcher = Watcher {
            events: events.subscribe(),
            sightings: sightings.subscribe(),
            _room: Arc::clone(&room).try_acquire_owned().unwrap(),
        };
        let seen = |number: u16| Sighting {
            request: String::new(),
            at_micros: 0,
            kind: "get".into(),
            from: vec![number],
            to: vec![0],
            step: Step::Refused { reason: "busy".into() },
        };
        for number in 0..10 {
            sightings.send(seen(number)).unwrap();
        }
        assert_eq!(watcher.next().await, Some(Live::Missed { count: 6 }));
        for number in 6..10 {
            assert_eq!(watcher.next().await, Some(Live::Seen(seen(number))));
        }
        events.send(output::Event::Grown).unwrap();
        assert_eq!(watcher.next().await, Some(Live::Grown));
        assert_eq!(room.available_permits(), 0);
        drop(watcher);
        assert_eq!(room.available_permits(), 1);
    }
}
