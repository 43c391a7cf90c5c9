//! `spanwatch query` and `spanwatch store` as a person or a script runs them, on what `spanwatch import` stored.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn program(arguments: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_spanwatch"))
        .args(arguments)
        .env("RUST_BACKTRACE", "0")
        .output();
    output.expect("the program runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A flow as it is written down for the import, and as a reference looks at it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Flow {
    start_ms: u64,
    end_ms: u64,
    src: String,
    dst: String,
    sport: u16,
    dport: u16,
    protocol: &'static str,
    packets: u64,
    bytes: u64,
    packets_rev: u64,
    bytes_rev: u64,
}

/// 2026-11-01T00:00:00Z.
const BEGIN_S: u64 = 1_793_491_200;
const HOURS: u64 = 60;

/// Flows with many small hosts and a few large ones, from a fixed seed.
fn flows(count: u64) -> Vec<Flow> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let mut made = Vec::new();
    for _ in 0..count {
        let start_ms = (BEGIN_S + next(HOURS * 3_600)) * 1_000 + next(1_000);
        let host = next(200).min(next(200)).min(next(200));
        let peer = next(40);
        let v6 = next(5) == 0;
        let address = |net: u64, host: u64| match v6 {
            true => format!("2001:db8:{net:x}::{:x}", host + 1),
            false => format!("10.{net}.{}.{}", host / 100, host % 100 + 1),
        };
        let (protocol, dport) = match next(4) {
            0 => ("UDP", 53),
            1 => ("TCP", 80),
            _ => ("TCP", 443),
        };
        let packets = 1 + next(40) * next(40);
        made.push(Flow {
            start_ms,
            end_ms: start_ms + next(4) * next(400_000),
            src: address(1 + peer % 3, host),
            dst: address(9, peer),
            sport: u16::try_from(1_024 + next(60_000)).expect("small numbers"),
            dport,
            protocol,
            packets,
            bytes: packets * (40 + next(1_400)),
            packets_rev: packets / 2,
            bytes_rev: packets * next(900),
        });
    }
    made
}

fn time(ms: u64) -> String {
    model::Timestamp::from_nanos(ms * 1_000_000).to_string()
}

/// The CSV that `spanwatch flows` would print.
fn csv(flows: &[Flow]) -> String {
    let mut text =
        "src_ip,dst_ip,src_port,dst_port,protocol,start,end,packets,bytes,packets_rev,bytes_rev\n".to_owned();
    for f in flows {
        let (start, end) = (time(f.start_ms), time(f.end_ms));
        text.push_str(&format!(
            "{},{},{},{},{},{start},{end},{},{},{},{}\n",
            f.src, f.dst, f.sport, f.dport, f.protocol, f.packets, f.bytes, f.packets_rev, f.bytes_rev
        ));
    }
    text
}

/// A folder with a store of these flows.
struct Stored {
    folder: tempfile::TempDir,
}

impl Stored {
    fn new(flows: &[Flow]) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let stored = Self { folder };
        std::fs::write(stored.path("flows.csv"), csv(flows)).expect("a file for the test");
        let file = stored.path("flows.csv");
        let file = file.to_str().expect("plain names");
        let output = program(&["import", file, "--store", &stored.store()]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        stored
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn store(&self) -> String {
        self.path("store").to_str().expect("plain names").to_owned()
    }

    fn query(&self, arguments: &[&str]) -> Output {
        let store = self.store();
        program(&[&["query", "--store", &store], arguments].concat())
    }

    /// An answer as JSON.
    fn answer(&self, arguments: &[&str]) -> Value {
        let output = self.query(&[arguments, &["--format", "json"]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).expect("it is JSON")
    }
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| panic!("{value} is a number"))
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is a text")).to_owned()
}

fn sums(row: &Value) -> [u64; 5] {
    ["flows", "packets", "bytes", "packets_rev", "bytes_rev"].map(|name| number(&row[name]))
}

fn add(sums: &mut [u64; 5], flow: &Flow) {
    let more = [1, flow.packets, flow.bytes, flow.packets_rev, flow.bytes_rev];
    sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
}

fn total<'a>(flows: impl IntoIterator<Item = &'a Flow>) -> [u64; 5] {
    flows.into_iter().fold([0; 5], |mut sums, flow| {
        add(&mut sums, flow);
        sums
    })
}

#[test]
fn what_was_imported_is_what_is_answered() {
    let flows = flows(3_000);
    let stored = Stored::new(&flows);
    // The records themselves, page by page.
    let mut found = Vec::new();
    for offset in ["0", "2000"] {
        let answer = stored.answer(&[
            "--records",
            "-n",
            "2000",
            "--offset",
            offset,
            "--order",
            "start",
            "--ascending",
        ]);
        assert_eq!(answer["more"], offset == "0");
        found.extend(answer["rows"].as_array().expect("rows").clone());
    }
    let mut found: Vec<_> = found
        .iter()
        .map(|row| {
            let protocol = word(&row["protocol"]);
            let ends = (word(&row["start"]), word(&row["end"]));
            let ports = (number(&row["src_port"]), number(&row["dst_port"]));
            let counts = ["packets", "bytes", "packets_rev", "bytes_rev"].map(|name| number(&row[name]));
            (
                ends,
                word(&row["src_ip"]),
                word(&row["dst_ip"]),
                ports,
                protocol,
                counts,
            )
        })
        .collect();
    assert!(found.is_sorted_by_key(|row| row.0.0.clone()));
    let mut expected: Vec<_> = flows
        .iter()
        .map(|f| {
            let counts = [f.packets, f.bytes, f.packets_rev, f.bytes_rev];
            let ports = (f.sport.into(), f.dport.into());
            let ends = (time(f.start_ms), time(f.end_ms));
            (ends, f.src.clone(), f.dst.clone(), ports, f.protocol.to_owned(), counts)
        })
        .collect();
    found.sort();
    expected.sort();
    let other = found.iter().zip(&expected).find(|(found, expected)| found != expected);
    assert!(other.is_none() && found.len() == expected.len(), "{other:?}");

    // Sums of all, and of a filter.
    let of = |arguments: &[&str]| sums(&stored.answer(&[&["--totals"], arguments].concat())["rows"][0]);
    assert_eq!(of(&[]), total(&flows));
    let filter = "src 10.1.0.0/16 and dport 443 or proto udp and not host 10.9.0.1";
    let matches = |f: &&Flow| {
        f.src.starts_with("10.1.") && f.dport == 443
            || f.protocol == "UDP" && f.src != "10.9.0.1" && f.dst != "10.9.0.1"
    };
    assert_eq!(of(&["--filter", filter]), total(flows.iter().filter(matches)));
    // A record counts where it ends.
    let (from, to) = (BEGIN_S + 7 * 3_600 + 17, BEGIN_S + 30 * 3_600);
    let within = |f: &&Flow| (from * 1_000..to * 1_000).contains(&f.end_ms);
    let span = [&from.to_string(), "--to", "2026-11-02 06:00"];
    let span = ["--from", span[0], span[1], span[2]];
    assert_eq!(of(&span), total(flows.iter().filter(within)));

    // Groups, heaviest first.
    let answer = stored.answer(
        &[
            &["--top", "src_ip,protocol", "--by", "packets", "-n", "10000"],
            &span[..],
        ]
        .concat(),
    );
    let mut groups: BTreeMap<(String, String), [u64; 5]> = BTreeMap::new();
    for flow in flows.iter().filter(within) {
        add(
            groups.entry((flow.src.clone(), flow.protocol.to_owned())).or_default(),
            flow,
        );
    }
    let rows = answer["rows"].as_array().expect("rows");
    let weights: Vec<u64> = rows.iter().map(|row| sums(row)[1] + sums(row)[3]).collect();
    assert!(weights.is_sorted_by(|a, b| a >= b));
    let found: BTreeMap<_, _> = rows
        .iter()
        .map(|row| ((word(&row["src_ip"]), word(&row["protocol"])), sums(row)))
        .collect();
    assert!(found == groups);
    assert_eq!(number(&answer["groups"]), groups.len() as u64);

    // Hours, which come from rollups.
    let answer = stored.answer(&["--series", "1h", "--from", "2026-11-01", "--to", "2026-11-04"]);
    assert_eq!(answer["read"]["from"], "rollups");
    let rows = answer["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 72);
    for (hour, row) in (0_u64..).zip(rows) {
        let ends = |f: &&Flow| f.end_ms / 3_600_000 == BEGIN_S / 3_600 + hour;
        assert_eq!(sums(row), total(flows.iter().filter(ends)), "hour {hour}");
    }
}

#[test]
fn answers_are_printed_as_table_and_csv_with_where_they_come_from() {
    let flows: Vec<Flow> = (1..4)
        .map(|n| Flow {
            start_ms: BEGIN_S * 1_000,
            end_ms: BEGIN_S * 1_000 + 1_000 * n,
            src: format!("10.0.0.{n}"),
            dst: "192.0.2.1".to_owned(),
            sport: 50_000,
            dport: 443,
            protocol: "TCP",
            packets: n * 10,
            bytes: n * 1_000_000,
            packets_rev: n,
            bytes_rev: n * 100,
        })
        .collect();
    let stored = Stored::new(&flows);
    let output = stored.query(&["--top", "src_ip", "-n", "2", "--format", "csv"]);
    assert_eq!(
        text(&output.stdout),
        "src_ip,flows,packets,bytes,packets_rev,bytes_rev\r\n10.0.0.3,1,30,3000000,3,300\r\n10.0.0.2,1,20,2000000,2,200\r\n"
    );
    let said = text(&output.stderr);
    assert!(
        said.starts_with("From records: 1 of 1 blocks, 3 records, 3 of them match, "),
        "{said}"
    );
    assert!(said.ends_with(", exact.\n"), "{said}");
    let output = stored.query(&["--top", "src_ip", "-n", "2"]);
    assert_eq!(
        text(&output.stdout),
        "#  Source        Octets    Share         Rate  Packets  Flows  Octets back\n\
         1  10.0.0.3     3.00 MB   50.0 %  6.00 Mbit/s       33      1        300 B\n\
         2  10.0.0.2     2.00 MB   33.3 %  4.00 Mbit/s       22      1        200 B\n\
         \x20  All records  6.00 MB  100.0 %  12.0 Mbit/s       66      3        600 B\n\
         2 of 3 are shown.\n"
    );
    let output = program(&[
        "--lang",
        "zh-CN",
        "query",
        "--store",
        &stored.store(),
        "--records",
        "-n",
        "1",
        "--zone",
        "+08:00",
    ]);
    assert_eq!(
        text(&output.stdout),
        "结束 (+08:00)             时长  链路    源              目的           协议  应用   包数     字节  反向包数  反向字节\n\
         2026-11-01 08:00:03.000  3.000  import  10.0.0.3:50000  192.0.2.1:443  TCP   https    30  3.00 MB         3     300 B\n\
         还有更多记录：请增大行数上限，或设置起始行。\n"
    );
}

#[test]
fn what_cannot_be_asked_is_said_with_what_to_do() {
    let stored = Stored::new(&flows(10));
    for (arguments, expected) in [
        (
            &["--totals", "--filter", "src 10.0.0.0/8 and prot tcp"][..],
            "\n                     ^^^^",
        ),
        (
            &["--totals", "--from", "yesterday"],
            "\"yesterday\" is not a time: write 2026-11-21T10:00:00Z",
        ),
        (
            &["--totals", "--scope", "nowhere"],
            "there is no link named \"nowhere\": ports, exporters, import",
        ),
        (&["--top", "dst"], "did you mean dst_ip or dst_net"),
        (&["--series", "1x"], "\"1x\" is not a step"),
        (
            &["--totals", "--from", "now", "--to", "-1h"],
            "the span ends where it begins or before",
        ),
        (&["--records", "-n", "100001"], "10000, not 100001"),
        (&[], "--top <KEYS>|--records|--series [<STEP>]|--totals"),
        (&["--top", "business"], ""),
    ] {
        let output = stored.query(arguments);
        let said = text(&output.stderr);
        assert!(said.contains(expected), "{arguments:?}: {said}");
        assert_eq!(
            output.status.code() == Some(0),
            expected.is_empty(),
            "{arguments:?}: {said}"
        );
    }
    let output = program(&["query", "--store", "/nonexistent", "--totals"]);
    assert!(text(&output.stderr).contains("/nonexistent: there is no store in this folder"));
    assert!(!Path::new("/nonexistent").exists());
}

#[test]
fn a_flipped_bit_is_found_and_what_it_hides_is_not_kept_quiet() {
    let flows = flows(2_000);
    let stored = Stored::new(&flows);
    let check = || {
        let output = program(&["store", "check", &stored.store(), "--format", "json"]);
        let found: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
        (found, output.status.code())
    };
    let (found, status) = check();
    assert_eq!(status, Some(0), "{found}");
    let files = found["files"].as_array().expect("files");
    let records: u64 = files.iter().map(|file| number(&file["records"])).sum();
    assert_eq!(records, 2_000);

    // Smaller files hold the same.
    let before = stored.answer(&["--totals"])["rows"].clone();
    let output = program(&["store", "compact", &stored.store()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(stored.answer(&["--totals"])["rows"], before);
    let output = program(&["store", "stats", &stored.store(), "--format", "json"]);
    let stats: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!(number(&stats["classes"][0]["records"]), 2_000, "{stats}");
    assert!(text(&program(&["store", "stats", &stored.store()]).stdout).contains("B/RECORD"));

    let path = stored.path("store/blocks-20261102.redb");
    let mut octets = std::fs::read(&path).expect("a day's file");
    let block = octets.windows(4).position(|four| four == b"SWBK").expect("a block");
    octets[block + 200] ^= 0x10;
    std::fs::write(&path, octets).expect("a day's file");
    let (found, status) = check();
    assert_eq!(status, Some(1));
    assert!(
        found["problems"].to_string().contains("blocks-20261102.redb"),
        "{found}"
    );
    let output = stored.query(&["--records", "-n", "10000", "--format", "json"]);
    assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("incomplete"), "{}", text(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!(answer["complete"], false);
    let day = |f: &&Flow| f.end_ms / 86_400_000 != BEGIN_S / 86_400 + 1;
    let rest = flows.iter().filter(day).count();
    assert_eq!(answer["rows"].as_array().expect("rows").len(), rest);
}

fn captures() -> Option<PathBuf> {
    let named = std::env::var_os("SPANWATCH_CAPTURES").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/captures");
    let found = named.or(Some(beside)).filter(|folder| folder.is_dir());
    if found.is_none() {
        eprintln!("skipped: there are no captures; SPANWATCH_CAPTURES names their folder");
    }
    found
}

/// Flows, packets and octets that nfdump finds with a filter.
fn nfdump(file: &Path, filter: &str) -> [u64; 3] {
    let output = Command::new("nfdump")
        .arg("-r")
        .arg(file)
        .args(["-o", "csv", filter])
        .output()
        .expect("nfdump runs");
    let said = text(&output.stdout);
    let summary = said.lines().last().expect("nfdump sums up");
    let mut numbers = summary.split(',').map(|n| n.parse().expect("a number"));
    let [flows, bytes, packets] = std::array::from_fn(|_| numbers.next().expect("a number"));
    [flows, packets, bytes]
}

#[test]
fn filters_find_what_nfdumps_find() {
    let Some(captures) = captures() else { return };
    if Command::new("nfpcapd").arg("-V").output().is_err() || Command::new("nfdump").arg("-V").output().is_err() {
        eprintln!("skipped: nfdump is not installed");
        return;
    }
    for name in [
        "ndpi/pcap/reddit.pcap",
        "ndpi/pcap/zoom.pcap",
        "flowtest/pcap/icmp.pcap",
    ] {
        let capture = captures.join(name);
        if !capture.is_file() {
            eprintln!("skipped: {name} is not there");
            continue;
        }
        let folder = tempfile::tempdir().expect("a folder for the test");
        let files = folder.path().join("nfcapd");
        std::fs::create_dir(&files).expect("a folder for the test");
        let made = Command::new("nfpcapd")
            .arg("-r")
            .arg(&capture)
            .arg("-l")
            .arg(&files)
            .output();
        assert!(made.expect("nfpcapd runs").status.success());
        let mut files: Vec<_> = std::fs::read_dir(&files)
            .expect("nfpcapd's folder")
            .map(|entry| entry.expect("a file").path())
            .collect();
        files.sort();
        let file = files.remove(0);
        let store = folder.path().join("store");
        let store = store.to_str().expect("plain names");
        let output = program(&["import", file.to_str().expect("plain names"), "--store", store]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        for (ours, theirs) in [
            ("", "any"),
            ("proto tcp", "proto tcp"),
            ("dport 443", "dst port 443"),
            ("port 53 or proto icmp", "port 53 or proto icmp"),
            ("src 192.168.0.0/16", "src net 192.168.0.0/16"),
            ("not proto udp", "not proto udp"),
            ("bytes > 1000", "bytes > 1000"),
            ("packets < 5 and proto tcp", "packets < 5 and proto tcp"),
        ] {
            let all = [
                "query", "--store", store, "--totals", "--filter", ours, "--format", "json",
            ];
            let output = program(&all);
            assert_eq!(output.status.code(), Some(0), "{ours}: {}", text(&output.stderr));
            let answer: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
            let [flows, packets, bytes, packets_rev, bytes_rev] = sums(&answer["rows"][0]);
            let found = [flows, packets + packets_rev, bytes + bytes_rev];
            assert_eq!(found, nfdump(&file, theirs), "{name}: {ours}");
        }
    }
}
