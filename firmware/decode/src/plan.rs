//! A template compiled once: which octets of a record go where.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Weak};

use crate::registry::{ElementId, REVERSE};
use crate::slot::{Mask, Numbers, Slot, Width, place};
use crate::template::{Shape, VARIABLE};
use crate::wire::{Reader, number};

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

/// A stretch of fields of fixed lengths, and the variable-length one behind it. Offsets count from its start.
#[derive(Debug)]
struct Stretch {
    steps: Box<[Step]>,
    pieces: Box<[Piece]>,
    length: usize,
    variable: Option<Variable>,
}

/// What to do with a variable-length field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Variable {
    Skip,
    /// A number, if it has a width that it can have.
    Number(Slot, Width),
    Piece(Section),
}

/// How to read the records of a template.
#[derive(Debug)]
pub(crate) struct Plan {
    /// All that there is, where no field brings its own length; else what comes before the first that does.
    first: Stretch,
    others: Box<[Stretch]>,
    /// The length of every record; `None` where a field brings its own.
    pub(crate) length: Option<usize>,
    pub(crate) length_min: usize,
    pub(crate) present: Mask,
    pub(crate) addresses: Addresses,
    /// Whether a record is a flow, a packet or an event of one.
    pub(crate) is_flow: bool,
    pub(crate) has_pieces: bool,
    /// Whether a record carries the head of a packet.
    pub(crate) has_head: bool,
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
        let mut stretches = Vec::new();
        let (mut steps, mut pieces) = (Vec::new(), Vec::new());
        let mut present = Mask::default();
        let mut next = 0_u16;
        let mut six_last = false;
        let (mut has_pieces, mut has_head) = (false, false);
        for field in &shape.fields {
            let section = section(field.element);
            has_pieces |= section.is_some();
            has_head |= matches!(section, Some(Section::IpHeader | Section::Frame));
            // The first of several fields with the same meaning counts, and of some the second; `Sink::record` gets
            // them all.
            let placed = place(field.element).and_then(|(slot, width)| Some((free(slot, present)?, width)));
            if field.length == VARIABLE {
                if let Some((slot, _)) = placed {
                    present.insert(slot);
                    six_last = six_last_after(six_last, slot);
                }
                stretches.push(Stretch {
                    steps: std::mem::take(&mut steps).into(),
                    pieces: std::mem::take(&mut pieces).into(),
                    length: usize::from(next),
                    variable: Some(match (placed, section) {
                        (Some((slot, width)), _) => Variable::Number(slot, width),
                        (None, Some(section)) => Variable::Piece(section),
                        (None, None) => Variable::Skip,
                    }),
                });
                next = 0;
                continue;
            }
            let offset = next;
            next = next.saturating_add(field.length);
            if let Some(section) = section {
                pieces.push((section, offset, field.length));
            }
            let Some((slot, (width, is_wide))) =
                placed.and_then(|(slot, width)| Some((slot, fit(width, field.length)?)))
            else {
                continue;
            };
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
        stretches.push(Stretch {
            steps: steps.into(),
            pieces: pieces.into(),
            length: usize::from(next),
            variable: None,
        });
        let others: Box<[Stretch]> = stretches.split_off(1).into();
        let first = stretches.pop().unwrap_or(Stretch {
            steps: [].into(),
            pieces: [].into(),
            length: 0,
            variable: None,
        });
        let (four, six) = (
            present.any(Mask::of(&[Slot::Src4, Slot::Dst4])),
            present.any(Mask::of(&[Slot::Src6, Slot::Dst6])),
        );
        Self {
            length: others.is_empty().then(|| shape.length_min()),
            first,
            others,
            length_min: shape.length_min(),
            addresses: match (four, six) {
                (true, false) => Addresses::V4,
                (false, true) => Addresses::V6,
                (true, true) => Addresses::Both { six_last },
                (false, false) => Addresses::None,
            },
            is_flow: !shape.options && (present.any(FLOW) || has_head),
            has_pieces,
            has_head,
            present,
        }
    }

    /// Reads a record of the template's fixed length, at the start of `data`, which goes on behind it.
    #[inline]
    pub(crate) fn read_fixed(&self, data: &[u8], numbers: &mut Numbers) {
        self.first.read(data, numbers);
    }

    /// The pieces of a record of fixed length.
    pub(crate) fn pieces(&self) -> &[Piece] {
        &self.first.pieces
    }

    /// Reads a record whose fields bring their lengths; gives its length, or `None` where it does not end within `data`.
    pub(crate) fn read_variable(&self, data: &[u8], numbers: &mut Numbers, pieces: &mut Vec<Piece>) -> Option<usize> {
        pieces.clear();
        let mut at = 0;
        for stretch in std::iter::once(&self.first).chain(&self.others) {
            let rest = data.get(at..)?;
            if rest.len() < stretch.length {
                return None;
            }
            stretch.read(rest, numbers);
            for (section, offset, length) in &stretch.pieces {
                pieces.push((*section, u16::try_from(at + usize::from(*offset)).ok()?, *length));
            }
            at += stretch.length;
            let Some(variable) = stretch.variable else { continue };
            let mut rest = Reader::new(data.get(at..)?);
            let before = rest.len();
            let length = rest.variable_length()?;
            let start = at + before - rest.len();
            let octets = rest.take(length)?;
            at = start + length;
            match variable {
                Variable::Skip => {}
                Variable::Piece(section) => {
                    pieces.push((section, u16::try_from(start).ok()?, u16::try_from(length).ok()?));
                }
                Variable::Number(slot, width) => {
                    let fitting = u16::try_from(length).ok().and_then(|length| fit(width, length));
                    let (high, low) = fitting
                        .and_then(|(width, _)| octets.split_at_checked(usize::from(width)))
                        .unwrap_or((&[], &[]));
                    numbers.set(slot as u8, number(high));
                    if width == Width::Exactly(16) {
                        numbers.set(slot as u8 + 1, number(low));
                    }
                }
            }
        }
        Some(at)
    }
}

impl Stretch {
    #[inline]
    fn read(&self, data: &[u8], numbers: &mut Numbers) {
        for step in &self.steps {
            let at = usize::from(step.offset);
            let eight = match data.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
                Some(chunk) => u64::from_be_bytes(*chunk),
                None => tail(data.get(at..).unwrap_or(&[])),
            };
            numbers.set(step.slot, eight >> (step.shift & 63));
        }
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

/// The width in octets that a number of this length is read with, and whether a second one follows.
fn fit(width: Width, length: u16) -> Option<(u8, bool)> {
    match width {
        Width::Number if (1..=8).contains(&length) => Some((u8::try_from(length).ok()?, false)),
        Width::Exactly(16) if length == 16 => Some((8, true)),
        Width::Exactly(exact) if length == exact => Some((u8::try_from(length).ok()?, false)),
        Width::Label if length == 3 || length == 4 => Some((3, false)),
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
    if place(element).is_some() {
        return None;
    }
    match (element.enterprise, element.number) {
        (0, 95) => Some(Section::Application),
        (0, 313) => Some(Section::IpHeader),
        (0, 315) => Some(Section::Frame),
        (0 | REVERSE, _) => None,
        _ => Some(Section::Enterprise(element)),
    }
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
    }

    #[test]
    fn fields_behind_variable_lengths_are_found() {
        let shape = Shape::data([
            FieldSpec::iana(4, 1),
            FieldSpec::iana(82, VARIABLE),
            FieldSpec::iana(7, 2),
            FieldSpec::iana(95, VARIABLE),
            FieldSpec::iana(27, VARIABLE),
            FieldSpec::iana(2, VARIABLE),
        ]);
        let mut data = vec![6, 3, b'a', b'b', b'c', 0, 80, 255, 0, 4, 13, 0, 0, 1, 16];
        data.extend(1..=16);
        data.extend([3, 0, 1, 2]);
        let length = data.len();
        data.push(99);
        let compiled = Compiled::new(shape);
        let (mut numbers, mut pieces) = (Numbers::default(), Vec::new());
        let read = compiled.plan.read_variable(&data, &mut numbers, &mut pieces);
        assert_eq!((compiled.plan.length, read), (None, Some(length)));
        assert_eq!(numbers.get(Slot::Protocol), 6);
        assert_eq!(numbers.get(Slot::SrcPort), 80);
        assert_eq!(numbers.get(Slot::Packets), 0x01_02);
        assert_eq!(numbers.wide(Slot::Src6), 0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10);
        assert_eq!(pieces, [(Section::Application, 10, 4)]);
        for end in 0..length {
            let cut = data.get(..end).unwrap();
            assert_eq!(
                compiled.plan.read_variable(cut, &mut numbers, &mut pieces),
                None,
                "{end}"
            );
        }
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
