//! The frames in one block: `struct tpacket_block_desc` and `struct tpacket3_hdr` of linux/if_packet.h.

use nix::libc;

use super::clock::Clock;
use crate::{Frame, TPID};

/// A block that is ours to read.
pub(super) struct Block<'a> {
    data: &'a [u8],
    link_type: u16,
}

impl<'a> Block<'a> {
    pub(super) const fn new(data: &'a [u8], link_type: u16) -> Self {
        Self { data, link_type }
    }

    /// Calls `on_frame` with each frame; how many there were. Offsets that lead out of the block end it.
    /// `now` is the machine's time.
    pub(super) fn each(
        &self,
        clock: &mut Clock,
        now: impl Fn() -> u64 + Copy,
        on_frame: &mut impl FnMut(&Frame<'a>),
    ) -> usize {
        let (Some(count), Some(first)) = (number(self.data, 12), number(self.data, 16)) else {
            return 0;
        };
        let mut rest = self.data.get(first as usize..).unwrap_or(&[]);
        for done in 0..count as usize {
            let Some((frame, next)) = self.frame(rest, clock, now) else {
                return done;
            };
            on_frame(&frame);
            rest = rest.get(next..).unwrap_or(&[]);
        }
        count as usize
    }

    fn frame(&self, at: &'a [u8], clock: &mut Clock, now: impl Fn() -> u64) -> Option<(Frame<'a>, usize)> {
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
        let frame = Frame {
            time: clock.time(stamp, by_nic, now),
            link_type: self.link_type,
            data: at.get(mac..)?.get(..captured)?,
            wire_len: number(header, 16)?,
            vlan_tci: (status & libc::TP_STATUS_VLAN_VALID != 0).then_some(vlan_tci),
            vlan_tpid: if tpid_valid { tpid } else { TPID },
        };
        Some((frame, number(header, 0)? as usize))
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
        let mut seen = 0;
        let frames = Block::new(&data, 1).each(&mut Clock::default(), || 0, &mut |frame| {
            assert_eq!(frame.data.len(), 4);
            seen += 1;
        });
        assert_eq!((frames, seen), (1, 1));
    }
}
