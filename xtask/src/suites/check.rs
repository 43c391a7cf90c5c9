//! Checks of the sources, the kernel's configuration and the built image.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use super::tally::Tally;
use crate::image::LIMITS;
use crate::step::{exec_logged, output};

/// The longest source file that is accepted, in lines.
const LINES_MAX: usize = 999;

/// Format, lints, licences, and rules that no lint knows.
pub(super) fn run(tally: &mut Tally) -> Result<()> {
    crate::web::build()?;
    let build = crate::build_dir()?;
    let cargo = |args: &[&str], log: &str| {
        exec_logged(
            Command::new("cargo").current_dir(crate::root()).args(args),
            &build.join(log),
        )
    };
    tally.check("cargo fmt --check", cargo(&["fmt", "--all", "--check"], "fmt.log"));
    tally.check(
        "cargo clippy -D warnings",
        cargo(
            &[
                "clippy",
                "--workspace",
                "--all-targets",
                "--locked",
                "--",
                "-D",
                "warnings",
            ],
            "clippy.log",
        ),
    );
    tally.check("licences and sources of all crates", licences());
    tally.check("no file is too long, no module is called utils", tree());
    tally.check("unsafe code stands in capture and passthrough alone", unsafe_code());
    Ok(())
}

/// The kernel's configuration against the hardening rules.
pub(super) fn kernel(tally: &mut Tally) -> Result<()> {
    let kernel = crate::kernel::build()?;
    let config = std::fs::read_to_string(&kernel.config).context("cannot read the kernel's configuration")?;
    tally.check(
        "the kernel has no modules",
        match config.contains("# CONFIG_MODULES is not set") {
            true => Ok(()),
            false => bail!("CONFIG_MODULES is set in {}", kernel.config.display()),
        },
    );
    match crate::kernel::hardening_suite() {
        Ok(summary) => tally.pass(&format!("kernel hardening: {summary}")),
        Err(error) => tally.fail("kernel hardening", &format!("{error:#}")),
    }
    Ok(())
}

/// The image's files and sizes, and the sandboxes of its units.
pub(super) fn image(tally: &mut Tally) -> Result<()> {
    let image = crate::image::build()?;
    let manifest = crate::build_dir()?.join("spanwatch-x86_64.manifest.json");
    let manifest: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&manifest)?).context("the manifest is not JSON")?;
    tally.check("the image is small enough", sizes(&image, &manifest));
    tally.check(
        "the kernel's configuration lies beside the image",
        match crate::build_dir()?.join("kernel.config").is_file() {
            true => Ok(()),
            false => bail!("there is no build/kernel.config"),
        },
    );
    match crate::rootfs::security() {
        Ok(scores) => {
            for (unit, score) in scores {
                tally.pass(&format!("{unit}: exposure {score}"));
            }
        }
        Err(error) => tally.fail("systemd-analyze security", &format!("{error:#}")),
    }
    Ok(())
}

fn sizes(image: &Path, manifest: &serde_json::Value) -> Result<()> {
    let raw = std::fs::metadata(image)?.len();
    let compressed = manifest
        .pointer("/image/compressed_bytes")
        .and_then(serde_json::Value::as_u64);
    let compressed = compressed.context("the manifest has no /image/compressed_bytes")?;
    ensure!(
        raw <= LIMITS.0,
        "{} has {raw} octets, more than {}",
        image.display(),
        LIMITS.0
    );
    ensure!(
        compressed <= LIMITS.1,
        "the compressed image has {compressed} octets, more than {}",
        LIMITS.1
    );
    Ok(())
}

/// Licences that may be linked into the product.
const LICENCES: [&str; 12] = [
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "Unicode-3.0",
    "CC0-1.0",
    "0BSD",
    "Unlicense",
];

/// Every crate comes from the registry or this repository, under a licence that may be linked.
fn licences() -> Result<()> {
    let text = output(Command::new("cargo").current_dir(crate::root()).args([
        "metadata",
        "--format-version=1",
        "--filter-platform=x86_64-unknown-linux-gnu",
        "--locked",
    ]))?;
    let metadata: serde_json::Value = serde_json::from_str(&text)?;
    let packages = metadata
        .get("packages")
        .and_then(serde_json::Value::as_array)
        .context("cargo metadata lists no packages")?;
    let mut wrong = Vec::new();
    for package in packages {
        let field = |name: &str| package.get(name).and_then(serde_json::Value::as_str);
        let (name, licence) = (field("name").unwrap_or("?"), field("license").unwrap_or(""));
        if !acceptable(licence) {
            wrong.push(format!("{name}: licence {licence:?}"));
        }
        if field("source").is_some_and(|source| !source.starts_with("registry+") && !source.starts_with("sparse+")) {
            wrong.push(format!("{name}: its source is not the registry"));
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("; "));
    Ok(())
}

/// Whether an SPDX expression can be met with our list: one side of each OR, every part of an AND.
fn acceptable(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ").replace(['(', ')'], " ");
    expression
        .split(" AND ")
        .all(|part| part.split(" OR ").any(|licence| LICENCES.contains(&licence.trim())))
}

fn tracked(patterns: &[&str]) -> Result<Vec<std::path::PathBuf>> {
    let list = output(
        Command::new("git")
            .current_dir(crate::root())
            .args(["ls-files", "--"])
            .args(patterns),
    )?;
    Ok(list
        .lines()
        .map(|line| crate::root().join(line))
        .filter(|path| path.is_file())
        .collect())
}

fn tree() -> Result<()> {
    let mut wrong = Vec::new();
    for path in tracked(&["*.rs", "*.ts", "*.svelte", "*.css", "*.py", "*.sh", "*.mjs"])? {
        let lines = std::fs::read_to_string(&path)?.lines().count();
        if lines > LINES_MAX {
            wrong.push(format!("{} has {lines} lines", path.display()));
        }
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if ["utils", "util", "common", "helpers", "misc"].contains(&stem.as_str()) {
            wrong.push(format!("{}: name it after what it does", path.display()));
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("; "));
    Ok(())
}

fn unsafe_code() -> Result<()> {
    let allowed = ["firmware/capture", "hwmon/passthrough"].map(|folder| crate::root().join(folder));
    let mut wrong = Vec::new();
    for path in tracked(&["firmware/*.rs", "hwmon/*.rs", "xtask/*.rs"])? {
        let text = std::fs::read_to_string(&path)?;
        let found = text
            .lines()
            .any(|line| line.contains("allow(unsafe_code") && !line.contains("line.contains"));
        if found && !allowed.iter().any(|folder| path.starts_with(folder)) {
            wrong.push(path.display().to_string());
        }
    }
    ensure!(wrong.is_empty(), "unsafe code is allowed in {}", wrong.join(", "));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::acceptable;

    #[test]
    fn expressions_of_licences_are_met_or_not() {
        for good in [
            "MIT",
            "MIT OR Apache-2.0",
            "MIT/Apache-2.0",
            "(MIT OR GPL-3.0-only) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR MIT",
        ] {
            assert!(acceptable(good), "{good}");
        }
        for bad in ["", "GPL-3.0-only", "MIT AND GPL-3.0-only"] {
            assert!(!acceptable(bad), "{bad}");
        }
    }
}
