use super::*;
use crate::drive::{Ata, Attribute, Nvme, Protocol, Raw, Scsi, SelfTest, WhenFailed};

fn passed() -> Drive {
    let mut drive = Drive::unknown(NoData::NotReported);
    drive.assessment = Assessment::Passed;
    drive
}

fn attribute(id: u8, name: &str, prefail: bool, printed: WhenFailed, raw: &str) -> Attribute {
    Attribute {
        id,
        name: name.to_owned(),
        prefail: Some(prefail),
        value: Some(100),
        worst: Some(100),
        threshold: Some(10),
        printed: Some(printed),
        raw: Raw::from_text(raw),
    }
}

/// A disk that spins and says that it is well, with one more attribute.
fn disk(more: Attribute) -> Drive {
    let mut drive = passed();
    drive.protocol = Protocol::Ata;
    drive.identity.rotation = Some(7200);
    drive.ata = Some(Ata {
        attributes: vec![attribute(3, "Spin_Up_Time", true, WhenFailed::Never, "0"), more],
        ..Ata::default()
    });
    drive
}

fn health(drive: &Drive) -> Health {
    let verdict = judge(drive);
    assert!(!verdict.reasons.is_empty());
    assert_eq!(verdict.advice.is_none(), verdict.health == Health::Ok, "{verdict:?}");
    verdict.health
}

#[test]
fn thresholds_of_age_and_of_failure_weigh_differently() {
    use WhenFailed::{Never, Now, Past};
    for (id, name, prefail, when, expected) in [
        (5, "Reallocated_Sector_Ct", true, Now, Health::Failing),
        (5, "Reallocated_Sector_Ct", true, Past, Health::Warning),
        (202, "Percent_Lifetime_Remain", false, Now, Health::Warning),
        (240, "Head_Flying_Hours", false, Past, Health::Ok),
        (190, "Airflow_Temperature_Cel", false, Past, Health::Ok),
        (190, "Airflow_Temperature_Cel", true, Now, Health::Warning),
        (9, "Power_On_Hours", false, Never, Health::Ok),
    ] {
        assert_eq!(
            health(&disk(attribute(id, name, prefail, when, "0"))),
            expected,
            "{id} {name} {when:?}"
        );
    }
}

#[test]
fn counters_that_precede_failure_warn_and_packed_ones_do_not() {
    use WhenFailed::Never;
    for (id, name, raw, expected) in [
        (5, "Reallocated_Sector_Ct", "0", Health::Ok),
        (5, "Reallocated_Sector_Ct", "8", Health::Warning),
        (187, "Reported_Uncorrect", "1", Health::Warning),
        (188, "Command_Timeout", "51540393996", Health::Ok),
        (197, "Current_Pending_Sector", "16", Health::Warning),
        (198, "Offline_Uncorrectable", "2", Health::Warning),
        (1, "Raw_Read_Error_Rate", "191476672", Health::Ok),
        (199, "UDMA_CRC_Error_Count", "44", Health::Ok),
        (198, "Host_Reads_GiB", "44", Health::Ok),
    ] {
        assert_eq!(
            health(&disk(attribute(id, name, false, Never, raw))),
            expected,
            "{id} {name} {raw}"
        );
    }
}

#[test]
fn the_drives_own_word_is_never_called_ok() {
    let mut drive = passed();
    drive.assessment = Assessment::Failed(None);
    assert_eq!(health(&drive), Health::Failing);
}

#[test]
fn what_was_not_read_is_unknown_and_says_why() {
    for why in [
        NoData::NotPresent,
        NoData::Timeout,
        NoData::Standby,
        NoData::Denied,
        NoData::NotReported,
    ] {
        let verdict = judge(&Drive::unknown(why));
        assert_eq!(verdict.health, Health::Unknown);
        assert!(
            verdict.reasons.iter().any(|r| r.text.en().contains(&why.why().en())),
            "{verdict:?}"
        );
        assert!(
            verdict.readings.iter().all(|r| r.state() == State::Unknown),
            "{verdict:?}"
        );
    }
}

#[test]
fn thresholds_speak_where_the_drive_is_silent_and_names_alone_do_not() {
    let mut drive = disk(attribute(9, "Power_On_Hours", false, WhenFailed::Never, "1"));
    drive.assessment = Assessment::Missing(NoData::NotReported);
    assert_eq!(health(&drive), Health::Ok);
    drive.ata = Some(Ata::default());
    assert_eq!(health(&drive), Health::Unknown);
    drive.ata = None;
    drive.nvme = Some(Nvme::default());
    assert_eq!(health(&drive), Health::Unknown);
    drive.nvme = None;
    drive.scsi = Some(Scsi::default());
    assert_eq!(health(&drive), Health::Unknown);
}

#[test]
fn every_critical_bit_fails() {
    for bit in 0..8 {
        let mut drive = passed();
        drive.nvme = Some(Nvme {
            critical_warning: Some(1 << bit),
            ..Nvme::default()
        });
        assert_eq!(health(&drive), Health::Failing, "bit {bit}");
    }
}

#[test]
fn spare_and_life_are_judged() {
    let mut drive = passed();
    drive.nvme = Some(Nvme {
        critical_warning: Some(0),
        spare: Some(10),
        spare_threshold: Some(10),
        ..Nvme::default()
    });
    drive.used = Some(89);
    assert_eq!(health(&drive), Health::Ok);
    drive.used = Some(90);
    assert_eq!(health(&drive), Health::Warning);
    drive.used = None;
    drive.nvme = Some(Nvme {
        critical_warning: Some(0),
        spare: Some(9),
        spare_threshold: Some(10),
        ..Nvme::default()
    });
    assert_eq!(health(&drive), Health::Failing);
}

#[test]
fn heat_is_judged_by_limits_that_can_be_believed() {
    let at = |celsius, warning, critical| {
        let mut drive = passed();
        drive.identity.rotation = Some(7200);
        drive.temperature = Ok(celsius);
        drive.limits = crate::drive::TemperatureLimits { warning, critical };
        health(&drive)
    };
    assert_eq!(at(59, None, None), Health::Ok);
    assert_eq!(at(60, None, None), Health::Warning);
    assert_eq!(at(30, Some(24), None), Health::Ok);
    assert_eq!(at(56, Some(55), Some(70)), Health::Warning);
    assert_eq!(at(66, None, Some(65)), Health::Warning);
}

#[test]
fn self_tests_are_judged() {
    let with = |outcome| {
        let mut drive = passed();
        drive.hours = Ok(100);
        drive.tests.push(SelfTest {
            extended: true,
            outcome,
            hours: Some(90),
        });
        judge(&drive)
    };
    assert_eq!(with(Outcome::Passed).health, Health::Ok);
    assert_eq!(with(Outcome::Aborted).health, Health::Ok);
    let read = with(Outcome::ReadFailure);
    assert_eq!(read.health, Health::Warning);
    assert!(
        read.reasons
            .iter()
            .any(|r| r.text.en().contains("10 hours of service ago"))
    );
    let mut old = passed();
    old.hours = Ok(9_000);
    old.tests.push(SelfTest {
        extended: false,
        outcome: Outcome::Failure(phrases::TEST_ELECTRICAL.into()),
        hours: Some(90),
    });
    assert_eq!(health(&old), Health::Warning);
    assert_eq!(
        with(Outcome::Failure(phrases::TEST_ELECTRICAL.into())).health,
        Health::Failing
    );
}

#[test]
fn sas_counters_are_judged() {
    let with = |scsi| {
        let mut drive = passed();
        drive.scsi = Some(scsi);
        health(&drive)
    };
    assert_eq!(
        with(Scsi {
            grown_defects: Some(3),
            non_medium: Some(99),
            ..Scsi::default()
        }),
        Health::Ok
    );
    assert_eq!(
        with(Scsi {
            grown_defects: Some(10),
            ..Scsi::default()
        }),
        Health::Warning
    );
    assert_eq!(
        with(Scsi {
            uncorrected: [Some(1), None, None],
            ..Scsi::default()
        }),
        Health::Warning
    );
    assert_eq!(
        with(Scsi {
            pending: Some(1),
            ..Scsi::default()
        }),
        Health::Warning
    );
}
