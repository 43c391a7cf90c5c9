//! Lines of text protocols, cut anywhere, and what is written of them.

use std::borrow::Cow;

/// The most octets of a line that are kept; the rest of it is passed over.
const LINE_MAX: usize = 4 << 10;

/// The beginning of a line whose end has not come.
#[derive(Debug, Default)]
pub(super) struct Partial(Vec<u8>);

impl Partial {
    /// Takes the rest of the line. `act` gets the line without its end once that is there; the answer is what follows it.
    pub(super) fn take<'a, T>(&mut self, octets: &'a [u8], act: impl FnOnce(&[u8]) -> T) -> Option<(T, &'a [u8])> {
        let Some(end) = memchr::memchr(b'\n', octets) else {
            self.keep(octets);
            return None;
        };
        let (line, rest) = octets.split_at(end);
        let rest = rest.get(1..).unwrap_or_default();
        let result = if self.0.is_empty() {
            act(without_return(line.get(..LINE_MAX).unwrap_or(line)))
        } else {
            self.keep(line);
            let result = act(without_return(&self.0));
            self.0 = Vec::new();
            result
        };
        Some((result, rest))
    }

    /// Octets held.
    pub(super) fn held(&self) -> usize {
        self.0.len()
    }

    /// Forgets what is there.
    pub(super) fn clear(&mut self) {
        self.0 = Vec::new();
    }

    fn keep(&mut self, octets: &[u8]) {
        let room = LINE_MAX.saturating_sub(self.0.len());
        self.0.extend_from_slice(octets.get(..room).unwrap_or(octets));
    }
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The text of octets; what is not UTF-8 is replaced. Quicker than [`String::from_utf8_lossy`] where nothing is.
pub(super) fn lossy(octets: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(octets) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(octets),
    }
}

/// The text of octets without blanks around it; what is not UTF-8 is replaced.
pub(super) fn text(octets: &[u8]) -> Cow<'_, str> {
    lossy(octets.trim_ascii())
}

/// The text of octets, cut at so many.
pub(super) fn short(octets: &[u8], most: usize) -> Box<str> {
    let octets = octets.trim_ascii();
    lossy(octets.get(..most).unwrap_or(octets)).into()
}

/// Splits a line at its first blank.
pub(super) fn word(line: &[u8]) -> (&[u8], &[u8]) {
    let line = line.trim_ascii_start();
    let end = line.iter().position(|octet| *octet == b' ').unwrap_or(line.len());
    let (word, rest) = line.split_at(end);
    (word, rest.trim_ascii_start())
}

/// The octets of Base64 (RFC 4648, section 4), as far as it is that.
pub(super) fn base64(text: &[u8]) -> Vec<u8> {
    let (mut bits, mut count, mut octets) = (0_u32, 0, Vec::with_capacity(text.len() / 4 * 3));
    for c in text {
        let value = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => break,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            let [.., octet] = (bits >> count).to_be_bytes();
            octets.push(octet);
        }
    }
    octets
}

/// The user of the credentials of HTTP's Basic scheme; what follows the colon is not looked at.
pub(super) fn basic_user(credentials: &[u8]) -> Option<Box<str>> {
    let octets = base64(credentials);
    let user = octets.split(|octet| *octet == b':').next()?;
    (!user.is_empty() && user.len() < octets.len()).then(|| short(user, 128))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_however_they_are_cut() {
        let stream = b"one\r\ntwo\n\r\nlast";
        for cut in 0..stream.len() {
            let (mut partial, mut lines) = (Partial::default(), Vec::new());
            for part in [&stream[..cut], &stream[cut..]] {
                let mut rest = part;
                while let Some((line, after)) = partial.take(rest, <[u8]>::to_vec) {
                    lines.push(line);
                    rest = after;
                }
            }
            assert_eq!(lines, [&b"one"[..], b"two", b""], "{cut}");
            assert_eq!(partial.held(), 4);
        }
    }

    #[test]
    fn a_long_line_is_cut() {
        let mut partial = Partial::default();
        assert_eq!(partial.take(&[b'x'; 10_000], |_| ()), None);
        let cut = partial.take(b"yz\nrest", <[u8]>::len);
        assert_eq!(cut, Some((LINE_MAX, &b"rest"[..])));
    }

    #[test]
    fn users_without_their_passwords() {
        assert_eq!(basic_user(b"QWxhZGRpbjpvcGVuIHNlc2FtZQ==").as_deref(), Some("Aladdin"));
        assert_eq!(basic_user(b"QWxhZGRpbg=="), None);
        assert_eq!(base64(b"aGVsbG8="), b"hello");
    }
}
