//! What `make test` and `make test-long` run: suites of named checks, each with its count.

mod alarms;
mod answers;
mod appliance;
mod bom;
mod browser;
mod builders;
mod check;
mod chips;
mod disk;
mod exporters;
mod factory;
mod faults;
mod field;
mod figures;
mod flows;
mod fuzzing;
mod hardware;
mod kills;
mod lan;
mod layer7;
mod metrics;
mod playback;
mod ports;
mod reproducible;
mod session;
mod sources;
mod tally;
mod trust;
mod unit;
mod update;

use std::time::Instant;

use anyhow::{Result, bail};

use crate::step::human;
use tally::Tally;

/// A suite: its name, what it is about, whether only `--long` runs it, and its checks.
struct Suite {
    name: &'static str,
    about: &'static str,
    long: bool,
    run: fn(&mut Tally) -> Result<()>,
}

const SUITES: &[Suite] = &[
    Suite {
        name: "check",
        about: "format, lints, licences, the tree itself",
        long: false,
        run: check::run,
    },
    Suite {
        name: "builders",
        about: "what the two image builders declare",
        long: false,
        run: builders::run,
    },
    Suite {
        name: "unit",
        about: "every crate's tests",
        long: false,
        run: unit::run,
    },
    Suite {
        name: "answers",
        about: "the record store's answers beside nfdump's, on a million records",
        long: false,
        run: answers::run,
    },
    Suite {
        name: "fuzz",
        about: "each fuzz target, a bounded number of inputs",
        long: false,
        run: fuzzing::run,
    },
    Suite {
        name: "kernel",
        about: "fragment, hardening",
        long: false,
        run: check::kernel,
    },
    Suite {
        name: "image",
        about: "image, sizes, sandboxes",
        long: false,
        run: check::image,
    },
    Suite {
        name: "sbom",
        about: "the bill of materials and the licences",
        long: false,
        run: bom::run,
    },
    Suite {
        name: "appliance",
        about: "the booted image, its console in a browser, its command line",
        long: false,
        run: appliance::run,
    },
    Suite {
        name: "hardware",
        about: "the hardware monitor on the booted image, and what it costs",
        long: true,
        run: hardware::run,
    },
    Suite {
        name: "chips",
        about: "the hardware monitor on a kernel with simulated chips, disks and ports",
        long: true,
        run: chips::run,
    },
    Suite {
        name: "ivybridge",
        about: "the image on the oldest supported processor",
        long: false,
        run: appliance::ivy_bridge,
    },
    Suite {
        name: "ports",
        about: "nmap over IPv4 and IPv6",
        long: false,
        run: ports::run,
    },
    Suite {
        name: "trust",
        about: "Secure Boot, what it refuses, and the fallback to the other slot",
        long: false,
        run: trust::run,
    },
    Suite {
        name: "faults",
        about: "a full disk, a damaged one, a power cut",
        long: false,
        run: faults::run,
    },
    Suite {
        name: "decay",
        about: "a byte of the root that only a late reader meets",
        long: true,
        run: trust::late,
    },
    Suite {
        name: "reproducible",
        about: "a second build in another folder",
        long: true,
        run: reproducible::run,
    },
    Suite {
        name: "looks",
        about: "the booted image again, every page in every language and appearance",
        long: true,
        run: appliance::every_look,
    },
    Suite {
        name: "update",
        about: "firmware updates: refused, good, rolled back",
        long: false,
        run: update::run,
    },
    Suite {
        name: "sources",
        about: "bundles from USB sticks and web servers, good and hostile ones",
        long: true,
        run: sources::run,
    },
    Suite {
        name: "hang",
        about: "a hung kernel, a kernel that fails: restarted, and counted",
        long: true,
        run: sources::hang,
    },
    Suite {
        name: "update-back",
        about: "firmware updates: back and forth, and the version floor",
        long: true,
        run: update::back,
    },
    Suite {
        name: "update-chain",
        about: "firmware updates: settings and records over a trial and back",
        long: true,
        run: update::chain,
    },
    Suite {
        name: "kills",
        about: "power cuts in every phase of an update, with lost writes",
        long: true,
        run: kills::run,
    },
    Suite {
        name: "factory",
        about: "the installer from CD and USB stick, and what it installed",
        long: true,
        run: factory::run,
    },
    Suite {
        name: "factory-more",
        about: "the installer on used, too small and failing disks, arrays, network boot",
        long: true,
        run: factory::more,
    },
    Suite {
        name: "field",
        about: "factory reset, recovery with a bundle from a stick, a lost password",
        long: true,
        run: field::run,
    },
    Suite {
        name: "field-long",
        about: "power cuts in a reset, the boot menu, the management network with its way back",
        long: true,
        run: field::long,
    },
    Suite {
        name: "power",
        about: "power cut at many moments",
        long: true,
        run: faults::power,
    },
];

/// `cargo xtask test [--long]`.
pub(crate) fn test(args: &[String]) -> Result<()> {
    let long = match args {
        [] => false,
        [flag] if flag == "--long" => true,
        _ => bail!("test takes --long or nothing; `test-suite NAME` runs one suite"),
    };
    crate::deps::install()?;
    run(SUITES.iter().filter(|suite| long || !suite.long))
}

/// `cargo xtask test-suite NAME...`.
pub(crate) fn some(names: &[String]) -> Result<()> {
    let known = || SUITES.iter().map(|suite| suite.name).collect::<Vec<_>>().join(", ");
    if names.is_empty() {
        bail!("name a suite: {}", known());
    }
    if let Some(name) = names
        .iter()
        .find(|name| SUITES.iter().all(|suite| suite.name != name.as_str()))
    {
        bail!("there is no suite {name:?}; there are: {}", known());
    }
    run(SUITES
        .iter()
        .filter(|suite| names.iter().any(|name| name == suite.name)))
}

/// `cargo xtask bench [NAME...]`.
pub(crate) fn bench(names: &[String]) -> Result<()> {
    crate::deps::install()?;
    figures::print(names)
}

fn run<'a>(suites: impl Iterator<Item = &'a Suite>) -> Result<()> {
    let mut rows = Vec::new();
    let mut all = Tally::default();
    for suite in suites {
        eprintln!("==> suite {}: {}", suite.name, suite.about);
        let began = Instant::now();
        let mut tally = Tally::default();
        if let Err(error) = (suite.run)(&mut tally) {
            tally.fail(suite.name, &format!("{error:#}"));
        }
        rows.push(format!(
            "{:<12} {:>6} {:>6} {:>7}  {}",
            suite.name,
            tally.passed,
            tally.failed(),
            tally.skipped,
            human(began.elapsed())
        ));
        all.join(tally);
    }
    println!(
        "\n{:<12} {:>6} {:>6} {:>7}  time",
        "suite", "passed", "failed", "skipped"
    );
    for row in rows {
        println!("{row}");
    }
    for failure in &all.failures {
        println!("\nFAILED {failure}");
    }
    println!("\n{} passed, {} failed", all.passed, all.failed());
    if all.failed() > 0 {
        bail!("{} checks failed", all.failed());
    }
    Ok(())
}
