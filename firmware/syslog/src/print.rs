//! Writing RFC 5424.

use std::fmt::Write as _;

use crate::Message;

/// The message in RFC 5424's form. What a header field may not hold becomes `_`; fractions of a
/// second beyond the microsecond are cut off (section 6.2.3).
#[must_use]
pub fn print(message: &Message<'_>) -> String {
    let priority = u32::from(message.facility) * 8 + message.severity as u32;
    let mut out = format!("<{priority}>1 ");
    match message.stated {
        Some(stated) => {
            let micros = model::Timestamp::from_nanos(stated.as_nanos() / 1_000 * 1_000);
            // Writing to a String cannot fail.
            let _ = write!(out, "{micros}");
        }
        None => out.push('-'),
    }
    // The most octets of each (section 6).
    field(&mut out, message.host.as_deref(), 255);
    field(&mut out, message.app.as_deref(), 48);
    field(&mut out, message.pid.as_deref(), 128);
    field(&mut out, message.code.as_deref(), 32);
    out.push(' ');
    out.push_str(if message.data.is_empty() { "-" } else { &message.data });
    if !message.text.is_empty() {
        out.push(' ');
        // The mark says that it is UTF-8 (section 6.4).
        if !message.text.is_ascii() {
            out.push('\u{feff}');
        }
        out.push_str(&message.text);
    }
    out
}

fn field(out: &mut String, value: Option<&str>, most: usize) {
    out.push(' ');
    let value = value.unwrap_or_default();
    if value.is_empty() {
        out.push('-');
    }
    out.extend(
        value
            .chars()
            .take(most)
            .map(|c| if c.is_ascii_graphic() { c } else { '_' }),
    );
}
