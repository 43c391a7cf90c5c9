//! Crates that are linked into the appliance's programs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::{Component, Licence, Text, encoded, licence_files};
use crate::programs::PROGRAMS;
use crate::step::output;

/// Every crate that cargo links into one of the programs, ours left out.
pub(super) fn components() -> Result<Vec<Component>> {
    let checksums = checksums(&std::fs::read_to_string(crate::root().join("Cargo.lock"))?);
    let metadata = metadata()?;
    let mut tree = Command::new("cargo");
    tree.current_dir(crate::root()).args([
        "tree",
        "--locked",
        // Build scripts and procedural macros run on the builder; none of their code is linked.
        "--edges=normal,no-proc-macro",
        "--target=x86_64-unknown-linux-gnu",
        "--prefix=none",
        "--format={p}",
    ]);
    for package in metadata.owners()? {
        tree.args(["--package", &package]);
    }
    let linked: BTreeSet<(String, String)> = output(&mut tree)?
        .lines()
        .filter(|line| !line.contains(&format!("({}", crate::root().display())))
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
            Some((name.to_owned(), version.to_owned()))
        })
        .collect();
    ensure!(linked.len() > 50, "cargo tree names only {} crates", linked.len());
    linked
        .into_iter()
        .map(|key| {
            let (licence, dir) = metadata
                .crates
                .get(&key)
                .with_context(|| format!("cargo metadata does not know {} {}", key.0, key.1))?;
            let (name, version) = key.clone();
            let checksum = checksums
                .get(&key)
                .with_context(|| format!("Cargo.lock has no checksum of {name} {version}"))?;
            let folder = PathBuf::from("rust").join(format!("{name}-{version}"));
            Ok(Component {
                kind: "library",
                purl: format!("pkg:cargo/{name}@{}", encoded(&version)),
                // Cargo's old way of writing OR.
                licence: Licence::Expression(licence.replace('/', " OR ")),
                hash: Some(("SHA-256", checksum.clone())),
                used: "programs",
                source: None,
                texts: licence_files(dir)
                    .into_iter()
                    .map(|file| (folder.join(file.file_name().unwrap_or_default()), Text::File(file)))
                    .collect(),
                name,
                version,
            })
        })
        .collect()
}

/// What `cargo metadata` tells: licence and folder of each crate, and who owns which program.
struct Metadata {
    crates: BTreeMap<(String, String), (String, PathBuf)>,
    programs: BTreeMap<String, String>,
}

impl Metadata {
    /// The packages that own the appliance's programs.
    fn owners(&self) -> Result<BTreeSet<String>> {
        PROGRAMS
            .iter()
            .map(|program| {
                let owner = self.programs.get(*program);
                owner
                    .cloned()
                    .with_context(|| format!("no package owns the program {program}"))
            })
            .collect()
    }
}

fn metadata() -> Result<Metadata> {
    let text = output(Command::new("cargo").current_dir(crate::root()).args([
        "metadata",
        "--format-version=1",
        "--filter-platform=x86_64-unknown-linux-gnu",
        "--locked",
    ]))?;
    let value: serde_json::Value = serde_json::from_str(&text)?;
    let mut found = Metadata {
        crates: BTreeMap::new(),
        programs: BTreeMap::new(),
    };
    for package in value["packages"]
        .as_array()
        .context("cargo metadata lists no packages")?
    {
        let field = |name: &str| package[name].as_str().unwrap_or_default().to_owned();
        let name = field("name");
        for target in package["targets"].as_array().into_iter().flatten() {
            let is_program = target["kind"]
                .as_array()
                .is_some_and(|kinds| kinds.iter().any(|kind| kind == "bin"));
            if is_program && package["source"].is_null() {
                let program = target["name"].as_str().unwrap_or_default();
                found.programs.insert(program.to_owned(), name.clone());
            }
        }
        let manifest = PathBuf::from(field("manifest_path"));
        let dir = manifest.parent().map(Path::to_owned).unwrap_or_default();
        found.crates.insert((name, field("version")), (field("license"), dir));
    }
    Ok(found)
}

/// The SHA-256 of each crate's archive, by name and version.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    lock.split("[[package]]")
        .filter_map(|part| {
            let field = |name: &str| {
                let line = part
                    .lines()
                    .find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "))?;
                Some(line.trim_matches('"').to_owned())
            };
            Some(((field("name")?, field("version")?), field("checksum")?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn checksums_come_from_the_lock_file() {
        let lock = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\nsource = \"registry\"\n\
                    checksum = \"00ff\"\n\n[[package]]\nname = \"ours\"\nversion = \"0.1.0\"\n";
        let found = super::checksums(lock);
        assert_eq!(found.len(), 1);
        assert_eq!(
            found.get(&("a".to_owned(), "1.0.0".to_owned())).map(String::as_str),
            Some("00ff")
        );
    }
}
