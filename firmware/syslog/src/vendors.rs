//! Formats that carry their own fields where others have an application.

use model::{Severity, Timestamp};

use crate::content;
use crate::message::Fields;
use crate::pairs::pairs;
use crate::stamp::Stamp;

/// Reads a text that names no application as RFC 3164 has it. The text stays whole.
pub(crate) fn read<'t>(fields: &mut Fields<'t>, text: &'t str) {
    let Some(first) = text.as_bytes().first() else {
        return;
    };
    let known = match first {
        b'C' | b'L' if events(fields, text) => true,
        b'M' if snare(fields, text) => true,
        b'A' | b'a' if zte(fields, text) => true,
        b'0'..=b'9' => palo_alto(fields, text) || procurve(fields, text) || hillstone(fields, text),
        _ => false,
    };
    if !known && !hillstone(fields, text) && !key_values(fields, text) {
        mikrotik(fields, text);
    }
}

/// `CEF:0|vendor|product|version|class|name|severity|…` and `LEEF:1.0|vendor|product|version|event|…`.
fn events<'t>(fields: &mut Fields<'t>, text: &'t str) -> bool {
    if !text.starts_with("CEF:") && !text.starts_with("LEEF:") {
        return false;
    }
    let mut parts = text.split('|').skip(2);
    fields.app = parts.next();
    fields.code = parts.nth(1);
    fields.app.is_some()
}

/// `MSWinEventLog\t1\tSecurity\t123\tTue Jan 05 12:00:00 2021\t4624\tMicrosoft-Windows-…\t…`: Snare and NXLog.
fn snare<'t>(fields: &mut Fields<'t>, text: &'t str) -> bool {
    let mut parts = text.split('\t');
    if parts.next() != Some("MSWinEventLog") {
        return false;
    }
    fields.code = parts.nth(4);
    fields.app = parts.next().or(Some("MSWinEventLog"));
    true
}

/// `An alarm 16924 level 5 occurred at 00:56:07 01/01/2001 UTC sent by UPC(MPU) 1 %OAM% …`: ZTE.
fn zte<'t>(fields: &mut Fields<'t>, text: &'t str) -> bool {
    let Some(rest) = text.strip_prefix("An alarm ").or_else(|| text.strip_prefix("alarm ")) else {
        return false;
    };
    fields.code = rest
        .split(' ')
        .next()
        .filter(|code| code.bytes().all(|b| b.is_ascii_digit()));
    fields.app = rest.split('%').nth(1).filter(|module| !module.contains(' '));
    fields.code.is_some()
}

/// `1,2021/01/05 12:00:00,007200001056,THREAT,url,…`: Palo Alto.
fn palo_alto<'t>(fields: &mut Fields<'t>, text: &'t str) -> bool {
    let mut parts = text.split(',');
    let (Some(_), Some(time), Some(_serial), Some(kind), Some(subtype)) =
        (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let Some((stamp, "")) = Stamp::read(time) else {
        return false;
    };
    // It has the year that the header lacks.
    fields.stated = fields.resolve(&stamp).or(fields.stated);
    fields.app = Some(kind);
    fields.code = Some(subtype);
    true
}

/// `00077 ports: port 5 is now off-line`: HP ProCurve, its event number before the module.
fn procurve<'t>(fields: &mut Fields<'t>, text: &'t str) -> bool {
    let Some((number, rest)) = text.split_once(' ') else {
        return false;
    };
    let Some((module, _, _)) = content::tag(rest.trim_start_matches(' ')) else {
        return false;
    };
    if number.len() != 5 || !number.bytes().all(|b| b.is_ascii_digit()) {
        return false;
    }
    fields.code = Some(number);
    fields.app = Some(module);
    true
}

/// `44243624 Traffic@FLOW: SESSION: …`: Hillstone, its event number before the log's and the module's name.
fn hillstone<'t>(fields: &mut Fields<'t>, text: &'t str) -> bool {
    let Some((number, rest)) = text.split_once(' ') else {
        return false;
    };
    let hex = number.len() == 8 && number.bytes().all(|b| b.is_ascii_hexdigit());
    let Some((module, _, _)) = content::tag(rest).filter(|(module, ..)| hex && module.contains('@')) else {
        return false;
    };
    fields.code = Some(number);
    fields.app = Some(module);
    true
}

/// Fortinet, and the WebTrends format of SonicWall, TopSec and others, and Sophos.
fn key_values<'t>(fields: &mut Fields<'t>, text: &'t str) -> bool {
    const STARTS: [&str; 8] = [
        "date=",
        "logver=",
        "devname=",
        "itime=",
        "id=",
        "device=",
        "timestamp=",
        "device_name=",
    ];
    if !STARTS.iter().any(|start| text.starts_with(start)) {
        return false;
    }
    let mut found = Pairs::default();
    for (key, value) in pairs(text) {
        let place = match key {
            "date" => &mut found.date,
            "time" => &mut found.time,
            "tz" => &mut found.zone,
            "eventtime" => &mut found.event_time,
            "devname" | "fw" | "device_name" => &mut found.host,
            "type" | "log_type" => &mut found.app,
            "id" => &mut found.id,
            "logid" | "log_id" | "m" => &mut found.code,
            "level" | "pri" | "priority" => &mut found.level,
            _ => continue,
        };
        // The first counts: what follows may hold what users wrote.
        if place.is_empty() {
            *place = value;
        }
    }
    fields.host = Some(found.host).filter(|host| !host.is_empty()).or(fields.host);
    fields.app = Some(if found.app.is_empty() { found.id } else { found.app });
    fields.code = Some(found.code);
    fields.level = severity(found.level).or(fields.level);
    fields.stated = found.stated(fields).or(fields.stated);
    true
}

#[derive(Default)]
struct Pairs<'t> {
    date: &'t str,
    time: &'t str,
    zone: &'t str,
    event_time: &'t str,
    host: &'t str,
    app: &'t str,
    id: &'t str,
    code: &'t str,
    level: &'t str,
}

impl Pairs<'_> {
    /// `eventtime` in seconds, milliseconds, microseconds or nanoseconds since 1970, else date and time.
    fn stated(&self, fields: &Fields<'_>) -> Option<Timestamp> {
        let unit = match self.event_time.len() {
            10 => 1_000_000_000,
            13 => 1_000_000,
            16 => 1_000,
            19 => 1,
            _ => 0,
        };
        if let (1.., Ok(count)) = (unit, self.event_time.parse::<u64>()) {
            return Some(Timestamp::from_nanos(count.saturating_mul(unit)));
        }
        let whole = if self.date.is_empty() {
            format!("{}{}", self.time, self.zone)
        } else {
            format!("{} {}{}", self.date, self.time, self.zone)
        };
        let (stamp, _) = Stamp::read(&whole)?;
        fields.resolve(&stamp)
    }
}

fn severity(word: &str) -> Option<Severity> {
    Some(match word {
        "0" | "emergency" | "Emergency" => Severity::Emergency,
        "1" | "alert" | "Alert" => Severity::Alert,
        "2" | "critical" | "Critical" => Severity::Critical,
        "3" | "error" | "Error" => Severity::Error,
        "4" | "warning" | "Warning" => Severity::Warning,
        "5" | "notice" | "notification" | "Notice" | "Notification" => Severity::Notice,
        "6" | "information" | "informational" | "Information" => Severity::Informational,
        "7" | "debug" | "Debug" => Severity::Debug,
        _ => return None,
    })
}

/// `system,info,account user admin logged in …`: RouterOS' topics.
fn mikrotik<'t>(fields: &mut Fields<'t>, text: &'t str) {
    let Some((topics, _)) = text.split_once(' ') else {
        return;
    };
    let plain = topics.len() <= 64
        && topics
            .bytes()
            .all(|b| b.is_ascii_lowercase() || matches!(b, b',' | b'-' | b'!'));
    let levels = ["info", "warning", "error", "critical", "debug"];
    if !plain || !topics.contains(',') || !topics.split(',').any(|topic| levels.contains(&topic)) {
        return;
    }
    fields.app = topics.split(',').find(|topic| !levels.contains(topic));
    fields.code = Some(topics);
}
