//! Messages of programs that send syslog: util-linux's `logger`, and rsyslog in its formats and framings.
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use model::{LinkId, LogRecord, Severity, Timestamp};
use syslog::{Framer, parse};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// How long a peer may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    Timestamp::from_nanos(u64::try_from(since.as_nanos()).unwrap())
}

/// Seconds east of UTC that this machine's local time is.
fn offset() -> i32 {
    let zone = Command::new("date").arg("+%z").output().unwrap().stdout;
    let zone: i32 = String::from_utf8(zone).unwrap().trim().parse().unwrap();
    (zone / 100 * 60 + zone % 100) * 60
}

fn record(octets: &[u8]) -> LogRecord {
    let message = parse(now(), LOOPBACK, offset(), octets);
    assert!(!message.cut);
    // What is sent now states that.
    let stated = message.stated.expect("no time is stated");
    let off = stated
        .nanos_since(message.received)
        .max(message.received.nanos_since(stated));
    assert!(
        Duration::from_nanos(off) < PATIENCE * 2,
        "{stated} is not {}",
        message.received
    );
    message.into_record(LinkId(1))
}

fn hostname() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    name.trim().to_owned()
}

fn udp() -> (UdpSocket, String) {
    let socket = UdpSocket::bind((LOOPBACK, 0)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let port = socket.local_addr().unwrap().port().to_string();
    (socket, port)
}

fn datagram(socket: &UdpSocket) -> Vec<u8> {
    let mut octets = vec![0; 65_536];
    let (length, _) = socket.recv_from(&mut octets).unwrap();
    octets.truncate(length);
    octets
}

#[test]
fn logger_is_understood() {
    let (socket, port) = udp();
    for (format, priority, severity, facility) in [
        ("--rfc3164", "local4.warning", Severity::Warning, 20),
        ("--rfc5424", "auth.err", Severity::Error, 4),
        ("--rfc5424=notq", "user.debug", Severity::Debug, 1),
    ] {
        let text = format!("端口 GE0/1 关闭 {format}");
        let sent = Command::new("logger")
            .args([
                "-d",
                "-n",
                "127.0.0.1",
                "-P",
                &port,
                "-t",
                "spantest",
                "--id=77",
                "-p",
                priority,
                format,
                "--",
            ])
            .arg(&text)
            .status()
            .unwrap();
        assert!(sent.success());
        let record = record(&datagram(&socket));
        assert_eq!((record.severity, record.facility), (severity, facility), "{format}");
        assert_eq!(
            (record.app.as_str(), record.pid.as_str(), record.text.as_str()),
            ("spantest", "77", text.as_str())
        );
        let host = hostname();
        let short = host.split('.').next().unwrap();
        assert!(record.host == host || record.host == short, "{}", record.host);
        assert_eq!(
            record.data.starts_with("[timeQuality "),
            format == "--rfc5424",
            "{}",
            record.data
        );
    }
}

struct Rsyslog(Child);

impl Drop for Rsyslog {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn rsyslog(folder: &Path, config: &str) -> Rsyslog {
    let path = folder.join("rsyslog.conf");
    std::fs::write(&path, config).unwrap();
    let child = Command::new("/usr/sbin/rsyslogd")
        .args(["-n", "-f"])
        .arg(&path)
        .arg("-i")
        .arg(folder.join("pid"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Rsyslog(child)
}

#[test]
fn rsyslog_is_understood_in_every_format_and_framing() {
    let folder = tempfile::tempdir().unwrap();
    let device = folder.path().join("log");
    let (socket, udp_port) = udp();
    let streams: Vec<TcpListener> = (0..2).map(|_| TcpListener::bind((LOOPBACK, 0)).unwrap()).collect();
    let ports: Vec<u16> = streams.iter().map(|s| s.local_addr().unwrap().port()).collect();
    let config = format!(
        r#"
        module(load="imuxsock" SysSock.Use="off")
        input(type="imuxsock" Socket="{device}" UseSysTimeStamp="off")
        if $programname == "spantest" then {{
            action(type="omfwd" target="127.0.0.1" port="{udp_port}" protocol="udp" template="RSYSLOG_ForwardFormat")
            action(type="omfwd" target="127.0.0.1" port="{udp_port}" protocol="udp" template="RSYSLOG_TraditionalForwardFormat")
            action(type="omfwd" target="127.0.0.1" port="{}" protocol="tcp" TCP_Framing="octet-counted"
                template="RSYSLOG_SyslogProtocol23Format")
            action(type="omfwd" target="127.0.0.1" port="{}" protocol="tcp" TCP_Framing="traditional"
                template="RSYSLOG_SyslogProtocol23Format")
        }}
        "#,
        ports[0],
        ports[1],
        device = device.display(),
    );
    let _rsyslog = rsyslog(folder.path(), &config);
    let texts = [
        "plain",
        "端口 GE0/1 关闭",
        "[not structured=\"data\"] text",
        "<13>Jan  5 12:00:00 fake inner",
    ];
    let begun = std::time::Instant::now();
    while !device.exists() {
        assert!(begun.elapsed() < PATIENCE, "rsyslogd does not start");
        std::thread::sleep(Duration::from_millis(20));
    }
    for text in texts {
        let sent = Command::new("logger")
            .args([
                "-u",
                device.to_str().unwrap(),
                "-t",
                "spantest",
                "--id=77",
                "-p",
                "local4.warning",
                "--",
                text,
            ])
            .status()
            .unwrap();
        assert!(sent.success());
    }
    let check = |octets: &[u8], text: &str| {
        let record = record(octets);
        assert_eq!((record.severity, record.facility), (Severity::Warning, 20));
        assert_eq!(
            (record.app.as_str(), record.pid.as_str(), record.text.as_str()),
            ("spantest", "77", text)
        );
        let host = hostname();
        assert!(
            record.host == host || record.host == host.split('.').next().unwrap(),
            "{}",
            record.host
        );
    };
    // Each text in both formats; those of one format keep their order.
    let datagrams: Vec<Vec<u8>> = (0..texts.len() * 2).map(|_| datagram(&socket)).collect();
    for iso in [true, false] {
        let of_format = datagrams
            .iter()
            .filter(|d| d.get(9..10) == Some(b"-") && iso || d.get(9..10) != Some(b"-") && !iso);
        let of_format: Vec<_> = of_format.collect();
        assert_eq!(of_format.len(), texts.len());
        of_format
            .iter()
            .zip(texts)
            .for_each(|(octets, text)| check(octets, text));
    }
    for listener in streams {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut framer = Framer::default();
        let mut found: Vec<Vec<u8>> = Vec::new();
        let mut buffer = [0; 64];
        while found.len() < texts.len() {
            let length = stream.read(&mut buffer).unwrap();
            assert_ne!(length, 0, "the stream ended");
            framer
                .push(&buffer[..length], |message| found.push(message.to_vec()))
                .unwrap();
        }
        found.iter().zip(texts).for_each(|(octets, text)| check(octets, text));
    }
}
