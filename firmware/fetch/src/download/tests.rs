//! Downloads from a real server on loopback that behaves as the path says.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::ServerConfig;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::*;

/// The file that is served.
fn file() -> Vec<u8> {
    (0..400_000_u32).flat_map(u32::to_le_bytes).collect()
}

#[derive(Clone)]
struct Server {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            asked: Arc::default(),
        };
        let asked = server.asked.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let asked = asked.clone();
                // A client that goes away ends its answer.
                tokio::spawn(async move { drop(serve(stream, &asked).await) });
            }
        });
        server
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(stream: S, asked: &AtomicUsize) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let (mut path, mut from) = (String::new(), None);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 || line == "\r\n" {
            break;
        }
        if let Some(rest) = line.strip_prefix("GET ") {
            path = rest.split(' ').next().unwrap_or_default().to_owned();
        }
        if let Some(range) = line.to_ascii_lowercase().strip_prefix("range: bytes=") {
            from = range.trim().trim_end_matches('-').parse::<usize>().ok();
        }
    }
    let turn = asked.fetch_add(1, Ordering::SeqCst);
    let file = file();
    let whole = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nETag: \"one\"\r\n\r\n",
        file.len()
    );
    match path.as_str() {
        "/file" => {
            stream.write_all(whole.as_bytes()).await?;
            stream.write_all(&file).await?;
        }
        // Each answer breaks off; the file is in reach by parts alone.
        "/parts" => {
            let start = from.unwrap_or(0);
            let end = (start + 500_000).min(file.len());
            let head = match from {
                None => whole,
                Some(from) => format!(
                    "HTTP/1.1 206 Partial Content\r\nContent-Length: {}\r\nContent-Range: bytes {from}-{}/{}\r\n\r\n",
                    file.len() - from,
                    file.len() - 1,
                    file.len()
                ),
            };
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(&file[start..end]).await?;
        }
        // Knows no parts: the second answer is whole.
        "/again" => {
            stream.write_all(whole.as_bytes()).await?;
            let end = if turn == 0 { 300_000 } else { file.len() };
            stream.write_all(&file[..end]).await?;
        }
        "/short" => {
            stream.write_all(whole.as_bytes()).await?;
            stream.write_all(&file[..1_000]).await?;
        }
        "/huge" => {
            stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")
                .await?;
            stream.write_all(&file).await?;
        }
        "/endless" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
            loop {
                stream.write_all(&file).await?;
            }
        }
        "/silent" => {
            stream.write_all(whole.as_bytes()).await?;
            stream.write_all(&file[..10]).await?;
            stream.flush().await?;
            std::future::pending::<()>().await;
        }
        "/never" => std::future::pending().await,
        "/to" => {
            stream
                .write_all(b"HTTP/1.1 302 Found\r\nLocation: /file\r\nContent-Length: 0\r\n\r\n")
                .await?
        }
        "/loop" => {
            stream
                .write_all(b"HTTP/1.1 301 Moved\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n")
                .await?
        }
        "/noise" => stream.write_all(&file).await?,
        _ => {
            stream
                .write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                .await?
        }
    }
    stream.shutdown().await
}

fn pace() -> Pace {
    Pace {
        pause: Duration::from_millis(1),
        ..Pace::default()
    }
}

struct Fetched {
    result: Result<u64, String>,
    bytes: Option<Vec<u8>>,
    left: usize,
    reports: Vec<Report>,
}

async fn fetch(url: &str, most: u64, pace: Pace) -> Fetched {
    let roots = Roots::of(Path::new("/nonexistent")).unwrap();
    with(url, most, pace, &roots).await
}

async fn with(url: &str, most: u64, pace: Pace, roots: &Roots) -> Fetched {
    let folder = tempfile::tempdir().unwrap();
    let mut reports = Vec::new();
    let result = download(url, folder.path(), most, 0, roots, &pace, |report| reports.push(report)).await;
    Fetched {
        result: result.map_err(|e| e.to_string()),
        bytes: std::fs::read(folder.path().join(crate::staging::WHOLE)).ok(),
        left: std::fs::read_dir(folder.path()).unwrap().count(),
        reports,
    }
}

const ROOM: u64 = 10_000_000;

#[tokio::test]
async fn a_file_comes_whole() {
    let server = Server::start().await;
    for path in ["/file", "/to"] {
        let fetched = fetch(&server.url(path), ROOM, pace()).await;
        assert_eq!(fetched.result, Ok(1_600_000));
        assert_eq!(fetched.bytes, Some(file()));
        assert_eq!(fetched.reports, [Report::Going { total: Some(1_600_000) }]);
    }
}

#[tokio::test]
async fn what_breaks_off_is_taken_up_or_begun_again() {
    for (path, answers) in [("/parts", 4), ("/again", 2)] {
        let server = Server::start().await;
        let fetched = fetch(&server.url(path), ROOM, pace()).await;
        assert_eq!(fetched.result, Ok(1_600_000), "{path}");
        assert_eq!(fetched.bytes, Some(file()), "{path}");
        assert_eq!(server.asked.load(Ordering::SeqCst), answers, "{path}");
    }
}

#[tokio::test]
async fn bad_servers_are_left_with_a_word_and_nothing_stays() {
    let server = Server::start().await;
    for (path, words) in [
        ("/missing", "nothing at this address"),
        ("/loop", "leads on and on"),
        ("/short", "broke off"),
        ("/noise", "broke off"),
        ("/huge", "larger than"),
        ("/endless", "larger than"),
    ] {
        let fetched = fetch(&server.url(path), ROOM, pace()).await;
        let problem = fetched.result.unwrap_err();
        assert!(problem.contains(words), "{path}: {problem}");
        assert_eq!(fetched.left, 0, "{path}");
    }
}

#[tokio::test]
async fn a_server_that_falls_silent_is_left() {
    let server = Server::start().await;
    // What never comes is waited for shortly: no machine is so slow that it comes.
    let short = Duration::from_millis(50);
    let silent = Pace {
        silence: short,
        ..pace()
    };
    let problem = fetch(&server.url("/silent"), ROOM, silent).await.result.unwrap_err();
    assert!(problem.contains("stopped sending"), "{problem}");
    let never = Pace {
        answer: short,
        ..pace()
    };
    let problem = fetch(&server.url("/never"), ROOM, never).await.result.unwrap_err();
    assert!(problem.contains("does not answer"), "{problem}");
    let slow = Pace {
        window: Duration::ZERO,
        least: u64::MAX,
        ..pace()
    };
    let problem = fetch(&server.url("/file"), ROOM, slow).await.result.unwrap_err();
    assert!(problem.contains("too slowly"), "{problem}");
}

#[tokio::test]
async fn nobody_there_is_said_so() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    drop(taken);
    let problem = fetch(&format!("http://{address}/x"), ROOM, pace())
        .await
        .result
        .unwrap_err();
    assert!(problem.contains("cannot be reached"), "{problem}");
}

#[tokio::test]
async fn the_whole_takes_no_longer_than_it_may() {
    let server = Server::start().await;
    let pace = Pace {
        whole: Duration::from_millis(20),
        ..pace()
    };
    let problem = fetch(&server.url("/never"), ROOM, pace).await.result.unwrap_err();
    assert!(problem.contains("is not here after"), "{problem}");
}

#[tokio::test]
async fn certificates_are_checked() {
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    drop(serve(stream, &AtomicUsize::new(0)).await);
                }
            });
        }
    });
    let url = format!("https://localhost:{port}/file");
    let problem = fetch(&url, ROOM, pace()).await.result.unwrap_err();
    assert!(problem.contains("certificate is not accepted"), "{problem}");
    let folder = tempfile::tempdir().unwrap();
    let pem = folder.path().join("roots.pem");
    std::fs::write(&pem, own.cert.pem()).unwrap();
    let known = Roots::of(&pem).unwrap();
    assert_eq!(with(&url, ROOM, pace(), &known).await.result, Ok(1_600_000));
    // Of another name than the one asked for.
    let other = format!("https://127.0.0.1:{port}/file");
    let problem = with(&other, ROOM, pace(), &known).await.result.unwrap_err();
    assert!(problem.contains("certificate is not accepted"), "{problem}");
}
