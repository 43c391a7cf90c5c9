//! Names of DNS and HTTP as tshark says them. Skipped, and said so, where it is not installed.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use model::LogSource;

use super::captures::{captures, inspect};
use crate::l7::Config;

/// What tshark prints of a field, in all packets that a filter takes.
fn said(path: &Path, filter: &str, field: &str) -> BTreeSet<String> {
    let mut command = Command::new("tshark");
    command
        .arg("-r")
        .arg(path)
        .args(["-Y", filter, "-T", "fields", "-e", field]);
    let output = command.output().expect("tshark runs");
    let text = String::from_utf8_lossy(&output.stdout).to_lowercase();
    let names = text.lines().flat_map(|line| line.split(','));
    // A port is no part of a host's name.
    let names = names.map(|name| name.split(':').next().unwrap_or_default().to_owned());
    names.filter(|name| !name.is_empty()).collect()
}

#[test]
fn names_of_dns_and_http_are_as_tshark_says() {
    if Command::new("tshark").arg("-v").output().is_err() {
        eprintln!("skipped: tshark is not installed");
        return;
    }
    let (mut queries, mut hosts) = (0, 0);
    for path in captures("flowtest") {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !file.starts_with("dns") && !file.starts_with("http") {
            continue;
        }
        let (player, _) = inspect(&path, Config::default());
        let ours = |source: LogSource| -> BTreeSet<String> {
            let of = player
                .logs
                .iter()
                .filter(|log| log.source == source && !log.data.contains("method=\"\""));
            of.map(|log| log.host.clone()).collect()
        };
        let names = said(&path, "dns && !mdns && !llmnr", "dns.qry.name");
        assert_eq!(ours(LogSource::Dns), names, "{file}");
        queries += names.len();
        let names = said(&path, "http.request", "http.host");
        if !names.is_empty() {
            assert!(
                ours(LogSource::Http).is_superset(&names),
                "{file}: {names:?} {:?}",
                player.lines()
            );
        }
        hosts += names.len();
    }
    assert!(queries == 0 || (queries >= 10 && hosts >= 5), "{queries} {hosts}");
}
