//! Debian 13's programs that build the image, on whatever Debian this is.
//!
//! They are started through their own dynamic loader, so neither chroot nor a mount is needed.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::debian;
use crate::cache;

/// The programs that get a starter; the third is a Python script.
const PROGRAMS: [&str; 6] = [
    "bin/mkfs.erofs",
    "bin/systemd-analyze",
    "bin/ukify",
    "bin/systemd-sysusers",
    "bin/systemctl",
    "bin/systemd-tmpfiles",
];

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
        let root = cache::dir()?.join(format!("tools-{}", packages.key));
        if !root.join("starters/ukify").exists() {
            let work = root.with_extension("new");
            debian::unpack(&packages.tar, &work)?;
            let _ = std::fs::remove_dir_all(&root);
            std::fs::rename(&work, &root)?;
            for program in PROGRAMS {
                starter(&root, program)?;
            }
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

fn starter(root: &Path, program: &str) -> Result<()> {
    let usr = root.join("usr");
    let usr = usr.display();
    let file = root.join("usr").join(program);
    let text = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let python = text.starts_with(b"#!");
    let (env, interpreter) = if python {
        (
            format!("PYTHONDONTWRITEBYTECODE=1 PYTHONHOME='{usr}' PYTHONPATH='{usr}/lib/python3/dist-packages' "),
            format!("'{usr}/bin/python3' "),
        )
    } else {
        (String::new(), String::new())
    };
    let libs = format!("{usr}/lib/x86_64-linux-gnu:{usr}/lib/x86_64-linux-gnu/systemd");
    let script = format!(
        "#!/bin/sh\n{env}exec '{usr}/lib64/ld-linux-x86-64.so.2' --library-path '{libs}' {interpreter}'{usr}/{program}' \"$@\"\n"
    );
    let starters = root.join("starters");
    std::fs::create_dir_all(&starters)?;
    let path = starters.join(Path::new(program).file_name().unwrap_or_default());
    std::fs::write(&path, script)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
    Ok(())
}
