//! What a search asks for, and looking for it in a block.

use std::collections::HashSet;
use std::net::IpAddr;

use memchr::memmem::Finder;
use model::{BlockError, Keyword, LogBlock, LogDirectory, LogHead, LogRows, LogTexts, Severity, Timestamp, fold};

use super::LogSearch;
use super::page::{LogCursor, Page};
use crate::append::BatchKey;

/// A search's conditions, made ready.
pub(super) struct Conditions {
    from: Timestamp,
    exporters: Vec<model::LinkId>,
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
            from: search.from,
            exporters: search.exporters.clone(),
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
            && self.app.as_ref().is_none_or(|word| head.may_hold(&word.keyword));
        if !summary {
            return Ok(false);
        }
        if self.exporters.is_empty() && self.host.is_none() && self.app.is_none() {
            return Ok(true);
        }
        let directory = head.directory()?;
        let exporters = self.exporters.is_empty() || directory.exporters.iter().any(|e| self.exporters.contains(e));
        let wanted = self.wanted(&directory);
        let hosts = wanted.hosts.is_none_or(|hosts| hosts.contains(&true)) || !wanted.peers.is_empty();
        let apps = wanted.apps.is_none_or(|apps| apps.contains(&true));
        Ok(exporters && hosts && apps)
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
            if has_all(&shared, &rows, &texts, place)
                && let Some(record) = rows.record(place, &texts)
            {
                page.put(cursor, record);
            }
        }
        Ok(())
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
