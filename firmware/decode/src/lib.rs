//! NetFlow v1, v5, v7 and v9, IPFIX and sFlow v5: from an exporter's datagram to flow records.
//!
//! Sans-I/O: octets and the time come in, records go out to a [`Sink`]. All that is learnt from
//! exporters (templates, sampling rates, names) lies in the [`Decoder`], apart for every exporter
//! and observation domain, within stated [`Limits`]; it can be saved and loaded.
//!
//! Two faces: [`Sink::flow`] gets [`model::FlowRecord`]s, assembled by a plan that each template is
//! compiled to once; [`Sink::record`] gets every record as it came, element by element, without loss.
#![deny(clippy::indexing_slicing)]

mod apps;
mod assemble;
mod clocks;
mod config;
mod counters;
#[cfg(feature = "craft")]
pub mod craft;
mod decoder;
mod error;
mod exporter;
mod fixed;
mod head;
mod home;
mod job;
mod json;
mod offline;
mod options;
mod parts;
mod plan;
mod record;
mod registry;
mod report;
mod sampling;
mod save;
mod sequence;
mod sflow;
mod sink;
mod slot;
mod store;
mod template;
mod totals;
mod value;
mod wire;

pub use config::{Config, Limits};
pub use counters::{CounterSample, DataSource, HostCounters, InterfaceCounters, ProcessorCounters, VlanCounters};
pub use decoder::Decoder;
pub use error::{ErrorCounts, ErrorKind, LoadError};
pub use exporter::Evictions;
pub use offline::{Datagram, Extractor, looks_exported};
pub use record::{Field, Fields, Kind, List, ListItem, Origin, Record, Version};
pub use registry::{DataType, Element, ElementId, REVERSE, SFLOW, Semantics, V9_SCOPE, enterprise_name};
pub use report::{DomainReport, ExporterReport, InterfaceName, TemplateReport};
pub use sequence::Losses;
pub use sink::Sink;
pub use template::{FieldSpec, Shape, VARIABLE};
pub use totals::Totals;
pub use value::Value;
