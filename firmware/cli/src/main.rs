//! The command line: the login shell of the appliance, and offline tools on any Linux machine.

mod alarms;
mod amounts;
mod applog;
mod ask;
mod captures;
mod columns;
mod commands;
mod decode;
mod exporters;
mod filters;
mod firmware;
mod flows;
mod grammar;
mod hardware;
mod host;
mod idle;
mod import;
mod keys;
mod kinds;
mod lang;
mod links;
mod metrics;
mod objects;
mod offline;
mod pam;
mod physical;
mod query;
mod questions;
mod secret;
mod session;
mod shell;
mod show;
mod store;
#[cfg(test)]
mod tests;
mod when;

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use settings::Language;

use crate::ask::Appliance;
use crate::grammar::split;
use crate::idle::Idle;
use crate::lang::say;
use crate::session::{Format, Outcome, Session};

/// Looking into flows makes and frees many small texts: with this allocator metering is a tenth faster than with glibc's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A session over SSH that nobody uses ends after this.
const IDLE: Duration = Duration::from_secs(1_800);

/// Spanwatch's command line. Without a command it asks for them; `help` lists those of the appliance.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    /// zh-CN or en; else the appliance's setting, else LANG
    #[arg(long, value_parser = parse_language)]
    lang: Option<Language>,
    /// How answers are printed
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Do one command line, as SSH asks of a login shell
    #[arg(short = 'c', value_name = "COMMAND")]
    line: Option<String>,
    /// Serve the box's own screen or serial port
    #[arg(long, hide = true)]
    physical: bool,
    /// Check a password for PAM
    #[arg(long, hide = true)]
    pam: bool,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Flows(flows::FlowsArgs),
    Decode(decode::DecodeArgs),
    Import(import::ImportArgs),
    Query(Box<query::QueryArgs>),
    #[command(subcommand)]
    Store(store::StoreCommand),
    /// A command of the appliance, such as `show version`
    #[command(external_subcommand)]
    Appliance(Vec<String>),
}

fn parse_language(tag: &str) -> Result<Language, String> {
    lang::parse(tag).ok_or_else(|| "use zh-CN or en".to_owned())
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        Some(Command::Flows(args)) => flows::run(args),
        Some(Command::Decode(args)) => decode::run(args),
        Some(Command::Import(args)) => import::run(args),
        Some(Command::Store(command)) => return status(store::run(&command)),
        Some(Command::Query(args)) => return status(query::run(&args, cli.lang.unwrap_or(Language::English))),
        Some(Command::Appliance(words)) => return one(cli.lang, |session| session.words(words, cli.format)),
        None if cli.pam => pam::run(),
        None if cli.physical => physical::run(cli.lang),
        None => match cli.line {
            Some(line) => {
                return one(cli.lang, |session| {
                    let words = split(&line, session.language)?;
                    session.words(words, cli.format)
                });
            }
            None => interact(cli.lang),
        },
    };
    status(result.map(|()| ExitCode::SUCCESS))
}

/// The exit status; what failed is said.
fn status(result: anyhow::Result<ExitCode>) -> ExitCode {
    result.unwrap_or_else(|error| {
        eprintln!("spanwatch: {error:#}");
        ExitCode::FAILURE
    })
}

fn session(language: Option<Language>, interactive: bool) -> std::io::Result<Session> {
    let appliance = Appliance::new()?;
    let language = language.unwrap_or_else(|| {
        let setting = appliance
            .ask(api::supervisor::SetupQuery {})
            .ok()
            .map(|state| state.language);
        let environment = || {
            lang::parse(
                &std::env::var("LC_ALL")
                    .or_else(|_| std::env::var("LANG"))
                    .unwrap_or_default(),
            )
        };
        setting.or_else(environment).unwrap_or(Language::English)
    });
    Ok(Session {
        appliance,
        language,
        set_up: true,
        interactive,
    })
}

/// Does one command; its exit status says whether it worked.
fn one(language: Option<Language>, work: impl FnOnce(&mut Session) -> Result<Outcome, String>) -> ExitCode {
    let done = session(language, false)
        .map_err(|e| e.to_string())
        .and_then(|mut session| work(&mut session));
    match done {
        Ok(Outcome::Said(text) | Outcome::Helped(text)) => {
            // A reader that closes early, such as `head`, is no failure.
            let _ = std::io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Ok(Outcome::Left) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("spanwatch: {message}");
            ExitCode::FAILURE
        }
    }
}

fn interact(language: Option<Language>) -> anyhow::Result<()> {
    let mut session = session(language, std::io::stdin().is_terminal())?;
    let mut lines = shell::lines()?;
    let hint = (
        "Spanwatch. `help` lists the commands, Tab completes.",
        "网镜 Spanwatch。输入 help 查看命令，按 Tab 补全。",
    );
    println!("{}", say(session.language, hint));
    let goodbye = say(
        session.language,
        (
            "The session ended because nobody used it.",
            "会话因长时间未使用而结束。",
        ),
    );
    let idle = Idle::watch(goodbye);
    let limit = session.interactive.then_some(IDLE);
    shell::run(&mut lines, &mut session, (&idle, limit), |_| true);
    Ok(())
}
