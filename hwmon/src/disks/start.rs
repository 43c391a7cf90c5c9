//! Starting a disk's self-test, which it runs beside its work.

use std::io;
use std::os::fd::AsFd as _;
use std::path::Path;

use passthrough::{Admin, Way};

use super::ask::{self, PATIENCE, Register, Send};
use super::{ata, nvme, scsi};
use crate::NoData;
use crate::drive::Outcome;

/// How much a self-test looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Some minutes: electronics, and a part of the medium.
    Short,
    /// Hours: all of it.
    Extended,
}

/// Why a self-test did not start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TestError {
    /// One is under way.
    #[error("a self-test is under way already: wait until it ends")]
    Busy,
    /// The disk has none, or refused, or does not answer.
    #[error("the drive did not start its self-test ({}): see whether it has self-tests", .0.why())]
    Missing(NoData),
}

impl From<NoData> for TestError {
    fn from(why: NoData) -> Self {
        Self::Missing(why)
    }
}

impl From<io::Error> for TestError {
    fn from(error: io::Error) -> Self {
        Self::Missing(ask::missing(&error))
    }
}

/// Starts a self-test in the background, unless one is under way; the disk goes on working. It blocks for as long as the disk
/// does.
///
/// # Errors
/// Why it did not start.
pub fn start_test(device: &Path, extent: Extent) -> Result<(), TestError> {
    let file = ask::open(device)?;
    let fd = file.as_fd();
    if !ask::is_nvme(device) {
        return test_scsi(
            &mut |command, way, data| passthrough::scsi(fd, command, way, data, PATIENCE),
            extent,
        );
    }
    let mut log = [0; 564];
    ask::nvme_log(fd, 0x06, &mut log)?;
    if nvme::running(&log).is_some() {
        return Err(TestError::Busy);
    }
    let command = Admin {
        opcode: 0x14,
        namespace: u32::MAX,
        cdw10: if extent == Extent::Short { 1 } else { 2 },
        cdw11: 0,
        timeout: PATIENCE,
    };
    match passthrough::admin(fd, command, &mut [])? & 0x7ff {
        0 => Ok(()),
        // command specific status 1Dh: device self-test in progress
        0x11d => Err(TestError::Busy),
        status => Err(ask::refused(status).into()),
    }
}

pub(super) fn test_scsi(send: &mut Send<'_>, extent: Extent) -> Result<(), TestError> {
    let inquiry = ask::inquire::<36>(send, None).and_then(|p| scsi::inquiry(&p).ok_or(NoData::Invalid))?;
    let number = if extent == Extent::Short { 1 } else { 2 };
    if inquiry.vendor == "ATA" {
        // a new test would break off one that is under way
        let data = Register::smart(0xd0, 0).read(send)?;
        if ata::running(&data).is_some() {
            return Err(TestError::Busy);
        }
        if !ata::has_self_tests(&data) {
            return Err(NoData::Unsupported.into());
        }
        // SMART EXECUTE OFF-LINE IMMEDIATE
        let answer = send(&Register::smart(0xd4, number).block(false), Way::None, &mut [])?;
        return match (answer.host, scsi::sense(&answer.sense)) {
            (3, _) => Err(NoData::Timeout.into()),
            // the registers that were asked for come as a recovered error
            (0, None | Some((0x00 | 0x01, ..))) => Ok(()),
            // illegal request, aborted command: the disk refused
            (0, Some((0x05 | 0x0b, ..))) => Err(NoData::Unsupported.into()),
            _ => Err(NoData::Failed.into()),
        };
    }
    let log = ask::page::<4096>(send, &[0x4d, 0, 0x50, 0, 0, 0, 0, 0x10, 0, 0]);
    let tests = log.map_or_else(|_| Vec::new(), |page| scsi::self_tests(&page));
    if tests.first().is_some_and(|test| test.outcome == Outcome::Running) {
        return Err(TestError::Busy);
    }
    // SEND DIAGNOSTIC, in the background
    let answer = send(&[0x1d, number << 5, 0, 0, 0, 0], Way::None, &mut [])?;
    match (answer.host, answer.status, scsi::sense(&answer.sense)) {
        (0, 0, _) => Ok(()),
        (3, ..) => Err(NoData::Timeout.into()),
        (_, _, Some((0x05, ..))) => Err(NoData::Unsupported.into()),
        // logical unit not ready, self-test in progress
        (_, _, Some((0x02, 0x04, 0x09))) => Err(TestError::Busy),
        _ => Err(NoData::Failed.into()),
    }
}
