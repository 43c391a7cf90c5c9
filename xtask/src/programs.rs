//! The appliance's programs in release mode.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::step::{exec, step};

/// The programs that go onto the appliance.
pub(crate) const PROGRAMS: [&str; 13] = [
    "supervisor",
    "collector",
    "analyzer",
    "console",
    "storage",
    "slots",
    "gate",
    "hwmon",
    "fetch",
    "sticks",
    "installer",
    "recovery",
    "spanwatch",
];

/// Builds the programs for x86-64-v2 and returns the folder that holds them.
pub(crate) fn build() -> Result<PathBuf> {
    crate::web::build()?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| crate::root().join("target"), PathBuf::from);
    step(
        "programs",
        "cargo build --release (5 min on two cores when nothing is built)",
        || {
            let mut cargo = Command::new("cargo");
            cargo
                .current_dir(crate::root())
                .args(["build", "--release", "--locked"]);
            same_anywhere(&mut cargo, &target, &[])?;
            for program in PROGRAMS {
                cargo.args(["--bin", program]);
            }
            exec(&mut cargo)
        },
    )?;
    Ok(target.join("release"))
}

/// Builds the first program of the installer's initramfs, linked statically, and returns its path.
pub(crate) fn build_init() -> Result<PathBuf> {
    const TARGET: &str = "x86_64-unknown-linux-gnu";
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| crate::root().join("target"), PathBuf::from);
    step("init", "cargo build --release, linked statically", || {
        let mut cargo = Command::new("cargo");
        cargo
            .current_dir(crate::root())
            // with a target of its own, so that the flags are not those of the build's own programs
            .args(["build", "--release", "--locked", "--bin", "init", "--target", TARGET]);
        same_anywhere(&mut cargo, &target, &["-Ctarget-feature=+crt-static"])?;
        exec(&mut cargo)
    })?;
    Ok(target.join(TARGET).join("release/init"))
}

/// Keeps the paths of this machine out of the programs, so that a build in another folder gives the same bytes.
fn same_anywhere(cargo: &mut Command, target: &Path, flags: &[&str]) -> Result<()> {
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")))
        .context("neither CARGO_HOME nor HOME is set")?;
    // Of several prefixes that fit, rustc and gcc take the last one.
    let prefixes = [
        (home, "/cargo"),
        (crate::root(), "/spanwatch"),
        (target.to_owned(), "/spanwatch/target"),
    ];
    let rust: Vec<String> = prefixes
        .iter()
        .map(|(path, name)| format!("'--remap-path-prefix={}={name}'", path.display()))
        .chain(flags.iter().map(|flag| format!("'{flag}'")))
        .collect();
    let c: Vec<String> = prefixes
        .iter()
        .map(|(path, name)| format!("'-ffile-prefix-map={}={name}'", path.display()))
        .collect();
    cargo
        .arg("--config")
        .arg(format!("build.rustflags=[{}]", rust.join(",")))
        // The crate `cc` splits the flags; with this it minds the quotes, since a path may have a space.
        .env("CC_SHELL_ESCAPED_FLAGS", "1")
        .env("CFLAGS", c.join(" "));
    Ok(())
}
