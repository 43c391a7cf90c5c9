//! What goes wrong, and what to do next.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Why the poller or the receiver cannot work at all.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A socket could not be opened.
    #[error("cannot open a UDP socket at {at}: check that the address is this device's and that the port is free")]
    Bind {
        /// The address.
        at: SocketAddr,
        /// The system's or the library's reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The receiver's socket failed.
    #[error("cannot receive notifications: open the receiver again")]
    Receive(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Our engine's record cannot be read or written.
    #[error("cannot {what} the SNMP engine's record {path}: check the data partition", path = path.display())]
    Engine {
        /// Read or write.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Credentials that no message can be made of.
    #[error("the credentials of {who} cannot be used: {why}")]
    Credentials {
        /// The user or agent.
        who: String,
        /// Why, and what is asked for.
        why: String,
    },
    /// A datagram is no SNMP message.
    #[error("no SNMP message: {0}")]
    Malformed(String),
    /// No socket is of the address's family.
    #[error("the poller has no socket for {0}: it was opened without an address of that family")]
    NoSocket(SocketAddr),
}

/// Why an agent did not give what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "detail")]
pub enum Failure {
    /// No answer came.
    #[error(
        "no answer: check the address, the way there, and (v1, v2c) the community and the agent's list of managers"
    )]
    TimedOut,
    /// usmStatsUnknownUserNames.
    #[error("the agent does not know the user: check the user name")]
    UnknownUser,
    /// usmStatsWrongDigests, or an answer that we cannot authenticate.
    #[error("authentication failed: check the authentication protocol and password")]
    WrongAuth,
    /// usmStatsDecryptionErrors, or an answer that we cannot decrypt.
    #[error("decryption failed: check the privacy protocol and password")]
    WrongPrivacy,
    /// usmStatsUnsupportedSecLevels.
    #[error("the agent refuses this level of security for the user: check whether it has authentication and privacy")]
    UnsupportedLevel,
    /// usmStatsNotInTimeWindows, again after the clock was learnt anew.
    #[error(
        "not in the agent's time window: its engine's boots or clock is unsteady; another device may have the same engine id"
    )]
    NotInTimeWindow,
    /// usmStatsUnknownEngineIDs after discovery.
    #[error("the agent's engine id changes: check whether several devices answer at this address")]
    UnknownEngine,
    /// The agent answered with an error status.
    #[error("the agent answered {0}: check what its access control lets us read")]
    Refused(String),
    /// The agent's answers are malformed.
    #[error("malformed answer: {0}")]
    Malformed(String),
    /// It answers, but has not finished within its time.
    #[error("the agent is too slow: a table was not read to its end within {0} s")]
    TooSlow(u64),
    /// It answers, but does not show sysUpTime.
    #[error(
        "the agent does not show sysUpTime, so that its counters may have been set to zero unnoticed: let it show 1.3.6.1.2.1.1.3"
    )]
    NoUpTime,
    /// Some interfaces count octets with 32 bits alone, which may wrap twice between two polls.
    #[error("{0} interfaces count too narrowly for their speed: poll with SNMPv2c or v3, or more often")]
    Ambiguous(usize),
    /// We cannot ask.
    #[error("cannot ask: {0}")]
    Local(String),
}

impl Failure {
    /// Whether the agent said nothing at all, rather than something we do not like.
    #[must_use]
    pub fn is_silence(&self) -> bool {
        matches!(self, Self::TimedOut)
    }

    /// Whether it lies in what was agreed upon with the agent: all of it is asked again in a new session.
    pub(crate) fn is_of_session(&self) -> bool {
        use Failure as F;
        matches!(
            self,
            F::UnknownUser
                | F::WrongAuth
                | F::WrongPrivacy
                | F::UnsupportedLevel
                | F::NotInTimeWindow
                | F::UnknownEngine
        )
    }
}

/// What the library's error means to the one who reads it.
pub(crate) fn failure(error: &async_snmp::Error) -> Failure {
    use async_snmp::Error as E;
    use async_snmp::v3::ReportStatus as R;
    match error.exchange_source() {
        E::Timeout { .. } | E::ConstructionTimeout { .. } => Failure::TimedOut,
        E::Auth { .. } => Failure::WrongAuth,
        E::Privacy(_) => Failure::WrongPrivacy,
        E::Report { status, .. } => match status.as_ref() {
            R::UnknownUserName { .. } => Failure::UnknownUser,
            R::WrongDigest { .. } => Failure::WrongAuth,
            R::DecryptionError { .. } => Failure::WrongPrivacy,
            R::UnsupportedSecurityLevel { .. } => Failure::UnsupportedLevel,
            R::NotInTimeWindow { .. } => Failure::NotInTimeWindow,
            R::UnknownEngineId { .. } => Failure::UnknownEngine,
            other => Failure::Refused(other.to_string()),
        },
        E::Snmp { status, .. } => Failure::Refused(status.to_string()),
        E::Decode(_) | E::MalformedResponse { .. } | E::ResponseShape { .. } | E::InvalidMessage(_) => {
            Failure::Malformed(cut(&error.exchange_source().to_string()))
        }
        other => Failure::Local(cut(&other.to_string())),
    }
}

/// At most 200 characters of a text that a peer may have had a part in.
fn cut(text: &str) -> String {
    text.chars().take(200).collect()
}
