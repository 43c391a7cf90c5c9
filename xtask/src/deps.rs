//! What the builds and tests need from Debian.

use std::process::Command;

use anyhow::Result;

use crate::step::{cached, exec_logged, step};

/// Debian packages that building, running and testing need, on Debian 12 and 13 alike.
const PACKAGES: &[&str] = &[
    "bc",
    "binutils",
    "bison",
    "build-essential",
    "chromium",
    "cpio",
    "cryptsetup-bin",
    "curl",
    "dnsmasq-base",
    "dosfstools",
    "e2fsprogs",
    "ethtool",
    "fdisk",
    "flex",
    "fonts-wqy-microhei",
    "git",
    "iproute2",
    "iputils-ping",
    "kmod",
    "libelf-dev",
    "libssl-dev",
    "make",
    "mmdebstrap",
    "mtools",
    "nftables",
    "nmap",
    "openssh-client",
    "openssl",
    "ovmf",
    "pigz",
    "python3",
    "qemu-system-x86",
    "rsync",
    "softflowd",
    "sshpass",
    "tcpdump",
    "tshark",
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
    let log = crate::build_dir()?.join("apt.log");
    step("deps", format!("apt-get install {}", missing.join(" ")), || {
        exec_logged(Command::new("apt-get").args(["update", "-q"]), &log)?;
        exec_logged(
            Command::new("apt-get")
                .env("DEBIAN_FRONTEND", "noninteractive")
                .args(["install", "-y", "-q", "--no-install-recommends"])
                .args(&missing),
            &log,
        )
    })
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
