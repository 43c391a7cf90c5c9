//! `make run`: the whole product on this machine.

mod replay;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

use crate::qemu::{Forwards, Guest, Machine, Management};
use crate::step::{human, step};
pub(crate) use replay::Replay;

const USAGE: &str = "\
cargo xtask run [OPTION...]

  --capture FILE      replay this pcap or pcapng file (.gz too) instead of tests/captures/office.pcap
  --disk FILE         keep the appliance's disk here instead of build/run/disk.img
  --fresh             start with a new disk: a first boot, setup and all
  --memory MIB        the appliance's memory (2048)
  --exit-when-ready   end as soon as the console answers and one round was replayed
";

struct Options {
    capture: PathBuf,
    disk: PathBuf,
    fresh: bool,
    memory: u32,
    exit_when_ready: bool,
}

impl Options {
    fn parse(args: &[String]) -> Result<Self> {
        let mut options = Self {
            capture: crate::root().join("tests/captures/office.pcap"),
            disk: crate::build_dir()?.join("run/disk.img"),
            fresh: false,
            memory: 2048,
            exit_when_ready: false,
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let mut value = || args.next().with_context(|| format!("{arg} needs a value\n\n{USAGE}"));
            match arg.as_str() {
                "--capture" => options.capture = PathBuf::from(value()?),
                "--disk" => options.disk = PathBuf::from(value()?),
                "--memory" => options.memory = value()?.parse().context("--memory is a number of MiB")?,
                "--fresh" => options.fresh = true,
                "--exit-when-ready" => options.exit_when_ready = true,
                _ => bail!("unknown option {arg:?}\n\n{USAGE}"),
            }
        }
        Ok(options)
    }
}

/// Builds everything, boots it and replays a capture into it until Ctrl-C.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let options = Options::parse(args)?;
    anyhow::ensure!(
        nix::unistd::geteuid().is_root(),
        "this installs packages and builds a root file system, which needs root: run it with sudo"
    );
    // before hours of building: a file that cannot be replayed
    let mut replay = Replay::open(&options.capture)?;
    crate::deps::install()?;
    let image = crate::image::build()?;
    let new = prepare_disk(&options, &image)?;
    let mut guest = Machine::new(&image, options.disk.parent().unwrap_or(Path::new(".")))
        .disk(&options.disk)
        .memory(options.memory)
        .capture_ports(2)
        .management(Management::User(Forwards {
            https: 8443,
            http: 8080,
            ssh: 2222,
            netflow: 2055,
            sflow: 6343,
            syslog: 5514,
            traps: 5162,
        }))
        .start()?;
    step(
        "boot",
        format!("QEMU ({}), 2 processors, {} MiB", guest.accel(), options.memory),
        || guest.wait_for_https(Duration::from_secs(300)).map(drop),
    )?;
    eprintln!("    the console answered {} after power-on", human(guest.uptime()));
    announce(&mut guest, &options, new)?;

    // until here Ctrl-C ends us, and the guest with us; from here on the guest is shut down in order
    let mut stop = SigSet::empty();
    stop.add(Signal::SIGINT);
    stop.add(Signal::SIGTERM);
    stop.thread_block()?;
    let stop = SignalFd::with_flags(&stop, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
    let stopped = || stop.read_signal().is_ok_and(|signal| signal.is_some());

    while !stopped() {
        if let Err(error) = guest.poll("the guest", Duration::ZERO, |_| Some(())) {
            bail!("the appliance is gone: {error:#}");
        }
        let whole = replay.step(|frame| guest.inject_frame(0, frame), Duration::from_millis(200))?;
        if whole && options.exit_when_ready {
            break;
        }
    }
    step("stop", "shut the appliance down", || {
        guest.shut_down(Duration::from_secs(30))
    })
}

/// Removes the disk of an older image (or any, when asked to), and tells whether this is a first boot.
fn prepare_disk(options: &Options, image: &Path) -> Result<bool> {
    let dir = options.disk.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let outdated = || -> Result<bool> {
        Ok(image.metadata()?.modified()? > options.disk.with_extension("vars.fd").metadata()?.created()?)
    };
    if options.disk.exists() && (options.fresh || outdated().unwrap_or(true)) {
        let why = if options.fresh {
            "asked for"
        } else {
            "the image is newer than the disk"
        };
        eprintln!("==> disk: new ({why})");
        std::fs::remove_file(&options.disk)?;
        let _ = std::fs::remove_file(options.disk.with_extension("vars.fd"));
    }
    let new = !options.disk.exists();
    if !new {
        eprintln!(
            "==> disk: {} is kept from the last run (--fresh starts anew)",
            options.disk.display()
        );
    }
    Ok(new)
}

fn announce(guest: &mut Guest, options: &Options, new: bool) -> Result<()> {
    let ports = guest.forwards()?;
    let code = if new {
        guest.wait_for("Setup code:", Duration::from_secs(60)).ok()
    } else {
        guest.serial().rfind("Setup code:").and_then(|at| {
            guest
                .serial()
                .get(at..)
                .and_then(|text| text.lines().next().map(str::to_owned))
        })
    };
    println!();
    println!("  Console     https://127.0.0.1:{}", ports.https);
    match code {
        Some(line) => println!(
            "  {}  (asked for by the setup wizard)",
            line.trim().replacen("Setup code:", "Setup code ", 1)
        ),
        None => println!("  Setup       done on an earlier run; --fresh starts anew"),
    }
    println!(
        "  HTTP        http://127.0.0.1:{} (redirects to port 443, as on the box)",
        ports.http
    );
    println!("  SSH         ssh -p {} admin@127.0.0.1  (after the wizard)", ports.ssh);
    println!(
        "  Replaying   {} into the first capture port",
        options.capture.display()
    );
    println!("  Stop        Ctrl-C; the disk stays in {}", options.disk.display());
    println!();
    Ok(())
}
