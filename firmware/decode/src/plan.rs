//! A template compiled once: which octets of a record go where.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Weak};

use crate::registry::{ElementId, REVERSE};
use crate::slot::{Mask, Numbers, Slot, Width, place};
use crate::template::{Shape, VARIABLE};
use crate::wire::number;

/// What is more than a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    /// applicationId (95).
    Application,
    /// The first octets of a packet from its IP header on (313).
    IpHeader,
    /// The first octets of a frame from its link-layer header on (315).
    Frame,
    /// Another enterprise's element.
    Enterprise(ElementId),
}

/// Octets of a record: what they are, where they start, how many.
pub(crate) type Piece = (Section, u16, u16);

/// A number to read: from eight octets at `offset`, shifted right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Step {
    offset: u16,
    slot: u8,
    shift: u8,
}

/// Which addresses a record has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Addresses {
    V4,
    V6,
    /// Both, of which one is zero; or, of a tunnel, the inner ones after the outer ones.
    Both {
        /// Whether IPv6 comes after IPv4.
        six_last: bool,
    },
    None,
}

/// How to read the records of a template.
#[derive(Debug)]
pub(crate) struct Plan {
    steps: Box<[Step]>,
    pieces: Box<[Piece]>,
    /// The length of every record; `None` where a field brings its own.
    pub(crate) length: Option<usize>,
    pub(crate) length_min: usize,
    pub(crate) present: Mask,
    pub(crate) addresses: Addresses,
    /// Whether a record is a flow, a packet or an event of one.
    pub(crate) is_flow: bool,
    pub(crate) has_pieces: bool,
}

/// What makes a record one of a flow.
const FLOW: Mask = Mask::of(&[
    Slot::Src4,
    Slot::Dst4,
    Slot::Src6,
    Slot::Dst6,
    Slot::SrcMac,
    Slot::DstMac,
    Slot::SrcPort,
    Slot::DstPort,
    Slot::Bytes,
    Slot::Packets,
    Slot::BytesTotal,
    Slot::BytesInitiator,
    Slot::Mpls1,
    Slot::NatSrc4,
    Slot::NatSrc6,
]);

impl Plan {
    fn new(shape: &Shape) -> Self {
        let mut steps = Vec::new();
        let mut pieces = Vec::new();
        let mut present = Mask::default();
        let mut next = 0_u16;
        let mut six_last = false;
        let is_fixed = shape.is_fixed();
        for field in &shape.fields {
            let offset = next;
            next = next.saturating_add(field.length);
            // The first of several fields with the same meaning counts, and of some the second; `Sink::record` gets
            // them all.
            match place(field.element).and_then(|(slot, width)| fit(slot, width, field.length)) {
                Some((slot, width, is_wide)) => {
                    let Some(slot) = free(slot, present) else { continue };
                    present.insert(slot);
                    six_last = six_last_after(six_last, slot);
                    let mut step = |slot: u8, offset: u16, width: u8| {
                        steps.push(Step {
                            offset,
                            slot,
                            shift: 64 - 8 * width,
                        });
                    };
                    step(slot as u8, offset, width);
                    if is_wide {
                        step(slot as u8 + 1, offset.saturating_add(8), 8);
                    }
                }
                None => {
                    if let Some(section) = section(field.element) {
                        pieces.push((section, offset, field.length));
                    }
                }
            }
        }
        let (four, six) = (
            present.any(Mask::of(&[Slot::Src4, Slot::Dst4])),
            present.any(Mask::of(&[Slot::Src6, Slot::Dst6])),
        );
        let has_head = pieces
            .iter()
            .any(|(s, ..)| matches!(s, Section::IpHeader | Section::Frame));
        Self {
            length: is_fixed.then(|| shape.length_min()),
            length_min: shape.length_min(),
            addresses: match (four, six) {
                (true, false) => Addresses::V4,
                (false, true) => Addresses::V6,
                (true, true) => Addresses::Both { six_last },
                (false, false) => Addresses::None,
            },
            is_flow: !shape.options && (present.any(FLOW) || has_head),
            has_pieces: !pieces.is_empty(),
            // A plan for records of varying length is walked along the shape.
            steps: if is_fixed { steps.into() } else { [].into() },
            pieces: if is_fixed { pieces.into() } else { [].into() },
            present,
        }
    }

    /// Reads a record of the template's fixed length, at the start of `data`, which goes on behind it.
    #[inline]
    pub(crate) fn read_fixed(&self, data: &[u8], numbers: &mut Numbers) {
        for step in &self.steps {
            let at = usize::from(step.offset);
            let eight = match data.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
                Some(chunk) => u64::from_be_bytes(*chunk),
                None => tail(data.get(at..).unwrap_or(&[])),
            };
            numbers.set(step.slot, eight >> (step.shift & 63));
        }
    }

    /// The pieces of a record of fixed length.
    pub(crate) fn pieces(&self) -> &[Piece] {
        &self.pieces
    }
}

/// The octets that end less than eight octets after a number's start, as if zeros followed.
#[cold]
fn tail(octets: &[u8]) -> u64 {
    let missing = 8_usize.saturating_sub(octets.len());
    if missing >= 8 {
        return 0;
    }
    number(octets) << (8 * missing)
}

/// The width in octets that a number is read with, and whether a second one follows.
fn fit(slot: Slot, width: Width, length: u16) -> Option<(Slot, u8, bool)> {
    let octets = u8::try_from(length).ok();
    match width {
        // A variable length is checked when it is known.
        _ if length == VARIABLE => Some((slot, 8, width == Width::Exactly(16))),
        Width::Number if (1..=8).contains(&length) => Some((slot, octets?, false)),
        Width::Exactly(16) if length == 16 => Some((slot, 8, true)),
        Width::Exactly(exact) if length == exact => Some((slot, octets?, false)),
        Width::Label if length == 3 || length == 4 => Some((slot, 3, false)),
        _ => None,
    }
}

/// The place for a value: its own, or that of the inner packet; none where both are taken.
fn free(slot: Slot, taken: Mask) -> Option<Slot> {
    match taken.has(slot) {
        false => Some(slot),
        true => slot.inner().filter(|inner| !taken.has(*inner)),
    }
}

const fn six_last_after(before: bool, slot: Slot) -> bool {
    match slot {
        Slot::Src6 | Slot::Dst6 => true,
        Slot::Src4 | Slot::Dst4 => false,
        _ => before,
    }
}

fn section(element: ElementId) -> Option<Section> {
    match (element.enterprise, element.number) {
        (0, 95) => Some(Section::Application),
        (0, 313) => Some(Section::IpHeader),
        (0, 315) => Some(Section::Frame),
        (0 | REVERSE, _) => None,
        _ => Some(Section::Enterprise(element)),
    }
}

/// Reads a record along its shape; gives its length, or `None` where it does not end within the octets.
pub(crate) fn read_variable(
    shape: &Shape,
    data: &[u8],
    numbers: &mut Numbers,
    pieces: &mut Vec<Piece>,
) -> Option<usize> {
    numbers.clear();
    pieces.clear();
    let mut seen = Mask::default();
    let mut rest = crate::wire::Reader::new(data);
    for field in &shape.fields {
        let length = match field.length {
            VARIABLE => rest.variable_length()?,
            fixed => usize::from(fixed),
        };
        let at = data.len() - rest.len();
        let octets = rest.take(length)?;
        let Ok(length) = u16::try_from(length) else {
            return None;
        };
        // 65,535 octets are no number either way.
        let placed = place(field.element).filter(|_| length != VARIABLE);
        match placed.and_then(|(slot, width)| fit(slot, width, length)) {
            Some((slot, width, is_wide)) => {
                let Some(slot) = free(slot, seen) else { continue };
                seen.insert(slot);
                let (high, low) = octets.split_at_checked(usize::from(width)).unwrap_or((octets, &[]));
                numbers.set(slot as u8, number(high));
                if is_wide {
                    numbers.set(slot as u8 + 1, number(low));
                }
            }
            None => {
                if let (Some(section), Ok(at)) = (section(field.element), u16::try_from(at)) {
                    pieces.push((section, at, length));
                }
            }
        }
    }
    Some(data.len() - rest.len())
}

/// A template and its plan.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) shape: Shape,
    pub(crate) plan: Plan,
}

impl Compiled {
    pub(crate) fn new(shape: Shape) -> Self {
        let plan = Plan::new(&shape);
        Self { shape, plan }
    }
}

/// Plans that templates share: routers of a kind send the same templates.
#[derive(Debug, Default)]
pub(crate) struct Plans {
    by_hash: HashMap<u64, Vec<Weak<Compiled>>>,
    /// Entries after the last clean-up.
    kept: usize,
    entries: usize,
}

impl Plans {
    /// The plan of a shape: the one that is in use for it, or a new one.
    pub(crate) fn get(&mut self, shape: Shape) -> Arc<Compiled> {
        let mut hasher = DefaultHasher::new();
        shape.hash(&mut hasher);
        let hash = hasher.finish();
        if self.entries > 2 * self.kept + 1_024 {
            self.clean();
        }
        let same = self.by_hash.entry(hash).or_default();
        if let Some(found) = same.iter().filter_map(Weak::upgrade).find(|known| known.shape == shape) {
            return found;
        }
        let compiled = Arc::new(Compiled::new(shape));
        same.push(Arc::downgrade(&compiled));
        self.entries += 1;
        compiled
    }

    fn clean(&mut self) {
        self.by_hash.retain(|_, same| {
            same.retain(|weak| weak.strong_count() > 0);
            !same.is_empty()
        });
        self.entries = self.by_hash.values().map(Vec::len).sum();
        self.kept = self.entries;
    }

    /// How many plans are in use.
    pub(crate) fn len(&self) -> usize {
        self.by_hash
            .values()
            .flatten()
            .filter(|weak| weak.strong_count() > 0)
            .count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::FieldSpec;

    #[test]
    fn numbers_of_all_widths_are_read_where_they_lie() {
        let shape = Shape::data([
            FieldSpec::iana(4, 1),
            FieldSpec::iana(2, 3),
            FieldSpec::iana(999, 5),
            FieldSpec::iana(27, 16),
            FieldSpec::iana(7, 2),
        ]);
        let data: Vec<u8> = (1..=27).collect();
        let compiled = Compiled::new(shape);
        let mut numbers = Numbers::default();
        compiled.plan.read_fixed(&data, &mut numbers);
        assert_eq!(compiled.plan.length, Some(27));
        assert_eq!(numbers.get(Slot::Protocol), 1);
        assert_eq!(numbers.get(Slot::Packets), 0x02_03_04);
        let address = u128::from_be_bytes(*data.get(9..).unwrap().first_chunk().unwrap());
        assert_eq!(numbers.wide(Slot::Src6), address);
        assert_eq!(numbers.get(Slot::SrcPort), 0x1a1b, "at the very end");
        let mut walked = Numbers::default();
        assert_eq!(
            read_variable(&compiled.shape, &data, &mut walked, &mut Vec::new()),
            Some(27)
        );
        assert_eq!(walked.wide(Slot::Src6), address);
        assert_eq!(walked.get(Slot::SrcPort), 0x1a1b);
    }

    #[test]
    fn a_number_of_a_wrong_width_is_not_read() {
        let compiled = Compiled::new(Shape::data([FieldSpec::iana(8, 5), FieldSpec::iana(2, 9)]));
        assert!(!compiled.plan.present.has(Slot::Src4) && !compiled.plan.present.has(Slot::Packets));
    }

    #[test]
    fn equal_templates_share_a_plan_and_dead_ones_go() {
        let mut plans = Plans::default();
        let shape = |n| Shape::data([FieldSpec::iana(1, n)]);
        let (a, b) = (plans.get(shape(4)), plans.get(shape(4)));
        assert!(Arc::ptr_eq(&a, &b));
        for n in 0..5_000 {
            drop(plans.get(shape(n)));
        }
        assert_eq!(plans.len(), 1);
        assert!(plans.entries < 3_000);
    }
}
