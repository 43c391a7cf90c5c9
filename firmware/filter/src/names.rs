//! The names that filters may use.

use model::App;

/// What an administrator named, and what exporters call their interfaces. The firmware's own applications are known
/// besides.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Names {
    /// Applications that were defined.
    pub apps: Vec<String>,
    /// Businesses.
    pub businesses: Vec<String>,
    /// IP groups.
    pub ip_groups: Vec<String>,
    /// Interface groups.
    pub interface_groups: Vec<String>,
    /// Link groups.
    pub link_groups: Vec<String>,
    /// Links: capture ports and exporters.
    pub links: Vec<String>,
    /// Exporters.
    pub exporters: Vec<String>,
    /// Interfaces of exporters.
    pub interfaces: Vec<InterfaceName>,
}

/// An interface of an exporter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceName {
    /// The exporter's name.
    pub exporter: String,
    /// The interface's ifIndex.
    pub index: u32,
    /// The interface's name; empty where it is not known.
    pub name: String,
}

/// The kinds of names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NameKind {
    App,
    Business,
    IpGroup,
    InterfaceGroup,
    LinkGroup,
    Link,
    Exporter,
}

impl NameKind {
    pub(crate) const ALL: [Self; 7] = [
        Self::App,
        Self::Business,
        Self::IpGroup,
        Self::InterfaceGroup,
        Self::LinkGroup,
        Self::Link,
        Self::Exporter,
    ];

    /// What it is, with its article, in English; and in Chinese.
    pub(crate) const fn said(self) -> (&'static str, &'static str) {
        match self {
            Self::App => ("an application", "应用"),
            Self::Business => ("a business", "业务"),
            Self::IpGroup => ("an IP group", "IP 组"),
            Self::InterfaceGroup => ("an interface group", "接口组"),
            Self::LinkGroup => ("a link group", "链路组"),
            Self::Link => ("a link", "链路"),
            Self::Exporter => ("an exporter", "网元"),
        }
    }

    /// The same without the article.
    pub(crate) fn noun(self) -> &'static str {
        let (english, _) = self.said();
        english.split_once(' ').map_or(english, |(_, noun)| noun)
    }

    /// The words before such a name.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::App => "app",
            Self::Business => "business",
            Self::IpGroup => "group",
            Self::InterfaceGroup => "ifgroup",
            Self::LinkGroup => "linkgroup",
            Self::Link => "link",
            Self::Exporter => "exporter",
        }
    }

    /// Whether a number stands for one of them too.
    pub(crate) const fn numbered(self) -> bool {
        matches!(self, Self::Link | Self::Exporter)
    }
}

impl Names {
    /// All names of a kind.
    pub(crate) fn of(&self, kind: NameKind) -> impl Iterator<Item = &str> {
        let (own, list) = match kind {
            NameKind::App => (true, &self.apps),
            NameKind::Business => (false, &self.businesses),
            NameKind::IpGroup => (false, &self.ip_groups),
            NameKind::InterfaceGroup => (false, &self.interface_groups),
            NameKind::LinkGroup => (false, &self.link_groups),
            NameKind::Link => (false, &self.links),
            NameKind::Exporter => (false, &self.exporters),
        };
        let firmware = std::iter::once(App::UNKNOWN).chain(App::known()).filter(move |_| own);
        let firmware = firmware.filter_map(|app| app.name());
        list.iter().map(String::as_str).chain(firmware)
    }

    /// The name of a kind that a text is: exactly, or else but for the case of its letters.
    pub(crate) fn find(&self, kind: NameKind, text: &str) -> Option<&str> {
        find(self.of(kind), text)
    }

    /// The interfaces of an exporter (its name, or a number of one), or of any. Each interface is listed under one
    /// name of its exporter, which may have others: under those, all are.
    pub(crate) fn interfaces_of(&self, exporter: Option<&str>) -> impl Iterator<Item = &InterfaceName> {
        let listed = exporter.filter(|name| self.interfaces.iter().any(|one| one.exporter == **name));
        self.interfaces
            .iter()
            .filter(move |one| listed.is_none_or(|name| one.exporter == name))
    }

    /// The name of an interface that a text is, of an exporter or of any.
    pub(crate) fn interface(&self, exporter: Option<&str>, text: &str) -> Option<&str> {
        let names = self.interfaces_of(exporter).map(|one| one.name.as_str());
        find(names.filter(|name| !name.is_empty()), text)
    }
}

/// Whether a text is a number as links, exporters and interfaces have them.
pub(crate) fn is_number(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u32>().is_ok()
}

fn find<'a>(names: impl Iterator<Item = &'a str>, text: &str) -> Option<&'a str> {
    let lower = text.to_lowercase();
    let mut found = None;
    for name in names {
        if name == text {
            return Some(name);
        }
        if found.is_none() && name.to_lowercase() == lower {
            found = Some(name);
        }
    }
    found
}

/// The one of `all` that a mistyped text is nearest to, if any is near.
pub(crate) fn nearest<'a>(all: impl Iterator<Item = &'a str>, text: &str) -> Option<&'a str> {
    let text: Vec<char> = text.to_lowercase().chars().take(LONGEST + 1).collect();
    if text.len() > LONGEST {
        return None;
    }
    // A third of the letters may be wrong, none of a text of one or two.
    let most = match text.len() {
        0..=2 => 0,
        3..=4 => 1,
        5..=8 => 2,
        _ => 3,
    };
    let distances = all.filter_map(|one| {
        let other: Vec<char> = one.to_lowercase().chars().take(LONGEST + 1).collect();
        // A name that begins with the text is near it too.
        let begins = text.len() >= 3 && other.starts_with(&text);
        (other.len().abs_diff(text.len()) <= most || begins).then(|| (distance(&text, &other), begins, one))
    });
    distances
        .filter(|(distance, begins, _)| *distance <= most || *begins)
        .min_by_key(|(distance, begins, _)| (*distance > most, !begins, *distance))
        .map(|(_, _, one)| one)
}

/// Texts longer than this are near nothing.
const LONGEST: usize = 64;

/// How many letters must be put in, left out, replaced or exchanged with their neighbour (optimal string alignment).
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at = |row: &[usize], j: usize| row.get(j).copied().unwrap_or(usize::MAX / 2);
            let mut least = (at(&last, j) + usize::from(x != y))
                .min(at(&last, j + 1) + 1)
                .min(at(&row, j) + 1);
            if i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x) {
                least = least.min(at(&before, j - 1) + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_is_the_one_with_the_fewest_slips() {
        let words = ["dport", "sport", "port", "postgresql", "dns"];
        let near = |text| nearest(words.into_iter(), text);
        assert_eq!(near("dprot"), Some("dport"));
        assert_eq!(near("prt"), Some("port"));
        assert_eq!(near("postgres"), Some("postgresql"));
        assert_eq!(near("dnss"), Some("dns"));
        assert_eq!(near("x"), None);
        assert_eq!(near("elephant"), None);
        assert_eq!(distance(&['a', 'b', 'c'], &['b', 'a', 'c']), 1);
        assert_eq!(distance(&[], &['a']), 1);
    }

    #[test]
    fn a_name_is_found_exactly_before_it_is_found_in_another_case() {
        let names = Names {
            businesses: vec!["erp".into(), "ERP".into(), "Mail".into()],
            ..Names::default()
        };
        assert_eq!(names.find(NameKind::Business, "ERP"), Some("ERP"));
        assert_eq!(names.find(NameKind::Business, "Erp"), Some("erp"));
        assert_eq!(names.find(NameKind::Business, "mail"), Some("Mail"));
        assert_eq!(names.find(NameKind::App, "DNS"), Some("dns"));
        assert_eq!(names.find(NameKind::App, "unknown"), Some("unknown"));
    }
}
