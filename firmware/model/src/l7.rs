//! What the first packets of a flow say of its application.

use serde::{Deserialize, Serialize};

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
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Details(Vec<(DetailKey, Box<str>)>);

impl Details {
    /// The most octets of a value; longer ones are cut.
    pub const VALUE_MAX: usize = 255;

    /// Sets what is not set yet; an empty value says nothing. Control characters become `?`.
    pub fn set(&mut self, key: DetailKey, value: &str) {
        if let Err(at) = self.0.binary_search_by_key(&key, |(k, _)| *k)
            && !value.is_empty()
        {
            self.0.insert(at, (key, tidy(value, Self::VALUE_MAX)));
        }
    }

    /// Adds to what is set, behind a comma; sets what is not.
    pub fn add(&mut self, key: DetailKey, value: &str) {
        match self.0.binary_search_by_key(&key, |(k, _)| *k) {
            Ok(at) => {
                if let Some((_, there)) = self.0.get_mut(at)
                    && !value.is_empty()
                {
                    *there = tidy(&format!("{there},{value}"), Self::VALUE_MAX);
                }
            }
            Err(_) => self.set(key, value),
        }
    }

    /// What is known of a key.
    #[must_use]
    pub fn get(&self, key: DetailKey) -> Option<&str> {
        let at = self.0.binary_search_by_key(&key, |(k, _)| *k).ok()?;
        self.0.get(at).map(|(_, value)| &**value)
    }

    /// Everything, by key.
    pub fn iter(&self) -> impl Iterator<Item = (DetailKey, &str)> {
        self.0.iter().map(|(key, value)| (*key, &**value))
    }

    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
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
        let name = said.trim().trim_end_matches('.').to_lowercase();
        (!name.is_empty()).then(|| tidy(&name, Self::HOST_MAX))
    }
}

/// Cuts a text at a character's end, and replaces what cannot be printed.
fn tidy(text: &str, most: usize) -> Box<str> {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let text = text.get(..end).unwrap_or_default();
    if text.chars().any(char::is_control) {
        let printable: String = text.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
        return printable.into();
    }
    text.into()
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
