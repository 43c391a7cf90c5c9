//! The boot handler: `slots` answers RAUC's custom boot loader protocol and the supervisor.
//!
//! Mounts the EFI system partition of the disk that runs, only for the moment of one command.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use slots::mounted::{self, Mounted};
use slots::{Esp, Slot};

const USAGE: &str = "\
slots COMMAND

  get-primary                 the slot that starts next: A or B
  set-primary SLOT            starts that slot next: with the kernel of the mounted bundle, else with its own
  get-state SLOT              good or bad
  set-state SLOT good|bad     gives the slot its three tries, or none
  get-current                 the slot that runs
  status                      all of it as JSON
  settle                      what every boot does first: a slot that failed comes last from now on
  mark-good                   reads the whole root, then gives the running slot its tries back
  raise-floor                 keeps the release's version floor with the box's identity
";

/// Where RAUC mounts a bundle, when it does not say.
const BUNDLE: &str = "/run/rauc/bundle";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match command(&args) {
        Ok(answer) => {
            print!("{answer}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("slots: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn command(args: &[&str]) -> Result<String> {
    match args {
        ["get-primary"] => {
            let esp = Mounted::read_only()?.listing()?;
            let primary = esp
                .primary()
                .context("no slot has a kernel: flash the appliance anew")?;
            Ok(format!("{}\n", primary.slot))
        }
        ["get-current"] => Ok(format!("{}\n", booted()?.context("the command line names no slot")?)),
        ["get-state", slot] => {
            let good = Mounted::read_only()?.listing()?.good(slot.parse()?);
            Ok(String::from(if good { "good\n" } else { "bad\n" }))
        }
        ["status"] => {
            let status = Mounted::read_only()?.listing()?.status(booted()?);
            Ok(format!("{}\n", serde_json::to_string(&status)?))
        }
        ["set-state", slot, "good"] => mark_good(slot.parse()?),
        ["set-state", slot, "bad"] => {
            let slot = slot.parse()?;
            change(|esp| Ok(esp.mark_bad(slot)))
        }
        ["set-primary", slot] => set_primary(slot.parse()?),
        ["mark-good"] => {
            read_root(Path::new("/dev/dm-0"))?;
            mark_good(booted()?.context("the command line names no slot: this boot cannot be marked good")?)
        }
        ["settle"] => match booted()? {
            Some(slot) => change(|esp| Ok(esp.settle(slot))),
            None => Ok(String::new()),
        },
        ["raise-floor"] => mounted::raise_floor(),
        ["help" | "--help"] => Ok(USAGE.to_owned()),
        _ => bail!("unknown command {args:?}\n\n{USAGE}"),
    }
}

fn change(plan: impl FnOnce(&Esp) -> Result<Vec<slots::Step>, slots::Refused>) -> Result<String> {
    let mut mounted = Mounted::read_only()?;
    let steps = plan(&mounted.listing()?)?;
    if !steps.is_empty() {
        mounted.carry_out(&steps, None)?;
    }
    Ok(String::new())
}

fn mark_good(slot: Slot) -> Result<String> {
    change(|esp| esp.mark_good(slot))
}

fn set_primary(slot: Slot) -> Result<String> {
    let bundle = std::env::var_os("RAUC_BUNDLE_MOUNT_POINT").map_or_else(|| PathBuf::from(BUNDLE), PathBuf::from);
    let kernel = bundle.join(format!("spanwatch-{}.efi", slot.letter()));
    if !kernel.exists() {
        return change(|esp| esp.activate(slot));
    }
    let mut mounted = Mounted::read_only()?;
    let steps = mounted.listing()?.install(slot, booted()?)?;
    mounted.carry_out(&steps, Some(&kernel))?;
    Ok(String::new())
}

/// The slot in the kernel's command line; none when it names none.
fn booted() -> Result<Option<Slot>> {
    let line = std::fs::read_to_string("/proc/cmdline").context("cannot read the kernel's command line")?;
    let slot = line.split_whitespace().find_map(|word| word.strip_prefix("rauc.slot="));
    Ok(slot.map(str::parse).transpose()?)
}

/// Reads the root to its end: a block that does not match its hash stops the machine here, before
/// the boot is called good, and not at some later day when nothing counts the tries.
fn read_root(device: &Path) -> Result<()> {
    let mut root =
        std::fs::File::open(device).with_context(|| format!("cannot read the root through {}", device.display()))?;
    let mut buffer = vec![0; 256 << 10];
    let mut total = 0_u64;
    loop {
        let got = root.read(&mut buffer).context("the root cannot be read to its end")?;
        if got == 0 {
            anyhow::ensure!(total > 0, "{} is empty", device.display());
            return Ok(());
        }
        total += got as u64;
    }
}
