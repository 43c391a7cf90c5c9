//! A record put together field by field, for protocols without templates.

use crate::registry::{ElementId, SFLOW};
use crate::template::FieldSpec;

/// Fields and their octets.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    pub(crate) specs: Vec<FieldSpec>,
    pub(crate) data: Vec<u8>,
}

impl Parts {
    pub(crate) fn clear(&mut self) {
        self.specs.clear();
        self.data.clear();
    }

    fn push(&mut self, element: ElementId, octets: &[u8]) {
        // sFlow's structures are far shorter; one that is not is cut.
        let octets = octets.get(..0xfffe).unwrap_or(octets);
        self.specs.push(FieldSpec {
            element,
            length: u16::try_from(octets.len()).unwrap_or(0),
        });
        self.data.extend_from_slice(octets);
    }

    /// An element of IANA's.
    pub(crate) fn iana(&mut self, number: u16, octets: &[u8]) {
        self.push(ElementId::iana(number), octets);
    }

    /// An element of sFlow's.
    pub(crate) fn sflow(&mut self, number: u16, octets: &[u8]) {
        self.push(ElementId::of(SFLOW, number), octets);
    }
}
