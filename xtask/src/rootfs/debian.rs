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
        key,
    };
    if found.tar.exists() && found.versions.exists() {
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
    fn versions_come_from_the_names_of_package_files() {
        let debs = "systemd_257.13-1~deb13u1_amd64.deb\nopenssh-server_1%3a10.0p1-7_amd64.deb\npartial\nlock\n";
        assert_eq!(versions(debs), "openssh-server 1:10.0p1-7\nsystemd 257.13-1~deb13u1\n");
    }
}
