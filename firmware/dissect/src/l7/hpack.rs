//! HPACK, the header compression of HTTP/2 (RFC 7541): decoding alone, within bounds.

use std::collections::VecDeque;

/// The most octets of a dynamic table, as its entries count (section 4.1). A peer that allows more is believed as far as
/// this; then what is read may go wrong, and reading ends.
const TABLE_MAX: usize = 16 << 10;
/// What an entry counts beside its octets.
const ENTRY_OVERHEAD: usize = 32;
/// The most octets of a name or value.
const STRING_MAX: usize = 8 << 10;
/// The most headers of a block.
const HEADERS_MAX: usize = 256;
const LONGEST_CODE: u8 = 30;

/// Why a block cannot be read: it, or all before it, is not what its sender's peer would take either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Broken;

/// A name and its value.
type Header = (Box<[u8]>, Box<[u8]>);

/// One direction's decoder.
#[derive(Debug)]
pub(super) struct Decoder {
    /// The newest first.
    table: VecDeque<Header>,
    /// Octets of the table.
    size: usize,
    limit: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            table: VecDeque::new(),
            size: 0,
            limit: 4_096,
        }
    }
}

impl Decoder {
    /// Octets held.
    pub(super) fn held(&self) -> usize {
        self.size
    }

    /// Reads a header block.
    pub(super) fn read(&mut self, block: &[u8], mut header: impl FnMut(&[u8], &[u8])) -> Result<(), Broken> {
        let mut rest = block;
        for _ in 0..HEADERS_MAX {
            let Some(first) = rest.first().copied() else {
                return Ok(());
            };
            match first {
                0x80.. => {
                    let index = integer(&mut rest, 7)?;
                    self.with(index, &mut header)?;
                }
                0x40..0x80 => {
                    let (name, value) = self.literal(&mut rest, 6)?;
                    header(&name, &value);
                    self.insert(name, value);
                }
                0x20..0x40 => {
                    self.limit = integer(&mut rest, 5)?.min(TABLE_MAX);
                    self.shrink(self.limit);
                }
                _ => {
                    let (name, value) = self.literal(&mut rest, 4)?;
                    header(&name, &value);
                }
            }
        }
        Err(Broken)
    }

    fn with(&self, index: usize, header: &mut impl FnMut(&[u8], &[u8])) -> Result<(), Broken> {
        if let Some((name, value)) = index.checked_sub(1).and_then(|at| STATIC.get(at)) {
            header(name.as_bytes(), value.as_bytes());
            return Ok(());
        }
        let entry = index.checked_sub(STATIC.len() + 1).and_then(|at| self.table.get(at));
        let (name, value) = entry.ok_or(Broken)?;
        header(name, value);
        Ok(())
    }

    fn literal(&self, rest: &mut &[u8], prefix: u8) -> Result<Header, Broken> {
        let index = integer(rest, prefix)?;
        let mut name = Box::default();
        if index == 0 {
            name = string(rest)?;
        } else {
            self.with(index, &mut |known: &[u8], _: &[u8]| name = known.into())?;
        }
        Ok((name, string(rest)?))
    }

    fn insert(&mut self, name: Box<[u8]>, value: Box<[u8]>) {
        let size = name.len() + value.len() + ENTRY_OVERHEAD;
        self.shrink(self.limit.saturating_sub(size));
        if size <= self.limit {
            self.size += size;
            self.table.push_front((name, value));
        }
    }

    fn shrink(&mut self, most: usize) {
        while self.size > most {
            let Some((name, value)) = self.table.pop_back() else {
                return;
            };
            self.size -= name.len() + value.len() + ENTRY_OVERHEAD;
        }
    }
}

/// An integer with a prefix of so many bits (section 5.1).
fn integer(rest: &mut &[u8], prefix: u8) -> Result<usize, Broken> {
    let (first, mut octets) = rest.split_first().ok_or(Broken)?;
    let most = (1_usize << prefix) - 1;
    let mut value = usize::from(*first) & most;
    if value == most {
        for shift in (0..).step_by(7) {
            let (octet, after) = octets.split_first().ok_or(Broken)?;
            octets = after;
            if shift > 21 {
                return Err(Broken);
            }
            value += usize::from(octet & 0x7f) << shift;
            if octet & 0x80 == 0 {
                break;
            }
        }
    }
    *rest = octets;
    Ok(value)
}

/// A string (section 5.2).
fn string(rest: &mut &[u8]) -> Result<Box<[u8]>, Broken> {
    let huffman = rest.first().ok_or(Broken)? & 0x80 != 0;
    let length = integer(rest, 7)?;
    let (octets, after) = rest.split_at_checked(length).ok_or(Broken)?;
    *rest = after;
    if length > STRING_MAX {
        return Err(Broken);
    }
    if huffman {
        CODE.decode(octets)
    } else {
        Ok(octets.into())
    }
}

/// The Huffman code. It is canonical: the lengths say it all (appendix B).
struct Code {
    /// For each length, the first code of it, and where its symbols begin.
    first: [u32; LONGEST_CODE as usize + 1],
    at: [u16; LONGEST_CODE as usize + 2],
    /// Symbols by length, then by number; 256 is the end.
    symbols: [u16; 257],
}

static CODE: Code = Code::of(&LENGTHS);

impl Code {
    const fn of(lengths: &[u8; 257]) -> Self {
        let mut code = Self {
            first: [0; LONGEST_CODE as usize + 1],
            at: [0; LONGEST_CODE as usize + 2],
            symbols: [0; 257],
        };
        let (mut length, mut next, mut count) = (1_usize, 0_u32, 0_u16);
        while length <= LONGEST_CODE as usize {
            next <<= 1;
            code.first[length] = next;
            code.at[length] = count;
            let mut symbol = 0_u16;
            while symbol < 257 {
                if lengths[symbol as usize] as usize == length {
                    code.symbols[count as usize] = symbol;
                    count += 1;
                    next += 1;
                }
                symbol += 1;
            }
            length += 1;
        }
        code.at[LONGEST_CODE as usize + 1] = count;
        code
    }

    fn decode(&self, octets: &[u8]) -> Result<Box<[u8]>, Broken> {
        let mut text = Vec::with_capacity(octets.len() * 8 / 5);
        let (mut code, mut length) = (0_u32, 0_usize);
        for octet in octets {
            for bit in (0..8).rev() {
                code = code << 1 | u32::from(octet >> bit & 1);
                length += 1;
                let (Some(first), Some(from), Some(to)) =
                    (self.first.get(length), self.at.get(length), self.at.get(length + 1))
                else {
                    return Err(Broken);
                };
                let count = u32::from(to - from);
                let Some(number) = code.checked_sub(*first).filter(|number| *number < count) else {
                    continue;
                };
                let symbol = usize::from(*from) + usize::try_from(number).unwrap_or(usize::MAX);
                // The end itself is an error (section 5.2).
                let symbol = self.symbols.get(symbol).and_then(|symbol| u8::try_from(*symbol).ok());
                text.push(symbol.ok_or(Broken)?);
                (code, length) = (0, 0);
            }
        }
        // What is left is the beginning of the end's code: ones, less than an octet of them.
        let padding = length < 8 && code == (1 << length) - 1;
        if padding { Ok(text.into()) } else { Err(Broken) }
    }
}

/// Appendix B: the lengths of the codes of all octets, and of the end.
#[rustfmt::skip]
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
];

/// Appendix A.
const STATIC: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: String = text.split_whitespace().collect();
        (0..digits.len() / 2)
            .map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).expect("hexadecimal"))
            .collect()
    }

    fn read(decoder: &mut Decoder, block: &str) -> Vec<String> {
        let mut headers = Vec::new();
        let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        decoder
            .read(&hex(block), |name, value| {
                headers.push(format!("{}={}", text(name), text(value)))
            })
            .expect("the block is sound");
        headers
    }

    /// RFC 7541, appendix C.4: requests with Huffman coding.
    #[test]
    fn requests_of_the_standard() {
        let mut decoder = Decoder::default();
        assert_eq!(
            read(&mut decoder, "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff"),
            [":method=GET", ":scheme=http", ":path=/", ":authority=www.example.com"]
        );
        assert_eq!(
            read(&mut decoder, "8286 84be 5886 a8eb 1064 9cbf"),
            [
                ":method=GET",
                ":scheme=http",
                ":path=/",
                ":authority=www.example.com",
                "cache-control=no-cache"
            ]
        );
        assert_eq!(
            read(
                &mut decoder,
                "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf"
            ),
            [
                ":method=GET",
                ":scheme=https",
                ":path=/index.html",
                ":authority=www.example.com",
                "custom-key=custom-value"
            ]
        );
        assert_eq!(decoder.held(), 164);
    }

    /// RFC 7541, appendix C.6: responses with a table of 256 octets.
    #[test]
    fn responses_of_the_standard() {
        let mut decoder = Decoder {
            limit: 256,
            ..Decoder::default()
        };
        let first = "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 \
                     2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3"
            .replace("\\", "");
        assert_eq!(
            read(&mut decoder, &first),
            [
                ":status=302",
                "cache-control=private",
                "date=Mon, 21 Oct 2013 20:13:21 GMT",
                "location=https://www.example.com"
            ]
        );
        assert_eq!(decoder.held(), 222);
        assert_eq!(
            read(&mut decoder, "4883 640e ffc1 c0bf"),
            [
                ":status=307",
                "cache-control=private",
                "date=Mon, 21 Oct 2013 20:13:21 GMT",
                "location=https://www.example.com"
            ]
        );
        assert_eq!(decoder.held(), 222);
    }

    #[test]
    fn the_code_is_complete() {
        // Kraft's sum is one: every code is taken, and none twice.
        let sum: u64 = LENGTHS.iter().map(|length| 1 << (LONGEST_CODE - length)).sum();
        assert_eq!(sum, 1 << LONGEST_CODE);
    }

    #[test]
    fn what_is_broken_is_told() {
        let broken = |block: &str| Decoder::default().read(&hex(block), |_, _| {});
        assert_eq!(broken("80"), Err(Broken));
        assert_eq!(broken("be"), Err(Broken));
        assert_eq!(broken("ffffffffffff"), Err(Broken));
        assert_eq!(broken("0085"), Err(Broken));
        assert_eq!(broken("00 84 ffff fffc"), Err(Broken));
        assert_eq!(broken(""), Ok(()));
    }
}
