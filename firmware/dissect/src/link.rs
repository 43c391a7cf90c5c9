//! Ethernet and what stands between it and IP: VLAN tags, MPLS, PPPoE, LLC/SNAP; and ARP.

use model::{MacAddr, MalformedKind};
use pnet_packet::ethernet::EtherTypes;

use crate::ip::Found;
use crate::view::{View, be16};
use crate::{NotMetered, encap};

pub(crate) const IPV4: u16 = EtherTypes::Ipv4.0;
pub(crate) const IPV6: u16 = EtherTypes::Ipv6.0;
const PPPOE_SESSION: u16 = EtherTypes::PppoeSession.0;
const MPLS: u16 = EtherTypes::Mpls.0;
const MPLS_MULTICAST: u16 = EtherTypes::MplsMcast.0;
/// Tags and shims in front of one IP packet.
const MAX_TAGS: usize = 8;
const MAX_LABELS: usize = 16;

const CUT: MalformedKind = MalformedKind::Encapsulation;

/// Reads an Ethernet header and the tags behind it: the EtherType and what follows it.
#[inline]
pub(crate) fn ethernet<'a>(view: View<'a>, found: &mut Found) -> Result<(u16, View<'a>), NotMetered> {
    let (h, rest) = view.split::<14>().map_err(|s| s.of(MalformedKind::LinkHeader))?;
    found.dst_mac = Some(MacAddr([h[0], h[1], h[2], h[3], h[4], h[5]]));
    found.src_mac = Some(MacAddr([h[6], h[7], h[8], h[9], h[10], h[11]]));
    ether_type(be16(h[12], h[13]), rest, found)
}

/// What follows the two octets that are an EtherType, or a length (IEEE 802.3, section 3.2.6).
#[inline]
fn ether_type<'a>(value: u16, rest: View<'a>, found: &mut Found) -> Result<(u16, View<'a>), NotMetered> {
    match value {
        IPV4 | IPV6 => Ok((value, rest)),
        0x0600.. => tags(value, rest, found),
        length => llc(rest.limit(u32::from(length)), found),
    }
}

/// An 802.2 header: SNAP carries an EtherType, anything else is no IP.
pub(crate) fn llc<'a>(view: View<'a>, found: &mut Found) -> Result<(u16, View<'a>), NotMetered> {
    match view.split::<8>() {
        // Organisation codes 0 (Ethernet) and 0000f8 (802.1H bridge tunnel) have EtherTypes.
        Ok(([0xaa, 0xaa, 3, 0, 0, 0 | 0xf8, high, low], rest)) => match be16(*high, *low) {
            ether_type @ 0x0600.. => tags(ether_type, rest, found),
            _ => Err(NotMetered::NonIp(0)),
        },
        _ => match view.split::<3>() {
            // The service access point of IP (RFC 1042).
            Ok(([6, 6, 3], rest)) => Ok((IPV4, rest)),
            _ => Err(NotMetered::NonIp(0)),
        },
    }
}

/// Takes off VLAN tags and shims until the EtherType is of a network protocol.
pub(crate) fn tags<'a>(
    mut ether_type: u16,
    mut rest: View<'a>,
    found: &mut Found,
) -> Result<(u16, View<'a>), NotMetered> {
    for _ in 0..MAX_TAGS {
        match ether_type {
            // 802.1Q, 802.1ad and the values in use before it.
            0x8100 | 0x88a8 | 0x9100 | 0x9200 | 0x9300 => {
                let (h, after) = rest.split::<4>().map_err(|s| s.of(CUT))?;
                found.push_vlan(be16(h[0], h[1]));
                ether_type = be16(h[2], h[3]);
                rest = after;
                if ether_type < 0x0600 {
                    return llc(rest.limit(u32::from(ether_type)), found);
                }
            }
            // VN-Tag and 802.1BR's E-Tag.
            0x8926 | 0x893f => {
                rest = rest
                    .skip(if ether_type == 0x8926 { 4 } else { 6 })
                    .map_err(|s| s.of(CUT))?;
                let (h, after) = rest.split::<2>().map_err(|s| s.of(CUT))?;
                ether_type = be16(h[0], h[1]);
                rest = after;
            }
            // 802.1ah: a service tag, then a customer's whole Ethernet header.
            0x88e7 => {
                let (h, after) = rest.split::<18>().map_err(|s| s.of(CUT))?;
                found.dst_mac = Some(MacAddr([h[4], h[5], h[6], h[7], h[8], h[9]]));
                found.src_mac = Some(MacAddr([h[10], h[11], h[12], h[13], h[14], h[15]]));
                ether_type = be16(h[16], h[17]);
                rest = after;
            }
            MPLS | MPLS_MULTICAST => return mpls(rest, found),
            PPPOE_SESSION => {
                let (h, after) = rest.split::<6>().map_err(|s| s.of(CUT))?;
                let length = u32::from(be16(h[4], h[5]));
                if h[0] != 0x11 || length > after.wire() {
                    return Err(NotMetered::Malformed(CUT));
                }
                return encap::ppp(after.limit(length), PPPOE_SESSION);
            }
            other => return Ok((other, rest)),
        }
    }
    Err(NotMetered::Malformed(CUT))
}

/// A label stack (RFC 3032) and the packet behind it. Labels do not say what they carry: an IP
/// packet shows its version, a pseudo-wire with control word (RFC 4385) starts with zero bits.
fn mpls<'a>(mut rest: View<'a>, found: &mut Found) -> Result<(u16, View<'a>), NotMetered> {
    for _ in 0..MAX_LABELS {
        let (label, after) = rest.split::<4>().map_err(|s| s.of(CUT))?;
        rest = after;
        if label[2] & 1 == 0 {
            continue;
        }
        let [first] = rest.peek::<1>().map_err(|s| s.of(CUT))?;
        return match first >> 4 {
            4 => Ok((IPV4, rest)),
            6 => Ok((IPV6, rest)),
            0 => pseudo_wire(rest, found),
            _ => Err(NotMetered::NonIp(MPLS)),
        };
    }
    Err(NotMetered::Malformed(CUT))
}

/// Ethernet behind a control word (RFC 4448): believed only if it holds something known.
fn pseudo_wire<'a>(view: View<'a>, found: &mut Found) -> Result<(u16, View<'a>), NotMetered> {
    let unknown = NotMetered::NonIp(MPLS);
    let mut inner = found.inside().ok_or(NotMetered::Malformed(CUT))?;
    let frame = view.skip(4).map_err(|_| unknown)?;
    match ethernet(frame, &mut inner) {
        Ok((ether_type @ (IPV4 | IPV6 | 0x0806), rest)) => {
            *found = inner;
            Ok((ether_type, rest))
        }
        _ => Err(unknown),
    }
}

/// Checks an ARP message (RFC 826): whole, and with the lengths of its address types.
pub(crate) fn arp(view: View<'_>) -> NotMetered {
    let malformed = NotMetered::Malformed(MalformedKind::Arp);
    let h = match view.peek::<8>() {
        Ok(h) => h,
        Err(short) => return short.of(MalformedKind::Arp),
    };
    let (hardware, protocol) = (be16(h[0], h[1]), be16(h[2], h[3]));
    let (hardware_len, protocol_len) = (h[4], h[5]);
    let lengths_fit = (hardware != 1 || hardware_len == 6) && (protocol != IPV4 || protocol_len == 4);
    let length = 8 + 2 * (u32::from(hardware_len) + u32::from(protocol_len));
    if !lengths_fit || view.wire() < length {
        return malformed;
    }
    NotMetered::Arp
}

/// A raw IP packet as if an EtherType had announced it.
pub(crate) fn raw<'a>(view: View<'a>) -> Result<(u16, View<'a>), NotMetered> {
    let [first] = view.peek::<1>().map_err(|s| s.of(MalformedKind::IpHeader))?;
    match first >> 4 {
        4 => Ok((IPV4, view)),
        6 => Ok((IPV6, view)),
        _ => Err(NotMetered::Malformed(MalformedKind::IpVersion)),
    }
}

/// An Ethernet frame inside a tunnel has addresses of its own, and its own tags hide the outer ones.
pub(crate) fn inner_ethernet<'a>(view: View<'a>, outer: &Found) -> Result<(u16, View<'a>, Found), NotMetered> {
    let mut found = Found {
        vlan: None,
        vlan_inner: None,
        ..*outer
    };
    let (ether_type, rest) = ethernet(view, &mut found)?;
    if found.vlan.is_none() {
        (found.vlan, found.vlan_inner) = (outer.vlan, outer.vlan_inner);
    }
    Ok((ether_type, rest, found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::View;

    #[test]
    fn arp_is_checked() {
        let sound: &[u8] = &[
            0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2,
        ];
        assert_eq!(arp(View::new(sound, 28)), NotMetered::Arp);
        let mut wrong = sound.to_vec();
        wrong[4] = 8;
        assert_eq!(arp(View::new(&wrong, 46)), NotMetered::Malformed(MalformedKind::Arp));
        let cut = &sound[..27];
        assert_eq!(arp(View::new(cut, 27)), NotMetered::Malformed(MalformedKind::Arp));
        assert_eq!(arp(View::new(cut, 28)), NotMetered::Arp);
        assert_eq!(arp(View::new(&sound[..5], 28)), NotMetered::CutShort);
    }

    #[test]
    fn a_priority_tag_names_no_vlan() {
        let mut found = Found::default();
        found.push_vlan(0xe000);
        assert_eq!(found.vlan, None);
        found.push_vlan(0xe07b);
        found.push_vlan(10);
        found.push_vlan(11);
        assert_eq!((found.vlan, found.vlan_inner), (Some(123), Some(10)));
    }

    #[test]
    fn tags_do_not_nest_for_ever() {
        let tags: Vec<u8> = [0, 1, 0x81, 0].repeat(20);
        let got = super::tags(0x8100, View::new(&tags, 80), &mut Found::default());
        assert_eq!(got.err(), Some(NotMetered::Malformed(MalformedKind::Encapsulation)));
    }
    #[test]
    fn raw_ip_shows_its_version() {
        assert_eq!(
            raw(View::new(&[0x50], 20)).err(),
            Some(NotMetered::Malformed(MalformedKind::IpVersion))
        );
    }
}
