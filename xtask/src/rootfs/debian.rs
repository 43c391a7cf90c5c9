//! Debian packages unpacked by mmdebstrap, from the mirrors that this machine's apt uses.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cache::{self, Key};
use crate::step::{cached, exec_logged, output, step};

const SUITE: &str = "trixie";

/// Unpacked packages, kept in the cache.
pub(super) struct Packages {
    /// Their files, as a tar archive.
    pub(super) tar: PathBuf,
    /// The packages with their versions, one `name version` a line, sorted.
    pub(super) versions: PathBuf,
    /// What the archive was made from.
    pub(super) key: String,
    /// What each package is and holds, as [`LISTING`] writes it.
    contents: PathBuf,
}

/// Writes a line `package NAME VERSION SOURCE SOURCE-VERSION ARCHITECTURE SHA256` for each package file, and the
/// names of what it holds after it.
const LISTING: &str = r#"for deb in "$1"/var/cache/apt/archives/*.deb; do
    dpkg-deb -W --showformat='package ${Package} ${Version} ${source:Package} ${source:Version} ${Architecture} ' "$deb"
    sha256sum <"$deb" | cut -c1-64
    dpkg-deb --fsys-tarfile "$deb" | tar -t
done"#;

/// A Debian package that was unpacked.
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// Its version, with the epoch where it has one.
    pub(crate) version: String,
    /// The source package that it was built from.
    pub(crate) source: String,
    /// The version of that.
    pub(crate) source_version: String,
    /// `amd64` or `all`.
    pub(crate) architecture: String,
    /// The SHA-256 of the package file, in hexadecimal.
    pub(crate) sha256: String,
    /// The files that it holds, from the root.
    pub(crate) files: Vec<String>,
}

/// The packages of a list, and their files.
pub(crate) struct Contents {
    /// Sorted by name.
    pub(crate) packages: Vec<Package>,
    tar: PathBuf,
}

impl Contents {
    /// Where a link of the packages points to; `None` when it is none.
    pub(crate) fn link(&self, path: &str) -> Result<Option<String>> {
        let list = output(
            Command::new("tar")
                .args(["--no-recursion", "-tvf"])
                .arg(&self.tar)
                .arg(format!("./{path}")),
        )?;
        Ok(list.trim_end().split_once(" -> ").map(|(_, target)| target.to_owned()))
    }

    /// A file of the packages.
    pub(crate) fn text(&self, file: &str) -> Result<Vec<u8>> {
        let out = Command::new("tar")
            .arg("-xOf")
            .arg(&self.tar)
            .arg(format!("./{file}"))
            .output()?;
        if !out.status.success() || out.stdout.is_empty() {
            bail!("{} holds no {file}", self.tar.display());
        }
        Ok(out.stdout)
    }
}

/// What the packages of `list` are and hold.
pub(super) fn contents(name: &str, list: &Path) -> Result<Contents> {
    let found = packages(name, list)?;
    let text = std::fs::read_to_string(&found.contents)
        .with_context(|| format!("cannot read {}", found.contents.display()))?;
    Ok(Contents {
        packages: parse(&text)?,
        tar: found.tar,
    })
}

fn parse(text: &str) -> Result<Vec<Package>> {
    let mut packages: Vec<Package> = Vec::new();
    for line in text.lines() {
        if let Some(fields) = line.strip_prefix("package ") {
            let fields: Vec<&str> = fields.split_whitespace().collect();
            let [name, version, source, source_version, architecture, sha256] = fields[..] else {
                bail!("{line:?} does not say what a package is");
            };
            packages.push(Package {
                name: name.to_owned(),
                version: version.to_owned(),
                source: source.to_owned(),
                source_version: source_version.to_owned(),
                architecture: architecture.to_owned(),
                sha256: sha256.to_owned(),
                files: Vec::new(),
            });
        } else if let (Some(package), Some(file)) = (packages.last_mut(), line.strip_prefix("./"))
            && !file.is_empty()
            && !file.ends_with('/')
        {
            package.files.push(file.to_owned());
        }
    }
    packages.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(packages)
}

/// Downloads and unpacks the packages that `list` names (one a line, `#` comments), with all that
/// they depend on, or takes the archive from the cache. The versions are those of the first
/// download: removing the cached archive takes newer ones.
pub(super) fn packages(name: &str, list: &Path) -> Result<Packages> {
    let text = std::fs::read_to_string(list).with_context(|| format!("cannot read {}", list.display()))?;
    let wanted: Vec<&str> = super::lines(&text).collect();
    let key = Key::default()
        .text("suite", SUITE)
        .text("packages", &wanted.join(","))
        .finish();
    let dir = cache::dir()?.join(format!("debian-{name}-{key}"));
    let found = Packages {
        tar: dir.join("files.tar"),
        versions: dir.join("versions"),
        contents: dir.join("contents"),
        key,
    };
    if [&found.tar, &found.versions, &found.contents]
        .iter()
        .all(|file| file.exists())
    {
        cached(
            name,
            format!(
                "{} Debian packages",
                std::fs::read_to_string(&found.versions)?.lines().count()
            ),
        );
        return Ok(found);
    }
    let work = dir.with_extension("new");
    let _ = std::fs::remove_dir_all(&work);
    std::fs::create_dir_all(&work)?;
    step(
        name,
        format!("mmdebstrap of {} Debian packages and what they need", wanted.len()),
        || {
            let debs = work.join("debs");
            let mut command = Command::new("mmdebstrap");
            command
                .args(["--variant=extract", "--architectures=amd64"])
                .arg(format!("--include={}", wanted.join(",")));
            command.arg(format!(
                "--extract-hook=ls \"$1\"/var/cache/apt/archives > '{}'",
                debs.display()
            ));
            command.arg(format!(
                "--extract-hook={{ {LISTING}; }} > '{}'",
                work.join("contents").display()
            ));
            for option in proxies()? {
                command.arg(format!("--aptopt={option}"));
            }
            command.arg(SUITE).arg(work.join("files.tar")).args(sources()?);
            exec_logged(
                &mut command,
                &crate::build_dir()?.join(format!("mmdebstrap-{name}.log")),
            )?;
            std::fs::write(work.join("versions"), versions(&std::fs::read_to_string(&debs)?))?;
            Ok(())
        },
    )?;
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::rename(&work, &dir)?;
    Ok(found)
}

/// The lines for sources.list: this machine's mirrors, with our suite in the place of theirs.
fn sources() -> Result<Vec<String>> {
    let targets = output(Command::new("apt-get").args([
        "indextargets",
        "--format",
        "$(REPO_URI) $(RELEASE) $(COMPONENT)",
        "Created-By: Packages",
    ]))?;
    mirrors(&targets).context("cannot tell which Debian mirror to use: apt's own sources name none of Debian's suites")
}

/// Picks Debian's mirrors out of lines of `URI SUITE COMPONENT`.
fn mirrors(targets: &str) -> Option<Vec<String>> {
    const SUITES: [&str; 4] = ["bookworm", "trixie", "oldstable", "stable"];
    let (mut main, mut security) = (None, None);
    for line in targets.lines() {
        let mut words = line.split_whitespace();
        let (Some(uri), Some(suite), Some("main")) = (words.next(), words.next(), words.next()) else {
            continue;
        };
        match suite.strip_suffix("-security") {
            Some(base) if SUITES.contains(&base) => security = security.or(Some(uri)),
            None if SUITES.contains(&suite) => main = main.or(Some(uri)),
            _ => {}
        }
    }
    let main = main?;
    let mut lines = vec![
        format!("deb {main} {SUITE} main"),
        format!("deb {main} {SUITE}-updates main"),
    ];
    lines.extend(security.map(|uri| format!("deb {uri} {SUITE}-security main")));
    Some(lines)
}

/// apt's proxy settings on this machine, as options for the apt inside.
fn proxies() -> Result<Vec<String>> {
    let dump = output(Command::new("apt-config").args(["dump", "Acquire"]))?;
    Ok(dump
        .lines()
        .filter(|line| line.to_lowercase().contains("proxy") && !line.ends_with("\"\";"))
        .map(str::to_owned)
        .collect())
}

/// `name version` lines out of the names of package files (`name_version_arch.deb`).
fn versions(debs: &str) -> String {
    let mut lines: Vec<String> = debs
        .lines()
        .filter_map(|file| {
            let mut parts = file.strip_suffix(".deb")?.split('_');
            Some(format!("{} {}\n", parts.next()?, parts.next()?.replace("%3a", ":")))
        })
        .collect();
    lines.sort();
    lines.concat()
}

/// Unpacks an archive into a new folder.
pub(super) fn unpack(tar: &Path, dir: &Path) -> Result<()> {
    if dir.exists() {
        std::fs::remove_dir_all(dir).with_context(|| format!("cannot remove {}", dir.display()))?;
    }
    std::fs::create_dir_all(dir)?;
    let status = Command::new("tar")
        .arg("-C")
        .arg(dir)
        .arg("-xpf")
        .arg(tar)
        .args(["--exclude=./dev/*"])
        .status()?;
    if !status.success() {
        bail!("cannot unpack {}: tar ended with {status}", tar.display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_keep_their_address_and_take_our_suite() {
        let targets = "http://m.example/debian/ bookworm main\nhttp://m.example/debian/ bookworm-updates main\n\
                       http://s.example/sec/ bookworm-security main\nhttps://other.example nodistro main\n";
        assert_eq!(
            mirrors(targets).unwrap_or_default(),
            [
                "deb http://m.example/debian/ trixie main",
                "deb http://m.example/debian/ trixie-updates main",
                "deb http://s.example/sec/ trixie-security main"
            ]
        );
        assert_eq!(mirrors("https://other.example nodistro main\n"), None);
    }

    #[test]
    fn packages_and_their_files_are_read() {
        let text = "package b 1:2-3 src 1:2-3 amd64 00ff\n./\n./usr/\n./usr/b\npackage a 1 a 1 all 11ee\n./etc/a\n";
        let found = parse(text).unwrap_or_default();
        let names: Vec<(&str, &str, &[String])> = found
            .iter()
            .map(|package| (package.name.as_str(), package.source.as_str(), &package.files[..]))
            .collect();
        assert_eq!(
            names,
            [
                ("a", "a", &["etc/a".to_owned()][..]),
                ("b", "src", &["usr/b".to_owned()][..])
            ]
        );
        assert!(parse("package short 1\n").is_err());
    }

    #[test]
    fn versions_come_from_the_names_of_package_files() {
        let debs = "systemd_257.13-1~deb13u1_amd64.deb\nopenssh-server_1%3a10.0p1-7_amd64.deb\npartial\nlock\n";
        assert_eq!(versions(debs), "openssh-server 1:10.0p1-7\nsystemd 257.13-1~deb13u1\n");
    }
}
