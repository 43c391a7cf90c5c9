//! Captures that others recorded, through an inspector.

use std::path::{Path, PathBuf};

use capture::corpus;

use super::play::{Known, Player};
use crate::l7::Config;
use crate::{Frame, dissect};

/// The captures of a folder, in order; none, said aloud, where it is absent.
pub(super) fn captures(folder: &str) -> Vec<PathBuf> {
    let Some(folder) = corpus::folder(folder) else {
        return Vec::new();
    };
    // Beside what is expected of them, or alone.
    let inner = folder.join("pcap");
    corpus::files(if inner.is_dir() { &inner } else { &folder })
}

/// What an inspector says of a capture, as far as it can be read.
pub(super) fn inspect(path: &Path, config: Config) -> (Player, Vec<Known>) {
    let mut player = Player::new(config);
    let mut most = 0;
    // Some end early.
    let _ = corpus::frames(path, |frame| {
        let view = Frame {
            link_type: frame.link_type,
            data: frame.data,
            wire_len: frame.wire_len,
            vlan_tci: frame.vlan_tci,
        };
        if let Ok(packet) = dissect(&view)
            && packet.fragment.is_none()
        {
            player.show(&packet, packet.payload_in(frame.data), frame.time);
            most = most.max(player.inspector.statistics().held);
        }
    });
    assert!(most <= 64 << 20, "{}: {most} octets were held", path.display());
    let known = player.end();
    (player, known)
}

#[test]
fn every_capture_goes_through() {
    for folder in ["flowtest", "ndpi", "netgauze", "ddos"] {
        for path in captures(folder) {
            let (player, known) = inspect(&path, Config::default());
            if std::env::var_os("SPANWATCH_PRINT").is_some() {
                println!("== {}", path.display());
                for flow in known {
                    let app = flow.app.map_or("-".to_owned(), |app| app.to_string());
                    println!(
                        "   {} {:?} {:?} {app} {:?}",
                        flow.protocol, flow.client, flow.server, flow.l7
                    );
                }
                for log in &player.logs {
                    println!(
                        "   {:?} [{}] {} | {} | {}",
                        log.source, log.code, log.host, log.text, log.data
                    );
                }
            }
        }
    }
}

#[test]
fn small_limits_hold_and_are_counted() {
    for path in captures("ndpi") {
        let config = Config {
            max_inspections: 4,
            max_held: 10_000,
            max_transactions: 2,
            ..Config::default()
        };
        let (player, _) = inspect(&path, config);
        let statistics = player.inspector.statistics();
        assert_eq!(
            statistics.inspected,
            statistics.decided + statistics.unknown + statistics.evicted,
            "{}",
            path.display()
        );
    }
}
