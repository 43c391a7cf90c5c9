//! Templates: what a record looks like (RFC 3954, section 5; RFC 7011, section 3.4).

use serde::{Deserialize, Serialize};

use crate::registry::{ElementId, V9_SCOPE};
use crate::wire::Reader;

/// The length of a field that brings its own length.
pub const VARIABLE: u16 = u16::MAX;

/// A field of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FieldSpec {
    /// What it means.
    pub element: ElementId,
    /// Its octets, or [`VARIABLE`].
    pub length: u16,
}

impl FieldSpec {
    /// A field of one of IANA's elements.
    #[must_use]
    pub const fn iana(number: u16, length: u16) -> Self {
        Self {
            element: ElementId::iana(number),
            length,
        }
    }
}

/// The fields of a record, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Shape {
    /// The fields, those of the scope first.
    pub fields: Box<[FieldSpec]>,
    /// How many of them are the scope of an options record.
    pub scope: u16,
    /// Whether records are options, not flows.
    pub options: bool,
}

impl Shape {
    /// A shape of data records.
    #[must_use]
    pub fn data(fields: impl Into<Box<[FieldSpec]>>) -> Self {
        Self {
            fields: fields.into(),
            scope: 0,
            options: false,
        }
    }

    /// The fewest octets that a record has.
    #[must_use]
    pub fn length_min(&self) -> usize {
        self.fields
            .iter()
            .map(|field| match field.length {
                VARIABLE => 1,
                fixed => usize::from(fixed),
            })
            .sum()
    }

    /// Whether all records have the same length.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        self.fields.iter().all(|field| field.length != VARIABLE)
    }
}

/// What a template record says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Announced {
    /// From now on, the identifier means this.
    Shape(u16, Shape),
    /// The template is withdrawn (RFC 7011, section 8.1).
    Withdrawn(u16),
}

/// Why a template set cannot be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It contradicts itself or the set.
    Malformed,
    /// It has too many fields.
    TooLarge,
}

/// The form of a template record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    V9,
    V9Options,
    Ipfix,
    IpfixOptions,
}

/// The next template record of a set; `None` at its end, padding included.
pub(crate) fn next(form: Form, set: &mut Reader<'_>, fields_max: usize) -> Option<Result<Announced, Refused>> {
    if set.len() < 4 {
        return None;
    }
    // A template's identifier is at least 256; zeros are padding (and the identifiers 2 and 3 withdraw all).
    if form != Form::IpfixOptions && form != Form::Ipfix && set.rest().iter().all(|&octet| octet == 0) {
        return None;
    }
    Some(match form {
        Form::V9 | Form::Ipfix => data(form, set, fields_max),
        Form::V9Options => v9_options(set, fields_max),
        Form::IpfixOptions => ipfix_options(set, fields_max),
    })
}

fn data(form: Form, set: &mut Reader<'_>, fields_max: usize) -> Result<Announced, Refused> {
    let (id, count) = set.u16().zip(set.u16()).ok_or(Refused::Malformed)?;
    if form == Form::Ipfix && count == 0 {
        return Ok(Announced::Withdrawn(id));
    }
    let fields = read(set, usize::from(count), fields_max, |set| field(form, set))?;
    announce(id, Shape::data(fields))
}

/// RFC 3954, section 6.1: lengths in octets of the scope's and the options' field specifiers.
fn v9_options(set: &mut Reader<'_>, fields_max: usize) -> Result<Announced, Refused> {
    let id = set.u16().ok_or(Refused::Malformed)?;
    let (scopes, options) = set.u16().zip(set.u16()).ok_or(Refused::Malformed)?;
    if scopes % 4 != 0 || options % 4 != 0 {
        return Err(Refused::Malformed);
    }
    let (scope, options) = (scopes / 4, usize::from(options / 4));
    let mut read_so_far = 0;
    let fields = read(set, usize::from(scope) + options, fields_max, |set| {
        let mut field = field(Form::V9, set)?;
        if read_so_far < scope {
            read_so_far += 1;
            // What is no scope type of RFC 3954 is an ordinary field type.
            if field.element.enterprise == 0 && (1..=5).contains(&field.element.number) {
                field.element.enterprise = V9_SCOPE;
            }
        }
        Some(field)
    })?;
    announce(
        id,
        Shape {
            fields,
            scope,
            options: true,
        },
    )
}

/// RFC 7011, section 3.4.2.2: the count of all fields, then the count of those of the scope.
fn ipfix_options(set: &mut Reader<'_>, fields_max: usize) -> Result<Announced, Refused> {
    let (id, count) = set.u16().zip(set.u16()).ok_or(Refused::Malformed)?;
    if count == 0 {
        return Ok(Announced::Withdrawn(id));
    }
    let scope = set.u16().ok_or(Refused::Malformed)?;
    let fields = read(set, usize::from(count), fields_max, |set| field(Form::Ipfix, set))?;
    if scope > count {
        return Err(Refused::Malformed);
    }
    announce(
        id,
        Shape {
            fields,
            scope,
            options: true,
        },
    )
}

fn announce(id: u16, shape: Shape) -> Result<Announced, Refused> {
    // A record without octets would come infinitely often.
    if id < 256 || shape.length_min() == 0 {
        return Err(Refused::Malformed);
    }
    Ok(Announced::Shape(id, shape))
}

fn read<'a>(
    set: &mut Reader<'a>,
    count: usize,
    fields_max: usize,
    mut field: impl FnMut(&mut Reader<'a>) -> Option<FieldSpec>,
) -> Result<Box<[FieldSpec]>, Refused> {
    if count * 4 > set.len() {
        return Err(Refused::Malformed);
    }
    let kept = count.min(fields_max);
    let fields: Option<Box<[FieldSpec]>> = (0..kept).map(|_| field(set)).collect();
    let fields = fields.ok_or(Refused::Malformed)?;
    if kept < count {
        // The rest is read past, so that the next template of the set is found.
        for _ in kept..count {
            field(set).ok_or(Refused::Malformed)?;
        }
        return Err(Refused::TooLarge);
    }
    Ok(fields)
}

/// A field specifier (RFC 7011, section 3.2).
pub(crate) fn field(form: Form, set: &mut Reader<'_>) -> Option<FieldSpec> {
    let (number, length) = set.u16().zip(set.u16())?;
    let element = match form {
        Form::V9 | Form::V9Options => ElementId::of_v9(number),
        Form::Ipfix | Form::IpfixOptions if number & 0x8000 != 0 => ElementId::of(set.u32()?, number & 0x7fff),
        Form::Ipfix | Form::IpfixOptions => ElementId::iana(number),
    };
    Some(FieldSpec { element, length })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(form: Form, octets: &[u8]) -> Vec<Result<Announced, Refused>> {
        let mut set = Reader::new(octets);
        let mut got = Vec::new();
        while let Some(next) = next(form, &mut set, 10) {
            let stop = next == Err(Refused::Malformed);
            got.push(next);
            if stop {
                break;
            }
        }
        got
    }

    /// The template of RFC 7011, appendix A.2.2, which has an enterprise's element.
    #[test]
    fn reads_the_template_of_rfc_7011() {
        let octets = [
            0x01, 0x01, 0x00, 0x05, 0x00, 0x08, 0x00, 0x04, 0x00, 0x0c, 0x00, 0x04, 0x00, 0x0f, 0x00, 0x04, 0x80, 0x01,
            0x00, 0x04, 0x00, 0x00, 0x7e, 0xd9, 0x00, 0x02, 0x00, 0x04,
        ];
        let fields = [
            FieldSpec::iana(8, 4),
            FieldSpec::iana(12, 4),
            FieldSpec::iana(15, 4),
            FieldSpec {
                element: ElementId::of(32_473, 1),
                length: 4,
            },
            FieldSpec::iana(2, 4),
        ];
        assert!(octets.get(20..24) == Some(&32_473_u32.to_be_bytes()[..]));
        assert_eq!(
            all(Form::Ipfix, &octets),
            [Ok(Announced::Shape(257, Shape::data(fields)))]
        );
    }

    /// The options template of RFC 7011, appendix A.4.1.
    #[test]
    fn reads_the_options_template_of_rfc_7011() {
        let octets = [
            0x01, 0x02, 0x00, 0x03, 0x00, 0x01, 0x00, 0x8d, 0x00, 0x04, 0x00, 0x29, 0x00, 0x02, 0x00, 0x2a, 0x00, 0x02,
            0x00, 0x00,
        ];
        let shape = Shape {
            fields: [FieldSpec::iana(141, 4), FieldSpec::iana(41, 2), FieldSpec::iana(42, 2)].into(),
            scope: 1,
            options: true,
        };
        assert_eq!(all(Form::IpfixOptions, &octets), [Ok(Announced::Shape(258, shape))]);
    }

    #[test]
    fn a_template_without_fields_withdraws() {
        assert_eq!(all(Form::Ipfix, &[1, 0, 0, 0]), [Ok(Announced::Withdrawn(256))]);
        assert_eq!(all(Form::IpfixOptions, &[0, 3, 0, 0]), [Ok(Announced::Withdrawn(3))]);
        assert_eq!(all(Form::V9, &[1, 0, 0, 0]), [Err(Refused::Malformed)]);
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        assert_eq!(
            all(Form::V9, &[1, 0, 0, 2, 0, 1, 0, 4]),
            [Err(Refused::Malformed)],
            "cut"
        );
        assert_eq!(
            all(Form::V9, &[0, 9, 0, 1, 0, 1, 0, 4]),
            [Err(Refused::Malformed)],
            "identifier"
        );
        assert_eq!(
            all(Form::V9, &[1, 0, 0, 1, 0, 1, 0, 0]),
            [Err(Refused::Malformed)],
            "no octets"
        );
        let mut large = vec![1, 0, 0, 11];
        large.extend([0, 1, 0, 4].repeat(11));
        large.extend([1, 1, 0, 1, 0, 1, 0, 4]);
        let next = Announced::Shape(257, Shape::data([FieldSpec::iana(1, 4)]));
        assert_eq!(all(Form::V9, &large), [Err(Refused::TooLarge), Ok(next)]);
    }

    #[test]
    fn scope_types_of_v9_are_apart_from_fields() {
        let octets = [1, 0, 0, 4, 0, 8, 0, 2, 0, 4, 0, 34, 0, 4, 0, 35, 0, 1, 0, 0];
        let shape = Shape {
            fields: [
                FieldSpec {
                    element: ElementId::of(V9_SCOPE, 2),
                    length: 4,
                },
                FieldSpec::iana(34, 4),
                FieldSpec::iana(35, 1),
            ]
            .into(),
            scope: 1,
            options: true,
        };
        assert_eq!(all(Form::V9Options, &octets), [Ok(Announced::Shape(256, shape))]);
    }
}
