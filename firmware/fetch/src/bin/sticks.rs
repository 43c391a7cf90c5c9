//! Lists the bundles on USB sticks, or copies the one that the supervisor ordered.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Parser, ValueEnum};
use fetch::order::{Order, Place, Report};
use fetch::sticks::{Places, copy, look};

/// Looks for firmware bundles on USB sticks; reports on the standard output.
#[derive(Debug, Parser)]
#[command(version)]
struct Options {
    /// What to do.
    verb: Verb,
    /// The order, JSON.
    #[arg(long, default_value = "/run/spanwatch/supervisor/sticks.json")]
    order: PathBuf,
    /// Where the bundle goes.
    #[arg(long, default_value = "/data/firmware/incoming")]
    into: PathBuf,
    /// Where a partition is mounted meanwhile.
    #[arg(long, default_value = "/run/spanwatch-stick")]
    mount: PathBuf,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Verb {
    /// Print what is there as JSON.
    List,
    /// Copy what was ordered.
    Copy,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let places = Places {
        sys: PathBuf::from("/sys"),
        dev: PathBuf::from("/dev"),
        mount: options.mount.clone(),
    };
    match options.verb {
        Verb::List => match serde_json::to_string(&look(&places.sys, &places.dev, &places.mount)) {
            Ok(text) => println!("{text}"),
            Err(e) => eprintln!("sticks: {e}"),
        },
        Verb::Copy => {
            let report = match bring(&options, &places) {
                Ok(octets) => Report::Done { octets },
                Err(e) => Report::Failed {
                    problem: format!("{e:#}"),
                },
            };
            report.print();
        }
    }
    // A bad stick is no failure of the box: the report says it.
    ExitCode::SUCCESS
}

fn bring(options: &Options, places: &Places) -> anyhow::Result<u64> {
    let text = std::fs::read_to_string(&options.order).context("the order cannot be read")?;
    let order: Order = serde_json::from_str(&text).context("the order is not understood")?;
    let Place::Stick { partition, name } = order.from else {
        bail!("the order is not for a stick");
    };
    let into = (options.into.as_path(), order.most, order.reserve);
    let told = |octets| Report::Going { total: Some(octets) }.print();
    Ok(copy(places, &partition, &name, into, told)?)
}
