//! `make run`: the whole product on this machine.
use anyhow::Result;

/// Builds everything, boots it and replays a capture into it.
pub(crate) fn run(_args: &[String]) -> Result<()> {
    anyhow::bail!("run")
}
