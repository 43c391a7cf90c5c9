//! A packet that becomes a record that a question finds.

use std::time::Duration;

use api::analyzer::RecordsQuery;
use api::client::Client;
use api::collector::{SelfTestAnswer, SelfTestRequest};
use model::{LinkId, Scope};

/// How often the analyzer is asked for the record, and the pause in between.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(250);

/// Sends a packet through all stages.
///
/// # Errors
/// Says in words which stage does not work.
pub(crate) async fn check(client: &Client) -> Result<(), String> {
    let sent = client.call(SelfTestRequest {}).await.map_err(|e| e.to_string())?;
    for _ in 0..TRIES {
        if found(client, &sent).await? {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
    let seconds = (TRIES * PAUSE).as_secs();
    Err(format!(
        "a packet that was metered is not found among the records after {seconds} s"
    ))
}

async fn found(client: &Client, sent: &SelfTestAnswer) -> Result<bool, String> {
    let query = RecordsQuery {
        from: sent.time,
        to: None,
        limit: 16,
        scope: Some(Scope::Link(LinkId::SELF_TEST)),
        interface: None,
    };
    let records = client.call(query).await.map_err(|e| e.to_string())?.records;
    Ok(records
        .iter()
        .any(|record| record.start == sent.time && record.src_port == sent.source_port))
}
