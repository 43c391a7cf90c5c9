//! Who may ask what: the hardware monitor reports its alarms and asks for nothing, all others ask and report none.

use anyhow::Context as _;
use api::analyzer::AnalyzerRequest;
use api::server::Peer;
use api::{Failure, FailureKind};
use nix::unistd::{User, geteuid};

const HWMON: &str = "spanwatch-hwmon";

/// The users that count, read once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Guests {
    /// The hardware monitor's; `None` where there is no such user, as on a machine for work on the programs.
    hwmon: Option<u32>,
    own: u32,
}

impl Guests {
    /// The users of this system.
    ///
    /// # Errors
    /// Where they cannot be looked up: to take that for no such user would let the hardware monitor ask for everything.
    pub(crate) fn of_this_system() -> anyhow::Result<Self> {
        let hwmon = User::from_name(HWMON).with_context(|| format!("cannot look up the user {HWMON}"))?;
        Ok(Self {
            hwmon: hwmon.map(|user| user.uid.as_raw()),
            own: geteuid().as_raw(),
        })
    }

    /// Refuses what the peer may not ask.
    pub(crate) fn check(self, peer: Peer, request: &AnalyzerRequest) -> Result<(), Failure> {
        let is_hwmon = self.hwmon == Some(peer.uid);
        let trusted = [0, self.own].contains(&peer.uid);
        let allowed = match request {
            AnalyzerRequest::ReportHardware(_) => is_hwmon || trusted,
            _ => !is_hwmon || trusted,
        };
        match allowed {
            true => Ok(()),
            false => Err(Failure::new(
                FailureKind::Denied,
                "this user may not ask the analyzer that",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use api::alarms::{AlarmsQuery, HardwareReport};
    use api::analyzer::{LinksQuery, RecordsQuery};
    use model::Timestamp;

    use super::*;

    #[test]
    fn the_hardware_monitor_may_report_and_nothing_else() {
        let guests = Guests {
            hwmon: Some(707),
            own: 702,
        };
        let report = HardwareReport {
            run: 1,
            at: Timestamp::EPOCH,
            edges_so_far: 0,
            edges: Vec::new(),
            open: Vec::new(),
        };
        let records = RecordsQuery {
            from: Timestamp::EPOCH,
            to: None,
            limit: 1,
            scope: None,
            interface: None,
        };
        let may = |uid, request: AnalyzerRequest| guests.check(Peer { uid, gid: 700 }, &request).is_ok();
        assert!(may(707, report.clone().into()));
        assert!(!may(707, records.clone().into()));
        assert!(!may(707, LinksQuery {}.into()));
        assert!(!may(707, AlarmsQuery::default().into()));
        // the console, and a user that this namespace does not know
        for uid in [703, 65_534] {
            assert!(!may(uid, report.clone().into()));
            assert!(may(uid, records.clone().into()));
        }
        for uid in [0, 702] {
            assert!(may(uid, report.clone().into()) && may(uid, records.clone().into()));
        }
        // without such a user, as where the programs are worked on
        let nobody = Guests {
            hwmon: None,
            own: 1_000,
        };
        let own = Peer { uid: 1_000, gid: 1_000 };
        assert!(nobody.check(own, &report.into()).is_ok());
    }
}
