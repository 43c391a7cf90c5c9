//! A port's NIC: what it dropped, and why.

use std::path::Path;

use capture::nic::{self, Device, NicCounters, NicInfo};
use model::{DropCounters, NicErrors};

const CLASS_NET: &str = "/sys/class/net";

/// Follows a NIC's counters.
#[derive(Debug)]
pub(super) struct Nic {
    name: String,
    device: Device,
    counters: NicCounters,
    errors: NicErrors,
}

impl Nic {
    pub(super) fn new(name: &str) -> Self {
        let mut device = Device::new(name);
        Self {
            errors: device.errors(),
            counters: nic::counters(Path::new(CLASS_NET), name),
            name: name.to_owned(),
            device,
        }
    }

    /// The interface is another one, or of another driver.
    pub(super) fn renew(&mut self) {
        *self = Self::new(&self.name);
    }

    /// The driver's name, and what the interface says of itself.
    pub(super) fn describe(&self) -> (Option<String>, NicInfo) {
        (self.device.driver(), nic::info(Path::new(CLASS_NET), &self.name))
    }

    /// What was counted since this was last asked.
    pub(super) fn read(&mut self) -> (DropCounters, NicErrors) {
        let counters = nic::counters(Path::new(CLASS_NET), &self.name);
        let errors = self.device.errors();
        let before = std::mem::replace(&mut self.counters, counters);
        let errors_before = std::mem::replace(&mut self.errors, errors);
        (
            drops(&before, &counters),
            kinds(&before, &counters, errors_before, errors),
        )
    }
}

/// A counter's growth; one that was not there before, or is not now, has none. A NIC's counters begin anew when its
/// driver does.
fn since(now: Option<u64>, before: Option<u64>) -> Option<u64> {
    Some(now?.saturating_sub(before?))
}

fn drops(before: &NicCounters, now: &NicCounters) -> DropCounters {
    let grown = |of: fn(&NicCounters) -> Option<u64>| since(of(now), of(before)).unwrap_or(0);
    DropCounters {
        nic: grown(|c| c.rx_dropped).saturating_add(grown(|c| c.rx_missed_errors)),
        nic_errors: grown(|c| c.rx_errors),
        ..DropCounters::default()
    }
}

/// By the driver's own counters, else by the kernel's, whose zeros say nothing: every interface has them.
fn kinds(before: &NicCounters, now: &NicCounters, errors_before: NicErrors, errors: NicErrors) -> NicErrors {
    let kernel = |of: fn(&NicCounters) -> Option<u64>| {
        let counted = of(now).filter(|n| *n > 0);
        since(counted, of(before))
    };
    NicErrors {
        crc: since(errors.crc, errors_before.crc).or_else(|| kernel(|c| c.rx_crc_errors)),
        alignment: since(errors.alignment, errors_before.alignment).or_else(|| kernel(|c| c.rx_frame_errors)),
        length: since(errors.length, errors_before.length).or_else(|| kernel(|c| c.rx_length_errors)),
        missed: since(errors.missed, errors_before.missed).or_else(|| kernel(|c| c.rx_missed_errors)),
        no_buffer: since(errors.no_buffer, errors_before.no_buffer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drivers_counters_go_before_the_kernels_and_zeros_of_those_say_nothing() {
        let kernel = |crc, missed| NicCounters {
            rx_crc_errors: Some(crc),
            rx_missed_errors: Some(missed),
            rx_dropped: Some(3),
            ..NicCounters::default()
        };
        let driver = |crc| NicErrors {
            crc: Some(crc),
            ..NicErrors::default()
        };
        let (before, now) = (kernel(0, 0), kernel(5, 0));
        let of_both = kinds(&before, &now, driver(10), driver(12));
        assert_eq!((of_both.crc, of_both.missed, of_both.length), (Some(2), None, None));
        let of_kernel = kinds(&before, &now, NicErrors::default(), NicErrors::default());
        assert_eq!((of_kernel.crc, of_kernel.missed), (Some(5), None));
        assert_eq!(
            kinds(&now, &now, NicErrors::default(), NicErrors::default()).crc,
            Some(0)
        );
        assert_eq!(drops(&before, &kernel(0, 7)).nic, 7);
        // The driver was loaded anew.
        assert_eq!(drops(&kernel(0, 7), &before).nic, 0);
        assert_eq!(kinds(&now, &before, driver(9), driver(0)).crc, Some(0));
    }
}
