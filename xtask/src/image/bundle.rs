//! The update bundle: one signed file with the root image and each slot's kernel.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::cache::Key;
use crate::keys::Keys;
use crate::rootfs::{Release, Tools};
use crate::step::{cached, exec_logged, step};

/// What a box asks of a bundle before all else.
pub(crate) const COMPATIBLE: &str = "spanwatch-x86_64";

/// Builds the release's image and its bundle `spanwatch-x86_64-VERSION.raucb`, and returns the bundle's path.
pub(crate) fn build(release: &Release) -> Result<PathBuf> {
    super::build_release(release)?;
    let keys = Keys::get()?;
    let bundle = release.dir.join(format!("spanwatch-x86_64-{}.raucb", release.version));
    let stamp = release.dir.join("bundle.built-from");
    let key = Key::default()
        .text("image", &std::fs::read_to_string(release.dir.join("image.built-from"))?)
        .text("source", include_str!("bundle.rs"))
        .text("key", &keys.bundle_key)
        .file(&keys.bundle_cert)?
        .finish();
    if bundle.exists() && std::fs::read_to_string(&stamp).is_ok_and(|last| last == key) {
        cached("bundle", "image and keys are unchanged");
        return Ok(bundle);
    }
    step("bundle", "root image and kernels, signed", || {
        let contents = Contents::of(release);
        contents.pack(&keys, &super::epoch()?, &bundle)?;
        verify(&keys, &bundle)
    })?;
    std::fs::write(&stamp, key)?;
    eprintln!("    {}", bundle.display());
    Ok(bundle)
}

/// Reads a bundle as a box does: its signature, the purpose of its certificate, its format.
fn verify(keys: &Keys, bundle: &Path) -> Result<()> {
    let conf = bundle.with_extension("conf");
    let text = format!(
        "[system]\ncompatible={COMPATIBLE}\nbootloader=noop\nbundle-formats=verity\n[keyring]\npath={}\ncheck-purpose=codesign\n",
        keys.bundle_ca.display()
    );
    std::fs::write(&conf, text)?;
    let mut rauc = Tools::get()?.command("rauc");
    rauc.arg(format!("--conf={}", conf.display())).arg("info").arg(bundle);
    exec_logged(&mut rauc, &bundle.with_extension("info.log"))?;
    std::fs::remove_file(conf)?;
    Ok(())
}

/// What goes into a bundle; tests make bad ones by changing a field.
#[derive(Clone)]
pub(crate) struct Contents {
    /// The folder of `root.img`, `spanwatch-a.efi` and `spanwatch-b.efi`.
    pub(crate) parts: PathBuf,
    /// The board that the bundle says it is for.
    pub(crate) compatible: String,
    /// The version that the bundle says it brings.
    pub(crate) version: String,
    /// RAUC's bundle format.
    pub(crate) format: &'static str,
}

impl Contents {
    /// What `make bundle` packs of a release.
    pub(crate) fn of(release: &Release) -> Self {
        Self {
            parts: release.dir.join("image"),
            compatible: COMPATIBLE.to_owned(),
            version: release.version.clone(),
            format: "verity",
        }
    }

    /// Packs and signs a bundle; the kernels are files beside the one image that RAUC writes, and
    /// the boot handler takes its slot's from there.
    pub(crate) fn pack(&self, keys: &Keys, epoch: &str, bundle: &Path) -> Result<()> {
        let tools = Tools::get()?;
        let dir = bundle.with_extension("contents");
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir)?;
        for file in ["root.img", "spanwatch-a.efi", "spanwatch-b.efi"] {
            std::fs::copy(self.parts.join(file), dir.join(file))?;
        }
        std::fs::write(dir.join("manifest.raucm"), self.manifest())?;
        let _ = std::fs::remove_file(bundle);
        let mut rauc = tools.command("rauc");
        rauc.arg("bundle").arg(format!("--cert={}", keys.bundle_cert.display()));
        rauc.arg(format!("--key={}", keys.bundle_key));
        // times are those of SOURCE_DATE_EPOCH
        rauc.arg("--mksquashfs-args=-comp zstd -Xcompression-level 15 -b 131072 -all-root -no-xattrs");
        rauc.arg(&dir).arg(bundle);
        rauc.env("PATH", tools.path()).env("SOURCE_DATE_EPOCH", epoch);
        exec_logged(&mut rauc, &bundle.with_extension("log"))?;
        std::fs::remove_dir_all(&dir)?;
        Ok(())
    }

    fn manifest(&self) -> String {
        format!(
            "[update]\ncompatible={}\nversion={}\ndescription=Spanwatch {}\n\n[bundle]\nformat={}\n\n[image.rootfs]\nfilename=root.img\n",
            self.compatible, self.version, self.version, self.format
        )
    }
}
