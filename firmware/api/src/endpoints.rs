//! Servers as people write them: addresses, and a port or none.

use model::{AddressRange, ParseAddressRangeError};

/// Addresses with a port behind them or not: `10.0.0.2`, `10.0.0.0/8:443`, `[2001:db8::2]:443`.
///
/// # Errors
/// When the addresses are none.
pub fn endpoints(text: &str) -> Result<(AddressRange, Option<u16>), ParseAddressRangeError> {
    let whole = match text.trim().parse() {
        Ok(range) => return Ok((range, None)),
        Err(error) => error,
    };
    match text.trim().rsplit_once(':').map(|(range, port)| (range, port.parse())) {
        Some((range, Ok(port))) => {
            let inner = range.strip_prefix('[').and_then(|range| range.strip_suffix(']'));
            Ok((inner.unwrap_or(range).trim().parse()?, Some(port)))
        }
        _ => Err(whole),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_addresses_with_a_port_or_without() {
        let read = |text: &str| endpoints(text).map(|(range, port)| (range.to_string(), port)).ok();
        let with = |range: &str, port| Some((range.to_owned(), port));
        assert_eq!(read("10.0.0.2"), with("10.0.0.2", None));
        assert_eq!(read(" 10.0.0.2:443"), with("10.0.0.2", Some(443)));
        assert_eq!(read("10.0.0.0/8:53"), with("10.0.0.0/8", Some(53)));
        assert_eq!(read("2001:db8::443"), with("2001:db8::443", None));
        assert_eq!(read("[2001:db8::2]:443"), with("2001:db8::2", Some(443)));
        for text in ["", "host", "10.0.0.2:", "10.0.0.2:70000", "[2001:db8::2", "10.0.0.2:x"] {
            assert!(read(text).is_none(), "{text}");
        }
    }
}
