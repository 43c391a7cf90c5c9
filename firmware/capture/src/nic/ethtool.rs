//! What a driver is asked by SIOCETHTOOL (linux/ethtool.h) and SIOCSHWTSTAMP (linux/net_tstamp.h). Asking takes no
//! capability; changing the NIC's timestamps takes CAP_NET_ADMIN.
#![allow(unsafe_code, reason = "requests hold pointers to what the driver fills in")]
#![allow(
    clippy::cast_possible_truncation,
    reason = "sizes and constants of C structures fit their fields"
)]

use std::ffi::c_char;
use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::AsRawFd;

use nix::libc;
use socket2::{Domain, Socket, Type};

const SIOCETHTOOL: u32 = 0x8946;
const SIOCSHWTSTAMP: u32 = 0x89b0;
const SIOCGHWTSTAMP: u32 = 0x89b1;
const ETHTOOL_GDRVINFO: u32 = 0x03;
const ETHTOOL_GSTRINGS: u32 = 0x1b;
const ETHTOOL_GSTATS: u32 = 0x1d;
const ETHTOOL_GSSET_INFO: u32 = 0x37;
const ETHTOOL_GET_TS_INFO: u32 = 0x41;
const ETHTOOL_GMODULEINFO: u32 = 0x42;
const ETHTOOL_GMODULEEEPROM: u32 = 0x43;
const ETH_SS_STATS: u32 = 1;
/// Octets of a name.
pub(super) const NAME: usize = 32;
/// The most statistics that are believed.
const STATISTICS_MAX: usize = 65_536;
/// The most octets of a transceiver's EEPROM that are read.
const MODULE_MAX: usize = 1_024;
const HWTSTAMP_FILTER_NONE: i32 = 0;
const HWTSTAMP_FILTER_ALL: i32 = 1;
const SOF_TIMESTAMPING_RX_HARDWARE: u32 = 1 << 2;

/// What a driver says of its timestamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct TimestampAbility {
    pub(super) rx_hardware: bool,
    pub(super) all_packets: bool,
}

#[repr(C)]
struct HwtstampConfig {
    flags: i32,
    tx_type: i32,
    rx_filter: i32,
}

/// A socket that drivers are asked through, whatever its kind.
#[derive(Debug)]
pub(super) struct Asker(Socket);

impl Asker {
    pub(super) fn new() -> io::Result<Self> {
        Socket::new(Domain::UNIX, Type::DGRAM, None).map(Self)
    }

    /// Calls with a pointer to `data` in the request.
    ///
    /// # Safety
    /// `data` has to be as large as the request makes the driver read and write.
    unsafe fn ask<T>(&self, interface: &str, request: u32, data: *mut T) -> io::Result<()> {
        // SAFETY: all zero is a valid ifreq.
        let mut argument: libc::ifreq = unsafe { zeroed() };
        let name = interface.as_bytes();
        // The last octet stays zero: the name's end.
        if name.is_empty() || name.len() >= argument.ifr_name.len() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        for (to, from) in argument.ifr_name.iter_mut().zip(name) {
            *to = from.cast_signed();
        }
        argument.ifr_ifru.ifru_data = data.cast::<c_char>();
        // SAFETY: the request reads the name and follows the pointer, which the caller answers for.
        let result = unsafe { libc::ioctl(self.0.as_raw_fd(), request as _, &raw mut argument) };
        if result < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    /// The driver's name (struct ethtool_drvinfo).
    pub(super) fn driver(&self, interface: &str) -> io::Result<String> {
        let mut answer = [0_u32; 49];
        answer[0] = ETHTOOL_GDRVINFO;
        // SAFETY: the structure has 196 octets.
        unsafe { self.ask(interface, SIOCETHTOOL, answer.as_mut_ptr()) }?;
        let octets: Vec<u8> = answer
            .iter()
            .skip(1)
            .take(NAME / 4)
            .flat_map(|w| w.to_ne_bytes())
            .collect();
        Ok(super::statistics::name(&octets))
    }

    /// How many statistics the driver has (struct ethtool_sset_info with one number).
    fn count(&self, interface: &str) -> io::Result<usize> {
        // cmd, reserved, a mask of 64 bits in two halves, and the answer.
        let mask = (1_u64 << ETH_SS_STATS).to_ne_bytes();
        let half = |at: usize| u32::from_ne_bytes([mask[at], mask[at + 1], mask[at + 2], mask[at + 3]]);
        let mut answer = [ETHTOOL_GSSET_INFO, 0, half(0), half(4), 0];
        // SAFETY: 16 octets and one number for the one set of the mask.
        unsafe { self.ask(interface, SIOCETHTOOL, answer.as_mut_ptr()) }?;
        let known = answer[2] != 0 || answer[3] != 0;
        Ok(if known {
            (answer[4] as usize).min(STATISTICS_MAX)
        } else {
            0
        })
    }

    /// The names of the statistics: [`NAME`] octets each (struct ethtool_gstrings).
    pub(super) fn names(&self, interface: &str) -> io::Result<Vec<u8>> {
        let count = self.count(interface)?;
        let mut answer = vec![0_u32; 3 + room(count) * NAME / 4];
        answer[..3].copy_from_slice(&[ETHTOOL_GSTRINGS, ETH_SS_STATS, count as u32]);
        // SAFETY: the driver writes as many names as it has; there is room for as many again as it said just now.
        unsafe { self.ask(interface, SIOCETHTOOL, answer.as_mut_ptr()) }?;
        let count = (answer[2] as usize).min(room(count));
        Ok(answer
            .iter()
            .skip(3)
            .take(count * NAME / 4)
            .flat_map(|w| w.to_ne_bytes())
            .collect())
    }

    /// The statistics, in the order of their names (struct ethtool_stats).
    pub(super) fn values(&self, interface: &str) -> io::Result<Vec<u64>> {
        let count = self.count(interface)?;
        let mut answer = vec![0_u64; 1 + room(count)];
        let head = [ETHTOOL_GSTATS.to_ne_bytes(), (count as u32).to_ne_bytes()].concat();
        answer[0] = head.first_chunk().copied().map_or(0, u64::from_ne_bytes);
        // SAFETY: as for the names; a driver whose queues become more between the two calls doubles them at the most.
        unsafe { self.ask(interface, SIOCETHTOOL, answer.as_mut_ptr()) }?;
        let [_, _, _, _, count @ ..] = answer[0].to_ne_bytes();
        let count = (u32::from_ne_bytes(count) as usize).min(answer.len() - 1);
        answer.remove(0);
        answer.truncate(count);
        Ok(answer)
    }

    /// How many octets a transceiver's EEPROM has (struct ethtool_modinfo).
    pub(super) fn module_length(&self, interface: &str) -> io::Result<usize> {
        let mut answer = [0_u32; 11];
        answer[0] = ETHTOOL_GMODULEINFO;
        // SAFETY: the structure has 44 octets.
        unsafe { self.ask(interface, SIOCETHTOOL, answer.as_mut_ptr()) }?;
        Ok((answer[2] as usize).min(MODULE_MAX))
    }

    /// Its first octets (struct ethtool_eeprom with its data).
    pub(super) fn module(&self, interface: &str, length: usize) -> io::Result<Vec<u8>> {
        let length = length.min(MODULE_MAX);
        let mut answer = [0_u32; 4 + MODULE_MAX / 4];
        (answer[0], answer[3]) = (ETHTOOL_GMODULEEEPROM, length as u32);
        // SAFETY: the driver writes the octets that are asked for behind the head of 16 octets, and there is room for the most.
        unsafe { self.ask(interface, SIOCETHTOOL, answer.as_mut_ptr()) }?;
        let octets = answer.iter().skip(4).flat_map(|w| w.to_ne_bytes());
        Ok(octets.take(length).collect())
    }

    /// What the NIC can stamp (struct ethtool_ts_info).
    pub(super) fn timestamp_ability(&self, interface: &str) -> io::Result<TimestampAbility> {
        let mut answer = [0_u32; 11];
        answer[0] = ETHTOOL_GET_TS_INFO;
        // SAFETY: the structure has 44 octets.
        unsafe { self.ask(interface, SIOCETHTOOL, answer.as_mut_ptr()) }?;
        Ok(TimestampAbility {
            rx_hardware: answer[1] & SOF_TIMESTAMPING_RX_HARDWARE != 0,
            all_packets: answer[7] & (1 << HWTSTAMP_FILTER_ALL) != 0,
        })
    }

    /// Whether the NIC stamps every packet that comes in.
    pub(super) fn stamps_all(&self, interface: &str) -> io::Result<bool> {
        let mut config = HwtstampConfig {
            flags: 0,
            tx_type: 0,
            rx_filter: HWTSTAMP_FILTER_NONE,
        };
        // SAFETY: the structure is the one that the request writes.
        unsafe { self.ask(interface, SIOCGHWTSTAMP, &raw mut config) }?;
        Ok(config.rx_filter == HWTSTAMP_FILTER_ALL)
    }

    /// Makes the NIC stamp every packet that comes in.
    pub(super) fn stamp_all(&self, interface: &str) -> io::Result<bool> {
        let mut config = HwtstampConfig {
            flags: 0,
            tx_type: 0,
            rx_filter: HWTSTAMP_FILTER_ALL,
        };
        // SAFETY: the structure is the one that the request reads and writes.
        unsafe { self.ask(interface, SIOCSHWTSTAMP, &raw mut config) }?;
        Ok(config.rx_filter == HWTSTAMP_FILTER_ALL)
    }
}

/// Places for statistics of a driver that said `count` of them: their number may change until the next call, and kernels
/// before 6.18 write as many as there are then (later ones write none where it is not `count`).
const fn room(count: usize) -> usize {
    count * 2 + 64
}

const _: () = assert!(size_of::<HwtstampConfig>() == 12);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nic::statistics;

    #[test]
    fn names_and_values_of_a_real_driver_belong_together() {
        // SAFETY: only this thread changes its namespace; the test harness gives each test a thread.
        if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
            eprintln!(
                "skipped: a network namespace takes root ({})",
                io::Error::last_os_error()
            );
            return;
        }
        let add = ["link", "add", "v0", "type", "veth", "peer", "name", "v1"];
        let made = std::process::Command::new("ip").args(add).status();
        assert!(made.is_ok_and(|status| status.success()));
        let asker = Asker::new().unwrap();
        let names = statistics::names(&asker.names("v0").unwrap());
        let values = asker.values("v0").unwrap();
        assert_eq!(names.len(), values.len());
        let peer = names.iter().position(|n| n == "peer_ifindex").unwrap();
        assert!(values[peer] > 0, "{names:?} {values:?}");
        assert!(asker.driver("lo").is_err() && asker.names("nonesuch0").is_err());
        // a card without a cage
        assert_eq!(
            asker.module_length("v0").unwrap_err().raw_os_error(),
            Some(libc::EOPNOTSUPP)
        );
        assert!(asker.module("v0", 256).is_err());
        assert!(!asker.timestamp_ability("v0").unwrap().rx_hardware);
    }
}
