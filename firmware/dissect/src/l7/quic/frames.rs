//! The frames of Initial packets (RFC 9000, section 19).

use super::packet::variable;
use crate::l7::tls::Session as Tls;
use crate::l7::tls::octets::Octets;

const PADDING: u8 = 0;
const PING: u8 = 1;
const ACK: u8 = 2;
const ACK_ECN: u8 = 3;
const CRYPTO: u8 = 6;
/// CRYPTO in Google's versions T050 and T051.
const GOOGLE_CRYPTO: u8 = 8;
const CONNECTION_CLOSE: u8 = 0x1c;

/// Reads a packet's frames: CRYPTO data goes to `take` with its offset, and the alert of a connection that is closed to the
/// session. What follows a frame that does not belong here is left out.
pub(super) fn read<'a>(plain: &'a [u8], google: bool, tls: &mut Tls, mut take: impl FnMut(usize, &'a [u8])) {
    let mut octets = Octets(plain);
    while frame(&mut octets, google, tls, &mut take).is_some() {}
}

fn frame<'a>(
    octets: &mut Octets<'a>,
    google: bool,
    tls: &mut Tls,
    take: &mut impl FnMut(usize, &'a [u8]),
) -> Option<()> {
    match octets.u8()? {
        PADDING => {
            // A run of them, most often to the packet's end.
            let runs = octets.0.as_chunks::<32>().0.iter();
            let zeros = runs.take_while(|run| run.iter().fold(0, |all, octet| all | octet) == 0);
            octets.take_up_to(zeros.count() * 32);
        }
        PING => {}
        kind @ (ACK | ACK_ECN) if !google => {
            variable(octets)?;
            variable(octets)?;
            let ranges = variable(octets)?;
            variable(octets)?;
            for _ in 0..ranges {
                variable(octets)?;
                variable(octets)?;
            }
            if kind == ACK_ECN {
                for _ in 0..3 {
                    variable(octets)?;
                }
            }
        }
        kind if kind == if google { GOOGLE_CRYPTO } else { CRYPTO } => {
            let offset = usize::try_from(variable(octets)?).ok()?;
            let length = usize::try_from(variable(octets)?).ok()?;
            take(offset, octets.take(length)?);
        }
        CONNECTION_CLOSE => {
            // codes of the handshake are alerts (RFC 9001, section 4.8)
            let code = variable(octets)?;
            if code >> 8 == 1
                && let Ok(alert) = u8::try_from(code & 0xff)
            {
                tls.alert(2, alert);
            }
            return None;
        }
        _ => return None,
    }
    Some(())
}
