//! A packet of our own, through the stages that frames from the wire go through: what shows that they work.

use std::net::Ipv4Addr;
use std::sync::Arc;

use api::collector::SelfTestAnswer;
use capture::{Frame, TPID};
use dissect::l7::Names;
use model::{LinkId, Timestamp};

use crate::output::Output;
use crate::pipeline::{Part, Pipeline};
use crate::plan::PortPlan;
use crate::port::packer::Packer;

/// From and to: addresses for documentation (RFC 5737), which no network has.
const SOURCE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const DESTINATION: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);
/// The discard service (RFC 863).
const DISCARD: u16 = 9;
/// The first of the ports for short-lived use (RFC 6335), and how many there are.
const FIRST_PORT: u16 = 49_152;
const PORTS: u64 = 16_384;
/// Nanoseconds.
const MILLISECOND: u64 = 1_000_000;

/// A packet's way through dissection and metering: the block with its record, and what the record is known by.
///
/// # Errors
/// Says what did not work.
pub(crate) fn run(now: Timestamp) -> Result<(SelfTestAnswer, Output), String> {
    // Whole milliseconds, which every format keeps.
    let now = Timestamp::from_nanos(now.as_nanos() / MILLISECOND * MILLISECOND);
    let port = FIRST_PORT + u16::try_from(now.as_nanos() / MILLISECOND % PORTS).unwrap_or(0);
    let data = packet(port);
    let mut pipeline = Pipeline::new(PortPlan::of_self_test(), Arc::new(Names::new(1)), now);
    pipeline.frames(std::iter::once(Frame {
        time: now,
        link_type: 1,
        data: &data,
        wire_len: u32::try_from(data.len()).unwrap_or(u32::MAX),
        vlan_tci: None,
        vlan_tpid: TPID,
    }));
    pipeline.finish();
    let mut packer = Packer::default();
    for part in pipeline.take() {
        if let Part::Records(records) = part {
            packer.records(records);
        }
    }
    packer.flush_records();
    let block = packer
        .take()
        .pop()
        .ok_or("the packet of the self-test became no record")?;
    let answer = SelfTestAnswer {
        time: now,
        source: SOURCE.into(),
        destination: DESTINATION.into(),
        source_port: port,
        link: LinkId::SELF_TEST,
    };
    Ok((answer, block))
}

/// An Ethernet frame with a UDP datagram of 18 octets.
fn packet(port: u16) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0];
    let mut header = vec![0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17, 0, 0];
    header.extend(SOURCE.octets());
    header.extend(DESTINATION.octets());
    let sum: u32 = header
        .chunks(2)
        .map(|pair| pair.iter().fold(0, |word, octet| word << 8 | u32::from(*octet)))
        .sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let check = !u16::try_from((folded & 0xffff) + (folded >> 16)).unwrap_or(0);
    header.splice(10..12, check.to_be_bytes());
    frame.extend(header);
    for word in [port, DISCARD, 26, 0] {
        frame.extend(word.to_be_bytes());
    }
    frame.extend([0; 18]);
    frame
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Block;

    #[test]
    fn the_packet_becomes_the_record_that_the_answer_names() {
        let now = Timestamp::from_nanos(1_700_000_000_123_456_789);
        let (answer, output) = run(now).unwrap();
        let Output::Block(block) = output else {
            panic!("{output:?}")
        };
        let records = Block::parse(block.into_bytes()).unwrap().records().unwrap();
        assert_eq!(records.len(), 1);
        let record = &records[0];
        assert_eq!((record.link, record.start), (LinkId::SELF_TEST, answer.time));
        assert_eq!((record.src_ip, record.dst_ip), (answer.source, answer.destination));
        assert_eq!((record.src_port, record.dst_port), (answer.source_port, DISCARD));
        assert_eq!((record.packets, record.packets_rev), (1, 0));
        assert_eq!(answer.time.as_nanos() % MILLISECOND, 0);
        // Another time, another port.
        let later = run(now.plus_nanos(5_000_000_000)).unwrap().0;
        assert_ne!(later.source_port, answer.source_port);
    }
}
