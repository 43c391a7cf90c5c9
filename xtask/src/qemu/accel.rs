//! Which accelerator works here: /dev/kvm may exist and still crash every guest.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::cache;
use crate::step::step;

/// How QEMU runs the guest's processors.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Accel {
    /// The host's own processors.
    Kvm,
    /// Translated code.
    Tcg,
}

impl Accel {
    pub(super) fn option(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg,thread=multi,tb-size=512",
        }
    }

    pub(super) fn cpu(self) -> &'static str {
        match self {
            Self::Kvm => "host",
            Self::Tcg => "max",
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Kvm => "KVM",
            Self::Tcg => "TCG, no KVM here",
        }
    }
}

/// KVM when a trial guest reaches the firmware's boot manager under it, else TCG. The trial's
/// result is kept until this machine boots again.
pub(super) fn choose() -> Result<Accel> {
    if std::fs::File::options()
        .read(true)
        .write(true)
        .open("/dev/kvm")
        .is_err()
    {
        return Ok(Accel::Tcg);
    }
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let kept = cache::dir()?.join(format!("accel-{}", boot.trim()));
    match std::fs::read_to_string(&kept).as_deref() {
        Ok("kvm") => return Ok(Accel::Kvm),
        Ok("tcg") => return Ok(Accel::Tcg),
        _ => {}
    }
    let works = step("kvm", "try whether a guest runs under KVM (at most 10 s)", trial)?;
    std::fs::write(kept, if works { "kvm" } else { "tcg" })?;
    Ok(if works { Accel::Kvm } else { Accel::Tcg })
}

fn trial() -> Result<bool> {
    let log = crate::build_dir()?.join("kvm-trial.log");
    let _ = std::fs::remove_file(&log);
    let mut child = Command::new("qemu-system-x86_64")
        .args([
            "-machine",
            "q35",
            "-accel",
            "kvm",
            "-cpu",
            "host",
            "-smp",
            "2",
            "-m",
            "256M",
            "-nodefaults",
        ])
        .args(["-display", "none", "-net", "none"])
        .args([
            "-drive",
            &format!("if=pflash,format=raw,unit=0,readonly=on,file={}", super::OVMF),
        ])
        .args([
            "-drive",
            &format!("if=pflash,format=raw,unit=1,snapshot=on,file={}", super::OVMF_VARS),
        ])
        .args(["-serial", &format!("file:{}", log.display())])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let began = Instant::now();
    let mut works = false;
    while began.elapsed() < Duration::from_secs(10) && child.try_wait()?.is_none() {
        let text = std::fs::read(&log).unwrap_or_default();
        works = String::from_utf8_lossy(&text).contains("BdsDxe");
        if works {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let _ = child.kill();
    child.wait()?;
    Ok(works)
}
