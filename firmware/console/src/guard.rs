//! What every request passes and every answer carries: security headers, a time limit, and the check that a request
//! comes from our own pages.

use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::failure::{ApiError, Kind};

/// Nothing inline, nothing from elsewhere, no frames (CSP level 3).
const CSP: &str = "default-src 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; form-action 'self'";

/// HSTS is missing on purpose: on a certificate that nobody trusts it would only shut its users out.
const HEADERS: [(&str, &str); 8] = [
    ("content-security-policy", CSP),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    (
        "permissions-policy",
        "camera=(), microphone=(), geolocation=(), payment=(), usb=(), interest-cohort=()",
    ),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-embedder-policy", "require-corp"),
];

/// How long a request may take until the head of its answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(40);

/// Adds the security headers, and ends requests that take too long.
pub(crate) async fn shield(request: Request, next: Next) -> Response {
    let mut response = match tokio::time::timeout(ANSWER_WITHIN, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::new(Kind::TimedOut, "the request took too long; try again").into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert_with(|| HeaderValue::from_static("no-store"));
    response
}

/// Refuses requests that another site's page sent.
pub(crate) async fn same_origin(request: Request, next: Next) -> Response {
    match foreign(request.method(), request.headers()) {
        None => next.run(request).await,
        Some(why) => ApiError::new(Kind::CrossOrigin, why).into_response(),
    }
}

/// Why a request is not of our own pages; `None` where it is. A request that changes something must say where it comes
/// from (`Origin`, RFC 6454), and that must be the host that it is sent to; Fetch Metadata, where the browser sends
/// it, must agree.
fn foreign(method: &Method, headers: &HeaderMap) -> Option<&'static str> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if !matches!(text("sec-fetch-site"), None | Some("same-origin" | "none")) {
        return Some("the request comes from another site's page");
    }
    if matches!(*method, Method::GET | Method::HEAD) {
        return None;
    }
    let own = match (text("origin"), text("host")) {
        (Some(origin), Some(host)) => origin
            .strip_prefix("https://")
            .is_some_and(|o| o.eq_ignore_ascii_case(host)),
        _ => false,
    };
    (!own).then_some("the request must carry an Origin header that names this console")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn changes_need_our_own_origin() {
        let refused = |pairs: &[_]| foreign(&Method::POST, &headers(pairs)).is_some();
        assert!(refused(&[("host", "box")]));
        assert!(refused(&[("host", "box"), ("origin", "https://evil.example")]));
        assert!(refused(&[("host", "box"), ("origin", "http://box")]));
        assert!(refused(&[("host", "box"), ("origin", "null")]));
        assert!(refused(&[("host", "box:8443"), ("origin", "https://box")]));
        assert!(refused(&[
            ("host", "box"),
            ("origin", "https://box"),
            ("sec-fetch-site", "same-site")
        ]));
        assert!(!refused(&[("host", "Box:8443"), ("origin", "https://box:8443")]));
        assert!(!refused(&[
            ("host", "box"),
            ("origin", "https://box"),
            ("sec-fetch-site", "same-origin")
        ]));
    }

    #[test]
    fn reading_needs_no_origin_but_no_foreign_page_either() {
        assert!(foreign(&Method::GET, &headers(&[("host", "box")])).is_none());
        assert!(foreign(&Method::GET, &headers(&[("host", "box"), ("sec-fetch-site", "none")])).is_none());
        assert!(
            foreign(
                &Method::GET,
                &headers(&[("host", "box"), ("sec-fetch-site", "cross-site")])
            )
            .is_some()
        );
    }

    #[test]
    fn the_policy_allows_nothing_inline() {
        assert!(CSP.starts_with("default-src 'self';"));
        assert!(!CSP.contains("unsafe"));
    }
}
