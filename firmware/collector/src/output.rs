//! What the stages give to the uplink.

use api::ingest::{BatchId, Message};
use model::{Block, DeviceFacts, Gauge, InterfaceMinute, LinkId, LogBlock, Window};

/// What leaves a stage.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Output {
    /// Records of a port that were closed.
    Block(Block),
    /// A second of a port that is over.
    Window(Box<Window>),
    /// Records of exporters, and whose they are.
    Records {
        /// The records.
        block: Block,
        /// How many records each exporter has in it.
        shares: Vec<(LinkId, u64)>,
    },
    /// Log records, and whose they are.
    Logs {
        /// The records.
        block: LogBlock,
        /// How many each exporter has in it.
        shares: Vec<(LinkId, u64)>,
    },
    /// Parts of exporters' minutes.
    Windows(Vec<Window>),
    /// Parts of interfaces' minutes.
    Interfaces(Vec<InterfaceMinute>),
    /// Readings of devices.
    Gauges(Vec<Gauge>),
    /// What is known of devices.
    Devices(Vec<(LinkId, DeviceFacts)>),
}

impl Output {
    /// Records in it, flow records and log records alike.
    pub(crate) fn records(&self) -> u64 {
        match self {
            Self::Block(block) | Self::Records { block, .. } => block.len() as u64,
            Self::Logs { block, .. } => block.len() as u64,
            Self::Window(_) | Self::Windows(_) | Self::Interfaces(_) | Self::Gauges(_) | Self::Devices(_) => 0,
        }
    }

    /// Whose the records are; `link` is the stage's own.
    pub(crate) fn shares(&self, link: LinkId) -> Vec<(LinkId, u64)> {
        match self {
            Self::Records { shares, .. } | Self::Logs { shares, .. } => shares.clone(),
            other if other.records() > 0 => vec![(link, other.records())],
            _ => Vec::new(),
        }
    }

    /// The message that carries it.
    pub(crate) fn into_message(self, id: BatchId) -> Message {
        match self {
            Self::Block(block) | Self::Records { block, .. } => Message::Block {
                id,
                bytes: block.into_bytes(),
            },
            Self::Window(window) => Message::Windows {
                id,
                windows: vec![*window],
            },
            Self::Logs { block, .. } => Message::Logs {
                id,
                bytes: block.into_bytes(),
            },
            Self::Windows(windows) => Message::Windows { id, windows },
            Self::Interfaces(minutes) => Message::Interfaces { id, minutes },
            Self::Gauges(gauges) => Message::Gauges { id, gauges },
            Self::Devices(devices) => Message::Devices { id, devices },
        }
    }
}
