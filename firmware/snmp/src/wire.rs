//! Asking one agent: the only place, with the receiver, where the SNMP library is driven.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_snmp::{
    Client, CommunityResponsePolicy, EngineCache, Error as WireError, ErrorStatus, MasterKeys, Oid, Retry, UdpHandle,
    UdpTransport, UsmConfig, Value, VarBind,
};

use crate::agent::{Agent, Credentials, Security, User};
use crate::engine::Engine;
use crate::error::{Error, Failure, failure};
use crate::walk::{Table, VARIABLES_MAX, Walk};

/// Variables that an agent is asked for at least: one that loses such answers is not there.
const VARIABLES_MIN: usize = 2;

/// How patient requests are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// How long an answer is waited for.
    pub timeout: Duration,
    /// How often a request is sent again.
    pub retries: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(2),
            retries: 2,
        }
    }
}

/// Requests and answers counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    pub(crate) requests: u64,
    pub(crate) responses: u64,
    pub(crate) time_outs: u64,
    pub(crate) round_trip: Option<Duration>,
}

/// A conversation with one agent.
#[derive(Clone)]
pub(crate) struct Session {
    client: Client<UdpHandle>,
    engines: Arc<EngineCache>,
    version1: bool,
    version3: bool,
    tally: Arc<Mutex<Tally>>,
    /// What this agent takes; it shrinks where large answers get lost.
    variables: Arc<AtomicUsize>,
    closed: Arc<AtomicBool>,
    started: Instant,
}

impl Session {
    /// Opens a conversation over a shared socket. Passwords become keys here, which takes some milliseconds.
    pub(crate) async fn open(
        agent: &Agent,
        transport: &UdpTransport,
        engine: &Engine,
        keys: &Arc<Keys>,
        tally: Arc<Mutex<Tally>>,
        patience: Patience,
        started: Instant,
    ) -> Result<Self, Failure> {
        let local = |e: Box<WireError>| Failure::Local(e.to_string());
        let auth = auth(&agent.credentials, keys)
            .await
            .map_err(|e| Failure::Local(e.to_string()))?;
        // A cache of its own: a device that was replaced is met anew when the session is.
        let engines = Arc::new(EngineCache::new());
        let retry = Retry::fixed(patience.retries, Duration::ZERO).map_err(|e| Failure::Local(e.to_string()))?;
        let client = Client::builder(agent.target(), auth)
            .request_timeout(patience.timeout)
            .retry(retry)
            .strict_source(true)
            // Agents say by unauthenticated Reports which password is wrong, and some what time it is. Who forges one must
            // know the request's id and the agent's address, and gains that one poll fails.
            .allow_unauthenticated_v3_time_correction(true)
            .community_response_policy(CommunityResponsePolicy::Exact)
            .max_oids_per_request(20)
            .engine_cache(Arc::clone(&engines))
            .des_salt_state(engine.salts())
            .build_with(transport)
            .await
            .map_err(local)?;
        Ok(Self {
            client,
            engines,
            version1: matches!(agent.credentials, Credentials::V1 { .. }),
            version3: matches!(agent.credentials, Credentials::V3(_)),
            tally,
            variables: Arc::new(AtomicUsize::new(VARIABLES_MAX)),
            closed: Arc::default(),
            started,
        })
    }

    /// Nanoseconds since the poller started, of a clock that never steps.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Whether a new session may mend a failure: what was agreed upon with the agent is agreed upon anew. Of silence that is
    /// so in SNMPv3, where an agent with another engine than the one we met is not believed.
    pub(crate) fn is_over(&self, failure: &Failure) -> bool {
        self.is_closed() || failure.is_of_session() || (self.version3 && failure.is_silence())
    }

    /// Whether the socket has failed for good.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Says more of a failure than the failure by itself can.
    pub(crate) fn explain(&self, failure: Failure) -> Failure {
        // The engine was discovered, which needs no key, and then there was silence: agents drop what they cannot decrypt.
        let discovered = self.engines.get(&self.client.peer_addr()).is_some();
        if failure.is_silence() && discovered && self.tally().responses == 0 {
            Failure::WrongPrivacy
        } else {
            failure
        }
    }

    /// What was counted so far.
    pub(crate) fn tally(&self) -> Tally {
        *self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The values of objects, in their order; `None` where the agent has no such object.
    pub(crate) async fn get(&self, oids: &[Oid]) -> Result<Vec<Option<Value>>, Failure> {
        match self.counted(self.client.get_many(oids)).await {
            Ok(response) => Ok(in_order(oids, response.varbinds)),
            Err(error) if is_no_such_name(&error) && oids.len() > 1 => {
                let mut values = Vec::with_capacity(oids.len());
                for oid in oids {
                    values.push(match self.counted(self.client.get(oid)).await {
                        Ok(response) => in_order(std::slice::from_ref(oid), response.varbinds).pop().flatten(),
                        Err(error) if is_no_such_name(&error) => None,
                        Err(error) => return Err(failure(&error)),
                    });
                }
                Ok(values)
            }
            Err(error) if is_no_such_name(&error) => Ok(vec![None; oids.len()]),
            Err(error) => Err(failure(&error)),
        }
    }

    /// Reads a table. An agent that loses large answers, or says that they would be too big, is asked for less at a time.
    pub(crate) async fn walk(&self, mut walk: Walk) -> Result<Table, Failure> {
        loop {
            let variables = self.variables.load(Ordering::Relaxed);
            let Some(ask) = walk.ask(variables, !self.version1) else {
                break;
            };
            let answer = if self.version1 || ask.repetitions == 1 {
                self.counted(self.client.get_next_many(&ask.oids))
                    .await
                    .map(|r| r.varbinds)
            } else {
                self.counted(self.client.get_bulk(&ask.oids, 0, ask.repetitions)).await
            };
            let error = match answer {
                Ok(variables) => {
                    walk.push(&ask, &variables, self.now());
                    continue;
                }
                Err(error) => error,
            };
            match error.exchange_source() {
                WireError::Snmp {
                    status: ErrorStatus::TooBig,
                    ..
                } if variables > 1 => self.ask_for_less(variables / 2),
                // The end of the tree in SNMPv1, or of what the agent may show or can read.
                WireError::Snmp { index, .. } => walk.end_of(&ask, usize::try_from(*index).unwrap_or(0)),
                WireError::Timeout { .. } if variables > VARIABLES_MIN && self.tally().responses > 0 => {
                    self.ask_for_less((variables / 4).max(VARIABLES_MIN));
                }
                _ => return Err(failure(&error)),
            }
        }
        Ok(walk.finish())
    }

    fn ask_for_less(&self, variables: usize) {
        self.variables.fetch_min(variables, Ordering::Relaxed);
    }

    /// Asks again for as much as at first: the losses may have been the network's.
    pub(crate) fn ask_for_more(&self) {
        self.variables.store(VARIABLES_MAX, Ordering::Relaxed);
    }

    async fn counted<T>(&self, exchange: impl Future<Output = async_snmp::Result<T>>) -> async_snmp::Result<T> {
        let sent = Instant::now();
        let result = exchange.await;
        let took = sent.elapsed();
        let mut tally = self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        match &result {
            Err(error) => match error.exchange_source() {
                WireError::Timeout { retries, .. } => {
                    let sent = u64::from(*retries) + 1;
                    tally.requests += sent;
                    tally.time_outs += sent;
                }
                WireError::Closed { .. } => self.closed.store(true, Ordering::Relaxed),
                WireError::Config(_) | WireError::Network { .. } => tally.requests += 1,
                _ => {
                    tally.requests += 1;
                    tally.responses += 1;
                }
            },
            Ok(_) => {
                tally.requests += 1;
                tally.responses += 1;
                tally.round_trip = Some(match tally.round_trip {
                    None => took,
                    Some(smooth) => (smooth * 7 + took) / 8,
                });
            }
        }
        result
    }
}

/// Values by the objects asked for: agents may leave some out or put others in.
fn in_order(oids: &[Oid], variables: Vec<VarBind>) -> Vec<Option<Value>> {
    oids.iter()
        .map(|oid| {
            variables
                .iter()
                .find(|v| v.oid == *oid)
                .map(|v| v.value.clone())
                .filter(|v| !v.is_exception())
        })
        .collect()
}

fn is_no_such_name(error: &WireError) -> bool {
    matches!(
        error.exchange_source(),
        WireError::Snmp {
            status: ErrorStatus::NoSuchName,
            ..
        }
    )
}

async fn auth(credentials: &Credentials, keys: &Arc<Keys>) -> Result<async_snmp::Auth, Error> {
    Ok(match credentials {
        Credentials::V1 { community } => async_snmp::Auth::v1(community.as_bytes().to_vec()),
        Credentials::V2c { community } => async_snmp::Auth::v2c(community.as_bytes().to_vec()),
        Credentials::V3(user) => {
            check(user)?;
            let config = UsmConfig::new(user.name.clone()).context_name(user.context.clone());
            let refused = |why: String| Error::Credentials {
                who: user.name.clone(),
                why,
            };
            let (keys, security) = (Arc::clone(keys), user.security.clone());
            let found = tokio::task::spawn_blocking(move || keys.of(&security)).await;
            match found
                .map_err(|e| refused(e.to_string()))?
                .map_err(|e| refused(e.to_string()))?
            {
                None => config,
                Some(keys) => config.with_master_keys(keys).map_err(|e| refused(e.to_string()))?,
            }
            .into()
        }
    })
}

/// Keys that were made of passwords, each of which takes a hash over a megabyte. They are the same for every agent.
#[derive(Default)]
pub(crate) struct Keys {
    known: Mutex<HashMap<Security, MasterKeys>>,
}

impl Keys {
    /// Keys that are kept; when there are more, all are made anew.
    const KEPT_MAX: usize = 4_096;

    fn of(&self, security: &Security) -> async_snmp::CryptoResult<Option<MasterKeys>> {
        let known = || self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(keys) = known().get(security) {
            return Ok(Some(keys.clone()));
        }
        let keys = match security {
            Security::None => return Ok(None),
            Security::Auth { auth, auth_password } => MasterKeys::new(auth.wire(), auth_password.as_bytes())?,
            Security::AuthPriv {
                auth,
                auth_password,
                privacy,
                priv_password,
            } => MasterKeys::new(auth.wire(), auth_password.as_bytes())?
                .with_privacy(privacy.wire(), priv_password.as_bytes())?,
        };
        let mut known = known();
        if known.len() >= Self::KEPT_MAX {
            known.clear();
        }
        known.insert(security.clone(), keys.clone());
        Ok(Some(keys))
    }

    /// Forgets all keys, for instance because the credentials changed.
    pub(crate) fn forget(&self) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// What RFC 3414 asks of names (section 5) and passwords (section 11.2).
pub(crate) fn check(user: &User) -> Result<(), Error> {
    let refused = |why: &str| {
        Err(Error::Credentials {
            who: user.name.clone(),
            why: why.to_owned(),
        })
    };
    if !(1..=32).contains(&user.name.len()) {
        return refused("a user name has 1 to 32 octets");
    }
    let passwords: &[&String] = match &user.security {
        Security::None => &[],
        Security::Auth { auth_password, .. } => &[auth_password],
        Security::AuthPriv {
            auth_password,
            priv_password,
            ..
        } => &[auth_password, priv_password],
    };
    if passwords.iter().any(|p| p.len() < 8) {
        return refused("passwords have at least 8 octets");
    }
    Ok(())
}
