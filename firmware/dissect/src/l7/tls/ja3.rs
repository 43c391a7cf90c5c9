//! JA3, the older fingerprint of a TLS client (<https://github.com/salesforce/ja3>): the MD5 of the hello's version, ciphers,
//! extensions, groups and point formats as decimal numbers, in their order and without GREASE.

use md5::{Digest, Md5};

use crate::l7::ja4::{hex, is_grease};

/// A fingerprint: hexadecimal digits.
pub(super) type Ja3 = [u8; 32];

/// The text that is hashed, as it grows.
pub(super) struct Text(Vec<u8>);

impl Text {
    /// Begins with the hello's own version.
    pub(super) fn new(version: u16) -> Self {
        let mut text = Vec::with_capacity(512);
        decimal(&mut text, u32::from(version));
        Self(text)
    }

    /// The next of the lists.
    pub(super) fn list(&mut self, numbers: impl Iterator<Item = u16>) {
        self.wide(numbers.filter(|number| !is_grease(*number)).map(u32::from));
    }

    /// The next of the lists, of any numbers.
    pub(super) fn wide(&mut self, numbers: impl Iterator<Item = u32>) {
        self.0.push(b',');
        for (at, number) in numbers.enumerate() {
            if at > 0 {
                self.0.push(b'-');
            }
            decimal(&mut self.0, number);
        }
    }

    /// The fingerprint.
    pub(super) fn hash(&self) -> Ja3 {
        let mut digits = [b'0'; 32];
        let hash = Md5::digest(&self.0);
        for (pair, octet) in digits.as_chunks_mut::<2>().0.iter_mut().zip(hash) {
            *pair = [octet >> 4, octet & 15].map(hex);
        }
        digits
    }
}

fn decimal(text: &mut Vec<u8>, number: u32) {
    let mut digits = [0; 10];
    let mut rest = number;
    let mut count = 0;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        count += 1;
        if rest == 0 {
            break;
        }
    }
    text.extend_from_slice(digits.get(digits.len() - count..).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The two examples of the specification's page.
    #[test]
    fn the_specifications_examples() {
        let mut text = Text::new(769);
        text.list([47, 53, 5, 10, 49161, 49162, 49171, 49172, 50, 56, 19, 4].into_iter());
        text.list([0x0a0a, 0, 10, 11].into_iter());
        text.list([23, 24, 25].into_iter());
        text.list([0].into_iter());
        assert_eq!(
            std::str::from_utf8(&text.0),
            Ok("769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0")
        );
        assert_eq!(&text.hash(), b"ada70206e40642a3e4461f35503241d5");
        let mut text = Text::new(769);
        text.list([4, 5, 10, 9, 100, 98, 3, 6, 19, 18, 99].into_iter());
        for _ in 0..3 {
            text.list([].into_iter());
        }
        assert_eq!(&text.hash(), b"de350869b8c85de67a350c8d186f11e6");
    }
}
