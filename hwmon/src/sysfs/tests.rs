use super::*;
use crate::State;

/// A /sys with these files; `->` begins the target of a link.
fn tree(files: &[(&str, &str)]) -> (tempfile::TempDir, Root) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir_all(folder.path().join("sys/class")).expect("class");
    for (path, content) in files {
        let path = folder.path().join("sys").join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        match content.strip_prefix("->") {
            Some(target) => std::os::unix::fs::symlink(target, path).expect("a link"),
            None => std::fs::write(path, content).expect("a file"),
        }
    }
    let root = Root::open(folder.path()).expect("a sysfs");
    (folder, root)
}

fn find<'a>(readings: &'a [Reading], id: &str) -> &'a Reading {
    readings.iter().find(|r| r.id() == id).unwrap_or_else(|| {
        panic!("no {id} in {:?}", readings.iter().map(Reading::id).collect::<Vec<_>>());
    })
}

#[test]
fn a_folder_without_sysfs_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(Root::open(folder.path()).is_err());
    assert!(Root::open(Path::new("/nowhere")).is_err());
}

#[test]
fn every_quantity_has_its_unit_and_its_limits() {
    let (_folder, root) = tree(&[
        ("class/hwmon/hwmon0/device", "->../../../devices/i2c-7/7-0058"),
        ("class/hwmon/hwmon0/name", "pmbus\n"),
        ("class/hwmon/hwmon0/in1_input", "230500\n"),
        ("class/hwmon/hwmon0/in1_lcrit", "180000\n"),
        ("class/hwmon/hwmon0/in1_label", "vin\n"),
        ("class/hwmon/hwmon0/curr1_input", "1170\n"),
        ("class/hwmon/hwmon0/curr1_crit", "1000\n"),
        ("class/hwmon/hwmon0/power1_input", "270000000\n"),
        ("class/hwmon/hwmon0/fan1_input", "0\n"),
        ("class/hwmon/hwmon0/fan1_min", "600\n"),
        ("class/hwmon/hwmon0/temp1_input", "31500\n"),
        ("class/hwmon/hwmon0/temp1_max", "30000\n"),
        ("class/hwmon/hwmon0/temp2_input", "127500\n"),
        ("class/hwmon/hwmon0/temp3_input", "999000\n"),
        ("class/hwmon/hwmon0/temp4_input", "40000\n"),
        ("class/hwmon/hwmon0/temp4_fault", "1\n"),
        ("class/hwmon/hwmon0/temp5_input", "forty\n"),
        ("class/hwmon/hwmon0/temp6_input", "40000\n"),
        ("class/hwmon/hwmon0/temp6_crit_alarm", "1\n"),
        ("class/hwmon/hwmon0/power2_average", "1500000\n"),
    ]);
    let readings = root.readings();
    let one = |part: &str| find(&readings, &format!("hwmon/pmbus@7-0058/{part}"));
    let told = |part: &str| (one(part).value(), one(part).unit(), one(part).state());
    assert_eq!(told("in1"), (Ok(230.5), crate::Unit::Volt, State::Ok));
    assert_eq!(one("in1").name().en(), "pmbus vin");
    assert_eq!(told("curr1"), (Ok(1.17), crate::Unit::Ampere, State::Critical));
    assert_eq!(told("power1"), (Ok(270.0), crate::Unit::Watt, State::Info));
    assert_eq!(told("power2"), (Ok(1.5), crate::Unit::Watt, State::Info));
    assert_eq!(told("fan1"), (Ok(0.0), crate::Unit::Rpm, State::Critical));
    assert_eq!(told("temp1"), (Ok(31.5), crate::Unit::Celsius, State::Warning));
    assert_eq!(told("temp2").0, Ok(127.5));
    assert_eq!(told("temp3").0, Err(NoData::Invalid));
    assert_eq!(
        told("temp4"),
        (Err(NoData::Failed), crate::Unit::Celsius, State::Unknown)
    );
    assert_eq!(told("temp5").0, Err(NoData::Invalid));
    assert_eq!(told("temp6").2, State::Critical);
}

#[test]
fn arrays_are_judged_by_what_may_still_fail() {
    let degraded = |level: &str, disks: &str, missing: &str| {
        let (_folder, root) = tree(&[
            ("block/md0/md/level", level),
            ("block/md0/md/raid_disks", disks),
            ("block/md0/md/degraded", missing),
            ("block/md0/md/array_state", "active"),
        ]);
        find(&root.readings(), "md/md0/missing").state()
    };
    assert_eq!(degraded("raid1", "2", "0"), State::Ok);
    assert_eq!(degraded("raid1", "2", "1"), State::Critical);
    assert_eq!(degraded("raid1", "3", "1"), State::Warning);
    assert_eq!(degraded("raid5", "3", "1"), State::Critical);
    assert_eq!(degraded("raid6", "4", "1"), State::Warning);
    assert_eq!(degraded("raid6", "4", "2"), State::Critical);
}

#[test]
fn memory_is_told_by_its_labels() {
    let (_folder, root) = tree(&[
        ("devices/system/edac/mc/mc0/ce_count", "7"),
        ("devices/system/edac/mc/mc0/ue_count", "0"),
        ("devices/system/edac/mc/mc0/dimm3/dimm_label", "CPU0_DIMM_B1\n"),
        ("devices/system/edac/mc/mc0/dimm3/dimm_ce_count", "7"),
        ("devices/system/edac/mc/mc0/dimm3/dimm_ue_count", "1"),
    ]);
    let readings = root.readings();
    let corrected = find(&readings, "edac/mc0/dimm3/corrected");
    assert_eq!((corrected.value(), corrected.state()), (Ok(7.0), State::Info));
    assert!(corrected.name().en().starts_with("CPU0_DIMM_B1"));
    assert_eq!(find(&readings, "edac/mc0/dimm3/uncorrected").state(), State::Critical);
    assert_eq!(find(&readings, "edac/mc0/uncorrected").state(), State::Ok);
}

#[test]
fn ports_without_a_link_have_no_speed() {
    let (_folder, root) = tree(&[
        ("class/net/lo/carrier", "1"),
        ("class/net/eth0/device/vendor", "0x8086"),
        ("class/net/eth0/flags", "0x1003"),
        ("class/net/eth0/carrier", "0"),
        ("class/net/eth0/speed", "-1"),
        ("class/net/eth0/statistics/rx_errors", "3"),
        ("class/net/eth1/device/vendor", "0x8086"),
        ("class/net/eth1/flags", "0x1002"),
        ("class/net/eth1/speed", "10000"),
    ]);
    let readings = root.readings();
    assert!(!readings.iter().any(|r| r.id().starts_with("net/lo")));
    assert_eq!(find(&readings, "net/eth0/link").value(), Ok(0.0));
    assert_eq!(find(&readings, "net/eth0/speed").value(), Err(NoData::NotReported));
    assert_eq!(find(&readings, "net/eth0/rx_errors").value(), Ok(3.0));
    assert_eq!(find(&readings, "net/eth1/link").value(), Err(NoData::Disabled));
    assert_eq!(find(&readings, "net/eth1/speed").value(), Ok(1e10));
}

#[test]
fn a_copy_with_traps_is_read_to_its_end() {
    let (folder, root) = tree(&[
        ("class/hwmon/hwmon0/name", "trap"),
        ("class/hwmon/hwmon1", "->hwmon1"),
        ("class/hwmon/hwmon2/name", "nothing"),
        ("class/watchdog/watchdog0", "->/nowhere"),
        ("block/md9/md/dev-sda/other", "x"),
    ]);
    let fifo = folder.path().join("sys/class/hwmon/hwmon0/temp1_input");
    let made = std::process::Command::new("mkfifo")
        .arg(&fifo)
        .status()
        .expect("mkfifo");
    assert!(made.success());
    let readings = root.readings();
    assert_eq!(find(&readings, "hwmon/trap/temp1").value(), Err(NoData::NotPresent));
    assert_eq!(find(&readings, "md/md9/sda").value(), Err(NoData::NotPresent));
    assert_eq!(find(&readings, "md/md9/sda").state(), State::Unknown);
}

#[test]
fn this_machine_is_read() {
    for reading in Root::open(Path::new("/sys")).expect("/sys").readings() {
        assert!(
            !reading.reason().en().is_empty() && !reading.reason().zh().is_empty(),
            "{reading:?}"
        );
    }
}
