//! The heads of HTTP/1's messages, line by line.

use std::fmt;

use model::{App, DetailKey, L7, LogSource, Timestamp};

use crate::l7::flow::Talk;
use crate::l7::log::{Data, Line, Size, Took, micros};
use crate::l7::text::{basic_user, short, text, word};

/// What is kept of a path, an agent and the like.
const VALUE_MAX: usize = 1_024;
/// The most header lines of a message that are read.
const HEADERS_MAX: u16 = 256;
/// Parameters of a query whose values are not written.
const SECRETS: [&str; 10] = [
    "password",
    "passwd",
    "pwd",
    "pass",
    "passphrase",
    "secret",
    "token",
    "access_token",
    "api_key",
    "apikey",
];

#[derive(Debug, Default)]
pub(in crate::l7) struct Request {
    pub(in crate::l7) method: Box<str>,
    pub(in crate::l7) host: Box<str>,
    /// With what follows the name, as in `:8080`.
    pub(in crate::l7) port: Box<str>,
    pub(in crate::l7) path: Box<str>,
    pub(in crate::l7) agent: Box<str>,
    pub(in crate::l7) user: Option<Box<str>>,
    /// The application, where a header tells it apart.
    pub(in crate::l7) app: Option<App>,
    pub(in crate::l7) began: Timestamp,
    pub(in crate::l7) octets: u64,
}

#[derive(Debug, Default)]
pub(in crate::l7) struct Response {
    pub(in crate::l7) status: u16,
    pub(in crate::l7) server: Box<str>,
    pub(in crate::l7) content_type: Box<str>,
    /// The application, where a header tells it apart.
    pub(in crate::l7) app: Option<App>,
    /// The connection becomes HTTP/2 (RFC 7540, section 3.2).
    pub(in crate::l7) to_http2: bool,
    pub(in crate::l7) began: Timestamp,
    pub(in crate::l7) octets: u64,
}

/// What the header lines of a message say of its body.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::l7) struct Framing {
    pub(in crate::l7) length: Option<u64>,
    pub(in crate::l7) chunked: bool,
    pub(in crate::l7) headers: u16,
}

impl Request {
    pub(in crate::l7) fn first_line(&mut self, line: &[u8]) -> bool {
        let (method, rest) = word(line);
        let (target, version) = match rest.iter().rposition(|octet| *octet == b' ') {
            Some(at) => rest.split_at(at),
            None => (rest, &b""[..]),
        };
        // A line that was cut has lost its version.
        let versioned = version.trim_ascii_start().starts_with(b"HTTP/");
        let target = if versioned { target } else { rest };
        if method.is_empty() || method.len() > 24 || target.is_empty() {
            return false;
        }
        if !method
            .iter()
            .all(|c| c.is_ascii_uppercase() || matches!(c, b'-' | b'_'))
        {
            return false;
        }
        self.method = text(method).into();
        let target = text(target);
        // The absolute form, as proxies are asked (RFC 9112, section 3.2.2).
        let absolute = target
            .split_once("://")
            .filter(|(scheme, _)| scheme.len() <= 8 && !scheme.contains('/'));
        let path = match absolute {
            Some((_, rest)) => {
                let at = rest.find('/').unwrap_or(rest.len());
                let (authority, path) = rest.split_at(at);
                self.authority(authority.rsplit('@').next().unwrap_or(authority));
                if path.is_empty() { "/" } else { path }
            }
            None if &*self.method == "CONNECT" => {
                self.authority(&target);
                ""
            }
            None => &target,
        };
        self.path = without_secrets(path);
        if &*self.method == "CONNECT" {
            self.app = Some(const { App::named("http-proxy") });
        }
        true
    }

    pub(in crate::l7) fn authority(&mut self, said: &str) {
        let said = said.trim();
        // A bracketed IPv6 address has colons of its own.
        let name_end = said.rfind(']').unwrap_or(0);
        let colon = said
            .get(name_end..)
            .and_then(|rest| rest.find(':'))
            .map(|at| at + name_end);
        let (name, port) = said.split_at(colon.unwrap_or(said.len()));
        let name = name.trim_start_matches('[').trim_end_matches(']');
        self.host = L7::host_name(name).unwrap_or_default();
        self.port = short(port.as_bytes(), 6);
    }

    pub(in crate::l7) fn header(&mut self, line: &[u8], framing: &mut Framing) -> bool {
        let Some((name, value)) = header(line) else { return true };
        if name.eq_ignore_ascii_case(b"host") {
            if self.host.is_empty() {
                self.authority(&text(value));
            }
        } else if name.eq_ignore_ascii_case(b"user-agent") {
            self.agent = short(value, VALUE_MAX);
        } else if name.eq_ignore_ascii_case(b"authorization") || name.eq_ignore_ascii_case(b"proxy-authorization") {
            let (scheme, credentials) = word(value);
            if scheme.eq_ignore_ascii_case(b"basic") {
                self.user = basic_user(credentials);
            }
        } else if name.eq_ignore_ascii_case(b"soapaction") {
            self.app = Some(const { App::named("soap") });
        } else if name.eq_ignore_ascii_case(b"content-type") {
            self.app = self.app.or(app_of_media(&media_type(value)));
        }
        framing.header(name, value)
    }

    /// Sets a flow's facts, where it is the first.
    pub(in crate::l7) fn describe(&self, l7: &mut L7) {
        if l7.host.is_none() {
            l7.host = L7::host_name(&self.host);
        }
        if l7.details.get(DetailKey::Method).is_none() {
            l7.details.make_room(192);
            l7.details.set(DetailKey::Method, &self.method);
            l7.details.set(DetailKey::Path, &self.path);
            l7.details.set(DetailKey::Agent, &self.agent);
        }
        if let Some(user) = &self.user {
            l7.details.set(DetailKey::User, user);
        }
    }

    fn write(&self, data: &mut Data) {
        data.detail(DetailKey::Method, &self.method);
        data.detail(DetailKey::Path, &self.path);
        data.detail(DetailKey::Agent, &self.agent);
        data.detail(DetailKey::User, self.user.as_deref().unwrap_or_default());
    }
}

impl Response {
    /// Sets a flow's facts, where it is the first.
    pub(in crate::l7) fn describe(&self, l7: &mut L7) {
        if l7.details.get(DetailKey::Status).is_none() {
            let digits = [self.status / 100, self.status / 10 % 10, self.status % 10];
            let digits = digits.map(|digit| b'0' + u8::try_from(digit % 10).unwrap_or(0));
            match self.status {
                100..=999 => l7
                    .details
                    .set(DetailKey::Status, std::str::from_utf8(&digits).unwrap_or_default()),
                status => l7.details.set(DetailKey::Status, &status.to_string()),
            }
            l7.details.set(DetailKey::Server, &self.server);
            l7.details.set(DetailKey::ContentType, &self.content_type);
        }
    }

    pub(in crate::l7) fn first_line(&mut self, line: &[u8]) -> bool {
        let (version, rest) = word(line);
        let (status, _) = word(rest);
        let status = std::str::from_utf8(status).ok().and_then(|status| status.parse().ok());
        self.status = status.unwrap_or(0);
        version.starts_with(b"HTTP/") && (100..1_000).contains(&self.status)
    }

    pub(in crate::l7) fn header(&mut self, line: &[u8], framing: &mut Framing) -> bool {
        let Some((name, value)) = header(line) else { return true };
        if name.eq_ignore_ascii_case(b"server") {
            self.server = short(value, VALUE_MAX);
        } else if name.eq_ignore_ascii_case(b"content-type") {
            self.content_type = media_type(value);
            self.app = self.app.or(app_of_media(&self.content_type));
        } else if name.eq_ignore_ascii_case(b"upgrade") && self.status == 101 {
            self.to_http2 = value.eq_ignore_ascii_case(b"h2c");
            if value.eq_ignore_ascii_case(b"websocket") {
                self.app = Some(const { App::named("websocket") });
            }
        }
        framing.header(name, value)
    }
}

impl Framing {
    /// Takes what a header says of the body; whether it is sound.
    pub(in crate::l7) fn header(&mut self, name: &[u8], value: &[u8]) -> bool {
        self.headers += 1;
        if name.eq_ignore_ascii_case(b"content-length") {
            let length = std::str::from_utf8(value).ok().and_then(|value| value.parse().ok());
            let same = self.length.is_none() || self.length == length;
            self.length = length;
            // Lengths that differ are an attack on whoever reads them otherwise (RFC 9112, section 6.3).
            return same && length.is_some();
        }
        if name.eq_ignore_ascii_case(b"transfer-encoding") {
            const CHUNKED: &[u8] = b"chunked";
            let last = value.len().checked_sub(CHUNKED.len()).and_then(|at| value.get(at..));
            self.chunked = last.is_some_and(|last| last.eq_ignore_ascii_case(CHUNKED));
        }
        self.headers < HEADERS_MAX
    }
}

/// A media type without its parameters.
pub(in crate::l7) fn media_type(value: &[u8]) -> Box<str> {
    let media = value.split(|octet| *octet == b';').next().unwrap_or_default();
    let mut media = short(media, 128);
    if !media.is_ascii() {
        return media.to_lowercase().into();
    }
    media.make_ascii_lowercase();
    media
}

/// The application that alone uses a media type.
pub(in crate::l7) fn app_of_media(media: &str) -> Option<App> {
    Some(match media {
        "application/ipp" => const { App::named("ipp") },
        "application/ocsp-request" | "application/ocsp-response" => const { App::named("ocsp") },
        "application/dash+xml" => const { App::named("mpeg-dash") },
        "application/soap+xml" => const { App::named("soap") },
        _ => return None,
    })
}

/// Splits a header line.
fn header(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = memchr::memchr(b':', line)?;
    let (name, value) = line.split_at(colon);
    Some((name.trim_ascii(), value.get(1..)?.trim_ascii()))
}

/// The size that begins a chunk (RFC 9112, section 7.1).
pub(in crate::l7) fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|octet| *octet == b';').next()?.trim_ascii();
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// A path whose query says no passwords.
pub(in crate::l7) fn without_secrets(path: &str) -> Box<str> {
    let mut end = path.len().min(VALUE_MAX);
    while !path.is_char_boundary(end) {
        end -= 1;
    }
    let path = path.get(..end).unwrap_or_default();
    let Some((before, query)) = path.split_once('?') else {
        return path.into();
    };
    let secret = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        !value.is_empty() && SECRETS.iter().any(|secret| secret.eq_ignore_ascii_case(name))
    };
    if !query.split('&').any(secret) {
        return path.into();
    }
    let pairs = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) if secret(pair) => format!("{name}=***"),
        _ => pair.to_owned(),
    });
    format!("{before}?{}", pairs.collect::<Vec<_>>().join("&")).into()
}

/// A request as people read it: `GET http://www.example.com/index.html`.
struct Asked<'a>(Option<&'a Request>);

impl fmt::Display for Asked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(Request {
            method,
            host,
            port,
            path,
            ..
        }) = self.0
        else {
            return f.write_str("(request not seen)");
        };
        match (&**method, &**host) {
            ("CONNECT", _) => write!(f, "CONNECT {host}{port}"),
            (_, "") => write!(f, "{method} {path}"),
            _ => write!(f, "{method} http://{host}{port}{path}"),
        }
    }
}

/// The line of a request and its response, if there is one. `client_forward`: requests come from the flow's first sender.
pub(in crate::l7) fn write_line(
    request: Option<&Request>,
    response: Option<&Response>,
    client_forward: bool,
    talk: &mut Talk<'_, '_>,
) {
    if !talk.lines.wanted || (request.is_none() && response.is_none()) {
        return;
    }
    let code = response.map(|response| response.status.to_string()).unwrap_or_default();
    let began = request
        .map(|request| request.began)
        .or(response.map(|response| response.began));
    let began = began.unwrap_or(talk.now);
    let response_us = request
        .zip(response)
        .map(|(request, response)| micros(request.began, response.began));
    let host = request.map_or("", |request| &*request.host);
    let carrier = request
        .and_then(|request| request.app)
        .or(response.and_then(|response| response.app));
    let line = Line {
        source: LogSource::Http,
        began,
        over: talk.now,
        ends: talk.ends(client_forward),
        host,
        app: talk.app_of(host, carrier.unwrap_or(const { App::named("http") })),
        code: &code,
        failed: response.is_none_or(|response| response.status >= 400),
        text: format_args!("{}{}", Asked(request), Answered(response, response_us)),
    };
    talk.lines.write(&line, |data| {
        if let Some(request) = request {
            request.write(data);
        }
        if let Some(response) = response {
            data.detail(DetailKey::Status, &code);
            data.detail(DetailKey::Server, &response.server);
            data.detail(DetailKey::ContentType, &response.content_type);
        }
        data.push_some("request_bytes", request.map(|request| request.octets));
        data.push_some("response_bytes", response.map(|response| response.octets));
        data.push_some("response_us", response_us);
    });
}

/// A response as people read it.
struct Answered<'a>(Option<&'a Response>, Option<u32>);

impl fmt::Display for Answered<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(response) = self.0 else {
            return f.write_str(" no answer");
        };
        write!(f, " → {}", response.status)?;
        if !response.content_type.is_empty() {
            write!(f, " {}", response.content_type)?;
        }
        write!(f, " {}", Size(response.octets))?;
        match self.1 {
            Some(us) => write!(f, " {}", Took(us)),
            None => Ok(()),
        }
    }
}
