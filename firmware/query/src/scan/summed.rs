//! Quantities of quality that several columns make.

use filter::Quantity;
use model::{BlockError, Field};

use super::columns::{Plain, Unpacked};

/// Two columns of quality, and what they make.
#[derive(Debug, Clone, Copy)]
pub(super) enum Summed {
    /// Of a record that has both.
    Delays(Plain, Plain),
    Counts(Plain, Plain),
    /// The larger.
    Larger(Plain, Plain),
    /// What is left besides the longest, and the longest, by how many there are: the mean.
    Mean,
}

impl Summed {
    /// What a quantity is made of that is of quality and more than one column.
    pub(super) const fn of(quantity: Quantity) -> Self {
        match quantity {
            Quantity::Connect => Self::Delays(Plain::ConnectClient, Plain::ConnectServer),
            Quantity::Retransmissions => Self::Counts(Plain::Retransmitted, Plain::RetransmittedRev),
            Quantity::OutOfOrder => Self::Counts(Plain::OutOfOrder, Plain::OutOfOrderRev),
            Quantity::ZeroWindows => Self::Counts(Plain::ZeroWindows, Plain::ZeroWindowsRev),
            Quantity::Resets => Self::Counts(Plain::Resets, Plain::ResetsRev),
            Quantity::RtpPackets => Self::Counts(Plain::RtpPackets, Plain::RtpPacketsRev),
            Quantity::RtpLost => Self::Counts(Plain::RtpLost, Plain::RtpLostRev),
            Quantity::Jitter => Self::Larger(Plain::RtpJitter, Plain::RtpJitterRev),
            _ => Self::Mean,
        }
    }

    const fn plains(self) -> [Plain; 3] {
        match self {
            Self::Delays(a, b) | Self::Counts(a, b) | Self::Larger(a, b) => [a, b, b],
            Self::Mean => [Plain::ResponseRest, Plain::ResponseMax, Plain::Responses],
        }
    }

    /// The columns.
    pub(super) fn fields(self) -> [Field; 3] {
        self.plains().map(Plain::field)
    }

    /// A mark for each record, 1 where its number lies in the range: of use for records that have it.
    pub(super) fn mark(
        self,
        (first, last): (u64, u64),
        columns: &mut Unpacked<'_, '_>,
        octets: &mut Vec<u8>,
    ) -> Result<(), BlockError> {
        let plains = self.plains();
        plains.into_iter().try_for_each(|plain| columns.load_plain(plain))?;
        let [a, b, c] = plains.map(|plain| columns.plain(plain));
        let of = |numbers: Option<&[u64]>, at: usize| numbers.and_then(|n| n.get(at)).copied().unwrap_or(0);
        let value = |at: usize| match self {
            // Each is one larger.
            Self::Delays(..) => of(a, at).saturating_add(of(b, at)).saturating_sub(2),
            Self::Counts(..) => of(a, at).saturating_add(of(b, at)),
            Self::Larger(..) => of(a, at).max(of(b, at)),
            Self::Mean => of(a, at).wrapping_add(of(b, at)).checked_div(of(c, at)).unwrap_or(0),
        };
        octets.clear();
        octets.extend((0..columns.len()).map(|at| {
            let value = value(at);
            u8::from(first <= value && value <= last)
        }));
        Ok(())
    }
}
