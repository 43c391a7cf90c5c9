//! What the first packets of a flow say of its application.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How sure a flow's application is; a higher one replaces a lower one. A flow without an [`L7`] is known by its port or
/// IP protocol alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Confidence {
    /// By the registered port or IP protocol.
    #[default]
    Port = 1,
    /// By the name that DNS gave to the server's address before.
    Dns = 2,
    /// By a pattern of the first octets: others may look alike.
    Pattern = 3,
    /// Messages of the protocol were read.
    Parsed = 4,
}

impl Confidence {
    /// The confidence of a stored number; `None` for a number not known here.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Port,
            2 => Self::Dns,
            3 => Self::Pattern,
            4 => Self::Parsed,
            _ => return None,
        })
    }
}

/// What a [`Details`] entry says. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum DetailKey {
    /// Protocols that TLS agreed on, else those that the client offered, separated by commas (RFC 7301).
    Alpn = 1,
    /// The client's fingerprint: JA4 of TLS over TCP, or of QUIC.
    Ja4 = 2,
    /// The version that TLS agreed on: `TLS 1.3`, `TLS 1.2`, `SSL 3.0` …
    TlsVersion = 3,
    /// The cipher suite that the server chose, by its IANA name, else `0x1301`.
    Cipher = 4,
    /// Subject common name of the server's certificate.
    Subject = 5,
    /// Issuer of the server's certificate: its common name, else its organisation.
    Issuer = 6,
    /// DNS names of the server's certificate, separated by commas; at most eight.
    CertificateNames = 7,
    /// Type of the first DNS question: `A`, `AAAA`, `HTTPS` …
    DnsType = 8,
    /// Response code of the first DNS answer: `NOERROR`, `NXDOMAIN` …
    DnsCode = 9,
    /// Method of the first HTTP request.
    Method = 10,
    /// Path of the first HTTP request, query included.
    Path = 11,
    /// Status of the first HTTP response.
    Status = 12,
    /// What the client calls itself: `User-Agent`, SSH's identification string, SIP's user agent.
    Agent = 13,
    /// What the server calls itself: `Server`, SSH's identification string, a greeting.
    Server = 14,
    /// Media type of the first HTTP response.
    ContentType = 15,
    /// A user's name, where it is sent in the clear.
    User = 16,
    /// What was odd: overlapping segments that differ, and the like; words separated by commas.
    Anomaly = 17,
    /// The protocol's own version: SSH's, SMB's dialect, QUIC's.
    Version = 18,
    /// The client's older fingerprint: JA3, the MD5 in hexadecimal.
    Ja3 = 19,
    /// The highest version that the client's hello offers, GREASE left out: `TLS 1.3` …
    TlsClientVersion = 20,
    /// When the server's certificate begins to be valid: seconds since 1970.
    ValidFrom = 21,
    /// When the server's certificate ends to be valid: seconds since 1970.
    ValidUntil = 22,
    /// Algorithm of the server certificate's public key: `rsaEncryption`, `id-ecPublicKey` …
    KeyAlgorithm = 23,
    /// What the first DNS answer says: the data of its records in their order, separated by commas; at most eight.
    DnsAnswers = 24,
}

impl DetailKey {
    /// All of them, by number.
    pub const ALL: [Self; 24] = [
        Self::Alpn,
        Self::Ja4,
        Self::TlsVersion,
        Self::Cipher,
        Self::Subject,
        Self::Issuer,
        Self::CertificateNames,
        Self::DnsType,
        Self::DnsCode,
        Self::Method,
        Self::Path,
        Self::Status,
        Self::Agent,
        Self::Server,
        Self::ContentType,
        Self::User,
        Self::Anomaly,
        Self::Version,
        Self::Ja3,
        Self::TlsClientVersion,
        Self::ValidFrom,
        Self::ValidUntil,
        Self::KeyAlgorithm,
        Self::DnsAnswers,
    ];

    /// The key of a stored number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        usize::from(number)
            .checked_sub(1)
            .and_then(|at| Self::ALL.get(at).copied())
    }

    /// The key's name in JSON: `tls_version`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alpn => "alpn",
            Self::Ja4 => "ja4",
            Self::TlsVersion => "tls_version",
            Self::Cipher => "cipher",
            Self::Subject => "subject",
            Self::Issuer => "issuer",
            Self::CertificateNames => "certificate_names",
            Self::DnsType => "dns_type",
            Self::DnsCode => "dns_code",
            Self::Method => "method",
            Self::Path => "path",
            Self::Status => "status",
            Self::Agent => "agent",
            Self::Server => "server",
            Self::ContentType => "content_type",
            Self::User => "user",
            Self::Anomaly => "anomaly",
            Self::Version => "version",
            Self::Ja3 => "ja3",
            Self::TlsClientVersion => "tls_client_version",
            Self::ValidFrom => "valid_from",
            Self::ValidUntil => "valid_until",
            Self::KeyAlgorithm => "key_algorithm",
            Self::DnsAnswers => "dns_answers",
        }
    }
}

/// Facts about a flow, each key once, by key; the first transaction's where there are several.
///
/// One text holds them all, so that a flow's facts cost one allocation: for each the key's number and the value's length
/// as three ASCII characters (the length in two digits of 128), then the value.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Details(String);

impl Details {
    /// The most octets of a value; longer ones are cut.
    pub const VALUE_MAX: usize = 255;
    /// Octets in front of a value.
    const HEAD: usize = 3;
    /// Room that is made at first.
    const ROOM: usize = 64;

    /// Sets what is not set yet; an empty value says nothing. Control characters become `?`.
    pub fn set(&mut self, key: DetailKey, value: &str) {
        if let Err(at) = self.find(key)
            && !value.is_empty()
        {
            self.insert(at, key, &tidy(value, Self::VALUE_MAX));
        }
    }

    /// Adds to what is set, behind a comma; sets what is not.
    pub fn add(&mut self, key: DetailKey, value: &str) {
        match self.find(key) {
            Ok((at, there)) => {
                if !value.is_empty() {
                    let both = format!("{there},{value}");
                    let end = at + Self::HEAD + there.len();
                    self.0.replace_range(at..end, "");
                    self.insert(at, key, &tidy(&both, Self::VALUE_MAX));
                }
            }
            Err(at) if !value.is_empty() => self.insert(at, key, &tidy(value, Self::VALUE_MAX)),
            Err(_) => {}
        }
    }

    /// What is known of a key.
    #[must_use]
    pub fn get(&self, key: DetailKey) -> Option<&str> {
        self.find(key).ok().map(|(_, value)| value)
    }

    /// Everything, by key.
    pub fn iter(&self) -> impl Iterator<Item = (DetailKey, &str)> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let (key, value) = self.entry(at)?;
            at += Self::HEAD + value.len();
            Some((key, value))
        })
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Makes room for about so many octets, so that setting what follows allocates nothing.
    pub fn make_room(&mut self, octets: usize) {
        self.0.reserve(octets);
    }

    /// Everything in one text, for [`Self::from_packed`].
    #[must_use]
    pub fn packed(&self) -> &str {
        &self.0
    }

    /// The facts of a text that [`Self::packed`] gave; what is not of that form is not found.
    #[must_use]
    pub fn from_packed(packed: &str) -> Self {
        Self(packed.to_owned())
    }

    /// The entry that begins here.
    fn entry(&self, at: usize) -> Option<(DetailKey, &str)> {
        let &[key, high, low] = self.0.as_bytes().get(at..)?.first_chunk()?;
        let (start, length) = (at + Self::HEAD, usize::from(high) << 7 | usize::from(low));
        Some((DetailKey::from_number(key)?, self.0.get(start..start + length)?))
    }

    /// Where a key's entry begins, and its value; else where it would begin.
    fn find(&self, key: DetailKey) -> Result<(usize, &str), usize> {
        let octets = self.0.as_bytes();
        let mut at = 0;
        while let Some(&[number, high, low]) = octets.get(at..).and_then(<[u8]>::first_chunk) {
            let (start, length) = (at + Self::HEAD, usize::from(high) << 7 | usize::from(low));
            if number == key as u8 {
                return Ok((at, self.0.get(start..start + length).unwrap_or_default()));
            }
            if number > key as u8 {
                break;
            }
            at = start + length;
        }
        Err(at)
    }

    /// Puts an entry where it belongs. The value is no longer than [`Self::VALUE_MAX`].
    fn insert(&mut self, at: usize, key: DetailKey, value: &str) {
        let length = u8::try_from(value.len()).unwrap_or(u8::MAX);
        let head = [key as u8, length >> 7, length & 0x7f];
        let head = std::str::from_utf8(&head).unwrap_or_default();
        if self.0.capacity() == 0 {
            self.0.reserve(Self::ROOM);
        }
        if at == self.0.len() {
            self.0.push_str(head);
            self.0.push_str(value);
        } else {
            self.0.insert_str(at, value);
            self.0.insert_str(at, head);
        }
    }
}

impl fmt::Debug for Details {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// As a list of pairs: `[["alpn","h2"],["cipher","TLS_AES_128_GCM_SHA256"]]`.
impl Serialize for Details {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Details {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let pairs = Vec::<(DetailKey, Box<str>)>::deserialize(deserializer)?;
        let mut details = Self::default();
        for (key, value) in pairs {
            details.set(key, &value);
        }
        Ok(details)
    }
}

/// What is known of a flow beyond its ports.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct L7 {
    /// How the application is known.
    pub confidence: Confidence,
    /// The server's name: of TLS's SNI, HTTP's Host, the first DNS question, or the name that DNS gave to the address.
    /// Lower case, without a dot or port at its end; at most 255 octets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<Box<str>>,
    /// The rest.
    #[serde(default, skip_serializing_if = "Details::is_empty")]
    pub details: Details,
}

impl L7 {
    /// The most octets of a host name.
    pub const HOST_MAX: usize = 255;

    /// A host's name as it is kept, of how it was said; `None` where nothing is left of it.
    #[must_use]
    pub fn host_name(said: &str) -> Option<Box<str>> {
        let name = said.trim().trim_end_matches('.');
        if name.is_empty() {
            return None;
        }
        if !name.is_ascii() {
            return Some(tidy(&name.to_lowercase(), Self::HOST_MAX).into());
        }
        let mut host: Box<str> = tidy(name, Self::HOST_MAX).into();
        host.make_ascii_lowercase();
        Some(host)
    }
}

/// Cuts a text at a character's end, and replaces what cannot be printed.
fn tidy(text: &str, most: usize) -> Cow<'_, str> {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = text.get(..end).unwrap_or_default();
    // Control characters are ASCII's, and those that begin with this octet: a sum over all octets is quicker than a search.
    let odd = |octet: &u8| *octet < b' ' || *octet == 0x7f || *octet == 0xc2;
    if text.as_bytes().iter().fold(false, |any, octet| any | odd(octet)) {
        return text.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    }
    Cow::Borrowed(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_keep_the_first_value_and_stay_in_order() {
        let mut details = Details::default();
        details.set(DetailKey::Status, "200");
        details.set(DetailKey::Alpn, "h2");
        details.set(DetailKey::Status, "404");
        details.set(DetailKey::Agent, "");
        details.set(DetailKey::Path, &"é\n".repeat(200));
        let all: Vec<_> = details.iter().collect();
        assert_eq!(all[0], (DetailKey::Alpn, "h2"));
        assert_eq!(all[2], (DetailKey::Status, "200"));
        assert_eq!((all.len(), all[1].1.len()), (3, 255));
        assert!(all[1].1.starts_with("é?é?"));
        assert_eq!(details.get(DetailKey::Agent), None);
        details.add(DetailKey::Anomaly, "odd");
        details.add(DetailKey::Anomaly, "even");
        assert_eq!(details.get(DetailKey::Anomaly), Some("odd,even"));
    }

    #[test]
    fn details_are_the_same_by_whatever_way() {
        let mut details = Details::default();
        let mut naive = std::collections::BTreeMap::new();
        for (number, key) in DetailKey::ALL
            .into_iter()
            .enumerate()
            .map(|(n, _)| (n, DetailKey::ALL[n * 7 % 24]))
        {
            let value = "é".repeat(number * 11);
            details.set(key, &value);
            if number > 0 {
                naive
                    .entry(key)
                    .or_insert(tidy(&value, Details::VALUE_MAX).into_owned());
            }
            let all: Vec<_> = details.iter().map(|(key, value)| (key, value.to_owned())).collect();
            assert_eq!(all, naive.clone().into_iter().collect::<Vec<_>>());
            assert!(
                DetailKey::ALL
                    .iter()
                    .all(|key| details.get(*key) == naive.get(key).map(String::as_str))
            );
        }
        details.add(DetailKey::Server, "x");
        assert_eq!(Details::from_packed(details.packed()), details);
        let json = serde_json::to_string(&details).expect("JSON");
        assert!(json.starts_with("[[\"ja4\",\""), "{json}");
        assert_eq!(serde_json::from_str::<Details>(&json).expect("the same"), details);
    }

    #[test]
    fn numbers_lead_back_to_their_keys() {
        for key in DetailKey::ALL {
            assert_eq!(DetailKey::from_number(key as u8), Some(key));
        }
        assert_eq!((DetailKey::from_number(0), DetailKey::from_number(99)), (None, None));
    }

    #[test]
    fn host_names_are_tidied() {
        assert_eq!(L7::host_name(" WWW.Example.COM. ").as_deref(), Some("www.example.com"));
        assert_eq!(L7::host_name("."), None);
    }
}
