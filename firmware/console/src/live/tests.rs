//! Streams against an analyzer that the test plays.

use std::sync::atomic::Ordering;

use api::client::Client;
use api::supervisor::{Account, AccountRole};
use axum::http::Request;
use http_body_util::BodyExt;
use tokio::sync::watch;
use tower::ServiceExt;

use super::*;
use crate::played::Stage;
use crate::routes;
use crate::session::Token;

#[test]
fn a_new_reader_gets_the_newest_interval() {
    assert_eq!(span(None, 1_003, 1), Some((1_002, 1_003)));
    assert_eq!(span(None, 1_003, 5), Some((995, 1_000)));
    assert_eq!(span(None, 3, 5), None);
}

#[test]
fn a_reader_that_comes_back_gets_what_it_missed_and_no_more() {
    assert_eq!(span(Some(990), 1_003, 5), Some((990, 1_000)));
    assert_eq!(span(Some(1_000), 1_003, 5), None);
    assert_eq!(span(Some(0), 1_000_000, 10), Some((1_000_000 - 36_000, 1_000_000)));
}

#[test]
fn a_clock_that_went_back_starts_anew() {
    assert_eq!(span(Some(5_000), 1_000, 1), Some((999, 1_000)));
    assert_eq!(
        span(Some(1_001), 1_000, 1),
        None,
        "one interval ahead is no clock set back"
    );
}

/// A stream of a signed-in reader, and the shared state.
async fn open(stage: &Stage, query: &str, last_id: Option<&str>) -> (Arc<App>, Token, Body, watch::Sender<bool>) {
    let (stop, stopping) = watch::channel(false);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let app = App::new(Client::new(stage.dir.path()), provider, stopping);
    let token = Token::new([7; 32]);
    let account = Account {
        user: "admin".into(),
        role: AccountRole::Administrator,
        generation: 1,
    };
    app.sessions(|sessions, now| sessions.open(&token, account, now));
    let cookie = token.set_cookie().split(';').next().unwrap().to_owned();
    let mut request = Request::get(format!("/api/v1/live?{query}"))
        .header("host", "box")
        .header("cookie", cookie);
    if let Some(id) = last_id {
        request = request.header("last-event-id", id);
    }
    let response = routes::router(app.clone())
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    (app, token, response.into_body(), stop)
}

/// The next event of a name, with its id and data.
async fn next(body: &mut Body, name: &str) -> (Option<u64>, serde_json::Value) {
    loop {
        let frame = body.frame().await.expect("the stream goes on").unwrap();
        let text = String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap();
        let field = |field: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(field))
                .map(str::to_owned)
        };
        if field("event: ").as_deref() == Some(name) {
            let data = serde_json::from_str(&field("data: ").unwrap()).unwrap();
            return (field("id: ").map(|id| id.parse().unwrap()), data);
        }
    }
}

fn times(data: &serde_json::Value) -> Vec<u64> {
    data["points"]
        .as_array()
        .unwrap()
        .iter()
        .map(|point| point["at"].as_u64().unwrap())
        .collect()
}

#[tokio::test]
async fn missed_seconds_come_first_and_gaps_stay_gaps() {
    let stage = Stage::open();
    stage.newest.store(1_013, Ordering::SeqCst);
    let (_collector, _analyzer) = (stage.collector(), stage.analyzer());
    let (_app, _token, mut body, _stop) = open(&stage, "interval=1&since=900", Some("1008")).await;
    let (id, data) = next(&mut body, "interval").await;
    assert_eq!(id, Some(1_013));
    assert_eq!(
        times(&data),
        [1_008, 1_009, 1_011, 1_012],
        "1010 has no data, and no point"
    );
    assert_eq!(data["points"][0]["bytes"][0], 1_008);
    stage.newest.store(1_014, Ordering::SeqCst);
    let (id, data) = next(&mut body, "interval").await;
    assert_eq!((id, times(&data)), (Some(1_014), vec![1_013]));
}

#[tokio::test]
async fn longer_intervals_wait_until_they_are_closed() {
    let stage = Stage::open();
    stage.newest.store(1_004, Ordering::SeqCst);
    let (_collector, _analyzer) = (stage.collector(), stage.analyzer());
    let (_app, _token, mut body, _stop) = open(&stage, "interval=5", None).await;
    assert_eq!(next(&mut body, "interval").await.0, Some(1_000));
    stage.newest.store(1_006, Ordering::SeqCst);
    let (id, data) = next(&mut body, "interval").await;
    assert_eq!(id, Some(1_005));
    assert_eq!(data["points"][0]["seconds"], 4, "1000 is missing");
}

#[tokio::test]
async fn an_analyzer_that_goes_away_is_told_of_and_its_return_too() {
    let stage = Stage::open();
    stage.newest.store(1_005, Ordering::SeqCst);
    let _collector = stage.collector();
    let (_app, _token, mut body, _stop) = open(&stage, "interval=1&since=1002", None).await;
    assert_eq!(next(&mut body, "state").await.1["health"], "analyzer_down");
    let _analyzer = stage.analyzer();
    let (id, data) = next(&mut body, "interval").await;
    assert_eq!((id, times(&data)), (Some(1_005), vec![1_002, 1_003, 1_004]));
}

#[tokio::test]
async fn the_stream_ends_with_the_session_and_with_the_console() {
    let stage = Stage::open();
    stage.newest.store(1_005, Ordering::SeqCst);
    let (_collector, _analyzer) = (stage.collector(), stage.analyzer());
    let (app, token, mut body, _stop) = open(&stage, "interval=1", None).await;
    next(&mut body, "interval").await;
    app.sessions(|sessions, _| sessions.close(token.key()));
    stage.newest.store(1_006, Ordering::SeqCst);
    next(&mut body, "signed_out").await;
    while let Some(frame) = body.frame().await {
        frame.unwrap();
    }
    let (_app, _token, mut body, stop) = open(&stage, "interval=1", None).await;
    next(&mut body, "interval").await;
    stop.send_replace(true);
    while let Some(frame) = body.frame().await {
        frame.unwrap();
    }
}
