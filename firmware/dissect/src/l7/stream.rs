//! One direction of a TCP connection, put in order.
//!
//! Where segments overlap, the octets that came first win, as most receivers do and as a sensor that forwards what it
//! reads must: a reader has acted on them. Octets that differ from those before are told, so that the flow is flagged.

/// Segments that wait for a hole to be filled, a direction.
const AHEAD_SEGMENTS: usize = 32;

/// What is held of all streams of an inspector.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Held {
    /// Octets held now.
    pub octets: usize,
    /// The most that may be.
    pub max: usize,
    /// Octets that were not held for want of room.
    pub refused: u64,
}

impl Held {
    /// Gives back what was taken.
    pub(crate) fn release(&mut self, octets: usize) {
        self.octets = self.octets.saturating_sub(octets);
    }
}

/// The next of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// Octets.
    Octets(&'a [u8]),
    /// So many octets were sent that are not known: lost by the capture, or cut by its snap length.
    Gap(u32),
}

/// A piece that waited.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// As [`Piece::Octets`].
    Octets(Box<[u8]>),
    /// As [`Piece::Gap`].
    Gap(u32),
}

impl Kept {
    /// The piece.
    pub(crate) fn piece(&self) -> Piece<'_> {
        match self {
            Self::Octets(octets) => Piece::Octets(octets),
            Self::Gap(missing) => Piece::Gap(*missing),
        }
    }
}

/// A segment that came before its turn.
#[derive(Debug)]
struct Ahead {
    seq: u32,
    /// Octets on the wire; at least as many as were captured.
    length: u32,
    octets: Box<[u8]>,
}

/// One segment's payload.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Segment<'a> {
    /// Sequence number of the first octet.
    pub seq: u32,
    /// What was captured.
    pub octets: &'a [u8],
    /// Octets on the wire; at least as many as were captured.
    pub length: u32,
}

impl<'a> Segment<'a> {
    /// Octets of it that were not captured.
    pub(crate) fn missing(self) -> u32 {
        self.length.saturating_sub(size(self.octets))
    }

    /// What is left without the first octets.
    fn without(self, octets: u32) -> Self {
        let octets = octets.min(self.length);
        Self {
            seq: self.seq.wrapping_add(octets),
            octets: self.octets.get(octets as usize..).unwrap_or_default(),
            length: self.length - octets,
        }
    }

    /// The first octets alone.
    fn first(self, octets: u32) -> Self {
        Self {
            seq: self.seq,
            octets: self.octets.get(..octets as usize).unwrap_or(self.octets),
            length: self.length.min(octets),
        }
    }
}

/// Octets from `from` to `to`, by sequence numbers that are less than 2³¹ apart; negative where `to` comes before.
fn distance(from: u32, to: u32) -> i64 {
    i64::from(to.wrapping_sub(from).cast_signed())
}

/// A direction of a connection.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    /// Sequence number of the next octet in order; `None` before the first.
    next: Option<u32>,
    /// What came before its turn; most streams never have any.
    waiting: Option<Box<Waiting>>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// In order, without overlaps.
    segments: Vec<Ahead>,
    /// Octets in them.
    octets: usize,
}

impl Stream {
    /// A stream that begins at a sequence number, or with the first segment seen.
    pub(crate) fn new(next: Option<u32>) -> Self {
        Self {
            next,
            ..Self::default()
        }
    }

    /// Octets held of segments ahead.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.as_ref().map_or(0, |waiting| waiting.octets)
    }

    /// The first segment that waits.
    fn first_ahead(&self) -> Option<&Ahead> {
        self.waiting.as_ref()?.segments.first()
    }

    /// Whether a segment repeats octets that end the `history` of the stream with others. A keep-alive's single octet
    /// is none (RFC 9293, section 3.8.4).
    pub(crate) fn contradicts(&self, segment: Segment<'_>, history: &[u8]) -> bool {
        let Some(next) = self.next else { return false };
        let back = distance(segment.seq, next);
        if back <= 0 || (segment.length == 1 && back == 1) {
            return false;
        }
        let Ok(back) = usize::try_from(back) else { return false };
        // Where the segment begins in the history; what lies before it is not known any more.
        let (skipped, start) = match history.len().checked_sub(back) {
            Some(start) => (0, start),
            None => (back - history.len(), 0),
        };
        let old = history.get(start..).unwrap_or_default();
        let new = segment.octets.get(skipped..).unwrap_or_default();
        old.iter().zip(new).any(|(old, new)| old != new)
    }

    /// What is new of a segment that is in order while nothing waits: it is taken then. Else use [`Self::accept`].
    pub(crate) fn in_order<'a>(&mut self, segment: Segment<'a>) -> Option<Segment<'a>> {
        let next = *self.next.get_or_insert(segment.seq);
        let old = distance(segment.seq, next);
        if old < 0 || self.waiting.is_some() {
            return None;
        }
        let new = segment.without(u32::try_from(old).unwrap_or(u32::MAX));
        self.next = Some(next.wrapping_add(new.length));
        Some(new)
    }

    /// Takes a segment, and delivers what is in order now. Whether it contradicts what waited.
    pub(crate) fn accept(&mut self, segment: Segment<'_>, most: usize, held: &mut Held, out: &mut Vec<Kept>) -> bool {
        let next = *self.next.get_or_insert(segment.seq);
        let ahead = distance(next, segment.seq);
        if ahead <= 0 {
            let old = u32::try_from(-ahead).unwrap_or(u32::MAX);
            let new = segment.without(old);
            if new.length == 0 {
                return false;
            }
            // What waited came first: only what lies before and behind it is new.
            let differs = self.insert(new, most, held, out);
            self.drain(held, out);
            return differs;
        }
        let differs = self.insert(segment, most, held, out);
        self.drain(held, out);
        differs
    }

    /// The other side has taken everything before this number: a hole before it stays one.
    pub(crate) fn acknowledged(&mut self, ack: u32, held: &mut Held, out: &mut Vec<Kept>) {
        while let (Some(next), Some(first)) = (self.next, self.first_ahead()) {
            if distance(first.seq, ack) < 0 {
                return;
            }
            let hole = first.seq.wrapping_sub(next);
            self.next = Some(first.seq);
            out.push(Kept::Gap(hole));
            self.drain(held, out);
        }
    }

    /// The stream ends: what waited behind a hole is delivered.
    pub(crate) fn finish(&mut self, held: &mut Held, out: &mut Vec<Kept>) {
        while self.give_up_hole(held, out) {}
    }

    /// Forgets what waits.
    pub(crate) fn clear(&mut self, held: &mut Held) {
        held.release(self.waiting());
        self.waiting = None;
    }

    fn give_up_hole(&mut self, held: &mut Held, out: &mut Vec<Kept>) -> bool {
        let (Some(next), Some(first)) = (self.next, self.first_ahead()) else {
            return false;
        };
        let hole = first.seq.wrapping_sub(next);
        self.next = Some(first.seq);
        if hole > 0 {
            out.push(Kept::Gap(hole));
        }
        self.drain(held, out);
        true
    }

    /// Delivers what waited and is in order now.
    fn drain(&mut self, held: &mut Held, out: &mut Vec<Kept>) {
        while let (Some(next), Some(waiting)) = (self.next, &mut self.waiting) {
            match waiting.segments.first() {
                None => {
                    self.waiting = None;
                    return;
                }
                Some(first) if first.seq != next => return,
                Some(_) => {}
            }
            let first = waiting.segments.remove(0);
            self.next = Some(next.wrapping_add(first.length));
            waiting.octets = waiting.octets.saturating_sub(first.octets.len());
            held.release(first.octets.len());
            let missing = first.length.saturating_sub(size(&first.octets));
            if !first.octets.is_empty() {
                out.push(Kept::Octets(first.octets));
            }
            if missing > 0 {
                out.push(Kept::Gap(missing));
            }
        }
    }

    /// Holds what is new of a segment that does not come before `next`. Whether it contradicts what waited.
    fn insert(&mut self, segment: Segment<'_>, most: usize, held: &mut Held, out: &mut Vec<Kept>) -> bool {
        let Some(base) = self.next else { return false };
        let at = |seq: u32| i64::from(seq.wrapping_sub(base));
        let (mut cursor, mut differs) = (segment, false);
        let mut fresh: Vec<Ahead> = Vec::new();
        let waiting = self.waiting.get_or_insert_default();
        for old in &waiting.segments {
            if cursor.length == 0 {
                break;
            }
            let before = at(old.seq) - at(cursor.seq);
            if before > 0 {
                let before = u32::try_from(before).unwrap_or(u32::MAX).min(cursor.length);
                fresh.push(kept(cursor.first(before)));
                cursor = cursor.without(before);
            }
            // Now the cursor begins within or behind the old one.
            if let Ok(skipped) = u32::try_from(at(cursor.seq) - at(old.seq))
                && skipped < old.length
            {
                let same = old.octets.get(skipped as usize..).unwrap_or_default();
                differs |= same.iter().zip(cursor.octets).any(|(old, new)| old != new);
                cursor = cursor.without(old.length - skipped);
            }
        }
        if cursor.length > 0 {
            fresh.push(kept(cursor));
        }
        for new in fresh {
            held.octets += new.octets.len();
            waiting.octets += new.octets.len();
            let place = waiting.segments.partition_point(|old| at(old.seq) < at(new.seq));
            waiting.segments.insert(place, new);
        }
        // No room to wait for the holes any longer.
        while let Some(waiting) = &self.waiting
            && (waiting.octets > most || waiting.segments.len() > AHEAD_SEGMENTS || held.octets > held.max)
        {
            held.refused += waiting.octets as u64;
            if !self.give_up_hole(held, out) {
                break;
            }
        }
        differs
    }
}

fn size(octets: &[u8]) -> u32 {
    u32::try_from(octets.len()).unwrap_or(u32::MAX)
}

fn kept(segment: Segment<'_>) -> Ahead {
    Ahead {
        seq: segment.seq,
        length: segment.length,
        octets: segment.octets.into(),
    }
}
