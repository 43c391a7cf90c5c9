//! What a part says it is (Platform Management FRU Information Storage Definition 1.3): octets in, names out.

use serde::Serialize;

use super::sdr::typed_text;

/// The most octets that are read of one part.
pub const FRU_MAX: usize = 4_096;

/// Why the octets say nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FruError {
    /// They end too early.
    #[error("the part's description is cut off")]
    Short,
    /// Another version of the format.
    #[error("the part's description has a version that is not known")]
    Version,
    /// A checksum is wrong.
    #[error("the part's description has a wrong checksum")]
    Checksum,
}

/// A part's names.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Fru {
    /// Its maker.
    pub maker: Option<String>,
    /// What it is called.
    pub product: Option<String>,
    /// Its number in the maker's list.
    pub part: Option<String>,
    /// Serial number.
    pub serial: Option<String>,
}

/// Reads a part's description: its product area, and what that lacks from the board's.
///
/// # Errors
/// Where the octets are no such description.
pub fn parse(octets: &[u8]) -> Result<Fru, FruError> {
    let head: &[u8; 8] = octets.first_chunk().ok_or(FruError::Short)?;
    let [version, _, _, board, product, ..] = *head;
    sum(head)?;
    if version & 0x0f != 1 {
        return Err(FruError::Version);
    }
    let area = |offset: u8| -> Result<Option<&[u8]>, FruError> {
        if offset == 0 {
            return Ok(None);
        }
        let rest = octets.get(usize::from(offset) * 8..).ok_or(FruError::Short)?;
        let length = usize::from(*rest.get(1).ok_or(FruError::Short)?) * 8;
        let area = rest.get(..length).filter(|a| a.len() >= 8).ok_or(FruError::Short)?;
        sum(area)?;
        Ok(Some(area))
    };
    let mut fru = Fru::default();
    if let Some(area) = area(product)? {
        let fields = fields(area.get(3..).unwrap_or_default());
        let mut fields = fields.into_iter();
        let mut next = || fields.next().flatten();
        fru.maker = next();
        fru.product = next();
        fru.part = next();
        let _version = next();
        fru.serial = next();
    }
    if let Some(area) = area(board)? {
        // behind the date of making
        let fields = fields(area.get(6..).unwrap_or_default());
        let mut fields = fields.into_iter();
        let mut next = || fields.next().flatten();
        fru.maker = fru.maker.or(next());
        let board = Fru {
            product: next(),
            serial: next(),
            part: next(),
            maker: None,
        };
        fru.product = fru.product.or(board.product);
        fru.serial = fru.serial.or(board.serial);
        fru.part = fru.part.or(board.part);
    }
    Ok(fru)
}

fn sum(octets: &[u8]) -> Result<(), FruError> {
    let sum = octets.iter().fold(0u8, |sum, octet| sum.wrapping_add(*octet));
    if sum == 0 { Ok(()) } else { Err(FruError::Checksum) }
}

/// Fields with their type and length, until the end mark C1h.
fn fields(mut rest: &[u8]) -> Vec<Option<String>> {
    let mut out = Vec::new();
    while let [code, body @ ..] = rest {
        if *code == 0xc1 || out.len() >= 16 {
            break;
        }
        let length = usize::from(code & 0x3f);
        let Some(octets) = body.get(..length) else { break };
        // kind 0 is binary: no name
        let text = (code >> 6 != 0).then(|| typed_text(code >> 6, octets));
        out.push(text.and_then(|t| crate::drive::label(&t)));
        rest = body.get(length..).unwrap_or_default();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn finish(octets: &mut Vec<u8>) {
        octets.resize(octets.len().next_multiple_of(8), 0);
        if octets.len() > 8 || octets[1] != 0 {
            octets[1] = u8::try_from(octets.len() / 8).expect("short");
        }
        let last = octets.len() - 1;
        octets[last] = octets.iter().fold(0u8, |sum, o| sum.wrapping_add(*o)).wrapping_neg();
    }

    fn area(head: &[u8], texts: &[&str]) -> Vec<u8> {
        let mut octets = head.to_vec();
        for text in texts {
            octets.push(0xc0 | u8::try_from(text.len()).expect("short"));
            octets.extend(text.bytes());
        }
        octets.extend([0xc1, 0]);
        finish(&mut octets);
        octets
    }

    fn description() -> Vec<u8> {
        let board = area(&[1, 0, 0, 0, 0, 0], &["ACME", "X11 board", "B123", "PN-9"]);
        let product = area(&[1, 0, 0], &["ACME", "PSU 800", "P-800", "1.0", ""]);
        let mut octets = vec![1, 0, 0, 1, u8::try_from(1 + board.len() / 8).expect("short"), 0, 0, 0];
        octets[7] = octets.iter().fold(0u8, |sum, o| sum.wrapping_add(*o)).wrapping_neg();
        octets.extend(board);
        octets.extend(product);
        octets
    }

    #[test]
    fn a_supply_says_who_it_is() {
        let fru = parse(&description()).expect("names");
        assert_eq!(fru.product.as_deref(), Some("PSU 800"));
        assert_eq!(fru.part.as_deref(), Some("P-800"));
        // the product has no serial number: the board's
        assert_eq!(fru.serial.as_deref(), Some("B123"));
    }

    #[test]
    fn what_is_damaged_is_refused() {
        let good = description();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            assert!(parse(&bad).is_err(), "octet {at}");
            assert!(parse(&good[..at]).is_err(), "{at} octets");
        }
        let mut other = good;
        other[0] = 2;
        other[7] = other[7].wrapping_sub(1);
        assert_eq!(parse(&other), Err(FruError::Version));
    }

    proptest! {
        #[test]
        fn no_octets_panic(mut octets in proptest::collection::vec(any::<u8>(), 0..300)) {
            if octets.len() >= 8 {
                octets[0] = 1;
                octets[7] = 0;
                octets[7] = octets[..8].iter().fold(0u8, |sum, o| sum.wrapping_add(*o)).wrapping_neg();
            }
            let _ = parse(&octets);
            let _ = fields(&octets);
        }
    }
}
