//! Screens, shells and desktops from afar.

use model::{App, DetailKey, L7};

use super::super::sample::{Sample, Verdict};
use super::octets::{be16, begins, begins_any, either, first_line, le16, octet, on_port, parsed, stream};

const TELNET: App = App::named("telnet");
const RDP: App = App::named("rdp");
const VNC: App = App::named("vnc");
const TEAMVIEWER: App = App::named("teamviewer");
const CITRIX: App = App::named("citrix");
const X11: App = App::named("x11");
const SPICE: App = App::named("spice");
const RDP_UDP: u16 = 3389;

/// RFC 854: a command with an option, from either side; two of them away from its port.
pub(super) fn telnet(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    let command = |data: &[u8]| {
        if !begins(data, &[0xff])? {
            return Some(None);
        }
        Some(match octet(data, 1)? {
            0xfb..=0xfe => (octet(data, 2)? <= 50 || octet(data, 2)? == 0xff).then_some(3),
            0xfa => data.windows(2).position(|pair| pair == [0xff, 0xf0]).map(|at| at + 2),
            _ => None,
        })
    };
    stream(TELNET, sample, |data| {
        let Some(length) = command(data)? else {
            return Some(false);
        };
        let second = data.get(length..).unwrap_or_default();
        Some(on_port(sample, &[23, 2323]) || command(second)?.is_some())
    })
}

/// MS-RDPBCGR section 2.2.1: an X.224 connection request with a cookie or a negotiation, in TPKT.
pub(super) fn rdp(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    if sample.transport == 17 {
        return rdp_udp(sample);
    }
    let verdict = stream(RDP, sample, |data| {
        if !begins(data, &[3, 0])? {
            return Some(false);
        }
        let (length, indicator, code) = (
            usize::from(be16(data, 2)?),
            usize::from(octet(data, 4)?),
            octet(data, 5)?,
        );
        let is_head = length == indicator + 5 && matches!(code, 0xe0 | 0xd0) && (7..=512).contains(&length);
        let user = data.get(11..length)?;
        let is_negotiation = |at: usize| {
            user.get(at..at + 8)
                .is_some_and(|n| n.get(2..4) == Some(&[8, 0]) && matches!(n.first(), Some(1..=3)))
        };
        let is_user =
            user.starts_with(b"Cookie: ") || is_negotiation(0) || user.len() >= 8 && is_negotiation(user.len() - 8);
        Some(is_head && (is_user || user.is_empty() && on_port(sample, &[3389])))
    });
    if let Verdict::Is(..) = verdict {
        let cookie = sample.client.get(11..).map(first_line).unwrap_or_default();
        l7.details.set(
            DetailKey::User,
            cookie.strip_prefix("Cookie: mstshash=").unwrap_or_default(),
        );
    }
    verdict
}

/// MS-RDPEUDP section 2.2.2.1: a SYN with the initial sequence number and the sizes; on its port.
fn rdp_udp(sample: &Sample<'_>) -> Verdict {
    if !on_port(sample, &[RDP_UDP]) {
        return Verdict::No;
    }
    either(RDP, sample, |data| {
        let flags = be16(data, 6)?;
        let is_syn = flags & 1 != 0 && be16(data, 12).is_some_and(|mtu| (1_132..=1_232).contains(&mtu));
        let is_dtls = matches!(octet(data, 0)?, 20..=23) && octet(data, 1)? == 0xfe;
        Some(is_syn || is_dtls)
    })
}

/// RFC 6143, section 7.1.1.
pub(super) fn vnc(sample: &Sample<'_>, l7: &mut L7) -> Verdict {
    let verdict = stream(VNC, sample, |data| {
        let is_version = begins(data, b"RFB 00")?;
        Some(is_version && octet(data, 7)? == b'.' && octet(data, 11)? == b'\n')
    });
    if let Verdict::Is(..) = verdict {
        l7.details
            .set(DetailKey::Version, first_line(sample.client).trim_start_matches("RFB "));
    }
    verdict
}

/// TeamViewer's commands of streams and datagrams.
pub(super) fn teamviewer(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    either(TEAMVIEWER, sample, |data| match sample.transport {
        6 => {
            if !begins_any(data, &[&[0x17, 0x24], &[0x11, 0x30]])? {
                return Some(false);
            }
            Some(
                octet(data, 2)? >= 0x0a
                    && (on_port(sample, &[5938]) || octet(data, 3)? == 0x20 || octet(data, 3)? == 0),
            )
        }
        _ => Some(octet(data, 0)? == 0 && octet(data, 11)? == 0x17 && octet(data, 12)? == 0x24),
    })
}

/// ICA's greeting, and the common gateway protocol's.
pub(super) fn citrix(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    stream(CITRIX, sample, |data| {
        begins_any(data, &[b"\x7f\x7fICA\x00", b"\x1aCGP/01"])
    })
}

/// The connection setup of X11: the octet order and version 11.0.
pub(super) fn x11(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    let look = |data: &[u8]| {
        let (major, minor, name) = match octet(data, 0)? {
            b'l' => (le16(data, 2)?, le16(data, 4)?, le16(data, 6)?),
            b'B' => (be16(data, 2)?, be16(data, 4)?, be16(data, 6)?),
            _ => return Some(false),
        };
        Some(octet(data, 1)? == 0 && major == 11 && minor == 0 && name <= 64)
    };
    match stream(X11, sample, look) {
        Verdict::Is(..) => parsed(X11),
        other => other,
    }
}

/// `REDQ` and version 2.
pub(super) fn spice(sample: &Sample<'_>, _: &mut L7) -> Verdict {
    stream(SPICE, sample, |data| begins(data, b"REDQ\x02\x00\x00\x00"))
}
