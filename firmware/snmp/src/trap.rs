//! Notifications: what a trap or inform says, in words.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};

use async_snmp::{Oid, Value, VarBind};
use model::{LinkId, LogRecord, LogSource, Severity, Timestamp};
use serde::{Deserialize, Serialize};

use crate::mib::{TEXT_MAX, text_of};
use crate::names;

/// Variables of a notification that are kept.
const VARIABLES_MAX: usize = 64;

/// Characters of a notification's text.
const LINE_MAX: usize = 2_048;

/// A received trap or inform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trap {
    /// When it came.
    pub at: Timestamp,
    /// The exporter that sent it.
    pub exporter: LinkId,
    /// The address that it came from.
    pub peer: IpAddr,
    /// The address that it names itself: agent-addr (v1) or snmpTrapAddress.0, for instance where a proxy sent it on.
    pub agent: Option<Ipv4Addr>,
    /// `v1`, `v2c` or `v3`.
    pub version: String,
    /// Whether it is an inform, which was answered.
    pub inform: bool,
    /// The agent's sysUpTime in hundredths of a second.
    pub uptime: u32,
    /// snmpTrapOID, dotted; for a v1 trap as RFC 3584, section 3.1 makes it.
    pub trap_oid: String,
    /// Its name where it is known, such as `linkDown`.
    pub name: Option<String>,
    /// How grave it is.
    pub severity: Severity,
    /// Its variables without sysUpTime and snmpTrapOID, at most 64.
    pub variables: Vec<Variable>,
}

/// A variable of a notification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variable {
    /// Its object identifier, dotted.
    pub oid: String,
    /// Its object's name with the rest of the identifier, such as `ifIndex.3`, where it is known.
    pub name: Option<String>,
    /// Its value as text, at most 256 characters.
    pub value: String,
}

impl Trap {
    /// A trap of its parts, its name and severity being looked up.
    pub(crate) fn new(origin: Origin, uptime: u32, trap_oid: &Oid, variables: &[VarBind]) -> Self {
        let known = names::trap(trap_oid.arcs());
        let skipped = |v: &&VarBind| !names::is_prologue(v.oid.arcs());
        let agent = variables
            .iter()
            .find(|v| v.oid.arcs() == names::TRAP_ADDRESS)
            .and_then(|v| v.value.as_ip());
        Self {
            at: origin.at,
            exporter: origin.exporter,
            peer: origin.peer,
            agent: agent.or(origin.agent),
            version: origin.version.to_owned(),
            inform: origin.inform,
            uptime,
            trap_oid: trap_oid.to_string(),
            name: known.map(|known| known.name.to_owned()),
            severity: severity(known.map(|known| known.severity), variables),
            variables: variables
                .iter()
                .filter(skipped)
                .take(VARIABLES_MAX)
                .map(variable)
                .collect(),
        }
    }

    /// The trap in one line: `linkDown ifIndex=3 ifDescr=Gi0/3`.
    #[must_use]
    pub fn text(&self) -> String {
        let mut line = self.name.clone().unwrap_or_else(|| self.trap_oid.clone());
        for variable in &self.variables {
            // What comes after the object's name is the row, which a variable of the row tells as well.
            let name = variable
                .name
                .as_deref()
                .and_then(|name| name.split('.').next())
                .unwrap_or(&variable.oid);
            let quoted = variable.value.contains([' ', '=', '"']) || variable.value.is_empty();
            // Writing to a String cannot fail.
            let _ = if quoted {
                write!(line, " {name}={:?}", variable.value)
            } else {
                write!(line, " {name}={}", variable.value)
            };
        }
        line.chars().take(LINE_MAX).collect()
    }

    /// The trap as a log record: facility 16 (local0), its name as message id, its variables as data.
    #[must_use]
    pub fn log(&self) -> LogRecord {
        let mut data = String::new();
        for variable in &self.variables {
            let name = variable.name.as_deref().unwrap_or(&variable.oid);
            let _ = writeln!(data, "{name} = {}", variable.value);
        }
        LogRecord {
            time: self.at,
            received: self.at,
            exporter: self.exporter,
            peer: self.peer,
            source: LogSource::Trap,
            severity: self.severity,
            facility: 16,
            host: self
                .agent
                .filter(|ip| !ip.is_unspecified())
                .map_or(self.peer, IpAddr::from)
                .to_string(),
            app: String::new(),
            pid: String::new(),
            code: self.name.clone().unwrap_or_else(|| self.trap_oid.clone()),
            text: self.text(),
            data,
        }
    }
}

/// What is known of a trap beside its PDU.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin {
    pub(crate) at: Timestamp,
    pub(crate) exporter: LinkId,
    pub(crate) peer: IpAddr,
    pub(crate) agent: Option<Ipv4Addr>,
    pub(crate) version: &'static str,
    pub(crate) inform: bool,
}

/// How people write a version.
pub(crate) fn version_name(version: async_snmp::Version) -> &'static str {
    match version {
        async_snmp::Version::V1 => "v1",
        async_snmp::Version::V2c => "v2c",
        _ => "v3",
    }
}

/// A link that was switched off by its administrator is no trouble.
fn severity(known: Option<Severity>, variables: &[VarBind]) -> Severity {
    let switched_off = variables
        .iter()
        .any(|v| v.oid.arcs().starts_with(names::IF_ADMIN_STATUS) && v.value.as_i32() == Some(2));
    match known {
        Some(Severity::Error) if switched_off => Severity::Notice,
        Some(severity) => severity,
        None => Severity::Notice,
    }
}

fn variable(bind: &VarBind) -> Variable {
    let known = names::object_of(bind.oid.arcs());
    let value = known
        .and_then(|(object, _)| object.enumerated(&bind.value))
        .unwrap_or_else(|| value_text(&bind.value));
    let name = known.map(|(object, rest)| {
        let mut name = object.name.to_owned();
        for arc in rest {
            let _ = write!(name, ".{arc}");
        }
        name
    });
    Variable {
        oid: bind.oid.to_string(),
        name,
        value,
    }
}

/// A value as text: octets as UTF-8 where they are printable, else in hexadecimal.
pub(crate) fn value_text(value: &Value) -> String {
    match value {
        Value::Integer(n) => n.to_string(),
        Value::Counter32(n) | Value::Gauge32(n) | Value::UInteger32(n) => n.to_string(),
        Value::Counter64(n) => n.to_string(),
        Value::TimeTicks(n) => ticks(*n),
        Value::OctetString(bytes) | Value::Opaque(bytes) | Value::Nsap(bytes) => octets_text(bytes),
        Value::ObjectIdentifier(oid) => match names::trap(oid.arcs()) {
            Some(known) => known.name.to_owned(),
            None => oid.to_string(),
        },
        Value::IpAddress(octets) => Ipv4Addr::from(*octets).to_string(),
        Value::Unknown { data, .. } => octets_text(data),
        _ => String::new(),
    }
}

fn octets_text(bytes: &[u8]) -> String {
    let trimmed = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    let printable = std::str::from_utf8(trimmed)
        .is_ok_and(|text| text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\r' | '\t')));
    if printable {
        return text_of(bytes, TEXT_MAX);
    }
    bytes
        .iter()
        .take(TEXT_MAX / 3)
        .map(|b| format!("{b:02x}"))
        .collect::<Vec<_>>()
        .join(":")
}

/// Hundredths of a second as days, hours, minutes and seconds: `3d 04:05:06.78`.
fn ticks(hundredths: u32) -> String {
    let seconds = hundredths / 100;
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    format!(
        "{days}d {hours:02}:{minutes:02}:{:02}.{:02}",
        seconds % 60,
        hundredths % 100
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_snmp::oid;

    fn origin() -> Origin {
        Origin {
            at: Timestamp::from_secs(7),
            exporter: LinkId::of_exporter(4),
            peer: IpAddr::from([192, 0, 2, 4]),
            agent: None,
            version: "v2c",
            inform: false,
        }
    }

    #[test]
    fn a_link_that_fails_reads_as_people_say_it() {
        let variables = [
            VarBind::new(oid!(1, 3, 6, 1, 2, 1, 1, 3, 0), Value::TimeTicks(5)),
            VarBind::new(oid!(1, 3, 6, 1, 2, 1, 2, 2, 1, 1, 3), Value::Integer(3)),
            VarBind::new(
                oid!(1, 3, 6, 1, 2, 1, 2, 2, 1, 2, 3),
                Value::OctetString("Gi 0/3".into()),
            ),
            VarBind::new(oid!(1, 3, 6, 1, 2, 1, 2, 2, 1, 7, 3), Value::Integer(1)),
            VarBind::new(oid!(1, 3, 6, 1, 2, 1, 2, 2, 1, 8, 3), Value::Integer(2)),
        ];
        let trap = Trap::new(origin(), 5, &oid!(1, 3, 6, 1, 6, 3, 1, 1, 5, 3), &variables);
        assert_eq!(
            trap.text(),
            "linkDown ifIndex=3 ifDescr=\"Gi 0/3\" ifAdminStatus=up ifOperStatus=down"
        );
        assert_eq!(trap.severity, Severity::Error);
        let log = trap.log();
        assert_eq!(
            (log.code.as_str(), log.host.as_str(), log.facility),
            ("linkDown", "192.0.2.4", 16)
        );
        assert!(log.data.starts_with("ifIndex.3 = 3\n"));

        let mut off = variables.to_vec();
        off[3].value = Value::Integer(2);
        assert_eq!(
            Trap::new(origin(), 5, &oid!(1, 3, 6, 1, 6, 3, 1, 1, 5, 3), &off).severity,
            Severity::Notice
        );
    }

    #[test]
    fn what_is_unknown_keeps_its_numbers_and_everything_is_bounded() {
        let variables: Vec<_> = (0..500)
            .map(|n| {
                VarBind::new(
                    oid!(1, 3, 6, 1, 4, 1, 99_999, n),
                    Value::OctetString(vec![0xff; 4_000].into()),
                )
            })
            .collect();
        let trap = Trap::new(origin(), 5, &oid!(1, 3, 6, 1, 4, 1, 99_999, 0, 1), &variables);
        assert_eq!((trap.name.as_deref(), trap.variables.len()), (None, VARIABLES_MAX));
        assert!(trap.variables.iter().all(|v| v.value.chars().count() <= TEXT_MAX));
        assert!(
            trap.text()
                .starts_with("1.3.6.1.4.1.99999.0.1 1.3.6.1.4.1.99999.0=ff:ff:")
        );
        assert!(trap.text().chars().count() <= LINE_MAX);
    }

    #[test]
    fn ticks_read_as_time() {
        assert_eq!(ticks(27_390_678), "3d 04:05:06.78");
        assert_eq!(ticks(u32::MAX), "497d 02:27:52.95");
    }
}
