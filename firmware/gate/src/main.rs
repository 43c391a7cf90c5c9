//! The health gate: after a start it uses each critical service as its user does, every few seconds, and tells the
//! supervisor what works. It ends once the supervisor has marked the box good.

mod login;
mod packet;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use api::client::Client;
use api::firmware::{Health, HealthReport};
use api::supervisor::SettingsQuery;
use clap::Parser;
use settings::Role;

/// Between two rounds of probes.
const EVERY: Duration = Duration::from_secs(5);
/// A packet is sent through all stages in one of so many rounds.
const PACKET_IN: u32 = 3;

/// Probes the box's services and tells the supervisor.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    /// Where the programs' sockets are.
    #[arg(long, default_value = api::RUN_DIR)]
    run_dir: PathBuf,
    /// The console.
    #[arg(long, default_value = "127.0.0.1:443")]
    console: SocketAddr,
}

fn main() -> ExitCode {
    service::log_as("gate");
    let options = Options::parse();
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            log::error!(EVENT = "failed"; "the health gate stops: {e:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start")?;
    runtime.block_on(guard(options))
}

async fn guard(options: &Options) -> anyhow::Result<()> {
    let client = Client::new(&options.run_dir);
    let login = login::Probe::new(options.console).context("cannot make a TLS client")?;
    service::tell(&[service::NotifyState::Ready]);
    let mut rounds = tokio::time::interval(EVERY);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut said = None;
    let mut packet_due = 0;
    loop {
        rounds.tick().await;
        let problem = round(&client, &login, &mut packet_due).await.err();
        if said.as_ref() != Some(&problem) {
            match &problem {
                Some(problem) => log::warn!(EVENT = "probe"; "{problem}"),
                None => log::info!(EVENT = "probe"; "every probe succeeds"),
            }
            said = Some(problem.clone());
        }
        match client.call(HealthReport { problem }).await {
            Ok(Health::Good) => {
                log::info!(EVENT = "good"; "the box is good");
                return Ok(());
            }
            Ok(_) => {}
            // The supervisor may be starting; without a report it does not mark the box good.
            Err(e) => log::warn!(EVENT = "unreported"; "{e}"),
        }
    }
}

/// One round: the first probe that fails is told in words.
async fn round(client: &Client, login: &login::Probe, packet_due: &mut u32) -> Result<(), String> {
    let settings = client.call(SettingsQuery::default()).await.map_err(|e| e.to_string())?;
    login
        .check()
        .await
        .map_err(|e| format!("the console's login page: {e:#}"))?;
    // A box with one role alone has nobody to ask whether the packet arrived.
    if settings.settings.role == Role::Standalone {
        if *packet_due == 0 {
            packet::check(client).await?;
            *packet_due = PACKET_IN;
        }
        *packet_due -= 1;
    }
    Ok(())
}
