//! Builds, runs and tests the Spanwatch firmware: `cargo xtask help`.

mod bench;
mod cache;
mod deps;
mod factory;
mod fuzz;
mod image;
mod initramfs;
mod kernel;
mod keys;
mod programs;
mod qemu;
mod release;
mod rootfs;
mod run;
mod sbom;
mod step;
mod suites;
mod web;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "\
cargo xtask COMMAND

  run [--capture FILE]   build everything, boot it in QEMU and replay a capture into it
  image                  leave the disk image, its manifest and kernel.config in build/
  bundle                 the update bundle of the image: build/spanwatch-x86_64-VERSION.raucb
  factory                the image to flash, and the installer for CD, USB stick and network boot
  keys                   make development keys, unless there are some, and say where all are
  test [--long]          everything that CI runs; --long adds the long tests
  test-suite NAME...     only the named suites of `test`
  bench [NAME...]        measure the promised figures beside their peers: flows, export, line, store, image,
                          update
  fuzz [--seconds N] [TARGET...]
                         run the fuzz targets, 180 s each unless told
  deps                   install what the builds and tests need from apt
  kernel                 build the kernel (cached by configuration and source version)
  rootfs                 build the root file system tree
  release                everything of a version for its users, signed, into build/release/
  sbom                   write the bill of materials (CycloneDX) and the licences' texts into build/
  web                    build the console's pages
  programs               build the appliance's programs in release mode
";

/// The repository's root folder.
pub(crate) fn root() -> PathBuf {
    // A build of another checkout by this program, see the suite `reproducible`.
    if let Some(root) = std::env::var_os("SPANWATCH_ROOT") {
        return PathBuf::from(root);
    }
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map(PathBuf::from).unwrap_or(here)
}

/// Where the finished artefacts go: `build/` in the repository.
pub(crate) fn build_dir() -> Result<PathBuf> {
    let dir = root().join("build");
    std::fs::create_dir_all(&dir)?;
    Ok(dir)
}

/// The commands that build something; the others that need Debian's packages ask for them themselves, after they looked at
/// their arguments.
const BUILDS: [&str; 8] = [
    "image", "bundle", "factory", "kernel", "rootfs", "release", "sbom", "programs",
];

fn command(name: &str, rest: &[String]) -> Result<()> {
    if BUILDS.contains(&name) {
        deps::install()?;
    }
    match name {
        "run" => run::run(rest),
        "image" => image::build().map(drop),
        "bundle" => image::bundle::build(&rootfs::Release::current()?).map(drop),
        "factory" => factory::build().map(drop),
        "keys" => keys::command(),
        "test" => suites::test(rest),
        "test-suite" => suites::some(rest),
        "bench" => suites::bench(rest),
        "fuzz" => fuzz::command(rest),
        "deps" => deps::install(),
        "kernel" => kernel::build().map(drop),
        "rootfs" => rootfs::build().map(drop),
        "release" => release::build().map(drop),
        "sbom" => sbom::build().map(drop),
        "web" => web::build(),
        "programs" => programs::build().map(drop),
        "help" | "--help" | "-h" => {
            print!("{USAGE}");
            Ok(())
        }
        other => bail!("unknown command {other:?}\n\n{USAGE}"),
    }
}

fn main() -> ExitCode {
    // The modes of the image's files and folders must not depend on who builds it.
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, rest)) = args.split_first() else {
        eprint!("{USAGE}");
        return ExitCode::from(2);
    };
    match command(name, rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
