//! Against Debian's rsyslog and Net-SNMP's snmptrapd, for real on the loopback, through `std-embedded-nal`.

use core::num::NonZeroU8;
use std::io::Read as _;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use notifier::{Alarm, Origin, SYSLOG_MAX, Severity, Stamp, State, TRAP_MAX, notify, syslog, trap};

const ORIGIN: Origin<'static> = Origin {
    host: "box-7",
    enterprise: 32473,
};
const ALARM: Alarm<'static> = Alarm {
    severity: Severity::Critical,
    state: State::Raised,
    code: "PSU",
    source: "psu \"2\"",
    value: "0 W",
    text: "电源 2 没有输入: pull it or plug it in",
};
/// Longer than any peer takes to start on a busy machine; nothing is judged by it.
const PATIENCE: Duration = Duration::from_secs(60);

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The program's path, or nothing, visibly.
fn program(name: &str) -> Option<PathBuf> {
    let found = ["/usr/sbin", "/usr/bin", "/sbin"]
        .iter()
        .map(|f| Path::new(f).join(name))
        .find(|p| p.exists());
    if found.is_none() {
        eprintln!("skipped: {name} is not installed");
    }
    found
}

/// A port that nobody has now.
fn port() -> u16 {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    socket.local_addr().expect("an address").port()
}

/// Sends until the peer's file holds `word`, since a peer may still be starting; gives the file.
fn send_until(datagram: &[u8], port: u16, file: &Path, word: &str) -> String {
    let remote = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let tries = NonZeroU8::new(3).expect("3");
    let begun = Instant::now();
    loop {
        // refused while nobody listens yet
        let _ = notify(&mut std_embedded_nal::Stack, remote, datagram, tries, || {});
        std::thread::sleep(Duration::from_millis(100));
        let mut text = String::new();
        if let Ok(mut file) = std::fs::File::open(file) {
            file.read_to_string(&mut text).expect("UTF-8");
        }
        if text.contains(word) {
            return text;
        }
        assert!(begun.elapsed() < PATIENCE, "{word} never came: {text}");
    }
}

#[test]
fn rsyslog_reads_our_messages() {
    let Some(rsyslogd) = program("rsyslogd") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let port = port();
    let out = folder.path().join("out.log");
    let config = format!(
        "global(workDirectory=\"{work}\")\nmodule(load=\"imudp\")\n\
         template(name=\"parts\" type=\"list\") {{ property(name=\"jsonmesg\") constant(value=\"\\n\") }}\n\
         input(type=\"imudp\" address=\"127.0.0.1\" port=\"{port}\")\n\
         action(type=\"omfile\" file=\"{out}\" template=\"parts\")\n",
        work = folder.path().display(),
        out = out.display(),
    );
    let path = folder.path().join("rsyslog.conf");
    std::fs::write(&path, config).expect("a file");
    let _running = Running(
        Command::new(rsyslogd)
            .arg("-n")
            .arg("-f")
            .arg(&path)
            .arg("-i")
            .arg(folder.path().join("pid"))
            .stdout(Stdio::null())
            .spawn()
            .expect("rsyslogd starts"),
    );
    let mut buffer = [0; SYSLOG_MAX];
    let datagram = syslog(&ORIGIN, &ALARM, Stamp::from_unix(1_609_848_010, 5), &mut buffer).expect("room");
    let text = send_until(datagram, port, &out, "hwmon").replace("\": \"", "\":\"");
    for part in [
        "\"hostname\":\"box-7\"",
        "\"programname\":\"hwmon\"",
        "\"msgid\":\"PSU\"",
        "\"syslogseverity\":\"2\"",
        "\"syslogfacility\":\"16\"",
        "\"timereported\":\"2021-01-05T12:00:10.005",
        r#"psu \\\"2\\\""#,
        r#"state=\"raised\""#,
        "电源 2 没有输入: pull it or plug it in",
    ] {
        assert!(text.contains(part), "no {part} in {text}");
    }
}

#[test]
fn snmptrapd_reads_our_traps() {
    let Some(snmptrapd) = program("snmptrapd") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let port = port();
    let out = folder.path().join("out.log");
    let config = folder.path().join("snmptrapd.conf");
    std::fs::write(&config, "authCommunity log rack7\n").expect("a file");
    let _running = Running(
        Command::new(snmptrapd)
            .env("SNMP_PERSISTENT_DIR", folder.path())
            .env("MIBS", "")
            .args(["-f", "-n", "-On", "-C", "-F", "%T %v\\n", "-c"])
            .arg(&config)
            .arg("-Lf")
            .arg(&out)
            .arg(format!("127.0.0.1:{port}"))
            .spawn()
            .expect("snmptrapd starts"),
    );
    let mut buffer = [0; TRAP_MAX];
    let datagram = trap(&ORIGIN, &ALARM, "rack7", 123_456, 77, &mut buffer).expect("room");
    let text = send_until(datagram, port, &out, ".32473.1.1.6.0");
    for part in [
        ".1.3.6.1.2.1.1.3.0 = Timeticks: (123456)",
        ".1.3.6.1.6.3.1.1.4.1.0 = OID: .1.3.6.1.4.1.32473.1.0.1",
        ".1.3.6.1.4.1.32473.1.1.1.0 = STRING: \"box-7\"",
        ".1.3.6.1.4.1.32473.1.1.2.0 = STRING: \"PSU\"",
        ".1.3.6.1.4.1.32473.1.1.3.0 = STRING: \"psu \\\"2\\\"\"",
        ".1.3.6.1.4.1.32473.1.1.4.0 = INTEGER: 2",
        ".1.3.6.1.4.1.32473.1.1.5.0 = STRING: \"0 W\"",
        // the text is UTF-8, which Net-SNMP prints as octets
        ".1.3.6.1.4.1.32473.1.1.6.0 = Hex-STRING: E7 94 B5 E6 BA 90",
    ] {
        assert!(text.contains(part), "no {part} in {text}");
    }
}
