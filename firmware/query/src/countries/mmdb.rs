//! MaxMind DB files, format version 2: <https://maxmind.github.io/MaxMind-DB/>.
//!
//! The file is not trusted: offsets are checked, nesting, steps and nodes are bounded.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::{COUNTRY_RANGES_MAX, Code, CountriesError, MAPPED, Range, code};

const MARK: &[u8] = b"\xab\xcd\xefMaxMind.com";
/// The metadata begin within so many octets before the end of the file.
const METADATA_MAX: usize = 128 << 10;
/// Zeros between the tree and the data.
const GAP: usize = 16;
/// How deep maps and lists may be nested in each other.
const NESTING_MAX: u8 = 32;

/// Where the metadata's map begins; `None` for a file of another kind.
pub(super) fn metadata(octets: &[u8]) -> Option<usize> {
    let from = octets.len().saturating_sub(METADATA_MAX);
    let tail = octets.get(from..)?;
    let place = tail.windows(MARK.len()).rposition(|window| window == MARK)?;
    Some(from + place + MARK.len())
}

type Read<T> = Result<T, CountriesError>;

const fn wrong<T>(what: &'static str) -> Read<T> {
    Err(CountriesError::MaxMind(what))
}

/// The ranges of a file whose metadata begin at a place.
pub(super) fn ranges(octets: &[u8], metadata: usize) -> Read<Vec<Range>> {
    let section = octets.get(metadata..).unwrap_or(&[]);
    let mut data = Data {
        octets: section,
        budget: METADATA_MAX,
    };
    let mut number = |name: &str| match data.member(0, name)? {
        Some(at) => data.number(at),
        None => wrong("its metadata lack a number"),
    };
    let version = number("binary_format_major_version")?;
    let (nodes, size, ip) = (number("node_count")?, number("record_size")?, number("ip_version")?);
    if version != 2 {
        return wrong("it is of another format than version 2");
    }
    if !matches!(size, 24 | 28 | 32) || !matches!(ip, 4 | 6) {
        return wrong("its metadata say a size of records or an IP version that do not exist");
    }
    // A node has two records.
    let node = usize::try_from(size / 4).unwrap_or(8);
    let nodes = usize::try_from(nodes).unwrap_or(usize::MAX);
    let tree = nodes.checked_mul(node).filter(|tree| *tree <= octets.len());
    let Some(tree) = tree.and_then(|tree| octets.get(..tree)) else {
        return wrong("its tree is cut off");
    };
    let section = octets.get(tree.len() + GAP..metadata - MARK.len());
    let Some(section) = section else {
        return wrong("its data are cut off");
    };
    let data = Data {
        octets: section,
        budget: octets.len().saturating_mul(16).saturating_add(100_000),
    };
    let mut walk = Walk {
        tree,
        node,
        nodes,
        data,
        codes: HashMap::new(),
        ranges: Vec::new(),
        steps: nodes.saturating_mul(2).saturating_add(1_000),
        v4: None,
    };
    match ip {
        // The addresses of IPv4 as they are mapped into IPv6.
        4 => walk.subtree(Some(0), MAPPED.0, 96)?,
        _ => {
            let mut v4 = Some(0);
            for _ in 0..96 {
                v4 = v4.filter(|node| *node < nodes);
                v4 = v4.map(|node| walk.child(node, false)).transpose()?;
            }
            if let Some(v4) = v4 {
                walk.subtree(Some(v4), MAPPED.0, 96)?;
                // Other places of the tree lead there too (::ffff:0:0/96, 2002::/16, 2001::/32).
                walk.v4 = Some(v4).filter(|node| *node < nodes);
            }
            walk.subtree(Some(0), 0, 0)?;
        }
    }
    Ok(walk.ranges)
}

struct Walk<'a> {
    tree: &'a [u8],
    /// Octets of a node.
    node: usize,
    nodes: usize,
    data: Data<'a>,
    /// The country at each place of the data.
    codes: HashMap<usize, Option<Code>>,
    ranges: Vec<Range>,
    /// Nodes that may still be visited: in a tree each is visited once, in what is none without end.
    steps: usize,
    /// The root of IPv4, which is not visited again.
    v4: Option<usize>,
}

impl Walk<'_> {
    /// A record of a node: the number of a node, or beyond.
    fn child(&self, number: usize, right: bool) -> Read<usize> {
        let at = number * self.node;
        let Some(octets) = self.tree.get(at..at + self.node) else {
            return wrong("a node lies outside of its tree");
        };
        let number = |octets: &[u8], high: u8| {
            octets
                .iter()
                .fold(usize::from(high), |sum, b| (sum << 8) | usize::from(*b))
        };
        Ok(match (octets, right) {
            (&[a, b, c, _, _, _], false) | (&[_, _, _, a, b, c], true) => number(&[a, b, c], 0),
            (&[a, b, c, high, _, _, _], false) => number(&[a, b, c], high >> 4),
            (&[_, _, _, high, a, b, c], true) => number(&[a, b, c], high & 15),
            (&[a, b, c, d, _, _, _, _], false) | (&[_, _, _, _, a, b, c, d], true) => number(&[a, b, c, d], 0),
            _ => return wrong("a node is cut off"),
        })
    }

    /// All networks below a record, whose first `depth` bits are those of `base`.
    fn subtree(&mut self, record: Option<usize>, base: u128, depth: u8) -> Read<()> {
        let mut open: Vec<(usize, u128, u8)> = record.map(|record| (record, base, depth)).into_iter().collect();
        while let Some((record, base, depth)) = open.pop() {
            if self.v4 == Some(record) {
                continue;
            }
            let Some(left) = self.steps.checked_sub(1) else {
                return wrong("its tree has a node in several places");
            };
            self.steps = left;
            if record < self.nodes {
                let Some(bit) = 127_u32.checked_sub(u32::from(depth)) else {
                    return wrong("its tree is deeper than an address is long");
                };
                open.push((self.child(record, true)?, base | (1 << bit), depth + 1));
                open.push((self.child(record, false)?, base, depth + 1));
                continue;
            }
            if record == self.nodes {
                continue;
            }
            let Some(place) = (record - self.nodes).checked_sub(GAP) else {
                return wrong("a network leads to no data");
            };
            let country = match self.codes.entry(place) {
                Entry::Occupied(known) => *known.get(),
                Entry::Vacant(new) => *new.insert(self.data.country(place)?),
            };
            if let Some(code) = country {
                let last = base | u128::MAX.checked_shr(u32::from(depth)).unwrap_or(0);
                self.ranges.push(Range {
                    first: base,
                    last,
                    code,
                    line: 0,
                });
                if self.ranges.len() > COUNTRY_RANGES_MAX {
                    return Err(CountriesError::TooMany);
                }
            }
        }
        Ok(())
    }
}

/// The kinds of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Pointer,
    Text,
    Map,
    List,
    /// Unsigned, up to 16 octets.
    Number,
    /// The size is the value.
    Boolean,
    /// Octets that are stepped over.
    Other,
}

/// What stands at a place: a kind, its size (of a pointer, where it leads), and where its content begins.
#[derive(Debug, Clone, Copy)]
struct Head {
    kind: Kind,
    size: usize,
    content: usize,
}

/// A section of data.
struct Data<'a> {
    octets: &'a [u8],
    /// Values that may still be looked at.
    budget: usize,
}

impl<'a> Data<'a> {
    /// The big-endian number in some octets.
    fn big_endian(&self, at: usize, octets: usize) -> Read<usize> {
        match at.checked_add(octets).and_then(|end| self.octets.get(at..end)) {
            Some(octets) => Ok(octets.iter().fold(0, |sum, b| (sum << 8) | usize::from(*b))),
            None => wrong("a value is cut off"),
        }
    }

    fn head(&mut self, at: usize) -> Read<Head> {
        let Some(left) = self.budget.checked_sub(1) else {
            return wrong("its data take too long to read");
        };
        self.budget = left;
        let control = self.big_endian(at, 1)?;
        let (mut kind, low, mut next) = (control >> 5, control & 31, at + 1);
        if kind == 1 {
            let octets = 1 + (low >> 3);
            let high = if octets == 4 { 0 } else { (low & 7) << (8 * octets) };
            let offset = match octets {
                2 => 2_048,
                3 => 526_336,
                _ => 0,
            };
            return Ok(Head {
                kind: Kind::Pointer,
                size: high + self.big_endian(next, octets)? + offset,
                content: next + octets,
            });
        }
        if kind == 0 {
            kind = 7 + self.big_endian(next, 1)?;
            next += 1;
        }
        let (more, base) = match low {
            29 => (1, 29),
            30 => (2, 285),
            31 => (3, 65_821),
            low => (0, low),
        };
        let size = base + self.big_endian(next, more)?;
        let kind = match kind {
            2 => Kind::Text,
            7 => Kind::Map,
            5 | 6 | 9 | 10 => Kind::Number,
            11 => Kind::List,
            14 => Kind::Boolean,
            3 | 4 | 8 | 15 => Kind::Other,
            _ => return wrong("a value is of no known kind"),
        };
        Ok(Head {
            kind,
            size,
            content: next + more,
        })
    }

    /// What stands at a place, or where the pointer there leads.
    fn resolved(&mut self, at: usize) -> Read<Head> {
        let head = self.head(at)?;
        if head.kind != Kind::Pointer {
            return Ok(head);
        }
        let target = self.head(head.size)?;
        match target.kind {
            Kind::Pointer => wrong("a pointer leads to a pointer"),
            _ => Ok(target),
        }
    }

    /// The place after a value.
    fn after(&mut self, at: usize, nesting: u8) -> Read<usize> {
        let head = self.head(at)?;
        let values = match head.kind {
            Kind::Pointer | Kind::Boolean => return Ok(head.content),
            Kind::Text | Kind::Number | Kind::Other => {
                return head
                    .content
                    .checked_add(head.size)
                    .ok_or(CountriesError::MaxMind("a value is cut off"));
            }
            Kind::Map => head.size * 2,
            Kind::List => head.size,
        };
        if nesting >= NESTING_MAX {
            return wrong("its data are nested too deeply");
        }
        (0..values).try_fold(head.content, |at, _| self.after(at, nesting + 1))
    }

    fn text(&self, head: Head) -> Read<&'a [u8]> {
        let end = head.content.checked_add(head.size);
        match end.and_then(|end| self.octets.get(head.content..end)) {
            Some(text) if head.kind == Kind::Text => Ok(text),
            Some(_) => wrong("a name is no text"),
            None => wrong("a text is cut off"),
        }
    }

    /// Where the value of a member begins, in the map at a place.
    fn member(&mut self, at: usize, name: &str) -> Read<Option<usize>> {
        let map = self.resolved(at)?;
        if map.kind != Kind::Map {
            return Ok(None);
        }
        let mut at = map.content;
        for _ in 0..map.size {
            let key = self.resolved(at)?;
            let found = self.text(key)? == name.as_bytes();
            at = self.after(at, 0)?;
            if found {
                return Ok(Some(at));
            }
            at = self.after(at, 0)?;
        }
        Ok(None)
    }

    fn number(&mut self, at: usize) -> Read<u64> {
        let head = self.resolved(at)?;
        if head.kind != Kind::Number || head.size > 8 {
            return wrong("its metadata have something else where a number belongs");
        }
        let number = self.big_endian(head.content, head.size)?;
        Ok(number as u64)
    }

    /// The country that the data at a place say: `country` and its `iso_code` (or else of `registered_country`), or a
    /// text `country` or `country_code` of two letters.
    fn country(&mut self, at: usize) -> Read<Option<Code>> {
        for name in ["country", "country_code", "registered_country"] {
            let Some(place) = self.member(at, name)? else { continue };
            let said = self.resolved(place)?;
            let text = match said.kind {
                Kind::Text => Some(said),
                Kind::Map => match self.member(place, "iso_code")? {
                    Some(place) => Some(self.resolved(place)?),
                    None => None,
                },
                _ => None,
            };
            let letters = text.map(|head| self.text(head)).transpose()?.and_then(code);
            if let Some(code) = letters.filter(|code| code != b"ZZ") {
                return Ok(Some(code));
            }
        }
        Ok(None)
    }
}
