//! Receiving traps and informs.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_snmp::{
    Notification, NotificationAcceptance, NotificationEnvelope, NotificationReceiver, SecurityLevel, UsmUser,
};
use model::{LinkId, Timestamp};

use crate::agent::{Credentials, Security, User};
use crate::engine::Engine;
use crate::error::Error;
use crate::poller::now;
use crate::trap::{Origin, Trap, version_name};
use crate::wire::check;

/// Senders that one receiver takes.
pub const SENDERS_MAX: usize = 10_000;

/// An exporter whose notifications are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrapSender {
    /// The exporter.
    pub id: LinkId,
    /// The addresses that it sends from.
    pub addresses: Vec<IpAddr>,
    /// How it is known. With SNMPv3 it is taken by nothing less, at the user's level or above; else by v1 and v2c with any
    /// community, which proves nothing anyway and is often another than the one that polls. `None`: v1 and v2c, and v3 as
    /// any user that authenticates itself.
    pub credentials: Option<Credentials>,
}

/// What a receiver counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TrapCounts {
    /// Notifications taken.
    pub taken: u64,
    /// Informs among them.
    pub informs: u64,
    /// Informs that could not be answered.
    pub unanswered: u64,
    /// Well-formed notifications from senders that are not registered.
    pub unregistered: u64,
    /// Notifications of registered senders with a version, user or level that is not theirs.
    pub refused: u64,
    /// Messages of SNMPv3 with an unknown user.
    pub unknown_users: u64,
    /// Messages of SNMPv3 that authentication fails for.
    pub wrong_digests: u64,
    /// Messages of SNMPv3 that cannot be decrypted.
    pub undecryptable: u64,
    /// Messages of SNMPv3 outside the time window.
    pub outside_window: u64,
}

/// The receiver. It is opened anew when senders or users change.
pub struct TrapReceiver {
    receiver: NotificationReceiver,
    registry: Arc<Registry>,
    conflicts: Vec<String>,
}

struct Registry {
    by_address: HashMap<IpAddr, (LinkId, Arc<Ask>)>,
    taken: AtomicU64,
    informs: AtomicU64,
    unanswered: AtomicU64,
    unregistered: AtomicU64,
    refused: AtomicU64,
}

/// What is asked of a sender's messages.
enum Ask {
    Community,
    User { name: String, level: SecurityLevel },
    Either,
}

impl TrapReceiver {
    /// Opens the socket. The library answers informs before they are given out.
    ///
    /// Users of the same name must have the same keys, since a message names its user alone: of those that differ the first
    /// counts, and [`TrapReceiver::conflicts`] tells the others.
    ///
    /// # Errors
    /// [`Error::Bind`] where the socket cannot be opened, [`Error::Credentials`] for keys that cannot be.
    pub async fn open(at: SocketAddr, senders: Vec<TrapSender>, engine: &Engine) -> Result<Self, Error> {
        let mut users: BTreeMap<String, User> = BTreeMap::new();
        let mut conflicts = Vec::new();
        let mut by_address = HashMap::new();
        for sender in senders.into_iter().take(SENDERS_MAX) {
            let ask = match sender.credentials {
                None => Ask::Either,
                Some(Credentials::V1 { .. } | Credentials::V2c { .. }) => Ask::Community,
                Some(Credentials::V3(user)) => {
                    check(&user)?;
                    let known = users.entry(user.name.clone()).or_insert_with(|| user.clone());
                    if known.security != user.security && !conflicts.contains(&user.name) {
                        conflicts.push(user.name.clone());
                    }
                    Ask::User {
                        level: level(&user.security),
                        name: user.name,
                    }
                }
            };
            let ask = Arc::new(ask);
            for address in sender.addresses {
                by_address.insert(address.to_canonical(), (sender.id, Arc::clone(&ask)));
            }
        }
        let registry = Arc::new(Registry::new(by_address));
        let policy = Arc::clone(&registry);
        let mut builder = NotificationReceiver::builder()
            .bind(at.to_string())
            .authoritative_engine(engine.authoritative())
            .des_salt_state(engine.salts())
            .acceptance_policy(move |envelope| policy.accept(envelope));
        // Keys are made here: a hash over a megabyte each.
        for user in users.into_values() {
            let name = user.name.clone();
            builder = builder
                .usm_user(user.name.clone(), |usm| with_keys(usm, &user.security))
                .map_err(|e| Error::Credentials {
                    who: name,
                    why: e.to_string(),
                })?;
        }
        let receiver = builder.build().await.map_err(|source| Error::Bind { at, source })?;
        Ok(Self {
            receiver,
            registry,
            conflicts,
        })
    }

    /// Where the socket is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.receiver.local_addr()
    }

    /// Names of users that several senders have with different keys.
    #[must_use]
    pub fn conflicts(&self) -> &[String] {
        &self.conflicts
    }

    /// What was counted since the receiver was opened.
    #[must_use]
    pub fn counts(&self) -> TrapCounts {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        TrapCounts {
            taken: get(&self.registry.taken),
            informs: get(&self.registry.informs),
            unanswered: get(&self.registry.unanswered),
            unregistered: get(&self.registry.unregistered),
            refused: get(&self.registry.refused),
            unknown_users: self.receiver.usm_unknown_usernames().into(),
            wrong_digests: self.receiver.usm_wrong_digests().into(),
            undecryptable: self.receiver.usm_decryption_errors().into(),
            outside_window: self.receiver.usm_not_in_time_windows().into(),
        }
    }

    /// Waits for the next notification of a registered sender. Cancelling loses none.
    ///
    /// # Errors
    /// [`Error::Receive`] where the socket fails.
    pub async fn recv(&self) -> Result<Trap, Error> {
        loop {
            let received = self.receiver.recv().await.map_err(|e| Error::Receive(e))?;
            let peer = received.source.ip().to_canonical();
            // The policy let none but registered senders through.
            let Some(exporter) = self.registry.exporter(peer) else {
                continue;
            };
            let count = |counter: &AtomicU64| counter.fetch_add(1, Ordering::Relaxed);
            count(&self.registry.taken);
            if let Some(answer) = &received.inform_ack {
                count(&self.registry.informs);
                if !matches!(answer, async_snmp::InformAckOutcome::Sent) {
                    count(&self.registry.unanswered);
                }
            }
            if let Some(trap) = trap(&received.notification, exporter, peer, now()) {
                return Ok(trap);
            }
        }
    }
}

impl Registry {
    fn new(by_address: HashMap<IpAddr, (LinkId, Arc<Ask>)>) -> Self {
        Self {
            by_address,
            taken: AtomicU64::new(0),
            informs: AtomicU64::new(0),
            unanswered: AtomicU64::new(0),
            unregistered: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    fn exporter(&self, peer: IpAddr) -> Option<LinkId> {
        Some(self.by_address.get(&peer)?.0)
    }

    fn accept(&self, envelope: &NotificationEnvelope<'_>) -> NotificationAcceptance {
        let Some((_, ask)) = self.by_address.get(&envelope.source.ip().to_canonical()) else {
            self.unregistered.fetch_add(1, Ordering::Relaxed);
            return NotificationAcceptance::Reject;
        };
        let fits = match (&**ask, envelope.security_level) {
            (Ask::Community | Ask::Either, None) => true,
            (Ask::Either, Some(level)) => level >= SecurityLevel::AuthNoPriv,
            (Ask::User { name, level }, Some(is)) => envelope.username == Some(name.as_bytes()) && is >= *level,
            (Ask::Community, Some(_)) | (Ask::User { .. }, None) => false,
        };
        if fits {
            NotificationAcceptance::Accept
        } else {
            self.refused.fetch_add(1, Ordering::Relaxed);
            NotificationAcceptance::Reject
        }
    }
}

fn level(security: &Security) -> SecurityLevel {
    match security {
        Security::None => SecurityLevel::NoAuthNoPriv,
        Security::Auth { .. } => SecurityLevel::AuthNoPriv,
        Security::AuthPriv { .. } => SecurityLevel::AuthPriv,
    }
}

fn with_keys(user: UsmUser, security: &Security) -> async_snmp::CryptoResult<UsmUser> {
    match security {
        Security::None => Ok(user),
        Security::Auth { auth, auth_password } => user.auth(auth.wire(), auth_password.as_bytes()),
        Security::AuthPriv {
            auth,
            auth_password,
            privacy,
            priv_password,
        } => user.auth_priv(
            auth.wire(),
            auth_password.as_bytes(),
            privacy.wire(),
            priv_password.as_bytes(),
        ),
    }
}

/// A notification as a trap; `None` where a v1 trap's identity cannot be made out.
fn trap(notification: &Notification, exporter: LinkId, peer: IpAddr, at: Timestamp) -> Option<Trap> {
    let version = version_name(notification.version());
    let agent = match notification {
        Notification::TrapV1 { trap, .. } => Some(trap.agent_addr().into()),
        _ => None,
    };
    let origin = Origin {
        at,
        exporter,
        peer,
        agent,
        version,
        inform: notification.is_confirmed(),
    };
    let oid = notification.trap_oid().ok()?;
    Some(Trap::new(origin, notification.uptime(), &oid, notification.varbinds()))
}
