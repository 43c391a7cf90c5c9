//! Where a bundle is: an address of the schemes `http` and `https`.

use std::fmt;

use hyper::Uri;
use hyper::http::uri::{Authority, PathAndQuery};

/// The longest address that is taken, in octets.
pub(super) const LONGEST: usize = 2_048;

/// Why an address is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// It is too long.
    #[error("the address is longer than {LONGEST} characters")]
    Long,
    /// It is not understood.
    #[error("{0:?} is not an address: write https://HOST/PATH or http://HOST/PATH")]
    Form(String),
    /// Another scheme.
    #[error("addresses begin with https:// or http://, not with {0:?}")]
    Scheme(String),
    /// A password in it would be in logs and histories.
    #[error("an address with a user name or a password in it is not taken: name one that needs none")]
    Password,
}

/// An address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    secure: bool,
    authority: Authority,
    path: PathAndQuery,
}

impl Address {
    /// Reads an address; what comes after `#` is left out.
    ///
    /// # Errors
    /// When it is none, or not of a kind that is taken.
    pub fn parse(text: &str) -> Result<Self, BadAddress> {
        let text = text.trim();
        if text.len() > LONGEST {
            return Err(BadAddress::Long);
        }
        let shown = || BadAddress::Form(text.chars().filter(|c| !c.is_control()).take(80).collect());
        let bare = text.split('#').next().unwrap_or_default();
        let uri: Uri = bare.parse().map_err(|_| shown())?;
        let parts = uri.into_parts();
        let secure = match parts.scheme.as_ref().map(|scheme| scheme.as_str().to_ascii_lowercase()) {
            Some(scheme) if scheme == "https" => true,
            Some(scheme) if scheme == "http" => false,
            Some(other) => return Err(BadAddress::Scheme(other)),
            None => return Err(shown()),
        };
        let authority = parts.authority.ok_or_else(shown)?;
        if authority.as_str().contains('@') {
            return Err(BadAddress::Password);
        }
        if authority.host().is_empty() {
            return Err(shown());
        }
        Ok(Self {
            secure,
            authority,
            path: parts.path_and_query.unwrap_or_else(|| PathAndQuery::from_static("/")),
        })
    }

    /// Where an answer leads to (RFC 9110, 10.2.2): whole, or relative to this address.
    ///
    /// # Errors
    /// When that is no address.
    pub fn joined(&self, location: &str) -> Result<Self, BadAddress> {
        let location = location.trim();
        let scheme = if self.secure { "https" } else { "http" };
        // A colon before the first slash begins a scheme.
        let head = location.split(['/', '?', '#']).next().unwrap_or_default();
        if head.contains(':') {
            return Self::parse(location);
        }
        if let Some(rest) = location.strip_prefix("//") {
            return Self::parse(&format!("{scheme}://{rest}"));
        }
        let path = if location.starts_with('/') {
            location.to_owned()
        } else if location.starts_with('?') {
            format!("{}{location}", self.path.path())
        } else {
            let folder = self.path.path().rsplit_once('/').map_or("", |(folder, _)| folder);
            format!("{folder}/{location}")
        };
        Self::parse(&format!("{scheme}://{}{path}", self.authority))
    }

    /// Whether the connection is encrypted.
    #[must_use]
    pub const fn secure(&self) -> bool {
        self.secure
    }

    /// The host's name or address, an IPv6 address without its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        let host = self.authority.host();
        host.strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host)
    }

    /// The port, by the scheme where none is named.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.authority.port_u16().unwrap_or(if self.secure { 443 } else { 80 })
    }

    /// Host and port as the request names them.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.authority.as_str()
    }

    /// Path and query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.path.as_str()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn address(text: &str) -> Address {
        Address::parse(text).unwrap()
    }

    #[test]
    fn addresses_are_read() {
        let one = address("https://updates.example:8443/a/b.raucb?x=1#part");
        assert_eq!((one.host(), one.port(), one.secure()), ("updates.example", 8443, true));
        assert_eq!(one.path(), "/a/b.raucb?x=1");
        let two = address(" HTTP://[2001:db8::1] ");
        assert_eq!((two.host(), two.port(), two.path()), ("2001:db8::1", 80, "/"));
        assert_eq!(address("https://h").port(), 443);
    }

    #[test]
    fn other_things_are_not() {
        for bad in [
            "",
            "host/path",
            "/path",
            "https://",
            "https:///path",
            "https://h h/",
            "a b",
        ] {
            assert!(Address::parse(bad).is_err(), "{bad:?}");
        }
        assert_eq!(Address::parse("ftp://h/x"), Err(BadAddress::Scheme("ftp".to_owned())));
        assert!(Address::parse("file:///data/x").is_err());
        assert_eq!(Address::parse("https://u:p@h/x"), Err(BadAddress::Password));
        assert_eq!(
            Address::parse(&format!("https://h/{}", "x".repeat(3_000))),
            Err(BadAddress::Long)
        );
    }

    #[test]
    fn an_answer_may_lead_elsewhere() {
        let here = address("https://h:1/a/b?q");
        for (location, there) in [
            ("http://i/x", "http://i/x"),
            ("//i/x", "https://i/x"),
            ("/x?y", "https://h:1/x?y"),
            ("c", "https://h:1/a/c"),
            ("?z", "https://h:1/a/b?z"),
        ] {
            assert_eq!(here.joined(location).unwrap().to_string(), there);
        }
        assert!(here.joined("javascript:x").is_err());
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "\\PC{0,60}", location in "\\PC{0,60}") {
            let _ = Address::parse(&text);
            let _ = address("http://h/a").joined(&location);
        }
    }
}
