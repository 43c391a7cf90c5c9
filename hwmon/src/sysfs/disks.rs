//! Disks as the kernel sees them, and errors that file systems found: block/*/device/state, fs/ext4.

use super::Root;
use crate::{Kind, Reading, State, Unit};

pub(super) fn read(root: &Root, out: &mut Vec<Reading>) {
    for disk in root.names("block") {
        let Ok(words) = root.text(&format!("block/{disk}/device/state")) else {
            continue;
        };
        // drivers/scsi/scsi_sysfs.c, drivers/nvme/host/core.c
        let (state, reason) = match words.as_str() {
            "running" | "live" | "created" => (State::Ok, words.as_str()),
            "offline" | "transport-offline" | "dead" => {
                (State::Critical, "the kernel has given it up: reseat or replace it")
            }
            "blocked" | "quiesce" | "resetting" | "connecting" => (State::Warning, "it does not answer now"),
            _ => (State::Info, words.as_str()),
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
            Ok(n) if n > 0.0 => (
                State::Warning,
                "the file system is damaged: check it (e2fsck) at the next restart",
            ),
            _ => (State::Ok, "none"),
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
