//! CSV as nfdump and `spanwatch flows` write it: the header line says what the columns are.

use std::io::{self, BufRead, Read as _};

use super::row::{Around, Column, Datum, Row};
use super::skipped::Skipped;

/// The longest line that is taken for one.
const LINE_MAX: u64 = 64 << 10;

/// What a header line says.
#[derive(Debug)]
struct Header {
    columns: Vec<(Column, String)>,
    text: String,
}

impl Header {
    /// The header, if a line is one: it names addresses and a time.
    fn parse(line: &str) -> Option<Self> {
        let columns: Vec<_> = fields(line).map(|name| (Column::of(name), name.to_owned())).collect();
        let has = |wanted: &[Column]| columns.iter().any(|(column, _)| wanted.contains(column));
        let flows = has(&[Column::SrcAddr]) && has(&[Column::DstAddr]) && has(&[Column::First, Column::Last]);
        flows.then(|| Self {
            columns,
            text: line.to_owned(),
        })
    }

    /// Whether `spanwatch flows` wrote it, which meters packets.
    fn is_metered(&self) -> bool {
        self.columns.iter().any(|(_, name)| name == "src_ip")
    }
}

/// A line's fields. A quoted one may hold commas and, doubled, quotes, which stay doubled here (RFC 4180, section 2);
/// line breaks it cannot hold.
fn fields(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut quoted = false;
        let end = text.find(|c| {
            quoted ^= c == '"';
            c == ',' && !quoted
        });
        // A quote that is never closed quotes nothing.
        let end = end.or_else(|| if quoted { text.find(',') } else { None });
        let (field, after) = match end {
            Some(at) => (text.get(..at)?, text.get(at + 1..)),
            None => (text, None),
        };
        rest = after;
        let field = field.trim();
        let inner = field.strip_prefix('"').and_then(|field| field.strip_suffix('"'));
        Some(inner.unwrap_or(field.trim_matches('"')))
    })
}

/// Whether a file begins with such a header line.
pub(super) fn is_header(line: &str) -> bool {
    Header::parse(line).is_some()
}

/// Reads all lines; `each` gets every record with whether an exporter made it, and says whether to go on, or why the
/// record cannot be one.
///
/// # Errors
/// The system's; a line that is too long.
pub(super) fn read(
    input: &mut impl BufRead,
    around: &Around<'_>,
    skipped: &mut Skipped,
    mut each: impl FnMut(Row, bool) -> Result<bool, &'static str>,
) -> io::Result<()> {
    let mut header: Option<Header> = None;
    let mut octets = Vec::new();
    let mut number = 0_u64;
    loop {
        octets.clear();
        number += 1;
        let length = input.by_ref().take(LINE_MAX).read_until(b'\n', &mut octets)?;
        if length == 0 {
            return Ok(());
        }
        if length as u64 == LINE_MAX && !octets.ends_with(b"\n") {
            let reason = format!("line {number} is longer than {LINE_MAX} octets: this is no CSV of flows");
            return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
        }
        let place = || format!("line {number}");
        let Ok(line) = std::str::from_utf8(&octets) else {
            skipped.add(&place(), "it is not UTF-8");
            continue;
        };
        let line = line.trim_start_matches('\u{feff}').trim_end();
        if line.is_empty() || header.as_ref().is_some_and(|header| header.text == line) {
            continue;
        }
        // Several outputs may stand in one file, each with its header, and its summary at the end.
        if !line.starts_with(|c: char| c.is_ascii_digit())
            && let Some(next) = Header::parse(line)
        {
            header = Some(next);
            continue;
        }
        if line == "Summary" {
            header = None;
            continue;
        }
        let Some(header) = &header else { continue };
        if !octets.ends_with(b"\n") && fields(line).count() < header.columns.len() {
            skipped.add(&place(), "the file is cut off within it");
            continue;
        }
        match row(header, line, around) {
            Ok(row) => match each(row, !header.is_metered()) {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(reason) => skipped.add(&place(), reason),
            },
            Err((reason, found)) => {
                skipped.add(&format!("line {number}{found}"), &reason);
            }
        }
    }
}

/// A line's record; else what is wrong, and what stands there.
fn row(header: &Header, line: &str, around: &Around<'_>) -> Result<Row, (String, String)> {
    let mut row = Row::default();
    let mut columns = header.columns.iter();
    for field in fields(line) {
        let Some((column, name)) = columns.next() else {
            return Err(("it has more columns than the header".to_owned(), String::new()));
        };
        if *column != Column::Ignored {
            let value = Datum::Text(field);
            row.set(*column, value, around)
                .map_err(|what| (format!("{name} is not {what}"), format!(", {name} {value}")))?;
        }
    }
    match columns.len() {
        0 => Ok(row),
        _ => Err(("it has fewer columns than the header".to_owned(), String::new())),
    }
}

#[cfg(test)]
mod tests {
    use super::fields;

    #[test]
    fn quoted_fields_hold_commas() {
        let of = |line| fields(line).collect::<Vec<_>>();
        assert_eq!(of("a, b ,\"c\",,d"), ["a", "b", "c", "", "d"]);
        assert_eq!(
            of("1,\"h2,http/1.1\",\"say \"\"x, y\"\"\",2"),
            ["1", "h2,http/1.1", "say \"\"x, y\"\"", "2"]
        );
        assert_eq!(of("1,\"open,2"), ["1", "open", "2"]);
        assert_eq!(of(""), [""]);
    }
}
