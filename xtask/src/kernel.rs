//! The appliance's kernel: Debian's pinned source, our fragment over `tinyconfig`, one bzImage.
//!
//! A finished kernel lies in the cache under a key of all that it depends on. The tree that it was compiled in stays
//! in the cache too, so that a changed option compiles only what it touches.

mod compile;
mod debian;
mod fragment;
mod hardening;
mod pins;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

pub(crate) use hardening::hardening_suite;

use crate::cache::{self, Key};
use crate::step::{cached, exec, output, step};
use pins::{Pin, Pins};

/// The Debian package that carries the kernel's source.
const SOURCE: &str = "linux-source-6.12";
/// Part of the key: raise it when this code changes what it builds from equal inputs.
const RECIPE: &str = "1";

/// What a kernel build leaves.
pub(crate) struct Kernel {
    /// The bootable image (bzImage).
    pub(crate) image: PathBuf,
    /// The full configuration that it was built with.
    pub(crate) config: PathBuf,
    /// The kernel's release, as `uname -r` prints it.
    pub(crate) release: String,
}

impl Kernel {
    /// The kernel in a cache folder, where a complete one lies there.
    fn load(dir: &Path) -> Option<Self> {
        let release = std::fs::read_to_string(dir.join("release")).ok()?;
        let kernel = Self {
            image: dir.join("bzImage"),
            config: dir.join("config"),
            release: release.trim().to_owned(),
        };
        (kernel.image.is_file() && kernel.config.is_file()).then_some(kernel)
    }
}

/// One kernel of several that the source gives.
struct Variant {
    /// In the names of its step and its folder.
    name: &'static str,
    /// What it has on top of `tinyconfig`, from the repository's root.
    fragments: &'static [&'static str],
    /// What make is told besides.
    told: &'static [&'static str],
}

const APPLIANCE: Variant = Variant {
    name: "kernel",
    fragments: &["board/x86_64/kernel.fragment"],
    told: &[],
};

const HARDWARE: Variant = Variant {
    name: "kernel-hwmon",
    fragments: &["board/x86_64/kernel.fragment", "tests/hwmon/kernel.fragment"],
    // for Kconfig it is a module or nothing
    told: &["CONFIG_I2C_STUB=y"],
};

/// Builds the kernel, or takes it from the cache.
pub(crate) fn build() -> Result<Kernel> {
    APPLIANCE.build()
}

/// The same with simulated devices for the hardware monitor's tests.
pub(crate) fn build_for_hwmon() -> Result<Kernel> {
    // in its tree only what differs is compiled
    APPLIANCE.build()?;
    HARDWARE.build()
}

impl Variant {
    fn build(&self) -> Result<Kernel> {
        let pins = Pins::read(&board().join("kernel.version"))?;
        let mut fragment = String::new();
        for name in self.fragments {
            fragment += &read(&crate::root().join(name))?;
        }
        let pin = pins.get(SOURCE)?;
        let dir = cache::dir()?.join(format!("{}-{}", self.name, self.key(&pins, pin, &fragment)?));
        if let Some(kernel) = Kernel::load(&dir) {
            cached(self.name, format!("Linux {}", kernel.release));
            return Ok(kernel);
        }
        let source = source(pin)?;
        let work = cache::dir()?.join(format!("kernel-work-{}", pin.version));
        let tree = compile::Tree::lock(source, work, &pins.timestamp)?;
        if let Some(kernel) = Kernel::load(&dir) {
            cached(
                self.name,
                format!("Linux {}, which another build has just made", kernel.release),
            );
            return Ok(kernel);
        }
        let names = self.fragments.join(" and ");
        step(self.name, format!("configure (tinyconfig and {names})"), || {
            tree.configure(&names, &fragment)
        })?;
        let log = crate::build_dir()?.join(format!("{}.log", self.name));
        step(
            self.name,
            format!(
                "compile Linux {} (15 to 20 min on two free cores, less where much is compiled already)",
                pin.version
            ),
            || {
                tree.compile(&log, self.told)?;
                tree.save(&dir)
            },
        )?;
        Kernel::load(&dir).with_context(|| format!("the kernel's build left nothing in {}", dir.display()))
    }

    /// Everything that the image depends on, and nothing that differs between two checkouts.
    fn key(&self, pins: &Pins, pin: &Pin, fragment: &str) -> Result<String> {
        let compiler = output(Command::new("gcc").arg("--version"))?;
        let linker = output(Command::new("ld").arg("--version"))?;
        let mut key = Key::default()
            .text("recipe", RECIPE)
            .text("source", &pin.sha256)
            .text("timestamp", &pins.timestamp)
            .text("fragment", fragment)
            .text("compiler", compiler.lines().next().unwrap_or_default())
            .text("linker", linker.lines().next().unwrap_or_default());
        for told in self.told {
            key = key.text("told", told);
        }
        Ok(key.finish())
    }
}

/// Where the kernel comes from.
pub(crate) struct Source {
    /// The unpacked source.
    pub(crate) tree: PathBuf,
    /// The Debian package's version.
    pub(crate) version: String,
    /// The SHA-256 of the Debian package, in hexadecimal.
    pub(crate) sha256: String,
}

/// The kernel's pinned source, unpacked.
pub(crate) fn pinned() -> Result<Source> {
    let pins = Pins::read(&board().join("kernel.version"))?;
    let pin = pins.get(SOURCE)?;
    Ok(Source {
        tree: source(pin)?,
        version: pin.version.clone(),
        sha256: pin.sha256.clone(),
    })
}

/// The board's folder.
fn board() -> PathBuf {
    crate::root().join("board/x86_64")
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// The unpacked source tree of the pinned package.
fn source(pin: &Pin) -> Result<PathBuf> {
    let dir = cache::dir()?.join(format!("{}-{}", pin.package, pin.version));
    let tree = dir.join(&pin.package);
    if tree.is_dir() {
        cached("kernel-source", format!("{} {}", pin.package, pin.version));
        return Ok(tree);
    }
    let deb = debian::fetch(pin)?;
    step(
        "kernel-source",
        format!("unpack {} {}", pin.package, pin.version),
        || {
            let part = dir.with_file_name(format!("{}-{}.part", pin.package, pin.version));
            let _ = std::fs::remove_dir_all(&part);
            std::fs::create_dir_all(&part).with_context(|| format!("cannot make {}", part.display()))?;
            exec(Command::new("dpkg-deb").arg("-x").arg(&deb).arg(part.join("deb")))?;
            let tar = part.join("deb/usr/src").join(format!("{}.tar.xz", pin.package));
            exec(Command::new("tar").arg("-C").arg(&part).arg("-xf").arg(&tar))?;
            std::fs::remove_dir_all(part.join("deb"))?;
            std::fs::rename(&part, &dir).with_context(|| format!("cannot rename {}", part.display()))
        },
    )?;
    if !tree.is_dir() {
        bail!(
            "{} has no folder {}: the package's layout changed",
            dir.display(),
            pin.package
        );
    }
    Ok(tree)
}
