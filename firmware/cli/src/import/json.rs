//! JSON as nfdump and `spanwatch flows` write it: an array of objects, or an object a line.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, BufRead};

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::row::{Around, Column, Datum, Row};
use super::skipped::Skipped;

/// The longest object that is taken for one.
const OBJECT_MAX: usize = 1 << 20;

/// Reads all objects; `each` is as in CSV.
///
/// # Errors
/// The system's; an object that is too long; a file that is cut off.
pub(super) fn read(
    input: &mut impl BufRead,
    around: &Around<'_>,
    skipped: &mut Skipped,
    mut each: impl FnMut(Row, bool) -> Result<bool, &'static str>,
) -> io::Result<()> {
    let mut objects = Objects::default();
    while let Some(place) = objects.next(input, skipped)? {
        let place = format!("line {place}");
        let mut filling = Filling {
            row: Row::default(),
            around,
            exported: true,
            problem: None,
        };
        let mut parsed = filling.parse(&objects.octets);
        if parsed.is_err()
            && let Some(mended) = without_bare_words(&objects.octets)
        {
            filling.row = Row::default();
            parsed = filling.parse(&mended);
        }
        match (parsed, filling.problem) {
            (Err(error), _) => skipped.add(&place, &format!("it is not JSON: {}", cause(&error))),
            (Ok(()), Some((reason, found))) => skipped.add(&format!("{place}, {found}"), &reason),
            (Ok(()), None) => match each(filling.row, filling.exported) {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(reason) => skipped.add(&place, reason),
            },
        }
    }
    Ok(())
}

/// What serde says, without its own count of lines.
fn cause(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

/// The object without lines whose value nfdump 1.7.1 leaves unquoted (`"ja3" : 5ab…`); `None` where there is none.
fn without_bare_words(object: &[u8]) -> Option<Vec<u8>> {
    let is_bare = |line: &&[u8]| line.trim_ascii_start().starts_with(b"\"ja3\"");
    object.split(|b| *b == b'\n').any(|line| is_bare(&line)).then(|| {
        let kept: Vec<&[u8]> = object.split(|b| *b == b'\n').filter(|line| !is_bare(line)).collect();
        kept.join(&b'\n')
    })
}

/// Finds the objects in a stream.
#[derive(Debug)]
struct Objects {
    octets: Vec<u8>,
    line: u64,
    /// Arrays that were begun and not ended.
    open: u64,
}

impl Default for Objects {
    fn default() -> Self {
        Self {
            octets: Vec::new(),
            line: 1,
            open: 0,
        }
    }
}

/// Where a scan is within an object.
#[derive(Default)]
struct Within {
    depth: u32,
    quoted: bool,
    escaped: bool,
}

impl Within {
    /// Takes an octet; whether it ends the object.
    fn take(&mut self, octet: u8) -> bool {
        match octet {
            _ if self.escaped => self.escaped = false,
            b'\\' if self.quoted => self.escaped = true,
            b'"' => self.quoted = !self.quoted,
            b'{' if !self.quoted => self.depth += 1,
            b'}' if !self.quoted => {
                self.depth -= 1;
                return self.depth == 0;
            }
            _ => {}
        }
        false
    }
}

impl Objects {
    /// The line that the next object begins in; its octets are in `octets`. `None` at the end.
    fn next(&mut self, input: &mut impl BufRead, skipped: &mut Skipped) -> io::Result<Option<u64>> {
        self.octets.clear();
        let mut within = Within::default();
        let mut start = self.line;
        let mut stray = false;
        loop {
            let buffer = input.fill_buf()?;
            if buffer.is_empty() {
                if within.depth > 0 {
                    skipped.add(&format!("line {start}"), "the file is cut off within it");
                } else if self.open > 0 {
                    skipped.add(
                        &format!("line {}", self.line),
                        "the file is cut off: its array has no end",
                    );
                    self.open = 0;
                }
                return Ok(None);
            }
            let mut from = (within.depth > 0).then_some(0);
            let (mut used, mut is_whole) = (0, false);
            for &octet in buffer {
                used += 1;
                if octet == b'\n' {
                    self.line += 1;
                }
                match (from, octet) {
                    (Some(_), _) => is_whole = within.take(octet),
                    (None, b'{') => {
                        start = self.line;
                        from = Some(used - 1);
                        within.take(octet);
                    }
                    (None, b'[') => self.open += 1,
                    (None, b']') => self.open = self.open.saturating_sub(1),
                    (None, b',' | b'\0') => {}
                    (None, _) if octet.is_ascii_whitespace() || stray => {}
                    (None, _) => {
                        stray = true;
                        skipped.add(
                            &format!("line {}", self.line),
                            "something that is no record stands here",
                        );
                    }
                }
                if is_whole {
                    break;
                }
            }
            if let Some(from) = from {
                self.octets
                    .extend_from_slice(buffer.get(from..used).unwrap_or_default());
            }
            input.consume(used);
            if is_whole {
                return Ok(Some(start));
            }
            if self.octets.len() > OBJECT_MAX {
                let reason = format!("the record at line {start} is longer than {OBJECT_MAX} octets");
                return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
            }
        }
    }
}

/// Fills a row from an object.
struct Filling<'a> {
    row: Row,
    around: &'a Around<'a>,
    exported: bool,
    /// The first column whose value is not what it should be: why, and what stands there.
    problem: Option<(String, String)>,
}

impl Filling<'_> {
    fn parse(&mut self, octets: &[u8]) -> Result<(), serde_json::Error> {
        self.problem = None;
        let mut parser = serde_json::Deserializer::from_slice(octets);
        DeserializeSeed::deserialize(&mut *self, &mut parser)
    }
}

impl<'de> DeserializeSeed<'de> for &mut Filling<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for &mut Filling<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Text(name)) = map.next_key::<Text<'de>>()? {
            let column = Column::of(&name);
            if name == "src_ip" {
                self.exported = false;
            }
            if column == Column::Ignored {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let value = map.next_value::<Value<'de>>()?;
            let datum = match &value {
                Value::Text(text) => Datum::Text(text),
                Value::Number(number) => Datum::Number(*number),
                Value::Other => continue,
            };
            if let Err(what) = self.row.set(column, datum, self.around) {
                self.problem
                    .get_or_insert_with(|| (format!("{name} is not {what}"), format!("{name} {datum}")));
            }
        }
        Ok(())
    }
}

struct Text<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Value::deserialize(from)? {
            Value::Text(text) => Ok(Self(text)),
            Value::Number(_) | Value::Other => Err(de::Error::custom("a name is missing")),
        }
    }
}

/// A member's value.
enum Value<'de> {
    Text(Cow<'de, str>),
    Number(u64),
    /// Null, a negative or broken number, a list.
    Other,
}

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Value<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Value<'de>, E> {
                Ok(Value::Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Value<'de>, E> {
                Ok(Value::Text(Cow::Owned(text.to_owned())))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Value<'de>, E> {
                Ok(Value::Number(number))
            }
            fn visit_i64<E>(self, _: i64) -> Result<Value<'de>, E> {
                Ok(Value::Other)
            }
            fn visit_f64<E>(self, number: f64) -> Result<Value<'de>, E> {
                Ok(Value::Text(Cow::Owned(number.to_string())))
            }
            fn visit_bool<E>(self, _: bool) -> Result<Value<'de>, E> {
                Ok(Value::Other)
            }
            fn visit_unit<E>(self) -> Result<Value<'de>, E> {
                Ok(Value::Other)
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Value<'de>, A::Error> {
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Value::Other)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value<'de>, A::Error> {
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Value::Other)
            }
        }
        from.deserialize_any(Any)
    }
}
