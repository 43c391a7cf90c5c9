//! What a collector sends to an analyzer: first [`Hello`], then blocks and windows, each
//! acknowledged by its number once it is on disk. The collector keeps what is not acknowledged
//! and sends it again; the analyzer stores a batch once, whatever the number of times it comes.

mod before;

use model::{DeviceFacts, FormerSizes, Gauge, InterfaceMinute, LinkId, Window};
use serde::{Deserialize, Serialize};

pub use before::WindowBefore;

/// The version of this protocol.
pub const VERSION: u32 = 4;

/// What a link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkKind {
    /// A capture port.
    #[default]
    Port,
    /// An exporter: all of its interfaces together.
    Exporter,
}

/// A link as its collector knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkInfo {
    /// The link's number.
    pub id: LinkId,
    /// What it is.
    #[serde(default)]
    pub kind: LinkKind,
    /// The port's name, such as `enp0s3`, or the exporter's.
    pub name: String,
    /// The name that people gave it; may be empty.
    pub label: String,
    /// The capacity in bit/s; `None` where neither settings nor NIC know it.
    pub capacity_bps: Option<u64>,
    /// Whether the port has carrier.
    pub up: bool,
}

/// The number of a batch, unique for ever: the collector's start in nanoseconds since 1970, and a count from then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BatchId {
    /// When the collector started, nanoseconds since 1970.
    pub epoch: u64,
    /// Counts the batches from 1.
    pub sequence: u64,
}

/// A message from the collector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Message {
    /// The first message, and again whenever a link changes; not acknowledged.
    Hello {
        /// [`VERSION`].
        version: u32,
        /// Every link of the collector.
        links: Vec<LinkInfo>,
    },
    /// A block's bytes.
    Block {
        /// The batch's number.
        id: BatchId,
        /// The block, as `model::Block` wrote it.
        #[serde(with = "octets")]
        bytes: Vec<u8>,
    },
    /// Windows that a collector of an older release left in its spool; nobody writes them any more.
    WindowsBefore {
        /// The batch's number.
        id: BatchId,
        /// The windows.
        windows: Vec<WindowBefore<[u64; 7]>>,
    },
    /// What exporters' interfaces carried; parts of the same minute add up.
    Interfaces {
        /// The batch's number.
        id: BatchId,
        /// The parts.
        minutes: Vec<InterfaceMinute>,
    },
    /// Readings of exporters' sensors, processors and storage.
    Gauges {
        /// The batch's number.
        id: BatchId,
        /// The readings.
        gauges: Vec<Gauge>,
    },
    /// What is known of exporters; a part that is there replaces what was known.
    Devices {
        /// The batch's number.
        id: BatchId,
        /// The exporters' links, and what is known.
        devices: Vec<(LinkId, DeviceFacts)>,
    },
    /// A block of log records.
    Logs {
        /// The batch's number.
        id: BatchId,
        /// The block, as `model::LogBlock` wrote it.
        #[serde(with = "octets")]
        bytes: Vec<u8>,
    },
    /// A closed second for live pages, while its batch waits because nothing can be stored; not
    /// acknowledged, and not stored.
    Live {
        /// The window.
        window: Box<Window>,
    },
    /// Windows that a collector of the release before left in its spool, which wrote zero for what nobody measured;
    /// nobody writes them any more.
    WindowsWithZeros {
        /// The batch's number.
        id: BatchId,
        /// The windows.
        windows: Vec<WindowBefore<FormerSizes>>,
    },
    /// Closed windows: of one second from capture ports; of one minute from exporters. Several of the same link and
    /// interval add up.
    Windows {
        /// The batch's number.
        id: BatchId,
        /// The windows.
        windows: Vec<Window>,
    },
}

/// The analyzer's answer to a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Receipt {
    /// On disk.
    Stored {
        /// The batch's number.
        id: BatchId,
    },
    /// Damaged for good (a checksum, a format): do not send it again.
    Refused {
        /// The batch's number.
        id: BatchId,
        /// Why.
        reason: String,
    },
    /// Not now (a full disk): keep it and try again later.
    Later {
        /// The batch's number.
        id: BatchId,
        /// Why.
        reason: String,
    },
}

/// A message or receipt could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("not an ingest message of version {VERSION}: {0}")]
pub struct EncodingError(#[from] postcard::Error);

/// The octets of a message or receipt, for a frame.
///
/// # Errors
/// Never in practice; the encoder's own error.
pub fn encode<T: Serialize>(message: &T) -> Result<Vec<u8>, EncodingError> {
    Ok(postcard::to_stdvec(message)?)
}

/// Reads a message or receipt from a frame.
///
/// # Errors
/// When the octets are no such message.
pub fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, EncodingError> {
    Ok(postcard::from_bytes(bytes)?)
}

/// Octets in one piece: what serde does with a list of numbers looks at each.
mod octets {
    use std::fmt;

    use serde::de::{Error, Visitor};
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(octets: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(octets)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        struct Octets;

        impl Visitor<'_> for Octets {
            type Value = Vec<u8>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("octets")
            }

            fn visit_bytes<E: Error>(self, octets: &[u8]) -> Result<Vec<u8>, E> {
                Ok(octets.to_vec())
            }

            fn visit_byte_buf<E: Error>(self, octets: Vec<u8>) -> Result<Vec<u8>, E> {
                Ok(octets)
            }
        }

        from.deserialize_byte_buf(Octets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blocks_octets_travel_after_their_length() {
        let id = BatchId { epoch: 1, sequence: 2 };
        let bytes = vec![7; 200];
        for (number, message) in [
            (
                1,
                Message::Block {
                    id,
                    bytes: bytes.clone(),
                },
            ),
            (
                6,
                Message::Logs {
                    id,
                    bytes: bytes.clone(),
                },
            ),
        ] {
            let octets = encode(&message).unwrap();
            assert_eq!(octets[..5], [number, 1, 2, 200, 1]);
            assert_eq!(octets[5..], bytes);
            assert_eq!(decode::<Message>(&octets).unwrap(), message);
            assert!(decode::<Message>(&octets[..100]).is_err());
        }
    }
}
