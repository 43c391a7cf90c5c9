//! The console's pages: npm by its lock file, then Vite.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::cache::Key;
use crate::step::{cached, exec_logged, step};

/// Builds `firmware/console/web/dist`, unless its sources are unchanged.
pub(crate) fn build() -> Result<()> {
    let web = crate::root().join("firmware/console/web");
    let key = key(&web)?;
    let stamp = web.join("dist/.built-from");
    if std::fs::read_to_string(&stamp).is_ok_and(|built| built == key) {
        cached("web", "the console's pages are unchanged");
        return Ok(());
    }
    let build = crate::build_dir()?;
    step("web", "npm ci, vite build", || {
        exec_logged(
            Command::new("npm")
                .current_dir(&web)
                .args(["ci", "--no-fund", "--no-audit"]),
            &build.join("npm.log"),
        )?;
        exec_logged(
            Command::new("npm").current_dir(&web).args(["run", "build"]),
            &build.join("vite.log"),
        )
    })?;
    std::fs::write(stamp, key)?;
    Ok(())
}

fn key(web: &Path) -> Result<String> {
    let mut files = Vec::new();
    sources(web, &mut files)?;
    files.sort();
    let mut key = Key::default();
    for file in files {
        key = key.file(&file)?;
    }
    Ok(key.finish())
}

fn sources(dir: &Path, files: &mut Vec<std::path::PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "node_modules" && name != "dist" {
                sources(&path, files)?;
            }
        } else {
            files.push(path);
        }
    }
    Ok(())
}
