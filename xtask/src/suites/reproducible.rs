//! Equal sources give equal bytes, wherever they lie.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::tally::Tally;
use crate::step::{exec_logged, output, step};

/// Builds the image a second time, from a copy in another folder with another target folder, time zone and umask,
/// and compares every part.
pub(super) fn run(tally: &mut Tally) -> Result<()> {
    ensure!(
        std::env::var_os("SPANWATCH_PROGRAMS").is_none(),
        "SPANWATCH_PROGRAMS is set: the same programs would go into both images"
    );
    let first = crate::image::build()?;
    let folder = crate::cache::dir()?.join("reproducible/in-another/place");
    let _ = std::fs::remove_dir_all(&folder);
    copy(&folder)?;
    let log = crate::build_dir()?.join("reproducible.log");
    step("reproducible", "build the image from a copy of the sources", || {
        exec_logged(
            Command::new("sh")
                .args(["-c", "umask 027; exec \"$0\" image"])
                .arg(std::env::current_exe()?)
                .env("SPANWATCH_ROOT", &folder)
                .env("CARGO_TARGET_DIR", folder.join("target-elsewhere"))
                .env("SOURCE_DATE_EPOCH", crate::image::epoch()?)
                .env("TZ", "Asia/Shanghai"),
            &log,
        )
    })?;
    let (here, there) = (crate::build_dir()?, folder.join("build"));
    let trees = differing(&here.join("rootfs"), &there.join("rootfs"))?;
    tally.check(
        "the root trees are the same",
        match trees.is_empty() {
            true => Ok(()),
            false => Err(anyhow::anyhow!("these files differ: {trees:?}")),
        },
    );
    for part in [
        "image/root.img",
        "image/spanwatch-a.efi",
        "image/spanwatch-b.efi",
        "image/esp.img",
    ] {
        tally.check(
            &format!("{part} is the same"),
            same(&here.join(part), &there.join(part)),
        );
    }
    let name = first.file_name().context("the image has no name")?;
    tally.check("the image is the same", same(&first, &there.join(name)));
    if tally.failed() == 0 {
        std::fs::remove_dir_all(crate::cache::dir()?.join("reproducible"))?;
    }
    Ok(())
}

/// Copies what git knows or would add, as it is now.
fn copy(folder: &Path) -> Result<()> {
    let root = crate::root();
    let list = output(Command::new("git").current_dir(&root).args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]))?;
    for name in list.split('\0').filter(|name| !name.is_empty()) {
        let (from, to) = (root.join(name), folder.join(name));
        let Ok(data) = std::fs::symlink_metadata(&from) else {
            continue;
        };
        if let Some(parent) = to.parent() {
            std::fs::create_dir_all(parent)?;
        }
        if data.is_symlink() {
            std::os::unix::fs::symlink(std::fs::read_link(&from)?, &to)?;
        } else {
            std::fs::copy(&from, &to).with_context(|| format!("cannot copy {name}"))?;
        }
    }
    Ok(())
}

fn same(a: &Path, b: &Path) -> Result<()> {
    let digest = |path: &Path| crate::image::sha256(path);
    let (first, second) = (digest(a)?, digest(b)?);
    ensure!(
        first == second,
        "{} has {first}, {} has {second}",
        a.display(),
        b.display()
    );
    Ok(())
}

/// Files that are in one tree alone, or differ.
fn differing(a: &Path, b: &Path) -> Result<Vec<String>> {
    let names = |tree: &Path| -> Result<Vec<PathBuf>> {
        crate::rootfs::files(tree)?
            .iter()
            .map(|path| Ok(path.strip_prefix(tree)?.to_owned()))
            .collect()
    };
    let (left, right) = (names(a)?, names(b)?);
    let mut found = Vec::new();
    for name in left
        .iter()
        .chain(right.iter().filter(|name| left.binary_search(name).is_err()))
    {
        let read = |tree: &Path| {
            let path = tree.join(name);
            std::fs::read_link(&path)
                .map(|link| link.into_os_string().into_encoded_bytes())
                .or_else(|_| std::fs::read(&path))
        };
        match (read(a), read(b)) {
            (Ok(first), Ok(second)) if first == second => {}
            _ => found.push(name.display().to_string()),
        }
    }
    Ok(found)
}
