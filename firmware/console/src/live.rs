//! Live data by server-sent events (WHATWG HTML, section 9.2).
//!
//! `GET /api/v1/live?interval=N&scope=S[&since=T]` sends, whenever an interval of N seconds is closed, an event
//! `interval` whose id is the interval's end. After a reconnect (`Last-Event-ID`, or `since`) its first event holds all
//! that was missed, up to 3,600 points. A time without data has no point: missing is not zero. An event `state` tells how
//! the way of the data is; `beat` comes every 10 s; `signed_out` ends the stream with the session.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use api::analyzer::{Scope, SeriesQuery};
use api::client::CallError;
use axum::body::{Body, Bytes};
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Frame;
use model::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use crate::failure::{ApiError, Kind};
use crate::pulse::Health;
use crate::routes::{App, Caller, Query};
use crate::scope::ScopeText;
use crate::serve::stopped;
use crate::traffic::{POINTS_MAX, PointOut, Tables, check_interval, tables};

/// An event `beat` lets both ends find out that the connection is dead. (A comment would not reach the page.)
const HEARTBEAT: Duration = Duration::from_secs(10);
/// Events that may wait for a slow reader; it is cut off when it reads none for [`STALLED`].
const QUEUE: usize = 4;
const STALLED: Duration = Duration::from_secs(30);

/// Which link at which interval, from when.
#[derive(Deserialize)]
pub(crate) struct LiveForm {
    #[serde(default = "one")]
    interval: u32,
    #[serde(default)]
    scope: ScopeText,
    since: Option<u64>,
}

const fn one() -> u32 {
    1
}

/// What an event `interval` holds.
#[derive(Serialize)]
struct Interval {
    /// Seconds of an interval.
    interval: u32,
    /// The end of the newest interval: the event's id.
    end: u64,
    /// The intervals since the last event, in order; those without data are left out.
    points: Vec<PointOut>,
    /// The tables of the newest interval.
    tables: Tables,
}

/// Streams the intervals of a link as they close.
pub(crate) async fn live(
    State(app): State<Arc<App>>,
    Extension(caller): Extension<Caller>,
    Query(form): Query<LiveForm>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    check_interval(form.interval)?;
    let place = app
        .streams
        .clone()
        .try_acquire_owned()
        .map_err(|_| ApiError::new(Kind::TooMany, "too many live pages are open: close one"))?;
    let last = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok()?.parse().ok())
        .or(form.since);
    let (sender, receiver) = mpsc::channel(QUEUE);
    let stream = Stream {
        step: u64::from(form.interval),
        cursor: last.map(|last| floor(last, u64::from(form.interval))),
        interval: form.interval,
        scope: form.scope.0,
        sender,
        app,
        caller,
        _place: place,
    };
    tokio::spawn(stream.run());
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, body(receiver)).into_response())
}

/// A response's body: what the channel delivers.
pub(crate) fn body(receiver: mpsc::Receiver<Bytes>) -> Body {
    Body::new(Events(receiver))
}

struct Events(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Events {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0
            .poll_recv(context)
            .map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// The reader went away, or does not read.
struct Gone;

struct Stream {
    app: Arc<App>,
    caller: Caller,
    interval: u32,
    step: u64,
    scope: Scope,
    /// The end of the last interval that the reader has; `None` before the first.
    cursor: Option<u64>,
    sender: mpsc::Sender<Bytes>,
    _place: OwnedSemaphorePermit,
}

impl Stream {
    async fn run(mut self) {
        let (mut pulse, mut stopping) = (self.app.pulse.listen(), self.app.stopping.clone());
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        let mut said: Option<(Health, Option<String>)> = None;
        if self.send("retry: 2000\n\n".to_owned()).await.is_err() {
            return;
        }
        loop {
            let session = self.caller.session;
            if self
                .app
                .sessions(|sessions, now| sessions.find(session, false, now))
                .is_none()
            {
                let _ = self.send(event("signed_out", None, "{}")).await;
                return;
            }
            let beat = pulse.borrow_and_update().clone();
            if let Some(beat) = beat {
                let state = Some((beat.health, beat.detail.clone()));
                if said != state {
                    let text = serde_json::to_string(&beat).unwrap_or_default();
                    if self.send(event("state", None, &text)).await.is_err() {
                        return;
                    }
                    said = state;
                }
                if let Some(newest) = beat.newest {
                    // An analyzer that went away is told of by the next beat; the cursor did not move.
                    let missed = self.catch_up(newest).await.unwrap_or_default();
                    if let Some(text) = missed
                        && self.send(text).await.is_err()
                    {
                        return;
                    }
                }
            }
            tokio::select! {
                () = self.sender.closed() => return,
                () = stopped(&mut stopping) => return,
                changed = pulse.changed() => if changed.is_err() { return },
                _ = heartbeat.tick() => if self.send(event("beat", None, "{}")).await.is_err() { return },
            }
        }
    }

    /// The event for all intervals that closed since the last one; `None` when there is none.
    async fn catch_up(&mut self, newest: u64) -> Result<Option<String>, CallError> {
        let Some((from, end)) = span(self.cursor, newest, self.step) else {
            return Ok(None);
        };
        let (client, scope) = (&self.app.client, self.scope);
        let at = Timestamp::from_secs;
        let query = SeriesQuery {
            scope,
            from: at(from),
            to: Some(at(end)),
            step_s: self.interval,
        };
        let points = client
            .call(query)
            .await?
            .points
            .into_iter()
            .map(PointOut::from)
            .collect();
        let tables = tables(client, scope, at(end - self.step), Some(at(end))).await?;
        self.cursor = Some(end);
        let data = Interval {
            interval: self.interval,
            end,
            points,
            tables,
        };
        Ok(Some(event(
            "interval",
            Some(end),
            &serde_json::to_string(&data).unwrap_or_default(),
        )))
    }

    async fn send(&self, text: String) -> Result<(), Gone> {
        match tokio::time::timeout(STALLED, self.sender.send(text.into())).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }
}

/// An event. The data are one line: JSON without line breaks.
fn event(name: &str, id: Option<u64>, data: &str) -> String {
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    format!("event: {name}\n{id}data: {data}\n\n")
}

const fn floor(time: u64, step: u64) -> u64 {
    time - time % step
}

/// The start and end of what is to be sent: the intervals of `step` seconds between the reader's last one and the
/// newest closed second. A new reader gets the newest interval; so does one whose last lies in the future, since then
/// the clock went back. `None` when nothing closed.
fn span(cursor: Option<u64>, newest: u64, step: u64) -> Option<(u64, u64)> {
    let end = floor(newest, step);
    if end < step {
        return None;
    }
    let from = match cursor {
        Some(cursor) if cursor > end + step => end - step,
        Some(cursor) => cursor,
        None => end - step,
    };
    (from < end).then(|| (from.max(end.saturating_sub(POINTS_MAX * step)), end))
}

#[cfg(test)]
mod tests;
