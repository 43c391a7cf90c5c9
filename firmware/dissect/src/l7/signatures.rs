//! Applications by name and by octets.

use std::sync::{Arc, LazyLock};

use model::{App, Confidence};

use super::sample::Sample;

/// Why a text of signatures is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {}

/// Compiled signatures.
#[derive(Debug, Default)]
pub struct Signatures {}

impl Signatures {
    /// The firmware's own.
    #[must_use]
    pub fn builtin() -> Arc<Self> {
        static BUILTIN: LazyLock<Arc<Signatures>> = LazyLock::new(Arc::default);
        Arc::clone(&BUILTIN)
    }

    /// The application of a host's name, by its longest suffix.
    pub(crate) fn by_host(&self, host: &str) -> Option<App> {
        let _ = host;
        None
    }

    /// The application of a flow's first octets.
    pub(crate) fn by_payload(&self, sample: &Sample<'_>) -> Option<(App, Confidence)> {
        let _ = sample;
        None
    }
}
