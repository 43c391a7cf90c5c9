//! Bundles that the box gets by itself, and USB sticks, as the firmware's task sees them.

use std::collections::BTreeSet;
use std::fs;

use api::firmware::{FetchRequest, FirmwareStatus, Stick, VerifyRequest};
use api::{Failure, FailureKind};

use super::super::fetching::{self, Fetch, Look};
use super::super::rules;
use super::{ORDERS, Office, Reply, Staged, busy, refused, unavailable};

/// USB sticks.
#[derive(Default)]
pub(super) struct Sticks {
    /// What is plugged in now, and what was when they were looked at.
    pub(super) plugged: BTreeSet<String>,
    known: BTreeSet<String>,
    pub(super) found: Vec<Stick>,
    look: Option<Look>,
    waiting: Vec<Reply<FirmwareStatus>>,
}

impl Office {
    /// Orders a bundle from a web server or a stick; it is checked when it is here.
    pub(super) async fn fetch(&mut self, request: FetchRequest) -> Result<FirmwareStatus, Failure> {
        self.machine.admits().map_err(busy)?;
        let wrong = |message: String| Failure::new(FailureKind::BadRequest, message);
        let from = fetching::place(request.from, &self.sticks.found).map_err(wrong)?;
        self.forget().await;
        let most = self.room();
        rules::admit_size(1, rules::KEEP_FREE + most).map_err(|refusal| refused(&refusal))?;
        let shown = from.shown();
        log::info!(event = "firmware-fetch", user = request.user.as_str(), from = shown.as_str(); "{} has a bundle fetched", request.user);
        let fetch = Fetch::start(from, &self.run, most, rules::KEEP_FREE, request.user).map_err(unavailable)?;
        self.fetch = Some(fetch);
        self.staged = Staged::Fetching;
        self.show();
        Ok(self.status())
    }

    pub(super) fn look_at_sticks(&mut self, user: &str, reply: Reply<FirmwareStatus>) {
        if self.sticks.look.is_none() {
            log::info!(event = "firmware-sticks", user = user; "{user} has the USB sticks looked at");
            self.sticks.look = Some(Look::start(&self.sys));
        }
        if self.sticks.waiting.len() < ORDERS {
            self.sticks.waiting.push(reply);
        }
    }

    /// Looks what is plugged in, and whether a look at it or a fetch is over.
    pub(super) async fn attend(&mut self) {
        self.sticks.plugged = fetching::plugged(&self.sys);
        if let Some(look) = self.sticks.look.take_if(|look| look.is_over()) {
            let result = look.result().await.map(|(found, known)| {
                self.sticks.found = found;
                self.sticks.known = known;
            });
            let status = result.map(|()| self.status()).map_err(unavailable);
            for reply in std::mem::take(&mut self.sticks.waiting) {
                drop(reply.send(status.clone()));
            }
        }
        if self.sticks.plugged != self.sticks.known {
            self.sticks.found.clear();
        }
        let Some(fetch) = self.fetch.take_if(|fetch| fetch.is_over()) else {
            return;
        };
        let (user, from) = (fetch.user.clone(), fetch.from());
        let fetched = fetch.result().await;
        self.staged = Staged::Nothing;
        let checked = match fetched {
            Ok(()) => self
                .verify(VerifyRequest { user })
                .await
                .map(drop)
                .map_err(|failure| failure.message),
            Err(problem) => Err(problem),
        };
        if let Err(problem) = checked {
            log::warn!(event = "firmware-fetch", from = from.as_str(); "no bundle came: {problem}");
            self.forget().await;
            self.unfetched = Some(problem);
        }
    }

    /// Removes what a fetch left whose supervisor ended.
    pub(super) async fn forget_part(&mut self) {
        let part = self.data.join("firmware/incoming").join(fetch::staging::PART);
        if part.exists() {
            fetching::stop_left_over().await;
            drop(fs::remove_file(part));
        }
    }
}
