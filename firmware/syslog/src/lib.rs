//! Syslog: octets of a datagram or a stream in, normalised messages out. No input or output happens here.
//!
//! [`parse`] takes RFC 5424, RFC 3164 and what vendors send in their place. It never fails: a message
//! that fits nothing keeps its whole text. [`Framer`] cuts a TCP or TLS stream into messages.
#![deny(clippy::indexing_slicing, clippy::string_slice)]

mod content;
mod framer;
mod ietf;
mod legacy;
mod message;
mod octets;
mod pairs;
mod print;
mod stamp;
mod structured;
mod vendors;
mod zone;

pub use framer::{Framer, FramerError};
pub use message::{Encoding, Format, Message};
pub use print::print;
pub use structured::{Element, Params, elements, unescape};

use std::borrow::Cow;
use std::net::IpAddr;

use model::Timestamp;

use message::Fields;

/// The most octets of a message that are kept (RFC 5424, section 6.1, asks for 2,048 or more). What
/// follows is cut off and [`Message::cut`] says so.
pub const MESSAGE_MAX: usize = 16 * 1024;
/// The most octets of a host's name; longer ones are cut.
pub const HOST_MAX: usize = 255;
/// The most octets of an application, a process id or a code; longer ones are cut.
pub const NAME_MAX: usize = 128;
/// A stated time that is further from the receive time than this is not believed: 24 hours in nanoseconds.
pub const CLOCK_TOLERANCE_NANOS: u64 = 86_400_000_000_000;

/// Reads a message that came from `peer` at `now`. `utc_offset` is that of the exporter's clock, in
/// seconds east of UTC, for stamps that do not say their own.
#[must_use]
pub fn parse(now: Timestamp, peer: IpAddr, utc_offset: i32, bytes: &[u8]) -> Message<'_> {
    let octets::Text { text, encoding, cut } = octets::decode(bytes);
    let mut message = match text {
        Cow::Borrowed(text) => read(now, utc_offset, text).finish(now, peer, Cow::Borrowed),
        Cow::Owned(text) => read(now, utc_offset, &text).finish(now, peer, |part| Cow::Owned(part.to_owned())),
    };
    message.encoding = encoding;
    message.cut = cut;
    message.octets = bytes.len();
    message
}

fn read(now: Timestamp, utc_offset: i32, text: &str) -> Fields<'_> {
    let mut fields = Fields::new(now, utc_offset);
    match priority(text) {
        Some((priority, rest)) => {
            fields.priority = Some(priority);
            if !ietf::read(&mut fields, rest) {
                legacy::read(&mut fields, rest);
            }
        }
        None => legacy::read(&mut fields, text),
    }
    fields
}

/// `<0>` to `<191>` (RFC 5424, section 6.2.1), with leading zeros as some send them.
fn priority(text: &str) -> Option<(u8, &str)> {
    let rest = text.strip_prefix('<')?;
    let end = rest.bytes().take(4).position(|b| b == b'>')?;
    let (digits, rest) = rest.split_at_checked(end)?;
    let priority = digits.bytes().try_fold(0u8, |value, digit| {
        let digit = digit.is_ascii_digit().then_some(digit.wrapping_sub(b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    });
    let priority = priority.filter(|p| *p <= 191 && !digits.is_empty())?;
    Some((priority, rest.strip_prefix('>')?))
}
