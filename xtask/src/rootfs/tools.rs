//! Debian 13's programs that build the image, on whatever Debian this is.
//!
//! They are started through their own dynamic loader, so neither chroot nor a mount is needed.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::debian;
use crate::cache::{self, Key};

/// The programs that get a starter; ukify and virt-fw-vars are Python scripts.
const PROGRAMS: [&str; 16] = [
    "bin/dump.erofs",
    "bin/mkfs.erofs",
    "bin/systemd-analyze",
    "bin/ukify",
    "bin/systemd-sysusers",
    "bin/systemctl",
    "bin/systemd-tmpfiles",
    "sbin/mke2fs",
    "bin/openssl",
    "bin/rauc",
    "bin/mksquashfs",
    "bin/sbattach",
    "bin/sbsign",
    "bin/sbverify",
    "bin/virt-fw-vars",
    "bin/xorriso",
];

/// What puts a time into a signature; it is that of SOURCE_DATE_EPOCH, where that is set.
const SIGNERS: [&str; 2] = ["bin/rauc", "bin/sbsign"];

/// The unpacked tools.
pub(crate) struct Tools {
    root: PathBuf,
    /// What they were made from.
    pub(crate) key: String,
}

impl Tools {
    /// Unpacks the tools into the cache, unless they are there.
    pub(crate) fn get() -> Result<Self> {
        let packages = debian::packages("tools", &crate::root().join("board/x86_64/tools.list"))?;
        let starters = Key::default()
            .text("programs", &PROGRAMS.join(" "))
            .text("source", include_str!("tools.rs"));
        let root = cache::dir()?.join(format!("tools-{}-{}", packages.key, starters.finish()));
        if !root.exists() {
            let work = root.with_extension("new");
            debian::unpack(&packages.tar, &work)?;
            for program in PROGRAMS {
                starter(&work, &root, program)?;
            }
            std::fs::rename(&work, &root)?;
        }
        Ok(Self {
            root,
            key: packages.key,
        })
    }

    /// A command that runs one of the tools.
    pub(crate) fn command(&self, name: &str) -> Command {
        Command::new(self.root.join("starters").join(name))
    }

    /// The value of PATH that has the tools first.
    pub(crate) fn path(&self) -> String {
        let rest = std::env::var("PATH").unwrap_or_default();
        format!("{}:{rest}:/usr/sbin:/sbin", self.root.join("starters").display())
    }

    /// The folder of systemd-boot and its stub.
    pub(crate) fn boot(&self) -> PathBuf {
        self.root.join("usr/lib/systemd/boot/efi")
    }
}

/// Writes the starter of a program unpacked in `work`, which will be moved to `root`.
fn starter(work: &Path, root: &Path, program: &str) -> Result<()> {
    let usr = root.join("usr");
    let usr = usr.display();
    let file = work.join("usr").join(program);
    let text = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let libs = format!("{usr}/lib/x86_64-linux-gnu:{usr}/lib/x86_64-linux-gnu/systemd");
    let mut script = format!(
        "#!/bin/sh\nexport OPENSSL_ENGINES='{usr}/lib/x86_64-linux-gnu/engines-3' OPENSSL_MODULES='{usr}/lib/x86_64-linux-gnu/ossl-modules'\n"
    );
    let arguments = if SIGNERS.contains(&program) {
        // the time stands still: a signature of the same bytes is the same bytes
        script.push_str(&format!(
            "if [ -n \"${{SOURCE_DATE_EPOCH:-}}\" ]; then\n    export FAKETIME=\"$SOURCE_DATE_EPOCH\" FAKETIME_FMT=%s TZ=UTC NO_FAKE_STAT=1\n    set -- --preload '{usr}/lib/x86_64-linux-gnu/faketime/libfaketime.so.1' '{usr}/{program}' \"$@\"\nelse\n    set -- '{usr}/{program}' \"$@\"\nfi\n"
        ));
        "\"$@\"".to_owned()
    } else {
        let interpreter = if text.starts_with(b"#!") {
            script.push_str(&format!(
                "export PYTHONDONTWRITEBYTECODE=1 PYTHONHOME='{usr}' PYTHONPATH='{usr}/lib/python3/dist-packages'\n"
            ));
            format!("'{usr}/bin/python3' ")
        } else {
            String::new()
        };
        format!("{interpreter}'{usr}/{program}' \"$@\"")
    };
    script.push_str(&format!(
        "exec '{usr}/lib64/ld-linux-x86-64.so.2' --library-path '{libs}' {arguments}\n"
    ));
    let starters = work.join("starters");
    std::fs::create_dir_all(&starters)?;
    let path = starters.join(Path::new(program).file_name().unwrap_or_default());
    std::fs::write(&path, script)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
    Ok(())
}
