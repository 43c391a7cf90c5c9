//! A web server on loopback that behaves as the path says. The guest sees it at 10.0.2.2.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};

/// A server; it ends with the program.
pub(super) struct Server {
    port: u16,
    ranges: Arc<AtomicUsize>,
}

impl Server {
    /// Serves a bundle.
    pub(super) fn start(bundle: &Path) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("cannot listen on loopback")?;
        let server = Self {
            port: listener.local_addr()?.port(),
            ranges: Arc::default(),
        };
        let bundle: Arc<Vec<u8>> = Arc::new(std::fs::read(bundle)?);
        let ranges = server.ranges.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (bundle, ranges) = (bundle.clone(), ranges.clone());
                // A client that goes away ends its answer.
                std::thread::spawn(move || drop(serve(stream, &bundle, &ranges)));
            }
        });
        Ok(server)
    }

    /// Its port.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// How many parts were asked for.
    pub(super) fn ranges(&self) -> usize {
        self.ranges.load(Ordering::SeqCst)
    }
}

fn serve(mut stream: TcpStream, bundle: &[u8], ranges: &AtomicUsize) -> Result<()> {
    let (mut path, mut from) = (String::new(), 0);
    for line in BufReader::new(stream.try_clone()?).lines() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        if let Some(rest) = line.strip_prefix("GET ") {
            path = rest.split(' ').next().unwrap_or_default().to_owned();
        }
        if let Some(range) = line.to_ascii_lowercase().strip_prefix("range: bytes=") {
            from = range.trim_end_matches('-').parse::<usize>().unwrap_or(0);
            ranges.fetch_add(1, Ordering::SeqCst);
        }
    }
    let all = bundle.len();
    let whole = format!("HTTP/1.1 200 OK\r\nContent-Length: {all}\r\nETag: \"one\"\r\n\r\n");
    match path.as_str() {
        // A third of it at a time.
        "/parts" => {
            let head = if from == 0 {
                whole
            } else {
                format!(
                    "HTTP/1.1 206 Partial Content\r\nContent-Length: {}\r\nContent-Range: bytes {from}-{}/{all}\r\n\r\n",
                    all - from,
                    all - 1
                )
            };
            stream.write_all(head.as_bytes())?;
            let end = (from + all / 3 + 1).min(all);
            stream.write_all(bundle.get(from..end).unwrap_or_default())?;
        }
        "/slow" => {
            stream.write_all(whole.as_bytes())?;
            for part in bundle.chunks(100_000) {
                stream.write_all(part)?;
                std::thread::sleep(Duration::from_millis(500));
            }
        }
        "/short" => {
            stream.write_all(whole.as_bytes())?;
            stream.write_all(bundle.get(..1_000).unwrap_or_default())?;
        }
        "/huge" => stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")?,
        "/endless" => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
            loop {
                stream.write_all(bundle)?;
            }
        }
        "/loop" => stream.write_all(b"HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n")?,
        _ => stream.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")?,
    }
    Ok(())
}
