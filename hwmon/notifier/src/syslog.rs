//! RFC 5424.

use crate::{Alarm, Full, Origin, Stamp, State};

/// Octets that always suffice where host, source and value have no more than 64 octets each; a longer text is cut.
pub const SYSLOG_MAX: usize = 1024;

/// Facility 16, local0, shifted.
const FACILITY: u8 = 16 << 3;

/// Writes an alarm as one message: its code is the MSGID, and its parts are structured data besides.
///
/// # Errors
/// [`Full`], where `buffer` has no room for everything but the text.
pub fn syslog<'b>(
    origin: &Origin<'_>,
    alarm: &Alarm<'_>,
    stamp: Stamp,
    buffer: &'b mut [u8],
) -> Result<&'b [u8], Full> {
    let mut out = Writer { buffer, used: 0 };
    out.put(b"<")?;
    out.number(u32::from(FACILITY | alarm.severity as u8))?;
    out.put(b">1 ")?;
    match stamp.text() {
        Some(text) => out.put(&text)?,
        None => out.put(b"-")?,
    }
    out.put(b" ")?;
    out.name(origin.host, 255)?;
    out.put(b" hwmon - ")?;
    out.name(alarm.code, 32)?;
    out.put(b" [hwmon@")?;
    out.number(origin.enterprise)?;
    for (name, value) in [
        ("source", alarm.source),
        (
            "state",
            match alarm.state {
                State::Raised => "raised",
                State::Cleared => "cleared",
            },
        ),
        ("value", alarm.value),
    ] {
        if !value.is_empty() {
            out.parameter(name, value)?;
        }
    }
    out.put(b"]")?;
    // a mark of UTF-8, as section 6.4 asks for, and as much of the text as there is room for
    let _cut = out.put(b" \xef\xbb\xbf").and_then(|()| out.text(alarm.text));
    let Writer { buffer, used } = out;
    buffer.get(..used).ok_or(Full)
}

struct Writer<'b> {
    buffer: &'b mut [u8],
    used: usize,
}

impl Writer<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), Full> {
        let end = self.used.checked_add(bytes.len()).ok_or(Full)?;
        let room = self.buffer.get_mut(self.used..end).ok_or(Full)?;
        room.copy_from_slice(bytes);
        self.used = end;
        Ok(())
    }

    fn number(&mut self, mut value: u32) -> Result<(), Full> {
        let mut digits = [b'0'; 10];
        let mut first = digits.len() - 1;
        for (at, digit) in digits.iter_mut().enumerate().rev() {
            *digit += u8::try_from(value % 10).unwrap_or(0);
            value /= 10;
            first = at;
            if value == 0 {
                break;
            }
        }
        self.put(digits.get(first..).unwrap_or_default())
    }

    /// A field of the header: printable ASCII without blanks, or `-` where it is empty.
    fn name(&mut self, text: &str, most: usize) -> Result<(), Full> {
        if text.is_empty() {
            return self.put(b"-");
        }
        text.bytes()
            .take(most)
            .try_for_each(|b| self.put(&[if b.is_ascii_graphic() { b } else { b'_' }]))
    }

    /// ` name="value"`, escaped (section 6.3.3).
    fn parameter(&mut self, name: &str, value: &str) -> Result<(), Full> {
        self.put(b" ")?;
        self.put(name.as_bytes())?;
        self.put(b"=\"")?;
        for byte in value.bytes() {
            match byte {
                b'"' | b'\\' | b']' => self.put(&[b'\\', byte])?,
                // a line feed would end the message for some receivers
                0..=0x1f | 0x7f => self.put(b" ")?,
                _ => self.put(&[byte])?,
            }
        }
        self.put(b"\"")
    }

    /// A text up to the end of the buffer, never with half a character.
    fn text(&mut self, text: &str) -> Result<(), Full> {
        for c in text.chars() {
            let mut octets = [0; 4];
            let c = if c.is_ascii_control() { ' ' } else { c };
            self.put(c.encode_utf8(&mut octets).as_bytes())?;
        }
        Ok(())
    }
}
