//! What answers on the management port: every TCP port and the common UDP ports, by nmap, over
//! IPv4 and IPv6; and that nothing leaves a capture port meanwhile.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::lan::{GUEST_IPV4, GUEST_IPV6, Lan, NAMESPACE, TAP};
use super::session::BOOT_WITHIN;
use super::tally::Tally;
use crate::qemu::{Machine, Management};

/// Scans the booted image.
pub(super) fn run(tally: &mut Tally) -> Result<()> {
    if !nix::unistd::geteuid().is_root() {
        tally.skip("nmap from a network namespace", "making the namespace needs root");
        return Ok(());
    }
    let image = crate::image::build()?;
    let dir = crate::build_dir()?.join("test/ports");
    let _lan = Lan::build()?;
    let mut guest = Machine::new(image, dir)
        .management(Management::Tap(TAP.to_owned()))
        .capture_ports(2)
        .start()?;
    guest.poll("the console on the LAN", BOOT_WITHIN, |_| {
        answers(GUEST_IPV4).then_some(())
    })?;
    tally.pass("the management port takes its address by DHCP");
    let by_router = guest.poll("the console over IPv6", Duration::from_secs(120), |_| {
        answers(GUEST_IPV6).then_some(())
    });
    tally.check(
        "the management port takes an IPv6 address from router advertisements",
        by_router,
    );
    for (version, target) in [("IPv4", GUEST_IPV4), ("IPv6", GUEST_IPV6)] {
        tally.check(&format!("only TCP 22, 80 and 443 answer over {version}"), tcp(target));
        tally.check(&format!("no UDP port answers over {version}"), udp(target));
    }
    for port in 0..guest.capture_ports() {
        let sent = guest.sent_frame(port)?;
        tally.check(
            &format!("capture port {} sends nothing", port + 1),
            match sent {
                None => Ok(()),
                Some(frame) => bail!(
                    "it sent a frame of {} octets: {:02x?}",
                    frame.len(),
                    frame.get(..64.min(frame.len()))
                ),
            },
        );
    }
    Ok(())
}

fn answers(address: &str) -> bool {
    let url = if address.contains(':') {
        format!("https://[{address}]/")
    } else {
        format!("https://{address}/")
    };
    Command::new("ip")
        .args([
            "netns",
            "exec",
            NAMESPACE,
            "curl",
            "-sk",
            "-m",
            "10",
            "-o",
            "/dev/null",
            &url,
        ])
        .status()
        .is_ok_and(|status| status.success())
}

/// Lines such as `22/open/tcp` of nmap's greppable output: port, state.
fn scan(target: &str, args: &[&str]) -> Result<Vec<(u16, String)>> {
    let mut nmap = Command::new("ip");
    nmap.args([
        "netns",
        "exec",
        NAMESPACE,
        "nmap",
        "-n",
        "-Pn",
        "--disable-arp-ping",
        "-oG",
        "-",
    ])
    .args(args);
    if target.contains(':') {
        nmap.arg("-6");
    }
    let out = nmap
        .arg(target)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start nmap")?;
    ensure!(out.status.success(), "nmap ended with {}", out.status);
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    ensure!(
        text.contains("Ports: ") || text.contains("Status: Up"),
        "nmap reports nothing: {text}"
    );
    let mut found = Vec::new();
    for entry in text
        .lines()
        .filter_map(|line| line.split_once("Ports: "))
        .flat_map(|(_, ports)| ports.split(','))
    {
        let mut fields = entry.trim().split('/');
        if let (Some(Ok(port)), Some(state)) = (fields.next().map(str::parse), fields.next()) {
            found.push((port, state.to_owned()));
        }
    }
    Ok(found)
}

fn tcp(target: &str) -> Result<()> {
    let args = [
        "-sS",
        "-p-",
        "-T4",
        "--min-rate",
        "2000",
        "--max-retries",
        "2",
        "--open",
    ];
    let mut open: Vec<u16> = scan(target, &args)?
        .into_iter()
        .filter(|(_, state)| state == "open")
        .map(|(port, _)| port)
        .collect();
    open.sort_unstable();
    ensure!(open == [22, 80, 443], "TCP ports that answer: {open:?}");
    Ok(())
}

fn udp(target: &str) -> Result<()> {
    let args = [
        "-sU",
        "--top-ports",
        "200",
        "-T4",
        "--min-rate",
        "200",
        "--max-retries",
        "1",
    ];
    let found = scan(target, &args)?;
    let answering: Vec<_> = found
        .iter()
        .filter(|(_, state)| state == "open" || state == "closed")
        .collect();
    ensure!(answering.is_empty(), "UDP ports that answer: {answering:?}");
    Ok(())
}
