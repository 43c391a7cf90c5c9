//! The console: HTTPS on 443, a redirect on 80; pages, sessions, and a client of supervisor, analyzer and collector.

mod account;
mod alarms;
mod amend;
mod assets;
mod exporters;
mod failure;
mod firmware;
mod guard;
mod hardware;
mod identity;
mod listen;
mod live;
mod logs;
mod metrics;
mod names;
mod objects;
#[cfg(test)]
mod played;
mod ports;
mod pulse;
mod queries;
mod redirect;
mod routes;
mod scope;
mod serve;
mod session;
mod signatures;
mod storage;
mod system;
mod traffic;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use api::client::Client;
use api::supervisor::{PortRole, StatusQuery};
use clap::Parser;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use service::{NotifyState, Workers, tell};
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::identity::Identity;
use crate::listen::Listeners;
use crate::routes::App;

/// How long the console waits at its start for the supervisor to tell the box's addresses.
const SUPERVISOR_WITHIN: Duration = Duration::from_secs(2);

/// Serves the Spanwatch console.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Listens here for HTTPS instead of taking systemd's sockets.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen_https: Option<SocketAddr>,
    /// Listens here for HTTP, which is redirected.
    #[arg(long, value_name = "ADDRESS:PORT", requires = "listen_https")]
    listen_http: Option<SocketAddr>,
    /// Where the key and certificate are kept.
    #[arg(long, value_name = "DIR", default_value = "/data/console")]
    data: PathBuf,
    /// Where the other programs' sockets are.
    #[arg(long, value_name = "DIR", default_value = api::RUN_DIR)]
    run_dir: PathBuf,
}

fn main() -> ExitCode {
    let args = Args::parse();
    service::log_as("console");
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<()> {
    let listeners = Listeners::open(args.listen_https, args.listen_http)?;
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(4)
        .enable_all()
        .build()
        .context("cannot start the runtime")?
        .block_on(work(listeners, &args.data, &args.run_dir))
}

async fn work(listeners: Listeners, data: &Path, run_dir: &Path) -> Result<()> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let (stop, stopping) = watch::channel(false);
    let app = App::new(Client::new(run_dir), provider.clone(), stopping.clone());
    let names = names(&app).await;
    let identity = Arc::new(Identity::open(
        data,
        &names,
        OffsetDateTime::now_utc(),
        provider.clone(),
    )?);
    log::info!("the certificate's SHA-256 fingerprint is {}", identity.fingerprint());
    let tls = TlsAcceptor::from(Arc::new(tls(provider, identity.clone())?));
    let https_port = listeners.https.local_addr()?.port();
    let listener = TcpListener::from_std(listeners.https)?;
    let https = tokio::spawn(serve::serve(
        listener,
        Some(tls),
        routes::router(app.clone()),
        stopping.clone(),
    ));
    let http = match listeners.http {
        Some(listener) => {
            let listener = TcpListener::from_std(listener)?;
            Some(tokio::spawn(serve::serve(
                listener,
                None,
                redirect::router(https_port),
                stopping,
            )))
        }
        None => None,
    };
    log::info!("serving HTTPS on port {https_port}");
    tell(&[NotifyState::Ready]);
    attend(&app, &identity).await?;
    log::info!("stopping");
    tell(&[NotifyState::Stopping]);
    stop.send_replace(true);
    https.await.context("the HTTPS server panicked")?;
    if let Some(http) = http {
        http.await.context("the HTTP server panicked")?;
    }
    Ok(())
}

fn tls(provider: Arc<CryptoProvider>, identity: Arc<Identity>) -> Result<ServerConfig> {
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
        .with_no_client_auth()
        .with_cert_resolver(identity);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

/// Feeds the watchdog and renews the certificate until a signal asks the console to stop.
async fn attend(app: &App, identity: &Identity) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let workers = Workers::default();
    let turns = workers.add("main");
    let beating = tokio::spawn(async move { workers.beat().await });
    let mut turn = tokio::time::interval(Duration::from_secs(1));
    let mut minute = tokio::time::interval(Duration::from_secs(60));
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = turn.tick() => turns.tick(),
            _ = minute.tick() => {
                let now = OffsetDateTime::now_utc();
                if identity.is_due(now) {
                    identity.renew(&names(app).await, now);
                }
            }
        }
    }
    beating.abort();
    Ok(())
}

/// The names and addresses under which the box is reached now, as far as the supervisor tells.
async fn names(app: &App) -> Vec<String> {
    let mut names = vec!["localhost".to_owned(), "spanwatch".to_owned()];
    let asked = tokio::time::timeout(SUPERVISOR_WITHIN, app.client.call(StatusQuery {})).await;
    if let Ok(Ok(status)) = asked {
        names.push(status.hostname.to_ascii_lowercase());
        let addresses = status
            .ports
            .into_iter()
            .filter(|port| port.role == PortRole::Management);
        names.extend(
            addresses
                .flat_map(|port| port.addresses)
                .filter_map(|a| Some(a.split('/').next()?.to_owned())),
        );
    }
    names.sort_unstable();
    names.dedup();
    names.truncate(64);
    names
}
