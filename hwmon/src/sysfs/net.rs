//! Network ports: class/net. Which ports must have a link is the board's to say.

use super::Root;
use crate::why::{Why, phrases};
use crate::{Kind, NoData, Reading, State, Unit};

/// IFF_UP of linux/if.h: the port is switched on.
const IFF_UP: u32 = 1;

pub(super) fn read(root: &Root, out: &mut Vec<Reading>) {
    for port in root.names("class/net") {
        let folder = format!("class/net/{port}");
        let bond = root.is_folder(&format!("{folder}/bonding"));
        if !bond && !root.is_folder(&format!("{folder}/device")) {
            continue;
        }
        link(root, &port, &folder, out);
        for (file, name) in [
            ("rx_errors", phrases::R_RX_ERRORS),
            ("rx_crc_errors", phrases::R_CRC_ERRORS),
            ("rx_missed_errors", phrases::R_MISSED),
            ("tx_errors", phrases::R_TX_ERRORS),
        ] {
            let count = root.count(&format!("{folder}/statistics/{file}"));
            if count != Err(NoData::NotPresent) {
                out.push(
                    Reading::fact(
                        format!("net/{port}/{file}"),
                        Why::of(port.as_str(), name),
                        Kind::Counter,
                        Unit::Count,
                        count,
                    )
                    .judged(State::Info, phrases::PORT_GROWTH),
                );
            }
        }
        if bond {
            members(root, &port, &folder, out);
        }
    }
}

fn link(root: &Root, port: &str, folder: &str, out: &mut Vec<Reading>) {
    let flags = root.text(&format!("{folder}/flags")).ok();
    let flags = flags.and_then(|text| u32::from_str_radix(text.trim_start_matches("0x"), 16).ok());
    let off = flags.is_some_and(|f| f & IFF_UP == 0);
    let carrier = if off {
        Err(NoData::Disabled)
    } else {
        root.count(&format!("{folder}/carrier"))
    };
    let reason = match carrier {
        Ok(c) if c > 0.0 => phrases::LINK_UP,
        _ => phrases::LINK_DOWN,
    };
    let reading = Reading::fact(
        format!("net/{port}/link"),
        Why::of(port, phrases::R_LINK),
        Kind::State,
        Unit::Boolean,
        carrier,
    );
    out.push(
        reading
            .judged(State::Info, reason)
            .because(if off { phrases::PORT_OFF } else { phrases::DRIVER_SILENT }),
    );
    let speed = match root.number(&format!("{folder}/speed")) {
        // megabits a second; -1 and 65535 mean unknown
        #[allow(clippy::cast_precision_loss, reason = "a few digits")]
        Ok(megabits @ 1..) if megabits != 65_535 => Ok(megabits as f64 * 1e6),
        Ok(_) => Err(NoData::NotReported),
        Err(why) => Err(why),
    };
    out.push(Reading::fact(
        format!("net/{port}/speed"),
        Why::of(port, phrases::R_SPEED),
        Kind::Rate,
        Unit::BitPerSecond,
        speed,
    ));
}

fn members(root: &Root, port: &str, folder: &str, out: &mut Vec<Reading>) {
    for name in root.names(folder) {
        let Some(member) = name.strip_prefix("slave_").or_else(|| name.strip_prefix("lower_")) else {
            continue;
        };
        let told = root.text(&format!("{folder}/{name}/bonding_slave/mii_status"));
        let value = told
            .as_ref()
            .map(|words| f64::from(u8::from(words == "up")))
            .map_err(|e| *e);
        let (state, reason) = match told.as_deref() {
            Ok("up") => (State::Ok, phrases::BOND_UP),
            _ => (State::Warning, phrases::BOND_DOWN),
        };
        out.push(
            Reading::fact(
                format!("net/{port}/{member}"),
                phrases::R_MEMBER_PORT.with([port.into(), member.into()]),
                Kind::State,
                Unit::Boolean,
                value,
            )
            .judged(state, reason),
        );
    }
}
