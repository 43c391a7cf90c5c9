//! Prints how a collector is, as JSON: `status RUN_DIR`.

use api::client::Client;
use api::collector::StatusQuery;

fn main() -> anyhow::Result<()> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| api::RUN_DIR.to_owned());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let status = runtime.block_on(Client::new(std::path::Path::new(&folder)).call(StatusQuery {}))?;
    println!("{}", serde_json::to_string(&status)?);
    Ok(())
}
