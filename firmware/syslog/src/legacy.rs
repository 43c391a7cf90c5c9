//! RFC 3164, and the headers that vendors write in its place.

use std::net::IpAddr;

use model::Timestamp;

use crate::content;
use crate::message::Fields;
use crate::stamp::{Stamp, uptime};

/// Headers that may follow each other: a relay's, and that of the device behind it.
const HEADERS_MAX: usize = 2;

/// Reads what follows the priority.
pub(crate) fn read<'t>(fields: &mut Fields<'t>, text: &'t str) {
    // NX-OS puts a colon before its stamp.
    let mut rest = text.trim_start_matches([' ', ':']);
    for header in 0..HEADERS_MAX {
        let Some(lead) = lead(fields, rest, header) else {
            break;
        };
        fields.stated = lead.stated.or(fields.stated);
        fields.sequence = lead.sequence.or(fields.sequence);
        rest = lead.rest;
        if let Some(named) = lead.host {
            fields.host = Some(named);
            break;
        }
        match host(rest, lead.colon) {
            Some((name, after)) => {
                fields.host = (name != "-").then_some(name);
                rest = after;
            }
            None => break,
        }
    }
    if fields.stated.is_none() && fields.host.is_none() {
        // Comware without a time: `% Sysname IFNET/3/LINK_UPDOWN: …`.
        rest = rest.strip_prefix("% ").unwrap_or(rest);
        if let Some((name, after)) = host(rest, true) {
            fields.host = Some(name);
            rest = after;
        }
    }
    content::legacy(fields, rest);
}

/// What precedes host and application.
struct Lead<'t> {
    sequence: Option<u64>,
    host: Option<&'t str>,
    stated: Option<Timestamp>,
    /// A colon follows the stamp, as Cisco writes it: mostly no host does.
    colon: bool,
    rest: &'t str,
}

/// `[SEQUENCE: ] [HOST: ] [LOCATION:] [*.%#] STAMP [:]`.
fn lead<'t>(fields: &Fields<'t>, text: &'t str, header: usize) -> Option<Lead<'t>> {
    let made = |sequence, host, (stated, after): (Option<Timestamp>, &'t str)| {
        let after = after.trim_start_matches(' ');
        let colon = after.strip_prefix(':');
        Lead {
            sequence,
            host,
            stated,
            colon: colon.is_some(),
            rest: colon.unwrap_or(after).trim_start_matches(' '),
        }
    };
    if let Some(found) = clock(fields, text) {
        return Some(made(None, None, found));
    }
    let (sequence, after) = match self::sequence(text) {
        Some((number, after)) => (Some(number), after),
        // Behind a relay's header a device's begins with its sequence or a stamp.
        None if header > 0 => return None,
        None => (None, text),
    };
    if sequence.is_some() {
        if let Some(found) = clock(fields, after) {
            return Some(made(sequence, None, found));
        }
        if content::mnemonic(after).is_some() {
            return Some(Lead {
                sequence,
                host: None,
                stated: None,
                colon: true,
                rest: after,
            });
        }
    }
    let (word, tail) = after.split_once(':')?;
    let tail = tail.trim_start_matches(' ');
    let (name, location) = match word.rsplit_once(' ') {
        Some((name, location)) => (Some(name), location),
        None => (None, word),
    };
    // IOS-XR: `RP/0/RSP0/CPU0:Jan  5 …`, with its host's name before it where that is configured.
    if location.contains('/') && location.contains("CPU") && name.is_none_or(is_host) {
        let found = clock(fields, tail)?;
        return Some(made(sequence, name, found));
    }
    if !is_host(word) {
        return None;
    }
    // IOS-XE counts once for all hosts and once for each: `1522: R1: 001520: Jan  5 …`.
    let inner = sequence
        .and_then(|_| self::sequence(tail))
        .map_or(tail, |(_, tail)| tail);
    if let Some(found) = clock(fields, inner) {
        return Some(made(sequence, Some(word), found));
    }
    // `45: router1: %SYS-5-…`: no stamps are configured.
    sequence.filter(|_| content::mnemonic(tail).is_some())?;
    Some(Lead {
        sequence,
        host: Some(word),
        stated: None,
        colon: true,
        rest: tail,
    })
}

/// `123: `, as `service sequence-numbers` makes it.
fn sequence(text: &str) -> Option<(u64, &str)> {
    let end = text
        .bytes()
        .position(|b| !b.is_ascii_digit())
        .filter(|end| (1..=12).contains(end))?;
    let (digits, rest) = text.split_at_checked(end)?;
    let rest = rest.strip_prefix(": ")?;
    Some((digits.parse().ok()?, rest.trim_start_matches(' ')))
}

/// A stamp with Cisco's mark of a clock that is not set (`*`) or not synchronised (`.`), or with
/// Comware's of a log, trap or debug message; or the time since a start, which states no time.
fn clock<'t>(fields: &Fields<'t>, text: &'t str) -> Option<(Option<Timestamp>, &'t str)> {
    let bare = text.strip_prefix(['*', '.', '%', '#']).unwrap_or(text);
    let bare = bare.trim_start_matches(' ');
    if let Some((stamp, after)) = Stamp::read(bare) {
        let ends = after.is_empty() || after.starts_with([' ', ':', '\t']);
        return ends.then(|| (fields.resolve(&stamp), after));
    }
    let after = uptime(bare)?;
    // The colon is part of what was stepped over.
    let with_colon = text.get(text.len().checked_sub(after.len() + 1)?..)?;
    Some((None, with_colon))
}

/// The host at the beginning of what follows the stamp. After a colon, or without a stamp, it counts
/// only where a mnemonic follows.
fn host(text: &str, strict: bool) -> Option<(&str, &str)> {
    let end = text.bytes().position(|b| b == b' ' || b == b'\t')?;
    let (word, tail) = text.split_at_checked(end)?;
    let tail = tail.trim_start_matches([' ', '\t']);
    if let Some(name) = word.strip_suffix(':') {
        // `sshd: …` is an application; `asa01: %ASA-6-…` is a host.
        return (is_host(name) && content::mnemonic(tail).is_some()).then_some((name, tail));
    }
    // ASA writes `asa01 : %ASA-6-…`.
    let tail = tail
        .strip_prefix(": ")
        .map_or(tail, |after| after.trim_start_matches(' '));
    let repeated =
        (word == "last" && tail.starts_with("message ")) || (word == "message" && tail.starts_with("repeated"));
    if repeated || !is_host(word) || (strict && content::mnemonic(tail).is_none()) {
        return None;
    }
    Some((word, tail))
}

/// A name or an address: letters, digits, `-_./@`, anything beyond ASCII, and a virtual system in brackets.
fn is_host(word: &str) -> bool {
    let plain = word
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/' | b'@') || !b.is_ascii());
    if plain {
        return !word.is_empty();
    }
    if let Some((name, system)) = word.strip_suffix(')').and_then(|w| w.split_once('(')) {
        return !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit()) && !system.contains(['(', ')']);
    }
    word.parse::<IpAddr>().is_ok()
}
