//! The appliance's programs in release mode.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::step::{exec, step};

/// The programs that go onto the appliance.
pub(crate) const PROGRAMS: [&str; 7] = [
    "supervisor",
    "collector",
    "analyzer",
    "console",
    "storage",
    "slots",
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
            for program in PROGRAMS {
                cargo.args(["--bin", program]);
            }
            exec(&mut cargo)
        },
    )?;
    Ok(target.join("release"))
}
