//! Asks the appliance's programs and waits.

use api::client::{CallError, Client};
use api::{Call, RUN_DIR};
use settings::Language;

/// A connection to the programs of this box.
pub(crate) struct Appliance {
    runtime: tokio::runtime::Runtime,
    client: Client,
}

impl Appliance {
    /// Asks the programs whose sockets are in the usual place (`SPANWATCH_RUN` names another).
    pub(crate) fn new() -> std::io::Result<Self> {
        let run = std::env::var_os("SPANWATCH_RUN").unwrap_or_else(|| RUN_DIR.into());
        Ok(Self {
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build()?,
            client: Client::new(run),
        })
    }

    /// Asks and waits for the answer.
    pub(crate) fn ask<C: Call>(&self, call: C) -> Result<C::Answer, CallError> {
        self.runtime.block_on(self.client.call(call))
    }

    /// Does several things with the programs.
    pub(crate) fn run<T>(&self, work: impl AsyncFnOnce(&Client) -> T) -> T {
        self.runtime.block_on(work(&self.client))
    }
}

/// An error for people, in their language as far as there is one.
pub(crate) fn explain(error: &CallError, language: Language) -> String {
    match (language, error) {
        (Language::Chinese, CallError::Connect { service, source, .. }) => {
            format!(
                "{} 没有应答（{source}）：可能正在启动，请查看 show services",
                service.name()
            )
        }
        (Language::Chinese, CallError::TimedOut { service }) => format!("{} 超时未应答", service.name()),
        _ => error.to_string(),
    }
}
