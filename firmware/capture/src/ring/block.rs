//! The frames in one block: `struct tpacket_block_desc` and `struct tpacket3_hdr` of linux/if_packet.h.

use nix::libc;

use super::clock::Clock;
use crate::ahead::fetch;
use crate::{Frame, TPID};

/// The frames of a block that is ours to read. Offsets that lead out of the block end it.
pub(super) struct Block<'a, 'c, N> {
    /// From the next frame on.
    rest: &'a [u8],
    /// Frames that are to come, and that came.
    left: u32,
    came: usize,
    link_type: u16,
    clock: &'c mut Clock,
    /// The machine's time.
    now: N,
}

impl<'a, 'c, N: Fn() -> u64> Block<'a, 'c, N> {
    pub(super) fn new(data: &'a [u8], link_type: u16, clock: &'c mut Clock, now: N) -> Self {
        let first = number(data, 16).and_then(|first| data.get(first as usize..));
        let (left, rest) = match (number(data, 12), first) {
            (Some(count), Some(rest)) => (count, rest),
            _ => (0, &[][..]),
        };
        Self {
            rest,
            left,
            came: 0,
            link_type,
            clock,
            now,
        }
    }

    /// Frames that came so far.
    pub(super) const fn frames(&self) -> usize {
        self.came
    }

    /// The next frame, and what follows it.
    #[inline]
    fn read(&mut self) -> Option<Frame<'a>> {
        let at = self.rest;
        let header = at.first_chunk::<48>()?;
        let captured = number(header, 12)? as usize;
        let status = number(header, 20)?;
        let mac = usize::from(u16::from_ne_bytes([header[24], header[25]]));
        let seconds = u64::from(number(header, 4)?);
        let nanos = u64::from(number(header, 8)?);
        let vlan_tci = u16::from_ne_bytes(if cfg!(target_endian = "little") {
            [header[32], header[33]]
        } else {
            [header[34], header[35]]
        });
        let tpid_valid = status & libc::TP_STATUS_VLAN_TPID_VALID != 0;
        let tpid = u16::from_ne_bytes([header[36], header[37]]);
        let by_nic = status & libc::TP_STATUS_TS_RAW_HARDWARE != 0;
        let stamp = seconds.saturating_mul(1_000_000_000).saturating_add(nanos);
        let data = at.get(mac..)?.get(..captured)?;
        self.rest = at.get(number(header, 0)? as usize..).unwrap_or(&[]);
        // The kernel's header, and the frame's behind it.
        fetch::<3>(self.rest);
        Some(Frame {
            time: self.clock.time(stamp, by_nic, &self.now),
            link_type: self.link_type,
            data,
            wire_len: number(header, 16)?,
            vlan_tci: (status & libc::TP_STATUS_VLAN_VALID != 0).then_some(vlan_tci),
            vlan_tpid: if tpid_valid { tpid } else { TPID },
        })
    }
}

impl<'a, N: Fn() -> u64> Iterator for Block<'a, '_, N> {
    type Item = Frame<'a>;

    #[inline]
    fn next(&mut self) -> Option<Frame<'a>> {
        self.left = self.left.checked_sub(1)?;
        let frame = self.read();
        match frame {
            Some(_) => self.came += 1,
            None => self.left = 0,
        }
        frame
    }
}

/// A 32-bit number in the machine's byte order.
fn number(data: &[u8], at: usize) -> Option<u32> {
    data.get(at..)?.first_chunk().copied().map(u32::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use std::mem::offset_of;

    use super::*;

    #[test]
    fn the_offsets_are_the_kernels() {
        use libc::{tpacket_bd_ts, tpacket_block_desc, tpacket_hdr_v1, tpacket_hdr_variant1, tpacket3_hdr};
        assert_eq!(offset_of!(tpacket_block_desc, hdr), 8);
        assert_eq!(offset_of!(tpacket_hdr_v1, block_status), 0);
        assert_eq!(offset_of!(tpacket_hdr_v1, num_pkts) + 8, 12);
        assert_eq!(offset_of!(tpacket_hdr_v1, offset_to_first_pkt) + 8, 16);
        assert_eq!(size_of::<tpacket_bd_ts>(), 8);
        assert_eq!(offset_of!(tpacket3_hdr, tp_next_offset), 0);
        assert_eq!(offset_of!(tpacket3_hdr, tp_sec), 4);
        assert_eq!(offset_of!(tpacket3_hdr, tp_nsec), 8);
        assert_eq!(offset_of!(tpacket3_hdr, tp_snaplen), 12);
        assert_eq!(offset_of!(tpacket3_hdr, tp_len), 16);
        assert_eq!(offset_of!(tpacket3_hdr, tp_status), 20);
        assert_eq!(offset_of!(tpacket3_hdr, tp_mac), 24);
        assert_eq!(
            offset_of!(tpacket3_hdr, hv1) + offset_of!(tpacket_hdr_variant1, tp_vlan_tci),
            32
        );
        assert_eq!(
            offset_of!(tpacket3_hdr, hv1) + offset_of!(tpacket_hdr_variant1, tp_vlan_tpid),
            36
        );
        assert_eq!(size_of::<tpacket3_hdr>(), 48);
    }

    #[test]
    fn a_damaged_block_ends_early() {
        let mut data = vec![0_u8; 256];
        data[12..16].copy_from_slice(&9_u32.to_ne_bytes());
        data[16..20].copy_from_slice(&48_u32.to_ne_bytes());
        // One frame of 4 octets at 48 + 64; its successor lies outside.
        data[48..52].copy_from_slice(&1000_u32.to_ne_bytes());
        data[60..64].copy_from_slice(&4_u32.to_ne_bytes());
        data[72..74].copy_from_slice(&64_u16.to_ne_bytes());
        let mut clock = Clock::default();
        let mut block = Block::new(&data, 1, &mut clock, || 0);
        assert_eq!(block.next().map(|frame| frame.data.len()), Some(4));
        assert!(block.next().is_none() && block.next().is_none());
        assert_eq!(block.frames(), 1);
    }
}
