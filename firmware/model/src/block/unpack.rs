//! From octets to columns.

use std::net::IpAddr;

use super::directory::{Directory, Entry, Form, Part};
use super::places::mapped;
use super::planes::{plane_bits, plane_octets, planes, spread};
use super::{BlockError, Field};

/// A column of a block: what the directory says of it, and its octets, packed.
#[derive(Debug, Clone, Copy)]
pub struct Column<'a> {
    field: Field,
    values: u32,
    /// `None`: all values are 0, or none where the field is optional.
    entry: Option<Entry>,
    octets: &'a [u8],
    /// The column of addresses that the values follow from.
    leader: Option<(Field, Entry, &'a [u8])>,
}

impl<'a> Column<'a> {
    pub(super) fn absent(field: Field, records: u32) -> Self {
        let values = if field as u8 >= Field::SIDE { 0 } else { records };
        Self {
            field,
            values,
            entry: None,
            octets: &[],
            leader: None,
        }
    }

    /// A column of a block's directory; `body` are all columns' octets.
    pub(super) fn new(field: Field, directory: &Directory, entry: Entry, body: &'a [u8]) -> Result<Self, BlockError> {
        let fault = BlockError::Contents("directory");
        let addresses = entry.addresses.is_some() == field.dictionary().is_some();
        let fits = entry.max <= u64::MAX >> (64 - field.bits());
        let ascending = matches!(entry.form, Form::Ascending { .. });
        if !addresses || !fits || (entry.optional && (ascending || !field.is_optional())) {
            return Err(fault);
        }
        let mut values = entry.values;
        let mut leader = None;
        if let Some(number) = entry.follows {
            let by = [Field::SrcIp, Field::DstIp].into_iter().find(|by| *by as u8 == number);
            let by = by.zip(directory.find(number)).ok_or(fault.clone())?;
            // A value for each address.
            let places = by.1.max < u64::from(entry.values) && !by.1.optional && by.1.follows.is_none();
            if !places || matches!(by.1.form, Form::Ascending { .. }) || field as u8 >= Field::SIDE {
                return Err(fault);
            }
            values = by.1.values;
            leader = Some((by.0, *by.1, by.1.body.of(body)));
        }
        Ok(Self {
            field,
            values,
            octets: entry.body.of(body),
            entry: Some(entry),
            leader,
        })
    }

    /// Whether the block has it; where it does not, all values are 0, or none.
    pub(super) const fn is_there(&self) -> bool {
        self.entry.is_some()
    }

    /// Which column it is.
    #[must_use]
    pub const fn field(&self) -> Field {
        self.field
    }

    /// How many values there are: the records, except in columns with a length of their own.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.values as usize
    }

    /// Whether there is no value at all.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.values == 0
    }

    /// The smallest and the largest value; `None` where no record has one. No value lies outside.
    #[must_use]
    pub fn range(&self) -> Option<(u64, u64)> {
        match &self.entry {
            Some(entry) => Some((entry.min, entry.max)),
            None if self.field.is_optional() || self.values == 0 => None,
            None => Some((0, 0)),
        }
    }

    /// Of a column of places in a dictionary of addresses: the smallest and the largest address, as
    /// [`address_order`] orders them.
    #[must_use]
    pub fn address_range(&self) -> Option<(u128, u128)> {
        self.entry.as_ref().and_then(|entry| entry.addresses)
    }

    /// The column of addresses that the values follow from, where they do: each of its addresses has one value.
    #[must_use]
    pub fn follows(&self) -> Option<Field> {
        self.leader.map(|(field, ..)| field)
    }

    /// Whether some records have no value.
    #[must_use]
    pub fn has_absent(&self) -> bool {
        match &self.entry {
            Some(entry) => entry.optional,
            None => self.field.is_optional(),
        }
    }

    /// Whether all records have the same value, or none has one: nothing is to be unpacked.
    #[must_use]
    pub fn is_constant(&self) -> bool {
        self.entry.is_none_or(|entry| entry.form == Form::Constant)
    }

    /// Octets that it takes in the block, without its place in the directory.
    #[must_use]
    pub const fn packed_octets(&self) -> usize {
        self.octets.len()
    }
}

/// A column's values as codes of the shortest type that holds them; [`Values::value`] says what a code stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codes<'a> {
    /// Every record has code 0.
    Zero,
    /// Up to 8 bits.
    U8(&'a [u8]),
    /// Up to 16 bits.
    U16(&'a [u16]),
    /// Up to 32 bits.
    U32(&'a [u32]),
    /// More.
    U64(&'a [u64]),
}

#[derive(Debug, Default)]
struct Store {
    width: u32,
    eights: Vec<u8>,
    sixteens: Vec<u16>,
    thirty_twos: Vec<u32>,
    sixty_fours: Vec<u64>,
}

impl Store {
    fn codes(&self) -> Codes<'_> {
        match self.width {
            0 => Codes::Zero,
            8 => Codes::U8(&self.eights),
            16 => Codes::U16(&self.sixteens),
            32 => Codes::U32(&self.thirty_twos),
            _ => Codes::U64(&self.sixty_fours),
        }
    }

    fn get(&self, at: usize) -> u64 {
        match self.codes() {
            Codes::Zero => 0,
            Codes::U8(codes) => codes.get(at).copied().map_or(0, u64::from),
            Codes::U16(codes) => codes.get(at).copied().map_or(0, u64::from),
            Codes::U32(codes) => codes.get(at).copied().map_or(0, u64::from),
            Codes::U64(codes) => codes.get(at).copied().unwrap_or_default(),
        }
    }

    /// For each place the code that `from` has there; the places were checked to lie within it.
    fn gather(&mut self, from: &Store, places: &Values) {
        self.width = from.width;
        match from.codes() {
            Codes::Zero => {}
            Codes::U8(codes) => gather(codes, places, &mut self.eights),
            Codes::U16(codes) => gather(codes, places, &mut self.sixteens),
            Codes::U32(codes) => gather(codes, places, &mut self.thirty_twos),
            Codes::U64(codes) => gather(codes, places, &mut self.sixty_fours),
        }
    }

    fn max(&self) -> u64 {
        fn largest<T: Copy + Ord + Into<u64>>(codes: &[T]) -> u64 {
            codes.iter().copied().max().map_or(0, Into::into)
        }
        match self.codes() {
            Codes::Zero => 0,
            Codes::U8(codes) => largest(codes),
            Codes::U16(codes) => largest(codes),
            Codes::U32(codes) => largest(codes),
            Codes::U64(codes) => largest(codes),
        }
    }
}

fn gather<T: Copy + Default>(from: &[T], places: &Values, out: &mut Vec<T>) {
    fn each<T: Copy + Default, P: Copy + Into<u64>>(
        from: &[T],
        places: &[P],
        place: impl Fn(u64) -> u64,
        out: &mut Vec<T>,
    ) {
        let at = |p: &P| usize::try_from(place((*p).into())).unwrap_or(usize::MAX);
        out.extend(places.iter().map(|p| from.get(at(p)).copied().unwrap_or_default()));
    }
    let min = places.min;
    let plain = places.distinct.is_empty();
    let place = |code: u64| {
        if plain {
            min.wrapping_add(code)
        } else {
            places.value(code).unwrap_or(0)
        }
    };
    out.clear();
    match places.codes.codes() {
        Codes::Zero => {
            let at = usize::try_from(place(0)).unwrap_or(usize::MAX);
            out.resize(places.len, from.get(at).copied().unwrap_or_default());
        }
        Codes::U8(codes) => each(from, codes, place, out),
        Codes::U16(codes) => each(from, codes, place, out),
        Codes::U32(codes) => each(from, codes, place, out),
        Codes::U64(codes) => each(from, codes, place, out),
    }
}

/// A column's values, unpacked. Its room is used again by the next column that is unpacked into it.
#[derive(Debug, Default)]
pub struct Values {
    len: usize,
    codes: Store,
    /// Code 0 is none, and the others are one larger.
    optional: bool,
    min: u64,
    scale: u64,
    /// Where it is not empty: the values by code.
    distinct: Vec<u64>,
}

impl Values {
    /// How many values there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The codes, in the order of the records. A larger code is a larger value; a filter turns its condition into one on
    /// codes once, and looks at codes only.
    #[must_use]
    pub fn codes(&self) -> Codes<'_> {
        self.codes.codes()
    }

    /// Whether code 0 is "no value".
    #[must_use]
    pub const fn zero_is_absent(&self) -> bool {
        self.optional
    }

    /// What a code stands for; `None`: the record has no value.
    #[must_use]
    pub fn value(&self, code: u64) -> Option<u64> {
        let code = code.checked_sub(u64::from(self.optional))?;
        if self.distinct.is_empty() {
            return Some(self.min.wrapping_add(code.wrapping_mul(self.scale)));
        }
        self.distinct.get(usize::try_from(code).ok()?).copied()
    }

    /// The distinct values by code, ascending, where the column is packed so; without the "no value" of code 0.
    #[must_use]
    pub fn distinct(&self) -> Option<&[u64]> {
        (!self.distinct.is_empty()).then_some(self.distinct.as_slice())
    }

    /// The smallest value, and what a code, without the "no value" of code 0, is multiplied by before that is added; of
    /// no meaning where there are distinct values. The second is never 0.
    #[must_use]
    pub const fn scaling(&self) -> (u64, u64) {
        (self.min, if self.scale == 0 { 1 } else { self.scale })
    }

    /// A record's code; 0 where there is no such record.
    #[must_use]
    pub fn code(&self, at: usize) -> u64 {
        self.codes.get(at)
    }

    /// A record's value; `None` where it has none, or there is no such record.
    #[must_use]
    pub fn get(&self, at: usize) -> Option<u64> {
        if at >= self.len {
            return None;
        }
        self.value(self.code(at))
    }

    /// The values of records from `from` on, as many as `out` takes and there are, 0 for none; answers how many.
    pub fn copy(&self, from: usize, out: &mut [u64]) -> usize {
        let (min, scale) = (self.min, self.scale);
        match self.distinct.as_slice() {
            _ if self.optional => self.copy_with(from, out, |code| self.value(code).unwrap_or(0)),
            [] if scale == 1 => self.copy_with(from, out, |code| min.wrapping_add(code)),
            [] => self.copy_with(from, out, |code| min.wrapping_add(code.wrapping_mul(scale))),
            distinct => self.copy_with(from, out, |code| {
                let at = usize::try_from(code).unwrap_or(usize::MAX);
                distinct.get(at).copied().unwrap_or(0)
            }),
        }
    }

    /// The values of records by their numbers, 0 for none, in place of what is in `out`.
    pub fn pick(&self, numbers: &[u32], out: &mut Vec<u64>) {
        fn each<T: Copy + Into<u64>>(codes: &[T], numbers: &[u32], out: &mut Vec<u64>, value: impl Fn(u64) -> u64) {
            let code = |n: &u32| codes.get(*n as usize).map_or(0, |code| (*code).into());
            out.extend(numbers.iter().map(|n| value(code(n))));
        }
        out.clear();
        let value = |code| self.value(code).unwrap_or(0);
        match self.codes() {
            Codes::Zero => out.resize(numbers.len(), value(0)),
            Codes::U8(codes) => each(codes, numbers, out, value),
            Codes::U16(codes) => each(codes, numbers, out, value),
            Codes::U32(codes) => each(codes, numbers, out, value),
            Codes::U64(codes) => each(codes, numbers, out, value),
        }
    }

    /// The same, but 0 for none and the others one larger.
    pub fn copy_optional(&self, from: usize, out: &mut [u64]) -> usize {
        self.copy_with(from, out, |code| self.value(code).map_or(0, |v| v.saturating_add(1)))
    }

    fn copy_with(&self, from: usize, out: &mut [u64], value: impl Fn(u64) -> u64) -> usize {
        fn each<T: Copy + Into<u64>>(codes: &[T], from: usize, out: &mut [u64], value: impl Fn(u64) -> u64) {
            for (out, code) in out.iter_mut().zip(codes.get(from..).unwrap_or_default()) {
                *out = value((*code).into());
            }
        }
        let count = out.len().min(self.len.saturating_sub(from));
        let out = out.get_mut(..count).unwrap_or_default();
        match self.codes() {
            Codes::Zero => out.fill(value(0)),
            Codes::U8(codes) => each(codes, from, out, value),
            Codes::U16(codes) => each(codes, from, out, value),
            Codes::U32(codes) => each(codes, from, out, value),
            Codes::U64(codes) => each(codes, from, out, value),
        }
        count
    }
}

/// Unpacks columns; keeps its room from one to the next.
#[derive(Default)]
pub struct Unpacker {
    decompressor: Option<zstd::bulk::Decompressor<'static>>,
    plane: Vec<u8>,
    lanes: Vec<u8>,
    places: Store,
    leader: Values,
    led: Values,
}

impl std::fmt::Debug for Unpacker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Unpacker").finish_non_exhaustive()
    }
}

impl Unpacker {
    /// An unpacker without room yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Unpacks a column into `values`, whose contents are replaced. Allocates 8 octets a value at most, and no more
    /// than that in this unpacker.
    ///
    /// # Errors
    /// When the column's octets are damaged, or contradict the directory. `values` is of no use then.
    pub fn unpack(&mut self, column: &Column<'_>, values: &mut Values) -> Result<(), BlockError> {
        values.len = column.len();
        values.codes.width = 0;
        values.distinct.clear();
        (values.optional, values.min, values.scale) = (column.field.is_optional(), 0, 1);
        let Some(entry) = &column.entry else {
            return Ok(());
        };
        entry.body.verify(column.octets)?;
        let Some((_, leader, octets)) = column.leader else {
            return self.entry(entry, column.octets, values);
        };
        let mut places = std::mem::take(&mut self.leader);
        leader.body.verify(octets)?;
        self.entry(&leader, octets, &mut places)?;
        let mut led = std::mem::take(&mut self.led);
        let done = self.entry(entry, column.octets, &mut led);
        (values.optional, values.min, values.scale) = (led.optional, led.min, led.scale);
        std::mem::swap(&mut values.distinct, &mut led.distinct);
        values.len = places.len;
        values.codes.gather(&led.codes, &places);
        (self.leader, self.led) = (places, led);
        done
    }

    /// Unpacks an entry whose octets were verified; a value for each address where it follows a column of addresses.
    fn entry(&mut self, entry: &Entry, octets: &[u8], values: &mut Values) -> Result<(), BlockError> {
        values.len = entry.values as usize;
        values.codes.width = 0;
        values.distinct.clear();
        (values.optional, values.min, values.scale) = (entry.optional, entry.min, 1);
        let (span, absent) = (entry.max - entry.min, u64::from(entry.optional));
        let largest = match &entry.form {
            Form::Constant => 0,
            Form::Scaled { scale, codes } => {
                values.scale = *scale;
                self.part(codes, octets, values.len, &mut values.codes)?;
                (span / scale).saturating_add(absent)
            }
            Form::Distinct {
                count,
                values: distinct,
                codes,
            } => {
                let mut places = std::mem::take(&mut self.places);
                let used = self.part(distinct, octets, *count as usize, &mut places)?;
                let mut before = None;
                for at in 0..*count as usize {
                    let value = places.get(at);
                    if before.is_some_and(|before| value <= before) || value > span {
                        return Err(BlockError::Contents("list of distinct values"));
                    }
                    before = Some(value);
                    values.distinct.push(entry.min + value);
                }
                self.places = places;
                self.part(
                    codes,
                    octets.get(used..).unwrap_or_default(),
                    values.len,
                    &mut values.codes,
                )?;
                u64::from(*count) - 1 + absent
            }
            Form::Ascending { codes } => {
                let mut places = std::mem::take(&mut self.places);
                self.part(codes, octets, values.len, &mut places)?;
                values.codes.width = 64;
                let sums = &mut values.codes.sixty_fours;
                match places.codes() {
                    Codes::Zero => {
                        sums.clear();
                        sums.resize(values.len, 0);
                    }
                    Codes::U8(codes) => add_up(codes, sums),
                    Codes::U16(codes) => add_up(codes, sums),
                    Codes::U32(codes) => add_up(codes, sums),
                    Codes::U64(codes) => add_up_checked(codes, sums)?,
                }
                if sums.last().is_some_and(|sum| *sum > span) {
                    return Err(BlockError::Contents("sum"));
                }
                self.places = places;
                return Ok(());
            }
        };
        if values.codes.max() > largest {
            return Err(BlockError::Contents("code"));
        }
        Ok(())
    }

    /// Reads an array of codes from the front of `octets`; answers how many octets it took.
    fn part(&mut self, part: &Part, octets: &[u8], count: usize, into: &mut Store) -> Result<usize, BlockError> {
        let mut rest = octets;
        into.width = match part.bits {
            0 => 0,
            1..=8 => 8,
            9..=16 => 16,
            17..=32 => 32,
            _ => 64,
        };
        for (plane, (length, compressed)) in (0..planes(part.bits)).zip(part.planes) {
            let (stored, after) = rest
                .split_at_checked(length as usize)
                .ok_or(BlockError::Contents("length of a plane"))?;
            rest = after;
            let width = plane_bits(part.bits, plane);
            let lanes = self.plane(stored, compressed, width, count)?;
            match into.width {
                8 => merge(&mut into.eights, lanes, plane),
                16 => merge(&mut into.sixteens, lanes, plane),
                32 => merge(&mut into.thirty_twos, lanes, plane),
                _ => merge(&mut into.sixty_fours, lanes, plane),
            }
        }
        Ok(octets.len() - rest.len())
    }

    /// A plane's codes, an octet each.
    fn plane<'s>(
        &'s mut self,
        stored: &'s [u8],
        compressed: bool,
        width: u32,
        count: usize,
    ) -> Result<&'s [u8], BlockError> {
        let plain = plane_octets(count, width);
        let octets = if compressed {
            let decompressor = match &mut self.decompressor {
                Some(decompressor) => decompressor,
                none => {
                    let made = zstd::bulk::Decompressor::new();
                    none.insert(made.map_err(|e| BlockError::Compress(e.to_string()))?)
                }
            };
            self.plane.clear();
            self.plane.reserve(plain);
            decompressor
                .decompress_to_buffer(stored, &mut self.plane)
                .map_err(|_| BlockError::Contents("compression"))?;
            &self.plane
        } else {
            stored
        };
        if octets.len() != plain {
            return Err(BlockError::Contents("length of a plane"));
        }
        if width == 8 {
            return Ok(octets);
        }
        spread(octets, width, count, &mut self.lanes)?;
        Ok(&self.lanes)
    }
}

/// Sums of codes up to each: fewer than 2³² codes of at most 32 bits, whose sum 64 bits hold.
fn add_up<T: Copy + Into<u64>>(codes: &[T], sums: &mut Vec<u64>) {
    let mut sum = 0u64;
    sums.clear();
    sums.extend(codes.iter().map(|code| {
        sum = sum.wrapping_add((*code).into());
        sum
    }));
}

fn add_up_checked(codes: &[u64], sums: &mut Vec<u64>) -> Result<(), BlockError> {
    let mut sum = 0u64;
    sums.clear();
    for code in codes {
        sum = sum.checked_add(*code).ok_or(BlockError::Contents("sum"))?;
        sums.push(sum);
    }
    Ok(())
}

/// Puts a plane's octets above those of the planes before it.
fn merge<T>(codes: &mut Vec<T>, lanes: &[u8], plane: u32)
where
    T: Copy + From<u8> + std::ops::Shl<u32, Output = T> + std::ops::BitOrAssign,
{
    if plane == 0 {
        codes.clear();
        codes.extend(lanes.iter().map(|lane| T::from(*lane)));
    } else {
        for (code, lane) in codes.iter_mut().zip(lanes) {
            *code |= T::from(*lane) << (plane * 8);
        }
    }
}

/// The addresses of a dictionary.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addresses {
    fours: Vec<u32>,
    sixes: Vec<u128>,
}

impl Addresses {
    pub(super) fn read(
        fours: Column<'_>,
        upper: Column<'_>,
        lower: Column<'_>,
        unpacker: &mut Unpacker,
    ) -> Result<Self, BlockError> {
        let mut values = Values::default();
        let mut column = |column: Column<'_>| {
            unpacker.unpack(&column, &mut values)?;
            let mut out = vec![0; values.len()];
            values.copy(0, &mut out);
            Ok::<_, BlockError>(out)
        };
        let (fours, upper, lower) = (column(fours)?, column(upper)?, column(lower)?);
        if upper.len() != lower.len() {
            return Err(BlockError::Contents("dictionary of addresses"));
        }
        #[allow(
            clippy::cast_possible_truncation,
            reason = "a column of addresses has 32 bits: see Field::bits"
        )]
        let fours = fours.into_iter().map(|four| four as u32).collect();
        let sixes = upper
            .into_iter()
            .zip(lower)
            .map(|(u, l)| u128::from(u) << 64 | u128::from(l))
            .collect();
        Ok(Self { fours, sixes })
    }

    /// The IPv4 addresses, at the places from 0 on.
    #[must_use]
    pub fn fours(&self) -> &[u32] {
        &self.fours
    }

    /// The IPv6 addresses, at the places after the IPv4 ones.
    #[must_use]
    pub fn sixes(&self) -> &[u128] {
        &self.sixes
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fours.len() + self.sixes.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The address of a place.
    #[must_use]
    pub fn get(&self, place: u64) -> Option<IpAddr> {
        let place = usize::try_from(place).ok()?;
        match self.fours.get(place) {
            Some(four) => Some(IpAddr::V4((*four).into())),
            None => self
                .sixes
                .get(place - self.fours.len())
                .map(|six| IpAddr::V6((*six).into())),
        }
    }
}

/// How the directory orders addresses: IPv4 ones where RFC 4291, section 2.5.5.2, maps them into IPv6.
#[must_use]
pub const fn address_order(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(four) => mapped(four.to_bits()),
        IpAddr::V6(six) => six.to_bits(),
    }
}
