//! What can be wrong with what an exporter sends.

use serde::{Deserialize, Serialize};

/// Why a datagram, or a part of it, was not decoded. What comes before the fault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum ErrorKind {
    /// The datagram ends within its header.
    TooShort,
    /// It is no NetFlow v1, v5, v7, v9, IPFIX or sFlow v5.
    UnknownVersion,
    /// The header's count or length contradicts the datagram's length.
    BadLength,
    /// A set's length is less than its header or goes beyond the datagram.
    BadSet,
    /// A set has an identifier that is reserved.
    ReservedSet,
    /// A template contradicts itself or its set, or its records would have no octets.
    BadTemplate,
    /// A template has more fields than the limit.
    TemplateTooLarge,
    /// A record's variable-length field goes beyond its set.
    BadRecord,
    /// Data came for which no template is known. It is kept for a while.
    NoTemplate,
    /// Data was given up whose template did not come in time, or for which there was no room.
    TemplateNeverCame,
    /// An sFlow sample or one of its records contradicts its length.
    BadSample,
    /// The header of a sampled packet is no sound frame, or of a kind that is not dissected.
    BadHeader,
    /// The exporter is new, and there is no room for another.
    TooManyExporters,
}

impl ErrorKind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 13] = [
        Self::TooShort,
        Self::UnknownVersion,
        Self::BadLength,
        Self::BadSet,
        Self::ReservedSet,
        Self::BadTemplate,
        Self::TemplateTooLarge,
        Self::BadRecord,
        Self::NoTemplate,
        Self::TemplateNeverCame,
        Self::BadSample,
        Self::BadHeader,
        Self::TooManyExporters,
    ];

    /// A name for tables: snake_case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TooShort => "too_short",
            Self::UnknownVersion => "unknown_version",
            Self::BadLength => "bad_length",
            Self::BadSet => "bad_set",
            Self::ReservedSet => "reserved_set",
            Self::BadTemplate => "bad_template",
            Self::TemplateTooLarge => "template_too_large",
            Self::BadRecord => "bad_record",
            Self::NoTemplate => "no_template",
            Self::TemplateNeverCame => "template_never_came",
            Self::BadSample => "bad_sample",
            Self::BadHeader => "bad_header",
            Self::TooManyExporters => "too_many_exporters",
        }
    }
}

/// Errors counted by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ErrorCounts([u64; ErrorKind::ALL.len()]);

impl ErrorCounts {
    pub(crate) fn count(&mut self, kind: ErrorKind) {
        self.add(kind, 1);
    }

    pub(crate) fn add(&mut self, kind: ErrorKind, n: u64) {
        if let Some(counter) = self.0.get_mut(kind as usize) {
            *counter += n;
        }
    }

    /// How many of a kind.
    #[must_use]
    pub fn of(&self, kind: ErrorKind) -> u64 {
        self.0.get(kind as usize).copied().unwrap_or(0)
    }

    /// The kinds that happened, and how often.
    pub fn iter(&self) -> impl Iterator<Item = (ErrorKind, u64)> + '_ {
        ErrorKind::ALL
            .into_iter()
            .map(|kind| (kind, self.of(kind)))
            .filter(|(_, n)| *n > 0)
    }

    /// All kinds together.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

/// Why saved state cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It is no saved state of a decoder.
    #[error("this is no saved decoder state (it does not begin with SWDS); exporters' next templates replace it")]
    Magic,
    /// Another version wrote it.
    #[error(
        "saved decoder state has version {found}; this program reads {known}; exporters' next templates replace it"
    )]
    Version {
        /// Its version.
        found: u16,
        /// The one that can be read.
        known: u16,
    },
    /// It is damaged.
    #[error("saved decoder state is damaged ({what}); exporters' next templates replace it")]
    Damaged {
        /// What does not agree.
        what: &'static str,
    },
}
