//! SNMPv2c traps (RFC 3416, section 4.2.6).

use crate::ber::Backward;
use crate::{Alarm, Full, Origin};

/// Octets that always suffice where host, code, source and value have no more than 64 octets each and the community 32; a
/// longer text is cut.
pub const TRAP_MAX: usize = 1024;

const INTEGER: u8 = 0x02;
const SEQUENCE: u8 = 0x30;
const TIME_TICKS: u8 = 0x43;
const TRAP: u8 = 0xa7;
/// The most octets of the text.
const TEXT_MAX: usize = 512;

/// Writes an alarm as one trap, into the end of `buffer`. `uptime` is in hundredths of seconds; `request` tells messages
/// apart.
///
/// Under 1.3.6.1.4.1.ENTERPRISE.1: the traps are 0.1 (raised) and 0.2 (cleared); the objects 1.1.0 to 1.6.0 are host, code,
/// source, severity (RFC 5424's numbers), value and text.
///
/// # Errors
/// [`Full`], where `buffer` has no room.
pub fn trap<'b>(
    origin: &Origin<'_>,
    alarm: &Alarm<'_>,
    community: &str,
    uptime: u32,
    request: u32,
    buffer: &'b mut [u8],
) -> Result<&'b [u8], Full> {
    let mut out = Backward::new(buffer);
    let all = out.mark();
    let enterprise = origin.enterprise;
    let text = cut(alarm.text, TEXT_MAX);
    for (number, value) in [(6, text), (5, alarm.value)] {
        binding(&mut out, enterprise, number, |out| out.octets(value.as_bytes()))?;
    }
    binding(&mut out, enterprise, 4, |out| {
        out.unsigned(INTEGER, alarm.severity as u32)
    })?;
    for (number, value) in [(3, alarm.source), (2, alarm.code), (1, origin.host)] {
        binding(&mut out, enterprise, number, |out| out.octets(value.as_bytes()))?;
    }
    // snmpTrapOID.0 and sysUpTime.0
    let begin = out.mark();
    out.object(&[6, 1, 4, 1, enterprise, 1, 0, alarm.state as u32])?;
    out.object(&[6, 1, 6, 3, 1, 1, 4, 1, 0])?;
    out.wrap(SEQUENCE, begin)?;
    let begin = out.mark();
    out.unsigned(TIME_TICKS, uptime)?;
    out.object(&[6, 1, 2, 1, 1, 3, 0])?;
    out.wrap(SEQUENCE, begin)?;
    out.wrap(SEQUENCE, all)?;
    // error index, error status, request id
    out.unsigned(INTEGER, 0)?;
    out.unsigned(INTEGER, 0)?;
    out.unsigned(INTEGER, request & 0x7fff_ffff)?;
    out.wrap(TRAP, all)?;
    out.octets(community.as_bytes())?;
    // version 2c
    out.unsigned(INTEGER, 1)?;
    out.wrap(SEQUENCE, all)?;
    out.finish()
}

fn binding(
    out: &mut Backward<'_>,
    enterprise: u32,
    number: u32,
    value: impl FnOnce(&mut Backward<'_>) -> Result<(), Full>,
) -> Result<(), Full> {
    let begin = out.mark();
    value(out)?;
    out.object(&[6, 1, 4, 1, enterprise, 1, 1, number, 0])?;
    out.wrap(SEQUENCE, begin)
}

/// At most `most` octets, never half a character.
fn cut(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}
