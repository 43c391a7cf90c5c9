use super::*;
use crate::drive::{Assessment, Ata, Attribute, Drive, Identity, Protocol, Raw};
use crate::{Kind, NoData, Unit, verdict};

const BOARD: &str = r#"
name = "bench"
front = { rows = 1, columns = 2 }
rear = { rows = 1, columns = 3 }
supplies = { needed = 1 }
[[bay]]
number = 1
at = [1, 1]
disk = [{ ata = 1 }]
[[bay]]
number = 2
at = [1, 2]
required = true
disk = [{ ata = 2 }]
[[supply]]
number = 1
[[supply]]
number = 2
[[port]]
name = "MGMT"
kind = "rj45"
required = true
interface = [{ name = "eth0" }]
[[limit]]
readings = ["hwmon/board/temp1"]
critical_above = 80
hysteresis = 5
"#;

fn board() -> Board {
    Board::parse("bench", BOARD).expect("a board")
}

fn read(id: &str, kind: Kind, value: Result<f64, NoData>, state: State) -> (String, Reading) {
    let source = id.split('/').next().expect("a source").to_owned();
    let name = id.rsplit('/').next().expect("a name");
    (
        source,
        Reading::fact(id, crate::why::Why::given(name), kind, Unit::Count, value)
            .judged(state, crate::why::phrases::NONE),
    )
}

fn supply(number: u8, state: State) -> (String, Reading) {
    let value = if state == State::Unknown {
        Err(NoData::NotPresent)
    } else {
        Ok(1.0)
    };
    read(
        &format!("ipmi/0.{number}/PSU{number} Status"),
        Kind::State,
        value,
        state,
    )
}

fn step(watch: &mut Watch, now: u64, readings: &[(String, Reading)]) -> Vec<String> {
    told(&watch.step(
        now,
        &Sample {
            readings,
            drives: None,
            ports: &[],
            silent: &[],
        },
    ))
}

fn told(events: &[Event]) -> Vec<String> {
    events
        .iter()
        .map(|e| {
            format!(
                "{:?} {} {} {:?}",
                e.change, e.alarm.subject.place, e.alarm.code, e.alarm.state
            )
        })
        .collect()
}

#[test]
fn a_pulled_supply_is_told_at_once_and_its_return_too() {
    let mut watch = Watch::new(board());
    let both = [supply(1, State::Ok), supply(2, State::Ok)];
    assert!(step(&mut watch, 0, &both).is_empty());
    let pulled = [supply(1, State::Ok), supply(2, State::Unknown)];
    assert_eq!(
        step(&mut watch, 5, &pulled),
        ["Raised supplies redundancy Critical", "Raised supply 2 absent Critical"]
    );
    assert!(step(&mut watch, 10, &pulled).is_empty());
    assert_eq!(
        step(&mut watch, 15, &both),
        [
            "Cleared supplies redundancy Critical",
            "Cleared supply 2 absent Critical"
        ]
    );
    // one without input is there, and of no use
    let failed = [supply(1, State::Critical), supply(2, State::Ok)];
    assert_eq!(
        step(&mut watch, 20, &failed),
        ["Raised supplies redundancy Critical", "Raised supply 1 supply Critical"]
    );
}

#[test]
fn what_the_board_requires_is_missed_only_where_something_can_be_read() {
    let mut watch = Watch::new(board());
    assert!(step(&mut watch, 0, &[]).is_empty());
    assert_eq!(
        step(&mut watch, 1, &[supply(1, State::Ok)]),
        ["Raised supplies redundancy Critical", "Raised supply 2 absent Critical"]
    );
    // unknown hardware misses what it has seen, no more
    let mut watch = Watch::new(Board::unknown());
    assert!(step(&mut watch, 0, &[supply(1, State::Ok), supply(2, State::Unknown)]).is_empty());
    assert!(step(&mut watch, 1, &[supply(1, State::Ok), supply(2, State::Ok)]).is_empty());
    assert_eq!(step(&mut watch, 2, &[supply(1, State::Ok)]).len(), 2);
}

#[test]
fn a_fan_without_a_limit_that_stops_is_an_alarm_and_one_that_never_turned_is_not() {
    let mut watch = Watch::new(Board::unknown());
    let fans = |one: f64, two: f64| {
        [("fan1", one), ("fan2", 0.0), ("fan3", two)].map(|(name, rpm)| {
            read(
                &format!("hwmon/nct/{}", name.replace("fan", "FAN")),
                Kind::Fan,
                Ok(rpm),
                State::Info,
            )
        })
    };
    assert!(step(&mut watch, 0, &fans(4800.0, 5000.0)).is_empty());
    assert_eq!(
        step(&mut watch, 5, &fans(0.0, 5000.0)),
        ["Raised fan 1 fan Critical", "Raised fans redundancy Critical"]
    );
    // an analogue reading has to be back for a minute
    assert!(step(&mut watch, 10, &fans(4800.0, 5000.0)).is_empty());
    assert!(step(&mut watch, 40, &fans(0.0, 5000.0)).is_empty());
    assert!(step(&mut watch, 50, &fans(4800.0, 5000.0)).is_empty());
    assert!(step(&mut watch, 109, &fans(4800.0, 5000.0)).is_empty());
    assert_eq!(step(&mut watch, 110, &fans(4800.0, 5000.0)).len(), 2);
}

#[test]
fn the_room_has_its_range_with_hysteresis() {
    let mut watch = Watch::new(Board::unknown());
    let mut at = |now, celsius| {
        let room = read("ipmi/0.1/Inlet Temp", Kind::Temperature, Ok(celsius), State::Ok);
        step(&mut watch, now, &[room])
    };
    assert!(at(0, 34.9).is_empty());
    assert_eq!(at(1, 35.0), ["Raised room room_hot Warning"]);
    assert!(at(2, 33.5).is_empty());
    assert_eq!(at(3, 33.0), ["Cleared room room_hot Warning"]);
    assert_eq!(at(4, 10.0), ["Raised room room_cold Warning"]);
}

#[test]
fn the_boards_limits_judge_beside_the_sensors_own() {
    let mut watch = Watch::new(board());
    let mut at = |now, celsius, state| {
        step(
            &mut watch,
            now,
            &[read("hwmon/board/temp1", Kind::Temperature, Ok(celsius), state)],
        )
    };
    assert_eq!(
        at(0, 79.0, State::Warning),
        ["Raised sensor hwmon/board/temp1 temperature Warning"]
    );
    assert_eq!(
        at(1, 80.0, State::Warning),
        ["Worse sensor hwmon/board/temp1 temperature Critical"]
    );
    assert_eq!(
        at(2, 75.0, State::Warning),
        ["Better sensor hwmon/board/temp1 temperature Warning"]
    );
}

#[test]
fn what_is_missing_neither_raises_nor_clears() {
    let mut watch = Watch::new(Board::unknown());
    let bad = read("hwmon/x/temp1", Kind::Temperature, Ok(99.0), State::Critical);
    let gone = read("hwmon/x/temp1", Kind::Temperature, Err(NoData::Timeout), State::Unknown);
    assert_eq!(step(&mut watch, 0, &[bad]).len(), 1);
    assert!(step(&mut watch, 5, &[gone]).is_empty());
    let silent = ["hwmon".to_owned()];
    let sample = Sample {
        readings: &[],
        drives: None,
        ports: &[],
        silent: &silent,
    };
    assert!(watch.step(100, &sample).is_empty());
    assert_eq!(
        told(&watch.step(100 + SILENCE, &sample)),
        ["Raised sensor hwmon no_answer Warning"]
    );
    // the source answers again, and the sensor is no more
    assert_eq!(step(&mut watch, 500, &[]).len(), 2);
}

#[test]
fn corrected_memory_errors_are_an_alarm_by_their_rate_and_module() {
    let mut watch = Watch::new(Board::unknown());
    let mut at = |now, count: f64| {
        let all = read("edac/mc0/corrected", Kind::Counter, Ok(count), State::Info);
        let one = read("edac/mc0/dimm3/corrected", Kind::Counter, Ok(count), State::Info);
        step(&mut watch, now, &[all, one])
    };
    assert!(at(1_000_000, 1_000.0).is_empty());
    assert!(at(1_000_010, 1_049.0).is_empty());
    assert_eq!(
        at(1_000_020, 1_050.0),
        ["Raised memory mc0/dimm3 memory_corrected Warning"]
    );
    assert_eq!(
        at(1_000_020 + 25 * 3600, 1_050.0),
        ["Cleared memory mc0/dimm3 memory_corrected Warning"]
    );
}

#[test]
fn a_required_port_without_a_link_is_an_alarm() {
    let mut watch = Watch::new(board());
    let ports = [PortPlace {
        interface: "eth0".to_owned(),
        ..PortPlace::default()
    }];
    let mut at = |now, link: f64, ports: &[PortPlace]| {
        let readings = [read("net/eth0/link", Kind::State, Ok(link), State::Info)];
        told(&watch.step(
            now,
            &Sample {
                readings: &readings,
                drives: None,
                ports,
                silent: &[],
            },
        ))
    };
    assert!(at(0, 0.0, &ports).is_empty());
    assert_eq!(at(10, 0.0, &ports), ["Raised port eth0 link Critical"]);
    assert_eq!(at(11, 1.0, &ports), ["Cleared port eth0 link Critical"]);
}

fn seen(ata_port: u32, serial: Option<&str>, pending: Option<u64>) -> SeenDrive {
    let mut drive = Drive::unknown(NoData::Timeout);
    drive.identity = Identity {
        serial: serial.map(str::to_owned),
        rotation: Some(7200),
        ..Identity::default()
    };
    if let Some(pending) = pending {
        drive.protocol = Protocol::Ata;
        drive.assessment = Assessment::Passed;
        drive.ata = Some(Ata {
            attributes: vec![Attribute {
                id: 197,
                name: "Current_Pending_Sector".to_owned(),
                prefail: Some(false),
                value: Some(100),
                worst: Some(100),
                threshold: Some(0),
                printed: None,
                raw: Raw::from_text(&pending.to_string()),
            }],
            ..Ata::default()
        });
    }
    let place = DiskPlace {
        disk: format!("sd{ata_port}"),
        ata_port: Some(ata_port),
        ..DiskPlace::default()
    };
    SeenDrive {
        bay: board().bay(&place),
        place,
        verdict: verdict::judge(&drive),
        drive,
    }
}

fn look(watch: &mut Watch, now: u64, drives: &[SeenDrive]) -> Vec<String> {
    told(&watch.step(
        now,
        &Sample {
            readings: &[],
            drives: Some(drives),
            ports: &[],
            silent: &[],
        },
    ))
}

#[test]
fn a_drives_growth_silence_removal_and_replacement_are_told_apart() {
    let mut watch = Watch::new(board());
    let good = || seen(2, Some("B"), Some(0));
    assert!(look(&mut watch, 0, &[seen(1, Some("A"), Some(0)), good()]).is_empty());
    assert_eq!(
        look(&mut watch, 60, &[seen(1, Some("A"), Some(8)), good()]),
        ["Raised bay 1 growing Warning", "Raised bay 1 pending Warning"]
    );
    // it hangs: what it said stands, and after a while its silence is told
    assert!(look(&mut watch, 120, &[seen(1, None, None), good()]).is_empty());
    assert_eq!(
        look(&mut watch, 120 + 300, &[seen(1, None, None), good()]),
        ["Raised bay 1 no_answer Warning"]
    );
    // pulled
    let pulled = look(&mut watch, 500, &[good()]);
    assert!(
        pulled.contains(&"Raised bay 1 removed Warning".to_owned()),
        "{pulled:?}"
    );
    // another disk is a new disk
    let replaced = look(&mut watch, 600, &[seen(1, Some("C"), Some(0)), good()]);
    assert_eq!(replaced, ["Replaced bay 1 removed Warning"]);
    assert_eq!(watch.open().count(), 0);
}

#[test]
fn a_pulled_disk_that_is_acknowledged_is_forgotten_and_a_required_bay_is_not() {
    let mut watch = Watch::new(board());
    let (one, two) = (seen(1, Some("A"), Some(0)), seen(2, Some("B"), Some(0)));
    assert!(look(&mut watch, 0, &[one.clone(), two.clone()]).is_empty());
    let gone = look(&mut watch, 1, &[one]);
    assert_eq!(gone, ["Raised bay 2 absent Critical", "Raised bay 2 removed Warning"]);
    let subject = Subject {
        place: "bay 2".to_owned(),
        serial: Some("B".to_owned()),
    };
    assert!(watch.acknowledge(&subject, "removed", "mei"));
    assert_eq!(
        look(&mut watch, 2, &[seen(1, Some("A"), Some(0))]),
        ["Cleared bay 2 removed Warning"]
    );
    assert_eq!(watch.open().count(), 1);
}

#[test]
fn all_of_it_survives_a_restart() {
    let mut watch = Watch::new(board());
    look(
        &mut watch,
        0,
        &[seen(1, Some("A"), Some(1)), seen(2, Some("B"), Some(0))],
    );
    step(&mut watch, 1, &[supply(1, State::Ok), supply(2, State::Ok)]);
    let kept = serde_json::to_vec(watch.state()).expect("json");
    let state: WatchState = serde_json::from_slice(&kept).expect("the state again");
    let mut again = Watch::resume(board(), state);
    assert_eq!(again.open().count(), 1);
    assert_eq!(
        step(&mut again, 2, &[supply(1, State::Ok), supply(2, State::Unknown)]).len(),
        2
    );
    let grown = look(
        &mut again,
        3,
        &[seen(1, Some("A"), Some(2)), seen(2, Some("B"), Some(0))],
    );
    assert!(grown.contains(&"Raised bay 1 growing Warning".to_owned()), "{grown:?}");
}
