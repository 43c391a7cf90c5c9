//! The root file system tree: Debian packages cut down to keep.list, the overlay, our programs.

mod debian;
mod keep;
mod security;
mod tools;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

pub(crate) use debian::{Contents, Package};
pub(crate) use security::security;
pub(crate) use tools::Tools;

use crate::cache::Key;
use crate::keys::Keys;
use crate::programs::PROGRAMS;
use crate::step::{cached, exec_logged, step};

/// What a build of the root tree leaves.
pub(crate) struct Rootfs {
    /// The tree's folder.
    pub(crate) tree: PathBuf,
    /// Everything that the tree depends on.
    pub(crate) key: String,
    /// The Debian packages with their versions, one `name version` a line.
    pub(crate) packages: String,
}

/// Which version is built, and where to. Tests of updates build several side by side.
#[derive(Clone, Debug)]
pub(crate) struct Release {
    /// The firmware's version.
    pub(crate) version: String,
    /// The lowest version that may be installed once this one was marked good; the overlay's file
    /// when there is none.
    pub(crate) floor: Option<String>,
    /// A program that is left out: what its tests want to fail.
    pub(crate) without: Option<&'static str>,
    /// Where the artefacts go.
    pub(crate) dir: PathBuf,
}

impl Release {
    /// What `make image` builds: the workspace's version, or that of `SPANWATCH_VERSION`, with the
    /// floor of `SPANWATCH_FLOOR` when it is set, into `build/`.
    pub(crate) fn current() -> Result<Self> {
        Ok(Self {
            version: std::env::var("SPANWATCH_VERSION").unwrap_or_else(|_| VERSION.to_owned()),
            floor: std::env::var("SPANWATCH_FLOOR").ok(),
            without: None,
            dir: crate::build_dir()?,
        })
    }

    /// Another version, for tests, into `build/releases/VERSION`.
    #[allow(dead_code, reason = "tests of updates use it")]
    pub(crate) fn other(version: &str, floor: Option<&str>) -> Result<Self> {
        let dir = crate::build_dir()?.join("releases").join(version);
        std::fs::create_dir_all(&dir)?;
        Ok(Self {
            version: version.to_owned(),
            floor: floor.map(str::to_owned),
            without: None,
            dir,
        })
    }
}

/// The workspace's version.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Builds the root tree of the current release, see [`build_release`].
pub(crate) fn build() -> Result<Rootfs> {
    build_release(&Release::current()?)
}

/// Builds the root tree in `rootfs` of the release's folder, unless nothing that it is made of
/// changed. With `SPANWATCH_PROGRAMS` set, takes the programs from that folder and leaves out those that it lacks.
pub(crate) fn build_release(release: &Release) -> Result<Rootfs> {
    let root = crate::root();
    let board = root.join("board/x86_64");
    let packages = debian::packages("rootfs", &board.join("packages.list"))?;
    let tools = Tools::get()?;
    let keys = Keys::get()?;
    let mut programs = programs()?;
    programs.retain(|(name, _)| Some(*name) != release.without);
    let overlay = root.join("rootfs-overlay");
    let keep = board.join("keep.list");
    let finish = board.join("post-build.sh");

    let mut key = Key::default()
        .text("version", &release.version)
        .text("floor", release.floor.as_deref().unwrap_or_default())
        .text("packages", &packages.key)
        .text("tools", &tools.key);
    key = key.text("versions", &std::fs::read_to_string(&packages.versions)?);
    key = key.file(&keep)?.file(&finish)?.file(&keys.bundle_ca)?;
    key = key.file(&board.join("board.toml"))?;
    for file in [
        concat!(env!("CARGO_MANIFEST_DIR"), "/src/rootfs.rs"),
        concat!(env!("CARGO_MANIFEST_DIR"), "/src/rootfs/keep.rs"),
    ] {
        key = key.file(Path::new(file))?;
    }
    for file in files(&overlay)? {
        key = key.file(&file)?;
    }
    for (name, path) in &programs {
        key = key.text("program", name).file(path)?;
    }
    let key = key.finish();

    let tree = release.dir.join("rootfs");
    let stamp = release.dir.join("rootfs.built-from");
    let built = Rootfs {
        tree: tree.clone(),
        key: key.clone(),
        packages: std::fs::read_to_string(&packages.versions)?,
    };
    if tree.is_dir() && std::fs::read_to_string(&stamp).is_ok_and(|last| last == key) {
        cached("rootfs", "packages, overlay and programs are unchanged");
        return Ok(built);
    }
    anyhow::ensure!(
        is_root(),
        "building the root file system needs root, for the owners of its files: run it with sudo"
    );
    let _ = std::fs::remove_file(&stamp);
    step("rootfs", "unpack, cut down, add the overlay and the programs", || {
        debian::unpack(&packages.tar, &tree)?;
        let paths: Vec<PathBuf> = programs.iter().map(|(_, path)| path.clone()).collect();
        keep::apply(&tree, &std::fs::read_to_string(&keep)?, &paths)?;
        copy_overlay(&overlay, &tree)?;
        for (name, path) in &programs {
            install(path, &tree.join(place(name)))?;
        }
        let mut script = Command::new(&finish);
        script
            .arg(&tree)
            .env("PATH", tools.path())
            .env("SPANWATCH_VERSION", &release.version)
            .env("SPANWATCH_FLOOR", release.floor.as_deref().unwrap_or_default())
            .env("SPANWATCH_BUNDLE_CA", &keys.bundle_ca)
            .env("LC_ALL", "C");
        exec_logged(&mut script, &release.dir.join("post-build.log"))
    })?;
    std::fs::write(&stamp, &key)?;
    Ok(built)
}

/// What the packages of board/x86_64/packages.list (`rootfs`) or tools.list (`tools`) are and hold.
pub(crate) fn debian_contents(name: &str) -> Result<Contents> {
    let list = match name {
        "tools" => "tools.list",
        _ => "packages.list",
    };
    debian::contents(name, &crate::root().join("board/x86_64").join(list))
}

/// Unpacks Debian's packages into `dir`; with `cut` leaves what keep.list names and what that links to.
pub(crate) fn debian_files(dir: &Path, cut: bool) -> Result<()> {
    let board = crate::root().join("board/x86_64");
    let packages = debian::packages("rootfs", &board.join("packages.list"))?;
    debian::unpack(&packages.tar, dir)?;
    match cut {
        true => keep::apply(dir, &std::fs::read_to_string(board.join("keep.list"))?, &[]),
        false => Ok(()),
    }
}

/// The words of a list file: one a line, `#` starts a comment.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim())
        .filter(|line| !line.is_empty())
}

/// Where a program lives on the appliance.
fn place(program: &str) -> PathBuf {
    match program {
        "spanwatch" => PathBuf::from("usr/bin/spanwatch"),
        other => Path::new("usr/lib/spanwatch").join(other),
    }
}

fn programs() -> Result<Vec<(&'static str, PathBuf)>> {
    let (dir, partial) = match std::env::var_os("SPANWATCH_PROGRAMS") {
        Some(dir) => (PathBuf::from(dir), true),
        None => (crate::programs::build()?, false),
    };
    let all = PROGRAMS.into_iter().map(|name| (name, dir.join(name)));
    Ok(all.filter(|(_, path)| !partial || path.exists()).collect())
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|data| std::os::unix::fs::MetadataExt::uid(&data) == 0)
}

fn install(from: &Path, to: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    if let Some(dir) = to.parent() {
        std::fs::create_dir_all(dir)?;
    }
    std::fs::copy(from, to).with_context(|| format!("cannot install {}", from.display()))?;
    std::fs::set_permissions(to, std::fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// Lays the overlay over the tree: plain files that anyone may read, programs that anyone may run.
fn copy_overlay(from: &Path, to: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    for source in files(from)? {
        let inside = source.strip_prefix(from)?;
        if inside.file_name().is_some_and(|name| name == ".gitkeep") {
            continue;
        }
        let target = to.join(inside);
        if let Some(dir) = target.parent() {
            std::fs::create_dir_all(dir)?;
        }
        let _ = std::fs::remove_file(&target);
        let data = std::fs::symlink_metadata(&source)?;
        if data.is_symlink() {
            std::os::unix::fs::symlink(std::fs::read_link(&source)?, &target)?;
        } else {
            std::fs::copy(&source, &target)?;
            let mode = if data.permissions().mode() & 0o100 != 0 {
                0o755
            } else {
                0o644
            };
            std::fs::set_permissions(&target, std::fs::Permissions::from_mode(mode))?;
        }
    }
    Ok(())
}

/// Every file and link below `dir`, sorted.
pub(crate) fn files(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(&dir).with_context(|| format!("cannot read {}", dir.display()))? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                dirs.push(entry.path())
            } else {
                found.push(entry.path())
            }
        }
    }
    found.sort();
    Ok(found)
}
