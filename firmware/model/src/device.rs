//! What an exporter says of itself by SNMP.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::{InterfaceFacts, LinkId, MacAddr, Timestamp};

/// What an agent said of its device; each part is replaced as a whole when it was read again.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DeviceFacts {
    /// The system group.
    pub system: Option<SystemFacts>,
    /// Interfaces, by ifIndex; `None` where they were not read.
    pub interfaces: Option<Vec<InterfaceFacts>>,
    /// Neighbours (LLDP); `None` where they were not read or the agent has none of it.
    pub neighbours: Option<Vec<Neighbour>>,
    /// The forwarding database of a bridge.
    pub forwarding: Option<Vec<ForwardingEntry>>,
    /// The ARP and neighbour-discovery tables.
    pub arp: Option<Vec<ArpEntry>>,
    /// Storage (HOST-RESOURCES).
    pub storage: Option<Vec<Storage>>,
}

/// The system group (SNMPv2-MIB).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SystemFacts {
    /// sysDescr.
    pub description: String,
    /// sysObjectID, dotted.
    pub object_id: String,
    /// sysName.
    pub name: String,
    /// sysContact.
    pub contact: String,
    /// sysLocation.
    pub location: String,
    /// When the agent started, by sysUpTime.
    pub up_since: Option<Timestamp>,
}

/// A neighbour by LLDP (IEEE 802.1AB).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Neighbour {
    /// Our device's port: its ifIndex where the agent says so.
    pub local_index: Option<u32>,
    /// Our device's port as text.
    pub local_port: String,
    /// The neighbour's chassis id as text.
    pub chassis: String,
    /// The neighbour's port id as text.
    pub port: String,
    /// The neighbour's port description.
    pub port_description: String,
    /// The neighbour's system name.
    pub system_name: String,
    /// The neighbour's system description.
    pub system_description: String,
    /// The neighbour's management address.
    pub management: Option<IpAddr>,
}

/// A row of a bridge's forwarding database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForwardingEntry {
    /// The hardware address.
    pub mac: MacAddr,
    /// VLAN or filtering database id, where the table has it (Q-BRIDGE).
    pub vlan: Option<u32>,
    /// ifIndex of the port that leads there, where known.
    pub index: Option<u32>,
}

/// A row of an ARP or neighbour-discovery table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArpEntry {
    /// The interface.
    pub index: u32,
    /// The address.
    pub ip: IpAddr,
    /// Its hardware address.
    pub mac: MacAddr,
}

/// A storage area (hrStorageTable). Octets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Storage {
    /// hrStorageDescr.
    pub name: String,
    /// Whether it is memory rather than a disk, where the agent says so.
    pub memory: Option<bool>,
    /// All of it.
    pub total: u64,
    /// In use.
    pub used: u64,
}

/// What a gauge measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum GaugeKind {
    /// Processor load, 0–1 (hrProcessorLoad, ssCpuIdle).
    Cpu = 1,
    /// Memory in use, 0–1.
    Memory = 2,
    /// A storage area in use, 0–1.
    Storage = 3,
    /// Load average over one minute.
    Load = 4,
    /// Temperature in °C.
    Celsius = 5,
    /// Rotations a minute.
    Rpm = 6,
    /// Volts.
    Volts = 7,
    /// Amperes.
    Amperes = 8,
    /// Watts.
    Watts = 9,
    /// Relative humidity, 0–1.
    Humidity = 10,
    /// Power level in dBm (optics).
    Dbm = 11,
    /// Hertz.
    Hertz = 12,
    /// A truth value: 1 or 0.
    Truth = 13,
    /// Any other sensor, in the agent's own unit.
    Other = 14,
}

/// A reading.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gauge {
    /// The exporter.
    pub exporter: LinkId,
    /// When it was read.
    pub at: Timestamp,
    /// What it measures.
    pub kind: GaugeKind,
    /// Which one: the sensor's, processor's or storage area's name; at most 64 characters.
    pub name: String,
    /// The value in the kind's unit.
    pub value: f64,
    /// Whether the agent says that the sensor works; `None` where it does not say.
    pub ok: Option<bool>,
}
