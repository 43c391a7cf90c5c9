//! Who is polled, and with which credentials.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use model::LinkId;

/// The shortest interval at which counters are polled.
pub const INTERVAL_MIN: Duration = Duration::from_secs(5);

/// The interval at which counters are polled unless the settings say otherwise.
pub const INTERVAL_DEFAULT: Duration = Duration::from_secs(60);

/// The longest interval at which counters are polled.
pub const INTERVAL_MAX: Duration = Duration::from_secs(3_600);

/// The port that agents listen on (RFC 3417, section 3.1).
pub const PORT_DEFAULT: u16 = 161;

/// An agent that is polled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// The exporter.
    pub id: LinkId,
    /// Its address; answers from any other address are not taken.
    pub address: IpAddr,
    /// Its UDP port.
    pub port: u16,
    /// How it knows us.
    pub credentials: Credentials,
    /// How often counters are polled; at most [`INTERVAL_MAX`], and no shorter than the poller's `interval_min`.
    pub interval: Duration,
}

impl Agent {
    /// Where requests go.
    #[must_use]
    pub fn target(&self) -> SocketAddr {
        SocketAddr::new(self.address, self.port)
    }
}

/// A version of the protocol with what it asks for. [`fmt::Debug`] shows no secret.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Credentials {
    /// SNMPv1 with a community.
    V1 {
        /// The community, in clear text on the wire.
        community: String,
    },
    /// SNMPv2c with a community.
    V2c {
        /// The community, in clear text on the wire.
        community: String,
    },
    /// SNMPv3 with the user-based security model (RFC 3414).
    V3(User),
}

impl Credentials {
    /// The version's name: `v1`, `v2c` or `v3`.
    #[must_use]
    pub fn version(&self) -> &'static str {
        match self {
            Self::V1 { .. } => "v1",
            Self::V2c { .. } => "v2c",
            Self::V3(_) => "v3",
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V1 { .. } => f.write_str("V1"),
            Self::V2c { .. } => f.write_str("V2c"),
            Self::V3(user) => write!(f, "V3({user:?})"),
        }
    }
}

/// A user of SNMPv3. [`fmt::Debug`] shows no secret.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct User {
    /// msgUserName: 1 to 32 octets.
    pub name: String,
    /// How messages are authenticated and encrypted.
    pub security: Security,
    /// contextName; empty where the agent has one context alone. Notifications are taken from any context.
    pub context: String,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?}", self.name, self.security)
    }
}

/// The level of security with its keys: noAuthNoPriv, authNoPriv or authPriv. [`fmt::Debug`] shows no secret.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Security {
    /// noAuthNoPriv: anyone can forge it.
    None,
    /// authNoPriv.
    Auth {
        /// The hash.
        auth: AuthProtocol,
        /// Its password, at least 8 octets (RFC 3414, section 11.2).
        auth_password: String,
    },
    /// authPriv.
    AuthPriv {
        /// The hash.
        auth: AuthProtocol,
        /// Its password, at least 8 octets.
        auth_password: String,
        /// The cipher.
        privacy: PrivProtocol,
        /// Its password, at least 8 octets.
        priv_password: String,
    },
}

impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("noAuthNoPriv"),
            Self::Auth { auth, .. } => write!(f, "authNoPriv {auth:?}"),
            Self::AuthPriv { auth, privacy, .. } => write!(f, "authPriv {auth:?} {privacy:?}"),
        }
    }
}

/// The hash that authenticates messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AuthProtocol {
    /// HMAC-MD5-96 (RFC 3414).
    Md5,
    /// HMAC-SHA-96 (RFC 3414).
    Sha1,
    /// HMAC-128-SHA-224 (RFC 7860).
    Sha224,
    /// HMAC-192-SHA-256 (RFC 7860).
    Sha256,
    /// HMAC-256-SHA-384 (RFC 7860).
    Sha384,
    /// HMAC-384-SHA-512 (RFC 7860).
    Sha512,
}

impl AuthProtocol {
    /// Every hash.
    pub const ALL: [Self; 6] = [
        Self::Md5,
        Self::Sha1,
        Self::Sha224,
        Self::Sha256,
        Self::Sha384,
        Self::Sha512,
    ];

    pub(crate) fn wire(self) -> async_snmp::AuthProtocol {
        match self {
            Self::Md5 => async_snmp::AuthProtocol::Md5,
            Self::Sha1 => async_snmp::AuthProtocol::Sha1,
            Self::Sha224 => async_snmp::AuthProtocol::Sha224,
            Self::Sha256 => async_snmp::AuthProtocol::Sha256,
            Self::Sha384 => async_snmp::AuthProtocol::Sha384,
            Self::Sha512 => async_snmp::AuthProtocol::Sha512,
        }
    }
}

/// The cipher that encrypts messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PrivProtocol {
    /// CBC-DES (RFC 3414).
    Des,
    /// CFB128-AES-128 (RFC 3826).
    Aes128,
    /// AES-192 with Blumenthal's key extension (draft-blumenthal-aes-usm-04; Net-SNMP).
    Aes192,
    /// AES-256 with Blumenthal's key extension.
    Aes256,
    /// AES-192 with Reeder's key extension (Cisco and others).
    Aes192Cisco,
    /// AES-256 with Reeder's key extension.
    Aes256Cisco,
}

impl PrivProtocol {
    /// Every cipher.
    pub const ALL: [Self; 6] = [
        Self::Des,
        Self::Aes128,
        Self::Aes192,
        Self::Aes256,
        Self::Aes192Cisco,
        Self::Aes256Cisco,
    ];

    pub(crate) fn wire(self) -> async_snmp::PrivProtocol {
        match self {
            Self::Des => async_snmp::PrivProtocol::Des,
            Self::Aes128 => async_snmp::PrivProtocol::Aes128,
            Self::Aes192 => async_snmp::PrivProtocol::Aes192Blumenthal,
            Self::Aes256 => async_snmp::PrivProtocol::Aes256Blumenthal,
            Self::Aes192Cisco => async_snmp::PrivProtocol::Aes192Reeder,
            Self::Aes256Cisco => async_snmp::PrivProtocol::Aes256Reeder,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_secret_is_printed() {
        let user = User {
            name: "watch".to_owned(),
            security: Security::AuthPriv {
                auth: AuthProtocol::Sha256,
                auth_password: "open sesame".to_owned(),
                privacy: PrivProtocol::Aes128,
                priv_password: "hidden well".to_owned(),
            },
            context: String::new(),
        };
        let agent = Agent {
            id: LinkId::of_exporter(1),
            address: IpAddr::from([192, 0, 2, 1]),
            port: PORT_DEFAULT,
            credentials: Credentials::V3(user),
            interval: INTERVAL_DEFAULT,
        };
        let text = format!(
            "{agent:?} {:?}",
            Credentials::V2c {
                community: "open sesame".to_owned()
            }
        );
        assert!(text.contains("authPriv Sha256 Aes128") && !text.contains("sesame") && !text.contains("hidden"));
    }
}
