//! Watchdogs: class/watchdog (Documentation/ABI/testing/sysfs-class-watchdog).

use super::Root;
use crate::why::{Why, phrases};
use crate::{Kind, NoData, Reading, State, Unit};

/// WDIOF_CARDRESET of linux/watchdog.h: the last boot was the watchdog's.
const CARD_RESET: u64 = 0x20;

pub(super) fn read(root: &Root, out: &mut Vec<Reading>) {
    for watchdog in root.names("class/watchdog") {
        let folder = format!("class/watchdog/{watchdog}");
        let text = |name: &str| root.text(&format!("{folder}/{name}"));
        let identity = text("identity")
            .ok()
            .and_then(|t| crate::drive::label(&t))
            .unwrap_or_else(|| watchdog.clone());
        let told = text("state");
        let value = told
            .as_ref()
            .map(|words| f64::from(u8::from(words == "active")))
            .map_err(|e| *e);
        let (state, reason) = match told.as_deref() {
            Ok("active") => (State::Ok, phrases::WATCHDOG_ACTIVE),
            _ => (State::Info, phrases::WATCHDOG_IDLE),
        };
        out.push(
            Reading::fact(
                format!("watchdog/{watchdog}/active"),
                Why::of(&identity, phrases::R_WATCHDOG_ACTIVE),
                Kind::State,
                Unit::Boolean,
                value,
            )
            .judged(state, reason),
        );
        let boot = text("bootstatus").and_then(|t| {
            let hex = t.strip_prefix("0x").map(|hex| u64::from_str_radix(hex, 16));
            hex.unwrap_or_else(|| t.parse()).map_err(|_| NoData::Invalid)
        });
        let reset = boot.map(|bits| f64::from(u8::from(bits & CARD_RESET != 0)));
        let (state, reason) = match reset {
            Ok(r) if r > 0.0 => (State::Warning, phrases::WATCHDOG_RESET),
            _ => (State::Ok, phrases::WATCHDOG_NO_RESET),
        };
        out.push(
            Reading::fact(
                format!("watchdog/{watchdog}/reset"),
                Why::of(&identity, phrases::R_WATCHDOG_RESET),
                Kind::State,
                Unit::Boolean,
                reset,
            )
            .judged(state, reason),
        );
    }
}
