//! The QEMU machine that boots the image: one description for `make run` and for the tests.

mod accel;
mod bare;
mod bays;
mod debugger;
mod guest;
mod power;

use std::fmt::Write as _;
use std::fs::File;
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

pub(crate) use bare::Bare;
pub(crate) use bays::Bay;
pub(crate) use debugger::Debugger;
pub(crate) use guest::{Forwards, Guest};
use power::Power;

use crate::keys::Keys;
use crate::rootfs::Tools;

const OVMF: &str = "/usr/share/OVMF/OVMF_CODE_4M.fd";
const OVMF_VARS: &str = "/usr/share/OVMF/OVMF_VARS_4M.fd";
const OVMF_SECURE: &str = "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd";

/// The board's UUID, from which the guest takes its machine id.
const BOARD_UUID: &str = "7370616e-7761-4463-8e00-515745000001";

/// How the management port is connected.
pub(crate) enum Management {
    /// QEMU's user network: the wanted loopback ports lead to the guest's; a port that is taken is
    /// replaced by a free one. The guest sees 10.0.2.2 as the sender.
    User(Forwards),
    /// A tap interface that exists already.
    Tap(String),
}

/// A machine that is not started yet: 2 processors, 2 GiB, management port first, then the
/// capture ports, a watchdog (i6300esb) and a random number source.
pub(crate) struct Machine {
    image: PathBuf,
    dir: PathBuf,
    disk: Option<PathBuf>,
    drive: Option<String>,
    disk_bytes: u64,
    cpu: Option<String>,
    memory_mib: u32,
    capture_ports: usize,
    management: Management,
    secure_boot: Option<Keys>,
    second_disks: Vec<PathBuf>,
    bays: Vec<(Bay, PathBuf)>,
    controller: Option<u16>,
    usb_sticks: Vec<PathBuf>,
    cd: Option<PathBuf>,
    stick_first: bool,
    bad_sector: Option<u64>,
    netboot: Option<PathBuf>,
    oem_strings: Vec<String>,
    cold_reboots: bool,
}

impl Machine {
    /// A machine that boots a copy of `image`; its disk, firmware variables, sockets and serial
    /// log are made in `dir`.
    pub(crate) fn new(image: impl Into<PathBuf>, dir: impl Into<PathBuf>) -> Self {
        Self {
            image: image.into(),
            dir: dir.into(),
            disk: None,
            drive: None,
            disk_bytes: 8 << 30,
            cpu: None,
            memory_mib: 2048,
            capture_ports: 1,
            management: Management::User(Forwards::default()),
            secure_boot: None,
            second_disks: Vec::new(),
            bays: Vec::new(),
            controller: None,
            usb_sticks: Vec::new(),
            cd: None,
            stick_first: false,
            bad_sector: None,
            netboot: None,
            oem_strings: Vec::new(),
            cold_reboots: false,
        }
    }

    /// Firmware with Secure Boot on, and these keys enrolled.
    pub(crate) fn secure_boot(mut self, keys: &Keys) -> Self {
        self.secure_boot = Some(keys.clone());
        self
    }

    /// One more disk, which exists already.
    #[allow(dead_code, reason = "tests of updates and of the installer use it")]
    pub(crate) fn second_disk(mut self, path: impl Into<PathBuf>) -> Self {
        self.second_disks.push(path.into());
        self
    }

    /// A drive that tells of its health, in a bay; `file` exists already.
    pub(crate) fn bay(mut self, bay: Bay, file: impl Into<PathBuf>) -> Self {
        self.bays.push((bay, file.into()));
        self
    }

    /// A management controller, played by whoever listens at this port of the loopback (`ipmi_sim`, codec VM).
    pub(crate) fn controller(mut self, port: u16) -> Self {
        self.controller = Some(port);
        self
    }

    /// A USB stick with these contents, plugged in from the start.
    #[allow(dead_code, reason = "tests of updates and of the installer use it")]
    pub(crate) fn usb_stick(mut self, path: impl Into<PathBuf>) -> Self {
        self.usb_sticks.push(path.into());
        self
    }

    /// A new process of QEMU for each start of the guest. In the same one, the firmware and a kernel of QEMU 7.2's TCG
    /// take minutes to write over memory that a system which ran for long was translated from.
    pub(crate) fn cold_reboots(mut self) -> Self {
        self.cold_reboots = true;
        self
    }

    /// A CD, which it starts from.
    pub(crate) fn cd(mut self, path: impl Into<PathBuf>) -> Self {
        self.cd = Some(path.into());
        self
    }

    /// Starts from the first USB stick, and not from the disk.
    pub(crate) fn stick_first(mut self) -> Self {
        self.stick_first = true;
        self
    }

    /// Starts from the management port, with this EFI program (PXE; QEMU's own TFTP server).
    pub(crate) fn netboot(mut self, program: impl Into<PathBuf>) -> Self {
        self.netboot = Some(program.into());
        self
    }

    /// A sector of the disk that cannot be written.
    pub(crate) fn bad_sector(mut self, sector: u64) -> Self {
        self.bad_sector = Some(sector);
        self
    }

    /// A text in the machine's SMBIOS tables (type 11), where systemd looks for settings.
    pub(crate) fn oem_string(mut self, text: &str) -> Self {
        self.oem_strings.push(text.to_owned());
        self
    }

    /// Uses this disk, kept over runs, instead of a new copy of the image; it is made from the
    /// image when it does not exist.
    pub(crate) fn disk(mut self, path: impl Into<PathBuf>) -> Self {
        self.disk = Some(path.into());
        self
    }

    /// Reaches the disk at this address of QEMU's (`nbd:unix:SOCKET`) instead of by its file.
    pub(crate) fn drive(mut self, address: String) -> Self {
        self.drive = Some(address);
        self
    }

    /// The size of a new disk in bytes (8 GiB unless told).
    pub(crate) fn disk_size(mut self, bytes: u64) -> Self {
        self.disk_bytes = bytes;
        self
    }

    /// The processor model, instead of the best that the accelerator gives.
    pub(crate) fn cpu(mut self, model: &str) -> Self {
        self.cpu = Some(model.to_owned());
        self
    }

    /// The memory in MiB.
    pub(crate) fn memory(mut self, mib: u32) -> Self {
        self.memory_mib = mib;
        self
    }

    /// How many capture ports the machine has (1 unless told).
    pub(crate) fn capture_ports(mut self, count: usize) -> Self {
        self.capture_ports = count;
        self
    }

    /// How the management port is connected (user network on free ports unless told).
    pub(crate) fn management(mut self, management: Management) -> Self {
        self.management = management;
        self
    }

    /// Starts the machine. It ends with the returned guest, and with the thread that started it.
    pub(crate) fn start(self) -> Result<Guest> {
        std::fs::create_dir_all(&self.dir).with_context(|| format!("cannot make {}", self.dir.display()))?;
        let disk = self.disk.clone().unwrap_or_else(|| self.dir.join("disk.img"));
        if self.disk.is_none() || !disk.exists() {
            make_disk(&self.image, &disk, self.disk_bytes)?;
        }
        let vars = disk.with_extension("vars.fd");
        if self.disk.is_none() || !vars.exists() {
            match &self.secure_boot {
                None => {
                    std::fs::copy(OVMF_VARS, &vars).context("no UEFI firmware for QEMU: install the package ovmf")?;
                }
                Some(keys) => keys.enrol(&Tools::get()?, Path::new(OVMF_VARS), &vars)?,
            }
        }
        let serial_log = self.dir.join("serial.log");
        let (serial, qmp) = (self.dir.join("serial.sock"), self.dir.join("qmp.sock"));
        for file in [&serial_log, &serial, &qmp] {
            let _ = std::fs::remove_file(file);
        }

        let accel = accel::choose()?;
        // the machine ends with us, however we end
        let mut qemu = Command::new("setpriv");
        qemu.args(["--pdeathsig", "KILL", "qemu-system-x86_64"]);
        qemu.args([
            "-name",
            "spanwatch",
            "-machine",
            if self.secure_boot.is_some() {
                "q35,smm=on"
            } else {
                "q35"
            },
            "-uuid",
            BOARD_UUID,
            "-no-user-config",
            "-nodefaults",
        ]);
        qemu.args([
            "-accel",
            accel.option(),
            "-cpu",
            self.cpu.as_deref().unwrap_or(accel.cpu()),
        ]);
        qemu.args(["-smp", "2", "-m", &format!("{}M", self.memory_mib), "-display", "none"]);
        qemu.args([
            "-drive",
            &format!(
                "if=pflash,format=raw,unit=0,readonly=on,file={}",
                if self.secure_boot.is_some() { OVMF_SECURE } else { OVMF }
            ),
        ]);
        if self.secure_boot.is_some() {
            qemu.args(["-global", "driver=cfi.pflash01,property=secure,value=on"]);
        }
        qemu.args([
            "-drive",
            &format!("if=pflash,format=raw,unit=1,file={}", vars.display()),
        ]);
        self.plug_system_disk(&mut qemu, &disk)?;
        qemu.args(["-device", "virtio-rng-pci,addr=0x4"]);
        for text in &self.oem_strings {
            // a comma would end the option
            qemu.args(["-smbios", &format!("type=11,value={}", text.replace(',', ",,"))]);
        }
        self.plug_disks(&mut qemu);
        if let Some(port) = self.controller {
            let line = format!("socket,id=controller,host=127.0.0.1,port={port},reconnect=2");
            qemu.args([
                "-chardev",
                &line,
                "-device",
                "ipmi-bmc-extern,id=bmc,chardev=controller",
            ]);
            qemu.args(["-device", "isa-ipmi-kcs,bmc=bmc,irq=5"]);
        }
        let forwards = self.connect_management(&mut qemu)?;
        let mut ports = Vec::new();
        for port in 0..self.capture_ports {
            ports.push(connect_capture(&mut qemu, port)?);
        }
        qemu.args(["-device", "i6300esb,addr=0x1c", "-action", "watchdog=reset"]);
        if self.cold_reboots {
            qemu.args(["-action", "reboot=shutdown"]);
        }
        qemu.arg("-chardev");
        qemu.arg(format!(
            "socket,id=serial,path={},server=on,wait=off,logfile={},logappend=on",
            serial.display(),
            serial_log.display()
        ));
        qemu.args([
            "-serial",
            "chardev:serial",
            "-qmp",
            &format!("unix:{},server=on,wait=off", qmp.display()),
        ]);
        let log = self.dir.join("qemu.log");
        let out = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        // a group of its own: Ctrl-C reaches us, and we end the guest in order
        std::os::unix::process::CommandExt::process_group(&mut qemu, 0);
        qemu.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out);
        let power = Power::on(qemu, self.cold_reboots)?;
        Ok(Guest::new(power, self.dir, forwards, ports, accel.name()))
    }

    fn plug_system_disk(&self, qemu: &mut Command, disk: &Path) -> Result<()> {
        let mut drive = String::from("if=none,id=disk,format=raw,");
        match (&self.drive, self.bad_sector) {
            // what the guest flushes is flushed, and nothing else
            (Some(address), _) => drive += &format!("cache=writeback,file={address}"),
            (None, None) => drive += &format!("discard=unmap,file={}", disk.display()),
            (None, Some(sector)) => {
                let rules = self.dir.join("blkdebug.conf");
                let text = format!(
                    "[inject-error]\nevent = \"none\"\niotype = \"write\"\nerrno = \"5\"\nsector = \"{sector}\"\nonce = \"off\"\n"
                );
                std::fs::write(&rules, text)?;
                drive += &format!(
                    "file.driver=blkdebug,file.config={},file.image.driver=file,file.image.filename={}",
                    rules.display(),
                    disk.display()
                );
            }
        }
        let first = self.cd.is_none() && !self.stick_first && self.netboot.is_none();
        let device = format!("virtio-blk-pci,drive=disk,bootindex={},addr=0x3", u8::from(!first));
        qemu.args(["-drive", &drive, "-device", &device]);
        if let Some(cd) = &self.cd {
            let drive = format!("if=none,id=cd,format=raw,media=cdrom,readonly=on,file={}", cd.display());
            qemu.args(["-drive", &drive, "-device", "ide-cd,drive=cd,bus=ide.0,bootindex=0"]);
        }
        Ok(())
    }

    fn plug_disks(&self, qemu: &mut Command) {
        for (at, disk) in self.second_disks.iter().enumerate() {
            let drive = format!("if=none,id=more{at},format=raw,file={}", disk.display());
            let device = format!("virtio-blk-pci,drive=more{at},addr={:#x}", 0x10 + at);
            qemu.args(["-drive", &drive, "-device", &device]);
        }
        bays::plug(&self.bays, qemu);
        if !self.usb_sticks.is_empty() {
            qemu.args(["-device", "qemu-xhci,id=usb,addr=0x1b"]);
        }
        for (at, stick) in self.usb_sticks.iter().enumerate() {
            let drive = format!("if=none,id=stick{at},format=raw,file={}", stick.display());
            let first = if self.stick_first && at == 0 {
                ",bootindex=0"
            } else {
                ""
            };
            let device = format!("usb-storage,bus=usb.0,drive=stick{at},removable=on{first}");
            qemu.args(["-drive", &drive, "-device", &device]);
        }
    }

    fn connect_management(&self, qemu: &mut Command) -> Result<Option<Forwards>> {
        let mut device = String::from("virtio-net-pci,netdev=mgmt,mac=52:54:00:53:50:01,romfile=,addr=0x5");
        if self.netboot.is_some() {
            device += ",bootindex=0";
        }
        let (backend, forwards) = match &self.management {
            Management::User(wanted) => {
                let ports = Forwards {
                    https: free_port(wanted.https)?,
                    http: free_port(wanted.http)?,
                    ssh: free_port(wanted.ssh)?,
                    netflow: free_udp_port(wanted.netflow)?,
                    sflow: free_udp_port(wanted.sflow)?,
                    syslog: free_udp_port(wanted.syslog)?,
                    traps: free_udp_port(wanted.traps)?,
                };
                let mut backend = String::from("user,id=mgmt");
                for (host, guest) in [(ports.https, 443), (ports.http, 80), (ports.ssh, 22)] {
                    let _ = write!(backend, ",hostfwd=tcp:127.0.0.1:{host}-:{guest}");
                }
                let datagrams = [
                    (ports.netflow, 2055),
                    (ports.sflow, 6343),
                    (ports.syslog, 514),
                    (ports.traps, 162),
                ];
                for (host, guest) in datagrams {
                    let _ = write!(backend, ",hostfwd=udp:127.0.0.1:{host}-:{guest}");
                }
                if let Some(program) = &self.netboot {
                    let (dir, name) = (program.parent(), program.file_name());
                    let (dir, name) = dir.zip(name).context("the program to boot has no folder")?;
                    let _ = write!(backend, ",tftp={},bootfile={}", dir.display(), name.to_string_lossy());
                }
                (backend, Some(ports))
            }
            Management::Tap(name) => (format!("tap,id=mgmt,ifname={name},script=no,downscript=no"), None),
        };
        qemu.args(["-netdev", &backend, "-device", &device]);
        Ok(forwards)
    }
}

/// A capture port: each datagram on a loopback UDP socket is one frame.
fn connect_capture(qemu: &mut Command, port: usize) -> Result<UdpSocket> {
    let ours = UdpSocket::bind("127.0.0.1:0")?;
    let theirs = UdpSocket::bind("127.0.0.1:0")?.local_addr()?;
    ours.connect(theirs)?;
    let netdev = format!(
        "dgram,id=cap{port},local.type=inet,local.host=127.0.0.1,local.port={},remote.type=inet,remote.host=127.0.0.1,remote.port={}",
        theirs.port(),
        ours.local_addr()?.port()
    );
    let device = format!(
        "virtio-net-pci,netdev=cap{port},id=nic{port},mac=52:54:00:53:50:{:02x},romfile=,speed=1000,duplex=full,rx_queue_size=1024,addr={:#x}",
        port + 0x10,
        port + 6
    );
    qemu.args(["-netdev", &netdev, "-device", &device]);
    Ok(ours)
}

/// The wanted port when it is free, else any free one; 0 asks for any.
fn free_port(wanted: u16) -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", wanted)).or_else(|_| TcpListener::bind(("127.0.0.1", 0)))?;
    Ok(listener.local_addr()?.port())
}

/// The same for UDP.
fn free_udp_port(wanted: u16) -> Result<u16> {
    let socket = UdpSocket::bind(("127.0.0.1", wanted)).or_else(|_| UdpSocket::bind(("127.0.0.1", 0)))?;
    Ok(socket.local_addr()?.port())
}

/// Copies the image, without its holes, and makes the copy as large as the disk shall be.
fn make_disk(image: &Path, disk: &Path, bytes: u64) -> Result<()> {
    let status = Command::new("cp")
        .arg("--sparse=always")
        .arg(image)
        .arg(disk)
        .status()?;
    anyhow::ensure!(
        status.success(),
        "cannot copy {} to {}",
        image.display(),
        disk.display()
    );
    let file = File::options().write(true).open(disk)?;
    let size = file.metadata()?.len().max(bytes);
    file.set_len(size)
        .with_context(|| format!("cannot grow {} to {size} bytes", disk.display()))
}
