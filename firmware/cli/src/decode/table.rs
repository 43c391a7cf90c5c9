//! A record as a line for people: when, who, what, and then every field.

use std::io::Write as _;

use decode::{Field, Record};

/// Writes a record without a line end.
pub(crate) fn write(record: &Record<'_>, out: &mut Vec<u8>) {
    let origin = record.origin;
    // Writing to memory does not fail.
    let _ = write!(
        out,
        "{}  {:<15}  {:<10}  {:<7}  {}/{}",
        crate::amounts::time(origin.exported),
        origin.exporter,
        origin.version.name(),
        record.kind.name(),
        origin.domain,
        record.template_id
    );
    for field in record.fields() {
        out.push(b' ');
        write_field(&field, out);
    }
}

fn write_field(field: &Field<'_>, out: &mut Vec<u8>) {
    let _ = write!(out, "{}=", printable(&field.name()));
    let Some(list) = field.list() else {
        let _ = write!(out, "{}", printable(&field.value().to_string()));
        return;
    };
    out.push(b'[');
    for (place, item) in list.items.iter().enumerate() {
        if place > 0 {
            out.extend_from_slice(b"; ");
        }
        for (place, field) in item.fields.iter().enumerate() {
            if place > 0 {
                out.push(b' ');
            }
            write_field(field, out);
        }
    }
    out.push(b']');
}

/// Text of an exporter must not steer the terminal.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}
