//! A record as it came: every field with its element and octets, nothing lost.

use std::borrow::Cow;
use std::net::IpAddr;

use model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::exporter::ElementNames;
use crate::registry::{DataType, ElementId};
use crate::store::Templates;
use crate::template::{self, FieldSpec, Form, Shape, VARIABLE};
use crate::value::Value;
use crate::wire::Reader;

/// Lists in lists are entered so deep.
const DEPTH_MAX: u8 = 8;

/// The protocol of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Version {
    NetflowV1,
    NetflowV5,
    NetflowV7,
    NetflowV9,
    Ipfix,
    SflowV5,
}

impl Version {
    /// As people write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NetflowV1 => "NetFlow v1",
            Self::NetflowV5 => "NetFlow v5",
            Self::NetflowV7 => "NetFlow v7",
            Self::NetflowV9 => "NetFlow v9",
            Self::Ipfix => "IPFIX",
            Self::SflowV5 => "sFlow v5",
        }
    }
}

/// Where a record comes from: its datagram's source and header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The sender of the datagram.
    pub exporter: IpAddr,
    /// The protocol.
    pub version: Version,
    /// Observation domain (IPFIX), source id (v9), engine type × 256 + engine id (v5), sub-agent (sFlow); else 0.
    pub domain: u32,
    /// The sFlow agent, which may be another than the sender.
    pub agent: Option<IpAddr>,
    /// The header's sequence number.
    pub sequence: u32,
    /// The header's time; for sFlow, which has none, that of reception.
    pub exported: Timestamp,
    /// When the datagram was received; for data that waited for its template, when it came.
    pub received: Timestamp,
    /// The exporter's uptime in ms, of headers that have one.
    pub uptime: Option<u32>,
}

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A flow, or an event of one.
    Flow,
    /// Options: what the exporter says of itself.
    Options,
    /// Counters of an interface or a host (sFlow).
    Counter,
}

impl Kind {
    /// `flow`, `options` or `counter`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flow => "flow",
            Self::Options => "options",
            Self::Counter => "counter",
        }
    }
}

/// What is known beside a record: templates that its lists name, and elements that the exporter described.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Context<'a> {
    pub(crate) templates: Option<&'a Templates>,
    pub(crate) names: Option<&'a ElementNames>,
}

/// A record as it came.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Where it comes from.
    pub origin: &'a Origin,
    /// What it is.
    pub kind: Kind,
    /// Its template; 0 where the protocol has none, the sample's format in sFlow.
    pub template_id: u16,
    pub(crate) shape: &'a [FieldSpec],
    pub(crate) scope: u16,
    pub(crate) data: &'a [u8],
    pub(crate) context: Context<'a>,
}

impl<'a> Record<'a> {
    /// The fields in their order, those of the scope first.
    #[must_use]
    pub fn fields(&self) -> Fields<'a> {
        Fields {
            specs: self.shape.iter(),
            data: Reader::new(self.data),
            scope: self.scope,
            depth: 0,
            context: self.context,
        }
    }
}

/// The fields of a record.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    specs: std::slice::Iter<'a, FieldSpec>,
    data: Reader<'a>,
    scope: u16,
    depth: u8,
    context: Context<'a>,
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        let spec = self.specs.next()?;
        let octets = match spec.length {
            VARIABLE => self.data.variable_length().and_then(|length| self.data.take(length)),
            fixed => self.data.take(usize::from(fixed)),
        }?;
        let in_scope = self.scope > 0;
        self.scope = self.scope.saturating_sub(1);
        Some(Field {
            element: spec.element,
            octets,
            in_scope,
            depth: self.depth,
            context: self.context,
        })
    }
}

/// A field of a record.
#[derive(Debug, Clone, Copy)]
pub struct Field<'a> {
    /// What it means.
    pub element: ElementId,
    /// Its octets, without the length before them.
    pub octets: &'a [u8],
    /// Whether it belongs to the scope of an options record.
    pub in_scope: bool,
    depth: u8,
    context: Context<'a>,
}

impl<'a> Field<'a> {
    /// The element's name: from the registry, from the exporter's own description (RFC 5610), or its numbers.
    #[must_use]
    pub fn name(&self) -> Cow<'a, str> {
        match (self.element.lookup(), self.learnt()) {
            (Some(element), _) if self.element.enterprise != crate::REVERSE => Cow::Borrowed(element.name),
            (None, Some((name, _))) => Cow::Borrowed(name),
            _ => Cow::Owned(self.element.name()),
        }
    }

    fn learnt(&self) -> Option<(&'a str, DataType)> {
        self.context.names?.get(self.element)
    }

    /// The element's type; octets where nobody says.
    #[must_use]
    pub fn data_type(&self) -> DataType {
        self.element
            .lookup()
            .map(|element| element.data_type)
            .or_else(|| self.learnt().map(|(_, data_type)| data_type))
            .unwrap_or(DataType::OctetArray)
    }

    /// The value; a list's octets where it is one.
    #[must_use]
    pub fn value(&self) -> Value<'a> {
        Value::read(self.data_type(), self.octets)
    }

    /// The items of a list (RFC 6313); `None` for another type, and for a list that contradicts itself.
    #[must_use]
    pub fn list(&self) -> Option<List<'a>> {
        if self.depth >= DEPTH_MAX {
            return None;
        }
        let mut data = Reader::new(self.octets);
        let data_type = self.data_type();
        match data_type {
            DataType::BasicList => self.basic(&mut data),
            DataType::SubTemplateList => {
                let (semantic, template) = data.u8().zip(data.u16())?;
                let mut items = Vec::new();
                self.records(template, data, &mut items)?;
                Some(List { semantic, items })
            }
            DataType::SubTemplateMultiList => {
                let semantic = data.u8()?;
                let mut items = Vec::new();
                while data.len() > 0 {
                    let (template, length) = data.u16().zip(data.u16())?;
                    let octets = data.take(usize::from(length).checked_sub(4)?)?;
                    self.records(template, Reader::new(octets), &mut items)?;
                }
                Some(List { semantic, items })
            }
            _ => None,
        }
    }

    fn basic(&self, data: &mut Reader<'a>) -> Option<List<'a>> {
        let semantic = data.u8()?;
        let spec = template::field(Form::Ipfix, data)?;
        let mut items = Vec::new();
        while data.len() > 0 {
            let octets = match spec.length {
                VARIABLE => {
                    let length = data.variable_length()?;
                    data.take(length)?
                }
                0 => return None,
                fixed => data.take(usize::from(fixed))?,
            };
            items.push(ListItem {
                template_id: None,
                fields: vec![Field {
                    element: spec.element,
                    octets,
                    in_scope: false,
                    depth: self.depth + 1,
                    context: self.context,
                }],
                undecoded: &[],
            });
        }
        Some(List { semantic, items })
    }

    /// Adds the records of a template to a list; octets that no template explains are one item.
    fn records(&self, template: u16, mut data: Reader<'a>, items: &mut Vec<ListItem<'a>>) -> Option<()> {
        let known = self.context.templates.and_then(|templates| templates.get(template));
        let Some(known) = known else {
            if data.len() > 0 {
                items.push(ListItem {
                    template_id: Some(template),
                    fields: Vec::new(),
                    undecoded: data.rest(),
                });
            }
            return Some(());
        };
        let shape = &known.compiled.shape;
        while data.len() > 0 {
            let length = record_length(shape, data.rest())?;
            let octets = data.take(length)?;
            let fields = Fields {
                specs: shape.fields.iter(),
                data: Reader::new(octets),
                scope: 0,
                depth: self.depth + 1,
                context: self.context,
            };
            items.push(ListItem {
                template_id: Some(template),
                fields: fields.collect(),
                undecoded: &[],
            });
        }
        Some(())
    }
}

/// How long the record is that starts the octets; `None` where it does not end within them.
pub(crate) fn record_length(shape: &Shape, octets: &[u8]) -> Option<usize> {
    let mut data = Reader::new(octets);
    for field in &shape.fields {
        let length = match field.length {
            VARIABLE => data.variable_length()?,
            fixed => usize::from(fixed),
        };
        data.take(length)?;
    }
    Some(octets.len() - data.len())
}

/// A list (RFC 6313).
#[derive(Debug, Clone)]
pub struct List<'a> {
    /// structuredDataType semantic: 0 none of, 1 exactly one of, 2 one or more of, 3 all of, 4 ordered, 255 undefined.
    pub semantic: u8,
    /// Its items.
    pub items: Vec<ListItem<'a>>,
}

/// An item of a list: one field of a basicList, a whole record of the others.
#[derive(Debug, Clone)]
pub struct ListItem<'a> {
    /// The template of a record.
    pub template_id: Option<u16>,
    /// The fields.
    pub fields: Vec<Field<'a>>,
    /// Octets of records whose template is not known.
    pub undecoded: &'a [u8],
}
