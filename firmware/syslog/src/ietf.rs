//! RFC 5424.

use crate::message::Fields;
use crate::stamp::{self, Stamp};
use crate::{content, legacy, structured};

/// Reads what follows the priority; answers whether it is of this format.
pub(crate) fn read<'t>(fields: &mut Fields<'t>, text: &'t str) -> bool {
    let Some(rest) = text.trim_start_matches(' ').strip_prefix("1 ") else {
        return false;
    };
    let rest = rest.trim_start_matches(' ');
    let after_time = if let Some(rest) = rest.strip_prefix("- ") {
        rest
    } else if let Some((stamp, after)) = Stamp::read(rest)
        && let Some(after) = after.strip_prefix(' ')
    {
        if rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
            // A stamp of RFC 3164 after a version, as some NAT logs have it.
            legacy::read(fields, rest);
            return true;
        }
        fields.stated = fields.resolve(&stamp);
        after
    } else if let Some((time, after)) = stamp::epoch(rest) {
        // Meraki: seconds since 1970, host and application; no more fields.
        fields.stated = Some(time);
        if let Some((host, after)) = after.split_once(' ') {
            fields.host = Some(host);
            let (app, text) = after.split_once(' ').unwrap_or(("", after));
            fields.app = Some(app);
            fields.text = text;
        } else {
            fields.text = after;
        }
        return true;
    } else {
        return false;
    };
    let mut rest = after_time;
    let mut parts = [None; 4];
    for part in &mut parts {
        let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
        *part = (word != "-" && !word.is_empty()).then_some(word);
        rest = after;
    }
    fields.ietf = true;
    [fields.host, fields.app, fields.pid, fields.code] = parts;
    if let Some((data, after)) = structured::split(rest) {
        fields.data = data;
        rest = after;
    } else if let Some(after) = rest
        .strip_prefix('-')
        .filter(|after| after.is_empty() || after.starts_with(' '))
    {
        rest = after;
    }
    // rsyslog keeps the space that RFC 3164 puts before a text, and so writes two.
    let rest = rest.trim_start_matches(' ');
    let text = rest.strip_prefix('\u{feff}').unwrap_or(rest);
    content::ietf(fields, text);
    true
}
