//! A stretch of a frame that knows how much of it was captured and how much the wire carried.

use model::MalformedKind;

use crate::NotMetered;

/// Octets of a frame: `data` was captured, `wire` were there; `data.len() <= wire` always holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    data: &'a [u8],
    wire: u32,
    /// Where `data` starts in the frame.
    at: u32,
}

/// Why octets could not be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Short {
    /// They were on the wire; the snap length cut them off.
    Cut,
    /// The wire did not carry them.
    Ended,
}

impl Short {
    /// What a missing header makes of the frame.
    pub(crate) const fn of(self, kind: MalformedKind) -> NotMetered {
        match self {
            Self::Cut => NotMetered::CutShort,
            Self::Ended => NotMetered::Malformed(kind),
        }
    }
}

impl<'a> View<'a> {
    pub(crate) fn new(data: &'a [u8], wire_len: u32) -> Self {
        // Frames come from rings and files that bound them far below 4 GiB.
        let captured = u32::try_from(data.len()).unwrap_or(u32::MAX);
        Self {
            data,
            wire: wire_len.max(captured),
            at: 0,
        }
    }

    /// Octets on the wire.
    pub(crate) const fn wire(&self) -> u32 {
        self.wire
    }

    /// Octets captured.
    pub(crate) fn captured(&self) -> u32 {
        u32::try_from(self.data.len()).unwrap_or(u32::MAX)
    }

    /// Where the view starts in the frame.
    pub(crate) const fn at(&self) -> u32 {
        self.at
    }

    /// The next `N` octets and what follows them.
    #[inline]
    pub(crate) fn split<const N: usize>(self) -> Result<(&'a [u8; N], Self), Short> {
        const { assert!(N < 256) };
        match self.data.split_first_chunk::<N>() {
            Some((head, data)) => {
                #[allow(clippy::cast_possible_truncation, reason = "N is below 256")]
                let n = N as u32;
                // wire >= data.len() >= N
                Ok((
                    head,
                    Self {
                        data,
                        wire: self.wire - n,
                        at: self.at + n,
                    },
                ))
            }
            None => Err(self.short(N)),
        }
    }

    /// The first `N` octets, without moving on.
    #[inline]
    pub(crate) fn peek<const N: usize>(self) -> Result<&'a [u8; N], Short> {
        self.data.first_chunk::<N>().ok_or_else(|| self.short(N))
    }

    /// What follows the next `n` octets, captured or not; it is an error when the wire ends before.
    #[inline]
    pub(crate) fn skip(self, n: u32) -> Result<Self, Short> {
        let wire = self.wire.checked_sub(n).ok_or(Short::Ended)?;
        let data = self.data.get(n as usize..).unwrap_or(&[]);
        Ok(Self {
            data,
            wire,
            at: self.at.saturating_add(n),
        })
    }

    /// The first `wire` octets alone: what lies behind is padding or a trailer.
    #[inline]
    pub(crate) fn limit(self, wire: u32) -> Self {
        let wire = wire.min(self.wire);
        Self {
            data: self.data.get(..wire as usize).unwrap_or(self.data),
            wire,
            at: self.at,
        }
    }

    fn short(&self, needed: usize) -> Short {
        if self.wire as usize >= needed {
            Short::Cut
        } else {
            Short::Ended
        }
    }
}

/// A big-endian 16-bit number.
#[inline]
pub(crate) const fn be16(high: u8, low: u8) -> u16 {
    u16::from_be_bytes([high, low])
}
