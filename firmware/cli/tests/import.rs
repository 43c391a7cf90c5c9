//! `spanwatch import` as a person or a script runs it.
//!
//! Peers' files are made by Debian's nfdump tools, from captures in `SPANWATCH_CAPTURES` or ../shared/captures; where
//! either is absent the test says so and checks nothing.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use decode::craft::{self, Ipfix, Set};
use decode::{ElementId, FieldSpec};
use model::{FlowRecord, Timestamp};
use store::{Filter, Folder, Keep, Store};

fn program(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_spanwatch"))
        .args(arguments)
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("it has an input");
    // A program that does not want its input closes it.
    let _ = stdin.write_all(input);
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A folder for a test.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder for the test"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn file(&self, name: &str, octets: &[u8]) -> String {
        let path = self.path(name);
        std::fs::write(&path, octets).expect("a file for the test");
        path.to_str().expect("plain names").to_owned()
    }

    fn store(&self) -> String {
        self.path("store").to_str().expect("plain names").to_owned()
    }

    /// Imports files with further options; the summary, what was said, and the exit status.
    fn import(&self, arguments: &[&str], input: &[u8]) -> (serde_json::Value, String, i32) {
        let store = self.store();
        let all = [&["import", "--store", &store, "--format", "json"], arguments].concat();
        let output = program(&all, input);
        let summary = serde_json::from_slice(&output.stdout).unwrap_or_default();
        (
            summary,
            text(&output.stderr),
            output.status.code().expect("an exit status"),
        )
    }

    /// All records of the store, in the order of their text.
    fn records(&self) -> Vec<FlowRecord> {
        sorted(self.stored())
    }

    /// All records of the store.
    fn stored(&self) -> Vec<FlowRecord> {
        let now = Timestamp::from_secs(1_800_000_000);
        let disk = Folder::open(self.store()).expect("the store's folder");
        let store = Store::open(Arc::new(disk), Keep::default(), now).expect("the store");
        let all = (Timestamp::EPOCH, Timestamp::from_nanos(u64::MAX));
        let found = store.records(all, 10_000_000, &Filter::default(), || true);
        assert!(found.problems.is_empty(), "{:?}", found.problems);
        found.records
    }
}

fn sorted(mut records: Vec<FlowRecord>) -> Vec<FlowRecord> {
    records.sort_by_cached_key(|record| format!("{record:?}"));
    records
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

fn has(tool: &str) -> bool {
    let found = Command::new(tool).arg("-V").output().is_ok();
    if !found {
        eprintln!("skipped: {tool} is not installed");
    }
    found
}

/// nfdump's file of a capture, and what nfdump itself says it holds: flows, packets, octets.
fn nfcapd(place: &Place, capture: &Path) -> (PathBuf, [u64; 3]) {
    let folder = place.path("nfcapd");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir(&folder).expect("a folder for the test");
    let made = Command::new("nfpcapd")
        .arg("-r")
        .arg(capture)
        .arg("-l")
        .arg(&folder)
        .output();
    assert!(made.expect("nfpcapd runs").status.success(), "{}", capture.display());
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .expect("nfpcapd's folder")
        .map(|entry| entry.expect("a file").path())
        .collect();
    files.sort();
    let file = files.remove(0);
    let about = text(&nfdump(&file, &["-I"]));
    let of = |name: &str| {
        let line = about.lines().find_map(|line| line.strip_prefix(name));
        line.expect("nfdump says it").trim().parse().expect("a number")
    };
    (file, [of("Flows:"), of("Packets:"), of("Bytes:")])
}

fn nfdump(file: &Path, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("nfdump")
        .env("TZ", "UTC")
        .arg("-r")
        .arg(file)
        .args(arguments)
        .output();
    output.expect("nfdump runs").stdout
}

fn sums(records: &[FlowRecord]) -> [u64; 3] {
    records.iter().fold([0; 3], |[flows, packets, bytes], record| {
        [
            flows + 1,
            packets + record.packets + record.packets_rev,
            bytes + record.bytes + record.bytes_rev,
        ]
    })
}

const SOME: [&str; 6] = [
    "ndpi/pcap/reddit.pcap",
    "ndpi/pcap/zoom.pcap",
    "ndpi/pcap/webex.pcap",
    "flowtest/pcap/icmp.pcap",
    "flowtest/pcap/ipv6-neighbor-discovery.pcap",
    "flowtest/pcap/http_get.pcap",
];

#[test]
fn nfdump_files_have_nfdumps_totals_in_every_form() {
    let Some(captures) = captures() else { return };
    if !(has("nfdump") && has("nfpcapd")) {
        return;
    }
    let mut checked = 0;
    for capture in SOME
        .map(|name| captures.join(name))
        .into_iter()
        .filter(|path| path.is_file())
    {
        let place = Place::new();
        let (file, totals) = nfcapd(&place, &capture);
        let (_, said, status) = place.import(&[file.to_str().expect("plain names")], b"");
        assert_eq!((status, said.as_str()), (0, ""), "{}", capture.display());
        let binary = place.records();
        assert_eq!(sums(&binary), totals, "{}", capture.display());

        let json = Place::new();
        let path = json.file("flows.txt", &nfdump(&file, &["-o", "json"]));
        assert_eq!(json.import(&[&path], b"").2, 0);
        assert!(json.records() == binary, "{}", capture.display());

        // CSV has times to the second, and of flows that no extension tells of, less besides.
        let csv = Place::new();
        let path = csv.file("flows", &nfdump(&file, &["-o", "csv"]));
        assert_eq!(csv.import(&[&path], b"").2, 0);
        let of_csv = csv.records();
        assert_eq!(sums(&of_csv), totals, "{}", capture.display());
        let key = |r: &FlowRecord| {
            let duration = r.end.nanos_since(r.start) / 1_000_000;
            let ends = (r.start.as_secs(), r.end.as_secs(), duration);
            (
                (r.src_ip, r.dst_ip, r.src_port, r.dst_port, r.protocol),
                (r.packets, r.bytes, r.tcp_flags, r.tos, r.icmp.map(|i| (i.kind, i.code))),
                ends,
            )
        };
        let keys = |records: &[FlowRecord]| {
            let mut keys: Vec<_> = records.iter().map(key).collect();
            keys.sort_unstable();
            keys
        };
        assert_eq!(keys(&of_csv), keys(&binary), "{}", capture.display());
        checked += 1;
    }
    assert!(checked > 0, "none of the captures is there");
}

#[test]
fn what_exporters_sent_is_decoded_as_decode_does() {
    let Some(captures) = captures() else { return };
    // Exporters' own captures: what is decoded equals what `spanwatch decode` prints as flows.
    let folder = captures.join("netgauze/pcap");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("captures of exporters")
        .map(|entry| entry.expect("a file").path())
        .collect();
    files.sort();
    let place = Place::new();
    let mut arguments = vec!["--decode"];
    arguments.extend(files.iter().map(|path| path.to_str().expect("plain names")));
    let (summary, said, status) = place.import(&arguments, b"");
    assert_eq!(status, 0, "{said}");
    let records = place.records();
    let imported = |file: &serde_json::Value| file["records"].as_u64().expect("a number");
    let all: u64 = summary.as_array().expect("files").iter().map(imported).sum();
    assert_eq!(sums(&records)[0], all);
    for (file, path) in summary.as_array().expect("files").iter().zip(&files) {
        let output = program(
            &["decode", "--format", "json", path.to_str().expect("plain names")],
            b"",
        );
        let flows = said_flows(&text(&output.stderr));
        assert_eq!(imported(file), flows, "{}", path.display());
    }
    assert!(
        records
            .iter()
            .all(|r| r.link.exporter().is_some() && r.export.is_some())
    );
}

/// Flows that `decode` sums up, over all exporters.
fn said_flows(said: &str) -> u64 {
    let of_exporters = said
        .lines()
        .filter(|line| !line.starts_with(' ') && line.contains(" options, "));
    let flows = of_exporters.filter_map(|line| {
        let part = line
            .split(", ")
            .find(|part| part.ends_with(" flows") || part.ends_with(" flow"))?;
        part.split(' ').next()?.parse::<u64>().ok()
    });
    flows.sum()
}

#[test]
fn captures_have_the_flows_that_flows_prints_and_every_form_of_them_is_the_same() {
    let Some(captures) = captures() else { return };
    for capture in SOME
        .map(|name| captures.join(name))
        .into_iter()
        .filter(|path| path.is_file())
    {
        let place = Place::new();
        let capture = capture.to_str().expect("plain names");
        assert_eq!(place.import(&[capture], b"").2, 0, "{capture}");
        let records = place.records();
        let mut printed = Vec::new();
        for format in ["json", "csv"] {
            let output = program(&["flows", "--format", format, capture], b"");
            let other = Place::new();
            let (_, said, status) = other.import(&["-"], &output.stdout);
            assert_eq!((status, said.as_str()), (0, ""), "{capture}");
            printed.push(other.records());
        }
        assert!(printed[0] == printed[1], "{capture}");
        // What is printed has neither the types of ICMP nor inner VLANs, nor why a flow ended; what it has of layer 7
        // and quality is not read back.
        let less = |record: &FlowRecord| FlowRecord {
            icmp: None,
            icmp_rev: None,
            vlan_inner: None,
            tos: 0,
            end_reason: model::EndReason::Idle,
            l7: None,
            quality: None,
            ..record.clone()
        };
        let less = |records: &[FlowRecord]| sorted(records.iter().map(less).collect());
        assert!(less(&printed[0]) == less(&records), "{capture}");
    }
}

/// CSV as nfdump writes it, of so many flows over so many hours.
fn made_up(flows: u64, hours: u64) -> Vec<u8> {
    let mut csv = b"ts,te,td,sa,da,sp,dp,pr,flg,fwd,stos,ipkt,ibyt,opkt,obyt,ra\n".to_vec();
    for n in 0..flows {
        let second = n * hours * 3_600 / flows;
        let clock = format!(
            "2026-11-{:02} {:02}:{:02}:{:02}",
            1 + second / 86_400,
            second / 3_600 % 24,
            second / 60 % 60,
            second % 60
        );
        let (a, b, port) = (n % 251, n / 251 % 251, 1_024 + n % 60_000);
        writeln!(
            csv,
            "{clock},{clock},0.{:03},10.{a}.{b}.1,192.0.2.{a},{port},443,TCP,...AP.SF,0,0,{},{},0,0,198.51.100.{}",
            n % 1_000,
            n % 97 + 1,
            n * 61 % 9_001 + 40,
            n % 3
        )
        .expect("it is memory");
    }
    csv
}

#[test]
fn a_file_is_imported_once_whatever_its_name() {
    let place = Place::new();
    let csv = made_up(1_000, 30);
    let (first, second) = (place.file("a.csv", &csv), place.file("b", &csv));
    let (summary, said, status) = place.import(&[&first], b"");
    assert_eq!((status, said.as_str()), (0, ""));
    assert_eq!(summary[0]["records"], 1_000);
    let records = place.records();
    assert_eq!(records.len(), 1_000);
    for again in [&first, &second] {
        let (summary, said, status) = place.import(&[again], b"");
        assert_eq!((status, said.as_str()), (0, ""));
        assert!(summary[0]["already_imported"].is_number(), "{summary}");
        assert_eq!(place.records(), records);
    }
    let links: BTreeMap<_, u64> = records.iter().fold(BTreeMap::new(), |mut links, record| {
        *links.entry(record.link.exporter().expect("an exporter")).or_default() += 1;
        links
    });
    assert_eq!(links, BTreeMap::from([(1, 334), (2, 333), (3, 333)]));
    // What was a store's before is named in the table.
    let output = program(&["import", &first, "--store", &place.store()], b"");
    assert!(
        text(&output.stdout).contains("already imported"),
        "{}",
        text(&output.stdout)
    );
}

#[test]
fn what_kill_9_breaks_off_is_finished_by_importing_again() {
    const FLOWS: u64 = 300_000;
    let csv = made_up(FLOWS, 5);
    let whole = Place::new();
    let path = whole.file("flows.csv", &csv);
    assert_eq!(whole.import(&[&path], b"").2, 0);
    let expected = sums(&whole.stored());
    assert_eq!(expected[0], FLOWS);

    let place = Place::new();
    let path = place.file("flows.csv", &csv);
    let mut broke_off = false;
    // It is killed once the first records are on disk, before the last ones are.
    for _ in 0..3 {
        let mut child = Command::new(env!("CARGO_BIN_EXE_spanwatch"))
            .args(["import", &path, "--store", &place.store()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let is_begun = || {
            let Ok(files) = std::fs::read_dir(place.store()) else {
                return false;
            };
            files
                .filter_map(Result::ok)
                .any(|file| file.file_name().to_string_lossy().starts_with("blocks-"))
        };
        while !is_begun() && child.try_wait().expect("a child").is_none() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        broke_off |= child.try_wait().expect("a child").is_none();
        child.kill().expect("it is killed");
        child.wait().expect("it ended");
    }
    assert!(broke_off, "the import was over before it could be killed");
    let (summary, said, status) = place.import(&[&path], b"");
    assert_eq!((status, said.as_str()), (0, ""));
    assert_eq!(summary[0]["records"], FLOWS);
    assert_eq!(sums(&place.stored()), expected);
    let (summary, ..) = place.import(&[&path], b"");
    assert!(summary[0]["already_imported"].is_number(), "{summary}");
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_imported() {
    let place = Place::new();
    let lines = text(&made_up(10, 1));
    let mut lines: Vec<String> = lines.lines().map(str::to_owned).collect();
    lines[3] = lines[3].replace(",443,", ",70000,");
    lines[5] = lines[5].replace("TCP", "XYZ");
    lines[7].push_str(",1");
    lines[8] = lines[8].replace("192.0.2.", "2001:db8::");
    lines[9] = "hello".to_owned();
    let path = place.file(
        "bad.csv",
        (lines.join("\n") + "\nSummary\nflows,bytes\n10,1\n").as_bytes(),
    );
    let (summary, said, status) = place.import(&[&path], b"");
    assert_eq!(status, 1);
    assert_eq!(
        (summary[0]["records"].as_u64(), summary[0]["skipped"].as_u64()),
        (Some(5), Some(5))
    );
    for expected in [
        "bad.csv: line 4, dp \"70000\": dp is not a port",
        "bad.csv: line 6, pr \"XYZ\": pr is not a protocol",
        "bad.csv: line 8: it has more columns than the header",
        "bad.csv: line 9: its addresses are of two IP versions",
        "bad.csv: line 10, ts \"hello\": ts is not a time",
        "spanwatch: not everything was imported: see above",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    // Again: nothing comes twice, and what was left out is not forgotten.
    let (summary, _, status) = place.import(&[&path], b"");
    assert_eq!(status, 1);
    assert!(summary[0]["already_imported"].is_number());
    assert_eq!(place.records().len(), 5);
}

#[test]
fn files_of_other_kinds_are_refused_with_what_to_do() {
    let place = Place::new();
    for (octets, expected) in [
        (&b""[..], "the file is empty"),
        (b"nothing of the kind, but long enough", "not a pcap or pcapng capture"),
        (b"Date first seen             Duration     Proto\n", "`nfdump -o json`"),
        (
            b"2026-11-01 00:00:00,2026-11-01 00:00:00,0.000,10.0.0.1\n",
            "without the header line",
        ),
        (b"[{\"first\":\"2026-11-01T00:00:00.000\"}]", "it has no addresses"),
        (b"[{\"first\":", "the file is cut off within it"),
    ] {
        let path = place.file("file", octets);
        let (_, said, status) = place.import(&[&path], b"");
        assert_eq!(status, 1, "{said}");
        assert!(said.contains(expected), "{expected}: {said}");
    }
    let (_, said, status) = place.import(&["/nonexistent"], b"");
    assert!(
        status == 1 && said.contains("/nonexistent: it cannot be opened: No such file"),
        "{said}"
    );
}

#[test]
fn without_nfdump_its_files_are_refused_and_can_be_imported_later() {
    let Some(captures) = captures() else { return };
    if !(has("nfdump") && has("nfpcapd")) {
        return;
    }
    let place = Place::new();
    let (file, totals) = nfcapd(&place, &captures.join(SOME[0]));
    let output = Command::new(env!("CARGO_BIN_EXE_spanwatch"))
        .args(["import", "--store", &place.store()])
        .arg(&file)
        .env("PATH", "/nonexistent")
        .output()
        .expect("the program runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("apt install nfdump"),
        "{}",
        text(&output.stderr)
    );
    assert_eq!(place.import(&[file.to_str().expect("plain names")], b"").2, 0);
    assert_eq!(sums(&place.records()), totals);
}

/// An IPFIX message with a template of flows and these flows: last octet of the source, octets.
fn ipfix(sequence: u32, flows: &[(u8, u32)]) -> Vec<u8> {
    // sourceIPv4Address, destinationIPv4Address, protocolIdentifier, octetDeltaCount, packetDeltaCount,
    // flowStartMicroseconds (NTP), flowEndNanoseconds (NTP)
    let elements = [(8, 4), (12, 4), (4, 1), (1, 4), (2, 4), (154, 8), (157, 8)];
    let fields: Vec<FieldSpec> = elements
        .map(|(number, length)| FieldSpec {
            element: ElementId { enterprise: 0, number },
            length,
        })
        .into();
    let ntp = |fraction: u32| {
        let seconds = 1_700_000_000_u64 + 2_208_988_800;
        let seconds = u32::try_from(seconds).expect("before 2036").to_be_bytes();
        [seconds, fraction.to_be_bytes()].concat()
    };
    let record = |(last, octets): &(u8, u32)| {
        let values = [
            vec![10, 0, 0, *last],
            vec![192, 0, 2, 1],
            vec![47],
            octets.to_be_bytes().to_vec(),
            vec![0, 0, 0, 1],
            ntp(1 << 30),
            ntp(1 << 31),
        ];
        craft::record(&fields, &values)
    };
    let records = flows.iter().map(record).collect();
    let sets = [Set::Template(256, fields.clone()), Set::Data(256, records)];
    let message = Ipfix {
        secs: 1_700_000_001,
        sequence,
        domain: 7,
    };
    message.message(&sets)
}

#[test]
fn ipfix_files_are_decoded_and_say_where_they_are_cut_off() {
    let messages = [ipfix(0, &[(1, 100), (2, 200)]), ipfix(2, &[(3, 300)])].concat();
    let place = Place::new();
    let path = place.file("flows", &messages);
    let (summary, said, status) = place.import(&["--link", "border", &path], b"");
    assert_eq!(status, 0, "{said}");
    assert_eq!(
        (&summary[0]["kind"], &summary[0]["records"]),
        (&"IPFIX file".into(), &3.into())
    );
    let mut records = place.stored();
    records.sort_by_key(|record| record.bytes);
    let bytes: Vec<u64> = records.iter().map(|record| record.bytes).collect();
    assert_eq!(bytes, [100, 200, 300]);
    let of = |record: &FlowRecord| (record.start.as_nanos(), record.end.as_nanos(), record.link.exporter());
    let base = 1_700_000_000_000_000_000;
    assert_eq!(of(&records[0]), (base + 250_000_000, base + 500_000_000, Some(1)));

    let cut = place.file("cut", &messages[..messages.len() - 5]);
    let (summary, said, status) = place.import(&["--link", "border", &cut], b"");
    let second = ipfix(0, &[(1, 100), (2, 200)]).len();
    assert_eq!(status, 1);
    assert!(
        said.contains(&format!("cut: the IPFIX file is cut off or damaged at byte {second}")),
        "{said}"
    );
    assert_eq!(summary[0]["records"], 2);
}

#[test]
fn what_nfcapd_collects_from_softflowd_has_nfdumps_totals() {
    let Some(captures) = captures() else { return };
    if !(has("nfcapd") && has("nfdump") && Command::new("softflowd").arg("-h").output().is_ok()) {
        eprintln!("skipped: softflowd is not installed");
        return;
    }
    let place = Place::new();
    let folder = place.path("nfcapd");
    std::fs::create_dir(&folder).expect("a folder for the test");
    // A free port of loopback: whoever has it now gives it up.
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    let port = socket.local_addr().expect("an address").port().to_string();
    drop(socket);
    let mut collector = Command::new("nfcapd")
        .args(["-b", "127.0.0.1", "-p", &port, "-w"])
        .arg(&folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("nfcapd starts");
    let listens = || {
        let sockets = std::fs::read_to_string("/proc/net/udp").expect("a list of sockets");
        let hex = format!(":{:04X} ", port.parse::<u16>().expect("a port"));
        sockets.contains(&hex)
    };
    while !listens() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let exported = Command::new("softflowd")
        .args(["-v", "10", "-b", "-n", &format!("127.0.0.1:{port}"), "-r"])
        .arg(captures.join(SOME[0]))
        .output()
        .expect("softflowd runs");
    assert!(exported.status.success(), "{}", text(&exported.stderr));
    // nfcapd writes its file when it is ended.
    let ended = Command::new("kill").arg(collector.id().to_string()).status();
    assert!(ended.expect("kill runs").success());
    collector.wait().expect("nfcapd ended");
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .expect("nfcapd's folder")
        .map(|entry| entry.expect("a file").path())
        .collect();
    files.sort();
    let file = files
        .first()
        .expect("nfcapd wrote a file")
        .to_str()
        .expect("plain names");
    let (_, said, status) = place.import(&[file], b"");
    assert_eq!(status, 0, "{said}");
    let csv = text(&nfdump(Path::new(file), &["-o", "csv"]));
    let summary = csv.lines().last().expect("nfdump sums up");
    let numbers: Vec<u64> = summary.split(',').map(|n| n.parse().expect("a number")).collect();
    let records = place.stored();
    let [flows, packets, bytes] = sums(&records);
    assert!(flows > 50 && packets > 1_000, "{summary}");
    assert_eq!([flows, bytes, packets], numbers[..3], "{summary}");
    assert!(
        records
            .iter()
            .all(|record| record.link.exporter() == Some(1) && record.export.is_some())
    );
}

#[test]
fn captures_come_with_layer_7_quality_and_application_logs() {
    let place = Place::new();
    let capture = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/captures/office.pcap");
    let (summary, said, status) = place.import(&[capture], b"");
    assert_eq!(status, 0, "{said}");
    let stored = place.stored();
    let named = |r: &&FlowRecord| r.l7.as_ref().is_some_and(|l7| l7.host.is_some());
    assert!(stored.iter().any(|r| named(&r)) && stored.iter().any(|r| r.quality.is_some()));

    let lines = |arguments: &[&str]| {
        let output = program(arguments, b"");
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let mut lines: Vec<String> = text(&output.stdout).lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    let metered = lines(&["flows", "--logs", "--format", "json", capture]);
    let store = place.store();
    let asked = ["query", "--store", &store, "--logs", "--format", "json"];
    let found = lines(&[asked.as_slice(), &["-n", "1000000"]].concat());
    assert!(!found.is_empty() && found == metered);
    assert_eq!(summary[0]["logs"], found.len());

    // By kind, server and word; as CSV with one header line.
    let of = |kind: &str| {
        metered
            .iter()
            .filter(|l| l.contains(&format!("\"kind\":\"{kind}\"")))
            .count()
    };
    assert_eq!(
        lines(&[asked.as_slice(), &["--kind", "dns,tls", "-n", "1000000"]].concat()).len(),
        of("dns") + of("tls")
    );
    let csv = lines(&[
        "query", "--store", &store, "--logs", "--kind", "dns", "--format", "csv", "-n", "3",
    ]);
    assert_eq!(csv.len(), 4);
    assert!(lines(&[asked.as_slice(), &["--client", "192.0.2.254"]].concat()).is_empty());

    // Settings may say that none are kept.
    let bare = Place::new();
    let settings = settings::Settings {
        application_logs: false,
        ..settings::Settings::default()
    };
    let file = bare.file("settings.json", &serde_json::to_vec(&settings).expect("settings"));
    let (summary, said, status) = bare.import(&[capture, "--settings", &file], b"");
    assert_eq!((status, &summary[0]["logs"]), (0, &serde_json::json!(0)), "{said}");
    assert_eq!(bare.stored().len(), stored.len());
}
