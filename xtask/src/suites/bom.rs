//! The bill of materials beside the image that it describes.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::tally::Tally;

/// What post-build.sh makes: names, and folders whose links and files it writes.
const MADE: [&str; 11] = [
    "etc/",
    "usr/lib/os-release",
    "usr/lib/sysusers.d/00-base.conf",
    "usr/lib/spanwatch/bundle-ca.pem",
    "usr/lib/spanwatch/board.toml",
    "usr/lib/spanwatch/version-floor",
    "usr/lib/systemd/system/default.target",
    "usr/lib/systemd/system/multi-user.target.wants/dbus.socket",
    "usr/sbin/init",
    "usr/lib/ssl/",
    "var/",
];

/// Validates the document and compares it with the tree.
pub(super) fn run(tally: &mut Tally) -> Result<()> {
    let path = crate::sbom::build()?;
    let document: Value = serde_json::from_slice(&std::fs::read(&path)?)?;
    tally.check(
        "the bill of materials is valid CycloneDX 1.6",
        crate::sbom::validate(&path),
    );
    tally.check("a document with a wrong licence is refused", refused(&document));
    tally.check(
        "each component is named once, with version, licence and hash",
        components(&document),
    );
    tally.check("every file of the image belongs to a component", owned(&document));
    tally.check("the texts of all licences are collected", texts(&document));
    Ok(())
}

fn list(document: &Value) -> Result<&Vec<Value>> {
    document["components"]
        .as_array()
        .context("the document has no components")
}

/// The check must be able to fail.
fn refused(document: &Value) -> Result<()> {
    let mut wrong = document.clone();
    wrong["components"][0]["licenses"] = serde_json::json!([{"license": {"id": "No-Such-Licence"}}]);
    let path = crate::build_dir()?.join("wrong.cdx.json");
    std::fs::write(&path, serde_json::to_vec(&wrong)?)?;
    ensure!(
        crate::sbom::validate(&path).is_err(),
        "the validator takes a licence that SPDX does not know"
    );
    Ok(())
}

fn components(document: &Value) -> Result<()> {
    let mut names = BTreeSet::new();
    for component in list(document)? {
        let purl = component["purl"].as_str().context("a component has no purl")?;
        ensure!(names.insert(purl), "{purl} stands there twice");
        for field in ["name", "version"] {
            ensure!(
                component[field].as_str().is_some_and(|text| !text.is_empty()),
                "{purl} has no {field}"
            );
        }
        for field in ["licenses", "hashes"] {
            ensure!(
                component[field].as_array().is_some_and(|list| !list.is_empty()),
                "{purl} has no {field}"
            );
        }
    }
    for (start, least) in [("pkg:cargo/", 80), ("pkg:npm/", 2), ("pkg:deb/debian/", 30)] {
        let count = names.iter().filter(|purl| purl.starts_with(start)).count();
        ensure!(count >= least, "only {count} components are {start}");
    }
    for wanted in [
        "pkg:npm/svelte@",
        "pkg:cargo/rustls@",
        "pkg:deb/debian/systemd@",
        "pkg:deb/debian/linux-source",
    ] {
        ensure!(names.iter().any(|purl| purl.starts_with(wanted)), "{wanted} is missing");
    }
    Ok(())
}

/// A file of the tree comes from a listed Debian package, from the overlay, from cargo, or from post-build.sh.
fn owned(document: &Value) -> Result<()> {
    let listed: BTreeSet<&str> = list(document)?
        .iter()
        .filter(|component| {
            component["purl"]
                .as_str()
                .is_some_and(|purl| purl.starts_with("pkg:deb/"))
        })
        .filter_map(|component| component["name"].as_str())
        .collect();
    let contents = crate::rootfs::debian_contents("rootfs")?;
    let mut known: BTreeSet<String> = BTreeSet::new();
    for package in contents
        .packages
        .iter()
        .filter(|package| listed.contains(package.name.as_str()))
    {
        known.extend(package.files.iter().map(|file| crate::sbom::merged(file)));
    }
    let root = crate::root();
    let overlay = root.join("rootfs-overlay");
    for file in crate::rootfs::files(&overlay)? {
        known.insert(file.strip_prefix(&overlay)?.display().to_string());
    }
    let tree = crate::rootfs::build()?.tree;
    let strange: Vec<String> = crate::rootfs::files(&tree)?
        .iter()
        .filter_map(|path| Some(path.strip_prefix(&tree).ok()?.display().to_string()))
        .filter(|file| !known.contains(file) && !ours(file))
        .collect();
    ensure!(
        strange.is_empty(),
        "{} files belong to no component, the first: {:?}",
        strange.len(),
        strange.get(..10).unwrap_or(&strange)
    );
    Ok(())
}

fn ours(file: &str) -> bool {
    let program = Path::new(file).file_name().is_some_and(|name| {
        let folder = file.starts_with("usr/lib/spanwatch/") || file.starts_with("usr/bin/");
        folder && crate::programs::PROGRAMS.iter().any(|program| name == *program)
    });
    // Links of a merged /usr have no slash.
    program
        || !file.contains('/')
        || MADE
            .iter()
            .any(|made| file == *made || (made.ends_with('/') && file.starts_with(made)))
}

fn texts(document: &Value) -> Result<()> {
    let dir = crate::build_dir()?.join("licences");
    let index = std::fs::read_to_string(dir.join("index.txt"))?;
    for component in list(document)? {
        let (name, version) = (
            component["name"].as_str().unwrap_or(""),
            component["version"].as_str().unwrap_or(""),
        );
        ensure!(
            index
                .lines()
                .any(|line| line.starts_with(&format!("{name} {version}: "))),
            "the index of licences does not name {name} {version}"
        );
    }
    for file in [
        "LICENSE",
        "kernel/COPYING",
        "debian/systemd/copyright",
        "debian/libc6/copyright",
    ] {
        ensure!(dir.join(file).is_file(), "build/licences has no {file}");
    }
    let without = index.lines().filter(|line| line.contains("holds no text")).count();
    let all = list(document)?.len();
    ensure!(
        without * 10 <= all,
        "{without} of {all} components come without the text of their licence"
    );
    Ok(())
}
