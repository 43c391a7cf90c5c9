//! Real exporters, an SNMP agent and log senders of other projects, through collector and analyzer as they run on the
//! appliance: what they say they sent is what is stored. A peer that is not installed is skipped, visibly.
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

#[path = "../exporters/lab.rs"]
#[allow(dead_code, reason = "the lab serves another test program too")]
mod lab;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use api::analyzer::{DeviceQuery, InterfaceSeriesQuery, LogsQuery};
use api::collector::{ProbeRequest, Protocol};
use capture::file::CaptureFile;
use capture::{Polled, Source};
use lab::{Lab, free_port};
use model::{CounterSource, InterfaceId, LinkId, LogRecord, LogSource, Timestamp};

const ONE: LinkId = LinkId::of_exporter(1);
const LOOPBACK: &str = "127.0.0.1";

fn office() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/captures/office.pcap")
}

/// Whether a program is there.
fn has(program: &str) -> bool {
    let found = std::env::split_paths(&std::env::var_os("PATH").unwrap())
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .any(|folder| folder.join(program).is_file());
    if !found {
        eprintln!("SKIPPED: {program} is not installed");
    }
    found
}

fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    let path = std::env::var("PATH").unwrap_or_default();
    command
        .env("PATH", format!("{path}:/usr/sbin:/sbin"))
        .stdin(Stdio::null());
    command
}

/// A program that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Packets and octets (IP layer) of the capture.
fn metered() -> (u64, u64) {
    let mut file = CaptureFile::open(&office()).unwrap();
    let (mut packets, mut octets) = (0, 0);
    let mut count = |frame: &capture::Frame<'_>| {
        let view = dissect::Frame {
            link_type: frame.link_type,
            data: frame.data,
            wire_len: frame.wire_len,
            vlan_tci: frame.vlan_tci,
        };
        if let Ok(packet) = dissect::dissect(&view) {
            packets += 1;
            octets += u64::from(packet.ip_bytes);
        }
    };
    while let Polled::Frames(_) = file.poll(Duration::ZERO, &mut count).unwrap() {}
    (packets, octets)
}

/// Waits until records and minutes both hold so much.
fn wait_for_traffic(lab: &mut Lab, packets: u64, octets: u64) {
    let what = format!("{packets} packets and {octets} octets");
    let seen = std::cell::Cell::new((0, 0));
    lab.wait(&what, |lab| {
        let records = lab.records(ONE);
        let sums = records.iter().fold((0, 0), |(p, o), r| {
            (p + r.packets + r.packets_rev, o + r.bytes + r.bytes_rev)
        });
        if seen.replace(sums) != sums {
            eprintln!(
                "{} records, {} packets, {} octets so far",
                records.len(),
                sums.0,
                sums.1
            );
        }
        assert!(sums.0 <= packets, "{} packets are stored, {packets} were sent", sums.0);
        (sums == (packets, octets)).then_some(())
    });
    lab.wait("the same in the minutes", |lab| {
        let total = lab.counters(ONE).frames.total;
        ((total.packets, total.bytes) == (packets, octets)).then_some(())
    });
    let status = &lab.exporters().unwrap().exporters[0];
    assert_eq!(status.errors, 0, "{:#?}", lab.exporter(ONE));
    // softflowd 1.1.0 numbers its IPFIX messages by something else than their records.
    if status.protocols != [Protocol::Ipfix] {
        assert_eq!(status.lost, 0, "{:#?}", lab.exporter(ONE));
    }
}

#[test]
fn softflowd_exports_the_capture() {
    if !has("softflowd") {
        return;
    }
    let (packets, octets) = metered();
    for (version, protocol) in [("9", Protocol::NetflowV9), ("10", Protocol::Ipfix)] {
        let mut lab = Lab::new(&[&[LOOPBACK]]).start();
        let done = command("softflowd")
            .args([
                "-d",
                "-6",
                "-v",
                version,
                "-n",
                &format!("{LOOPBACK}:{}", lab.flow_port()),
            ])
            .arg("-p")
            .arg(lab.path("softflowd.pid"))
            .arg("-c")
            .arg(lab.path("softflowd.ctl"))
            .arg("-r")
            .arg(office())
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        wait_for_traffic(&mut lab, packets, octets);
        assert_eq!(lab.exporters().unwrap().exporters[0].protocols, [protocol]);
    }
}

#[test]
fn nfreplay_replays_what_nfdump_stored() {
    if !(has("nfpcapd") && has("nfreplay") && has("nfdump")) {
        return;
    }
    for (version, protocol) in [("5", Protocol::NetflowV5), ("9", Protocol::NetflowV9)] {
        let mut lab = Lab::new(&[&[LOOPBACK]]).start();
        let folder = lab.path("flows");
        std::fs::create_dir(&folder).unwrap();
        let made = command("nfpcapd")
            .arg("-r")
            .arg(office())
            .arg("-w")
            .arg(&folder)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let file = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
        // NetFlow v5 has no IPv6.
        let filter = if version == "5" { "ipv4" } else { "any" };
        let told = command("nfdump")
            .arg("-r")
            .arg(&file)
            .args(["-o", "csv", filter])
            .output()
            .unwrap();
        let (packets, octets) = csv_sums(&String::from_utf8_lossy(&told.stdout));
        assert!(packets > 5_000, "{}", String::from_utf8_lossy(&told.stdout));
        let port = lab.flow_port().to_string();
        let sent = command("nfreplay")
            .args(["-H", LOOPBACK, "-p", &port, "-v", version, "-r"])
            .arg(&file)
            .arg(filter)
            .output()
            .unwrap();
        assert!(sent.status.success(), "{}", String::from_utf8_lossy(&sent.stderr));
        wait_for_traffic(&mut lab, packets, octets);
        assert_eq!(lab.exporters().unwrap().exporters[0].protocols, [protocol]);
    }
}

/// The sums of nfdump's columns ipkt and ibyt, and of the ways back.
fn csv_sums(text: &str) -> (u64, u64) {
    let mut lines = text.lines();
    let head: Vec<&str> = lines.next().unwrap().split(',').collect();
    let place = |name: &str| head.iter().position(|h| *h == name).unwrap();
    let columns = ["ipkt", "ibyt", "opkt", "obyt"].map(place);
    let mut sums = [0u64; 4];
    for line in lines.take_while(|l| !l.starts_with("Summary")) {
        let row: Vec<&str> = line.split(',').collect();
        if row.len() != head.len() {
            continue;
        }
        for (sum, column) in sums.iter_mut().zip(columns) {
            *sum += row[column].trim().parse::<u64>().unwrap();
        }
    }
    (sums[0] + sums[2], sums[1] + sums[3])
}

#[test]
fn pmacct_probes_the_capture() {
    if !has("pmacctd") {
        return;
    }
    let (packets, octets) = metered();
    for (plugin, version, protocol) in [
        ("nfprobe", "9", Protocol::NetflowV9),
        ("nfprobe", "10", Protocol::Ipfix),
        ("sfprobe", "5", Protocol::Sflow),
    ] {
        let mut lab = Lab::new(&[&[LOOPBACK]]).start();
        let receiver = format!("{LOOPBACK}:{}", lab.flow_port());
        let own = match plugin {
            "nfprobe" => format!(
                "nfprobe_receiver: {receiver}\nnfprobe_version: {version}\n\
                 nfprobe_timeouts: tcp=1:tcp.rst=1:tcp.fin=1:udp=1:icmp=1:general=1:maxlife=3600:expint=1\n"
            ),
            _ => format!("sfprobe_receiver: {receiver}\nsfprobe_agentip: {LOOPBACK}\nsampling_rate: 1\n"),
        };
        let config = lab.path("pmacctd.conf");
        let text = format!(
            "daemonize: false\npcap_savefile: {}\npcap_savefile_wait: false\nplugins: {plugin}\n\
             aggregate: src_host, dst_host, src_port, dst_port, proto, tos\nplugin_buffer_size: 1024000\n\
             plugin_pipe_size: 10240000\n{own}",
            office().display()
        );
        std::fs::write(&config, text).unwrap();
        // It ends when the capture does, and says then what it still has.
        let done = command("pmacctd").arg("-f").arg(&config).output().unwrap();
        eprintln!("{}", String::from_utf8_lossy(&done.stderr));
        if protocol == Protocol::Sflow {
            // A sample a packet; the samples of its last datagram it keeps to itself when it ends.
            let samples = usize::try_from(packets).unwrap();
            let seen = std::cell::Cell::new(0);
            lab.wait("a record of nearly every packet", |lab| {
                let count = lab.records(ONE).len();
                // No more come.
                (seen.replace(count) == count && (samples - 10..=samples).contains(&count)).then_some(())
            });
            let records = lab.records(ONE);
            assert!(records.iter().all(|r| r.packets == 1));
            let octets_seen: u64 = records.iter().map(|r| r.bytes).sum();
            assert!(octets_seen <= octets && octets - octets_seen <= 10 * 1_500);
            let status = lab.exporters().unwrap().exporters.remove(0);
            assert_eq!(
                (status.errors, status.lost, status.records),
                (0, 0, records.len() as u64)
            );
        } else {
            wait_for_traffic(&mut lab, packets, octets);
        }
        assert_eq!(lab.exporters().unwrap().exporters[0].protocols, [protocol]);
    }
}

#[test]
fn snmpd_is_polled_and_its_interfaces_counted() {
    if !has("snmpd") {
        return;
    }
    let port = free_port();
    let mut lab = Lab::new(&[&[LOOPBACK]]);
    lab.settings().snmp.insert(
        "lab".to_owned(),
        settings::SnmpCredentials::V2c {
            community: settings::Secret::new("lab-public"),
        },
    );
    lab.settings().exporters.get_mut(&1).unwrap().snmp = Some(settings::SnmpPolling {
        credentials: "lab".to_owned(),
        port,
        interval_s: 5,
    });
    let config = lab.path("snmpd.conf");
    std::fs::write(
        &config,
        "rocommunity lab-public 127.0.0.1\nsysname lab-router\nsyslocation rack 7\n",
    )
    .unwrap();
    let log = std::fs::File::create(lab.path("snmpd.log")).unwrap();
    let _agent = Running(
        command("snmpd")
            .args(["-f", "-Lo", "-C", "-c"])
            .arg(&config)
            .arg(format!("--persistentDir={}", lab.path("snmp").display()))
            .arg(format!("udp:{LOOPBACK}:{port}"))
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap(),
    );
    let mut lab = lab.start();
    let probe = lab.wait("the agent's answer", |lab| {
        lab.call(ProbeRequest { link: ONE }).unwrap().system.ok()
    });
    assert_eq!((probe.name.as_str(), probe.location.as_str()), ("lab-router", "rack 7"));
    let facts = lab.wait("what is known of the device", |lab| {
        let facts = lab.call(DeviceQuery { exporter: ONE }).ok()?.facts;
        (facts.system.is_some() && facts.interfaces.is_some()).then_some(facts)
    });
    assert_eq!(facts.system.unwrap().name, "lab-router");
    let interfaces = facts.interfaces.unwrap();
    let loopback = interfaces
        .iter()
        .find(|i| i.name == "lo" || i.description == "lo")
        .unwrap();
    // Something goes over loopback meanwhile: the polls themselves.
    let query = InterfaceSeriesQuery {
        interface: InterfaceId {
            exporter: ONE,
            index: loopback.index,
        },
        from: Timestamp::from_secs(lab::now().as_secs() - 600),
        to: None,
        step_s: 60,
    };
    lab.wait("what loopback carried", |lab| {
        let series = lab.call(query.clone()).ok()?;
        let (_, points) = series.sources.into_iter().find(|(s, _)| *s == CounterSource::Snmp)?;
        points
            .iter()
            .any(|p| p.inbound.bytes > 0 && p.outbound.bytes > 0)
            .then_some(())
    });
    let status = lab.exporters().unwrap().exporters.remove(0).snmp.unwrap();
    assert!(
        status.last_answer.is_some() && status.trouble.is_none() && status.requests > 0,
        "{status:?}"
    );
}

fn logs(lab: &Lab, keyword: &str) -> Vec<LogRecord> {
    let query = LogsQuery {
        from: Timestamp::EPOCH,
        to: None,
        exporters: vec![ONE],
        keywords: vec![keyword.to_owned()],
        limit: 100,
        ..LogsQuery::default()
    };
    lab.call(query).map(|l| l.records).unwrap_or_default()
}

#[test]
fn traps_and_logs_of_real_senders_are_found() {
    let mut lab = Lab::new(&[&[LOOPBACK]]);
    let on = |port: u16| settings::Listen {
        enabled: true,
        ports: vec![port],
    };
    let (syslog, tls, traps) = (free_port(), free_port(), free_port());
    lab.settings().collection.syslog = on(syslog);
    lab.settings().collection.syslog_tls = on(tls);
    lab.settings().collection.traps = on(traps);
    let mut lab = lab.start();

    if has("logger") {
        let sent = command("logger")
            .args([
                "-d",
                "-n",
                LOOPBACK,
                "-P",
                &syslog.to_string(),
                "-p",
                "local4.warning",
                "-t",
                "spanlab",
            ])
            .arg("接口 GE0/1 关闭 loggerword")
            .status();
        assert!(sent.unwrap().success());
        let record = lab.wait("logger's message", |lab| logs(lab, "loggerword").pop());
        assert_eq!(
            (record.app.as_str(), record.facility, record.exporter),
            ("spanlab", 20, ONE)
        );
        assert!(record.text.contains("接口 GE0/1 关闭"));
    }
    if has("rsyslogd") {
        let config = lab.path("rsyslog.conf");
        let pipe = lab.path("in.log");
        std::fs::write(&pipe, "").unwrap();
        let text = format!(
            "global(workDirectory=\"{work}\")\nmodule(load=\"imfile\" PollingInterval=\"1\")\n\
             input(type=\"imfile\" File=\"{file}\" Tag=\"filed\")\n\
             action(type=\"omfwd\" target=\"{LOOPBACK}\" port=\"{syslog}\" protocol=\"udp\" template=\"RSYSLOG_SyslogProtocol23Format\")\n",
            work = lab.path("").display(),
            file = pipe.display(),
        );
        std::fs::write(&config, text).unwrap();
        let mut rsyslogd = command("rsyslogd");
        let _running = Running(
            rsyslogd
                .arg("-n")
                .arg("-f")
                .arg(&config)
                .arg("-i")
                .arg(lab.path("rsyslog.pid"))
                .spawn()
                .unwrap(),
        );
        lab.wait("rsyslog's message", |lab| {
            // It reads what is written after it has opened the file.
            let mut file = std::fs::OpenOptions::new().append(true).open(&pipe).unwrap();
            writeln!(file, "rsyslogword goes by").unwrap();
            logs(lab, "rsyslogword")
                .pop()
                .map(|record| assert_eq!(record.app, "filed"))
        });
    }
    if has("openssl") {
        let message = "<131>1 2026-01-02T03:04:05Z fw1 ike 77 ID9 - tunnel down tlsword";
        let mut client = command("openssl");
        let mut client = Running(
            client
                .args(["s_client", "-quiet", "-verify_return_error", "-connect"])
                .arg(format!("{LOOPBACK}:{tls}"))
                .arg("-CAfile")
                .arg(lab.path("collector/syslog-tls.pem"))
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap(),
        );
        let mut to = client.0.stdin.take().unwrap();
        write!(to, "{} {message}", message.len()).unwrap();
        to.flush().unwrap();
        let record = lab.wait("the message over TLS", |lab| logs(lab, "tlsword").pop());
        assert_eq!(
            (record.host.as_str(), record.app.as_str(), record.pid.as_str()),
            ("fw1", "ike", "77")
        );
        let certificate = lab.exporters().unwrap().syslog_certificate.unwrap();
        assert_eq!(certificate.len(), 64);
    }
    if has("snmptrap") {
        let sent = command("snmptrap")
            .args([
                "-v",
                "2c",
                "-c",
                "any",
                &format!("{LOOPBACK}:{traps}"),
                "",
                "1.3.6.1.6.3.1.1.5.3",
            ])
            .args([
                "1.3.6.1.2.1.2.2.1.1.3",
                "i",
                "3",
                "1.3.6.1.2.1.2.2.1.2.3",
                "s",
                "trapword",
            ])
            .status();
        assert!(sent.unwrap().success());
        let record = lab.wait("the trap", |lab| logs(lab, "trapword").pop());
        assert_eq!((record.source, record.code.as_str()), (LogSource::Trap, "linkDown"));
    }
    let status = lab.exporters().unwrap().exporters.remove(0);
    assert!(status.messages > 0 && status.last_seen.is_some());
}
