//! Net-SNMP's programs.

use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Says so and gives true where a program is not installed.
pub(crate) fn missing(program: &str) -> bool {
    let found = ["/usr/sbin", "/usr/bin"]
        .iter()
        .any(|folder| Path::new(folder).join(program).exists());
    if !found {
        eprintln!("SKIPPED: {program} is not installed (Debian: snmpd, snmp)");
    }
    !found
}

/// A folder of the test's own.
pub(crate) fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// A program of Net-SNMP that reads nobody's configuration and no MIB files.
pub(crate) fn command(program: &str, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env("MIBS", "")
        .env("SNMP_PERSISTENT_DIR", folder.join("var"))
        .env("SNMPCONFPATH", folder);
    command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command
}

/// A running agent; it ends with the value.
pub(crate) struct Snmpd {
    pub(crate) port: u16,
    folder: PathBuf,
    child: Child,
}

fn run(folder: &Path, port: u16) -> Child {
    command("snmpd", folder)
        .args(["-f", "-Ln", "-c"])
        .arg(folder.join("agent.conf"))
        .arg("-p")
        .arg(folder.join("snmpd.pid"))
        .arg(format!("udp:127.0.0.1:{port}"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

impl Snmpd {
    /// Starts an agent on a free port of the loopback and waits until it answers.
    pub(crate) fn start(folder: &Path, configuration: &str) -> Self {
        let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        std::fs::write(folder.join("agent.conf"), configuration).unwrap();
        let snmpd = Self {
            port,
            folder: folder.to_owned(),
            child: run(folder, port),
        };
        snmpd.wait();
        snmpd
    }

    /// Ends the agent and starts it again, as the engine that it was or as another, as if the device had been replaced.
    pub(crate) fn restart(&mut self, same: bool) {
        // Its engine's boots are written when it ends in order.
        let ended = Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        assert!(ended.success());
        self.child.wait().unwrap();
        if !same {
            std::fs::remove_dir_all(self.folder.join("var")).unwrap();
        }
        self.child = run(&self.folder, self.port);
        self.wait();
    }

    fn wait(&self) {
        // GET sysUpTime.0 with community public, SNMPv2c.
        let get =
            b"\x30\x26\x02\x01\x01\x04\x06public\xa0\x19\x02\x01\x01\x02\x01\x00\x02\x01\x00\x30\x0e\x30\x0c\x06\x08\
            \x2b\x06\x01\x02\x01\x01\x03\x00\x05\x00";
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let until = Instant::now() + Duration::from_secs(20);
        while Instant::now() < until {
            socket.send_to(get, ("127.0.0.1", self.port)).unwrap();
            if socket.recv(&mut [0; 1_500]).is_ok() {
                return;
            }
        }
        panic!("snmpd does not answer");
    }
}

impl Drop for Snmpd {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
