//! One datagram by itself, without a conversation: for offline decoding.

use std::net::IpAddr;

use async_snmp::message::Message;
use async_snmp::pdu::PduType;
use async_snmp::{DecodeConfig, Oid, VarBind};
use bytes::Bytes;
use model::{LinkId, Timestamp};

use crate::error::Error;
use crate::names;
use crate::trap::{Origin, Trap, value_text, version_name};

/// Variables of a datagram that are kept.
const VARIABLES_MAX: usize = 1_024;

/// What an SNMP datagram says, as far as it can be read without keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Datagram {
    /// `v1`, `v2c` or `v3`.
    pub version: &'static str,
    /// The PDU's name, such as `Response`; `None` where it is encrypted.
    pub pdu: Option<String>,
    /// Object identifiers, dotted, and values as text, at most 1,024.
    pub variables: Vec<(String, String)>,
    /// The notification that it is; its exporter is number 0.
    pub trap: Option<Trap>,
}

impl Datagram {
    /// Reads one datagram that came from `peer` at `at`.
    ///
    /// # Errors
    /// [`Error::Malformed`] with what is wrong, and where.
    pub fn decode(datagram: &[u8], peer: IpAddr, at: Timestamp) -> Result<Self, Error> {
        let decoded = Message::decode(Bytes::copy_from_slice(datagram), DecodeConfig::default());
        let message = decoded.map_err(|error| Error::Malformed(error.to_string()))?.value;
        let version = version_name(message.version());
        let origin = |inform| Origin {
            at,
            exporter: LinkId(0),
            peer,
            agent: None,
            version,
            inform,
        };
        if let Message::Community(community) = &message
            && let Some(trap) = community.pdu().trap_v1()
        {
            let origin = Origin {
                agent: Some(trap.agent_addr().into()),
                ..origin(false)
            };
            let oid = trap.v2_trap_oid().unwrap_or_else(|_| trap.enterprise().clone());
            return Ok(Self {
                version,
                pdu: Some(PduType::TrapV1.to_string()),
                variables: texts(trap.varbinds()),
                trap: Some(Trap::new(origin, trap.time_stamp(), &oid, trap.varbinds())),
            });
        }
        let Some(pdu) = message.pdu() else {
            return Ok(Self {
                version,
                pdu: None,
                variables: Vec::new(),
                trap: None,
            });
        };
        let binds = pdu.varbinds();
        let trap = match pdu.pdu_type() {
            PduType::TrapV2 => identity(binds).map(|(up, oid)| Trap::new(origin(false), up, oid, binds)),
            PduType::InformRequest => identity(binds).map(|(up, oid)| Trap::new(origin(true), up, oid, binds)),
            _ => None,
        };
        Ok(Self {
            version,
            pdu: Some(pdu.pdu_type().to_string()),
            variables: texts(binds),
            trap,
        })
    }
}

fn texts(binds: &[VarBind]) -> Vec<(String, String)> {
    let name = |oid: &Oid| match names::object_of(oid.arcs()) {
        Some((object, rest)) => rest
            .iter()
            .fold(object.name.to_owned(), |name, arc| format!("{name}.{arc}")),
        None => oid.to_string(),
    };
    binds
        .iter()
        .take(VARIABLES_MAX)
        .map(|v| (name(&v.oid), value_text(&v.value)))
        .collect()
}

/// sysUpTime.0 and snmpTrapOID.0, which a notification begins with (RFC 3416, section 4.2.6).
fn identity(binds: &[VarBind]) -> Option<(u32, &Oid)> {
    match binds {
        [up, oid, ..] => Some((up.value.as_u32()?, oid.value.as_oid()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// snmptrap -v 2c … 42 linkDown ifIndex.3 i 3 ifDescr.3 s Gi0/3 (Net-SNMP 5.9.3).
    const TRAP: &str = "306902010104067075626c6963a75c02046f432fe6020100020100304e300d06082b0601020101030043012a3017060a\
        2b06010603010104010006092b0601060301010503300f060a2b0601020102020101030201033013060a2b06010201020201020304054769302f33";

    /// snmptrap -v 1 … 1.3.6.1.4.1.9 192.0.2.9 6 17 42 ifIndex.3 i 3 (Net-SNMP 5.9.3).
    const TRAP_V1: &str = "303702010004067075626c6963a42a06062b06010401094004c000020902010602011143012a3011300f060a2b06010201\
        0202010103020103";

    fn octets(text: &str) -> Vec<u8> {
        let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(16)).collect();
        digits
            .chunks_exact(2)
            .map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap())
            .collect()
    }

    fn decode(datagram: &[u8]) -> Result<Datagram, Error> {
        Datagram::decode(datagram, IpAddr::from([192, 0, 2, 1]), Timestamp::EPOCH)
    }

    #[test]
    fn traps_of_both_kinds_are_read() {
        let two = decode(&octets(TRAP)).unwrap();
        assert_eq!((two.version, two.pdu.as_deref()), ("v2c", Some("TrapV2")));
        assert_eq!(two.variables[2], ("ifIndex.3".to_owned(), "3".to_owned()));
        assert_eq!(two.trap.unwrap().text(), "linkDown ifIndex=3 ifDescr=Gi0/3");
        let one = decode(&octets(TRAP_V1)).unwrap().trap.unwrap();
        assert_eq!((one.trap_oid.as_str(), one.uptime), ("1.3.6.1.4.1.9.0.17", 42));
        assert_eq!(one.agent, Some("192.0.2.9".parse().unwrap()));
    }

    proptest! {
        #[test]
        fn no_octets_are_too_strange(octets: Vec<u8>) {
            let _ = decode(&octets);
        }

        #[test]
        fn no_change_of_a_trap_is_too_strange(changes in prop::collection::vec((0usize..107, any::<u8>()), 1..6)) {
            for trap in [TRAP, TRAP_V1] {
                let mut trap = octets(trap);
                for (at, octet) in &changes {
                    if let Some(place) = trap.get_mut(*at) {
                        *place = *octet;
                    }
                }
                let _ = decode(&trap);
            }
        }
    }

    #[test]
    fn a_trap_cut_short_anywhere_is_malformed() {
        for trap in [TRAP, TRAP_V1].map(octets) {
            for end in 0..trap.len() {
                assert!(matches!(decode(&trap[..end]), Err(Error::Malformed(_))), "{end}");
            }
        }
    }
}
