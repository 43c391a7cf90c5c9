//! What to ask a server and what its answer means. No socket, file or clock.

use super::address::{Address, BadAddress};

/// Answers that lead elsewhere that are followed.
const REDIRECTS: u8 = 5;
/// Attempts in a row that may bring nothing new.
const FRUITLESS: u32 = 6;
/// What an attempt must bring to count as one that did.
const PROGRESS: u64 = 64 << 10;

/// Why a download ends without its bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    /// There is nothing.
    #[error("the server has nothing at this address ({0}): look for a mistake in it")]
    NotFound(u16),
    /// It wants to know who asks.
    #[error("the server does not let everyone have it ({0}): name an address that needs no password")]
    Denied(u16),
    /// An answer that says no.
    #[error("the server answers with status {0}")]
    Status(u16),
    /// It leads from one address to another.
    #[error("the server leads on and on: after {REDIRECTS} other addresses it is not followed any more")]
    Redirects,
    /// It leads to something that is no address.
    #[error("the server leads to another place: {0}")]
    Elsewhere(BadAddress),
    /// It leads from HTTPS to HTTP.
    #[error(
        "the server leads from https to http, which is not followed: name the http address yourself if you trust it"
    )]
    Downgrade,
    /// The body is of an encoding that was not asked for.
    #[error("the server sends the bundle in another encoding ({0})")]
    Encoding(String),
    /// The server's certificate.
    #[error(
        "the server's certificate is not accepted ({0}): a bundle is signed, so an http:// address will do as well"
    )]
    Certificate(String),
    /// It broke off again and again.
    #[error("it broke off {FRUITLESS} times without getting further, at {at} octets: {why}")]
    GaveUp {
        /// Octets that had come.
        at: u64,
        /// The last reason.
        why: String,
    },
}

/// What to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Where.
    pub address: Address,
    /// The first octet that is wanted; 0 for all.
    pub from: u64,
    /// What the file must still be, where only a part is asked (RFC 9110, 13.1.5).
    pub if_range: Option<String>,
}

/// The head of an answer, as far as it matters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Head {
    /// The status code.
    pub status: u16,
    /// `Content-Length`.
    pub length: Option<u64>,
    /// `Content-Range`.
    pub range: Option<String>,
    /// `Location`.
    pub location: Option<String>,
    /// `ETag`.
    pub etag: Option<String>,
    /// `Last-Modified`.
    pub modified: Option<String>,
    /// `Content-Encoding`.
    pub encoding: Option<String>,
}

/// What an answer's head leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The body goes to this place of the file.
    Body {
        /// 0, or where it broke off.
        from: u64,
    },
    /// Go on as this says.
    Next(Next),
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// All of it came.
    Done,
    /// Ask at once.
    Ask,
    /// Ask after so many units of time.
    Wait(u32),
}

/// A download.
#[derive(Debug, Clone)]
pub struct Transfer {
    address: Address,
    redirects: u8,
    at: u64,
    total: Option<u64>,
    validator: Option<String>,
    /// The most octets that were there at the end of an attempt.
    best: u64,
    fruitless: u32,
}

impl Transfer {
    /// A download from an address.
    #[must_use]
    pub const fn new(address: Address) -> Self {
        Self {
            address,
            redirects: 0,
            at: 0,
            total: None,
            validator: None,
            best: 0,
            fruitless: 0,
        }
    }

    /// What to ask now.
    #[must_use]
    pub fn ask(&self) -> Ask {
        // A part is of use only where the server can say that the file is still the same.
        let from = if self.validator.is_some() { self.at } else { 0 };
        Ask {
            address: self.address.clone(),
            from,
            if_range: self.validator.clone().filter(|_| from > 0),
        }
    }

    /// The bundle's octets as far as the server told.
    #[must_use]
    pub const fn total(&self) -> Option<u64> {
        self.total
    }

    /// Judges the head of the answer to [`Transfer::ask`].
    ///
    /// # Errors
    /// When the server says no, or what cannot be followed.
    pub fn answered(&mut self, head: &Head) -> Result<Answer, Failed> {
        match head.status {
            200 | 206 => {
                if let Some(encoding) = head.encoding.as_deref().filter(|e| !e.eq_ignore_ascii_case("identity")) {
                    return Err(Failed::Encoding(encoding.chars().take(40).collect()));
                }
            }
            301 | 302 | 303 | 307 | 308 => return self.redirected(head),
            401 | 403 | 407 => return Err(Failed::Denied(head.status)),
            404 | 410 => return Err(Failed::NotFound(head.status)),
            // The file is shorter than what is here: it is another one.
            416 if self.at > 0 => {
                self.begin_again();
                return Ok(Answer::Next(self.broke("the file changed on the server")?));
            }
            408 | 425 | 429 | 500 | 502 | 503 | 504 => {
                let why = format!("the server answers with status {}", head.status);
                return Ok(Answer::Next(self.broke(&why)?));
            }
            other => return Err(Failed::Status(other)),
        }
        if head.status == 206 {
            let asked = self.ask().from;
            let (from, total) = head.range.as_deref().and_then(parse_range).unwrap_or((u64::MAX, None));
            let same = total.is_none() || self.total.is_none() || total == self.total;
            if asked == 0 || from != asked || !same {
                self.begin_again();
                return Ok(Answer::Next(
                    self.broke("the server sends another part than the one asked for")?,
                ));
            }
            self.total = total.or(self.total);
            return Ok(Answer::Body { from });
        }
        self.at = 0;
        self.total = head.length;
        // A weak tag says that two files mean the same, not that they are.
        let strong = head.etag.clone().filter(|tag| tag.starts_with('"') && tag.len() <= 256);
        self.validator = strong.or_else(|| head.modified.clone().filter(|date| date.len() <= 64));
        Ok(Answer::Body { from: 0 })
    }

    fn redirected(&mut self, head: &Head) -> Result<Answer, Failed> {
        self.redirects += 1;
        if self.redirects > REDIRECTS {
            return Err(Failed::Redirects);
        }
        let location = head.location.as_deref().unwrap_or_default();
        let next = self.address.joined(location).map_err(Failed::Elsewhere)?;
        if self.address.secure() && !next.secure() {
            return Err(Failed::Downgrade);
        }
        self.address = next;
        Ok(Answer::Next(Next::Ask))
    }

    /// Octets of the body came.
    pub fn came(&mut self, octets: u64) {
        self.at = self.at.saturating_add(octets);
    }

    /// The body came to its end in order.
    ///
    /// # Errors
    /// When it is shorter than was said, again and again.
    pub fn ended(&mut self) -> Result<Next, Failed> {
        match self.total {
            Some(total) if self.at < total => self.broke("the server sends less than it said"),
            Some(total) if self.at > total => {
                self.begin_again();
                self.broke("the server sends more than it said")
            }
            _ if self.at == 0 => self.broke("the server sends nothing"),
            _ => Ok(Next::Done),
        }
    }

    /// The connection could not be made, or broke off.
    ///
    /// # Errors
    /// When that happened too often without anything new.
    pub fn broke(&mut self, why: &str) -> Result<Next, Failed> {
        if self.at >= self.best.saturating_add(PROGRESS) {
            self.best = self.at;
            self.fruitless = 0;
        }
        self.fruitless += 1;
        if self.fruitless >= FRUITLESS {
            return Err(Failed::GaveUp {
                at: self.at,
                why: why.to_owned(),
            });
        }
        Ok(Next::Wait(1 << (self.fruitless - 1)))
    }

    fn begin_again(&mut self) {
        self.at = 0;
        self.total = None;
        self.validator = None;
    }
}

/// `bytes 5-9/10` gives 5 and 10; the length may be `*` (RFC 9110, 14.4).
fn parse_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last): (u64, u64) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    let total = match total.trim() {
        "*" => None,
        total => Some(total.parse().ok()?),
    };
    (first <= last && total.is_none_or(|total| last < total)).then_some((first, total))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn transfer() -> Transfer {
        Transfer::new(Address::parse("https://h/a/b").unwrap())
    }

    fn ok(length: Option<u64>, etag: Option<&str>) -> Head {
        Head {
            status: 200,
            length,
            etag: etag.map(str::to_owned),
            ..Head::default()
        }
    }

    fn status(status: u16) -> Head {
        Head {
            status,
            ..Head::default()
        }
    }

    fn to(location: &str) -> Head {
        Head {
            status: 302,
            location: Some(location.to_owned()),
            ..Head::default()
        }
    }

    #[test]
    fn what_broke_off_is_taken_up() {
        let mut transfer = transfer();
        assert_eq!(transfer.ask().from, 0);
        assert_eq!(
            transfer.answered(&ok(Some(200_000), Some("\"v1\""))),
            Ok(Answer::Body { from: 0 })
        );
        transfer.came(100_000);
        assert_eq!(transfer.broke("cable"), Ok(Next::Wait(1)));
        let ask = transfer.ask();
        assert_eq!((ask.from, ask.if_range.as_deref()), (100_000, Some("\"v1\"")));
        let part = Head {
            status: 206,
            range: Some("bytes 100000-199999/200000".to_owned()),
            ..Head::default()
        };
        assert_eq!(transfer.answered(&part), Ok(Answer::Body { from: 100_000 }));
        transfer.came(100_000);
        assert_eq!(transfer.ended(), Ok(Next::Done));
    }

    #[test]
    fn without_a_strong_name_for_the_file_it_begins_again() {
        for etag in [None, Some("W/\"weak\"")] {
            let mut transfer = transfer();
            transfer.answered(&ok(Some(9), etag)).unwrap();
            transfer.came(5);
            transfer.broke("cable").unwrap();
            assert_eq!(transfer.ask().from, 0);
        }
    }

    #[test]
    fn a_file_that_changed_begins_again() {
        let mut transfer = transfer();
        transfer.answered(&ok(Some(9), Some("\"v1\""))).unwrap();
        transfer.came(5);
        transfer.broke("cable").unwrap();
        // If-Range did not match: the server sends the new file from its start.
        assert_eq!(
            transfer.answered(&ok(Some(12), Some("\"v2\""))),
            Ok(Answer::Body { from: 0 })
        );
        assert_eq!((transfer.ask().from, transfer.total()), (0, Some(12)));
        // Another part than the one asked for is no help.
        transfer.came(5);
        let other = Head {
            status: 206,
            range: Some("bytes 4-11/12".to_owned()),
            ..Head::default()
        };
        assert!(matches!(transfer.answered(&other), Ok(Answer::Next(Next::Wait(_)))));
        assert_eq!(transfer.ask().from, 0);
    }

    #[test]
    fn redirects_are_followed_within_bounds() {
        let mut around = transfer();
        for _ in 0..REDIRECTS {
            assert_eq!(around.answered(&to("/again")), Ok(Answer::Next(Next::Ask)));
        }
        assert_eq!(around.ask().address.to_string(), "https://h/again");
        assert_eq!(around.answered(&to("/again")), Err(Failed::Redirects));
        assert_eq!(transfer().answered(&to("http://h/b")), Err(Failed::Downgrade));
        assert!(matches!(
            transfer().answered(&to("ftp://h/b")),
            Err(Failed::Elsewhere(_))
        ));
        assert!(matches!(
            transfer().answered(&status(302)),
            Err(Failed::Elsewhere(_)) | Ok(_)
        ));
    }

    #[test]
    fn refusals_end_it_and_troubles_are_waited_for() {
        assert_eq!(transfer().answered(&status(404)), Err(Failed::NotFound(404)));
        assert_eq!(transfer().answered(&status(403)), Err(Failed::Denied(403)));
        assert_eq!(transfer().answered(&status(451)), Err(Failed::Status(451)));
        let mut troubled = transfer();
        let mut waits = Vec::new();
        let end = loop {
            match troubled.answered(&status(503)) {
                Ok(Answer::Next(Next::Wait(wait))) => waits.push(wait),
                other => break other,
            }
        };
        assert_eq!(waits, [1, 2, 4, 8, 16]);
        assert!(matches!(end, Err(Failed::GaveUp { at: 0, .. })));
    }

    #[test]
    fn encodings_are_refused() {
        let zipped = Head {
            encoding: Some("gzip".to_owned()),
            ..ok(Some(5), None)
        };
        assert_eq!(transfer().answered(&zipped), Err(Failed::Encoding("gzip".to_owned())));
    }

    #[test]
    fn ranges_are_read() {
        assert_eq!(parse_range("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(parse_range("bytes 5-9/*"), Some((5, None)));
        for bad in [
            "",
            "bytes */10",
            "bytes 9-5/10",
            "bytes 5-10/10",
            "octets 5-9/10",
            "bytes 5-9",
        ] {
            assert_eq!(parse_range(bad), None, "{bad}");
        }
    }

    proptest! {
        /// A server that does what it likes: the download ends, and what is done has the length that was said.
        #[test]
        fn every_server_comes_to_an_end(
            answers in proptest::collection::vec((0u8..8, 0u64..300_000, 0u64..300_000), 1..400),
        ) {
            let mut transfer = transfer();
            let mut ended = false;
            for (kind, first, second) in answers.iter().cycle().take(4_000) {
                let head = match kind {
                    0 => status(503),
                    1 => to("/x"),
                    2 => status(416),
                    3 => ok(None, None),
                    4 => ok(Some(*first), None),
                    5 => ok(Some(*first), Some("\"v\"")),
                    _ => Head {
                        status: 206,
                        range: Some(format!("bytes {}-{}/{}", transfer.ask().from, transfer.ask().from + first, second)),
                        ..Head::default()
                    },
                };
                let next = match transfer.answered(&head) {
                    Ok(Answer::Body { from }) => {
                        prop_assert_eq!(from, transfer.at);
                        // No server of the test gets further than this.
                        transfer.came((*second).min(300_000_u64.saturating_sub(transfer.at)));
                        if second % 2 == 0 { transfer.ended() } else { transfer.broke("cable") }
                    }
                    Ok(Answer::Next(next)) => Ok(next),
                    Err(_) => { ended = true; break; }
                };
                match next {
                    Ok(Next::Done) => {
                        prop_assert!(transfer.total.is_none_or(|total| total == transfer.at));
                        ended = true;
                        break;
                    }
                    Ok(_) => {}
                    Err(_) => { ended = true; break; }
                }
            }
            prop_assert!(ended);
        }
    }
}
