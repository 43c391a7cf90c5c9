//! Requests to the whole router, with services that the test plays.

mod alarms;
mod objects;

use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::http::StatusCode;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::played::{PASSWORD, Stage};

struct Browser {
    router: Router,
    cookie: Option<String>,
}

impl Browser {
    fn open(stage: &Stage) -> Self {
        let (_, stopping) = watch::channel(false);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let app = App::new(Client::new(stage.dir.path()), provider, stopping);
        Self {
            router: router(app),
            cookie: None,
        }
    }

    async fn send(&mut self, method: &str, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "box")
            .header("origin", "https://box");
        if let Some(cookie) = &self.cookie {
            request = request.header("cookie", cookie);
        }
        let request = match body {
            Some(body) => request
                .header("content-type", "application/json")
                .body(Body::from(body.to_string())),
            None => request.body(Body::empty()),
        };
        let mut request = request.unwrap();
        request.extensions_mut().insert(Source("192.0.2.1".parse().unwrap()));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let headers = response.headers();
        for name in [
            "content-security-policy",
            "x-content-type-options",
            "referrer-policy",
            "permissions-policy",
        ] {
            assert!(headers.contains_key(name), "{method} {path}: {name}");
        }
        assert!(!headers.contains_key("strict-transport-security"));
        if let Some(cookie) = headers.get("set-cookie") {
            let pair = cookie.to_str().unwrap().split(';').next().unwrap();
            self.cookie = (!pair.ends_with('=')).then(|| pair.to_owned());
        }
        let status = response.status();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }
}

#[tokio::test]
async fn until_the_set_up_is_done_only_the_wizard_is_answered() {
    let stage = Stage::open();
    stage.set_up.store(false, Ordering::SeqCst);
    let mut browser = Browser::open(&stage);
    for (method, path) in [
        ("GET", "/api/v1/overview"),
        ("GET", "/api/v1/system"),
        ("PUT", "/api/v1/settings"),
    ] {
        let (status, answer) = browser.send(method, path, None).await;
        assert_eq!(
            (status, &answer["error"]["kind"]),
            (StatusCode::FORBIDDEN, &json!("setup_required")),
            "{path}"
        );
    }
    let login = json!({ "user": "admin", "password": PASSWORD });
    let (status, _) = browser.send("POST", "/api/v1/session", Some(login)).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(
        browser.send("GET", "/api/v1/session", None).await.1["setup"]["done"],
        false
    );
    let form = |code: &str| json!({ "code": code, "language": "zh-CN", "password": PASSWORD, "hostname": null });
    let (status, answer) = browser.send("POST", "/api/v1/setup", Some(form("WRON-GONE"))).await;
    assert_eq!(
        (status, &answer["error"]["kind"]),
        (StatusCode::FORBIDDEN, &json!("denied"))
    );
    let (status, answer) = browser.send("POST", "/api/v1/setup", Some(form("ABCD-2345"))).await;
    assert_eq!((status, &answer["user"]), (StatusCode::OK, &json!("admin")));
    assert_eq!(
        browser.send("GET", "/api/v1/session", None).await.1["account"]["user"],
        "admin"
    );
}

#[tokio::test]
async fn signing_in_and_out() {
    let stage = Stage::open();
    let mut browser = Browser::open(&stage);
    let (status, answer) = browser.send("GET", "/api/v1/links", None).await;
    assert_eq!(
        (status, &answer["error"]["kind"]),
        (StatusCode::UNAUTHORIZED, &json!("unauthenticated"))
    );
    assert_eq!(
        browser.send("GET", "/api/v1/session", None).await.1["setup"]["version"],
        "",
        "not for strangers"
    );
    let login = |password: &str| Some(json!({ "user": "admin", "password": password }));
    let (status, answer) = browser.send("POST", "/api/v1/session", login("wrong")).await;
    assert_eq!(
        (status, &answer["error"]["kind"]),
        (StatusCode::FORBIDDEN, &json!("denied"))
    );
    let (status, answer) = browser.send("POST", "/api/v1/session", login("locked")).await;
    assert_eq!(
        (status, &answer["error"]["retry_after_s"]),
        (StatusCode::TOO_MANY_REQUESTS, &json!(30))
    );
    assert_eq!(
        browser.send("POST", "/api/v1/session", login(PASSWORD)).await.0,
        StatusCode::OK
    );
    let (status, answer) = browser.send("GET", "/api/v1/links", None).await;
    assert_eq!(
        (status, &answer["error"]["kind"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!("unavailable"))
    );
    let kept = browser.cookie.clone();
    assert_eq!(
        browser.send("DELETE", "/api/v1/session", None).await.0,
        StatusCode::NO_CONTENT
    );
    assert_eq!(browser.cookie, None);
    browser.cookie = kept;
    assert_eq!(
        browser.send("GET", "/api/v1/links", None).await.0,
        StatusCode::UNAUTHORIZED,
        "the session is gone"
    );
}

#[tokio::test]
async fn foreign_origins_long_bodies_and_nonsense_are_refused() {
    let stage = Stage::open();
    let mut browser = Browser::open(&stage);
    let request = Request::post("/api/v1/session")
        .header("host", "box")
        .header("origin", "https://evil.example");
    let response = browser
        .router
        .clone()
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    let long = json!({ "user": "admin", "password": "x".repeat(100_000) });
    assert_eq!(
        browser.send("POST", "/api/v1/session", Some(long)).await.0,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        browser.send("POST", "/api/v1/session", Some(json!([1, 2]))).await.0,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        browser.send("GET", "/api/v1/nothing", None).await.0,
        StatusCode::NOT_FOUND
    );
    let login = json!({ "user": "admin", "password": PASSWORD });
    browser.send("POST", "/api/v1/session", Some(login)).await;
    for path in [
        "/api/v1/live?interval=0",
        "/api/v1/live?interval=x",
        "/api/v1/series?from=0&step=9999",
    ] {
        assert_eq!(
            browser.send("GET", path, None).await.0,
            StatusCode::BAD_REQUEST,
            "{path}"
        );
    }
}

#[tokio::test]
async fn health_is_told_without_signing_in() {
    let stage = Stage::open();
    let mut browser = Browser::open(&stage);
    assert_eq!(browser.send("GET", "/healthz", None).await.0, StatusCode::OK);
    assert_eq!(
        browser.send("GET", "/readyz", None).await.0,
        StatusCode::SERVICE_UNAVAILABLE
    );
    let _analyzer = stage.analyzer();
    assert_eq!(browser.send("GET", "/readyz", None).await.0, StatusCode::OK);
}

#[tokio::test]
async fn pages_are_cached_by_their_names() {
    let stage = Stage::open();
    let browser = Browser::open(&stage);
    let get = |path: &str| {
        let request = Request::get(path)
            .header("accept-encoding", "br")
            .body(Body::empty())
            .unwrap();
        browser.router.clone().oneshot(request)
    };
    for path in ["/", "/system", "/settings"] {
        let response = get(path).await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
        assert_eq!(response.headers()["cache-control"], "no-cache");
        assert_eq!(response.headers()["content-encoding"], "br");
    }
    assert_eq!(get("/assets/none.js").await.unwrap().status(), StatusCode::NOT_FOUND);
}

/// Both languages say everything.
#[test]
fn both_tables_of_texts_have_the_same_keys() {
    let keys = |text: &str| -> Vec<String> {
        let table: serde_json::Map<String, Value> = serde_json::from_str(text).unwrap();
        assert!(
            table
                .values()
                .all(|value| value.as_str().is_some_and(|text| !text.is_empty()))
        );
        table.keys().cloned().collect()
    };
    assert_eq!(
        keys(include_str!("../../web/src/text/zh.json")),
        keys(include_str!("../../web/src/text/en.json"))
    );
}

/// A placeholder that one language has, the other has as well.
#[test]
fn both_tables_of_texts_name_the_same_values() {
    let table = |text: &str| -> serde_json::Map<String, Value> { serde_json::from_str(text).unwrap() };
    let (zh, en) = (
        table(include_str!("../../web/src/text/zh.json")),
        table(include_str!("../../web/src/text/en.json")),
    );
    let names = |text: &str| {
        let mut names: Vec<String> = text
            .split('{')
            .skip(1)
            .filter_map(|part| Some(part.split_once('}')?.0.to_owned()))
            .collect();
        names.sort();
        names
    };
    for (key, text) in &zh {
        assert_eq!(names(text.as_str().unwrap()), names(en[key].as_str().unwrap()), "{key}");
    }
}

async fn signed_in_browser(stage: &Stage) -> Browser {
    let mut browser = Browser::open(stage);
    let login = json!({ "user": "admin", "password": PASSWORD });
    assert_eq!(
        browser.send("POST", "/api/v1/session", Some(login)).await.0,
        StatusCode::OK
    );
    browser
}

fn exporter(name: &str, address: &str) -> Value {
    json!({ "name": name, "addresses": [address], "enabled": true, "sampling": null, "utc_offset_min": 0, "snmp": null })
}

#[tokio::test]
async fn exporters_are_registered_changed_and_removed_and_no_number_comes_twice() {
    let stage = Stage::open();
    let mut browser = signed_in_browser(&stage).await;
    let add = |name: &str, address: &str| Some(exporter(name, address));
    let (status, first) = browser
        .send("POST", "/api/v1/exporters", add("core", "192.0.2.1"))
        .await;
    assert_eq!((status, &first["number"]), (StatusCode::OK, &json!(1)));
    let interface = json!({ "label": "uplink", "capacity_bps": 1_000_000, "limits": { "in_max": 80 } });
    let (status, _) = browser
        .send("PUT", "/api/v1/exporters/1/interfaces/7", Some(interface))
        .await;
    assert_eq!(status, StatusCode::OK);
    // Another change meanwhile is no reason to fail, and what the form does not name stays.
    stage.conflicts.store(1, Ordering::SeqCst);
    let (status, _) = browser
        .send("PUT", "/api/v1/exporters/1", add("core-1", "192.0.2.1"))
        .await;
    assert_eq!(status, StatusCode::OK);
    {
        let settings = stage.settings.lock().unwrap();
        let held = &settings.exporters[&1];
        assert_eq!(
            (held.name.as_str(), held.interfaces[&7].label.as_str()),
            ("core-1", "uplink")
        );
    }
    stage.conflicts.store(2, Ordering::SeqCst);
    let (status, answer) = browser.send("DELETE", "/api/v1/exporters/1", None).await;
    assert_eq!(
        (status, &answer["error"]["kind"]),
        (StatusCode::CONFLICT, &json!("conflict"))
    );
    let (status, _) = browser.send("DELETE", "/api/v1/exporters/1", None).await;
    assert_eq!(status, StatusCode::OK);
    let (_, second) = browser
        .send("POST", "/api/v1/exporters", add("edge", "192.0.2.1"))
        .await;
    assert_eq!(second["number"], 2);
    let (status, _) = browser.send("PUT", "/api/v1/exporters/1", add("x", "192.0.2.9")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn no_secret_leaves_the_console() {
    let stage = Stage::open();
    let mut browser = signed_in_browser(&stage).await;
    let v3 = json!({ "version": "v3", "user": "nms", "authentication": ["sha256", "s3cret-auth"], "privacy": ["aes128", "s3cret-priv"] });
    let (status, _) = browser.send("PUT", "/api/v1/snmp/core", Some(v3)).await;
    assert_eq!(status, StatusCode::OK);
    for path in ["/api/v1/collection", "/api/v1/settings"] {
        let (status, answer) = browser.send("GET", path, None).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        let text = answer.to_string();
        assert!(
            !text.contains("s3cret") && text.contains(settings::Secret::HIDDEN),
            "{path}: {text}"
        );
    }
}

#[tokio::test]
async fn settings_may_be_long_and_nothing_else() {
    let stage = Stage::open();
    let mut browser = signed_in_browser(&stage).await;
    let mut long = settings::Settings::default();
    for number in 1..=10_000_u32 {
        let exporter = settings::Exporter {
            name: format!("exporter {number}"),
            addresses: vec![std::net::Ipv4Addr::from_bits(0x0a00_0000 + number).into()],
            enabled: true,
            sampling: None,
            utc_offset_min: 0,
            snmp: None,
            interfaces: Default::default(),
        };
        long.exporters.insert(number, exporter);
    }
    long.exporter_numbers = 10_000;
    let body = serde_json::to_value(&long).unwrap();
    assert!(body.to_string().len() > 1 << 20);
    let (status, answer) = browser.send("PUT", "/api/v1/settings", Some(body.clone())).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let (status, _) = browser.send("POST", "/api/v1/exporters", Some(body)).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn logs_are_paged_and_taken_away_as_files() {
    let stage = Stage::open();
    let _analyzer = stage.analyzer();
    let mut browser = signed_in_browser(&stage).await;
    let (status, page) = browser
        .send("GET", "/api/v1/logs?from=0&severity=warning&keyword=a%20b", None)
        .await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        (&page["records"][1]["time"], &page["next"]),
        (&json!("1970-01-01T00:16:39.000000Z"), &json!("2"))
    );
    let (_, file) = browser.send("GET", "/api/v1/logs/file?from=0&format=json", None).await;
    assert_eq!(file.as_array().unwrap().len(), 3, "both pages are in the file");
    let (status, _) = browser.send("GET", "/api/v1/logs?from=0&severity=bad", None).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn questions_are_asked_waited_for_and_given_up() {
    let stage = Stage::open();
    let _analyzer = stage.analyzer();
    let mut browser = signed_in_browser(&stage).await;
    let question = |filter: &str| Some(json!({ "from": 0, "filter": filter, "ask": { "totals": {} } }));
    let (status, asked) = browser.send("POST", "/api/v1/queries", question("")).await;
    assert_eq!(
        (status, &asked["id"]),
        (StatusCode::OK, &json!(crate::played::QUESTION.to_string()))
    );
    let path = format!("/api/v1/queries/{}", crate::played::QUESTION);
    let (status, state) = browser.send("GET", &path, None).await;
    assert_eq!(
        (status, &state["done"], &state["answer"]),
        (StatusCode::OK, &json!(false), &Value::Null)
    );
    let (_, state) = browser.send("GET", &format!("{path}?wait=10&partial=1"), None).await;
    assert_eq!(state["answer"]["found"]["totals"]["total"]["bytes"], 7);
    assert_eq!(browser.send("DELETE", &path, None).await.0, StatusCode::NO_CONTENT);
    let file = format!("{path}/export?format=csv");
    assert_eq!(
        browser.send("GET", &file, None).await.0,
        StatusCode::CONFLICT,
        "it is not done"
    );
    assert_eq!(
        browser.send("GET", "/api/v1/queries/1", None).await.0,
        StatusCode::NOT_FOUND
    );
    let (status, answer) = browser.send("POST", "/api/v1/queries", question("srk 1")).await;
    assert_eq!(
        (status, &answer["error"]["message"]),
        (StatusCode::BAD_REQUEST, &json!("srk is no word of a filter"))
    );
    for nonsense in [json!({ "from": 0 }), json!({ "from": 0, "ask": "all" }), json!([])] {
        let (status, _) = browser.send("POST", "/api/v1/queries", Some(nonsense)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
    }
    let (status, answer) = browser
        .send("POST", "/api/v1/filter", Some(json!({ "text": "tcp", "cursor": 3 })))
        .await;
    assert_eq!((status, &answer["filter"]), (StatusCode::OK, &json!("tcp")));
    browser.cookie = None;
    for (method, path) in [
        ("POST", "/api/v1/queries"),
        ("GET", path.as_str()),
        ("POST", "/api/v1/filter"),
    ] {
        assert_eq!(
            browser.send(method, path, question("")).await.0,
            StatusCode::UNAUTHORIZED,
            "{path}"
        );
    }
}

#[tokio::test]
async fn what_is_kept_goes_into_the_settings() {
    let stage = Stage::open();
    let mut browser = signed_in_browser(&stage).await;
    let mut retention = settings::Retention::default();
    retention.records.age = 30;
    let body = serde_json::to_value(&retention).unwrap();
    let (status, answer) = browser.send("PUT", "/api/v1/retention", Some(body)).await;
    assert_eq!((status, &answer["revision"]), (StatusCode::OK, &json!(1)), "{answer}");
    assert_eq!(stage.settings.lock().unwrap().retention, retention);
}

#[tokio::test]
async fn a_database_of_countries_comes_in_parts() {
    let stage = Stage::open();
    let _analyzer = stage.analyzer();
    let browser = signed_in_browser(&stage).await;
    let send = |octets: usize| {
        let mut request = Request::post("/api/v1/countries?name=dbip.csv")
            .header("host", "box")
            .header("origin", "https://box")
            .header("cookie", browser.cookie.clone().unwrap())
            .body(Body::from(vec![b'x'; octets]))
            .unwrap();
        request.extensions_mut().insert(Source("192.0.2.1".parse().unwrap()));
        let router = browser.router.clone();
        async move {
            let response = router.oneshot(request).await.unwrap();
            let status = response.status();
            let bytes = response.into_body().collect().await.unwrap().to_bytes();
            (status, serde_json::from_slice::<Value>(&bytes).unwrap())
        }
    };
    let (status, answer) = send(9 << 20).await;
    let base64 = |octets: u64| octets.div_ceil(3) * 4;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(
        (&answer["name"], &answer["ranges"]),
        (&json!("dbip.csv"), &json!((8 << 20) + base64(1 << 20)))
    );
    assert_eq!(send(0).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(send(crate::storage::COUNTRIES_MAX + 1).await.0, StatusCode::BAD_REQUEST);
}
