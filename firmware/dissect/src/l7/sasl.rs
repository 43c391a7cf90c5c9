//! Who logs in, of the exchanges of SASL (RFC 4422). Passwords are not looked at.

use super::text::{base64, short};

/// A mechanism, as far as it tells the user in the clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mechanism {
    /// RFC 4616.
    Plain,
    /// Microsoft's LOGIN: the user's name, then the password.
    Login,
    /// Bearer tokens (RFC 7628), and Google's form of them.
    Token,
    /// Challenge and response with the name in front (RFC 2195).
    CramMd5,
    /// Another.
    Other,
}

impl Mechanism {
    /// The mechanism of a name.
    pub(super) fn of(name: &[u8]) -> Self {
        match name.trim_ascii().to_ascii_uppercase().as_slice() {
            b"PLAIN" => Self::Plain,
            b"LOGIN" => Self::Login,
            b"XOAUTH2" | b"OAUTHBEARER" => Self::Token,
            b"CRAM-MD5" => Self::CramMd5,
            _ => Self::Other,
        }
    }

    /// The user of the client's first message, in Base64.
    pub(super) fn user(self, message: &[u8]) -> Option<Box<str>> {
        let octets = base64(message.trim_ascii());
        let user = match self {
            Self::Plain => octets.split(|octet| *octet == 0).nth(1)?,
            Self::Login => &octets,
            Self::Token => {
                let mut parts = octets.split(|octet| matches!(octet, 1 | b','));
                parts.find_map(|part| part.strip_prefix(b"user=").or_else(|| part.strip_prefix(b"a=")))?
            }
            Self::CramMd5 => octets.split(|octet| *octet == b' ').next()?,
            Self::Other => return None,
        };
        (!user.is_empty()).then(|| short(user, 128))
    }
}
