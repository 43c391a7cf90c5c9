//! The packet filter's rules as `nft` reads them.

use std::fmt::Write as _;

use api::supervisor::{NetworkPort, PortRole};

/// More new SSH connections from one source than this are dropped: guessing passwords gets slow.
const SSH_LIMIT: &str = "limit rate over 30/minute burst 15 packets";

/// The rules for the management port, as one transaction: nothing else goes in, through or out.
/// Without a management port everything but the loopback is dropped.
pub(crate) fn host_rules(ports: &[NetworkPort]) -> String {
    let management: Vec<String> = ports
        .iter()
        .filter(|port| port.role == PortRole::Management)
        .filter_map(|port| quoted(&port.name))
        .collect();
    let elements = match management.as_slice() {
        [] => String::new(),
        names => format!("\n\t\telements = {{ {} }}", names.join(", ")),
    };
    include_str!("firewall.nft")
        .replace("\n\t\t# management ports", &elements)
        .replace("$ssh_limit", SSH_LIMIT)
}

/// The rules for capture ports: every frame is dropped, in and out, after the capture rings have seen it.
pub(crate) fn capture_rules(ports: &[NetworkPort]) -> String {
    let mut text = String::from("table netdev spanwatch\ndelete table netdev spanwatch\n");
    let capture = ports.iter().filter(|port| port.role == PortRole::Capture);
    let names: Vec<String> = capture.filter_map(|port| quoted(&port.name)).collect();
    if names.is_empty() {
        return text;
    }
    text.push_str("table netdev spanwatch {\n");
    for (place, name) in names.iter().enumerate() {
        for hook in ["ingress", "egress"] {
            let _ = writeln!(
                text,
                "\tchain {hook}-{place} {{\n\t\ttype filter hook {hook} device {name} priority -500; policy drop;\n\t}}"
            );
        }
    }
    text.push_str("}\n");
    text
}

/// A name in quotes; `None` for one that could end the quotes (the kernel allows odd names).
fn quoted(name: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@');
    (!name.is_empty() && name.chars().all(plain)).then(|| format!("\"{name}\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::tests::port;
    use crate::tests::golden;
    use std::io::Write as _;
    use std::process::{Command, Stdio};

    fn ports() -> Vec<NetworkPort> {
        vec![
            port("enp0s2", "0000:00:02.0", None),
            port("enp0s3", "0000:00:03.0", Some(1)),
            port("enp0s4", "0000:00:04.0", Some(2)),
        ]
    }

    #[test]
    fn the_rules_are_these() {
        golden("golden/host.nft", &host_rules(&ports()));
        golden("golden/capture.nft", &capture_rules(&ports()));
    }

    #[test]
    fn the_rules_of_the_image_let_nothing_in() {
        golden(
            "../../rootfs-overlay/usr/share/spanwatch/firewall.nft",
            &host_rules(&[]),
        );
        assert!(!host_rules(&[]).contains("elements"));
    }

    #[test]
    fn odd_names_do_not_reach_the_rules() {
        let odd = [
            port("a\" accept", "0000:00:02.0", None),
            port("b;", "0000:00:03.0", Some(1)),
        ];
        assert_eq!(host_rules(&odd), host_rules(&[]));
        assert!(!capture_rules(&odd).contains(';'));
    }

    /// In a network namespace of its own; needs root and nftables.
    #[test]
    fn nft_accepts_the_rules() {
        let available = nix::unistd::geteuid().is_root()
            && Command::new("nft")
                .arg("--version")
                .stdout(Stdio::null())
                .status()
                .is_ok_and(|s| s.success());
        if !available {
            eprintln!("SKIPPED: needs root and nft");
            return;
        }
        let rules = format!("{}{}", host_rules(&ports()), capture_rules(&ports()));
        // Twice: the second time replaces what is there.
        let script = "ip link add enp0s3 type veth peer name enp0s4 && cat >\"$0\" && nft -c -f \"$0\" && nft -f \"$0\" && nft -f \"$0\" && nft list ruleset";
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut child = Command::new("unshare")
            .args(["--net", "sh", "-c", script])
            .arg(file.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(rules.as_bytes()).unwrap();
        let out = child.wait_with_output().unwrap();
        assert!(out.status.success());
        let listed = String::from_utf8(out.stdout).unwrap();
        assert!(
            listed.contains("elements = { \"enp0s2\" }") && listed.contains("chain egress-1"),
            "{listed}"
        );
    }
}
