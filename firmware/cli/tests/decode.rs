//! `spanwatch decode` as a person or a script runs it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use decode::craft::{self, Ipfix, Set};
use decode::{ElementId, FieldSpec};

/// A capture of IPv4 packets without a link layer (LINKTYPE_RAW).
struct Capture {
    file: Vec<u8>,
    packets: u32,
}

impl Capture {
    fn new() -> Self {
        let mut file = vec![0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0];
        file.extend([0; 8]);
        file.extend([0, 0, 4, 0, 101, 0, 0, 0]);
        Self { file, packets: 0 }
    }

    /// A UDP datagram, in fragments of at most so many octets.
    fn udp(&mut self, port: u16, payload: &[u8], fragment: usize) {
        let length = u16::try_from(payload.len() + 8).expect("small numbers");
        let mut datagram = [50_000_u16, port, length, 0].map(u16::to_be_bytes).concat();
        datagram.extend(payload);
        self.packets += 1;
        let id = u16::try_from(self.packets).expect("small numbers");
        let parts: Vec<&[u8]> = datagram.chunks(fragment).collect();
        let mut offset = 0;
        for (place, part) in parts.iter().enumerate() {
            let more = if place + 1 < parts.len() { 0x2000 } else { 0 };
            self.packet(id, more | u16::try_from(offset / 8).expect("small numbers"), part);
            offset += part.len();
        }
    }

    fn packet(&mut self, id: u16, flags: u16, body: &[u8]) {
        let length = u16::try_from(20 + body.len()).expect("small numbers");
        let mut packet = vec![0x45, 0];
        packet.extend(length.to_be_bytes());
        packet.extend(id.to_be_bytes());
        packet.extend(flags.to_be_bytes());
        packet.extend([64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 9]);
        packet.extend(body);
        let octets = u32::from(length);
        for value in [1_700_000_000, 0, octets, octets] {
            self.file.extend(u32::to_le_bytes(value));
        }
        self.file.extend(packet);
    }
}

fn field(enterprise: u32, number: u16, length: u16) -> FieldSpec {
    FieldSpec {
        element: ElementId { enterprise, number },
        length,
    }
}

/// sourceIPv4Address, protocolIdentifier, octetDeltaCount and an element that nobody knows.
fn fields() -> Vec<FieldSpec> {
    vec![field(0, 8, 4), field(0, 4, 1), field(0, 1, 4), field(64_999, 7, 2)]
}

fn flow(last: u8) -> Vec<u8> {
    let values = [vec![10, 0, 0, last], vec![6], vec![0, 0, 1, last], vec![0xab, last]];
    craft::record(&fields(), &values)
}

fn message(sequence: u32, sets: &[Set]) -> Vec<u8> {
    Ipfix {
        secs: 1_700_000_000,
        sequence,
        domain: 7,
    }
    .message(sets)
}

fn template() -> Set {
    Set::Template(256, fields())
}

fn data(last: &[u8]) -> Set {
    Set::Data(256, last.iter().map(|last| flow(*last)).collect())
}

fn run(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_spanwatch"))
        .arg("decode")
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

fn line(sequence: u32, last: u8) -> String {
    format!(
        "{{\"_kind\":\"flow\",\"exporter\":\"192.0.2.1\",\"observationDomainId\":7,\"templateId\":256,\
         \"sequence\":{sequence},\"exportTime\":\"2023-11-14T22:13:20.000Z\",\"version\":\"IPFIX\",\
         \"sourceIPv4Address\":\"10.0.0.{last}\",\"protocolIdentifier\":6,\"octetDeltaCount\":{},\
         \"enterprise.64999.7\":\"ab{last:02x}\"}}\n",
        256 + u32::from(last)
    )
}

#[test]
fn data_before_its_template_is_printed_when_that_comes_and_gaps_are_summed_up() {
    let mut capture = Capture::new();
    capture.udp(4_739, &message(0, &[data(&[1, 2])]), 1_480);
    capture.udp(4_739, &message(2, &[template(), data(&[3])]), 1_480);
    capture.udp(4_739, &message(8, &[data(&[4])]), 1_480);
    let output = run(&["-", "--format", "json"], &capture.file);
    assert_eq!(
        text(&output.stdout),
        [line(0, 1), line(0, 2), line(2, 3), line(8, 4)].concat()
    );
    let said = text(&output.stderr);
    assert_eq!(
        said,
        "3 frames read: 3 UDP datagrams, 3 of them from exporters\n\
         192.0.2.1: 3 datagrams (132 B), 4 flows, 0 options, 0 counters\n\
         \x20 IPFIX domain 7: 4 records, 1 template, 5 records lost in 1 gap\n\
         \x20 2 records came before their template\n\
         \x20 error: 1 no_template\n"
    );
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn fragments_are_put_together_and_missing_ones_are_told() {
    let all: Vec<u8> = (0..200).collect();
    let mut capture = Capture::new();
    capture.udp(9_999, &message(0, &[template(), data(&all)]), 1_480);
    let whole = capture.file.clone();
    let output = run(&["-", "--format", "json"], &whole);
    assert_eq!(text(&output.stdout).lines().count(), 200, "{}", text(&output.stderr));
    // Without the second fragment there is nothing.
    let first = 24 + 16 + 20 + 1_480;
    let output = run(&["-", "--format", "json"], &whole[..first]);
    assert_eq!(output.stdout, b"");
    let said = text(&output.stderr);
    assert!(
        said.contains("1 datagram never complete: fragments are missing\n"),
        "{said}"
    );
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn the_table_shows_every_field() {
    let mut capture = Capture::new();
    capture.udp(4_739, &message(0, &[template(), data(&[1])]), 1_480);
    let output = run(&["-"], &capture.file);
    assert_eq!(
        text(&output.stdout),
        "2023-11-14 22:13:20Z  192.0.2.1        IPFIX       flow     7/256 sourceIPv4Address=10.0.0.1 \
         protocolIdentifier=6 octetDeltaCount=257 enterprise.64999.7=ab01\n"
    );
}

#[test]
fn a_port_that_is_named_is_decoded_and_no_other() {
    let mut capture = Capture::new();
    capture.udp(4_739, &message(0, &[template(), data(&[1])]), 1_480);
    capture.udp(30_000, &message(1, &[data(&[2])]), 1_480);
    capture.udp(30_000, b"neither NetFlow nor IPFIX", 1_480);
    let output = run(&["-", "--format", "json", "--port", "30000"], &capture.file);
    assert_eq!(output.stdout, b"", "the template went to another port");
    let said = text(&output.stderr);
    assert!(
        said.contains("2 of them from exporters") && said.contains("unknown_version"),
        "{said}"
    );
    assert!(said.contains("whose template never came"), "{said}");
    let output = run(&["-", "--format", "json"], &capture.file);
    assert_eq!(text(&output.stdout), [line(0, 1), line(1, 2)].concat());
}

#[test]
fn what_cannot_be_read_fails_and_what_is_cut_off_gives_what_it_has() {
    for (arguments, input, expected) in [
        (&["/nonexistent.pcap"][..], &b""[..], "/nonexistent.pcap"),
        (&["-"], b"", "the file is empty"),
        (
            &["-"],
            b"no capture, but long enough for one",
            "not a pcap or pcapng capture",
        ),
    ] {
        let output = run(arguments, input);
        let said = text(&output.stderr);
        assert_eq!(
            (text(&output.stdout), output.status.code()),
            (String::new(), Some(1)),
            "{said}"
        );
        assert!(said.contains(expected) && said.lines().count() == 1, "{said}");
    }
    let mut capture = Capture::new();
    capture.udp(4_739, &message(0, &[template(), data(&[1])]), 1_480);
    capture.udp(4_739, &message(1, &[data(&[2])]), 1_480);
    let cut = capture.file.len() - 4;
    let output = run(&["-", "--format", "json"], &capture.file[..cut]);
    assert_eq!(text(&output.stdout), line(0, 1));
    assert!(
        text(&output.stderr).contains("the capture is cut off"),
        "{}",
        text(&output.stderr)
    );
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn an_ipfix_file_is_read_as_well() {
    let path = std::env::temp_dir().join(format!("spanwatch-decode-{}.ipfix", std::process::id()));
    std::fs::write(
        &path,
        [message(0, &[template(), data(&[1])]), message(1, &[data(&[2])])].concat(),
    )
    .expect("a file for the test");
    let output = run(&["--format", "json", path.to_str().unwrap()], b"");
    std::fs::remove_file(&path).expect("the file was there");
    let expected = [line(0, 1), line(1, 2)].concat().replace("192.0.2.1", "0.0.0.0");
    assert_eq!(text(&output.stdout), expected);
    assert!(text(&output.stderr).contains("2 IPFIX messages read from files"));
}

#[test]
fn captures_of_real_exporters_decode_without_errors() {
    let root = std::env::var_os("SPANWATCH_CAPTURES").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/captures"),
        PathBuf::from,
    );
    let folder = root.join("netgauze/pcap");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!(
            "skipped: {} is not there; SPANWATCH_CAPTURES names the folder of captures",
            folder.display()
        );
        return;
    };
    let mut files = 0;
    for path in entries.map(|entry| entry.unwrap().path()) {
        let output = run(&["--format", "json", path.to_str().unwrap()], b"");
        let (printed, said) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(0), "{}: {said}", path.display());
        for line in printed.lines() {
            let record: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).expect(line);
            for key in ["_kind", "exporter", "observationDomainId", "templateId", "sequence"] {
                assert!(record.contains_key(key), "{key} is missing: {line}");
            }
            let kind = record["_kind"].as_str().expect("small numbers");
            assert!(["flow", "options", "counter"].contains(&kind), "{line}");
        }
        // What the summary counts is what was printed.
        let counted: usize = said
            .lines()
            .filter_map(|line| {
                line.split_once(" domain ")?
                    .1
                    .split_once(": ")?
                    .1
                    .split(' ')
                    .next()?
                    .parse::<usize>()
                    .ok()
            })
            .sum();
        assert_eq!(printed.lines().count(), counted, "{}: {said}", path.display());
        assert!(counted > 0 && !said.contains("bad_"), "{}: {said}", path.display());
        files += 1;
    }
    assert!(files > 0, "{} is empty", folder.display());
}
