//! Lines `first,last,country`, as DB-IP gives them (addresses) and IP2Location (numbers).

use std::net::IpAddr;

use super::{COUNTRY_RANGES_MAX, CountriesError, MAPPED, Range, code};

/// How a file writes an address.
#[derive(Debug, Clone, Copy)]
enum Written {
    Address(u128),
    /// A number: of IPv4, unless the file has larger ones.
    Number(u128),
}

/// The ranges of a file. Its first line may be a heading; empty lines and those that begin with `#` are left out.
/// A country `-`, `ZZ` or nothing is none.
pub(super) fn ranges(octets: &[u8]) -> Result<Vec<Range>, CountriesError> {
    let octets = octets.strip_prefix(b"\xef\xbb\xbf").unwrap_or(octets);
    let mut ranges: Vec<Range> = Vec::new();
    // Those that were written as numbers, and whether one of those is too large for IPv4.
    let mut numbers: Vec<Range> = Vec::new();
    let mut large = false;
    let mut before = false;
    for (place, text) in octets.split(|b| *b == b'\n').enumerate() {
        let line = u32::try_from(place + 1).unwrap_or(u32::MAX);
        let text = text.trim_ascii();
        if text.is_empty() || text.starts_with(b"#") {
            continue;
        }
        let heading = !std::mem::replace(&mut before, true);
        let (first, last, country) = match fields(text) {
            Ok(fields) => fields,
            Err(_) if heading => continue,
            Err(problem) => return Err(CountriesError::Line { line, problem }),
        };
        let code = match country {
            b"" | b"-" | b"ZZ" | b"zz" => None,
            letters => match code(letters) {
                Some(code) => Some(code),
                None => {
                    let problem = format!("{} is no country's two letters", shown(letters));
                    return Err(CountriesError::Line { line, problem });
                }
            },
        };
        let wrong = |problem: &str| CountriesError::Line {
            line,
            problem: problem.to_owned(),
        };
        let mapped = |address: u128| (MAPPED.0..=MAPPED.1).contains(&address);
        let (first, last, to) = match (first, last) {
            (Written::Address(first), Written::Address(last)) if mapped(first) != mapped(last) => {
                return Err(wrong("the ends are of different IP versions"));
            }
            (Written::Address(first), Written::Address(last)) => (first, last, &mut ranges),
            (Written::Number(first), Written::Number(last)) => {
                large |= last > u128::from(u32::MAX);
                (first, last, &mut numbers)
            }
            _ => return Err(wrong("one end is an address, the other a number")),
        };
        if last < first {
            return Err(wrong("the range ends before it begins"));
        }
        if let Some(code) = code {
            to.push(Range {
                first,
                last,
                code,
                line,
            });
        }
        if ranges.len() + numbers.len() > COUNTRY_RANGES_MAX {
            return Err(CountriesError::TooMany);
        }
    }
    if !large {
        for range in &mut numbers {
            range.first += MAPPED.0;
            range.last += MAPPED.0;
        }
    }
    ranges.append(&mut numbers);
    Ok(ranges)
}

/// The first three fields of a line.
fn fields(line: &[u8]) -> Result<(Written, Written, &[u8]), String> {
    let (first, rest) = field(line)?;
    let (last, rest) = field(rest.ok_or("it has one field")?)?;
    let (country, _) = field(rest.ok_or("it has two fields")?)?;
    Ok((written(first)?, written(last)?, country))
}

/// A field without its quotes, and what follows its comma.
fn field(text: &[u8]) -> Result<(&[u8], Option<&[u8]>), String> {
    let text = text.trim_ascii_start();
    let (field, rest) = match text.strip_prefix(b"\"") {
        Some(quoted) => {
            let end = quoted
                .iter()
                .position(|b| *b == b'"')
                .ok_or("a quotation mark is not closed")?;
            let (field, rest) = quoted.split_at_checked(end).unwrap_or((quoted, &[]));
            (field, rest.strip_prefix(b"\"").unwrap_or(rest).trim_ascii_start())
        }
        None => {
            let end = text.iter().position(|b| *b == b',').unwrap_or(text.len());
            text.split_at_checked(end).unwrap_or((text, &[]))
        }
    };
    let field = field.trim_ascii();
    match rest.split_first() {
        None => Ok((field, None)),
        Some((b',', rest)) => Ok((field, Some(rest))),
        Some(_) => Err(format!("no comma follows {}", shown(field))),
    }
}

fn written(field: &[u8]) -> Result<Written, String> {
    let bad = || format!("{} is neither an address nor a number", shown(field));
    let text = std::str::from_utf8(field).map_err(|_| bad())?;
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().map(Written::Number).map_err(|_| bad());
    }
    match text.parse::<IpAddr>() {
        Ok(IpAddr::V4(v4)) => Ok(Written::Address(u128::from(v4.to_ipv6_mapped()))),
        Ok(IpAddr::V6(v6)) => Ok(Written::Address(u128::from(v6))),
        Err(_) => Err(bad()),
    }
}

/// The beginning of a field, for a message.
fn shown(field: &[u8]) -> String {
    let text = String::from_utf8_lossy(field);
    format!("{:?}", text.chars().take(40).collect::<String>())
}
