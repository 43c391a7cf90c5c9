//! The code that proves that whoever sets the box up can see its screen or serial port.

use std::io;

use crate::random;

/// 32 symbols that are not mistaken for each other: no I, O, 0, 1.
const ALPHABET: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// A new random code: 40 bits, written `XXXX-XXXX`.
pub(crate) fn generate() -> io::Result<String> {
    Ok(from_random(random::octets()?))
}

fn from_random(random: [u8; 8]) -> String {
    let mut code = String::with_capacity(9);
    for (place, octet) in random.into_iter().enumerate() {
        if place == 4 {
            code.push('-');
        }
        let symbol = ALPHABET.get(usize::from(octet & 31)).copied().unwrap_or(b'A');
        code.push(char::from(symbol));
    }
    code
}

/// Whether what was typed is the code; case, hyphens and spaces do not matter, nor does the time taken tell.
pub(crate) fn matches(typed: &str, code: &str) -> bool {
    let plain = |text: &str| -> Vec<u8> {
        let kept = text.bytes().filter(|b| !matches!(b, b'-' | b' ')).take(64);
        kept.map(|b| b.to_ascii_uppercase()).collect()
    };
    let (typed, code) = (plain(typed), plain(code));
    let differences = code
        .iter()
        .enumerate()
        .fold(0_u8, |sum, (place, b)| sum | (b ^ typed.get(place).unwrap_or(&0)));
    typed.len() == code.len() && differences == 0
}

/// Whether a stored code is one.
pub(crate) fn is_well_formed(code: &str) -> bool {
    code.len() == 9
        && code
            .bytes()
            .enumerate()
            .all(|(n, b)| if n == 4 { b == b'-' } else { ALPHABET.contains(&b) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_two_groups_and_differ() {
        assert_eq!(from_random([0, 1, 2, 3, 31, 32, 255, 24]), "ABCD-9A92");
        let (a, b) = (generate().unwrap(), generate().unwrap());
        assert!(is_well_formed(&a) && a != b);
        assert!(!is_well_formed("ABCD-9A9O") && !is_well_formed("ABCD9A92") && !is_well_formed(""));
    }

    #[test]
    fn typing_is_forgiven_and_mistakes_are_not() {
        assert!(matches("abcd 9a92", "ABCD-9A92"));
        assert!(!matches("ABCD-9A93", "ABCD-9A92"));
        assert!(!matches("ABCD-9A9", "ABCD-9A92") && !matches("ABCD-9A922", "ABCD-9A92") && !matches("", "ABCD-9A92"));
    }
}
