//! Commands for devices that the kernel passes through: SCSI and ATA by SG_IO, `NVMe`'s admin queue, and the management
//! controller.
//!
//! The only unsafe code of the hardware monitor, and nothing else: octets go in and come out, and every pointer that the
//! kernel gets stands for a slice that outlives the call. What they mean is decoded elsewhere, by safe code.
//! docs/decisions/passthrough.md says why.

mod bmc;
mod nvme;
mod scsi;

pub use bmc::Bmc;
pub use nvme::{Admin, admin};
pub use scsi::{Answer, Way, scsi};

/// A length as the kernel's structures hold it.
fn length(octets: usize) -> std::io::Result<u32> {
    u32::try_from(octets).map_err(|_| std::io::ErrorKind::InvalidInput.into())
}

/// The raw result of an ioctl as nix checks it.
fn checked(result: nix::Result<std::ffi::c_int>) -> std::io::Result<std::ffi::c_int> {
    result.map_err(std::io::Error::from)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::AsFd as _;
    use std::time::{Duration, Instant};

    use super::*;

    /// What is no such device is refused by the kernel, and nothing is written.
    #[test]
    fn a_device_of_another_kind_refuses() {
        let null = File::open("/dev/null").expect("a device");
        let mut data = [7; 64];
        let told = scsi(null.as_fd(), &[0; 6], Way::FromDevice, &mut data, 100);
        assert_eq!(told.expect_err("refused").raw_os_error(), Some(25));
        let log = Admin {
            opcode: 2,
            ..Admin::default()
        };
        assert!(admin(null.as_fd(), log, &mut data).is_err());
        assert_eq!(data, [7; 64]);
        let writes = Admin {
            opcode: 1,
            ..Admin::default()
        };
        assert_eq!(
            admin(null.as_fd(), writes, &mut data).expect_err("writes").kind(),
            std::io::ErrorKind::InvalidInput
        );
        let mut bmc = Bmc::open(std::path::Path::new("/dev/null")).expect("opened");
        assert!(bmc.ask(6, 1, 0, &[], Instant::now() + Duration::from_secs(1)).is_err());
    }

    /// The kernel's sizes on 64-bit machines, which the ioctls' numbers hold.
    #[test]
    #[cfg(target_pointer_width = "64")]
    fn structures_have_the_kernels_sizes() {
        assert_eq!(size_of::<nvme::Command>(), 72);
        assert_eq!(size_of::<bmc::Request>(), 40);
        assert_eq!(size_of::<bmc::Received>(), 48);
        assert_eq!(size_of::<scsi::Header>(), 88);
    }
}
