//! The fuzz targets of `fuzz/`, built and run as cargo-fuzz does, without the tool itself and on
//! the pinned stable toolchain: libFuzzer with coverage of edges and comparisons.

mod hardware;
mod seeds;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::step::{exec_logged, human, step};

const TRIPLE: &str = "x86_64-unknown-linux-gnu";
/// What cargo-fuzz gives rustc, less the sanitizers: there is no unsafe code in what is fuzzed.
const FLAGS: &[&str] = &[
    "--cfg fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
    "-Cdebug-assertions",
    "-Coverflow-checks",
];
/// The longest input: a UDP datagram's.
const INPUT_MAX: u32 = 65_507;
/// Memory that a target may take, MiB: the limits of what is fuzzed must hold.
const MEMORY_MAX: u32 = 1_024;

/// How long each target runs.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Effort {
    /// So many inputs.
    Inputs(u32),
    /// So long.
    For(Duration),
}

/// `cargo xtask fuzz [--seconds N] [TARGET...]`: 180 s each unless told.
pub(crate) fn command(args: &[String]) -> Result<()> {
    let mut seconds = 180;
    let mut wanted = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--seconds" => {
                let value = args.next().context("--seconds needs a number")?;
                seconds = value.parse().context("--seconds needs a number")?;
            }
            name => wanted.push(name.to_owned()),
        }
    }
    crate::deps::install()?;
    let known = targets()?;
    if let Some(name) = wanted.iter().find(|name| !known.contains(name)) {
        bail!("there is no fuzz target {name:?}; there are: {}", known.join(", "));
    }
    let chosen = if wanted.is_empty() { known } else { wanted };
    let programs = build()?;
    let mut failed = Vec::new();
    for name in &chosen {
        if let Err(error) = run(&programs, name, Effort::For(Duration::from_secs(seconds))) {
            eprintln!("    FAILED  {name}: {error:#}");
            failed.push(name.as_str());
        }
    }
    println!("{} passed, {} failed", chosen.len() - failed.len(), failed.len());
    if !failed.is_empty() {
        bail!("the fuzz targets {} failed", failed.join(", "));
    }
    Ok(())
}

/// The targets' names.
pub(crate) fn targets() -> Result<Vec<String>> {
    let folder = crate::root().join("fuzz/fuzz_targets");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs")
            && let Some(stem) = path.file_stem().and_then(|stem| stem.to_str())
        {
            names.push(stem.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Builds all targets and returns the folder of the programs.
pub(crate) fn build() -> Result<PathBuf> {
    let target_dir = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| crate::root().join("target"), PathBuf::from);
    let target_dir = target_dir.join("fuzz");
    let log = crate::build_dir()?.join("fuzz-build.log");
    step("fuzz", "build the targets", || {
        exec_logged(
            Command::new("cargo")
                .current_dir(crate::root().join("fuzz"))
                .args([
                    "build",
                    "--release",
                    "--locked",
                    "--bins",
                    "--target",
                    TRIPLE,
                    "--target-dir",
                ])
                .arg(&target_dir)
                .env("RUSTFLAGS", FLAGS.join(" ")),
            &log,
        )
    })?;
    Ok(target_dir.join(TRIPLE).join("release"))
}

/// Runs a target from its seeds and what earlier runs found; what makes it fail stays in `build/fuzz`.
pub(crate) fn run(programs: &Path, name: &str, effort: Effort) -> Result<()> {
    let folder = crate::build_dir()?.join("fuzz").join(name);
    let (corpus, found, seeds) = (folder.join("corpus"), folder.join("found"), folder.join("seeds"));
    for path in [&corpus, &found, &seeds] {
        std::fs::create_dir_all(path)?;
    }
    let seeded = seeds::write(name, &seeds)?;
    let log = folder.join("log");
    let out = std::fs::File::create(&log)?;
    let mut command = Command::new(programs.join(name));
    match effort {
        Effort::Inputs(count) => command.arg(format!("-runs={count}")),
        Effort::For(time) => command.arg(format!("-max_total_time={}", time.as_secs())),
    };
    command.arg(format!("-max_len={INPUT_MAX}"));
    command.arg(format!("-rss_limit_mb={MEMORY_MAX}"));
    command.args(["-timeout=10", "-print_final_stats=1"]);
    command.arg(format!("-artifact_prefix={}/", found.display()));
    command.arg(&corpus).arg(&seeds);
    let began = std::time::Instant::now();
    let status = command
        .stdin(Stdio::null())
        .stdout(out.try_clone()?)
        .stderr(out)
        .status()
        .with_context(|| format!("cannot start the fuzz target {name}"))?;
    let text = String::from_utf8_lossy(&std::fs::read(&log)?).into_owned();
    if !status.success() {
        let lines: Vec<&str> = text.lines().collect();
        let tail = lines.get(lines.len().saturating_sub(20)..).unwrap_or(&[]).join("\n");
        bail!(
            "{name} ended with {status}; the input is in {}:\n{tail}",
            found.display()
        );
    }
    let inputs = text
        .lines()
        .find_map(|line| line.strip_prefix("stat::number_of_executed_units:"))
        .map_or("?", str::trim);
    eprintln!(
        "    {name}: {inputs} inputs from {seeded} seeds in {}, nothing found",
        human(began.elapsed())
    );
    Ok(())
}
