//! A LAN for the appliance's management port: a network namespace with DHCP and router
//! advertisements, joined to a tap interface by a bridge that has no address on this machine.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::step::exec;

const BRIDGE: &str = "swlan-br";
/// The tap interface for QEMU.
pub(super) const TAP: &str = "swlan-tap";
/// The namespace that the clients run in.
pub(super) const NAMESPACE: &str = "swlan";
const PORT: &str = "swlan-port";
const HOST: &str = "swlan-host";
/// The address that DHCP gives to the appliance.
pub(super) const GUEST_IPV4: &str = "10.99.0.50";
/// The address that the appliance makes of the router's prefix and its own hardware address.
pub(super) const GUEST_IPV6: &str = "fd99::5054:ff:fe53:5001";
const GUEST_MAC: &str = "52:54:00:53:50:01";

/// The address that DHCP gives to the appliance in the VLAN.
pub(super) const VLAN_GUEST_IPV4: &str = "10.98.0.50";

/// A VLAN upon the LAN, with DHCP; gone when dropped, as the LAN is.
pub(super) struct Vlan {
    interface: Child,
    dhcp: Child,
}

impl Vlan {
    /// Builds it; the LAN must be there.
    pub(super) fn build(number: u16) -> Result<Self> {
        let name = format!("{HOST}.{number}");
        let interface = tagged(&name, number)?;
        inside(&["ip", "link", "set", &name, "up"])?;
        inside(&["ip", "addr", "add", "10.98.0.1/24", "dev", &name])?;
        let ranges = ["--dhcp-range=10.98.0.40,10.98.0.60,255.255.255.0,1h"];
        let dhcp = serve(&name, &ranges, VLAN_GUEST_IPV4)?;
        Ok(Self { interface, dhcp })
    }
}

impl Drop for Vlan {
    fn drop(&mut self) {
        for child in [&mut self.dhcp, &mut self.interface] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// An interface in the namespace whose frames have a tag on the wire; not every kernel that tests run on knows them.
fn tagged(name: &str, number: u16) -> Result<Child> {
    let mut child = Command::new("ip")
        .args(["netns", "exec", NAMESPACE, "python3"])
        .arg(crate::root().join("tests/network/vlan.py"))
        .args([HOST, &number.to_string(), name])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start python3")?;
    let mut said = String::new();
    if let Some(out) = child.stdout.take() {
        BufReader::new(out).read_line(&mut said)?;
    }
    ensure!(said.trim() == "ready", "tests/network/vlan.py did not start");
    Ok(child)
}

/// The LAN; gone when dropped.
pub(super) struct Lan {
    dhcp: Child,
}

impl Lan {
    /// Builds the LAN. Needs root.
    pub(super) fn build() -> Result<Self> {
        remove();
        ip(&["netns", "add", NAMESPACE])?;
        ip(&["link", "add", BRIDGE, "type", "bridge"])?;
        ip(&["tuntap", "add", "dev", TAP, "mode", "tap"])?;
        ip(&[
            "link", "add", PORT, "type", "veth", "peer", "name", HOST, "netns", NAMESPACE,
        ])?;
        for port in [BRIDGE, TAP, PORT] {
            // the bridge carries the frames; this machine takes no part
            std::fs::write(format!("/proc/sys/net/ipv6/conf/{port}/disable_ipv6"), "1")?;
        }
        for port in [TAP, PORT] {
            ip(&["link", "set", port, "master", BRIDGE])?;
        }
        for port in [BRIDGE, TAP, PORT] {
            ip(&["link", "set", port, "up"])?;
        }
        inside(&["ip", "link", "set", "lo", "up"])?;
        inside(&["ip", "link", "set", HOST, "up"])?;
        inside(&["ip", "addr", "add", "10.99.0.1/24", "dev", HOST])?;
        inside(&["ip", "addr", "add", "fd99::1/64", "dev", HOST, "nodad"])?;
        let ranges = [
            "--dhcp-range=10.99.0.40,10.99.0.60,255.255.255.0,1h",
            "--dhcp-range=fd99::,ra-only,64,1h",
            "--enable-ra",
        ];
        let dhcp = serve(HOST, &ranges, GUEST_IPV4)?;
        Ok(Self { dhcp })
    }
}

impl Drop for Lan {
    fn drop(&mut self) {
        let _ = self.dhcp.kill();
        let _ = self.dhcp.wait();
        remove();
    }
}

/// Gives addresses on an interface of the namespace, and this one to the appliance.
fn serve(interface: &str, ranges: &[&str], guest: &str) -> Result<Child> {
    Command::new("ip")
        .args([
            "netns",
            "exec",
            NAMESPACE,
            "dnsmasq",
            "--keep-in-foreground",
            "--conf-file=/dev/null",
            "--port=0",
            "--user=root",
            "--bind-interfaces",
        ])
        .args(["--pid-file=", "--leasefile-ro", "--dhcp-authoritative"])
        .args(ranges)
        .arg(format!("--dhcp-host={GUEST_MAC},{guest}"))
        .arg(format!("--interface={interface}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot start dnsmasq: install the package dnsmasq-base")
}

fn remove() {
    for args in [
        &["link", "del", TAP][..],
        &["link", "del", BRIDGE],
        &["link", "del", PORT],
        &["netns", "del", NAMESPACE],
    ] {
        let _ = Command::new("ip")
            .args(args)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
}

fn ip(args: &[&str]) -> Result<()> {
    exec(Command::new("ip").args(args))
}

fn inside(args: &[&str]) -> Result<()> {
    exec(
        Command::new("ip")
            .args(["netns", "exec", NAMESPACE])
            .args(args)
            .stdout(Stdio::null())
            .stderr(Stdio::null()),
    )
}
