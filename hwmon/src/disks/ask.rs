//! Asking a disk: which commands, in which order, and what their refusal means.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use passthrough::{Admin, Answer, Way};

use super::{ata, nvme, scsi};
use crate::board::DiskPlace;
use crate::drive::{Assessment, Drive, Identity, Outcome, Protocol, Running, Scsi, SelfTest};
use crate::{NoData, drive};

/// Milliseconds that one command may take: a disk that retries a bad sector stands still for some seconds.
pub(super) const PATIENCE: u32 = 15_000;

/// Sends a SCSI command: the command, which way data goes, and the data.
pub(super) type Send<'a> = dyn FnMut(&[u8], Way, &mut [u8]) -> io::Result<Answer> + 'a;

/// Reads a disk: `/dev/sda`, or an `NVMe` controller, `/dev/nvme0`. It blocks for as long as the disk does. What cannot be read
/// is missing, with its reason.
#[must_use]
pub fn read(device: &Path) -> Drive {
    let file = match open(device) {
        Ok(file) => file,
        Err(why) => return Drive::unknown(why),
    };
    if is_nvme(device) {
        return read_nvme(file.as_fd());
    }
    let fd = file.as_fd();
    read_scsi(&mut |command, way, data| passthrough::scsi(fd, command, way, data, PATIENCE))
}

/// The device that is asked for a disk: the `NVMe` controller, or the disk.
#[must_use]
pub fn device(place: &DiskPlace) -> PathBuf {
    let name = match &place.address {
        Some(controller) if controller.starts_with("nvme") => controller,
        _ => &place.disk,
    };
    Path::new("/dev").join(name)
}

pub(super) fn open(device: &Path) -> Result<File, NoData> {
    OpenOptions::new()
        .read(true)
        // an open without it waits for the medium
        .custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits())
        .open(device)
        .map_err(|error| missing(&error))
}

pub(super) fn is_nvme(device: &Path) -> bool {
    device
        .file_name()
        .and_then(|name| name.to_str())
        .is_some_and(|name| name.starts_with("nvme"))
}

/// Why an ioctl failed. errno.h: ENOTTY 25 and EINVAL 22, where the device is of another kind; ETIMEDOUT 110.
pub(super) fn missing(error: &io::Error) -> NoData {
    match (error.kind(), error.raw_os_error()) {
        (io::ErrorKind::NotFound, _) | (_, Some(6 | 19)) => NoData::NotPresent,
        (io::ErrorKind::PermissionDenied, _) => NoData::Denied,
        (io::ErrorKind::TimedOut, _) => NoData::Timeout,
        (io::ErrorKind::Unsupported, _) | (_, Some(22 | 25)) => NoData::Unsupported,
        _ => NoData::Failed,
    }
}

/// Why an `NVMe` controller refused (figures 91 and 92): invalid opcode, field or log page.
pub(super) fn refused(status: u16) -> NoData {
    match status & 0x7ff {
        0x001 | 0x002 | 0x109 => NoData::Unsupported,
        _ => NoData::Failed,
    }
}

/// An admin command that brings data.
fn admin(fd: BorrowedFd<'_>, opcode: u8, namespace: u32, cdw10: u32, data: &mut [u8]) -> Result<(), NoData> {
    let command = Admin {
        opcode,
        namespace,
        cdw10,
        cdw11: 0,
        timeout: PATIENCE,
    };
    match passthrough::admin(fd, command, data) {
        Ok(0) => Ok(()),
        Ok(status) => Err(refused(status)),
        Err(error) => Err(missing(&error)),
    }
}

/// A log of the controller.
pub(super) fn nvme_log(fd: BorrowedFd<'_>, number: u8, data: &mut [u8]) -> Result<(), NoData> {
    // dwords that are wanted, less one, in the upper half
    let dwords = u32::try_from(data.len() / 4).unwrap_or(1).saturating_sub(1);
    admin(fd, 0x02, u32::MAX, u32::from(number) | dwords << 16, data)
}

/// The octets of all namespaces, where the controller does not say how many it has.
fn nvme_capacity(fd: BorrowedFd<'_>, page: &mut [u8]) -> Option<u64> {
    // the identifiers of those that are active
    admin(fd, 0x06, 0, 2, page).ok()?;
    let mut octets: Option<u64> = None;
    for namespace in nvme::namespaces(page) {
        if admin(fd, 0x06, namespace, 0, page).is_ok() {
            let size = nvme::namespace(page)?;
            octets = Some(octets.unwrap_or(0).saturating_add(size));
        }
    }
    octets
}

fn read_nvme(fd: BorrowedFd<'_>) -> Drive {
    let mut page = vec![0; 4096];
    let identified = admin(fd, 0x06, 0, 1, &mut page).and_then(|()| nvme::identify(&page).ok_or(NoData::Invalid));
    let mut health = [0; 512];
    let told = nvme_log(fd, 0x02, &mut health).and_then(|()| nvme::health(&health).ok_or(NoData::Invalid));
    let mut drive = Drive::unknown(identified.as_ref().err().copied().unwrap_or(NoData::NotReported));
    drive.protocol = Protocol::Nvme;
    let tests = identified.as_ref().is_ok_and(|i| i.self_tests);
    if let Ok(identified) = identified {
        drive.identity = identified.identity;
        drive.limits = identified.limits;
    }
    if drive.identity.capacity.is_none() {
        drive.identity.capacity = nvme_capacity(fd, &mut page);
    }
    match told {
        Ok(health) => {
            drive.assessment = health.assessment;
            drive.temperature = health.temperature;
            drive.hours = Ok(health.hours);
            drive.used = Some(health.used);
            drive.nvme = Some(health.nvme);
        }
        Err(why) => unread(&mut drive, why),
    }
    let mut page = [0; 564];
    if tests && nvme_log(fd, 0x06, &mut page).is_ok() {
        nvme::self_tests(&page)
            .into_iter()
            .for_each(|test| drive.tests.push(test));
        drive.tests.set_running(nvme::running(&page));
    }
    drive
}

fn unread(drive: &mut Drive, why: NoData) {
    drive.assessment = Assessment::Missing(why);
    drive.temperature = Err(why);
    drive.hours = Err(why);
}

/// One command whose answer has to be good; what came of its data.
pub(super) fn ask(send: &mut Send<'_>, command: &[u8], data: &mut [u8]) -> Result<usize, NoData> {
    let answer = send(command, Way::FromDevice, data).map_err(|error| missing(&error))?;
    match (answer.host, answer.status) {
        (0, 0) => Ok(answer.octets),
        (0, 2) => Err(match scsi::sense(&answer.sense) {
            // illegal request: it does not know the command or the page
            Some((0x05, ..)) => NoData::Unsupported,
            Some((0x02, 0x3a, _)) => NoData::NotPresent,
            _ if scsi::sleeps(&answer.sense) => NoData::Standby,
            // recovered errors come with data
            Some((0x01, ..)) => return Ok(answer.octets),
            _ => NoData::Failed,
        }),
        // DID_NO_CONNECT, DID_TIME_OUT
        (1, _) => Err(NoData::NotPresent),
        (3, _) => Err(NoData::Timeout),
        _ => Err(NoData::Failed),
    }
}

/// Asks for `N` octets; those that did not come are cut off.
pub(super) fn page<const N: usize>(send: &mut Send<'_>, command: &[u8]) -> Result<Vec<u8>, NoData> {
    let mut data = [0; N];
    let octets = ask(send, command, &mut data)?;
    Ok(data.get(..octets).unwrap_or_default().to_vec())
}

/// INQUIRY for a page of vital product data, or without one.
pub(super) fn inquire<const N: usize>(send: &mut Send<'_>, vital: Option<u8>) -> Result<Vec<u8>, NoData> {
    let [high, low] = u16::try_from(N).unwrap_or(u16::MAX).to_be_bytes();
    page::<N>(
        send,
        &[0x12, u8::from(vital.is_some()), vital.unwrap_or(0), high, low, 0],
    )
}

pub(super) fn read_scsi(send: &mut Send<'_>) -> Drive {
    let inquiry = match inquire::<36>(send, None).and_then(|p| scsi::inquiry(&p).ok_or(NoData::Invalid)) {
        Ok(inquiry) => inquiry,
        Err(why) => return Drive::unknown(why),
    };
    if inquiry.vendor == "ATA" {
        read_ata(send, &inquiry)
    } else {
        read_log_pages(send, &inquiry)
    }
}

/// ATA PASS-THROUGH (16) of SAT-3, 12.2.2.
pub(super) struct Register {
    command: u8,
    features: u8,
    count: u8,
    /// Low, middle and upper octets; `READ LOG EXT` has the page's number in the middle one.
    lba: [u8; 3],
    /// 48 bits.
    extended: bool,
}

impl Register {
    pub(super) const fn smart(features: u8, low: u8) -> Self {
        Self {
            command: 0xb0,
            features,
            count: 1,
            lba: [low, 0x4f, 0xc2],
            extended: false,
        }
    }

    pub(super) fn block(&self, reads: bool) -> [u8; 16] {
        let [low, middle, upper] = self.lba;
        // PIO in, or no data; then: report the registers, or read `count` blocks
        let protocol = if reads { 4 } else { 3 };
        let transfer = if reads { 0x0e } else { 0x20 };
        let count = if reads { self.count } else { 0 };
        [
            0x85,
            protocol << 1 | u8::from(self.extended),
            transfer,
            0,
            self.features,
            0,
            count,
            0,
            low,
            0,
            middle,
            0,
            upper,
            0xa0,
            self.command,
            0,
        ]
    }

    pub(super) fn read(&self, send: &mut Send<'_>) -> Result<Vec<u8>, NoData> {
        let data = page::<512>(send, &self.block(true))?;
        if data.len() < 512 {
            Err(NoData::Invalid)
        } else {
            Ok(data)
        }
    }

    /// Its registers: count, and the middle and upper octets of the LBA.
    fn ask(&self, send: &mut Send<'_>) -> Result<(u8, u8, u8), NoData> {
        let answer = send(&self.block(false), Way::None, &mut []).map_err(|error| missing(&error))?;
        match answer.host {
            0 => match ata::registers(&answer.sense) {
                Some(registers) => Ok(registers),
                None if matches!(scsi::sense(&answer.sense), Some((0x05, ..))) => Err(NoData::Unsupported),
                None => Err(NoData::Failed),
            },
            1 => Err(NoData::NotPresent),
            3 => Err(NoData::Timeout),
            _ => Err(NoData::Failed),
        }
    }
}

fn read_ata(send: &mut Send<'_>, inquiry: &scsi::Inquiry) -> Drive {
    let mut drive = Drive::unknown(NoData::Failed);
    drive.protocol = Protocol::Ata;
    drive.identity = ata::inquiry_identity(&inquiry.vendor, &inquiry.product, &inquiry.revision);
    // CHECK POWER MODE, before anything that could wake the disk; one that cannot tell is asked all the same
    let power = Register {
        command: 0xe5,
        lba: [0; 3],
        ..Register::smart(0, 0)
    };
    if power.ask(send).is_ok_and(|(count, ..)| ata::sleeps(count)) {
        let kept = inquire::<572>(send, Some(0x89))
            .ok()
            .and_then(|page| ata::cached_identity(&page));
        if let Some(kept) = kept {
            drive.identity = kept.identity;
        } else if let Ok(page) = inquire::<252>(send, Some(0x80)) {
            drive.identity.serial = scsi::serial(&page);
        }
        unread(&mut drive, NoData::Standby);
        return drive;
    }
    let identify = Register {
        command: 0xec,
        lba: [0; 3],
        ..Register::smart(0, 0)
    };
    let identified = match identify
        .read(send)
        .and_then(|p| ata::identify(&p).ok_or(NoData::Invalid))
    {
        Ok(identified) => identified,
        Err(why) => {
            unread(&mut drive, why);
            return drive;
        }
    };
    drive.identity = identified.identity;
    if let Err(why) = identified.smart {
        unread(&mut drive, why);
        return drive;
    }
    smart(send, &mut drive, identified.general_logs);
    drive
}

fn smart(send: &mut Send<'_>, drive: &mut Drive, general_logs: bool) {
    drive.assessment = match Register::smart(0xda, 0).ask(send) {
        Ok((_, middle, upper)) => match ata::healthy(middle, upper) {
            Some(true) => Assessment::Passed,
            Some(false) => Assessment::Failed(None),
            None => Assessment::Missing(NoData::Invalid),
        },
        Err(why) => Assessment::Missing(why),
    };
    let solid_state = drive.identity.rotation == Some(0) || drive.solid_state();
    let data = Register::smart(0xd0, 0).read(send);
    let thresholds = Register::smart(0xd1, 1).read(send).ok();
    let mut attributes = Vec::new();
    match data {
        Ok(data) => {
            attributes = ata::attributes(&data, thresholds.as_deref(), solid_state);
            drive.temperature = ata::celsius(&attributes).ok_or(NoData::NotReported);
            drive.hours = ata::hours(&attributes).ok_or(NoData::NotReported);
            if let Some(last) = ata::last_test(&data) {
                drive.tests.set_last(last);
            }
            drive.tests.set_running(ata::running(&data));
        }
        Err(why) => {
            (drive.temperature, drive.hours) = (Err(why), Err(why));
        }
    }
    let errors = Register::smart(0xd5, 0x01)
        .read(send)
        .ok()
        .and_then(|log| ata::errors(&log));
    let directory = match general_logs {
        true => log(0, 0).read(send).unwrap_or_default(),
        false => Vec::new(),
    };
    let hours = drive.hours.ok();
    for test in extended_tests(send, &directory, hours).unwrap_or_else(|| {
        let tests = Register::smart(0xd5, 0x06).read(send);
        tests.map_or_else(|_| Vec::new(), |log| ata::self_tests(&log, hours))
    }) {
        drive.tests.push(test);
    }
    let mut pending = None;
    if general_logs {
        if ata::log_pages(&directory, 0x0c) > 0 {
            pending = log(0x0c, 0).read(send).ok().and_then(|page| ata::pending(&page));
        }
        if ata::log_pages(&directory, 0x04) > 7 {
            drive.used = log(0x04, 7).read(send).ok().and_then(|page| ata::life_used(&page));
            if let Ok(page) = log(0x04, 5).read(send) {
                let (celsius, limits) = ata::temperatures(&page);
                drive.limits = limits;
                drive.temperature = drive.temperature.or_else(|why| celsius.ok_or(why));
            }
        }
    }
    drive.ata = Some(ata::part(attributes, errors, pending));
}

/// READ LOG EXT of one page.
const fn log(number: u8, page: u8) -> Register {
    Register {
        command: 0x2f,
        features: 0,
        count: 1,
        lba: [number, page, 0],
        extended: true,
    }
}

/// The extended self-test log, 07h; none where the disk has none, or one that cannot be read.
fn extended_tests(send: &mut Send<'_>, directory: &[u8], hours: Option<u64>) -> Option<Vec<SelfTest>> {
    let pages = ata::log_pages(directory, 0x07).min(ata::TEST_PAGES_MAX);
    let mut octets = Vec::new();
    for number in 0..pages {
        octets.extend(log(0x07, number.to_le_bytes()[0]).read(send).ok()?);
    }
    ata::extended_self_tests(&octets, hours)
}

fn read_log_pages(send: &mut Send<'_>, inquiry: &scsi::Inquiry) -> Drive {
    let mut drive = Drive::unknown(NoData::NotReported);
    drive.protocol = Protocol::Scsi;
    let model = format!("{} {}", inquiry.vendor, inquiry.product);
    drive.identity = Identity {
        model: drive::label(&model),
        firmware: drive::label(&inquiry.revision),
        serial: inquire::<252>(send, Some(0x80))
            .ok()
            .and_then(|page| scsi::serial(&page)),
        rotation: inquire::<64>(send, Some(0xb1))
            .ok()
            .and_then(|page| scsi::rotation(&page)),
        ..Identity::default()
    };
    // REQUEST SENSE tells a sleeping disk without waking it
    let sense = page::<64>(send, &[0x03, 0, 0, 0, 64, 0]);
    if sense.is_ok_and(|octets| scsi::sleeps(&octets)) {
        unread(&mut drive, NoData::Standby);
        return drive;
    }
    let capacity = [0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0];
    drive.identity.capacity = page::<32>(send, &capacity).ok().and_then(|data| scsi::capacity(&data));
    // cumulative values
    let mut log = |number: u8| page::<4096>(send, &[0x4d, 0, 0x40 | number, 0, 0, 0, 0, 0x10, 0, 0]);
    let informational = log(0x2f);
    let mut celsius = None;
    drive.assessment = match &informational {
        Ok(page) => match scsi::informational(page) {
            Some((assessment, told)) => {
                celsius = told;
                assessment
            }
            None => Assessment::Missing(NoData::NotReported),
        },
        Err(why) => Assessment::Missing(*why),
    };
    if let Ok(page) = log(0x0d) {
        let (now, limit) = scsi::temperatures(&page);
        celsius = now.or(celsius);
        drive.limits.critical = limit;
    }
    drive.temperature = celsius.ok_or(informational.err().unwrap_or(NoData::NotReported));
    drive.hours = log(0x15).and_then(|page| scsi::hours(&page).ok_or(NoData::NotReported));
    drive.used = log(0x11).ok().and_then(|page| scsi::life_used(&page));
    let mut uncorrected = |number: u8| log(number).ok().and_then(|page| scsi::uncorrected(&page, number));
    let counters = [uncorrected(0x03), uncorrected(0x02), uncorrected(0x05)];
    let non_medium = log(0x06).ok().and_then(|page| scsi::non_medium(&page));
    if let Ok(page) = log(0x10) {
        scsi::self_tests(&page)
            .into_iter()
            .for_each(|test| drive.tests.push(test));
    }
    let first = drive.tests.entries().first();
    let running = first.filter(|test| test.outcome == Outcome::Running);
    let running = running.map(|test| Running {
        extended: Some(test.extended),
        done: None,
    });
    drive.tests.set_running(running);
    // the grown list's head, in the form of physical sectors
    let defects = page::<4>(send, &[0x37, 0, 0x08 | 0x05, 0, 0, 0, 0, 0, 4, 0]);
    drive.scsi = Some(Scsi {
        grown_defects: defects.ok().and_then(|head| scsi::grown_defects(&head)),
        uncorrected: counters,
        non_medium,
        pending: None,
    });
    drive
}

#[cfg(test)]
mod tests;
