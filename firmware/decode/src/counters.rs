//! Counter samples of sFlow v5 (sflow_version_5.txt, sflow_host.txt): typed, and as fields.

use model::InterfaceDetail;
use serde::{Deserialize, Serialize};

use crate::wire::{Reader, number};

/// What a sample is taken from: an interface (class 0, ifIndex), a VLAN (1), a physical entity (2), or a logical one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct DataSource {
    /// 0 interface, 1 VLAN, 2 physical entity, 3 logical entity.
    pub class: u32,
    /// Its index.
    pub index: u32,
}

/// Totals of an interface since its agent started. `None`: the agent has no such counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct InterfaceCounters {
    /// ifIndex.
    pub index: u32,
    /// ifType (IANAifType-MIB).
    pub kind: u32,
    /// Bit/s.
    pub speed: Option<u64>,
    /// Whether it is up, as the administrator wants it.
    pub admin_up: bool,
    /// Whether it is up.
    pub oper_up: bool,
    /// Octets in, with framing.
    pub in_octets: Option<u64>,
    /// Unicast packets in.
    pub in_unicast: Option<u64>,
    /// Octets out, with framing.
    pub out_octets: Option<u64>,
    /// Unicast packets out.
    pub out_unicast: Option<u64>,
}

/// Totals of a VLAN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct VlanCounters {
    /// The VLAN identifier.
    pub vlan: u32,
    /// Octets.
    pub octets: Option<u64>,
    /// Unicast packets.
    pub unicast: Option<u64>,
    /// Multicast packets.
    pub multicast: Option<u64>,
    /// Broadcast packets.
    pub broadcast: Option<u64>,
    /// Packets discarded.
    pub discards: Option<u64>,
}

/// The processor and memory of a switch or router.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ProcessorCounters {
    /// Busy over 5 s, in hundredths of a percent.
    pub busy_5s: Option<u32>,
    /// Busy over 1 min, in hundredths of a percent.
    pub busy_1m: Option<u32>,
    /// Busy over 5 min, in hundredths of a percent.
    pub busy_5m: Option<u32>,
    /// Octets of memory.
    pub memory_total: Option<u64>,
    /// Octets of memory free.
    pub memory_free: Option<u64>,
}

/// A host, by its own agent.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct HostCounters {
    /// Its name.
    pub name: Option<String>,
    /// Operating system release.
    pub release: Option<String>,
    /// Load averages over 1, 5 and 15 min.
    pub load: Option<[f32; 3]>,
    /// Processors.
    pub processors: Option<u32>,
    /// Seconds up.
    pub uptime: Option<u32>,
    /// Octets of memory.
    pub memory_total: Option<u64>,
    /// Octets of memory free.
    pub memory_free: Option<u64>,
    /// Octets of disk.
    pub disk_total: Option<u64>,
    /// Octets of disk free.
    pub disk_free: Option<u64>,
    /// Octets in over the network.
    pub net_in: Option<u64>,
    /// Octets out over the network.
    pub net_out: Option<u64>,
}

/// A counter sample. Totals since the agent started; `None`: the sample does not say.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CounterSample {
    /// What it counts.
    pub source: DataSource,
    /// The sample's number, of this source.
    pub sequence: u32,
    /// The generic interface counters.
    pub interface: Option<InterfaceCounters>,
    /// The interface's multicasts, errors and Ethernet's own.
    pub detail: InterfaceDetail,
    /// A VLAN's.
    pub vlan: Option<VlanCounters>,
    /// The processor's.
    pub processor: Option<ProcessorCounters>,
    /// A host's.
    pub host: Option<HostCounters>,
}

/// The widths of a structure's fields, whose elements are numbered from `first` on.
pub(crate) struct Layout {
    pub(crate) first: u16,
    pub(crate) widths: &'static [u8],
}

/// A width that means a string or opaque: its length in four octets, padded to four.
pub(crate) const OPAQUE: u8 = 0;

/// The fields of the standard counter structures.
pub(crate) const fn layout(format: u32) -> Option<Layout> {
    let (first, widths): (u16, &[u8]) = match format {
        1 => (100, &[4, 4, 8, 4, 4, 8, 4, 4, 4, 4, 4, 4, 8, 4, 4, 4, 4, 4, 4]),
        2 => (120, &[4; 13]),
        5 => (140, &[4, 8, 4, 4, 4, 4]),
        1_001 => (150, &[4, 4, 4, 8, 8]),
        2_000 => (160, &[OPAQUE, 16, 4, 4, OPAQUE]),
        2_003 => (170, &[4; 20]),
        2_004 => (200, &[8, 8, 8, 8, 8, 8, 8, 4, 4, 4, 4]),
        2_005 => (220, &[8, 8, 4, 4, 8, 4, 4, 8, 4]),
        2_006 => (230, &[8, 4, 4, 4, 8, 4, 4, 4]),
        _ => return None,
    };
    Some(Layout { first, widths })
}

impl CounterSample {
    /// Takes a structure of a counter sample; `None` where it is shorter than it has to be.
    pub(crate) fn take(&mut self, format: u32, body: &[u8]) -> Option<()> {
        let mut fields = Reader::new(body);
        match format {
            1 => self.generic(&mut fields),
            2 => self.ethernet(&mut fields),
            5 => {
                self.vlan = Some(VlanCounters {
                    vlan: fields.u32()?,
                    octets: count64(&mut fields)?,
                    unicast: count32(&mut fields)?,
                    multicast: count32(&mut fields)?,
                    broadcast: count32(&mut fields)?,
                    discards: count32(&mut fields)?,
                });
                Some(())
            }
            1_001 => {
                let mut busy = || fields.u32().map(|n| Some(n).filter(|n| *n != u32::MAX));
                self.processor = Some(ProcessorCounters {
                    busy_5s: busy()?,
                    busy_1m: busy()?,
                    busy_5m: busy()?,
                    memory_total: count64(&mut fields)?,
                    memory_free: count64(&mut fields)?,
                });
                Some(())
            }
            2_000..=2_006 => self.host(format, &mut fields),
            _ => Some(()),
        }
    }

    fn generic(&mut self, fields: &mut Reader<'_>) -> Option<()> {
        let (index, kind, speed) = (fields.u32()?, fields.u32()?, fields.u64()?);
        let (_direction, status) = (fields.u32()?, fields.u32()?);
        let mut interface = InterfaceCounters {
            index,
            kind,
            speed: Some(speed).filter(|speed| *speed != 0 && *speed != u64::MAX),
            admin_up: status & 1 != 0,
            oper_up: status & 2 != 0,
            in_octets: count64(fields)?,
            in_unicast: count32(fields)?,
            ..InterfaceCounters::default()
        };
        let detail = &mut self.detail;
        detail.in_multicast = count32(fields)?;
        detail.in_broadcast = count32(fields)?;
        detail.in_discards = count32(fields)?;
        detail.in_errors = count32(fields)?;
        detail.in_unknown = count32(fields)?;
        interface.out_octets = count64(fields)?;
        interface.out_unicast = count32(fields)?;
        detail.out_multicast = count32(fields)?;
        detail.out_broadcast = count32(fields)?;
        detail.out_discards = count32(fields)?;
        detail.out_errors = count32(fields)?;
        self.interface = Some(interface);
        Some(())
    }

    fn ethernet(&mut self, fields: &mut Reader<'_>) -> Option<()> {
        let detail = &mut self.detail;
        detail.alignment_errors = count32(fields)?;
        detail.fcs_errors = count32(fields)?;
        let (single, multiple) = (count32(fields)?, count32(fields)?);
        detail.collisions = single.zip(multiple).map(|(single, multiple)| single + multiple);
        // SQE test errors, deferred transmissions.
        fields.take(8)?;
        detail.late_collisions = count32(fields)?;
        // Excessive collisions, internal transmit errors, carrier sense errors.
        fields.take(12)?;
        detail.oversize = count32(fields)?;
        Some(())
    }

    fn host(&mut self, format: u32, fields: &mut Reader<'_>) -> Option<()> {
        let host = self.host.get_or_insert_default();
        match format {
            2_000 => {
                let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
                host.name = opaque(fields).map(text);
                // UUID, machine type, operating system.
                fields.take(24)?;
                host.release = opaque(fields).map(text);
            }
            2_003 => {
                let mut float = || fields.u32().map(f32::from_bits);
                host.load = Some([float()?, float()?, float()?]);
                fields.take(8)?;
                host.processors = fields.u32();
                fields.take(4)?;
                host.uptime = fields.u32();
            }
            2_004 => (host.memory_total, host.memory_free) = (fields.u64(), fields.u64()),
            2_005 => (host.disk_total, host.disk_free) = (fields.u64(), fields.u64()),
            2_006 => {
                host.net_in = fields.u64();
                fields.take(12)?;
                host.net_out = fields.u64();
            }
            _ => {}
        }
        Some(())
    }
}

/// A string or opaque: its length, its octets, padding to a multiple of four.
pub(crate) fn opaque<'a>(fields: &mut Reader<'a>) -> Option<&'a [u8]> {
    let length = usize::try_from(fields.u32()?).ok()?;
    let octets = fields.take(length)?;
    let padding = length.wrapping_neg() & 3;
    // The last one of a structure is not always padded.
    fields.take(padding.min(fields.len()))?;
    Some(octets)
}

/// A counter of four octets; all ones say that the agent has it not.
fn count32(fields: &mut Reader<'_>) -> Option<Option<u64>> {
    let octets = fields.take(4)?;
    Some(Some(number(octets)).filter(|n| *n != u64::from(u32::MAX)))
}

fn count64(fields: &mut Reader<'_>) -> Option<Option<u64>> {
    Some(Some(fields.u64()?).filter(|n| *n != u64::MAX))
}
