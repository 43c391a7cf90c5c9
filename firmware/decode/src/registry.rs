//! The information elements: IANA's registry ("IPFIX Entities") and what enterprises have published
//! of theirs, as two tables of facts: number, name, type, semantics.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

const IANA: &str = include_str!("registry/iana.tsv");
const VENDORS: &str = include_str!("registry/vendors.tsv");

/// The enterprise number that marks the reverse direction of a biflow (RFC 5103, section 6.1).
pub const REVERSE: u32 = 29_305;
/// A number of ours for the scope field types of NetFlow v9 (RFC 3954, section 6.1); no real enterprise has it.
pub const V9_SCOPE: u32 = u32::MAX;
/// The enterprise number of sFlow.org: the elements of sFlow structures have numbers of ours in it.
pub const SFLOW: u32 = 14_706;

pub(crate) const CISCO: u32 = 9;
pub(crate) const CERT: u32 = 6_871;
const NTOP: u32 = 35_632;
const PALO_ALTO: u32 = 25_461;

/// An information element: its enterprise (0 is IANA) and its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct ElementId {
    /// The private enterprise number; 0 for IANA's own elements.
    pub enterprise: u32,
    /// The number; 15 bits in IPFIX, 16 in NetFlow v9.
    pub number: u16,
}

impl ElementId {
    /// An element of IANA's registry.
    #[must_use]
    pub const fn iana(number: u16) -> Self {
        Self { enterprise: 0, number }
    }

    /// An enterprise's element.
    #[must_use]
    pub const fn of(enterprise: u32, number: u16) -> Self {
        Self { enterprise, number }
    }

    /// The element that a NetFlow v9 field type names. Types below 32,768 are IANA's numbers; Cisco's
    /// own types are the numbers of its enterprise elements with the uppermost bit set; nProbe puts
    /// its elements at 57,472, and PAN-OS has two of its own.
    #[must_use]
    pub const fn of_v9(field_type: u16) -> Self {
        match field_type {
            0..0x8000 => Self::iana(field_type),
            56_701 | 56_702 => Self::of(PALO_ALTO, field_type),
            57_472.. => Self::of(NTOP, field_type - 57_472),
            _ => Self::of(CISCO, field_type & 0x7fff),
        }
    }

    /// What is known of the element; for a reverse element, what is known of its forward one.
    #[must_use]
    pub fn lookup(self) -> Option<&'static Element> {
        static TABLE: LazyLock<HashMap<ElementId, Element>> = LazyLock::new(|| elements().flatten().collect());
        let id = match self.enterprise {
            REVERSE => Self::iana(self.number),
            _ => self,
        };
        TABLE.get(&id)
    }

    /// The name: IANA's or the enterprise's; `reverse…` in a biflow (RFC 5103); else `enterprise.PEN.NUMBER`.
    #[must_use]
    pub fn name(self) -> String {
        match (self.lookup(), self.enterprise) {
            (Some(element), REVERSE) => {
                let mut letters = element.name.chars();
                let first = letters.next().map(|c| c.to_ascii_uppercase());
                format!(
                    "reverse{}{}",
                    first.map(String::from).unwrap_or_default(),
                    letters.as_str()
                )
            }
            (Some(element), _) => element.name.to_owned(),
            (None, enterprise) => format!("enterprise.{enterprise}.{}", self.number),
        }
    }
}

/// The abstract data types (RFC 7012, section 3.1; RFC 6313).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names are those of RFC 7012")]
pub enum DataType {
    OctetArray,
    Unsigned8,
    Unsigned16,
    Unsigned32,
    Unsigned64,
    Unsigned256,
    Signed8,
    Signed16,
    Signed32,
    Signed64,
    Float32,
    Float64,
    Boolean,
    MacAddress,
    String,
    DateTimeSeconds,
    DateTimeMilliseconds,
    DateTimeMicroseconds,
    DateTimeNanoseconds,
    Ipv4Address,
    Ipv6Address,
    BasicList,
    SubTemplateList,
    SubTemplateMultiList,
}

impl DataType {
    fn of_code(code: &str) -> Option<Self> {
        Some(match code {
            "o" => Self::OctetArray,
            "u1" => Self::Unsigned8,
            "u2" => Self::Unsigned16,
            "u4" => Self::Unsigned32,
            "u8" => Self::Unsigned64,
            "u32" => Self::Unsigned256,
            "i1" => Self::Signed8,
            "i2" => Self::Signed16,
            "i4" => Self::Signed32,
            "i8" => Self::Signed64,
            "f4" => Self::Float32,
            "f8" => Self::Float64,
            "b" => Self::Boolean,
            "mac" => Self::MacAddress,
            "s" => Self::String,
            "ts" => Self::DateTimeSeconds,
            "tms" => Self::DateTimeMilliseconds,
            "tus" => Self::DateTimeMicroseconds,
            "tns" => Self::DateTimeNanoseconds,
            "ip4" => Self::Ipv4Address,
            "ip6" => Self::Ipv6Address,
            "bl" => Self::BasicList,
            "stl" => Self::SubTemplateList,
            "stml" => Self::SubTemplateMultiList,
            _ => return None,
        })
    }

    /// From the number that IANA gives the type ("IPFIX Information Element Data Types", RFC 5610).
    #[must_use]
    pub const fn of_number(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::OctetArray,
            1 => Self::Unsigned8,
            2 => Self::Unsigned16,
            3 => Self::Unsigned32,
            4 => Self::Unsigned64,
            5 => Self::Signed8,
            6 => Self::Signed16,
            7 => Self::Signed32,
            8 => Self::Signed64,
            9 => Self::Float32,
            10 => Self::Float64,
            11 => Self::Boolean,
            12 => Self::MacAddress,
            13 => Self::String,
            14 => Self::DateTimeSeconds,
            15 => Self::DateTimeMilliseconds,
            16 => Self::DateTimeMicroseconds,
            17 => Self::DateTimeNanoseconds,
            18 => Self::Ipv4Address,
            19 => Self::Ipv6Address,
            20 => Self::BasicList,
            21 => Self::SubTemplateList,
            22 => Self::SubTemplateMultiList,
            23 => Self::Unsigned256,
            _ => return None,
        })
    }
}

/// What a number means (RFC 7012, section 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are those of RFC 7012")]
pub enum Semantics {
    Default,
    Quantity,
    TotalCounter,
    DeltaCounter,
    Identifier,
    Flags,
    List,
}

impl Semantics {
    fn of_code(code: &str) -> Option<Self> {
        Some(match code {
            "-" => Self::Default,
            "quantity" => Self::Quantity,
            "total" => Self::TotalCounter,
            "delta" => Self::DeltaCounter,
            "id" => Self::Identifier,
            "flags" => Self::Flags,
            "list" => Self::List,
            _ => return None,
        })
    }
}

/// A known element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element {
    /// The name, camelCase.
    pub name: &'static str,
    /// The type.
    pub data_type: DataType,
    /// What a number means.
    pub semantics: Semantics,
}

/// The elements of both tables; `None` for a line that is none.
fn elements() -> impl Iterator<Item = Option<(ElementId, Element)>> {
    let mut enterprise = 0;
    IANA.lines()
        .chain(VENDORS.lines())
        .chain(OURS.lines())
        .filter_map(move |line| {
            if let Some(number) = line.strip_prefix('@') {
                enterprise = number.parse().ok()?;
                return None;
            }
            Some(element(enterprise, line))
        })
}

fn element(enterprise: u32, line: &'static str) -> Option<(ElementId, Element)> {
    let mut columns = line.split('\t');
    let number = columns.next()?.parse().ok()?;
    let element = Element {
        name: columns.next()?,
        data_type: DataType::of_code(columns.next()?)?,
        semantics: Semantics::of_code(columns.next()?)?,
    };
    Some((ElementId { enterprise, number }, element))
}

const OURS: &str = include_str!("registry/ours.tsv");

/// Who has a private enterprise number, of those whose elements are likely to be met.
#[must_use]
pub const fn enterprise_name(number: u32) -> Option<&'static str> {
    Some(match number {
        0 => "IANA",
        CISCO => "Cisco",
        637 => "Nokia",
        2_011 => "Huawei",
        2_636 => "Juniper",
        3_054 => "Ixia",
        5_951 => "Citrix",
        6_527 => "Nokia SR",
        CERT => "CERT",
        6_876 => "VMware",
        8_057 => "CESNET",
        10_704 => "Barracuda",
        12_356 => "Fortinet",
        SFLOW => "sFlow",
        13_745 => "Plixer",
        PALO_ALTO => "Palo Alto Networks",
        25_506 => "H3C",
        26_866 => "Gigamon",
        REVERSE => "reverse",
        NTOP => "ntop",
        39_499 => "Flowmon",
        43_874 => "pmacct",
        47_729 => "Niagara Networks",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_an_element_and_comes_once() {
        let mut seen = HashMap::new();
        for found in elements() {
            let (id, element) = found.expect("a line of four columns");
            assert!(seen.insert(id, element).is_none(), "{id:?} comes twice");
        }
        assert!(seen.len() > 2_000);
    }

    #[test]
    fn names_are_iana_s_or_say_the_numbers() {
        assert_eq!(ElementId::iana(8).name(), "sourceIPv4Address");
        assert_eq!(ElementId::iana(236).name(), "VRFname");
        assert_eq!(ElementId::of(REVERSE, 1).name(), "reverseOctetDeltaCount");
        assert_eq!(ElementId::of(99_999, 7).name(), "enterprise.99999.7");
        assert_eq!(ElementId::iana(32_000).name(), "enterprise.0.32000");
    }

    #[test]
    fn v9_types_beyond_iana_s_belong_to_enterprises() {
        assert_eq!(ElementId::of_v9(8), ElementId::iana(8));
        assert_eq!(ElementId::of_v9(40_005).name(), "fwEvent");
        assert_eq!(ElementId::of_v9(33_002).name(), "firewallEventExtended");
        assert_eq!(ElementId::of_v9(45_003).name(), "appHTTPHost");
        assert_eq!(ElementId::of_v9(56_702).name(), "userId");
        assert_eq!(ElementId::of_v9(57_590), ElementId::of(NTOP, 118));
    }
}
