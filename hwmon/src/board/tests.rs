use super::*;
use crate::{Kind, Unit};
use proptest::prelude::*;

const FILE: &str = r#"name = "bench"
front = { rows = 2, columns = 4 }
rear = { rows = 1, columns = 6 }

[room]
high = 32
readings = ["ipmi/*/TEMP_AIR"]

[fans]
needed = 1

[[bay]]
number = 2
at = [1, 2]
disk = [{ ata = 2, controller = "0000:00:17.0" }, { enclosure = "Slot 02" }]

[[bay]]
number = 1
at = [1, 1]
required = true
disk = [{ ata = 1 }, { slot = "7" }, { pci = "0000:5E:00.0" }]
readings = ["ipmi/*/Backplane 1"]

[[supply]]
number = 1
at = [1, 1]

[[supply]]
number = 2
name = "PSU right"
at = [1, 2]
readings = ["hwmon/*@9-0012/*"]

[[fan]]
number = 1

[[fan]]
number = 2

[[port]]
name = "MGMT"
kind = "rj45"
at = [1, 3]
required = true
interface = [{ driver = "igb", index = 1 }]

[[port]]
name = "SFP1"
kind = "sfp"
at = [1, 4]
interface = [{ pci = "0000:03:00.0" }, { name = "eth9" }]

[[limit]]
readings = ["hwmon/coretemp@*"]
warning_above = 80
critical_above = 95
hysteresis = 5
"#;

fn reading(id: &str) -> Reading {
    Reading::fact(
        id,
        crate::why::Why::given(id.rsplit('/').next().expect("a name")),
        Kind::Temperature,
        Unit::Celsius,
        Ok(1.0),
    )
}

#[test]
fn a_file_says_what_belongs_where() {
    let board = Board::parse("board.toml", FILE).expect("a board");
    assert_eq!(board.room(), (10.0, 32.0));
    assert_eq!((board.supplies_needed(), board.fans_needed()), (1, Some(1)));
    assert_eq!(board.bays().iter().map(|b| b.number).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(board.supplies()[1].name, "PSU right");
    for (id, component) in [
        ("ipmi/0.9/Backplane 1", "bay 1"),
        ("hwmon/pmbus@9-0012/fan1", "supply 2"),
        ("ipmi/0.9/temp_air", "room"),
        ("ipmi/0.9/PSU1 Status", "supply 1"),
    ] {
        assert_eq!(board.component(&reading(id)).to_string(), component, "{id}");
    }
    let limits = board
        .limits(&reading("hwmon/coretemp@coretemp.0/temp1"))
        .expect("limits");
    assert_eq!((limits.warning_above, limits.hysteresis), (Some(80.0), 5.0));
    assert_eq!(board.limits(&reading("hwmon/x/temp1")), None);
}

#[test]
fn a_disk_is_in_its_bay_and_nowhere_else() {
    let board = Board::parse("board.toml", FILE).expect("a board");
    let ata = |port, pci: &str| DiskPlace {
        ata_port: Some(port),
        pci: vec!["0000:00:1c.0".to_owned(), pci.to_owned()],
        ..DiskPlace::default()
    };
    assert_eq!(board.bay(&ata(1, "0000:00:11.0")), Some(1));
    assert_eq!(board.bay(&ata(2, "0000:00:17.0")), Some(2));
    // port 2 of another controller
    assert_eq!(board.bay(&ata(2, "0000:00:11.0")), None);
    let slot = DiskPlace {
        enclosure_slot: Some("Slot 02".to_owned()),
        ..DiskPlace::default()
    };
    assert_eq!(board.bay(&slot), Some(2));
    let nvme = DiskPlace {
        pci: vec!["0000:5e:00.0".to_owned(), "0000:5f:00.0".to_owned()],
        ..DiskPlace::default()
    };
    assert_eq!(board.bay(&nvme), Some(1));
    assert_eq!(board.bay(&DiskPlace::default()), None);
    assert_eq!(Board::unknown().bay(&nvme), None);
}

#[test]
fn a_port_finds_its_interface() {
    let board = Board::parse("board.toml", FILE).expect("a board");
    let place = |interface: &str, pci: &str, driver: &str| PortPlace {
        interface: interface.to_owned(),
        pci: Some(pci.to_owned()),
        driver: Some(driver.to_owned()),
        function_port: 0,
    };
    let places = [
        place("b", "0000:02:00.1", "igb"),
        place("a", "0000:02:00.0", "igb"),
        place("eth9", "0000:04:00.0", "ixgbe"),
    ];
    let found: Vec<_> = board
        .interfaces(&places)
        .into_iter()
        .map(|p| p.map(|p| p.interface.as_str()))
        .collect();
    assert_eq!(found, [Some("b"), Some("eth9")]);
    assert_eq!(board.interfaces(&[]), [None, None]);
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    let wrong = |from: &str, to: &str, line: usize, words: &str| {
        assert!(FILE.contains(from), "{from}");
        let error = Board::parse("b", &FILE.replacen(from, to, 1)).expect_err("wrong");
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(error.line(), line, "{error}");
    };
    wrong("number = 2\nat", "number = 1\nat", 17, "two bays have the number 1");
    wrong("at = [1, 2]\ndisk", "at = [3, 2]\ndisk", 12, "outside the front");
    wrong(
        "at = [1, 2]\ndisk",
        "at = [1, 1]\ndisk",
        17,
        "two parts at row 1, column 1",
    );
    wrong("0000:00:17.0", "00:17.0", 15, "no PCI address");
    wrong("{ ata = 1 }", "{ ata = 0 }", 21, "count from 1");
    wrong("{ ata = 1 }", "{ ata = 1, phy = 2 }", 21, "found by one of");
    wrong(
        "{ ata = 1 }",
        "{ enclosure = \"Slot 02\" }",
        21,
        "bay 2 has the same disk",
    );
    wrong("kind = \"sfp\"", "kind = \"sfq\"", 49, "sfq");
    wrong("name = \"SFP1\"", "name = \"MGMT\"", 47, "two ports are called MGMT");
    wrong("needed = 1", "needed = 3", 9, "the file names 2");
    wrong("warning_above = 80", "warning_above = 96", 53, "have to rise");
    wrong("hysteresis = 5", "hysteresis = 5\nhysterese = 4", 58, "hysterese");
    wrong("high = 32", "high = 2", 5, "no range");
    wrong("[fans]", "[fans", 9, "");
}

#[test]
fn the_board_of_the_image_is_good() {
    let text = include_str!("../../../board/x86_64/board.toml");
    let board = Board::parse("board/x86_64/board.toml", text).expect("a board");
    assert_eq!(
        (board.bays().len(), board.supplies().len(), board.ports().len()),
        (8, 2, 6)
    );
    assert!(board.known());
}

proptest! {
    #[test]
    fn no_file_panics(cut in 0..FILE.len(), octet: u8, at in 0..FILE.len()) {
        let mut octets = FILE.as_bytes().to_vec();
        octets[at] = octet;
        let whole = String::from_utf8_lossy(&octets).into_owned();
        let _ = Board::parse("b", &whole);
        octets.truncate(cut);
        let _ = Board::parse("b", &String::from_utf8_lossy(&octets));
    }

    #[test]
    fn stars_do_what_a_naive_one_does(pattern in "[ab*]{0,8}", text in "[ab]{0,10}") {
        fn naive(pattern: &[u8], text: &[u8]) -> bool {
            match (pattern.split_first(), text.split_first()) {
                (None, None) => true,
                (Some((b'*', rest)), _) => (0..=text.len()).any(|n| naive(rest, &text[n..])),
                (Some((p, rest)), Some((t, others))) => p == t && naive(rest, others),
                _ => false,
            }
        }
        prop_assert_eq!(matches(&pattern, &text), naive(pattern.as_bytes(), text.as_bytes()));
    }
}
