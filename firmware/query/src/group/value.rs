//! Values of keys as words: compact, comparable, and the same in all blocks.
//!
//! The first word has four bits for each part of the key, the first part's uppermost; then come the parts' words. So
//! the order of values is that of tags and words, part by part.

use std::net::IpAddr;

use super::texts::{KeyTexts, TextHash};
use model::{App, Conversation, Direction, EndReason, InterfaceId, Key, KeyValue, LinkId, MacAddr, Prefix};

/// A part of a key: an address, a number, or what stands for a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Address,
    Number,
    Text,
}

/// The part has no value.
pub(crate) const NONE: u8 = 0;
/// It has one; an IPv4 address, where it is an address or network.
pub(crate) const SOME: u8 = 1;
/// An IPv6 address.
pub(crate) const SIX: u8 = 2;

/// How keys become words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape {
    keys: Vec<Key>,
    parts: Vec<Part>,
    words: usize,
}

/// A part's value: tag and words, the second of use in addresses and texts alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PartValue {
    pub(crate) tag: u8,
    pub(crate) words: [u64; 2],
}

impl PartValue {
    pub(crate) const NONE: Self = Self {
        tag: NONE,
        words: [0; 2],
    };

    pub(crate) const fn number(number: u64) -> Self {
        Self {
            tag: SOME,
            words: [number, 0],
        }
    }

    pub(crate) const fn text(words: TextHash) -> Self {
        Self { tag: SOME, words }
    }

    pub(crate) const fn optional(number: Option<u64>) -> Self {
        match number {
            Some(number) => Self::number(number),
            None => Self::NONE,
        }
    }

    #[allow(clippy::cast_possible_truncation, reason = "both halves are taken")]
    pub(crate) const fn address(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(four) => Self {
                tag: SOME,
                words: [0, four.to_bits() as u64],
            },
            IpAddr::V6(six) => {
                let bits = six.to_bits();
                Self {
                    tag: SIX,
                    words: [(bits >> 64) as u64, bits as u64],
                }
            }
        }
    }

    /// The network of an address that the keys of networks mean.
    #[allow(clippy::cast_possible_truncation, reason = "the upper half")]
    pub(crate) const fn network(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(four) => Self::number((four.to_bits() & !0xff) as u64),
            IpAddr::V6(six) => Self {
                tag: SIX,
                words: [(six.to_bits() >> 64) as u64, 0],
            },
        }
    }
}

fn parts(key: Key) -> &'static [Part] {
    match key {
        Key::SrcIp | Key::DstIp | Key::Host => &[Part::Address],
        Key::Conversation => &[Part::Address, Part::Address],
        Key::Domain => &[Part::Text],
        _ => &[Part::Number],
    }
}

impl Shape {
    pub(crate) fn new(keys: &[Key]) -> Self {
        let parts: Vec<_> = keys.iter().flat_map(|key| self::parts(*key)).copied().collect();
        let words = parts.iter().map(|part| part.words()).sum::<usize>() + 1;
        Self {
            keys: keys.to_vec(),
            parts,
            words,
        }
    }

    pub(crate) fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// Words of a key.
    pub(crate) const fn words(&self) -> usize {
        self.words
    }

    /// Writes parts' values, all of them, behind what is in `out`.
    pub(crate) fn write(&self, values: impl IntoIterator<Item = PartValue>, out: &mut Vec<u64>) {
        let mut writer = self.writer(out);
        values.into_iter().for_each(|value| writer.push(value));
        writer.finish();
    }

    /// To write a key behind what is in `out`.
    #[inline]
    pub(crate) fn writer<'w>(&'w self, out: &'w mut Vec<u64>) -> Writer<'w> {
        let at = out.len();
        out.push(0);
        Writer {
            parts: self.parts.iter(),
            at,
            tags: 0,
            shift: 60,
            out,
        }
    }

    fn part(&self, n: usize, words: &[u64]) -> PartValue {
        let at = 1 + self.parts.iter().take(n).map(|part| part.words()).sum::<usize>();
        let word = |at: usize| words.get(at).copied().unwrap_or(0);
        let tag = u8::try_from(word(0) >> (60 - 4 * n) & 15).unwrap_or(NONE);
        let second = match self.parts.get(n) {
            Some(Part::Address | Part::Text) => word(at + 1),
            _ => 0,
        };
        PartValue {
            tag,
            words: [word(at), second],
        }
    }

    /// The parts' values.
    pub(crate) fn values(&self, words: &[u64]) -> impl Iterator<Item = PartValue> {
        (0..self.parts.len()).map(|n| self.part(n, words))
    }

    /// The order of values, key after key.
    pub(crate) fn compare(&self, a: &[u64], b: &[u64], texts: &KeyTexts) -> std::cmp::Ordering {
        let orders = self.parts.iter().enumerate().map(|(n, part)| {
            let (a, b) = (self.part(n, a), self.part(n, b));
            match part {
                Part::Text => (a.tag, texts.get(a.words)).cmp(&(b.tag, texts.get(b.words))),
                _ => (a.tag, a.words).cmp(&(b.tag, b.words)),
            }
        });
        orders.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
    }

    /// Whether a part is a text.
    pub(crate) fn has_texts(&self) -> bool {
        self.parts.contains(&Part::Text)
    }

    /// What stands for the texts of a key.
    pub(crate) fn texts(&self, words: &[u64]) -> impl Iterator<Item = TextHash> {
        let texts = self.parts.iter().enumerate().filter(|(_, part)| **part == Part::Text);
        texts.map(|(n, _)| self.part(n, words).words)
    }

    /// What the words say.
    pub(crate) fn read(&self, words: &[u64], texts: &KeyTexts) -> Vec<KeyValue> {
        let mut n = 0;
        let mut values = Vec::with_capacity(self.keys.len());
        for key in &self.keys {
            let first = self.part(n, words);
            n += 1;
            if *key == Key::Conversation {
                let second = self.part(n, words);
                n += 1;
                let (conversation, _) = Conversation::of(first.to_address(), second.to_address());
                values.push(KeyValue::Conversation(conversation));
                continue;
            }
            values.push(match *key {
                Key::Domain if first.tag != NONE => KeyValue::Text(texts.get(first.words).into()),
                key => first.read(key),
            });
        }
        values
    }

    /// The words of values; `None` where a value is not of its key's kind.
    pub(crate) fn of(&self, values: &[KeyValue]) -> Option<Vec<u64>> {
        if values.len() != self.keys.len() {
            return None;
        }
        let mut parts = Vec::with_capacity(self.parts.len());
        for (key, value) in self.keys.iter().zip(values) {
            match value {
                KeyValue::Conversation(c) => {
                    parts.extend([PartValue::address(c.low()), PartValue::address(c.high())]);
                }
                value => parts.push(PartValue::of(value)),
            }
            let expected = (*key == Key::Conversation) == matches!(value, KeyValue::Conversation(_));
            if !expected {
                return None;
            }
        }
        let mut out = Vec::new();
        self.write(parts, &mut out);
        Some(out)
    }

    /// Whether a part has no value.
    pub(crate) fn has_none(&self, words: &[u64]) -> bool {
        (0..self.parts.len()).any(|n| self.part(n, words).tag == NONE)
    }
}

/// Writes a key, part by part.
pub(crate) struct Writer<'w> {
    parts: std::slice::Iter<'w, Part>,
    at: usize,
    tags: u64,
    shift: u32,
    out: &'w mut Vec<u64>,
}

impl Writer<'_> {
    #[inline]
    pub(crate) fn push(&mut self, value: PartValue) {
        self.tags |= u64::from(value.tag) << self.shift;
        self.shift = self.shift.saturating_sub(4);
        match self.parts.next() {
            Some(Part::Address | Part::Text) => self.out.extend_from_slice(&value.words),
            _ => self.out.push(value.words[0]),
        }
    }

    #[inline]
    pub(crate) fn finish(self) {
        if let Some(tags) = self.out.get_mut(self.at) {
            *tags = self.tags;
        }
    }
}

impl Part {
    const fn words(self) -> usize {
        match self {
            Self::Address | Self::Text => 2,
            Self::Number => 1,
        }
    }
}

impl PartValue {
    fn of(value: &KeyValue) -> Self {
        match value {
            // Rollups have no texts.
            KeyValue::None | KeyValue::Conversation(_) | KeyValue::Text(_) => Self::NONE,
            KeyValue::Address(address) => Self::address(*address),
            KeyValue::Network(network) => Self::network(network.base()),
            KeyValue::Number(n) => Self::number(*n),
            KeyValue::App(app) => Self::number(app.number().into()),
            KeyValue::Object(n) => Self::number((*n).into()),
            KeyValue::Link(link) => Self::number(link.0.into()),
            KeyValue::Interface(id) => Self::number(u64::from(id.exporter.0) << 32 | u64::from(id.index)),
            KeyValue::Mac(mac) => Self::number(mac.0.iter().fold(0, |n, octet| n << 8 | u64::from(*octet))),
            KeyValue::Direction(direction) => Self::number(*direction as u64),
            KeyValue::Country(country) => Self::number(u16::from_be_bytes(*country).into()),
            KeyValue::EndReason(reason) => Self::number(*reason as u64),
        }
    }

    #[allow(clippy::cast_possible_truncation, reason = "it was written from 32 bits")]
    fn to_address(self) -> IpAddr {
        if self.tag == SIX {
            IpAddr::V6((u128::from(self.words[0]) << 64 | u128::from(self.words[1])).into())
        } else {
            IpAddr::V4((self.words[1] as u32).into())
        }
    }

    #[allow(
        clippy::cast_possible_truncation,
        reason = "numbers of the key's own width were written"
    )]
    fn read(self, key: Key) -> KeyValue {
        if self.tag == NONE {
            return KeyValue::None;
        }
        let number = self.words[0];
        match key {
            Key::SrcIp | Key::DstIp | Key::Host | Key::Conversation => KeyValue::Address(self.to_address()),
            Key::SrcNet | Key::DstNet => {
                let network = if self.tag == SIX {
                    Prefix::new(IpAddr::V6((u128::from(number) << 64).into()), 64)
                } else {
                    Prefix::new(IpAddr::V4((number as u32).into()), 24)
                };
                network.map_or(KeyValue::None, KeyValue::Network)
            }
            Key::App => KeyValue::App(App::from_number(number as u16)),
            Key::Business | Key::IpGroup | Key::SrcGroup | Key::DstGroup | Key::LinkGroup | Key::InterfaceGroup => {
                KeyValue::Object(number as u32)
            }
            Key::Link => KeyValue::Link(LinkId(number as u32)),
            Key::InIf | Key::OutIf | Key::Interface => KeyValue::Interface(InterfaceId {
                exporter: LinkId((number >> 32) as u32),
                index: number as u32,
            }),
            Key::SrcMac | Key::DstMac => {
                let [_, _, mac @ ..] = number.to_be_bytes();
                KeyValue::Mac(MacAddr(mac))
            }
            Key::Direction => KeyValue::Direction(match number {
                1 => Direction::In,
                2 => Direction::Out,
                3 => Direction::Internal,
                4 => Direction::External,
                _ => Direction::Unknown,
            }),
            Key::SrcCountry | Key::DstCountry => KeyValue::Country((number as u16).to_be_bytes()),
            Key::EndReason => KeyValue::EndReason(match number {
                1 => EndReason::Idle,
                2 => EndReason::Active,
                3 => EndReason::EndOfFlow,
                4 => EndReason::Forced,
                _ => EndReason::LackOfResources,
            }),
            Key::SrcPort
            | Key::DstPort
            | Key::Protocol
            | Key::TcpFlags
            | Key::Vlan
            | Key::SrcAs
            | Key::DstAs
            | Key::Dscp
            | Key::PacketSize
            | Key::IpVersion => KeyValue::Number(number),
            Key::Domain => KeyValue::None,
        }
    }
}
