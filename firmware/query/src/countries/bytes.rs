//! The table as it is kept: docs/formats.md, *Countries*.

use super::{COUNTRY_RANGES_MAX, Code, CountriesError, CountryTable, NONE, Steps, code};

pub(super) const MAGIC: &[u8] = b"SWCO";
const VERSION: u16 = 1;
const HEADER: usize = 20;
/// Steps of both versions: each range may be followed by a gap.
const STEPS_MAX: usize = 2 * COUNTRY_RANGES_MAX + 2;

impl CountryTable {
    /// The table as octets.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let count = |starts: usize| u32::try_from(starts).unwrap_or(u32::MAX).to_le_bytes();
        let mut body = Vec::with_capacity(HEADER + self.v4.starts.len() * 6 + self.v6.starts.len() * 18);
        body.extend(count(self.v4.starts.len()));
        body.extend(count(self.v6.starts.len()));
        body.extend(self.v4.starts.iter().flat_map(|start| start.to_le_bytes()));
        body.extend(self.v6.starts.iter().flat_map(|start| start.to_le_bytes()));
        body.extend(self.v4.codes.iter().chain(&self.v6.codes).flatten());
        let mut octets = Vec::with_capacity(HEADER + body.len());
        octets.extend(MAGIC);
        octets.extend(VERSION.to_le_bytes());
        octets.extend([0, 0]);
        octets.extend(crc32fast::hash(&body).to_le_bytes());
        octets.extend(body);
        octets
    }

    /// The table that [`Self::to_bytes`] made octets of.
    ///
    /// # Errors
    ///
    /// [`CountriesError::Kept`] for anything else.
    pub fn from_bytes(octets: &[u8]) -> Result<Self, CountriesError> {
        let kept = CountriesError::Kept;
        let octets = octets.strip_prefix(MAGIC).ok_or(kept("it does not begin as one"))?;
        let (version, octets) = octets.split_first_chunk::<2>().ok_or(kept("it is cut off"))?;
        if u16::from_le_bytes(*version) != VERSION {
            return Err(kept("it is of another version"));
        }
        let (_, octets) = octets.split_first_chunk::<2>().ok_or(kept("it is cut off"))?;
        let (sum, body) = octets.split_first_chunk::<4>().ok_or(kept("it is cut off"))?;
        if u32::from_le_bytes(*sum) != crc32fast::hash(body) {
            return Err(kept("its checksum is wrong"));
        }
        let count = |body: &mut &[u8]| -> Option<usize> {
            let (count, rest) = body.split_first_chunk::<4>()?;
            *body = rest;
            usize::try_from(u32::from_le_bytes(*count)).ok()
        };
        let mut body = body;
        let counts = count(&mut body)
            .zip(count(&mut body))
            .filter(|(v4, v6)| v4 + v6 <= STEPS_MAX);
        let (v4, v6) = counts.ok_or(kept("it has more ranges than can be"))?;
        let cut = |at: usize| body.split_at_checked(at);
        let parts = cut(v4 * 4).and_then(|(v4_starts, rest)| {
            let (v6_starts, rest) = rest.split_at_checked(v6 * 16)?;
            let (v4_codes, v6_codes) = rest.split_at_checked(v4 * 2)?;
            (v6_codes.len() == v6 * 2).then_some((v4_starts, v6_starts, v4_codes, v6_codes))
        });
        let (v4_starts, v6_starts, v4_codes, v6_codes) = parts.ok_or(kept("its length is wrong"))?;
        let (v4_starts, _) = v4_starts.as_chunks::<4>();
        let (v6_starts, _) = v6_starts.as_chunks::<16>();
        let table = Self {
            v4: steps(v4_starts.iter().map(|start| u32::from_le_bytes(*start)), v4_codes)?,
            v6: steps(v6_starts.iter().map(|start| u128::from_le_bytes(*start)), v6_codes)?,
        };
        match table.ranges() {
            0 => Err(CountriesError::Empty),
            _ => Ok(table),
        }
    }
}

/// Steps that keep their promises.
fn steps<A: Copy + Ord>(starts: impl Iterator<Item = A>, codes: &[u8]) -> Result<Steps<A>, CountriesError> {
    let starts: Vec<A> = starts.collect();
    let (codes, _) = codes.as_chunks::<2>();
    let codes: Vec<Code> = codes.to_vec();
    let valid = codes.iter().all(|one| *one == NONE || code(one) == Some(*one));
    let ascending = starts.windows(2).all(|pair| matches!(pair, [a, b] if a < b));
    let differ = codes.windows(2).all(|pair| matches!(pair, [a, b] if a != b));
    if valid && ascending && differ && codes.first() != Some(&NONE) {
        return Ok(Steps { starts, codes });
    }
    Err(CountriesError::Kept("its ranges are out of order"))
}
