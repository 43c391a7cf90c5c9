//! The metrics as programs read them: over HTTPS from the console's own server, with programs that the tests play.

mod oracles;
mod stage;

use std::collections::{BTreeMap, BTreeSet};

use api::hardware::Reading;

use super::families::{ALL, Listed};
use super::*;
use stage::{Appliance, full};

/// The samples of a text by family, each line as it is.
fn samples(text: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut families: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        families.entry(name).or_default().push(line);
    }
    families
}

#[test]
fn every_family_can_be_given_and_no_other() {
    let text = full().text();
    let given: BTreeSet<&str> = samples(&text).into_keys().collect();
    let listed: BTreeSet<&str> = ALL.iter().map(|family| family.name).collect();
    assert_eq!(listed.len(), ALL.len(), "a name stands twice");
    assert_eq!(given, listed);
    for family in ALL {
        assert!(
            text.contains(&format!("# TYPE {} {}\n", family.name, family.kind)),
            "{}",
            family.name
        );
        assert_eq!(
            family.name.ends_with("_total"),
            family.kind == "counter",
            "{}",
            family.name
        );
    }
}

#[test]
fn the_document_lists_the_families_that_there_are() {
    let document = include_str!("../../../../docs/metrics.md");
    let rows = document.lines().filter(|line| line.starts_with("| `spanwatch_"));
    let told: Vec<(String, String, Vec<String>)> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            let [_, name, kind, labels, meaning, _] = cells[..] else {
                panic!("a row has name, type, labels and meaning: {row}");
            };
            assert!(!meaning.is_empty(), "{row}");
            let labels = labels.split(',').map(|label| label.trim().trim_matches('`').to_owned());
            let labels = labels.filter(|label| !label.is_empty() && label != "–").collect();
            (name.trim_matches('`').to_owned(), kind.to_owned(), labels)
        })
        .collect();
    let listed = |family: &Listed| {
        let labels = family.labels.iter().map(|label| (*label).to_owned()).collect();
        (family.name.to_owned(), family.kind.to_owned(), labels)
    };
    assert_eq!(told, ALL.iter().map(listed).collect::<Vec<_>>());
}

#[test]
fn numbers_are_in_base_units_and_what_is_missing_is_absent() {
    let snapshot = full();
    let text = snapshot.text();
    for line in [
        "spanwatch_build_info{version=\"0.1.0\",role=\"standalone\",hostname=\"probe-1\",slot=\"a\",serial=\"SN-1\"} 1",
        "spanwatch_service_up{service=\"hwmon\"} 1",
        "spanwatch_load_average{minutes=\"15\"} 0.5",
        "spanwatch_unit_cpu_seconds_total{unit=\"spanwatch-collector.service\"} 2.5",
        "spanwatch_port_speed_bytes_per_second{port=\"enp0s3\",role=\"capture\"} 125000000",
        "spanwatch_capture_packets_total{port=\"enp0s3\",link=\"1\",direction=\"in\"} 60",
        "spanwatch_capture_packets_total{port=\"enp0s3\",link=\"1\",direction=\"other\"} 10",
        "spanwatch_capture_dropped_packets_total{port=\"enp0s3\",link=\"1\",cause=\"ring\"} 3",
        "spanwatch_capture_dropped_packets_total{port=\"enp0s3\",link=\"1\",cause=\"nic\"} 4",
        "spanwatch_alarms{severity=\"critical\",acknowledged=\"true\"} 1",
        "spanwatch_alarms{severity=\"warning\",acknowledged=\"false\"} 0",
        "spanwatch_exporter_snmp_round_trip_seconds{exporter=\"core\"} 0.0025",
        "spanwatch_store_disk_used_bytes 700",
        "spanwatch_store_disk_full_ratio 0.95",
        "spanwatch_drive_power_on_seconds_total{drive=\"sda\",bay=\"1\"} 147600000",
        "spanwatch_drive_health{drive=\"sda\",bay=\"1\",state=\"ok\"} 1",
        "spanwatch_drive_errors{drive=\"sda\",bay=\"1\",kind=\"media_errors\"} 8",
        "spanwatch_raid_missing_members{array=\"md0\"} 1",
        "spanwatch_raid_sync_ratio{array=\"md0\"} 0.425",
        "spanwatch_raid_member_works{array=\"md0\",member=\"sda3\"} 0",
        "spanwatch_sensor_duration_seconds{sensor=\"test/hour\",name=\"hour\",component=\"\"} 7200",
        "spanwatch_sensor_value{sensor=\"ipmi/flow\",name=\"flow\",component=\"\"} 42",
        "spanwatch_sensor_ratio{sensor=\"test/percent\",name=\"percent\",component=\"\"} 0.02",
        "spanwatch_sensor_fan_speed_rpm{sensor=\"hwmon/fan1\",name=\"fan 1\",component=\"fan 1\"} 5400",
        "spanwatch_hardware_part_state{part=\"bay 2\",kind=\"bay\",label=\"2\",state=\"critical\"} 1",
        "spanwatch_firmware_boots_total{reason=\"other\"} 1",
        "spanwatch_samples_left_out 0",
    ] {
        assert!(text.lines().any(|told| told == line), "{line}\nis not in\n{text}");
    }
    // A supply that is not there has no watts, a drive that says nothing no temperature.
    assert!(!text.contains("PSU2"), "{text}");
    assert!(!text.contains("drive_temperature_celsius{drive=\"nvme0n1\""));
    assert!(!text.contains("drive_size_bytes{drive=\"nvme0n1\""));
    // An array's readings are no sensors' events, nor are the controller's numbers.
    assert!(!text.contains("events_total{sensor=\"md/") && !text.contains("events_total{sensor=\"ipmi/"));
}

#[test]
fn a_program_that_says_nothing_is_down_and_its_families_are_away() {
    let mut snapshot = full();
    (snapshot.hardware, snapshot.collector, snapshot.exporters) = (None, None, None);
    let text = snapshot.text();
    for (name, up) in [("hwmon", 0), ("collector", 0), ("analyzer", 1), ("supervisor", 1)] {
        assert!(text.contains(&format!("spanwatch_service_up{{service=\"{name}\"}} {up}\n")));
    }
    let given = samples(&text);
    for start in [
        "spanwatch_sensor",
        "spanwatch_drive",
        "spanwatch_capture",
        "spanwatch_exporter",
        "spanwatch_flows",
    ] {
        assert!(given.keys().all(|name| !name.starts_with(start)), "{start}");
    }
    // Each single answer that is missing is told of its program, and of no other.
    type Lose = fn(&mut Snapshot);
    let each: [(&str, Lose); 8] = [
        ("supervisor", |said| said.system = None),
        ("supervisor", |said| said.firmware = None),
        ("collector", |said| said.collector = None),
        ("collector", |said| said.exporters = None),
        ("analyzer", |said| said.analyzer = None),
        ("analyzer", |said| said.storage = None),
        ("analyzer", |said| said.alarms = None),
        ("hwmon", |said| said.hardware = None),
    ];
    for (number, (down, lose)) in each.into_iter().enumerate() {
        let mut snapshot = full();
        lose(&mut snapshot);
        let text = snapshot.text();
        for name in ["supervisor", "collector", "analyzer", "hwmon"] {
            let line = format!(
                "spanwatch_service_up{{service=\"{name}\"}} {}\n",
                u8::from(name != down)
            );
            assert!(text.contains(&line), "answer {number}: {line} is not in\n{text}");
        }
    }
    let nothing = Snapshot::default().text();
    assert_eq!(
        samples(&nothing).into_keys().collect::<Vec<_>>(),
        ["spanwatch_samples_left_out", "spanwatch_service_up"]
    );
}

/// The words of the hardware monitor's units: serde tells all of them to whoever gives it another.
fn units() -> Vec<String> {
    let told = serde_json::from_str::<hwmon::Unit>("\"?\"").unwrap_err().to_string();
    let (_, words) = told.split_once("expected one of ").unwrap();
    let words = words.split('`').skip(1).step_by(2);
    words.map(str::to_owned).collect()
}

/// A reading of any unit is a sample of one family; rates are those of ports, which have a family of their own.
#[test]
fn each_unit_has_its_family() {
    const WITHOUT: [&str; 1] = ["bit_per_second"];
    let units = units();
    for unit in [hwmon::Unit::Celsius, hwmon::Unit::Count, hwmon::Unit::BitPerSecond] {
        let word = serde_json::to_value(unit).unwrap();
        assert!(units.iter().any(|known| word == known.as_str()), "{word}: {units:?}");
    }
    for source in ["sysfs", "ipmi"] {
        for unit in &units {
            let mut hardware = full().hardware.unwrap();
            let one = Reading {
                source: source.to_owned(),
                id: "only/one".to_owned(),
                unit: unit.clone(),
                value: Some(2.0),
                ..hardware.readings[0].clone()
            };
            hardware.readings = vec![one];
            let snapshot = Snapshot {
                hardware: Some(hardware),
                ..Snapshot::default()
            };
            let text = snapshot.text();
            let given = samples(&text)
                .into_keys()
                .filter(|name| name.starts_with("spanwatch_sensor_") && *name != families::SENSOR_STATE.name);
            let expected = usize::from(!WITHOUT.contains(&unit.as_str()));
            assert_eq!(given.count(), expected, "{unit} of {source}: {text}");
        }
    }
}

#[test]
fn ten_thousand_exporters_and_a_thousand_sensors_fit() {
    let mut snapshot = full();
    let exporters = snapshot.exporters.as_mut().unwrap();
    let one = exporters.exporters[0].clone();
    exporters.exporters = (0..10_000)
        .map(|n| api::collector::ExporterStatus {
            name: format!("exporter number {n}"),
            ..one.clone()
        })
        .collect();
    let readings = &mut snapshot.hardware.as_mut().unwrap().readings;
    let heat = readings[0].clone();
    readings.extend((0..1_000).map(|n| Reading {
        id: format!("chip/temp{n}"),
        ..heat.clone()
    }));
    let text = snapshot.text();
    assert!(text.contains("spanwatch_samples_left_out 0\n"));
    assert!(text.len() < 16 << 20, "{} octets", text.len());
}

#[test]
fn bearers_are_read_as_rfc_6750_has_them() {
    let read = |text: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static(text));
        bearer(&headers).map(str::to_owned)
    };
    assert_eq!(read("Bearer abc").as_deref(), Some("abc"));
    assert_eq!(read("bearer  abc").as_deref(), Some("abc"));
    for other in ["Basic abc", "Bearer", "abc", ""] {
        assert_eq!(read(other), None, "{other}");
    }
    assert_eq!(bearer(&HeaderMap::new()), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_token_reads_metrics_and_it_reads_nothing_else() {
    let appliance = Appliance::start(full()).await;
    let Some((status, head, _)) = appliance.get("/metrics", None).await else {
        return;
    };
    assert_eq!(status, 404, "off: {head}");
    let token = appliance.new_token().await;
    let (status, head, _) = appliance.get("/metrics", None).await.unwrap();
    assert_eq!(status, 401);
    assert!(
        head.to_ascii_lowercase()
            .contains("www-authenticate: bearer realm=\"metrics\""),
        "{head}"
    );
    let (status, head, text) = appliance.get("/metrics", Some(&token)).await.unwrap();
    assert_eq!(status, 200);
    assert!(
        head.to_ascii_lowercase()
            .contains("content-type: text/plain; version=0.0.4; charset=utf-8"),
        "{head}"
    );
    assert!(text.contains("spanwatch_build_info{") && text.contains("spanwatch_service_up{service=\"hwmon\"} 1\n"));
    for path in [
        "/api/v1/metrics",
        "/api/v1/system",
        "/api/v1/settings",
        "/api/v1/hardware",
    ] {
        assert_eq!(appliance.get(path, Some(&token)).await.unwrap().0, 401, "{path}");
    }
    for _ in 0..5 {
        assert_eq!(appliance.get("/metrics", Some("wrong")).await.unwrap().0, 401);
    }
    let (status, head, _) = appliance.get("/metrics", Some("wrong")).await.unwrap();
    assert_eq!(status, 429);
    assert!(head.to_ascii_lowercase().contains("retry-after: 15"), "{head}");
    appliance.switch_off().await;
    assert_eq!(appliance.get("/metrics", Some(&token)).await.unwrap().0, 404);
}

/// A program that hangs costs its own families, and the scrape ends.
#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_hangs_does_not_hold_the_others_up() {
    let stage = stage::Played::start(full());
    stage.hang.store(true, std::sync::atomic::Ordering::SeqCst);
    let deadline = Instant::now() + 2 * SCRAPE_WITHIN;
    let snapshot = Snapshot::take(&Client::new(stage.dir.path()), deadline).await;
    assert!(snapshot.hardware.is_none(), "the played hardware monitor hangs");
    assert!(snapshot.system.is_some() && snapshot.collector.is_some() && snapshot.alarms.is_some());
}
