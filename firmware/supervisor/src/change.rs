//! Changes of the settings: applied, confirmed, or taken back.

use api::supervisor::{ApplyAnswer, ApplyRequest, ConfirmRequest};
use api::{Failure, FailureKind};
use settings::{Settings, SettingsError};

use crate::access::Caller;
use crate::engine::{Engine, State, until, who};
use crate::system;
use crate::vault::Unconfirmed;

/// How long changes of the management network wait for confirmation.
const CONFIRM_WITHIN_S: u64 = 120;

impl Engine {
    /// Puts new settings in force.
    pub(crate) async fn apply(&self, request: ApplyRequest, caller: Caller) -> Result<ApplyAnswer, Failure> {
        let wrong = |e: SettingsError| Failure::new(FailureKind::BadRequest, e.to_string());
        let mut state = self.state.lock().await;
        let mut new = request.settings.with_secrets_of(&state.settings).map_err(wrong)?;
        admit(&state, &new, caller)?;
        new.check().map_err(wrong)?;
        new.follow(&state.settings).map_err(wrong)?;
        check_port(&state, &new)?;
        new.revision = state.settings.revision;
        if new == state.settings {
            return Ok(answer(&state));
        }
        new.revision += 1;
        // Whoever stands before the box cannot cut themselves off from it.
        let waits = new.management != state.settings.management && caller != Caller::Physical;
        let unconfirmed = waits.then(|| Unconfirmed {
            previous: state.settings.clone(),
            boot: system::boot_id(),
            deadline_s: system::uptime_s() + CONFIRM_WITHIN_S,
        });
        let ends_wait = state.unconfirmed.is_some();
        let (stored, way_back) = (new.clone(), unconfirmed.clone());
        self.on_disk(move |vault| {
            vault.save_settings(&stored, way_back.as_ref())?;
            if ends_wait { vault.confirm() } else { Ok(()) }
        })
        .await?;
        let user = who(caller, &request.user);
        log::info!(event = "settings", user = user.as_str(), revision = new.revision; "{user} changed the settings");
        state.put(new);
        state.unconfirmed = unconfirmed;
        self.changed();
        Ok(answer(&state))
    }

    /// Keeps settings that wait for confirmation.
    pub(crate) async fn confirm(&self, request: ConfirmRequest, caller: Caller) -> Result<ApplyAnswer, Failure> {
        let mut state = self.state.lock().await;
        if state.unconfirmed.is_none() {
            return Err(Failure::new(
                FailureKind::Conflict,
                "no settings wait for confirmation: the time may be over",
            ));
        }
        self.on_disk(crate::vault::Vault::confirm).await?;
        state.unconfirmed = None;
        let user = who(caller, &request.user);
        log::info!(event = "confirm", user = user.as_str(), revision = state.settings.revision; "{user} confirmed the settings");
        self.changed();
        Ok(answer(&state))
    }

    /// Takes back settings whose time for confirmation is over, `now_s` seconds after the start of `boot`. Those of
    /// an earlier boot are taken back at once: nobody may be able to reach the box.
    pub(crate) async fn take_back(&self, boot: &str, now_s: u64) {
        let mut state = self.state.lock().await;
        let due = |u: &Unconfirmed| u.boot != boot || now_s >= u.deadline_s;
        let Some(unconfirmed) = state.unconfirmed.clone().filter(due) else {
            return;
        };
        let mut back = unconfirmed.previous;
        back.revision = state.settings.revision + 1;
        back.keep_numbers_of(&state.settings);
        let stored = back.clone();
        let done = self
            .on_disk(move |vault| {
                vault.save_settings(&stored, None)?;
                vault.confirm()
            })
            .await;
        if done.is_err() {
            // In force from memory all the same; the next start finds the way back on the disk again.
            state
                .damage
                .push("the settings that were taken back could not be stored".to_owned());
        }
        log::warn!(event = "rollback", revision = back.revision; "the settings were not confirmed and are taken back");
        state.put(back);
        state.unconfirmed = None;
        self.changed();
    }
}

fn admit(state: &State, new: &Settings, caller: Caller) -> Result<(), Failure> {
    let refuse = |kind, message: &str| Err(Failure::new(kind, message));
    if caller == Caller::Physical && !state.set_up() {
        let mut only_network = state.settings.clone();
        only_network.management = new.management.clone();
        only_network.language = new.language;
        only_network.revision = new.revision;
        if only_network != *new {
            return refuse(
                FailureKind::Denied,
                "before the set-up only the management network can be changed here",
            );
        }
    } else if !state.set_up() {
        return refuse(FailureKind::Denied, "do the first set-up before you change settings");
    }
    if new.revision != state.settings.revision {
        return refuse(
            FailureKind::Conflict,
            "the settings were changed by someone else meanwhile: read them again",
        );
    }
    if state.unconfirmed.is_some() && caller != Caller::Physical {
        return refuse(
            FailureKind::Conflict,
            "the last change waits for confirmation: confirm it, or wait until it is taken back",
        );
    }
    Ok(())
}

/// A collection port that is newly named must be there, and not be the management port.
fn check_port(state: &State, new: &Settings) -> Result<(), Failure> {
    let unchanged = new.collection.port == state.settings.collection.port;
    let Some(name) = new.collection.port.as_ref().filter(|_| !unchanged) else {
        return Ok(());
    };
    let others: Vec<&str> = state.ports.iter().skip(1).map(|port| port.name.as_str()).collect();
    if others.contains(&name.as_str()) {
        return Ok(());
    }
    let problem = if state.ports.iter().any(|port| port.name == *name) {
        format!("collection.port: {name} is the management port: leave the port out to collect there")
    } else if others.is_empty() {
        format!("collection.port: there is no port {name}, and no other than the management port")
    } else {
        format!(
            "collection.port: there is no port {name}: it is one of {}",
            others.join(", ")
        )
    };
    Err(Failure::new(FailureKind::BadRequest, problem))
}

fn answer(state: &State) -> ApplyAnswer {
    ApplyAnswer {
        revision: state.settings.revision,
        confirm_until: state.unconfirmed.as_ref().map(until),
    }
}
