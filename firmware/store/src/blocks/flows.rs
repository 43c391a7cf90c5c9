//! What an interface's table needs of records: some of a block's columns, at some places.

use std::net::IpAddr;

use model::{App, BlockError, BlockRef, Counters, Dictionary, Field, Observed, Timestamp, Unpacker, Values};

use super::filter::Filter;

/// A record of an interface's exporter, as much of it as a table needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InterfaceRecord {
    /// Time of the first packet.
    pub start: Timestamp,
    /// Time of the last packet.
    pub end: Timestamp,
    /// Source address.
    pub src_ip: IpAddr,
    /// Destination address.
    pub dst_ip: IpAddr,
    /// IP protocol number.
    pub protocol: u8,
    /// The application.
    pub app: App,
    /// ifIndex that the flow came in by.
    pub ingress: Option<u32>,
    /// ifIndex that it left by.
    pub egress: Option<u32>,
    /// On which side it was seen.
    pub observed: Observed,
    /// Forward.
    pub forward: Counters,
    /// In reverse.
    pub reverse: Counters,
}

/// Gives the records of a block that the filter takes to `each`.
pub(super) fn read(
    block: &BlockRef<'_>,
    filter: &Filter,
    unpacker: &mut Unpacker,
    mut each: impl FnMut(&InterfaceRecord),
) -> Result<(), BlockError> {
    let places = match filter.places(block, unpacker)? {
        Some(places) if places.is_empty() => return Ok(()),
        Some(places) => places,
        None => (0..block.len()).collect(),
    };
    let addresses = block.addresses(Dictionary::Addresses, unpacker)?;
    let mut column = |field| {
        let mut values = Values::default();
        unpacker.unpack(&block.column(field)?, &mut values)?;
        Ok::<_, BlockError>(values)
    };
    let (ends, durations) = (column(Field::End)?, column(Field::Duration)?);
    let (sources, destinations) = (column(Field::SrcIp)?, column(Field::DstIp)?);
    let (protocols, apps) = (column(Field::Protocol)?, column(Field::App)?);
    let (ingress, egress) = (column(Field::IngressIf)?, column(Field::EgressIf)?);
    let observed = column(Field::Observed)?;
    let (packets, bytes) = (column(Field::Packets)?, column(Field::Bytes)?);
    let (packets_rev, bytes_rev) = (column(Field::PacketsRev)?, column(Field::BytesRev)?);
    let number = |values: &Values, at| values.get(at).unwrap_or(0);
    let index = |values: &Values, at| values.get(at).and_then(|n| u32::try_from(n).ok());
    for at in &places {
        let at = *at;
        let address = |values: &Values| {
            let place = addresses.get(number(values, at));
            place.ok_or(BlockError::Contents("place of an address"))
        };
        let counters = |packets: &Values, bytes: &Values| Counters {
            packets: number(packets, at),
            bytes: number(bytes, at),
        };
        let narrow = BlockError::Contents("value of a column");
        each(&InterfaceRecord {
            start: Timestamp::from_nanos(number(&ends, at).wrapping_sub(number(&durations, at))),
            end: Timestamp::from_nanos(number(&ends, at)),
            src_ip: address(&sources)?,
            dst_ip: address(&destinations)?,
            protocol: u8::try_from(number(&protocols, at)).map_err(|_| narrow.clone())?,
            app: App::from_number(u16::try_from(number(&apps, at)).map_err(|_| narrow)?),
            ingress: index(&ingress, at),
            egress: index(&egress, at),
            observed: match number(&observed, at) {
                1 => Observed::Ingress,
                2 => Observed::Egress,
                _ => Observed::Unknown,
            },
            forward: counters(&packets, &bytes),
            reverse: counters(&packets_rev, &bytes_rev),
        });
    }
    Ok(())
}
