//! From octets to text.

use std::borrow::Cow;

use encoding_rs::GB18030;

use crate::MESSAGE_MAX;
use crate::message::Encoding;

/// A message's text.
#[derive(Debug)]
pub(crate) struct Text<'a> {
    pub(crate) text: Cow<'a, str>,
    pub(crate) encoding: Encoding,
    pub(crate) cut: bool,
}

/// Cuts, decodes, and makes control characters visible.
pub(crate) fn decode(bytes: &[u8]) -> Text<'_> {
    let kept = bytes.get(..MESSAGE_MAX).unwrap_or(bytes);
    let cut = kept.len() < bytes.len();
    // NUL, line ends and spaces that senders append.
    let kept = kept.trim_ascii_end();
    let end = kept
        .iter()
        .rposition(|b| !matches!(b, 0 | b'\n' | b'\r' | b' '))
        .map_or(0, |at| at + 1);
    let kept = kept.get(..end).unwrap_or(kept);
    let (text, encoding) = match std::str::from_utf8(kept) {
        Ok(text) => (Cow::Borrowed(text), Encoding::Utf8),
        // A cut may go through a character.
        Err(e) if cut && e.error_len().is_none() => {
            let whole = kept.get(..e.valid_up_to()).and_then(|b| std::str::from_utf8(b).ok());
            (Cow::Borrowed(whole.unwrap_or_default()), Encoding::Utf8)
        }
        Err(_) => foreign(kept, cut),
    };
    let text = match text {
        Cow::Borrowed(text) => visible(text),
        Cow::Owned(text) => match visible(&text) {
            Cow::Borrowed(_) => Cow::Owned(text),
            Cow::Owned(shown) => Cow::Owned(shown),
        },
    };
    Text { text, encoding, cut }
}

/// Text that is no UTF-8: GB 18030 where it is that without an error, else UTF-8 with replacements.
fn foreign(bytes: &[u8], cut: bool) -> (Cow<'_, str>, Encoding) {
    if let Some(text) = GB18030.decode_without_bom_handling_and_without_replacement(bytes) {
        return (text, Encoding::Gb18030);
    }
    if cut {
        // A character of GB 18030 has at most four octets.
        for less in 1..=3 {
            let whole = bytes.get(..bytes.len().saturating_sub(less)).unwrap_or_default();
            if let Some(text) = GB18030.decode_without_bom_handling_and_without_replacement(whole) {
                return (text, Encoding::Gb18030);
            }
        }
    }
    (String::from_utf8_lossy(bytes), Encoding::Unknown)
}

/// Control characters can do harm where a log is shown: C0 and DEL become their pictures, C1 U+FFFD.
fn visible(text: &str) -> Cow<'_, str> {
    // One pass without branches, for nearly all messages.
    let suspicious = text
        .bytes()
        .fold(false, |found, b| found | (b < 0x20) | (b == 0x7f) | (b == 0xc2));
    if !suspicious || !text.chars().any(is_control) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + text.len() / 4);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        // Windows' line ends become the others'.
        if c == '\r' && chars.peek() == Some(&'\n') {
            continue;
        }
        out.push(if is_control(c) { picture(c) } else { c });
    }
    Cow::Owned(out)
}

fn is_control(c: char) -> bool {
    c.is_control() && c != '\t' && c != '\n'
}

fn picture(c: char) -> char {
    match u32::from(c) {
        0x7f => '\u{2421}',
        code @ 0..0x20 => char::from_u32(0x2400 + code).unwrap_or('\u{fffd}'),
        _ => '\u{fffd}',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_go_and_escapes_show() {
        let text = decode(b"one\ttwo\r\n\x1b[31mred\x7f \r\n\0\0");
        assert_eq!(text.text, "one\ttwo\n\u{241b}[31mred\u{2421}");
        assert_eq!(decode("a\u{9b}b".as_bytes()).text, "a\u{fffd}b");
        assert!(matches!(decode("中文é".as_bytes()).text, Cow::Borrowed("中文é")));
        assert_eq!(decode(b" \0\n").text, "");
    }

    #[test]
    fn gbk_is_read_and_what_is_neither_is_kept() {
        let gbk = decode(b"\xb6\xcb\xbf\xda down");
        assert_eq!((gbk.text.as_ref(), gbk.encoding), ("端口 down", Encoding::Gb18030));
        let neither = decode(b"bad \xff octet");
        assert_eq!(
            (neither.text.as_ref(), neither.encoding),
            ("bad \u{fffd} octet", Encoding::Unknown)
        );
    }

    #[test]
    fn a_cut_keeps_whole_characters() {
        let long = "é".repeat(MESSAGE_MAX);
        let text = decode(long.as_bytes());
        assert!(text.cut && text.encoding == Encoding::Utf8 && text.text.len() == MESSAGE_MAX);
        let text = decode(long.as_bytes().get(1..).unwrap());
        assert!(text.cut);
        let mut odd = b"x".to_vec();
        odd.extend_from_slice(long.as_bytes());
        let text = decode(&odd);
        assert!(text.cut && text.encoding == Encoding::Utf8 && text.text.len() == MESSAGE_MAX - 1);
        let mut gbk = b"x".to_vec();
        gbk.extend(b"\xb6\xcb".iter().copied().cycle().take(MESSAGE_MAX * 2));
        let text = decode(&gbk);
        assert_eq!((text.cut, text.encoding), (true, Encoding::Gb18030));
        assert!(text.text.ends_with('端'));
    }
}
