//! The supervisor: settings, first set-up, passwords, network, packet filter, and the state of the box.

mod access;
mod accounts;
mod change;
mod command;
mod disk;
mod engine;
mod entry;
mod firewall;
mod firmware;
mod hostkey;
mod lockout;
mod metrics;
mod network;
mod optics;
mod ports;
mod random;
mod reconcile;
mod reset;
mod setup_code;
mod system;
#[cfg(test)]
mod tests;
mod units;
mod vault;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use api::Service;
use clap::Parser;
use service::NotifyState;

use crate::access::Identities;
use crate::disk::Folder;
use crate::engine::{Engine, Paths};
use crate::vault::Vault;

/// Anyone in the socket's group may connect; who may ask what is decided by their user.
const SOCKET_MODE: u32 = 0o660;

/// Keeps the settings and the state of the box, and answers the other programs.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// The data partition.
    #[arg(long, default_value = "/data")]
    data: PathBuf,
    /// The run folder of our programs.
    #[arg(long, default_value = api::RUN_DIR)]
    run: PathBuf,
    /// The root of sysfs.
    #[arg(long, default_value = "/sys")]
    sys: PathBuf,
    /// Where networkd reads volatile configuration.
    #[arg(long, default_value = "/run/systemd/network")]
    networkd: PathBuf,
    /// The identity partition.
    #[arg(long, default_value = storage::reset::IDENTITY)]
    identity: PathBuf,
    /// Answers requests and changes nothing of the system: for work on a desk.
    #[arg(long)]
    detached: bool,
}

fn main() -> anyhow::Result<()> {
    service::log_as("supervisor");
    let args = Args::parse();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(4)
        .build()
        .context("cannot start the event loop")?;
    runtime
        .block_on(run(args))
        .inspect_err(|e| log::error!(event = "fatal"; "{e:#}"))
}

async fn run(args: Args) -> anyhow::Result<()> {
    let paths = Paths {
        data: args.data.clone(),
        run: args.run.clone(),
        sys: args.sys,
        networkd: args.networkd,
        identity: args.identity.clone(),
        act: !args.detached,
    };
    for folder in [args.data.join("settings"), args.run.join("supervisor")] {
        // A data partition that is missing or read-only must not keep the box from answering.
        if let Err(e) = std::fs::create_dir_all(&folder) {
            log::warn!(event = "folder"; "cannot make {}: {e}", folder.display());
        }
    }
    let trial = (!args.detached)
        .then(|| firmware::before_settings(&args.data))
        .flatten();
    let vault = Vault::new(Folder(args.data.join("settings")));
    let engine = Arc::new(Engine::start(paths, Identities::of_this_system(), vault));
    engine.state.lock().await.damage.extend(trial);
    reconcile::before_ready(&engine).await;

    let socket = args.run.join(Service::Supervisor.socket());
    let listener = api::server::listen(&socket, SOCKET_MODE)
        .with_context(|| format!("cannot listen at {}: is the run folder there?", socket.display()))?;
    let serving = engine.clone();
    tokio::spawn(api::server::serve(listener, move |request, peer| {
        let engine = serving.clone();
        async move { engine.answer(request, peer).await }
    }));
    tokio::spawn(reconcile::run(engine.clone()));
    let told = reset::told(&args.identity);
    let happened = told.into_iter().chain(engine.recovered.map(reset::recovery)).collect();
    let firmware = firmware::open(
        args.data.clone(),
        engine.paths.sys.clone(),
        args.run.join("supervisor"),
        happened,
        !args.detached,
    );
    let _ = engine.firmware.set(firmware.clone());
    if !args.detached {
        tokio::spawn(async move { reset::forget_password(&args.identity).await });
        let (folder, scratch) = (args.data.join("ssh"), args.run.join("supervisor"));
        tokio::spawn(optics::run(engine.clone()));
        tokio::spawn(make_host_key(engine, folder, scratch));
    }
    if let Some(every) = sd_notify::watchdog_enabled() {
        tokio::spawn(async move {
            loop {
                service::tell(&[NotifyState::Watchdog]);
                tokio::time::sleep(every / 3).await;
            }
        });
    }
    service::tell(&[NotifyState::Ready]);
    let version = system::version();
    log::info!(event = "start", version = version.as_str(); "the supervisor of version {version} is ready");

    let mut end = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        _ = end.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    service::tell(&[NotifyState::Stopping]);
    firmware::end(&firmware).await;
    log::info!(event = "stop"; "the supervisor ends");
    Ok(())
}

async fn make_host_key(engine: Arc<Engine>, folder: PathBuf, scratch: PathBuf) {
    match hostkey::ensure(&folder, &scratch).await {
        Ok(true) => log::info!(event = "host-key"; "a new SSH host key was made"),
        Ok(false) => {}
        Err(message) => {
            log::error!(event = "failed", work = "host-key"; "{message}");
            engine.state.lock().await.failures.insert("host key", message);
        }
    }
}
