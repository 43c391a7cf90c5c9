//! What the builds and tests need from Debian.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::step::{cached, exec_logged, step};

/// Debian packages that building, running and testing need, on Debian 12 and 13 alike.
pub(crate) const PACKAGES: &[&str] = &[
    "bc",
    "binutils",
    "bison",
    "build-essential",
    "busybox-static",
    "chromium",
    "cpio",
    "cryptsetup-bin",
    "curl",
    "dnsmasq-base",
    "dmsetup",
    "dosfstools",
    "e2fsprogs",
    "ethtool",
    "exfatprogs",
    "fdisk",
    "flex",
    "fonts-wqy-microhei",
    "git",
    "iproute2",
    "iputils-ping",
    "kmod",
    "libelf-dev",
    "libndpi-bin",
    "libssl-dev",
    "make",
    "mdadm",
    "mmdebstrap",
    "mtools",
    "nfdump",
    "nftables",
    "nmap",
    "openipmi",
    "openssh-client",
    "openssl",
    "ovmf",
    "pigz",
    "pmacct",
    "prometheus",
    "python3",
    "qemu-system-x86",
    "rsync",
    "rsyslog",
    "snmp",
    "snmpd",
    "snmptrapd",
    "softflowd",
    "sshpass",
    "tcpdump",
    "tcpreplay",
    "tshark",
    "xorriso",
    "xz-utils",
    "zstd",
];

/// Installs what is missing with apt; does nothing where all is there.
pub(crate) fn install() -> Result<()> {
    let mut missing: Vec<&str> = PACKAGES.iter().copied().filter(|name| !installed(name)).collect();
    if !answers("npm") {
        // Node.js from elsewhere brings its own npm, and Debian's would conflict with it
        missing.extend(["nodejs", "npm"]);
    }
    if missing.is_empty() {
        cached("deps", "every Debian package is installed");
        return Ok(());
    }
    fetch(&missing)
}

/// Installs a program that a figure is measured beside and nothing else needs; false where this Debian offers none
/// (suricata is in bookworm-backports and in trixie, not in bookworm).
pub(crate) fn peer(name: &str) -> Result<bool> {
    if installed(name) {
        return Ok(true);
    }
    let out = Command::new("apt-cache")
        .args(["policy", name])
        .env("LC_ALL", "C")
        .output()
        .context("cannot run apt-cache")?;
    let said = String::from_utf8_lossy(&out.stdout);
    let candidate = said.lines().find_map(|line| line.trim().strip_prefix("Candidate: "));
    if candidate.is_none_or(|version| version == "(none)") {
        return Ok(false);
    }
    fetch(&[name])?;
    Ok(true)
}

fn fetch(packages: &[&str]) -> Result<()> {
    let log = crate::build_dir()?.join("apt.log");
    step("deps", format!("apt-get install {}", packages.join(" ")), || {
        exec_logged(Command::new("apt-get").args(["update", "-q"]), &log)?;
        let _quiet = NoDaemons::begin()?;
        exec_logged(
            Command::new("apt-get")
                .env("DEBIAN_FRONTEND", "noninteractive")
                .args(["install", "-y", "-q", "--no-install-recommends"])
                .args(packages),
            &log,
        )
    })
}

/// While this lives, packages that are installed start no daemons: tests start their own.
/// Debian policy, section 9.3.3.1: exit status 101 of policy-rc.d forbids an action.
struct NoDaemons(Option<PathBuf>);

impl NoDaemons {
    fn begin() -> Result<Self> {
        use std::os::unix::fs::PermissionsExt;
        let path = PathBuf::from("/usr/sbin/policy-rc.d");
        if path.exists() {
            return Ok(Self(None));
        }
        std::fs::write(&path, "#!/bin/sh\nexit 101\n").with_context(|| format!("cannot write {}", path.display()))?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
        Ok(Self(Some(path)))
    }
}

impl Drop for NoDaemons {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            let _ = std::fs::remove_file(path);
        }
    }
}

fn installed(name: &str) -> bool {
    Command::new("dpkg-query")
        .args(["-W", "-f", "${db:Status-Status}", name])
        .output()
        .is_ok_and(|out| out.stdout == b"installed")
}

fn answers(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status()
        .is_ok_and(|s| s.success())
}
