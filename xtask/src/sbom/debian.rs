//! Debian packages of which a file is in the image, the boot loader, and the kernel.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::{Component, Licence, Text, encoded};
use crate::rootfs::{Contents, Package, debian_contents};

/// Licences of machine-readable copyright files whose names SPDX spells otherwise.
/// Both lists: Debian's copyright-format 1.0, and the SPDX License List.
const SPDX: [(&str, &str); 26] = [
    ("Apache-2.0", "Apache-2.0"),
    ("BSD-2-clause", "BSD-2-Clause"),
    ("BSD-2-Clause", "BSD-2-Clause"),
    ("BSD-3-clause", "BSD-3-Clause"),
    ("BSD-3-Clause", "BSD-3-Clause"),
    ("CC0-1.0", "CC0-1.0"),
    ("Expat", "MIT"),
    ("MIT", "MIT"),
    ("ISC", "ISC"),
    ("GPL-1+", "GPL-1.0-or-later"),
    ("GPL-2", "GPL-2.0-only"),
    ("GPL-2.0", "GPL-2.0-only"),
    ("GPL-2+", "GPL-2.0-or-later"),
    ("GPL-2.0+", "GPL-2.0-or-later"),
    ("GPL-3", "GPL-3.0-only"),
    ("GPL-3+", "GPL-3.0-or-later"),
    ("LGPL-2", "LGPL-2.0-only"),
    ("LGPL-2+", "LGPL-2.0-or-later"),
    ("LGPL-2.0+", "LGPL-2.0-or-later"),
    ("LGPL-2.1", "LGPL-2.1-only"),
    ("LGPL-2.1+", "LGPL-2.1-or-later"),
    ("LGPL-3", "LGPL-3.0-only"),
    ("LGPL-3+", "LGPL-3.0-or-later"),
    ("MPL-2.0", "MPL-2.0"),
    ("Zlib", "Zlib"),
    ("zlib", "Zlib"),
];

/// Packages whose files are made into another file of the image, which is then named here.
const REWRITTEN: [(&str, &str); 1] = [("ca-certificates", "etc/ssl/certs/ca-certificates.crt")];

/// What of Debian is in the root tree `tree`, on the boot partition, and the kernel.
pub(super) fn components(tree: &Path) -> Result<Vec<Component>> {
    let contents = debian_contents("rootfs")?;
    let mut found = Vec::new();
    for package in &contents.packages {
        let rewritten = REWRITTEN
            .iter()
            .any(|(name, file)| *name == package.name && tree.join(file).exists());
        if rewritten || package.files.iter().any(|file| exists(tree, file)) {
            found.push(component(package, &contents, "root")?);
        }
    }
    ensure!(
        found.len() > 30,
        "only {} Debian packages have a file in {}",
        found.len(),
        tree.display()
    );
    let tools = debian_contents("tools")?;
    let boot = tools.packages.iter().find(|package| package.name == "systemd-boot-efi");
    let boot = boot.context("tools.list brings no systemd-boot-efi")?;
    found.push(component(boot, &tools, "boot")?);
    found.push(kernel()?);
    Ok(found)
}

/// Whether the tree has a file of this name.
fn exists(tree: &Path, file: &str) -> bool {
    std::fs::symlink_metadata(tree.join(super::merged(file))).is_ok_and(|data| !data.is_dir())
}

fn component(package: &Package, contents: &Contents, used: &'static str) -> Result<Component> {
    // A package's documentation may be a link to that of another one of its source.
    let doc = format!("usr/share/doc/{}", package.name);
    let folder = match contents.link(&doc)? {
        Some(other) => format!("usr/share/doc/{other}"),
        None => doc,
    };
    let copyright = contents
        .text(&format!("{folder}/copyright"))
        .with_context(|| format!("no copyright file of {}", package.name))?;
    let source = format!("{}@{}", package.source, package.source_version);
    let text = String::from_utf8_lossy(&copyright).into_owned();
    let mut texts = vec![(
        PathBuf::from("debian").join(&package.name).join("copyright"),
        Text::Bytes(copyright),
    )];
    for name in common(&text) {
        if let Ok(bytes) = contents.text(&format!("usr/share/common-licenses/{name}")) {
            texts.push((
                PathBuf::from("debian").join(&package.name).join(name),
                Text::Bytes(bytes),
            ));
        }
    }
    Ok(Component {
        kind: "library",
        purl: format!(
            "pkg:deb/debian/{}@{}?arch={}&distro=trixie",
            encoded(&package.name),
            encoded(&package.version),
            package.architecture
        ),
        name: package.name.clone(),
        version: package.version.clone(),
        licence: licence(&text),
        hash: Some(("SHA-256", package.sha256.clone())),
        used,
        source: Some(source),
        texts,
    })
}

/// The licences that a copyright file names: an SPDX expression where all of them are SPDX's.
fn licence(copyright: &str) -> Licence {
    let names: BTreeSet<&str> = copyright
        .lines()
        .filter_map(|line| line.strip_prefix("License:").map(str::trim))
        .filter(|name| !name.is_empty())
        .collect();
    let known: BTreeMap<&str, &str> = SPDX.into_iter().collect();
    let spdx: Option<BTreeSet<&str>> = names.iter().map(|name| known.get(name).copied()).collect();
    match spdx {
        Some(ids) if !ids.is_empty() => Licence::Expression(ids.into_iter().collect::<Vec<_>>().join(" AND ")),
        _ if names.is_empty() => Licence::Names(vec!["see its copyright file".to_owned()]),
        _ => Licence::Names(names.into_iter().map(str::to_owned).collect()),
    }
}

/// The texts of /usr/share/common-licenses that a copyright file refers to.
fn common(copyright: &str) -> BTreeSet<String> {
    copyright
        .split("/usr/share/common-licenses/")
        .skip(1)
        .map(|rest| {
            let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || "-.".contains(c)));
            rest[..end.unwrap_or(rest.len())].trim_end_matches('.').to_owned()
        })
        .filter(|name| !name.is_empty())
        .collect()
}

fn kernel() -> Result<Component> {
    let source = crate::kernel::pinned()?;
    let version = &source.version;
    let mut texts = vec![(PathBuf::from("kernel/COPYING"), Text::File(source.tree.join("COPYING")))];
    for file in ["preferred/GPL-2.0", "exceptions/Linux-syscall-note"] {
        let path = source.tree.join("LICENSES").join(file);
        texts.push((PathBuf::from("kernel/LICENSES").join(file), Text::File(path)));
    }
    Ok(Component {
        kind: "operating-system",
        purl: format!(
            "pkg:deb/debian/linux-source-6.12@{}?arch=all&distro=trixie",
            encoded(version)
        ),
        name: "linux".to_owned(),
        version: version.clone(),
        licence: Licence::Expression("GPL-2.0-only WITH Linux-syscall-note".to_owned()),
        hash: Some(("SHA-256", source.sha256.clone())),
        used: "kernel",
        source: Some(format!("linux@{version}")),
        texts,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licences_are_read_from_copyright_files() {
        let known = licence("Files: *\nLicense: GPL-2+\n\nFiles: x\nLicense: Expat\n text\n");
        assert!(matches!(known, Licence::Expression(text) if text == "GPL-2.0-or-later AND MIT"));
        let other = licence("License: GPL-2+\nLicense: own-words\n");
        assert!(matches!(other, Licence::Names(names) if names == ["GPL-2+", "own-words"]));
        assert!(matches!(licence("all in prose"), Licence::Names(_)));
    }

    #[test]
    fn common_licences_are_found_in_prose() {
        let text = "see /usr/share/common-licenses/GPL-2.\nand '/usr/share/common-licenses/LGPL-2.1', end";
        assert_eq!(common(text).into_iter().collect::<Vec<_>>(), ["GPL-2", "LGPL-2.1"]);
    }
}
