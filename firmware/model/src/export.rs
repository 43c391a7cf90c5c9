//! What an exporter's record says beyond what packets say.

use std::net::IpAddr;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

/// On which side of an interface an exporter saw a flow: flowDirection, IPFIX element 61.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Observed {
    /// The exporter does not say; what it exports is taken as seen on ingress.
    #[default]
    Unknown = 0,
    /// On its way in.
    Ingress = 1,
    /// On its way out.
    Egress = 2,
}

/// Labels of an MPLS stack, the top first: 20 bits each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct MplsLabels {
    count: u8,
    labels: [u32; Self::MAX],
}

impl MplsLabels {
    /// The labels that are kept: as many as IPFIX has elements for (70–79).
    pub const MAX: usize = 10;

    /// Puts a label below the others; one too many is left out.
    pub fn push(&mut self, label: u32) {
        if let Some(place) = self.labels.get_mut(usize::from(self.count)) {
            *place = label & 0xf_ffff;
            self.count += 1;
        }
    }

    /// The labels, the top first.
    #[must_use]
    pub fn as_slice(&self) -> &[u32] {
        self.labels.get(..usize::from(self.count)).unwrap_or(&[])
    }
}

/// What a translator made of a flow's ends: postNAT elements (225–228, 281, 282).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Translated {
    /// Source address after the translation.
    pub src_ip: Option<IpAddr>,
    /// Destination address after the translation.
    pub dst_ip: Option<IpAddr>,
    /// Source port after the translation.
    pub src_port: Option<u16>,
    /// Destination port after the translation.
    pub dst_port: Option<u16>,
}

/// What an exporter's record says beyond what packets say. `None`: the record did not say.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Exported {
    /// The observation domain (IPFIX), source id (NetFlow v9), engine type and id (v5) or sub-agent (sFlow).
    pub domain: u32,
    /// Each sampled packet stands for so many; the record's packets and octets are multiplied already. 1: not sampled;
    /// `None`: the exporter does not say, and nothing is multiplied.
    pub sampling: Option<NonZeroU32>,
    /// ifIndex that the flow came in by (element 10); 0 is the exporter itself.
    pub ingress_if: Option<u32>,
    /// ifIndex that the flow left by (element 14); 0 is the exporter itself, or nowhere: dropped.
    pub egress_if: Option<u32>,
    /// On which side it was seen.
    pub observed: Observed,
    /// Source AS (16 or 129, as the exporter is set).
    pub src_as: Option<u32>,
    /// Destination AS.
    pub dst_as: Option<u32>,
    /// Source prefix length in the exporter's routing table.
    pub src_prefix: Option<u8>,
    /// Destination prefix length.
    pub dst_prefix: Option<u8>,
    /// The next router (15, 62).
    pub next_hop: Option<IpAddr>,
    /// The BGP next hop (18, 63).
    pub bgp_next_hop: Option<IpAddr>,
    /// VRF that the flow came in by (234).
    pub ingress_vrf: Option<u32>,
    /// VRF that the flow left by (235).
    pub egress_vrf: Option<u32>,
    /// The MPLS stack (70–79), labels alone.
    pub mpls: MplsLabels,
    /// The ends after a translation.
    pub translated: Translated,
    /// natEvent (230).
    pub nat_event: Option<u8>,
    /// firewallEvent (233).
    pub firewall_event: Option<u8>,
    /// forwardingStatus (89), the octet as RFC 7270, section 4.12 has it.
    pub forwarding_status: Option<u8>,
    /// applicationId (95): engine in the upper 8 of 64 bits, selector below (RFC 6759).
    pub application: Option<u64>,
    /// Smallest and largest TTL or hop limit (52, 53; both from 192 where that is all).
    pub ttl: Option<(u8, u8)>,
    /// IPv6 flow label (31).
    pub flow_label: Option<u32>,
    /// VXLAN network or other layer-2 segment (351, its lower 24 bits), or sFlow's VNI.
    pub vni: Option<u32>,
    /// The active SRv6 segment (495).
    pub srv6_segment: Option<IpAddr>,
    /// Enterprise fields that have no place here: see [`EnterpriseFields`].
    pub enterprise: EnterpriseFields,
}

/// Enterprise fields by number, as they came.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct EnterpriseFields(Vec<u8>);

impl EnterpriseFields {
    /// The most octets that are kept of a record; further fields are left out.
    pub const BYTES_MAX: usize = 1_024;
    const HEAD: usize = 8;

    /// Adds a field unless it would not fit; says whether it did.
    pub fn push(&mut self, enterprise: u32, element: u16, value: &[u8]) -> bool {
        let Ok(length) = u16::try_from(value.len()) else {
            return false;
        };
        if self.0.len() + Self::HEAD + value.len() > Self::BYTES_MAX {
            return false;
        }
        self.0.extend_from_slice(&enterprise.to_be_bytes());
        self.0.extend_from_slice(&element.to_be_bytes());
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(value);
        true
    }

    /// Forgets the fields, keeping the room.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fields: private enterprise number, element, value.
    pub fn iter(&self) -> impl Iterator<Item = (u32, u16, &[u8])> {
        let mut rest = self.0.as_slice();
        std::iter::from_fn(move || {
            let (&[a, b, c, d, e, f, g, h], after) = rest.split_first_chunk::<{ Self::HEAD }>()?;
            let (value, after) = after.split_at_checked(usize::from(u16::from_be_bytes([g, h])))?;
            rest = after;
            Some((u32::from_be_bytes([a, b, c, d]), u16::from_be_bytes([e, f]), value))
        })
    }

    /// The octets: enterprise (4), element (2), length (2), all big endian, then the value; field after field.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Fields from their octets; `None` where these are not what [`EnterpriseFields::as_bytes`] gives.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > Self::BYTES_MAX {
            return None;
        }
        let fields = Self(bytes.to_vec());
        let used: usize = fields.iter().map(|(_, _, value)| Self::HEAD + value.len()).sum();
        (used == bytes.len()).then_some(fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enterprise_fields_come_back() {
        let mut fields = EnterpriseFields::default();
        assert!(fields.push(9, 12_232, b"abc") && fields.push(2_011, 1, b""));
        assert!(!fields.push(1, 1, &[0; EnterpriseFields::BYTES_MAX]));
        let back = EnterpriseFields::from_bytes(fields.as_bytes()).unwrap();
        assert_eq!(
            back.iter().collect::<Vec<_>>(),
            [(9, 12_232, &b"abc"[..]), (2_011, 1, b"")]
        );
        let cut = fields.as_bytes().split_last().unwrap().1;
        assert!(EnterpriseFields::from_bytes(cut).is_none());
    }

    #[test]
    fn an_eleventh_label_is_left_out() {
        let mut labels = MplsLabels::default();
        (0..12).for_each(|n| labels.push(n));
        assert_eq!(labels.as_slice(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    }
}
