//! Who may ask what: the kernel says who asks (SO_PEERCRED).

use api::server::Peer;
use api::supervisor::SupervisorRequest;
use api::{Failure, FailureKind};
use nix::unistd::User;

/// A program or person, as far as their user tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    /// PAM on behalf of sshd, or ourselves.
    Root,
    /// The console program: it answers for the people that it let in.
    Console,
    /// The command line of an administrator who logged in by SSH.
    Admin,
    /// The box's own screen and serial port.
    Physical,
    /// The collector.
    Collector,
    /// The analyzer.
    Analyzer,
    /// The health gate.
    Gate,
    /// Anyone else.
    Stranger,
}

/// The user numbers of the programs, read once.
#[derive(Debug, Clone, Default)]
pub(crate) struct Identities(Vec<(u32, Caller)>);

impl Identities {
    /// The appliance's users; one that does not exist here is left out.
    pub(crate) fn of_this_system() -> Self {
        let users = [
            ("spanwatch-console", Caller::Console),
            ("admin", Caller::Admin),
            ("spanwatch-tty", Caller::Physical),
            ("spanwatch-collector", Caller::Collector),
            ("spanwatch-analyzer", Caller::Analyzer),
            ("spanwatch-gate", Caller::Gate),
        ];
        let known = users.into_iter().filter_map(|(name, caller)| {
            let user = User::from_name(name).ok()??;
            Some((user.uid.as_raw(), caller))
        });
        Self(known.collect())
    }

    /// Who asks.
    pub(crate) fn caller(&self, peer: Peer) -> Caller {
        if peer.uid == 0 {
            return Caller::Root;
        }
        let known = self.0.iter().find(|(uid, _)| *uid == peer.uid);
        known.map_or(Caller::Stranger, |(_, caller)| *caller)
    }
}

/// Refuses what the caller may not ask. `set_up` is whether there is an administrator.
pub(crate) fn check(caller: Caller, request: &SupervisorRequest, set_up: bool) -> Result<(), Failure> {
    use SupervisorRequest as R;
    let allowed = match caller {
        Caller::Root => true,
        Caller::Console => !matches!(request, R::SetupCode(_) | R::Health(_)),
        Caller::Admin => !matches!(
            request,
            R::SetupCode(_) | R::Setup(_) | R::Authenticate(_) | R::Health(_) | R::ProveMetrics(_)
        ),
        // After the set-up the program on the physical console asks for the administrator's password first.
        Caller::Physical => {
            !matches!(request, R::Setup(_) | R::Health(_) | R::ProveMetrics(_))
                && (set_up
                    || !matches!(request, R::ChangePassword(_) | R::ChangeMetrics(_)) && !changes_firmware(request))
        }
        Caller::Gate => matches!(request, R::Settings(_) | R::Health(_)),
        Caller::Collector | Caller::Analyzer => matches!(request, R::Settings(_)),
        Caller::Stranger => false,
    };
    let message = "this user may not ask the supervisor that";
    if allowed {
        Ok(())
    } else {
        Err(Failure::new(FailureKind::Denied, message))
    }
}

/// Whether a request changes what the box runs.
fn changes_firmware(request: &SupervisorRequest) -> bool {
    use SupervisorRequest as R;
    matches!(
        request,
        R::ReceiveFirmware(_)
            | R::FetchFirmware(_)
            | R::FirmwareSticks(_)
            | R::VerifyFirmware(_)
            | R::InstallFirmware(_)
            | R::CancelFirmware(_)
            | R::RestartFirmware(_)
    )
}

/// Whether the settings are told with their secrets: only to whom they are of use.
pub(crate) fn knows_secrets(caller: Caller) -> bool {
    matches!(caller, Caller::Root | Caller::Collector)
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::supervisor::{PowerAction, PowerRequest, SettingsQuery, SetupCodeQuery, StatusQuery};

    #[test]
    fn the_setup_code_is_for_the_physical_console_alone() {
        let code = SupervisorRequest::SetupCode(SetupCodeQuery {});
        let asks = |caller| check(caller, &code, false).is_ok();
        assert!(asks(Caller::Physical) && asks(Caller::Root));
        for caller in [
            Caller::Console,
            Caller::Admin,
            Caller::Collector,
            Caller::Analyzer,
            Caller::Stranger,
        ] {
            assert!(!asks(caller), "{caller:?}");
        }
    }

    #[test]
    fn collector_and_analyzer_read_the_settings_and_nothing_else() {
        let power = SupervisorRequest::Power(PowerRequest {
            action: PowerAction::Reboot,
            user: String::new(),
        });
        for caller in [Caller::Collector, Caller::Analyzer] {
            assert!(check(caller, &SupervisorRequest::Settings(SettingsQuery::default()), true).is_ok());
            assert!(check(caller, &SupervisorRequest::Status(StatusQuery {}), true).is_err());
            assert!(check(caller, &power, true).is_err());
        }
        assert!(check(Caller::Admin, &power, true).is_ok());
        assert!(check(Caller::Stranger, &SupervisorRequest::Status(StatusQuery {}), true).is_err());
    }

    #[test]
    fn health_is_the_gate_s_to_tell_and_firmware_waits_for_the_set_up() {
        use api::firmware::{HealthReport, RebootRequest};
        let health = SupervisorRequest::Health(HealthReport { problem: None });
        for caller in [
            Caller::Console,
            Caller::Admin,
            Caller::Physical,
            Caller::Collector,
            Caller::Stranger,
        ] {
            assert!(check(caller, &health, true).is_err(), "{caller:?}");
        }
        assert!(check(Caller::Gate, &health, false).is_ok());
        assert!(check(Caller::Gate, &SupervisorRequest::Status(StatusQuery {}), true).is_err());
        let restart = SupervisorRequest::RestartFirmware(RebootRequest {
            at: None,
            user: String::new(),
        });
        assert!(check(Caller::Physical, &restart, false).is_err());
        assert!(check(Caller::Physical, &restart, true).is_ok());
        assert!(check(Caller::Collector, &restart, true).is_err());
    }

    #[test]
    fn metrics_tokens_are_checked_for_the_console_and_made_for_administrators() {
        use api::metrics::{ChangeMetricsRequest, ProveMetricsRequest};
        let prove = SupervisorRequest::ProveMetrics(ProveMetricsRequest {
            token: None,
            source: [192, 0, 2, 1].into(),
        });
        let change = SupervisorRequest::ChangeMetrics(ChangeMetricsRequest {
            on: true,
            user: String::new(),
        });
        assert!(check(Caller::Console, &prove, true).is_ok());
        for caller in [
            Caller::Admin,
            Caller::Physical,
            Caller::Collector,
            Caller::Analyzer,
            Caller::Gate,
            Caller::Stranger,
        ] {
            assert!(check(caller, &prove, true).is_err(), "{caller:?}");
        }
        for caller in [Caller::Console, Caller::Admin, Caller::Physical] {
            assert!(check(caller, &change, true).is_ok(), "{caller:?}");
        }
        for caller in [Caller::Collector, Caller::Analyzer, Caller::Gate, Caller::Stranger] {
            assert!(check(caller, &change, true).is_err(), "{caller:?}");
        }
        assert!(check(Caller::Physical, &change, false).is_err());
    }

    #[test]
    fn users_are_known_by_number() {
        let identities = Identities(vec![(701, Caller::Collector)]);
        assert_eq!(identities.caller(Peer { uid: 701, gid: 0 }), Caller::Collector);
        assert_eq!(identities.caller(Peer { uid: 702, gid: 701 }), Caller::Stranger);
        assert_eq!(identities.caller(Peer { uid: 0, gid: 0 }), Caller::Root);
    }
}
