//! Pinned Debian 13 packages on a host that may be Debian 12: a private apt root in the cache, whose mirrors are
//! those of the host's own apt configuration. The host's sources and package lists stay as they are.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::pins::Pin;
use crate::cache;
use crate::step::{exec_logged, output, step};

/// The release that the appliance is made of.
const RELEASE: &str = "trixie";
/// The archive's keys, those of the next releases among them.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The pinned package's .deb: from the cache, else from the mirror.
pub(super) fn fetch(pin: &Pin) -> Result<PathBuf> {
    let cache = cache::dir()?;
    if let Some(deb) = lying_in(&cache, pin)? {
        verify(&deb, pin)?;
        return Ok(deb);
    }
    let log = crate::build_dir()?.join("apt-kernel.log");
    step("fetch", format!("{} {} by apt", pin.package, pin.version), || {
        let apt = Root::make(&cache.join("apt"))?;
        exec_logged(apt.command("apt-get").args(["update", "-q"]), &log)?;
        let wanted = format!("{}={}", pin.package, pin.version);
        let got = exec_logged(
            apt.command("apt-get")
                .current_dir(&cache)
                .args(["download", "-q", &wanted]),
            &log,
        );
        match got {
            Ok(()) => Ok(()),
            Err(error) => gone(&apt, pin, &cache).map_or(Err(error), |gone| bail!(gone)),
        }
    })?;
    let deb = lying_in(&cache, pin)?.context("apt-get download succeeded, but its file is not in the cache")?;
    verify(&deb, pin)?;
    Ok(deb)
}

/// The package's file in `dir`, whatever its architecture.
fn lying_in(dir: &Path, pin: &Pin) -> Result<Option<PathBuf>> {
    let start = format!("{}_{}_", pin.package, pin.version);
    for entry in std::fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.starts_with(&start) && name.ends_with(".deb") {
            return Ok(Some(dir.join(name)));
        }
    }
    Ok(None)
}

fn verify(deb: &Path, pin: &Pin) -> Result<()> {
    let sum = output(Command::new("sha256sum").arg("--").arg(deb))?;
    let sum = sum
        .trim_start_matches('\\')
        .split_whitespace()
        .next()
        .unwrap_or_default();
    if sum != pin.sha256 {
        bail!(
            "{} has SHA-256 {sum}, but board/x86_64/kernel.version says {}: remove the file and try again, \
             or mend the pin",
            deb.display(),
            pin.sha256
        );
    }
    Ok(())
}

/// What to do when the archive does not have the pinned version; `None` where it has.
fn gone(apt: &Root, pin: &Pin, cache: &Path) -> Option<String> {
    let shown = output(apt.command("apt-cache").args(["show", &pin.package])).unwrap_or_default();
    let offered = offered(&shown);
    if offered.iter().any(|(version, _)| *version == pin.version) {
        return None;
    }
    let mut text = format!("Debian's archive no longer has {} {}. ", pin.package, pin.version);
    if offered.is_empty() {
        text.push_str("It has no version of it.");
    } else {
        text.push_str("To move on, write another version and its SHA-256 into board/x86_64/kernel.version:");
    }
    for (version, sha256) in offered {
        text.push_str(&format!("\n    {} {version} {sha256}", pin.package));
    }
    let file = format!("{}_{}_all.deb", pin.package, pin.version);
    Some(format!("{text}\nTo stay, put {file} into {}", cache.display()))
}

/// Version and SHA-256 of each stanza that `apt-cache show` prints.
fn offered(shown: &str) -> Vec<(&str, &str)> {
    let stanzas = shown.split("\n\n");
    stanzas
        .filter_map(|stanza| Some((field(stanza, "Version: ")?, field(stanza, "SHA256: ")?)))
        .collect()
}

fn field<'a>(stanza: &'a str, name: &str) -> Option<&'a str> {
    stanza.lines().find_map(|line| line.strip_prefix(name))
}

/// A private apt root.
struct Root {
    dir: PathBuf,
}

impl Root {
    fn make(dir: &Path) -> Result<Self> {
        for part in ["lists/partial", "cache/archives/partial"] {
            let part = dir.join(part);
            std::fs::create_dir_all(&part).with_context(|| format!("cannot make {}", part.display()))?;
        }
        std::fs::write(dir.join("status"), "")?;
        let configured = output(Command::new("apt-get").args(["indextargets", "--format", "$(BASE_URI) $(ORIGIN)"]))?;
        let sources = sources(&configured, Path::new(KEYRING).is_file())?;
        std::fs::write(dir.join("sources.list"), sources)?;
        Ok(Self { dir: dir.to_owned() })
    }

    /// An apt program that works on this root; the host's proxy and other settings still hold.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        for (name, value) in [
            ("Dir::State", ""),
            ("Dir::State::Lists", "lists"),
            ("Dir::State::status", "status"),
            ("Dir::Cache", "cache"),
            ("Dir::Etc::SourceList", "sources.list"),
        ] {
            command
                .arg("-o")
                .arg(format!("{name}={}", self.dir.join(value).display()));
        }
        for fixed in [
            "Dir::Etc::SourceParts=/dev/null",
            "APT::Sandbox::User=root",
            "Acquire::Languages=none",
        ] {
            command.arg("-o").arg(fixed);
        }
        command
    }
}

/// The private root's sources, from the lines `BASE_URI ORIGIN` of the host's index targets.
///
/// `BASE_URI` is `…/dists/SUITE/`. A source of another origin than Debian's is left out; the origin is unknown (empty)
/// until the host's first `apt-get update`.
fn sources(configured: &str, keyring: bool) -> Result<String> {
    let mut lines = BTreeSet::new();
    let signed = if keyring {
        format!("[signed-by={KEYRING}] ")
    } else {
        String::new()
    };
    for target in configured.lines() {
        let (base, origin) = target.split_once(' ').unwrap_or((target, ""));
        if !matches!(origin.trim(), "" | "Debian") {
            continue;
        }
        let Some((mirror, suite)) = base.split_once("/dists/") else {
            continue;
        };
        let suite = suite.trim_end_matches('/');
        if suite.ends_with("-security") || suite.ends_with("/updates") {
            lines.insert(format!("deb {signed}{mirror} {RELEASE}-security main\n"));
        } else if !suite.contains('-') {
            lines.insert(format!("deb {signed}{mirror} {RELEASE} main\n"));
            lines.insert(format!("deb {signed}{mirror} {RELEASE}-backports main\n"));
        }
    }
    if lines.is_empty() {
        bail!("apt's configuration names no Debian mirror: add Debian's sources to /etc/apt and run apt-get update");
    }
    Ok(lines.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_mirrors_serve_the_release() -> Result<()> {
        let configured = "http://mirror/debian/dists/bookworm/ Debian\n\
                          http://mirror/debian/dists/bookworm/ Debian\n\
                          http://mirror/debian/dists/bookworm-updates/ Debian\n\
                          http://safe/debian-security/dists/bookworm-security/ Debian\n\
                          http://other/apt/dists/bookworm/ Other\n\
                          http://flat/repository/ Debian\n";
        let want = "deb http://mirror/debian trixie main\n\
                    deb http://mirror/debian trixie-backports main\n\
                    deb http://safe/debian-security trixie-security main\n";
        assert_eq!(sources(configured, false)?, want);
        assert!(sources("http://mirror/debian/dists/trixie/ \n", true)?.contains("[signed-by=/usr/share/keyrings/"));
        assert!(sources("http://other/apt/dists/bookworm/ Other\n", false).is_err());
        Ok(())
    }

    #[test]
    fn what_the_archive_offers_is_read_from_apt_cache() {
        let shown = "Package: p\nVersion: 2-1\nSHA256: aa\n\nPackage: p\nSHA256: bb\nVersion: 1-1\n\nPackage: p\n";
        assert_eq!(offered(shown), [("2-1", "aa"), ("1-1", "bb")]);
    }
}
