//! The hardware monitor on a kernel with simulated devices: a supply on PMBus, a memory module's sensor, disks, an array
//! with a spare, a network port.

mod bench;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::tally::Tally;
use bench::Bench;

const SOON: Duration = Duration::from_secs(60);
/// An analogue reading has to be back for a minute.
const OVER_WITHIN: Duration = Duration::from_secs(180);

/// Boots it once, and breaks one device after another.
pub(super) fn run(tally: &mut Tally) -> Result<()> {
    let mut bench = Bench::start()?;
    tally.check("a supply on PMBus: 230 V, 270 W, 4800 rpm, 31 °C", supply(&mut bench));
    tally.check(
        "its fan stops and its input falls: alarms with what to do, until both are back",
        supply_fails(&mut bench),
    );
    tally.check(
        "a memory module's sensor (JC-42) that gets too hot: an alarm, until it cools",
        module(&mut bench),
    );
    tally.check(
        "a SCSI disk is read by its log pages; a bad sector that it does not count is no verdict",
        disk(&mut bench),
    );
    tally.check(
        "RAID 1 with a spare: a member fails, the rebuild shows, the array is whole again",
        array(&mut bench),
    );
    tally.check(
        "a required port loses its link: an alarm, until it is back",
        port(&mut bench),
    );
    for what in ["bays' lights and enclosures (SES)", "memory controllers (EDAC)"] {
        tally.skip(what, "neither this kernel nor QEMU has a device that plays them");
    }
    Ok(())
}

fn reading<'a>(hardware: &'a Value, id: &str) -> Option<&'a Value> {
    hardware["readings"].as_array()?.iter().find(|one| one["id"] == id)
}

/// The value of a reading that is there.
fn value(hardware: &Value, id: &str) -> Option<f64> {
    reading(hardware, id)?["value"].as_f64()
}

fn alarm<'a>(hardware: &'a Value, component: &str, code: &str) -> Option<&'a Value> {
    let alarms = hardware["alarms"].as_array()?;
    alarms
        .iter()
        .find(|alarm| alarm["component"] == component && alarm["code"] == code)
}

/// An alarm with words; prints how long after `line` was done it was there, by which nothing is judged.
fn alarms_after(bench: &mut Bench, line: &str, component: &str, code: &str) -> Result<Value> {
    bench.run(line)?;
    let begun = bench.uptime()?;
    let raised = bench
        .wait_for(SOON, |hardware| alarm(hardware, component, code).cloned())
        .with_context(|| format!("the alarm {code} of {component}"))?;
    let took = bench.uptime()? - begun;
    eprintln!("    hwmon: {component} ({code}) alarms within {took:.1} s");
    let words = |language: &str| raised[language]["todo"].as_str().is_some_and(|todo| !todo.is_empty());
    ensure!(
        words("zh") && words("en"),
        "the alarm does not say what to do: {raised}"
    );
    Ok(raised)
}

fn over(bench: &mut Bench, component: &str, code: &str) -> Result<()> {
    let end = bench.wait_for(OVER_WITHIN, |hardware| {
        alarm(hardware, component, code).is_none().then_some(())
    });
    end.with_context(|| format!("the end of the alarm {code} of {component}"))
}

/// The supply's chip: a driver of one page, as the generic one would find thirty-two on a stub that takes any number.
const SUPPLY: &str = "hwmon/adp4000@0-0058";
/// Its registers (PMBus 1.2, part II, table 22) as words, numbers in the linear format: exponent 5 bits, mantissa 11.
const REGISTERS: [(&str, &str); 13] = [
    // the output in steps of 2^-9 V: 12 V
    ("0x20", "0x0017"),
    ("0x8b", "0x1800"),
    // one fan is there
    ("0x3a", "0x0090"),
    // the input's least voltage, 176 V, and the hottest temperature, 90 °C
    ("0x59", "0x00b0"),
    ("0x58", "0x00b4"),
    ("0x55", "0x0108"),
    ("0x4f", "0x005a"),
    ("0x88", "0x00e6"),
    ("0x89", "0xf005"),
    ("0x97", "0x010e"),
    ("0x96", "0x00fa"),
    ("0x90", "0x1a58"),
    ("0x8d", "0x001f"),
];

fn supply(bench: &mut Bench) -> Result<()> {
    for (register, word) in REGISTERS {
        bench.run(&format!("i2cset -y 0 0x58 {register} {word} w"))?;
    }
    bench.run("echo adp4000 0x58 > /sys/bus/i2c/devices/i2c-0/new_device")?;
    bench.wait_for(SOON, |hardware| {
        let at = |channel: &str| value(hardware, &format!("{SUPPLY}/{channel}"));
        let power = [at("power1"), at("power2")];
        let good = at("in1") == Some(230.0)
            && power.contains(&Some(270.0))
            && at("fan1") == Some(4800.0)
            && at("temp1") == Some(31.0);
        good.then_some(())
    })
}

fn supply_fails(bench: &mut Bench) -> Result<()> {
    let stopped = alarms_after(bench, "i2cset -f -y 0 0x58 0x90 0x0000 w", "supply 1", "supply")?;
    ensure!(stopped["state"] == "critical", "a stopped fan is {stopped}");
    // no input; the status registers say so as well: input undervoltage (7Ch), and that there is something (79h)
    let fallen =
        "i2cset -f -y 0 0x58 0x88 0x0000 w; i2cset -f -y 0 0x58 0x7c 0x0010 w; i2cset -f -y 0 0x58 0x79 0x2008 w";
    bench.run(fallen)?;
    bench
        .wait_for(SOON, |hardware| {
            let input = reading(hardware, &format!("{SUPPLY}/in1"))?;
            (input["value"] == 0.0 && input["state"] == "critical").then_some(())
        })
        .context("the input's voltage")?;
    bench.run("i2cset -f -y 0 0x58 0x79 0x0000 w; i2cset -f -y 0 0x58 0x7c 0x0000 w")?;
    bench.run("i2cset -f -y 0 0x58 0x88 0x00e6 w; i2cset -f -y 0 0x58 0x90 0x1a58 w")?;
    over(bench, "supply 1", "supply")
}

fn module(bench: &mut Bench) -> Result<()> {
    // JESD21-C 4.1.6: words with the high octet first. Capabilities, upper limit 85 °C, critical 95 °C, 40 °C,
    // maker and device
    for (register, word) in [
        ("0", "0x2900"),
        ("2", "0x5005"),
        ("4", "0xf005"),
        ("5", "0x8002"),
        ("6", "0x0910"),
        ("7", "0x0022"),
    ] {
        bench.run(&format!("i2cset -y 0 0x18 {register} {word} w"))?;
    }
    bench.run("echo jc42 0x18 > /sys/bus/i2c/devices/i2c-0/new_device")?;
    let id = "hwmon/jc42@0-0018/temp1";
    let component = format!("sensor {id}");
    bench
        .wait_for(SOON, |hardware| (value(hardware, id)? == 40.0).then_some(()))
        .context("40 °C")?;
    // 100 °C, and the flag that it is beyond the critical limit
    alarms_after(bench, "i2cset -f -y 0 0x18 5 0x4086 w", &component, "temperature")?;
    bench.run("i2cset -f -y 0 0x18 5 0x8002 w")?;
    over(bench, &component, "temperature")
}

fn disk(bench: &mut Bench) -> Result<()> {
    let seen = bench
        .wait_for(SOON, |hardware| {
            let drives = hardware["drives"].as_array()?;
            let sda = drives.iter().find(|drive| drive["name"] == "sda")?;
            (sda["protocol"] == "scsi" && sda["temperature"].is_number()).then(|| sda.clone())
        })
        .context("the disk's temperature by its log page 0Dh")?;
    ensure!(seen["health"] == "ok", "the disk is {seen}");
    // opts=2: sectors 4660 to 4669 cannot be read. The disk counts no errors, so nothing is known against it.
    bench.run("echo 2 > /sys/bus/pseudo/drivers/scsi_debug/opts")?;
    let read = bench.run("dd if=/dev/sda of=/dev/null bs=512 skip=4660 count=1; test $? -ne 0");
    read.context("the bad sector was read")?;
    bench.run("echo 0 > /sys/bus/pseudo/drivers/scsi_debug/opts")?;
    let hardware = bench.hardware()?;
    let drives = hardware["drives"].as_array().context("no drives")?;
    let sda = drives.iter().find(|drive| drive["name"] == "sda").context("no disk")?;
    ensure!(sda["health"] == "ok", "after a bad sector the disk is {sda}");
    Ok(())
}

fn array(bench: &mut Bench) -> Result<()> {
    for disk in 0..3 {
        let table = format!("0 $(blockdev --getsz /dev/ram{disk}) linear /dev/ram{disk} 0");
        bench.run(&format!("dmsetup create m{disk} --noudevsync --table \"{table}\""))?;
    }
    bench.run(
        "mdadm --create /dev/md0 --run --quiet --metadata=1.2 --level=1 --raid-devices=2 --spare-devices=1 /dev/dm-0 /dev/dm-1 /dev/dm-2",
    )?;
    let whole = |hardware: &Value| {
        let missing = value(hardware, "md/md0/missing")?;
        let idle = reading(hardware, "md/md0/sync").is_none();
        (missing == 0.0 && idle).then_some(())
    };
    bench.wait_for(OVER_WITHIN, whole).context("a whole array")?;
    // slow enough to be seen: 1 MiB a second
    bench.run("echo 1000 > /sys/block/md0/md/sync_speed_max; echo 1000 > /sys/block/md0/md/sync_speed_min")?;
    bench.run(
        "dmsetup suspend m0; dmsetup load m0 --table \"0 $(blockdev --getsz /dev/ram0) error\"; dmsetup resume m0",
    )?;
    let write = "dd if=/dev/zero of=/dev/md0 bs=4096 count=1 conv=fsync";
    let member = alarms_after(bench, write, "array md0", "member")?;
    ensure!(member["state"] == "critical", "a failed member is {member}");
    alarm_there(bench, "array")?;
    let share = bench
        .wait_for(SOON, |hardware| {
            let sync = reading(hardware, "md/md0/sync")?;
            sync["name"]["en"].as_str()?.ends_with("recover").then_some(())?;
            sync["value"].as_f64()
        })
        .context("the rebuild's progress")?;
    ensure!((0.0..=100.0).contains(&share), "{share} % are rebuilt");
    bench.run("echo 200000 > /sys/block/md0/md/sync_speed_max")?;
    bench.wait_for(OVER_WITHIN, whole).context("the end of the rebuild")?;
    over(bench, "array md0", "array")?;
    // the failed one is told until it is taken out
    alarm_there(bench, "member")?;
    bench.run("mdadm --manage /dev/md0 --quiet --remove faulty")?;
    over(bench, "array md0", "member")
}

fn alarm_there(bench: &mut Bench, code: &str) -> Result<()> {
    let found = bench.wait_for(SOON, |hardware| alarm(hardware, "array md0", code).map(drop));
    found.with_context(|| format!("the array's alarm {code}"))
}

fn port(bench: &mut Bench) -> Result<()> {
    bench.run("ip link set eth0 up")?;
    bench
        .wait_for(SOON, |hardware| {
            (value(hardware, "net/eth0/link")? == 1.0).then_some(())
        })
        .context("the link")?;
    bench.link(false)?;
    // the board's port may be without its link for ten seconds
    let raised = alarms_after(bench, "true", "port eth0", "link")?;
    ensure!(raised["state"] == "critical", "a port without a link is {raised}");
    bench.link(true)?;
    over(bench, "port eth0", "link")
}
