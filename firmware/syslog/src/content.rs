//! What follows time and host: application, process id, mnemonic and text.

use model::Severity;

use crate::message::Fields;
use crate::{NAME_MAX, structured, vendors};

/// A vendor's mark of what a message is about. It stays in the text: people search for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mnemonic<'t> {
    pub(crate) module: &'t str,
    pub(crate) level: Severity,
    pub(crate) code: &'t str,
}

/// Reads RFC 5424's message: what its header left out may stand there.
pub(crate) fn ietf<'t>(fields: &mut Fields<'t>, text: &'t str) {
    fields.text = text;
    if fields.code.is_none() {
        // Windows' event number, as NXLog sends it.
        let value =
            |e: structured::Element<'t>| e.params().find(|(name, _)| *name == "EventID").map(|(_, value)| value);
        fields.code = structured::elements(fields.data).find_map(value);
    }
    if let Some(found) = mnemonic(text) {
        fields.app = fields.app.or(Some(found.module));
        fields.code = fields.code.or(Some(found.code));
    } else if fields.app.is_none() {
        vendors::read(fields, text);
    }
}

/// Reads what follows the header of RFC 3164 or of a vendor.
pub(crate) fn legacy<'t>(fields: &mut Fields<'t>, text: &'t str) {
    fields.text = text;
    if let Some(found) = mnemonic(text) {
        fields.app = Some(found.module);
        fields.code = Some(found.code);
        if fields.priority.is_none() {
            fields.level = Some(found.level);
        }
        return;
    }
    // F5 writes the severity before the application.
    let word = text.split_once(' ').filter(|(word, _)| is_severity(word));
    let Some((app, pid, rest)) = word.and_then(|(_, after)| tag(after)).or_else(|| tag(text)) else {
        vendors::read(fields, text);
        return;
    };
    fields.app = Some(app);
    fields.pid = pid;
    fields.text = rest;
    if let Some(found) = mnemonic(rest) {
        fields.code = Some(found.code);
        if fields.priority.is_none() {
            fields.level = Some(found.level);
        }
    } else {
        fields.code = juniper(rest).or_else(|| f5(rest));
    }
}

fn is_severity(word: &str) -> bool {
    matches!(
        word,
        "emerg" | "alert" | "crit" | "critical" | "err" | "error" | "warning" | "warn" | "notice" | "info" | "debug"
    )
}

/// `app: `, `app[pid]: ` and `app[pid] ` (RFC 3164, section 4.1.3, as it is used).
pub(crate) fn tag(text: &str) -> Option<(&str, Option<&str>, &str)> {
    let stop = |b: u8| {
        matches!(
            b,
            b':' | b'[' | b' ' | b'\t' | b'=' | b'"' | b'<' | b'{' | b',' | b'|' | b'%'
        )
    };
    let end = text.bytes().take(NAME_MAX + 1).position(stop)?;
    let (app, rest) = text.split_at_checked(end)?;
    if app.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let spaced = |rest: &str| rest.is_empty() || rest.starts_with([' ', '\t', '\n', '%', '[']);
    if let Some(rest) = rest.strip_prefix(':') {
        return spaced(rest).then(|| (app, None, rest.trim_start_matches(' ')));
    }
    let (pid, rest) = rest.strip_prefix('[')?.split_once(']')?;
    if pid.is_empty() || pid.len() > 64 || pid.contains([' ', '"', '=']) {
        return None;
    }
    let rest = match rest.strip_prefix(':') {
        Some(rest) => rest,
        None if rest.is_empty() || rest.starts_with(' ') => rest,
        None => return None,
    };
    Some((app, Some(pid), rest.trim_start_matches(' ')))
}

/// The mnemonic at the beginning of a text.
pub(crate) fn mnemonic(text: &str) -> Option<Mnemonic<'_>> {
    match text.strip_prefix('%') {
        Some(rest) => match rest.strip_prefix('%') {
            Some(rest) => huawei(rest),
            None => cisco(rest).or_else(|| nexus(rest)),
        },
        None => slashes(text),
    }
}

/// `SYS-5-CONFIG_I: …`, `ASA-6-302013: …`, `MGBL-SYS-5-CONFIG_I : …`, `LINK-SW1_SP-5-…`: Cisco, Arista, Ruijie.
fn cisco(text: &str) -> Option<Mnemonic<'_>> {
    let name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'$' | b'/' | b'.');
    let end = text
        .bytes()
        .take(NAME_MAX * 2)
        .position(|b| !name(b))
        .unwrap_or(text.len());
    let word = text.get(..end)?;
    // The level is the first digit between two dashes.
    let at = word
        .as_bytes()
        .windows(3)
        .position(|w| matches!(w, [b'-', b'0'..=b'7', b'-']))?;
    let module = word.get(..at).filter(|module| !module.is_empty())?;
    let code = word.get(at + 3..).filter(|code| !code.is_empty())?;
    Some(Mnemonic {
        module,
        level: level(word.as_bytes().get(at + 1))?,
        code,
    })
}

/// NX-OS puts the virtual device before it: `$VDC-1%$ %ETHPORT-5-IF_UP: …`, with or without spaces.
fn nexus(text: &str) -> Option<Mnemonic<'_>> {
    let (_, rest) = text.strip_prefix('$')?.split_once("%$")?;
    cisco(rest.trim_start_matches(' ').strip_prefix('%')?)
}

/// `01IFNET/4/IF_STATE(l)[12]:…`, `10SHELL/5/SHELL_LOGIN: …`, ` 01 HWCM/5/EXIT(l)[1]: …`, `--WEB/5/OPERLOG(l): …`:
/// Huawei, H3C, DPtech.
fn huawei(text: &str) -> Option<Mnemonic<'_>> {
    let version = |c: char| c == ' ' || c == '-' || c.is_ascii_digit();
    slashes(text.trim_start_matches(version))
}

/// `MODULE/LEVEL/DIGEST`, as it stands without the vendor's mark in traps and in Comware's UNICOM format.
fn slashes(text: &str) -> Option<Mnemonic<'_>> {
    let name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let at = text.bytes().take(NAME_MAX).position(|b| !name(b))?;
    let (module, rest) = text.split_at_checked(at)?;
    let module = module.trim_start_matches(|c: char| c.is_ascii_digit());
    let mut bytes = rest.bytes();
    let (Some(b'/'), Some(digit), Some(b'/')) = (bytes.next(), bytes.next(), bytes.next()) else {
        return None;
    };
    let rest = rest.get(3..)?;
    let end = rest
        .bytes()
        .take(NAME_MAX)
        .position(|b| !name(b))
        .unwrap_or(rest.len().min(NAME_MAX));
    let code = rest.get(..end)?;
    let ends = rest.get(end..).is_some_and(|after| after.starts_with([':', '(', '[']));
    let whole = ends && !module.is_empty() && !code.is_empty();
    whole.then_some(Mnemonic {
        module,
        level: level(Some(&digit))?,
        code,
    })
}

fn level(digit: Option<&u8>) -> Option<Severity> {
    Severity::from_number(digit?.checked_sub(b'0')?)
}

/// `UI_COMMIT: …`: Junos' message tags.
fn juniper(text: &str) -> Option<&str> {
    let end = text
        .bytes()
        .take(NAME_MAX)
        .position(|b| !(b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_'))?;
    let (code, rest) = text.split_at_checked(end)?;
    (code.contains('_') && rest.starts_with(':')).then_some(code)
}

/// `01070638:5: …`: F5's message number and level.
fn f5(text: &str) -> Option<&str> {
    let (code, rest) = text.split_at_checked(8)?;
    let hex = code.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase());
    let level = matches!(rest.as_bytes(), [b':', b'0'..=b'7', b':', ..]);
    (hex && level).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Option<(&str, u8, &str)> {
        mnemonic(text).map(|m| (m.module, m.level as u8, m.code))
    }

    #[test]
    fn mnemonics_are_found() {
        for (text, expected) in [
            ("%SYS-5-CONFIG_I: x", ("SYS", 5, "CONFIG_I")),
            ("%ASA-6-302013: x", ("ASA", 6, "302013")),
            ("%MGBL-SYS-5-CONFIG_I : x", ("MGBL-SYS", 5, "CONFIG_I")),
            ("%LINK-SW1_SP-5-CHANGED: x", ("LINK-SW1_SP", 5, "CHANGED")),
            ("%$VDC-1%$ %ETHPORT-5-IF_UP: x", ("ETHPORT", 5, "IF_UP")),
            ("%$ VDC-1 %$ %ETHPORT-5-IF_UP: x", ("ETHPORT", 5, "IF_UP")),
            ("%%01IFNET/4/IF_STATE(l)[12]:x", ("IFNET", 4, "IF_STATE")),
            ("%% 01 HWCM/5/EXIT(l)[1]: x", ("HWCM", 5, "EXIT")),
            ("%%10SHELL/5/SHELL_LOGIN: x", ("SHELL", 5, "SHELL_LOGIN")),
            ("%%--WEB/5/OPERLOG(l): x", ("WEB", 5, "OPERLOG")),
            (
                "10IFNET/2/210231a64jx073000020: x",
                ("IFNET", 2, "210231a64jx073000020"),
            ),
        ] {
            assert_eq!(found(text), Some(expected), "{text}");
        }
        for text in [
            "",
            "%",
            "%%",
            "%SYS",
            "%SYS-9-X: x",
            "%-5-X: x",
            "%SYS-5-: x",
            "a/b/c: x",
            "90% used",
            "IFNET/8/X: x",
            "//: ",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }

    #[test]
    fn tags_are_found() {
        assert_eq!(tag("sshd[12]: text"), Some(("sshd", Some("12"), "text")));
        assert_eq!(
            tag("su(pam_unix)[12]: text"),
            Some(("su(pam_unix)", Some("12"), "text"))
        );
        assert_eq!(
            tag("postfix/smtpd[12]: text"),
            Some(("postfix/smtpd", Some("12"), "text"))
        );
        assert_eq!(tag("kernel: [1.5] text"), Some(("kernel", None, "[1.5] text")));
        assert_eq!(tag("app[12] text"), Some(("app", Some("12"), "text")));
        for text in [
            "",
            ":",
            "text",
            "a text: b",
            "http://x",
            "12: x",
            "[1]",
            "a=b",
            "x[a b]: c",
            "x[]: c",
        ] {
            assert_eq!(tag(text), None, "{text}");
        }
    }
}
