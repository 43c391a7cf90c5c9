//! Which records are asked for, decided by columns: a block without any is stepped over, by its directory or by the
//! few columns that say so.

use std::ops::RangeInclusive;

use model::{BlockError, BlockRef, Field, FlowRecord, InterfaceId, LinkId, Unpacker, Values};

/// Which records are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    links: RangeInclusive<LinkId>,
    interface: Option<InterfaceId>,
}

impl Default for Filter {
    fn default() -> Self {
        Self {
            links: LinkId(0)..=LinkId(u32::MAX),
            interface: None,
        }
    }
}

impl Filter {
    /// Records of these links.
    #[must_use]
    pub fn of_links(links: RangeInclusive<LinkId>) -> Self {
        Self { links, interface: None }
    }

    /// The same, and of this interface alone: those of its exporter that came in or left by it.
    #[must_use]
    pub fn and_interface(self, interface: InterfaceId) -> Self {
        Self {
            interface: Some(interface),
            ..self
        }
    }

    /// Records of the box's tests of itself are none of the network's: they are told where they alone are asked for.
    fn asks_for_self_tests(&self) -> bool {
        self.links == (LinkId::SELF_TEST..=LinkId::SELF_TEST)
    }

    /// Whether a record is asked for.
    #[must_use]
    pub fn takes(&self, record: &FlowRecord) -> bool {
        let by_interface = |interface: InterfaceId| {
            let by = |index: Option<u32>| index == Some(interface.index);
            let sides = record.export.as_ref();
            record.link == interface.exporter && sides.is_some_and(|e| by(e.ingress_if) || by(e.egress_if))
        };
        let meant = record.link != LinkId::SELF_TEST || self.asks_for_self_tests();
        meant && self.links.contains(&record.link) && self.interface.is_none_or(by_interface)
    }

    /// Whether a block may hold such a record, by its directory.
    pub(super) fn may_take(&self, block: &BlockRef<'_>) -> Result<bool, BlockError> {
        let reaches = |field, low: u64, high: u64| {
            let range = block.column(field)?.range();
            Ok::<_, BlockError>(range.is_some_and(|(min, max)| min <= high && low <= max))
        };
        let (low, high) = (u64::from(self.links.start().0), u64::from(self.links.end().0));
        if !reaches(Field::Link, low, high)? {
            return Ok(false);
        }
        // They come in blocks of their own.
        let own = u64::from(LinkId::SELF_TEST.0);
        if !self.asks_for_self_tests() && block.column(Field::Link)?.range() == Some((own, own)) {
            return Ok(false);
        }
        let Some(InterfaceId { exporter, index }) = self.interface else {
            return Ok(true);
        };
        let (exporter, index) = (u64::from(exporter.0), u64::from(index));
        Ok(reaches(Field::Link, exporter, exporter)?
            && (reaches(Field::IngressIf, index, index)? || reaches(Field::EgressIf, index, index)?))
    }

    /// The places of such records in a block; `None`: all of them.
    pub(super) fn places(
        &self,
        block: &BlockRef<'_>,
        unpacker: &mut Unpacker,
    ) -> Result<Option<Vec<usize>>, BlockError> {
        if *self == Self::default() {
            return Ok(None);
        }
        let mut column = |field| {
            let mut values = Values::default();
            unpacker.unpack(&block.column(field)?, &mut values)?;
            Ok::<_, BlockError>(values)
        };
        let links = column(Field::Link)?;
        let link = |at| links.get(at).and_then(|n| u32::try_from(n).ok()).map(LinkId);
        let of_links = |at: &usize| link(*at).is_some_and(|l| self.links.contains(&l));
        let all = 0..block.len();
        let Some(interface) = self.interface else {
            return Ok(Some(all.filter(of_links).collect()));
        };
        let (ingress, egress) = (column(Field::IngressIf)?, column(Field::EgressIf)?);
        let index = Some(u64::from(interface.index));
        let by_interface = |at: &usize| ingress.get(*at) == index || egress.get(*at) == index;
        let by_exporter = |at: &usize| link(*at) == Some(interface.exporter);
        let places = all.filter(by_interface).filter(by_exporter).filter(of_links);
        Ok(Some(places.collect()))
    }
}
