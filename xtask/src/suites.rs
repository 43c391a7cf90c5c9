//! `make test`, `make bench`.
use anyhow::Result;

pub(crate) fn test(_args: &[String]) -> Result<()> {
    anyhow::bail!("test")
}
pub(crate) fn some(_args: &[String]) -> Result<()> {
    anyhow::bail!("test-suite")
}
pub(crate) fn bench(_args: &[String]) -> Result<()> {
    anyhow::bail!("bench")
}
