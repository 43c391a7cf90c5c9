//! What a search asks for, and looking for it in a block.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};

use memchr::memmem::Finder;
use model::{
    AddressRange, BlockError, Keyword, LogBlock, LogDirectory, LogHead, LogRow, LogRows, LogSource, LogTexts, Severity,
    Timestamp, fold,
};

use super::LogSearch;
use super::page::{LogCursor, Page};
use crate::append::BatchKey;

/// A search's conditions, made ready.
pub(super) struct Conditions {
    transactions: bool,
    from: Timestamp,
    exporters: Vec<model::LinkId>,
    kinds: Vec<LogSource>,
    client: Option<Range>,
    server: Option<(Range, Option<u16>)>,
    code: Option<Word>,
    host: Option<Word>,
    severity: Severity,
    facility: Option<u8>,
    app: Option<Word>,
    keywords: Vec<Word>,
}

/// A word to look for, whatever its case.
struct Word {
    keyword: Keyword,
    finder: Finder<'static>,
}

impl Word {
    fn new(word: &str) -> Self {
        let keyword = Keyword::new(word);
        Self {
            finder: Finder::new(keyword.folded()).into_owned(),
            keyword,
        }
    }

    fn is_in(&self, text: &str) -> bool {
        self.is_in_folded(&fold(text))
    }

    fn is_in_folded(&self, folded: &str) -> bool {
        self.finder.find(folded.as_bytes()).is_some()
    }

    /// Which of the strings have it.
    fn places(&self, strings: &[String]) -> Vec<bool> {
        strings.iter().map(|string| self.is_in(string)).collect()
    }
}

/// Addresses to look for.
struct Range {
    range: AddressRange,
    /// What stands in the data where it is one address of an application log.
    in_data: Option<Keyword>,
}

impl Range {
    /// `part`: of whom, as the data names it.
    fn new(range: AddressRange, part: &str, port: Option<u16>) -> Self {
        let (first, last) = range.bounds();
        let in_data = (first == last).then(|| {
            let end = port.map_or_else(String::new, |port| format!("{port}\""));
            Keyword::new(&match first {
                IpAddr::V4(ip) => format!("{part}=\"{ip}:{end}"),
                IpAddr::V6(ip) => format!("{part}=\"[{ip}]:{end}"),
            })
        });
        Self { range, in_data }
    }

    /// Whether a block of application logs may have one in its data.
    fn may_be_in(&self, head: &LogHead<'_>) -> bool {
        self.in_data.as_ref().is_none_or(|keyword| head.may_hold(keyword))
    }
}

/// The server that an application log names.
fn server_of(data: &str) -> Option<SocketAddr> {
    let (_, rest) = data.split_once("server=\"")?;
    rest.split_once('"')?.0.parse().ok()
}

/// Whose records are wanted, as far as the directory says.
struct Wanted {
    /// By place in the directory; `None`: all.
    hosts: Option<Vec<bool>>,
    peers: HashSet<IpAddr>,
    apps: Option<Vec<bool>>,
}

/// Where a keyword stands in what many records share, by their places.
struct Shared<'a> {
    word: &'a Word,
    hosts: Vec<bool>,
    apps: Vec<bool>,
    codes: Vec<bool>,
}

fn at(places: &[bool], place: u32) -> bool {
    places.get(place as usize).copied().unwrap_or(false)
}

impl Conditions {
    pub(super) fn new(search: &LogSearch) -> Self {
        let word = |word: &Option<String>| word.as_deref().filter(|w| !w.is_empty()).map(Word::new);
        let keywords = search.keywords.iter().filter(|word| !word.is_empty());
        Self {
            transactions: search.transactions,
            from: search.from,
            exporters: search.exporters.clone(),
            kinds: search.kinds.clone(),
            client: search.client.map(|range| Range::new(range, "client", None)),
            server: search
                .server
                .map(|(range, port)| (Range::new(range, "server", port), port)),
            code: word(&search.code),
            host: word(&search.host),
            severity: search.severity.unwrap_or(Severity::Debug),
            facility: search.facility,
            app: word(&search.app),
            keywords: keywords.map(|word| Word::new(word)).collect(),
        }
    }

    pub(super) fn from(&self) -> Timestamp {
        self.from
    }

    /// Whether a block may hold what is looked for; `false` is certain.
    pub(super) fn may_hold(&self, head: &LogHead<'_>) -> Result<bool, BlockError> {
        let summary = head.has_severity(self.severity)
            && self.facility.is_none_or(|facility| head.has_facility(facility))
            && self.keywords.iter().all(|word| head.may_hold(&word.keyword))
            && self.app.as_ref().is_none_or(|word| head.may_hold(&word.keyword))
            && self.code.as_ref().is_none_or(|word| head.may_hold(&word.keyword))
            && (self.kinds.is_empty() || self.kinds.iter().any(|kind| head.may_have_source(*kind)))
            && self.server.as_ref().is_none_or(|(range, _)| range.may_be_in(head))
            && self
                .client
                .as_ref()
                .is_none_or(|range| !self.transactions || range.may_be_in(head));
        if !summary {
            return Ok(false);
        }
        if self.exporters.is_empty() && self.host.is_none() && self.app.is_none() && self.client.is_none() {
            return Ok(true);
        }
        let directory = head.directory()?;
        let exporters = self.exporters.is_empty() || directory.exporters.iter().any(|e| self.exporters.contains(e));
        let wanted = self.wanted(&directory);
        let hosts = wanted.hosts.is_none_or(|hosts| hosts.contains(&true)) || !wanted.peers.is_empty();
        let apps = wanted.apps.is_none_or(|apps| apps.contains(&true));
        let mut peers = directory.peers4.iter().chain(&directory.peers6);
        let clients = self
            .client
            .as_ref()
            .is_none_or(|range| peers.any(|peer| range.range.contains(*peer)));
        Ok(exporters && hosts && apps && clients)
    }

    fn wanted(&self, directory: &LogDirectory) -> Wanted {
        let mut peers = HashSet::new();
        if let Some(word) = &self.host {
            let all = directory.peers4.iter().chain(&directory.peers6);
            peers.extend(all.filter(|peer| word.is_in(&peer.to_string())));
        }
        Wanted {
            hosts: self.host.as_ref().map(|word| word.places(&directory.hosts)),
            peers,
            apps: self.app.as_ref().map(|word| word.places(&directory.apps)),
        }
    }

    /// Puts the block's records that are looked for into the page.
    pub(super) fn search(&self, block: &LogBlock, batch: BatchKey, page: &mut Page) -> Result<(), BlockError> {
        let rows = block.rows()?;
        let wanted = self.wanted(rows.directory());
        let codes: Option<Vec<bool>> = self.code.as_ref().map(|word| {
            let is_code = |code: &String| *fold(code) == *word.keyword.folded();
            rows.codes().iter().map(is_code).collect()
        });
        // The newest first: once the page is full, the rest of the block is too old.
        let places: Vec<(usize, LogCursor)> = rows
            .rows()
            .iter()
            .enumerate()
            .rev()
            .filter(|(_, row)| {
                let host = wanted
                    .hosts
                    .as_ref()
                    .is_none_or(|hosts| at(hosts, row.host) || wanted.peers.contains(&row.peer));
                row.severity <= self.severity
                    && self.facility.is_none_or(|facility| facility == row.facility)
                    && (self.exporters.is_empty() || self.exporters.contains(&row.exporter))
                    && host
                    && self.takes(row)
                    && codes.as_ref().is_none_or(|codes| at(codes, row.code))
                    && wanted.apps.as_ref().is_none_or(|apps| at(apps, row.app))
            })
            .filter_map(|(place, row)| {
                let cursor = LogCursor::new(row.time, batch, u32::try_from(place).ok()?);
                page.takes(&cursor).then_some((place, cursor))
            })
            .collect();
        if places.is_empty() {
            // The texts stay packed.
            return Ok(());
        }
        let texts = block.texts(&rows)?;
        let shared: Vec<Shared<'_>> = self.keywords.iter().map(|word| Shared::of(word, &rows)).collect();
        for (place, cursor) in places {
            if !page.takes(&cursor) {
                break;
            }
            if self.is_to_server(texts.data(place))
                && has_all(&shared, &rows, &texts, place)
                && let Some(record) = rows.record(place, &texts)
            {
                page.put(cursor, record);
            }
        }
        Ok(())
    }
}

impl Conditions {
    /// Whether a record is of a kind and from a client that are wanted.
    fn takes(&self, row: &LogRow) -> bool {
        (self.kinds.is_empty() || self.kinds.contains(&row.source))
            && self.client.as_ref().is_none_or(|range| range.range.contains(row.peer))
    }

    /// Whether a record's data names a server that is wanted.
    fn is_to_server(&self, data: Option<&str>) -> bool {
        self.server.as_ref().is_none_or(|(range, port)| {
            data.and_then(server_of).is_some_and(|server| {
                range.range.contains(server.ip()) && port.is_none_or(|port| port == server.port())
            })
        })
    }
}

impl<'a> Shared<'a> {
    fn of(word: &'a Word, rows: &LogRows) -> Self {
        Self {
            hosts: word.places(&rows.directory().hosts),
            apps: word.places(&rows.directory().apps),
            codes: word.places(rows.codes()),
            word,
        }
    }
}

fn has_all(words: &[Shared<'_>], rows: &LogRows, texts: &LogTexts, place: usize) -> bool {
    let Some(row) = rows.rows().get(place) else {
        return false;
    };
    let mut rest = words
        .iter()
        .filter(|word| !(at(&word.hosts, row.host) || at(&word.apps, row.app) || at(&word.codes, row.code)))
        .peekable();
    if rest.peek().is_none() {
        return true;
    }
    let text = fold(texts.text(place).unwrap_or_default());
    let data = fold(texts.data(place).unwrap_or_default());
    rest.all(|word| word.word.is_in_folded(&text) || word.word.is_in_folded(&data))
}
