//! A block's columns, unpacked when they are first asked for.

use model::{Addresses, BlockError, BlockRef, Column, Dictionary, Field, TextDictionary, Texts, Unpacker, Values};

/// Slots for columns, by number.
const SLOTS: usize = 141;
const PLAINS: usize = 25;

/// Room for a block's columns, used again by the next block.
#[derive(Debug)]
pub struct Room {
    unpacker: Unpacker,
    slots: Vec<Values>,
    loaded: [bool; SLOTS],
    addresses: [Addresses; 2],
    has_addresses: [bool; 2],
    texts: [Texts; 2],
    has_texts: [bool; 2],
    plains: [Vec<u64>; PLAINS],
    has_plain: [bool; PLAINS],
}

impl Default for Room {
    fn default() -> Self {
        Self {
            unpacker: Unpacker::new(),
            slots: std::iter::repeat_with(Values::default).take(SLOTS).collect(),
            loaded: [false; SLOTS],
            addresses: Default::default(),
            has_addresses: [false; 2],
            texts: Default::default(),
            has_texts: [false; 2],
            plains: Default::default(),
            has_plain: [false; PLAINS],
        }
    }
}

/// Numbers that are wanted as such, by record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plain {
    Packets = 0,
    Bytes = 1,
    PacketsRev = 2,
    BytesRev = 3,
    End = 4,
    /// End less start; 0 where the start is later.
    Duration = 5,
    /// One larger, and 0 for none.
    ConnectClient = 6,
    /// One larger, and 0 for none.
    ConnectServer = 7,
    Responses = 8,
    ResponseRest = 9,
    ResponseMax = 10,
    Retransmitted = 11,
    OutOfOrder = 12,
    ZeroWindows = 13,
    Resets = 14,
    RtpPackets = 15,
    RtpLost = 16,
    RtpJitter = 17,
    RetransmittedRev = 18,
    OutOfOrderRev = 19,
    ZeroWindowsRev = 20,
    ResetsRev = 21,
    RtpPacketsRev = 22,
    RtpLostRev = 23,
    RtpJitterRev = 24,
}

impl Plain {
    /// What records' sums are made of, in the order of [`model::Sums`] after the count.
    pub(crate) const AMOUNTS: [Self; 4] = [Self::Packets, Self::Bytes, Self::PacketsRev, Self::BytesRev];

    /// What quality is made of, as [`model::SideQuality`] orders it.
    pub(crate) const FORWARD: [Self; 7] = [
        Self::Retransmitted,
        Self::OutOfOrder,
        Self::ZeroWindows,
        Self::Resets,
        Self::RtpPackets,
        Self::RtpLost,
        Self::RtpJitter,
    ];
    /// The same in reverse.
    pub(crate) const REVERSE: [Self; 7] = [
        Self::RetransmittedRev,
        Self::OutOfOrderRev,
        Self::ZeroWindowsRev,
        Self::ResetsRev,
        Self::RtpPacketsRev,
        Self::RtpLostRev,
        Self::RtpJitterRev,
    ];

    /// All columns of quality.
    pub(crate) fn quality() -> impl Iterator<Item = Self> {
        let delays = [
            Self::ConnectClient,
            Self::ConnectServer,
            Self::Responses,
            Self::ResponseRest,
            Self::ResponseMax,
        ];
        delays.into_iter().chain(Self::FORWARD).chain(Self::REVERSE)
    }

    pub(crate) const fn field(self) -> Field {
        match self {
            Self::Packets => Field::Packets,
            Self::Bytes => Field::Bytes,
            Self::PacketsRev => Field::PacketsRev,
            Self::BytesRev => Field::BytesRev,
            Self::End => Field::End,
            Self::Duration => Field::Duration,
            Self::ConnectClient => Field::ConnectClient,
            Self::ConnectServer => Field::ConnectServer,
            Self::Responses => Field::Responses,
            Self::ResponseRest => Field::ResponseRest,
            Self::ResponseMax => Field::ResponseMax,
            Self::Retransmitted => Field::Retransmitted,
            Self::OutOfOrder => Field::OutOfOrder,
            Self::ZeroWindows => Field::ZeroWindows,
            Self::Resets => Field::Resets,
            Self::RtpPackets => Field::RtpPackets,
            Self::RtpLost => Field::RtpLost,
            Self::RtpJitter => Field::RtpJitter,
            Self::RetransmittedRev => Field::RetransmittedRev,
            Self::OutOfOrderRev => Field::OutOfOrderRev,
            Self::ZeroWindowsRev => Field::ZeroWindowsRev,
            Self::ResetsRev => Field::ResetsRev,
            Self::RtpPacketsRev => Field::RtpPacketsRev,
            Self::RtpLostRev => Field::RtpLostRev,
            Self::RtpJitterRev => Field::RtpJitterRev,
        }
    }
}

/// A block whose columns are unpacked once, whoever asks: several questions can be put to it.
#[derive(Debug)]
pub struct Unpacked<'a, 'b> {
    block: &'a BlockRef<'b>,
    room: &'a mut Room,
}

impl<'a, 'b> Unpacked<'a, 'b> {
    /// A block of which nothing is unpacked yet.
    #[must_use]
    pub fn new(block: &'a BlockRef<'b>, room: &'a mut Room) -> Self {
        room.loaded = [false; SLOTS];
        room.has_addresses = [false; 2];
        room.has_texts = [false; 2];
        room.has_plain = [false; PLAINS];
        Self { block, room }
    }

    /// The block.
    #[must_use]
    pub const fn block(&self) -> &'a BlockRef<'b> {
        self.block
    }

    pub(crate) const fn len(&self) -> usize {
        self.block.len()
    }

    pub(crate) fn column(&self, field: Field) -> Result<Column<'b>, BlockError> {
        self.block.column(field)
    }

    pub(crate) const fn is_loaded(&self, field: Field) -> bool {
        self.room.loaded[field as usize]
    }

    /// Unpacks a column unless it is.
    pub(crate) fn load(&mut self, field: Field) -> Result<(), BlockError> {
        let at = field as usize;
        if !self.room.loaded[at] {
            let column = self.block.column(field)?;
            self.room.unpacker.unpack(&column, &mut self.room.slots[at])?;
            self.room.loaded[at] = true;
        }
        Ok(())
    }

    /// A column that was loaded; another is empty.
    pub(crate) fn values(&self, field: Field) -> &Values {
        &self.room.slots[field as usize]
    }

    /// Reads a dictionary unless it was.
    pub(crate) fn load_addresses(&mut self, dictionary: Dictionary) -> Result<(), BlockError> {
        let at = dictionary as usize;
        if !self.room.has_addresses[at] {
            self.room.addresses[at] = self.block.addresses(dictionary, &mut self.room.unpacker)?;
            self.room.has_addresses[at] = true;
        }
        Ok(())
    }

    /// A dictionary that was loaded.
    pub(crate) fn addresses(&self, dictionary: Dictionary) -> &Addresses {
        &self.room.addresses[dictionary as usize]
    }

    /// Reads a dictionary of texts unless it was.
    pub(crate) fn load_texts(&mut self, dictionary: TextDictionary) -> Result<(), BlockError> {
        let at = dictionary as usize;
        if !self.room.has_texts[at] {
            self.room.texts[at] = self.block.texts(dictionary, &mut self.room.unpacker)?;
            self.room.has_texts[at] = true;
        }
        Ok(())
    }

    /// A dictionary of texts that was loaded.
    pub(crate) fn texts(&self, dictionary: TextDictionary) -> &Texts {
        &self.room.texts[dictionary as usize]
    }

    /// Makes a column's numbers, unless they are; a column whose values are all 0 takes no room.
    pub(crate) fn load_plain(&mut self, plain: Plain) -> Result<(), BlockError> {
        let at = plain as usize;
        if self.room.has_plain[at] {
            return Ok(());
        }
        let out = &mut self.room.plains[at];
        out.clear();
        let column = self.block.column(plain.field())?;
        let optional = plain.field().is_optional();
        let nothing = if optional { None } else { Some((0, 0)) };
        if column.range() != nothing {
            self.load(plain.field())?;
            let out = &mut self.room.plains[at];
            out.resize(self.block.len(), 0);
            let values = &self.room.slots[plain.field() as usize];
            if optional {
                values.copy_optional(0, out);
            } else {
                values.copy(0, out);
            }
            if plain == Plain::Duration && !self.durations_hold()? {
                self.load_plain(Plain::End)?;
                let [_, _, _, _, ends, durations, ..] = &mut self.room.plains;
                for (duration, end) in durations.iter_mut().zip(ends) {
                    *duration = if *duration > *end { 0 } else { *duration };
                }
            }
        }
        self.room.has_plain[at] = true;
        Ok(())
    }

    /// Whether the column of durations says what it means: no record starts after its end.
    pub(crate) fn durations_hold(&self) -> Result<bool, BlockError> {
        // A start after the end makes a duration of nearly 2⁶⁴.
        let range = self.block.column(Field::Duration)?.range();
        Ok(range.is_none_or(|(_, max)| max <= self.block.ends().0.as_nanos()))
    }

    /// The numbers of some records, in place of what is in `out`; false where all are 0. No other numbers are made, where
    /// the records are few. Not for durations.
    pub(crate) fn pick(&mut self, plain: Plain, rows: &[u32], out: &mut Vec<u64>) -> Result<bool, BlockError> {
        out.clear();
        if self.block.column(plain.field())?.range() == Some((0, 0)) {
            return Ok(false);
        }
        if rows.len() < self.block.len() / 4 && !self.room.has_plain[plain as usize] {
            self.load(plain.field())?;
            self.values(plain.field()).pick(rows, out);
            return Ok(true);
        }
        self.load_plain(plain)?;
        let numbers = self.plain(plain).unwrap_or_default();
        out.extend(rows.iter().map(|row| numbers.get(*row as usize).copied().unwrap_or(0)));
        Ok(true)
    }

    /// A column's numbers, once they are loaded; `None` where all are 0.
    pub(crate) fn plain(&self, plain: Plain) -> Option<&[u64]> {
        let numbers = self.room.plains[plain as usize].as_slice();
        (!numbers.is_empty()).then_some(numbers)
    }
}
