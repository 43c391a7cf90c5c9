//! Back to the factory's state, and back in: the factory reset is noted and told, and a password that was set in the
//! recovery system is taken over.

use std::path::Path;
use std::time::Duration;

use api::firmware::{HistoryEvent, Update};
use api::supervisor::{FactoryResetRequest, PowerAnswer, RESET_WORD};
use api::{Failure, FailureKind};
use model::Timestamp;
use storage::password;
use storage::reset::{Request, book};

use crate::access::Caller;
use crate::accounts::{ADMIN, Accounts};
use crate::command;
use crate::engine::{Engine, now, who};
use crate::firmware::Happened;
use crate::vault::Vault;

/// The unit that notes a reset with the box's identity.
const UNIT: &str = "spanwatch-reset-request.service";
/// The unit that removes a password that was taken over.
const FORGET: &str = "spanwatch-password-forget.service";
/// Where the first reads what is asked for, in the run folder.
const REQUEST: &str = "supervisor/reset.json";
/// It writes a line to a disk.
const NOTED_WITHIN: Duration = Duration::from_secs(60);

impl Engine {
    /// Has the data wiped at the next start, and restarts.
    pub(crate) async fn factory_reset(
        &self,
        request: FactoryResetRequest,
        caller: Caller,
    ) -> Result<PowerAnswer, Failure> {
        if request.word != RESET_WORD {
            let message = format!("nothing was done: type {RESET_WORD} to wipe all data");
            return Err(Failure::new(FailureKind::BadRequest, message));
        }
        let update = self
            .firmware
            .get()
            .and_then(|firmware| firmware.shown())
            .map(|shown| shown.update);
        if matches!(update, Some(Update::Installing { .. })) {
            let message = "an update is being installed: wait until it is done";
            return Err(Failure::new(FailureKind::Conflict, message));
        }
        let user = who(caller, &request.user);
        log::warn!(event = "factory-reset", user = user.as_str(); "{user} asked for a factory reset");
        let asked = Request {
            at_s: now().as_nanos() / 1_000_000_000,
            by: user,
            begun: 0,
        };
        if self.paths.act {
            self.note_reset(&asked).await.map_err(|e| {
                log::error!(event = "factory-reset-failed"; "{e}");
                let message = format!("nothing was done, because the request cannot be kept: {e}");
                Failure::new(FailureKind::Unavailable, message)
            })?;
        }
        self.switch("reboot");
        Ok(PowerAnswer {})
    }

    async fn note_reset(&self, asked: &Request) -> Result<(), String> {
        let text = serde_json::to_string(asked).map_err(|e| e.to_string())?;
        std::fs::write(self.paths.run.join(REQUEST), text).map_err(|e| e.to_string())?;
        let noted = command::run_within("systemctl", &["start", UNIT], "", NOTED_WITHIN).await;
        noted.map(drop).map_err(|e| e.to_string())
    }
}

/// The last factory reset, for the history of the box that is empty since.
pub(crate) fn told(identity: &Path) -> Option<Happened> {
    let book = book(identity);
    let last = book.last?;
    log::info!(event = "factory-resets", count = book.count; "factory resets of this box: {}; the last one was asked for by {}", book.count, last.by);
    Some(Happened {
        at: Timestamp::from_secs(last.at_s),
        user: last.by,
        event: HistoryEvent::FactoryReset { count: book.count },
    })
}

/// A password that was set in the recovery system, for the history.
pub(crate) fn recovery(at: Timestamp) -> Happened {
    Happened {
        at,
        user: "recovery console".to_owned(),
        event: HistoryEvent::PasswordRecovered,
    }
}

/// Takes over the administrator's password that was set in the recovery system, once, and says when that was. Cut off
/// in between, the next start does the same again.
pub(crate) fn recovered(
    identity: &Path,
    vault: &mut Vault,
    mut accounts: Accounts,
    damage: &mut Vec<String>,
) -> (Accounts, Option<Timestamp>) {
    let recovery = match password::read(identity) {
        Ok(Some(recovery)) => recovery,
        Ok(None) => return (accounts, None),
        Err(e) => {
            damage.push(format!("the password of the recovery system is lost: {e:#}"));
            return (accounts, None);
        }
    };
    if vault.recovered(damage).as_ref() == Some(&recovery.hash) {
        return (accounts, None);
    }
    accounts.set_password(ADMIN, recovery.hash.clone());
    let stored = vault
        .save_accounts(&accounts)
        .and_then(|()| vault.save_recovered(&recovery.hash));
    if let Err(e) = stored {
        damage.push(format!("the password of the recovery system cannot be stored: {e}"));
    }
    log::warn!(event = "password-recovered", user = ADMIN; "the administrator's password was set in the recovery system, at the box itself");
    (accounts, Some(Timestamp::from_secs(recovery.at_s)))
}

/// Has the password of the recovery system removed from the identity partition, where it is still there.
pub(crate) async fn forget_password(identity: &Path) {
    if matches!(password::read(identity), Ok(None)) {
        return;
    }
    if let Err(e) = command::run_within("systemctl", &["start", FORGET], "", NOTED_WITHIN).await {
        log::error!(event = "password-recovered"; "the password of the recovery system cannot be removed from the identity partition: {e}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use storage::password::Recovery;
    use storage::reset::Identity;

    use crate::accounts;
    use crate::disk::tests::Fragile;

    #[test]
    fn a_recovered_password_is_taken_over_once() {
        let identity = tempfile::tempdir().unwrap();
        let recovery = Recovery {
            at_s: 1_700_000_000,
            hash: accounts::hash("a new one at the rack").unwrap(),
        };
        password::note(&Identity::writable(identity.path()), &recovery).unwrap();
        let mut old = Accounts::default();
        old.set_password(ADMIN, accounts::hash("the one that was lost").unwrap());
        let mut vault = Vault::new(Fragile::default());
        let mut damage = Vec::new();
        let (accounts, at) = recovered(identity.path(), &mut vault, old, &mut damage);
        assert_eq!((at, damage.len()), (Some(Timestamp::from_secs(1_700_000_000)), 0));
        assert!(accounts::verify("a new one at the rack", accounts.hash_of(ADMIN)));
        assert_eq!(accounts.find(ADMIN).unwrap().generation, 2);
        assert_eq!(vault.load().accounts, accounts);
        let again = recovered(identity.path(), &mut vault, accounts.clone(), &mut damage);
        assert_eq!(again, (accounts, None), "it is taken over once");
    }

    #[test]
    fn a_reset_is_told_by_the_box_s_identity() {
        let identity = tempfile::tempdir().unwrap();
        assert_eq!(told(identity.path()), None);
        let text = r#"{"count":2,"last":{"at_s":1700000000,"by":"admin","begun":1}}"#;
        std::fs::write(identity.path().join("factory-resets.json"), text).unwrap();
        let told = told(identity.path()).unwrap();
        assert_eq!(
            (told.user.as_str(), told.event),
            ("admin", HistoryEvent::FactoryReset { count: 2 })
        );
    }
}
