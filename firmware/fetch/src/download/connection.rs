//! One attempt: connect, ask, and write what comes.

use std::future::Future;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::header::{self, HeaderName};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::DownloadError;
use super::address::Address;
use super::transfer::{Answer, Ask, Failed, Head, Next, Transfer};
use crate::order::Report;
use crate::staging::Staging;

/// Who asks, for the server's log.
const AGENT: &str = concat!("Spanwatch/", env!("CARGO_PKG_VERSION"));

/// How long things may take.
#[derive(Debug, Clone)]
pub struct Pace {
    /// To connect to a server that is there.
    pub connect: Duration,
    /// To connect, TLS included, and to get the head of an answer.
    pub answer: Duration,
    /// Without an octet of the body.
    pub silence: Duration,
    /// The span in which [`Pace::least`] octets must come.
    pub window: Duration,
    /// The least octets in a window: below it another connection is tried.
    pub least: u64,
    /// The unit of the pauses between attempts.
    pub pause: Duration,
    /// The whole download.
    pub whole: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(30),
            silence: Duration::from_secs(30),
            window: Duration::from_secs(60),
            least: 64 << 10,
            pause: Duration::from_secs(1),
            whole: Duration::from_secs(6 * 3_600),
        }
    }
}

/// Whose certificates are accepted.
#[derive(Clone)]
pub struct Roots(Arc<ClientConfig>);

impl Roots {
    /// The authorities in a PEM file; one that is not there gives none.
    ///
    /// # Errors
    /// When TLS cannot be set up at all.
    pub fn of(file: &Path) -> Result<Self, rustls::Error> {
        let mut roots = RootCertStore::empty();
        if let Ok(certificates) = CertificateDer::pem_file_iter(file) {
            roots.add_parsable_certificates(certificates.flatten());
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }
}

/// Why an attempt ended early.
enum Broken {
    /// Another attempt may go better.
    Off(String),
    /// It will not.
    Never(DownloadError),
}

impl From<Failed> for Broken {
    fn from(failed: Failed) -> Self {
        Self::Never(failed.into())
    }
}

impl From<crate::staging::StagingError> for Broken {
    fn from(error: crate::staging::StagingError) -> Self {
        Self::Never(error.into())
    }
}

/// Makes one attempt and says what comes next.
pub(super) async fn attempt(
    transfer: &mut Transfer,
    staging: &mut Staging,
    roots: &Roots,
    pace: &Pace,
    report: &mut impl FnMut(Report),
) -> Result<Next, DownloadError> {
    match once(transfer, staging, roots, pace, report).await {
        Ok(next) => Ok(next),
        Err(Broken::Off(why)) => Ok(transfer.broke(&why)?),
        Err(Broken::Never(error)) => Err(error),
    }
}

async fn once(
    transfer: &mut Transfer,
    staging: &mut Staging,
    roots: &Roots,
    pace: &Pace,
    report: &mut impl FnMut(Report),
) -> Result<Next, Broken> {
    let ask = transfer.ask();
    let response = in_time(pace.answer, "the server does not answer", answer(&ask, roots, pace)).await??;
    let from = match transfer.answered(&head(&response))? {
        Answer::Body { from } => from,
        Answer::Next(next) => return Ok(next),
    };
    if from == 0 && staging.at() > 0 {
        staging.rewind()?;
    }
    if let Some(total) = transfer.total() {
        staging.admit(total)?;
    }
    report(Report::Going {
        total: transfer.total(),
    });
    let mut body = response.into_body();
    let mut window = tokio::time::Instant::now();
    let mut in_window = 0;
    loop {
        let frame = in_time(pace.silence, "the server stopped sending", body.frame()).await?;
        let Some(frame) = frame else {
            return Ok(transfer.ended()?);
        };
        let frame = frame.map_err(|e| Broken::Off(chain(&e)))?;
        let Ok(data) = frame.into_data() else { continue };
        staging.write(&data)?;
        transfer.came(data.len() as u64);
        in_window += data.len() as u64;
        if window.elapsed() >= pace.window {
            if in_window < pace.least {
                return Err(Broken::Off("the server sends too slowly".to_owned()));
            }
            window = tokio::time::Instant::now();
            in_window = 0;
        }
    }
}

async fn in_time<T>(within: Duration, what: &str, work: impl Future<Output = T>) -> Result<T, Broken> {
    tokio::time::timeout(within, work)
        .await
        .map_err(|_| Broken::Off(format!("{what} for {} s", within.as_secs())))
}

/// Connects and asks.
async fn answer(ask: &Ask, roots: &Roots, pace: &Pace) -> Result<Response<Incoming>, Broken> {
    let address = &ask.address;
    let unreached =
        |why: &dyn std::fmt::Display| Broken::Off(format!("{} cannot be reached: {why}", address.authority()));
    let stream = tokio::time::timeout(pace.connect, TcpStream::connect((address.host(), address.port())))
        .await
        .map_err(|_| unreached(&format_args!("no answer for {} s", pace.connect.as_secs())))?
        .map_err(|e| unreached(&e))?;
    if !address.secure() {
        return send(ask, stream).await;
    }
    let name = ServerName::try_from(address.host().to_owned()).map_err(|e| Failed::Certificate(e.to_string()))?;
    let stream = TlsConnector::from(roots.0.clone())
        .connect(name, stream)
        .await
        .map_err(|e| refused(&e))?;
    send(ask, stream).await
}

/// A certificate stays what it is; everything else may pass.
fn refused(error: &io::Error) -> Broken {
    let inner = error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>());
    match inner {
        Some(rustls::Error::InvalidCertificate(why)) => Failed::Certificate(why.to_string()).into(),
        _ => Broken::Off(format!("no TLS connection: {error}")),
    }
}

async fn send<S>(ask: &Ask, stream: S) -> Result<Response<Incoming>, Broken>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let off = |e: hyper::Error| Broken::Off(chain(&e));
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .max_buf_size(64 << 10)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(off)?;
    // It ends with the body that it carries.
    tokio::spawn(connection);
    sender.send_request(request(ask)?).await.map_err(off)
}

fn request(ask: &Ask) -> Result<Request<Empty<Bytes>>, Broken> {
    let address: &Address = &ask.address;
    let mut request = Request::get(address.path())
        .header(header::HOST, address.authority())
        .header(header::USER_AGENT, AGENT)
        .header(header::ACCEPT, "*/*")
        .header(header::ACCEPT_ENCODING, "identity")
        .header(header::CONNECTION, "close");
    if ask.from > 0 {
        request = request.header(header::RANGE, format!("bytes={}-", ask.from));
    }
    if let Some(same) = &ask.if_range {
        request = request.header(header::IF_RANGE, same);
    }
    request.body(Empty::new()).map_err(|e| Broken::Off(e.to_string()))
}

fn head(response: &Response<Incoming>) -> Head {
    let text = |name: HeaderName| Some(response.headers().get(name)?.to_str().ok()?.trim().to_owned());
    Head {
        status: response.status().as_u16(),
        length: text(header::CONTENT_LENGTH).and_then(|text| text.parse().ok()),
        range: text(header::CONTENT_RANGE),
        location: text(header::LOCATION),
        etag: text(header::ETAG),
        modified: text(header::LAST_MODIFIED),
        encoding: text(header::CONTENT_ENCODING),
    }
}

/// An error with what is behind it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(&format!(": {inner}"));
        source = inner.source();
    }
    text
}
