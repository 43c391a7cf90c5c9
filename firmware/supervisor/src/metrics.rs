//! The metrics' token: made here, kept as its hash, and checked for the console.

use std::net::IpAddr;

use api::metrics::{
    ChangeMetricsRequest, MetricsAccess, MetricsProved, MetricsRead, MetricsToken, ProveMetricsRequest,
};
use api::{Failure, FailureKind};
use model::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::access::Caller;
use crate::engine::{Engine, now, who};
use crate::lockout::{Lockout, Source};
use crate::{random, system};

/// The version of the file that holds a token's hash.
pub(crate) const VERSION: u32 = 1;

/// A token as it is on disk. It is 256 random bits, so that its hash need not be slow: nobody guesses it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TokenHash {
    version: u32,
    /// SHA-256 of the token's text, in hexadecimal.
    sha256: String,
    /// When it was made.
    made: Timestamp,
}

impl std::fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenHash")
            .field("made", &self.made)
            .finish_non_exhaustive()
    }
}

impl TokenHash {
    fn of(token: &str, made: Timestamp) -> Self {
        Self {
            version: VERSION,
            sha256: hash(token),
            made,
        }
    }

    /// Whether this is the token's hash; the time taken does not tell.
    fn matches(&self, token: &str) -> bool {
        hash(token).as_bytes().ct_eq(self.sha256.as_bytes()).into()
    }
}

/// Who may read metrics, and who did.
#[derive(Debug)]
pub(crate) struct Metrics {
    token: Option<TokenHash>,
    read: Option<MetricsRead>,
    /// Apart from the passwords': a program with an old token does not lock its host's people out, and one with the
    /// right token does not wipe out what was counted of them.
    lockout: Lockout,
}

impl Metrics {
    /// With the token that was stored.
    pub(crate) fn new(token: Option<TokenHash>) -> Self {
        Self {
            token,
            read: None,
            lockout: Lockout::default(),
        }
    }
}

impl Engine {
    /// Whether metrics are answered, and who read them.
    pub(crate) async fn metrics(&self) -> MetricsAccess {
        let state = self.state.lock().await;
        let token = state.metrics.token.as_ref().filter(|_| state.set_up());
        MetricsAccess {
            made: token.map(|token| token.made),
            read: state.metrics.read.clone(),
        }
    }

    /// Makes a new token, or takes it away.
    pub(crate) async fn change_metrics(
        &self,
        request: ChangeMetricsRequest,
        caller: Caller,
    ) -> Result<MetricsToken, Failure> {
        let mut state = self.state.lock().await;
        if !state.set_up() {
            let message = "do the first set-up before you change settings";
            return Err(Failure::new(FailureKind::Denied, message));
        }
        let token = if request.on { Some(generate()?) } else { None };
        let stored = token.as_deref().map(|token| TokenHash::of(token, now()));
        let on_disk = stored.clone();
        self.on_disk(move |vault| vault.save_metrics(on_disk.as_ref())).await?;
        state.metrics = Metrics::new(stored);
        let user = who(caller, &request.user);
        let done = if request.on {
            "made a new token for metrics"
        } else {
            "switched metrics off"
        };
        log::info!(event = "metrics-token", user = user.as_str(), on = request.on; "{user} {done}");
        Ok(MetricsToken { token })
    }

    /// Checks a token.
    pub(crate) async fn prove_metrics(&self, request: ProveMetricsRequest) -> Result<MetricsProved, Failure> {
        self.prove_metrics_at(request, system::uptime_s()).await
    }

    /// The same `uptime_s` seconds after the kernel's start.
    async fn prove_metrics_at(&self, request: ProveMetricsRequest, uptime_s: u64) -> Result<MetricsProved, Failure> {
        let mut state = self.state.lock().await;
        // A token is as good as the administrator who made it: where accounts were lost, nobody vouches for it.
        let set_up = state.set_up();
        let Metrics { token, read, lockout } = &mut state.metrics;
        let Some(right) = token.as_ref().filter(|_| set_up) else {
            return Err(Failure::new(
                FailureKind::NotFound,
                "metrics are off: `set metrics token` makes a token",
            ));
        };
        let Some(given) = request.token else {
            return Err(Failure::new(
                FailureKind::Denied,
                "metrics are read with a bearer token",
            ));
        };
        let source = Source::from(Some(request.source));
        // Its own account to each source: whoever fails shuts out nobody else.
        let account = shown(source, request.source);
        if let Some(seconds) = lockout.wait(&account, source, uptime_s) {
            let message = format!("too many wrong tokens: try again in {seconds} s");
            return Err(Failure::new(FailureKind::LockedOut, message));
        }
        if !right.matches(&given) {
            lockout.fail(&account, source, uptime_s);
            log::warn!(event = "metrics-refused", source = account.as_str(); "a wrong token for metrics was given");
            return Err(Failure::new(FailureKind::Denied, "the token is wrong"));
        }
        lockout.succeed(&account, source);
        *read = Some(MetricsRead {
            at: now(),
            source: request.source.to_canonical(),
        });
        Ok(MetricsProved {})
    }
}

fn shown(source: Source, address: IpAddr) -> String {
    match source {
        Source::Console => address.to_string(),
        Source::Network(network) => network.to_string(),
    }
}

fn generate() -> Result<String, Failure> {
    let octets: [u8; 32] = random::octets().map_err(|e| {
        Failure::new(
            FailureKind::Unavailable,
            format!("the system gives no random numbers: {e}"),
        )
    })?;
    Ok(hexadecimal(&octets))
}

fn hash(token: &str) -> String {
    hexadecimal(&Sha256::digest(token.as_bytes()))
}

fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::tests::Fragile;
    use crate::tests::{engine, set_up_engine};

    fn change(on: bool) -> ChangeMetricsRequest {
        let user = "admin".to_owned();
        ChangeMetricsRequest { on, user }
    }

    fn give(token: Option<&str>, source: &str) -> ProveMetricsRequest {
        ProveMetricsRequest {
            token: token.map(str::to_owned),
            source: source.parse().unwrap(),
        }
    }

    async fn kind(engine: &Engine, token: Option<&str>, source: &str, uptime_s: u64) -> Option<FailureKind> {
        let said = engine.prove_metrics_at(give(token, source), uptime_s).await;
        said.err().map(|failure| failure.kind)
    }

    #[tokio::test]
    async fn a_token_lets_in_until_there_is_another_or_none() {
        let disk = Fragile::default();
        let first = engine(&disk);
        let early = first.change_metrics(change(true), Caller::Console).await;
        assert_eq!(early.unwrap_err().kind, FailureKind::Denied, "before the set-up");
        let first = set_up_engine(&disk).await;
        assert_eq!(first.metrics().await, MetricsAccess::default());
        let any = "0".repeat(64);
        assert_eq!(
            kind(&first, Some(&any), "192.0.2.1", 0).await,
            Some(FailureKind::NotFound)
        );
        assert_eq!(kind(&first, None, "192.0.2.1", 0).await, Some(FailureKind::NotFound));

        let made = first.change_metrics(change(true), Caller::Admin).await.unwrap();
        assert!(!format!("{made:?}").contains(made.token.as_deref().unwrap()));
        let one = made.token.unwrap();
        assert!(one.len() == 64 && one.bytes().all(|b| b.is_ascii_hexdigit()), "{one}");
        assert_eq!(kind(&first, Some(&one), "::ffff:192.0.2.7", 0).await, None);
        assert_eq!(
            kind(&first, Some(&any), "192.0.2.1", 0).await,
            Some(FailureKind::Denied)
        );
        assert_eq!(kind(&first, Some(""), "192.0.2.1", 0).await, Some(FailureKind::Denied));
        let read = first.metrics().await.read.unwrap();
        assert_eq!(read.source, IpAddr::from([192, 0, 2, 7]));

        // It outlasts a restart, as a hash alone.
        let second = engine(&disk);
        assert_eq!(kind(&second, Some(&one), "192.0.2.1", 0).await, None);
        let files = disk.files.lock().unwrap().clone();
        assert!(files.contains_key("metrics.json"));
        for (name, octets) in files {
            assert!(!String::from_utf8_lossy(&octets).contains(&one), "{name}");
        }

        let two = second
            .change_metrics(change(true), Caller::Console)
            .await
            .unwrap()
            .token
            .unwrap();
        assert_ne!(one, two);
        assert_eq!(
            kind(&second, Some(&one), "192.0.2.1", 0).await,
            Some(FailureKind::Denied)
        );
        assert_eq!(kind(&second, Some(&two), "192.0.2.1", 0).await, None);
        let off = second.change_metrics(change(false), Caller::Console).await.unwrap();
        assert!(off.token.is_none());
        assert_eq!(
            kind(&second, Some(&two), "192.0.2.1", 0).await,
            Some(FailureKind::NotFound)
        );
        assert!(engine(&disk).metrics().await.made.is_none());
    }

    #[tokio::test]
    async fn a_token_without_an_administrator_opens_nothing() {
        let disk = Fragile::default();
        let first = set_up_engine(&disk).await;
        let made = first.change_metrics(change(true), Caller::Console).await.unwrap();
        let token = made.token.unwrap();
        assert_eq!(kind(&first, Some(&token), "192.0.2.1", 0).await, None);
        disk.files.lock().unwrap().remove("accounts.json").unwrap();
        let second = engine(&disk);
        assert_eq!(
            kind(&second, Some(&token), "192.0.2.1", 0).await,
            Some(FailureKind::NotFound)
        );
        assert!(second.metrics().await.made.is_none());
    }

    #[tokio::test]
    async fn wrong_tokens_lock_their_source_out_and_nobody_else() {
        let engine = set_up_engine(&Fragile::default()).await;
        let made = engine.change_metrics(change(true), Caller::Console).await.unwrap();
        let right = made.token.unwrap();
        for _ in 0..50 {
            assert_eq!(
                kind(&engine, None, "192.0.2.1", 0).await,
                Some(FailureKind::Denied),
                "no guess"
            );
        }
        for _ in 0..5 {
            assert_eq!(
                kind(&engine, Some("x"), "192.0.2.1", 0).await,
                Some(FailureKind::Denied)
            );
        }
        let locked = engine
            .prove_metrics_at(give(Some(&right), "192.0.2.1"), 0)
            .await
            .unwrap_err();
        assert_eq!(locked.kind, FailureKind::LockedOut);
        assert!(locked.message.contains("15 s"), "{}", locked.message);
        assert_eq!(kind(&engine, Some(&right), "192.0.2.2", 0).await, None);
        assert_eq!(
            kind(&engine, Some(&right), "192.0.2.1", 15).await,
            None,
            "the wait is over"
        );
        // Strangers from everywhere do not shut the reader out.
        for n in 0..200_u8 {
            for _ in 0..5 {
                kind(&engine, Some("x"), &format!("198.51.100.{n}"), 20).await;
            }
        }
        assert_eq!(kind(&engine, Some(&right), "192.0.2.1", 20).await, None);
    }

    #[tokio::test]
    async fn a_full_disk_makes_no_token_and_takes_none_away() {
        let disk = Fragile::default();
        let engine = set_up_engine(&disk).await;
        let right = engine
            .change_metrics(change(true), Caller::Console)
            .await
            .unwrap()
            .token
            .unwrap();
        *disk.operations_left.lock().unwrap() = Some(0);
        for on in [true, false] {
            let failed = engine.change_metrics(change(on), Caller::Console).await.unwrap_err();
            assert_eq!(failed.kind, FailureKind::Unavailable);
        }
        assert_eq!(kind(&engine, Some(&right), "192.0.2.1", 0).await, None);
    }
}
