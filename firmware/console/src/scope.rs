//! Which links a request is about: `ports`, `exporters`, or a link's number.

use api::analyzer::Scope;
use model::LinkId;
use serde::de::{Deserialize, Deserializer, Error as _};

/// A scope as query strings write it; all capture ports where it is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ScopeText(pub(crate) Scope);

impl ScopeText {
    /// Whether it holds exporters: their windows are of whole minutes.
    pub(crate) const fn is_of_exporters(self) -> bool {
        match self.0 {
            Scope::Ports => false,
            Scope::Exporters => true,
            Scope::Link(link) => link.exporter().is_some(),
        }
    }
}

impl<'de> Deserialize<'de> for ScopeText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let scope = match text.as_str() {
            "ports" => Scope::Ports,
            "exporters" => Scope::Exporters,
            number => match number.parse() {
                Ok(number) => Scope::Link(LinkId(number)),
                Err(_) => {
                    return Err(D::Error::custom(
                        "scope is `ports`, `exporters` or the number of a link",
                    ));
                }
            },
        };
        Ok(Self(scope))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<ScopeText> {
        serde_json::from_value(serde_json::Value::from(text)).ok()
    }

    #[test]
    fn scopes_are_read_and_nothing_else_is() {
        assert_eq!(read("ports"), Some(ScopeText(Scope::Ports)));
        assert_eq!(read("exporters"), Some(ScopeText(Scope::Exporters)));
        assert_eq!(read("65537"), Some(ScopeText(Scope::Link(LinkId(65_537)))));
        for bad in ["", "all", "-1", "4294967296", "1 "] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn exporters_are_told_from_ports() {
        let exporters = |text| read(text).unwrap().is_of_exporters();
        assert!(exporters("exporters") && exporters("65536") && !exporters("ports") && !exporters("65535"));
    }
}
