//! Disks as the kernel sees them, and errors that file systems found: block/*/device/state, fs/ext4.

use super::Root;
use crate::why::{Why, phrases};
use crate::{Kind, Reading, State, Unit};

pub(super) fn read(root: &Root, out: &mut Vec<Reading>) {
    for disk in root.names("block") {
        let Ok(words) = root.text(&format!("block/{disk}/device/state")) else {
            continue;
        };
        // drivers/scsi/scsi_sysfs.c, drivers/nvme/host/core.c
        let (state, reason): (State, Why) = match words.as_str() {
            "running" | "live" => (State::Ok, phrases::DISK_RUNNING.into()),
            "created" => (State::Ok, phrases::DISK_STARTING.into()),
            "offline" | "transport-offline" | "dead" => (State::Critical, phrases::DISK_GONE.into()),
            "blocked" | "quiesce" | "resetting" | "connecting" => (State::Warning, phrases::DISK_SILENT.into()),
            "new" => (State::Info, phrases::DISK_STARTING.into()),
            "cancel" | "deleted" | "deleting" => (State::Info, phrases::DISK_LEAVING.into()),
            other => (State::Info, phrases::DISK_STATE.with([other.into()])),
        };
        let value = Ok(f64::from(u8::from(state == State::Ok)));
        out.push(
            Reading::fact(
                format!("disk/{disk}/answers"),
                Why::of(disk.as_str(), phrases::R_ANSWERS),
                Kind::State,
                Unit::Boolean,
                value,
            )
            .judged(state, reason),
        );
    }
    for device in root.names("fs/ext4") {
        let count = root.count(&format!("fs/ext4/{device}/errors_count"));
        if device == "features" {
            continue;
        }
        let (state, reason) = match count {
            Ok(n) if n > 0.0 => (State::Warning, phrases::FS_DAMAGED),
            _ => (State::Ok, phrases::NONE),
        };
        out.push(
            Reading::fact(
                format!("fs/{device}/errors"),
                Why::of(device.as_str(), phrases::R_FS_ERRORS),
                Kind::Counter,
                Unit::Count,
                count,
            )
            .judged(state, reason),
        );
    }
}
