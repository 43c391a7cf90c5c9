//! `hwmon`: how the box's hardware is.

mod daemon;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use hwmon::ipmi::{Client, Login};
use hwmon::report::Report;
use hwmon::sysfs::Root;
use hwmon::{input, smartctl};

/// How long all answers of a management controller are waited for.
const IPMI_PATIENCE: Duration = Duration::from_secs(30);

/// Prints every hardware reading with its unit, state and reason, and each drive's health.
///
/// Exit status: 0 when every source was read, however the hardware is; 1 when a source could not be read (the others are
/// printed all the same); 2 when the command line is wrong.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    /// Read once, print, and end
    #[arg(long, required_unless_present = "daemon", conflicts_with = "daemon")]
    once: bool,
    /// Read again and again, raise alarms, keep what must outlast a restart, and answer the appliance's other programs
    #[arg(long)]
    daemon: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// A /sys, or a copy of one
    #[arg(long, value_name = "DIR")]
    sysfs: Option<PathBuf>,
    /// A management controller with IPMI over LAN
    #[arg(long, value_name = "HOST:PORT")]
    ipmi: Option<String>,
    /// Its user
    #[arg(long, value_name = "NAME", default_value = "", requires = "ipmi")]
    ipmi_user: String,
    /// Its user's password, better given by the environment than by the command line, which others can see
    #[arg(
        long,
        value_name = "TEXT",
        env = "HWMON_IPMI_PASSWORD",
        hide_env_values = true,
        default_value = ""
    )]
    ipmi_password: String,
    /// Files of `smartctl --json`; `-` is the standard input
    #[arg(long, value_name = "FILE", num_args = 1..)]
    smartctl_json: Vec<PathBuf>,
    /// Files of `smartctl -a` or `smartctl -x`; `-` is the standard input
    #[arg(long, value_name = "FILE", num_args = 1..)]
    smartctl_text: Vec<PathBuf>,
    #[command(flatten)]
    options: daemon::Options,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if cli.daemon {
        let sysfs = cli.sysfs.unwrap_or_else(|| PathBuf::from("/sys"));
        return match daemon::run(&cli.options, &sysfs) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                log::error!(EVENT = "failed"; "the hardware monitor stops: {error:#}");
                ExitCode::FAILURE
            }
        };
    }
    let report = read(&cli);
    let printed = print(&report, cli.json);
    for trouble in &report.troubles {
        eprintln!("hwmon: {}", trouble.error);
    }
    match printed {
        // the reader of our output went away: there is nobody to tell
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hwmon: cannot print: {error}");
            ExitCode::FAILURE
        }
        Ok(()) if report.troubles.is_empty() => ExitCode::SUCCESS,
        Ok(()) => ExitCode::FAILURE,
    }
}

fn read(cli: &Cli) -> Report {
    let mut report = Report::default();
    if let Some(path) = &cli.sysfs {
        let whence = path.display().to_string();
        match Root::open(path) {
            Ok(root) => report
                .readings
                .extend(root.readings().into_iter().map(|r| ("sysfs".to_owned(), r))),
            Err(error) => report.trouble(&whence, &error),
        }
    }
    if let Some(at) = &cli.ipmi {
        let login = Login {
            user: cli.ipmi_user.clone(),
            password: cli.ipmi_password.clone(),
        };
        match Client::connect(at, &login, IPMI_PATIENCE).and_then(|mut client| client.readings()) {
            Ok(readings) => report
                .readings
                .extend(readings.into_iter().map(|r| ("ipmi".to_owned(), r))),
            Err(error) => report.trouble(at, &error),
        }
    }
    for path in &cli.smartctl_json {
        let whence = path.display().to_string();
        report.add_drives(
            &whence,
            input::read(path).and_then(|bytes| smartctl::json(&whence, &bytes)),
        );
    }
    for path in &cli.smartctl_text {
        let whence = path.display().to_string();
        report.add_drives(
            &whence,
            input::read(path).and_then(|bytes| smartctl::text(&whence, &bytes)),
        );
    }
    report
}

fn print(report: &Report, json: bool) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    if json {
        serde_json::to_writer_pretty(&mut out, &report.json())?;
        writeln!(out)?;
    } else {
        out.write_all(report.text().as_bytes())?;
    }
    out.flush()
}
