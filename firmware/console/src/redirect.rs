//! Port 80: everything moves to HTTPS.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

/// A router that answers everything with 308 to `https_port` of the host that was asked for.
pub(crate) fn router(https_port: u16) -> Router {
    Router::new().fallback(redirect).with_state(https_port)
}

async fn redirect(State(port): State<u16>, uri: Uri, headers: HeaderMap) -> Response {
    let host = headers
        .get(header::HOST)
        .and_then(|value| value.to_str().ok())
        .and_then(host_of);
    let location = host.and_then(|host| HeaderValue::from_str(&target(host, port, &uri)).ok());
    match location {
        Some(location) => (
            StatusCode::PERMANENT_REDIRECT,
            [
                (header::LOCATION, location),
                (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            ],
        )
            .into_response(),
        None => (StatusCode::BAD_REQUEST, "the Host header names no host\n").into_response(),
    }
}

fn target(host: &str, port: u16, uri: &Uri) -> String {
    let path = uri.path_and_query().map_or("/", |p| p.as_str());
    match port {
        443 => format!("https://{host}{path}"),
        port => format!("https://{host}:{port}{path}"),
    }
}

/// The host of a `Host` header without its port: a name, an IPv4 address, or an IPv6 address in brackets.
fn host_of(header: &str) -> Option<&str> {
    let (host, port) = match header.strip_prefix('[') {
        Some(rest) => {
            let end = rest.find(']')?;
            rest.get(..end)?.parse::<std::net::Ipv6Addr>().ok()?;
            (header.get(..end + 2)?, header.get(end + 2..)?)
        }
        None => header.split_at(header.find(':').unwrap_or(header.len())),
    };
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let good = host.starts_with('[') || (!host.is_empty() && host.len() <= 253 && host.chars().all(name));
    let port = port.is_empty()
        || port
            .strip_prefix(':')
            .is_some_and(|p| p.is_empty() || p.parse::<u16>().is_ok());
    (good && port).then_some(host)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;
    use tower::ServiceExt;

    use super::*;

    #[test]
    fn hosts_are_checked() {
        for (header, host) in [
            ("box", Some("box")),
            ("box.example:80", Some("box.example")),
            ("192.0.2.1:8080", Some("192.0.2.1")),
            ("[fe80::1]:80", Some("[fe80::1]")),
            ("[fe80::1]", Some("[fe80::1]")),
            ("", None),
            (":80", None),
            ("a b", None),
            ("a/b", None),
            ("a@b", None),
            ("box:99999", None),
            ("[::1", None),
            ("[::1]x", None),
            ("[zz]", None),
        ] {
            assert_eq!(host_of(header), host, "{header}");
        }
    }

    #[tokio::test]
    async fn path_and_query_stay() {
        for (port, wanted) in [(443, "https://box/system?a=b"), (8443, "https://box:8443/system?a=b")] {
            let request = Request::get("/system?a=b")
                .header("host", "box:80")
                .body(Body::empty())
                .unwrap();
            let response = router(port).oneshot(request).await.unwrap();
            assert_eq!(response.status(), StatusCode::PERMANENT_REDIRECT);
            assert_eq!(response.headers()["location"], wanted);
        }
        let request = Request::get("/").body(Body::empty()).unwrap();
        assert_eq!(
            router(443).oneshot(request).await.unwrap().status(),
            StatusCode::BAD_REQUEST
        );
    }
}
