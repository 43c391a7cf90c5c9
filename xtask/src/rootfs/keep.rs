//! The list of files that stay of the Debian packages, and the libraries that they need.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::step::output;

const LIBRARIES: [&str; 2] = ["usr/lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu/systemd"];

/// Removes from `tree` every file that no pattern of `list` matches and that neither a kept program
/// nor one of `programs` links to. A pattern that matches nothing is an error: the list tells what
/// is there.
pub(super) fn apply(tree: &Path, list: &str, programs: &[PathBuf]) -> Result<()> {
    let mut files = Vec::new();
    walk(tree, Path::new(""), &mut files)?;
    let patterns: Vec<&str> = super::lines(list).collect();
    let mut kept = BTreeSet::new();
    for pattern in patterns {
        let before = kept.len();
        kept.extend(
            files
                .iter()
                .filter(|file| matches(pattern, &file.to_string_lossy()))
                .cloned(),
        );
        if kept.len() == before && !files.iter().any(|file| matches(pattern, &file.to_string_lossy())) {
            bail!("keep.list names {pattern:?}, which no package holds");
        }
    }
    libraries(tree, programs, &mut kept)?;
    for file in files.iter().filter(|file| !kept.contains(*file)) {
        std::fs::remove_file(tree.join(file)).with_context(|| format!("cannot remove {}", file.display()))?;
    }
    remove_empty(tree)
}

/// Adds the shared libraries that programs and kept files link to, and what those link to.
fn libraries(tree: &Path, programs: &[PathBuf], kept: &mut BTreeSet<PathBuf>) -> Result<()> {
    // a program from outside has an absolute path, which joining leaves alone
    let mut todo: Vec<PathBuf> = kept.iter().chain(programs).cloned().collect();
    while !todo.is_empty() {
        let mut found = BTreeSet::new();
        for name in needed(tree, &todo)? {
            let mut paths = LIBRARIES.iter().map(|dir| Path::new(dir).join(&name));
            let path = paths.find(|path| tree.join(path).exists());
            found.insert(path.with_context(|| format!("a kept program needs {name}, which no package holds"))?);
        }
        // a library's name is a symbolic link to its file
        let mut links: Vec<PathBuf> = todo.drain(..).chain(found.iter().cloned()).collect();
        while let Some(path) = links.pop() {
            if let Ok(target) = std::fs::read_link(tree.join(&path)) {
                let target = resolve(&path, &target);
                if std::fs::symlink_metadata(tree.join(&target)).is_ok_and(|data| !data.is_dir())
                    && !kept.contains(&target)
                {
                    links.push(target.clone());
                    found.insert(target);
                }
            }
        }
        todo = found.into_iter().filter(|path| kept.insert(path.clone())).collect();
    }
    Ok(())
}

/// What a link at `path` points to, without leaving the tree.
fn resolve(path: &Path, target: &Path) -> PathBuf {
    let joined = match target.strip_prefix("/") {
        Ok(inside) => inside.to_owned(),
        Err(_) => path.parent().unwrap_or(Path::new("")).join(target),
    };
    let mut parts: Vec<OsString> = Vec::new();
    for part in joined.components() {
        match part {
            std::path::Component::ParentDir => drop(parts.pop()),
            std::path::Component::Normal(name) => parts.push(name.to_owned()),
            _ => {}
        }
    }
    parts.into_iter().collect()
}

/// The DT_NEEDED entries of the ELF files among `files`, by readelf.
fn needed(tree: &Path, files: &[PathBuf]) -> Result<BTreeSet<String>> {
    let elf: Vec<&PathBuf> = files.iter().filter(|file| is_elf(&tree.join(file))).collect();
    let mut names = BTreeSet::new();
    for chunk in elf.chunks(200) {
        let text = output(
            Command::new("readelf")
                .current_dir(tree)
                .env("LC_ALL", "C")
                .arg("-dW")
                .args(chunk),
        )?;
        names.extend(
            text.lines()
                .filter_map(|line| {
                    Some(
                        line.split_once("(NEEDED)")?
                            .1
                            .split_once('[')?
                            .1
                            .split_once(']')?
                            .0
                            .to_owned(),
                    )
                })
                .filter(|name| name != "ld-linux-x86-64.so.2"),
        );
    }
    Ok(names)
}

fn is_elf(path: &Path) -> bool {
    use std::io::Read;
    if std::fs::symlink_metadata(path).map_or(true, |data| !data.is_file()) {
        return false;
    }
    let mut magic = [0; 4];
    std::fs::File::open(path)
        .and_then(|mut file| file.read_exact(&mut magic))
        .is_ok()
        && magic == *b"\x7fELF"
}

/// Every file and link below `dir`, as paths from `tree`.
fn walk(tree: &Path, dir: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(tree.join(dir))? {
        let entry = entry?;
        let path = dir.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            walk(tree, &path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn remove_empty(dir: &Path) -> Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            remove_empty(&entry.path())?;
            // fails on a folder that still holds something, which is meant
            let _ = std::fs::remove_dir(entry.path());
        }
    }
    Ok(())
}

/// Whether `path` is meant by `pattern`: `*` stands for a part of one name, a final `/**` for
/// everything below.
fn matches(pattern: &str, path: &str) -> bool {
    if let Some(folder) = pattern.strip_suffix("/**") {
        return path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
    }
    let (mut wanted, mut names) = (pattern.split('/'), path.split('/'));
    loop {
        match (wanted.next(), names.next()) {
            (None, None) => return true,
            (Some(wanted), Some(name)) if name_matches(wanted, name) => {}
            _ => return false,
        }
    }
}

fn name_matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, rest)) => name.strip_prefix(start).is_some_and(|tail| {
            (0..=tail.len())
                .filter_map(|at| tail.get(at..))
                .any(|tail| name_matches(rest, tail))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_within_a_name_and_below_a_folder() {
        assert!(matches("usr/lib/libacl.so.1*", "usr/lib/libacl.so.1.1.2302"));
        assert!(!matches("usr/lib/*", "usr/lib/a/b"));
        assert!(matches("usr/share/zoneinfo/**", "usr/share/zoneinfo/Asia/Shanghai"));
        assert!(!matches("usr/share/zoneinfo/**", "usr/share/zoneinfo-old/x"));
        assert!(matches("a*b*c", "a--b--c") && !matches("a*b*c", "a--c"));
    }

    #[test]
    fn links_resolve_inside_the_tree() {
        assert_eq!(
            resolve(Path::new("usr/lib64/ld.so"), Path::new("../lib/x/ld.so")),
            Path::new("usr/lib/x/ld.so")
        );
        assert_eq!(
            resolve(Path::new("usr/sbin/mkfs.ext4"), Path::new("mke2fs")),
            Path::new("usr/sbin/mke2fs")
        );
        assert_eq!(resolve(Path::new("etc/x"), Path::new("/usr/x")), Path::new("usr/x"));
    }
}
