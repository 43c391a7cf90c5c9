//! `storage DEVICE` prepares the data partition before it is mounted; systemd mounts it afterwards.
//! `storage request-reset FILE` notes a factory reset, `storage reset DEVICE` carries it out.
//! `storage forget-password` removes a password of the recovery system that was taken over.

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};
use storage::password;
use storage::reset::{self, Identity};

const USAGE: &str =
    "usage: storage DEVICE | storage reset DEVICE | storage request-reset FILE | storage forget-password";

fn command(args: &[&str]) -> Result<()> {
    match args {
        ["reset", device] => reset::carry_out(&Identity::of_this_box(), Path::new(device)),
        ["request-reset", file] => reset::request(&Identity::of_this_box(), &reset::read(Path::new(file))?),
        ["forget-password"] => password::forget(&Identity::of_this_box()),
        [device] => storage::prepare(Path::new(device)),
        _ => bail!("{USAGE}"),
    }
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match command(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // <3>: an error for the journal
            eprintln!("<3>{error:#}");
            ExitCode::FAILURE
        }
    }
}
