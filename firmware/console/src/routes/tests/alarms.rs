//! The alarm list, through the whole router.

use super::*;

#[tokio::test]
async fn alarms_are_asked_for_as_the_address_says() {
    let stage = Stage::open();
    let analyzer = stage.analyzer();
    let mut browser = signed_in_browser(&stage).await;
    let path = "/api/v1/alarms?history=true&from=5&source=hardware&severity=critical&text=bay%202&limit=20&before=9";
    let (status, answer) = browser.send("GET", path, None).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(
        (&answer["now"], &answer["next"], &answer["counts"]),
        (
            &json!(5_000_000_000_u64),
            &json!(9),
            &json!({ "critical": 20, "warning": 1, "unseen": 1 })
        )
    );
    let (_, answer) = browser.send("GET", "/api/v1/alarms?open=true", None).await;
    assert_eq!(answer["counts"]["critical"], 100, "a page where nothing is said of it");
    let (status, answer) = browser.send("GET", "/api/v1/alarms/count", None).await;
    assert_eq!((status, &answer["unseen"]), (StatusCode::OK, &json!(0)));
    for wrong in ["severity=grave", "source=nobody", "from=-1", "before=x", "open=perhaps"] {
        let (status, _) = browser.send("GET", &format!("/api/v1/alarms?{wrong}"), None).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{wrong}");
    }
    let mut stranger = Browser::open(&stage);
    let (status, _) = stranger.send("GET", "/api/v1/alarms/count", None).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    analyzer.abort();
}

#[tokio::test]
async fn whoever_is_signed_in_acknowledges() {
    let stage = Stage::open();
    let analyzer = stage.analyzer();
    let mut browser = signed_in_browser(&stage).await;
    for (id, expected) in [
        ("7", StatusCode::OK),
        ("8", StatusCode::NOT_FOUND),
        ("bay-2.pending", StatusCode::BAD_REQUEST),
    ] {
        let path = format!("/api/v1/alarms/{id}/acknowledge");
        let (status, answer) = browser.send("POST", &path, Some(json!({}))).await;
        assert_eq!(status, expected, "{answer}");
    }
    analyzer.abort();
}
