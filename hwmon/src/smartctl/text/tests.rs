use super::*;
use crate::drive::{Meaning, WhenFailed};

fn one(text: &str) -> Drive {
    read("test", text).expect("a drive").remove(0)
}

const SCSI: &str = "smartctl 6.6 2017-11-05 r4594 [x86_64-linux-4.19.0] (local build)
Copyright (C) 2002-17, Bruce Allen, Christian Franke, www.smartmontools.org

=== START OF INFORMATION SECTION ===
Vendor:               SEAGATE
Product:              ST4000NM0023
Revision:             0004
User Capacity:        4,000,787,030,016 bytes [4.00 TB]
Rotation Rate:        7200 rpm
Serial number:        Z1Z00000
Device type:          disk
Transport protocol:   SAS (SPL-3)
SMART support is:     Available - device has SMART capability.
SMART support is:     Enabled

=== START OF READ SMART DATA SECTION ===
SMART Health Status: FAILURE PREDICTION THRESHOLD EXCEEDED [asc=5d, ascq=0]

Current Drive Temperature:     34 C
Drive Trip Temperature:        60 C

Manufactured in week 10 of year 2014
Elements in grown defect list: 1,312

Vendor (Seagate) cache information
  Blocks sent to initiator = 2897226872
Vendor (Seagate/Hitachi) factory information
  number of hours powered up = 33994.95
  number of minutes until next internal SMART test = 23

Error counter log:
           Errors Corrected by           Total   Correction     Gigabytes    Total
               ECC          rereads/    errors   algorithm      processed    uncorrected
           fast | delayed   rewrites  corrected  invocations   [10^9 bytes]  errors
read:   2212373034       12         0  2212373046         12     305271.218           7
write:         0        0         0         0          0      30000.671           0

Non-medium error count:       31

SMART Self-test log
Num  Test              Status                 segment  LifeTime  LBA_first_err [SK ASC ASQ]
     Description                              number   (hours)
# 1  Background long   Failed in segment -->       3   33994            1234567 [0x3 0x11 0x0]
# 2  Background short  Completed                   -      12                 - [-   -    -]

Long (extended) Self-test duration: 32700 seconds [545.0 minutes]
";

#[test]
fn a_sas_drive_is_read_whole() {
    let drive = one(SCSI);
    assert_eq!(drive.protocol, Protocol::Scsi);
    assert_eq!(drive.identity.model.as_deref(), Some("SEAGATE ST4000NM0023"));
    assert_eq!(drive.identity.serial.as_deref(), Some("Z1Z00000"));
    assert_eq!(drive.identity.capacity, Some(4_000_787_030_016));
    assert!(matches!(&drive.assessment, Assessment::Failed(Some(how)) if how.en().contains("asc=5d")));
    assert_eq!(drive.temperature, Ok(34));
    assert_eq!(drive.limits.critical, Some(60));
    assert_eq!(drive.hours, Ok(33_994));
    let scsi = drive.scsi.as_ref().expect("scsi");
    assert_eq!(scsi.grown_defects, Some(1312));
    assert_eq!(scsi.uncorrected, [Some(7), Some(0), None]);
    assert_eq!(scsi.non_medium, Some(31));
    assert!(drive.tests.standing_failure().is_some_and(|t| t.extended));
    assert_eq!(drive.tests.entries().len(), 2);
}

const ATA: &str = "smartctl version 5.43 [i686-linux] Copyright (C) 2002-12
=== START OF INFORMATION SECTION ===
Model Family:     Seagate Barracuda
Device Model:     ST3750640NS
Serial Number:    5QD00000
SMART support is: Available - device has SMART capability.
SMART support is: Enabled

=== START OF READ SMART DATA SECTION ===
SMART overall-health self-assessment test result: FAILED!
Drive failure expected in less than 24 hours. SAVE ALL DATA.
Failed Attributes:
ID# ATTRIBUTE_NAME          FLAG     VALUE WORST THRESH TYPE      UPDATED  WHEN_FAILED RAW_VALUE
  5 Reallocated_Sector_Ct   0x0033   001   001   036    Pre-fail  Always   FAILING_NOW 2047

General SMART Values:
Self-test execution status:      ( 121)\tThe previous self-test completed having
\t\t\t\t\tthe read element of the test failed.

SMART Attributes Data Structure revision number: 10
Vendor Specific SMART Attributes with Thresholds:
ID# ATTRIBUTE_NAME          FLAG     VALUE WORST THRESH TYPE      UPDATED  WHEN_FAILED RAW_VALUE
  1 Raw_Read_Error_Rate     0x000f   117   099   006    Pre-fail  Always       -       125465480
  5 Reallocated_Sector_Ct   0x0033   001   001   036    Pre-fail  Always   FAILING_NOW 2047
  9 Power_On_Hours          0x0032   077   077   000    Old_age   Always       -       20474
190 Airflow_Temperature_Cel 0x0022   060   040   045    Old_age   Always   In_the_past 40 (0 3 41 30)
194 Temperature_Celsius     0x0022   040   060   000    Old_age   Always       -       41 (0 17 0 0)
197 Current_Pending_Sector  0x0012   ---   ---   ---    Old_age   Always       -       3
200 Multi_Zone_Error_Rate   0x0000   100   253   000    Old_age   Offline      -       0

SMART Error Log Version: 1
ATA Error Count: 5 (device log contains only the most recent five errors)

SMART Self-test log structure revision number 1
Num  Test_Description    Status                  Remaining  LifeTime(hours)  LBA_of_first_error
# 1  Short offline       Completed: read failure       90%     20470         3303232
# 2  Short offline       Completed without error       00%       100         -
";

#[test]
fn an_old_ata_form_is_read_whole() {
    let drive = one(ATA);
    assert_eq!(drive.protocol, Protocol::Ata);
    assert_eq!(drive.assessment, Assessment::Failed(None));
    assert!(drive.seagate() && !drive.solid_state());
    assert_eq!((drive.temperature, drive.hours), (Ok(41), Ok(20_474)));
    let ata = drive.ata.as_ref().expect("ata");
    assert_eq!(ata.errors, Some(5));
    let pending = ata
        .attributes
        .iter()
        .find(|a| a.meaning(false) == Some(Meaning::Pending))
        .expect("197");
    assert_eq!((pending.value, pending.raw.count()), (None, Some(3)));
    let reallocated = ata.attributes.iter().find(|a| a.id == 5).expect("5");
    assert_eq!(
        (reallocated.when_failed(), reallocated.prefail),
        (WhenFailed::Now, Some(true))
    );
    let airflow = ata.attributes.iter().find(|a| a.id == 190).expect("190");
    assert_eq!(
        (airflow.when_failed(), airflow.prefail),
        (WhenFailed::Past, Some(false))
    );
    assert_eq!(drive.tests.standing_failure().and_then(|t| t.hours), Some(20_470));
}

const NVME: &str = "smartctl 7.4 2023-08-01 r5530 [x86_64-linux-6.1.0] (local build)
=== START OF INFORMATION SECTION ===
Model Number:                       SOMEBODY'S SSD
Serial Number:                      S1
Firmware Version:                   1.0
Warning  Comp. Temp. Threshold:     77 Celsius
Critical Comp. Temp. Threshold:     80 Celsius

=== START OF SMART DATA SECTION ===
SMART overall-health self-assessment test result: FAILED!
- available spare has fallen below threshold

SMART/Health Information (NVMe Log 0x02)
Critical Warning:                   0x01
Temperature:                        43 Celsius
Available Spare:                    4%
Available Spare Threshold:          10%
Percentage Used:                    105%
Data Units Written:                 1.576.023.319 [806 TB]
Power On Hours:                     27,428
Unsafe Shutdowns:                   1
Media and Data Integrity Errors:    12
Error Information Log Entries:      2\u{202f}100
Warning  Comp. Temperature Time:    3
Critical Comp. Temperature Time:    0

Error Information (NVMe Log 0x01, 16 of 64 entries)
No Errors Logged

Self-test Log (NVMe Log 0x06)
Self-test status: No self-test in progress
Num  Test_Description  Status                       Power_on_Hours  Failing_LBA  NSID Seg SCT Code
 0   Short             Completed without error               27420            -     -   -   -    -
 1   Extended          Completed: failed segments            27400            -     -   2   -    -
";

#[test]
fn an_nvme_drive_is_read_whole() {
    let drive = one(NVME);
    assert_eq!(drive.protocol, Protocol::Nvme);
    assert_eq!(
        drive.limits,
        TemperatureLimits {
            warning: Some(77),
            critical: Some(80)
        }
    );
    assert_eq!(
        (drive.temperature, drive.hours, drive.used),
        (Ok(43), Ok(27_428), Some(105))
    );
    let nvme = drive.nvme.as_ref().expect("nvme");
    assert_eq!(
        (nvme.critical_warning, nvme.spare, nvme.spare_threshold),
        (Some(1), Some(4), Some(10))
    );
    assert_eq!((nvme.media_errors, nvme.error_entries), (Some(12), Some(2100)));
    assert_eq!(nvme.hot_minutes, [Some(3), Some(0)]);
    assert_eq!(drive.tests.standing_failure().and_then(|t| t.hours), Some(27_400));
}

#[test]
fn several_outputs_in_one_file_are_several_drives() {
    let text = format!("root@host:~# smartctl -a /dev/sda\n{ATA}\n{NVME}{SCSI}");
    let drives = read("all", &text).expect("drives");
    let protocols: Vec<Protocol> = drives.iter().map(|d| d.protocol).collect();
    assert_eq!(protocols, [Protocol::Ata, Protocol::Nvme, Protocol::Scsi]);
}

#[test]
fn lines_may_end_as_on_windows() {
    assert_eq!(one(&ATA.replace('\n', "\r\n")), one(ATA));
}

#[test]
fn what_cannot_be_read_is_typed_and_judged_nothing() {
    for (line, missing) in [
        (
            "Smartctl open device: /dev/sdz failed: No such device",
            NoData::NotPresent,
        ),
        ("Device is in STANDBY mode, exit(2)", NoData::Standby),
        (
            "SMART support is:     Unavailable - device lacks SMART capability.",
            NoData::Unsupported,
        ),
        ("SMART support is: Disabled", NoData::Disabled),
        (
            "Smartctl open device: /dev/sda failed: Connection timed out",
            NoData::Timeout,
        ),
    ] {
        let drive = one(&format!(
            "smartctl 7.3 2022-02-28 r5338 [x86_64-linux-6.1.0] (local build)\n\n{line}\n"
        ));
        assert_eq!(drive.assessment, Assessment::Missing(missing), "{line}");
        assert_eq!(drive.temperature, Err(missing), "{line}");
        assert!(drive.trouble.is_some(), "{line}");
    }
}

#[test]
fn an_unknown_verdict_is_unknown() {
    let drive = one(
        "=== START OF READ SMART DATA SECTION ===\nSMART overall-health self-assessment test result: UNKNOWN!\nSMART Status, Attributes and Thresholds cannot be read.\n",
    );
    assert_eq!(drive.assessment, Assessment::Missing(NoData::Failed));
}

#[test]
fn other_texts_are_refused_with_a_reason() {
    let error = |text: &str| read("x.txt", text).expect_err("an error").to_string();
    assert!(error(" \n\n").contains("is empty"));
    assert!(error("hello\nworld\n").contains("no line of it"));
    assert!(error("smartctl 7.3 2022-02-28 r5338 [x]\nCopyright (C) 2002-22\n\n").contains("ends behind"));
    assert!(error("{\"smartctl\": {}}").contains("no line of it"));
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn no_text_panics(text in "\\PC{0,400}") {
            let _ = read("any", &format!("smartctl 7.3\n{text}"));
        }

        #[test]
        fn no_cut_panics_and_none_turns_failure_into_health(at in 0..ATA.len() + SCSI.len() + NVME.len()) {
            for whole in [ATA, SCSI, NVME] {
                let cut = whole.get(..at % whole.len()).unwrap_or_default();
                for drive in read("cut", cut).into_iter().flatten() {
                    prop_assert!(drive.assessment != Assessment::Passed);
                }
            }
        }
    }
}
