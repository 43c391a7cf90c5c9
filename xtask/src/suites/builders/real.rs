//! The external tree in a real Buildroot tree: configuration and style, no build.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::super::tally::Tally;
use crate::step::{exec_logged, output};

/// Asks the Buildroot tree `dir`.
pub(super) fn run(tally: &mut Tally, dir: &Path) {
    tally.check("Buildroot: every symbol exists and survives olddefconfig", symbols(dir));
    tally.check("Buildroot: makefiles are read as meant", variables(dir));
    tally.check("Buildroot: utils/check-package -b", style(dir));
}

/// `make` in `dir`, its output in build/buildroot, nothing of cargo's own environment that make reads.
fn make(dir: &Path) -> Result<Command> {
    let out = crate::build_dir()?.join("buildroot");
    std::fs::create_dir_all(&out)?;
    let mut make = Command::new("make");
    make.arg("-s")
        .arg("-C")
        .arg(dir)
        .arg(format!("O={}", out.display()))
        .arg(format!("BR2_EXTERNAL={}", crate::root().join("buildroot").display()));
    for name in ["MAKEFLAGS", "MFLAGS", "MAKELEVEL", "CFLAGS", "O"] {
        make.env_remove(name);
    }
    Ok(make)
}

fn symbols(dir: &Path) -> Result<()> {
    let build = crate::build_dir()?;
    let log = build.join("buildroot.log");
    let out = build.join("buildroot");
    let _ = std::fs::remove_dir_all(&out);
    exec_logged(make(dir)?.arg("spanwatch_x86_64_defconfig"), &log)?;
    let read = |path: &Path| std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()));
    let config = read(&out.join(".config"))?;
    exec_logged(make(dir)?.arg("olddefconfig"), &log)?;
    ensure!(
        read(&out.join(".config"))? == config,
        "olddefconfig changed the configuration that defconfig made"
    );
    let ours = read(&crate::root().join("buildroot/configs/spanwatch_x86_64_defconfig"))?;
    let lines: Vec<&str> = ours
        .lines()
        .filter(|line| line.starts_with("BR2_") || (line.starts_with("# BR2_") && line.ends_with(" is not set")))
        .collect();
    let lost: Vec<&&str> = lines
        .iter()
        .filter(|line| {
            let unset = line
                .strip_prefix("# ")
                .and_then(|line| line.strip_suffix(" is not set"));
            match unset {
                // An option whose dependency is off has no line at all.
                Some(name) => config.contains(&format!("\n{name}=")) || !exists(dir, name),
                None => !config.lines().any(|other| other == **line),
            }
        })
        .collect();
    ensure!(lost.is_empty(), "these lines of the defconfig are lost: {lost:?}");
    let saved = out.join("saved");
    exec_logged(
        make(dir)?
            .arg("savedefconfig")
            .arg(format!("BR2_DEFCONFIG={}", saved.display())),
        &log,
    )?;
    let saved = read(&saved)?;
    let more: Vec<&str> = saved.lines().filter(|line| !lines.contains(line)).collect();
    ensure!(more.is_empty(), "savedefconfig says more than the defconfig: {more:?}");
    Ok(())
}

/// Whether a Config.in of the tree defines `name`.
fn exists(dir: &Path, name: &str) -> bool {
    Command::new("grep")
        .args(["-rqxE", "--include=Config.in*"])
        .arg(format!("(menu)?config {name}"))
        .arg(dir)
        .status()
        .is_ok_and(|status| status.success())
}

/// What external.mk and spanwatch.mk come to once all of Buildroot is read.
fn variables(dir: &Path) -> Result<()> {
    let text = output(make(dir)?.args([
        "printvars",
        "VARS=LINUX_KCONFIG_DEFCONFIG LINUX_VERSION PACKAGES_LINUX_CONFIG_FIXUPS PACKAGES_USERS \
         PACKAGES_PERMISSIONS_TABLE ROOTFS_EROFS_ARGS SPANWATCH_LICENSE_FILES PACKAGES HOST_SYSTEMD_CONF_OPTS",
    ]))?;
    let value = |name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    ensure!(
        value("LINUX_KCONFIG_DEFCONFIG") == "tinyconfig",
        "the kernel does not start from tinyconfig"
    );
    for name in [
        "PACKAGES_LINUX_CONFIG_FIXUPS",
        "PACKAGES_USERS",
        "PACKAGES_PERMISSIONS_TABLE",
    ] {
        ensure!(value(name).is_empty(), "{name} is {:?}", value(name));
    }
    for word in crate::image::EROFS {
        let arguments = value("ROOTFS_EROFS_ARGS");
        ensure!(
            arguments.split_whitespace().any(|other| other == word),
            "mkfs.erofs gets {arguments}"
        );
    }
    let packages = value("PACKAGES");
    for name in [
        "spanwatch",
        "linux",
        "systemd",
        "dbus-broker",
        "openssh",
        "nftables",
        "host-nodejs-bin",
        "host-systemd",
    ] {
        ensure!(
            packages.split_whitespace().any(|other| other == name),
            "{name} would not be built: {packages}"
        );
    }
    let licence = value("SPANWATCH_LICENSE_FILES");
    ensure!(
        crate::root().join(&licence).is_file(),
        "there is no licence file {licence:?}"
    );
    Ok(())
}

fn style(dir: &Path) -> Result<()> {
    let tracked = output(Command::new("git").current_dir(crate::root()).args([
        "ls-files",
        "--cached",
        "--others",
        "--exclude-standard",
        "buildroot",
    ]))?;
    let files = tracked.lines().map(|file| crate::root().join(file));
    // Debian's own Python, which has python3-magic; Buildroot's settings of flake8 count in its own folder.
    exec_logged(
        Command::new("/usr/bin/python3")
            .current_dir(dir)
            .args(["utils/check-package", "-b"])
            .args(files),
        &crate::build_dir()?.join("check-package.log"),
    )
    .context("check-package needs python3-magic, flake8 and shellcheck")
}
