//! A record as one JSON object.

use std::borrow::Cow;
use std::io::Write;

use crate::record::{Field, Record, Version};
use crate::registry::ElementId;
use crate::value::Value;

/// paddingOctets.
const PADDING: ElementId = ElementId::iana(210);

impl Record<'_> {
    /// Writes the record as one JSON object, without a line end.
    ///
    /// Keys: `_kind`, `exporter`, `observationDomainId`, `templateId`, `sequence`, `exportTime`, the `agent` of
    /// sFlow, then the fields under their elements' names. Values as RFC 7373 writes them; unsigned, signed and
    /// float as numbers, boolean as such. An element that the record has several times is an array, a list
    /// (RFC 6313) an array of objects.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        let mut object = Object::default();
        object.text("_kind", self.kind.name());
        object.text("exporter", &self.origin.exporter.to_string());
        object.push(
            Cow::Borrowed("observationDomainId"),
            self.origin.domain.to_string().into_bytes(),
        );
        object.push(Cow::Borrowed("templateId"), self.template_id.to_string().into_bytes());
        object.push(Cow::Borrowed("sequence"), self.origin.sequence.to_string().into_bytes());
        object.text("exportTime", &Value::Time(self.origin.exported, 3).to_string());
        object.text("version", self.origin.version.name());
        if let Some(agent) = self.origin.agent {
            object.text("agent", &agent.to_string());
        }
        object.header = object.entries.len();
        // What pads the records of fixed formats is no field of theirs.
        let is_fixed = matches!(
            self.origin.version,
            Version::NetflowV1 | Version::NetflowV5 | Version::NetflowV7
        );
        for field in self.fields() {
            if !(is_fixed && field.element == PADDING) {
                object.push(field.name(), rendered(&field));
            }
        }
        object.write(out);
    }
}

/// Keys and values in their order.
#[derive(Default)]
struct Object<'a> {
    entries: Vec<(Cow<'a, str>, Vec<u8>)>,
    /// How many of them are the header's.
    header: usize,
}

impl<'a> Object<'a> {
    fn push(&mut self, key: Cow<'a, str>, value: Vec<u8>) {
        // A field may say what the header says: the observation domain, for one.
        let said = self
            .entries
            .iter()
            .take(self.header)
            .any(|(k, v)| *k == key && *v == value);
        if !said {
            self.entries.push((key, value));
        }
    }

    fn text(&mut self, key: &'static str, value: &str) {
        self.entries.push((Cow::Borrowed(key), quoted(value)));
    }

    fn write(&self, out: &mut Vec<u8>) {
        out.push(b'{');
        let mut is_first = true;
        for (place, (key, _)) in self.entries.iter().enumerate() {
            if self.entries.iter().take(place).any(|(before, _)| before == key) {
                continue;
            }
            if !std::mem::take(&mut is_first) {
                out.push(b',');
            }
            out.extend(quoted(key));
            out.push(b':');
            let values: Vec<_> = self
                .entries
                .iter()
                .filter(|(k, _)| k == key)
                .map(|(_, v)| v.as_slice())
                .collect();
            match values.as_slice() {
                [value] => out.extend_from_slice(value),
                several => {
                    out.push(b'[');
                    out.extend(several.join(&b','));
                    out.push(b']');
                }
            }
        }
        out.push(b'}');
    }
}

fn quoted(text: &str) -> Vec<u8> {
    // A string is always serializable.
    serde_json::to_vec(text).unwrap_or_default()
}

fn rendered(field: &Field<'_>) -> Vec<u8> {
    if let Some(list) = field.list() {
        let items: Vec<Vec<u8>> = list
            .items
            .iter()
            .map(|item| {
                let mut object = Object::default();
                if let Some(template) = item.template_id {
                    object.push(Cow::Borrowed("templateId"), template.to_string().into_bytes());
                }
                if !item.undecoded.is_empty() {
                    object.text("undecoded", &Value::Octets(item.undecoded).to_string());
                }
                for field in &item.fields {
                    object.push(field.name(), rendered(field));
                }
                let mut out = Vec::new();
                object.write(&mut out);
                out
            })
            .collect();
        let mut out = vec![b'['];
        out.extend(items.join(&b','));
        out.push(b']');
        return out;
    }
    let mut out = Vec::new();
    // Writing to memory does not fail.
    let _ = match field.value() {
        Value::Unsigned(n) => write!(out, "{n}"),
        Value::Signed(n) => write!(out, "{n}"),
        Value::Bool(b) => write!(out, "{b}"),
        // NaN and the infinities have no JSON number.
        Value::Float(n) if n.is_finite() => write!(out, "{n}"),
        other => {
            out = quoted(&other.to_string());
            Ok(())
        }
    };
    out
}
