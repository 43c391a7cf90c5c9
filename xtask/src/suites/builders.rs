//! The two image builders beside each other: what `cargo xtask image` and `buildroot/` declare.

mod declared;
mod real;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::tally::Tally;

/// Compares the declarations; with `BUILDROOT=DIR` asks that Buildroot tree as well.
pub(super) fn run(tally: &mut Tally) -> Result<()> {
    let both = declared::Both::read(&crate::root())?;
    for (name, differences) in both.compare() {
        let result = match differences.is_empty() {
            true => Ok(()),
            false => Err(anyhow::anyhow!("{}", differences.join("; "))),
        };
        tally.check(&format!("both builders: {name}"), result);
    }
    tally.check("both builders keep the same files of a tree", same_files_kept());
    match std::env::var_os("BUILDROOT") {
        Some(dir) => real::run(tally, &PathBuf::from(dir)),
        None => tally.skip(
            "the defconfig in a Buildroot tree",
            "BUILDROOT names no Buildroot 2026.08",
        ),
    }
    Ok(())
}

/// Cuts Debian's packages down with xtask and with Buildroot's cut-down.py, and compares what stays.
fn same_files_kept() -> Result<()> {
    let root = crate::root();
    let work = crate::build_dir()?.join("builders");
    let _ = std::fs::remove_dir_all(&work);
    let (ours, theirs) = (work.join("xtask"), work.join("buildroot"));
    crate::rootfs::debian_files(&ours, true)?;
    crate::rootfs::debian_files(&theirs, false)?;
    let (map, overlay) = (work.join("map"), work.join("overlay"));
    std::fs::write(&map, "")?;
    std::fs::create_dir_all(&overlay)?;
    crate::step::exec(
        std::process::Command::new(root.join("buildroot/board/cut-down.py"))
            .arg(&theirs)
            .arg(root.join("board/x86_64/keep.list"))
            .args([&map, &overlay]),
    )?;
    let (ours, theirs) = (listing(&ours)?, listing(&theirs)?);
    ensure!(ours.len() > 500, "only {} files stayed", ours.len());
    let only = |a: &[PathBuf], b: &[PathBuf]| -> Vec<String> {
        a.iter()
            .filter(|path| b.binary_search(path).is_err())
            .map(|path| path.display().to_string())
            .collect()
    };
    let (left, right) = (only(&ours, &theirs), only(&theirs, &ours));
    ensure!(
        left.is_empty() && right.is_empty(),
        "xtask alone keeps {left:?}, cut-down.py alone keeps {right:?}"
    );
    std::fs::remove_dir_all(&work).context("cannot remove build/builders")
}

fn listing(tree: &Path) -> Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> = crate::rootfs::files(tree)?
        .into_iter()
        .filter_map(|path| path.strip_prefix(tree).map(Path::to_owned).ok())
        .collect();
    files.sort();
    Ok(files)
}
