//! Names of notifications and of the objects that they carry.

use async_snmp::Value;
use model::Severity;

/// A notification that has a name.
#[derive(Debug)]
pub(crate) struct Known {
    oid: &'static [u32],
    pub(crate) name: &'static str,
    pub(crate) severity: Severity,
}

const fn known(oid: &'static [u32], name: &'static str, severity: Severity) -> Known {
    Known { oid, name, severity }
}

use Severity::{Critical, Error, Informational, Notice, Warning};

/// Standard notifications, and those of UCD and Cisco that everyone meets. Sources: the MIB modules named.
const TRAPS: &[Known] = &[
    // SNMPv2-MIB (RFC 3418)
    known(&[1, 3, 6, 1, 6, 3, 1, 1, 5, 1], "coldStart", Warning),
    known(&[1, 3, 6, 1, 6, 3, 1, 1, 5, 2], "warmStart", Warning),
    known(&[1, 3, 6, 1, 6, 3, 1, 1, 5, 3], "linkDown", Error),
    known(&[1, 3, 6, 1, 6, 3, 1, 1, 5, 4], "linkUp", Notice),
    known(&[1, 3, 6, 1, 6, 3, 1, 1, 5, 5], "authenticationFailure", Warning),
    known(&[1, 3, 6, 1, 6, 3, 1, 1, 5, 6], "egpNeighborLoss", Warning),
    // OSPF-TRAP-MIB (RFC 4750)
    known(&[1, 3, 6, 1, 2, 1, 14, 16, 2, 1], "ospfVirtIfStateChange", Warning),
    known(&[1, 3, 6, 1, 2, 1, 14, 16, 2, 2], "ospfNbrStateChange", Warning),
    known(&[1, 3, 6, 1, 2, 1, 14, 16, 2, 3], "ospfVirtNbrStateChange", Warning),
    known(&[1, 3, 6, 1, 2, 1, 14, 16, 2, 4], "ospfIfConfigError", Error),
    known(&[1, 3, 6, 1, 2, 1, 14, 16, 2, 6], "ospfIfAuthFailure", Error),
    known(&[1, 3, 6, 1, 2, 1, 14, 16, 2, 12], "ospfOriginateLsa", Informational),
    known(&[1, 3, 6, 1, 2, 1, 14, 16, 2, 13], "ospfMaxAgeLsa", Informational),
    known(&[1, 3, 6, 1, 2, 1, 14, 16, 2, 16], "ospfIfStateChange", Warning),
    // BGP4-MIB (RFC 4273) and its forerunner (RFC 1657)
    known(&[1, 3, 6, 1, 2, 1, 15, 0, 1], "bgpEstablishedNotification", Notice),
    known(&[1, 3, 6, 1, 2, 1, 15, 0, 2], "bgpBackwardTransNotification", Error),
    known(&[1, 3, 6, 1, 2, 1, 15, 7, 1], "bgpEstablished", Notice),
    known(&[1, 3, 6, 1, 2, 1, 15, 7, 2], "bgpBackwardTransition", Error),
    // RMON-MIB (RFC 2819)
    known(&[1, 3, 6, 1, 2, 1, 16, 0, 1], "risingAlarm", Warning),
    known(&[1, 3, 6, 1, 2, 1, 16, 0, 2], "fallingAlarm", Notice),
    // BRIDGE-MIB (RFC 4188)
    known(&[1, 3, 6, 1, 2, 1, 17, 0, 1], "newRoot", Warning),
    known(&[1, 3, 6, 1, 2, 1, 17, 0, 2], "topologyChange", Warning),
    // UPS-MIB (RFC 1628)
    known(&[1, 3, 6, 1, 2, 1, 33, 2, 1], "upsTrapOnBattery", Critical),
    known(&[1, 3, 6, 1, 2, 1, 33, 2, 2], "upsTrapTestCompleted", Informational),
    known(&[1, 3, 6, 1, 2, 1, 33, 2, 3], "upsTrapAlarmEntryAdded", Error),
    known(&[1, 3, 6, 1, 2, 1, 33, 2, 4], "upsTrapAlarmEntryRemoved", Notice),
    // ENTITY-MIB (RFC 6933)
    known(&[1, 3, 6, 1, 2, 1, 47, 2, 0, 1], "entConfigChange", Notice),
    // VRRP-MIB (RFC 2787) and VRRPV3-MIB (RFC 6527)
    known(&[1, 3, 6, 1, 2, 1, 68, 0, 1], "vrrpTrapNewMaster", Warning),
    known(&[1, 3, 6, 1, 2, 1, 68, 0, 2], "vrrpTrapAuthFailure", Warning),
    known(&[1, 3, 6, 1, 2, 1, 207, 0, 1], "vrrpv3NewMaster", Warning),
    known(&[1, 3, 6, 1, 2, 1, 207, 0, 2], "vrrpv3ProtoError", Warning),
    // DISMAN-EVENT-MIB (RFC 2981)
    known(&[1, 3, 6, 1, 2, 1, 88, 2, 0, 1], "mteTriggerFired", Warning),
    known(&[1, 3, 6, 1, 2, 1, 88, 2, 0, 2], "mteTriggerRising", Warning),
    known(&[1, 3, 6, 1, 2, 1, 88, 2, 0, 3], "mteTriggerFalling", Notice),
    known(&[1, 3, 6, 1, 2, 1, 88, 2, 0, 4], "mteTriggerFailure", Warning),
    known(&[1, 3, 6, 1, 2, 1, 88, 2, 0, 5], "mteEventSetFailure", Warning),
    // POWER-ETHERNET-MIB (RFC 3621)
    known(&[1, 3, 6, 1, 2, 1, 105, 0, 1], "pethPsePortOnOffNotification", Notice),
    known(
        &[1, 3, 6, 1, 2, 1, 105, 0, 2],
        "pethMainPowerUsageOnNotification",
        Warning,
    ),
    known(
        &[1, 3, 6, 1, 2, 1, 105, 0, 3],
        "pethMainPowerUsageOffNotification",
        Notice,
    ),
    // LLDP-MIB (IEEE 802.1AB)
    known(&[1, 0, 8802, 1, 1, 2, 0, 0, 1], "lldpRemTablesChange", Informational),
    // NET-SNMP-AGENT-MIB
    known(&[1, 3, 6, 1, 4, 1, 8072, 4, 0, 1], "nsNotifyStart", Notice),
    known(&[1, 3, 6, 1, 4, 1, 8072, 4, 0, 2], "nsNotifyShutdown", Warning),
    known(&[1, 3, 6, 1, 4, 1, 8072, 4, 0, 3], "nsNotifyRestart", Warning),
    // CISCO-CONFIG-MAN-MIB, CISCO-SYSLOG-MIB, CISCO-ENVMON-MIB
    known(&[1, 3, 6, 1, 4, 1, 9, 9, 43, 2, 0, 1], "ciscoConfigManEvent", Notice),
    known(&[1, 3, 6, 1, 4, 1, 9, 9, 41, 2, 0, 1], "clogMessageGenerated", Notice),
    known(
        &[1, 3, 6, 1, 4, 1, 9, 9, 13, 3, 0, 1],
        "ciscoEnvMonShutdownNotification",
        Critical,
    ),
    known(
        &[1, 3, 6, 1, 4, 1, 9, 9, 13, 3, 0, 2],
        "ciscoEnvMonVoltageNotification",
        Error,
    ),
    known(
        &[1, 3, 6, 1, 4, 1, 9, 9, 13, 3, 0, 3],
        "ciscoEnvMonTemperatureNotification",
        Error,
    ),
    known(
        &[1, 3, 6, 1, 4, 1, 9, 9, 13, 3, 0, 4],
        "ciscoEnvMonFanNotification",
        Error,
    ),
    known(
        &[1, 3, 6, 1, 4, 1, 9, 9, 13, 3, 0, 5],
        "ciscoEnvMonRedundantSupplyNotification",
        Error,
    ),
];

/// The notification of an object identifier.
pub(crate) fn trap(oid: &[u32]) -> Option<&'static Known> {
    TRAPS.iter().find(|known| known.oid == oid)
}

/// An object that notifications carry.
#[derive(Debug)]
pub(crate) struct Object {
    oid: &'static [u32],
    pub(crate) name: &'static str,
    /// Names of an enumeration's values, from 1.
    values: &'static [&'static str],
}

const fn object(oid: &'static [u32], name: &'static str) -> Object {
    Object { oid, name, values: &[] }
}

impl Object {
    /// The name of an enumeration's value.
    pub(crate) fn enumerated(&self, value: &Value) -> Option<String> {
        let place = usize::try_from(value.as_i32()?).ok()?.checked_sub(1)?;
        Some((*self.values.get(place)?).to_owned())
    }
}

/// ifAdminStatus.
pub(crate) const IF_ADMIN_STATUS: &[u32] = &[1, 3, 6, 1, 2, 1, 2, 2, 1, 7];
/// snmpTrapAddress.0 (RFC 3584).
pub(crate) const TRAP_ADDRESS: &[u32] = &[1, 3, 6, 1, 6, 3, 18, 1, 3, 0];

const OBJECTS: &[Object] = &[
    object(&[1, 3, 6, 1, 2, 1, 1, 1], "sysDescr"),
    object(&[1, 3, 6, 1, 2, 1, 1, 3], "sysUpTime"),
    object(&[1, 3, 6, 1, 2, 1, 1, 5], "sysName"),
    object(&[1, 3, 6, 1, 2, 1, 1, 6], "sysLocation"),
    object(&[1, 3, 6, 1, 2, 1, 2, 2, 1, 1], "ifIndex"),
    object(&[1, 3, 6, 1, 2, 1, 2, 2, 1, 2], "ifDescr"),
    object(&[1, 3, 6, 1, 2, 1, 2, 2, 1, 3], "ifType"),
    Object {
        oid: IF_ADMIN_STATUS,
        name: "ifAdminStatus",
        values: &["up", "down", "testing"],
    },
    Object {
        oid: &[1, 3, 6, 1, 2, 1, 2, 2, 1, 8],
        name: "ifOperStatus",
        values: &[
            "up",
            "down",
            "testing",
            "unknown",
            "dormant",
            "notPresent",
            "lowerLayerDown",
        ],
    },
    object(&[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 1], "ifName"),
    object(&[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 18], "ifAlias"),
    object(&[1, 3, 6, 1, 2, 1, 14, 1, 1], "ospfRouterId"),
    object(&[1, 3, 6, 1, 2, 1, 14, 7, 1, 1], "ospfIfIpAddress"),
    object(&[1, 3, 6, 1, 2, 1, 14, 10, 1, 1], "ospfNbrIpAddr"),
    object(&[1, 3, 6, 1, 2, 1, 14, 10, 1, 3], "ospfNbrRtrId"),
    Object {
        oid: &[1, 3, 6, 1, 2, 1, 14, 10, 1, 6],
        name: "ospfNbrState",
        values: &[
            "down",
            "attempt",
            "init",
            "twoWay",
            "exchangeStart",
            "exchange",
            "loading",
            "full",
        ],
    },
    Object {
        oid: &[1, 3, 6, 1, 2, 1, 15, 3, 1, 2],
        name: "bgpPeerState",
        values: &["idle", "connect", "active", "opensent", "openconfirm", "established"],
    },
    object(&[1, 3, 6, 1, 2, 1, 15, 3, 1, 7], "bgpPeerRemoteAddr"),
    object(&[1, 3, 6, 1, 2, 1, 15, 3, 1, 14], "bgpPeerLastError"),
    object(&[1, 3, 6, 1, 2, 1, 16, 3, 1, 1, 3], "alarmVariable"),
    object(&[1, 3, 6, 1, 2, 1, 16, 3, 1, 1, 5], "alarmValue"),
    object(&[1, 3, 6, 1, 2, 1, 16, 3, 1, 1, 7], "alarmRisingThreshold"),
    object(&[1, 3, 6, 1, 2, 1, 16, 3, 1, 1, 8], "alarmFallingThreshold"),
    object(&[1, 3, 6, 1, 2, 1, 47, 1, 1, 1, 1, 2], "entPhysicalDescr"),
    object(&[1, 3, 6, 1, 2, 1, 47, 1, 1, 1, 1, 7], "entPhysicalName"),
    object(&[1, 3, 6, 1, 2, 1, 88, 2, 1, 1], "mteHotTrigger"),
    object(&[1, 3, 6, 1, 2, 1, 88, 2, 1, 4], "mteHotOID"),
    object(&[1, 3, 6, 1, 2, 1, 88, 2, 1, 5], "mteHotValue"),
    object(&[1, 3, 6, 1, 6, 3, 1, 1, 4, 1], "snmpTrapOID"),
    object(&[1, 3, 6, 1, 6, 3, 1, 1, 4, 3], "snmpTrapEnterprise"),
    object(&[1, 3, 6, 1, 6, 3, 18, 1, 3], "snmpTrapAddress"),
    object(&[1, 3, 6, 1, 6, 3, 18, 1, 4], "snmpTrapCommunity"),
    object(&[1, 3, 6, 1, 4, 1, 9, 9, 41, 1, 2, 3, 1, 2], "clogHistFacility"),
    object(&[1, 3, 6, 1, 4, 1, 9, 9, 41, 1, 2, 3, 1, 4], "clogHistMsgName"),
    object(&[1, 3, 6, 1, 4, 1, 9, 9, 41, 1, 2, 3, 1, 5], "clogHistMsgText"),
];

/// The object that an identifier is an instance of, and what follows it.
pub(crate) fn object_of(oid: &[u32]) -> Option<(&'static Object, &[u32])> {
    OBJECTS
        .iter()
        .find_map(|object| Some((object, oid.strip_prefix(object.oid)?)))
}

/// Whether a variable is sysUpTime.0 or snmpTrapOID.0, which each notification begins with, or a community.
pub(crate) fn is_prologue(oid: &[u32]) -> bool {
    matches!(
        oid,
        [1, 3, 6, 1, 2, 1, 1, 3, 0] | [1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0] | [1, 3, 6, 1, 6, 3, 18, 1, 4, 0]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        for (place, known) in TRAPS.iter().enumerate() {
            assert!(
                TRAPS[..place]
                    .iter()
                    .all(|other| other.oid != known.oid && other.name != known.name)
            );
        }
        for (place, object) in OBJECTS.iter().enumerate() {
            // The first that fits is taken, so none may be a part of a later one.
            assert!(
                OBJECTS[..place].iter().all(|other| !object.oid.starts_with(other.oid)),
                "{}",
                object.name
            );
        }
    }

    #[test]
    fn instances_are_found_by_their_objects() {
        let (object, rest) = object_of(&[1, 3, 6, 1, 2, 1, 2, 2, 1, 8, 12]).unwrap();
        assert_eq!((object.name, rest), ("ifOperStatus", &[12][..]));
        assert_eq!(object.enumerated(&Value::Integer(7)).as_deref(), Some("lowerLayerDown"));
        assert_eq!(object.enumerated(&Value::Integer(-1)), None);
        assert!(object_of(&[1, 3, 6, 1, 4, 1, 99_999]).is_none());
    }
}
