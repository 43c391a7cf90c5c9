//! The command line: the login shell of the appliance, and offline tools on any Linux machine.

mod flows;

use clap::{Parser, Subcommand};

/// Spanwatch's command line.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Flows(flows::FlowsArgs),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Flows(args) => flows::run(args),
    }
}
