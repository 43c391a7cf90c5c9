//! The pages, embedded in the program.

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

/// A file of the built pages with its compressed forms.
struct Asset {
    path: &'static str,
    plain: &'static [u8],
    br: Option<&'static [u8]>,
    gz: Option<&'static [u8]>,
}

const ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// Answers with a file of the pages. What has no file name is a page of the application, and that is `index.html`.
pub(crate) async fn serve(uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path();
    let page = !path.rsplit('/').next().unwrap_or_default().contains('.');
    let wanted = if page { "/index.html" } else { path };
    let Some(asset) = ASSETS.iter().find(|asset| asset.path == wanted) else {
        return (StatusCode::NOT_FOUND, "not found\n").into_response();
    };
    let accepted = headers
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let (encoding, body) = match (asset.br, asset.gz) {
        (Some(br), _) if accepts(accepted, "br") => (Some("br"), br),
        (_, Some(gz)) if accepts(accepted, "gzip") => (Some("gzip"), gz),
        _ => (None, asset.plain),
    };
    let mut response = Bytes::from_static(body).into_response();
    let out = response.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(wanted)));
    out.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(encoding) = encoding {
        out.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    // Vite puts a hash of the content into the names below /assets/.
    let lifetime = if wanted.starts_with("/assets/") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(lifetime));
    response
}

/// Whether an `Accept-Encoding` header takes a coding (RFC 9110, section 12.5.3).
fn accepts(header: &str, coding: &str) -> bool {
    header.split(',').any(|item| {
        let mut parts = item.split(';').map(str::trim);
        parts.next().is_some_and(|name| name.eq_ignore_ascii_case(coding))
            && !parts.any(|p| p.strip_prefix("q=").is_some_and(|q| q.parse() == Ok(0.0_f32)))
    })
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json" | "webmanifest") => "application/json",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_the_page_is_inline() {
        let index = ASSETS.iter().find(|asset| asset.path == "/index.html").unwrap();
        let text = std::str::from_utf8(index.plain).unwrap();
        assert!(!text.contains("style=") && !text.contains("<style"));
        for script in text.split("<script").skip(1) {
            assert!(script.contains("src=\"/assets/"), "{script}");
        }
    }

    /// What the page names, and what that names in turn; pages that are imported when they are opened not among them.
    fn loaded_at_first() -> Vec<&'static Asset> {
        let mut loaded: Vec<&Asset> = ASSETS.iter().filter(|asset| asset.path == "/index.html").collect();
        let mut at = 0;
        while let Some(asset) = loaded.get(at) {
            let text = String::from_utf8_lossy(asset.plain);
            let named = |other: &&Asset| {
                let name = other.path.rsplit('/').next().unwrap_or_default();
                ["from\"./", "import\"./", "=\"/assets/"]
                    .iter()
                    .any(|how| text.contains(&format!("{how}{name}\"")))
            };
            let next: Vec<_> = ASSETS.iter().filter(named).collect();
            for asset in next {
                if !loaded.iter().any(|known| known.path == asset.path) {
                    loaded.push(asset);
                }
            }
            at += 1;
        }
        loaded
    }

    #[test]
    fn what_a_browser_loads_at_first_is_small() {
        let loaded = loaded_at_first();
        assert!(
            loaded.iter().any(|asset| asset.path.ends_with(".js"))
                && loaded.iter().any(|asset| asset.path.ends_with(".css"))
        );
        let all: usize = loaded.iter().filter_map(|asset| asset.gz).map(<[u8]>::len).sum();
        assert!(all < 150 << 10, "{all} octets compressed");
    }

    #[test]
    fn codings_are_negotiated() {
        assert!(accepts("gzip, deflate, br", "br"));
        assert!(!accepts("gzip;q=0, br;q=0.5", "gzip"));
        assert!(accepts("gzip;q=0, br;q=0.5", "br"));
        assert!(!accepts("", "br"));
    }
}
