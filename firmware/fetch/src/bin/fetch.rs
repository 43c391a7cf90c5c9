//! Downloads the bundle that the supervisor ordered.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Parser;
use fetch::download::{Pace, Roots, download};
use fetch::order::{Order, Place, Report};

/// Downloads a firmware bundle; reports on the standard output.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    /// The order, JSON.
    #[arg(long, default_value = "/run/spanwatch/supervisor/fetch.json")]
    order: PathBuf,
    /// Where the bundle goes.
    #[arg(long, default_value = "/data/firmware/incoming")]
    into: PathBuf,
    /// The authorities whose certificates are accepted, PEM.
    #[arg(long, default_value = "/etc/ssl/certs/ca-certificates.crt")]
    roots: PathBuf,
}

fn main() -> ExitCode {
    let report = match run(&Options::parse()) {
        Ok(octets) => Report::Done { octets },
        Err(e) => Report::Failed {
            problem: format!("{e:#}"),
        },
    };
    report.print();
    // A download that fails is no failure of the box: the report says it.
    ExitCode::SUCCESS
}

fn run(options: &Options) -> anyhow::Result<u64> {
    let text = std::fs::read_to_string(&options.order).context("the order cannot be read")?;
    let order: Order = serde_json::from_str(&text).context("the order is not understood")?;
    let Place::Url { url } = order.from else {
        bail!("the order is not for a download");
    };
    let roots = Roots::of(&options.roots).context("TLS cannot be set up")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(2)
        .build()
        .context("cannot start")?;
    let pace = Pace::default();
    let work = download(
        &url,
        &options.into,
        order.most,
        order.reserve,
        &roots,
        &pace,
        |report| report.print(),
    );
    Ok(runtime.block_on(work)?)
}
