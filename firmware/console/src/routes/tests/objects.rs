//! Objects and retention, through the whole router.

use super::*;

fn business(name: &str) -> Option<Value> {
    Some(json!({ "name": name, "endpoints": [{ "protocol": 6, "ports": ["443"], "addresses": ["10.0.0.0/8"] }] }))
}

#[tokio::test]
async fn objects_are_added_changed_and_removed_and_no_number_comes_twice() {
    let stage = Stage::open();
    let mut browser = signed_in_browser(&stage).await;
    let all = "/api/v1/objects";
    let (status, answer) = browser
        .send("POST", "/api/v1/objects/businesses", business(" ERP "))
        .await;
    assert_eq!((status, &answer["number"]), (StatusCode::OK, &json!(1)));
    let group = json!({ "name": "总部", "addresses": ["10.0.0.0/8", "fd00::1-fd00::9"] });
    stage.conflicts.store(1, Ordering::SeqCst);
    let (status, answer) = browser
        .send("POST", "/api/v1/objects/ip_groups", Some(group.clone()))
        .await;
    assert_eq!((status, &answer["number"]), (StatusCode::OK, &json!(2)), "{answer}");
    let application = json!({ "name": "oa", "endpoints": [{ "ports": ["8000-8099"] }] });
    let (_, answer) = browser
        .send("POST", "/api/v1/objects/applications", Some(application))
        .await;
    assert_eq!(answer["number"], 3);
    let links = json!({ "name": "ports", "links": [1, 2] });
    let (_, answer) = browser.send("POST", "/api/v1/objects/link_groups", Some(links)).await;
    assert_eq!(answer["number"], 4);
    browser
        .send("POST", "/api/v1/exporters", Some(exporter("core", "192.0.2.1")))
        .await;
    let interfaces = json!({ "name": "uplinks", "interfaces": [{ "exporter": 65_536, "index": 7 }] });
    let (_, answer) = browser
        .send("POST", "/api/v1/objects/interface_groups", Some(interfaces))
        .await;
    assert_eq!(answer["number"], 5, "{answer}");

    let (status, objects) = browser.send("GET", all, None).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        (&objects["businesses"]["1"]["name"], &objects["ip_groups"]["2"]),
        (&json!("ERP"), &group)
    );
    assert_eq!(
        objects["applications"]["3"]["endpoints"][0]["ports"],
        json!(["8000-8099"])
    );

    let (status, answer) = browser
        .send("PUT", "/api/v1/objects/businesses/1", business("OA"))
        .await;
    assert_eq!((status, &answer["number"]), (StatusCode::OK, &json!(1)));
    assert_eq!(stage.settings.lock().unwrap().objects.businesses[&1].name, "OA");
    // The number names an object of another kind.
    for method in ["PUT", "DELETE"] {
        let body = (method == "PUT").then(|| business("x").unwrap());
        let (status, answer) = browser.send(method, "/api/v1/objects/businesses/2", body).await;
        assert_eq!(
            (status, &answer["error"]["kind"]),
            (StatusCode::NOT_FOUND, &json!("not_found")),
            "{method}"
        );
    }
    let (status, _) = browser.send("DELETE", "/api/v1/objects/interface_groups/5", None).await;
    assert_eq!(status, StatusCode::OK);
    let (status, _) = browser.send("DELETE", "/api/v1/objects/interface_groups/5", None).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (_, answer) = browser
        .send("POST", "/api/v1/objects/businesses", business("next"))
        .await;
    assert_eq!(answer["number"], 6, "5 is not given again");
}

#[tokio::test]
async fn what_is_wrong_with_an_object_is_said_where_it_is() {
    let stage = Stage::open();
    let mut browser = signed_in_browser(&stage).await;
    browser
        .send("POST", "/api/v1/objects/businesses", business("ERP"))
        .await;
    let add = |kind: &str, body: Value| (format!("/api/v1/objects/{kind}"), body);
    for ((path, body), says) in [
        (
            add("businesses", business("erp").unwrap()),
            "objects.businesses.2.name: ",
        ),
        (
            add(
                "businesses",
                json!({ "name": "x", "endpoints": [{ "protocol": 1, "ports": ["80"] }] }),
            ),
            "objects.businesses.2.endpoints[0].ports: protocol 1 has no ports",
        ),
        (
            add(
                "applications",
                json!({ "name": "dns", "endpoints": [{ "protocol": 6 }] }),
            ),
            "objects.applications.2.name: ",
        ),
        (
            add("ip_groups", json!({ "name": "g", "addresses": ["10.0.0.0/33"] })),
            "\"10.0.0.0/33\" is neither",
        ),
        (
            add("ip_groups", json!({ "name": "g", "adresses": [] })),
            "unknown field `adresses`",
        ),
        (
            add("link_groups", json!({ "name": "g", "links": [1, 65_536] })),
            "objects.link_groups.2.links: the group \"g\" holds exporter 1, which is not registered",
        ),
    ] {
        let (status, answer) = browser.send("POST", &path, Some(body)).await;
        let message = answer["error"]["message"].as_str().unwrap_or_default().to_owned();
        assert_eq!(status, StatusCode::BAD_REQUEST, "{message}");
        assert!(message.starts_with(says), "{message}");
    }
    let (status, answer) = browser.send("POST", "/api/v1/objects/things", business("x")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(
        answer["error"]["message"].as_str().unwrap().contains("ip_groups"),
        "{answer}"
    );
    assert_eq!(stage.settings.lock().unwrap().revision, 1);
}

#[tokio::test]
async fn an_exporter_stays_while_a_group_holds_it() {
    let stage = Stage::open();
    let mut browser = signed_in_browser(&stage).await;
    browser
        .send("POST", "/api/v1/exporters", Some(exporter("core", "192.0.2.1")))
        .await;
    let group = json!({ "name": "wan", "links": [65_536] });
    let (status, _) = browser.send("POST", "/api/v1/objects/link_groups", Some(group)).await;
    assert_eq!(status, StatusCode::OK);
    let (status, answer) = browser.send("DELETE", "/api/v1/exporters/1", None).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(
        answer["error"]["message"].as_str().unwrap().contains("\"wan\""),
        "{answer}"
    );
}

#[tokio::test]
async fn objects_may_be_long() {
    let stage = Stage::open();
    let mut browser = signed_in_browser(&stage).await;
    let addresses: Vec<String> = (0..1_024)
        .map(|n| format!("fd00:1111:2222:3333:4444:5555:6666:{n:x}-fd00:1111:2222:3333:4444:5555:7777:{n:x}"))
        .collect();
    let group = json!({ "name": "long", "addresses": addresses });
    assert!(group.to_string().len() > BODY_MAX);
    let (status, answer) = browser.send("POST", "/api/v1/objects/ip_groups", Some(group)).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
}

#[tokio::test]
async fn strangers_see_no_objects() {
    let stage = Stage::open();
    let mut browser = Browser::open(&stage);
    for (method, path) in [
        ("GET", "/api/v1/objects"),
        ("POST", "/api/v1/objects/businesses"),
        ("DELETE", "/api/v1/objects/businesses/1"),
    ] {
        assert_eq!(
            browser.send(method, path, None).await.0,
            StatusCode::UNAUTHORIZED,
            "{path}"
        );
    }
}
