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
            "running" | "live" | "created" => (State::Ok, phrases::PLAIN.with([words.as_str().into()])),
            "offline" | "transport-offline" | "dead" => (State::Critical, phrases::DISK_GONE.into()),
            "blocked" | "quiesce" | "resetting" | "connecting" => (State::Warning, phrases::DISK_SILENT.into()),
            _ => (State::Info, phrases::PLAIN.with([words.as_str().into()])),
        };
        let value = Ok(f64::from(u8::from(state == State::Ok)));
        out.push(
            Reading::fact(
                format!("disk/{disk}/answers"),
                format!("{disk} answers"),
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
                format!("{device} file system errors"),
                Kind::Counter,
                Unit::Count,
                count,
            )
            .judged(state, reason),
        );
    }
}
