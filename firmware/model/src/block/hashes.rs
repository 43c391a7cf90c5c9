//! What an index of many blocks is made of: the hashes of a block's addresses and 5-tuples, from its columns.

use super::fuse::{address_key, end_of, flow_of};
use super::places::mapped;
use super::{BlockError, BlockRef, Dictionary, Field, Unpacker, Values};

/// Records that are hashed at a time: few enough to stay in the first cache.
const LANES: usize = 512;

/// The hashes of a block's addresses and 5-tuples. Its room is used again by the next block that is read into it.
#[derive(Debug, Default)]
pub struct BlockHashes {
    addresses: Vec<u64>,
    flows: Vec<u64>,
    columns: [Values; 5],
}

impl BlockHashes {
    /// No hashes yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The [`address_hash`]es of the last block's addresses, each once: those of sources and destinations, and those that
    /// they were translated to.
    #[must_use]
    pub fn addresses(&self) -> &[u64] {
        &self.addresses
    }

    /// The [`flow_hash`](super::flow_hash)es of the last block's records, in their order; they repeat where records are
    /// of one conversation.
    #[must_use]
    pub fn flows(&self) -> &[u64] {
        &self.flows
    }

    /// Replaces the hashes by those of a block.
    ///
    /// # Errors
    /// When the block's octets are damaged or contradict its directory; the hashes are of no use then.
    pub fn read(&mut self, block: &BlockRef<'_>, unpacker: &mut Unpacker) -> Result<(), BlockError> {
        self.addresses.clear();
        self.flows.clear();
        let addresses = block.addresses(Dictionary::Addresses, unpacker)?;
        let fours = addresses.fours().iter().map(|four| address_key(mapped(*four)));
        self.addresses.extend(fours);
        let sixes = addresses.sixes().iter().map(|six| address_key(*six));
        self.addresses.extend(sixes);
        let fields = [
            Field::SrcIp,
            Field::DstIp,
            Field::SrcPort,
            Field::DstPort,
            Field::Protocol,
        ];
        for (field, values) in fields.into_iter().zip(&mut self.columns) {
            unpacker.unpack(&block.column(field)?, values)?;
        }
        let mut lanes = [[0u64; LANES]; 5];
        for from in (0..block.len()).step_by(LANES) {
            for (values, lane) in self.columns.iter().zip(&mut lanes) {
                values.copy(from, lane);
            }
            let [src, dst, src_port, dst_port, protocol] = &lanes;
            let addresses = &self.addresses;
            // The columns' bits were checked when they were opened.
            let end = |place: u64, port: u64| {
                let address = usize::try_from(place).ok().and_then(|place| addresses.get(place));
                Some(end_of(*address?, u16::try_from(port).ok()?))
            };
            let ends = src.iter().zip(dst).zip(src_port.iter().zip(dst_port)).zip(protocol);
            for (((src, dst), (src_port, dst_port)), protocol) in ends.take(block.len() - from) {
                let fault = BlockError::Contents("place of an address");
                let one = end(*src, *src_port).ok_or(fault.clone())?;
                let other = end(*dst, *dst_port).ok_or(fault.clone())?;
                let protocol = u8::try_from(*protocol).map_err(|_| fault)?;
                self.flows.push(flow_of(one, other, protocol));
            }
        }
        Ok(())
    }
}
