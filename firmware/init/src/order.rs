//! What the signed command line tells this program.

/// What the medium is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The payload is a disk image, which the installer writes; its root runs meanwhile.
    Installer,
    /// The payload is a root that mends a box.
    Recovery,
}

/// Where the root lies in the unpacked payload, and what becomes of the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order {
    /// What the medium is for.
    pub(crate) mode: Mode,
    /// The root's first octet in the payload.
    pub(crate) start: u64,
    /// The root's octets; none when it goes to the payload's end.
    pub(crate) length: Option<u64>,
}

/// Why the command line is no order.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unclear {
    /// `spanwatch.mode=` is missing or has another value.
    #[error(
        "the kernel's command line says no spanwatch.mode=installer or spanwatch.mode=recovery: this medium was not built by `make factory` or `make image`"
    )]
    Mode,
    /// `spanwatch.root=` is missing or is not START:LENGTH.
    #[error(
        "the kernel's command line says no spanwatch.root=START:LENGTH: this medium was not built by `make factory` or `make image`"
    )]
    Root,
}

impl Order {
    /// Reads a kernel command line. The first of each word counts: what somebody appended comes later.
    pub(crate) fn parse(line: &str) -> Result<Self, Unclear> {
        let value = |key: &str| {
            line.split_ascii_whitespace()
                .find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
        };
        let mode = match value("spanwatch.mode") {
            Some("installer") => Mode::Installer,
            Some("recovery") => Mode::Recovery,
            _ => return Err(Unclear::Mode),
        };
        let (start, length) = value("spanwatch.root")
            .and_then(|text| text.split_once(':'))
            .and_then(|(start, length)| Some((start.parse().ok()?, length.parse().ok()?)))
            .ok_or(Unclear::Root)?;
        Ok(Self {
            mode,
            start,
            length: (length != 0).then_some(length),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_word_counts() {
        let line = "quiet spanwatch.mode=installer spanwatch.root=59768832:33000000 spanwatch.mode=recovery spanwatch.root=0:0";
        let order = Order {
            mode: Mode::Installer,
            start: 59_768_832,
            length: Some(33_000_000),
        };
        assert_eq!(Order::parse(line), Ok(order));
    }

    #[test]
    fn no_length_means_all_of_it() {
        let order = Order::parse("spanwatch.mode=recovery spanwatch.root=0:0").expect("an order");
        assert_eq!((order.mode, order.start, order.length), (Mode::Recovery, 0, None));
    }

    #[test]
    fn what_is_missing_is_said() {
        assert_eq!(Order::parse("spanwatch.root=0:0"), Err(Unclear::Mode));
        assert_eq!(
            Order::parse("spanwatch.mode=other spanwatch.root=0:0"),
            Err(Unclear::Mode)
        );
        assert_eq!(Order::parse("spanwatch.mode=recovery"), Err(Unclear::Root));
        assert_eq!(
            Order::parse("spanwatch.mode=recovery spanwatch.root=-1:0"),
            Err(Unclear::Root)
        );
    }

    proptest! {
        #[test]
        fn any_line_is_read_without_a_panic(line in ".{0,300}") {
            let _ = Order::parse(&line);
        }
    }
}
