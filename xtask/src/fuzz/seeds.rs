//! What fuzzing starts from: datagrams of captures that are there, and of our own making.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use capture::{Polled, Source, file::CaptureFile};

use crate::bench::{Exporter, Version};

/// The most seeds of a target.
const SEEDS_MAX: usize = 2_000;
const TCP: u8 = 6;
const UDP: u8 = 17;

/// Which payloads are seeds of a target.
fn fits(target: &str, protocol: u8, port: u16, datagram: &[u8]) -> bool {
    let starts = |bytes: &[u8]| datagram.starts_with(bytes);
    match target {
        "inspect" => [80, 53, 25, 21, 110, 143, 22, 5353].contains(&port) && !datagram.is_empty(),
        "tls_quic" if protocol == TCP => starts(&[22, 3]) || (port == 443 && starts(&[0x80])),
        "tls_quic" => starts(&[22, 0xfe]) || (port == 443 && !datagram.is_empty()),
        "recognise" => (4..400).contains(&datagram.len()) && !matches!(port, 53 | 80 | 443),
        _ if protocol != UDP => false,
        "netflow_v5" => starts(&[0, 5]) || starts(&[0, 1]) || starts(&[0, 7]),
        "netflow_v9" => starts(&[0, 9]),
        "ipfix" => starts(&[0, 10]),
        "sflow" => starts(&[0, 0, 0, 5]),
        "snmp" => matches!(port, 161 | 162),
        "syslog" => port == 514,
        _ => false,
    }
}

/// Writes a target's seeds and returns how many there are.
pub(super) fn write(target: &str, folder: &Path) -> Result<usize> {
    let mut seeds: BTreeSet<Vec<u8>> = made(target).into_iter().collect();
    for path in captures() {
        // a capture that cannot be read to its end has given what it could
        let _ = each_payload(&path, &mut |protocol, port, datagram| {
            if seeds.len() < SEEDS_MAX && fits(target, protocol, port, datagram) {
                seeds.insert(datagram.to_vec());
            }
        });
    }
    for (number, seed) in seeds.iter().enumerate() {
        std::fs::write(folder.join(format!("{number:04}")), seed)
            .with_context(|| format!("cannot write into {}", folder.display()))?;
    }
    Ok(seeds.len())
}

fn made(target: &str) -> Vec<Vec<u8>> {
    let version = match target {
        "frame" => return frames(),
        "hardware" => return super::hardware::seeds(),
        "netflow_v9" => Version::V9,
        "ipfix" => Version::Ipfix,
        "syslog" => {
            return [
                "<34>Oct 11 22:14:15 mymachine su: 'su root' failed for lonvick on /dev/pts/8",
                "<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog 1 ID47 [a@1 b=\"c\\\"]\"] text",
                "<189>123: router1: *Mar  1 18:46:11.123 UTC: %SYS-5-CONFIG_I: Configured from console",
                "<190>Jan 1 2021 10:00:00 HUAWEI %%01IFNET/4/IF_STATE(l)[12]:Interface up",
            ]
            .map(|line| line.as_bytes().to_vec())
            .to_vec();
        }
        "signatures" => {
            let texts = [
                include_str!("../../../firmware/dissect/signatures/builtin.sig"),
                "app qq udp ports 7000-7010,8000 payload 0 hex a55a??01",
                "app ssh tcp payload 0 text \"OA/1.\" payload server 4 text \"\\r\\nOK\" # a comment",
                "app zoom udp length 20-48 payload 2 hex 00ff\napp zoom host =zoom.us",
            ];
            return texts.map(|text| text.as_bytes().to_vec()).to_vec();
        }
        // The first octet says where the cursor stands.
        "filter" => {
            let texts = include_str!("../../../firmware/filter/tests/good.txt").lines().chain(
                include_str!("../../../firmware/filter/tests/bad.txt")
                    .lines()
                    .filter(|line| !line.starts_with(' ')),
            );
            let texts = texts.map(|line| line.split('\t').next().unwrap_or(line).replace(['⟦', '⟧'], ""));
            return texts.map(|text| format!("~{text}").into_bytes()).collect();
        }
        _ => return Vec::new(),
    };
    let mut exporter = Exporter::new(version, 1, 1_700_000_000);
    let mut all = vec![exporter.templates()];
    all.extend((0..4).map(|_| exporter.data(3).0));
    all
}

/// The project's own captures, and the shared ones where they are.
fn captures() -> Vec<PathBuf> {
    let shared =
        std::env::var_os("SPANWATCH_CAPTURES").map_or_else(|| crate::root().join("../shared/captures"), PathBuf::from);
    let folders = [
        crate::root().join("tests/captures"),
        shared.join("netgauze/pcap"),
        shared.join("flowtest/pcap"),
        shared.join("ndpi/pcap"),
    ];
    let mut files = Vec::new();
    for folder in folders {
        let entries = std::fs::read_dir(folder).into_iter().flatten();
        files.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
    }
    files.retain(|path| path.extension().is_some_and(|e| e == "pcap" || e == "pcapng"));
    files.sort();
    files
}

/// Payloads of TCP and UDP as far as they were captured, with the IP protocol and the destination port.
fn each_payload(path: &Path, each: &mut dyn FnMut(u8, u16, &[u8])) -> Result<()> {
    let mut file = CaptureFile::open(path)?;
    loop {
        let polled = file.poll(Duration::ZERO, |frame| {
            let view = dissect::Frame {
                link_type: frame.link_type,
                data: frame.data,
                wire_len: frame.wire_len,
                vlan_tci: frame.vlan_tci,
            };
            let Ok(packet) = dissect::dissect(&view) else { return };
            let (from, length) = (packet.payload.offset as usize, packet.payload.captured as usize);
            if matches!(packet.protocol, TCP | UDP)
                && let Some(datagram) = frame.data.get(from..from + length)
            {
                each(packet.protocol, packet.dst_port, datagram);
            }
        })?;
        if polled == Polled::End {
            return Ok(());
        }
    }
}

/// Runs of frames of a busy link, each behind the three octets that the target wants: Ethernet, and its length.
fn frames() -> Vec<Vec<u8>> {
    let mut mix = meter::craft::Mix::new(9);
    let mut seed = || {
        let mut run = Vec::new();
        for _ in 0..24 {
            let frame = mix.next_frame();
            run.push(0);
            run.extend(u16::try_from(frame.octets.len()).unwrap_or(0).to_be_bytes());
            run.extend(frame.octets);
        }
        run
    };
    (0..100).map(|_| seed()).collect()
}
