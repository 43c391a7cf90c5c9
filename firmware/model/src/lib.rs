//! The values that Spanwatch's stages hand to each other: times, addresses, flow records, windows
//! and the block that carries records on the wire and on disk. No input or output happens here.

mod addr;
mod alarm;
mod app;
mod block;
mod device;
mod export;
mod interface;
mod l7;
mod log;
mod log_block;
mod objects;
mod quality;
mod query;
mod range;
mod record;
mod time;
mod window;

pub use addr::{HomeNetworks, MacAddr, ParsePrefixError, Prefix};
pub use alarm::{Acknowledged, Alarm, AlarmEnd, AlarmSeverity, AlarmSource, AlarmText, AlarmWords, Cleared};
pub use app::App;
pub use block::{
    Addresses, Block, BlockBuilder, BlockError, BlockHashes, BlockOutline, BlockRef, Codes, Column, Dictionary, Field,
    Filter, TextDictionary, Texts, Unpacker, Values, address_hash, address_order, flow_hash,
};
pub use device::{ArpEntry, DeviceFacts, ForwardingEntry, Gauge, GaugeKind, Neighbour, Storage, SystemFacts};
pub use export::{EnterpriseFields, Exported, MplsLabels, Observed, Translated};
pub use interface::{CounterSource, InterfaceDetail, InterfaceFacts, InterfaceId, InterfaceMinute, LinkState};
pub use l7::{Confidence, DetailKey, Details, L7};
pub use log::{LogRecord, LogSource, Severity};
pub use log_block::{Keyword, LogBlock, LogDirectory, LogHead, LogRow, LogRows, LogTexts, fold};
pub use objects::{
    Application, Business, Definitions, Endpoint, EndpointIndex, GroupIndex, InterfaceGroup, IpGroup, LinkGroup,
    ObjectKind, Objects, Place,
};
pub use quality::{Delays, Quality, SideQuality};
pub use query::{
    Answer, AnsweredFrom, Ask, DelaySums, Found, Key, KeyValue, Measure, Order, Progress, QualitySums, Query, Read,
    Scope, SeriesRow, SideSums, Sums, TopRow,
};
pub use range::{AddressRange, ParseAddressRangeError, ParsePortRangeError, PortRange};
pub use record::{Direction, EndReason, FlowRecord, IcmpType};
pub use time::{ParseTimestampError, Timestamp};
pub use window::{
    Conversation, Counters, Dimension, DropCounters, FlowDelta, FormerCounters, FormerLosses, FormerSizes,
    LinkCounters, LinkId, MalformedKind, NicErrors, SizeClass, Split, TopKey, TopTable, Window,
};
