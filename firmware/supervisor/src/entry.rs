//! The doors: the first set-up, passwords, and the lock-out before them.

use std::net::{IpAddr, Ipv4Addr};

use api::supervisor::{Account, AuthenticateRequest, ChangePasswordRequest, SetupRequest, SetupState};
use api::{Failure, FailureKind};
use settings::{hostname_problem, password_problem};
use tokio::sync::SemaphorePermit;

use crate::access::Caller;
use crate::accounts::{self, ADMIN};
use crate::engine::Engine;
use crate::lockout::Source;
use crate::{setup_code, system};

/// The name under which wrong setup codes are counted.
const SETUP: &str = "(setup)";

/// A place in the queue for hashing and the turn itself: attempts are checked, hashed and counted one by one, so
/// that many at once get no more tries than one after another.
struct Turn<'a> {
    _place: SemaphorePermit<'a>,
    _turn: SemaphorePermit<'a>,
}

impl Engine {
    async fn turn(&self) -> Result<Turn<'_>, Failure> {
        let busy = || {
            Failure::new(
                FailureKind::Unavailable,
                "too many people log in right now: try again in a few seconds",
            )
        };
        let _place = self.hashing_queue.try_acquire().map_err(|_| busy())?;
        let _turn = self.hashing.acquire().await.map_err(|_| busy())?;
        Ok(Turn { _place, _turn })
    }

    async fn check_lock(&self, user: &str, source: Source) -> Result<(), Failure> {
        let wait = self.state.lock().await.lockout.wait(user, source, system::uptime_s());
        wait.map_or(Ok(()), |seconds| {
            log::warn!(event = "locked-out", user = name(user), source = shown(source).as_str(); "an attempt came during the lock-out");
            let message = format!("too many wrong attempts: try again in {seconds} s, or log in at the box's own console");
            Err(Failure::new(FailureKind::LockedOut, message))
        })
    }

    async fn count(&self, user: &str, source: Source, good: bool) {
        let mut state = self.state.lock().await;
        if good {
            state.lockout.succeed(user, source);
        } else {
            state.lockout.fail(user, source, system::uptime_s());
        }
    }

    /// The first set-up.
    pub(crate) async fn set_up(&self, request: SetupRequest) -> Result<SetupState, Failure> {
        let _turn = self.turn().await?;
        let source = network(request.source);
        let code = {
            let state = self.state.lock().await;
            if state.set_up() {
                return Err(Failure::new(
                    FailureKind::Conflict,
                    "the set-up is done already: log in instead",
                ));
            }
            state.setup_code.clone()
        };
        let Some(code) = code else {
            return Err(Failure::new(
                FailureKind::Unavailable,
                "there is no setup code: restart the box",
            ));
        };
        self.check_lock(SETUP, source).await?;
        if !setup_code::matches(&request.code, &code) {
            self.count(SETUP, source, false).await;
            log::warn!(event = "setup-failed", source = shown(source).as_str(); "a wrong setup code was given");
            let message = "that is not the setup code: it is shown on the box's own screen and serial port";
            return Err(Failure::new(FailureKind::Denied, message));
        }
        let problem =
            password_problem(&request.password).or_else(|| request.hostname.as_deref().and_then(hostname_problem));
        if let Some(problem) = problem {
            return Err(Failure::new(FailureKind::BadRequest, problem));
        }
        let hash = hash(request.password).await?;
        {
            let mut state = self.state.lock().await;
            let mut settings = state.settings.clone();
            settings.revision += 1;
            settings.language = request.language;
            if let Some(hostname) = request.hostname {
                settings.hostname = hostname;
            }
            let mut accounts = state.accounts.clone();
            accounts.set_password(ADMIN, hash);
            let (new_settings, new_accounts) = (settings.clone(), accounts.clone());
            // The account is the point of no return: before it the set-up can be done again.
            self.on_disk(move |vault| {
                vault.save_settings(&new_settings, None)?;
                vault.save_accounts(&new_accounts)
            })
            .await?;
            state.settings = settings;
            state.accounts = accounts;
            state.setup_code = None;
        }
        let _ = self.on_disk(|vault| vault.save_setup_code(None)).await;
        self.count(SETUP, source, true).await;
        self.changed();
        log::info!(event = "setup", user = ADMIN, source = shown(source).as_str(); "the first set-up is done");
        Ok(self.setup_state().await)
    }

    /// Checks a password.
    pub(crate) async fn authenticate(&self, request: AuthenticateRequest, caller: Caller) -> Result<Account, Failure> {
        let _turn = self.turn().await?;
        let source = source(caller, request.source);
        self.prove(&request.user, request.password, source).await
    }

    async fn prove(&self, user: &str, password: String, source: Source) -> Result<Account, Failure> {
        self.check_lock(user, source).await?;
        let (account, hash) = {
            let state = self.state.lock().await;
            (
                state.accounts.find(user),
                state.accounts.hash_of(user).map(str::to_owned),
            )
        };
        let verified = tokio::task::spawn_blocking(move || accounts::verify(&password, hash.as_deref())).await;
        let account = account.filter(|_| verified.unwrap_or(false));
        self.count(user, source, account.is_some()).await;
        let (user, from) = (name(user), shown(source));
        match account {
            Some(account) => {
                log::info!(event = "login", user = user, source = from.as_str(); "{user} proved the password");
                Ok(account)
            }
            None => {
                log::warn!(event = "login-failed", user = user, source = from.as_str(); "a wrong user name or password was given");
                Err(Failure::new(
                    FailureKind::Denied,
                    "the user name or the password is wrong",
                ))
            }
        }
    }

    /// Changes one's own password.
    pub(crate) async fn change_password(
        &self,
        request: ChangePasswordRequest,
        caller: Caller,
    ) -> Result<Account, Failure> {
        let _turn = self.turn().await?;
        let source = source(caller, request.source);
        let same = request.current == request.new;
        let account = self.prove(&request.user, request.current, source).await?;
        let problem = password_problem(&request.new);
        if let Some(problem) =
            problem.or_else(|| same.then(|| "the new password is the old one: choose another".to_owned()))
        {
            return Err(Failure::new(FailureKind::BadRequest, problem));
        }
        let hash = hash(request.new).await?;
        let mut state = self.state.lock().await;
        let mut accounts = state.accounts.clone();
        accounts.set_password(&account.user, hash);
        let stored = accounts.clone();
        self.on_disk(move |vault| vault.save_accounts(&stored)).await?;
        state.accounts = accounts;
        log::info!(event = "password", user = account.user.as_str(), source = shown(source).as_str(); "the password was changed");
        let unknown = || Failure::new(FailureKind::NotFound, "there is no such account");
        state.accounts.find(&account.user).ok_or_else(unknown)
    }
}

async fn hash(password: String) -> Result<String, Failure> {
    let hash = tokio::task::spawn_blocking(move || accounts::hash(&password)).await;
    let failed = |reason: String| Failure::new(FailureKind::Unavailable, reason);
    hash.map_err(|e| failed(e.to_string()))?.map_err(failed)
}

/// Only the physical console's program speaks for the physical console.
fn source(caller: Caller, address: Option<IpAddr>) -> Source {
    if caller == Caller::Physical {
        Source::Console
    } else {
        network(address)
    }
}

fn network(address: Option<IpAddr>) -> Source {
    Source::from(Some(address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))))
}

fn shown(source: Source) -> String {
    match source {
        Source::Console => "console".to_owned(),
        Source::Network(address) => address.to_string(),
    }
}

/// A user name for the log: what is typed there may be a password.
fn name(user: &str) -> &str {
    if user == ADMIN || user == SETUP {
        user
    } else {
        "(unknown)"
    }
}
