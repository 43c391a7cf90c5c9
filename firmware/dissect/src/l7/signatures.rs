//! Applications by the names of hosts and by patterns of first octets: the firmware's file of signatures, and rules that
//! an administrator adds in the same language (docs/signatures.md).

mod parse;
#[cfg(test)]
mod tests;

use std::sync::{Arc, LazyLock};

use model::{App, Confidence, DetailKey, Details};

use self::parse::{Host, Rule, Statement};
pub use self::parse::{SignatureError, SignatureProblem};
use super::sample::{Sample, transport_bit};

/// The firmware's own signatures.
const BUILTIN: &str = include_str!("../../signatures/builtin.sig");

/// The most labels of a suffix that are compared.
const LABELS_MAX: usize = 16;

/// Applications by name. Whose names are looked up cannot choose what is in it, so that its hash needs no key.
#[derive(Debug, Clone, Default)]
struct Hosts {
    /// Bits of hashes that are there, eight places a name: most names are not, and are not looked for.
    filter: Vec<u64>,
    /// By hash; a power of two of places, of which each holds few.
    places: Vec<Vec<(u64, Box<str>, App)>>,
    count: usize,
}

impl Hosts {
    const START: u64 = 0xcbf2_9ce4_8422_2325;

    /// The hash of a name one octet longer at its beginning (FNV-1a of the octets from the end).
    const fn next(hash: u64, octet: u8) -> u64 {
        (hash ^ octet as u64).wrapping_mul(0x0000_0100_0000_01b3)
    }

    fn get(&self, hash: u64, name: &str) -> Option<App> {
        let (word, bit) = self.bit(hash);
        if self.filter.get(word)? & bit == 0 {
            return None;
        }
        let place = self.places.get(self.place(hash))?;
        let is = |(h, n, _): &&(u64, Box<str>, App)| *h == hash && **n == *name;
        place.iter().find(is).map(|(.., app)| *app)
    }

    /// The word and bit of a hash in the filter.
    fn bit(&self, hash: u64) -> (usize, u64) {
        let folded = hash ^ hash >> 29;
        let word = folded >> 6 & self.filter.len().wrapping_sub(1) as u64;
        (usize::try_from(word).unwrap_or(0), 1 << (folded & 63))
    }

    fn place(&self, hash: u64) -> usize {
        // The upper bits are mixed best.
        let folded = hash ^ hash >> 32;
        usize::try_from(folded & self.places.len().wrapping_sub(1) as u64).unwrap_or(0)
    }

    /// Keeps an earlier one.
    fn insert(&mut self, name: Box<str>, app: App) {
        let hash = name.bytes().rev().fold(Self::START, Self::next);
        if self.get(hash, &name).is_some() {
            return;
        }
        if self.count >= self.places.len() {
            let old = std::mem::take(&mut self.places);
            self.places = vec![Vec::new(); (old.len() * 2).max(64)];
            self.filter = vec![0; self.places.len() / 8];
            old.into_iter().flatten().for_each(|entry| self.push(entry));
        }
        self.push((hash, name, app));
        self.count += 1;
    }

    fn push(&mut self, entry: (u64, Box<str>, App)) {
        let (word, bit) = self.bit(entry.0);
        let at = self.place(entry.0);
        if let (Some(word), Some(place)) = (self.filter.get_mut(word), self.places.get_mut(at)) {
            *word |= bit;
            place.push(entry);
        }
    }
}

/// Compiled signatures.
#[derive(Debug, Clone, Default)]
pub struct Signatures {
    /// Names that stand for themselves and all below them.
    suffixes: Hosts,
    /// Names that stand for themselves alone.
    exact: Hosts,
    /// The most labels of a suffix.
    labels: usize,
    /// Patterns; an earlier one wins.
    rules: Vec<Rule>,
    /// For each first octet the rules that ask for it, in order.
    by_octet: Vec<Vec<u32>>,
    /// Rules that ask for no first octet.
    other: Vec<u32>,
}

impl Signatures {
    /// The most octets of an administrator's text.
    pub const TEXT_MAX: usize = 64 << 10;

    /// The firmware's own.
    #[must_use]
    pub fn builtin() -> Arc<Self> {
        static OWN: LazyLock<Arc<Signatures>> = LazyLock::new(|| {
            // A test holds that the file is sound; without it, flows are known by their protocol alone.
            let statements = parse::statements(BUILTIN, &App::by_name).unwrap_or_default();
            Arc::new(Signatures::compile(statements))
        });
        Arc::clone(&OWN)
    }

    /// The firmware's own and an administrator's. Where both have a rule for the same host name, or a pattern of both
    /// matches, the administrator's wins; otherwise the longer host name does. `app_of` gives the application of a name,
    /// those that the administrator defined included.
    ///
    /// # Errors
    /// The first line that is wrong: where, what, and what to write instead.
    pub fn with(text: &str, app_of: &dyn Fn(&str) -> Option<App>) -> Result<Arc<Self>, SignatureError> {
        if text.len() > Self::TEXT_MAX {
            return Err(SignatureError::too_long(text));
        }
        let mut statements = parse::statements(text, app_of)?;
        if statements.is_empty() {
            return Ok(Self::builtin());
        }
        statements.extend(parse::statements(BUILTIN, &App::by_name)?);
        Ok(Arc::new(Self::compile(statements)))
    }

    /// Tables of what was read; an earlier statement wins.
    fn compile(statements: Vec<Statement>) -> Self {
        let mut tables = Self {
            by_octet: vec![Vec::new(); 256],
            ..Self::default()
        };
        for statement in statements {
            match statement {
                Statement::Host(app, Host { name, is_exact: true }) => {
                    tables.exact.insert(name, app);
                }
                Statement::Host(app, Host { name, is_exact: false }) => {
                    tables.labels = tables.labels.max(name.split('.').count()).min(LABELS_MAX);
                    tables.suffixes.insert(name, app);
                }
                Statement::Pattern(rule) => tables.push(rule),
            }
        }
        tables
    }

    fn push(&mut self, rule: Rule) {
        // The text's length bounds the number of rules.
        let Ok(number) = u32::try_from(self.rules.len()) else {
            return;
        };
        match rule
            .first_octet()
            .and_then(|octet| self.by_octet.get_mut(usize::from(octet)))
        {
            Some(bucket) => bucket.push(number),
            None => self.other.push(number),
        }
        self.rules.push(rule);
    }

    /// The application of a host's name, by its longest suffix of whole labels. A look-up a label; no rule is walked.
    #[must_use]
    pub fn by_host(&self, host: &str) -> Option<App> {
        if host.bytes().fold(false, |any, octet| any | octet.is_ascii_uppercase()) {
            return self.by_host(&host.to_ascii_lowercase());
        }
        let host = host.trim_end_matches('.');
        let mut found = None;
        let mut labels = 0;
        // From the end to the beginning: the hash of each suffix follows from that of the one behind it.
        let mut hash = Hosts::START;
        for (at, octet) in host.bytes().enumerate().rev() {
            if octet == b'.' && labels < self.labels {
                labels += 1;
                found = self.suffixes.get(hash, host.get(at + 1..)?).or(found);
            }
            hash = Hosts::next(hash, octet);
        }
        self.exact.get(hash, host).or_else(|| {
            let whole = (labels < self.labels).then(|| self.suffixes.get(hash, host));
            whole.flatten().or(found)
        })
    }

    /// The application of a server whose client named none: by its certificate's subject, else by the other names where
    /// all that are known are of one application.
    pub(crate) fn by_certificate(&self, details: &Details) -> Option<App> {
        let of = |name: &str| self.by_host(name.trim_start_matches("*."));
        let subject = details.get(DetailKey::Subject).and_then(of);
        subject.or_else(|| {
            let names = details.get(DetailKey::CertificateNames)?;
            let mut apps = names.split(',').filter_map(of);
            let first = apps.next()?;
            apps.all(|app| app == first).then_some(first)
        })
    }

    /// The application of a flow's first octets, from either side.
    pub(crate) fn by_payload(&self, sample: &Sample<'_>) -> Option<(App, Confidence)> {
        let sides = [(sample.client, true), (sample.server, false)];
        let number = sides
            .into_iter()
            .filter_map(|(octets, is_client)| self.first_rule(sample, octets, is_client))
            .min()?;
        let rule = self.rules.get(usize::try_from(number).ok()?)?;
        Some((rule.app, Confidence::Pattern))
    }

    /// The first rule that one side's octets match.
    fn first_rule(&self, sample: &Sample<'_>, octets: &[u8], is_client: bool) -> Option<u32> {
        let first = octets.first()?;
        let of_octet = self
            .by_octet
            .get(usize::from(*first))
            .map(Vec::as_slice)
            .unwrap_or_default();
        let transport = transport_bit(sample.transport);
        let ports = [sample.src_port, sample.dst_port];
        let is_match = |number: &&u32| {
            let rule = usize::try_from(**number).ok().and_then(|at| self.rules.get(at));
            rule.is_some_and(|rule| rule.matches(transport, ports, octets, is_client))
        };
        let (a, b) = (of_octet.iter().find(is_match), self.other.iter().find(is_match));
        a.into_iter().chain(b).min().copied()
    }
}
